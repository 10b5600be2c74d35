//! The connector against a strict GitHub over TCP (`fake`, held to `contract`), and its webhook. No test here knows the
//! crate's inside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod approved;
mod contract;
mod contract_writes;
mod deployments;
mod fake;
mod graph;
mod open_pulls;
mod pulls;
mod redeploys;
mod redeploys_by_workflow;
mod runs;
mod trouble;
mod webhook;
mod write_trouble;
mod writes;

use hearback_core::change::{Landed, Review};
use hearback_core::evidence::Fetched;
use hearback_core::ports::{ChangeQuery, ChangeSource as _, ConnectorError};
use hearback_core::{Change, Window};
use hearback_github::{GithubChangeSource, GithubOptions, Token};
use jiff::{SignedDuration, Timestamp};

use fake::Fake;

/// A minute of the day all tests happen on: `at("12:05")`.
fn at(time: &str) -> Timestamp {
    format!("2026-11-23T{time}:00Z").parse().unwrap()
}

/// 12:00 to 14:00, twenty seconds.
fn query() -> ChangeQuery {
    ChangeQuery {
        window: Window { from: at("12:00"), until: at("14:00") },
        budget: SignedDuration::from_secs(20),
    }
}

fn options(fake: &Fake) -> GithubOptions {
    GithubOptions {
        base_url: fake.base_url(),
        token: Some(Token::new(contract::TOKEN).unwrap()),
        ..GithubOptions::default()
    }
}

fn source(options: GithubOptions) -> GithubChangeSource {
    GithubChangeSource::new("octo/checkout".parse().unwrap(), "shop", options).unwrap()
}

/// Asks the fake with the usual options and question; no request may break the contract.
async fn ask(fake: &Fake) -> Fetched<Change> {
    ask_with(fake, options(fake), query()).await.unwrap()
}

async fn ask_with(
    fake: &Fake,
    options: GithubOptions,
    query: ChangeQuery,
) -> Result<Fetched<Change>, ConnectorError> {
    let answer = source(options).changes(&query).await;
    fake.assert_kept_the_contract();
    answer
}

/// A change in one line: time, id, what it delivers, review, how it landed, title.
fn line(change: &Change) -> String {
    let short = |id: &hearback_core::ChangeId| match id.sha() {
        Some(sha) if sha.len() == 40 => sha[..5].trim_start_matches('0').to_owned(),
        Some(tag) => tag.to_owned(),
        None => id.as_str().to_owned(),
    };
    let delivers: Vec<String> = change.delivers.iter().map(short).collect();
    let delivers =
        if delivers.is_empty() { String::new() } else { format!(" brings {}", delivers.join("+")) };
    let review = match change.review {
        Review::Unknown => "",
        Review::Approved => " approved",
        Review::Missing => " unreviewed",
    };
    let landed = if change.landed == Landed::NotYet { " not landed" } else { "" };
    let time = change.effective_at.strftime("%H:%M");
    format!("{time} {}{delivers}{review}{landed}: {}", short(&change.id), change.title.as_untrusted())
}

/// All changes, by time.
fn lines(fetched: &Fetched<Change>) -> Vec<String> {
    let mut lines: Vec<String> = fetched.items.iter().map(line).collect();
    lines.sort();
    lines
}
