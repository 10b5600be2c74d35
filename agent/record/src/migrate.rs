//! Brings a database to the form this version knows: numbered steps, applied once each, in order, in one
//! transaction that holds the writers' lock. A released step never changes; a new form is a new step.

use hearback_core::ports::RecordError;

use crate::session::{Cell, Fault, Session};

/// The steps for SQLite, from version 1.
pub(crate) const SQLITE: &[&str] =
    &[include_str!("../migrations/sqlite/001_record.sql"), include_str!("../migrations/sqlite/002_desk.sql")];

/// The steps for PostgreSQL, from version 1.
pub(crate) const POSTGRES: &[&str] = &[
    include_str!("../migrations/postgres/001_record.sql"),
    include_str!("../migrations/postgres/002_desk.sql"),
];

const CREATE_VERSIONS: &str =
    "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY)";
const NEWEST: &str = "SELECT max(version) FROM schema_version";
const NOTE_VERSION: &str = "INSERT INTO schema_version (version) VALUES ($1)";

/// Applies the steps that are missing. Two processes may do this at once.
pub(crate) fn migrate(session: &mut dyn Session, steps: &[&'static str]) -> Result<(), RecordError> {
    let migrated =
        session.begin().and_then(|()| apply_missing(session, steps)).and_then(|()| session.commit());
    if migrated.is_err() {
        session.rollback();
    }
    migrated.map_err(RecordError::from)
}

fn apply_missing(session: &mut dyn Session, steps: &[&'static str]) -> Result<(), Fault> {
    session.prepare_place()?;
    session.run_script(CREATE_VERSIONS)?;
    let there = session.query(NEWEST, &[])?.first().map_or(0, |row| row.number(0));
    let known = steps.len() as u64;
    if there > known {
        return Err(Fault::Verdict(RecordError::Refused(format!(
            "the record was written by a newer hearback (its form is version {there}, this one knows {known}): \
             update hearback"
        ))));
    }
    for (version, step) in (1u64..).zip(steps).skip_while(|(version, _)| *version <= there) {
        session.run_script(step)?;
        session.execute(NOTE_VERSION, &[Cell::from(version)])?;
        tracing::info!(version, "record migrated");
    }
    Ok(())
}
