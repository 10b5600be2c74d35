//! What comes in over HTTP: what is refused and with which status, what is ignored and why, and what is heard.

use hearback_slack::{
    Ignored, Intake, IntakeRefusal, IntakeRequest, LARGEST_REQUEST_BYTES, SignatureProblem,
};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::contract::{BOT_USER, SIGNING_SECRET, TEAM};
use super::now;
use super::sends::{ADA, Request, mention};
use super::sent::{self, CHANNEL, approve, command, event, line, message, press};

const JSON: &str = Request::JSON;
const FORM: &str = Request::FORM;

fn take(content_type: &'static str, body: &[u8]) -> Result<Intake, IntakeRefusal> {
    sent::taken(&Request::signed(SIGNING_SECRET, content_type, body.to_vec(), now()))
}

fn take_json(body: &Value) -> Result<Intake, IntakeRefusal> {
    take(JSON, body.to_string().as_bytes())
}

fn take_command(fields: &Value) -> Result<Intake, IntakeRefusal> {
    sent::taken(&Request::command(SIGNING_SECRET, fields, now()))
}

fn take_press(payload: &Value) -> Result<Intake, IntakeRefusal> {
    sent::taken(&Request::click(SIGNING_SECRET, payload, now()))
}

fn heard(taken: Result<Intake, IntakeRefusal>) -> String {
    match taken.unwrap() {
        Intake::Heard(heard) => line(&heard),
        other => panic!("{other:?}"),
    }
}

fn ignored(taken: Result<Intake, IntakeRefusal>) -> Ignored {
    match taken.unwrap() {
        Intake::Ignored(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_signed_right_and_now_is_refused_before_it_is_read() {
    let timestamp = now().as_second().to_string();
    let good = Request::signed(SIGNING_SECRET, JSON, b"{}".to_vec(), now()).signature;
    let check = |signature: Option<&str>, time: Option<&str>, body: &[u8], late: i64, expect| {
        let request = IntakeRequest { signature, timestamp: time, content_type: Some(JSON), body };
        let error = sent::intake().take(&request, now() + SignedDuration::from_secs(late)).unwrap_err();
        assert_eq!((error.status(), error), (401, IntakeRefusal::Signature(expect)));
    };
    let time = Some(timestamp.as_str());
    check(None, time, b"{}", 0, SignatureProblem::Missing);
    check(Some(&good), None, b"{}", 0, SignatureProblem::Missing);
    check(Some("v0="), time, b"{}", 0, SignatureProblem::Malformed);
    check(Some(&good.replace("v0", "v1")), time, b"{}", 0, SignatureProblem::Malformed);
    check(Some(&good), Some("now"), b"{}", 0, SignatureProblem::Malformed);
    check(Some(&good), time, b"{} ", 0, SignatureProblem::Wrong);
    check(Some(&good), time, b"not json", 0, SignatureProblem::Wrong);
    check(Some(&good), Some("1795442401"), b"{}", 0, SignatureProblem::Wrong);
    check(Some(&format!("v0={}", "0".repeat(64))), time, b"{}", 0, SignatureProblem::Wrong);
    check(Some(&good), time, b"{}", 301, SignatureProblem::Stale);
    check(Some(&good), time, b"{}", -301, SignatureProblem::Stale);
}

#[test]
fn every_refusal_is_a_sentence_with_a_status() {
    let check = |taken: Result<Intake, IntakeRefusal>, status: u16, expect: &str| {
        let error = taken.unwrap_err();
        assert_eq!((error.status(), error.to_string().as_str()), (status, expect));
    };
    let foreign = "the request is for another app or workspace; set the ids of this one";
    for (field, other) in
        [("team_id", json!("T0OTHER")), ("api_app_id", json!("A0OTHER")), ("team_id", Value::Null)]
    {
        let mut sent = event("Ev1", message("1795442400.000200", "x"));
        sent[field] = other.clone();
        check(take_json(&sent), 403, foreign);
        if !other.is_null() {
            let mut sent = command("1.2.a", "/incident", "status");
            sent[field] = other;
            check(take_command(&sent), 403, foreign);
        }
    }
    let mut sent = press("1.2.a", "press.approve", &approve());
    sent["team"]["id"] = json!("T0OTHER");
    check(take_press(&sent), 403, foreign);
    sent["team"] = Value::Null;
    check(take_press(&sent), 403, foreign);
    check(
        take(JSON, &vec![b' '; LARGEST_REQUEST_BYTES + 1]),
        413,
        "the request is larger than 1048576 bytes",
    );
    check(take(JSON, b"{"), 400, "the body is not JSON, or too deep");
    check(take(JSON, "[".repeat(100_000).as_bytes()), 400, "the body is not JSON, or too deep");
    check(take(JSON, b"[]"), 400, "the body is not the JSON of the Events API");
    check(take("text/plain", b"{}"), 400, "the content type is neither JSON nor a form");
    check(take(FORM, b"a=b"), 400, "the form is neither a command nor an interaction");
    check(take(FORM, b"command=%2Fincident"), 400, "the command lacks a field that Slack sends");
    check(take(FORM, b"payload=%7B"), 400, "the body is not JSON, or too deep");
    check(take_json(&json!({"type": "url_verification"})), 400, "the challenge is missing or too long");
    check(take_json(&event("Ev1", json!({}))), 400, "the event has no type");
    check(take_json(&event("Ev1", message("soon", "x"))), 400, "a time is not of the form 1355517523.000005");
    let mut spread = message("1795442400.000200", "x");
    spread["channel"] = json!("C1:C2");
    check(take_json(&event("Ev1", spread)), 400, "the channel's id is not one of Slack's");
    let mut nobody = press("1.2.a", "press.approve", &approve());
    nobody["user"] = Value::Null;
    check(take_press(&nobody), 400, "the interaction has no user");
    nobody = press("", "press.approve", &approve());
    check(take_press(&nobody), 400, "the interaction has no trigger_id");
}

#[test]
fn the_address_is_proved_to_be_ours() {
    let challenge = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P";
    let asked = sent::taken(&Request::challenge(SIGNING_SECRET, challenge, now()));
    assert_eq!(asked.unwrap(), Intake::Challenge(challenge.to_owned()));
    assert_eq!(ignored(take(FORM, b"ssl_check=1&token=x")), Ignored::ConnectionCheck);
}

#[test]
fn what_people_write_is_heard() {
    let said = |message: Value| heard(take_json(&event("Ev0", message)));
    let head =
        format!("2026-11-23T14:00:00.0002Z slack:{TEAM}:U2147483697 (U2147483697) slack:{TEAM}:{CHANNEL}");
    let id = "C024BE91L:1795442400.000200";
    let ts = "1795442400.000200";
    assert_eq!(said(message(ts, "it &lt;burns&gt;")), format!("{id} {head}: said {ts}: it <burns>"));
    assert_eq!(
        said(message(ts, &format!("<@{BOT_USER}> what changed?"))),
        format!("{id} {head}: said to us {ts}: what changed?")
    );
    assert_eq!(said(message(ts, &format!("<@{BOT_USER}>"))), format!("{id} {head}: said to us {ts}: "));
    let mut threaded = message(ts, "x");
    threaded["thread_ts"] = json!("1795442100.000100");
    assert_eq!(said(threaded.clone()), format!("{id} {head}: said {ts} in 1795442100.000100: x"));
    // The first message of a thread names itself.
    threaded["thread_ts"] = json!(ts);
    assert_eq!(said(threaded.clone()), format!("{id} {head}: said {ts}: x"));
    for subtype in ["file_share", "me_message", "thread_broadcast"] {
        let mut sent = message(ts, "x");
        sent["subtype"] = json!(subtype);
        assert_eq!(said(sent), format!("{id} {head}: said {ts}: x"));
    }
    let mut guest = message(ts, "x");
    (guest["user_team"], guest["team"]) = (json!("T0PARTNER"), json!("T0PARTNER"));
    assert!(said(guest).contains("slack:T0PARTNER:U2147483697 "));
}

#[test]
fn a_mention_that_slack_tells_twice_and_a_repeated_event_have_one_delivery() {
    let text = format!("<@{BOT_USER}> what changed?");
    let as_message = heard(take_json(&event("Ev1", message("1795442400.000200", &text))));
    let mention = mention(&message("1795442400.000200", &text));
    assert_eq!(heard(take_json(&event("Ev2", mention))), as_message);
    assert_eq!(heard(take_json(&event("Ev1", message("1795442400.000200", &text)))), as_message);
}

#[test]
fn commands_joining_and_buttons_are_heard() {
    let place = format!("slack:{TEAM}:{CHANNEL}");
    let ada = format!("slack:{TEAM}:U2147483697 (ada)");
    assert_eq!(
        heard(take_command(&command(
            "13345224609.738474920.8088930838d88f008e0",
            "/whatchanged",
            " checkout &amp; cart "
        ))),
        format!(
            "13345224609.738474920.8088930838d88f008e0 2026-11-23T14:00:00Z {ada} {place}: /whatchanged: checkout & cart"
        )
    );
    assert_eq!(
        heard(take_command(&command("1.2.b", "/incident", "declare <@U7|grace> sees 500s"))),
        format!("1.2.b 2026-11-23T14:00:00Z {ada} {place}: /incident: declare @grace sees 500s")
    );
    assert_eq!(
        heard(take_press(&press("1.2.c", "press.approve", &approve()))),
        format!("1.2.c 2026-11-23T14:01:00.0001Z {ada} {place}: pressed Approve under 1795442400.000001")
    );
    assert!(heard(take_press(&press("1.2.c", "press.not_it.2", &approve()))).contains("pressed"));
    assert_eq!(
        heard(take_json(&event("Ev9", ADA.invites(CHANNEL, now())))),
        format!("Ev9 2026-11-23T14:00:00Z slack:{TEAM}:U2147483697 (U2147483697) {place}: joined")
    );
}

#[test]
fn what_has_no_effect_has_a_name() {
    let of = |change: fn(&mut Value)| {
        let mut sent = message("1795442400.000200", "x");
        change(&mut sent);
        ignored(take_json(&event("Ev1", sent))).to_string()
    };
    assert_eq!(of(|m| m["user"] = json!(BOT_USER)), "our own message");
    assert_eq!(of(|m| m["bot_id"] = json!("B0OTHER")), "a message of another app");
    assert_eq!(of(|m| m["subtype"] = json!("bot_message")), "a message of another app");
    for subtype in ["message_changed", "message_deleted", "channel_topic", "channel_join", "tombstone"] {
        let mut sent = message("1795442400.000200", "x");
        sent["subtype"] = json!(subtype);
        assert_eq!(ignored(take_json(&event("Ev1", sent))), Ignored::Subtype(subtype.into()));
    }
    assert_eq!(of(|m| m["text"] = json!("  ")), "a message without words");
    assert_eq!(of(|m| m["type"] = json!("reaction_added")), "an event of the kind reaction_added");
    let joined = json!({"type": "member_joined_channel", "user": "U2", "channel": CHANNEL});
    assert_eq!(ignored(take_json(&event("Ev1", joined))), Ignored::OthersJoined);
    let mut limited = event("Ev1", json!({}));
    limited["type"] = json!("app_rate_limited");
    assert_eq!(ignored(take_json(&limited)), Ignored::Event("app_rate_limited".into()));
    assert_eq!(ignored(take_command(&command("1.2.a", "/deploy", "x"))), Ignored::Command);
    for (action, value) in [
        ("press.approve", "{}"),
        ("press.approve", "{\"press\":\"launch\"}"),
        ("press.approve", "{\"press\":\"approve\",\"proposal\":\"../..\",\"digest\":\"0\"}"),
        ("other.approve", &approve()),
    ] {
        assert_eq!(ignored(take_press(&press("1.2.a", action, value))), Ignored::Interaction, "{value}");
    }
    let mut dialog = press("1.2.a", "press.approve", &approve());
    dialog["type"] = json!("view_submission");
    assert_eq!(ignored(take_press(&dialog)), Ignored::Interaction);
}

proptest! {
    #[test]
    fn no_signed_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200), form in any::<bool>()) {
        let _ = take(if form { FORM } else { JSON }, &body);
    }

    #[test]
    fn no_value_in_a_known_field_makes_it_panic(at in 0..7_usize, text in "\\PC{0,60}") {
        let mut said = sent::event("Ev1", message("1795442400.000200", "x"));
        match at {
            0 => said["event"]["ts"] = json!(text),
            1 => said["event"]["text"] = json!(text),
            2 => said["event"]["user"] = json!(text),
            3 => said["event"]["channel"] = json!(text),
            4 => said["event"]["thread_ts"] = json!(text),
            5 => said["event"]["type"] = json!(text),
            _ => said["event"]["team"] = json!(text),
        }
        let _ = take_json(&said);
        let _ = take_press(&press(&text, &text, &text));
        let _ = take_command(&command(&text, "/incident", &text));
    }
}
