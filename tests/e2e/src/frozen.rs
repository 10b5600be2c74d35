//! A frozen incident for tests: a folder with everything that was there to see. It must not know how it is asked about.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// The commit that did it.
pub const CULPRIT: &str = "aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11";
/// One that looks guilty and is not.
pub const DECOY: &str = "bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22";

fn at(minute: u32) -> String {
    format!("2026-03-02T{:02}:{:02}:00Z", 9 + minute / 60, minute % 60)
}

/// An incident of a shop: the cart crashes since minute 70 for a guard that a change took away, and the web with it. What it
/// was ([`TRUTH`]) is not written.
///
/// # Errors
/// The folder can't be written.
pub fn freeze(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder.join("context"))?;
    let write = |file: &str, text: String| fs::write(folder.join(file), text).context(file.to_owned());
    write(
        "alert.json",
        json!({"service": "web", "fired_at": at(75), "severity": "critical", "monitor": "web-errors",
        "summary": "web answers with errors"})
        .to_string(),
    )?;
    let mut logs = String::new();
    for minute in 0..90 {
        let line = |service: &str, severity: &str, msg: &str, more: Value| {
            let mut line =
                json!({"timestamp": at(minute), "service": service, "severity_text": severity, "msg": msg});
            if let (Some(line), Value::Object(more)) = (line.as_object_mut(), more) {
                line.extend(more);
            }
            format!("{line}\n")
        };
        logs += &line("web", "INFO", "served a page", json!({}));
        if minute >= 70 {
            let stack = json!({"stack": "cart/coupon.go:41 Coupon.Discount"});
            logs += &line("cart", "ERROR", "panic: invalid memory address or nil pointer dereference", stack);
            logs += &line(
                "web",
                "ERROR",
                "cart answered 500",
                json!({"token": "ghp_0123456789abcdefghijABCDEFGHIJ456789"}),
            );
        }
    }
    write("logs.ndjson", logs)?;
    let mut metrics = String::from("timestamp,service,metric,value\n");
    for minute in 0..90 {
        for service in ["web", "cart"] {
            let value = if minute >= 70 { 0.4 } else { 0.002 + 0.0001 * f64::from(minute % 3) };
            metrics += &format!("{},{service},http_5xx_ratio,{value}\n", at(minute));
        }
    }
    write("metrics.csv", metrics)?;
    write("traces.json", json!([
        {"trace_id": "t1", "span_id": "a", "parent_id": null, "service": "web", "name": "GET /", "start": at(72),
            "duration_ms": 40, "status": "ERROR"},
        {"trace_id": "t1", "span_id": "b", "parent_id": "a", "service": "cart", "name": "total", "start": at(72),
            "duration_ms": 20, "status": "ERROR", "error": "nil pointer dereference"},
    ]).to_string())?;
    let commit = |sha: &str, minute, message: &str, file: &str, diff: &str| json!({"sha": sha, "author": "ada", "timestamp": at(minute), "message": message, "files_changed": [file], "diff": diff});
    write(
        "context/commits.json",
        json!([
            commit(
                CULPRIT,
                50,
                "Simplify discounts",
                "cart/coupon.go",
                "@@ cart/coupon.go @@\n-\tif c.Unit == nil {\n-\t\treturn 0\n-\t}\n \treturn c.Unit.Off()"
            ),
            commit(
                DECOY,
                60,
                "Clearer logs of the cart",
                "cart/log.go",
                "@@ cart/log.go @@\n-\tlog.Info(\"cart\")\n+\tlog.Info(\"cart of pointer\", \"id\", id)"
            ),
        ])
        .to_string(),
    )?;
    write(
        "context/deploys.json",
        json!([
            {"timestamp": at(66), "service": "cart", "commit_sha": CULPRIT, "version": "v8"},
            {"timestamp": at(69), "service": "cart", "commit_sha": DECOY, "version": "v9"},
        ])
        .to_string(),
    )?;
    write("notes.txt", "the status page of nobody said anything".to_owned())
}

/// What the incident was, as `truth.json` says it.
pub const TRUTH: &str = r#"{"root_cause_commit": "aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11", "first_failing_service": "cart",
    "blast_radius": ["cart", "web"], "remediation": "rollback",
    "decoy_deploy_commits": ["bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22"]}"#;
