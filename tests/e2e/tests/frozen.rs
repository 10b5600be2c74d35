//! Frozen incidents as a user works with them: imported, asked about, exported, backtested; what is no such folder is said
//! in a sentence.
#![allow(clippy::unwrap_used, reason = "a test may stop anywhere")]

use std::fs;

use anyhow::{Context as _, Result};
use hearback_e2e::Home;
use hearback_e2e::frozen::{CULPRIT, TRUTH, freeze};
use serde_json::{Value, json};

#[test]
fn a_folder_is_asked_about_and_scored_only_where_somebody_says_what_it_was() -> Result<()> {
    let home = Home::new()?;
    let folder = home.path("shop");
    freeze(&folder)?;
    let dir = folder.to_str().context("a path")?;
    let lines = |out: &str| -> Result<Vec<Value>> {
        Ok(out.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
    };
    let out = lines(&home.run(["backtest", "incidents", "--dir", dir, "--json"])?.ok()?)?;
    let [answer, summary] = out.as_slice() else { anyhow::bail!("two lines: {out:?}") };
    assert_eq!(answer["culprit"], CULPRIT, "{answer:#}");
    assert_eq!(answer["first_failing_service"], "cart");
    assert_eq!(answer["blast_radius"], json!(["cart", "web"]));
    assert_eq!((&answer["remediation"], &answer["confidence"]), (&json!("rollback"), &json!("strong")));
    assert_eq!((&answer["decoy_blamed"], &summary["without_truth"]), (&Value::Null, &json!(1)));
    let says = answer["evidence"].to_string();
    assert!(says.contains("cart/coupon.go:41") && says.contains("takes a guard away"), "{says}");

    fs::write(folder.join("truth.json"), TRUTH)?;
    let out = home.run(["backtest", "incidents", "--dir", dir, "--perturb", "2", "--json"])?.ok()?;
    let summary = lines(&out)?.pop().context("a summary")?;
    assert_eq!(summary["summary"]["all_right"], 1, "{summary:#}");
    assert_eq!(summary["variants"]["together"], json!({"count": 2, "of": 2}));
    assert_eq!(summary["variants"]["none_or_null"], json!({"count": 2, "of": 2}));
    let told = home.run(["backtest", "incidents", "--dir", dir])?.ok()?;
    assert!(told.contains("No case was wrong.") && told.contains("decoys blamed"), "{told}");
    Ok(())
}

#[test]
fn an_imported_incident_is_a_record_like_any_other_and_can_be_frozen_again() -> Result<()> {
    let home = Home::new()?;
    let folder = home.path("shop");
    freeze(&folder)?;
    fs::write(folder.join("truth.json"), TRUTH)?;
    let imported = home.run(["import", "incident", folder.to_str().context("a path")?])?.ok()?;
    assert!(imported.starts_with("INC-1 imported from "), "{imported}");
    assert!(home.run(["record", "verify", "INC-1"])?.ok()?.contains("verifies"));
    let kept = home.run(["record", "export", "INC-1"])?.ok()?;
    assert!(!kept.contains("ghp_0123456789"), "no secret is kept");
    assert!(!kept.contains("decoy_deploy_commits"), "what it was is not imported");
    let answer = home.run(["backtest", "replay", "INC-1", "--ask", "what changed?"])?.ok()?;
    let expect = "Look here first: aa11aa11aa (Simplify discounts) explains it at cart/coupon.go:41.";
    assert!(answer.starts_with(expect), "{answer}");
    assert!(
        answer.contains("\nFails first: cart since 2026-03-02 10:10:00Z")
            && answer.contains("because of it: web"),
        "{answer}"
    );
    assert!(
        answer.contains("\nNot it: bb22bb22bb (Clearer logs of the cart): changes only what is logged"),
        "{answer}"
    );
    let again = home.run(["backtest", "replay", "INC-1", "--ask", "what changed?"])?.ok()?;
    assert_eq!(again, answer, "the same record gives the same bytes");

    let frozen = home.path("again");
    let out = home.run(["export", "incident", "INC-1", frozen.to_str().context("a path")?])?.ok()?;
    assert!(out.starts_with("INC-1 frozen in "), "{out}");
    let asked =
        home.run(["backtest", "incidents", "--dir", frozen.to_str().context("a path")?, "--json"])?.ok()?;
    assert!(asked.contains(CULPRIT), "{asked}");
    Ok(())
}

#[test]
fn a_folder_that_can_not_be_read_does_not_take_the_others_with_it() -> Result<()> {
    let home = Home::new()?;
    for name in ["a-bad", "b-good", "c-doubtful"] {
        let folder = home.path("cases").join(name);
        freeze(&folder)?;
        fs::write(folder.join("truth.json"), TRUTH)?;
    }
    let cases = home.path("cases");
    fs::write(cases.join("a-bad/notes.txt"), [0xff])?;
    fs::write(cases.join("c-doubtful/truth.json"), "{")?;
    let run = home.run(["backtest", "incidents", "--dir", cases.to_str().context("a path")?, "--json"])?;
    assert_eq!(run.code, Some(1), "{}", run.err);
    assert!(run.err.contains("a-bad/notes.txt: it is not UTF-8"), "{}", run.err);
    assert!(run.err.contains("c-doubtful/truth.json: "), "{}", run.err);
    let lines: Vec<Value> = run.out.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let [answer, summary] = lines.as_slice() else { anyhow::bail!("two lines: {}", run.out) };
    assert_eq!((&answer["id"], &summary["failed"]), (&json!("b-good"), &json!(2)));
    assert_eq!((&summary["summary"]["n"], &summary["without_truth"]), (&json!(1), &json!(0)), "{summary:#}");
    Ok(())
}

#[test]
fn what_can_not_be_read_is_said_with_its_place_and_nothing_is_written() -> Result<()> {
    let home = Home::new()?;
    let check = |file: &str, text: &str, expect: &str| -> Result<()> {
        let folder = home.path(format!("bad-{}", file.replace('/', "-")));
        freeze(&folder)?;
        fs::write(folder.join(file), text)?;
        for command in [["import", "incident"].as_slice(), &["backtest", "incidents", "--dir"]] {
            let out = home.run(command.iter().copied().chain([folder.to_str().context("a path")?]))?;
            assert_ne!(out.code, Some(0), "{file}");
            assert!(out.err.contains(expect), "{file}: {}", out.err);
        }
        Ok(())
    };
    check("logs.ndjson", "{\"timestamp\":\"2026-03-02T09:00:00Z\"}\nnonsense\n", "logs.ndjson, line 2")?;
    check("metrics.csv", "timestamp,service,value\n", "metrics.csv, line 1: there is no column \"metric\"")?;
    check("traces.json", "[{\"service\":\"a\"}]", "traces.json: span 1: it does not say when it began")?;
    let now = r#"{"service": "web", "fired_at": "now"}"#;
    check("alert.json", now, "alert.json: \"now\" is no time (fired_at)")?;
    check("alert.json", "{}", "alert.json: it does not say when it fired (fired_at)")?;
    check("context/commits.json", "[{\"sha\":\"x\"}]", "context/commits.json: item 1: \"\" is no time")?;
    let none = home.run(["import", "incident", "nowhere"])?;
    assert!(none.err.contains("nowhere: it is not there"), "{}", none.err);
    let rule = home.run(["backtest", "incidents", "--dir", ".", "--without", "magic"])?;
    assert!(rule.err.contains("there is no rule \"magic\""), "{}", rule.err);
    assert_eq!(home.run(["incident", "list"])?.ok()?.lines().filter(|line| line.contains("INC-")).count(), 0);
    Ok(())
}
