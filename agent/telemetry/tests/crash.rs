//! `kill -9` during intake: nothing acknowledged is lost, and the next start goes on. Three rounds as a normal test;
//! `HEARBACK_TORTURE_ROUNDS=50 cargo nextest run -p hearback-telemetry --test crash --no-capture` for more.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

mod kept;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use hearback_core::LogSeverity;
use hearback_core::ports::{LogSource, SpanOrder, SpanQuery, TelemetrySink, TraceSource};
use hearback_core::telemetry::SpanStatus;
use kept::{Hand, all_logs, all_spans, log, open, span};

const FOLDER: &str = "HEARBACK_TORTURE_FOLDER";
const ROUND: &str = "HEARBACK_TORTURE_ROUND";
const TASKS: i64 = 4;

/// The child: takes log records and spans until it is killed, and prints what was acknowledged.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the process that the crash tests start and kill"]
async fn child_takes_telemetry_until_it_is_killed() {
    let folder = std::env::var(FOLDER).expect("started by a crash test, which names the folder");
    let round: i64 = std::env::var(ROUND).unwrap().parse().unwrap();
    let store = Arc::new(open(Path::new(&folder), &Hand::new()));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for number in 0i64.. {
                let name = round * 1_000_000 + task + number * TASKS;
                let body = format!("{name} {}", "x".repeat(300));
                let taken = store.take_logs(vec![log(name, "cart", LogSeverity::Info, &body)]).await;
                taken.unwrap();
                let one = span(name, "cart", name.unsigned_abs(), 5, SpanStatus::Ok);
                store.take_spans(vec![one]).await.unwrap();
                println!("ack {name}");
            }
        });
    }
    tasks.join_all().await;
}

fn start_child(folder: &Path, round: i64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_takes_telemetry_until_it_is_killed", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Reads acknowledgements, kills the child after `enough`, and reads what was still on the way.
fn acknowledged(child: &mut Child, enough: usize) -> Vec<i64> {
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let (mut acks, mut line) = (Vec::new(), String::new());
    while lines.read_line(&mut line).unwrap() > 0 {
        // A line that the crash cut in two acknowledges nothing. The first stands behind the harness's own words.
        if let Some((_, ack)) = line.strip_suffix('\n').and_then(|line| line.split_once("ack ")) {
            acks.push(ack.parse().unwrap());
        }
        line.clear();
        if acks.len() == enough {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(acks.len() >= enough, "the child ended after {} acknowledgements", acks.len());
    acks
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let rounds = std::env::var("HEARBACK_TORTURE_ROUNDS").ok().map_or(3, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for round in 0..rounds {
        let mut child = start_child(folder.path(), round);
        let enough = 300 + usize::try_from(round).unwrap() * 37 % 100;
        // The same folder through all rounds: what an earlier round acknowledged must survive later crashes too.
        all.extend(acknowledged(&mut child, enough));
    }
    let store = open(folder.path(), &Hand::new());
    let stats = store.stats();
    let (mut logs, mut spans) = (BTreeSet::new(), BTreeSet::new());
    for name in &all {
        let one = kept::at(*name);
        let mut query = all_logs();
        query.window.from = one;
        query.window.until = kept::at(name + 1);
        logs.extend(store.logs(&query).await.unwrap().items.iter().map(|log| log.at));
        let query = SpanQuery { window: query.window, order: SpanOrder::Slowest, ..all_spans() };
        spans.extend(store.spans(&query).await.unwrap().items.iter().map(|span| span.started_at));
    }
    println!("crash: {rounds} rounds, {} acknowledged, {stats:?}", all.len());
    let lost = all.iter().filter(|name| {
        let at = kept::at(**name);
        !logs.contains(&at) || !spans.contains(&at)
    });
    assert_eq!(lost.count(), 0);
    assert_eq!(stats.damaged, 0);
}
