//! What the store answers: the right records in the right order, from all segments, with what was searched.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test program")]

mod kept;

use std::collections::BTreeMap;

use hearback_core::ports::{LogQuery, LogSource, SpanOrder, SpanQuery, TelemetrySink, TraceSource};
use hearback_core::telemetry::SpanStatus;
use hearback_core::{LogRecord, LogSeverity, Window};
use hearback_telemetry::TelemetryStore;
use jiff::{SignedDuration, Timestamp};
use kept::{Hand, all_logs, all_spans, at, bodies, log, open, service, span, trace};
use proptest::prelude::*;

/// Four log records in two segments; the later arrivals were written earlier.
async fn four(store: &TelemetryStore, hand: &Hand) {
    let mut in_trace = log(40, "cart", LogSeverity::Error, "payment 17 failed");
    in_trace.trace = Some(trace(1));
    store.take_logs(vec![log(30, "pay", LogSeverity::Info, "ready"), in_trace]).await.unwrap();
    hand.forward(7200);
    let late = vec![
        log(10, "cart", LogSeverity::Error, "payment 4 failed"),
        log(20, "cart", LogSeverity::Warn, "retry"),
    ];
    store.take_logs(late).await.unwrap();
}

async fn check_logs(ask: impl FnOnce(&mut LogQuery), expect: &[&str], searched: &str) {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let store = open(folder.path(), &hand);
    four(&store, &hand).await;
    let mut query = all_logs();
    query.window = Window { from: at(0), until: at(60) };
    ask(&mut query);
    let fetched = store.logs(&query).await.unwrap();
    assert_eq!(bodies(&fetched.items), expect);
    assert_eq!(fetched.coverage.searched, searched);
    assert!(fetched.coverage.missing.is_empty(), "{:?}", fetched.coverage.missing);
}

const WHEN: &str = "from 2023-11-14 22:13:20Z to 2023-11-14 22:14:20Z";

#[tokio::test]
async fn log_records_come_by_their_own_time_across_segments() {
    let expect = ["payment 4 failed", "retry", "ready", "payment 17 failed"];
    check_logs(|_| {}, &expect, &format!("4 log records {WHEN}")).await;
}

#[tokio::test]
async fn the_limit_keeps_the_newest() {
    let searched = format!("the newest 2 log records {WHEN}");
    check_logs(|query| query.limit = 2, &["ready", "payment 17 failed"], &searched).await;
}

#[tokio::test]
async fn log_records_of_a_service_and_severity() {
    let ask = |query: &mut LogQuery| {
        query.services = vec![service("cart")];
        query.severity = LogSeverity::Error;
    };
    let searched = format!("2 log records (error and worse) of cart {WHEN}");
    check_logs(ask, &["payment 4 failed", "payment 17 failed"], &searched).await;
}

#[tokio::test]
async fn log_records_of_a_trace() {
    let searched = format!("1 log records {WHEN}");
    check_logs(|query| query.trace = Some(trace(1)), &["payment 17 failed"], &searched).await;
    check_logs(|query| query.trace = Some(trace(2)), &[], &format!("0 log records {WHEN}")).await;
}

#[tokio::test]
async fn log_records_of_a_wording() {
    let id = hearback_core::wording::template_id(&service("cart"), LogSeverity::Error, "payment <*> failed");
    let expect = ["payment 4 failed", "payment 17 failed"];
    check_logs(|query| query.template = Some(id), &expect, &format!("2 log records {WHEN}")).await;
    let ask = |query: &mut LogQuery| {
        query.template = Some(id);
        query.trace = Some(trace(1));
    };
    check_logs(ask, &["payment 17 failed"], &format!("1 log records {WHEN}")).await;
}

#[tokio::test]
async fn a_window_is_half_open() {
    let ask = |query: &mut LogQuery| query.window = Window { from: at(20), until: at(40) };
    let searched = "2 log records from 2023-11-14 22:13:40Z to 2023-11-14 22:14:00Z";
    check_logs(ask, &["retry", "ready"], searched).await;
}

#[tokio::test]
async fn wordings_are_counted_across_segments_with_their_first_record_whole() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let store = open(folder.path(), &hand);
    four(&store, &hand).await;
    let fetched = store.templates(&all_logs()).await.unwrap();
    let counts: Vec<(&str, u64)> =
        fetched.items.iter().map(|template| (template.text.as_untrusted(), template.count)).collect();
    assert_eq!(counts, [("payment <*> failed", 2), ("retry", 1), ("ready", 1)]);
    assert_eq!(fetched.items[0].first, log(10, "cart", LogSeverity::Error, "payment 4 failed"));
    assert_eq!(fetched.items[0].last_at, at(40));
    assert!(fetched.coverage.searched.starts_with("4 log records in 3 wordings from "));
    let mut few = all_logs();
    (few.limit, few.trace) = (1, Some(trace(1)));
    let fetched = store.templates(&few).await.unwrap();
    assert_eq!((fetched.items.len(), fetched.items[0].count), (1, 1));
}

#[tokio::test]
async fn far_off_clocks_are_kept_by_arrival_and_found_by_their_own_time() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let store = open(folder.path(), &hand);
    let with_time = |at: Timestamp| LogRecord { at, ..log(0, "cart", LogSeverity::Info, "tick") };
    let far = [Timestamp::MIN, Timestamp::UNIX_EPOCH, at(1_000_000_000), Timestamp::MAX];
    store.take_logs(far.map(with_time).to_vec()).await.unwrap();
    assert_eq!(store.logs(&all_logs()).await.unwrap().items.len(), 4);
    let mut query = all_logs();
    query.window = Window { from: at(999_999_999), until: at(1_000_000_001) };
    assert_eq!(store.logs(&query).await.unwrap().items, [with_time(at(1_000_000_000))]);
    // They go with those that arrived when they did.
    hand.forward(73 * 3600);
    store.take_logs(vec![log(0, "cart", LogSeverity::Info, "tock")]).await.unwrap();
    assert_eq!(bodies(&store.logs(&all_logs()).await.unwrap().items), ["tock"]);
}

async fn check_spans(ask: impl FnOnce(&mut SpanQuery), expect: &[u64], searched: &str) {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let store = open(folder.path(), &hand);
    let early = vec![span(1, "cart", 1, 900, SpanStatus::Error), span(2, "pay", 2, 20, SpanStatus::Ok)];
    store.take_spans(early.clone()).await.unwrap();
    hand.forward(7200);
    // Both are sent again, one of them twice, into another segment.
    let late = vec![span(3, "cart", 13, 50, SpanStatus::Unset), early[0].clone(), early[1].clone()];
    store.take_spans(late).await.unwrap();
    store.take_spans(early).await.unwrap();
    let mut query = all_spans();
    query.window = Window { from: at(0), until: at(60) };
    ask(&mut query);
    let fetched = store.spans(&query).await.unwrap();
    let numbers: Vec<_> = fetched.items.iter().map(|span| span.span).collect();
    assert_eq!(numbers, expect.iter().map(|number| kept::span_id(*number)).collect::<Vec<_>>());
    assert_eq!(fetched.coverage.searched, searched);
}

#[tokio::test]
async fn spans_come_in_the_order_wanted_and_each_once() {
    check_spans(|_| {}, &[13, 2, 1], &format!("3 spans {WHEN}")).await;
    let slowest = |query: &mut SpanQuery| query.order = SpanOrder::Slowest;
    check_spans(slowest, &[1, 13, 2], &format!("3 spans {WHEN}")).await;
    let two = |query: &mut SpanQuery| (query.order, query.limit) = (SpanOrder::Slowest, 2);
    check_spans(two, &[1, 13], &format!("the slowest 2 spans {WHEN}")).await;
}

#[tokio::test]
async fn spans_of_a_trace_of_a_service_and_with_an_error() {
    check_spans(|query| query.failed = true, &[1], &format!("1 spans with an error {WHEN}")).await;
    check_spans(|query| query.trace = Some(trace(0)), &[2, 1], &format!("2 spans {WHEN}")).await;
    let of_pay = |query: &mut SpanQuery| query.services = vec![service("pay")];
    check_spans(of_pay, &[2], &format!("1 spans of pay {WHEN}")).await;
}

#[tokio::test]
async fn what_was_written_comes_back_as_it_was() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let store = open(folder.path(), &hand);
    let mut record = log(1, "cart", LogSeverity::Fatal, "über\u{0}all\n\u{1b}[31m");
    record.at = Timestamp::from_nanosecond(1_700_000_000_123_456_789).unwrap();
    (record.trace, record.span, record.version) = (Some(trace(5)), Some(kept::span_id(6)), None);
    let mut other = span(1, "cart", 3, 5, SpanStatus::Error);
    other.parent = Some(kept::span_id(9));
    (other.version, other.message) = (Some("2".into()), "deadline exceeded".into());
    other.attributes = [("http.route".to_owned(), "/cart".into())].into();
    store.take_logs(vec![record.clone()]).await.unwrap();
    store.take_spans(vec![other.clone()]).await.unwrap();
    store.close().await;
    drop(store);
    let store = open(folder.path(), &hand);
    assert_eq!(store.logs(&all_logs()).await.unwrap().items, [record]);
    assert_eq!(store.spans(&all_spans()).await.unwrap().items, [other]);
}

#[tokio::test]
async fn secrets_never_reach_the_disk() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let store = open(folder.path(), &hand);
    let mut record = log(1, "cart", LogSeverity::Info, "url postgres://app:hunter22@db/x");
    record.attributes.insert("db.password".into(), "hunter22".into());
    record.version = Some("token ghp_hunter22hunter22hunter22hunter22hunter22".into());
    let mut other = span(1, "cart", 1, 5, SpanStatus::Error);
    other.name = "login password=hunter22".into();
    other.message = "refused amqp://app:hunter22@mq".into();
    store.take_logs(vec![record]).await.unwrap();
    store.take_spans(vec![other]).await.unwrap();
    let mut looked_at = 0;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        looked_at += bytes.len();
        assert!(!bytes.windows(8).any(|part| part == b"hunter22"));
    }
    assert!(looked_at > 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The store against a list that is filtered and sorted.
    #[test]
    fn answers_are_those_of_a_plain_list(
        records in prop::collection::vec((0i64..50, 0usize..3, 0usize..6, 0usize..4, 0i64..4), 1..60),
        from in 0i64..50, length in 0i64..50, services in prop::collection::vec(0usize..3, 0..3),
        severity in 0usize..6, limit in 1usize..40,
    ) {
        let names = ["cart", "pay", "web"];
        let severities = [LogSeverity::Trace, LogSeverity::Debug, LogSeverity::Info, LogSeverity::Warn,
            LogSeverity::Error, LogSeverity::Fatal];
        let texts = ["slow", "lost 5", "retry", "gone"];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
            let store = open(folder.path(), &hand);
            let mut plain = Vec::new();
            for (seconds, name, severity, text, hours) in records {
                let record = log(seconds, names[name], severities[severity], texts[text]);
                plain.push(record.clone());
                store.take_logs(vec![record]).await.unwrap();
                hand.forward(hours / 3 * 3600);
            }
            let query = LogQuery {
                window: Window { from: at(from), until: at(from + length) },
                services: services.iter().map(|number| service(names[*number])).collect(),
                severity: severities[severity], limit, ..all_logs()
            };
            plain.retain(|record| query.window.contains(record.at) && record.severity >= query.severity
                && (query.services.is_empty() || query.services.contains(&record.service)));
            let mut counts = BTreeMap::new();
            for record in &plain {
                *counts.entry((record.service.clone(), record.severity, record.body.clone())).or_insert(0u64) += 1;
            }
            plain.sort_by_key(|record| record.at);
            let expect = plain.split_off(plain.len().saturating_sub(limit));
            let found = store.logs(&query).await.unwrap().items;
            let times = |logs: &[LogRecord]| logs.iter().map(|record| record.at).collect::<Vec<_>>();
            assert_eq!(times(&found), times(&expect));
            let query = LogQuery { limit: 100, ..query };
            let templates = store.templates(&query).await.unwrap().items;
            let total: u64 = counts.values().sum();
            assert_eq!((templates.len(), templates.iter().map(|one| one.count).sum::<u64>()), (counts.len(), total));
            for template in templates {
                let key = (template.service, template.severity, template.first.body);
                assert_eq!(Some(&template.count), counts.get(&key));
            }
        });
    }
}

#[tokio::test]
async fn a_question_without_time_says_what_it_did_not_see() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let store = open(folder.path(), &hand);
    four(&store, &hand).await;
    let query = LogQuery { budget: SignedDuration::ZERO, ..all_logs() };
    let answer = store.logs(&query).await;
    match answer {
        Ok(fetched) => {
            assert!(fetched.items.is_empty());
            let expect =
                "the time was up: what arrived up to 2023-11-15 00:13:20Z was not looked through to the end";
            assert_eq!(fetched.coverage.missing, [expect]);
        }
        Err(error) => assert_eq!(error.to_string(), "no answer within 0.0 s"),
    }
}

/// A million rows are too many for a millisecond: the statement itself must be ended.
#[tokio::test]
async fn a_question_in_the_middle_of_a_statement_ends_with_its_budget() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let store = open(folder.path(), &hand);
    let of =
        |part: i64| (0..5000).map(move |number| log(part * 5000 + number, "cart", LogSeverity::Info, "slow"));
    for part in 0..20 {
        store.take_logs(of(part).collect()).await.unwrap();
    }
    let query = LogQuery { budget: SignedDuration::from_micros(400), ..all_logs() };
    let mut cut_short = 0;
    for _ in 0..20 {
        match store.templates(&query).await {
            Ok(fetched) => cut_short += usize::from(!fetched.coverage.missing.is_empty()),
            Err(_) => cut_short += 1,
        }
    }
    assert!(cut_short > 0, "one hundred thousand records were counted within a third of a millisecond");
    let whole = store.templates(&all_logs()).await.unwrap();
    assert_eq!((whole.items[0].count, whole.coverage.missing.len()), (100_000, 0));
}
