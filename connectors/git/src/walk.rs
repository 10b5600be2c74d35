//! Walks history backwards from a commit, newest first by committer date, and stops where the window starts.
//! It must not know trees, messages or what the answer is for.
//!
//! Libgit2's time-sorted walk reads all of history before it returns the first commit; this one reads what is newer
//! than the window's start, a day of slop, and the borders of that.

use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use git2::{ObjectType, Oid};

use crate::checkpoint::Checkpoint;
use crate::memory::Remembered;
use crate::object::{self, Header};
use crate::objects::{Objects, Unreadable};
use crate::stop::Stop;

/// How far past the start of the window a branch is followed: clocks of people's machines differ.
const SLOP_S: i64 = 24 * 60 * 60;
/// How many older commits in a row a branch is still followed: a machine whose clock stands in 1970 must not hide
/// what lies behind its commit.
const SLOP_COMMITS: u8 = 4;

/// Which parents are followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WalkMode {
    /// All parents: every commit, as `git log` lists them. Merges have no files of their own.
    #[default]
    AllCommits,
    /// Only the first parent, as `git log --first-parent`: a merge has the files it brought.
    FirstParent,
}

/// A commit that was seen.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) oid: Oid,
    pub(crate) header: Arc<Header>,
    /// The parents that are nodes too; complete only if [`Node::past`] is [`Past::Followed`].
    pub(crate) parents: Vec<usize>,
    pub(crate) past: Past,
}

/// What is known of a commit's parents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Past {
    /// They were followed (in first-parent mode: the first).
    Followed,
    /// They are older than what was asked for.
    NotAsked,
    /// A shallow clone ends here.
    CutOff,
    /// A parent is not here or damaged.
    Absent,
}

/// The part of history that was seen.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) by_oid: HashMap<Oid, usize>,
    /// Where the main line begins; none if none of it was seen.
    pub(crate) main: Option<usize>,
    /// Committer date up to which everything newer was seen, if the walk was stopped early.
    pub(crate) stopped_at_s: Option<i64>,
    /// Where the walk stood at [`Route::until_s`], if it had to get there first and nothing on the way was missing.
    pub(crate) checkpoint: Option<Checkpoint>,
}

impl Graph {
    pub(crate) fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }

    fn is_followed(&self, index: usize) -> bool {
        self.node(index).is_some_and(|node| node.past == Past::Followed)
    }

    /// The first-parent chain, newest first.
    pub(crate) fn main_line(&self) -> Vec<usize> {
        let mut chain = Vec::new();
        let mut next = self.main;
        while let Some(index) = next {
            chain.push(index);
            // If a parent is absent, the first in the list may not be the first parent.
            let node = self.node(index).filter(|node| node.past == Past::Followed);
            next = node.and_then(|node| node.parents.first().copied());
        }
        chain
    }

    pub(crate) fn find(&self, oid: Oid) -> Option<&Node> {
        self.node(*self.by_oid.get(&oid)?)
    }
}

/// Where and how far to walk.
pub(crate) struct Route<'a> {
    /// Where to begin: a tip, or where an earlier walk from it stood.
    pub(crate) start: &'a Checkpoint,
    /// Nothing from this committer date on is wanted.
    pub(crate) until_s: i64,
    /// Commits before this committer date are not wanted.
    pub(crate) from_s: i64,
    pub(crate) mode: WalkMode,
    /// Commits whose parents a shallow clone left out.
    pub(crate) shallow: &'a HashSet<Oid>,
}

/// Walks. `seen` hears now and then how many commits were seen.
pub(crate) fn walk(
    objects: &Objects<'_>,
    memory: &Remembered<Header>,
    route: &Route<'_>,
    stop: &Stop,
    seen: &dyn Fn(usize),
) -> Graph {
    let mut walker = Walker {
        objects,
        memory: Some(memory).filter(|memory| !memory.is_empty()),
        fresh: Vec::new(),
        graph: Graph::default(),
        frontier: BinaryHeap::new(),
    };
    for &oid in &route.start.waiting {
        // Whoever chose this start looked whether it is here.
        let _ = walker.push(oid, 0);
    }
    walker.graph.main = route.start.main.and_then(|main| walker.graph.by_oid.get(&main).copied());
    let mut way = Way::AtStart;
    while let Some(waiting) = walker.frontier.pop() {
        if way != Way::Over && waiting.date_s < route.until_s {
            if way == Way::Unbroken {
                walker.graph.checkpoint = Some(walker.checkpoint(&waiting, route.until_s));
            }
            way = Way::Over;
        }
        let Waiting { date_s, index, old_in_a_row, .. } = waiting;
        if index.is_multiple_of(256) {
            seen(walker.graph.nodes.len());
        }
        if stop.check().is_err() {
            walker.graph.stopped_at_s = Some(date_s);
            break;
        }
        let old_in_a_row = if date_s < route.from_s.saturating_sub(SLOP_S) { old_in_a_row + 1 } else { 0 };
        if old_in_a_row <= SLOP_COMMITS {
            walker.follow(index, route, old_in_a_row);
        }
        way = match way {
            Way::AtStart | Way::Unbroken if walker.graph.is_followed(index) => Way::Unbroken,
            Way::Over => Way::Over,
            _ => Way::Broken,
        };
    }
    memory.extend(walker.fresh);
    walker.graph
}

/// The way from the start to the part that is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Nothing was taken yet.
    AtStart,
    /// Nothing was missing on it so far.
    Unbroken,
    /// Something was, and may come back: a place reached on it is not worth keeping.
    Broken,
    /// The wanted part is reached.
    Over,
}

struct Walker<'a, 'r> {
    objects: &'a Objects<'r>,
    /// None if nothing is known yet.
    memory: Option<&'a Remembered<Header>>,
    fresh: Vec<(Oid, Arc<Header>)>,
    graph: Graph,
    frontier: BinaryHeap<Waiting>,
}

/// A commit whose parents were not looked at yet; the newest comes first, then the one seen first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    date_s: i64,
    earlier: std::cmp::Reverse<usize>,
    index: usize,
    old_in_a_row: u8,
}

impl Walker<'_, '_> {
    /// Where the walk stands, `next` being about to be taken.
    fn checkpoint(&self, next: &Waiting, at_s: i64) -> Checkpoint {
        let oid = |index: usize| self.graph.node(index).map(|node| node.oid);
        let mut waiting: Vec<&Waiting> = self.frontier.iter().chain([next]).collect();
        waiting.sort_unstable_by(|a, b| b.cmp(a));
        // Clocks differ, so the walk may have been past commits of the main line before it knew them for such.
        let main = self.graph.main_line().last().copied().filter(|&index| !self.graph.is_followed(index));
        Checkpoint {
            at_s,
            main: main.and_then(oid),
            waiting: waiting.into_iter().filter_map(|waiting| oid(waiting.index)).collect(),
        }
    }

    fn follow(&mut self, index: usize, route: &Route<'_>, old_in_a_row: u8) {
        let Some(node) = self.graph.nodes.get(index) else { return };
        let oid = node.oid;
        let wanted = match route.mode {
            WalkMode::AllCommits => usize::MAX,
            WalkMode::FirstParent => 1,
        };
        let mut past = Past::Followed;
        let mut parents = Vec::new();
        if route.shallow.contains(&oid) {
            past = Past::CutOff;
        } else {
            for parent in node.header.parents.clone().into_iter().take(wanted) {
                match self.push(parent, old_in_a_row) {
                    Ok(parent) => parents.push(parent),
                    Err(_) => past = Past::Absent,
                }
            }
        }
        if let Some(node) = self.graph.nodes.get_mut(index) {
            node.past = past;
            node.parents = parents;
        }
    }

    fn push(&mut self, oid: Oid, old_in_a_row: u8) -> Result<usize, Unreadable> {
        if let Some(&index) = self.graph.by_oid.get(&oid) {
            return Ok(index);
        }
        let header = match self.memory.and_then(|memory| memory.get_one(oid)) {
            Some(header) => header,
            None => {
                let header = self
                    .objects
                    .with(oid, ObjectType::Commit, object::parse_header)?
                    .ok_or(Unreadable::Damaged)?;
                let header = Arc::new(header);
                self.fresh.push((oid, Arc::clone(&header)));
                header
            }
        };
        let index = self.graph.nodes.len();
        self.frontier.push(Waiting {
            date_s: header.committed_s,
            earlier: std::cmp::Reverse(index),
            index,
            old_in_a_row,
        });
        self.graph.nodes.push(Node { oid, header, parents: Vec::new(), past: Past::NotAsked });
        self.graph.by_oid.insert(oid, index);
        Ok(index)
    }
}
