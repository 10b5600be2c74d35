//! Follows lines back to the commits that brought them: the way of `git blame`, in one walk for many files and places, newest
//! commit first, and with bounds: a deadline, a number of commits, an age. What it does not find it counts by the reason.
//!
//! A line goes to the first parent in whose version of the file it stands, after any parent whose file is wholly the same.
//! A commit that somebody listed to be ignored, or that touches very many files, is passed over. It must not know why
//! anybody asks, or who people are.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use git2::{ObjectType, Oid};

use crate::line_map::{Hunk, Piece, counterparts, divide, divide_ends, hunks};
use crate::memory::Remembered;
use crate::object::{self, Header};
use crate::objects::Objects;
use crate::renamed::{self, Source};
use crate::stop::Stop;
use crate::tree::{self, Delta};

/// Larger files are not read, in bytes.
pub(crate) const LARGEST_BYTES: usize = 1 << 20;
/// So many bytes of versions are compared at most: a file of a megabyte that changes every day would take all the time.
const MOST_BYTES: usize = 512 << 20;
/// So many contents are kept: what was the older version is the newer one in the next comparison.
const KEPT: usize = 8;
/// A commit that touches more files moved, reformatted or imported them: its author did not write their lines.
const MOST_FILES: usize = 500;

/// How far lines are followed.
pub(crate) struct Bounds<'a> {
    /// No commit before this committer date.
    pub(crate) from_s: i64,
    /// None from this committer date on brought a line.
    pub(crate) until_s: i64,
    /// So many commits at most.
    pub(crate) most_commits: usize,
    /// Commits whose parents a shallow clone left out.
    pub(crate) shallow: &'a HashSet<Oid>,
    /// Commits that are passed over.
    pub(crate) ignored: &'a HashSet<Oid>,
    pub(crate) stop: &'a Stop,
}

/// Why it was not found where a line is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lost {
    /// Time was up.
    Late,
    /// It is older than the bounds.
    Old,
    /// Too many commits were in between, or too much had to be compared.
    Far,
    /// An object is not here, or damaged.
    Absent,
    /// A shallow clone ends there.
    CutOff,
    /// The file was too large once.
    Large,
    /// It was nothing before a commit that is passed over.
    PassedOver,
    /// Its file may have had another name.
    Renamed,
    /// By its date it is from later than what may be seen.
    Later,
}

/// Where lines are from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Followed {
    /// How many lines of a place a commit brought.
    pub(crate) from: BTreeMap<(usize, Oid), u32>,
    /// How many lines were lost on the way.
    pub(crate) lost: BTreeMap<Lost, u32>,
}

/// A file at a commit, with the lines of it that are followed.
struct Version {
    blob: Oid,
    pieces: Vec<Piece>,
}

/// A parent, as far as it is needed.
struct Parent {
    oid: Oid,
    tree: Oid,
}

/// Where a parent has the file.
struct Origin<'p> {
    parent: &'p Parent,
    path: Box<[u8]>,
    blob: Oid,
}

/// What two trees differ in.
struct Differ {
    old: Oid,
    new: Oid,
    deltas: Rc<[Delta]>,
}

/// Follows lines.
pub(crate) struct LineWalk<'a, 'r> {
    objects: &'a Objects<'r>,
    memory: &'a Remembered<Header>,
    bounds: Bounds<'a>,
    /// What is followed from each commit on, by path.
    waiting: HashMap<Oid, BTreeMap<Box<[u8]>, Version>>,
    frontier: BinaryHeap<(i64, Reverse<usize>, Oid)>,
    seen: usize,
    fresh: Vec<(Oid, Arc<Header>)>,
    followed: Followed,
    compared_bytes: usize,
    kept: RefCell<VecDeque<(Oid, Rc<[u8]>)>>,
    /// What the last two trees differ in that were asked for: renames of one commit are looked for one by one.
    differ: Option<Differ>,
}

impl<'a, 'r> LineWalk<'a, 'r> {
    pub(crate) fn new(
        objects: &'a Objects<'r>,
        memory: &'a Remembered<Header>,
        bounds: Bounds<'a>,
    ) -> LineWalk<'a, 'r> {
        LineWalk {
            objects,
            memory,
            bounds,
            waiting: HashMap::new(),
            frontier: BinaryHeap::new(),
            seen: 0,
            fresh: Vec::new(),
            followed: Followed::default(),
            compared_bytes: 0,
            kept: RefCell::default(),
            differ: None,
        }
    }

    /// What a commit says of its tree, its parents and its time.
    pub(crate) fn header(&mut self, oid: Oid) -> Option<Arc<Header>> {
        if let Some(header) = self.memory.get_one(oid) {
            return Some(header);
        }
        let read = self.objects.with(oid, ObjectType::Commit, object::parse_header).ok().flatten();
        let header = Arc::new(read?);
        self.fresh.push((oid, Arc::clone(&header)));
        // Kept now and then: a walk may ask for the parent of what it just read.
        if self.fresh.len() >= 256 {
            self.memory.extend(self.fresh.drain(..));
        }
        Some(header)
    }

    /// Has lines of a file followed from `commit` on, in which it has the content `blob`.
    pub(crate) fn add(&mut self, commit: Oid, path: Box<[u8]>, blob: Oid, pieces: Vec<Piece>) {
        if pieces.is_empty() {
            return;
        }
        if !self.waiting.contains_key(&commit) {
            let Some(header) = self.header(commit) else { return self.lose(Lost::Absent, &pieces) };
            self.frontier.push((header.committed_s, Reverse(self.seen), commit));
            self.seen += 1;
        }
        let versions = self.waiting.entry(commit).or_default();
        versions.entry(path).or_insert_with(|| Version { blob, pieces: Vec::new() }).pieces.extend(pieces);
    }

    /// Follows all that was added.
    pub(crate) fn run(mut self) -> Followed {
        let mut steps = 0;
        while let Some((committed_s, _, oid)) = self.frontier.pop() {
            let Some(versions) = self.waiting.remove(&oid) else { continue };
            let over = if self.bounds.stop.check().is_err() {
                Some(Lost::Late)
            } else if steps >= self.bounds.most_commits {
                Some(Lost::Far)
            } else {
                None
            };
            if let Some(why) = over {
                let left = std::mem::take(&mut self.waiting).into_values();
                for version in left.chain([versions]).flat_map(BTreeMap::into_values) {
                    self.lose(why, &version.pieces);
                }
                break;
            }
            steps += 1;
            let why = match self.header(oid) {
                _ if committed_s < self.bounds.from_s => Lost::Old,
                Some(header) => {
                    self.step(oid, &header, versions);
                    continue;
                }
                None => Lost::Absent,
            };
            versions.values().for_each(|version| self.lose(why, &version.pieces));
        }
        self.memory.extend(self.fresh);
        self.followed
    }

    fn step(&mut self, oid: Oid, header: &Header, versions: BTreeMap<Box<[u8]>, Version>) {
        let mut parents = Vec::with_capacity(header.parents.len());
        let why = 'lost: {
            if self.bounds.shallow.contains(&oid) {
                break 'lost Lost::CutOff;
            }
            for &parent in &header.parents {
                let Some(found) = self.header(parent) else { break 'lost Lost::Absent };
                parents.push(Parent { oid: parent, tree: found.tree });
            }
            if let [parent] = parents.as_slice() {
                // Most commits touch none of the files.
                let paths: Vec<&[u8]> = versions.keys().map(Box::as_ref).collect();
                if tree::differ_at(self.objects, Some(parent.tree), Some(header.tree), &paths) == Ok(false) {
                    for (path, version) in versions {
                        self.add(parent.oid, path, version.blob, version.pieces);
                    }
                    return;
                }
            }
            for (path, version) in versions {
                if let Err(why) = self.file(oid, header, &parents, &path, &version) {
                    self.lose(why.0, &why.1);
                }
            }
            return;
        };
        versions.values().for_each(|version| self.lose(why, &version.pieces));
    }

    /// Hands the lines of one file over to the commit's parents; what none of them has is from the commit. An error is what
    /// is lost of them, and why.
    fn file(
        &mut self,
        oid: Oid,
        header: &Header,
        parents: &[Parent],
        path: &[u8],
        version: &Version,
    ) -> Result<(), (Lost, Vec<Piece>)> {
        let all = |why: Lost| (why, version.pieces.clone());
        let mut origins: Vec<Origin<'_>> = Vec::new();
        let mut without = Vec::new();
        for parent in parents {
            let found = tree::find(self.objects, parent.tree, path).map_err(|_| all(Lost::Absent))?;
            match found {
                Some(file) if file.is_regular() && file.oid == version.blob => {
                    self.add(parent.oid, path.into(), file.oid, version.pieces.clone());
                    return Ok(());
                }
                Some(file) if file.is_regular() => {
                    origins.push(Origin { parent, path: path.into(), blob: file.oid });
                }
                Some(_) => {}
                None => without.push(parent),
            }
        }
        let mut is_unsure = false;
        for parent in without {
            let deltas = self.differ(parent.tree, header.tree).ok_or_else(|| all(Lost::Absent))?;
            let source = renamed::source(self.objects, &deltas, path, version.blob, self.bounds.stop);
            match source.map_err(|_| all(Lost::Late))? {
                Source::At(was, blob) if blob == version.blob => {
                    self.add(parent.oid, was, blob, version.pieces.clone());
                    return Ok(());
                }
                Source::At(path, blob) => origins.push(Origin { parent, path, blob }),
                Source::Nowhere => {}
                Source::Unknown => is_unsure = true,
            }
        }
        let mut left = version.pieces.clone();
        let mut first: Option<(Vec<Hunk>, Rc<[u8]>)> = None;
        let mut tried: Vec<Oid> = Vec::new();
        for origin in &origins {
            if tried.contains(&origin.blob) {
                continue;
            }
            tried.push(origin.blob);
            if self.bounds.stop.check().is_err() {
                return Err((Lost::Late, left));
            }
            let (old, new) = (self.content(origin.blob), self.content(version.blob));
            let (old, new) = old.and_then(|old| Ok((old, new?))).map_err(|why| (why, left.clone()))?;
            self.compared_bytes += old.len() + new.len();
            if self.compared_bytes > MOST_BYTES {
                return Err((Lost::Far, left));
            }
            let (before, rest) = divide_ends(&left, &old, &new);
            self.add(origin.parent.oid, origin.path.clone(), origin.blob, before);
            left = rest;
            if left.is_empty() {
                return Ok(());
            }
            let Some(hunks) = hunks(&old, &new) else { return Err((Lost::Large, left)) };
            let (before, fresh) = divide(&left, &hunks);
            self.add(origin.parent.oid, origin.path.clone(), origin.blob, before);
            left = fresh;
            if left.is_empty() {
                return Ok(());
            }
            first.get_or_insert((hunks, old));
        }
        if is_unsure {
            return Err((Lost::Renamed, left));
        }
        if self.is_passed_over(oid, header, parents) {
            if let (Some((hunks, old)), Some(origin)) = (first, origins.first()) {
                let new = self.content(version.blob).map_err(|why| (why, left.clone()))?;
                let (before, fresh) = counterparts(&left, &hunks, &old, &new);
                self.add(origin.parent.oid, origin.path.clone(), origin.blob, before);
                left = fresh;
            }
            return Err((Lost::PassedOver, left));
        }
        if header.committed_s >= self.bounds.until_s {
            return Err((Lost::Later, left));
        }
        for piece in left {
            *self.followed.from.entry((piece.place, oid)).or_default() += piece.lines;
        }
        Ok(())
    }

    fn is_passed_over(&self, oid: Oid, header: &Header, parents: &[Parent]) -> bool {
        let [parent] = parents else { return self.bounds.ignored.contains(&oid) };
        let is_large = || {
            tree::differ_in_more_than(self.objects, Some(parent.tree), Some(header.tree), MOST_FILES)
                .unwrap_or_default()
        };
        self.bounds.ignored.contains(&oid) || is_large()
    }

    fn differ(&mut self, old: Oid, new: Oid) -> Option<Rc<[Delta]>> {
        if let Some(known) = self.differ.as_ref().filter(|one| (one.old, one.new) == (old, new)) {
            return Some(Rc::clone(&known.deltas));
        }
        let deltas: Rc<[Delta]> = tree::diff(self.objects, Some(old), Some(new)).ok()?.into();
        self.differ = Some(Differ { old, new, deltas: Rc::clone(&deltas) });
        Some(deltas)
    }

    fn content(&self, blob: Oid) -> Result<Rc<[u8]>, Lost> {
        if let Some((_, content)) = self.kept.borrow().iter().find(|(kept, _)| *kept == blob) {
            return Ok(Rc::clone(content));
        }
        let read = self.objects.content_up_to(blob, ObjectType::Blob, LARGEST_BYTES);
        let content = read.map_err(|_| Lost::Absent)?.ok_or(Lost::Large)?;
        let mut kept = self.kept.borrow_mut();
        kept.truncate(KEPT - 1);
        kept.push_front((blob, Rc::clone(&content)));
        Ok(content)
    }

    fn lose(&mut self, why: Lost, pieces: &[Piece]) {
        let lines: u32 = pieces.iter().map(|piece| piece.lines).sum();
        if lines > 0 {
            *self.followed.lost.entry(why).or_default() += lines;
        }
    }
}
