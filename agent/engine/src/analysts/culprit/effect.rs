//! What a change does to what runs, as far as its lines tell: nothing, the same in other places, other values, or
//! something else. It reads lines as words and marks, of any language, so it is a judgement and no proof. It must not
//! know what failed.

use std::collections::BTreeMap;

use hearback_core::change::{Diff, DiffLine, FileDiff, Paths, RepoPath, Side};
use hearback_core::{Change, ChangeKind};

use super::super::harmless::{Purpose, is_setting, purpose};

/// What a change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Nothing that runs is changed but in what it says or how it is written.
    Nothing(Harmless),
    /// What is taken away in one place is there in another.
    Restructures,
    /// Values only: numbers and strings.
    Values,
    /// Files of settings only: what can be set back without a build.
    Settings,
    /// Something else.
    Behaves,
    /// Its lines were not read.
    Unread,
}

/// Why a change does nothing to what runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harmless {
    /// Documentation, ownership, tests, build settings.
    NothingThatRuns,
    /// Comments and white space.
    Comments,
    /// What is logged, and how.
    Logging,
    /// How it looks.
    Looks,
}

impl Harmless {
    /// In words.
    pub fn says(self) -> &'static str {
        match self {
            Harmless::NothingThatRuns => "touches nothing that runs in production",
            Harmless::Comments => "changes comments and white space only",
            Harmless::Logging => "changes only what is logged",
            Harmless::Looks => "changes only how pages look",
        }
    }
}

/// The words of the lines that were taken away and of those that came, without those that are in both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traded {
    /// What is gone.
    pub lost: BTreeMap<String, usize>,
    /// What is new.
    pub gained: BTreeMap<String, usize>,
    /// How many words were taken away in all.
    pub removed: usize,
    /// Words that are on both sides: moved or kept.
    pub kept: BTreeMap<String, usize>,
}

/// What is taken away may be this part new words before it is no restructuring any more.
const RESTRUCTURED: f64 = 0.1;

/// Judges a change by its paths and lines.
pub fn effect(change: &Change, diff: Option<&Diff>) -> Effect {
    if change.kind != ChangeKind::Commit {
        return Effect::Unread;
    }
    let Paths::Known(paths) = &change.paths else { return Effect::Unread };
    if !paths.is_empty() && paths.iter().all(|path| !may_run(&path.path)) {
        return Effect::Nothing(Harmless::NothingThatRuns);
    }
    if !paths.is_empty() && paths.iter().all(|path| is_look(&path.path) || !may_run(&path.path)) {
        return Effect::Nothing(Harmless::Looks);
    }
    let Some(diff) = diff.filter(|diff| diff.files.iter().any(|file| !file.lines.is_empty())) else {
        return Effect::Unread;
    };
    let files: Vec<&FileDiff> = diff.files.iter().filter(|file| may_run(&file.path)).collect();
    let kinds: Vec<Line> = files.iter().flat_map(|file| kinds(file)).map(|(kind, _, _)| kind).collect();
    // Of what was not read whole nobody can say that it does nothing.
    let is_read = |path: &RepoPath| files.iter().any(|file| file.path == *path && !file.lines.is_empty());
    let whole = diff.left_out.is_none()
        && paths.iter().all(|path| !may_run(&path.path) || is_look(&path.path) || is_read(&path.path));
    let only = |allowed: &[Line]| whole && kinds.iter().all(|kind| allowed.contains(kind));
    if only(&[Line::Comment]) {
        return Effect::Nothing(Harmless::Comments);
    }
    if only(&[Line::Comment, Line::Logging]) {
        return Effect::Nothing(Harmless::Logging);
    }
    let traded = traded(diff);
    let lost: usize = traded.lost.values().sum();
    if traded.removed > 0 && (lost as f64) <= RESTRUCTURED * traded.removed as f64 && !adds_calls(&traded) {
        return Effect::Restructures;
    }
    let is_value =
        |word: &String| word.starts_with(['"', '\'']) || word.starts_with(|c: char| c.is_ascii_digit());
    let values_only = !traded.lost.is_empty() && traded.lost.keys().chain(traded.gained.keys()).all(is_value);
    let is_set = |path: &RepoPath| is_setting(path) || is_manifest(path.file_name());
    let settings_only = files.iter().all(|file| is_set(&file.path));
    match () {
        () if settings_only => Effect::Settings,
        () if values_only => Effect::Values,
        () => Effect::Behaves,
    }
}

/// Whether what came is more than a name for what was there: more words are new than were moved or kept.
fn adds_calls(traded: &Traded) -> bool {
    traded.gained.len() > traded.kept.len()
}

/// The words a diff trades, comments and logging left out.
pub fn traded(diff: &Diff) -> Traded {
    let mut traded = Traded::default();
    for file in &diff.files {
        for (kind, side, text) in kinds(file) {
            if kind != Line::Code {
                continue;
            }
            for word in words(text) {
                if side == Side::Removed {
                    traded.removed += 1;
                }
                let (own, other) = match side {
                    Side::Removed => (&mut traded.lost, &mut traded.gained),
                    Side::Added => (&mut traded.gained, &mut traded.lost),
                };
                match other.get_mut(&word) {
                    Some(count) => {
                        *count -= 1;
                        if *count == 0 {
                            other.remove(&word);
                        }
                        *traded.kept.entry(word).or_default() += 1;
                    }
                    None => *own.entry(word).or_default() += 1,
                }
            }
        }
    }
    traded
}

/// Whether a file says which versions of what are used.
pub fn is_manifest(file: &str) -> bool {
    let ends = [".csproj", ".gradle", ".gradle.kts", ".gemspec", ".cabal", ".lock", ".sum"];
    let is = [
        "go.mod",
        "package.json",
        "package-lock.json",
        "pyproject.toml",
        "pipfile",
        "setup.py",
        "setup.cfg",
        "cargo.toml",
        "gemfile",
        "pom.xml",
        "composer.json",
        "mix.exs",
        "build.sbt",
        "dockerfile",
        "chart.yaml",
    ];
    let lower = file.to_ascii_lowercase();
    is.contains(&lower.as_str())
        || (lower.starts_with("requirements") && lower.ends_with(".txt"))
        || ends.iter().any(|end| lower.ends_with(end))
}

/// Whether a file may shape what runs in production.
fn may_run(path: &RepoPath) -> bool {
    if purpose(path) != Purpose::Runs {
        return false;
    }
    let lower = path.as_str().to_ascii_lowercase();
    let file = path.file_name().to_ascii_lowercase();
    let in_folder = |names: &[&str]| lower.split('/').any(|part| names.contains(&part));
    let builds = in_folder(&[".github", ".gitlab", ".circleci", ".buildkite", ".husky", ".vscode", ".idea"])
        || matches!(
            file.as_str(),
            ".gitlab-ci.yml" | ".travis.yml" | "jenkinsfile" | ".editorconfig" | ".gitattributes"
        )
        || file.contains("lint")
        || file.starts_with(".prettier")
        || file.starts_with(".rustfmt")
        || file == "rustfmt.toml"
        || file == "owners";
    let elsewhere = in_folder(&["staging", "stage", "dev", "sandbox", "preview"]) && is_setting(path);
    let prose = in_folder(&["doc", "docs", "documentation", "runbooks"]);
    !builds && !elsewhere && !prose
}

/// Whether a file only shapes how something looks.
fn is_look(path: &RepoPath) -> bool {
    let ending = path.file_name().rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    let theme = path.file_name().to_ascii_lowercase().starts_with("theme.");
    const LOOKS: [&str; 12] =
        ["css", "scss", "less", "sass", "svg", "png", "jpg", "jpeg", "gif", "ico", "woff", "woff2"];
    theme || LOOKS.contains(&ending.as_str())
}

/// What kind of line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Code,
    Comment,
    Logging,
}

/// The lines of a file with their kinds. A statement that logs goes on until its brackets close, in the lines that follow
/// one another on its side; if they do not close there, only its first line is known to log.
fn kinds(file: &FileDiff) -> Vec<(Line, Side, &str)> {
    let mut kinds: Vec<(Line, Side, &str)> = Vec::with_capacity(file.lines.len());
    let mut goes_on = [0usize; 2];
    for (place, line) in file.lines.iter().enumerate() {
        let text = line.text.as_untrusted();
        let trimmed = text.trim();
        let side = if line.side == Side::Added { 0 } else { 1 };
        let rest = goes_on.get_mut(side);
        let kind = match rest {
            Some(rest) if *rest > 0 => {
                *rest -= 1;
                Line::Logging
            }
            _ if trimmed.is_empty() || is_comment(trimmed) => Line::Comment,
            rest if logs(trimmed) => {
                if let Some(rest) = rest {
                    *rest = goes_on_for(file.lines.get(place..).unwrap_or_default());
                }
                Line::Logging
            }
            _ => Line::Code,
        };
        kinds.push((kind, line.side, text));
    }
    kinds
}

/// How many more lines a statement takes until its brackets close; none if they do not, in lines that follow one another.
fn goes_on_for(lines: &[DiffLine]) -> usize {
    let Some(first) = lines.first() else { return 0 };
    let mut depth = 0;
    let of_side = lines.iter().filter(|line| line.side == first.side);
    for (place, line) in of_side.enumerate() {
        let expected = u32::try_from(place).ok().and_then(|place| first.line.checked_add(place));
        // Where lines have no numbers they are taken to follow one another.
        if first.line > 0 && expected != Some(line.line) {
            return 0;
        }
        depth += brackets(line.text.as_untrusted());
        if depth <= 0 {
            return place;
        }
    }
    0
}

/// How many more brackets open than close, those in quotes left out.
fn brackets(text: &str) -> i64 {
    let mut quoted = None;
    let mut depth = 0;
    let mut is_escaped = false;
    for c in text.chars() {
        match (quoted, c) {
            _ if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(quote), c) if c == quote => quoted = None,
            (Some(_), _) => {}
            (None, '"' | '`') => quoted = Some(c),
            (None, '(' | '{' | '[') => depth += 1,
            (None, ')' | '}' | ']') => depth -= 1,
            (None, _) => {}
        }
    }
    depth
}

fn is_comment(trimmed: &str) -> bool {
    let starts = ["//", "/*", "*/", "* ", "-- ", "<!--", "\"\"\"", "'''", ";;", "%%"];
    // A hash opens a comment in many languages and a directive in some.
    let hash = trimmed.starts_with('#')
        && !["#include", "#define", "#if", "#[", "#!["].iter().any(|is| trimmed.starts_with(is));
    matches!(trimmed, "*" | "--") || hash || starts.iter().any(|start| trimmed.starts_with(start))
}

/// Whether a statement begins with a call that logs.
fn logs(trimmed: &str) -> bool {
    let head = trimmed.find(['(', '!']).and_then(|at| trimmed.get(..at)).unwrap_or_default();
    if head.is_empty() || head.contains([' ', '=', '{']) {
        return false;
    }
    let lower = head.to_ascii_lowercase();
    // Who logs this way ends, or sets something.
    let last = lower.rsplit(['.', ':']).next().unwrap_or_default();
    if ["fatal", "panic", "exit", "die", "set"].iter().any(|ends| last.starts_with(ends)) {
        return false;
    }
    let first = lower
        .split(['.', ':', '_', '-', '>'])
        .find(|part| !part.is_empty() && !matches!(*part, "self" | "this" | "s" | "c" | "a"));
    let is_logger = |part: &str| {
        matches!(
            part,
            "log" | "logs" | "logger" | "logging" | "slog" | "zap" | "console" | "tracing" | "klog" | "glog"
        ) || matches!(
            part,
            "println"
                | "eprintln"
                | "printf"
                | "print"
                | "puts"
                | "fprintf"
                | "debug"
                | "info"
                | "warn"
                | "trace"
        )
    };
    first.is_some_and(is_logger)
}

/// The words of a line of code: identifiers, numbers, quoted strings whole.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '"' | '\'' | '`' => match rest.get(1..).and_then(|inside| inside.find(c)) {
                Some(end) => {
                    words.extend(rest.get(..end + 2).map(str::to_owned));
                    end + 2
                }
                None => 1,
            },
            c if c.is_alphanumeric() || c == '_' || c == '$' => {
                let end = rest
                    .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$' || c == '.'))
                    .unwrap_or(rest.len());
                let run = rest.get(..end).unwrap_or_default();
                // A number keeps its dots, a path of names does not.
                if run.starts_with(|c: char| c.is_ascii_digit()) || is_version(run) {
                    words.push(run.trim_end_matches('.').to_owned());
                } else {
                    words.extend(run.split('.').filter(|part| !part.is_empty()).map(str::to_owned));
                }
                end
            }
            _ => c.len_utf8(),
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    words
}

/// `v1.34.2`
fn is_version(run: &str) -> bool {
    run.strip_prefix('v')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()) && rest.contains('.'))
}

#[cfg(test)]
mod tests {
    use hearback_core::ChangeId;
    use hearback_core::change::{Author, Landed, Lines, Nature, PathChange, Revert, Review};
    use jiff::Timestamp;

    use super::*;

    /// A commit of one file, with lines that begin with `-` or `+`.
    fn judged(path: &str, lines: &str) -> Effect {
        let id = ChangeId::new("git:shop:ab").unwrap();
        let files = vec![PathChange { path: path.into(), lines: Lines::Unknown, moved_from: None }];
        let change = Change {
            id: id.clone(),
            kind: ChangeKind::Commit,
            source: "git:shop".parse().unwrap(),
            services: vec![],
            environment: None,
            delivers: vec![],
            rollout: None,
            committed_at: Timestamp::UNIX_EPOCH,
            effective_at: Timestamp::UNIX_EPOCH,
            landed: Landed::Yes,
            author: Author { name: "Ada".into(), email: None, nature: Nature::Person },
            title: "x".into(),
            body: "".into(),
            paths: Paths::Known(files),
            revert: Revert::default(),
            review: Review::Unknown,
            link: None,
        };
        let line = |text: &str| {
            let (sign, text) = text.split_at(1);
            let side = if sign == "+" { Side::Added } else { Side::Removed };
            DiffLine { side, line: 0, text: text.into() }
        };
        let lines = lines.lines().map(line).collect();
        effect(
            &change,
            Some(&Diff { change: id, files: vec![FileDiff { path: path.into(), lines }], left_out: None }),
        )
    }

    #[test]
    fn what_a_change_does_is_told_from_its_paths_and_lines() {
        let check = |path: &str, lines: &str, expect: Effect| {
            assert_eq!(judged(path, lines), expect, "{path}\n{lines}")
        };
        let nothing = |harmless| Effect::Nothing(harmless);
        check("README.md", "+x", nothing(Harmless::NothingThatRuns));
        check(".github/workflows/build.yml", "+  run: make", nothing(Harmless::NothingThatRuns));
        check("deploy/staging/tls.yaml", "-a: 1\n+a: 2", nothing(Harmless::NothingThatRuns));
        check("web/cart.css", "-a { color: red }\n+a { color: blue }", nothing(Harmless::Looks));
        check("cart.go", "-// old\n+// new", nothing(Harmless::Comments));
        check("cart.rb", "-# old\n+# new\n+", nothing(Harmless::Comments));
        check(
            "cart.cpp",
            "-    LOG_DEBUG(log, \"a {}\", x);\n+    LOG_INFO(log, \"a {} {}\", x, y);",
            nothing(Harmless::Logging),
        );
        check(
            "cart.go",
            "-\tlog.Printf(\"%s\", p)\n+\tlogger.Info(\"request\",\n+\t\t\"path\", p,\n+\t)",
            nothing(Harmless::Logging),
        );
        // What is logged ends where its brackets do, or the first line is all that is known of it.
        let open =
            "-logger.info(\"computing\",\n+logger.info(\"computing totals\",\n-if (!coupon) return total;";
        check("cart.js", open, Effect::Behaves);
        let quoted = "+log.info(\"at (\")\n+charge(cart);";
        check("cart.js", quoted, Effect::Behaves);
        check("cart.go", "+\tlog.Fatal(err)", Effect::Behaves);
        check("cart.go", "+\tdebug.SetGCPercent(5)", Effect::Behaves);
        check("cart.c", "+    --remaining;", Effect::Behaves);
        check("web/cart.html", "-{{ a }}\n+{{ b }}", Effect::Behaves);
        check("cart.rs", "+#[derive(Debug)]", Effect::Behaves);
        check("cart.c", "-#define N 3\n+#define N 4", Effect::Values);
        check("cart.go", "-const n = 8\n+const n = 2", Effect::Values);
        check("cart.yaml", "-pool: 40\n+pool: 4", Effect::Settings);
        check("go.mod", "-\tx/y v1.2.0\n+\tx/y v1.3.0", Effect::Settings);
        check("cart.go", "-\tif r == nil {\n-\t\treturn\n-\t}", Effect::Behaves);
        let extracted = "-\ta := parse(raw, key)\n-\tcheck(a, raw)\n+\ta := read(raw, key)\n+func read(raw, key) {\n+\ta := parse(raw, key)\n+\tcheck(a, raw)\n+}";
        check("cart.go", extracted, Effect::Restructures);
        let loops = "-\tlines = append(lines, Line{Name: i.Name})\n+\titem, err := c.Get(ctx, i.Sku)\n+\tif err != nil { return nil, err }\n+\tlines = append(lines, Line{Name: item.Name})";
        check("cart.go", loops, Effect::Behaves);
    }

    #[test]
    fn words_are_identifiers_numbers_versions_and_whole_strings() {
        let check = |text: &str, expect: &[&str]| assert_eq!(words(text), expect, "{text}");
        check("a.Get(ctx, \"max age\", 1.5)", &["a", "Get", "ctx", "\"max age\"", "1.5"]);
        check("x/y v1.34.2", &["x", "y", "v1.34.2"]);
        check("it's größer", &["it", "s", "größer"]);
    }
}
