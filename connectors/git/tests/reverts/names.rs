//! Options, names and clones that can't be used, told in a sentence.

use hearback_core::action::{Action, Outcome, RevertCommit};
use hearback_core::hash::Digest;
use hearback_core::ids::ChangeId;
use hearback_core::ports::{ActionExecutor, ConnectorError, RevertFit, RevertPreview};
use hearback_git::{CommitAuthor, GitReverts, RevertOptions};

use crate::pushes::{bad, why};
use crate::world::{LONG, World, block_on, done};

fn not_usable<T: std::fmt::Debug>(result: Result<T, ConnectorError>) -> String {
    match result {
        Err(ConnectorError::NotUsable(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn trial_with(world: &World, options: RevertOptions, commit: &str) -> Result<RevertFit, ConnectorError> {
    let reverts = GitReverts::open(&world.mine, Some("shop"), options)?;
    let id = ChangeId::commit("shop", commit).unwrap();
    Ok(block_on(reverts.try_revert(&id, LONG))?.unwrap().fit)
}

#[test]
fn authors_that_git_could_not_write_are_refused() {
    let (world, _) = bad(World::new());
    for (name, email) in
        [("", "a@x"), (" ", "a@x"), ("A\nB", "a@x"), ("A <b>", "a@x"), ("A", ""), ("A", "a@x>\ncommitter")]
    {
        let author = CommitAuthor { name: name.into(), email: email.into() };
        let options = RevertOptions { author, ..world.options() };
        let opened = GitReverts::open(&world.mine, None, options).map(|_| ());
        assert!(not_usable(opened).starts_with("commits need an author"), "{name:?} {email:?}");
    }
}

#[test]
fn branches_that_are_none_are_refused() {
    let (world, commit) = bad(World::new());
    for branch in [
        "",
        "-x",
        "--upload-pack=touch x",
        "a..b",
        "a:b",
        "+main",
        "a b",
        "a~1",
        "a^",
        "a*",
        "@{-1}",
        "x.lock",
        "/main",
        "main/",
        "HEAD",
        "a\nb",
        "a\\b",
        "main\u{7f}",
    ] {
        let options = RevertOptions { branch: Some(branch.into()), ..world.options() };
        // What git allows is a name, and then there is no such branch.
        let told = not_usable(trial_with(&world, options, &commit));
        let is_name = branch == "+main";
        let expect =
            if is_name { "branch +main of origin was never fetched" } else { "is no name of a branch" };
        assert!(told.contains(expect), "{branch:?}: {told}");
    }
}

#[test]
fn a_push_goes_to_the_branch_or_to_one_of_our_own() {
    let (world, commit) = bad(World::new());
    let Action::RevertCommit(fine) = world.action(&commit, "main") else { panic!("another action") };
    let with = |change: fn(&mut RevertCommit)| {
        let mut revert = fine.clone();
        change(&mut revert);
        Action::RevertCommit(revert)
    };
    for (action, expect) in [
        (with(|r| r.push_to = "release".into()), "never to release"),
        (with(|r| r.push_to = "hearback/".into()), "is no name of a branch"),
        (with(|r| r.push_to = "hearback/a:refs/heads/main".into()), "is no name of a branch"),
        (with(|r| r.push_to = "--mirror".into()), "is no name of a branch"),
        (with(|r| r.branch = "work".into()), "it is to be done on work, but main runs in production"),
        (with(|r| r.commit = "HEAD".into()), "is not named by its full sha"),
        (
            with(|r| r.commit = "3F2A91C0AA3F2A91C0AA3F2A91C0AA3F2A91C0AA".into()),
            "is not named by its full sha",
        ),
        (with(|r| r.commit = "3f2a91c0aa3f2a91c0aa3f2a91c0aa3f2a91c0aa".into()), "is not here"),
        (with(|r| r.expected = Digest::of(b"other")), "were changed on main since it was proposed"),
    ] {
        let told = why(world.execute(&action));
        assert!(told.contains(expect) && told.ends_with("nothing was pushed"), "{told}");
        let refused = world.rehearse(&action).refuses.unwrap();
        assert!(refused.contains(expect), "{refused}");
    }
    let other = with(|r| r.repository = "cart".into());
    assert!(!world.reverts().supports(&other));
    let told =
        block_on(world.reverts().execute(crate::approved::approved(&other), crate::world::at(0), LONG));
    assert_eq!(why(told), "this is neither a revert nor a patch in shop; nothing was pushed");
}

#[test]
fn remotes_are_found_or_asked_for() {
    let (world, commit) = bad(World::new());
    let with = |remote: &str| RevertOptions { remote: Some(remote.into()), ..world.options() };
    assert_eq!(trial_with(&world, with("origin"), &commit).unwrap(), RevertFit::Clean);
    assert_eq!(
        not_usable(trial_with(&world, with("upstream"), &commit)),
        "there is no remote upstream; `git remote` lists those there are"
    );
    world.git(&world.mine, &["remote", "rename", "origin", "only"]);
    assert_eq!(trial_with(&world, world.options(), &commit).unwrap(), RevertFit::Clean);
    world.git(&world.mine, &["remote", "add", "second", "nowhere"]);
    assert!(
        not_usable(trial_with(&world, world.options(), &commit)).starts_with("there are several remotes")
    );
    assert_eq!(trial_with(&world, with("only"), &commit).unwrap(), RevertFit::Clean);
    assert_eq!(
        not_usable(trial_with(&world, with("second"), &commit)),
        "it can't be told which branch runs in production; name it"
    );
    let both = RevertOptions { branch: Some("main".into()), ..with("second") };
    assert_eq!(
        not_usable(trial_with(&world, both, &commit)),
        "branch main of second was never fetched; run `git fetch`, or name another"
    );
}

#[test]
fn a_repository_without_a_remote_can_be_tried_and_not_pushed() {
    let (world, commit) = bad(World::new());
    world.git(&world.mine, &["remote", "remove", "origin"]);
    world.git(&world.mine, &["checkout", "-q", "main"]);
    let action = world.action(&commit, "main");
    let expect = "the repository has no remote, so there is nothing to push to";
    assert_eq!(why(world.execute(&action)), format!("{expect}; nothing was pushed"));
    assert_eq!(world.rehearse(&action).refuses.as_deref(), Some(expect));
}

#[test]
fn a_remote_of_several_places_is_not_pushed_to() {
    let (world, commit) = bad(World::new());
    let action = world.action(&commit, "main");
    world.git(&world.mine, &["remote", "set-url", "--add", "origin", "file:///nowhere"]);
    assert!(why(world.execute(&action)).starts_with("origin stands for 2 places to push to"));
    // One place to push to is one, however many there are to fetch from.
    let server = format!("file://{}", world.server.display());
    world.git(&world.mine, &["remote", "set-url", "--push", "origin", &server]);
    done(world.execute(&action));
}

#[test]
fn odd_settings_of_the_remote_change_nothing() {
    let (world, commit) = bad(World::new());
    let action = world.action(&commit, "main");
    for (key, value) in [
        ("remote.origin.mirror", "true"),
        ("remote.origin.push", "refs/heads/work:refs/heads/elsewhere"),
        ("remote.origin.prune", "true"),
        ("remote.origin.tagOpt", "--tags"),
        ("push.followTags", "true"),
        ("push.default", "matching"),
        ("push.gpgSign", "true"),
        ("push.useForceIfIncludes", "true"),
        ("fetch.prune", "true"),
        ("fetch.writeCommitGraph", "true"),
        ("core.logAllRefUpdates", "always"),
        ("push.recurseSubmodules", "only"),
        ("core.askPass", "touch-something"),
    ] {
        world.git(&world.mine, &["config", key, value]);
    }
    world.git(&world.theirs, &["tag", "-a", "-m", "x", "v1"]);
    world.git(&world.theirs, &["push", "-q", "origin", "v1"]);
    world.git(&world.mine, &["tag", "-a", "-m", "x", "mine"]);
    done(world.execute(&action));
    let refs = world.git(&world.server, &["for-each-ref", "--format=%(refname)"]);
    assert_eq!(refs, "refs/heads/main\nrefs/tags/v1");
}

#[test]
fn bare_and_linked_clones_do_as_well() {
    let (world, commit) = bad(World::new());
    let url = format!("file://{}", world.server.display());
    for (name, args) in [("bare", vec!["clone", "-q", "--bare"]), ("mirror", vec!["clone", "-q", "--mirror"])]
    {
        let to = world.outside(name);
        let args = [args, vec![url.as_str(), to.to_str().unwrap()]].concat();
        world.git(&world.server, &args);
        let reverts = GitReverts::open(&to, Some("shop"), world.options()).unwrap();
        let before = crate::world::Snapshot::of(&to);
        let leave = crate::approved::approved(&world.action(&commit, &format!("hearback/{name}")));
        done(block_on(reverts.execute(leave, crate::world::at(0), LONG)));
        before.assert_same(&to);
    }
    let linked = world.outside("linked");
    world.git(&world.mine, &["worktree", "add", "-q", linked.to_str().unwrap(), "-b", "elsewhere"]);
    let reverts = GitReverts::open(&linked, Some("shop"), world.options()).unwrap();
    let leave = crate::approved::approved(&world.action(&commit, "hearback/linked"));
    let before = crate::world::Snapshot::of(&world.mine);
    done(block_on(reverts.execute(leave, crate::world::at(0), LONG)));
    before.assert_same(&world.mine);
}

#[test]
fn clones_that_are_not_whole_are_refused() {
    let (world, commit) = bad(World::new());
    let action = world.action(&commit, "main");
    let url = format!("file://{}", world.server.display());
    let with = |name: &str, args: &[&str]| {
        let to = world.outside(name);
        let args = [&["clone", "-q"], args, &[url.as_str(), to.to_str().unwrap()]].concat();
        world.git(&world.server, &args);
        GitReverts::open(&to, Some("shop"), world.options()).unwrap()
    };
    world.git(&world.server, &["config", "uploadpack.allowFilter", "true"]);
    let id = ChangeId::commit("shop", &commit).unwrap();
    for (reverts, expect) in [
        (with("shallow", &["--depth", "2"]), "this clone is shallow"),
        (with("partial", &["--filter=tree:0", "--bare"]), "this clone lacks objects"),
    ] {
        let told = not_usable(block_on(reverts.try_revert(&id, LONG)));
        assert!(told.starts_with(expect), "{told}");
        let outcome: Outcome =
            block_on(reverts.execute(crate::approved::approved(&action), crate::world::at(0), LONG));
        let told = why(outcome);
        assert!(told.starts_with(expect) && told.ends_with("nothing was pushed"), "{told}");
    }
}
