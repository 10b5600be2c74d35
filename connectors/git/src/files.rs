//! The files of one commit against one parent: lines counted per file, exact moves found. It must not know
//! windows, caches or threads.

use std::collections::HashMap;

use git2::{ObjectType, Oid};
use hearback_core::change::{Lines, PathChange, Paths, RepoPath};

use crate::lines;
use crate::objects::{Objects, Unreadable};
use crate::stop::{Stop, Stopped};
use crate::tree::{self, Delta, File};

/// Contents larger than this are not read: one would break the memory limit, and nobody reads such a diff.
const LARGEST_BYTES: usize = 100 << 20;

/// The content of every empty file. That two files are empty does not say one was moved.
pub(crate) const EMPTY_BLOB: &str = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) path: Box<[u8]>,
    pub(crate) lines: Lines,
    pub(crate) moved_from: Option<Box<[u8]>>,
}

/// The files of a commit, as far as its objects are here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Files {
    /// All of them. Only this may be kept, as a fact of the commit alone, and only when nothing is absent or too large.
    Known {
        rows: Vec<Row>,
        /// Contents that are not here; their rows have unknown lines.
        absent: usize,
        /// Contents too large to be counted.
        too_large: usize,
    },
    /// A tree or the parent is not here.
    Unknown,
}

impl Files {
    /// A merge in a walk of all commits.
    pub(crate) fn none() -> Self {
        Files::Known { rows: Vec::new(), absent: 0, too_large: 0 }
    }

    pub(crate) fn into_paths(self) -> Paths {
        match self {
            Files::Unknown => Paths::Unknown,
            Files::Known { rows, .. } => Paths::Known(path_changes(rows)),
        }
    }
}

/// Rows as a change has them.
pub(crate) fn path_changes(rows: Vec<Row>) -> Vec<PathChange> {
    let path_change = |row: Row| PathChange {
        path: RepoPath::from_bytes(&row.path),
        lines: row.lines,
        moved_from: row.moved_from.map(|from| RepoPath::from_bytes(&from)),
    };
    rows.into_iter().map(path_change).collect()
}

/// Counts the files between two trees; no old tree means everything was added.
pub(crate) fn between(
    objects: &Objects<'_>,
    old: Option<Oid>,
    new: Oid,
    stop: &Stop,
) -> Result<Files, Stopped> {
    let Ok(deltas) = tree::diff(objects, old, Some(new)) else {
        return Ok(Files::Unknown);
    };
    let moves = exact_moves(&deltas);
    let (mut absent, mut too_large) = (0, 0);
    let mut rows = Vec::with_capacity(deltas.len());
    for (index, delta) in deltas.iter().enumerate() {
        stop.check()?;
        let lines = count(objects, delta).unwrap_or_else(|why| {
            match why {
                Uncounted::Unreadable => absent += 1,
                Uncounted::TooLarge => too_large += 1,
            }
            Lines::Unknown
        });
        let moved_from = moves.get(&index).and_then(|&from| deltas.get(from)).map(|d| d.path.clone());
        rows.push(Row { path: delta.path.clone(), lines, moved_from });
    }
    Ok(Files::Known { rows, absent, too_large })
}

/// Why a content is not had.
pub(crate) enum Uncounted {
    Unreadable,
    TooLarge,
}

impl From<Unreadable> for Uncounted {
    fn from(_: Unreadable) -> Self {
        Uncounted::Unreadable
    }
}

fn count(objects: &Objects<'_>, delta: &Delta) -> Result<Lines, Uncounted> {
    let old = content(objects, delta.old, LARGEST_BYTES)?;
    if delta.old.map(|f| f.oid) == delta.new.map(|f| f.oid) {
        // Only the mode changed. Git still says "binary" of a binary file.
        return Ok(lines::count(old.bytes(), old.bytes()));
    }
    let new = content(objects, delta.new, LARGEST_BYTES)?;
    Ok(lines::count(old.bytes(), new.bytes()))
}

/// What git compares for a side of a delta.
pub(crate) enum Content {
    Nothing,
    Blob(std::rc::Rc<[u8]>),
    /// Git shows a submodule as a line that names its commit.
    Submodule(String),
}

impl Content {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Content::Nothing => b"",
            Content::Blob(blob) => blob,
            Content::Submodule(line) => line.as_bytes(),
        }
    }
}

/// Loads a side of a delta, if it has at most `largest` bytes.
pub(crate) fn content(
    objects: &Objects<'_>,
    file: Option<File>,
    largest: usize,
) -> Result<Content, Uncounted> {
    let Some(file) = file else { return Ok(Content::Nothing) };
    if file.is_submodule() {
        return Ok(Content::Submodule(format!("Subproject commit {}\n", file.oid)));
    }
    let blob = objects.content_up_to(file.oid, ObjectType::Blob, largest)?;
    blob.map(Content::Blob).ok_or(Uncounted::TooLarge)
}

/// Which added file (by index) has the content of which deleted file. Each deleted file moves to one place: of
/// several the one with its name, else the first.
fn exact_moves(deltas: &[Delta]) -> HashMap<usize, usize> {
    let mut deleted: HashMap<Oid, Vec<usize>> = HashMap::new();
    for (index, delta) in deltas.iter().enumerate() {
        if let (Some(old), None) = (delta.old, delta.new)
            && !old.is_submodule()
            && old.oid.to_string() != EMPTY_BLOB
        {
            deleted.entry(old.oid).or_default().push(index);
        }
    }
    let mut moves = HashMap::new();
    if deleted.is_empty() {
        return moves;
    }
    let name = |index: usize| {
        deltas.get(index).and_then(|d| d.path.rsplit(|&b| b == b'/').next()).unwrap_or_default()
    };
    for keep_name in [true, false] {
        for (index, delta) in deltas.iter().enumerate() {
            let (None, Some(new)) = (delta.old, delta.new) else { continue };
            let Some(candidates) = deleted.get_mut(&new.oid) else { continue };
            if moves.contains_key(&index) {
                continue;
            }
            let chosen = candidates.iter().position(|&from| !keep_name || name(from) == name(index));
            if let Some(at) = chosen {
                moves.insert(index, candidates.remove(at));
            }
        }
    }
    moves
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(path: &str, old: Option<u8>, new: Option<u8>) -> Delta {
        let file = |n: u8| File { mode: 0o100_644, oid: Oid::from_bytes(&[n; 20]).unwrap() };
        Delta { path: path.as_bytes().into(), old: old.map(file), new: new.map(file) }
    }

    #[test]
    fn a_deleted_file_moves_to_one_place_and_keeps_its_name_if_it_can() {
        let deltas = [
            delta("a/x.rs", Some(1), None),
            delta("b/w.rs", None, Some(1)),
            delta("b/x.rs", None, Some(1)),
            delta("c", Some(2), Some(3)),
            delta("d", None, Some(2)),
        ];
        assert_eq!(exact_moves(&deltas), HashMap::from([(2, 0)]));
    }
}
