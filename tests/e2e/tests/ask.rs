//! `hearback ask` on real repositories, as a user runs it.

use std::os::unix::fs::PermissionsExt as _;

use anyhow::Result;
use hearback_core::Answer;
use hearback_e2e::{Home, Repository};
use serde_json::Value;

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/answer.schema.json");

/// A day in a shop: the cart is broken at 13:30, noticed at 14:00, reverted at 14:30.
struct Shop {
    repository: Repository,
    culprit: String,
}

fn shop() -> Result<Shop> {
    let repository = Repository::new()?;
    let day = |time: &str| format!("2026-03-02T{time}:00Z");
    let cart = "export function sumTotals(items) {\n  return items.reduce((a, b) => a + b.price, 0);\n}\n";
    repository.commit("2026-02-20T10:00:00Z", "Import", &[("web/cart.js", cart), ("README.md", "Shop\n")])?;
    repository.commit(&day("08:00"), "Say how to build", &[("README.md", "Shop\nmake\n")])?;
    repository.commit(&day("09:00"), "Search by colour", &[("search/query.go", "package search\n")])?;
    let broken =
        "export function sumTotals(items) {\n  return items.lines.reduce((a, b) => a + b.price, 0);\n}\n";
    let culprit =
        repository.commit(&day("13:30"), "Let the cart hold several lists", &[("web/cart.js", broken)])?;
    repository.commit(&day("13:40"), "Banner for the sale", &[("web/banner.js", "show();\n")])?;
    repository.commit(&day("13:50"), "Test the banner", &[("tests/banner_test.js", "ok();\n")])?;
    repository.git(&["revert", "--no-edit", &culprit], &day("14:30"))?;
    Ok(Shop { repository, culprit })
}

#[test]
fn the_culprit_is_first_with_reasons_exclusions_and_what_was_searched() -> Result<()> {
    let (home, shop) = (Home::new()?, shop()?);
    let arguments =
        ["ask", "what changed?", "--repo", shop.repository.path(), "--as-of", "2026-03-02T14:00Z"];
    let symptom = ["--symptom", "checkout 5xx, TypeError in cart.js at sumTotals (cart.js:2:16)"];
    let out = home.run(arguments.iter().chain(&symptom))?.ok()?;
    assert!(out.lines().count() <= 10, "{out}");
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("Look here first: one strong suspect among 5 changes"), "{out}");
    assert!(lines[1].starts_with("1 strong"), "{out}");
    assert!(
        lines[1].contains(&shop.culprit[..10])
            && lines[1].contains("30 min")
            && lines[1].contains("Ana Ruiz")
    );
    assert!(lines[1].contains("cart.js, which the symptom names"), "{out}");
    assert!(out.contains("Ruled out: 1 documentation only"), "{out}");
    assert!(out.contains("1 tests only"), "{out}");
    assert!(out.contains("Searched in ") && out.contains("no gaps"), "{out}");
    Ok(())
}

#[test]
fn as_of_hides_everything_later() -> Result<()> {
    let (home, shop) = (Home::new()?, shop()?);
    let ask =
        |as_of: &str| home.run(["ask", "--repo", shop.repository.path(), "--as-of", as_of, "--json"])?.json();
    let (before, after) = (ask("2026-03-02T14:30:00Z")?, ask("2026-03-02T14:30:01Z")?);
    let ids = |answer: &Value, list: &str| -> Vec<String> {
        let items = answer[list].as_array().cloned().unwrap_or_default();
        items.iter().map(|item| item["sha"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert!(ids(&before, "suspects").contains(&shop.culprit), "the revert lies in the future");
    assert_eq!(before["considered"], 5);
    assert!(ids(&after, "ruled_out").contains(&shop.culprit), "now it is reverted");
    assert_eq!(after["considered"], 6);
    Ok(())
}

#[test]
fn the_json_follows_the_committed_schema() -> Result<()> {
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(Answer))? + "\n";
    if std::env::var_os("HEARBACK_UPDATE").is_some() {
        std::fs::write(SCHEMA, &schema)?;
    }
    let committed = std::fs::read_to_string(SCHEMA)?;
    assert_eq!(
        committed, schema,
        "the answer's form changed; run this test with HEARBACK_UPDATE=1 and commit"
    );
    let (home, shop) = (Home::new()?, shop()?);
    let path = shop.repository.path();
    let asked = [
        "ask",
        "--repo",
        path,
        "--as-of",
        "2026-03-02T14:00Z",
        "--symptom",
        "cart",
        "--service",
        "web",
        "--json",
    ];
    let answer = home.run(asked)?.json()?;
    let validator = jsonschema::validator_for(&serde_json::from_str(&committed)?)?;
    let errors: Vec<String> = validator.iter_errors(&answer).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    for key in ["suspects", "ruled_out", "gaps", "searched", "onset", "verdict"] {
        assert!(answer.get(key).is_some(), "{key}");
    }
    for key in ["rank", "id", "sha", "strength", "confidence", "reasons"] {
        assert!(answer["suspects"][0].get(key).is_some(), "{key}");
    }
    assert!(answer["suspects"][0]["confidence"].is_null());
    Ok(())
}

#[test]
fn the_second_question_gives_the_same_answer_from_the_cache() -> Result<()> {
    let (home, shop) = (Home::new()?, shop()?);
    let path = shop.repository.path();
    let ask = || {
        home.run([
            "ask",
            "--repo",
            path,
            "--as-of",
            "2026-03-02T14:00Z",
            "--symptom",
            "cart total",
            "--json",
        ])?
        .ok()
    };
    let first = ask()?;
    let cache = std::fs::metadata(home.path(".cache/hearback/git.sqlite"))?;
    assert_eq!(cache.permissions().mode() & 0o777, 0o600, "it holds diffs");
    assert_eq!(first, ask()?);
    Ok(())
}

#[test]
fn two_repositories_are_asked_at_once_and_named_apart() -> Result<()> {
    let (home, one) = (Home::new()?, shop()?);
    // The same folder twice: one name, which must become two.
    let path = one.repository.path();
    let answer = home
        .run(["ask", "--repo", path, "--repo", path, "--as-of", "2026-03-02T14:00Z", "--json"])?
        .json()?;
    assert_eq!(answer["considered"], 10);
    let names: Vec<&str> = answer["searched"]
        .as_array()
        .map(|searched| searched.iter().filter_map(|coverage| coverage["source"].as_str()).collect())
        .unwrap_or_default();
    assert_eq!(names.len(), 2);
    assert_eq!(format!("{}-2", names[0]), names[1]);
    Ok(())
}

#[test]
fn without_repo_the_current_folder_is_asked() -> Result<()> {
    let (home, shop) = (Home::new()?, shop()?);
    let mut command = home.command(["ask", "--as-of", "2026-03-02T14:00Z"])?;
    let output = command.current_dir(shop.repository.path()).output()?;
    assert!(String::from_utf8_lossy(&output.stdout).contains("5 changes"), "{output:?}");
    Ok(())
}

#[test]
fn configured_repositories_and_services_are_used() -> Result<()> {
    let (home, shop) = (Home::new()?, shop()?);
    let config = format!(
        "[[repository]]\npath = \"{}\"\nname = \"shop\"\n[[service]]\nname = \"storefront\"\npaths = [\"web/\"]\n",
        shop.repository.path()
    );
    std::fs::write(home.path("hearback.toml"), config)?;
    let out = home.run(["ask", "what changed in storefront?", "--as-of", "2026-03-02T14:00Z"])?.ok()?;
    assert!(out.contains("concerns storefront"), "{out}");
    assert!(out.contains("git:shop: "), "{out}");
    let doctor = home.run(["doctor"])?.ok()?;
    assert!(
        doctor.contains("ok     repository git:shop") && doctor.contains("ok     catalog: 1 service"),
        "{doctor}"
    );
    Ok(())
}

#[test]
fn asking_inside_an_incident_writes_question_evidence_and_answer_into_its_record() -> Result<()> {
    let (home, shop) = (Home::new()?, shop()?);
    home.run(["declare", "Cart totals wrong", "--severity", "SEV-2", "--service", "web"])?.ok()?;
    let out = home
        .run(["ask", "--incident", "inc-1", "--repo", shop.repository.path(), "--since", "2026-03-01"])?
        .ok()?;
    assert!(out.contains("Onset ") && out.contains("declared at"), "{out}");
    let lines = home.run(["record", "show", "INC-1", "--json"])?.ok()?;
    let kinds: Vec<String> = lines
        .lines()
        .map(|line| Ok(serde_json::from_str::<Value>(line)?["kind"].as_str().unwrap_or_default().to_owned()))
        .collect::<Result<_>>()?;
    // The changes, their diffs, and what the change log holds: nothing, which is evidence too.
    let gathered = ["evidence_gathered"; 3];
    assert_eq!(kinds, [&["declared", "asked"], &gathered[..], &["answered"]].concat());
    let export = home.run(["record", "export", "INC-1"])?.ok()?;
    assert_eq!(export.lines().filter(|line| line.starts_with(r#"{"snapshot""#)).count(), 3);
    home.run(["record", "verify", "INC-1"])?.ok()?;
    Ok(())
}

#[test]
fn a_stack_trace_comes_in_through_standard_input() -> Result<()> {
    let (home, shop) = (Home::new()?, shop()?);
    let script = format!(
        "printf 'TypeError: x\\n    at sumTotals (web/cart.js:2:16)\\n' | \
         \"$HEARBACK\" ask --repo {} --as-of 2026-03-02T14:00Z --symptom -",
        shop.repository.path()
    );
    let out = home.shell(&script)?.ok()?;
    assert!(out.lines().nth(1).is_some_and(|line| line.contains(&shop.culprit[..10])), "{out}");
    Ok(())
}

#[test]
fn a_closed_pipe_is_no_failure() -> Result<()> {
    let (home, shop) = (Home::new()?, shop()?);
    let script =
        format!("( \"$HEARBACK\" ask --repo {} --since 900d; echo $? >&2 ) | true", shop.repository.path());
    assert_eq!(home.shell(&script)?.err, "0\n");
    Ok(())
}

#[test]
fn a_question_about_an_older_onset_looks_at_what_came_before_it() -> Result<()> {
    let (home, shop) = (Home::new()?, shop()?);
    let path = shop.repository.path();
    let asked = ["ask", "--repo", path, "--as-of", "2026-03-04T14:00Z", "--onset", "2026-03-02T14:00Z"];
    let out = home.run(asked.iter().chain(&["--symptom", "cart totals are wrong"]))?.ok()?;
    let first = out.lines().nth(2).unwrap_or_default();
    assert!(first.starts_with("1 ") && first.contains(&shop.culprit[..10]), "{out}");
    assert!(out.contains("1 after the onset"), "the revert: {out}");
    Ok(())
}
