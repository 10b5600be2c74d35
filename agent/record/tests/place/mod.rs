//! Where the tests keep a record: a file in a directory of its own, or a fresh database of a real PostgreSQL.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::sync::Arc;

use hearback_core::entry::{Actor, Draft, Entry};
use hearback_core::evidence::{Evidence, Origin};
use hearback_core::{ExternalText, Happening, IncidentId, SourceName};
use hearback_record::{Record, RecordUrl};
use hearback_testkit::postgres::Database;
use jiff::Timestamp;
use tempfile::TempDir;

/// A place for one record, gone when it is dropped.
pub enum Place {
    /// A file.
    Sqlite(TempDir),
    /// A database.
    Postgres(Database),
}

impl Place {
    pub fn sqlite() -> Place {
        Place::Sqlite(tempfile::tempdir().unwrap())
    }

    pub fn postgres() -> Place {
        Place::Postgres(Database::create().unwrap())
    }

    pub fn url(&self) -> RecordUrl {
        self.url_text().parse().unwrap()
    }

    pub fn url_text(&self) -> String {
        match self {
            Place::Sqlite(directory) => format!("sqlite:{}", directory.path().join("record.db").display()),
            Place::Postgres(database) => database.url(),
        }
    }

    pub async fn open(&self) -> Arc<dyn Record> {
        hearback_record::open(&self.url()).await.unwrap()
    }

    /// Runs a statement in the database itself, as somebody who tampers with it would.
    pub fn tamper(&self, sql: &str) {
        match self {
            Place::Sqlite(directory) => {
                let file = rusqlite::Connection::open(directory.path().join("record.db")).unwrap();
                file.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
                file.execute_batch(sql).unwrap();
            }
            Place::Postgres(database) => {
                database.run(&format!("SET search_path = hearback; {sql}")).unwrap();
            }
        }
    }
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

pub fn incident(number: u64) -> IncidentId {
    IncidentId::numbered(number)
}

pub fn draft(second: i64, what: Happening) -> Draft {
    let when = at(second);
    let by = Actor::Person("ana".into());
    Draft { happened_at: when, known_at: when, recorded_at: when, by, what }
}

pub fn note(second: i64, text: &str) -> Draft {
    draft(second, Happening::note("cli", text))
}

pub fn gathered(second: i64, snapshot: &Evidence) -> Draft {
    let what = Happening::EvidenceGathered {
        evidence: snapshot.id,
        source: snapshot.source.clone(),
        what: "logs of checkout".into(),
        window: None,
    };
    draft(second, what)
}

pub fn redaction(second: i64, seq: u64) -> Draft {
    draft(second, Happening::Redacted { seq, why: "a key".into() })
}

pub fn snapshot(text: &str) -> Evidence {
    let source = SourceName::new("logs:checkout").unwrap();
    Evidence::new(source, Origin::Outsider, None, None, ExternalText::new(text)).unwrap()
}

/// Everything an incident's record holds, verified.
pub async fn whole(record: &dyn Record, incident: &IncidentId) -> Vec<Entry> {
    hearback_record::export(record, incident).await.unwrap().entries
}
