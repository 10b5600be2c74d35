//! A session with an SQLite file: WAL, full durability, deleted content overwritten. It must not know what the
//! tables mean.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use hearback_core::ports::RecordError;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, ffi, params_from_iter};

use crate::session::{Cell, Erased, Fault, Row, Session};
use crate::url::Deadlines;

/// An SQLite file, open.
pub(crate) struct SqliteSession {
    connection: Connection,
    path: PathBuf,
}

impl SqliteSession {
    /// Opens the file at `path`, or makes it; only its owner may read a new one.
    pub fn open(path: &Path, deadlines: Deadlines) -> Result<Self, RecordError> {
        create(path).map_err(|error| cannot_open(path, &error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(path, flags).and_then(|connection| {
            connection.busy_timeout(deadlines.statement)?;
            configure(&connection, deadlines)?;
            Ok(connection)
        });
        match opened {
            Ok(connection) => Ok(SqliteSession { connection, path: path.to_owned() }),
            Err(error) => Err(unusable(path, &error)),
        }
    }

    fn run<T>(&mut self, run: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, Fault> {
        run(&mut self.connection).map_err(|error| fault(&self.path, &error))
    }
}

impl Session for SqliteSession {
    fn begin(&mut self) -> Result<(), Fault> {
        self.run(|connection| connection.execute_batch("BEGIN IMMEDIATE"))
    }

    fn commit(&mut self) -> Result<(), Fault> {
        self.run(|connection| connection.execute_batch("COMMIT"))
    }

    fn rollback(&mut self) {
        // SQLite has rolled back by itself after some errors, a full disk among them.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a failed transaction could not be rolled back");
        }
    }

    fn query(&mut self, sql: &'static str, values: &[Cell]) -> Result<Vec<Row>, Fault> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let width = statement.column_count();
            let rows = statement.query_map(params_from_iter(values), |row| {
                (0..width).map(|at| row.get_ref(at).map(read_cell)).collect::<Result<_, _>>().map(Row)
            })?;
            rows.collect()
        })
    }

    fn execute(&mut self, sql: &'static str, values: &[Cell]) -> Result<u64, Fault> {
        self.run(|connection| {
            let rows = connection.prepare_cached(sql)?.execute(params_from_iter(values))?;
            Ok(rows as u64)
        })
    }

    fn execute_all(&mut self, sql: &'static str, rows: &[Vec<Cell>]) -> Result<(), Fault> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            rows.iter().try_for_each(|row| statement.execute(params_from_iter(row)).map(drop))
        })
    }

    fn prepare_place(&mut self) -> Result<(), Fault> {
        let tables = "SELECT count(*) FROM sqlite_master WHERE type = 'table'";
        let ours = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'";
        let mut count = |sql| self.query(sql, &[]).map(|rows| rows.first().map_or(0, |row| row.number(0)));
        if count(tables)? > 0 && count(ours)? == 0 {
            let why =
                format!("{} is the database of another program: choose another file", self.path.display());
            return Err(RecordError::Refused(why).into());
        }
        Ok(())
    }

    fn run_script(&mut self, sql: &'static str) -> Result<(), Fault> {
        self.run(|connection| connection.execute_batch(sql))
    }

    fn erase_deleted(&mut self) -> Erased {
        // `secure_delete` has overwritten it in the pages; the log still holds older pages until it is cut to zero.
        let blocked =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        match blocked {
            Ok(0) => Erased::Done,
            _ => Erased::NotYet,
        }
    }
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Cell::Null => ToSqlOutput::Owned(Value::Null),
            Cell::Int(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Cell::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

fn read_cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Integer(number) => Cell::Int(number),
        ValueRef::Text(bytes) => Cell::Text(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => Cell::Null,
    }
}

fn configure(connection: &Connection, deadlines: Deadlines) -> rusqlite::Result<()> {
    // Two processes that switch a new file to WAL at once: one is told "busy" without the usual wait.
    let deadline = Instant::now() + deadlines.statement;
    let mode: String = loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)) {
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            result => break result?,
        }
    };
    if mode != "wal" {
        return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CANTOPEN), None));
    }
    // `fullfsync` asks the drive itself to flush where the system's fsync does not (macOS); elsewhere it is nothing.
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON; \
         PRAGMA secure_delete = ON;",
    )?;
    connection.set_prepared_statement_cache_capacity(32);
    // The first read of the file: tells a file that is no database before anything is written.
    connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))
}

/// Makes the file if it is not there, readable by its owner alone, and makes its name durable.
fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => File::open(directory_of(path))?.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            OpenOptions::new().read(true).write(true).open(path).map(drop)
        }
        Err(error) => Err(error),
    }
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn cannot_open(path: &Path, error: &io::Error) -> RecordError {
    let (shown, directory) = (path.display(), directory_of(path).display());
    match error.kind() {
        io::ErrorKind::NotFound => RecordError::Refused(format!(
            "the directory {directory} of the record does not exist: create it or choose another place"
        )),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => RecordError::Refused(format!(
            "the record {shown} can't be written: give this user the right to write in {directory}"
        )),
        io::ErrorKind::IsADirectory => RecordError::Refused(format!(
            "{shown} is a directory: name a file in it, such as {shown}/record.db"
        )),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => RecordError::Full,
        _ => RecordError::Store(format!("{shown} can't be opened: {error}")),
    }
}

fn unusable(path: &Path, error: &rusqlite::Error) -> RecordError {
    let shown = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => RecordError::Refused(format!(
            "{shown} is not a Hearback record (it is no SQLite database): choose another file"
        )),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => RecordError::Refused(format!(
            "the record {shown} can't be written: its directory must be on a local disk and writable for this user"
        )),
        _ => fault(path, error).into(),
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn fault(path: &Path, error: &rusqlite::Error) -> Fault {
    let shown = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Fault::Full,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Fault::Failed(format!(
            "another program holds {shown} for too long: close what has it open, then try again"
        )),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            Fault::Failed(format!("{shown} is damaged ({error}): restore it from a backup or an export"))
        }
        _ => Fault::Failed(format!("{shown}: {error}")),
    }
}
