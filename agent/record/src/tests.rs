//! What can only be seen from inside: a database that may not grow. It raises SQLite's own "full", which a full disk
//! raises too; `tests/sqlite.rs` fills a real file system.

use std::sync::Arc;

use hearback_core::entry::{Actor, Draft};
use hearback_core::ports::Expect;
use hearback_core::{Happening, IncidentId};
use jiff::Timestamp;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_database_writes_nothing_of_what_does_not_fit_and_all_that_does() {
    let directory = tempfile::tempdir().unwrap();
    let place = Place::Sqlite(directory.path().join("record.db"));
    let backend = Arc::new(Backend { place, deadlines: Deadlines::default() });
    let mut session = backend.connect().unwrap();
    migrate::migrate(&mut *session, backend.steps()).unwrap();
    session.run_script("PRAGMA max_page_count = 60").unwrap();
    let record = Store { writer: Writer::start(session).unwrap(), readers: Pool::new(Arc::clone(&backend)) };

    let one = IncidentId::numbered(1);
    let note = |bytes: usize| {
        let at = Timestamp::UNIX_EPOCH;
        let what = Happening::note("cli", "x".repeat(bytes).as_str());
        Draft { happened_at: at, known_at: at, recorded_at: at, by: Actor::hearback(), what }
    };
    // One that fits, one that never does, one that fits: waiting together, they share a transaction at first.
    let attempts = [100, 500_000, 100, 500_000, 100];
    let appends = attempts.map(|bytes| record.append(&one, Expect::Any, vec![note(bytes)]));
    let results = futures::future::join_all(appends).await;
    for (bytes, result) in attempts.iter().zip(&results) {
        match result {
            Ok(_) => assert_eq!(*bytes, 100),
            Err(error) => assert!(matches!(error, RecordError::Full) && *bytes == 500_000, "{error:?}"),
        }
    }
    assert_eq!(export(&record, &one).await.unwrap().entries.len(), 3);
    record.append(&one, Expect::Any, vec![note(100)]).await.unwrap();
}
