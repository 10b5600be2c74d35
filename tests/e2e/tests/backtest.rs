//! `hearback backtest reverts` and `cases` as a user runs them, on a small history made for it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use hearback_e2e::rollbacks::{Rollbacks, at, many, rollbacks};
use hearback_e2e::{Home, Repository};
use serde_json::{Value, json};

/// Nothing from then on is read: the clock of the machine plays no part.
const UNTIL: &str = "2025-05-15";

fn reverts<'a>(shop: &'a Repository, more: &[&'a str]) -> Vec<&'a str> {
    ["backtest", "reverts", "--repo", shop.path(), "--since", "2025-03-01", "--until", UNTIL]
        .into_iter()
        .chain(more.iter().copied())
        .collect()
}

/// The lines of `--json`, without what a clock says.
fn lines(out: &str) -> Result<Vec<Value>> {
    let line = |line: &str| -> Result<Value> {
        let mut value: Value = serde_json::from_str(line)?;
        value.as_object_mut().context("a line is an object")?.remove("ms");
        if let Some(summary) = value.get_mut("summary").and_then(Value::as_object_mut) {
            summary.remove("speed").context("the summary says how long it took")?;
        }
        Ok(value)
    };
    out.lines().map(line).collect()
}

/// The text, without what a clock says.
fn timeless(text: &str) -> String {
    let paragraphs = text.split("\n\n").filter(|paragraph| !paragraph.starts_with("A question took "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// A case about the broken cart.
fn case(id: &str, shop: &Rollbacks, symptom: &str) -> Value {
    let as_of = "2025-03-07T13:30:00Z".parse::<jiff::Timestamp>().map_or(0, |at| at.as_second());
    json!({
        "id": id, "repo": "shop", "as_of": as_of, "symptom_text": symptom, "culprit_sha": shop.cart.0, "days": 30,
        "half": "report", "responder": "somebody"
    })
}

fn file(home: &Home, cases: &[Value]) -> Result<String> {
    let path = home.path("cases.jsonl");
    std::fs::write(&path, cases.iter().map(|case| format!("{case}\n")).collect::<String>())?;
    Ok(path.to_str().unwrap_or_default().to_owned())
}

#[test]
fn reverts_of_every_form_are_asked_or_left_out_for_a_reason_the_same_each_time() -> Result<()> {
    let (home, shop) = (Home::new()?, rollbacks()?);
    let json = reverts(&shop.repository, &["--json"]);
    let first = lines(&home.run(&json)?.ok()?)?;
    assert_eq!(first, lines(&home.run(&json)?.ok()?)?, "from the cache");
    assert_eq!(first, lines(&Home::new()?.run(&json)?.ok()?)?, "without it");
    let (summary, cases) = first.split_last().context("there are lines")?;
    let ids: Vec<&str> = cases.iter().filter_map(|case| case["id"].as_str()).collect();
    let id = |sha: &str| format!("shop@{}", &sha[..12]);
    assert!(ids.contains(&id(&shop.cart.1).as_str()) && ids.contains(&id(&shop.search.1).as_str()));
    for case in cases {
        let keys: Vec<&String> = case.as_object().context("a line is an object")?.keys().collect();
        assert_eq!(keys, ["id", "rank", "ranked", "abstained"]);
    }
    // The first three of each are enough to see a change by.
    let short = |case: &Value| {
        let ranked = case["ranked"].as_array().cloned().unwrap_or_default();
        let ranked: Vec<String> = ranked
            .iter()
            .take(3)
            .map(|one| format!("{} {}", &one["sha"].as_str().unwrap_or_default()[..7], one["confidence"]))
            .collect();
        format!("{} rank {} abstained {}: {}", case["id"], case["rank"], case["abstained"], ranked.join(", "))
    };
    insta::assert_snapshot!("cases", cases.iter().map(short).collect::<Vec<_>>().join("\n"));
    insta::assert_json_snapshot!("origin", summary["summary"]["origin"]);
    insta::assert_snapshot!("text", timeless(&home.run(reverts(&shop.repository, &[]))?.ok()?));
    Ok(())
}

#[test]
fn the_options_leave_cases_out() -> Result<()> {
    let (home, shop) = (Home::new()?, rollbacks()?);
    let ids = |more: &[&str]| -> Result<Vec<String>> {
        let lines = lines(&home.run(reverts(&shop.repository, &[more, &["--json"]].concat()))?.ok()?)?;
        Ok(lines.iter().filter_map(|line| line["id"].as_str()).map(str::to_owned).collect())
    };
    let all = ids(&[])?;
    assert_eq!(ids(&["--limit", "2"])?, all[..2], "the newest, which are told first");
    let failures = ids(&["--only-symptoms"])?;
    assert!(failures.len() < all.len() && failures.iter().all(|id| all.contains(id)));
    let since = at(10, "00:00");
    let shop = shop.repository.path();
    let later = [
        "backtest", "reverts", "--repo", shop, "--since", &since, "--until", UNTIL, "--window", "2d",
        "--json",
    ];
    let later = lines(&home.run(later)?.ok()?)?;
    let later: Vec<&str> = later.iter().filter_map(|line| line["id"].as_str()).collect();
    assert!(!later.is_empty() && later.len() < all.len(), "{later:?}");
    Ok(())
}

#[test]
fn cases_of_one_moment_are_told_in_the_order_of_the_file_and_those_that_leak_are_named() -> Result<()> {
    let (home, shop) = (Home::new()?, rollbacks()?);
    let sha = &shop.cart.0[..12];
    let cases = [
        case("z", &shop, "Checkout answers 500: TypeError in cart.js"),
        case("leak", &shop, &format!("checkout fails since {sha}")),
        case("a", &shop, "customers can't pay"),
    ];
    let (file, repo) = (file(&home, &cases)?, format!("shop={}", shop.repository.path()));
    let ask =
        |more: &[&str]| home.run(["backtest", "cases", "--cases", &file, "--repo", &repo].iter().chain(more));
    let told = lines(&ask(&["--json"])?.ok()?)?;
    let ids: Vec<&Value> = told.iter().map(|line| &line["id"]).collect();
    assert_eq!(ids, [&json!("z"), &json!("leak"), &json!("a"), &Value::Null]);
    assert_eq!(told[0]["rank"], 1, "{}", told[0]);
    let summary = &told[3]["summary"];
    assert_eq!((&summary["n"], &summary["leaking"][0]["asked"]), (&json!(3), &json!(true)));
    let text = ask(&[])?.ok()?;
    assert!(text.contains("the answer can be seen in 1: they were asked all the same"), "{text}");
    assert!(text.contains(&format!("leak: the symptom names the culprit {sha} by its sha")), "{text}");

    let refused = lines(&ask(&["--json", "--refuse-leaks"])?.ok()?)?;
    assert_eq!(refused.len(), 3);
    assert_eq!(refused[2]["summary"]["leaking"][0]["id"], "leak");
    let text = ask(&["--refuse-leaks"])?.ok()?;
    assert!(text.contains("the answer can be seen in 1: they were refused. By kind: 1 sha."), "{text}");

    assert_eq!(lines(&ask(&["--json", "--half", "report"])?.ok()?)?.len(), 4);
    let none = ask(&["--half", "learn"])?;
    assert_eq!((none.code, none.out.as_str()), (Some(1), ""));
    assert!(none.err.contains("none of the 3 cases in"), "{}", none.err);
    Ok(())
}

#[test]
fn ctrl_c_prints_what_it_has() -> Result<()> {
    let (home, shop) = (Home::new()?, rollbacks()?);
    let cases: Vec<Value> =
        (0..20_000).map(|n| case(&format!("case-{n}"), &shop, "Checkout answers 500 in cart.js")).collect();
    let (file, repo) = (file(&home, &cases)?, format!("shop={}", shop.repository.path()));
    let mut child = home
        .command(["backtest", "cases", "--cases", &file, "--repo", &repo, "--json"])?
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut out = BufReader::new(child.stdout.take().context("a piped output")?);
    let mut first = String::new();
    out.read_line(&mut first)?;
    Command::new("kill").args(["-INT", &child.id().to_string()]).status()?;
    let mut rest = String::new();
    out.read_to_string(&mut rest)?;
    let mut err = String::new();
    child.stderr.take().context("a piped error output")?.read_to_string(&mut err)?;
    assert_eq!(child.wait()?.code(), Some(130), "{err}");
    let told = lines(&format!("{first}{rest}"))?;
    let (summary, asked) = told.split_last().context("there are lines")?;
    let summary = &summary["summary"];
    assert_eq!((&summary["stopped"], &summary["n"]), (&json!(true), &json!(asked.len())));
    assert!(asked.len() < cases.len() && summary["not_reached"] == json!(cases.len() - asked.len()));
    assert!(err.contains("Stopped by Ctrl-C: ") && err.contains(" of 20000 cases were asked"), "{err}");
    Ok(())
}

#[test]
fn the_report_is_one_page_that_opens_nothing_outside() -> Result<()> {
    let (home, shop) = (Home::new()?, rollbacks()?);
    std::fs::write(home.path("report.html"), "an older one")?;
    let out = home.run(reverts(&shop.repository, &["--report", "report.html"]))?.ok()?;
    assert!(out.contains("The report is in report.html."), "{out}");
    let page = std::fs::read_to_string(home.path("report.html"))?;
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    assert!(page.contains("Backtest of shop: reverts from 2025-03-01 to 2025-05-15"));
    for reference in [" src=", "href=", "url(", "@import", "http:", "https:", "<script", "<link", "<iframe"] {
        assert!(!page.contains(reference), "{reference}");
    }
    let left: Vec<_> = std::fs::read_dir(home.path("."))?.flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".half")), "{left:?}");
    Ok(())
}

#[test]
fn what_was_saved_makes_answers_say_percentages_until_the_weights_change() -> Result<()> {
    let (home, shop) = (Home::new()?, many(36)?);
    let ask = [
        "ask",
        "--repo",
        shop.path(),
        "--as-of",
        "2025-04-03T12:00Z",
        "--symptom",
        "error 500 in mail/sender.py",
    ];
    let doctor = |home: &Home| -> Result<String> {
        let said = home.run(["doctor"])?.out;
        Ok(said.lines().find(|line| line.contains(" calibration: ")).unwrap_or_default().to_owned())
    };
    let before = home.run(ask)?.ok()?;
    assert!(
        before.lines().last().unwrap_or_default().ends_with("(hearback backtest reverts --repo PATH --save)"),
        "{before}"
    );
    assert!(doctor(&home)?.starts_with("off    calibration: none;"));

    let unsaved = home.run(reverts(&shop, &[]))?.ok()?;
    assert!(
        unsaved.contains("\nCalibration: on 36 failures") && unsaved.contains("With --save,"),
        "{unsaved}"
    );
    assert!(!home.run(ask)?.ok()?.contains(" %"));

    let saved = home.run(reverts(&shop, &["--save"]))?.ok()?;
    assert!(saved.contains("\nCalibration saved: on 36 failures"), "{saved}");
    assert!(home.path(".local/share/hearback/calibration.toml").is_file());
    let after = home.run(ask)?.ok()?;
    let (first, last) = (after.lines().nth(1).unwrap_or_default(), after.lines().last().unwrap_or_default());
    assert!(first.contains(" % "), "{after}");
    assert!(last.ends_with("; calibrated on 36 rollbacks of shop until 2025-05-15"), "{after}");
    assert!(after.lines().count() <= 10, "{after}");
    let json = home.run(ask.iter().chain(&["--json"]))?.json()?;
    assert_eq!(json["calibrated_on"]["cases"], 36);
    assert_eq!(json["calibrated_on"]["of"], "rollbacks of shop until 2025-05-15");
    assert!(json["suspects"][0]["confidence"].is_f64() && json["none_of_these"].is_f64());
    assert!(doctor(&home)?.starts_with("ok     calibration: shop: 36 rollbacks until 2025-05-15, ECE 0."));

    // In an incident and in its replay too.
    home.run(["declare", "Mails are late", "--severity", "SEV-3"])?.ok()?;
    let inside = ["ask", "--incident", "INC-1", "--repo", shop.path(), "--since", "2025-03-01"];
    home.run(inside)?.ok()?;
    let replayed = home.run(["backtest", "replay", "INC-1"])?.ok()?;
    assert!(replayed.contains("; calibrated on 36 rollbacks of shop until 2025-05-15\n"), "{replayed}");

    // A repository without one beside it: percentages would be half a promise.
    let other = Repository::called("other")?;
    other.commit("2025-04-01T10:00:00Z", "Import", &[("a.txt", "a\n")])?;
    assert!(!home.run(ask.iter().chain(&["--repo", other.path()]))?.ok()?.contains(" %"));

    let weights = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/ranker.toml");
    let weights = std::fs::read_to_string(weights)?.replacen("\nlisted = 20", "\nlisted = 19", 1);
    std::fs::write(home.path("ranker.toml"), weights)?;
    std::fs::write(home.path("hearback.toml"), "[ranker]\npath = \"ranker.toml\"\n")?;
    assert!(!home.run(ask)?.ok()?.contains(" %"));
    assert!(
        doctor(&home)?.contains("off    calibration: shop: found for other weights, so it no longer counts")
    );

    std::fs::remove_file(home.path("hearback.toml"))?;
    std::fs::write(
        home.path(".local/share/hearback/calibration.toml"),
        "version = 1\n[[repository]]\npath = 3\n",
    )?;
    assert!(!home.run(ask)?.ok()?.contains(" %"), "an answer is never lost for want of it");
    assert!(doctor(&home)?.starts_with("BROKEN calibration: "));
    Ok(())
}

#[test]
fn too_few_failures_are_not_saved() -> Result<()> {
    let (home, shop) = (Home::new()?, rollbacks()?);
    let run = home.run(reverts(&shop.repository, &["--save"]))?;
    assert_eq!(run.code, Some(1));
    assert!(run.out.lines().last().unwrap_or_default().contains("no percentage"), "{}", run.out);
    assert!(!home.path(".local/share/hearback/calibration.toml").exists());
    Ok(())
}

#[test]
fn bad_input_is_one_sentence_with_its_exit_code() -> Result<()> {
    let (home, shop) = (Home::new()?, rollbacks()?);
    let good = case("a", &shop, "cart");
    let path = shop.repository.path();
    let repo = format!("shop={path}");
    let check = |arguments: &[&str], code: i32, says: &str| -> Result<()> {
        let run = home.run(arguments)?;
        assert_eq!((run.code, run.out.as_str()), (Some(code), ""), "{arguments:?}: {}", run.err);
        assert_eq!(run.err.lines().count(), 1, "{}", run.err);
        assert!(run.err.contains(says), "{}", run.err);
        Ok(())
    };
    let reverts = |more: &[&str], code, says| check(&[&["backtest", "reverts"], more].concat(), code, says);
    reverts(&["--repo", "nowhere"], 2, "nowhere is not a git repository")?;
    reverts(&[], 2, ". is not a git repository")?;
    reverts(&["--repo", path, "--window", "36h"], 2, "--window: 36h is not 1 to 3660 whole days")?;
    reverts(&["--repo", path, "--window", "soon"], 2, "--window: \"soon\" is not a duration")?;
    reverts(&["--repo", path, "--until", "2999-01-01"], 2, "--until: 2999-01-01 is in the future")?;
    reverts(&["--repo", path, "--report", "no/such/report.html"], 2, "no/such/report.html can't be written")?;
    reverts(
        &["--repo", path, "--until", "2025-03-03"],
        1,
        "there is no case to ask. 0 of the 2 changes of shop",
    )?;

    let cases = |file: &str, repo: &str, code, says: &str| {
        check(&["backtest", "cases", "--cases", file, "--repo", repo], code, says)
    };
    let good_file = file(&home, std::slice::from_ref(&good))?;
    cases("nowhere.jsonl", &repo, 2, "nowhere.jsonl: can't be read")?;
    cases(&good_file, path, 2, "write it as NAME=PATH")?;
    cases(&good_file, "shop=nowhere", 2, "nowhere is not a git repository")?;
    cases(&good_file, &format!("store={path}"), 2, "which is not named; add --repo shop=PATH")?;
    let bad_file = file(&home, &[good.clone(), json!({"id": "b", "repo": "shop"})])?;
    cases(&bad_file, &repo, 2, "cases.jsonl: line 2 is not a case: missing field `as_of`")?;
    let twice = file(&home, &[good.clone(), good])?;
    cases(&twice, &repo, 2, "line 2: the id \"a\" is taken already")?;
    Ok(())
}
