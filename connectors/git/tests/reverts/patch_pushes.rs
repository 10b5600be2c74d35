//! Patches that are pushed: rehearsed, once, on condition, looked for; on servers that have a bad day.

use std::os::unix::fs::PermissionsExt;

use hearback_core::action::{Action, Outcome, PushPatch};
use hearback_core::hash::Digest;
use hearback_core::patch::Edit;
use hearback_core::ports::{ActionExecutor, Trace};
use jiff::SignedDuration;

use crate::approved::{approved, approved_by};
use crate::patching::{PUSH_TO, action, edit, mend, patch};
use crate::pushes::{bad, why};
use crate::server::{PATIENCE, hook, wait_for};
use crate::trials::lines;
use crate::world::{LONG, Snapshot, World, at, block_on, done};

/// Enough for everything before the push on a busy machine, and short enough to wait for.
const SHORT: SignedDuration = SignedDuration::from_secs(8);

#[test]
fn a_patch_is_pushed_to_a_branch_of_its_own() {
    for world in [World::new(), World::served()] {
        let (world, bad) = bad(world);
        let before = world.on_server("main");
        let action = action(&world, &bad, mend());
        let leave = approved_by(&action, "INC-3.P1", &["Ana", "Ben"]);
        let key = leave.key().as_str().to_owned();
        let receipt = done(world.execute_as(leave, at(1000), LONG));
        let made = world.on_server(PUSH_TO);
        assert_eq!(world.on_server("main"), before);
        assert_eq!(world.git(&world.server, &["rev-parse", &format!("{PUSH_TO}^")]), before);
        let file = format!("{PUSH_TO}:a");
        assert_eq!(world.git(&world.server, &["show", &file]), lines(&[(2, "mended")]).trim());
        assert_eq!(
            receipt.says,
            format!(
                "patched 1 file (a) on main of shop with {}, and pushed it to origin as {PUSH_TO}; to take it back, delete \
                 that branch",
                &made[..10]
            )
        );
        assert_eq!((receipt.link, receipt.inverse, receipt.made), (None, None, Some(made)));
        let told = world.git(&world.server, &["log", "-1", "--format=%an <%ae> %at %cn <%ce> %ct", PUSH_TO]);
        let who = format!("Hearback <hearback@example.com> {}", at(1000).as_second());
        assert_eq!(told, format!("{who} {who}"));
        assert_eq!(
            world.git(&world.server, &["log", "-1", "--format=%B", PUSH_TO]),
            format!(
                "Mitigation patch for INC-3.P1\n\nIt changes files that commit {bad} touched. A model suggested it, a person \
                 approved it.\n\nIncident: INC-3\nProposal: INC-3.P1\nApproved-by: Ana\nApproved-by: \
                 Ben\nHearback-Action: {key}"
            )
        );
        let trailers = world.git(&world.server, &["log", "-1", "--format=%(trailers:only,unfold)", PUSH_TO]);
        assert_eq!(trailers.lines().count(), 5);
        world.git(&world.server, &["fsck", "--strict"]);
        let refs = world.git(&world.mine, &["for-each-ref", "--format=%(refname)"]);
        assert!(!refs.contains("hearback"), "{refs}");
    }
}

#[test]
fn several_files_are_one_commit_and_the_same_inputs_make_the_same() {
    let make = || {
        let mut world = World::new();
        world.change("first", "first\n", "one");
        world.write("deep/a", "bad\n").write("deep/down/b", "1\nbad\n").write("c", "bad");
        let bad = world.commit("two");
        world.clone();
        let edits = vec![
            edit("deep/down/b", "bad", "good"),
            edit("c", "bad", "good"),
            edit("deep/a", "bad", "good"),
            edit("deep/down/b", "1", "one"),
        ];
        let action = patch(&world, &bad, edits);
        let names: Vec<&str> = action.diff.lines().filter(|line| line.starts_with("+++ ")).collect();
        assert_eq!(names, ["+++ b/c", "+++ b/deep/a", "+++ b/deep/down/b"]);
        done(world.execute(&Action::PushPatch(action)));
        let changed = world.git(&world.server, &["diff", "--name-only", "main", PUSH_TO]);
        assert_eq!(changed, "c\ndeep/a\ndeep/down/b");
        world.on_server(PUSH_TO)
    };
    assert_eq!(make(), make());
}

#[test]
fn executed_twice_it_is_pushed_once_and_found_again() {
    let (world, bad) = bad(World::served());
    let action = action(&world, &bad, mend());
    let key = approved(&action).key().clone();
    let Trace::NotFound(says) = world.look(&action, &key) else { panic!("found before it was done") };
    assert_eq!(says, format!("none of the last 200 commits on main and {PUSH_TO} of origin was made by it"));
    let first = done(world.execute(&action));
    let made = world.on_server(PUSH_TO);
    assert_eq!(done(world.execute_as(approved(&action), at(2000), LONG)), first);
    assert_eq!(world.look(&action, &key), Trace::Done(first.clone()));
    // Merged and deleted, it is still done.
    world.git(&world.server, &["update-ref", "refs/heads/main", &made]);
    world.git(&world.server, &["update-ref", "-d", &format!("refs/heads/{PUSH_TO}")]);
    assert_eq!(world.look(&action, &key), Trace::Done(first.clone()));
    assert_eq!(done(world.execute(&action)), first);
    assert!(!world.is_on_server(PUSH_TO));
}

#[test]
fn two_at_once_are_done_once() {
    let (world, bad) = bad(World::served());
    let action = action(&world, &bad, mend());
    let before = world.on_server("main");
    let (one, two) = std::thread::scope(|scope| {
        let execute = || block_on(world.reverts().execute(approved(&action), at(1000), LONG));
        let other = scope.spawn(execute);
        (execute(), other.join().unwrap())
    });
    assert_eq!(world.git(&world.server, &["rev-parse", &format!("{PUSH_TO}^")]), before);
    // One may find the server busy with the other, and has then pushed nothing.
    let is_fine = |outcome: &Outcome| matches!(outcome, Outcome::Done(_) | Outcome::Failed { .. });
    assert!(is_fine(&one) && is_fine(&two), "{one:?} {two:?}");
    assert!(matches!(one, Outcome::Done(_)) || matches!(two, Outcome::Done(_)), "{one:?} {two:?}");
}

#[test]
fn a_rehearsal_says_what_would_be_pushed_where() {
    let (mut world, bad) = bad(World::served());
    let action = action(&world, &bad, vec![edit("a", "bad\n3\n", "mended\n3\nand more\n")]);
    let rehearsal = world.rehearse(&action);
    assert_eq!(
        rehearsal.says,
        [
            format!(
                "patch 1 file (a), touched by {0} (\"two\"), as on main of shop, which stands at {0}",
                &bad[..10]
            ),
            "take out 1 line and put in 2 lines".to_owned(),
            format!("push one commit by Hearback <hearback@example.com> to {PUSH_TO} of origin"),
        ]
    );
    assert_eq!(rehearsal.refuses, None);
    world.change("b", "b\n", "elsewhere");
    let rehearsal = world.rehearse(&action);
    assert_eq!(
        rehearsal.says.last().unwrap(),
        "main has moved on origin since the last fetch; it is looked at anew right before the push"
    );
    assert_eq!(rehearsal.refuses, None);
    world.git(&world.server, &["config", "daemon.receivepack", "false"]);
    let refuses = world.rehearse(&action).refuses.unwrap();
    assert!(refuses.starts_with("origin would not take it: "), "{refuses}");
}

/// Checks that an action is refused, before and when it is done, and that nothing is pushed.
fn refused(world: &World, action: &Action, expect: &str) {
    world.git(&world.mine, &["fetch", "-q"]);
    let before = world.git(&world.server, &["for-each-ref"]);
    let rehearsed = world.rehearse(action).refuses.unwrap();
    assert!(rehearsed.starts_with(expect), "{rehearsed}");
    let told = why(world.execute(action));
    assert!(told.starts_with(expect) && told.ends_with("; nothing was pushed"), "{told}");
    assert_eq!(world.git(&world.server, &["for-each-ref"]), before);
}

#[test]
fn nothing_is_pushed_if_anything_is_not_as_people_were_shown() {
    let (mut world, bad) = bad(World::new());
    let fine = patch(&world, &bad, mend());
    let with = |change: &dyn Fn(&mut PushPatch)| {
        let mut patch = fine.clone();
        change(&mut patch);
        Action::PushPatch(patch)
    };
    let otherwise = "it comes out otherwise on main than people were shown";
    let changed = "the files it changes were changed on main since it was proposed";
    for (action, expect) in [
        (with(&|p| p.diff.push('\n')), otherwise),
        (with(&|p| p.diff = p.diff.replace("mended", "Mended")), otherwise),
        (with(&|p| p.diff = p.diff.trim_end().to_owned()), otherwise),
        (with(&|p| p.edits = vec![edit("a", "bad\n", "worse\n")]), otherwise),
        (with(&|p| p.edits.push(edit("a", "9", "nine"))), otherwise),
        (
            with(&|p| p.edits = vec![edit("a", "gone", "x")]),
            "it can't be made on main: a place that it changes is not",
        ),
        (with(&|p| p.edits.clear()), changed),
        (with(&|p| p.edits = vec![edit("b", "bad\n", "mended\n")]), changed),
        (with(&|p| p.expected = Digest::of(b"other")), changed),
        (
            with(&|p| p.edits = vec![edit("a", "bad", &"y\n".repeat(60))]),
            "it can't be made on main: it is too large",
        ),
        (
            with(&|p| p.push_to = "main".into()),
            "a patch is pushed to a branch of its own that begins with hearback/, never to main",
        ),
        (
            with(&|p| p.push_to = "release".into()),
            "a patch is pushed to a branch of its own that begins with hearback/",
        ),
        (
            with(&|p| p.push_to = "hearback/a:refs/heads/main".into()),
            "\"hearback/a:refs/heads/main\" is no name",
        ),
        (with(&|p| p.branch = "work".into()), "it is to be done on work, but main runs in production"),
        (with(&|p| p.suspect = "HEAD".into()), "the commit that it is about is not named by its full sha"),
        (
            with(&|p| p.suspect = "3f2a91c0aa3f2a91c0aa3f2a91c0aa3f2a91c0aa".into()),
            "commit 3f2a91c0aa is not here",
        ),
    ] {
        refused(&world, &action, expect);
    }
    let other = with(&|p| p.repository = "cart".into());
    assert!(!world.reverts().supports(&other) && world.reverts().supports(&with(&|_| {})));
    let told = block_on(world.reverts().execute(approved(&other), at(0), LONG));
    assert_eq!(why(told), "this is neither a revert nor a patch in shop; nothing was pushed");

    world.change("a", lines(&[(2, "bad"), (9, "nine")]), "here");
    refused(&world, &with(&|_| {}), changed);
    world.change("a", lines(&[(2, "bad")]), "and back");
    world.git(&world.theirs, &["update-index", "--chmod=+x", "a"]);
    world.git(&world.theirs, &["commit", "-qm", "runs"]);
    world.push();
    refused(&world, &with(&|_| {}), changed);
}

#[test]
fn only_branches_of_the_incident_are_pushed_to() {
    let (world, bad) = bad(World::new());
    let fine = patch(&world, &bad, mend());
    for (push_to, is_fine) in [
        ("hearback/INC-4.P1", false),
        ("hearback/INC-33", false),
        ("hearback/INC-3x", false),
        ("hearback/other", false),
        ("hearback/INC-3/two", true),
        ("hearback/INC-3.P7", true),
    ] {
        let action = Action::PushPatch(PushPatch { push_to: push_to.into(), ..fine.clone() });
        match is_fine {
            true => drop(done(world.execute(&action))),
            false => assert_eq!(
                why(world.execute(&action)),
                format!("{push_to} is no branch of the incident that INC-3.P1 is of; nothing was pushed")
            ),
        }
        assert_eq!(world.is_on_server(push_to), is_fine);
    }
}

#[test]
fn the_branch_that_runs_is_never_pushed_to_whatever_it_is_called() {
    let (world, bad) = bad(World::new());
    let fine = patch(&world, &bad, mend());
    world.git(&world.server, &["branch", PUSH_TO, "main"]);
    world.git(&world.mine, &["fetch", "-q"]);
    let options = hearback_git::RevertOptions { branch: Some(PUSH_TO.into()), ..world.options() };
    let reverts = hearback_git::GitReverts::open(&world.mine, Some("shop"), options).unwrap();
    let action = Action::PushPatch(PushPatch { branch: PUSH_TO.into(), ..fine });
    let told = why(block_on(reverts.execute(approved(&action), at(1000), LONG)));
    assert!(told.contains(&format!("never to {PUSH_TO}")), "{told}");
    assert_eq!(world.on_server(PUSH_TO), bad);
}

#[test]
fn a_branch_that_is_there_already_is_nobodys_to_overwrite() {
    let (world, bad) = bad(World::new());
    let action = action(&world, &bad, mend());
    world.git(&world.server, &["branch", PUSH_TO, "main"]);
    refused(&world, &action, &format!("there is a branch {PUSH_TO} on origin already"));
    world.git(&world.server, &["branch", "-D", PUSH_TO]);
    world.git(&world.server, &["branch", "-m", "main", "trunk"]);
    assert_eq!(why(world.execute(&action)), "there is no branch main on origin; nothing was pushed");
}

#[test]
fn a_branch_that_appears_between_the_look_and_the_push_is_left_alone() {
    let (world, bad) = bad(World::served());
    let action = action(&world, &bad, mend());
    // A git that lets somebody else be faster: right before the real push.
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in\n*--dry-run*) ;;\n*' push '*) git --git-dir='{}' update-ref refs/heads/{PUSH_TO} \
         {bad} ;;\nesac\nexec git \"$@\"\n",
        world.server.display()
    );
    let path = world.outside("git-that-waits");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let options = hearback_git::RevertOptions { git: path, ..world.options() };
    let reverts = hearback_git::GitReverts::open(&world.mine, Some("shop"), options).unwrap();
    let before = Snapshot::of(&world.mine);
    let told = why(block_on(reverts.execute(approved(&action), at(1000), LONG)));
    before.assert_same(&world.mine);
    assert_eq!(
        told,
        format!(
            "there is a branch {PUSH_TO} on origin already, and it is not of this action; nothing was pushed"
        )
    );
    assert_eq!(world.on_server(PUSH_TO), bad);
}

#[test]
fn a_server_that_refuses_has_changed_nothing() {
    let (world, bad) = bad(World::served());
    hook(&world.server, "pre-receive", "echo 'ask Bo' >&2; exit 1");
    let outcome = world.execute(&action(&world, &bad, mend()));
    let Outcome::Failed { why } = outcome else { panic!("{outcome:?}") };
    assert!(why.starts_with("origin did not take it: [remote rejected]"), "{why}");
    assert!(why.contains("ask Bo") && why.ends_with("; nothing was pushed"), "{why}");
    assert!(!world.is_on_server(PUSH_TO));
}

#[test]
fn an_answer_that_is_lost_is_looked_up() {
    for world in [World::new(), World::served()] {
        let (world, bad) = bad(world);
        // The branch is made, and the server dies before it says so.
        hook(&world.server, "reference-transaction", "[ \"$1\" = committed ] && kill -9 $PPID; exit 0");
        let receipt = done(world.execute(&action(&world, &bad, mend())));
        assert_eq!(receipt.made, Some(world.on_server(PUSH_TO)));
    }
}

#[test]
fn a_push_that_hangs_is_unknown_and_found_when_it_went_through_after_all() {
    let (world, bad) = bad(World::served());
    let action = action(&world, &bad, mend());
    hook(&world.server, "pre-receive", &wait_for(world.server.parent().unwrap()));
    let outcome = world.execute_as(approved(&action), at(1000), SHORT);
    let Outcome::Unknown { why } = outcome else { panic!("{outcome:?}") };
    assert!(
        why.contains(&format!(" to {PUSH_TO} of origin was cut off (the time was up), and it is not there")),
        "{why}"
    );
    let key = approved(&action).key().clone();
    assert!(matches!(world.look(&action, &key), Trace::NotFound(_)));
    std::fs::write(world.outside("go"), "").unwrap();
    let until = std::time::Instant::now() + PATIENCE;
    while !world.is_on_server(PUSH_TO) {
        assert!(std::time::Instant::now() < until, "the server never took it");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(matches!(world.look(&action, &key), Trace::Done(_)));
    done(world.execute(&action));
}

#[test]
fn time_that_is_up_before_the_push_is_no_unknown() {
    let (world, bad) = bad(World::served());
    let action = action(&world, &bad, mend());
    for budget in [0, 1] {
        let outcome = world.execute_as(approved(&action), at(1000), SignedDuration::from_millis(budget));
        let Outcome::Failed { why } = outcome else { panic!("{outcome:?}") };
        assert!(why.ends_with("nothing was pushed"), "{why}");
        assert!(!world.is_on_server(PUSH_TO));
    }
}

#[test]
fn attributes_and_settings_of_the_clone_change_nothing() {
    let (world, bad) = bad(World::new());
    let edits: Vec<Edit> = mend();
    let action = action(&world, &bad, edits);
    std::fs::write(world.mine.join(".gitattributes"), "a text eol=crlf filter=odd\n").unwrap();
    world.git(&world.mine, &["config", "core.autocrlf", "true"]);
    world.git(&world.mine, &["config", "filter.odd.clean", "touch-something"]);
    done(world.execute(&action));
    let file = format!("{PUSH_TO}:a");
    assert_eq!(world.git(&world.server, &["show", &file]), lines(&[(2, "mended")]).trim());
}
