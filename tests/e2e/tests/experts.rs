//! `hearback experts` and the line "Ask:" of an answer, on real repositories, as a user runs them.

use anyhow::{Context as _, Result};
use hearback_e2e::{Home, Repository};
use serde_json::Value;

const SYMPTOM: &str = "checkout 5xx, TypeError in cart.js at sumTotals";
const AS_OF: &str = "2026-03-02T14:00:00Z";

/// Ana keeps the cart, Ben broke it, Cy takes changes back, Renovate is a program, Fay comes later.
fn shop() -> Result<Repository> {
    let shop = Repository::new()?;
    let by = |who: &str, at: &str, message: &str, path: &str, content: &str| -> Result<String> {
        let file = std::path::Path::new(shop.path()).join(path);
        std::fs::create_dir_all(file.parent().context("a file has a folder")?)?;
        std::fs::write(file, content)?;
        shop.git(&["add", "--all"], at)?;
        let author = format!("--author={who}");
        shop.git(&["commit", "--quiet", &author, "--message", message], at)?;
        Ok(shop.git(&["rev-parse", "HEAD"], at)?.trim().to_owned())
    };
    let (ana, ben) = ("Ana Ruiz <ana@shop.example>", "Ben Ode <ben@shop.example>");
    by(ana, "2026-02-01T10:00:00+01:00", "The cart", "web/cart.js", "one\n")?;
    by(ana, "2026-02-02T10:00:00+01:00", "Owners", "CODEOWNERS", "/web/ @ana\n")?;
    by(
        ana,
        "2026-02-03T10:00:00+01:00",
        "Who is who",
        ".mailmap",
        "Ben Ode <ben@shop.example> <b@home.example>\n",
    )?;
    let colour =
        by(ben, "2026-02-20T09:00:00-08:00", "Search by colour", "search/query.go", "package search\n")?;
    let message = format!("Revert \"Search by colour\"\n\nThis reverts commit {colour}.");
    by("Cy Doe <cy@shop.example>", "2026-02-21T09:00:00Z", &message, "search/query.go", "package none\n")?;
    by("Renovate[bot] <bot@renovateapp.com>", "2026-03-02T13:50:00Z", "Bump", "web/package.json", "{}\n")?;
    by("b <b@home.example>", "2026-03-02T05:30:00-08:00", "Let the cart hold lists", "web/cart.js", "two\n")?;
    by("Fay Far <fay@shop.example>", "2026-03-02T14:30:00Z", "Mend the cart", "web/cart.js", "three\n")?;
    by(ana, "2026-03-02T14:40:00Z", "Other owners", "CODEOWNERS", "/web/ @fay\n")?;
    Ok(shop)
}

fn experts(home: &Home, shop: &Repository, more: &[&str]) -> Result<Value> {
    let asked = ["experts", "--repo", shop.path(), "--symptom", SYMPTOM, "--as-of", AS_OF, "--json"];
    home.run(asked.iter().chain(more))?.json()
}

fn names(found: &Value) -> Vec<&str> {
    let experts = found["experts"].as_array().map(Vec::as_slice).unwrap_or_default();
    experts.iter().filter_map(|expert| expert["name"].as_str()).collect()
}

fn expert<'a>(found: &'a Value, name: &str) -> Result<&'a Value> {
    let experts = found["experts"].as_array().context("there are experts")?;
    experts.iter().find(|expert| expert["name"] == name).with_context(|| format!("{name} in {found}"))
}

fn says(expert: &Value) -> String {
    let reasons = expert["reasons"].as_array().map(Vec::as_slice).unwrap_or_default();
    reasons.iter().filter_map(|reason| reason.pointer("/claim/says")?.as_str()).collect::<Vec<_>>().join("; ")
}

fn gaps(found: &Value) -> String {
    let gaps = found["gaps"].as_array().map(Vec::as_slice).unwrap_or_default();
    gaps.iter().map(|gap| format!("{}: {}\n", gap["source"], gap["why"])).collect()
}

const CONFIG: &str = r#"
[[person]]
name = "Ana Ruiz"
emails = ["ana@shop.example"]
handle = "@ana"
zone = "Asia/Tokyo"

[[on_call]]
person = "ana@shop.example"
weekly = { from = "Mon 00:00", until = "Fri 17:00" }
"#;

#[test]
fn people_are_ranked_with_reasons_and_the_time_there() -> Result<()> {
    let (home, shop) = (Home::new()?, shop()?);
    let found = experts(&home, &shop, &[])?;
    // One person behind two addresses, no program, nobody from the future; nobody says who "@ana" of CODEOWNERS is.
    assert_eq!(names(&found), ["Ben Ode", "Ana Ruiz", "Cy Doe", "@ana"]);
    let (ben, cy) = (expert(&found, "Ben Ode")?, expert(&found, "Cy Doe")?);
    assert!(says(ben).contains("made "), "{ben}");
    assert_eq!(ben["local_time"]["clock"], "06:00");
    assert_eq!(ben["local_time"]["zone"], "UTC-08:00");
    assert_eq!(ben["local_time"]["is_night"], true);
    assert!(says(cy).contains("took changes back once"), "{cy}");
    let ana = says(expert(&found, "Ana Ruiz")?);
    assert!(ana.contains("wrote 1 line next to ") && ana.contains(" in web/cart.js, 29 d before"), "{ana}");
    Ok(())
}

#[test]
fn codeowners_counts_as_it_was_then() -> Result<()> {
    let (home, shop) = (Home::new()?, shop()?);
    std::fs::write(home.path("hearback.toml"), CONFIG)?;
    let found = experts(&home, &shop, &[])?;
    assert!(says(expert(&found, "Ana Ruiz")?).contains("by CODEOWNERS of git:"), "{found}");
    assert!(!found.to_string().to_lowercase().contains("fay"), "she owns it since later: {found}");
    let now =
        ["experts", "--repo", shop.path(), "--symptom", SYMPTOM, "--as-of", "2026-03-02T15:00Z", "--json"];
    let later = home.run(now)?.json()?;
    assert!(
        names(&later).contains(&"@fay") || says(expert(&later, "Fay Far")?).contains("CODEOWNERS"),
        "{later}"
    );
    Ok(())
}

#[test]
fn whoever_is_on_call_is_paged_first_and_stands_where_their_knowledge_puts_them() -> Result<()> {
    let (home, shop) = (Home::new()?, shop()?);
    let before = experts(&home, &shop, &[])?;
    std::fs::write(
        home.path("hearback.toml"),
        "[[on_call]]\nperson = \"Cy Doe\"\nweekly = { from = \"Mon 00:00\", until = \"Fri 17:00\" }\n",
    )?;
    let found = experts(&home, &shop, &[])?;
    assert_eq!(names(&found), names(&before), "being on call moves nobody");
    let cy = expert(&found, "Cy Doe")?;
    assert_eq!((&cy["on_call"], &cy["page_first"]), (&Value::Bool(true), &Value::Bool(true)));
    assert!(says(cy).starts_with("on call until 2026-03-06 17:00:00Z by on_call"), "{cy}");
    let text = home.run(["experts", "--repo", shop.path(), "--symptom", SYMPTOM, "--as-of", AS_OF])?.ok()?;
    assert!(text.starts_with("Page Cy Doe first: on call"), "{text}");
    Ok(())
}

#[test]
fn who_opted_out_is_shown_nowhere() -> Result<()> {
    let (home, shop) = (Home::new()?, shop()?);
    let config = "[[person]]\nname = \"Ben Ode\"\nemails = [\"ben@shop.example\"]\nopt_out = true\n\
                  [[on_call]]\nperson = \"ben@shop.example\"\nweekly = { from = \"Mon 00:00\", until = \"Fri 17:00\" }\n";
    std::fs::write(home.path("hearback.toml"), config)?;
    let found = experts(&home, &shop, &["--top", "20"])?;
    assert_eq!(names(&found), ["Cy Doe", "@ana", "Ana Ruiz"]);
    assert!(!found.to_string().contains("Ben"), "{found}");
    Ok(())
}

#[test]
fn what_is_not_connected_is_said_and_no_data_is_no_error() -> Result<()> {
    let (home, shop) = (Home::new()?, Repository::new()?);
    shop.commit("2026-03-01T10:00:00Z", "Import", &[("README.md", "Shop\n")])?;
    let found = experts(&home, &shop, &["--service", "checkout"])?;
    let gaps = gaps(&found);
    assert!(gaps.contains("no on-call schedule is connected"), "{gaps}");
    assert!(gaps.contains("no CODEOWNERS in it") || names(&found).len() == 1, "{gaps}");
    assert!(gaps.contains("checkout is not in it, so who owns it is not known"), "{gaps}");
    let asked = ["experts", "--repo", shop.path(), "--as-of", "2026-02-01T00:00Z"];
    let nobody = home.run(asked)?.ok()?;
    assert!(nobody.starts_with("Nobody to ask") && nobody.contains("Searched in "), "{nobody}");
    Ok(())
}

#[test]
fn a_mistake_in_the_configuration_is_named() -> Result<()> {
    let (home, shop) = (Home::new()?, Repository::new()?);
    shop.commit("2026-03-01T10:00:00Z", "Import", &[("README.md", "Shop\n")])?;
    for (config, expect) in [
        (
            "[[person]]\nname = \"Ana\"\nzone = \"Europe/Atlantis\"\n",
            "zone \"Europe/Atlantis\" is not known here",
        ),
        ("[[on_call]]\nperson = \"Ana\"\n", "on_call \"Ana\": give exactly one of weekly"),
    ] {
        std::fs::write(home.path("hearback.toml"), config)?;
        let run = home.run(["experts", "--repo", shop.path()])?;
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.err.contains(expect), "{run:?}");
    }
    Ok(())
}

#[test]
fn an_answer_says_whom_to_ask_in_one_line() -> Result<()> {
    let (home, shop) = (Home::new()?, shop()?);
    std::fs::write(home.path("hearback.toml"), CONFIG)?;
    let ask = ["ask", "--repo", shop.path(), "--symptom", SYMPTOM, "--as-of", AS_OF];
    let out = home.run(ask)?.ok()?;
    let line = out.lines().find(|line| line.starts_with("Ask: ")).with_context(|| out.clone())?;
    assert!(line.contains("Ana Ruiz (page first: on call until"), "{line}");
    assert!(line.contains("Ben Ode (") && line.contains("06:00 there"), "{line}");
    assert!(out.lines().count() <= 10, "{out}");
    // As JSON it holds them too: three at most, each reason with its citation.
    let answer = home.run(ask.iter().chain(&["--json"]))?.json()?;
    let experts = answer["experts"].as_array().context("there are experts")?;
    assert!(
        experts.len() <= 3
            && experts.iter().all(|expert| {
                let reasons = expert["reasons"].as_array().map(Vec::as_slice).unwrap_or_default();
                reasons
                    .iter()
                    .all(|reason| reason["claim"]["citations"].as_array().is_some_and(|all| !all.is_empty()))
            })
    );
    Ok(())
}
