//! Every shape a history can have is enumerated as `git log --no-renames --numstat` does.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use std::sync::Arc;

use hearback_git::{CommitCache, GitOptions, WalkMode};
use proptest::prelude::*;

use crate::generated::*;

const EVER: i64 = 60 * 24 * 365;

fn numbered(lines: std::ops::Range<u32>) -> String {
    lines.map(|n| format!("line {n}\n")).collect()
}

/// Files of every kind, changed in every way.
fn files_of_every_kind() -> History {
    let mut h = History::new();
    h.write("src/cart.rs", numbered(0..40)).write("src/pay.rs", numbered(100..130));
    h.write("empty", "").write("no-newline", "a\nb").write("crlf", "a\r\nb\r\nc\r\n");
    h.write("image.png", b"\x89PNG\0\0\x01").write("tool.sh", "#!/bin/sh\n").write("thing", "was\na file\n");
    h.write("a.c", "1\n").write("a/x", "1\n").write("a0", "1\n");
    h.write("back\\slash", "x\n").write("tab\there", "x\n").write("line\nend", "x\n");
    std::fs::write(h.path.join(std::ffi::OsStr::from_bytes(b"caf\xe9")), "latin\n").unwrap();
    symlink("src/cart.rs", h.path.join("link")).unwrap();
    h.commit("start");
    h.commit("an empty commit");
    h.change("src/cart.rs", &numbered(5..45).replace("line 20\n", "line twenty\nand more\n"), "edit");
    h.write("no-newline", "a\nb\n")
        .write("crlf", "a\nb\nc\n")
        .write("image.png", b"\x89PNG\0\0\x02")
        .commit("ends");
    h.write("empty", "now\nfull").write("a0", "").commit("fill and empty");
    std::fs::set_permissions(h.path.join("tool.sh"), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(h.path.join("image.png"), PermissionsExt::from_mode(0o755)).unwrap();
    h.commit("modes");
    std::fs::remove_file(h.path.join("thing")).unwrap();
    h.write("thing/is", "a directory\n").commit("file to directory");
    std::fs::remove_dir_all(h.path.join("thing")).unwrap();
    h.write("thing", "a file again\n").commit("directory to file");
    std::fs::remove_file(h.path.join("link")).unwrap();
    h.write("link", "a file now\nwith lines\n").commit("link to file");
    std::fs::remove_file(h.path.join("a.c")).unwrap();
    symlink("a/x", h.path.join("a.c")).unwrap();
    h.commit("file to link");
    let cart = h.head();
    h.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{cart},sub/module")]);
    submodule(&mut h, "add a submodule");
    let next = h.head();
    h.git(&["update-index", "--cacheinfo", &format!("160000,{next},sub/module")]);
    submodule(&mut h, "move the submodule");
    h.git(&["rm", "-q", "--cached", "sub/module"]);
    submodule(&mut h, "remove the submodule");
    h.git(&["mv", "src/pay.rs", "src/payment.rs"]);
    h.commit("move");
    std::fs::remove_dir_all(h.path.join("src")).unwrap();
    h.commit("delete a folder");
    h
}

/// Commits the index alone: a submodule that is not checked out would be taken for deleted.
fn submodule(h: &mut History, message: &str) {
    h.clock += 10;
    h.git(&["commit", "-q", "-m", message]);
}

#[test]
fn files_of_every_kind_are_counted_as_git_counts_them() {
    let h = files_of_every_kind();
    assert_as_git(&h, window(0, EVER));
    assert_as_git(&h, window(40, 90));
}

#[test]
fn merges_of_every_kind_are_enumerated() {
    let mut h = History::new();
    h.change("base", "1\n2\n3\n", "base");
    for branch in ["one", "two", "three"] {
        h.git(&["checkout", "-q", "-b", branch, "main"]);
        h.change(branch, &format!("{branch}\n"), branch);
    }
    h.git(&["checkout", "-q", "main"]);
    h.change("main", "m\n", "on main");
    h.merge(&["one"], "an ordinary merge");
    h.merge(&["two", "three"], "an octopus");
    // An evil merge: it has a change of its own.
    h.git(&["checkout", "-q", "-b", "four", "HEAD~1"]);
    h.change("four", "4\n", "four");
    h.git(&["checkout", "-q", "main"]);
    h.git(&["merge", "-q", "--no-ff", "--no-commit", "four"]);
    h.write("base", "1\n2\nevil\n").commit("an evil merge");
    // A foxtrot: main is merged into a branch, and the branch becomes main.
    h.git(&["checkout", "-q", "-b", "fox", "HEAD~1"]);
    h.change("fox", "f\n", "fox");
    h.merge(&["main"], "a foxtrot");
    h.git(&["checkout", "-q", "-B", "main", "fox"]);
    // Histories that share no root.
    h.git(&["checkout", "-q", "--orphan", "other"]);
    h.git(&["rm", "-q", "-rf", "."]);
    h.change("elsewhere", "e\n", "another root");
    h.git(&["checkout", "-q", "main"]);
    h.merge(&["other"], "join the other root");
    assert_as_git(&h, window(0, EVER));
    for from in (0..h.clock).step_by(30) {
        assert_as_git(&h, window(from, from + 50));
    }
}

#[test]
fn clocks_that_are_wrong_hide_nothing() {
    let mut h = History::new();
    h.change("a", "1\n", "first");
    let right = h.clock;
    for (minutes, name) in
        [(-60 * 20, "behind"), (-60 * 24 * 400, "a year behind"), (600, "ahead"), (20, "right")]
    {
        h.clock = right + minutes;
        h.change("a", &format!("{name}\n"), name);
    }
    h.clock = right + 30;
    h.change("a", "end\n", "last");
    assert_as_git(&h, window(0, 120));
    assert_as_git(&h, window(right, right + 40));
    assert_as_git(&h, window(-EVER * 2, EVER));
}

#[test]
fn messages_of_any_size_and_encoding_are_taken() {
    let mut h = History::new();
    h.change("a", "1\n", "");
    h.write("a", "2\n").git(&["add", "-A"]);
    h.clock += 10;
    h.git_with(
        &["commit", "-q", "-F", "-"],
        format!("{}\n\n{}", "t".repeat(999), "b".repeat(1 << 20)).as_bytes(),
    );
    let huge = h.head();
    h.write("a", "3\n").git(&["add", "-A"]);
    h.clock += 10;
    h.git_with(&["-c", "i18n.commitEncoding=ISO-8859-1", "commit", "-q", "-F", "-"], b"caf\xe9\n");
    let latin = h.head();
    assert_as_git(&h, window(0, EVER));
    let fetched = ask(&open(&h.path, Default::default()), window(0, EVER));
    let huge = find(&fetched, &huge);
    assert_eq!(huge.title.as_untrusted(), "t".repeat(300));
    assert_eq!(huge.body.as_untrusted().trim().len(), 16 << 10);
    assert_eq!(find(&fetched, &latin).title.as_untrusted(), "café");
}

#[test]
fn a_window_is_half_open_to_the_second() {
    let mut h = History::new();
    let one = h.change("a", "1\n", "at minute ten");
    let source = open(&h.path, Default::default());
    let shas = |from, until| ours(&ask(&source, window(from, until))).into_keys().collect::<Vec<_>>();
    assert_eq!(shas(10, 11), [one]);
    assert!(shas(9, 10).is_empty() && shas(11, 20).is_empty());
}

/// A question that starts where an earlier one stood has the same answer as one that starts at the tip.
fn assert_no_trace_of_earlier_questions(h: &History, from: i64) {
    for walk in [WalkMode::AllCommits, WalkMode::FirstParent] {
        let path = h.outside(&format!("{walk:?}.db"));
        let asked = |cache: Option<Arc<CommitCache>>, until: i64| {
            let source = open(&h.path, GitOptions { walk, cache, ..GitOptions::default() });
            ask(&source, window(from - 100, until))
        };
        for until in [from + 60, from, from + 30, from, from + 90, from - 30, from + 60] {
            let cache = Arc::new(CommitCache::open(&path));
            assert_eq!(asked(Some(cache), until), asked(None, until), "{walk:?} until {until}");
        }
    }
}

#[test]
fn the_main_line_is_kept_where_a_side_branch_reached_it_first() {
    let mut h = History::new();
    h.change("a", "1\n", "old");
    h.clock = 300;
    h.change("a", "2\n", "with a fast clock");
    h.git(&["checkout", "-q", "-b", "side"]);
    h.change("b", "1\n", "on a side branch");
    h.git(&["checkout", "-q", "main"]);
    h.clock = 200;
    h.change("a", "3\n", "with a right clock");
    h.clock = 340;
    h.merge(&["side"], "merge");
    assert_no_trace_of_earlier_questions(&h, 60);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Steps: which branch, what happens, to which file, with what, minutes passed (or turned back).
    #[test]
    fn random_histories_are_enumerated_as_git_does(
        steps in proptest::collection::vec((0..3_u8, 0..6_u8, 0..5_u8, 0..8_u32, -15..40_i64), 4..16),
        from in 0..200_i64,
    ) {
        let mut h = History::new();
        h.change("f0", "0\n", "root");
        for branch in ["b1", "b2"] {
            h.git(&["branch", branch]);
        }
        for (n, (branch, what, file, content, minutes)) in steps.into_iter().enumerate() {
            h.git(&["checkout", "-q", ["main", "b1", "b2"][usize::from(branch)]]);
            h.clock += minutes - 10;
            let name = ["f0", "f1", "d/f", "d/e/f", "g"][usize::from(file)];
            match what {
                0 => {
                    let _ = std::fs::remove_file(h.path.join(name));
                    h.commit("delete");
                }
                1 => {
                    let other = ["main", "b1", "b2"][usize::from((branch + 1) % 3)];
                    h.clock += 10;
                    h.merge_somehow(other);
                }
                _ => {
                    h.change(name, &format!("{}{n}\n", numbered(content..content + 6)), "edit");
                }
            }
        }
        h.git(&["checkout", "-q", "main"]);
        assert_as_git(&h, window(-EVER, EVER));
        assert_as_git(&h, window(from, from + 60));
        assert_no_trace_of_earlier_questions(&h, from);
    }
}
