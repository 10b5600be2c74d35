//! The incident record: append-only, hash-chained entries, the snapshots they name, the change log and the alert
//! inbox, in SQLite or PostgreSQL.
//!
//! ```text
//! store    the ports                       writer   one thread, group commit
//! writes   what can be written, the rules  pool     connections of readers
//! tables   every SQL statement, row forms  migrate  numbered steps
//! desk     small papers beside them: tokens ...   session  one connection: sqlite, postgres
//! ```
//!
//! Everything above `session` is written once for both databases and blocks; the writer's thread and the readers'
//! threads are where it may. This crate must not know who calls it, what is asked of an incident, or any
//! environment variable.

mod desk;
mod migrate;
mod pool;
mod postgres;
mod secrets;
mod session;
mod sqlite;
mod store;
mod tables;
#[cfg(test)]
mod tests;
mod url;
mod whole;
mod writer;
mod writes;

use std::sync::Arc;

use hearback_core::ports::{
    AlertInbox, ChangeLog, DeliveryLog, Outbox, RecordError, RecordStore, TargetLedger, TokenStore,
};

pub use crate::url::{BadRecordUrl, Deadlines, RecordUrl};
pub use crate::whole::{export, verify};

use crate::pool::Pool;
use crate::postgres::PostgresSession;
use crate::session::Session;
use crate::sqlite::SqliteSession;
use crate::store::Store;
use crate::url::Place;
use crate::writer::Writer;

/// A record with all that is kept beside it.
pub trait Record:
    RecordStore + ChangeLog + AlertInbox + TokenStore + DeliveryLog + Outbox + TargetLedger
{
}

impl<T: RecordStore + ChangeLog + AlertInbox + TokenStore + DeliveryLog + Outbox + TargetLedger> Record
    for T
{
}

/// Opens the record at `url`, makes it if it is not there, and brings it to the form of this version.
///
/// Dropping the last handle commits what still waits and closes the database; it blocks for that moment. Needs a
/// Tokio runtime.
///
/// # Errors
/// [`RecordError::Refused`] if somebody has to mend something (a directory, a right, a password, an old hearback);
/// [`RecordError::Store`] if the database is away; [`RecordError::Full`]. One plain sentence each, without a password.
pub async fn open(url: &RecordUrl) -> Result<Arc<dyn Record>, RecordError> {
    open_within(url, Deadlines::default()).await
}

/// As [`open`], with deadlines of the caller's.
///
/// # Errors
/// As [`open`].
pub async fn open_within(url: &RecordUrl, deadlines: Deadlines) -> Result<Arc<dyn Record>, RecordError> {
    let backend = Arc::new(Backend { place: url.0.clone(), deadlines });
    let opening = Arc::clone(&backend);
    let opened = tokio::task::spawn_blocking(move || {
        let mut session = opening.connect()?;
        migrate::migrate(&mut *session, opening.steps())?;
        Writer::start(session)
    });
    let writer = opened.await.map_err(|_| RecordError::Store("opening the record failed".into()))??;
    Ok(Arc::new(Store { writer, readers: Pool::new(backend) }))
}

/// Makes connections to one database.
pub(crate) struct Backend {
    place: Place,
    deadlines: Deadlines,
}

impl Backend {
    fn connect(&self) -> Result<Box<dyn Session>, RecordError> {
        Ok(match &self.place {
            Place::Sqlite(path) => Box::new(SqliteSession::open(path, self.deadlines)?),
            Place::Postgres(url) => Box::new(PostgresSession::open(url, self.deadlines)?),
        })
    }

    fn steps(&self) -> &'static [&'static str] {
        match self.place {
            Place::Sqlite(_) => migrate::SQLITE,
            Place::Postgres(_) => migrate::POSTGRES,
        }
    }
}
