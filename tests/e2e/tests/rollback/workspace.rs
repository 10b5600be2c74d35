//! A workspace in Slack: what people see in its channels, and what they do there, sent to the service as Slack sends it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hearback_e2e::service::Service;
use jiff::Timestamp;
use tokio::runtime::Runtime;

use crate::contract::{BOT_USER, SIGNING_SECRET};
use crate::fake::{Fake, Seen};
use crate::sends::{ADA, Request, mention, ts};

/// The channel of incidents that an alert opens.
pub const CHANNEL: &str = "C024BE91L";
/// How long anything is polled for.
const PATIENCE: Duration = Duration::from_secs(90);

/// The workspace. It ends when it is dropped.
pub struct Workspace {
    pub fake: Fake,
    pub runtime: Runtime,
}

impl Workspace {
    pub fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let fake = runtime.block_on(Fake::start_at(Timestamp::now()));
        Ok(Workspace { fake, runtime })
    }

    /// Somebody mentions the copilot. Says which message it is, and when it was sent.
    pub fn mention(&self, service: &Service, words: &str) -> Result<(String, Instant)> {
        let now = Timestamp::now();
        let message = ADA.says(CHANNEL, &format!("<@{BOT_USER}> {words}"), now);
        self.fake.put(message.clone());
        let at = Instant::now();
        // Slack tells it twice.
        send(service, &Request::event(SIGNING_SECRET, &message, now))?;
        send(service, &Request::event(SIGNING_SECRET, &mention(&message), now))?;
        Ok((ts(now), at))
    }

    /// Somebody writes something.
    pub fn write(&self, service: &Service, words: &str) -> Result<()> {
        let now = Timestamp::now();
        send(service, &Request::event(SIGNING_SECRET, &ADA.says(CHANNEL, words, now), now))
    }

    /// Somebody presses a button of the message whose words begin with `text`.
    pub fn press(&self, service: &Service, text: &str, label: &str) -> Result<()> {
        let seen = self.wait_for(|seen| seen.words.starts_with(text))?;
        let now = Timestamp::now();
        send(service, &Request::click(SIGNING_SECRET, &ADA.clicks(&seen, label, now), now))
    }

    /// Polls until a message stands that `wanted` is content with.
    pub fn wait_for(&self, wanted: impl Fn(&Seen) -> bool) -> Result<Seen> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = self.fake.messages(CHANNEL).into_iter().find(|seen| wanted(seen)) {
                return Ok(found);
            }
            ensure!(Instant::now() < until, "it was never said; what stands:\n{}", self.told());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What stands in the channel, as people see it.
    pub fn told(&self) -> String {
        self.each().join("\n\n")
    }

    /// Each message as people see it now.
    pub fn each(&self) -> Vec<String> {
        self.fake.messages(CHANNEL).iter().map(|seen| shown(seen, &seen.words)).collect()
    }

    /// The first line of each of our messages: what does not hang on how fast this machine is.
    pub fn outline(&self) -> String {
        let ours = self.fake.messages(CHANNEL).into_iter().filter(|seen| seen.key.is_some());
        let lines = ours.map(|seen| shown(&seen, seen.words.lines().next().unwrap_or_default()));
        lines.collect::<Vec<_>>().join("\n\n")
    }
}

fn shown(seen: &Seen, words: &str) -> String {
    let thread = if seen.thread.is_some() { "    | " } else { "" };
    let labels: Vec<&str> = seen.buttons.iter().map(|button| button.label.as_str()).collect();
    let buttons = if labels.is_empty() { String::new() } else { format!("\n[ {} ]", labels.join(" ] [ ")) };
    format!("{thread}{}", format!("{words}{buttons}").replace('\n', &format!("\n{thread}")))
}

/// Sends what happened.
pub fn send(service: &Service, request: &Request) -> Result<()> {
    let headers = request.headers();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let reply = service.send("POST", "/v1/webhooks/slack", &headers, &request.body)?;
    ensure!(reply.status == 200, "{}: {}", reply.status, reply.text());
    Ok(())
}
