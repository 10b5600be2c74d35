//! Replays of incidents and the cases made of them, by the real binary.

#![allow(
    clippy::indexing_slicing,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

use std::path::Path;

use anyhow::{Context as _, Result};
use hearback_e2e::{Home, Repository};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// The cases that come with Hearback.
const BUNDLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../eval/cases");
const SYMPTOM: &str = "TypeError in cart.js at sumTotals (cart.js:2:16)";

/// An incident in which somebody asked, and its repository, which is gone.
struct Asked {
    home: Home,
    answer: String,
    culprit: String,
}

fn ago(minutes: i64) -> String {
    (Timestamp::now() - SignedDuration::from_mins(minutes)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn shop() -> Result<(Repository, String)> {
    let repository = Repository::new()?;
    let cart = "export function sumTotals(items) {\n  return items.reduce((a, b) => a + b.price, 0);\n}\n";
    repository.commit(&ago(3000), "Import", &[("web/cart.js", cart), ("README.md", "Shop\n")])?;
    repository.commit(&ago(300), "Search by colour", &[("search/query.go", "package search\n")])?;
    let broken = cart.replace("items.reduce", "items.lines.reduce");
    let culprit = repository.commit(&ago(40), "Let the cart hold lists", &[("web/cart.js", &broken)])?;
    repository.commit(&ago(30), "Banner for the sale", &[("web/banner.js", "show();\n")])?;
    Ok((repository, culprit))
}

fn ask(home: &Home, repository: &Repository) -> Result<String> {
    let arguments =
        ["ask", "--incident", "INC-1", "--repo", repository.path(), "--symptom", SYMPTOM, "--json"];
    home.run(arguments)?.ok()
}

fn declared() -> Result<Home> {
    let home = Home::new()?;
    home.run(["declare", "Checkout 5xx", "--severity", "sev1", "--service", "web"])?.ok()?;
    Ok(home)
}

fn asked() -> Result<Asked> {
    let home = declared()?;
    let (repository, culprit) = shop()?;
    let answer = ask(&home, &repository)?;
    Ok(Asked { home, answer, culprit })
}

/// The first commit of the list that the answer suspects.
fn first_suspect(answer: &str) -> Result<String> {
    let answer: Value = serde_json::from_str(answer)?;
    Ok(answer["suspects"][0]["sha"].as_str().context("a suspect")?.to_owned())
}

fn resolve(home: &Home) -> Result<()> {
    home.run(["incident", "resolve", "INC-1", "--how", "rolled back"])?.ok().map(drop)
}

#[test]
fn a_question_is_replayed_byte_for_byte_when_its_repository_is_gone() -> Result<()> {
    let Asked { home, answer, culprit } = asked()?;
    assert_eq!(first_suspect(&answer)?, culprit);
    home.run(["note", "INC-1", "it was the cart; rolling back"])?.ok()?;
    let replay = || home.run(["backtest", "replay", "INC-1", "--json"])?.ok();
    assert_eq!(replay()?, answer, "as it was answered then");
    assert_eq!(replay()?, answer);
    let text = || home.run(["backtest", "replay", "inc-1"])?.ok();
    let (first, second) = (text()?, text()?);
    assert_eq!(first, second);
    assert!(first.contains(&culprit[..10]) && !first.contains("Searched in"), "{first}");
    let footer = first.lines().last().unwrap_or_default();
    assert!(
        footer.starts_with("Replayed from INC-1 as of ")
            && footer.contains(", entry 6 of 7, 3 snapshots; question of entry 2: what changed?; head 6:"),
        "{footer}"
    );
    Ok(())
}

#[test]
fn an_earlier_moment_does_not_know_what_came_later() -> Result<()> {
    let home = declared()?;
    let (repository, culprit) = shop()?;
    ask(&home, &repository)?;
    let entries = home.run(["record", "show", "INC-1", "--json"])?.ok()?;
    let last: Value = serde_json::from_str(entries.lines().last().context("an entry")?)?;
    let between = last["known_at"].as_str().context("a time")?.to_owned();
    let later =
        repository.commit(&ago(1), "Cents in the cart's totals", &[("web/cents.js", "cents();\n")])?;
    ask(&home, &repository)?;
    let ask_at = |at: &str| {
        let arguments =
            ["backtest", "replay", "INC-1", "--at", at, "--ask", "what changed?", "--symptom", SYMPTOM];
        home.run(arguments.iter().chain(&["--json"]))?.ok()
    };
    let early = ask_at(&between)?;
    assert!(early.contains(&culprit) && !early.contains(&later), "{early}");
    assert_eq!(early, ask_at(&between)?, "the same bytes");
    let late = home.run(["backtest", "replay", "INC-1", "--json"])?.ok()?;
    assert!(late.contains(&later), "{late}");
    let again = home.run(["backtest", "replay", "INC-1", "--at", &between, "--json"])?.ok()?;
    assert!(again.contains(&culprit) && !again.contains(&later), "the first question, not the last: {again}");
    Ok(())
}

#[test]
fn what_was_redacted_is_a_gap_in_the_replay() -> Result<()> {
    let Asked { home, culprit, .. } = asked()?;
    home.run(["record", "redact", "INC-1", "3", "--why", "customer data"])?.ok()?;
    let out = home.run(["backtest", "replay", "INC-1"])?.ok()?;
    assert!(!out.contains(&culprit[..10]), "{out}");
    assert!(
        out.contains("record:INC-1: entry 3, a snapshot, was redacted: what was read is not known"),
        "{out}"
    );
    Ok(())
}

#[test]
fn a_reviewed_incident_becomes_a_case_that_passes() -> Result<()> {
    let Asked { home, culprit, .. } = asked()?;
    resolve(&home)?;
    let out = home
        .run(["backtest", "adopt", "INC-1", "--culprit", &culprit[..8], "--by", "Bo", "--dir", "cases"])?
        .ok()?;
    assert_eq!(
        out,
        "cases/inc-1 written: the culprit must stay at rank 1 or better. Next: hearback backtest adopted\n"
    );
    let case = std::fs::read_to_string(home.path("cases/inc-1/case.toml"))?;
    for expect in [
        "id = \"inc-1\"",
        "title = \"Checkout 5xx\"",
        "entry = 2",
        "rank_at_most = 1",
        "by = \"Bo\"",
        &culprit,
    ] {
        assert!(case.contains(expect), "{expect}: {case}");
    }
    let names: Vec<_> = std::fs::read_dir(home.path("cases"))?.collect::<Result<_, _>>()?;
    assert_eq!(names.len(), 1, "nothing half-written is left behind");
    // The case needs nothing but its folder.
    std::fs::remove_dir_all(home.path(".local"))?;
    let out = home.run(["backtest", "adopted", "--dir", "cases"])?.ok()?;
    assert_eq!(out, "pass  inc-1  culprit at rank 1 (at most 1)  Checkout 5xx\n1 passed, 0 failed\n");
    let record = home.path("cases/inc-1/recordings/record.jsonl");
    let imported = home.run(["record".as_ref(), "import".as_ref(), record.as_os_str()])?.ok()?;
    assert!(imported.starts_with("INC-1 imported: 7 entries"), "{imported}");
    Ok(())
}

#[test]
fn a_case_that_fares_worse_fails_and_a_broken_one_hides_no_other() -> Result<()> {
    let Asked { home, culprit, .. } = asked()?;
    resolve(&home)?;
    let adopt = ["backtest", "adopt", "INC-1", "--culprit", &culprit, "--dir", "cases"];
    home.run(adopt)?.ok()?;
    let case = home.path("cases/inc-1/case.toml");
    let text = std::fs::read_to_string(&case)?;
    std::fs::create_dir_all(home.path("cases/inc-0"))?;
    std::fs::write(home.path("cases/inc-0/case.toml"), "colour = 1\n")?;
    // Nobody can stay at rank 0: as if today's weights were worse.
    std::fs::write(&case, text.replace("rank_at_most = 1", "rank_at_most = 0"))?;
    let run = home.run(["backtest", "adopted", "--dir", "cases"])?;
    assert_eq!(run.code, Some(1), "{}", run.err);
    let lines: Vec<&str> = run.out.lines().collect();
    assert!(lines[0].starts_with("FAIL  inc-0  can't be run: case.toml: line 1: "), "{}", run.out);
    assert_eq!(
        lines[1..],
        ["FAIL  inc-1  culprit at rank 1 (at most 0)  Checkout 5xx", "0 passed, 2 failed"]
    );
    let run = home.run(["backtest", "adopted", "--dir", "cases", "--json"])?;
    assert_eq!(run.code, Some(1));
    let lines: Vec<Value> = run.out.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert_eq!(lines[1]["rank"], 1);
    assert_eq!(lines[1]["passed"], false);
    assert_eq!(lines[2]["summary"]["failed"], 2);
    // A record that somebody touched is not replayed.
    std::fs::write(&case, &text)?;
    std::fs::remove_dir_all(home.path("cases/inc-0"))?;
    let record = home.path("cases/inc-1/recordings/record.jsonl");
    let tampered = std::fs::read_to_string(&record)?.replace("Banner for the sale", "Banner for the fair");
    std::fs::write(&record, tampered)?;
    let run = home.run(["backtest", "adopted", "--dir", "cases"])?;
    assert_eq!(run.code, Some(1));
    assert!(run.out.contains("the snapshot was changed; its content does not match its id"), "{}", run.out);
    Ok(())
}

#[test]
fn when_nothing_that_was_read_did_it_no_strong_suspect_may_be_named() -> Result<()> {
    let home = Home::new()?;
    home.run(["declare", "Payouts late", "--severity", "sev2", "--service", "payments"])?.ok()?;
    let (repository, _) = shop()?;
    home.run([
        "ask",
        "--incident",
        "INC-1",
        "--repo",
        repository.path(),
        "--symptom",
        "certificate expired",
    ])?
    .ok()?;
    resolve(&home)?;
    let out = home.run(["backtest", "adopt", "INC-1", "--none", "--dir", "cases"])?.ok()?;
    assert!(out.contains("no change may be called a strong suspect"), "{out}");
    let out = home.run(["backtest", "adopted", "--dir", "cases"])?.ok()?;
    assert!(out.starts_with("pass  inc-1  0 wrong changes called strong (at most 0)"), "{out}");
    Ok(())
}

#[test]
fn what_can_not_be_replayed_or_adopted_is_refused_in_one_sentence() -> Result<()> {
    let Asked { home, culprit, .. } = asked()?;
    let check = |arguments: &[&str], code: i32, says: &str| -> Result<()> {
        let run = home.run(["backtest"].iter().chain(arguments))?;
        assert_eq!(run.code, Some(code), "{arguments:?}: {}{}", run.out, run.err);
        assert!(run.err.starts_with("hearback: ") && run.err.lines().count() == 1, "{}", run.err);
        assert!(run.err.contains(says), "{arguments:?}: {}", run.err);
        assert_eq!(run.out, "");
        Ok(())
    };
    check(&["replay", "INC-7"], 1, "there is no incident INC-7")?;
    check(&["replay", "INC-1", "--at", "2020-01-01"], 2, "nothing was known of INC-1 by 2020-01-01")?;
    check(&["replay", "INC-1", "--at", "2999-01-01"], 2, "--at: 2999-01-01 is in the future")?;
    check(&["adopt", "INC-1", "--culprit", &culprit], 2, "INC-1 is still open; first say how it ended")?;
    resolve(&home)?;
    check(&["adopt", "INC-1"], 2, "say which change caused INC-1: --culprit CHANGE")?;
    check(
        &["adopt", "INC-1", "--culprit", "deadbeef"],
        2,
        "deadbeef is not among the 3 changes that were read",
    )?;
    assert!(!home.path("eval").exists(), "what was refused leaves nothing behind");
    home.run(["backtest", "adopt", "INC-1", "--culprit", &culprit])?.ok()?;
    check(&["adopt", "INC-1", "--culprit", &culprit], 2, "eval/cases/inc-1 exists already; remove it first")?;
    check(&["adopted", "--dir", "nowhere"], 2, "nowhere can't be read")?;
    std::fs::create_dir(home.path("empty"))?;
    check(&["adopted", "--dir", "empty"], 2, "empty holds no adopted case")?;
    home.run(["declare", "Search slow", "--severity", "sev3"])?.ok()?;
    check(&["replay", "INC-2"], 2, "nobody had asked anything in INC-2")?;
    Ok(())
}

#[test]
fn the_bundled_cases_pass() -> Result<()> {
    assert!(Path::new(BUNDLED).is_dir());
    let out = Home::new()?.run(["backtest", "adopted", "--dir", BUNDLED])?.ok()?;
    assert!(out.contains("pass  inc-demo-checkout  culprit at rank 1 (at most 1)"), "{out}");
    assert!(out.ends_with("passed, 0 failed\n"), "{out}");
    Ok(())
}
