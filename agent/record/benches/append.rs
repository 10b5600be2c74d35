//! Durable appends per second through the store, against plain rusqlite inserting the same rows in the same groups
//! with the same pragmas, in one run; PostgreSQL beside them. Prints a table and one line of JSON; the last number is
//! the ratio that must not fall below 0.7. `cargo bench -p hearback-record [-- RUNS]`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark is a program for developers"
)]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use hearback_core::entry::{Actor, Draft};
use hearback_core::ports::Expect;
use hearback_core::{Happening, IncidentId};
use hearback_testkit::postgres::Database;
use jiff::Timestamp;
use rusqlite::Connection;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

const TASKS: usize = 64;
const APPENDS: usize = 12_800;
const INCIDENTS: u64 = 8;

/// Collects the sizes of the groups that the writer commits, from the event it emits for each.
#[derive(Clone, Default)]
struct Groups(Arc<Mutex<Vec<u64>>>);

impl<S: tracing::Subscriber> Layer<S> for Groups {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target() == "hearback_record::commit"
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        struct Together<'g>(&'g mut Vec<u64>);
        impl Visit for Together<'_> {
            fn record_u64(&mut self, field: &Field, value: u64) {
                if field.name() == "together" {
                    self.0.push(value);
                }
            }
            fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
        }
        event.record(&mut Together(&mut self.0.lock().unwrap()));
    }
}

fn draft(number: usize) -> Draft {
    let at = Timestamp::from_second(1_700_000_000 + number as i64).unwrap();
    let text = format!("checkout answers 502 for one request in nine since the deploy, attempt {number}");
    let what = Happening::note("inc-checkout", text.as_str());
    Draft { happened_at: at, known_at: at, recorded_at: at, by: Actor::Person("ana".into()), what }
}

/// Appends from all tasks; appends per second.
async fn through_the_store(url: &str) -> f64 {
    let record = hearback_record::open(&url.parse().unwrap()).await.unwrap();
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let record = Arc::clone(&record);
        tasks.spawn(async move {
            for number in (task..APPENDS).step_by(TASKS) {
                let incident = IncidentId::numbered(number as u64 % INCIDENTS);
                record.append(&incident, Expect::Any, vec![draft(number)]).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    APPENDS as f64 / began.elapsed().as_secs_f64()
}

/// Inserts the rows of the record at `from` into a new file, in `groups`; rows per second.
fn plain(from: &Path, to: &Path, groups: &[u64]) -> f64 {
    let source = Connection::open(from).unwrap();
    let mut query = source.prepare("SELECT incident, seq, evidence, json FROM entry ORDER BY rowid").unwrap();
    type Row = (String, i64, Option<String>, String);
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
    let rows: Vec<Row> = rows.map(Result::unwrap).collect();
    let file = Connection::open(to).unwrap();
    file.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; \
         PRAGMA checkpoint_fullfsync = ON; PRAGMA secure_delete = ON;",
    )
    .unwrap();
    file.execute_batch(include_str!("../migrations/sqlite/001_record.sql")).unwrap();
    let mut insert =
        file.prepare("INSERT INTO entry (incident, seq, evidence, json) VALUES (?, ?, ?, ?)").unwrap();
    let mut rest = rows.iter();
    let began = Instant::now();
    for group in groups {
        file.execute_batch("BEGIN IMMEDIATE").unwrap();
        for (incident, seq, evidence, json) in rest.by_ref().take(*group as usize) {
            insert.execute((incident, seq, evidence, json)).unwrap();
        }
        file.execute_batch("COMMIT").unwrap();
    }
    let rate = rows.len() as f64 / began.elapsed().as_secs_f64();
    assert!(rest.next().is_none(), "every row was in a group");
    rate
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[tokio::main]
async fn main() {
    let runs = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(5);
    let groups = Groups::default();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(groups.clone())).unwrap();
    let database = Database::create().unwrap();
    let (mut sqlite, mut raw, mut postgres, mut ratios, mut sizes) = (vec![], vec![], vec![], vec![], vec![]);
    for run in 0..runs {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("record.db");
        groups.0.lock().unwrap().clear();
        let store = through_the_store(&path.display().to_string()).await;
        let taken = std::mem::take(&mut *groups.0.lock().unwrap());
        let baseline = plain(&path, &directory.path().join("plain.db"), &taken);
        sizes.push(APPENDS as f64 / taken.len() as f64);
        sqlite.push(store);
        raw.push(baseline);
        ratios.push(store / baseline);
        postgres.push(through_the_store(&database.url()).await);
        println!(
            "run {run}: sqlite {store:>7.0}/s   plain {baseline:>7.0}/s   ratio {:.2}",
            store / baseline
        );
    }
    let (sqlite, raw, postgres) = (median(&mut sqlite), median(&mut raw), median(&mut postgres));
    let (ratio, size) = (median(&mut ratios), median(&mut sizes));
    println!("\ndurable appends per second, {TASKS} tasks, {APPENDS} appends, median of {runs}");
    println!("  through the store, SQLite      {sqlite:>9.0}   (groups of {size:.0})");
    println!("  plain rusqlite, same groups    {raw:>9.0}   ratio {ratio:.2}, wanted 0.70");
    println!("  through the store, PostgreSQL  {postgres:>9.0}");
    println!(
        "{}",
        serde_json::json!({"bench": "append", "runs": runs, "tasks": TASKS, "appends": APPENDS,
            "sqlite_per_s": sqlite, "plain_per_s": raw, "ratio": ratio, "group": size, "postgres_per_s": postgres})
    );
}
