//! Undoes one commit on top of another: in memory, without a work tree and without an index of anybody. Tells what
//! would change, what conflicts, and what the files concerned hold now. It must not know branches, remotes or who
//! wants it.

use std::collections::BTreeSet;

use git2::{Commit, ErrorCode, MergeOptions, Oid, Repository};
use hearback_core::hash::Digest;
use hearback_core::ports::ConnectorError;

use crate::objects::{Objects, Unreadable};
use crate::stop::Stop;
use crate::tree;

/// How many files may be compared for whether they were renamed since.
const RENAMES_COMPARED: u32 = 400;
/// Files of our own in memory stand before whatever is on the disk.
const FIRST: i32 = 1000;

/// A path as git has it.
pub(crate) type Path = Box<[u8]>;

/// What comes of undoing a commit on top of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) fit: Fit,
    /// The files concerned: those that the commit touched, and those that undoing it would change. Sorted.
    pub(crate) concerned: Vec<Path>,
    /// What these hold on the commit that it was tried on.
    pub(crate) expected: Digest,
}

/// Whether it fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It gives this tree, in which these files are others.
    Clean { tree: Oid, files: Vec<Path> },
    /// The tree would be the same.
    NothingLeft,
    /// These files conflict.
    Conflicts(Vec<Path>),
}

/// Makes a repository keep in memory what is written to it from now on.
pub(crate) fn write_to_memory(repository: &Repository) -> Result<(), ConnectorError> {
    let objects = repository.odb().map_err(|error| unreadable("the repository", &error))?;
    // It belongs to the repository, and goes with it.
    objects.add_new_mempack_backend(FIRST).map_err(|error| unreadable("the repository", &error))?;
    Ok(())
}

/// The commit, if it is here.
pub(crate) fn find(repository: &Repository, commit: Oid) -> Result<Commit<'_>, ConnectorError> {
    let short = short(commit);
    repository.find_commit(commit).map_err(|error| match error.code() {
        ErrorCode::NotFound => ConnectorError::NotUsable(format!("commit {short} is not here")),
        _ => unreadable(&format!("commit {short}"), &error),
    })
}

/// The commit, if it is here and can be undone.
pub(crate) fn undoable(repository: &Repository, commit: Oid) -> Result<Commit<'_>, ConnectorError> {
    let (found, short) = (find(repository, commit)?, short(commit));
    if found.parent_count() > 1 {
        return Err(ConnectorError::NotUsable(format!(
            "{short} is a merge, and a merge is not undone by itself; undo a commit that it brought, or do it by hand: \
             git revert -m 1 {short}"
        )));
    }
    Ok(found)
}

/// Undoes `commit` on top of `onto`.
///
/// # Errors
/// [`ConnectorError::NotUsable`] for a merge and for a clone that lacks objects.
pub(crate) fn attempt(
    repository: &Repository,
    commit: Oid,
    onto: Oid,
    stop: &Stop,
) -> Result<Attempt, ConnectorError> {
    let late = |_| late();
    let undone = undoable(repository, commit)?;
    let tip = repository.find_commit(onto).map_err(|error| unreadable(&short(onto), &error))?;
    let objects = Objects::new(repository).map_err(|error| unreadable("the repository", &error))?;
    let mut concerned: BTreeSet<Path> = touched(&objects, &undone)?.into_iter().collect();
    stop.check().map_err(late)?;

    let mut options = MergeOptions::new();
    options.find_renames(true).target_limit(RENAMES_COMPARED);
    let mut index = repository
        .revert_commit(&undone, &tip, 0, Some(&options))
        .map_err(|error| unreadable(&short(commit), &error))?;
    stop.check().map_err(late)?;
    let fit = if index.has_conflicts() {
        Fit::Conflicts(conflicts(&index)?)
    } else {
        let tree = index.write_tree_to(repository).map_err(|error| unreadable("the result", &error))?;
        let changed = tree::diff(&objects, Some(tip.tree_id()), Some(tree)).map_err(absent)?;
        let files: Vec<Path> = changed.into_iter().map(|delta| delta.path).collect();
        concerned.extend(files.iter().cloned());
        if tree == tip.tree_id() { Fit::NothingLeft } else { Fit::Clean { tree, files } }
    };
    stop.check().map_err(late)?;
    let concerned: Vec<Path> = concerned.into_iter().collect();
    let expected = digest(&objects, tip.tree_id(), &concerned, b"files of a revert, 1")?;
    Ok(Attempt { fit, concerned, expected })
}

/// The files that a commit is others in than its first parent.
pub(crate) fn touched(objects: &Objects<'_>, commit: &Commit<'_>) -> Result<Vec<Path>, ConnectorError> {
    let before = match commit.parent_ids().next() {
        Some(_) => Some(commit.parent(0).map_err(|error| unreadable(&short(commit.id()), &error))?.tree_id()),
        None => None,
    };
    let deltas = tree::diff(objects, before, Some(commit.tree_id())).map_err(absent)?;
    Ok(deltas.into_iter().map(|delta| delta.path).collect())
}

/// What files hold in a tree: each path with the kind and the id of what is there, or that nothing is. `of` says what for.
pub(crate) fn digest(
    objects: &Objects<'_>,
    tree: Oid,
    paths: &[Path],
    of: &[u8],
) -> Result<Digest, ConnectorError> {
    let mut parts: Vec<Vec<u8>> = vec![of.to_vec()];
    for path in paths {
        // What stands in a folder is none of the file's business whose name it has now.
        let held = match tree::find(objects, tree, path).map_err(absent)? {
            None => "nothing".to_owned(),
            Some(found) if found.is_directory() => "a folder".to_owned(),
            Some(found) => format!("{:o} {}", found.mode, found.oid),
        };
        parts.extend([path.to_vec(), held.into_bytes()]);
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    Ok(Digest::of_parts(&parts))
}

fn conflicts(index: &git2::Index) -> Result<Vec<Path>, ConnectorError> {
    let mut paths = BTreeSet::new();
    let failed = |error: git2::Error| unreadable("the conflicts", &error);
    for conflict in index.conflicts().map_err(failed)? {
        let conflict = conflict.map_err(failed)?;
        let sides = [conflict.ancestor, conflict.our, conflict.their];
        paths.extend(sides.into_iter().flatten().map(|side| Path::from(side.path)));
    }
    Ok(paths.into_iter().collect())
}

/// The first digits of a sha, for people.
pub(crate) fn short(oid: Oid) -> String {
    oid.to_string().chars().take(10).collect()
}

pub(crate) fn late() -> ConnectorError {
    ConnectorError::Failed("the time was up before git's objects were read; ask again".to_owned())
}

/// What it means for the caller that an object can't be read.
pub(crate) fn absent(why: Unreadable) -> ConnectorError {
    match why {
        Unreadable::Absent => ConnectorError::NotUsable(PARTIAL.to_owned()),
        Unreadable::Damaged => {
            ConnectorError::Failed("an object of the repository is damaged; run `git fsck`".to_owned())
        }
    }
}

const PARTIAL: &str = "this clone lacks objects that are needed for it (a partial clone); name a whole clone";

pub(crate) fn unreadable(what: &str, error: &git2::Error) -> ConnectorError {
    match error.code() {
        ErrorCode::NotFound => ConnectorError::NotUsable(PARTIAL.to_owned()),
        _ => ConnectorError::Failed(format!("{what} can't be read from git's objects: {}", error.message())),
    }
}
