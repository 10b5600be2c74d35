//! A segment: one SQLite file with what arrived in one slice of time. Its name says when it began, so that a damaged
//! one can still be named and dropped in its turn. It must not know the other segments, and what is asked.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hearback_core::Window;
use hearback_core::time::format_time;
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags};

/// The tables.
const SCHEMA: &str = include_str!("../migrations/001_segment.sql");
/// The version of the tables.
const VERSION: i64 = 1;
/// How long one connection waits for another.
const PATIENCE: Duration = Duration::from_secs(5);
/// How the name of a file ends that is still being made.
pub(crate) const UNFINISHED: &str = "new";
/// Bytes of the write-ahead log that are kept for the next commits.
const WAL_KEPT: u64 = 4 << 20;

/// What a segment holds. Times are nanoseconds since 1970 by the senders' clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub logs: u64,
    pub first_log_at: i64,
    pub last_log_at: i64,
    pub spans: u64,
    pub first_span_at: i64,
    pub last_span_at: i64,
    /// By our clock.
    pub last_arrival: Timestamp,
}

impl Extent {
    fn empty(began_at: Timestamp) -> Self {
        Extent {
            logs: 0,
            first_log_at: i64::MAX,
            last_log_at: i64::MIN,
            spans: 0,
            first_span_at: i64::MAX,
            last_span_at: i64::MIN,
            last_arrival: began_at,
        }
    }

    /// Takes in a log record.
    pub fn add_log(&mut self, at: i64) {
        self.logs += 1;
        self.first_log_at = self.first_log_at.min(at);
        self.last_log_at = self.last_log_at.max(at);
    }

    /// Takes in a span.
    pub fn add_span(&mut self, at: i64) {
        self.spans += 1;
        self.first_span_at = self.first_span_at.min(at);
        self.last_span_at = self.last_span_at.max(at);
    }
}

/// Whether a segment can be read, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    Sound(Extent),
    Damaged,
}

/// A segment's file. It is removed when the last who reads it is done, once it is [`Segment::doom`]ed.
pub(crate) struct Segment {
    path: PathBuf,
    pub sequence: u64,
    pub began_at: Timestamp,
    health: Mutex<Health>,
    doomed: AtomicBool,
}

impl Segment {
    /// Makes the file, readable by its owner alone, and opens it for writing. It gets its name when it is whole, so
    /// that a crash leaves no file that looks damaged.
    pub fn create(folder: &Path, sequence: u64, began_at: Timestamp) -> rusqlite::Result<(Self, Connection)> {
        let path = folder.join(format!("segment-{sequence:08}-{}.db", began_at.as_millisecond()));
        let unfinished = path.with_extension(UNFINISHED);
        let empty = Extent::empty(began_at);
        let made = make_file(&unfinished)
            .map_err(|error| of_files(&error))
            .and_then(|()| write_schema(&unfinished, &empty))
            .and_then(|()| std::fs::rename(&unfinished, &path).map_err(|error| of_files(&error)));
        if let Err(error) = made {
            // It is removed at the next start if it can't be now.
            let _ = std::fs::remove_file(&unfinished);
            return Err(error);
        }
        let health = Mutex::new(Health::Sound(empty));
        let segment = Segment { path, sequence, began_at, health, doomed: AtomicBool::new(false) };
        let connection = segment.reopen()?;
        Ok((segment, connection))
    }

    /// Takes a file of the folder; `None` if its name is not that of a segment.
    pub fn load(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_prefix("segment-")?.strip_suffix(".db")?;
        let (sequence, began_ms) = name.split_once('-')?;
        let began_at = Timestamp::from_millisecond(began_ms.parse().ok()?).ok()?;
        let health = match connect(path).and_then(|connection| load_extent(&connection)) {
            Ok(extent) => Health::Sound(extent),
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "a segment of telemetry can't be read");
                Health::Damaged
            }
        };
        let (health, doomed) = (Mutex::new(health), AtomicBool::new(false));
        Some(Segment { path: path.to_owned(), sequence: sequence.parse().ok()?, began_at, health, doomed })
    }

    /// Opens the file for writing again.
    pub fn reopen(&self) -> rusqlite::Result<Connection> {
        let connection = connect(&self.path)?;
        configure_writer(&connection)?;
        Ok(connection)
    }

    /// Opens the file for reading.
    pub fn read(&self) -> rusqlite::Result<Connection> {
        let connection = connect(&self.path)?;
        connection.execute_batch("PRAGMA query_only = ON")?;
        Ok(connection)
    }

    pub fn health(&self) -> Health {
        *self.lock()
    }

    pub fn extent(&self) -> Option<Extent> {
        match self.health() {
            Health::Sound(extent) => Some(extent),
            Health::Damaged => None,
        }
    }

    pub fn set_health(&self, health: Health) {
        *self.lock() = health;
    }

    fn lock(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes of its files.
    pub fn bytes(&self) -> u64 {
        ["", "-wal"].iter().filter_map(|end| self.path_with(end).metadata().ok()).map(|file| file.len()).sum()
    }

    /// Has the files removed as soon as nobody reads them.
    pub fn doom(&self) {
        self.doomed.store(true, Ordering::Relaxed);
    }

    /// Why what it holds is missing in an answer.
    pub fn damage(&self) -> String {
        format!(
            "what arrived from {} on, up to the next file, can't be read: {} is damaged",
            format_time(self.began_at),
            self.path.file_name().unwrap_or_default().display()
        )
    }

    fn path_with(&self, end: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(end);
        path.into()
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if !*self.doomed.get_mut() {
            return;
        }
        for end in ["", "-wal", "-shm"] {
            match std::fs::remove_file(self.path_with(end)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(file = %self.path.display(), %error, "an old segment can't be removed");
                }
                _ => {}
            }
        }
    }
}

/// A time as it stands in a segment. What 64 bits of nanoseconds can't hold (before 1677, after 2262) becomes the
/// nearest they can; the last of them stays free, so that a window can end after every record.
pub(crate) fn to_ns(at: Timestamp) -> i64 {
    at.as_nanosecond().clamp(i64::MIN.into(), (i64::MAX - 1).into()) as i64
}

/// The bounds of a window, as they stand in a segment: the second is outside.
pub(crate) fn bounds(window: &Window) -> (i64, i64) {
    let until = window.until.as_nanosecond().clamp(i64::MIN.into(), i64::MAX.into()) as i64;
    (to_ns(window.from), until)
}

/// Whether the file is damaged, rather than the disk full or away.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    let codes = [ErrorCode::DatabaseCorrupt, ErrorCode::NotADatabase];
    error.sqlite_error_code().is_none_or(|code| codes.contains(&code))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn configure_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))?;
    connection.execute_batch(&format!(
        "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384; PRAGMA journal_size_limit = {WAL_KEPT}"
    ))
}

fn write_schema(path: &Path, empty: &Extent) -> rusqlite::Result<()> {
    let connection = connect(path)?;
    connection.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA}"))?;
    connection.execute(
        "INSERT INTO extent VALUES (0, ?, ?, 0, ?, ?, ?)",
        (
            empty.first_log_at,
            empty.last_log_at,
            empty.first_span_at,
            empty.last_span_at,
            empty.last_arrival.as_millisecond(),
        ),
    )?;
    connection.execute_batch("COMMIT")
}

/// A failure of the file system as SQLite would tell it.
fn of_files(error: &io::Error) -> rusqlite::Error {
    let code = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => rusqlite::ffi::SQLITE_FULL,
        _ => rusqlite::ffi::SQLITE_CANTOPEN,
    };
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), Some(error.to_string()))
}

fn load_extent(connection: &Connection) -> rusqlite::Result<Extent> {
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version != VERSION {
        return Err(rusqlite::Error::QueryReturnedNoRows);
    }
    connection.query_row("SELECT * FROM extent", [], |row| {
        Ok(Extent {
            logs: row.get::<_, i64>(0)?.unsigned_abs(),
            first_log_at: row.get(1)?,
            last_log_at: row.get(2)?,
            spans: row.get::<_, i64>(3)?.unsigned_abs(),
            first_span_at: row.get(4)?,
            last_span_at: row.get(5)?,
            last_arrival: Timestamp::from_millisecond(row.get(6)?).unwrap_or(Timestamp::UNIX_EPOCH),
        })
    })
}

fn make_file(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_found_again_by_its_name_and_removed_when_its_last_reader_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let began_at: Timestamp = "2026-11-23T14:05:00Z".parse().unwrap();
        let (segment, writer) = Segment::create(folder.path(), 7, began_at).unwrap();
        drop(writer);
        let again = Segment::load(&segment.path).unwrap();
        assert_eq!((again.sequence, again.began_at), (7, began_at));
        assert_eq!(again.health(), Health::Sound(Extent::empty(began_at)));
        let reader = again.read().unwrap();
        segment.doom();
        drop(segment);
        assert!(!again.path.exists());
        drop(reader);
        assert_eq!(Segment::load(Path::new("notes.db")).map(|_| ()), None);
    }

    #[test]
    fn times_that_do_not_fit_become_the_nearest() {
        let all = Window { from: Timestamp::MIN, until: Timestamp::MAX };
        let (from, until) = bounds(&all);
        for at in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
            assert!((from..until).contains(&to_ns(at)), "{at}");
        }
    }
}
