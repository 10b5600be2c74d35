//! What Slack sends: the payloads of its documentation, for our installation.

use hearback_core::chat::{Heard, HeardWhat};
use serde_json::{Value, json};

use super::contract::{APP, BOT_USER, TEAM};

pub const CHANNEL: &str = "C024BE91L";

/// An event in its outer shell.
pub fn event(id: &str, event: Value) -> Value {
    json!({
        "token": "ZZZZZZWSxiZZZ2yIvs3peJ", "team_id": TEAM, "context_team_id": TEAM, "api_app_id": APP,
        "event": event, "type": "event_callback", "event_id": id, "event_time": 1_795_442_400,
        "authorizations": [{"team_id": TEAM, "user_id": BOT_USER, "is_bot": true}],
        "is_ext_shared_channel": false,
    })
}

pub fn message(ts: &str, text: &str) -> Value {
    json!({
        "type": "message", "user": "U2147483697", "text": text, "ts": ts, "channel": CHANNEL, "event_ts": ts,
        "channel_type": "channel", "team": TEAM, "client_msg_id": "a-b-c", "blocks": [],
    })
}

pub fn command(trigger: &str, command: &str, text: &str) -> Value {
    json!({
        "token": "gIkuvaNzQIHg97ATvDxqgjtO", "team_id": TEAM, "team_domain": "acme", "channel_id": CHANNEL,
        "channel_name": "inc-17", "user_id": "U2147483697", "user_name": "ada", "command": command, "text": text,
        "api_app_id": APP, "is_enterprise_install": "false", "response_url": "https://hooks.slack.com/commands/1",
        "trigger_id": trigger,
    })
}

pub fn press(trigger: &str, action_id: &str, value: &str) -> Value {
    json!({
        "type": "block_actions", "team": {"id": TEAM, "domain": "acme"}, "api_app_id": APP, "trigger_id": trigger,
        "user": {"id": "U2147483697", "username": "ada", "name": "ada", "team_id": TEAM},
        "channel": {"id": CHANNEL, "name": "inc-17"}, "enterprise": null, "is_enterprise_install": false,
        "container": {"type": "message", "message_ts": "1795442400.000001", "channel_id": CHANNEL},
        "message": {"type": "message", "ts": "1795442400.000001", "user": BOT_USER, "text": "x"},
        "response_url": "https://hooks.slack.com/actions/1",
        "actions": [{"action_id": action_id, "block_id": "b", "type": "button", "value": value, "action_ts": "1795442460.000100"}],
    })
}

/// The value of an Approve button, as we made it.
pub fn approve() -> String {
    let press = hearback_core::chat::Press::Approve {
        proposal: hearback_core::ProposalId::new("INC-17.P2").unwrap(),
        digest: hearback_core::hash::Digest::of(b"revert"),
    };
    serde_json::to_string(&press).unwrap()
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
