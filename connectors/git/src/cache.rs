//! Facts of commits, kept in one SQLite file between questions. It must not know repositories: a fact is keyed by
//! its commit's id, which names its content, so one file serves any number of repositories and processes.
//!
//! A cache only ever saves time. Whatever goes wrong with it is logged and the question goes on without.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use git2::Oid;
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};

/// Changes when the tables or the encoding of a row change.
const SCHEMA: i64 = 2;
/// Marks the file as ours ("hbgc"), so that no other program's database is ever emptied.
const APPLICATION: i64 = 0x6862_6763;
/// How often and how far apart opening is tried while the file is busy.
const TRIES: u32 = 100;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);
const BUSY: Duration = Duration::from_millis(2000);

/// Facts of commits, kept in one SQLite file. Share one between sources.
pub struct CommitCache {
    connection: Mutex<Option<Connection>>,
}

/// Which facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    /// Counted files of a commit.
    Files,
    /// Capped diffs of a commit.
    Diffs,
    /// Where walks from a commit stood, all parents followed.
    Checkpoints,
    /// The same, only first parents followed.
    MainLineCheckpoints,
    /// What a commit tells of its people.
    Deeds,
}

impl Table {
    fn key(self) -> i64 {
        match self {
            Table::Files => 0,
            Table::Diffs => 1,
            Table::Checkpoints => 2,
            Table::MainLineCheckpoints => 3,
            Table::Deeds => 4,
        }
    }
}

impl CommitCache {
    /// Opens or creates the file. A file of another version or a damaged one is made anew; if that fails too, the
    /// cache stays empty. Both are logged.
    pub fn open(path: &Path) -> Self {
        let connection = match connect(path) {
            Ok(connection) => Some(connection),
            Err(Refusal::Foreign) => {
                tracing::warn!("the commit cache's file belongs to another program; working without a cache");
                None
            }
            Err(Refusal::Failed(error)) if is_damage(&error) => {
                tracing::warn!(%error, "the commit cache is damaged; making it anew");
                remove(path);
                connect(path)
                    .map_err(|_| {
                        tracing::warn!("the commit cache can't be made anew; working without a cache")
                    })
                    .ok()
            }
            Err(Refusal::Failed(error)) => {
                tracing::warn!(%error, "the commit cache can't be opened; working without a cache");
                None
            }
        };
        CommitCache { connection: Mutex::new(connection) }
    }

    /// Whether it holds anything at all: false if its file could not be opened or made.
    pub fn is_usable(&self) -> bool {
        self.connection.lock().is_ok_and(|connection| connection.is_some())
    }

    /// What is known of these commits.
    pub(crate) fn load(&self, table: Table, commits: &[Oid]) -> HashMap<Oid, Vec<u8>> {
        let mut guard = self.lock();
        let Some(connection) = guard.as_mut() else { return HashMap::new() };
        let loaded = load(connection, table, commits);
        loaded.unwrap_or_else(|error| {
            tracing::warn!(%error, "the commit cache can't be read; working without it");
            if is_damage(&error) {
                *guard = None;
            }
            HashMap::new()
        })
    }

    /// Keeps facts, all in one transaction.
    pub(crate) fn store(&self, table: Table, facts: &[(Oid, Vec<u8>)]) {
        let mut guard = self.lock();
        let Some(connection) = guard.as_mut().filter(|_| !facts.is_empty()) else { return };
        if let Err(error) = store(connection, table, facts) {
            tracing::warn!(%error, "the commit cache can't be written; going on without");
            if is_damage(&error) {
                *guard = None;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for CommitCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommitCache").field("open", &self.lock().is_some()).finish()
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

/// Connects, again and again while another process is making the file: SQLite does not wait by itself when two turn
/// on the write-ahead log at once.
fn connect(path: &Path) -> Result<Connection, Refusal> {
    for _ in 0..TRIES {
        match connect_once(path) {
            Err(Refusal::Failed(error)) if is_busy(&error) => std::thread::sleep(BETWEEN_TRIES),
            other => return other,
        }
    }
    connect_once(path)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn connect_once(path: &Path) -> Result<Connection, Refusal> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What is lost with the power is counted again.
    connection.pragma_update(None, "synchronous", "OFF")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let number = |name: &str| transaction.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, schema) = (number("application_id")?, number("user_version")?);
    let tables: i64 =
        transaction
            .query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", [], |row| row.get(0))?;
    if application != APPLICATION && tables > 0 {
        return Err(Refusal::Foreign);
    }
    if application == APPLICATION && schema != SCHEMA {
        tracing::warn!(
            found = schema,
            expected = SCHEMA,
            "the commit cache is of another version; making it anew"
        );
    }
    if application != APPLICATION || schema != SCHEMA {
        transaction.execute_batch(
            "DROP TABLE IF EXISTS facts;
             CREATE TABLE facts (
                 id BLOB NOT NULL, about INTEGER NOT NULL, fact BLOB NOT NULL, PRIMARY KEY (id, about)
             ) WITHOUT ROWID;",
        )?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
    }
    transaction.commit()?;
    // A table that lost its columns is found now rather than at the first question.
    connection.prepare("SELECT fact FROM facts WHERE id = ?1 AND about = ?2")?;
    Ok(connection)
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown)
    )
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
    table: Table,
    commits: &[Oid],
) -> Result<HashMap<Oid, Vec<u8>>, rusqlite::Error> {
    let transaction = connection.transaction()?;
    let mut found = HashMap::with_capacity(commits.len());
    {
        let mut statement =
            transaction.prepare_cached("SELECT fact FROM facts WHERE id = ?1 AND about = ?2")?;
        for commit in commits {
            let fact: Option<Vec<u8>> =
                statement.query_row((commit.as_bytes(), table.key()), |row| row.get(0)).optional()?;
            found.extend(fact.map(|fact| (*commit, fact)));
        }
    }
    transaction.finish()?;
    Ok(found)
}

fn store(connection: &mut Connection, table: Table, facts: &[(Oid, Vec<u8>)]) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut statement = transaction
            .prepare_cached("INSERT OR REPLACE INTO facts (id, about, fact) VALUES (?1, ?2, ?3)")?;
        for (commit, fact) in facts {
            statement.execute((commit.as_bytes(), table.key(), fact))?;
        }
    }
    transaction.commit()
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
