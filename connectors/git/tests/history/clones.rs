//! Repositories that lack something, or are no ordinary work tree.

use std::path::Path;

use hearback_core::change::{Lines, Paths};
use hearback_core::ports::{ChangeQuery, ChangeSource, ConnectorError};
use hearback_git::{GitChangeSource, GitOptions};
use jiff::SignedDuration;

use crate::generated::*;

fn three_changes() -> (History, [String; 3]) {
    let mut h = History::new();
    let shas = [h.change("a", "1\n", "one"), h.change("d/b", "2\n", "two"), h.change("a", "3\n", "three")];
    (h, shas)
}

fn clone(h: &History, name: &str, args: &[&str]) -> std::path::PathBuf {
    let to = h.outside(name);
    h.git(&["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", h.path.display());
    let mut all = vec!["clone", "-q"];
    all.extend(args);
    all.extend([url.as_str(), to.to_str().unwrap()]);
    h.git(&all);
    to
}

#[test]
fn every_kind_of_place_gives_the_same_commits() {
    let (h, _) = three_changes();
    let expect = h.numstat(&h.path, window(0, 100), &[]);
    let bare = clone(&h, "bare.git", &["--bare"]);
    h.git(&["worktree", "add", "-q", h.outside("linked").to_str().unwrap(), "-b", "w"]);
    let detached = clone(&h, "detached", &[]);
    h.git_in(&detached, &["checkout", "-q", "--detach"]);
    for (path, name, on) in [
        (h.path.clone(), "git:shop", "main"),
        (h.path.join("d"), "git:shop", "main"),
        (bare, "git:bare", "main"),
        (h.outside("linked"), "git:linked", "w"),
        (detached, "git:detached", "detached HEAD"),
    ] {
        let source = open(&path, GitOptions::default());
        assert_eq!(source.name().as_str(), name);
        let fetched = ask(&source, window(0, 100));
        assert_eq!(ours(&fetched), expect, "{name}");
        let sha = h.head();
        let searched = format!("3 commits on {on} from 2023-11-14 00:00Z to {}", &sha[..7]);
        assert_eq!(fetched.coverage.searched, searched);
        assert!(fetched.coverage.missing.is_empty(), "{:?}", fetched.coverage.missing);
    }
}

#[test]
fn a_shallow_clone_says_where_it_was_cut() {
    let (h, shas) = three_changes();
    let shallow = clone(&h, "shallow", &["--depth", "2"]);
    let cache = std::sync::Arc::new(hearback_git::CommitCache::open(&h.outside("cache.db")));
    let with_cache = || GitOptions { cache: Some(cache.clone()), ..GitOptions::default() };
    let fetched = ask(&open(&shallow, with_cache()), window(0, 100));
    assert_eq!(fetched.items.len(), 2);
    assert_eq!(find(&fetched, &shas[1]).paths, Paths::Unknown);
    assert_eq!(
        fetched.coverage.missing,
        ["history is cut at 2023-11-14 00:20:00Z by a shallow clone; run `git fetch --unshallow`"]
    );
    // Of what lies inside, nothing is missing.
    assert!(ask(&open(&shallow, with_cache()), window(25, 100)).coverage.missing.is_empty());
    // What was unknown there was not remembered.
    let whole = ask(&open(&h.path, with_cache()), window(0, 100));
    assert_eq!(ours(&whole), h.numstat(&h.path, window(0, 100), &[]));
}

#[test]
fn what_a_whole_clone_left_in_the_cache_hides_no_gap_of_a_shallow_one() {
    let (h, _) = three_changes();
    let shallow = clone(&h, "shallow", &["--depth", "2"]);
    let cache = std::sync::Arc::new(hearback_git::CommitCache::open(&h.outside("cache.db")));
    let with_cache = || GitOptions { cache: Some(cache.clone()), ..GitOptions::default() };
    for until in [15, 25] {
        ask(&open(&h.path, with_cache()), window(0, until));
        let [cached, plain] = [with_cache(), GitOptions::default()]
            .map(|options| ask(&open(&shallow, options), window(0, until)));
        assert_eq!(cached, plain);
        assert!(plain.coverage.missing[0].contains("shallow clone"), "{:?}", plain.coverage.missing);
    }
}

#[test]
fn a_partial_clone_says_what_is_absent() {
    let (h, shas) = three_changes();
    let cache = std::sync::Arc::new(hearback_git::CommitCache::open(&h.outside("cache.db")));
    let with_cache = || GitOptions { cache: Some(cache.clone()), ..GitOptions::default() };
    let no_blobs = clone(&h, "no-blobs.git", &["--bare", "--filter=blob:none"]);
    let fetched = ask(&open(&no_blobs, with_cache()), window(0, 100));
    let change = find(&fetched, &shas[1]);
    assert_eq!(change.paths.as_slice()[0].path.as_str(), "d/b");
    assert_eq!(change.paths.as_slice()[0].lines, Lines::Unknown);
    assert_eq!(
        fetched.coverage.missing,
        ["the content of 3 files is absent (partial clone); lines were not counted there"]
    );
    let no_trees = clone(&h, "no-trees.git", &["--bare", "--filter=tree:0"]);
    let fetched = ask(&open(&no_trees, with_cache()), window(0, 100));
    assert_eq!(find(&fetched, &shas[2]).paths, Paths::Unknown);
    assert_eq!(
        fetched.coverage.missing,
        ["the files of 3 commits are not known because trees are absent (partial clone)"]
    );
    let whole = ask(&open(&h.path, with_cache()), window(0, 100));
    assert_eq!(ours(&whole), h.numstat(&h.path, window(0, 100), &[]));
}

#[test]
fn what_is_not_usable_is_told_in_one_sentence() {
    let (h, _) = three_changes();
    let check = |path: &Path, revision: Option<&str>, expect: &str| {
        let options = GitOptions { revision: revision.map(str::to_owned), ..GitOptions::default() };
        match GitChangeSource::open(path, None, options).map(|_| ()) {
            Err(ConnectorError::NotUsable(text)) => assert!(text.contains(expect), "{text}"),
            other => panic!("{other:?}"),
        }
    };
    let plain = h.outside("plain");
    std::fs::create_dir(&plain).unwrap();
    check(&plain, None, "is not a git repository");
    check(&h.outside("nowhere"), None, "is not a git repository");
    let empty = h.outside("empty");
    h.git(&["init", "-q", empty.to_str().unwrap()]);
    check(&empty, None, "has no commits on its current branch yet");
    check(&h.path, Some("no/such\u{1b}branch"), "\"no/suchbranch\" is no branch, tag or commit of");
}

#[test]
fn a_question_without_time_says_what_it_did_not_see() {
    let (h, _) = three_changes();
    let source = open(&h.path, GitOptions::default());
    let fetched = ask_within(&source, window(0, 100), SignedDuration::ZERO);
    assert!(fetched.items.iter().all(|change| change.paths == Paths::Unknown));
    assert_eq!(
        fetched.coverage.missing,
        ["time was up after 0 s: commits before 2023-11-14 00:30:00Z were not looked at"]
    );
}

#[test]
fn a_dropped_question_leaves_the_source_usable() {
    let (h, _) = three_changes();
    let source = open(&h.path, GitOptions::default());
    let query = ChangeQuery { window: window(0, 100), budget: SignedDuration::from_mins(1) };
    block_on(async {
        let mut question = source.changes(&query);
        let waker = std::task::Waker::noop();
        let _ = question.as_mut().poll(&mut std::task::Context::from_waker(waker));
        drop(question);
        assert_eq!(source.changes(&query).await.unwrap().items.len(), 3);
    });
}
