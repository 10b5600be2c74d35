//! [`Cached`]: an embedder that asks another one only for what it has not seen. A vector is keyed by the digest of its
//! model, what the text is, and the text, so one file serves any number of models and processes, and holds no text.
//!
//! A cache only ever saves time. Whatever goes wrong with it is logged and the work goes on without.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use hearback_core::hash::Digest;
use hearback_core::memory::store::{EmbedAs, Embedder, MemoryError, VectorSpace};
use hearback_http::Deadline;
use jiff::SignedDuration;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, TransactionBehavior};
use tokio::task::spawn_blocking;
use tokio::time::{Duration, timeout};

use crate::vectors::is_sound;

/// Changes when the table, the key or the encoding of a vector change.
const SCHEMA: i64 = 1;
/// Marks the file as ours ("hbvc"), so that no other program's database is ever emptied.
const APPLICATION: i64 = 0x6862_7663;
/// How long another process that writes is waited for.
const BUSY: Duration = Duration::from_millis(500);
/// Texts that are looked up and, if they are new, computed and kept in one go: what was computed before the time was up
/// is there when it is asked for again.
const STEP: usize = 512;

/// Vectors that were computed once, in one SQLite file.
pub struct VectorCache {
    connection: Mutex<Option<Connection>>,
    most: u32,
}

impl fmt::Debug for VectorCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VectorCache").field("usable", &self.is_usable()).finish_non_exhaustive()
    }
}

impl VectorCache {
    /// Opens or creates the file, which keeps about `most` vectors: beyond that the ones that were written first go. A
    /// damaged one or one of another version is made anew; one that another program made is left alone, and the cache stays
    /// empty. Both are logged. It blocks while it opens.
    pub fn open(path: &Path, most: u32) -> Self {
        let connection = match connect(path) {
            Err(Refusal::Failed(error)) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
                tracing::warn!(%error, "the cache of vectors is damaged; making it anew");
                remove(path);
                connect(path)
            }
            other => other,
        };
        let connection = connection
            .map_err(|refusal| match refusal {
                Refusal::Foreign => {
                    tracing::warn!(
                        "the file for the cache of vectors belongs to another program; working without"
                    );
                }
                Refusal::Failed(error) => {
                    tracing::warn!(%error, "the cache of vectors can't be opened; working without");
                }
            })
            .ok();
        VectorCache { connection: Mutex::new(connection), most }
    }

    /// Whether it holds anything at all: false if its file could not be opened or made.
    pub fn is_usable(&self) -> bool {
        self.lock().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of these vectors that are there and sound.
    fn load(&self, keys: &[Digest], dimension: usize) -> HashMap<Digest, Vec<f32>> {
        self.with(|connection| load(connection, keys, dimension)).unwrap_or_default()
    }

    fn store(&self, vectors: &[(Digest, Vec<f32>)]) {
        self.with(|connection| store(connection, vectors, self.most));
    }

    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Option<T> {
        let mut guard = self.lock();
        let done = work(guard.as_mut()?);
        if let Err(error) = &done {
            tracing::warn!(%error, "the cache of vectors failed; going on without");
            if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) {
                *guard = None;
            }
        }
        done.ok()
    }
}

enum Refusal {
    Foreign,
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Refusal::Failed(error)
    }
}

fn connect(path: &Path) -> Result<Connection, Refusal> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    let number = |of: &Connection, name: &str| of.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let tables = |of: &Connection| {
        of.query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", [], |row| {
            row.get::<_, i64>(0)
        })
    };
    // Before anything is changed: turning on the write-ahead log changes the file.
    if number(&connection, "application_id")? != APPLICATION && tables(&connection)? > 0 {
        return Err(Refusal::Foreign);
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What is lost with the power is computed again.
    connection.pragma_update(None, "synchronous", "OFF")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let is_ours = number(&transaction, "application_id")? == APPLICATION;
    if !is_ours || number(&transaction, "user_version")? != SCHEMA {
        transaction.execute_batch(
            "DROP TABLE IF EXISTS vectors;
             CREATE TABLE vectors (place INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, vector BLOB NOT NULL);",
        )?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
    }
    transaction.commit()?;
    // A table that lost its columns is found now rather than at the first question.
    connection.prepare("SELECT vector FROM vectors WHERE key = ?1 AND place > 0")?;
    Ok(connection)
}

fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        // A companion that is not there needs no removing.
        let _ = std::fs::remove_file(PathBuf::from(name));
    }
}

fn load(
    connection: &mut Connection,
    keys: &[Digest],
    dimension: usize,
) -> rusqlite::Result<HashMap<Digest, Vec<f32>>> {
    let transaction = connection.transaction()?;
    let mut found = HashMap::with_capacity(keys.len());
    {
        let mut statement = transaction.prepare_cached("SELECT vector FROM vectors WHERE key = ?1")?;
        for key in keys {
            let bytes: Option<Vec<u8>> =
                statement.query_row([key.as_bytes()], |row| row.get(0)).optional()?;
            let vector = bytes.map(|bytes| from_bytes(&bytes)).filter(|vector| is_sound(vector, dimension));
            found.extend(vector.map(|vector| (*key, vector)));
        }
    }
    transaction.finish()?;
    Ok(found)
}

fn store(connection: &mut Connection, vectors: &[(Digest, Vec<f32>)], most: u32) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut statement =
            transaction.prepare_cached("INSERT OR REPLACE INTO vectors (key, vector) VALUES (?1, ?2)")?;
        for (key, vector) in vectors {
            statement.execute((key.as_bytes(), to_bytes(vector)))?;
        }
        // Places are given in ascending order, so the first written have the lowest; no counting is needed.
        transaction
            .prepare_cached("DELETE FROM vectors WHERE place <= (SELECT max(place) FROM vectors) - ?1")?
            .execute([most])?;
    }
    transaction.commit()
}

fn to_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn from_bytes(bytes: &[u8]) -> Vec<f32> {
    let (whole, _) = bytes.as_chunks::<4>();
    whole.iter().map(|four| f32::from_le_bytes(*four)).collect()
}

/// An embedder that asks `E` only for what is not in its [`VectorCache`].
#[derive(Debug)]
pub struct Cached<E> {
    inner: E,
    cache: Arc<VectorCache>,
}

impl<E: Embedder> Cached<E> {
    /// `inner`, with what `cache` knows. Several embedders may share one cache.
    pub fn new(inner: E, cache: Arc<VectorCache>) -> Self {
        Cached { inner, cache }
    }

    /// The embedder that is asked for what is new.
    pub fn inner(&self) -> &E {
        &self.inner
    }

    fn key(&self, text: &str, texts_are: EmbedAs) -> Digest {
        let space = self.inner.space();
        let dimension = (space.dimension as u64).to_be_bytes();
        let texts_are: &[u8] = match texts_are {
            EmbedAs::Passage => b"passage",
            EmbedAs::Query => b"query",
        };
        Digest::of_parts(&[space.model.as_bytes(), &dimension, texts_are, text.as_bytes()])
    }

    /// Runs `work` on the cache off the threads that answer. None if it failed or took too long: the answer does not
    /// depend on it.
    async fn off<T: Send + 'static>(
        &self,
        deadline: Deadline,
        work: impl FnOnce(&VectorCache) -> T + Send + 'static,
    ) -> Option<T> {
        let cache = Arc::clone(&self.cache);
        timeout(deadline.remaining(), spawn_blocking(move || work(&cache))).await.ok()?.ok()
    }
}

#[async_trait]
impl<E: Embedder> Embedder for Cached<E> {
    fn space(&self) -> &VectorSpace {
        self.inner.space()
    }

    /// # Errors
    /// Those of the embedder inside, and no others.
    async fn embed(
        &self,
        texts: &[String],
        texts_are: EmbedAs,
        budget: SignedDuration,
    ) -> Result<Vec<Vec<f32>>, MemoryError> {
        let deadline = Deadline::after(budget);
        let dimension = self.inner.space().dimension;
        let mut vectors = Vec::with_capacity(texts.len());
        for texts in texts.chunks(STEP) {
            let keys: Vec<Digest> = texts.iter().map(|text| self.key(text, texts_are)).collect();
            let wanted = keys.clone();
            let known = self.off(deadline, move |cache| cache.load(&wanted, dimension)).await;
            let mut known = known.unwrap_or_default();
            // A text that stands there twice is asked for once.
            let mut new: HashMap<Digest, &String> = HashMap::new();
            let mut order = Vec::new();
            for (key, text) in keys.iter().zip(texts) {
                if !known.contains_key(key) && new.insert(*key, text).is_none() {
                    order.push((*key, text.clone()));
                }
            }
            if !order.is_empty() {
                let (order, asked): (Vec<Digest>, Vec<String>) = order.into_iter().unzip();
                let left = SignedDuration::try_from(deadline.remaining()).unwrap_or(budget);
                let made = self.inner.embed(&asked, texts_are, left).await.map_err(|error| match error {
                    MemoryError::TimedOut(_) => MemoryError::TimedOut(budget),
                    other => other,
                })?;
                let made: Vec<(Digest, Vec<f32>)> = order.into_iter().zip(made).collect();
                known.extend(made.iter().cloned());
                self.off(deadline, move |cache| cache.store(&made)).await;
            }
            for key in &keys {
                let vector = known.get(key).cloned();
                vectors.push(vector.ok_or_else(|| {
                    MemoryError::Failed(format!("{} made too few vectors", self.inner.space().model))
                })?);
            }
        }
        Ok(vectors)
    }
}

#[cfg(test)]
#[path = "cached_tests.rs"]
mod tests;
