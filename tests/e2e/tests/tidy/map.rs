//! The map of the house in the documents against the disk.

/// The tops under which a word in backticks is taken for a path.
const TOPS: &[&str] =
    &["agent/", "connectors/", "prompts/", "eval/", "tests/", "config/", ".ci/", ".config/"];

/// Folders of crates that the map does not name.
pub fn unmapped(architecture: &str, folders: &[String]) -> Vec<String> {
    let missing = folders.iter().filter(|folder| !names(architecture, folder));
    missing.map(|folder| format!("ARCHITECTURE.md does not name `{folder}`; say what lives there")).collect()
}

/// Whether a path stands in the text, whole: `agent/core` is not named by `agent/core_dumps`.
fn names(text: &str, folder: &str) -> bool {
    text.match_indices(folder).any(|(at, _)| {
        let after = text.get(at + folder.len()..).and_then(|rest| rest.chars().next());
        !after.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-')
    })
}

/// Paths in backticks that are not on the disk. What holds a placeholder (`connectors/<system>`) is left out.
pub fn imagined(document: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    // Between two backticks stands every second piece of a line.
    let quoted = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    quoted
        .filter(|word| TOPS.iter().any(|top| word.starts_with(top)))
        .filter(|word| word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c)))
        .filter(|path| !exists(path.trim_end_matches('/')))
        .map(|path| format!("{document} names `{path}`, which does not exist; correct the document"))
        .collect()
}

mod can_fail {
    use super::*;

    #[test]
    fn a_crate_that_is_not_on_the_map_is_found() {
        let folders = ["agent/core".to_owned(), "agent/engine".to_owned()];
        assert_eq!(unmapped("`agent/core` and `agent/engine/`", &folders).len(), 0);
        assert_eq!(unmapped("`agent/core` and `agent/engine_room`", &folders).len(), 1);
    }

    #[test]
    fn a_path_that_is_not_on_the_disk_is_found() {
        let exists = |path: &str| path == "agent/core";
        assert_eq!(imagined("X.md", "`agent/core/` is here", exists).len(), 0);
        assert_eq!(imagined("X.md", "`agent/ghost` is not", exists).len(), 1);
        assert_eq!(imagined("X.md", "`connectors/<system>` and agent/ghost and `make`", exists).len(), 0);
    }
}
