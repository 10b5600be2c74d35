//! Models that behave badly, behind their real protocol: storms of calls, broken JSON, replies cut off, refusals, servers that
//! are busy, broken, slow, or say that it is too much, citations that are wrong, names that nobody gave. Whatever they do, the
//! answer stands, what was soundly reported stands, nothing made up is told, and the last line says how it ended.

use anyhow::Result;
use hearback_e2e::Home;
use hearback_fake_model::{Asked, FakeModel, Play};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{SYMPTOM, configure, named, shop};

/// The one sound sentence that they say before they behave badly.
const SOUND: &str = "Model: The change is titled \"Smaller connection pool\".";

fn report(asked: &Asked, more: Value, done: bool) -> Play {
    let suspect = named(asked, "Smaller connection pool");
    let mut claims =
        vec![json!({ "says": "The change is titled \"Smaller connection pool\".", "cites": [suspect] })];
    claims.extend(more.as_array().cloned().unwrap_or_default());
    Play::calls(&[("report", &json!({ "claims": claims, "hypotheses": [], "done": done }).to_string())])
}

/// First a sound report that is not the last, then whatever `then` does.
fn soundly(
    then: impl Fn(&Asked, usize) -> Play + Send + Sync + 'static,
) -> impl Fn(&Asked) -> Play + Send + Sync {
    move |asked| match asked.messages().iter().filter(|message| message["role"] == "assistant").count() {
        0 => report(asked, json!([]), false),
        turn => then(asked, turn),
    }
}

/// Asks with such a model. Gives what was printed, and how often it was asked.
fn run(model: impl Fn(&Asked) -> Play + Send + Sync + 'static) -> Result<(String, usize)> {
    let runtime = Runtime::new()?;
    let model = runtime.block_on(FakeModel::directed(model));
    let (home, shop) = (Home::new()?, shop()?);
    configure(&home, &model.base_url(), "")?;
    let ask =
        ["ask", "--repo", shop.path(), "--as-of", "2026-03-02T14:00Z", "--symptom", SYMPTOM, "--deepen"];
    let out = home.run(ask)?.ok()?;
    assert!(out.contains("Smaller connection pool"), "the answer stands: {out}");
    let broken = model.take_broken();
    assert!(broken.is_empty(), "what is sent keeps to the protocol: {broken:?}");
    Ok((out, model.asked().len()))
}

/// What was soundly said stands, and the last line says how it ended.
#[track_caller]
fn check(model: impl Fn(&Asked, usize) -> Play + Send + Sync + 'static, ended: &str) {
    let (out, asked) = run(soundly(model)).unwrap();
    assert!(out.contains(SOUND), "{out}");
    assert!(!out.contains("evil"), "{out}");
    let last = out.lines().last().unwrap();
    assert!(last.contains(ended), "{ended:?}: {last}");
    assert!(asked <= 30, "asked {asked} times: {out}");
}

#[test]
fn a_storm_of_calls_is_cut_and_ends_at_the_turns_it_may_have() {
    let storm = |_: &Asked, turn: usize| {
        let calls: Vec<String> =
            (0..50).map(|n| json!({ "words": format!("evil {turn} {n}") }).to_string()).collect();
        let calls: Vec<(&str, &str)> =
            calls.iter().map(|arguments| ("changes", arguments.as_str())).collect();
        Play::calls(&calls)
    };
    check(storm, "stopped: asked as often as it may");
}

#[test]
fn the_same_call_again_and_again_is_a_loop() {
    check(|_, _| Play::calls(&[("record", "{}")]), "stopped: it asked for the same again and again");
}

#[test]
fn arguments_that_are_no_json_are_told_back_and_end_it() {
    check(|_, _| Play::calls(&[("report", "{\"claims\": [evil")]), "stopped: it could not be understood");
    check(|_, _| Play::says("evil: I will not call anything."), "stopped: it could not be understood");
}

#[test]
fn replies_that_are_cut_off_end_it() {
    let cut = |_: &Asked, _| Play::calls(&[("report", "{\"claims\": [{\"says\": \"evil")]).ending("length");
    check(cut, "stopped: it could not be understood");
    check(|_, _| Play::says("evil evil evil").breaking_after(1), "stopped:");
}

#[test]
fn a_refusal_ends_it() {
    check(|_, _| Play::refuses("I can't do this"), "stopped: it refused");
    check(|_, _| Play::withholds(), "stopped: it refused");
}

#[test]
fn busy_and_broken_servers_are_asked_again_and_then_left() {
    check(|_, _| Play::busy(None), "stopped: it went away");
    check(|_, _| Play::fails(500, "server_error", "evil"), "stopped: it went away");
    check(|_, _| Play::sends(200, "text/html", "<html>evil</html>"), "stopped:");
    check(|_, _| Play::fails(401, "invalid_api_key", "evil"), "stopped: it went away");
}

#[test]
fn one_that_is_too_long_for_it_is_made_shorter() {
    let too_long = |asked: &Asked, turn: usize| match turn {
        1 => Play::calls(&[("changes", "{}")]),
        _ if asked.messages().iter().any(|message| {
            message["role"] == "tool" && message["content"].as_str().is_some_and(|text| text.len() > 400)
        }) =>
        {
            Play::fails(400, "context_length_exceeded", "This model's maximum context length is 300 tokens.")
        }
        _ => report(asked, json!([]), true),
    };
    check(too_long, "3 turns");
}

#[test]
fn a_stream_that_drips_is_read_to_its_end() {
    check(|asked, _| report(asked, json!([]), true).in_packets_of(1), "2 turns");
}

#[test]
fn one_that_hangs_is_not_waited_for_longer_than_it_may_take() {
    check(|_, _| Play::hangs(), "stopped:");
}

#[test]
fn wrong_citations_and_names_that_nobody_gave_are_dropped_and_counted() {
    let wrong = |asked: &Asked, _: usize| {
        let suspect = named(asked, "Smaller connection pool");
        let claims = json!([
            { "says": "It took effect at 99:99, evil.", "cites": [suspect] },
            { "says": "The pool is evil.", "cites": ["E999"] },
            { "says": "The pool is evil.", "cites": [] },
            { "says": "See https://evil.example/x.", "cites": [suspect] },
        ]);
        report(asked, claims, true)
    };
    check(wrong, "4 statements dropped: not in the evidence");
    let fabricated = |asked: &Asked, turn: usize| match turn {
        1 => Play::calls(&[("diff", r#"{"change": "C999"}"#), ("rollback", r#"{"to": "evil"}"#)]),
        _ => report(asked, json!([]), true),
    };
    check(fabricated, "3 turns");
}
