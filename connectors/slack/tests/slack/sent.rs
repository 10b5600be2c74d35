//! What Slack sends in these tests: always ada, in one channel, at one moment; and what was heard of it.

use hearback_core::chat::{Heard, HeardWhat};
use hearback_slack::{Intake, IntakeRefusal, IntakeRequest, SigningSecret, SlackIntake};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::contract::{BOT_USER, SIGNING_SECRET};
use super::sends::{self, ADA, Request};
use super::{now, ours};

pub const CHANNEL: &str = "C024BE91L";

/// An event in its outer shell, with an id of its own.
pub fn event(id: &str, event: Value) -> Value {
    let mut shell = sends::event(&event);
    (shell["event_id"], shell["event_time"]) = (id.into(), now().as_second().into());
    shell
}

pub fn message(ts: &str, text: &str) -> Value {
    let mut message = ADA.says(CHANNEL, text, now());
    (message["ts"], message["event_ts"]) = (ts.into(), ts.into());
    message
}

pub fn command(trigger: &str, command: &str, text: &str) -> Value {
    let mut fields = ADA.commands(CHANNEL, command, text, now());
    fields["trigger_id"] = trigger.into();
    fields
}

/// A click on a button with any id and value, as nothing that we posted has it.
pub fn press(trigger: &str, action_id: &str, value: &str) -> Value {
    let message = json!({
        "channel": CHANNEL, "type": "message", "ts": "1795442400.000001", "user": BOT_USER, "text": "x",
        "blocks": [{"type": "actions", "elements": [{
            "type": "button", "action_id": action_id, "value": value, "text": {"type": "plain_text", "text": "Press"},
        }]}],
    });
    let at = now() + SignedDuration::new(60, 100_000);
    let mut payload = ADA.clicks(&super::fake::Seen::of_message(&message), "Press", at);
    payload["trigger_id"] = trigger.into();
    payload
}

/// The value of an Approve button, as we made it.
pub fn approve() -> String {
    let press = hearback_core::chat::Press::Approve {
        proposal: hearback_core::ProposalId::new("INC-17.P2").unwrap(),
        digest: hearback_core::hash::Digest::of(b"revert"),
    };
    serde_json::to_string(&press).unwrap()
}

pub fn intake() -> SlackIntake {
    SlackIntake::new(SigningSecret::new(SIGNING_SECRET).unwrap(), ours())
}

/// A request as it is taken, two seconds after the moment of these tests.
pub fn taken(request: &Request) -> Result<Intake, IntakeRefusal> {
    let request = IntakeRequest {
        signature: Some(&request.signature),
        timestamp: Some(&request.timestamp),
        content_type: Some(request.content_type),
        body: &request.body,
    };
    intake().take(&request, now() + SignedDuration::from_secs(2))
}

/// What was heard of a request that was taken.
pub fn heard(request: &Request) -> Heard {
    match taken(request).unwrap() {
        Intake::Heard(heard) => heard,
        other => panic!("{other:?}"),
    }
}

/// What was heard in one line.
pub fn line(heard: &Heard) -> String {
    let what = match &heard.what {
        HeardWhat::Said { message, thread, text, to_us } => {
            let thread = thread.as_ref().map(|thread| format!(" in {thread}")).unwrap_or_default();
            let to_us = if *to_us { " to us" } else { "" };
            format!("said{to_us} {message}{thread}: {}", text.as_untrusted())
        }
        HeardWhat::Command { name, text } => format!("/{name}: {}", text.as_untrusted()),
        HeardWhat::Pressed { message, press } => format!("pressed {} under {message}", press.says()),
        HeardWhat::Joined => "joined".to_owned(),
    };
    let name = heard.name.as_untrusted();
    format!("{} {} {} ({name}) {}: {what}", heard.delivery, heard.at, heard.by, heard.channel)
}
