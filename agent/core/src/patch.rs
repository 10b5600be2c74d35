//! A small patch that a model may suggest and a person may approve: a few places of files that the suspect touched, each told
//! by what stands there and what shall stand there instead. It must not know how it is tried or pushed.

use async_trait::async_trait;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::Claim;
use crate::hash::Digest;
use crate::ids::ChangeId;
use crate::ports::ConnectorError;
use crate::text::ExternalText;

/// As many places of files may be changed.
pub const MOST_EDITS: usize = 6;
/// As many files.
pub const MOST_FILES: usize = 3;
/// As many lines taken out and put in, together.
pub const MOST_LINES: usize = 40;
/// As many bytes, taken out and put in, together.
pub const MOST_BYTES: usize = 4_096;

/// One place of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Edit {
    /// The file, from the root of its repository: one that the suspect touched.
    pub path: String,
    /// What stands there now, in whole lines: exactly once in the file.
    #[schemars(with = "String")]
    pub find: ExternalText,
    /// What shall stand there instead, in whole lines; empty to take it out.
    #[schemars(with = "String")]
    pub put: ExternalText,
}

/// What a model suggests: never done, only proposed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Suggested {
    /// Why, held against what it cites.
    pub because: Claim,
    /// The suspect whose files it changes.
    #[schemars(with = "String")]
    pub change: ChangeId,
    /// The places.
    pub edits: Vec<Edit>,
}

/// Why a patch is no small one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPatch {
    /// It changes nothing.
    #[error("it changes nothing")]
    Empty,
    /// It is too large for a person to read at three in the morning.
    #[error(
        "it is too large: at most {MOST_EDITS} places in {MOST_FILES} files, {MOST_LINES} lines, {MOST_BYTES} bytes"
    )]
    TooLarge,
    /// It holds characters that a person would not see.
    #[error("it holds characters that can't be seen")]
    Hidden,
}

/// Whether these are a patch that is small enough and can be read.
///
/// # Errors
/// [`BadPatch`], the first thing that is wrong.
pub fn check_edits(edits: &[Edit]) -> Result<(), BadPatch> {
    let texts = || edits.iter().flat_map(|edit| [edit.find.as_untrusted(), edit.put.as_untrusted()]);
    if edits.iter().all(|edit| edit.find == edit.put) || edits.iter().any(|edit| edit.find.is_blank()) {
        return Err(BadPatch::Empty);
    }
    let mut files: Vec<&str> = edits.iter().map(|edit| edit.path.as_str()).collect();
    files.sort_unstable();
    files.dedup();
    let lines: usize = texts().map(|text| text.lines().count()).sum();
    let bytes: usize = texts().map(str::len).sum();
    if edits.len() > MOST_EDITS || files.len() > MOST_FILES || lines > MOST_LINES || bytes > MOST_BYTES {
        return Err(BadPatch::TooLarge);
    }
    let is_hidden = |line: &str| crate::text::hides(line.replace('\t', " ").as_str());
    if texts().flat_map(str::lines).chain(files).any(is_hidden) {
        return Err(BadPatch::Hidden);
    }
    Ok(())
}

/// What would come of a patch, tried in memory on the branch that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchTrial {
    /// The repository, as it is called here.
    pub repository: String,
    /// The branch it was tried on.
    pub branch: String,
    /// What the files hold there: [`crate::action::PushPatch::expected`].
    pub expected: Digest,
    /// The difference as people read it, with three lines around each place: [`crate::action::PushPatch::diff`].
    pub diff: String,
}

/// What comes of trying a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatchFit {
    /// It can be made.
    Fits(PatchTrial),
    /// It can't: why, in one sentence that holds no words of the patch.
    Not(String),
}

/// Something that can try a patch without writing anything.
#[async_trait]
pub trait PatchPreview: Send + Sync {
    /// Tries it on the branch that runs in production. None if the commit is not of this repository. A file that the commit
    /// did not touch, a place that is not there exactly once, and a link or a program in the place of a file are
    /// [`PatchFit::Not`].
    ///
    /// # Errors
    /// It could not be tried: a clone that is not whole, no time.
    async fn try_patch(
        &self,
        change: &ChangeId,
        edits: &[Edit],
        budget: SignedDuration,
    ) -> Result<Option<PatchFit>, ConnectorError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(path: &str, find: &str, put: &str) -> Edit {
        Edit { path: path.into(), find: find.into(), put: put.into() }
    }

    #[test]
    fn a_small_patch_is_one_that_a_person_reads_at_a_glance() {
        let one = edit("src/retry.rs", "\tretries: 9,\n", "\tretries: 3,\n");
        assert_eq!(check_edits(std::slice::from_ref(&one)), Ok(()));
        assert_eq!(check_edits(&vec![one.clone(); MOST_EDITS]), Ok(()));
        assert_eq!(check_edits(&[]), Err(BadPatch::Empty));
        assert_eq!(check_edits(&[edit("a", "x\n", "x\n")]), Err(BadPatch::Empty));
        assert_eq!(check_edits(&[edit("a", " \n", "x\n")]), Err(BadPatch::Empty));
        assert_eq!(check_edits(&vec![one; MOST_EDITS + 1]), Err(BadPatch::TooLarge));
        let many: Vec<Edit> = (0..=MOST_FILES).map(|n| edit(&format!("f{n}"), "x\n", "y\n")).collect();
        assert_eq!(check_edits(&many), Err(BadPatch::TooLarge));
        assert_eq!(check_edits(&many[..MOST_FILES]), Ok(()));
        let lines = |count: usize| edit("a", "x\n", &"y\n".repeat(count));
        assert_eq!(check_edits(&[lines(MOST_LINES - 1)]), Ok(()));
        assert_eq!(check_edits(&[lines(MOST_LINES)]), Err(BadPatch::TooLarge));
        assert_eq!(check_edits(&[edit("a", "x\n", &"y".repeat(MOST_BYTES - 2))]), Ok(()));
        assert_eq!(check_edits(&[edit("a", "x\n", &"y".repeat(MOST_BYTES - 1))]), Err(BadPatch::TooLarge));
        for hidden in ["y\u{202e}\n", "y\u{200b}\n", "y\u{1b}[8m\n", "y\rz\n"] {
            assert_eq!(check_edits(&[edit("a", "x\n", hidden)]), Err(BadPatch::Hidden), "{hidden:?}");
            assert_eq!(check_edits(&[edit(hidden.trim_end(), "x\n", "y\n")]), Err(BadPatch::Hidden));
        }
    }
}
