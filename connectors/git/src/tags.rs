//! Tags as releases. It must not know commits beyond the walked part of history.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use git2::{ObjectType, Oid, Repository};

use crate::object::{self, TagObject, Words};
use crate::objects::Objects;
use crate::stop::Stop;
use crate::tag_refs::TagRefs;
use crate::walk::Graph;

/// How many annotations are followed from a tag that names a tag.
const DEEPEST: usize = 4;

/// A release inside the window.
pub(crate) struct Release {
    /// The tag's name, without `refs/tags/`.
    pub(crate) name: Vec<u8>,
    pub(crate) commit: Oid,
    pub(crate) at_s: i64,
    /// Who tagged and what they wrote; of a lightweight tag nothing is known.
    pub(crate) words: Option<Words>,
    /// Commits of the window it brings that no earlier release of the window brought, oldest first.
    pub(crate) delivers: Vec<usize>,
}

/// What was read of a tag once.
#[derive(Debug, Clone)]
pub(crate) struct KnownTag {
    commit: Oid,
    tagged_s: Option<i64>,
    words: Words,
}

/// What the questions to one repository share of its tags.
#[derive(Default)]
pub(crate) struct KnownTags {
    refs: TagRefs,
    /// Annotated tags that were read already, by their own id; none for what is no annotated tag.
    read: Mutex<HashMap<Oid, Option<KnownTag>>>,
}

/// The releases made in `[from_s, until_s)` of commits from before `until_s`, oldest first.
pub(crate) fn releases(
    repository: &Repository,
    objects: &Objects<'_>,
    graph: &Graph,
    known: &KnownTags,
    (from_s, until_s): (i64, i64),
    stop: &Stop,
) -> Vec<Release> {
    let mut releases = Vec::new();
    for (name, &target) in known.refs.load(repository.commondir()).iter() {
        if stop.check().is_err() {
            break;
        }
        let release = if graph.by_oid.contains_key(&target) {
            // A lightweight tag has no date of its own.
            graph.find(target).map(|node| (target, node.header.committed_s, None))
        } else {
            annotated(objects, known, target)
                .and_then(|tag| tag.tagged_s.map(|at_s| (tag.commit, at_s, Some(tag.words))))
        };
        let Some((commit, at_s, words)) = release else { continue };
        if at_s < from_s || at_s >= until_s || !was_there(objects, graph, commit, until_s) {
            continue;
        }
        releases.push(Release { name: name.clone(), commit, at_s, words, delivers: Vec::new() });
    }
    releases.sort_by(|a, b| (a.at_s, &a.name).cmp(&(b.at_s, &b.name)));
    deliver(graph, from_s..until_s, &mut releases);
    releases
}

/// An annotated tag's commit, date and words. A lightweight tag of a commit outside of the walk is not one: its date
/// is that of a commit that is older than the window, or on another branch.
fn annotated(objects: &Objects<'_>, known: &KnownTags, id: Oid) -> Option<KnownTag> {
    let read = || known.read.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(tag) = read().get(&id) {
        return tag.clone();
    }
    // Without the lock, so that two questions at once don't wait for each other.
    let tag = read_annotated(objects, id);
    read().insert(id, tag.clone());
    tag
}

fn read_annotated(objects: &Objects<'_>, id: Oid) -> Option<KnownTag> {
    let read = |id| objects.with(id, ObjectType::Tag, object::parse_tag).ok().flatten();
    let outer: TagObject = read(id)?;
    let mut commit = outer.target;
    for _ in 0..DEEPEST {
        match objects.kind(commit)? {
            ObjectType::Commit => {
                return Some(KnownTag { commit, tagged_s: outer.tagged_s, words: outer.words });
            }
            ObjectType::Tag => commit = read(commit)?.target,
            _ => return None,
        }
    }
    None
}

/// Whether a commit was made before the as-of.
fn was_there(objects: &Objects<'_>, graph: &Graph, commit: Oid, until_s: i64) -> bool {
    let committed_s = match graph.find(commit) {
        Some(node) => Some(node.header.committed_s),
        None => objects
            .with(commit, ObjectType::Commit, object::parse_header)
            .ok()
            .flatten()
            .map(|header| header.committed_s),
    };
    committed_s.is_some_and(|at_s| at_s < until_s)
}

/// Oldest first, each release takes what it reaches and no earlier one took.
fn deliver(graph: &Graph, window: Range<i64>, releases: &mut [Release]) {
    let mut taken = HashSet::new();
    for release in releases {
        let mut waiting: Vec<usize> = graph.by_oid.get(&release.commit).copied().into_iter().collect();
        while let Some(at) = waiting.pop() {
            let Some(node) = graph.node(at).filter(|_| taken.insert(at)) else { continue };
            waiting.extend(node.parents.iter().copied());
            if window.contains(&node.header.committed_s) {
                release.delivers.push(at);
            }
        }
        // The walk met children before parents, so of equal dates the one met last is the older.
        release.delivers.sort_by_key(|&at| (graph.node(at).map(|n| n.header.committed_s), Reverse(at)));
    }
}
