//! A patch, tried and made into an action as a proposal would be.

use hearback_core::action::{Action, PushPatch};
use hearback_core::ids::ChangeId;
use hearback_core::patch::{Edit, PatchFit, PatchPreview, PatchTrial};
use hearback_core::ports::ConnectorError;

use crate::trials::lines;
use crate::world::{LONG, Snapshot, World, block_on, files};

/// Where the tests' patches are pushed.
pub const PUSH_TO: &str = "hearback/INC-3.P1";

pub fn edit(path: &str, find: &str, put: &str) -> Edit {
    Edit { path: path.into(), find: find.into(), put: put.into() }
}

/// What of line two, which the bad commit brought, is made.
pub fn mend() -> Vec<Edit> {
    vec![edit("a", "bad\n", "mended\n")]
}

/// Tries a patch, and checks that nothing was written.
pub fn tried(world: &World, commit: &str, edits: &[Edit]) -> Result<Option<PatchFit>, ConnectorError> {
    let reverts = world.reverts();
    let id = ChangeId::commit("shop", commit).unwrap();
    let before = Snapshot::of(&world.mine);
    let objects = files(&world.mine.join(".git/objects"), &[]);
    let fit = block_on(reverts.try_patch(&id, edits, LONG));
    before.assert_same(&world.mine);
    assert_eq!(files(&world.mine.join(".git/objects"), &[]), objects, "an object was written");
    fit
}

pub fn fits(world: &World, commit: &str, edits: &[Edit]) -> PatchTrial {
    match tried(world, commit, edits).unwrap().unwrap() {
        PatchFit::Fits(trial) => trial,
        PatchFit::Not(why) => panic!("{why}"),
    }
}

pub fn not(world: &World, commit: &str, edits: &[Edit]) -> String {
    match tried(world, commit, edits).unwrap().unwrap() {
        PatchFit::Not(why) => why,
        PatchFit::Fits(trial) => panic!("{}", trial.diff),
    }
}

/// The action that a trial leads to.
pub fn patch(world: &World, commit: &str, edits: Vec<Edit>) -> PushPatch {
    let trial = fits(world, commit, &edits);
    PushPatch {
        repository: trial.repository,
        suspect: commit.into(),
        branch: trial.branch,
        push_to: PUSH_TO.into(),
        edits,
        diff: trial.diff,
        expected: trial.expected,
    }
}

pub fn action(world: &World, commit: &str, edits: Vec<Edit>) -> Action {
    Action::PushPatch(patch(world, commit, edits))
}

/// A world with a bad commit that changed this file to this.
pub fn with_file(path: &str, content: impl AsRef<[u8]>) -> (World, String) {
    let mut world = World::new();
    world.change("first", "first\n", "one");
    let bad = world.change(path, content, "two");
    world.clone();
    (world, bad)
}

/// The difference that mending line two makes.
pub fn mended_diff() -> String {
    let all = lines(&[]);
    let around: Vec<&str> = all.lines().collect();
    format!(
        "--- a/a\n+++ b/a\n@@ -1,5 +1,5 @@\n {}\n-bad\n+mended\n {}\n {}\n {}\n",
        around[0], around[2], around[3], around[4]
    )
}
