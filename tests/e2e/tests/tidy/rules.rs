//! Rules that can be checked on one file alone. Each returns what is wrong and what to do about it.

/// A text file of the project.
pub struct File {
    /// From the top of the repository, with slashes.
    pub path: String,
    pub text: String,
}

pub type Rule = fn(&File) -> Vec<String>;

/// The one file that may hold unsafe code: libgit2's global options can't be set otherwise.
const MAY_BE_UNSAFE: &str = "connectors/git/src/limits.rs";

impl File {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Tests and benches: whole files of them.
    fn is_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with("_tests.rs")
            || ["/tests/", "/benches/", "/examples/"].iter().any(|folder| self.path.contains(folder))
    }

    /// The source of a crate that others build on, which leaves the user and the environment to the binary.
    fn is_library(&self) -> bool {
        let of_ours =
            ["agent/", "connectors/", "prompts/", "eval/"].iter().any(|top| self.path.starts_with(top));
        of_ours && self.is_rust() && self.path.contains("/src/") && !self.is_app() && !self.is_test()
    }

    fn is_app(&self) -> bool {
        self.path.starts_with("agent/app/")
    }

    /// Lines with their numbers, without comments and without the tests at the end of the file.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let tests = lines
            .windows(2)
            .position(|pair| matches!(pair, [a, b] if a.trim() == "#[cfg(test)]" && b.trim_start().starts_with("mod ")))
            .unwrap_or(lines.len());
        lines
            .into_iter()
            .enumerate()
            .take(tests)
            .filter_map(|(index, line)| (!line.trim_start().starts_with("//")).then_some((index + 1, line)))
    }

    /// A complaint for every line of code that holds one of `forbidden`.
    fn refuse(&self, forbidden: &[&str], instead: &str) -> Vec<String> {
        self.code()
            .flat_map(|(number, line)| {
                let found = forbidden.iter().filter(move |word| holds_word(line, word));
                found.map(move |word| format!("line {number} has `{word}`; {instead}"))
            })
            .collect()
    }
}

/// Whether `text` holds `word`, and not as the end of a longer one: `eprint!` holds no `print!`.
fn holds_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

pub fn says_what_it_is_for(file: &File) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    match file.text.lines().next().and_then(|line| line.strip_prefix("//!")) {
        Some(purpose) if purpose.trim().len() >= 10 => Vec::new(),
        _ => vec!["begin it with `//!`: what it is for, and what it must not know".into()],
    }
}

pub fn is_not_too_long(file: &File) -> Vec<String> {
    let lines = file.text.lines().count();
    if file.is_rust() && lines > 600 {
        return vec![format!("{lines} lines; split it by meaning (aim at 300, stop at 600)")];
    }
    Vec::new()
}

pub fn is_not_a_drawer(file: &File) -> Vec<String> {
    const DRAWERS: &[&str] =
        &["util", "utils", "helper", "helpers", "common", "manager", "managers", "misc", "shared"];
    let names = file.path.split('/').map(|part| part.split('.').next().unwrap_or(part));
    let drawers = names.filter(|name| DRAWERS.contains(&name.to_lowercase().as_str()));
    drawers.map(|name| format!("`{name}` says nothing; name it by what it does")).collect()
}

pub fn is_finished(file: &File) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    // Put together from halves, so that this file is no hit.
    let unfinished = [
        concat!("to", "do!("),
        concat!("un", "implemented!("),
        concat!("db", "g!("),
        concat!("#[ig", "nore"),
    ];
    // A test binary that starts itself to be killed has an entry point which must not run on its own.
    let is_child = |line: &str| line.contains(concat!("#[ig", "nore = \"the process that "));
    let lines = file.text.lines().enumerate().filter(|(_, line)| !is_child(line));
    lines
        .filter(|(_, line)| unfinished.iter().any(|word| line.contains(word)))
        .map(|(index, _)| {
            format!("line {} is unfinished or switched off; finish it or take it out", index + 1)
        })
        .collect()
}

pub fn library_is_silent(file: &File) -> Vec<String> {
    if !file.is_library() {
        return Vec::new();
    }
    let mut broken = file.refuse(
        &["println!", "eprintln!", "print!", "eprint!"],
        "return it, or use `tracing`; only the binary prints",
    );
    broken.extend(file.refuse(
        &["std::env", "env::var", "env::args"],
        "take it as an argument; only the binary reads the environment",
    ));
    broken
}

pub fn tasks_have_an_owner(file: &File) -> Vec<String> {
    if !file.is_rust() || file.is_test() {
        return Vec::new();
    }
    file.refuse(&["tokio::spawn(", "task::spawn("], "spawn it in a `JoinSet` with a cancellation token")
}

pub fn clock_is_an_argument(file: &File) -> Vec<String> {
    let concerned = ["agent/core/", "agent/engine/"].iter().any(|crate_| file.path.starts_with(crate_));
    if !concerned || !file.is_library() {
        return Vec::new();
    }
    file.refuse(
        &["SystemTime::now", "Timestamp::now", "Instant::now", "Zoned::now"],
        "take the time as an argument, or a replay would not repeat itself",
    )
}

pub fn is_safe(file: &File) -> Vec<String> {
    if !file.is_rust() || file.path == MAY_BE_UNSAFE {
        return Vec::new();
    }
    let keyword = concat!("un", "safe");
    let forms = ["{", "fn", "impl", "trait", "extern"].map(|after| format!("{keyword} {after}"));
    let lints = ["allow", "expect"].map(|level| format!("{level}({keyword}_code"));
    let forbidden: Vec<&str> = forms.iter().chain(&lints).map(String::as_str).collect();
    file.refuse(&forbidden, "find a safe way; the one exception is connectors/git/src/limits.rs")
}

pub fn names_no_machine(file: &File) -> Vec<String> {
    let places =
        [concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/ro", "ot/")];
    let begins_there = |line: &str, place: &str| {
        line.match_indices(place).any(|(at, _)| {
            let before = line.get(..at).and_then(|before| before.chars().next_back());
            !before.is_some_and(|c| c.is_alphanumeric() || "._-/)}".contains(c))
        })
    };
    let lines = file.text.lines().enumerate();
    lines
        .filter(|(_, line)| places.iter().any(|place| begins_there(line, place)))
        .map(|(index, _)| format!("line {} names a place on one machine; make it relative", index + 1))
        .collect()
}

pub fn takes_the_lints(file: &File) -> Vec<String> {
    let is_crate = file.path.ends_with("/Cargo.toml") && file.text.contains("[package]");
    if is_crate && !file.text.contains("[lints]\nworkspace = true") {
        return vec!["add `[lints]` with `workspace = true`".into()];
    }
    Vec::new()
}

mod can_fail {
    use super::*;

    fn check(rule: Rule, path: &str, text: &str, expect: usize) {
        let broken = rule(&File { path: path.into(), text: text.into() });
        assert_eq!(broken.len(), expect, "{path}: {text:.60}: {broken:?}");
    }

    #[test]
    fn a_file_without_a_purpose_is_found() {
        check(says_what_it_is_for, "agent/core/src/a.rs", "//! What it is for.\n", 0);
        for text in ["", "use x;\n//! Late.", "//!\n", "//! x\n", "// Not a doc comment of the file."] {
            check(says_what_it_is_for, "agent/core/src/a.rs", text, 1);
        }
        check(says_what_it_is_for, "README.md", "Words.", 0);
    }

    #[test]
    fn a_long_file_is_found() {
        check(is_not_too_long, "agent/core/src/a.rs", &"x\n".repeat(600), 0);
        check(is_not_too_long, "agent/core/src/a.rs", &"x\n".repeat(601), 1);
        check(is_not_too_long, "agent/app/demo/a.jsonl", &"x\n".repeat(601), 0);
    }

    #[test]
    fn a_drawer_is_found() {
        check(is_not_a_drawer, "agent/core/src/utils.rs", "", 1);
        check(is_not_a_drawer, "agent/helpers/src/Common.rs", "", 2);
        check(is_not_a_drawer, "agent/core/src/utility_bill.rs", "", 0);
    }

    #[test]
    fn unfinished_code_is_found_everywhere() {
        let unfinished =
            [concat!("to", "do!()"), concat!("db", "g!(x)"), concat!("#[ig", "nore = \"slow\"]")];
        for text in unfinished {
            check(is_finished, "tests/e2e/tests/a.rs", text, 1);
        }
        check(is_finished, "agent/core/src/a.rs", "finish!()", 0);
        let child = concat!("#[ig", "nore = \"the process that the crash test starts and kills\"]");
        check(is_finished, "agent/record/tests/crash.rs", child, 0);
    }

    #[test]
    fn a_library_that_prints_or_reads_the_environment_is_found() {
        check(library_is_silent, "agent/core/src/a.rs", "    println!(\"x\");\nuse std::env;\n", 2);
        check(library_is_silent, "connectors/git/src/a.rs", "let home = env::var(\"HOME\");", 1);
        check(library_is_silent, "agent/core/src/a.rs", "// println! is for the binary\n", 0);
        check(library_is_silent, "agent/core/src/a.rs", "x();\n#[cfg(test)]\nmod tests {\nprintln!();\n}", 0);
        check(library_is_silent, "agent/app/src/main.rs", "println!(\"x\");", 0);
        check(library_is_silent, "agent/record/tests/kill.rs", "std::env::var(\"X\");", 0);
        check(library_is_silent, "agent/record/src/tests.rs", "std::env::var(\"X\");", 0);
    }

    #[test]
    fn a_bare_spawn_is_found() {
        check(tasks_have_an_owner, "agent/app/src/main.rs", "tokio::spawn(work());", 1);
        check(tasks_have_an_owner, "agent/app/src/main.rs", "tokio::task::spawn(work());", 1);
        check(tasks_have_an_owner, "agent/app/src/main.rs", "tasks.spawn(work());", 0);
        check(tasks_have_an_owner, "agent/record/tests/kill.rs", "tokio::spawn(work());", 0);
    }

    #[test]
    fn a_look_at_the_clock_is_found() {
        check(clock_is_an_argument, "agent/engine/src/a.rs", "let now = Timestamp::now();", 1);
        check(clock_is_an_argument, "agent/core/src/a.rs", "let t = std::time::Instant::now();", 1);
        check(clock_is_an_argument, "agent/app/src/a.rs", "let now = Timestamp::now();", 0);
    }

    #[test]
    fn unsafe_code_is_found_outside_its_file() {
        let block = concat!("un", "safe { set(1) };");
        check(is_safe, "connectors/git/src/lib.rs", block, 1);
        check(is_safe, "tests/e2e/tests/a.rs", concat!("#![allow(un", "safe_code)]"), 1);
        check(is_safe, MAY_BE_UNSAFE, block, 0);
        check(is_safe, "agent/core/src/text.rs", concat!("fn is_un", "safe(c: char)"), 0);
    }

    #[test]
    fn a_place_on_a_machine_is_found() {
        check(names_no_machine, "README.md", concat!("cd /ho", "me/ada/x"), 1);
        check(names_no_machine, ".ci/run", concat!("PATH=\"/ro", "ot/.cargo/bin\""), 1);
        check(names_no_machine, "README.md", concat!("see docs/wo", "rk/plan.md and $HOME/x"), 0);
    }

    #[test]
    fn a_crate_without_the_lints_is_found() {
        check(takes_the_lints, "agent/core/Cargo.toml", "[package]\nname = \"x\"\n", 1);
        check(takes_the_lints, "agent/core/Cargo.toml", "[package]\n\n[lints]\nworkspace = true\n", 0);
        check(takes_the_lints, "Cargo.toml", "[workspace]\n", 0);
    }
}
