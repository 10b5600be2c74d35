//! Small patches: tried in memory, pushed to a branch of their own, once, as they were shown.

use hearback_core::action::{Action, Outcome, PushPatch};
use hearback_core::ids::ChangeId;
use hearback_core::patch::{Edit, PatchFit, PatchPreview, PatchTrial};
use hearback_core::ports::Trace;

use crate::approved::{approved, approved_by};
use crate::pushes::why;
use crate::trials::lines;
use crate::world::{LONG, Snapshot, World, at, block_on, done};

fn edit(path: &str, find: &str, put: &str) -> Edit {
    Edit { path: path.into(), find: find.into(), put: put.into() }
}

fn tried(world: &World, suspect: &str, edits: &[Edit]) -> Option<PatchFit> {
    let reverts = world.reverts();
    let id = ChangeId::new(suspect).unwrap();
    let before = Snapshot::of(&world.mine);
    let fit = block_on(reverts.try_patch(&id, edits, LONG)).unwrap();
    before.assert_same(&world.mine);
    fit
}

/// Why a patch of this commit can't be made.
fn not(world: &World, suspect: &str, edits: &[Edit]) -> String {
    match tried(world, &format!("git:shop:{suspect}"), edits) {
        Some(PatchFit::Not(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn fits(world: &World, suspect: &str, edits: &[Edit]) -> PatchTrial {
    match tried(world, &format!("git:shop:{suspect}"), edits) {
        Some(PatchFit::Fits(trial)) => trial,
        other => panic!("{other:?}"),
    }
}

fn action(world: &World, suspect: &str, edits: &[Edit]) -> PushPatch {
    let PatchTrial { repository, branch, expected, diff } = fits(world, suspect, edits);
    let edits = edits.to_vec();
    let push_to = "hearback/INC-3.P1".to_owned();
    PushPatch { repository, suspect: suspect.to_owned(), branch, push_to, edits, diff, expected }
}

/// A world in which a commit changed a line of `a` and left `b` alone, and later ones changed neither.
fn bad(mut world: World) -> (World, String) {
    world.write("b", "b\n").change("a", lines(&[]), "one");
    let bad = world.change("a", lines(&[(2, "bad")]), "two");
    world.change("c", "c\n", "three");
    world.clone();
    (world, bad)
}

#[test]
fn a_patch_is_shown_as_it_would_be_and_pushed_to_a_branch_of_its_own() {
    for world in [World::new(), World::served()] {
        let (world, bad) = bad(world);
        let before = world.on_server("main");
        let patch = action(&world, &bad, &[edit("a", "bad\n", "better\n")]);
        assert!(patch.diff.starts_with("--- a/a\n+++ b/a\n@@ "), "{}", patch.diff);
        assert!(patch.diff.contains("\n-bad\n+better\n"), "{}", patch.diff);
        let action = Action::PushPatch(patch);
        let says = world.rehearse(&action);
        assert_eq!(says.refuses, None);
        assert!(
            says.says[0].starts_with(&format!("patch files that {} (\"two\") touched", &bad[..10])),
            "{says:?}"
        );
        assert_eq!(says.says[1], "change 1 file (a)");
        let leave = approved_by(&action, "INC-3.P1", &["Ana"]);
        let key = leave.key().clone();
        let receipt = done(world.execute_as(leave, at(1000), LONG));
        assert_eq!(world.on_server("main"), before, "the branch that runs is not touched");
        assert_eq!(receipt.made, Some(world.on_server("hearback/INC-3.P1")));
        assert_eq!(world.git(&world.server, &["rev-parse", "hearback/INC-3.P1^"]), before);
        assert_eq!(
            world.git(&world.server, &["show", "hearback/INC-3.P1:a"]),
            lines(&[(2, "better")]).trim()
        );
        let changed = world.git(&world.server, &["diff", "--name-only", "main", "hearback/INC-3.P1"]);
        assert_eq!(changed, "a");
        let message = world.git(&world.server, &["log", "-1", "--format=%B", "hearback/INC-3.P1"]);
        assert!(
            message.starts_with(&format!("Mitigation patch of files that {} touched\n\n", &bad[..10])),
            "{message}"
        );
        assert!(message.contains("Approved-by: Ana\n") && message.ends_with(key.as_str()), "{message}");
        world.git(&world.server, &["fsck", "--strict"]);
        // Once: the same again finds what was done, and so does whoever looks.
        let again = done(world.execute(&action));
        assert_eq!(again.made, receipt.made);
        let looked =
            block_on(hearback_core::ports::ActionExecutor::look(&world.reverts(), &action, &key, LONG));
        assert!(matches!(looked.unwrap(), Trace::Done(found) if found.made == receipt.made));
    }
}

#[test]
fn only_files_that_the_suspect_touched_and_lines_that_stand_there_once() {
    let (world, bad) = bad(World::new());
    let check = |edits: &[Edit], says: &str| assert_eq!(not(&world, &bad, edits), says);
    check(&[edit("b", "b\n", "x\n")], "b was not touched by the suspect");
    check(&[edit("../a", "bad\n", "x\n")], "../a was not touched by the suspect");
    check(&[edit("a", "worse\n", "x\n")], "a does not have the lines that it changes");
    check(&[edit("a", "bad\n", "x\n"), edit("a", "bad\n", "y\n")], "a is changed twice in one place");
    check(&[edit("a", "bad\n", "bad\n")], "it changes nothing");
    check(&[edit("a", "bad\n", "x\u{202e}\n")], "it holds characters that can't be seen");
    let other = tried(&world, &format!("git:other:{bad}"), &[edit("a", "bad\n", "x\n")]);
    assert_eq!(other, None, "a commit of another repository");
    assert_eq!(tried(&world, &format!("git:shop:{}", "1".repeat(40)), &[edit("a", "bad\n", "x\n")]), None);
}

#[test]
fn links_programs_pipelines_and_what_is_no_text_are_left_to_people() {
    let mut world = World::new();
    world.write("run.sh", "#!/bin/sh\necho one\n").write("bin", [0xff, 0xfe, b'\n']);
    world.write(".github/workflows/ci.yml", "on: push\n").write("big", "x\n".repeat(600_000));
    std::os::unix::fs::symlink("run.sh", world.theirs.join("link")).unwrap();
    let run = world.theirs.join("run.sh");
    std::fs::set_permissions(&run, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let all = world.commit("all");
    world.write("gone", "x\n");
    world.clone();
    let check =
        |path: &str, find: &str, says: &str| assert_eq!(not(&world, &all, &[edit(path, find, "y\n")]), says);
    check("link", "run.sh", "link is no file any more");
    check("bin", "x\n", "bin is no text");
    check("big", "x\n", "big is too large to be patched");
    check(
        ".github/workflows/ci.yml",
        "on: push\n",
        ".github/workflows/ci.yml says how code is built, merged or run, and a patch of that is made by hand",
    );
    // A program stays one.
    let patch = action(&world, &all, &[edit("run.sh", "echo one\n", "echo two\n")]);
    done(world.execute(&Action::PushPatch(patch)));
    let listed = world.git(&world.server, &["ls-tree", "hearback/INC-3.P1", "run.sh"]);
    assert!(listed.starts_with("100755 "), "{listed}");
}

#[test]
fn what_changed_since_it_was_shown_is_not_patched() {
    let (mut world, bad) = bad(World::new());
    let patch = action(&world, &bad, &[edit("a", "bad\n", "better\n")]);
    // Elsewhere in the file: the lines still stand there, and people saw another file.
    world.change("a", lines(&[(2, "bad"), (7, "other")]), "meanwhile");
    let says = why(world.execute(&Action::PushPatch(patch)));
    assert!(says.starts_with("the files it changes were changed on main since it was proposed"), "{says}");
    assert!(!world.is_on_server("hearback/INC-3.P1"));
}

#[test]
fn what_comes_out_otherwise_than_it_was_shown_is_not_pushed() {
    let (world, bad) = bad(World::new());
    let patch = action(&world, &bad, &[edit("a", "bad\n", "better\n")]);
    let shown_otherwise = PushPatch { diff: patch.diff.replace("better", "best"), ..patch.clone() };
    let done_otherwise = PushPatch { edits: vec![edit("a", "bad\n", "evil\n")], ..patch.clone() };
    for tampered in [shown_otherwise, done_otherwise] {
        let says = why(world.execute(&Action::PushPatch(tampered)));
        assert_eq!(says, "the difference comes out otherwise than it was shown; nothing was pushed");
    }
    let onto_main = PushPatch { push_to: "main".into(), ..patch.clone() };
    let says = why(world.execute(&Action::PushPatch(onto_main)));
    assert!(says.contains("never to the one that runs"), "{says}");
    let elsewhere = PushPatch { push_to: "work".into(), ..patch.clone() };
    assert!(why(world.execute(&Action::PushPatch(elsewhere))).contains("begins with hearback/"));
    let untouched = PushPatch { edits: vec![edit("b", "b\n", "x\n")], ..patch };
    assert!(why(world.execute(&Action::PushPatch(untouched))).contains("b was not touched by the suspect"));
    assert!(!world.is_on_server("hearback/INC-3.P1"));
}

#[test]
fn a_branch_that_is_there_already_is_not_overwritten() {
    let (world, bad) = bad(World::new());
    let patch = Action::PushPatch(action(&world, &bad, &[edit("a", "bad\n", "better\n")]));
    world.git(&world.theirs, &["push", "-q", "origin", "HEAD:refs/heads/hearback/INC-3.P1"]);
    let before = world.on_server("hearback/INC-3.P1");
    let says = world.rehearse(&patch).refuses.unwrap();
    assert!(says.starts_with("there is a branch hearback/INC-3.P1 on origin already"), "{says}");
    assert!(matches!(world.execute_as(approved(&patch), at(1000), LONG), Outcome::NotAsExpected { .. }));
    assert_eq!(world.on_server("hearback/INC-3.P1"), before);
}
