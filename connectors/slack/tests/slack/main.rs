//! The connector against a strict Slack over TCP (`fake`, held to `contract`): speaking, hearing, Socket Mode, the app's
//! manifest. No test here knows the crate's inside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod contract;
mod encrypted;
mod fake;
mod fake_itself;
mod finding;
mod intake;
mod look;
mod manifest;
mod outside;
mod posting;
mod replying;
mod sends;
mod sent;
mod socket;

use std::time::Duration;

use hearback_core::chat::{BoundChannel, ChatMessage, Span};
use hearback_core::{Actor, ChannelId, Draft, Entry, Happening, Incident, IncidentId};
use hearback_http::{HttpOptions, Secret};
use hearback_slack::{Installation, SlackChat, SlackOptions, SocketOptions};
use jiff::{SignedDuration, Timestamp};

use contract::{APP_TOKEN, BOT_TOKEN};
use fake::Fake;

/// How the crate reaches it.
impl Fake {
    fn http(&self) -> HttpOptions {
        HttpOptions { first_pause: Duration::from_millis(1), ..HttpOptions::new(self.base_url()) }
    }

    fn options(&self) -> SlackOptions {
        SlackOptions { http: self.http(), ..SlackOptions::new(Secret::new(BOT_TOKEN), ours()) }
    }

    fn socket_options(&self) -> SocketOptions {
        let first_pause = Duration::from_millis(1);
        SocketOptions { http: self.http(), first_pause, ..SocketOptions::new(Secret::new(APP_TOKEN), ours()) }
    }
}

/// Enough for anything on loopback.
const AMPLE: SignedDuration = SignedDuration::from_secs(20);

fn now() -> Timestamp {
    "2026-11-23T14:00:00Z".parse().unwrap()
}

fn ours() -> Installation {
    Installation::new(contract::TEAM, contract::APP, contract::BOT_USER).unwrap()
}

/// A channel as an incident has it: there is no other way to one.
fn bound_to(channel: &str) -> BoundChannel {
    let incident = IncidentId::numbered(17);
    let what = Happening::ChannelBound { channel: ChannelId::new(channel).unwrap(), name: "#inc-17".into() };
    let draft =
        Draft { happened_at: now(), known_at: now(), recorded_at: now(), by: Actor::hearback(), what };
    let entry = Entry::seal(&draft, &incident, None, [0; 16]).unwrap();
    Incident::as_of(incident, [&entry], now()).channel.unwrap()
}

fn channel() -> BoundChannel {
    bound_to(&format!("slack:{}:C024BE91L", contract::TEAM))
}

/// A message of one line.
fn says(key: &str, words: &str) -> ChatMessage {
    let lines = vec![vec![Span::Plain(words.into())]];
    ChatMessage { key: key.into(), thread: None, lines, buttons: Vec::new() }
}

fn chat(fake: &Fake) -> SlackChat {
    SlackChat::new(fake.options()).unwrap()
}
