//! `kill -9` during concurrent appends: nothing acknowledged is lost and no chain breaks or forks.
//!
//! Three rounds as a normal test. The torture run, fifty rounds of ten thousand appends on each store:
//!
//! ```text
//! HEARBACK_TORTURE_ROUNDS=50 HEARBACK_TORTURE_APPENDS=10000 \
//!     cargo nextest run -p hearback-record --test crash --no-capture
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

mod place;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use hearback_core::IncidentId;
use hearback_core::entry::Head;
use hearback_core::ports::{Expect, RecordStore};
use hearback_testkit::postgres::Cluster;

use crate::place::{Place, incident, note, whole};

const URL: &str = "HEARBACK_TORTURE_URL";
const TASKS: u64 = 8;
const INCIDENTS: u64 = 5;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

/// The child: appends until it is killed, and prints what was acknowledged. Run by the tests below alone.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the process that the crash tests start and kill"]
async fn child_appends_until_it_is_killed() {
    let url = std::env::var(URL).expect("started by a crash test, which names the record");
    let record = hearback_record::open(&url.parse().unwrap()).await.unwrap();
    let appending = (0..TASKS).map(|task| {
        let record = std::sync::Arc::clone(&record);
        tokio::spawn(async move {
            for number in 0i64.. {
                let id = incident((task + number as u64) % INCIDENTS);
                let drafts = (0..=number % 3).map(|_| note(number, "the checkout is slow again")).collect();
                let Ok(entries) = record.append(&id, Expect::Any, drafts).await else { return };
                let acks: Vec<String> =
                    entries.iter().map(|entry| format!("ack {} {}", entry.incident, entry.head())).collect();
                println!("{}", acks.join("\n"));
            }
        })
    });
    futures::future::join_all(appending).await;
}

/// Starts a child on the record at `url`.
fn start_child(url: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_appends_until_it_is_killed", "--ignored", "--nocapture"])
        .env(URL, url)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Reads acknowledgements until there are `enough`, calls `crash`, and reads what was still on the way. A line that
/// the crash cut in two acknowledges nothing.
fn acknowledged(child: &mut Child, enough: u64, crash: impl FnOnce(&mut Child)) -> Vec<(IncidentId, Head)> {
    let mut crash = Some(crash);
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let (mut acks, mut line) = (Vec::new(), String::new());
    while lines.read_line(&mut line).unwrap() > 0 {
        if let Some(ack) = line.strip_suffix('\n').and_then(|line| line.strip_prefix("ack ")) {
            let (id, head) = ack.split_once(' ').unwrap();
            acks.push((id.parse().unwrap(), head.parse().unwrap()));
        }
        line.clear();
        if acks.len() as u64 >= enough
            && let Some(crash) = crash.take()
        {
            crash(child);
        }
    }
    child.wait().unwrap();
    assert!(acks.len() as u64 >= enough, "the child ended after {} acknowledgements", acks.len());
    acks
}

/// How many of `acks` are not in the record as they were acknowledged. Every chain must verify.
async fn count_lost(record: &dyn RecordStore, acks: &[(IncidentId, Head)]) -> usize {
    let mut stored = BTreeMap::new();
    for number in 0..INCIDENTS {
        let id = incident(number);
        if record.head(&id).await.unwrap().is_some() {
            let entries = hearback_record::export(record, &id).await.unwrap().entries;
            stored.insert(id, entries);
        }
    }
    let is_there = |(id, head): &(IncidentId, Head)| {
        let entry = stored.get(id).and_then(|entries| entries.get(head.seq as usize - 1));
        entry.is_some_and(|entry| entry.head() == *head)
    };
    acks.iter().filter(|ack| !is_there(ack)).count()
}

/// Kills at a moment that differs from round to round, by the number of acknowledgements seen: at least `appends`.
fn moment(round: u64, appends: u64) -> u64 {
    appends + (round * 7919) % (appends / 4 + 1)
}

fn report(store: &str, rounds: u64, acked: usize, lost: usize, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    println!("torture {store}: {rounds} rounds, {acked} acknowledged, {lost} lost, {seconds:.1} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_loses_nothing_acknowledged_when_the_writer_is_killed() {
    let (rounds, appends) = (setting("HEARBACK_TORTURE_ROUNDS", 3), setting("HEARBACK_TORTURE_APPENDS", 300));
    let (began, mut acked, mut lost) = (Instant::now(), 0, 0);
    for round in 0..rounds {
        let place = Place::sqlite();
        let mut child = start_child(&place.url_text());
        let acks = acknowledged(&mut child, moment(round, appends), |child| child.kill().unwrap());
        lost += count_lost(&*place.open().await, &acks).await;
        acked += acks.len();
    }
    report("sqlite", rounds, acked, lost, began);
    assert_eq!(lost, 0);
}

/// Each odd round the server is killed, each even round the writer.
#[tokio::test(flavor = "multi_thread")]
async fn postgresql_loses_nothing_acknowledged_when_the_writer_or_the_server_is_killed() {
    let (rounds, appends) = (setting("HEARBACK_TORTURE_ROUNDS", 3), setting("HEARBACK_TORTURE_APPENDS", 300));
    let (began, mut acked, mut lost) = (Instant::now(), 0, 0);
    let mut cluster = Cluster::start().unwrap();
    let url = cluster.url();
    let mut all = Vec::new();
    for round in 0..rounds {
        let mut child = start_child(&url);
        let acks = acknowledged(&mut child, moment(round, appends), |child| {
            if round % 2 == 1 { cluster.kill().unwrap() } else { child.kill().unwrap() }
        });
        if round % 2 == 1 {
            cluster.restart().unwrap();
        }
        acked += acks.len();
        // The same record through all rounds: what an earlier round acknowledged must survive later crashes too.
        all.extend(acks);
    }
    lost += count_lost(&*hearback_record::open(&url.parse().unwrap()).await.unwrap(), &all).await;
    report("postgresql", rounds, acked, lost, began);
    assert_eq!(lost, 0);
}

/// Two processes append to the same incidents; both go on until they are killed.
async fn race_two_processes(place: Place) {
    let mut children = [start_child(&place.url_text()), start_child(&place.url_text())];
    let acks: Vec<Vec<_>> = std::thread::scope(|scope| {
        let readers: Vec<_> = children
            .iter_mut()
            .map(|child| scope.spawn(|| acknowledged(child, 200, |child| child.kill().unwrap())))
            .collect();
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    let record = place.open().await;
    assert_eq!(count_lost(&*record, &acks.concat()).await, 0);
    let mut places: Vec<_> = acks.concat().into_iter().map(|(id, head)| (id, head.seq)).collect();
    let acknowledged = places.len();
    places.sort();
    places.dedup();
    assert_eq!(places.len(), acknowledged, "no place in a chain was given to two entries");
    assert!(!whole(&*record, &incident(0)).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_never_fork_a_chain_in_sqlite() {
    race_two_processes(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_never_fork_a_chain_in_postgresql() {
    race_two_processes(Place::postgres()).await;
}
