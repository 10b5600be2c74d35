//! Traps: small frozen incidents in which something ordinary (a rollout made again, a log that begins late, a diff that was
//! read in part, one machine for all) would mislead whoever looks at one thing only. Each says what must be answered.

use std::collections::BTreeMap;

use hearback_eval::frozen::Folder;
use hearback_eval::frozen::scored::NONE;
use serde_json::{Value, json};

use super::{asked, weights};

const FARE: &str = "fa4e000000000000000000000000000000000001";
const MENU: &str = "3e40000000000000000000000000000000000002";

/// The afternoon, minute by minute: an hour before the booking service fails at minute 63, the alert at 65.
fn at(minute: u32, second: u32) -> String {
    format!("2026-05-11T{:02}:{:02}:{second:02}Z", 13 + minute / 60, minute % 60)
}

/// What is put into a folder.
struct Day {
    logs: Vec<Value>,
    spans: Vec<Value>,
    commits: Vec<Value>,
    deploys: Vec<Value>,
}

/// The booking service as on any day until the alert, and a commit that takes a guard out of the fares.
fn day() -> Day {
    let logs = (0..66).map(|minute| log(minute, 0, "booking", "INFO", "seat held")).collect();
    let diff = "@@ -41 +41 @@\n-    if fare is None: return base\n+    price = fare.amount";
    let commits = vec![commit(FARE, 50, "Fares by amount", &["booking/fares.py"], diff)];
    Day { logs, spans: Vec::new(), commits, deploys: vec![deploy(62, FARE, "booking", "production")] }
}

fn log(minute: u32, second: u32, service: &str, severity: &str, text: &str) -> Value {
    json!({"timestamp": at(minute, second), "service": service, "severity_text": severity, "msg": text})
}

fn commit(sha: &str, minute: u32, title: &str, files: &[&str], diff: &str) -> Value {
    let first = files.first().unwrap();
    let diff = format!("--- a/{first}\n+++ b/{first}\n{diff}\n");
    json!({"sha": sha, "timestamp": at(minute, 0), "author": "Kim", "message": title, "files_changed": files, "diff": diff})
}

fn deploy(minute: u32, sha: &str, service: &str, environment: &str) -> Value {
    json!({"timestamp": at(minute, 0), "service": service, "commit_sha": sha, "version": format!("v{minute}"),
        "environment": environment})
}

const GUARD: &str = "AttributeError: no fare for this class at booking/fares.py:41";

impl Day {
    fn fails(mut self, text: &str) -> Day {
        self.logs.extend((0..6).map(|n| log(63, 5 * n, "booking", "ERROR", text)));
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Day)) -> Day {
        change(&mut self);
        self
    }

    fn folder(self) -> Folder {
        let alert = json!({"service": "booking", "fired_at": at(65, 0), "severity": "high", "monitor": "booking errors",
            "summary": "bookings fail"});
        let lines: Vec<String> = self.logs.iter().map(Value::to_string).collect();
        let files = [
            ("alert.json", alert.to_string()),
            ("logs.ndjson", lines.join("\n")),
            ("traces.json", Value::from(self.spans).to_string()),
            ("context/commits.json", Value::from(self.commits).to_string()),
            ("context/deploys.json", Value::from(self.deploys).to_string()),
        ];
        let files = files.map(|(name, text)| (name.to_owned(), text));
        Folder { id: "trap".into(), files: BTreeMap::from(files) }
    }
}

/// Who is blamed: a sha, [`NONE`] for no change, or nobody.
fn check(day: Day, expect: Option<&str>) {
    let said = asked(&day.folder(), &weights());
    assert_eq!(said.culprit.as_deref(), expect, "{said:?}");
}

#[test]
fn the_change_is_found_where_nothing_misleads() {
    check(day().fails(GUARD), Some(FARE));
}

#[test]
fn a_rollout_made_again_after_the_failure_acquits_nobody() {
    let again = day().fails(GUARD).with(|day| {
        day.commits.push(commit(
            MENU,
            55,
            "Menu in two columns",
            &["booking/menu.py"],
            "@@ -1 +1 @@\n+two(1)",
        ));
        day.deploys = vec![
            deploy(10, "0000000000000000000000000000000000000009", "booking", "production"),
            deploy(62, MENU, "booking", "production"),
            deploy(64, FARE, "booking", "production"),
        ];
    });
    check(again, Some(FARE));
}

#[test]
fn what_reached_another_environment_only_has_not_arrived() {
    let staged = day().fails(GUARD).with(|day| {
        day.deploys = vec![
            deploy(10, "0000000000000000000000000000000000000009", "booking", "production"),
            deploy(62, FARE, "booking", "staging"),
        ];
    });
    check(staged, None);
}

#[test]
fn rollouts_of_others_say_nothing_of_what_reached_a_service_without_any() {
    let others = day().fails(GUARD).with(|day| {
        day.deploys = vec![deploy(10, "0000000000000000000000000000000000000009", "mailer", "production")];
    });
    check(others, Some(FARE));
}

#[test]
fn a_log_statement_that_is_not_closed_hides_no_code() {
    let open = day().fails(GUARD).with(|day| {
        let diff = "@@ -40 +40 @@\n-    log.info(\"price\",\n+    log.info(\"the price\",\n@@ -41 +41 @@\n-    if fare is None: return base\n+    price = fare.amount";
        day.commits = vec![commit(FARE, 50, "Fares by amount", &["booking/fares.py"], diff)];
    });
    check(open, Some(FARE));
}

#[test]
fn what_the_error_names_is_not_harmless_because_only_its_documentation_was_read() {
    let partly = day().fails(GUARD).with(|day| {
        let files = ["docs/fares.md", "booking/fares.py"];
        day.commits = vec![commit(FARE, 50, "Fares by amount", &files, "@@ -1 +1 @@\n+words")];
    });
    check(partly, Some(FARE));
}

#[test]
fn how_an_error_says_it_is_not_enough_against_a_fresh_rollout() {
    const DATA: &str = "could not convert string to float: '12,50'";
    check(day().fails(DATA), None);
    check(day().fails(DATA).with(|day| day.deploys.clear()).with(|day| day.commits.clear()), Some(NONE));
}

#[test]
fn one_machine_for_all_is_no_machine_to_blame() {
    let lone = day().fails(GUARD).fails("booking given up").fails("worker left").with(|day| {
        for line in &mut day.logs {
            line.as_object_mut().unwrap().insert("host".into(), "vm-1".into());
        }
    });
    check(lone, Some(FARE));
}

#[test]
fn what_is_there_since_the_logs_begin_did_not_begin_then() {
    let late = day().fails(GUARD).with(|day| {
        day.logs.drain(..55);
        day.logs.extend((55..66).map(|minute| log(minute, 0, "booking", "ERROR", "metrics not sent")));
    });
    check(late, Some(FARE));
}

#[test]
fn those_who_say_more_do_not_crowd_out_the_service_that_fails() {
    let crowd = day().fails(GUARD).with(|day| {
        for n in 0..260u32 {
            let word: String = (0..4).map(|at| char::from(b'a' + (n / 4u32.pow(at) % 4) as u8)).collect();
            let text = format!("bounced {word}ing {word}ed");
            day.logs.extend((0..10).map(|minute| log(50 + minute, n % 60, "mailer", "WARN", &text)));
        }
    });
    check(crowd, Some(FARE));
}

#[test]
fn calls_that_failed_before_the_alert_are_seen() {
    let span = |n: u32, minute: u32, status: &str| {
        let error = if status == "ERROR" {
            json!("no fare for this class at booking/fares.py:41")
        } else {
            Value::Null
        };
        json!({"trace_id": format!("{n:032x}"), "span_id": format!("{n:016x}"), "service": "booking", "name": "book",
            "start": at(minute, n % 60), "duration_ms": 10, "status": status, "error": error})
    };
    let traced = day().with(|day| {
        day.spans = (1..40).map(|n| span(n, n, "OK")).collect();
        day.spans.extend((40..46).map(|n| span(n, 63, "ERROR")));
    });
    check(traced, Some(FARE));
}
