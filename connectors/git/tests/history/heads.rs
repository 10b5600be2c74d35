//! The files of the commit that is looked at.

use hearback_core::change::RepoPath;
use hearback_core::ports::ConnectorError;
use hearback_git::{GitChangeSource, GitOptions};
use jiff::SignedDuration;

use crate::generated::*;

fn file(source: &GitChangeSource, path: &str) -> Result<Option<String>, ConnectorError> {
    let bytes = block_on(source.load_file_at_head(path, SignedDuration::from_mins(1)))?;
    Ok(bytes.map(|bytes| String::from_utf8(bytes).unwrap()))
}

fn paths(source: &GitChangeSource) -> Vec<String> {
    let listing = block_on(source.load_paths_at_head(SignedDuration::from_mins(1))).unwrap();
    assert_eq!(listing.missing, None);
    listing.files.iter().map(RepoPath::as_str).map(str::to_owned).collect()
}

#[test]
fn files_come_from_the_commit_and_not_from_the_work_tree() {
    let mut h = History::new();
    h.write("docs/CODEOWNERS", "* @ann\n").write("src/a/b.rs", "x\n");
    std::os::unix::fs::symlink("/etc/passwd", h.path.join("CODEOWNERS")).unwrap();
    let first = h.commit("one");
    h.change("docs/CODEOWNERS", "* @bob\n", "two");
    h.write("docs/CODEOWNERS", "* @nobody\n").write("uncommitted", "");
    let bare = h.outside("bare.git");
    h.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    for place in [&h.path, &bare] {
        let source = open(place, GitOptions::default());
        assert_eq!(file(&source, "docs/CODEOWNERS").unwrap().as_deref(), Some("* @bob\n"));
        for none in ["CODEOWNERS", "docs", "gone", "docs/gone", "src/a/b.rs/c", "uncommitted"] {
            assert_eq!(file(&source, none).unwrap(), None, "{none}");
        }
        let expect: Vec<String> = h.git(&["ls-files"]).lines().map(str::to_owned).collect();
        let mut found = paths(&source);
        found.sort();
        assert_eq!(found, expect);
    }
    let earlier = GitOptions { revision: Some(first), ..GitOptions::default() };
    assert_eq!(file(&open(&h.path, earlier), "docs/CODEOWNERS").unwrap().as_deref(), Some("* @ann\n"));
}

#[test]
fn a_file_that_is_too_large_is_refused_and_time_that_is_up_is_said() {
    let mut h = History::new();
    h.change("CODEOWNERS", &"x".repeat((4 << 20) + 1), "large");
    let source = open(&h.path, GitOptions::default());
    let error = file(&source, "CODEOWNERS").unwrap_err().to_string();
    assert_eq!(error, "CODEOWNERS is larger than 4 MB and is not read");
    let listing = block_on(source.load_paths_at_head(SignedDuration::ZERO)).unwrap();
    assert_eq!(listing.missing.as_deref(), Some("the time was up before every folder was listed"));
}
