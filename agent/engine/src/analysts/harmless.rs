//! Which files can hardly change what runs: documentation and tests. Judged by path alone, so it is a hint that
//! lowers a suspect, and a rule only when it holds for every file of a change.

use hearback_core::change::RepoPath;

/// What a file is for, judged by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It may run in production, or shape what does.
    Runs,
    /// It is read by people.
    Documentation,
    /// It runs in tests.
    Test,
}

/// Whether `path` holds settings or a template of them, rather than code.
pub fn is_setting(path: &RepoPath) -> bool {
    let ending = path.file_name().rsplit_once('.').map_or("", |(_, ending)| ending);
    const ENDINGS: &[&str] = &[
        "yaml",
        "yml",
        "json",
        "toml",
        "conf",
        "ini",
        "cfg",
        "tf",
        "erb",
        "properties",
        "env",
        "dblist",
        "vcl",
        "tpl",
        "j2",
    ];
    ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending))
}

/// Judges `path`. In doubt it runs.
pub fn purpose(path: &RepoPath) -> Purpose {
    let lower = path.as_str().to_ascii_lowercase();
    let (folders, file) = lower.rsplit_once('/').unwrap_or(("", &lower));
    let in_folder = |names: &[&str]| folders.split('/').any(|folder| names.contains(&folder));
    let (stem, ending) = file.rsplit_once('.').unwrap_or((file, ""));
    let is_test_name = stem.ends_with("_test")
        || stem.ends_with("_tests")
        || stem.ends_with("_spec")
        || stem.ends_with(".test")
        || stem.ends_with(".spec")
        || (stem.starts_with("test_") && ending == "py")
        || (stem.len() > 4 && ending == "java" && (stem.ends_with("test") || stem.ends_with("tests")))
        || file == "conftest.py";
    // A specification or a fixture may be what runs: a manifest, a schema.
    let is_setting = matches!(ending, "yaml" | "yml" | "json" | "toml" | "conf" | "ini" | "cfg" | "tf");
    // An environment called test has settings too.
    if in_folder(&["tests", "__tests__", "testdata"])
        || (in_folder(&["test", "testing", "spec", "specs", "fixtures"]) && !is_setting)
        || is_test_name
    {
        return Purpose::Test;
    }
    let is_prose = matches!(ending, "md" | "markdown" | "rst" | "adoc" | "asciidoc")
        || (ending == "txt"
            && matches!(stem, "readme" | "changelog" | "license" | "copying" | "authors" | "notice"))
        || matches!(
            file,
            "readme" | "changelog" | "license" | "copying" | "authors" | "notice" | "codeowners"
        )
        || matches!(file, ".mailmap" | ".gitreview" | ".gitignore");
    // A page of a documentation site may be code there; a folder called doc holding code is not prose.
    let in_docs = in_folder(&["doc", "docs", "documentation", "releasenotes"])
        && matches!(ending, "txt" | "png" | "svg" | "jpg" | "gif" | "puml");
    let in_docs = in_docs || in_folder(&["releasenotes"]);
    if is_prose || in_docs { Purpose::Documentation } else { Purpose::Runs }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_by_path() {
        let check =
            |path: &str, expect: Purpose| assert_eq!(purpose(&RepoPath::from(path)), expect, "{path}");
        check("src/main.rs", Purpose::Runs);
        check("README.md", Purpose::Documentation);
        check("docs/setup.txt", Purpose::Documentation);
        check("docs/build.py", Purpose::Runs);
        check("requirements.txt", Purpose::Runs);
        check("tests/cart_total.js", Purpose::Test);
        check("src/cart.spec.ts", Purpose::Test);
        check("pkg/cart_test.go", Purpose::Test);
        check("src/LatestPrice.java", Purpose::Runs);
        check("src/PriceTest.java", Purpose::Test);
        check("src/contest.py", Purpose::Runs);
        check("modules/latest/init.pp", Purpose::Runs);
        check("LICENSE", Purpose::Documentation);
        check("deploy/specs/checkout.yaml", Purpose::Runs);
        check("docs/openapi.yaml", Purpose::Runs);
        check("hiera/maps/test/master.yaml", Purpose::Runs);
        check("releasenotes/notes/x.yaml", Purpose::Documentation);
    }
}
