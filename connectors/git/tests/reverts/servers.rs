//! Servers on bad days: they refuse, they hang, they take it and say nothing.

use std::os::unix::fs::PermissionsExt;

use hearback_core::action::Outcome;
use hearback_core::ports::{ActionExecutor, Trace};
use jiff::SignedDuration;

use crate::approved::approved;
use crate::pushes::{bad, why};
use crate::server::{PATIENCE, appears, hook, wait_for};
use crate::trials::lines;
use crate::world::{LONG, Snapshot, World, at, block_on, done};

/// Enough for everything before the push on a busy machine, and short enough to wait for.
const SHORT: SignedDuration = SignedDuration::from_secs(8);

fn failed(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed { why } => why,
        other => panic!("{other:?}"),
    }
}

fn unknown(outcome: Outcome) -> String {
    match outcome {
        Outcome::Unknown { why } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_that_refuses_has_changed_nothing() {
    for world in [World::new(), World::served()] {
        let (world, bad) = bad(world);
        let before = world.on_server("main");
        hook(&world.server, "pre-receive", "echo 'ask Bo' >&2; exit 1");
        let told = failed(world.execute(&world.action(&bad, "main")));
        assert_eq!(
            told.split("; error:").next().unwrap(),
            "origin did not take it: [remote rejected] (pre-receive hook declined); remote: ask Bo"
        );
        assert!(told.ends_with("; nothing was pushed"), "{told}");
        assert_eq!(world.on_server("main"), before);
    }
}

#[test]
fn a_branch_that_is_protected_is_refused() {
    let (world, bad) = bad(World::served());
    hook(
        &world.server,
        "update",
        "[ \"$1\" = refs/heads/main ] && { echo 'protected: password=hunter22'; exit 1; }; exit 0",
    );
    let told = failed(world.execute(&world.action(&bad, "main")));
    assert!(
        told.contains("[remote rejected] (hook declined); remote: protected: password=[redacted: password]"),
        "{told}"
    );
    done(world.execute(&world.action(&bad, "hearback/INC-3")));
}

#[test]
fn who_may_not_push_has_failed_and_nothing_is_unknown() {
    let (world, bad) = bad(World::served());
    let action = world.action(&bad, "main");
    world.git(&world.server, &["config", "daemon.receivepack", "false"]);
    let told = failed(world.execute(&action));
    assert!(told.starts_with("origin did not take it: ") && told.ends_with("; nothing was pushed"), "{told}");
}

#[test]
fn a_remote_that_is_gone_has_failed() {
    let (world, bad) = bad(World::new());
    let action = world.action(&bad, "main");
    std::fs::rename(&world.server, world.outside("moved.git")).unwrap();
    let told = failed(world.execute(&action));
    assert!(told.starts_with("origin could not be asked: "), "{told}");

    let (mut world, bad) = self::bad(World::served());
    let action = world.action(&bad, "main");
    world.daemon = None;
    let told = failed(world.execute(&action));
    // Refused or, while the daemon is still on its way out, reset.
    assert!(told.starts_with("origin could not be asked: fatal: "), "{told}");
}

#[test]
fn a_push_that_hangs_is_unknown_and_found_when_it_went_through_after_all() {
    let (world, bad) = bad(World::served());
    let action = world.action(&bad, "main");
    let before = world.on_server("main");
    hook(&world.server, "pre-receive", &wait_for(world.server.parent().unwrap()));
    let told = unknown(world.execute_as(approved(&action), at(1000), SHORT));
    assert!(
        told.contains(
            " to main of origin was cut off (the time was up), and it is not there so far; look there"
        ),
        "{told}"
    );
    assert_eq!(world.on_server("main"), before);
    let key = approved(&action).key().clone();
    assert!(matches!(world.look(&action, &key), Trace::NotFound(_)));
    // The server goes on when its hook does, whether anybody still listens or not.
    std::fs::write(world.outside("go"), "").unwrap();
    let until = std::time::Instant::now() + PATIENCE;
    while world.on_server("main") == before {
        assert!(std::time::Instant::now() < until, "the server never took it");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(matches!(world.look(&action, &key), Trace::Done(_)));
    done(world.execute(&action));
    assert_eq!(world.git(&world.server, &["rev-parse", "main^"]), before);
}

#[test]
fn an_answer_that_is_lost_is_looked_up() {
    for world in [World::new(), World::served()] {
        let (world, bad) = bad(world);
        let action = world.action(&bad, "main");
        let before = world.on_server("main");
        // The branch is moved, and the server dies before it says so.
        hook(&world.server, "reference-transaction", "[ \"$1\" = committed ] && kill -9 $PPID; exit 0");
        let receipt = done(world.execute(&action));
        assert!(receipt.inverse.is_some());
        assert_eq!(world.git(&world.server, &["rev-parse", "main^"]), before);
    }
}

#[test]
fn an_answer_that_never_comes_is_looked_up() {
    let (world, bad) = bad(World::served());
    let action = world.action(&bad, "hearback/INC-3");
    let wait = wait_for(world.server.parent().unwrap());
    hook(&world.server, "reference-transaction", &format!("[ \"$1\" = committed ] || exit 0\n{wait}"));
    done(world.execute_as(approved(&action), at(1000), SHORT));
    assert!(world.is_on_server("hearback/INC-3"));
}

#[test]
fn a_server_that_dies_before_it_writes_leaves_it_unknown() {
    let (world, bad) = bad(World::served());
    let action = world.action(&bad, "main");
    let before = world.on_server("main");
    hook(&world.server, "pre-receive", "kill -9 $PPID");
    let told = unknown(world.execute(&action));
    assert!(told.contains("was cut off") && told.contains("it is not there so far"), "{told}");
    assert_eq!(world.on_server("main"), before);
}

#[test]
fn time_that_is_up_before_the_push_is_no_unknown() {
    let (world, bad) = bad(World::served());
    let action = world.action(&bad, "main");
    let before = world.on_server("main");
    for budget in [0, 1, 10] {
        let outcome = world.execute_as(approved(&action), at(1000), SignedDuration::from_millis(budget));
        let Outcome::Failed { why } = outcome else {
            // A fast machine may have begun the push; then it may be anything but a failure.
            assert!(budget > 1, "{outcome:?}");
            continue;
        };
        assert!(why.ends_with("nothing was pushed"), "{why}");
        assert_eq!(world.on_server("main"), before);
    }
}

#[test]
fn a_branch_that_moves_between_the_look_and_the_push_is_looked_at_again() {
    let (world, bad) = bad(World::served());
    let action = world.action(&bad, "main");
    // A git that lets somebody else be faster, once: right before the real push.
    let other = world.git(&world.theirs, &["commit-tree", "-p", "main", "-m", "faster", "main^{tree}"]);
    world.git(&world.theirs, &["push", "-q", "origin", &format!("{other}:refs/heads/parked")]);
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in\n*--dry-run*) ;;\n*' push '*) if [ ! -e '{0}/moved' ]; then touch '{0}/moved'; git \
         --git-dir='{1}' update-ref refs/heads/main {other}; fi ;;\nesac\nexec git \"$@\"\n",
        world.outside("").display(),
        world.server.display()
    );
    let path = world.outside("git-that-waits");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let options = hearback_git::RevertOptions { git: path, ..world.options() };
    let reverts = hearback_git::GitReverts::open(&world.mine, Some("shop"), options).unwrap();
    let before = Snapshot::of(&world.mine);
    done(block_on(reverts.execute(approved(&action), at(1000), LONG)));
    before.assert_same(&world.mine);
    assert!(world.outside("moved").exists());
    assert_eq!(world.git(&world.server, &["rev-parse", "main^"]), other);
}

#[test]
fn nobody_who_waits_ends_the_push() {
    let (world, bad) = bad(World::served());
    let action = world.action(&bad, "main");
    let before = Snapshot::of(&world.mine);
    hook(&world.server, "pre-receive", &wait_for(world.server.parent().unwrap()));
    let reverts = world.reverts();
    block_on(async {
        tokio::select! {
            outcome = reverts.execute(approved(&action), at(1000), LONG) => panic!("{outcome:?}"),
            () = appears(world.outside("there")) => {}
        }
    });
    before.assert_same(&world.mine);
    // No git of ours is left that has the clone open.
    let git_dir = world.mine.join(".git");
    let until = std::time::Instant::now() + PATIENCE;
    while runs_on(&git_dir) {
        assert!(std::time::Instant::now() < until, "git still runs");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// Whether a process names this folder in its arguments.
fn runs_on(folder: &std::path::Path) -> bool {
    let name = folder.to_str().unwrap().as_bytes().to_vec();
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes
        .filter(|process| process.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()))
        .filter_map(|process| std::fs::read(process.path().join("cmdline")).ok())
        .any(|line| line.split(|&b| b == 0).any(|argument| argument == name))
}

#[test]
fn hooks_of_the_clone_are_never_run() {
    let (world, bad) = bad(World::new());
    let action = world.action(&bad, "main");
    for name in ["pre-push", "reference-transaction", "post-checkout", "pre-auto-gc"] {
        hook(&world.mine.join(".git"), name, &format!("touch '{}'; exit 1", world.outside("ran").display()));
    }
    done(world.execute(&action));
    let _ = world.rehearse(&world.action(&bad, "hearback/INC-4"));
    assert!(!world.outside("ran").exists());
}

#[test]
fn a_later_change_of_the_same_file_loses_nothing() {
    let (mut world, _) = bad(World::served());
    let second = world.change("a", lines(&[(2, "bad"), (9, "nine")]), "three");
    world.git(&world.mine, &["fetch", "-q"]);
    done(world.execute(&world.action(&second, "main")));
    assert_eq!(world.git(&world.server, &["show", "main:a"]), lines(&[(2, "bad")]).trim());
    // What is proposed on the old state no longer holds.
    let stale = world.action(&second, "hearback/INC-9");
    world.git(&world.theirs, &["pull", "-q", "origin", "main"]);
    world.change("a", "gone\n", "four");
    assert!(why(world.execute(&stale)).contains("changed on main since it was proposed"));
}

#[test]
fn ssh_goes_the_way_that_the_repository_or_the_operator_says() {
    // A stand-in for ssh that runs what it is told here, and notes how it was called.
    let stand_in = |world: &World| {
        let path = world.outside("stand-in-for-ssh");
        let called = world.outside("called");
        let script = format!(
            "#!/bin/sh\necho \"$@\" >> '{}'\nfor last; do :; done\nexec sh -c \"$last\"\n",
            called.display()
        );
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    for is_configured in [true, false] {
        let (world, bad) = bad(World::new());
        let action = world.action(&bad, "main");
        let ssh = stand_in(&world);
        let url = format!("ssh://somewhere{}", world.server.display());
        world.git(&world.mine, &["remote", "set-url", "origin", &url]);
        let mut options = world.options();
        options.environment.push(("GIT_SSH_VARIANT".into(), "simple".into()));
        match is_configured {
            true => drop(world.git(&world.mine, &["config", "core.sshCommand", &ssh])),
            false => options.environment.push(("GIT_SSH_COMMAND".into(), ssh.into())),
        }
        let reverts = hearback_git::GitReverts::open(&world.mine, Some("shop"), options).unwrap();
        done(block_on(reverts.execute(approved(&action), at(1000), LONG)));
        let called = std::fs::read_to_string(world.outside("called")).unwrap();
        assert!(called.contains("somewhere git-receive-pack"), "{called}");
    }
}

#[test]
fn a_server_that_wants_a_password_is_told_none_and_asks_nobody() {
    let (world, bad) = bad(World::new());
    let action = world.action(&bad, "main");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/shop.git", listener.local_addr().unwrap());
    world.git(&world.mine, &["remote", "set-url", "origin", &url]);
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let _ = connection.read(&mut [0; 4096]);
            let answer = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\
                          Connection: close\r\n\r\n";
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    let told = failed(world.execute(&action));
    // Versions of git have different words for it.
    let words = ["terminal prompts disabled", "unable to get password from user"];
    assert!(words.iter().any(|words| told.contains(words)), "{told}");
}
