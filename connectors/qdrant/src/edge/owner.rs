//! The thread that owns the engine: opens it, makes all its writes one after the other, and closes it.
//!
//! One owner, because the engine's `flush` panics when anything else writes (and runs when the engine is dropped). Reads
//! go beside it, on other threads: they take shared locks alone, which `flush` can stand; so a search waits neither for a
//! put nor for a merge. What panics in the engine ends here: the engine is dropped and opened again.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, PoisonError, RwLock};

use hearback_core::memory::store::{MemoryError, VectorSpace};
use qdrant_edge::{EdgeShard, OperationError, OperationResult};

use super::place::{Description, Place, State, damaged, read_description};
use super::shapes;

/// How many closed pieces of the engine's log may pile up before the engine is opened anew to be rid of them.
const MOST_LOG_PIECES: usize = 16;

/// The engine; none while it is opened again, after it could not be, and when it is closed.
pub type Shared = Arc<RwLock<Option<EdgeShard>>>;

/// Work for the owner.
pub type Job = Box<dyn FnOnce(&mut Owner) + Send>;

/// Has the directory and is the only one that writes.
pub struct Owner {
    place: Place,
    space: Option<VectorSpace>,
    shared: Shared,
}

/// What the rest of the store has of the owner.
pub struct Owned {
    /// The engine, for reads.
    pub shared: Shared,
    /// Where work is sent. The owner closes the engine and ends when it is dropped.
    pub jobs: Sender<Job>,
    /// Hangs up when the engine is closed and the directory is free.
    pub closed: Receiver<()>,
}

/// Opens the store in `dir` and starts its owner. Blocks for as long as opening takes.
///
/// # Errors
/// As [`crate::EdgeStore::open`].
pub fn start(dir: &Path, space: Option<VectorSpace>) -> Result<Owned, MemoryError> {
    let place = Place::claim(dir)?;
    let shard = open(&place, space.as_ref())?;
    let shared: Shared = Arc::new(RwLock::new(Some(shard)));
    let (jobs, work) = channel::<Job>();
    let (is_open, closed) = channel();
    let mut owner = Owner { place, space, shared: Arc::clone(&shared) };
    let run = move || {
        for job in work {
            job(&mut owner);
        }
        owner.close();
        drop(owner);
        drop(is_open);
    };
    std::thread::Builder::new()
        .name("hearback-memory".into())
        .spawn(run)
        .map_err(|error| MemoryError::Failed(format!("a thread for the memory can't be started: {error}")))?;
    Ok(Owned { shared, jobs, closed })
}

impl Owner {
    /// Writes. What panics leaves the engine opened again.
    ///
    /// # Errors
    /// [`MemoryError::Failed`] if the engine refused or panicked, [`MemoryError::Damaged`] if it can't be opened again.
    pub fn write<T>(
        &mut self,
        work: impl FnOnce(&EdgeShard) -> OperationResult<T>,
    ) -> Result<T, MemoryError> {
        let done = with(&self.shared, self.place.dir(), work);
        if done.is_err() && self.has_panicked(&done) {
            self.open_again()?;
        }
        done.map_err(|problem| problem.to_error(self.place.dir()))
    }

    fn has_panicked<T>(&self, done: &Result<T, Problem>) -> bool {
        matches!(done, Err(Problem::Panicked(_)))
    }

    /// Merges segments and builds the graph where there are enough vectors.
    ///
    /// # Errors
    /// As [`Owner::write`].
    pub fn merge(&mut self) -> Result<(), MemoryError> {
        let description =
            |state, segments| Description { state, segments, ..Description::void(self.space.clone()) };
        self.place.describe(&description(State::Merging, BTreeSet::new()))?;
        let merged = description(State::Ready, BTreeSet::new());
        let space = self.space.clone();
        self.write(|shard| {
            // Documents count as well; they are few beside passages.
            shard.set_hnsw_config(shapes::graph(shard.info().points_count, space.as_ref()))?;
            shard.optimize()?;
            shard.flush();
            Ok(())
        })?;
        self.place.describe(&Description { segments: self.place.segments(), ..merged })?;
        if self.place.sweepable() > MOST_LOG_PIECES { self.open_again() } else { Ok(()) }
    }

    fn open_again(&mut self) -> Result<(), MemoryError> {
        let mut shared = self.shared.write().unwrap_or_else(PoisonError::into_inner);
        drop_quietly(shared.take());
        *shared = Some(open(&self.place, self.space.as_ref())?);
        Ok(())
    }

    fn close(&mut self) {
        let mut shared = self.shared.write().unwrap_or_else(PoisonError::into_inner);
        let Some(shard) = shared.take() else { return };
        let flushed = catch_unwind(AssertUnwindSafe(|| {
            shard.flush();
            shard.info().points_count as u64
        }));
        drop_quietly(Some(shard));
        if let Ok(points) = flushed {
            let description = Description {
                state: State::Ready,
                segments: self.place.segments(),
                closed_with: Some(points),
                ..Description::void(self.space.clone())
            };
            // Where it can't be written, the next one takes it for a crash, which costs it a moment.
            let _ = self.place.describe(&description);
        }
    }
}

/// The engine flushes when it is dropped, and panics if it can't.
fn drop_quietly(shard: Option<EdgeShard>) {
    let _ = catch_unwind(AssertUnwindSafe(move || drop(shard)));
}

/// Why the engine did not do what was asked.
pub enum Problem {
    /// It said no.
    Refused(OperationError),
    /// It panicked.
    Panicked(String),
    /// It is not open.
    Gone,
}

impl Problem {
    /// As those who asked to write hear it.
    pub fn to_error(&self, dir: &Path) -> MemoryError {
        let dir_shown = dir.display();
        match self {
            Problem::Refused(error) => {
                MemoryError::Failed(format!("the memory in {dir_shown} failed: {error}"))
            }
            Problem::Panicked(said) => {
                MemoryError::Failed(format!("the memory in {dir_shown} failed: {said}"))
            }
            Problem::Gone => damaged(dir, "it could not be opened again after it failed"),
        }
    }
}

/// Works with the engine; a panic in there ends here.
pub fn with<T>(
    shared: &Shared,
    dir: &Path,
    work: impl FnOnce(&EdgeShard) -> OperationResult<T>,
) -> Result<T, Problem> {
    let shared = shared.read().unwrap_or_else(PoisonError::into_inner);
    let Some(shard) = shared.as_ref() else { return Err(Problem::Gone) };
    match catch_unwind(AssertUnwindSafe(|| work(shard))) {
        Ok(done) => done.map_err(Problem::Refused),
        Err(panic) => {
            let said = said(&*panic);
            tracing::error!(dir = %dir.display(), said, "the memory's engine panicked");
            Err(Problem::Panicked(said))
        }
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "it panicked".into())
}

/// Opens what the place holds, or makes it.
fn open(place: &Place, space: Option<&VectorSpace>) -> Result<EdgeShard, MemoryError> {
    let description = read_description(place.dir())?;
    match description {
        None => make(place, space),
        Some(description) if description.state == State::Void => make(place, space),
        Some(description) => {
            if description.space.as_ref() != space {
                return Err(another_space(place.dir(), description.space.as_ref(), space));
            }
            load(place, &description)
        }
    }
}

fn make(place: &Place, space: Option<&VectorSpace>) -> Result<EdgeShard, MemoryError> {
    // Void first: a crash in here leaves nothing that counts.
    place.describe(&Description::void(space.cloned()))?;
    place.clear()?;
    let failed = |what: String| {
        MemoryError::Failed(format!("the memory in {} can't be made: {what}", place.dir().display()))
    };
    std::fs::create_dir_all(place.engine()).map_err(|error| failed(error.to_string()))?;
    let made = catch_unwind(AssertUnwindSafe(|| {
        let shard = EdgeShard::new(&place.engine(), shapes::config(space))?;
        for operation in shapes::make_indexes() {
            shard.update(operation)?;
        }
        shard.flush();
        Ok::<_, OperationError>(shard)
    }));
    let shard = made.map_err(|panic| failed(said(&*panic)))?.map_err(|error| failed(error.to_string()))?;
    let description =
        Description { state: State::Ready, segments: place.segments(), ..Description::void(space.cloned()) };
    place.describe(&description)?;
    Ok(shard)
}

fn load(place: &Place, description: &Description) -> Result<EdgeShard, MemoryError> {
    let broken = |what: String| damaged(place.dir(), &what);
    // The engine makes an empty segment where it finds none, and removes one that it can't make out: looked at before
    // and after.
    let lost = |segments: &BTreeSet<String>| {
        let lost = description.segments.difference(segments).count();
        if lost > 0 || segments.is_empty() {
            return Err(broken(format!("{lost} of its {} segments are missing", description.segments.len())));
        }
        Ok(())
    };
    lost(&place.segments())?;
    place.sweep();
    let loaded = catch_unwind(AssertUnwindSafe(|| {
        let shard = EdgeShard::load(&place.engine(), Some(shapes::config(description.space.as_ref())))?;
        if description.closed_with.is_none() {
            // Nothing of what was flushed is lost, but the indexes may be a write behind it: the engine leaves that to
            // its log, which it does not read again.
            for operation in shapes::drop_indexes().chain(shapes::make_indexes()) {
                shard.update(operation)?;
            }
            shard.flush();
        }
        Ok::<_, OperationError>(shard)
    }));
    let shard = loaded.map_err(|panic| broken(said(&*panic)))?.map_err(|error| broken(error.to_string()))?;
    lost(&place.segments())?;
    let there = shard.info().points_count as u64;
    if description.closed_with.is_some_and(|points| there < points) {
        drop_quietly(Some(shard));
        return Err(broken(format!(
            "{there} points are left of {}",
            description.closed_with.unwrap_or_default()
        )));
    }
    place.describe(&Description {
        state: State::Ready,
        segments: place.segments(),
        ..Description::void(description.space.clone())
    })?;
    Ok(shard)
}

fn another_space(dir: &Path, kept: Option<&VectorSpace>, asked: Option<&VectorSpace>) -> MemoryError {
    MemoryError::NotUsable(format!(
        "the memory in {} was made for {}, and the configuration says {}; change it back, or let `hearback memory \
         rebuild` build the memory again",
        dir.display(),
        crate::say_space(kept),
        crate::say_space(asked)
    ))
}
