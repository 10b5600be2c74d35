//! Which service comes first, on small made-up graphs whose ordinary days are the same value with a little noise.

use hearback_core::signal::Point;
use jiff::SignedDuration;

use super::*;

const STEP: SignedDuration = SignedDuration::from_mins(5);

fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

fn at(step: usize) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + 300 * step as i64).unwrap()
}

fn series(service: &str, kind: SignalKind, values: &[f64]) -> Series {
    Series {
        service: name(service),
        kind,
        query: String::new(),
        labels: BTreeMap::new(),
        step: STEP,
        points: values
            .iter()
            .enumerate()
            .map(|(step, value)| Point { at: at(step), value: *value })
            .collect(),
        link: None,
    }
}

/// What a service does now, beside twenty ordinary steps of latency 0.1 s and no failures.
#[derive(Default)]
struct Made {
    ordinary: Vec<Series>,
    now: Vec<Series>,
}

impl Made {
    fn with(self, service: &str, requests: f64, latency_s: [f64; 4], failed: [f64; 4]) -> Self {
        self.usually(service, 0.1, 20).now(service, requests, latency_s, failed)
    }

    fn usually(mut self, service: &str, latency_s: f64, steps: usize) -> Self {
        let noisy: Vec<f64> =
            (0..steps).map(|step| latency_s * if step % 2 == 0 { 0.99 } else { 1.01 }).collect();
        self.ordinary.push(series(service, SignalKind::Latency, &noisy));
        self.ordinary.push(series(service, SignalKind::Errors, &vec![0.0; steps]));
        self
    }

    fn now(mut self, service: &str, requests: f64, latency_s: [f64; 4], failed: [f64; 4]) -> Self {
        self.now.push(series(service, SignalKind::Latency, &latency_s));
        self.now.push(series(service, SignalKind::Errors, &failed));
        self.now.push(series(service, SignalKind::Traffic, &[requests; 4]));
        self
    }

    fn ranked(&self, calls: &[(&str, &str)], alerted: Option<&str>) -> Vec<RootService> {
        let calls: Vec<Call> = calls
            .iter()
            .map(|(caller, callee)| Call { caller: name(caller), callee: name(callee) })
            .collect();
        let alerted = alerted.map(name);
        let observed =
            Observed { ordinary: &self.ordinary, now: &self.now, calls: &calls, alerted: alerted.as_ref() };
        root_services(&observed)
    }
}

const WELL: [f64; 4] = [0.0; 4];
const USUAL: [f64; 4] = [0.1; 4];
const SHOP: [(&str, &str); 4] = [("web", "cart"), ("web", "search"), ("cart", "stock"), ("cart", "database")];

fn check(made: Made, expect: &[&str]) {
    let ranked = made.ranked(&SHOP, None);
    let names: Vec<&str> = ranked.iter().map(|one| one.service.as_str()).collect();
    assert_eq!(names, expect, "{ranked:#?}");
}

#[test]
fn the_deepest_service_that_no_callee_explains_comes_first() {
    let slow = [0.1, 0.3, 0.3, 0.1];
    let made = Made::default()
        .with("web", 100.0, slow, WELL)
        .with("cart", 100.0, slow, WELL)
        .with("stock", 100.0, USUAL, WELL)
        .with("database", 100.0, slow, WELL)
        .with("search", 100.0, USUAL, WELL);
    check(made, &["database", "cart", "web"]);
}

#[test]
fn the_alerted_service_is_its_own_root_where_no_callee_moved() {
    let made = Made::default()
        .with("web", 100.0, [0.1, 0.5, 0.5, 0.1], WELL)
        .with("cart", 100.0, USUAL, WELL)
        .with("search", 100.0, USUAL, WELL);
    check(made, &["web"]);
}

#[test]
fn failed_requests_are_followed_as_latency_is() {
    let failing = [0.0, 0.2, 0.2, 0.0];
    let made = Made::default()
        .with("web", 100.0, USUAL, failing)
        .with("cart", 20.0, USUAL, [0.0, 1.0, 1.0, 0.0])
        .with("stock", 20.0, USUAL, WELL)
        .with("search", 80.0, USUAL, WELL);
    check(made, &["cart", "web"]);
}

#[test]
fn a_callee_that_few_ask_explains_little_however_far_it_moved() {
    let made = Made::default()
        .with("web", 100.0, [0.1, 0.3, 0.3, 0.1], WELL)
        .with("cart", 100.0, [0.1, 0.3, 0.3, 0.1], WELL)
        .with("stock", 2.0, [0.1, 2.1, 2.1, 0.1], WELL)
        .with("search", 100.0, USUAL, WELL);
    check(made, &["cart", "stock", "web"]);
}

#[test]
fn many_slow_callees_at_once_are_the_callers_doing() {
    let made = Made::default()
        .with("web", 100.0, [0.1, 0.5, 0.5, 0.1], WELL)
        .with("cart", 100.0, [0.1, 0.5, 0.5, 0.1], WELL)
        .with("stock", 100.0, [0.1, 0.25, 0.25, 0.1], WELL)
        .with("database", 100.0, [0.1, 0.24, 0.24, 0.1], WELL);
    check(made, &["cart", "stock", "database", "web"]);
}

#[test]
fn a_callee_that_was_slow_at_another_time_explains_nothing() {
    let made = Made::default()
        .with("web", 100.0, [0.1, 0.3, 0.1, 0.1], WELL)
        .with("cart", 100.0, [0.1, 0.1, 0.1, 9.0], WELL)
        .with("search", 100.0, [0.1, 0.3, 0.1, 0.1], WELL);
    check(made, &["search", "web", "cart"]);
}

#[test]
fn what_was_so_minutes_ago_is_not_news() {
    let made = Made::default()
        .with("web", 100.0, [0.1, 0.3, 0.3, 0.1], WELL)
        .with("cart", 100.0, [0.9, 0.9, 0.9, 0.9], WELL)
        .with("search", 100.0, [0.1, 0.28, 0.28, 0.1], WELL);
    check(made, &["search", "web"]);
}

#[test]
fn trouble_that_is_older_than_what_is_looked_at_is_measured_against_ordinary_days() {
    let made = Made::default()
        .with("web", 100.0, [0.3, 0.301, 0.3, 0.3], WELL)
        .with("cart", 100.0, [0.3, 0.3, 0.3, 0.3], WELL)
        .with("search", 100.0, [0.1, 0.1, 0.1, 0.1], WELL);
    check(made, &["cart", "web"]);
}

#[test]
fn a_service_that_nobody_measures_is_seen_through() {
    let slow = [0.1, 0.3, 0.3, 0.1];
    let made = Made::default().with("web", 100.0, slow, WELL).with("database", 100.0, slow, WELL);
    check(made, &["database", "web"]);
}

#[test]
fn a_callee_that_nobody_called_on_ordinary_days_tells_of_its_caller() {
    let failing = [0.0, 0.5, 0.5, 0.0];
    let made = Made::default().with("web", 100.0, USUAL, failing).with("cart", 100.0, USUAL, failing).now(
        "stock",
        100.0,
        USUAL,
        [0.0, 1.0, 1.0, 0.0],
    );
    check(made, &["cart", "web"]);
}

#[test]
fn what_moved_without_the_alerted_service_losing_by_it_comes_last() {
    let made = Made::default()
        .with("web", 100.0, USUAL, [0.0, 0.1, 0.1, 0.0])
        .with("search", 100.0, USUAL, [0.0, 0.1, 0.1, 0.0])
        .with("cart", 100.0, [0.1, 0.9, 0.9, 0.1], WELL);
    check(made, &["search", "web", "cart"]);
}

#[test]
fn the_alert_says_where_to_begin() {
    let slow = [0.1, 0.3, 0.3, 0.1];
    let made = Made::default()
        .with("web", 100.0, slow, WELL)
        .with("cart", 100.0, slow, WELL)
        .with("search", 100.0, slow, WELL);
    let first = |alerted| made.ranked(&SHOP, alerted).first().map(|one| one.service.to_string());
    assert_eq!(first(Some("search")).as_deref(), Some("search"));
    assert_eq!(first(None).as_deref(), Some("cart"), "of equals the first by name");
}

#[test]
fn a_circle_of_calls_ends() {
    let slow = [0.1, 0.3, 0.3, 0.1];
    let made = Made::default().with("web", 100.0, slow, WELL).with("cart", 100.0, slow, WELL);
    let calls = [("web", "cart"), ("cart", "web"), ("cart", "cart")];
    let ranked = made.ranked(&calls, Some("web"));
    assert_eq!(ranked.first().map(|one| one.service.as_str()), Some("cart"));
}

#[test]
fn nothing_to_go_by_is_an_empty_ranking() {
    check(Made::default(), &[]);
    check(Made::default().now("web", 100.0, [0.1, 9.0, 9.0, 0.1], WELL), &[]);
    check(Made::default().usually("web", 0.1, 11).now("web", 100.0, [0.1, 9.0, 9.0, 0.1], WELL), &[]);
    let quiet = Made::default().with("web", 100.0, USUAL, WELL).with("cart", 0.0, USUAL, WELL);
    check(quiet, &[]);
}

#[test]
fn the_order_of_what_is_given_does_not_matter() {
    let slow = [0.1, 0.3, 0.3, 0.1];
    let mut made = Made::default()
        .with("web", 100.0, slow, WELL)
        .with("cart", 100.0, slow, [0.0, 0.1, 0.0, 0.0])
        .with("stock", 40.0, slow, WELL)
        .with("search", 100.0, slow, WELL);
    let first = made.ranked(&SHOP, None);
    made.now.reverse();
    made.ordinary.reverse();
    let mut calls = SHOP;
    calls.reverse();
    assert_eq!(made.ranked(&calls, None), first);
}

#[test]
fn a_reason_says_what_moved_and_whether_callees_explain_it() {
    let made = Made::default().with("web", 100.0, [0.1, 0.3, 0.5, 0.1], [0.0, 0.0, 0.02, 0.0]).with(
        "cart",
        100.0,
        [0.1, 0.25, 0.4, 0.1],
        WELL,
    );
    let ranked = made.ranked(&SHOP, None);
    let says: Vec<String> = ranked.iter().map(|one| format!("{}: {}", one.service, says(one))).collect();
    assert_eq!(
        says,
        [
            "cart: latency 0.1 s → 0.4 s at 22:23Z, 75 % of the loss comes through it, callees explain 0 % of that",
            "web: errors 0 % → 2 % at 22:23Z, 100 % of the loss comes through it, callees explain 0 % of that; \
             latency 0.1 s → 0.5 s at 22:23Z, 100 % of the loss comes through it, callees explain 75 % of that",
        ]
    );
    let beside = RootService {
        service: name("cart"),
        score: 0.0,
        moved: vec![Moved { carries: 0.0, own: 0.0, ..ranked[0].moved[0].clone() }],
    };
    assert!(super::says(&beside).ends_with("the alerted service does not lose by it"));
}
