//! Facts of commits that the questions to one repository share while the process lives: a backtest asks about overlapping
//! windows a thousand times over. All are facts of the commit's content, which its id names, so nothing here goes stale;
//! what was not wholly readable is not remembered. It must not know windows or what is visible in them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use git2::Oid;
use hearback_core::change::PathChange;

use crate::deed::Deed;
use crate::object::{Header, Words};
use crate::revert_message::Mentions;

/// Bytes of headers, at most twice this: some 300,000 of them.
const HEADER_BYTES: usize = 24 << 20;
/// Bytes of each other kind of fact, at most twice this.
const KEPT_BYTES: usize = 8 << 20;
/// Bytes of deeds, at most twice this: some 20,000 of them.
const DEED_BYTES: usize = 24 << 20;

/// What is remembered of one repository's commits.
pub(crate) struct Memory {
    /// Headers walked before: a question about last year walks this year first, every time.
    pub(crate) headers: Remembered<Header>,
    /// What people wrote.
    pub(crate) told: Remembered<Told>,
    /// Counted files.
    pub(crate) files: Remembered<Vec<PathChange>>,
    /// What commits tell of their people: a year of them.
    pub(crate) deeds: Remembered<Deed>,
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            headers: Remembered::of_at_most(HEADER_BYTES),
            told: Remembered::of_at_most(KEPT_BYTES),
            files: Remembered::of_at_most(KEPT_BYTES),
            deeds: Remembered::of_at_most(DEED_BYTES),
        }
    }
}

/// What people wrote in a commit, and what that says of other commits.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) words: Words,
    pub(crate) mentions: Mentions,
}

/// How much memory a fact takes, roughly.
pub(crate) trait Weighed {
    /// In bytes.
    fn bytes(&self) -> usize;
}

impl Weighed for Told {
    fn bytes(&self) -> usize {
        let Words { name, email, title, body } = &self.words;
        // Most messages mention nothing; those that do mention little.
        size_of::<Told>() + name.len() + email.len() + title.len() + body.len()
    }
}

impl Weighed for Header {
    fn bytes(&self) -> usize {
        // The maps that hold it take as much again.
        2 * size_of::<Header>() + size_of_val(self.parents.as_slice())
    }
}

impl Weighed for Vec<PathChange> {
    fn bytes(&self) -> usize {
        let text = |change: &PathChange| {
            change.path.as_str().len() + change.moved_from.as_ref().map_or(0, |from| from.as_str().len())
        };
        self.iter().map(|change| size_of::<PathChange>() + text(change)).sum()
    }
}

/// Facts of one kind.
pub(crate) struct Remembered<T>(Mutex<Generations<T>>);

impl<T: Weighed> Remembered<T> {
    /// Nothing yet, and never more than twice so many bytes.
    fn of_at_most(most_bytes: usize) -> Self {
        let (young, old) = (HashMap::new(), HashMap::new());
        Remembered(Mutex::new(Generations { young, old, young_bytes: 0, most_bytes }))
    }

    /// Whether nothing is known yet.
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.0).young.is_empty()
    }

    /// What is known of one commit.
    pub(crate) fn get_one(&self, commit: Oid) -> Option<Arc<T>> {
        lock(&self.0).get(commit)
    }

    /// What is known of each of these commits.
    pub(crate) fn get(&self, commits: impl Iterator<Item = Oid>) -> Vec<Option<Arc<T>>> {
        let mut kept = lock(&self.0);
        commits.map(|commit| kept.get(commit)).collect()
    }

    pub(crate) fn extend(&self, fresh: impl IntoIterator<Item = (Oid, Arc<T>)>) {
        let mut kept = lock(&self.0);
        fresh.into_iter().for_each(|(commit, fact)| kept.put(commit, fact));
    }
}

/// Two generations, as [`crate::objects`] keeps objects: what no question asked for during a whole generation goes.
struct Generations<T> {
    young: HashMap<Oid, Arc<T>>,
    old: HashMap<Oid, Arc<T>>,
    young_bytes: usize,
    most_bytes: usize,
}

impl<T: Weighed> Generations<T> {
    fn get(&mut self, commit: Oid) -> Option<Arc<T>> {
        if let Some(fact) = self.young.get(&commit) {
            return Some(Arc::clone(fact));
        }
        let fact = self.old.remove(&commit)?;
        self.put(commit, Arc::clone(&fact));
        Some(fact)
    }

    fn put(&mut self, commit: Oid, fact: Arc<T>) {
        let bytes = fact.bytes();
        if bytes > self.most_bytes / 8 {
            return;
        }
        if self.young_bytes + bytes > self.most_bytes {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        if self.young.insert(commit, fact).is_none() {
            self.young_bytes += bytes;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fact(usize);

    impl Weighed for Fact {
        fn bytes(&self) -> usize {
            self.0
        }
    }

    fn oid(n: u32) -> Oid {
        Oid::from_str(&format!("{n:040x}")).unwrap()
    }

    #[test]
    fn memory_is_bounded_and_what_is_asked_for_stays() {
        let memory: Remembered<Fact> = Remembered::of_at_most(KEPT_BYTES);
        let bytes = KEPT_BYTES / 100;
        for n in 0..1_000 {
            memory.extend([(oid(n), Arc::new(Fact(bytes)))]);
            assert!(memory.get([oid(0)].into_iter()).iter().all(Option::is_some), "asked for each time: {n}");
        }
        let held = memory.get((0..1_000).map(oid)).iter().flatten().count();
        assert!((100..=201).contains(&held), "{held}");
    }

    #[test]
    fn a_fact_that_would_push_out_much_is_not_kept() {
        let memory: Remembered<Fact> = Remembered::of_at_most(KEPT_BYTES);
        memory.extend([(oid(1), Arc::new(Fact(KEPT_BYTES)))]);
        assert!(memory.get([oid(1)].into_iter()).iter().all(Option::is_none));
    }
}
