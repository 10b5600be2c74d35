//! The store inside this process: Qdrant Edge in a directory of its own.

mod owner;
mod place;
mod shapes;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hearback_core::ids::SourceName;
use hearback_core::memory::store::{MemoryError, VectorSpace};
use jiff::SignedDuration;
use qdrant_edge::{CountRequest, EdgeShard, OperationResult};
use tokio::sync::{Semaphore, oneshot};

use self::owner::{Job, Owner, Problem, Shared};
use self::place::{Place, State};
use crate::points::{Hit, Point, Points, Read, Search, Which};
use crate::shelf::Shelf;

/// How many reads run at once: more would wait for each other's memory, not for answers.
const READS_AT_ONCE: usize = 4;
/// How long dropping a store waits until its directory is free. A merge may take longer; it then ends on its own.
const CLOSING: Duration = Duration::from_secs(10);

/// Passages in a directory, in this process.
///
/// Writes go one after the other through one thread; searches go beside them. Needs a Tokio runtime.
pub type EdgeStore = Shelf<EdgePoints>;

/// The engine with the thread that owns it.
pub struct EdgePoints {
    dir: PathBuf,
    shared: Shared,
    turns: Arc<Semaphore>,
    jobs: Mutex<Option<Sender<Job>>>,
    closed: Mutex<Receiver<()>>,
}

/// What a directory holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Existing {
    /// What its vectors mean; none if it keeps words alone.
    pub space: Option<VectorSpace>,
}

impl EdgeStore {
    /// Opens the store in `dir`, or makes it there.
    ///
    /// Only one process has a directory at a time. A directory keeps the space it was made with.
    ///
    /// # Errors
    /// [`MemoryError::NotUsable`] if another process has it, if it was made for another space or by a newer hearback, or if
    /// it can't be made; [`MemoryError::Damaged`] if what is in it can't be read.
    pub async fn open(dir: &Path, space: Option<VectorSpace>) -> Result<Self, MemoryError> {
        let (at, of) = (dir.to_owned(), space.clone());
        let opened = blocking(move || owner::start(&at, of)).await?;
        let points = EdgePoints {
            dir: dir.to_owned(),
            shared: opened.shared,
            turns: Arc::new(Semaphore::new(READS_AT_ONCE)),
            jobs: Mutex::new(Some(opened.jobs)),
            closed: Mutex::new(opened.closed),
        };
        let name = SourceName::new("memory").map_err(|error| MemoryError::NotUsable(error.to_string()))?;
        // Nobody else writes here, so whatever has no document when nothing is being put is an orphan.
        Shelf::over(points, name, space, dir.display().to_string(), SignedDuration::ZERO)
    }

    /// What `dir` holds, without opening it; none if there is no store in it. Another process may have it open.
    ///
    /// # Errors
    /// [`MemoryError::Damaged`] if it can't be told, [`MemoryError::NotUsable`] if a newer hearback made it.
    pub fn existing(dir: &Path) -> Result<Option<Existing>, MemoryError> {
        let description =
            place::read_description(dir)?.filter(|description| description.state != State::Void);
        Ok(description.map(|description| Existing { space: description.space }))
    }

    /// Removes the store in `dir`, damaged or not, and nothing else that is there. Does nothing where there is none.
    ///
    /// # Errors
    /// [`MemoryError::NotUsable`] if a process has it open; [`MemoryError::Failed`] if it can't be removed.
    pub async fn destroy(dir: &Path) -> Result<(), MemoryError> {
        let dir = dir.to_owned();
        blocking(move || {
            if matches!(place::read_description(&dir), Ok(None)) {
                Ok(())
            } else {
                Place::claim(&dir)?.destroy()
            }
        })
        .await
    }

    /// Makes everything durable and lets the directory go. Dropping does the same, and blocks for that moment.
    pub async fn close(self) {
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

impl EdgePoints {
    /// Lets the owner write, and waits for it.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Owner) -> Result<T, MemoryError> + Send + 'static,
    ) -> Result<T, MemoryError> {
        let closed = || MemoryError::Failed(format!("the memory in {} is closed", self.dir.display()));
        let (reply, answer) = oneshot::channel();
        // Who does not wait any more does not hear of it.
        let job: Job = Box::new(move |owner| drop(reply.send(work(owner))));
        self.jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .ok_or_else(closed)?
            .send(job)
            .map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Reads beside the owner.
    async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce(&EdgeShard) -> OperationResult<T> + Send + 'static,
    ) -> Result<T, MemoryError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_| MemoryError::Failed("the memory is closed".into()))?;
        let (shared, dir) = (Arc::clone(&self.shared), self.dir.clone());
        blocking(move || {
            let _turn = turn;
            owner::with(&shared, &dir, work).map_err(|problem| match problem {
                // Reading fails on what is there, and will fail on it again.
                Problem::Panicked(said) => place::damaged(&dir, &said),
                problem => problem.to_error(&dir),
            })
        })
        .await
    }
}

impl Drop for EdgePoints {
    fn drop(&mut self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        // Hung up or too late: both are an end.
        let _ = self.closed.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(CLOSING);
    }
}

impl Points for EdgePoints {
    async fn upsert(&self, points: Vec<Point>) -> Result<(), MemoryError> {
        self.write(move |owner| owner.write(|shard| shard.update(shapes::upsert(points)))).await
    }

    async fn delete(&self, keys: Vec<u128>) -> Result<(), MemoryError> {
        self.write(move |owner| owner.write(|shard| shard.update(shapes::delete(keys)))).await
    }

    async fn flush(&self) -> Result<(), MemoryError> {
        let flush = |shard: &EdgeShard| {
            shard.flush();
            Ok(())
        };
        self.write(move |owner| owner.write(flush)).await
    }

    async fn read(&self, keys: Vec<u128>, read: Read) -> Result<Vec<Point>, MemoryError> {
        let records = self.look(move |shard| {
            let ids: Vec<_> = keys.into_iter().map(shapes::id).collect();
            shard.retrieve(&ids, Some(shapes::with_payload(read)), Some(shapes::with_vector(read)))
        });
        Ok(records.await?.into_iter().map(shapes::to_point).collect())
    }

    async fn page(
        &self,
        which: &Which,
        from: Option<u128>,
        limit: usize,
        read: Read,
    ) -> Result<(Vec<Point>, Option<u128>), MemoryError> {
        let request = shapes::page(which, from, limit, read);
        let (records, next) = self.look(move |shard| shard.scroll(request)).await?;
        Ok((records.into_iter().map(shapes::to_point).collect(), next.map(shapes::key)))
    }

    async fn newest(&self, which: &Which, limit: usize) -> Result<Vec<Point>, MemoryError> {
        let request = shapes::newest(which, limit);
        let (records, _) = self.look(move |shard| shard.scroll(request)).await?;
        Ok(records.into_iter().map(shapes::to_point).collect())
    }

    async fn search(&self, search: &Search) -> Result<Vec<Hit>, MemoryError> {
        let Some(request) = shapes::search(search) else { return Ok(Vec::new()) };
        let points = self.look(move |shard| shard.query(request)).await?;
        let hits = points.into_iter().map(|point| Hit {
            score: point.score,
            payload: point.payload.map(|payload| payload.0).unwrap_or_default(),
        });
        Ok(hits.collect())
    }

    async fn count(&self, which: &Which) -> Result<u64, MemoryError> {
        let request = CountRequest { filter: Some(shapes::filter(which)), exact: true };
        Ok(self.look(move |shard| shard.count(request)).await? as u64)
    }

    async fn settle(&self) -> Result<(), MemoryError> {
        self.write(Owner::merge).await
    }
}

/// Runs what blocks where it may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MemoryError> + Send + 'static,
) -> Result<T, MemoryError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| MemoryError::Failed("the memory failed unexpectedly; ask again".into()))?
}

#[cfg(test)]
mod tests {
    use hearback_core::memory::store::{Counts, PassageStore as _};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_panic_in_the_engine_is_an_error_and_the_store_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let store = EdgeStore::open(dir.path(), None).await.unwrap();
        let write =
            |owner: &mut Owner| owner.write(|_| -> OperationResult<()> { panic!("a bug in the engine") });
        let error = store.points.write(write).await.unwrap_err();
        assert!(
            matches!(&error, MemoryError::Failed(said) if said.contains("a bug in the engine")),
            "{error}"
        );
        assert_eq!(store.count().await.unwrap(), Counts::default());
        let read = |_: &EdgeShard| -> OperationResult<()> { panic!("a broken page") };
        let error = store.points.look(read).await.unwrap_err();
        assert!(matches!(&error, MemoryError::Damaged(said) if said.contains("memory rebuild")), "{error}");
        assert_eq!(store.count().await.unwrap(), Counts::default());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_engine_that_can_not_be_opened_again_is_damage_for_all_who_ask() {
        let dir = tempfile::tempdir().unwrap();
        let store = EdgeStore::open(dir.path(), None).await.unwrap();
        let description = dir.path().join("hearback.json");
        std::fs::write(&description, "{").unwrap();
        let write =
            |owner: &mut Owner| owner.write(|_| -> OperationResult<()> { panic!("a bug in the engine") });
        assert!(matches!(store.points.write(write).await, Err(MemoryError::Damaged(_))));
        assert!(matches!(store.count().await, Err(MemoryError::Damaged(_))));
        assert!(matches!(store.remove(&[]).await, Ok(0)));
        assert!(matches!(store.tidy().await, Err(MemoryError::Damaged(_))));
    }
}
