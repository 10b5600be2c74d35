//! Walks history backwards from a commit, newest first by committer date, and stops where the window starts.
//! It must not know trees, messages or what the answer is for.
//!
//! Libgit2's time-sorted walk reads all of history before it returns the first commit; this one reads what is newer
//! than the window's start, a day of slop, and the borders of that.

use std::collections::{BinaryHeap, HashMap, HashSet};

use git2::{ObjectType, Oid};

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
    pub(crate) header: Header,
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
    /// Committer date up to which everything newer was seen, if the walk was stopped early.
    pub(crate) stopped_at_s: Option<i64>,
}

impl Graph {
    pub(crate) fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }

    pub(crate) fn find(&self, oid: Oid) -> Option<&Node> {
        self.node(*self.by_oid.get(&oid)?)
    }
}

/// Where and how far to walk.
pub(crate) struct Route<'a> {
    pub(crate) tip: Oid,
    /// Commits before this committer date are not wanted.
    pub(crate) from_s: i64,
    pub(crate) mode: WalkMode,
    /// Commits whose parents a shallow clone left out.
    pub(crate) shallow: &'a HashSet<Oid>,
}

/// Walks. `seen` hears now and then how many commits were seen.
pub(crate) fn walk(
    objects: &Objects<'_>,
    memory: &mut HashMap<Oid, Header>,
    route: &Route<'_>,
    stop: &Stop,
    seen: &dyn Fn(usize),
) -> Graph {
    let mut walker = Walker { objects, memory, graph: Graph::default(), frontier: BinaryHeap::new() };
    if walker.push(route.tip, 0).is_err() {
        return walker.graph;
    }
    while let Some(Waiting { date_s, index, old_in_a_row, .. }) = walker.frontier.pop() {
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
    }
    walker.graph
}

struct Walker<'a, 'r> {
    objects: &'a Objects<'r>,
    memory: &'a mut HashMap<Oid, Header>,
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
        let header = match self.memory.get(&oid) {
            Some(header) => header.clone(),
            None => {
                let header = self
                    .objects
                    .with(oid, ObjectType::Commit, object::parse_header)?
                    .ok_or(Unreadable::Damaged)?;
                self.memory.insert(oid, header.clone());
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
