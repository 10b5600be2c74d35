//! Which files are never patched, whatever the patch says. Pure; it must not know what is in them.

/// Folders whose files say what a server runs, and with which rights.
const FOLDERS: &[&str] = &[
    ".azure-pipelines",
    ".builds",
    ".buildkite",
    ".ci",
    ".circleci",
    ".concourse",
    ".drone",
    ".forgejo",
    ".gitea",
    ".harness",
    ".husky",
    ".kokoro",
    ".semaphore",
    ".teamcity",
    ".tekton",
    ".woodpecker",
    ".zuul.d",
];
/// The beginnings of names of files that do.
const BEGINNINGS: &[&str] = &[
    ".appveyor.",
    ".build.y",
    ".cirrus.",
    ".drone.",
    ".pre-commit-config.",
    ".travis.",
    ".woodpecker.",
    ".zuul.",
    "appveyor.",
    "azure-pipelines",
    "bitbucket-pipelines",
    "buildspec.",
    "cloudbuild.",
    "codeship-",
    "jenkinsfile",
    "lefthook.",
    "wercker.",
    "zuul.",
];
/// Files that say who has to review the others.
const OWNERS: &[&str] = &["codeowners", "owners", "owners_aliases"];

/// Why a file is never patched, after its name; none if it may be.
///
/// A patch goes to a branch before anybody has reviewed it as code, and a push alone is enough to act on some files. CI
/// configuration is run by the push, often with secrets that no code of the repository gets otherwise. Git itself acts on
/// `.gitmodules` (it brings code from elsewhere) and `.gitattributes` (it runs filters, and hides files from a review). Owners
/// decide who has to review. Three lines of these are no small patch, however small they are.
pub(crate) fn why_never(path: &str) -> Option<&'static str> {
    let path = path.to_lowercase();
    let mut folders: Vec<&str> = path.split('/').collect();
    let name = folders.pop().unwrap_or_default();
    // `git~1` is what `.git` is called on some systems.
    let is_gits = |part: &&str| part.starts_with(".git") || part.starts_with("git~");
    if folders.iter().chain([&name]).any(is_gits) {
        return Some("is one that git or its server acts on, and is changed by hand");
    }
    let is_run = folders.iter().any(|folder| FOLDERS.contains(folder))
        || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
        || name.ends_with(".jenkinsfile");
    if is_run {
        return Some("says what runs on a push, and is changed by hand");
    }
    OWNERS.contains(&name).then_some("says who has to review, and is changed by hand")
}

/// Whether a path can be shown in a difference as it is.
pub(crate) fn is_plain(path: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    !path.chars().any(|c| c.is_control() || matches!(c, '"' | '\\')) && path.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_push_is_never_patched() {
        for path in [
            ".gitmodules",
            "sub/.gitattributes",
            ".github/workflows/deploy.yml",
            ".GitHub/Workflows/deploy.yml",
            ".git/config",
            "GIT~1/config",
            ".gitlab-ci.yml",
            ".circleci/config.yml",
            "Jenkinsfile",
            "ci/deploy.Jenkinsfile",
            "Jenkinsfile.release",
            ".travis.yml",
            "azure-pipelines.yml",
            "CODEOWNERS",
            "docs/CODEOWNERS",
            "pkg/OWNERS",
        ] {
            assert!(why_never(path).is_some(), "{path}");
        }
        for path in ["src/git.rs", "src/gitter/.env", "owners.rs", "docs/workflows.md", "travis.yml", "ci/x"]
        {
            assert_eq!(why_never(path), None, "{path}");
        }
    }

    #[test]
    fn a_path_is_shown_as_it_is() {
        for path in ["", "/a", "a//b", "a/", "../a", "a/./b", "a\tb", "a\"b", "a\\b", "a\nb"] {
            assert!(!is_plain(path), "{path:?}");
        }
        assert!(is_plain("src/é ü.rs") && is_plain("..a/b..c"));
    }
}
