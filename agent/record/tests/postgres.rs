//! What only a PostgreSQL record can suffer: a server that is away, refuses, or breaks in the middle of a commit.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

mod place;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hearback_core::ports::Expect;
use hearback_record::{Deadlines, RecordUrl};
use hearback_testkit::postgres::{Cluster, Database};

use crate::place::{incident, note, whole};

async fn open_error(url: &str) -> String {
    let url: RecordUrl = url.parse().unwrap();
    let deadlines = Deadlines { connect: Duration::from_millis(800), ..Deadlines::default() };
    hearback_record::open_within(&url, deadlines).await.err().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_let_us_in_is_said_without_the_password() {
    let database = Database::create().unwrap();
    let url = database.url();
    let password = url.split(['@', ':']).nth(2).unwrap().to_owned();
    let check = async |url: String, expect: &str| {
        let error = open_error(&url).await;
        assert!(error.contains(expect), "{error}");
        assert!(!error.contains(&password) && !error.contains("hunter22"), "{error}");
    };
    let wrong = url.replace(&format!(":{password}@"), ":hunter22@");
    check(wrong, "does not let user hearback in: check the user and password").await;
    check(url.replace("hearback_test", "absent"), "create it first").await;
    check(url.replace("sslmode=disable", "sslmode=require"), "no encrypted connection").await;
    check(url.replace("sslmode=disable", "sslmode=verify-full"), "no encrypted connection").await;
    check(url.replace(&format!(":{password}@"), "@"), "wants a password").await;

    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    check(format!("postgres://a:hunter22@{closed}/x"), "can't be reached").await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_at = silent.local_addr().unwrap();
    check(format!("postgres://a:hunter22@{silent_at}/x"), "did not answer within 0.8 s").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_used_when_encryption_is_only_preferred() {
    let database = Database::create().unwrap();
    let url = database.url().replace("sslmode=disable", "sslmode=prefer").parse().unwrap();
    let record = hearback_record::open(&url).await.unwrap();
    record.append(&incident(1), Expect::Any, vec![note(0, "a")]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_lost_is_made_anew_for_the_next_request() {
    let mut cluster = Cluster::start().unwrap();
    let record = hearback_record::open(&cluster.url().parse().unwrap()).await.unwrap();
    let first = record.append(&incident(1), Expect::Any, vec![note(0, "a")]).await.unwrap();
    assert_eq!(whole(&*record, &incident(1)).await, first);
    cluster.kill().unwrap();
    let away = record.append(&incident(1), Expect::Any, vec![note(1, "b")]).await.unwrap_err().to_string();
    assert!(away.contains("can't be reached"), "{away}");
    assert!(record.head(&incident(1)).await.is_err());
    cluster.restart().unwrap();
    let second = record.append(&incident(1), Expect::Any, vec![note(2, "c")]).await.unwrap();
    assert_eq!(whole(&*record, &incident(1)).await, [first, second].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_do_not_wait_for_a_writer_and_a_writer_gives_up_in_time() {
    let database = Database::create().unwrap();
    let url: RecordUrl = database.url().parse().unwrap();
    let deadlines = Deadlines { statement: Duration::from_millis(300), ..Deadlines::default() };
    let record = hearback_record::open_within(&url, deadlines).await.unwrap();
    record.append(&incident(1), Expect::Any, vec![note(0, "a")]).await.unwrap();
    let held = Arc::new(AtomicBool::new(true));
    std::thread::scope(|scope| {
        // Another session holds the writers' lock for two seconds.
        let lock = "SELECT pg_advisory_lock(7521962890172), pg_sleep(2)";
        scope.spawn(|| {
            database.run(lock).unwrap();
            held.store(false, Ordering::SeqCst);
        });
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted";
        while database.run(waiting).unwrap().trim() != "1" {
            assert!(held.load(Ordering::SeqCst), "the lock was seen before it was given back");
        }
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                assert_eq!(whole(&*record, &incident(1)).await.len(), 1);
                let late = record.append(&incident(1), Expect::Any, vec![note(1, "b")]).await.unwrap_err();
                assert!(late.to_string().contains("took too long"), "{late}");
                assert!(held.load(Ordering::SeqCst), "both happened while the lock was held");
            });
        });
    });
    record.append(&incident(1), Expect::Any, vec![note(2, "c")]).await.unwrap();
}

/// When a proxy between us and the server breaks the connection.
#[derive(Clone, Copy)]
enum Cut {
    /// The server never hears of the commit.
    BeforeCommit,
    /// The server commits, and its answer is lost.
    AfterCommit,
}

/// Passes bytes on to `server`. When `armed`, the next COMMIT of a client breaks its connection.
fn proxy(server: String, cut: Cut, armed: Arc<AtomicBool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut upstream) = (client.unwrap(), TcpStream::connect(&server).unwrap());
            let (mut answers, mut back) = (upstream.try_clone().unwrap(), client.try_clone().unwrap());
            let muted = Arc::new(AtomicBool::new(false));
            let silent = Arc::clone(&muted);
            std::thread::spawn(move || {
                let mut bytes = [0; 65536];
                while let Ok(count @ 1..) = answers.read(&mut bytes) {
                    if silent.load(Ordering::SeqCst) {
                        break;
                    }
                    let _ = back.write_all(&bytes[..count]);
                }
                let _ = back.shutdown(Shutdown::Both);
            });
            let armed = Arc::clone(&armed);
            std::thread::spawn(move || {
                let mut bytes = [0; 65536];
                while let Ok(count @ 1..) = client.read(&mut bytes) {
                    let sent = &bytes[..count];
                    if sent.windows(7).any(|part| part == b"COMMIT\0") && armed.swap(false, Ordering::SeqCst)
                    {
                        muted.store(true, Ordering::SeqCst);
                        if let Cut::AfterCommit = cut {
                            // The other thread takes the answer and closes the client's side.
                            let _ = upstream.write_all(sent);
                            continue;
                        }
                        break;
                    }
                    let _ = upstream.write_all(sent);
                }
                let _ = upstream.shutdown(Shutdown::Both);
                let _ = client.shutdown(Shutdown::Both);
            });
        }
    });
    address
}

async fn append_with(cut: Cut) -> (Result<Vec<hearback_core::Entry>, String>, usize) {
    let database = Database::create().unwrap();
    let url = database.url();
    let server = url.split(['@', '/']).nth(3).unwrap().to_owned();
    let armed = Arc::new(AtomicBool::new(false));
    let through = url.replace(&server, &proxy(server.clone(), cut, Arc::clone(&armed)));
    let record = hearback_record::open(&through.parse().unwrap()).await.unwrap();
    armed.store(true, Ordering::SeqCst);
    let appended = record.append(&incident(1), Expect::Head(None), vec![note(0, "a")]).await;
    assert!(!armed.load(Ordering::SeqCst), "the connection was broken");
    let there = record.read(&incident(1), 0, 10).await.unwrap().len();
    (appended.map_err(|error| error.to_string()), there)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_was_lost_is_acknowledged_when_the_entry_is_there() {
    let (appended, there) = append_with(Cut::AfterCommit).await;
    assert_eq!((appended.map(|entries| entries.len()), there), (Ok(1), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_never_arrived_is_an_error() {
    let (appended, there) = append_with(Cut::BeforeCommit).await;
    let error = appended.unwrap_err();
    assert!(error.contains("nothing was written, try again"), "{error}");
    assert_eq!(there, 0);
}
