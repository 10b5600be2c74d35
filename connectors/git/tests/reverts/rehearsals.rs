//! Rehearsals: what would be done, and why not. Every one is checked to write nothing, here and on the server.

use hearback_core::action::Action;

use crate::pushes::bad;
use crate::server::hook;
use crate::trials::lines;
use crate::world::World;

#[test]
fn a_rehearsal_says_what_would_be_pushed_where() {
    for (push_to, world) in [("main", World::served()), ("hearback/INC-3", World::new())] {
        let (world, bad) = bad(world);
        let rehearsal = world.rehearse(&world.action(&bad, push_to));
        assert_eq!(
            rehearsal.says,
            [
                format!("revert {0} (\"two\") on main of shop, which stands at {0}", &bad[..10]),
                "change 1 file (a)".to_owned(),
                format!("push one commit by Hearback <hearback@example.com> to {push_to} of origin"),
            ]
        );
        assert_eq!(rehearsal.refuses, None);
    }
}

#[test]
fn a_rehearsal_tells_what_came_later() {
    let (mut world, bad) = bad(World::new());
    let action = world.action(&bad, "main");
    let later = world.change("b", "b\n", "elsewhere");
    let rehearsal = world.rehearse(&action);
    assert_eq!(
        rehearsal.says.last().unwrap(),
        "main has moved on origin since the last fetch; it is looked at anew right before the push"
    );
    assert_eq!(rehearsal.refuses, None);
    let here = world.change("a", lines(&[(2, "bad"), (9, "nine")]), "here");
    world.git(&world.mine, &["fetch", "-q"]);
    let rehearsal = world.rehearse(&world.action(&bad, "main"));
    assert_eq!(
        rehearsal.says.last().unwrap(),
        &format!("1 later commit touches these files, the latest is {} (\"here\")", &here[..10])
    );
    assert_ne!(later, here);
}

#[test]
fn a_rehearsal_refuses_what_an_execution_would() {
    let (mut world, bad) = bad(World::new());
    let action = world.action(&bad, "hearback/INC-3");
    let refuses = |world: &World, action: &Action| {
        world.git(&world.mine, &["fetch", "-q"]);
        world.rehearse(action).refuses.unwrap()
    };
    world.git(&world.server, &["branch", "hearback/INC-3", "main"]);
    assert_eq!(refuses(&world, &action), "there is a branch hearback/INC-3 on origin already");
    world.git(&world.server, &["branch", "-D", "hearback/INC-3"]);
    world.change("a", lines(&[(2, "worse")]), "three");
    assert!(refuses(&world, &action).starts_with("the files it touches were changed on main"));
    let trial = world.trial(&bad).unwrap();
    let Action::RevertCommit(revert) = &action else { panic!("another action") };
    let conflicting = Action::RevertCommit(hearback_core::action::RevertCommit {
        expected: trial.expected,
        ..revert.clone()
    });
    assert_eq!(
        refuses(&world, &conflicting),
        "it does not undo cleanly: 1 file (a) conflicts; do it by hand"
    );
    world.change("a", lines(&[]), "as it was");
    assert_eq!(refuses(&world, &action), "nothing of it is left to undo on main");
}

#[test]
fn a_server_that_lets_nobody_push_is_known_before() {
    let (mut world, bad) = bad(World::served());
    world.git(&world.server, &["config", "daemon.receivepack", "false"]);
    let action = world.action(&bad, "main");
    let refuses = world.rehearse(&action).refuses.unwrap();
    assert!(refuses.starts_with("origin would not take it: "), "{refuses}");
    // A hook speaks only to a push.
    world.git(&world.server, &["config", "daemon.receivepack", "true"]);
    hook(&world.server, "pre-receive", "exit 1");
    assert_eq!(world.rehearse(&action).refuses, None);
    world.daemon = None;
    use hearback_core::ports::ActionExecutor;
    let asked = crate::world::block_on(world.reverts().rehearse(&action, crate::world::LONG)).unwrap_err();
    assert!(
        asked.to_string().starts_with("origin could not be asked: fatal: unable to connect to"),
        "{asked}"
    );
}
