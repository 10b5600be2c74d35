//! What only an SQLite record can do or suffer: files, rights, full disks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

mod place;

use std::fs;
use std::path::Path;
use std::process::Command;

use hearback_core::ports::{Expect, RecordError};
use hearback_record::{Record, RecordUrl, verify};

use crate::place::{Place, gathered, incident, note, redaction, snapshot, whole};

async fn open_error(path: &Path) -> String {
    let url: RecordUrl = format!("sqlite:{}", path.display()).parse().unwrap();
    hearback_record::open(&url).await.err().unwrap().to_string()
}

#[tokio::test]
async fn what_can_not_be_opened_is_said_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let inside = |name: &str| directory.path().join(name);
    let check = |error: String, expect: &str| assert!(error.contains(expect), "{error}");

    check(open_error(&inside("none/record.db")).await, "does not exist: create it or choose another place");
    check(open_error(directory.path()).await, "is a directory: name a file in it");
    fs::write(
        inside("text"),
        "this is a text file, long enough to be looked at as a database header".repeat(9),
    )
    .unwrap();
    check(open_error(&inside("text")).await, "is not a Hearback record (it is no SQLite database)");
    rusqlite::Connection::open(inside("other"))
        .unwrap()
        .execute_batch("CREATE TABLE bookmark (url TEXT)")
        .unwrap();
    check(open_error(&inside("other")).await, "is the database of another program: choose another file");
    assert_eq!(fs::read(inside("text")).unwrap()[..4], *b"this", "it was not touched");
}

#[tokio::test]
async fn a_new_record_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::sqlite();
    let record = place.open().await;
    record.append(&incident(1), Expect::Any, vec![note(0, "a")]).await.unwrap();
    let Place::Sqlite(directory) = &place else { unreachable!() };
    for file in fs::read_dir(directory.path()).unwrap().flatten() {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_do_not_wait_for_a_writer() {
    let place = Place::sqlite();
    let record = place.open().await;
    record.append(&incident(1), Expect::Any, vec![note(0, "a")]).await.unwrap();
    let Place::Sqlite(directory) = &place else { unreachable!() };
    let other = rusqlite::Connection::open(directory.path().join("record.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE; DELETE FROM entry").unwrap();
    assert_eq!(
        whole(&*record, &incident(1)).await.len(),
        1,
        "it answers while the other transaction is open"
    );
    other.execute_batch("ROLLBACK").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_redacted_is_in_no_file_of_the_record() {
    let place = Place::sqlite();
    let record = place.open().await;
    let word = "tomatensaft";
    let holds_word = || {
        let Place::Sqlite(directory) = &place else { unreachable!() };
        let files = fs::read_dir(directory.path()).unwrap().flatten();
        files
            .filter(|file| fs::read(file.path()).unwrap().windows(word.len()).any(|at| at == word.as_bytes()))
            .count()
    };
    let logs = snapshot(&format!("{word} ").repeat(2000));
    record.keep(&logs).await.unwrap();
    let long = format!("{word} and much around it ").repeat(500);
    let drafts =
        vec![note(0, &format!("short {word}")), note(1, &long), gathered(2, &logs), note(3, "innocent")];
    record.append(&incident(1), Expect::Any, drafts).await.unwrap();
    assert!(holds_word() > 0, "it was written at all");
    for seq in 1..=3 {
        record.redact(&incident(1), seq, &"x".into(), redaction(9, seq)).await.unwrap();
    }
    assert_eq!(holds_word(), 0);
    verify(&*record, &incident(1), None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_writer_ends_with_the_last_handle() {
    let threads = || {
        let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
        tasks
            .filter(|t| {
                fs::read_to_string(t.path().join("comm")).is_ok_and(|name| name.trim() == "record-writer")
            })
            .count()
    };
    let place = Place::sqlite();
    let record = place.open().await;
    let second = std::sync::Arc::clone(&record);
    record.append(&incident(1), Expect::Any, vec![note(0, "a")]).await.unwrap();
    // It has answered, so it runs and has its name.
    assert_eq!(threads(), 1);
    drop(record);
    second.append(&incident(1), Expect::Any, vec![note(1, "b")]).await.unwrap();
    drop(second);
    // The kernel takes a joined thread out of its list a moment later.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while threads() > 0 {
        assert!(std::time::Instant::now() < deadline, "the writer's thread is still there");
        std::thread::yield_now();
    }
}

/// The file system of the record is full, for real: a tmpfs of 1 MB in a mount namespace of its own, which needs no
/// root where the kernel lets users have namespaces.
#[test]
fn a_full_disk_is_said_and_later_appends_work() {
    let directory = tempfile::tempdir().unwrap();
    let script = format!(
        "mount -t tmpfs -o size=1m tmpfs '{0}' && exec \"$0\" --exact child_fills_the_disk --ignored --nocapture",
        directory.path().display()
    );
    let ran = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env("HEARBACK_FULL_DISK", directory.path())
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    let forbidden = err.contains("unshare failed") || err.contains("Operation not permitted");
    if forbidden {
        // The same rules without a file system of our own: SQLite's own limit raises the same error.
        println!(
            "user namespaces are not allowed here ({}): the unit test a_full_database_writes_nothing stands alone",
            err.trim()
        );
        return;
    }
    assert!(ran.status.success() && out.contains("the disk was full"), "{out}\n{err}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the process that a_full_disk_is_said_and_later_appends_work starts"]
async fn child_fills_the_disk() {
    let directory = std::env::var("HEARBACK_FULL_DISK").expect("started by its parent");
    let directory = Path::new(&directory);
    let url: RecordUrl = format!("sqlite:{}", directory.join("record.db").display()).parse().unwrap();
    let record = hearback_record::open(&url).await.unwrap();
    fs::write(directory.join("other"), vec![b'x'; 400 << 10]).unwrap();
    let written = fill(&*record).await;
    // A request that does not fit does not take one along that does: the log's last pages still hold a small one,
    // or nothing does; either way what is there is what was acknowledged.
    fs::remove_file(directory.join("other")).unwrap();
    still_works(&*record, written).await;
    println!("the disk was full");
}

/// Appends from several tasks until every one is told that the disk is full; how many entries were acknowledged.
async fn fill(record: &dyn Record) -> usize {
    let (mut written, mut last) = (0, None);
    for round in 0..200 {
        let long = "x".repeat(9000);
        let one = incident(1);
        let attempts =
            (0..8).map(|task| record.append(&one, Expect::Any, vec![note(round * 8 + task, &long)]));
        for result in futures::future::join_all(attempts).await {
            match result {
                Ok(entries) => written += entries.len(),
                Err(error) => last = Some(error),
            }
        }
        if let Some(error) = last {
            assert!(matches!(error, RecordError::Full), "{error:?}");
            assert_eq!(
                error.to_string(),
                "the disk of the record is full; nothing was written: free space and try again"
            );
            assert_eq!(whole(record, &one).await.len(), written);
            return written;
        }
    }
    panic!("it never became full");
}

async fn still_works(record: &dyn Record, written: usize) {
    let one = incident(1);
    record.append(&one, Expect::Any, vec![note(9999, &"y".repeat(9000))]).await.unwrap();
    assert_eq!(whole(record, &one).await.len(), written + 1);
    assert!(record.head(&one).await.unwrap().is_some());
}
