//! A model that looks further, behind its real protocol: on the command line and in the service, well-behaved, missing, and
//! killed in the middle. The answer without it stands in every case.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod badly;
mod hypotheses;
mod patch;
mod tools;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::Result;
use hearback_e2e::{Home, Repository, service::Service};
use hearback_fake_model::{Asked, FakeModel, KEY, Play};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const SYMPTOM: &str = "checkout 5xx: connection pool exhausted in pool.yaml";

/// A shop in which the pool was made smaller.
fn shop() -> Result<Repository> {
    let shop = Repository::called("shop")?;
    shop.commit("2026-03-02T10:00:00Z", "Begin", &[("pool.yaml", "size: 50\n"), ("readme.md", "x\n")])?;
    shop.commit("2026-03-02T13:30:00Z", "Smaller connection pool", &[("pool.yaml", "size: 5\n")])?;
    Ok(shop)
}

fn configure(home: &Home, model: &str, rest: &str) -> Result<()> {
    std::fs::write(home.path("model.key"), KEY)?;
    let price = "price = { input = 2, output = 10, currency = \"USD\" }";
    let text = format!(
        "[model]\nurl = {model:?}\nmodel = \"scripted\"\napi_key = {{ file = \"model.key\" }}\n{price}\n\
         [model.limits]\ntime = \"20s\"\n{rest}"
    );
    Ok(std::fs::write(home.path("hearback.toml"), text)?)
}

/// The name under which a piece with these words was shown.
fn named(asked: &Asked, words: &str) -> String {
    for message in asked.messages() {
        let text = message["content"].as_str().unwrap_or_default();
        let mut name = "";
        for line in text.lines() {
            if line.starts_with('E') && line.contains("could have written") {
                name = line.split([',', ' ']).next().unwrap();
            }
            if line.contains(words) && !name.is_empty() {
                return name.to_owned();
            }
        }
    }
    panic!("nothing with {words:?} was shown: {asked:?}");
}

/// Looks at a diff, then reports what stands in it, and something that does not.
fn diligent(asked: &Asked) -> Play {
    let answered = asked.messages().iter().filter(|message| message["role"] == "tool").count();
    match answered {
        0 => Play::calls(&[("changes", r#"{"words": "pool"}"#), ("experts", "{}")]).counting(1_000, 0, 50),
        2 => Play::calls(&[("diff", r#"{"change": "C1"}"#)]).counting(2_000, 0, 50),
        3 => {
            let diff = named(asked, "pool.yaml");
            let suspect = named(asked, "Smaller connection pool");
            let report = json!({
                "claims": [
                    { "says": "The change is titled \"Smaller connection pool\".", "cites": [suspect] },
                    { "says": "It took effect at 13:31.", "cites": [suspect] },
                ],
                "hypotheses": [{
                    "says": "A file pool.yaml changed, and the pool is too small.", "cites": [diff], "change": "C1",
                    "disproved_by": "The errors go on with the old pool.yaml.", "doubtful": false
                }],
                "done": true
            });
            Play::calls(&[("report", &report.to_string())]).counting(3_000, 0, 100)
        }
        // What was dropped is left out.
        _ => {
            let suspect = named(asked, "Smaller connection pool");
            let claims =
                json!([{ "says": "The change is titled \"Smaller connection pool\".", "cites": [suspect] }]);
            let report = json!({ "claims": claims, "hypotheses": [], "done": true });
            Play::calls(&[("report", &report.to_string())]).counting(4_000, 0, 100)
        }
    }
}

#[test]
fn a_model_looks_further_and_only_what_stands_in_the_evidence_is_told() -> Result<()> {
    let runtime = Runtime::new()?;
    let model = runtime.block_on(FakeModel::directed(diligent));
    let (home, shop) = (Home::new()?, shop()?);
    configure(&home, &model.base_url(), "")?;
    let ask = ["ask", "--repo", shop.path(), "--as-of", "2026-03-02T14:00Z", "--symptom", SYMPTOM];
    let without = home.run(ask)?.ok()?;
    assert!(model.asked().is_empty(), "nobody asked for a model");
    let with = home.run(ask.iter().chain(&["--deepen"]))?.ok()?;
    let first = |text: &str| text.lines().next().unwrap().to_owned();
    assert_eq!(first(&with), first(&without), "the answer is the same");
    assert!(with.contains("\nModel: The change is titled \"Smaller connection pool\".\n"), "{with}");
    assert!(!with.contains("13:31"), "what was made up is not told: {with}");
    let last = with.lines().last().unwrap();
    assert!(last.contains("scripted"), "{last}");
    assert!(last.contains("4 turns, 3 look-ups, 10300 tokens, 0.0230 USD"), "{last}");
    assert_eq!(model.asked().len(), 4);
    Ok(())
}

#[test]
fn a_model_that_is_missing_is_said_to_be_and_the_answer_stands() -> Result<()> {
    let (home, shop) = (Home::new()?, shop()?);
    let ask =
        ["ask", "--repo", shop.path(), "--as-of", "2026-03-02T14:00Z", "--symptom", SYMPTOM, "--deepen"];
    let none = home.run(ask)?.ok()?;
    assert!(none.ends_with("No model is configured: set [model] to let one look further.\n"), "{none}");
    let runtime = Runtime::new()?;
    let model =
        runtime.block_on(FakeModel::directed(|_| Play::fails(401, "invalid_api_key", "Incorrect API key")));
    configure(&home, &model.base_url(), "")?;
    let out = home.run(ask)?.ok()?;
    assert!(out.contains("Smaller connection pool"), "{out}");
    let last = out.lines().last().unwrap();
    assert!(last.starts_with("The model is missing: ") && last.ends_with("was found without it."), "{last}");
    assert!(!out.contains(KEY), "{out}");
    drop(model);
    let out = home.run(ask)?.ok()?;
    assert!(out.lines().last().unwrap().starts_with("The model is missing: "), "{out}");
    Ok(())
}

/// Declares an incident and asks in it, through the service.
fn incident(service: &Service) -> Result<String> {
    let declared = json!({ "title": "Checkout 5xx", "severity": "SEV-2", "services": ["checkout"] });
    let id = service.post("/v1/incidents", &declared)?.ok()?["incident"].as_str().unwrap().to_owned();
    let ask = json!({ "symptom": SYMPTOM, "as_of": "2026-03-02T14:00Z", "since": "24h" });
    service.post(&format!("/v1/incidents/{id}/ask"), &ask)?.ok()?;
    Ok(id)
}

fn kinds(page: &Value) -> Vec<&str> {
    page["entries"].as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap()).collect()
}

#[test]
fn the_service_lets_a_model_look_further_and_goes_on_where_a_killed_one_was() -> Result<()> {
    let runtime = Runtime::new()?;
    let holds = Arc::new(AtomicBool::new(true));
    let held = Arc::new(AtomicUsize::new(0));
    let (still, waits) = (Arc::clone(&holds), Arc::clone(&held));
    let model = runtime.block_on(FakeModel::directed(move |asked| {
        let answered = asked.messages().iter().filter(|message| message["role"] == "tool").count();
        if answered >= 2 && still.load(Ordering::SeqCst) {
            waits.fetch_add(1, Ordering::SeqCst);
            return Play::hangs();
        }
        diligent(asked)
    }));
    let (home, shop) = (Home::new()?, shop()?);
    configure(&home, &model.base_url(), &format!("[[repository]]\npath = {:?}\n", shop.path()))?;
    let service = Service::start(&home)?;
    let id = incident(&service)?;
    let token = service.token.clone();
    // It has looked something up, and waits for the model.
    service.wait_for(&format!("/v1/incidents/{id}/entries"), |page| {
        (kinds(page).contains(&"investigating") && held.load(Ordering::SeqCst) > 0).then_some(())
    })?;
    let metrics = service.get("/metrics")?.text();
    assert!(metrics.contains("hearback_answers_total"), "the answer was there all the while: {metrics}");
    service.end("-KILL")?;

    holds.store(false, Ordering::SeqCst);
    let before = model.asked().len();
    let mut service = Service::start(&home)?;
    service.token = token;
    let found = service.wait_for(&format!("/v1/incidents/{id}/entries"), |page| {
        let entries = page["entries"].as_array()?;
        let found = entries.iter().find(|entry| entry["kind"] == "investigated")?;
        Some(found["body"]["kept"]["json"]["found"].clone())
    })?;
    assert_eq!(found["ending"], "finished", "{found}");
    assert_eq!(found["claims"][0]["says"], "The change is titled \"Smaller connection pool\".");
    let again = model.asked().iter().skip(before).filter(|asked| asked.messages().len() == 2).count();
    assert_eq!(again, 0, "what was looked up before is not asked for again");
    let metrics = service.get("/metrics")?.text();
    assert!(metrics.contains("hearback_investigations_total{how=\"finished\"} 1"), "{metrics}");
    assert!(metrics.contains("hearback_model_cost_micros_total{currency=\"USD\"}"), "{metrics}");
    let show = home.run(["incident", "show", &id])?.ok()?;
    assert!(show.contains("a model looked further into the answer"), "{show}");
    Ok(())
}
