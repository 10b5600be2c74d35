//! Reverts that are pushed: to a path, over the network, once, on condition.

use hearback_core::action::{Action, Outcome, RevertCommit};
use hearback_core::ports::{ActionExecutor, Trace};
use hearback_git::{GitReverts, RevertOptions};

use crate::approved::{approved, approved_by};
use crate::trials::lines;
use crate::world::{LONG, World, at, block_on, done};

/// A world with one bad commit, cloned.
pub fn bad(mut world: World) -> (World, String) {
    world.change("a", lines(&[]), "one");
    let bad = world.change("a", lines(&[(2, "bad")]), "two");
    world.clone();
    (world, bad)
}

pub fn why(outcome: Outcome) -> String {
    match outcome {
        Outcome::NotAsExpected { why } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_revert_is_pushed_to_the_branch() {
    for world in [World::new(), World::served()] {
        let (world, bad) = bad(world);
        let before = world.on_server("main");
        let receipt = done(world.execute(&world.action(&bad, "main")));
        let made = world.on_server("main");
        assert_eq!(world.git(&world.server, &["rev-parse", "main^"]), before);
        assert_eq!(world.git(&world.server, &["show", "main:a"]), lines(&[]).trim());
        assert_eq!(
            receipt.says,
            format!("reverted {} on main of shop with {}, and pushed it to origin", &bad[..10], &made[..10])
        );
        let told = world.git(&world.server, &["log", "-1", "--format=%an <%ae> %at %cn <%ce> %ct", "main"]);
        let who = format!("Hearback <hearback@example.com> {}", at(1000).as_second());
        assert_eq!(told, format!("{who} {who}"));
        world.git(&world.server, &["fsck", "--strict"]);
    }
}

#[test]
fn its_message_says_why_and_by_whom() {
    let (world, bad) = bad(World::new());
    let action = world.action(&bad, "main");
    let leave = approved_by(&action, "INC-3.P2", &["Ana", "Ben"]);
    let key = leave.key().as_str().to_owned();
    done(world.execute_as(leave, at(7), LONG));
    assert_eq!(
        world.git(&world.server, &["log", "-1", "--format=%B", "main"]),
        format!(
            "Revert \"two\"\n\nThis reverts commit {bad}.\n\nIncident: INC-3\nProposal: INC-3.P2\nApproved-by: Ana\n\
             Approved-by: Ben\nHearback-Action: {key}"
        )
    );
    let trailers = world.git(&world.server, &["log", "-1", "--format=%(trailers:only,unfold)", "main"]);
    assert_eq!(trailers.lines().count(), 5);
}

#[test]
fn a_branch_of_its_own_is_made_and_says_how_to_be_taken_back() {
    let (world, bad) = bad(World::served());
    let before = world.on_server("main");
    let receipt = done(world.execute(&world.action(&bad, "hearback/INC-3")));
    assert_eq!(world.on_server("main"), before);
    assert_eq!(world.git(&world.server, &["rev-parse", "hearback/INC-3^"]), before);
    assert_eq!((receipt.link, receipt.inverse), (None, None));
    assert!(
        receipt
            .says
            .ends_with("and pushed it to origin as hearback/INC-3; to take it back, delete that branch"),
        "{}",
        receipt.says
    );
}

#[test]
fn the_inverse_of_a_revert_can_be_executed() {
    let (world, bad) = bad(World::new());
    let receipt = done(world.execute(&world.action(&bad, "main")));
    let inverse = receipt.inverse.unwrap();
    let made = world.on_server("main");
    world.git(&world.mine, &["fetch", "-q"]);
    // It is the very action that a trial of the revert would lead to.
    assert_eq!(*inverse, world.action(&made, "main"));
    done(world.execute_as(approved_by(&inverse, "INC-3.P2", &["Ana"]), at(1010), LONG));
    assert_eq!(world.git(&world.server, &["show", "main:a"]), lines(&[(2, "bad")]).trim());
    let title = world.git(&world.server, &["log", "-1", "--format=%s", "main"]);
    assert_eq!(title, "Revert \"Revert \"two\"\"");
}

#[test]
fn executed_twice_it_is_pushed_once_and_done_both_times() {
    for push_to in ["main", "hearback/INC-3"] {
        let (world, bad) = bad(World::served());
        let action = world.action(&bad, push_to);
        let first = done(world.execute(&action));
        let made = world.on_server(push_to);
        assert_eq!(done(world.execute(&action)), first);
        // Nor does another time of day make another commit.
        assert_eq!(done(world.execute_as(approved(&action), at(2000), LONG)), first);
        assert_eq!(world.on_server(push_to), made);
    }
}

#[test]
fn two_at_once_are_done_once() {
    let (world, bad) = bad(World::served());
    let action = world.action(&bad, "main");
    let before = world.on_server("main");
    let (one, two) = std::thread::scope(|scope| {
        let execute = || {
            let reverts = world.reverts();
            let leave = approved(&action);
            block_on(reverts.execute(leave, at(1000), LONG))
        };
        let other = scope.spawn(execute);
        (execute(), other.join().unwrap())
    });
    assert_eq!(world.git(&world.server, &["rev-parse", "main^"]), before);
    // One may find the server busy with the other, and has then pushed nothing.
    let is_fine = |outcome: &Outcome| matches!(outcome, Outcome::Done(_) | Outcome::Failed { .. });
    assert!(is_fine(&one) && is_fine(&two), "{one:?} {two:?}");
    assert!(matches!(one, Outcome::Done(_)) || matches!(two, Outcome::Done(_)), "{one:?} {two:?}");
}

#[test]
fn the_same_inputs_make_the_same_commit() {
    let make = || {
        let (world, bad) = bad(World::new());
        done(world.execute(&world.action(&bad, "main")));
        world.on_server("main")
    };
    assert_eq!(make(), make());
}

#[test]
fn a_commit_elsewhere_does_not_matter_and_one_here_does() {
    let (mut world, bad) = bad(World::served());
    let action = world.action(&bad, "main");
    let elsewhere = world.change("b", "b\n", "elsewhere");
    done(world.execute(&action));
    assert_eq!(world.git(&world.server, &["rev-parse", "main^"]), elsewhere);

    let (mut world, bad) = self::bad(World::served());
    let action = world.action(&bad, "main");
    let here = world.change("a", lines(&[(2, "bad"), (9, "nine")]), "here");
    assert_eq!(
        why(world.execute(&action)),
        "the files it touches were changed on main since it was proposed; ask again what changed for a new proposal; \
         nothing was pushed"
    );
    assert_eq!(world.on_server("main"), here);
}

#[test]
fn what_somebody_undid_meanwhile_is_not_undone_again() {
    let (mut world, bad) = bad(World::new());
    let action = world.action(&bad, "main");
    world.change("a", lines(&[]), "by hand");
    assert_eq!(why(world.execute(&action)), "nothing of it is left to undo on main; nothing was pushed");
}

#[test]
fn a_branch_that_was_rewritten_is_not_as_expected() {
    let (world, bad) = bad(World::new());
    let action = world.action(&bad, "main");
    world.git(&world.theirs, &["reset", "-q", "--hard", "HEAD~1"]);
    world.git(&world.theirs, &["push", "-q", "--force", "origin", "main"]);
    assert_eq!(
        why(world.execute(&action)),
        format!("{} is not on the branch, so there is nothing to undo there; nothing was pushed", &bad[..10])
    );
}

#[test]
fn a_branch_that_is_gone_or_taken_is_not_as_expected() {
    let (world, bad) = bad(World::new());
    let action = world.action(&bad, "hearback/INC-3");
    world.git(&world.server, &["branch", "hearback/INC-3", "main"]);
    assert_eq!(
        why(world.execute(&action)),
        "there is a branch hearback/INC-3 on origin already, and it is not of this action; nothing was pushed"
    );
    world.git(&world.server, &["branch", "-D", "hearback/INC-3"]);
    world.git(&world.server, &["branch", "-m", "main", "trunk"]);
    assert_eq!(why(world.execute(&action)), "there is no branch main on origin; nothing was pushed");
}

#[test]
fn what_was_done_is_found_again() {
    let (mut world, bad) = bad(World::served());
    for (push_to, id) in [("hearback/INC-3", "INC-3.P1"), ("main", "INC-3.P2")] {
        let action = world.action(&bad, push_to);
        let leave = || approved_by(&action, id, &["Ana"]);
        let key = leave().key().clone();
        let Trace::NotFound(says) = world.look(&action, &key) else { panic!("found before it was done") };
        assert_eq!(
            says,
            format!("none of the last 200 commits on main and {push_to} of origin was made by it")
        );
        let receipt = done(world.execute_as(leave(), at(1000), LONG));
        assert_eq!(world.look(&action, &key), Trace::Done(receipt));
    }
    // It is found below what came later, and its inverse is of how things stand now.
    let action = world.action(&bad, "main");
    world.git(&world.theirs, &["pull", "-q", "--rebase", "origin", "main"]);
    world.change("a", lines(&[(9, "nine")]), "later");
    let key = approved_by(&action, "INC-3.P2", &["Ana"]).key().clone();
    let Trace::Done(receipt) = world.look(&action, &key) else { panic!("not found") };
    let Some(Action::RevertCommit(RevertCommit { expected, commit, .. })) =
        receipt.inverse.map(|inverse| *inverse)
    else {
        panic!("no inverse")
    };
    world.git(&world.mine, &["fetch", "-q"]);
    assert_eq!(expected, world.trial(&commit).unwrap().expected);
}

#[test]
fn a_branch_that_was_merged_and_deleted_is_still_done() {
    let (world, bad) = bad(World::new());
    let action = world.action(&bad, "hearback/INC-3");
    done(world.execute(&action));
    world.git(&world.server, &["update-ref", "refs/heads/main", "refs/heads/hearback/INC-3"]);
    world.git(&world.server, &["update-ref", "-d", "refs/heads/hearback/INC-3"]);
    let key = approved(&action).key().clone();
    assert!(matches!(world.look(&action, &key), Trace::Done(_)));
    done(world.execute(&action));
    assert!(!world.is_on_server("hearback/INC-3"));
}

#[test]
fn a_receipt_links_to_the_forge_if_it_is_known() {
    let (world, bad) = bad(World::new());
    let action = world.action(&bad, "main");
    world.git(&world.mine, &["remote", "set-url", "origin", "https://ann:hunter22@github.com/o/shop.git"]);
    // Only the git program knows that this is really here.
    let config = world.outside("config");
    let server = world.server.display();
    let settings =
        format!("[url \"file://{server}\"]\n\tinsteadOf = https://ann:hunter22@github.com/o/shop.git\n");
    std::fs::write(&config, settings).unwrap();
    let mut options: RevertOptions = world.options();
    options.environment.retain(|(name, _)| name != "GIT_CONFIG_GLOBAL");
    options.environment.push(("GIT_CONFIG_GLOBAL".into(), config.into()));
    let reverts = GitReverts::open(&world.mine, Some("shop"), options).unwrap();
    let receipt = done(block_on(reverts.execute(approved(&action), at(1000), LONG)));
    let made = world.on_server("main");
    assert_eq!(receipt.link, Some(format!("https://github.com/o/shop/commit/{made}")));
    assert!(!format!("{receipt:?}").contains("hunter22"));
}

#[test]
fn an_address_that_is_a_relative_path_is_taken_as_git_takes_it() {
    let (world, bad) = bad(World::new());
    world.git(&world.mine, &["remote", "set-url", "origin", "../shop.git"]);
    done(world.execute(&world.action(&bad, "main")));
}

#[test]
fn nothing_of_ours_is_left_in_the_clone() {
    let (world, bad) = bad(World::new());
    let action = world.action(&bad, "hearback/INC-3");
    done(world.execute(&action));
    let _ = world.look(&action, approved(&action).key());
    let own = world.mine.join(".git/refs/hearback");
    assert!(std::fs::read_dir(own).map_or(0, Iterator::count) == 0);
    let refs = world.git(&world.mine, &["for-each-ref", "--format=%(refname)"]);
    assert!(!refs.contains("refs/hearback") && !refs.contains("origin/hearback"), "{refs}");
}
