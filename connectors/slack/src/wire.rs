//! What goes over the wire (docs.slack.dev: Web API methods, Events API, interactivity, Socket Mode), as far as it is
//! read or sent. Stays inside this crate.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::blocks::Block;

/// The event type of our metadata.
pub(crate) const EVENT_TYPE: &str = "hearback";

/// `chat.postMessage`
#[derive(Debug, Serialize)]
pub(crate) struct Post<'a> {
    pub(crate) channel: &'a str,
    pub(crate) text: &'a str,
    pub(crate) blocks: &'a [Block],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) thread_ts: Option<&'a str>,
    pub(crate) metadata: OwnMetadata<'a>,
    pub(crate) mrkdwn: bool,
    pub(crate) parse: &'static str,
    pub(crate) link_names: bool,
    pub(crate) unfurl_links: bool,
    pub(crate) unfurl_media: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct OwnMetadata<'a> {
    pub(crate) event_type: &'static str,
    pub(crate) event_payload: OwnPayload<'a>,
}

#[derive(Debug, Serialize)]
pub(crate) struct OwnPayload<'a> {
    pub(crate) key: &'a str,
}

/// `chat.postEphemeral`: seen by one person, and gone when they reload.
#[derive(Debug, Serialize)]
pub(crate) struct Whisper<'a> {
    pub(crate) channel: &'a str,
    pub(crate) user: &'a str,
    pub(crate) text: &'a str,
    pub(crate) blocks: &'a [Block],
    pub(crate) parse: &'static str,
    pub(crate) link_names: bool,
}

/// `chat.update`. Metadata that is not named stays as it is: the message keeps the key it was posted with.
#[derive(Debug, Serialize)]
pub(crate) struct Update<'a> {
    pub(crate) channel: &'a str,
    pub(crate) ts: &'a str,
    pub(crate) text: &'a str,
    pub(crate) blocks: &'a [Block],
    pub(crate) parse: &'static str,
    pub(crate) link_names: bool,
}

/// What every method answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    pub(crate) ok: bool,
    #[serde(default)]
    pub(crate) error: Option<String>,
    #[serde(default)]
    pub(crate) needed: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PostAnswer {
    pub(crate) ts: String,
}

/// The answer of a method of which only the success matters.
#[derive(Debug, Deserialize)]
pub(crate) struct Taken {}

#[derive(Debug, Deserialize)]
pub(crate) struct AuthAnswer {
    pub(crate) team_id: String,
    pub(crate) user_id: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct OpenAnswer {
    pub(crate) url: String,
}

/// `conversations.history` and `conversations.replies`
#[derive(Debug, Deserialize)]
pub(crate) struct HistoryAnswer {
    pub(crate) messages: Vec<HistoryMessage>,
    #[serde(default)]
    pub(crate) response_metadata: Option<ResponseMetadata>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ResponseMetadata {
    #[serde(default)]
    pub(crate) next_cursor: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct HistoryMessage {
    pub(crate) ts: String,
    #[serde(default)]
    pub(crate) subtype: Option<String>,
    #[serde(default)]
    pub(crate) user: Option<String>,
    #[serde(default)]
    pub(crate) app_id: Option<String>,
    #[serde(default)]
    pub(crate) metadata: Option<Metadata>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    #[serde(default)]
    pub(crate) event_type: String,
    #[serde(default)]
    pub(crate) event_payload: Value,
}

/// What the Events API sends.
#[derive(Debug, Deserialize)]
pub(crate) struct EventRequest {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) challenge: Option<String>,
    #[serde(default)]
    pub(crate) team_id: Option<String>,
    #[serde(default)]
    pub(crate) api_app_id: Option<String>,
    #[serde(default)]
    pub(crate) event_id: Option<String>,
    #[serde(default)]
    pub(crate) event_time: Option<i64>,
    #[serde(default)]
    pub(crate) event: Value,
}

#[derive(Debug, Deserialize)]
pub(crate) struct EventKind {
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

/// `message` and `app_mention`
#[derive(Debug, Deserialize)]
pub(crate) struct MessageEvent {
    #[serde(default)]
    pub(crate) subtype: Option<String>,
    #[serde(default)]
    pub(crate) user: Option<String>,
    #[serde(default)]
    pub(crate) bot_id: Option<String>,
    #[serde(default)]
    pub(crate) user_team: Option<String>,
    #[serde(default)]
    pub(crate) team: Option<String>,
    #[serde(default)]
    pub(crate) text: String,
    pub(crate) channel: String,
    pub(crate) ts: String,
    #[serde(default)]
    pub(crate) thread_ts: Option<String>,
}

/// `member_joined_channel`
#[derive(Debug, Deserialize)]
pub(crate) struct JoinedEvent {
    pub(crate) user: String,
    pub(crate) channel: String,
    #[serde(default)]
    pub(crate) inviter: Option<String>,
}

/// A slash command; the fields of its form.
#[derive(Debug, Deserialize)]
pub(crate) struct CommandRequest {
    pub(crate) team_id: String,
    pub(crate) api_app_id: String,
    pub(crate) command: String,
    #[serde(default)]
    pub(crate) text: String,
    pub(crate) user_id: String,
    #[serde(default)]
    pub(crate) user_name: String,
    pub(crate) channel_id: String,
    pub(crate) trigger_id: String,
}

/// A click, and everything else that people do to blocks.
#[derive(Debug, Deserialize)]
pub(crate) struct InteractionRequest {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) team: Option<Named>,
    #[serde(default)]
    pub(crate) api_app_id: Option<String>,
    #[serde(default)]
    pub(crate) trigger_id: Option<String>,
    #[serde(default)]
    pub(crate) user: Option<User>,
    #[serde(default)]
    pub(crate) channel: Option<Named>,
    #[serde(default)]
    pub(crate) message: Option<PressedMessage>,
    #[serde(default)]
    pub(crate) actions: Vec<Action>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    pub(crate) id: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct User {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) username: Option<String>,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) team_id: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PressedMessage {
    pub(crate) ts: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Action {
    #[serde(default)]
    pub(crate) action_id: String,
    #[serde(default)]
    pub(crate) value: String,
    #[serde(default)]
    pub(crate) action_ts: String,
}

/// What comes over a WebSocket of Socket Mode.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) envelope_id: Option<String>,
    #[serde(default)]
    pub(crate) payload: Value,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) connection_info: Option<ConnectionInfo>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ConnectionInfo {
    #[serde(default)]
    pub(crate) app_id: Option<String>,
}

/// What goes back: the envelope is in good hands.
#[derive(Debug, Serialize)]
pub(crate) struct Ack<'a> {
    pub(crate) envelope_id: &'a str,
}
