//! CODEOWNERS files. The last line of an input is also a path that is asked for.
#![no_main]

use hearback_catalog::CodeOwners;
use hearback_core::change::RepoPath;
use libfuzzer_sys::fuzz_target;

const MOST_UNREAD: usize = 20;

fuzz_target!(|bytes: &[u8]| {
    let file = CodeOwners::parse(bytes);
    assert!(file.unread().len() <= MOST_UNREAD);
    let lines = bytes.split(|byte| *byte == b'\n').count();
    assert!(file.unread().iter().all(|unread| (1..=lines).contains(&unread.line)));
    let everybody = file.everybody();
    assert!(everybody.is_sorted());
    let last = bytes.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    for path in [RepoPath::from_bytes(last), RepoPath::from("README.md"), RepoPath::from("a/b/c.rs")] {
        let owners = file.owners_of(&path);
        assert!(owners.iter().all(|owner| everybody.contains(&owner)), "{}", path.as_str());
        assert!(owners.iter().all(|owner| !owner.short().is_empty()), "{owners:?}");
    }
});
