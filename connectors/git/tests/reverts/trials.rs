//! Trying a revert: what would change, what came later, what it refuses.

use hearback_core::change::RepoPath;
use hearback_core::ids::ChangeId;
use hearback_core::ports::{ConnectorError, RevertFit, RevertPreview};
use jiff::SignedDuration;

use crate::world::{LONG, World, block_on};

fn paths(names: &[&str]) -> Vec<RepoPath> {
    names.iter().map(|name| RepoPath::from(*name)).collect()
}

/// Ten lines with some of them changed.
pub fn lines(changed: &[(usize, &str)]) -> String {
    let line = |n: usize| {
        changed.iter().find(|(at, _)| *at == n).map_or_else(|| n.to_string(), |(_, text)| (*text).to_owned())
    };
    (1..=10).map(|n| line(n) + "\n").collect()
}

#[test]
fn a_trial_tells_what_would_change_and_what_came_later() {
    let mut world = World::new();
    world.change("a", lines(&[]), "one");
    let bad = world.change("a", lines(&[(2, "bad")]), "two");
    let near = world.change("a", lines(&[(2, "bad"), (9, "nine")]), "three");
    world.change("elsewhere/b", "b\n", "four");
    let trial = world.clone().trial(&bad).unwrap();
    assert_eq!((trial.repository.as_str(), trial.branch.as_str()), ("shop", "main"));
    assert_eq!((trial.commit, trial.fit), (bad, RevertFit::Clean));
    assert_eq!((trial.files, trial.file_count), (paths(&["a"]), 1));
    assert_eq!((trial.later, trial.later_count), (vec![ChangeId::commit("shop", &near).unwrap()], 1));
}

#[test]
fn what_is_expected_is_what_the_files_hold_and_nothing_else() {
    let mut world = World::new();
    world.change("a", lines(&[]), "one");
    let bad = world.change("a", lines(&[(2, "bad")]), "two");
    let first = world.clone().trial(&bad).unwrap().expected;
    let again = |world: &World| {
        world.git(&world.mine, &["fetch", "-q"]);
        world.trial(&bad).unwrap().expected
    };
    world.change("b", "b\n", "elsewhere");
    assert_eq!(again(&world), first);
    world.change("a", lines(&[(2, "bad"), (9, "nine")]), "here");
    assert_ne!(again(&world), first);
    world.change("a", lines(&[(2, "bad")]), "and back");
    assert_eq!(again(&world), first);
    world.git(&world.theirs, &["update-index", "--chmod=+x", "a"]);
    world.git(&world.theirs, &["commit", "-qm", "runs"]);
    world.push();
    assert_ne!(again(&world), first);
}

#[test]
fn the_branch_is_the_remotes_as_of_the_last_fetch() {
    let mut world = World::new();
    world.change("a", "1\n", "one");
    let bad = world.change("a", "2\n", "two");
    world.clone();
    let before = world.trial(&bad).unwrap().expected;
    world.change("a", "3\n", "three");
    // Nothing of the network is asked here, and a local branch of the same name is not the remote's.
    world.git(&world.mine, &["branch", "-f", "main", "HEAD~1"]);
    assert_eq!(world.trial(&bad).unwrap().expected, before);
}

#[test]
fn conflicts_and_nothing_left_are_told() {
    let mut world = World::new();
    world.change("a", lines(&[]), "one");
    let bad = world.change("a", lines(&[(2, "bad")]), "two");
    world.change("a", lines(&[(2, "worse")]), "three");
    let trial = world.clone().trial(&bad).unwrap();
    assert_eq!(trial.fit, RevertFit::Conflicts(paths(&["a"])));
    world.change("a", lines(&[]), "as it was");
    world.git(&world.mine, &["fetch", "-q"]);
    let trial = world.trial(&bad).unwrap();
    assert_eq!((trial.fit, trial.file_count), (RevertFit::NothingLeft, 0));
    let empty = world.commit("empty");
    world.git(&world.mine, &["fetch", "-q"]);
    assert_eq!(world.trial(&empty).unwrap().fit, RevertFit::NothingLeft);
}

#[test]
fn what_cant_be_undone_is_refused_in_a_sentence() {
    let mut world = World::new();
    let one = world.change("a", "1\n", "one");
    world.git(&world.theirs, &["checkout", "-q", "-b", "side"]);
    let side = world.change("s", "s\n", "side");
    world.git(&world.theirs, &["checkout", "-q", "main"]);
    world.change("b", "b\n", "main");
    world.git(&world.theirs, &["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    world.push();
    let merge = world.on_server("main");
    world.git(&world.theirs, &["checkout", "-q", "-b", "stray", &one]);
    let stray = world.change("x", "x\n", "stray");
    world.clone();
    let refused = |commit: &str| match world.trial(commit) {
        Err(ConnectorError::NotUsable(why)) => why,
        other => panic!("{other:?}"),
    };
    let short = |sha: &str| sha[..10].to_owned();
    assert_eq!(
        refused(&merge),
        format!(
            "{0} is a merge, and a merge is not undone by itself; undo a commit that it brought, or do it by hand: git \
             revert -m 1 {0}",
            short(&merge)
        )
    );
    assert_eq!(
        refused(&stray),
        format!("{} is not on the branch, so there is nothing to undo there", short(&stray))
    );
    // What a merge brought can be undone.
    assert_eq!(world.trial(&side).unwrap().fit, RevertFit::Clean);
}

#[test]
fn a_merge_counts_as_later_only_for_what_it_holds_itself() {
    let mut world = World::new();
    let bad = world.change("a", lines(&[(2, "bad")]), "one");
    world.git(&world.theirs, &["checkout", "-q", "-b", "side"]);
    let side = world.change("a", lines(&[(2, "bad"), (9, "nine")]), "side");
    world.git(&world.theirs, &["checkout", "-q", "main"]);
    world.change("b", "b\n", "main");
    world.git(&world.theirs, &["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    world.push();
    let trial = world.clone().trial(&bad).unwrap();
    assert_eq!((trial.later, trial.later_count), (vec![ChangeId::commit("shop", &side).unwrap()], 1));
}

#[test]
fn clocks_that_disagree_hide_nothing() {
    let mut world = World::new();
    world.change("a", lines(&[]), "one");
    let bad = world.change("a", lines(&[(2, "bad")]), "two");
    // Somebody's machine lives in 1970.
    world.write("a", lines(&[(2, "bad"), (9, "nine")]));
    world.git(&world.theirs, &["add", "-A"]);
    let old = world
        .command(&world.theirs)
        .env("GIT_COMMITTER_DATE", "@1000 +0000")
        .args(["commit", "-qm", "old"])
        .status();
    assert!(old.unwrap().success());
    world.push();
    let trial = world.clone().trial(&bad).unwrap();
    assert_eq!((trial.later_count, trial.fit), (1, RevertFit::Clean));
}

#[test]
fn changes_of_others_are_none_of_ours() {
    let mut world = World::new();
    let sha = world.change("a", "1\n", "one");
    let reverts = world.clone().reverts();
    for other in [
        "git:cart:3f2a91c0aa3f2a91c0aa3f2a91c0aa3f2a91c0aa".to_owned(),
        "git:shop:3f2a91c0aa3f2a91c0aa3f2a91c0aa3f2a91c0aa".to_owned(),
        format!("git:shop:{}", &sha[..20]),
        "git:shop:HEAD".to_owned(),
        "flag:ld:cart".to_owned(),
    ] {
        let id = ChangeId::new(other).unwrap();
        assert_eq!(block_on(reverts.try_revert(&id, LONG)).unwrap(), None, "{id}");
    }
    let id = ChangeId::commit("shop", &sha).unwrap();
    let late = block_on(reverts.try_revert(&id, SignedDuration::ZERO)).unwrap_err();
    assert_eq!(late.to_string(), "the time was up before git's objects were read; ask again");
}

#[test]
fn a_commit_far_back_is_a_persons_to_undo() {
    let mut world = World::new();
    world.change("a", "1\n", "one");
    let bad = world.change("a", "2\n", "two");
    let mut stream = String::new();
    for n in 0..20_001 {
        let from = if n == 0 { "from refs/heads/main^0\n" } else { "" };
        let date = 1_700_000_000 + n;
        stream += &format!("commit refs/heads/main\ncommitter A <a@x> {date} +0000\ndata 2\nx\n{from}\n");
    }
    let input = world.outside("stream");
    std::fs::write(&input, stream).unwrap();
    let mut import = world.command(&world.server);
    let import = import.args(["fast-import", "--quiet"]).stdin(std::fs::File::open(&input).unwrap());
    assert!(import.status().unwrap().success());
    let Err(ConnectorError::NotUsable(why)) = world.clone().trial(&bad) else { panic!("it was tried") };
    let short = &bad[..10];
    assert_eq!(
        why,
        format!(
            "{short} lies more than 20000 commits back; nobody can say what was built on it, so undo it by hand"
        )
    );
    // One that is just near enough is tried.
    world.git(&world.server, &["update-ref", "refs/heads/main", "main~20"]);
    world.git(&world.mine, &["fetch", "-q"]);
    assert_eq!(world.trial(&bad).unwrap().fit, RevertFit::Clean);
}
