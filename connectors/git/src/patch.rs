//! Tries a patch on top of a commit, by reading alone: which files may be patched, what they hold, what would come of them;
//! and writes what came of it as a tree. It must not know branches, remotes or who wants it.

use std::collections::BTreeSet;

use git2::build::TreeUpdateBuilder;
use git2::{FileMode, ObjectType, Oid, Repository};
use hearback_core::ExternalText;
use hearback_core::hash::Digest;
use hearback_core::patch::{Edit, check_edits};
use hearback_core::ports::ConnectorError;
use hearback_core::redaction::redact;
use hearback_core::text::hides;

use crate::objects::Objects;
use crate::patch_diff::{self, Diff};
use crate::patch_paths;
use crate::patch_text::{self, Unfit};
use crate::revert::{self, Path, absent, late, short, unreadable};
use crate::revert_later::{self, NotLater};
use crate::stop::Stop;
use crate::tree::{self, File};

/// A larger file is none that a person wrote.
const LARGEST_BYTES: usize = 1 << 20;
/// A longer line of the difference is none that a person reads.
const LONGEST_LINE: usize = 400;

const PLAIN: u32 = 0o100_644;
const EXECUTABLE: u32 = 0o100_755;

/// What comes of trying it.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    /// What the files hold on the commit that it was tried on.
    pub(crate) expected: Digest,
    /// What would come of them, or why it can't be made: a sentence without words of the patch.
    pub(crate) fit: Result<Fitted, String>,
}

/// A patch that can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fitted {
    pub(crate) diff: String,
    /// How many lines it takes out, and puts in.
    pub(crate) out: usize,
    pub(crate) into: usize,
    /// The files, by path.
    pub(crate) files: Vec<NewFile>,
}

/// What a file shall hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewFile {
    pub(crate) path: Path,
    mode: u32,
    text: String,
}

/// Tries it on top of `onto`.
///
/// # Errors
/// [`ConnectorError::NotUsable`] for a suspect that is a merge or is not below `onto`, and for a clone that lacks objects.
pub(crate) fn attempt(
    repository: &Repository,
    suspect: Oid,
    onto: Oid,
    edits: &[Edit],
    stop: &Stop,
) -> Result<Attempt, ConnectorError> {
    let found = revert::find(repository, suspect)?;
    if found.parent_count() > 1 {
        let says = format!("{} is a merge; name the commit that it brought", short(suspect));
        return Err(ConnectorError::NotUsable(says));
    }
    let objects = Objects::new(repository).map_err(|error| unreadable("the repository", &error))?;
    revert_later::later(&objects, onto, suspect, stop)?.map_err(|why| {
        ConnectorError::NotUsable(match why {
            NotLater::TooFar => format!("{} lies too far back to be patched; do it by hand", short(suspect)),
            NotLater::Elsewhere => format!("{} is not on the branch", short(suspect)),
        })
    })?;
    let touched: BTreeSet<Path> = revert::touched(&objects, &found)?.into_iter().collect();
    let tip = repository.find_commit(onto).map_err(|error| unreadable(&short(onto), &error))?.tree_id();
    let paths: BTreeSet<&str> = edits.iter().map(|edit| edit.path.as_str()).collect();
    let all: Vec<Path> = paths.iter().map(|path| Path::from(path.as_bytes())).collect();
    let expected = revert::digest(&objects, tip, &all, b"files of a patch, 1")?;
    if let Err(why) = check_edits(edits) {
        return Ok(Attempt { expected, fit: Err(why.to_string()) });
    }
    let mut fitted = Fitted { diff: String::new(), out: 0, into: 0, files: Vec::new() };
    for path in paths {
        stop.check().map_err(|_| late())?;
        let of_file: Vec<&Edit> = edits.iter().filter(|edit| edit.path == path).collect();
        let is_touched = touched.contains(path.as_bytes());
        match one(&objects, (tip, path), (is_touched, suspect), &of_file)? {
            Ok((file, diff)) => {
                fitted.diff.push_str(&diff.text);
                fitted.out += diff.out;
                fitted.into += diff.into;
                fitted.files.push(file);
            }
            Err(why) => return Ok(Attempt { expected, fit: Err(why) }),
        }
    }
    let fit = readable(&fitted.diff, edits).map(|()| fitted);
    Ok(Attempt { expected, fit })
}

/// One file with its difference, or why not.
fn one(
    objects: &Objects<'_>,
    (tip, path): (Oid, &str),
    (is_touched, suspect): (bool, Oid),
    edits: &[&Edit],
) -> Result<Result<(NewFile, Diff), String>, ConnectorError> {
    let name = ExternalText::new(path).for_people(100);
    let not = |says: String| Ok(Err(says));
    if let Some(why) = patch_paths::why_never(path) {
        return not(format!("{name} {why}"));
    }
    if !is_touched {
        return not(format!("{} did not touch {name}", short(suspect)));
    }
    if !patch_paths::is_plain(path) {
        return not(format!("the name of {name} can't be shown in a difference"));
    }
    let (file, text) = match read(objects, tip, path)? {
        Ok(found) => found,
        Err(why) => return not(format!("{name} {why}")),
    };
    let lines = patch_text::lines(&text);
    let places = match patch_text::places(&lines, edits) {
        Ok(places) => places,
        Err(why @ Unfit::Overlap) => return not(format!("a place in {name} {why}")),
        Err(why) => return not(format!("a place that it changes {why} in {name}")),
    };
    let changed = patch_text::replaced(&lines, &places);
    if changed == text {
        return not(format!("{name} would stay as it is"));
    }
    let diff = patch_diff::unified(path, &lines, &places);
    Ok(Ok((NewFile { path: Path::from(path.as_bytes()), mode: file.mode, text: changed }, diff)))
}

/// A file that may be patched with what it holds, or why it may not, after its name.
fn read(
    objects: &Objects<'_>,
    tree: Oid,
    path: &str,
) -> Result<Result<(File, String), &'static str>, ConnectorError> {
    let file = match tree::find(objects, tree, path.as_bytes()).map_err(absent)? {
        None => return Ok(Err("is not there any more")),
        Some(file) if !matches!(file.mode, PLAIN | EXECUTABLE) => return Ok(Err("is no plain file")),
        Some(file) => file,
    };
    let content = objects.content_up_to(file.oid, ObjectType::Blob, LARGEST_BYTES).map_err(absent)?;
    let Some(content) = content else { return Ok(Err("is larger than 1 MiB")) };
    Ok(match String::from_utf8(content.to_vec()) {
        Ok(text) if !text.contains('\0') => Ok((file, text)),
        _ => Err("is no text in UTF-8"),
    })
}

/// Refuses what a person could not read to the end, or what must not be kept.
fn readable(diff: &str, edits: &[Edit]) -> Result<(), String> {
    let refused = |says: &str| Err(says.to_owned());
    // A line may end as lines do on Windows; that is all that is not seen.
    if diff.lines().any(|line| hides(&line.replace('\t', " "))) {
        return refused("near a place that it changes stand characters that can't be seen");
    }
    if diff.lines().any(|line| line.chars().count() > LONGEST_LINE) {
        return Err(format!(
            "near a place that it changes stands a line of more than {LONGEST_LINE} characters"
        ));
    }
    // Secrets are taken out of all that is kept, and then it would not be the same patch any more.
    let texts = edits.iter().flat_map(|edit| [edit.find.as_untrusted(), edit.put.as_untrusted()]);
    if texts.chain([diff]).any(|text| redact(text).1 > 0) {
        return refused("in it or near it stands what looks like a secret");
    }
    Ok(())
}

/// Writes the tree of `onto` with these files as they shall be, and checks that nothing else is another.
pub(crate) fn write(repository: &Repository, onto: Oid, fitted: &Fitted) -> Result<Oid, ConnectorError> {
    let failed = |error: git2::Error| {
        ConnectorError::Failed(format!("the patched files can't be written: {}", error.message()))
    };
    let before = repository.find_commit(onto).and_then(|commit| commit.tree()).map_err(failed)?;
    let mut update = TreeUpdateBuilder::new();
    let mut wanted = Vec::new();
    for file in &fitted.files {
        let blob = repository.blob(file.text.as_bytes()).map_err(failed)?;
        let mode = if file.mode == EXECUTABLE { FileMode::BlobExecutable } else { FileMode::Blob };
        update.upsert(file.path.as_ref(), blob, mode);
        wanted.push((file.path.clone(), Some(File { mode: file.mode, oid: blob })));
    }
    let tree = update.create_updated(repository, &before).map_err(failed)?;
    let objects = Objects::new(repository).map_err(failed)?;
    let differ = tree::diff(&objects, Some(before.id()), Some(tree)).map_err(absent)?;
    let mut differ: Vec<(Path, Option<File>)> =
        differ.into_iter().map(|delta| (delta.path, delta.new)).collect();
    differ.sort_by(|one, other| one.0.cmp(&other.0));
    if differ != wanted {
        return Err(ConnectorError::Failed("git made another tree of it than it should have".to_owned()));
    }
    Ok(tree)
}
