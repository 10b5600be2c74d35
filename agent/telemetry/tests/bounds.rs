//! What bounds the store: age, bytes, its queue, one process for a folder; and what it does with damaged files.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test program")]

mod kept;

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hearback_core::LogSeverity;
use hearback_core::ports::{IntakeError, LogSource, TelemetrySink};
use hearback_telemetry::{OpenError, TelemetryOptions, TelemetryStore};
use jiff::SignedDuration;
use kept::{Hand, all_logs, bodies, log, open, options};

fn segments(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut segments: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|end| end == "db")).collect();
    segments.sort();
    segments
}

async fn take(store: &TelemetryStore, seconds: i64, body: &str) {
    store.take_logs(vec![log(seconds, "cart", LogSeverity::Info, body)]).await.unwrap();
}

#[tokio::test]
async fn what_is_older_than_the_retention_goes_with_its_file() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let with =
        TelemetryOptions { retention: SignedDuration::from_hours(24), ..options(folder.path(), &hand) };
    let store = TelemetryStore::open(with.clone()).unwrap();
    for hour in 0..30 {
        take(&store, hour * 3600, &format!("hour {hour}")).await;
        hand.forward(3600);
    }
    let kept = store.logs(&all_logs()).await.unwrap().items;
    assert_eq!((kept.len(), kept[0].body.as_untrusted()), (24, "hour 6"));
    assert_eq!(segments(folder.path()).len(), 24);
    let stats = store.stats();
    assert_eq!((stats.logs, stats.dropped, stats.oldest), (24, 6, Some(kept::at(6 * 3600))));
    // Nothing arrives for days: the next start cleans up.
    drop(store);
    hand.forward(48 * 3600);
    let store = TelemetryStore::open(with).unwrap();
    store.close().await;
    assert_eq!((segments(folder.path()).len(), store.stats().logs), (0, 0));
}

#[tokio::test]
async fn more_than_fits_pushes_the_oldest_out() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let store =
        TelemetryStore::open(TelemetryOptions { max_bytes: 16 << 20, ..options(folder.path(), &hand) })
            .unwrap();
    let body = "x".repeat(1000);
    for part in 0..60 {
        let logs =
            (0..400).map(|number| log(part * 400 + number, "cart", LogSeverity::Info, &body)).collect();
        store.take_logs(logs).await.unwrap();
        assert!(store.stats().bytes <= 16 << 20, "{} bytes after part {part}", store.stats().bytes);
    }
    let stats = store.stats();
    assert!(stats.bytes > 8 << 20, "it keeps what fits: {stats:?}");
    assert_eq!((stats.logs + stats.dropped, stats.dropped > 0), (24_000, true));
    let mut newest = all_logs();
    newest.limit = 1;
    assert_eq!(store.logs(&newest).await.unwrap().items[0].at, kept::at(23_999));
}

#[tokio::test]
async fn a_restart_goes_on_with_the_same_segment() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    for start in 0..5 {
        let store = open(folder.path(), &hand);
        take(&store, start, &format!("start {start}")).await;
        assert_eq!(store.stats().logs, start.unsigned_abs() + 1);
        hand.forward(60);
    }
    assert_eq!(segments(folder.path()).len(), 1);
    let store = open(folder.path(), &hand);
    assert_eq!(store.logs(&all_logs()).await.unwrap().items.len(), 5);
}

#[tokio::test]
async fn a_full_queue_is_busy_within_a_bounded_wait() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let small = TelemetryOptions {
        queue_bytes: 1024,
        queue_wait: Duration::from_millis(5),
        ..options(folder.path(), &hand)
    };
    let store = TelemetryStore::open(small).unwrap();
    // The disk is held up: another connection has the write lock of the file.
    take(&store, 0, "first").await;
    let held = rusqlite::Connection::open(&segments(folder.path())[0]).unwrap();
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waiting = take(&store, 1, "second");
    let refused = async {
        // The second has its place in the queue when it was polled first.
        let result = store.take_logs(vec![log(2, "cart", LogSeverity::Info, "third")]).await;
        assert!(matches!(result, Err(IntakeError::Busy)), "{result:?}");
        held.execute_batch("ROLLBACK").unwrap();
    };
    tokio::join!(biased; waiting, refused);
    assert_eq!(bodies(&store.logs(&all_logs()).await.unwrap().items), ["first", "second"]);
    assert_eq!(store.stats().refused, 1);
}

#[tokio::test]
async fn a_second_store_on_the_folder_is_refused_in_one_sentence() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let first = open(folder.path(), &hand);
    let Err(second) = TelemetryStore::open(options(folder.path(), &hand)) else { panic!("it was opened") };
    assert!(matches!(second, OpenError::InUse(_)));
    let shown = folder.path().display();
    let expect = format!("another hearback writes telemetry to {shown}: stop it, or choose another folder");
    assert_eq!(second.to_string(), expect);
    drop(first);
    open(folder.path(), &hand);
}

#[tokio::test]
async fn a_folder_that_can_not_be_is_refused() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    for with in [
        options(&file.join("inside"), &hand),
        TelemetryOptions { max_bytes: 1000, ..options(folder.path(), &hand) },
        TelemetryOptions { retention: SignedDuration::ZERO, ..options(folder.path(), &hand) },
    ] {
        assert!(matches!(TelemetryStore::open(with), Err(OpenError::NotUsable(_))));
    }
}

async fn check_damage(damage: impl Fn(&Path)) {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let store = open(folder.path(), &hand);
    for hour in 0..3 {
        take(&store, hour * 3600, &format!("hour {hour}")).await;
        hand.forward(3600);
    }
    drop(store);
    let second = &segments(folder.path())[1];
    damage(second);
    let store = open(folder.path(), &hand);
    let name = second.file_name().unwrap().to_str().unwrap();
    let phrase = format!(
        "what arrived from 2023-11-14 23:13:20Z on, up to the next file, can't be read: {name} is damaged"
    );
    let logs = store.logs(&all_logs()).await.unwrap();
    assert_eq!(logs.coverage.missing, [phrase.as_str()]);
    assert_eq!(bodies(&logs.items), ["hour 0", "hour 2"]);
    assert_eq!(store.templates(&all_logs()).await.unwrap().coverage.missing, [phrase.as_str()]);
    take(&store, 0, "still taken").await;
    // It goes with its age, like the others.
    hand.forward(73 * 3600);
    take(&store, 0, "last").await;
    assert_eq!(segments(folder.path()).len(), 1);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_a_missing_phrase() {
    check_damage(|path| std::fs::write(path, "not a database at all").unwrap()).await;
    check_damage(|path| std::fs::write(path, "").unwrap()).await;
}

#[tokio::test]
async fn a_file_with_a_torn_page_is_a_missing_phrase() {
    check_damage(|path| {
        let mut file = OpenOptions::new().write(true).open(path).unwrap();
        let pages = file.metadata().unwrap().len() / 4096;
        // The first page, with the schema, stays; the extent is on the last pages.
        for page in 1..pages {
            file.seek(SeekFrom::Start(page * 4096)).unwrap();
            file.write_all(&[0xff; 4096]).unwrap();
        }
    })
    .await;
}

/// The file opens and says what it holds; only the log records are torn.
#[tokio::test]
async fn a_file_that_turns_out_damaged_while_it_is_read_is_a_missing_phrase() {
    check_damage(|path| {
        let connection = rusqlite::Connection::open(path).unwrap();
        let mut torn = connection.prepare("SELECT pageno FROM dbstat WHERE name LIKE 'log%'").unwrap();
        let pages = torn.query_map([], |row| row.get::<_, i64>(0)).unwrap();
        let pages: Vec<u64> = pages.map(|page| page.unwrap().unsigned_abs()).collect();
        assert!(!pages.is_empty());
        drop(torn);
        drop(connection);
        let mut file = OpenOptions::new().write(true).open(path).unwrap();
        for page in pages {
            file.seek(SeekFrom::Start((page - 1) * 4096)).unwrap();
            file.write_all(&[0xff; 4096]).unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_bounded_in_bytes_and_keeps_the_newest() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let store = open(folder.path(), &hand);
    let body = "x".repeat(16_000);
    for part in 0..6 {
        let logs = (0..500).map(|number| log(part * 500 + number, "cart", LogSeverity::Info, &body));
        store.take_logs(logs.collect()).await.unwrap();
    }
    let fetched = store.logs(&all_logs()).await.unwrap();
    let read = fetched.items.len();
    let expect = format!("the text was too long: of 3000 that were found {read} were read");
    assert_eq!(fetched.coverage.missing, [expect]);
    assert!((2000..2200).contains(&read), "{read}");
    assert_eq!(fetched.items[read - 1].at, kept::at(2999));
}

#[tokio::test]
async fn what_a_crash_left_behind_is_removed_at_the_next_start() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let stray = folder.path().join("segment-00000000-1.db-wal");
    let unfinished = folder.path().join("segment-00000001-2.new");
    std::fs::write(&unfinished, "x").unwrap();
    let other = folder.path().join("notes.db-wal");
    std::fs::write(&stray, "x").unwrap();
    std::fs::write(&other, "x").unwrap();
    let store = open(folder.path(), &hand);
    assert_eq!((stray.exists(), unfinished.exists(), other.exists()), (false, false, true));
    assert_eq!(store.stats().damaged, 0);
}

#[tokio::test]
async fn nothing_is_taken_after_closing_and_what_was_taken_is_read() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let store = open(folder.path(), &hand);
    take(&store, 0, "first").await;
    store.close().await;
    let result = store.take_logs(vec![log(1, "cart", LogSeverity::Info, "late")]).await;
    let expect = "telemetry can't be written down: the store is closed; start hearback again";
    assert_eq!(result.unwrap_err().to_string(), expect);
    assert_eq!(bodies(&store.logs(&all_logs()).await.unwrap().items), ["first"]);
}
