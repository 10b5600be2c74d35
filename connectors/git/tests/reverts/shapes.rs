//! Commits of every shape, undone here and compared with what the real `git revert` makes of them.

use hearback_core::ports::RevertFit;

use crate::trials::lines;
use crate::world::{World, done};

/// Makes history up to the commit to undo, and then what came after it.
struct Shape {
    name: &'static str,
    before: fn(&mut World),
    bad: fn(&mut World),
    after: fn(&mut World),
}

fn nothing(_: &mut World) {}

fn git(world: &World, args: &[&str]) {
    world.git(&world.theirs, args);
}

const SHAPES: &[Shape] = &[
    Shape {
        name: "a text file",
        before: |w| {
            w.write("a", lines(&[]));
        },
        bad: |w| {
            w.write("a", lines(&[(2, "bad")]));
        },
        after: |w| {
            w.write("a", lines(&[(2, "bad"), (9, "nine")]));
        },
    },
    Shape {
        name: "binary files",
        before: |w| {
            w.write("a.bin", [0, 1, 2, 255]);
        },
        bad: |w| {
            w.write("a.bin", [0, 9, 9, 255]).write("b.bin", [0; 9000]);
        },
        after: nothing,
    },
    Shape {
        name: "odd names",
        before: |w| {
            w.write("-rf", "x\n").write("tab\there", "x\n").write("é ü", "x\n");
        },
        bad: |w| {
            w.write("-rf", "bad\n")
                .write("tab\there", "bad\n")
                .write("é ü", "bad\n")
                .write(":(glob)*", "new\n");
            w.write("new\nline/\"quoted\"", "new\n").write("back\\slash", "new\n");
        },
        after: nothing,
    },
    Shape {
        name: "a file that was renamed since",
        before: |w| {
            w.write("old", lines(&[]));
        },
        bad: |w| {
            w.write("old", lines(&[(2, "bad")]));
        },
        after: |w| git(w, &["mv", "old", "new"]),
    },
    Shape {
        name: "a renaming",
        before: |w| {
            w.write("old", lines(&[]));
        },
        bad: |w| {
            git(w, &["mv", "old", "new"]);
            w.write("new", lines(&[(2, "bad")]));
        },
        after: |w| {
            w.write("new", lines(&[(2, "bad"), (9, "nine")]));
        },
    },
    Shape {
        name: "a deletion",
        before: |w| {
            w.write("folder/gone", "x\n").write("stays", "x\n");
        },
        bad: |w| git(w, &["rm", "-q", "folder/gone"]),
        after: |w| {
            w.write("folder/other", "y\n");
        },
    },
    Shape {
        name: "a new file",
        before: |w| {
            w.write("a", "x\n");
        },
        bad: |w| {
            w.write("deep/down/new", "new\n");
        },
        after: nothing,
    },
    Shape {
        name: "a change of mode",
        before: |w| {
            w.write("run", "x\n");
        },
        bad: |w| {
            git(w, &["add", "-A"]);
            git(w, &["update-index", "--chmod=+x", "run"]);
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(w.theirs.join("run"), mode).unwrap();
        },
        after: nothing,
    },
    Shape {
        name: "a file that became a link",
        before: |w| {
            w.write("a", "x\n").write("b", "y\n");
        },
        bad: |w| {
            std::fs::remove_file(w.theirs.join("a")).unwrap();
            std::os::unix::fs::symlink("b", w.theirs.join("a")).unwrap();
        },
        after: nothing,
    },
    Shape {
        name: "a file that became a folder",
        before: |w| {
            w.write("a", "x\n");
        },
        bad: |w| {
            std::fs::remove_file(w.theirs.join("a")).unwrap();
            w.write("a/b", "y\n");
        },
        after: |w| {
            w.write("c", "z\n");
        },
    },
    Shape {
        name: "a submodule",
        before: |w| {
            w.write("a", "x\n");
            git(
                w,
                &[
                    "update-index",
                    "--add",
                    "--cacheinfo",
                    "160000,3f2a91c0aa3f2a91c0aa3f2a91c0aa3f2a91c0aa,sub",
                ],
            );
            std::fs::create_dir(w.theirs.join("sub")).unwrap();
        },
        bad: |w| {
            git(w, &["update-index", "--cacheinfo", "160000,4e2a91c0aa3f2a91c0aa3f2a91c0aa3f2a91c0aa,sub"]);
            w.write("a", "bad\n");
        },
        after: nothing,
    },
    Shape {
        name: "line ends of another system",
        before: |w| {
            w.write(".gitattributes", "* text=auto eol=crlf\n").write("a", "1\r\n2\r\n");
        },
        bad: |w| {
            w.write("a", "1\r\nbad\r\n");
        },
        after: nothing,
    },
];

#[test]
fn what_is_pushed_is_what_git_itself_would_make() {
    for shape in SHAPES {
        let mut world = World::new();
        (shape.before)(&mut world);
        commit(&mut world, "before");
        (shape.bad)(&mut world);
        let bad = commit(&mut world, "bad");
        (shape.after)(&mut world);
        commit(&mut world, "after");
        world.clone();
        let action = world.action(&bad, "main");
        done(world.execute(&action));
        let ours = world.git(&world.server, &["rev-parse", "main^{tree}"]);
        git(&world, &["revert", "--no-edit", &bad]);
        let theirs = world.git(&world.theirs, &["rev-parse", "HEAD^{tree}"]);
        assert_eq!(ours, theirs, "{}", shape.name);
        // What remains of the submodule's commit is not here and need not be.
        world.git(&world.server, &["fsck", "--strict", "--no-dangling"]);
    }
}

/// Commits without `add -A` taking a submodule's entry away.
fn commit(world: &mut World, message: &str) -> String {
    let ignored = world.theirs.join("sub").exists();
    match ignored {
        false => world.commit(message),
        true => {
            git(world, &["add", "a"]);
            git(world, &["commit", "-q", "--allow-empty", "-m", message]);
            world.push();
            world.git(&world.theirs, &["rev-parse", "HEAD"])
        }
    }
}

#[test]
fn the_first_commit_of_all_can_be_undone() {
    let mut world = World::new();
    let first = world.change("a", "1\n", "one");
    world.change("b", "2\n", "two");
    done(world.clone().execute(&world.action(&first, "main")));
    assert_eq!(world.git(&world.server, &["ls-tree", "--name-only", "main"]), "b");
}

#[test]
fn a_submodule_that_moved_on_conflicts() {
    let mut world = World::new();
    let point = |world: &mut World, digit: &str, message: &str| {
        let entry = format!("160000,{},sub", digit.repeat(40));
        world.git(&world.theirs, &["update-index", "--add", "--cacheinfo", &entry]);
        std::fs::create_dir_all(world.theirs.join("sub")).unwrap();
        world.git(&world.theirs, &["commit", "-q", "-m", message]);
        world.push();
        world.git(&world.theirs, &["rev-parse", "HEAD"])
    };
    point(&mut world, "1", "one");
    let bad = point(&mut world, "2", "two");
    point(&mut world, "3", "three");
    let trial = world.clone().trial(&bad).unwrap();
    assert_eq!(trial.fit, RevertFit::Conflicts(vec!["sub".into()]));
}

#[test]
fn a_file_deleted_since_conflicts_and_so_does_a_name_taken_since() {
    let mut world = World::new();
    world.change("a", lines(&[]), "one");
    let changed = world.change("a", lines(&[(2, "bad")]), "two");
    git(&world, &["rm", "-q", "a"]);
    let deleted = world.commit("three");
    world.change("a", "other\n", "four");
    world.clone();
    assert_eq!(world.trial(&changed).unwrap().fit, RevertFit::Conflicts(vec!["a".into()]));
    assert_eq!(world.trial(&deleted).unwrap().fit, RevertFit::Conflicts(vec!["a".into()]));
}

#[test]
fn attributes_in_somebodys_work_tree_change_nothing() {
    let mut world = World::new();
    world.change("a", lines(&[]), "one");
    let bad = world.change("a", lines(&[(2, "bad")]), "two");
    world.change("a", lines(&[(2, "worse")]), "three");
    world.clone();
    std::fs::write(world.mine.join(".gitattributes"), "* merge=union\n").unwrap();
    world.git(&world.mine, &["add", ".gitattributes"]);
    assert_eq!(world.trial(&bad).unwrap().fit, RevertFit::Conflicts(vec!["a".into()]));
}
