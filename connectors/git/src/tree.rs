//! Compares two trees of a commit and its parent, reading only the subtrees that differ. It must not know blobs'
//! contents or how lines are counted.

use std::cmp::Ordering;

use git2::{ObjectType, Oid};

use crate::objects::{Objects, Unreadable};

/// Deepest nesting followed, as in git (`core.maxTreeDepth`).
const DEEPEST: usize = 2048;

/// The mode bits that say what an entry is.
const KIND_MASK: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
const SUBMODULE: u32 = 0o160_000;

/// A file as a tree names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) mode: u32,
    pub(crate) oid: Oid,
}

impl File {
    /// A commit of another repository rather than a blob of this one.
    pub(crate) fn is_submodule(self) -> bool {
        self.mode & KIND_MASK == SUBMODULE
    }

    /// A file with content of its own, neither a link nor a folder.
    pub(crate) fn is_regular(self) -> bool {
        self.mode & KIND_MASK == REGULAR
    }

    /// A folder.
    pub(crate) fn is_directory(self) -> bool {
        self.mode & KIND_MASK == DIRECTORY
    }
}

/// A path that differs between two trees. At least one side is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delta {
    pub(crate) path: Box<[u8]>,
    pub(crate) old: Option<File>,
    pub(crate) new: Option<File>,
}

/// What differs between two trees, in git's path order. No tree stands for an empty one.
pub(crate) fn diff(
    objects: &Objects<'_>,
    old: Option<Oid>,
    new: Option<Oid>,
) -> Result<Vec<Delta>, Unreadable> {
    diff_up_to(objects, old, new, usize::MAX)
}

/// Whether two trees differ in more than `most` files; no more of them are read than it takes to tell.
pub(crate) fn differ_in_more_than(
    objects: &Objects<'_>,
    old: Option<Oid>,
    new: Option<Oid>,
    most: usize,
) -> Result<bool, Unreadable> {
    Ok(diff_up_to(objects, old, new, most)?.len() > most)
}

/// What differs; whoever has found more than `most` looks no further.
fn diff_up_to(
    objects: &Objects<'_>,
    old: Option<Oid>,
    new: Option<Oid>,
    most: usize,
) -> Result<Vec<Delta>, Unreadable> {
    let mut deltas = Vec::new();
    if old != new {
        let mut differ = Differ { objects, path: Vec::new(), deltas: &mut deltas, most };
        differ.trees(old, new, 0)?;
    }
    Ok(deltas)
}

/// The regular file of this name at the root of a tree.
pub(crate) fn root_file(objects: &Objects<'_>, tree: Oid, name: &[u8]) -> Option<Oid> {
    let raw = objects.content(tree, ObjectType::Tree).ok()?;
    let mut entries = Entries::new(&raw);
    while let Ok(Some(entry)) = entries.next_entry() {
        if entry.name == name && entry.file.mode & KIND_MASK == REGULAR {
            return Some(entry.file.oid);
        }
    }
    None
}

/// What stands at a path of a tree, a directory included.
pub(crate) fn find(objects: &Objects<'_>, tree: Oid, path: &[u8]) -> Result<Option<File>, Unreadable> {
    let (name, rest) = split(path);
    match (child(objects, Some(tree), name)?, rest) {
        (found, None) => Ok(found),
        (Some(folder), Some(rest)) if folder.is_directory() => find(objects, folder.oid, rest),
        _ => Ok(None),
    }
}

/// Whether two trees differ in one of these files; only the folders that hold them are read.
pub(crate) fn differ_at(
    objects: &Objects<'_>,
    old: Option<Oid>,
    new: Option<Oid>,
    paths: &[&[u8]],
) -> Result<bool, Unreadable> {
    if old == new {
        return Ok(false);
    }
    for same_name in paths.chunk_by(|a, b| split(a).0 == split(b).0) {
        let Some((name, _)) = same_name.first().map(|path| split(path)) else { continue };
        let (old, new) = (child(objects, old, name)?, child(objects, new, name)?);
        let is_wanted = same_name.iter().any(|path| split(path).1.is_none());
        let file = |found: Option<File>| found.filter(|file| !file.is_directory());
        if is_wanted && file(old) != file(new) {
            return Ok(true);
        }
        let inside: Vec<&[u8]> = same_name.iter().filter_map(|path| split(path).1).collect();
        let folder = |found: Option<File>| found.filter(|file| file.is_directory()).map(|file| file.oid);
        if !inside.is_empty() && differ_at(objects, folder(old), folder(new), &inside)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The first part of a path and the rest of it.
fn split(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = path.splitn(2, |&b| b == b'/');
    (parts.next().unwrap_or_default(), parts.next())
}

/// What a tree has under a name.
fn child(objects: &Objects<'_>, tree: Option<Oid>, name: &[u8]) -> Result<Option<File>, Unreadable> {
    let Some(tree) = tree else { return Ok(None) };
    let raw = objects.content(tree, ObjectType::Tree)?;
    let mut entries = Entries::new(&raw);
    while let Some(entry) = entries.next_entry()? {
        if entry.name == name {
            return Ok(Some(entry.file));
        }
    }
    Ok(None)
}

struct Differ<'a, 'r> {
    objects: &'a Objects<'r>,
    path: Vec<u8>,
    deltas: &'a mut Vec<Delta>,
    most: usize,
}

impl Differ<'_, '_> {
    fn trees(&mut self, old: Option<Oid>, new: Option<Oid>, depth: usize) -> Result<(), Unreadable> {
        if depth > DEEPEST {
            return Err(Unreadable::Damaged);
        }
        let load = |oid: Option<Oid>| oid.map(|oid| self.objects.content(oid, ObjectType::Tree)).transpose();
        let (old, new) = (load(old)?, load(new)?);
        let mut olds = Entries::new(old.as_deref().unwrap_or_default());
        let mut news = Entries::new(new.as_deref().unwrap_or_default());
        let (mut left, mut right) = (olds.next_entry()?, news.next_entry()?);
        while self.deltas.len() <= self.most {
            let order = match (&left, &right) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => a.order(b),
            };
            match order {
                Ordering::Less => {
                    self.entry(left, None, depth)?;
                    left = olds.next_entry()?;
                }
                Ordering::Greater => {
                    self.entry(None, right, depth)?;
                    right = news.next_entry()?;
                }
                Ordering::Equal => {
                    if left.map(|e| e.file) != right.map(|e| e.file) {
                        self.entry(left, right, depth)?;
                    }
                    left = olds.next_entry()?;
                    right = news.next_entry()?;
                }
            }
        }
        Ok(())
    }

    /// One name that differs; both sides, if given, are directories or neither is.
    fn entry(
        &mut self,
        old: Option<Entry<'_>>,
        new: Option<Entry<'_>>,
        depth: usize,
    ) -> Result<(), Unreadable> {
        let Some(either) = new.or(old) else { return Ok(()) };
        let parent_bytes = self.path.len();
        self.path.extend_from_slice(either.name);
        if either.is_directory() {
            let (old, new) = (old.map(|e| e.file.oid), new.map(|e| e.file.oid));
            // Only the mode of a directory may differ: some old tools wrote odd ones.
            if old != new {
                self.path.push(b'/');
                self.trees(old, new, depth + 1)?;
            }
        } else {
            let path = self.path.as_slice().into();
            self.deltas.push(Delta { path, old: old.map(|e| e.file), new: new.map(|e| e.file) });
        }
        self.path.truncate(parent_bytes);
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
struct Entry<'t> {
    name: &'t [u8],
    file: File,
}

impl Entry<'_> {
    fn is_directory(&self) -> bool {
        self.file.is_directory()
    }

    /// Git's order of names: a directory sorts as if its name ended in a slash, so a file and a directory of the
    /// same name are two different entries.
    fn order(&self, other: &Self) -> Ordering {
        let common = self.name.len().min(other.name.len());
        let (a, b) = (self.name.get(..common), other.name.get(..common));
        a.cmp(&b).then_with(|| self.byte_at(common).cmp(&other.byte_at(common)))
    }

    fn byte_at(&self, index: usize) -> u8 {
        match self.name.get(index) {
            Some(&byte) => byte,
            None if self.is_directory() => b'/',
            None => 0,
        }
    }
}

/// The entries of a raw tree: `mode SP name NUL twenty-bytes`, again and again.
struct Entries<'t> {
    rest: &'t [u8],
}

impl<'t> Entries<'t> {
    fn new(raw: &'t [u8]) -> Self {
        Entries { rest: raw }
    }

    fn next_entry(&mut self) -> Result<Option<Entry<'t>>, Unreadable> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.parse().map(Some).ok_or(Unreadable::Damaged)
    }

    fn parse(&mut self) -> Option<Entry<'t>> {
        let mut mode = 0;
        let mut at = 0;
        loop {
            match *self.rest.get(at)? {
                digit @ b'0'..=b'7' => mode = mode << 3 | u32::from(digit - b'0'),
                b' ' => break,
                _ => return None,
            }
            at += 1;
        }
        let after_mode = self.rest.get(at + 1..)?;
        let name_bytes = after_mode.iter().position(|&b| b == 0)?;
        let name = after_mode.get(..name_bytes)?;
        let oid = Oid::from_bytes(after_mode.get(name_bytes + 1..name_bytes + 21)?).ok()?;
        self.rest = after_mode.get(name_bytes + 21..)?;
        Some(Entry { name, file: File { mode, oid } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(mode: &str, name: &str) -> Vec<u8> {
        [mode.as_bytes(), b" ", name.as_bytes(), b"\0", &[7; 20]].concat()
    }

    #[test]
    fn directories_sort_as_if_they_ended_in_a_slash() {
        for (a, b, expect) in [
            (("100644", "a"), ("40000", "a"), Ordering::Less),
            (("100644", "a.c"), ("40000", "a"), Ordering::Less),
            (("100644", "a0"), ("40000", "a"), Ordering::Greater),
            (("40000", "a"), ("40000", "a"), Ordering::Equal),
            (("160000", "a"), ("100644", "a"), Ordering::Equal),
        ] {
            let (x, y) = (raw(a.0, a.1), raw(b.0, b.1));
            let x = Entries::new(&x).next_entry().unwrap().unwrap();
            let y = Entries::new(&y).next_entry().unwrap().unwrap();
            assert_eq!(x.order(&y), expect, "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_cut_tree_is_damaged() {
        let whole = raw("100644", "name");
        for end in 1..whole.len() {
            assert!(Entries::new(&whole[..end]).next_entry().is_err(), "{end}");
        }
    }
}
