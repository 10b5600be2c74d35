//! The bundled incident is what its scenario tells, and tells nothing it should not: no future, no secret, no
//! name of a real company.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::path::Path;

use hearback_core::change::{Change, ChangeKind};
use hearback_core::entry::verify_chain;
use hearback_core::export::Export;
use hearback_core::redaction::redact;
use hearback_core::{Happening, Incident};
use hearback_testkit::scenario::bundled;
use hearback_testkit::scenario::checkout_cart_rounding::{CheckoutCartRounding, checkout_cart_rounding};
use jiff::SignedDuration;

fn changes(record: &Export) -> Vec<Change> {
    let happenings = record.entries.iter().map(|entry| entry.happening().unwrap());
    happenings
        .filter_map(|what| if let Happening::ChangeSeen(change) = what { Some(change) } else { None })
        .collect()
}

fn asked_at(record: &Export) -> jiff::Timestamp {
    record.entries.iter().find(|entry| entry.kind == "asked").unwrap().known_at
}

#[test]
fn the_committed_file_is_what_the_scenario_tells() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (file, record) in bundled() {
        let committed = std::fs::read_to_string(root.join(file)).unwrap();
        // Not assert_eq: it would print both, a hundred and thirty kilobytes each.
        assert!(committed == record.to_json_lines().unwrap(), "{file} is outdated; run: make scenarios");
        assert_eq!(Export::parse(&committed).unwrap(), record, "{file} can't be read back");
    }
}

#[test]
fn the_chain_verifies_and_every_snapshot_is_named_by_an_entry() {
    let record = checkout_cart_rounding().record;
    assert_eq!(verify_chain(&record.incident, &record.entries, None).unwrap(), Some(record.head));
    let mut named: Vec<_> = record
        .entries
        .iter()
        .filter_map(|entry| match entry.happening().unwrap() {
            Happening::EvidenceGathered { evidence, .. } => Some(evidence),
            _ => None,
        })
        .collect();
    let mut kept: Vec<_> = record.snapshots.iter().map(|snapshot| snapshot.id).collect();
    named.sort();
    kept.sort();
    assert_eq!(named, kept);
    kept.dedup();
    assert_eq!(named, kept, "two snapshots have the same content");
}

#[test]
fn it_has_about_sixty_changes_of_every_kind() {
    let mut kinds: BTreeMap<ChangeKind, usize> = BTreeMap::new();
    let changes = changes(&checkout_cart_rounding().record);
    changes.iter().for_each(|change| *kinds.entry(change.kind).or_default() += 1);
    assert!((55..=70).contains(&changes.len()), "{} changes", changes.len());
    use ChangeKind::{Certificate, Commit, Config, Deploy, Flag, Infra, Migration, Schedule};
    for kind in [Deploy, Commit, Config, Flag, Infra, Migration, Certificate, Schedule] {
        assert!(kinds.get(&kind).is_some_and(|n| *n >= 2), "too few of kind {kind}: {kinds:?}");
    }
    let has = |what: &str, is: fn(&Change) -> bool| assert!(changes.iter().any(is), "no {what}");
    has("merge", Change::is_merge);
    has("revert seen from the reverting side", |change| !change.revert.reverts.is_empty());
    has("revert seen from the reverted side", |change| !change.revert.reverted_by.is_empty());
    has("reland", |change| !change.revert.relands.is_empty());
    has("change by a bot", |change| change.author.nature == hearback_core::change::Nature::Bot);
}

#[test]
fn nothing_is_known_before_it_happened_and_the_order_is_that_of_knowing() {
    let record = checkout_cart_rounding().record;
    assert!(record.entries.is_sorted_by_key(|entry| entry.known_at));
    for entry in &record.entries {
        assert!(entry.happened_at <= entry.known_at && entry.known_at <= entry.recorded_at, "{entry:?}");
    }
    for change in changes(&record) {
        for revert in &change.revert.reverted_by {
            let known = record
                .entries
                .iter()
                .find(|entry| {
                    matches!(entry.happening().unwrap(),
                Happening::ChangeSeen(seen) if seen.id == change.id)
                })
                .unwrap()
                .known_at;
            assert!(revert.at <= known, "{} knows of a revert to come", change.id);
        }
    }
}

#[test]
fn what_a_change_names_was_told_before_it() {
    let mut told = Vec::new();
    for change in changes(&checkout_cart_rounding().record) {
        let Change { id, delivers, revert, .. } = change;
        for other in delivers.iter().chain(&revert.reverts).chain(&revert.relands) {
            // A commit and its revert, or a merge and its commit, may be told at the same moment, in order.
            assert!(told.contains(other), "{id} names {other}, which is not known yet");
        }
        told.push(id);
    }
}

#[test]
fn at_the_question_the_cause_is_known_and_lies_before_the_onset_but_is_neither_the_newest_nor_the_loudest() {
    let CheckoutCartRounding { record, culprit, culprit_deploy } = checkout_cart_rounding();
    let incident = Incident::as_of(record.incident.clone(), &record.entries, asked_at(&record));
    let (impact_since, _) = incident.impact_since.unwrap();
    let find = |id| incident.changes.iter().map(|seen| &seen.change.value).find(|c| &c.id == id).unwrap();
    let deploy = find(&culprit_deploy);
    assert!(deploy.delivers.contains(&culprit) && deploy.effective_at < impact_since);
    assert!(find(&culprit).effective_at < deploy.effective_at);
    assert!(find(&culprit).revert.reverted_by.is_empty(), "the revert is still to come");

    let before_onset =
        incident.changes.iter().map(|seen| &seen.change.value).filter(|c| c.effective_at < impact_since);
    let newest = before_onset.max_by_key(|change| change.effective_at).unwrap();
    assert_eq!(newest.kind, ChangeKind::Flag, "an innocent flag is newer than the cause");
    assert!(
        incident.changes.iter().any(|seen| {
            let change = &seen.change.value;
            change.kind == ChangeKind::Deploy
                && change.services == deploy.services
                && change.effective_at > impact_since
        }),
        "no later release of the same service"
    );
    assert!(incident.alerts.iter().any(|seen| seen.alert.name.as_untrusted().contains("OrdersDb")));
    assert!(
        incident.alerts.iter().all(|seen| seen.alert.started_at > impact_since),
        "alerts are consequences"
    );
    assert_eq!(incident.roles.len(), 5);
    assert!(incident.messages.len() >= 12);
}

#[test]
fn the_cause_shares_its_words_with_the_symptom() {
    let CheckoutCartRounding { record, culprit, .. } = checkout_cart_rounding();
    let cause = changes(&record).into_iter().find(|change| change.id == culprit).unwrap();
    let symptom = record
        .entries
        .iter()
        .find_map(|entry| match entry.happening().unwrap() {
            Happening::Asked(question) => Some(question.symptom),
            _ => None,
        })
        .unwrap();
    assert!(
        symptom.as_untrusted().contains("roundLineTotal")
            && cause.body.as_untrusted().contains("roundLineTotal")
    );
    assert!(cause.paths.as_slice().iter().any(|path| symptom.as_untrusted().contains(path.path.file_name())));
}

#[test]
fn it_ends_resolved_and_leaves_the_answer_to_the_replay() {
    let record = checkout_cart_rounding().record;
    assert!(record.entries.iter().all(|entry| entry.kind != "answered"));
    assert_eq!(record.entries.iter().filter(|entry| entry.kind == "asked").count(), 1);
    let end = record.entries.last().unwrap();
    assert_eq!(end.kind, "resolved");
    let incident = Incident::as_of(record.incident.clone(), &record.entries, end.known_at);
    assert!(incident.alerts.iter().all(|alert| alert.resolved_at.is_some()), "every alert goes away");
    assert_eq!(incident.unreadable, 0);
    let length = end.known_at.duration_since(asked_at(&record));
    assert!(length < SignedDuration::from_hours(1), "{length:?}");
}

/// Names that would make the invented shop look like somebody's real one.
const REAL_NAMES: &[&str] = &[
    "adyen",
    "airbnb",
    "amazon",
    "anthropic",
    "apple",
    "argocd",
    "azure",
    "cloudflare",
    "cloudwatch",
    "datadog",
    "dynatrace",
    "elastic",
    "etsy",
    "facebook",
    "firebase",
    "github",
    "gitlab",
    "google",
    "grafana",
    "honeycomb",
    "jenkins",
    "jira",
    "kafka",
    "kubernetes",
    "launchdarkly",
    "mastercard",
    "microsoft",
    "mongodb",
    "mysql",
    "netflix",
    "new relic",
    "openai",
    "opsgenie",
    "oracle",
    "pagerduty",
    "paypal",
    "postgres",
    "prometheus",
    "redis",
    "sentry",
    "shopify",
    "slack",
    "splunk",
    "spotify",
    "stripe",
    "terraform",
    "twilio",
    "uber",
    "visa",
    "zendesk",
];

fn real_names_in(text: &str) -> Vec<&'static str> {
    let text = text.to_lowercase();
    let is_word = |at: usize, name: &str| {
        let letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
        let (before, rest) = text.split_at(at);
        !letter(before.chars().next_back())
            && !letter(rest.get(name.len()..).and_then(|rest| rest.chars().next()))
    };
    REAL_NAMES
        .iter()
        .copied()
        .filter(|name| text.match_indices(name).any(|(at, _)| is_word(at, name)))
        .collect()
}

#[test]
fn no_secret_and_no_real_company_is_in_it() {
    for (file, record) in bundled() {
        let text = record.to_json_lines().unwrap();
        assert_eq!(redact(&text).1, 0, "{file} holds something that looks like a secret");
        assert_eq!(real_names_in(&text), Vec::<&str>::new(), "{file}");
        for address in text.split("://").skip(1) {
            assert!(
                address.split(['/', '"']).next().unwrap().ends_with(".example"),
                "{file} links to {address:.60}"
            );
        }
        for (before, after) in text.match_indices('@').map(|(at, _)| text.split_at(at)) {
            assert!(
                after.starts_with("@shop.example"),
                "{file} holds an address: {:.60}{}",
                after,
                before.len()
            );
        }
    }
}

#[test]
fn the_search_for_real_names_can_find_one() {
    assert_eq!(real_names_in("paged by PagerDuty, via slack."), ["pagerduty", "slack"]);
    assert_eq!(real_names_in("an advisable subersion of pineapples"), Vec::<&str>::new());
}
