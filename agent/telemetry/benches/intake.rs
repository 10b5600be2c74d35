//! Log records taken per second through the store, against plain rusqlite inserting the same rows in the same groups
//! with the same pragmas and indexes, in one run; the intake at a steady 2,000 records/s with questions asked at the
//! same time; and how long questions take at a million records. Prints a table and one line of JSON.
//! `cargo bench -p hearback-telemetry [-- RECORDS]`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark is a program for developers"
)]

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hearback_core::ports::{LogQuery, LogSource, SpanOrder, SpanQuery, TelemetrySink, TraceSource};
use hearback_core::telemetry::{SpanId, SpanKind, SpanStatus, TraceId};
use hearback_core::{LogRecord, LogSeverity, ServiceName, SpanRecord, Window};
use hearback_telemetry::{TelemetryOptions, TelemetryStore};
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;

/// Records of one request: what an OpenTelemetry SDK sends at once.
const BATCH: usize = 512;
/// Senders at the same time.
const TASKS: usize = 4;
/// Records of a second, written in the steady part.
const STEADY_PER_S: usize = 2_000;
/// How long the steady part lasts.
const STEADY: Duration = Duration::from_secs(10);
const BEGIN_S: i64 = 1_700_000_000;
const SERVICES: [&str; 8] = ["cart", "pay", "web", "stock", "mail", "search", "auth", "ship"];

fn record(number: usize) -> LogRecord {
    let (text, severity) = match number % 50 {
        0 => (
            format!("payment {number} failed: deadline exceeded after 30{}ms", number % 10),
            LogSeverity::Error,
        ),
        1..5 => (format!("retry {} of 5 for order {number}", number % 5), LogSeverity::Warn),
        kind => (
            format!("GET /users/{number}/cart?page={kind} answered 200 in {}ms", number % 97),
            LogSeverity::Info,
        ),
    };
    LogRecord {
        at: Timestamp::from_millisecond(BEGIN_S * 1000 + number as i64).unwrap(),
        service: ServiceName::new(SERVICES.get(number % 8).copied().unwrap_or("cart")).unwrap(),
        version: Some("1.4.2".into()),
        severity,
        body: text.as_str().into(),
        attributes: [
            ("http.route", "/users/{id}/cart"),
            ("http.request.method", "GET"),
            ("k8s.pod.name", "cart-7f9c4d-x2x9z"),
            ("thread.name", "worker-3"),
        ]
        .map(|(key, value)| (key.to_owned(), value.into()))
        .into(),
        trace: TraceId::from_bytes(&scattered(number / 4)),
        span: SpanId::from_bytes(&(number as u64 + 1).to_be_bytes()),
    }
}

/// Sixteen bytes that look random and never are.
fn scattered(number: usize) -> [u8; 16] {
    let mixed = (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    mixed.to_be_bytes()
}

fn span(number: usize) -> SpanRecord {
    SpanRecord {
        trace: TraceId::from_bytes(&scattered(number / 4)).unwrap(),
        span: SpanId::from_bytes(&(number as u64 + 1).to_be_bytes()).unwrap(),
        parent: None,
        service: ServiceName::new(SERVICES.get(number % 8).copied().unwrap_or("cart")).unwrap(),
        version: None,
        name: "GET /users/{id}/cart".into(),
        kind: SpanKind::Server,
        started_at: Timestamp::from_millisecond(BEGIN_S * 1000 + number as i64).unwrap(),
        duration: SignedDuration::from_micros((number * 7919 % 90_000) as i64),
        status: if number.is_multiple_of(50) { SpanStatus::Error } else { SpanStatus::Ok },
        message: "".into(),
        attributes: Default::default(),
    }
}

fn open(folder: &Path) -> Arc<TelemetryStore> {
    // A second passes for every thousand records, as in the records.
    let tick = AtomicI64::new(0);
    let began = Instant::now();
    let clock = Arc::new(move || {
        tick.fetch_max(began.elapsed().as_secs() as i64, Ordering::Relaxed);
        Timestamp::from_second(BEGIN_S + tick.load(Ordering::Relaxed)).unwrap()
    });
    Arc::new(TelemetryStore::open(TelemetryOptions::new(folder, clock).unwrap()).unwrap())
}

/// Sends as fast as it is taken; records per second.
async fn through_the_store(store: &Arc<TelemetryStore>, records: usize) -> f64 {
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            for batch in (task..records / BATCH).step_by(TASKS) {
                let logs = (batch * BATCH..(batch + 1) * BATCH).map(record).collect();
                store.take_logs(logs).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    (records / BATCH * BATCH) as f64 / began.elapsed().as_secs_f64()
}

/// Inserts the rows of the segments in `from` into one new file, `group` rows a transaction; rows per second.
fn plain(from: &Path, to: &Path, group: usize) -> f64 {
    type Row = (i64, i64, i64, i64, Option<Vec<u8>>, Option<Vec<u8>>, String, Option<String>);
    let mut rows: Vec<Row> = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(from).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "db"));
    files.sort();
    for path in files {
        let source = Connection::open(path).unwrap();
        let sql = "SELECT at, writer, severity, template, trace, span, body, attributes FROM log ORDER BY id";
        let mut query = source.prepare(sql).unwrap();
        let read = query.query_map([], |row| {
            let (at, writer, severity, template) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok((at, writer, severity, template, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?))
        });
        rows.extend(read.unwrap().map(Result::unwrap));
    }
    let file = Connection::open(to).unwrap();
    file.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384;")
        .unwrap();
    file.execute_batch(include_str!("../migrations/001_segment.sql")).unwrap();
    let sql = "INSERT INTO log (at, writer, severity, template, trace, span, body, attributes) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    let mut insert = file.prepare(sql).unwrap();
    let began = Instant::now();
    for rows in rows.chunks(group) {
        file.execute_batch("BEGIN IMMEDIATE").unwrap();
        for row in rows {
            insert
                .execute(rusqlite::params![row.0, row.1, row.2, row.3, row.4, row.5, row.6, row.7])
                .unwrap();
        }
        file.execute_batch("COMMIT").unwrap();
    }
    rows.len() as f64 / began.elapsed().as_secs_f64()
}

fn query(seconds: i64, limit: usize) -> LogQuery {
    let from = Timestamp::from_second(BEGIN_S).unwrap();
    LogQuery {
        window: Window { from, until: from + SignedDuration::from_secs(seconds) },
        services: vec![],
        severity: LogSeverity::Trace,
        trace: None,
        template: None,
        limit,
        budget: SignedDuration::from_secs(30),
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn worst(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

/// Milliseconds of each of `times` runs.
async fn timed<T>(times: usize, ask: impl AsyncFn() -> T) -> Vec<f64> {
    let mut taken = Vec::new();
    for _ in 0..times {
        let began = Instant::now();
        ask().await;
        taken.push(began.elapsed().as_secs_f64() * 1e3);
    }
    taken
}

/// A steady stream with questions beside it: how long each request and each question took, in milliseconds.
async fn steady(store: &Arc<TelemetryStore>, first: usize) -> (f64, Vec<f64>, Vec<f64>) {
    let questions = Arc::new(Mutex::new(Vec::new()));
    let mut beside = tokio::task::JoinSet::new();
    for seconds in [60, 600] {
        let (store, questions) = (Arc::clone(store), Arc::clone(&questions));
        beside.spawn(async move {
            loop {
                let began = Instant::now();
                store.templates(&query(seconds, 20)).await.unwrap();
                questions.lock().unwrap().push(began.elapsed().as_secs_f64() * 1e3);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
    }
    let (began, mut sent, mut acks) = (Instant::now(), 0, Vec::new());
    while began.elapsed() < STEADY {
        let due = (began.elapsed().as_secs_f64() * STEADY_PER_S as f64) as usize;
        if sent + BATCH > due {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        }
        let logs: Vec<LogRecord> = (first + sent..first + sent + BATCH).map(record).collect();
        let sending = Instant::now();
        store.take_logs(logs).await.unwrap();
        acks.push(sending.elapsed().as_secs_f64() * 1e3);
        sent += BATCH;
    }
    let rate = sent as f64 / began.elapsed().as_secs_f64();
    beside.abort_all();
    while beside.join_next().await.is_some() {}
    let questions = std::mem::take(&mut *questions.lock().unwrap());
    (rate, acks, questions)
}

#[tokio::main]
async fn main() {
    let records = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("telemetry");
    let store = open(&place);
    let intake = through_the_store(&store, records).await;
    let baseline = plain(&place, &folder.path().join("plain.db"), TASKS * BATCH);
    let ratio = intake / baseline;
    let mut first = 0;
    while first < records / 4 {
        store.take_spans((first..first + BATCH).map(span).collect()).await.unwrap();
        first += BATCH;
    }
    let bytes = store.stats().bytes as f64 / (1 << 20) as f64;
    println!("{records} log records, {} spans, {bytes:.0} MiB, {:?}", records / 4, store.stats());
    println!("  taken through the store      {intake:>9.0}/s");
    println!("  plain rusqlite, same groups  {baseline:>9.0}/s   ratio {ratio:.2}");
    let all = (records / 1000) as i64 + 1;
    let mut rows = Vec::new();
    let errors = LogQuery { severity: LogSeverity::Error, ..query(all, 100) };
    let of_one = LogQuery { services: vec![ServiceName::new("pay").unwrap()], ..query(all, 100) };
    let of_trace = LogQuery { trace: TraceId::from_bytes(&scattered(records / 8)), ..query(all, 100) };
    rows.push(("newest 100 of all", timed(15, async || store.logs(&query(all, 100)).await).await));
    rows.push(("newest 100 errors", timed(15, async || store.logs(&errors).await).await));
    rows.push(("newest 100 of a service", timed(15, async || store.logs(&of_one).await).await));
    rows.push(("of one trace", timed(15, async || store.logs(&of_trace).await).await));
    rows.push(("wordings of all", timed(15, async || store.templates(&query(all, 20)).await).await));
    rows.push(("wordings of one minute", timed(15, async || store.templates(&query(60, 20)).await).await));
    let slowest = SpanQuery {
        window: query(all, 1).window,
        services: vec![],
        trace: None,
        failed: false,
        order: SpanOrder::Slowest,
        limit: 100,
        budget: SignedDuration::from_secs(30),
    };
    rows.push(("slowest 100 spans of all", timed(15, async || store.spans(&slowest).await).await));
    println!("questions, milliseconds, n = 15     median    worst");
    for (name, taken) in &mut rows {
        println!("  {name:<28} {:>12.1} {:>8.1}", median(taken), worst(taken));
    }
    let (rate, mut acks, mut beside) = steady(&store, records).await;
    let (ack, slowest_ack, question) = (median(&mut acks), worst(&acks), median(&mut beside));
    println!("steady for {STEADY:?} with two questioners:");
    println!("  taken                        {rate:>9.0}/s   of {STEADY_PER_S} sent");
    println!("  a request of {BATCH}, ms         {ack:>9.1}     worst {slowest_ack:.1}, n = {}", acks.len());
    println!(
        "  a question, ms               {question:>9.1}     worst {:.1}, n = {}",
        worst(&beside),
        beside.len()
    );
    store.close().await;
    println!(
        "{}",
        serde_json::json!({"bench": "intake", "records": records, "intake_per_s": intake, "plain_per_s": baseline,
            "ratio": ratio, "steady_per_s": rate, "request_ms": ack, "question_ms": question, "mib": bytes})
    );
}
