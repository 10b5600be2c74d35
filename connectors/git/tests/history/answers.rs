//! What a change says beside its files: when it landed, who made it, what it reverts, and nothing of the future.

use std::sync::Arc;

use hearback_core::change::{Change, ChangeKind, Landed, Nature, Paths, Says, Side};
use hearback_core::evidence::Fetched;
use hearback_core::ids::ChangeId;
use hearback_core::ports::ChangeSource;
use hearback_git::{CommitCache, DiffCaps, GitOptions};
use jiff::SignedDuration;

use crate::generated::*;

fn id(sha: &str) -> ChangeId {
    ChangeId::commit("shop", sha).unwrap()
}

fn everything(h: &History) -> Fetched<Change> {
    ask(&open(&h.path, GitOptions::default()), window(0, 10_000))
}

#[test]
fn a_branch_takes_effect_with_its_merge() {
    let mut h = History::new();
    let base = h.change("a", "1\n", "base");
    h.git(&["checkout", "-q", "-b", "side"]);
    let side = [h.change("b", "1\n", "side 1"), h.change("b", "2\n", "side 2")];
    h.git(&["checkout", "-q", "main"]);
    let merge = h.merge(&["side"], "merge side");
    let merged_at = at(h.clock);
    h.git(&["checkout", "-q", "-b", "late", "main"]);
    let late = h.change("c", "1\n", "late");
    h.git(&["checkout", "-q", "main"]);
    h.clock += 100;
    let late_merge = h.merge(&["late"], "merge late");

    let all = everything(&h);
    assert_eq!(find(&all, &merge).delivers, side.each_ref().map(|sha| id(sha)));
    assert!(find(&all, &merge).is_merge() && find(&all, &base).delivers.is_empty());
    for sha in &side {
        assert_eq!((find(&all, sha).effective_at, find(&all, sha).landed), (merged_at, Landed::Yes));
    }
    assert_eq!(find(&all, &base).effective_at, find(&all, &base).committed_at);
    assert_eq!(find(&all, &late).effective_at, at(h.clock));

    // Before its merge, nobody knows of it.
    let before = ask(&open(&h.path, GitOptions::default()), window(0, h.clock));
    assert!(before.items.iter().all(|change| change.id != id(&late_merge)));
    let late = find(&before, &late);
    assert_eq!((late.effective_at, late.landed), (late.committed_at, Landed::NotYet));
}

#[test]
fn a_foxtrot_lands_what_it_brought_and_hides_nothing() {
    let mut h = History::new();
    h.change("a", "1\n", "base");
    let on_main = h.change("a", "2\n", "on main");
    h.git(&["checkout", "-q", "-b", "fox", "HEAD~1"]);
    let fox = h.change("b", "1\n", "fox");
    let foxtrot = h.merge(&["main"], "merge main into fox");
    let all = everything(&h);
    assert_eq!(all.items.len(), 4);
    assert_eq!(find(&all, &foxtrot).delivers, [id(&on_main)]);
    assert_eq!(find(&all, &fox).landed, Landed::Yes);
    assert_eq!(find(&all, &on_main).effective_at, at(h.clock));
}

#[test]
fn a_merge_into_a_branch_names_what_it_brought_there() {
    let mut h = History::new();
    h.change("a", "1\n", "base");
    h.git(&["checkout", "-q", "-b", "side"]);
    h.change("b", "1\n", "side");
    h.git(&["checkout", "-q", "main"]);
    let on_main = h.change("a", "2\n", "on main");
    h.git(&["checkout", "-q", "side"]);
    let inner = h.merge(&["main"], "merge main into side");
    h.git(&["checkout", "-q", "main"]);
    h.change("a", "3\n", "on main again");
    let outer = h.merge(&["side"], "merge side");
    let all = everything(&h);
    assert_eq!(find(&all, &inner).delivers, [id(&on_main)]);
    assert_eq!(find(&all, &outer).delivers.len(), 2);
    assert_eq!(find(&all, &on_main).effective_at, find(&all, &on_main).committed_at);
}

#[test]
fn nothing_later_than_the_as_of_shows_in_any_field() {
    let mut h = History::new();
    h.author("Old Name", "old@example.com");
    let bad = h.change("a", "bad\n", "Add cart");
    h.git(&["checkout", "-q", "-b", "side"]);
    h.change("s", "1\n", "side");
    h.git(&["checkout", "-q", "main"]);
    let as_of = h.clock + 1;
    let before = ask(&open(&h.path, GitOptions::default()), window(0, as_of));
    h.git(&["revert", "--no-edit", &bad]);
    h.clock += 10;
    h.git(&["commit", "-q", "--amend", "--no-edit", "--date", &format!("{} +0000", at(h.clock).as_second())]);
    h.merge(&["side"], "merge side");
    h.change(".mailmap", "New Name <new@example.com> <old@example.com>\n", "rename everybody");
    h.git(&["tag", "-a", "v1", "-m", "later", &bad]);
    h.git(&["tag", "v2"]);
    let after = ask(&open(&h.path, GitOptions::default()), window(0, as_of));
    let of_main = |fetched: &Fetched<Change>| -> Vec<Change> {
        fetched.items.iter().filter(|c| c.title.as_untrusted() != "side").cloned().collect()
    };
    assert_eq!(of_main(&after), of_main(&before));
    assert_eq!(after.coverage, before_with(&before, "2 commits"));
    let now = everything(&h);
    assert_eq!(find(&now, &bad).revert.reverted_by.len(), 1);
    assert_eq!(find(&now, &bad).author.name.as_untrusted(), "New Name");
}

/// The side branch was not reachable from main then; its commit is the one difference.
fn before_with(before: &Fetched<Change>, count: &str) -> hearback_core::Coverage {
    let mut coverage = before.coverage.clone();
    coverage.searched = coverage.searched.replace("1 commit", count);
    coverage
}

#[test]
fn reverts_and_relands_are_linked_both_ways() {
    let mut h = History::new();
    let old = h.change("a", "0\n", "Old");
    let add = h.change("a", "1\n", "Add cart (#1)");
    let revert = h.change("a", "0\n", &format!("Revert \"Add cart\" (#2)\n\nThis reverts commit {add}."));
    let reland = h.change("a", "1\n", "Reland \"Add cart\" (#3)");
    let again = h.change("a", "0\n", &format!("Fix\n\nThis reverts commit {}.", &reland[..9]));
    let outside = h.change("a", "9\n", &format!("Undo\n\nThis reverts commit {}.", &old[..10]));
    let seen = ask(&open(&h.path, GitOptions::default()), window(15, 10_000));
    assert_eq!(find(&seen, &revert).revert.reverts, [id(&add)]);
    let by: Vec<_> = find(&seen, &add).revert.reverted_by.iter().map(|r| (r.by.clone(), r.at)).collect();
    assert_eq!(by, [(id(&revert), at(30))]);
    assert_eq!(find(&seen, &reland).revert.relands, [id(&add)]);
    assert_eq!(find(&seen, &reland).revert.says, Says::Relands);
    assert_eq!(find(&seen, &reland).revert.reverted_by[0].by, id(&again));
    assert_eq!(find(&seen, &outside).revert.reverts, [id(&old)]);
    assert_eq!(find(&seen, &add).revert.says, Says::Nothing);
}

#[test]
fn authors_go_through_the_mailmap() {
    let mut h = History::new();
    h.write(".mailmap", "Ann Real <ann@real.example> <ann@old.example>\n");
    let ann = h.author("ann", "ann@old.example").commit("one");
    let bot = h.author("dependabot[bot]", "support@github.com").commit("two");
    let all = everything(&h);
    let author = &find(&all, &ann).author;
    assert_eq!(author.name.as_untrusted(), "Ann Real");
    assert_eq!(author.email.as_ref().unwrap().as_untrusted(), "ann@real.example");
    assert_eq!(author.nature, Nature::Person);
    assert_eq!(find(&all, &bot).author.nature, Nature::Bot);
}

#[test]
fn a_file_moved_unchanged_says_from_where() {
    let mut h = History::new();
    h.change("old/name.rs", "fn main() {}\n", "add");
    h.git(&["mv", "old/name.rs", "name.rs"]);
    let moved = h.commit("move");
    let all = everything(&h);
    let Paths::Known(paths) = &find(&all, &moved).paths else { panic!("known") };
    let rows: Vec<_> =
        paths.iter().map(|p| (p.path.as_str(), p.moved_from.as_ref().map(|f| f.as_str()))).collect();
    assert_eq!(rows, [("name.rs", Some("old/name.rs")), ("old/name.rs", None)]);
}

#[test]
fn tags_are_releases_of_what_no_earlier_tag_had() {
    let mut h = History::new();
    let one = h.change("a", "1\n", "one");
    h.git(&["tag", "v1"]);
    let two = h.change("a", "2\n", "two");
    let three = h.change("a", "3\n", "three");
    h.clock += 5;
    h.git(&["tag", "-a", "v2", "-m", "second release"]);
    h.change("a", "4\n", "four");
    let all = everything(&h);
    let deploys: Vec<&Change> = all.items.iter().filter(|c| c.kind == ChangeKind::Deploy).collect();
    let told: Vec<_> = deploys
        .iter()
        .map(|d| (d.id.as_str(), d.title.as_untrusted(), d.committed_at, d.delivers.clone()))
        .collect();
    assert_eq!(
        told,
        [
            ("git:shop:tag/v1", "tag v1", at(10), vec![id(&one)]),
            ("git:shop:tag/v2", "tag v2", at(35), vec![id(&two), id(&three)]),
        ]
    );
    assert_eq!(deploys[1].body.as_untrusted(), "second release");
    // The tag was made later than its commit.
    let before = ask(&open(&h.path, GitOptions::default()), window(0, 33));
    assert_eq!(before.items.iter().filter(|c| c.kind == ChangeKind::Deploy).count(), 1);
}

#[test]
fn links_lead_to_the_forge() {
    let mut h = History::new();
    let sha = h.change("a", "1\n", "one");
    assert_eq!(find(&everything(&h), &sha).link, None);
    h.git(&["remote", "add", "origin", "https://ann:secret@github.com/shop/cart.git"]);
    let link = find(&everything(&h), &sha).link.clone();
    assert_eq!(link, Some(format!("https://github.com/shop/cart/commit/{sha}")));
}

#[test]
fn a_warm_cache_answers_the_same_bytes_and_a_broken_one_too() {
    let mut h = History::new();
    for n in 0..40 {
        h.change(&format!("d{}/f", n % 7), &format!("{n}\nsame\n"), &format!("change {n}"));
    }
    let path = h.outside("cache.db");
    let cached = || {
        let cache = Some(Arc::new(CommitCache::open(&path)));
        let source = open(&h.path, GitOptions { cache, ..GitOptions::default() });
        let fetched = ask(&source, window(0, 10_000));
        let ids: Vec<ChangeId> = fetched.items.iter().map(|c| c.id.clone()).collect();
        (fetched, block_on(source.diffs(&ids, SignedDuration::from_mins(1))).unwrap())
    };
    let cold = cached();
    assert_eq!(cold.0, everything(&h));
    assert_eq!(cold.1.len(), 40);
    assert_eq!(cached(), cold);
    std::fs::write(&path, [0x5a; 9000]).unwrap();
    assert_eq!(cached(), cold);
    assert_eq!(cached(), cold);
}

#[test]
fn diffs_cite_lines_and_say_what_they_leave_out() {
    let mut h = History::new();
    h.write("a.rs", "one\ntwo\nthree\n").write("gone", "x\n").commit("start");
    std::fs::remove_file(h.path.join("gone")).unwrap();
    h.write("a.rs", "one\nTWO\nthree\nfour\n").write("b.bin", b"\0").write("Cargo.lock", "lock\n");
    h.write("m.js", "x".repeat(9000)).write("z.txt", "1\n2\n3\n4\n5\n");
    let sha = h.commit("change");
    let caps = DiffCaps { lines_per_file: 3, ..DiffCaps::default() };
    let source = open(&h.path, GitOptions { diff_caps: caps, ..GitOptions::default() });
    let ids = [id(&sha), ChangeId::new("git:other:abc").unwrap(), id(&"e".repeat(40))];
    let diffs = block_on(source.diffs(&ids, SignedDuration::from_mins(1))).unwrap();
    assert_eq!(diffs.len(), 1);
    let told: Vec<_> = diffs[0]
        .files
        .iter()
        .flat_map(|f| f.lines.iter().map(|l| (f.path.as_str(), l.side, l.line, l.text.as_untrusted())))
        .collect();
    assert_eq!(
        told,
        [
            ("a.rs", Side::Removed, 2, "two"),
            ("a.rs", Side::Added, 2, "TWO"),
            ("a.rs", Side::Added, 4, "four"),
            ("gone", Side::Removed, 1, "x"),
            ("z.txt", Side::Added, 1, "1"),
            ("z.txt", Side::Added, 2, "2"),
            ("z.txt", Side::Added, 3, "3"),
        ]
    );
    assert_eq!(
        diffs[0].left_out.as_deref(),
        Some("1 binary file, 1 minified file, 1 lock file, 2 more lines")
    );
}
