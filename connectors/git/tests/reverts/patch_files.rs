//! Patches that are tried: which files may be patched, where, and what comes of it. Every trial is checked to write nothing.

use hearback_core::ids::ChangeId;
use hearback_core::patch::{Edit, PatchFit, PatchPreview};
use hearback_core::ports::ConnectorError;
use hearback_git::GitReverts;
use jiff::SignedDuration;

use crate::approved::approved;
use crate::patching::{PUSH_TO, action, edit, fits, mend, mended_diff, not, tried, with_file};
use crate::pushes::{bad, why};
use crate::trials::lines;
use crate::world::{LONG, World, block_on, done};

fn not_usable<T: std::fmt::Debug>(result: Result<T, ConnectorError>) -> String {
    match result {
        Err(ConnectorError::NotUsable(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_trial_tells_what_people_would_read() {
    let (mut world, bad) = bad(World::new());
    let trial = fits(&world, &bad, &mend());
    assert_eq!((trial.repository.as_str(), trial.branch.as_str()), ("shop", "main"));
    assert_eq!(trial.diff, mended_diff());
    // What is expected is what the files hold and nothing else; the patch has no part in it.
    let again = |world: &World| {
        world.git(&world.mine, &["fetch", "-q"]);
        fits(world, &bad, &[edit("a", "bad", "")]).expected
    };
    world.change("b", "b\n", "elsewhere");
    assert_eq!(again(&world), trial.expected);
    world.change("a", lines(&[(2, "bad"), (9, "nine")]), "here");
    assert_ne!(again(&world), trial.expected);
    let revert = world.trial(&bad).unwrap();
    assert_ne!(again(&world), revert.expected, "a revert of the same files is told apart");
}

/// What git makes of a file with these bytes and this difference.
fn as_git_applies(world: &World, folder: &str, path: &str, content: &[u8], diff: &str) -> Vec<u8> {
    let folder = world.outside(folder);
    let file = folder.join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, content).unwrap();
    std::fs::write(folder.join("diff"), diff).unwrap();
    world.git(&folder, &["-c", "core.autocrlf=false", "apply", "--whitespace=nowarn", "diff"]);
    std::fs::read(file).unwrap()
}

#[test]
fn what_is_pushed_is_what_git_makes_of_the_difference() {
    let text = lines(&[]);
    let windows = text.replace('\n', "\r\n");
    let cases: &[(&str, Vec<u8>, Vec<Edit>)] = &[
        (
            "a",
            text.clone().into(),
            vec![edit("a", "2\n", "two\n"), edit("a", "9\n", "nine\nnine and a half\n")],
        ),
        ("deep/down/é ü.rs", text.clone().into(), vec![edit("deep/down/é ü.rs", "1\n2\n", "")]),
        ("a", windows.clone().into(), vec![edit("a", "5\n6\n", "five\n6\n6½")]),
        ("a", text.trim_end().into(), vec![edit("a", "10", "ten")]),
        ("a", text.trim_end().into(), vec![edit("a", "10", "ten\neleven")]),
        ("a", text.trim_end().into(), vec![edit("a", "10", "")]),
        ("a", windows.trim_end().into(), vec![edit("a", "10", "ten\neleven\n")]),
        ("a", "\tx: 1,\n".into(), vec![edit("a", "\tx: 1,\n", "\tx: 2,\n\ty: 3,\n")]),
        ("a", "--- a\n+++ b\n@@ c\n".into(), vec![edit("a", "--- a", "+++ a\n-- b"), edit("a", "@@ c", "")]),
        ("a", "only".into(), vec![edit("a", "only", "other")]),
    ];
    for (n, (path, content, edits)) in cases.iter().enumerate() {
        let (world, bad) = with_file(path, content);
        let diff = fits(&world, &bad, edits).diff;
        let expect = as_git_applies(&world, &format!("applied{n}"), path, content, &diff);
        done(world.execute(&action(&world, &bad, edits.clone())));
        let spec = format!("{PUSH_TO}:{path}");
        let pushed = world.command(&world.server).args(["cat-file", "blob", &spec]).output().unwrap().stdout;
        assert_eq!(pushed, expect, "{edits:?}: {diff}");
        let changed =
            world.git(&world.server, &["-c", "core.quotePath=false", "diff", "--name-only", "main", PUSH_TO]);
        assert_eq!(changed, *path);
        world.git(&world.server, &["fsck", "--strict"]);
    }
}

#[test]
fn endings_of_lines_stay_as_they_are() {
    let (world, bad) = with_file("a", "1\r\n2\r\n3\r\n4");
    let diff = fits(&world, &bad, &[edit("a", "2\n", "two\n"), edit("a", "4", "four\nfive\n")]).diff;
    assert_eq!(
        diff,
        "--- a/a\n+++ b/a\n@@ -1,4 +1,5 @@\n 1\r\n-2\r\n+two\r\n 3\r\n-4\n\\ No newline at end of file\n+four\r\n+five\n\\ No \
         newline at end of file\n"
    );
    let (world, bad) = with_file("a", "1\r\n2\n3\n");
    assert_eq!(
        not(&world, &bad, &[edit("a", "1\n2", "x")]),
        "a place that it changes has line endings of two kinds in a"
    );
}

#[test]
fn a_place_is_there_exactly_once_and_by_itself() {
    let (world, bad) = with_file("a", "x = 1\ny = 1\nx = 1\nz = 1\n");
    for (edits, expect) in [
        (vec![edit("a", "x = 1", "x = 2")], "a place that it changes is there more than once in a"),
        (vec![edit("a", "y = 2", "y = 3")], "a place that it changes is not there in whole lines in a"),
        (vec![edit("a", "y =", "y = 3")], "a place that it changes is not there in whole lines in a"),
        (
            vec![edit("a", "token = [redacted: token]", "y = 3")],
            "a place that it changes is not there in whole lines in a",
        ),
        (
            vec![edit("a", "y = 1\nx = 1", "q"), edit("a", "x = 1\nz = 1", "p")],
            "a place in a overlaps another",
        ),
        (
            vec![edit("a", "y = 1\nx = 1", "y = 1\n"), edit("a", "z = 1", "x = 1\nz = 1")],
            "a would stay as it is",
        ),
        (vec![edit("a", "y = 1", "y = 1")], "it changes nothing"),
        (vec![], "it changes nothing"),
        (vec![edit("a", "y = 1", "y = \u{202e}1")], "it holds characters that can't be seen"),
        (
            vec![edit("a", "y = 1", &"y\n".repeat(60))],
            "it is too large: at most 6 places in 3 files, 40 lines, 4096 bytes",
        ),
    ] {
        assert_eq!(not(&world, &bad, &edits), expect, "{edits:?}");
    }
    // Both lines that are the same can be told apart by what stands beside them.
    fits(&world, &bad, &[edit("a", "y = 1\nx = 1", "y = 1\nx = 2")]);
}

#[test]
fn only_files_that_the_suspect_touched_are_patched() {
    let (mut world, bad) = bad(World::new());
    world.change("b", "b\n", "later");
    world.git(&world.mine, &["fetch", "-q"]);
    let told = not(&world, &bad, &[edit("a", "bad", "x"), edit("b", "b", "x")]);
    assert_eq!(told, format!("{} did not touch b", &bad[..10]));
    for path in ["", ".", "a/", "./a", "../a", "A", "a\u{301}", "nothing", "/a"] {
        let told = not(&world, &bad, &[edit(path, "bad", "x")]);
        assert!(told.contains("did not touch"), "{path:?}: {told}");
    }
    // The first commit of all touched all that it brought.
    let first = world.git(&world.theirs, &["rev-list", "--max-parents=0", "HEAD"]);
    fits(&world, &first, &mend());
    // A file that is gone, or in a folder's place, is nothing to patch.
    world.git(&world.theirs, &["rm", "-q", "a"]);
    world.change("a/inside", "bad\n", "gone");
    world.git(&world.mine, &["fetch", "-q"]);
    assert_eq!(not(&world, &bad, &mend()), "a is no plain file");
    world.git(&world.theirs, &["rm", "-rq", "a"]);
    world.commit("all gone");
    world.git(&world.mine, &["fetch", "-q"]);
    assert_eq!(not(&world, &bad, &mend()), "a is not there any more");
}

#[test]
fn links_programs_and_files_that_are_no_text_are_told_apart() {
    let mut world = World::new();
    world.change("first", "first\n", "one");
    let own = world.on_server("main");
    world
        .write("nul", b"bad\n\0\n")
        .write("latin", b"bad\n\xe9\n")
        .write("large", "bad\n".to_owned() + &"x\n".repeat(1 << 19));
    world.write("run", "bad\n");
    std::os::unix::fs::symlink("bad", world.theirs.join("link")).unwrap();
    world.git(&world.theirs, &["add", "-A"]);
    world.git(&world.theirs, &["update-index", "--chmod=+x", "run"]);
    let gitlink = format!("160000,{own},module");
    world.git(&world.theirs, &["update-index", "--add", "--cacheinfo", &gitlink]);
    world.git(&world.theirs, &["commit", "-qm", "two"]);
    world.push();
    let bad = world.on_server("main");
    world.clone();
    for (path, expect) in [
        ("nul", "nul is no text in UTF-8"),
        ("latin", "latin is no text in UTF-8"),
        ("large", "large is larger than 1 MiB"),
        ("link", "link is no plain file"),
        ("module", "module is no plain file"),
    ] {
        assert_eq!(not(&world, &bad, &[edit(path, "bad", "x")]), expect);
    }
    // A program stays one.
    done(world.execute(&action(&world, &bad, vec![edit("run", "bad", "good")])));
    let tree = world.git(&world.server, &["ls-tree", PUSH_TO, "run"]);
    assert!(tree.starts_with("100755 blob "), "{tree}");
    let others = |of: &str| world.git(&world.server, &["ls-tree", "-r", of]).replace(&tree, "");
    let before = world.git(&world.server, &["ls-tree", "main", "run"]);
    assert_eq!(others(PUSH_TO).trim(), others("main").replace(&before, "").trim());
}

#[test]
fn files_that_a_push_acts_on_are_never_patched() {
    let mut world = World::new();
    world.change("first", "first\n", "one");
    let paths =
        [".github/workflows/ci.yml", ".gitmodules", "sub/.gitattributes", "CODEOWNERS", "Jenkinsfile"];
    for path in paths {
        world.write(path, "# bad\n");
    }
    let bad = world.commit("two");
    world.clone();
    for path in paths {
        let told = not(&world, &bad, &[edit(path, "# bad", "# good")]);
        assert!(told.starts_with(path) && told.ends_with(", and is changed by hand"), "{told}");
    }
}

#[test]
fn what_a_person_could_not_read_is_not_proposed() {
    let near = |line: &str| {
        let (world, bad) = with_file("a", format!("1\n2\n3\n{line}\nbad\n"));
        tried(&world, &bad, &mend()).unwrap().unwrap()
    };
    let not = |fit: PatchFit| match fit {
        PatchFit::Not(why) => why,
        PatchFit::Fits(trial) => panic!("{}", trial.diff),
    };
    for hidden in ["x\u{202e}y", "x\u{200b}", "x\u{1b}[8m", "x\ry"] {
        assert_eq!(
            not(near(hidden)),
            "near a place that it changes stand characters that can't be seen",
            "{hidden:?}"
        );
    }
    assert_eq!(
        not(near(&"x".repeat(400))),
        "near a place that it changes stands a line of more than 400 characters"
    );
    assert!(matches!(near(&"é".repeat(399)), PatchFit::Fits(_)));
    assert!(matches!(near("\tif x:\t# y"), PatchFit::Fits(_)));
    assert_eq!(
        not(near("password = \"hunter22hunter\"")),
        "in it or near it stands what looks like a secret"
    );
    // What is far away is not shown, and stays as it is.
    let (world, bad) = with_file("a", "x\u{202e}y\n1\n2\n3\nbad\n");
    fits(&world, &bad, &mend());
}

#[test]
fn a_name_that_cant_be_shown_is_not_patched() {
    for (path, shown) in [("tab\there", "tab here"), ("a \"b\"", "a \"b\""), ("back\\slash", "back\\slash")] {
        let (world, bad) = with_file(path, "bad\n");
        let told = not(&world, &bad, &[edit(path, "bad", "x")]);
        assert_eq!(told, format!("the name of {shown} can't be shown in a difference"));
    }
}

#[test]
fn merges_strays_and_other_repositories_are_not_patched() {
    let mut world = World::new();
    let one = world.change("a", "bad\n", "one");
    world.git(&world.theirs, &["checkout", "-q", "-b", "side"]);
    let side = world.change("s", "s\n", "side");
    world.git(&world.theirs, &["checkout", "-q", "main"]);
    world.change("b", "b\n", "main");
    world.git(&world.theirs, &["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    world.push();
    let merge = world.on_server("main");
    world.git(&world.theirs, &["checkout", "-q", "-b", "stray", &one]);
    let stray = world.change("a", "worse\n", "stray");
    world.clone();
    assert_eq!(
        not_usable(tried(&world, &merge, &mend())),
        format!("{} is a merge; name the commit that it brought", &merge[..10])
    );
    assert_eq!(not_usable(tried(&world, &stray, &mend())), format!("{} is not on the branch", &stray[..10]));
    fits(&world, &side, &[edit("s", "s", "t")]);
    let reverts = world.reverts();
    for other in [
        format!("git:cart:{one}"),
        "git:shop:3f2a91c0aa3f2a91c0aa3f2a91c0aa3f2a91c0aa".to_owned(),
        format!("git:shop:{}", &one[..20]),
        "flag:ld:cart".to_owned(),
    ] {
        let id = ChangeId::new(other).unwrap();
        assert_eq!(block_on(reverts.try_patch(&id, &mend(), LONG)).unwrap(), None, "{id}");
    }
    let id = ChangeId::commit("shop", &one).unwrap();
    let late = block_on(reverts.try_patch(&id, &mend(), SignedDuration::ZERO)).unwrap_err();
    assert_eq!(late.to_string(), "the time was up before git's objects were read; ask again");
}

#[test]
fn clones_that_are_not_whole_are_refused() {
    let (world, commit) = bad(World::new());
    let action = action(&world, &commit, mend());
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
        (with("trees", &["--filter=tree:0", "--bare"]), "this clone lacks objects"),
        (with("blobs", &["--filter=blob:none", "--bare"]), "this clone lacks objects"),
    ] {
        let told = not_usable(block_on(reverts.try_patch(&id, &mend(), LONG)));
        assert!(told.starts_with(expect), "{told}");
        use hearback_core::ports::ActionExecutor as _;
        let told = why(block_on(reverts.execute(approved(&action), crate::world::at(0), LONG)));
        assert!(told.starts_with(expect) && told.ends_with("nothing was pushed"), "{told}");
    }
    assert!(!world.is_on_server(PUSH_TO));
}
