//! What an answer about a large frozen incident costs: a million log lines, a hundred thousand spans, five hundred series,
//! five hundred changes, cold, from the text of the files to the answer; and a quarter and half of it, to see how it grows.
//! Beside it, in the same run, what reading the log lines as JSON alone takes (serde_json, into no more than is needed).
//! `cargo bench -p hearback-eval --bench frozen`
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench prints, and may end with a panic"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::time::Instant;

use hearback_eval::frozen::Folder;
use hearback_eval::frozen::ask::{Weights, ask};
use jiff::{SignedDuration, Timestamp};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use serde::Deserialize;
use serde_json::json;

const SERVICES: u64 = 40;
const MINUTES: i64 = 120;
/// The minute in which the fourth service begins to fail.
const FAILS: i64 = 90;
const CULPRIT: &str = "00000000000000000000000000000000000000ff";

#[derive(Deserialize)]
#[allow(dead_code, reason = "only read")]
struct Line<'a> {
    timestamp: &'a str,
    service: &'a str,
    severity_text: &'a str,
    msg: &'a str,
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600).unwrap() + SignedDuration::from_millis(millis)
}

fn service(number: u64) -> String {
    format!("svc-{number:02}")
}

/// The incident at so many hundredths of its size.
fn folder(percent: u64) -> Folder {
    let mut dice = Pcg64::seed_from_u64(percent);
    let length_ms = MINUTES * 60_000;
    let fails_ms = FAILS * 60_000;
    let mut logs = String::new();
    let lines = 10_000 * percent;
    let usual = [
        "request completed path=/v1/items/{a} status=200 took {b}ms",
        "cache hit key item:{a} after {b}",
        "published event {a} to partition {b}",
        "heartbeat ok seq={a} lag={b}",
    ];
    for line in 0..lines {
        let millis = length_ms * line as i64 / lines as i64;
        let (a, b, trace) = (dice.next_u64() % 1_000_000, dice.next_u64() % 1_000, dice.next_u64());
        if millis >= fails_ms && dice.next_u64().is_multiple_of(10) {
            let _ = writeln!(
                logs,
                r#"{{"timestamp":"{}","service":"svc-03","severity_text":"ERROR","msg":"could not decode voucher {a}: unknown currency 'XTS'","stack":"svc03/voucher.go:77 decodeVoucher","trace_id":"{trace:032x}"}}"#,
                at(millis)
            );
        } else {
            let msg = usual[(a % 4) as usize].replace("{a}", &a.to_string()).replace("{b}", &b.to_string());
            let _ = writeln!(
                logs,
                r#"{{"timestamp":"{}","service":"{}","severity_text":"INFO","msg":"{msg}","pod":"p-{b}","trace_id":"{trace:032x}"}}"#,
                at(millis),
                service(a % SERVICES)
            );
        }
    }
    let mut spans = String::new();
    let traces = 200 * percent;
    for trace in 0..traces {
        let millis = length_ms * trace as i64 / traces as i64;
        let fails = millis >= fails_ms && dice.next_u64().is_multiple_of(3);
        for depth in 0..5u64 {
            let caller =
                if depth == 0 { "null".to_owned() } else { format!("\"{:016x}\"", trace * 8 + depth) };
            let name = if depth == 4 { service(4 + trace % (SERVICES - 4)) } else { service(depth) };
            let status = if fails && depth <= 3 { "ERROR" } else { "OK" };
            let error = if fails && depth == 3 { r#","error":"unknown currency""# } else { "" };
            let _ = writeln!(
                spans,
                r#"{{"trace_id":"{:032x}","span_id":"{:016x}","parent_id":{caller},"service":"{name}","name":"op{depth}","start":"{}","duration_ms":{},"status":"{status}"{error}}}"#,
                trace + 1,
                trace * 8 + depth + 1,
                at(millis),
                100 - 15 * depth
            );
        }
    }
    let mut metrics = String::from("timestamp,service,metric,value\n");
    for series in 0..5 * percent {
        let (name, usual) = [
            ("http_5xx_ratio", 0.003),
            ("http_duration_p99_ms", 120.0),
            ("requests_per_sec", 400.0),
            ("memory_rss_mb", 300.0),
            ("cpu_utilization", 0.4),
        ][(series / SERVICES % 5) as usize];
        for minute in 0..MINUTES {
            let wobble = 1.0 + (dice.next_u64() % 100) as f64 / 1_000.0;
            let fails = minute >= FAILS && series % SERVICES < 4 && series < SERVICES;
            let value = if fails { 0.3 } else { usual * wobble };
            let _ = writeln!(
                metrics,
                "{},{},{name}_{},{value}",
                at(minute * 60_000),
                service(series % SERVICES),
                series / 200
            );
        }
    }
    let changes = 5 * percent;
    let mut commits = vec![
        json!({"sha": CULPRIT, "author": "ada", "timestamp": at(80 * 60_000), "message": "read vouchers of the new shop",
        "files_changed": ["svc03/voucher.go"], "diff": "@@ svc03/voucher.go @@\n-\tif v.Currency == \"\" { v.Currency = usual }\n+\treturn v, nil"}),
    ];
    let mut deploys = vec![
        json!({"timestamp": at(88 * 60_000), "service": "svc-03", "commit_sha": CULPRIT, "version": "v9"}),
    ];
    for change in 1..changes {
        let (sha, millis) = (format!("{:040x}", change << 16), length_ms * change as i64 / changes as i64);
        let of = change % SERVICES;
        commits.push(json!({"sha": sha, "author": format!("dev{}", change % 17), "timestamp": at(millis), "message": format!("change {change} of the table"),
            "files_changed": [format!("svc{of:02}/f{}.go", change % 9)], "diff": format!("@@ svc{of:02}/f{}.go @@\n-\ta := {change}\n+\ta := {}", change % 9, change + 1)}));
        if change.is_multiple_of(9) && of != 3 {
            deploys.push(json!({"timestamp": at(millis + 60_000), "service": service(of), "commit_sha": sha, "version": format!("v1.{change}")}));
        }
    }
    let alert = json!({"service": "svc-00", "fired_at": at(95 * 60_000), "severity": "critical", "monitor": "svc-00-errors", "summary": "svc-00 answers with errors"});
    let files = [
        ("alert.json", alert.to_string()),
        ("logs.ndjson", logs),
        ("traces.json", spans),
        ("metrics.csv", metrics),
        ("context/commits.json", json!(commits).to_string()),
        ("context/deploys.json", json!(deploys).to_string()),
    ];
    let files: BTreeMap<String, String> =
        files.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
    Folder { id: format!("large-{percent}"), files }
}

/// Anonymous memory of this process in MB, now and at most.
fn memory_mb() -> (u64, u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let of = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1024
    };
    (of("RssAnon:"), of("VmHWM:"))
}

fn main() {
    let weights = Weights::shipped().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!("log lines      answer    JSON alone   times   right   anonymous memory (with the files in it)");
    for percent in [25, 50, 100] {
        let folder = folder(percent);
        let logs = &folder.files["logs.ndjson"];
        let started = Instant::now();
        let read = logs.lines().filter(|line| serde_json::from_str::<Line<'_>>(line).is_ok()).count();
        let json_s = started.elapsed().as_secs_f64();
        let started = Instant::now();
        let said = runtime.block_on(ask(&folder, &weights)).unwrap().said;
        let answer_s = started.elapsed().as_secs_f64();
        let right = said.culprit.as_deref() == Some(CULPRIT)
            && said.first_failing_service.as_deref() == Some("svc-03");
        let (now, most) = memory_mb();
        println!(
            "{read:>9}  {answer_s:>8.2} s  {json_s:>9.2} s  {:>6.1}   {right:<5}   {now} MB, at most {most} MB resident",
            answer_s / json_s
        );
    }
}
