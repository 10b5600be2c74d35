//! What Slack asks of a request: which token, which content type, which body, and which scopes the app must have. It
//! knows no crate of the product: the end-to-end tests include it too.

use serde_json::Value;

pub const TEAM: &str = "T024BE7LD";
pub const APP: &str = "A0KRD7HC3";
pub const BOT_USER: &str = "U0HEARBACK";
pub const BOT_TOKEN: &str = "xoxb-17-correct-horse";
pub const APP_TOKEN: &str = "xapp-1-battery-staple";
pub const SIGNING_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// A method that we call.
pub struct Method {
    pub name: &'static str,
    pub token: &'static str,
    pub content_type: &'static str,
    /// Of the bot token; all of them.
    pub scopes: &'static [&'static str],
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
/// To read a channel, public or private, and the metadata in it.
const READS: &[&str] = &["channels:history", "groups:history", "metadata.message:read"];

pub const METHODS: &[Method] = &[
    Method { name: "auth.test", token: BOT_TOKEN, content_type: FORM, scopes: &[] },
    Method { name: "chat.postEphemeral", token: BOT_TOKEN, content_type: JSON, scopes: &["chat:write"] },
    Method { name: "chat.postMessage", token: BOT_TOKEN, content_type: JSON, scopes: &["chat:write"] },
    Method { name: "chat.update", token: BOT_TOKEN, content_type: JSON, scopes: &["chat:write"] },
    Method { name: "conversations.history", token: BOT_TOKEN, content_type: FORM, scopes: READS },
    Method { name: "conversations.replies", token: BOT_TOKEN, content_type: FORM, scopes: READS },
    // The app token has connections:write, which no manifest grants.
    Method { name: "apps.connections.open", token: APP_TOKEN, content_type: FORM, scopes: &[] },
];

/// The schema of this name.
pub fn schema(name: &str) -> Value {
    let text = match name {
        "ack" => include_str!("../schemas/ack.json"),
        "apps.connections.open" => include_str!("../schemas/apps.connections.open.json"),
        "auth.test" => include_str!("../schemas/auth.test.json"),
        "chat.postEphemeral" => include_str!("../schemas/chat.postEphemeral.json"),
        "chat.postMessage" => include_str!("../schemas/chat.postMessage.json"),
        "chat.update" => include_str!("../schemas/chat.update.json"),
        "conversations.history" => include_str!("../schemas/conversations.history.json"),
        "conversations.replies" => include_str!("../schemas/conversations.replies.json"),
        "manifest" => include_str!("../schemas/manifest.json"),
        other => panic!("no schema {other}"),
    };
    let mut schema: Value = serde_json::from_str(text).unwrap();
    schema["$defs"] = serde_json::from_str(include_str!("../schemas/blocks.json")).unwrap();
    schema
}

/// What is wrong with a body, by the schema of this name, and by what a schema can't say.
pub fn faults(name: &str, body: &Value) -> Vec<String> {
    let schema = schema(name);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut faults: Vec<String> = validator
        .iter_errors(body)
        .map(|fault| format!("{name}: {} {fault}", fault.instance_path()))
        .collect();
    for block in body["blocks"].as_array().into_iter().flatten().filter(|block| block["type"] == "actions") {
        let mut ids: Vec<&Value> =
            block["elements"].as_array().unwrap().iter().map(|b| &b["action_id"]).collect();
        let all = ids.len();
        ids.sort_by_key(|id| id.to_string());
        ids.dedup();
        if ids.len() != all {
            faults.push(format!("{name}: an action_id twice in a block"));
        }
    }
    faults
}
