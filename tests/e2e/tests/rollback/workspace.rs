//! A workspace in Slack: what people see in its channels, and what they do there, sent to the service as Slack sends it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hearback_e2e::service::{Reply, Service};
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::fake::Fake;
use crate::sent;

/// What requests are signed with.
pub const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
/// How long anything is polled for.
const PATIENCE: Duration = Duration::from_secs(90);

/// The workspace. It ends when it is dropped.
pub struct Workspace {
    pub fake: Fake,
    _runtime: Runtime,
}

impl Workspace {
    pub fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let fake = runtime.block_on(Fake::start());
        Ok(Workspace { fake, _runtime: runtime })
    }

    /// Where its methods are.
    pub fn api(&self) -> String {
        self.fake.http().base_url
    }

    /// Somebody mentions the copilot. Says when the message was sent.
    pub fn mention(&self, service: &Service, ts: &str, words: &str) -> Result<Instant> {
        let mut message = sent::message(ts, &format!("<@{}> {words}", crate::contract::BOT_USER));
        message["type"] = json!("app_mention");
        let at = Instant::now();
        send(service, "application/json", &sent::event(&format!("Ev{ts}"), message).to_string())?;
        Ok(at)
    }

    /// Somebody writes something.
    pub fn write(&self, service: &Service, ts: &str, words: &str) -> Result<()> {
        let event = sent::event(&format!("Ev{ts}"), sent::message(ts, words));
        send(service, "application/json", &event.to_string())
    }

    /// Somebody presses a button of a message that stands: the one whose text begins with `text`.
    pub fn press(&self, service: &Service, trigger: &str, text: &str, label: &str) -> Result<()> {
        let message = self.wait_for(|message| plain(message).starts_with(text))?;
        let blocks = message["blocks"].as_array().cloned().unwrap_or_default();
        let mut buttons = blocks.iter().filter(|block| block["type"] == "actions");
        let mut buttons =
            buttons.by_ref().flat_map(|block| block["elements"].as_array().cloned().unwrap_or_default());
        let button = buttons.find(|button| button["text"]["text"] == label);
        let button = button.with_context(|| format!("no button {label} under {text}"))?;
        let (action, value) = (button["action_id"].as_str().unwrap_or_default(), button["value"].as_str());
        let payload = sent::press(trigger, action, value.unwrap_or_default()).to_string();
        let body: String = url_form(&payload);
        send(service, "application/x-www-form-urlencoded", &body)
    }

    /// Polls until a message stands that `wanted` is content with.
    pub fn wait_for(&self, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = self.fake.messages().into_iter().find(|message| wanted(message)) {
                return Ok(found);
            }
            ensure!(Instant::now() < until, "it was never said; what stands:\n{}", self.told());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What stands in the channel, as people see it.
    pub fn told(&self) -> String {
        self.seen(|text| text.to_owned())
    }

    /// The first line of each message: what does not hang on how fast this machine is.
    pub fn outline(&self) -> String {
        self.seen(|text| text.lines().next().unwrap_or_default().to_owned())
    }

    /// Each message as people see it now.
    pub fn each(&self) -> Vec<String> {
        let shown = |message: &Value| {
            let thread = if message.get("thread_ts").is_some() { "    | " } else { "" };
            let buttons = labels(message);
            let text = plain(message).replace('\n', &format!("\n{thread}"));
            match buttons.is_empty() {
                true => format!("{thread}{text}"),
                false => format!("{thread}{text}\n{thread}[ {} ]", buttons.join(" ] [ ")),
            }
        };
        self.fake.messages().iter().map(shown).collect()
    }

    fn seen(&self, words: impl Fn(&str) -> String) -> String {
        let messages = self.fake.messages();
        let seen = messages.iter().map(|message| {
            let thread = if message.get("thread_ts").is_some() { "    ↳ " } else { "" };
            let buttons = labels(message);
            let buttons = match buttons.is_empty() {
                true => String::new(),
                false => format!("\n{thread}[{}]", buttons.join("] [")),
            };
            format!("{thread}{}{buttons}\n", words(&plain(message)).replace('\n', &format!("\n{thread}")))
        });
        seen.collect::<Vec<_>>().join("\n")
    }

    pub fn assert_kept_the_contract(&self) {
        self.fake.assert_kept_the_contract();
    }
}

fn labels(message: &Value) -> Vec<String> {
    let blocks = message["blocks"].as_array().map_or(&[][..], Vec::as_slice);
    let buttons = blocks.iter().filter(|block| block["type"] == "actions");
    let buttons = buttons.flat_map(|block| block["elements"].as_array().cloned().unwrap_or_default());
    buttons.filter_map(|button| Some(button["text"]["text"].as_str()?.to_owned())).collect()
}

/// The words of a message, in lines.
pub fn plain(message: &Value) -> String {
    let mut lines = Vec::new();
    for block in message["blocks"].as_array().map_or(&[][..], Vec::as_slice) {
        if block["type"] != "rich_text" {
            continue;
        }
        for section in block["elements"].as_array().map_or(&[][..], Vec::as_slice) {
            let pieces = section["elements"].as_array().map_or(&[][..], Vec::as_slice);
            lines.push(pieces.iter().filter_map(|piece| piece["text"].as_str()).collect::<String>());
        }
    }
    lines.join("\n")
}

/// The form in which a click comes.
fn url_form(payload: &str) -> String {
    let escaped: String = payload
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { (b as char).to_string() } else { format!("%{b:02X}") })
        .collect();
    format!("payload={escaped}")
}

/// Sends what happened, signed as Slack does.
pub fn send(service: &Service, kind: &str, body: &str) -> Result<()> {
    let timestamp = Timestamp::now().as_second().to_string();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes())?;
    mac.update(format!("v0:{timestamp}:{body}").as_bytes());
    let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let signature = format!("v0={digits}");
    let headers = [
        ("content-type", kind),
        ("x-slack-request-timestamp", timestamp.as_str()),
        ("x-slack-signature", signature.as_str()),
    ];
    let reply: Reply = service.send("POST", "/v1/webhooks/slack", &headers, body.as_bytes())?;
    ensure!(reply.status == 200, "{}: {}", reply.status, reply.text());
    Ok(())
}
