//! The scenario builder: a story becomes a record that keeps its times apart and knows no future.
#![allow(clippy::unwrap_used, reason = "a test")]

use hearback_core::change::Change;
use hearback_core::export::Export;
use hearback_core::happening::Severity;
use hearback_core::{Happening, Incident};
use hearback_testkit::scenario::alert::alert;
use hearback_testkit::scenario::change::{commit, flag};
use hearback_testkit::scenario::metric::curve;
use hearback_testkit::scenario::person::Person;
use hearback_testkit::scenario::{Clock, Declared, Story};

const ADA: Person = Person::new("Ada Example", "ada@shop.example");

fn story() -> Story {
    Story::new("INC-1", "2026-09-17")
}

fn declare(story: &mut Story, at: &str) {
    let declared = Declared { title: "x", severity: Severity::Sev2, services: &["cart"], impact_since: None };
    story.declares(at, ADA, declared);
}

fn changes(record: &Export) -> Vec<Change> {
    let end = record.entries.last().unwrap().known_at;
    let incident = Incident::as_of(record.incident.clone(), &record.entries, end);
    incident.changes.into_iter().map(|seen| seen.change.value).collect()
}

#[test]
fn short_times_are_read_against_the_day() {
    let clock = Clock::on("2026-09-01");
    for (text, expect) in [
        ("13:41", "2026-09-01T13:41:00Z"),
        ("13:41:20", "2026-09-01T13:41:20Z"),
        ("-1 23:00", "2026-08-31T23:00:00Z"),
        ("1 00:00", "2026-09-02T00:00:00Z"),
    ] {
        assert_eq!(clock.at(text).to_string(), expect, "{text}");
    }
}

#[test]
fn the_record_is_in_the_order_of_knowing_whatever_the_order_of_telling() {
    let mut story = story();
    declare(&mut story, "10:10");
    story.says("10:12", ADA, "it is the flag");
    story.change(flag("cart", "new:1", "new on").at("10:03").by(ADA));
    story.change(commit("shop", "Add new").at("10:01").by(ADA));
    let kinds = |record: &Export| record.entries.iter().map(|entry| entry.kind.clone()).collect::<Vec<_>>();
    let record = story.record();
    assert_eq!(kinds(&record), ["change_seen", "change_seen", "declared", "message"]);
    let at = |place: usize| {
        let entry = record.entries.get(place).unwrap();
        [entry.happened_at, entry.known_at, entry.recorded_at].map(|at| at.strftime("%H:%M:%S").to_string())
    };
    assert_eq!(
        at(0),
        ["10:03:00", "10:03:05", "10:10:00"],
        "a flag tells at once, and is written down at the start"
    );
    assert_eq!(at(1), ["10:01:00", "10:05:00", "10:10:00"], "git is asked every five minutes");
    assert_eq!(at(3), ["10:12:00", "10:12:00", "10:12:00"]);
}

#[test]
fn a_revert_shows_on_the_reverted_side_only_if_it_was_known_by_then() {
    let check = |reverted_at: &str, expect: usize| {
        let mut story = story();
        let first = story.change(commit("shop", "Cache").at("10:01").by(ADA));
        story.change(commit("shop", "Revert \"Cache\"").at(reverted_at).by(ADA).reverts(&first));
        let changes = changes(&story.record());
        let first = changes.iter().find(|change| change.id == first).unwrap();
        assert_eq!(first.revert.reverted_by.len(), expect, "reverted at {reverted_at}");
    };
    check("10:03", 1);
    check("10:07", 0);
}

#[test]
fn the_same_story_has_the_same_bytes_and_another_word_has_others() {
    let tell = |text: &str| {
        let mut story = story();
        declare(&mut story, "10:10");
        story.alert(alert("Errors", "10:05", "10:11").about("cart").saying(text).until("10:30"));
        story.reads_metric("10:20", &curve("cart", "errors", "percent", 1.0, 0.3), "10:00", "10:20");
        story.record().to_json_lines().unwrap()
    };
    assert_eq!(tell("a"), tell("a"));
    assert_ne!(tell("a"), tell("b"));
}

#[test]
fn what_is_kept_is_free_of_secrets() {
    let mut story = story();
    story.reads_log("10:20", "cart", "a line", "10:00", "10:20", "db_password=correct-horse-battery");
    let record = story.record();
    let kept = record.snapshots.first().unwrap();
    assert_eq!(kept.text.as_untrusted(), "db_password=[redacted: password]");
    assert!(matches!(record.entries.first().unwrap().happening().unwrap(),
        Happening::EvidenceGathered { evidence, .. } if evidence == kept.id));
}

#[test]
#[should_panic(expected = "two changes are called flags:shop:new:1")]
fn two_changes_with_one_id_are_refused() {
    let mut story = story();
    story.change(flag("cart", "new:1", "new on").at("10:03").by(ADA));
    story.change(flag("cart", "new:1", "new off").at("10:09").by(ADA));
    story.record();
}

#[test]
#[should_panic(expected = "before its window was over")]
fn a_metric_of_the_future_is_refused() {
    story().reads_metric("10:20", &curve("cart", "errors", "percent", 1.0, 0.0), "10:00", "10:21");
}
