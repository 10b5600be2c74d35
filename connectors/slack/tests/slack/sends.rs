//! What Slack sends to an app when somebody does something, in the form of its documentation (docs.slack.dev: Events API,
//! slash commands, `block_actions`), and the signed HTTP request it comes in. It knows no crate of the product: the
//! end-to-end tests include it too.
//!
//! Every id that Slack gives is made from who did what where and when: the same again is the same delivery again.

use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::contract::{APP, BOT_USER, TEAM};
use super::fake::Seen;

/// Somebody in the workspace.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    pub id: &'static str,
    pub name: &'static str,
}

pub const ADA: Person = Person { id: "U2147483697", name: "ada" };
pub const GRACE: Person = Person { id: "U2147483698", name: "grace" };

/// Seconds and microseconds: Slack's name of a message, and of a moment.
pub fn ts(at: Timestamp) -> String {
    format!("{}.{:06}", at.as_second(), at.subsec_microsecond())
}

impl Person {
    /// Writes something: the event `message`.
    pub fn says(&self, channel: &str, text: &str, at: Timestamp) -> Value {
        let ts = ts(at);
        json!({
            "type": "message", "user": self.id, "text": text, "ts": ts, "channel": channel, "event_ts": ts,
            "channel_type": "channel", "team": TEAM, "client_msg_id": format!("a-b-{ts}"), "blocks": [],
        })
    }

    /// Writes something in the thread whose first message is `thread`.
    pub fn answers(&self, channel: &str, thread: &str, text: &str, at: Timestamp) -> Value {
        let mut message = self.says(channel, text, at);
        (message["thread_ts"], message["parent_user_id"]) = (thread.into(), BOT_USER.into());
        message
    }

    /// Invites the copilot: the event `member_joined_channel`.
    pub fn invites(&self, channel: &str, at: Timestamp) -> Value {
        json!({
            "type": "member_joined_channel", "user": BOT_USER, "channel": channel, "channel_type": "C",
            "team": TEAM, "inviter": self.id, "event_ts": ts(at),
        })
    }

    /// Gives a slash command: `/incident` and what follows it. The fields of its form.
    pub fn commands(&self, channel: &str, command: &str, text: &str, at: Timestamp) -> Value {
        json!({
            "token": "gIkuvaNzQIHg97ATvDxqgjtO", "team_id": TEAM, "team_domain": "acme", "channel_id": channel,
            "channel_name": "inc-17", "user_id": self.id, "user_name": self.name, "command": command,
            "text": text, "api_app_id": APP, "is_enterprise_install": "false",
            "response_url": "https://hooks.slack.com/commands/1", "trigger_id": self.trigger(channel, at),
        })
    }

    /// Clicks on the button with these words: the payload `block_actions`.
    pub fn clicks(&self, on: &Seen, label: &str, at: Timestamp) -> Value {
        let button = on.button(label);
        let mut message = on.message.clone();
        message.as_object_mut().unwrap().remove("channel");
        (message["bot_id"], message["team"]) = ("B1".into(), TEAM.into());
        for (number, block) in message["blocks"].as_array_mut().into_iter().flatten().enumerate() {
            block["block_id"] = format!("b{number}").into();
        }
        let mut click = json!({
            "type": "block_actions", "team": {"id": TEAM, "domain": "acme"}, "api_app_id": APP,
            "token": "Nj2rfC2hU8mAfgaJLemZgO7H", "trigger_id": self.trigger(&on.channel, at),
            "user": {"id": self.id, "username": self.name, "name": self.name, "team_id": TEAM},
            "channel": {"id": on.channel, "name": "inc-17"}, "enterprise": null, "is_enterprise_install": false,
            "container": {
                "type": "message", "message_ts": on.ts, "channel_id": on.channel,
                "is_ephemeral": on.only_for.is_some(),
            },
            "message": message, "state": {"values": {}},
            "response_url": "https://hooks.slack.com/actions/1",
            "actions": [{
                "action_id": button.action_id, "block_id": button.block_id, "type": "button",
                "text": {"type": "plain_text", "text": button.label, "emoji": false}, "value": button.value,
                "action_ts": ts(at),
            }],
        });
        if let Some(thread) = &on.thread {
            click["container"]["thread_ts"] = thread.as_str().into();
        }
        if let Some(style) = &button.style {
            click["actions"][0]["style"] = style.as_str().into();
        }
        click
    }

    fn trigger(&self, channel: &str, at: Timestamp) -> String {
        format!("{}.738474920.{}{}", at.as_microsecond(), self.id.to_lowercase(), channel.to_lowercase())
    }
}

/// A message that mentions the copilot is told twice: as `message`, and as this `app_mention`.
pub fn mention(message: &Value) -> Value {
    let mut mention = message.clone();
    mention["type"] = "app_mention".into();
    mention.as_object_mut().unwrap().remove("channel_type");
    mention
}

/// An event in its outer shell.
pub fn event(event: &Value) -> Value {
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let kind: String = text("type").split('_').filter_map(|word| word.chars().next()).collect();
    let id = format!("Ev{kind}{}{}", text("channel"), text("event_ts").replace('.', "")).to_uppercase();
    let time: i64 = text("event_ts").split('.').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
    json!({
        "token": "ZZZZZZWSxiZZZ2yIvs3peJ", "team_id": TEAM, "context_team_id": TEAM, "api_app_id": APP,
        "event": event, "type": "event_callback", "event_id": id, "event_time": time,
        "authorizations": [{"team_id": TEAM, "user_id": BOT_USER, "is_bot": true, "is_enterprise_install": false}],
        "is_ext_shared_channel": false,
    })
}

/// A request as Slack makes it: POST, signed with the app's secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub content_type: &'static str,
    /// `X-Slack-Request-Timestamp`
    pub timestamp: String,
    /// `X-Slack-Signature`
    pub signature: String,
    /// Which repetition it is.
    pub retry: Option<u32>,
    pub body: Vec<u8>,
}

impl Request {
    pub const JSON: &'static str = "application/json";
    pub const FORM: &'static str = "application/x-www-form-urlencoded";

    /// Any bytes, signed at `at`.
    pub fn signed(secret: &str, content_type: &'static str, body: Vec<u8>, at: Timestamp) -> Request {
        let timestamp = at.as_second().to_string();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(&[b"v0:", timestamp.as_bytes(), b":", body.as_slice()].concat());
        let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        Request { content_type, timestamp, signature: format!("v0={digits}"), retry: None, body }
    }

    /// An event, for the address of events: what [`Person::says`] makes for example.
    pub fn event(secret: &str, told: &Value, at: Timestamp) -> Request {
        Request::signed(secret, Request::JSON, event(told).to_string().into_bytes(), at)
    }

    /// A slash command, for the address of commands: what [`Person::commands`] makes.
    pub fn command(secret: &str, fields: &Value, at: Timestamp) -> Request {
        let fields = fields.as_object().unwrap().iter();
        let fields = fields.map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Request::signed(secret, Request::FORM, body.into_bytes(), at)
    }

    /// A click, for the address of interactions: what [`Person::clicks`] makes.
    pub fn click(secret: &str, payload: &Value, at: Timestamp) -> Request {
        Request::command(secret, &json!({"payload": payload.to_string()}), at)
    }

    /// Whether the address is the app's: it has to answer with the challenge.
    pub fn challenge(secret: &str, challenge: &str, at: Timestamp) -> Request {
        let asks = json!({"token": "x", "challenge": challenge, "type": "url_verification"});
        Request::signed(secret, Request::JSON, asks.to_string().into_bytes(), at)
    }

    /// The same again, because it was not answered in time.
    #[must_use]
    pub fn repeated(mut self, retry: u32) -> Request {
        self.retry = Some(retry);
        self
    }

    /// Its headers.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("content-type", self.content_type.to_owned()),
            ("x-slack-request-timestamp", self.timestamp.clone()),
            ("x-slack-signature", self.signature.clone()),
        ];
        if let Some(retry) = self.retry {
            headers.push(("x-slack-retry-num", retry.to_string()));
            headers.push(("x-slack-retry-reason", "http_timeout".to_owned()));
        }
        headers
    }
}
