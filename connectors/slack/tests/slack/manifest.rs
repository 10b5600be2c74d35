//! The app's manifest: it grants what our calls and events need, and nothing else.

use std::collections::BTreeSet;

use hearback_slack::COMMANDS;
use serde_json::Value;

use super::contract::{METHODS, faults};

fn manifest() -> Value {
    serde_json::from_str(include_str!("../../manifest.json")).unwrap()
}

fn names(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// The events that are subscribed to, with the scopes that Slack asks for each.
const EVENTS: &[(&str, &[&str])] = &[
    ("app_mention", &["app_mentions:read"]),
    ("member_joined_channel", &["channels:read", "groups:read"]),
    ("message.channels", &["channels:history"]),
    ("message.groups", &["groups:history"]),
];

#[test]
fn it_is_of_slacks_form() {
    assert_eq!(faults("manifest", &manifest()), [""; 0]);
    assert_eq!(manifest()["settings"]["socket_mode_enabled"], true);
    assert_eq!(manifest()["settings"]["interactivity"]["is_enabled"], true);
}

#[test]
fn every_method_and_event_has_its_scopes_and_no_scope_is_without_a_use() {
    let needed = METHODS.iter().map(|method| method.scopes).chain(EVENTS.iter().map(|(_, scopes)| *scopes));
    // Slash commands are a scope too.
    let needed: BTreeSet<String> = needed.flatten().copied().chain(["commands"]).map(str::to_owned).collect();
    let granted: BTreeSet<String> = names(&manifest()["oauth_config"]["scopes"]["bot"]).into_iter().collect();
    assert_eq!(granted, needed);
}

#[test]
fn what_is_subscribed_to_is_what_is_read() {
    let subscribed = names(&manifest()["settings"]["event_subscriptions"]["bot_events"]);
    assert_eq!(subscribed, EVENTS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let commands = manifest()["features"]["slash_commands"].as_array().unwrap().clone();
    let commands: Vec<String> =
        commands.iter().map(|one| one["command"].as_str().unwrap().to_owned()).collect();
    assert_eq!(commands, COMMANDS.iter().map(|name| format!("/{name}")).collect::<Vec<_>>());
}
