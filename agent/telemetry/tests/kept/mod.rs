//! What the tests of the store share: a store in a folder of its own under a clock that the test moves, and records.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program of which each binary uses a part"
)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hearback_core::ports::{LogQuery, SpanOrder, SpanQuery};
use hearback_core::telemetry::{SpanId, SpanKind, SpanStatus, TraceId};
use hearback_core::{LogRecord, LogSeverity, ServiceName, SpanRecord, Window};
use hearback_telemetry::{Clock, TelemetryOptions, TelemetryStore};
use jiff::{SignedDuration, Timestamp};

/// 2023-11-14T22:13:20Z: when the tests begin.
pub const BEGIN_S: i64 = 1_700_000_000;

/// A clock that stands still until it is moved.
#[derive(Clone)]
pub struct Hand(Arc<AtomicI64>);

impl Hand {
    pub fn new() -> Self {
        Hand(Arc::new(AtomicI64::new(BEGIN_S)))
    }

    pub fn forward(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    pub fn clock(&self) -> Clock {
        let hand = self.clone();
        Arc::new(move || Timestamp::from_second(hand.0.load(Ordering::Relaxed)).unwrap())
    }
}

pub fn options(folder: &Path, hand: &Hand) -> TelemetryOptions {
    TelemetryOptions::new(folder, hand.clock()).unwrap()
}

pub fn open(folder: &Path, hand: &Hand) -> TelemetryStore {
    TelemetryStore::open(options(folder, hand)).unwrap()
}

/// Seconds after the begin.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(BEGIN_S + seconds).unwrap()
}

pub fn service(name: &str) -> ServiceName {
    ServiceName::new(name).unwrap()
}

pub fn trace(number: u64) -> TraceId {
    TraceId::from_bytes(&(u128::from(number) + 1).to_be_bytes()).unwrap()
}

pub fn span_id(number: u64) -> SpanId {
    SpanId::from_bytes(&(number + 1).to_be_bytes()).unwrap()
}

pub fn log(seconds: i64, of: &str, severity: LogSeverity, body: &str) -> LogRecord {
    LogRecord {
        at: at(seconds),
        service: service(of),
        version: Some("1.4.2".into()),
        severity,
        body: body.into(),
        attributes: [("region".to_owned(), "eu-1".into())].into(),
        trace: None,
        span: None,
    }
}

pub fn span(seconds: i64, of: &str, number: u64, ms: i64, status: SpanStatus) -> SpanRecord {
    SpanRecord {
        trace: trace(number / 10),
        span: span_id(number),
        parent: None,
        service: service(of),
        version: None,
        name: "GET /cart".into(),
        kind: SpanKind::Server,
        started_at: at(seconds),
        duration: SignedDuration::from_millis(ms),
        status,
        message: "".into(),
        attributes: Default::default(),
    }
}

/// All there is.
pub fn all_logs() -> LogQuery {
    LogQuery {
        window: Window { from: Timestamp::MIN, until: Timestamp::MAX },
        services: vec![],
        severity: LogSeverity::Trace,
        trace: None,
        template: None,
        limit: 10_000,
        budget: SignedDuration::from_secs(30),
    }
}

/// All there is.
pub fn all_spans() -> SpanQuery {
    SpanQuery {
        window: Window { from: Timestamp::MIN, until: Timestamp::MAX },
        services: vec![],
        trace: None,
        failed: false,
        order: SpanOrder::Newest,
        limit: 10_000,
        budget: SignedDuration::from_secs(30),
    }
}

pub fn bodies(logs: &[LogRecord]) -> Vec<&str> {
    logs.iter().map(|log| log.body.as_untrusted()).collect()
}
