//! Who wrote the lines near a change, as `git blame` says it. Plain blame, without `-w`: a line that was only spaced otherwise
//! is from who spaced it, unless its commit is listed or touches very many files.

use std::collections::BTreeMap;

use hearback_core::ChangeId;
use hearback_core::evidence::Fetched;
use hearback_core::expertise::{LineQuery, NearLines};
use hearback_core::ports::{ConnectorError, LineHistory};
use hearback_git::{GitChangeSource, GitOptions};
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::generated::*;

const YEAR: i64 = 60 * 24 * 365;
const LATER: i64 = 20 * YEAR;

fn query(shas: &[String], as_of: i64, budget: SignedDuration) -> LineQuery {
    let changes = shas.iter().map(|sha| ChangeId::commit("shop", sha).unwrap()).collect();
    LineQuery { changes, as_of: at(as_of), budget }
}

fn near_as_of(source: &GitChangeSource, shas: &[String], as_of: i64) -> Fetched<NearLines> {
    block_on(source.lines_near(&query(shas, as_of, SignedDuration::from_mins(5)))).unwrap()
}

fn near(h: &History, shas: &[String]) -> Fetched<NearLines> {
    near_as_of(&open(&h.path, GitOptions::default()), shas, h.clock + 1)
}

fn numbered(lines: std::ops::Range<u32>) -> String {
    lines.map(|n| format!("line {n}\n")).collect()
}

/// Whose the lines of a place are, by commit: ours.
fn ours(place: &NearLines) -> BTreeMap<String, u32> {
    place.written.iter().map(|one| (one.change.sha().unwrap().to_owned(), one.lines)).collect()
}

/// The same, by `git blame` of the commit before the change.
fn theirs(h: &History, place: &NearLines, more: &[&str]) -> BTreeMap<String, u32> {
    let before = format!("{}^", place.change.sha().unwrap());
    let lines = format!("{},+{}", place.first, place.lines);
    let mut args = vec!["blame", "-s", "-l", "--root", "-L", &lines];
    args.extend(more);
    args.extend([before.as_str(), "--", place.path.as_str()]);
    let mut by_commit = BTreeMap::new();
    for line in h.git(&args).lines() {
        *by_commit.entry(line.split(' ').next().unwrap().to_owned()).or_default() += 1;
    }
    by_commit
}

/// Asks about all these changes at once, and git about each place; the number of places.
fn assert_as_blame(h: &History, shas: &[String]) -> usize {
    let fetched = near(h, shas);
    assert_eq!(fetched.coverage.missing, Vec::<String>::new());
    for place in &fetched.items {
        assert_eq!(ours(place), theirs(h, place, &[]), "{place:?}");
    }
    fetched.items.len()
}

#[test]
fn a_place_is_what_was_replaced_and_three_lines_around_it() {
    let mut h = History::new();
    h.author("Ann", "ann@example.com").change("cart.rs", &numbered(0..30), "start");
    h.author("Cy", "cy@example.com");
    h.change("cart.rs", &numbered(0..30).replace("line 12\n", "line twelve\n"), "edit");
    let text = numbered(0..30).replace("line 12\n", "line twelve\n").replace("line 10\nline 11\n", "x\n");
    let sha = h.change("cart.rs", &text, "suspect");
    let fetched = near(&h, std::slice::from_ref(&sha));
    let [place] = fetched.items.as_slice() else { panic!("{:?}", fetched.items) };
    assert_eq!((place.path.as_str(), place.first, place.lines), ("cart.rs", 8, 8));
    assert_eq!((place.change.sha(), place.changed_at), (Some(sha.as_str()), at(30)));
    let said: Vec<(&str, u32, i64)> = place
        .written
        .iter()
        .map(|one| (one.author.name.as_untrusted(), one.lines, (one.at - at(0)).get_seconds() / 60))
        .collect();
    assert_eq!(said, [("Ann", 7, 10), ("Cy", 1, 20)]);
    assert_eq!(fetched.coverage.searched, "who wrote 8 of the 8 lines next to 1 of 1 changes");
    // Nothing was there before, or there is nothing to be looked at.
    let added = h.change("new.rs", &numbered(0..9), "add");
    let binary = h.change("cart.rs", "\0", "binary");
    let unknown = "0".repeat(40);
    assert_eq!(near(&h, &[added, unknown]).items, []);
    assert_eq!(near(&h, &[binary]).items, []);
}

#[test]
fn a_file_is_followed_to_where_it_was_before_it_was_moved_or_moved_and_edited() {
    let mut h = History::new();
    h.write("other.rs", numbered(500..530)).change("src/cart.rs", &numbered(0..40), "start");
    h.git(&["mv", "src/cart.rs", "src/basket.rs"]);
    h.commit("move");
    h.git(&["mv", "src/basket.rs", "basket.rs"]);
    h.change("basket.rs", &numbered(0..40).replace("line 20\n", "line twenty\n"), "move and edit");
    let edit = h.change("basket.rs", &numbered(0..40).replace("line 22\n", "x\n"), "edit");
    h.git(&["mv", "basket.rs", "cart.rs"]);
    let moved = h.change("cart.rs", &numbered(2..40).replace("line 22\n", "x\n"), "move with a suspect edit");
    let gone = {
        std::fs::remove_file(h.path.join("cart.rs")).unwrap();
        h.commit("take away")
    };
    assert_eq!(assert_as_blame(&h, &[edit, moved.clone(), gone]), 3);
    assert_eq!(near(&h, &[moved]).items[0].path.as_str(), "basket.rs");
}

#[test]
fn what_is_older_than_three_years_is_nobodys_and_said_to_be() {
    let mut h = History::new();
    h.change("a", "1\n2\n3\n", "long ago");
    h.clock += 3 * YEAR;
    h.change("a", "1\n2\n3\n4\n", "lately");
    let sha = h.change("a", "1\n2\n3\n4\n5\n", "suspect");
    let fetched = near(&h, &[sha]);
    assert_eq!((fetched.items[0].lines, fetched.items[0].written.len()), (3, 1));
    let says = &fetched.coverage.searched;
    assert_eq!(says, "who wrote 1 of the 3 lines next to 1 of 1 changes; 2 lines are older than 3 years");
}

#[test]
fn nothing_from_the_as_of_on_is_seen() {
    let mut h = History::new();
    h.author("a", "ann@home.example").change("a", "1\n2\n3\n", "start");
    let sha = h.change("a", "1\n2\n3\n4\n", "suspect");
    h.change(".mailmap", "Ann Ode <ann@example.com> <ann@home.example>\n", "names");
    let source = open(&h.path, GitOptions::default());
    let name = |as_of| {
        let items = near_as_of(&source, std::slice::from_ref(&sha), as_of).items;
        items.first().map(|place| {
            let one = &place.written[0];
            (
                one.author.name.as_untrusted().to_owned(),
                one.alias.as_ref().map(|a| a.as_untrusted().to_owned()),
            )
        })
    };
    assert_eq!(name(20), None, "the suspect is not there yet");
    assert_eq!(name(30), Some(("a".to_owned(), None)));
    assert_eq!(name(31), Some(("Ann Ode".to_owned(), Some("ann@home.example".to_owned()))));
}

#[test]
fn commits_that_the_repository_lists_are_passed_over() {
    let mut h = History::new();
    let first = h.change("a.js", "if(a){\nb()\n}\nc()\nd()\n", "start");
    let spaced = h.change("a.js", "if (a) {\n  b()\n}\nc()\n// new\nd( )\n", "reformat");
    let text = format!("# how it is spaced\n{spaced} # all of it\nnonsense\n");
    h.change(".git-blame-ignore-revs", &text, "list it");
    let sha = h.change("a.js", "if (a) {\n  b(1)\n}\nc()\n// new\nd( )\n", "suspect");
    let fetched = near(&h, std::slice::from_ref(&sha));
    assert_eq!(ours(&fetched.items[0]), BTreeMap::from([(first.clone(), 4)]), "but for the new line");
    let says = &fetched.coverage.searched;
    assert!(says.ends_with("; 1 line is from commits that reformat or touch very many files"), "{says}");
    let git = theirs(&h, &fetched.items[0], &["--ignore-revs-file=/dev/null", "--ignore-rev", &spaced]);
    assert_eq!(git.get(&first), Some(&4));
    // It counts as it is in the tree of the moment.
    std::fs::remove_file(h.path.join(".git-blame-ignore-revs")).unwrap();
    h.commit("list nothing");
    assert!(ours(&near(&h, &[sha]).items[0]).contains_key(&spaced));
}

#[test]
fn a_commit_of_very_many_files_wrote_none_of_their_lines() {
    let mut h = History::new();
    let first = h.change("a.js", &numbered(0..6), "start");
    for n in 0..500 {
        h.write(&format!("many/{n}"), "x\n");
    }
    let many = h.change("a.js", &numbered(0..6).replace("line", "LINE"), "touch everything");
    let sha = h.change("a.js", &numbered(0..6).replace("line", "LINE").replace('3', "x"), "suspect");
    let fetched = near(&h, &[sha]);
    assert_eq!(ours(&fetched.items[0]), BTreeMap::from([(first, 6)]));
    let added = h.change("many/7", "y\n", "suspect of an import");
    let fetched = near(&h, &[added]);
    assert_eq!(ours(&fetched.items[0]), BTreeMap::new(), "{many} imported it");
    assert!(fetched.coverage.searched.contains("touch very many files"));
}

#[test]
fn what_a_clone_lacks_and_what_time_did_not_suffice_for_is_named() {
    let mut h = History::new();
    h.change("a", &numbered(0..9), "start");
    h.change("a", &numbered(0..10), "more");
    let sha = h.change("a", &numbered(0..11), "suspect");
    let shallow = h.outside("shallow");
    let url = format!("file://{}", h.path.display());
    h.git(&["clone", "-q", "--depth", "2", &url, shallow.to_str().unwrap()]);
    let source = GitChangeSource::open(&shallow, Some("shop"), GitOptions::default()).unwrap();
    let fetched = near_as_of(&source, std::slice::from_ref(&sha), h.clock + 1);
    assert_eq!(ours(&fetched.items[0]), BTreeMap::new());
    assert_eq!(
        fetched.coverage.missing,
        ["who wrote lines next to suspects is cut by a shallow clone; run `git fetch --unshallow`"]
    );
    let source = open(&h.path, GitOptions::default());
    let late = block_on(source.lines_near(&query(&[sha], h.clock + 1, SignedDuration::ZERO)));
    assert!(matches!(late, Err(ConnectorError::TimedOut(_))), "{late:?}");
}

#[test]
fn where_two_branches_meet_a_line_is_from_the_parent_that_has_it() {
    let mut h = History::new();
    h.change("a", &numbered(0..20), "start");
    h.git(&["checkout", "-q", "-b", "side"]);
    h.change("a", &numbered(0..20).replace("line 2\n", "side\n"), "side");
    h.git(&["checkout", "-q", "main"]);
    h.change("a", &numbered(0..20).replace("line 16\n", "main\n"), "main");
    h.merge(&["side"], "merge");
    let text = numbered(1..20).replace("line 16\n", "main\n").replace("line 2\n", "side\n");
    let sha = h.change("a", &text.replace("line 15\n", ""), "suspect");
    assert_eq!(assert_as_blame(&h, &[sha]), 2);
}

/// A line of a few, so that many are alike and it takes git's own way of seeing differences to find out whose is whose.
fn line(of: u8) -> String {
    ["{\n", "    a();\n", "\n", "}\n", "  b\n", "    c(a, b);\n"][usize::from(of)].to_owned()
}

/// Edits a file of lines: takes some out at a place and puts others there.
fn edited(h: &mut History, name: &str, (at, gone, come): &(usize, usize, Vec<u8>)) {
    let text = std::fs::read_to_string(h.path.join(name)).unwrap_or_default();
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let at = (*at).min(lines.len());
    let end = (at + gone).min(lines.len());
    lines.splice(at..end, come.iter().map(|of| line(*of)));
    h.write(name, lines.concat());
}

fn edit() -> impl Strategy<Value = (usize, usize, Vec<u8>)> {
    (0..40_usize, 0..6_usize, proptest::collection::vec(0..6_u8, 0..8))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Steps: which file, what is done to it. One is so long that git cuts equal ends off first.
    #[test]
    fn on_a_line_of_commits_every_line_is_from_whom_blame_says(
        start in proptest::collection::vec(0..6_u8, 10..60),
        steps in proptest::collection::vec((0..2_usize, 0..8_u8, edit()), 6..24),
    ) {
        let mut h = History::new();
        let mut names = ["src/cart.rs".to_owned(), "pay.rs".to_owned()];
        let text: String = start.iter().map(|of| line(*of)).collect();
        h.write(&names[0], &text).write(&names[1], format!("{text}{}", numbered(0..400)));
        h.commit("start");
        let mut shas = Vec::new();
        for (n, (file, what, edit)) in steps.into_iter().enumerate() {
            if what == 0 {
                let name = format!("moved/{n}.rs");
                std::fs::create_dir_all(h.path.join("moved")).unwrap();
                h.git(&["mv", &names[file], &name]);
                names[file] = name;
            } else {
                edited(&mut h, &names[file], &edit);
            }
            shas.push(h.commit("step"));
        }
        assert_as_blame(&h, &shas);
    }

    /// Branches that meet again: a line is from the first parent that has it, after one whose file is the same; so has git.
    #[test]
    fn on_branches_that_meet_every_line_is_from_whom_blame_says(
        start in proptest::collection::vec(0..6_u8, 10..40),
        steps in proptest::collection::vec((0..3_usize, 0..5_u8, edit()), 6..20),
    ) {
        let mut h = History::new();
        let branches = ["main", "b1", "b2"];
        h.change("a", &start.iter().map(|of| line(*of)).collect::<String>(), "start");
        branches[1..].iter().for_each(|branch| drop(h.git(&["branch", branch])));
        let mut shas = Vec::new();
        for (branch, what, edit) in steps {
            h.git(&["checkout", "-q", branches[branch]]);
            if what == 0 {
                h.clock += 10;
                h.merge_somehow(branches[(branch + 1) % 3]);
            } else {
                edited(&mut h, "a", &edit);
                shas.push(h.commit("step"));
            }
        }
        assert_as_blame(&h, &shas);
    }
}

#[test]
fn a_source_says_nothing_of_what_it_does_not_have() {
    let mut h = History::new();
    h.change("a", "1\n", "start");
    let source = open(&h.path, GitOptions::default());
    let other = ChangeId::commit("other", &h.head()).unwrap();
    let query = LineQuery { changes: vec![other], as_of: at(LATER), budget: SignedDuration::from_mins(1) };
    let fetched = block_on(source.lines_near(&query)).unwrap();
    assert_eq!((fetched.items, fetched.coverage.missing), (vec![], vec![]));
}
