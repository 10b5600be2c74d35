//! What came after a commit on a branch: the commits that a tip has and the commit has not, and which of them touch
//! certain files. It must not know what is undone.

use std::collections::{BinaryHeap, HashMap};

use git2::{ObjectType, Oid};
use hearback_core::ports::ConnectorError;

use crate::object::{self, Header};
use crate::objects::Objects;
use crate::revert::{self, Path};
use crate::stop::Stop;
use crate::tree;

/// A commit with more than so many after it is a person's to deal with: nobody can say what was built on it.
pub(crate) const MOST_LATER: usize = 20_000;

/// Why a tip is not later than a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotLater {
    /// The commit is further back than is looked.
    TooFar,
    /// The commit is not in its history.
    Elsewhere,
}

/// From where a commit can be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct From {
    tip: bool,
    commit: bool,
}

/// The commits that `tip` has and `commit` has not, newest first; or why that can't be told.
pub(crate) fn later(
    objects: &Objects<'_>,
    tip: Oid,
    commit: Oid,
    stop: &Stop,
) -> Result<Result<Vec<(Oid, Header)>, NotLater>, ConnectorError> {
    let mut history = History { objects, seen: HashMap::new(), waiting: BinaryHeap::new(), of_tip_alone: 0 };
    history.reach(tip, From { tip: true, commit: false })?;
    history.reach(commit, From { tip: false, commit: true })?;
    while history.of_tip_alone > 0 {
        stop.check().map_err(|_| revert::late())?;
        if history.seen.len() > MOST_LATER {
            return Ok(Err(NotLater::TooFar));
        }
        history.step()?;
    }
    if !history.seen.get(&commit).is_some_and(|seen| seen.from.tip) {
        return Ok(Err(NotLater::Elsewhere));
    }
    let only_tip = history.seen.into_iter().filter(|(_, seen)| !seen.from.commit);
    let mut later: Vec<(Oid, Header)> = only_tip.map(|(oid, seen)| (oid, seen.header)).collect();
    later.sort_by_key(|(oid, header)| (std::cmp::Reverse(header.committed_s), *oid));
    Ok(Ok(later))
}

/// Those of `commits` that touch one of `paths`. A merge does if it holds what none of its parents held.
pub(crate) fn touching(
    objects: &Objects<'_>,
    commits: &[(Oid, Header)],
    paths: &[Path],
    stop: &Stop,
) -> Result<Vec<Oid>, ConnectorError> {
    let paths: Vec<&[u8]> = paths.iter().map(AsRef::as_ref).collect();
    let mut touching = Vec::new();
    for (oid, header) in commits {
        stop.check().map_err(|_| revert::late())?;
        let mut differs = true;
        for parent in &header.parents {
            let parent = read(objects, *parent)?.tree;
            differs &=
                tree::differ_at(objects, Some(parent), Some(header.tree), &paths).map_err(revert::absent)?;
        }
        if header.parents.is_empty() {
            differs = tree::differ_at(objects, None, Some(header.tree), &paths).map_err(revert::absent)?;
        }
        if differs {
            touching.push(*oid);
        }
    }
    Ok(touching)
}

fn read(objects: &Objects<'_>, oid: Oid) -> Result<Header, ConnectorError> {
    let header = objects.with(oid, ObjectType::Commit, object::parse_header).map_err(revert::absent)?;
    header.ok_or_else(|| revert::absent(crate::objects::Unreadable::Damaged))
}

struct Seen {
    header: Header,
    from: From,
    /// Its parents know what it knows.
    is_told: bool,
}

/// Walks from both at once, newest first, until nothing is left that only the tip reaches.
struct History<'a, 'r> {
    objects: &'a Objects<'r>,
    seen: HashMap<Oid, Seen>,
    waiting: BinaryHeap<(i64, Oid)>,
    /// How many wait that only the tip reaches so far.
    of_tip_alone: usize,
}

impl History<'_, '_> {
    fn reach(&mut self, oid: Oid, from: From) -> Result<(), ConnectorError> {
        let known = self.seen.get(&oid).map(|seen| (seen.from, seen.is_told));
        let (before, waits) = known.map_or((From::default(), false), |(from, is_told)| (from, !is_told));
        let after = From { tip: before.tip || from.tip, commit: before.commit || from.commit };
        if known.is_some() && after == before {
            return Ok(());
        }
        let header = match known {
            None => Some(read(self.objects, oid)?),
            Some(_) => None,
        };
        if waits && before == (From { tip: true, commit: false }) {
            self.of_tip_alone -= 1;
        }
        if !after.commit {
            self.of_tip_alone += 1;
        }
        if let Some(header) = header {
            self.waiting.push((header.committed_s, oid));
            self.seen.insert(oid, Seen { header, from: after, is_told: false });
        } else if let Some(seen) = self.seen.get_mut(&oid) {
            seen.from = after;
            if seen.is_told {
                seen.is_told = false;
                self.waiting.push((seen.header.committed_s, oid));
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), ConnectorError> {
        let Some((_, oid)) = self.waiting.pop() else {
            self.of_tip_alone = 0;
            return Ok(());
        };
        let Some(seen) = self.seen.get_mut(&oid).filter(|seen| !seen.is_told) else { return Ok(()) };
        seen.is_told = true;
        let (from, parents) = (seen.from, seen.header.parents.clone());
        if !from.commit {
            self.of_tip_alone -= 1;
        }
        parents.into_iter().try_for_each(|parent| self.reach(parent, from))
    }
}
