//! `hearback backtest model`: a model's looks at frozen incidents beside the answers without it. What an incident was is not
//! there to be read until the model has been asked, and nothing of it is ever sent.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context as _, Result};
use hearback_e2e::Home;
use hearback_e2e::frozen::{CULPRIT, DECOY, TRUTH, freeze};
use hearback_fake_model::{Asked, FakeModel, KEY, Play};
use regex::Regex;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// A word of `truth.json` alone.
const CANARY: &str = "zanzibar-quokka";
const PRICE: &str = "price = { input = 2, output = 10, currency = \"USD\" }";

fn configure(home: &Home, model: &str, price: &str) -> Result<()> {
    fs::write(home.path("model.key"), KEY)?;
    let text = format!(
        "[model]\nurl = {model:?}\nmodel = \"scripted\"\napi_key = {{ file = \"model.key\" }}\n{price}\n\
         [model.limits]\ntime = \"20s\"\n"
    );
    Ok(fs::write(home.path("hearback.toml"), text)?)
}

/// Frozen incidents of these names, without what they were.
fn incidents(home: &Home, names: &[&str]) -> Result<String> {
    for name in names {
        freeze(&home.path("incidents").join(name))?;
    }
    Ok(home.path("incidents").to_str().context("a path")?.to_owned())
}

fn was_none() -> String {
    TRUTH.replace(CULPRIT, "none")
}

/// The names under which a change with these words in its title was shown.
fn named(asked: &Asked, title: &str) -> (String, String) {
    for message in asked.messages() {
        let (mut evidence, mut change) = ("", "");
        for line in message["content"].as_str().unwrap_or_default().lines() {
            if line.starts_with('E') && line.contains("could have written") {
                let mut names = line.split([',', ' ']);
                evidence = names.next().unwrap();
                change = names.skip_while(|word| *word != "change").nth(1).unwrap_or_default();
            }
            if line.contains(title) && change.starts_with('C') {
                return (evidence.to_owned(), change.to_owned());
            }
        }
    }
    panic!("nothing with {title:?} was shown: {asked:?}");
}

/// A report that blames the change with this title, or no change.
fn blames(asked: &Asked, title: &str, is_change: bool) -> Play {
    let (evidence, change) = named(asked, title);
    let report = json!({
        "claims": [{ "says": "It took effect at 23:59.", "cites": [evidence] }],
        "hypotheses": [{
            "says": format!("There is a change called \"{title}\"."), "cites": [evidence],
            "change": is_change.then_some(change), "disproved_by": "It goes on without it.", "doubtful": false
        }],
        "done": true
    });
    Play::calls(&[("report", &report.to_string())]).counting(1_000, 0, 50)
}

fn silent() -> Play {
    Play::calls(&[("report", r#"{"claims": [], "hypotheses": [], "done": true}"#)])
}

/// What stays the same from run to run.
fn timeless(text: &str) -> String {
    let host = Regex::new(r"127\.0\.0\.1:\d+").unwrap().replace_all(text, "HOST");
    let took = Regex::new(r"\d+\.\d s\b").unwrap().replace_all(&host, "S s");
    Regex::new(r"(?m)^seconds .*$").unwrap().replace_all(&took, "seconds …").into_owned()
}

#[test]
fn a_model_that_is_right_is_scored_by_a_truth_that_is_not_there_until_it_is_asked() -> Result<()> {
    let runtime = Runtime::new()?;
    let home = Home::new()?;
    let dir = incidents(&home, &["shop"])?;
    let commits = home.path("incidents/shop/context/commits.json");
    let mut all: Vec<Value> = serde_json::from_str(&fs::read_to_string(&commits)?)?;
    all.push(json!({"sha": "cc33cc33cc33cc33cc33cc33cc33cc33cc33cc33", "author": "ada", "timestamp": "2026-03-02T12:00:00Z",
        "message": "Nobody knew of this yet", "files_changed": ["cart/late.go"], "diff": "@@ cart/late.go @@\n+\tNobody knew"}));
    fs::write(&commits, json!(all).to_string())?;
    let truth = home.path("incidents/shop/truth.json");
    let written = truth.clone();
    let with_canary = TRUTH.replace("\"rollback\"", &format!("\"rollback\", \"notes\": \"{CANARY}\""));
    let model = runtime.block_on(FakeModel::directed(move |asked| {
        if asked.number == 0 {
            assert!(!written.exists());
            fs::write(&written, &with_canary).unwrap();
        }
        match asked.messages().len() {
            2 => Play::calls(&[
                ("changes", "{}"),
                ("diff", r#"{"change": "C1"}"#),
                ("log_templates", r#"{"severity": "info"}"#),
                ("traces", "{}"),
                ("record", "{}"),
            ]),
            _ => blames(asked, "Simplify discounts", true),
        }
    }));
    configure(&home, &model.base_url(), PRICE)?;
    let run = home.run(["backtest", "model", "--dir", &dir, "--repeat", "2", "--json"])?;
    assert!(run.err.contains("1 frozen incident, 2 times each"), "{}", run.err);
    let told = run.json()?;
    let case = &told["incidents"][0];
    assert_eq!((&case["answer"], &case["answer_mark"]), (&json!(CULPRIT), &json!("right")), "{told:#}");
    assert_eq!(case["looks"].as_array().map(Vec::len), Some(2));
    for look in case["looks"].as_array().unwrap() {
        assert_eq!((&look["first"], &look["agrees"]), (&json!("right"), &json!(true)), "{look:#}");
        assert_eq!((&look["ending"], &look["lookups"]), (&json!("finished"), &json!(5)));
        assert_eq!(look["dropped"]["unsupported"], 1, "no change took effect at 23:59");
    }
    assert_eq!(told["summary"]["spread"]["right_by_round"], json!([1, 1]));
    assert_eq!(told["summary"]["model"]["right"]["value"], 1.0);
    let sent: Vec<String> = model.asked().iter().map(|asked| asked.body.to_string()).collect();
    assert!(sent.len() >= 4 && truth.exists());
    for request in &sent {
        assert!(
            !request.contains(CANARY) && !request.contains("decoy_deploy") && !request.contains("truth.json")
        );
    }
    let looked_up = "4 changes of the window, 4 fit";
    assert!(sent.iter().any(|request| request.contains(looked_up)), "the record's own changes are looked up");
    assert!(!sent.iter().any(|request| request.contains("Nobody knew")), "what came later does not show");
    Ok(())
}

#[test]
fn right_wrong_silent_garbled_and_mended_looks_are_told_beside_the_answers() -> Result<()> {
    let runtime = Runtime::new()?;
    let home = Home::new()?;
    let dir = incidents(&home, &["a-right", "b-wrong", "c-silent", "d-garbled", "e-mended"])?;
    for name in ["a-right", "b-wrong", "c-silent", "d-garbled"] {
        fs::write(home.path("incidents").join(name).join("truth.json"), TRUTH)?;
    }
    fs::write(home.path("incidents/e-mended/truth.json"), was_none())?;
    let conversations = Mutex::new(0_u32);
    let model = runtime.block_on(FakeModel::directed(move |asked| {
        let mut begun = conversations.lock().unwrap();
        *begun += u32::from(asked.messages().len() == 2);
        match *begun {
            1 => blames(asked, "Simplify discounts", true),
            2 => blames(asked, "Clearer logs of the cart", true),
            3 => silent(),
            4 => Play::says("I would rather talk about the weather."),
            _ => blames(asked, "Clearer logs of the cart", false),
        }
    }));
    configure(&home, &model.base_url(), PRICE)?;
    let run = home.run(["backtest", "model", "--dir", &dir])?;
    assert_eq!(run.code, Some(0), "{}{}", run.err, run.out);
    insta::assert_snapshot!("told", timeless(&format!("{}\n{}", run.err, run.out)));
    let one = home.run(["backtest", "model", "--dir", &dir, "--only", "e-mended", "--json"])?.json()?;
    assert_eq!(one["summary"]["mended"], json!({"e-mended": 1}), "{one:#}");
    assert_eq!(
        one["summary"]["false_accusations"]["by_answer"], 1,
        "the answer blames {CULPRIT}, not {DECOY}"
    );
    Ok(())
}

#[test]
fn a_model_that_is_away_is_missing_and_the_answers_are_told() -> Result<()> {
    let runtime = Runtime::new()?;
    let home = Home::new()?;
    let dir = incidents(&home, &["a", "b", "c", "d"])?;
    fs::write(home.path("incidents/a/truth.json"), TRUTH)?;
    let model = runtime.block_on(FakeModel::directed(|_| silent()));
    configure(&home, &model.base_url(), "")?;
    drop(model);
    let one = home.run(["backtest", "model", "--dir", &dir, "--only", "a"])?;
    assert_eq!(one.code, Some(1), "{}", one.err);
    assert!(
        one.out.contains("a: answer right, aa11aa11aa; model without a hypothesis; missing ("),
        "{}",
        one.out
    );
    assert!(one.out.contains("The model was missing once."), "{}", one.out);
    let all = home.run(["backtest", "model", "--dir", &dir])?;
    assert_eq!(all.code, Some(1));
    assert!(
        all.err.contains("the model was missing 3 times in a row, so it was not asked again"),
        "{}",
        all.err
    );
    assert!(all.out.contains("\nc: ") && !all.out.contains("\nd: "), "{}", all.out);
    Ok(())
}

#[test]
fn what_has_to_be_mended_is_said_in_a_sentence() -> Result<()> {
    let runtime = Runtime::new()?;
    let home = Home::new()?;
    let dir = incidents(&home, &["a", "b"])?;
    let check = |more: &[&str], code: i32, says: &str| -> Result<()> {
        let run = home.run(["backtest", "model", "--dir", &dir].iter().chain(more))?;
        assert_eq!(run.code, Some(code), "{more:?}: {}{}", run.err, run.out);
        assert!(run.err.contains(says) && !run.err.contains(KEY), "{more:?}: {}", run.err);
        assert_eq!(run.out, "", "{more:?}");
        Ok(())
    };
    check(&[], 2, "no model is configured: set url, model and, if it wants one, api_key under [model]")?;
    let refuses =
        runtime.block_on(FakeModel::directed(|_| Play::fails(401, "invalid_api_key", "Incorrect API key")));
    configure(&home, &refuses.base_url(), "")?;
    check(&[], 1, "hearback: the model can't be used: ")?;
    assert_eq!(refuses.asked().len(), 1, "nobody asks again with a key that is refused");
    check(&["--only", "nowhere"], 2, "--only: there is no frozen incident \"nowhere\" in ")?;
    check(&["--most-cost", "1"], 2, "--most-cost needs model.price of each endpoint")?;
    let empty = home.path("empty");
    fs::create_dir(&empty)?;
    let none = home.run(["backtest", "model", "--dir", empty.to_str().context("a path")?])?;
    assert_eq!(none.code, Some(2), "{}", none.err);
    assert!(none.err.contains("holds no frozen incident"), "{}", none.err);
    fs::remove_file(home.path("model.key"))?;
    check(&[], 2, "model.key")?;
    Ok(())
}

#[test]
fn it_ends_when_what_may_be_spent_is_spent() -> Result<()> {
    let runtime = Runtime::new()?;
    let home = Home::new()?;
    let dir = incidents(&home, &["a", "b", "c"])?;
    let model = runtime.block_on(FakeModel::directed(|_| silent().counting(10_000, 0, 0)));
    configure(&home, &model.base_url(), PRICE)?;
    for limit in [["--most-tokens", "20000"], ["--most-cost", "0.04"]] {
        let run = home.run(["backtest", "model", "--dir", &dir].iter().chain(&limit))?;
        assert_eq!(run.code, Some(1), "{limit:?}: {}", run.err);
        assert!(run.err.contains("what may be spent is spent"), "{limit:?}: {}", run.err);
        assert!(run.err.contains(&format!("; it ends when {}", limit[1])), "{limit:?}: {}", run.err);
        assert!(run.out.contains("\nb: ") && !run.out.contains("\nc: "), "{limit:?}: {}", run.out);
    }
    let bad = home.run(["backtest", "model", "--dir", &dir, "--most-cost", "much"])?;
    assert_eq!(bad.code, Some(2));
    assert!(bad.err.contains("--most-cost: \"much\" is no amount"), "{}", bad.err);
    Ok(())
}

#[test]
fn ctrl_c_sums_up_what_is_there() -> Result<()> {
    let runtime = Runtime::new()?;
    let home = Home::new()?;
    let dir = incidents(&home, &["a", "b"])?;
    fs::write(home.path("incidents/a/truth.json"), TRUTH)?;
    let model = runtime.block_on(FakeModel::directed(|asked| match asked.number {
        0 => silent(),
        _ => Play::hangs(),
    }));
    configure(&home, &model.base_url(), PRICE)?;
    let mut child = home
        .command(["backtest", "model", "--dir", &dir])?
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut out = BufReader::new(child.stdout.take().context("a piped output")?);
    let mut first = String::new();
    out.read_line(&mut first)?;
    assert!(first.starts_with("a: answer right, "), "{first}");
    Command::new("kill").args(["-INT", &child.id().to_string()]).status()?;
    let (mut rest, mut err) = (String::new(), String::new());
    out.read_to_string(&mut rest)?;
    child.stderr.take().context("a piped error output")?.read_to_string(&mut err)?;
    assert_eq!(child.wait()?.code(), Some(130), "{err}");
    assert!(err.contains("Stopped by Ctrl-C: the model looked at 1 of 2 incidents."), "{err}");
    assert!(rest.contains("1 frozen incident, 1 look of a model"), "{rest}");
    Ok(())
}
