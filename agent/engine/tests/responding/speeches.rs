//! Which messages an incident calls for: a function of the incident and of nothing else.

use std::collections::BTreeSet;

use hearback_core::action::{Outcome, Recovery};
use hearback_core::approval::Decided;
use hearback_core::chat::{ChatMessage, Press};
use hearback_core::happening::{Addressee, Question};
use hearback_core::{Happening, Incident, MessageId, ProposalId};
use hearback_engine::channel::speeches::{digest, speeches};

use super::story::*;

fn keys(incident: &Incident, minute: i64) -> Vec<String> {
    speeches(incident, at(minute)).into_iter().map(|message| message.key).collect()
}

fn find(story: &Story, key: &str) -> Option<ChatMessage> {
    speeches(&story.incident(), at(30)).into_iter().find(|message| message.key == key)
}

/// An incident in which all there is happens, step by step.
fn all_there_is() -> Story {
    let why = "no strong suspect is left that can be undone";
    let back = "checkout errors back at 0.3, 6 min after the action; 14 before it, usually 0.2";
    Story::in_channel()
        .asked(1, None, look_here())
        .proposed(&revert())
        .spoken(4)
        .said(5, "1.5", "looking", Addressee::Everybody)
        .asked(6, Some("1.6"), look_here())
        .decided(8, "Eve", &revert(), Decided::Approve, "", Some("Eve may not approve it"))
        .started(9, &revert())
        .ended(10, &revert(), Outcome::Done(receipt("reverted it")))
        .then(11, person("Ana"), Happening::Dismissed { change: bump().id })
        .checked(16, &revert(), Recovery::Recovered, back)
        .hearback(17, Happening::NotProposed { why: why.into() })
        .then(20, person("Ana"), Happening::Resolved { how: "reverted".into() })
}

/// The story after each of its steps.
fn steps(story: &Story) -> impl Iterator<Item = Story> {
    (1..=story.entries.len()).map(|count| Story { entries: story.entries[..count].to_vec() })
}

#[test]
fn the_same_incident_calls_for_the_same_messages() {
    for story in steps(&all_there_is()) {
        let (once, again) = (speeches(&story.incident(), at(30)), speeches(&story.incident(), at(30)));
        assert_eq!(once, again);
        let digests = |all: &[ChatMessage]| all.iter().map(|one| digest(one).unwrap()).collect::<Vec<_>>();
        assert_eq!(digests(&once), digests(&again));
    }
}

#[test]
fn a_message_keeps_its_key_and_its_place_whatever_happens_next() {
    let mut before: Vec<String> = Vec::new();
    for story in steps(&all_there_is()) {
        let now = keys(&story.incident(), 30);
        let distinct: BTreeSet<&String> = now.iter().collect();
        assert_eq!(distinct.len(), now.len(), "a key twice: {now:?}");
        let kept: Vec<&String> = now.iter().filter(|key| before.contains(key)).collect();
        assert_eq!(kept, before.iter().collect::<Vec<_>>(), "then {now:?}");
        before = now;
    }
    let all = [
        "notice",
        "answer 3",
        "answer 11",
        "not proposed 19",
        "proposal INC-17.P1",
        "denied 13",
        "ended INC-17.P1",
        "helped INC-17.P1",
        "resolved",
    ];
    assert_eq!(before, all);
}

#[test]
fn without_a_channel_nothing_is_said() {
    let story = Story::declared().asked(1, None, look_here()).proposed(&revert());
    assert_eq!(keys(&story.incident(), 5), Vec::<String>::new());
}

#[test]
fn what_belongs_in_a_thread_waits_until_its_first_message_stands() {
    let denied = |story: Story| {
        story.decided(8, "Eve", &revert(), Decided::Approve, "", Some("Eve may not approve it"))
    };
    let story = Story::in_channel().proposed(&revert());
    assert_eq!(keys(&denied(story.clone()).incident(), 9), ["notice", "proposal INC-17.P1"]);
    let told = find(&denied(story.spoken(5)), "denied 6").unwrap();
    assert_eq!(told.thread, Some(message_id("proposal-INC-17.P1")));
}

#[test]
fn an_answer_stands_where_it_was_asked_for() {
    let check = |story: Story, key: &str, thread: Option<Option<&str>>| {
        let found = find(&story, key).map(|message| message.thread);
        assert_eq!(found, thread.map(|thread| thread.map(message_id)), "{key}");
    };
    let story = Story::in_channel;
    check(story().asked(1, Some("1.1"), look_here()), "answer 4", Some(Some("1.1")));
    // In a thread that stands already it is answered in that thread.
    let inside = story().said_in(1, "1.7", Some("1.2"), "what changed?", Addressee::Copilot);
    let inside = inside
        .then(
            1,
            person("Ana"),
            Happening::Asked(Question { thread: Some(message_id("1.2")), ..question(Some("1.7")) }),
        )
        .hearback(2, Happening::Answered(look_here()));
    check(inside, "answer 4", Some(Some("1.2")));
    // A command has no thread, and what the copilot asks by itself none either.
    let command = MessageId::of_command("1.8");
    check(story().asked(1, Some(command.as_str()), look_here()), "answer 4", Some(None));
    check(story().asked(1, None, look_here()), "answer 3", Some(None));
    // What is asked on the command line is answered there, unless it is the first.
    check(story().asked(1, Some("1.1"), look_here()).asked(3, None, look_here()), "answer 6", None);
    check(story().asked(1, None, look_here()).asked(3, Some("1.1"), look_here()), "answer 3", Some(None));
    // A question that has no answer yet calls for nothing.
    let waits = story().then(1, person("Ana"), Happening::Asked(question(Some("1.1"))));
    check(waits, "answer 3", None);
}

#[test]
fn the_buttons_under_an_answer_name_the_first_suspect_that_is_left() {
    let buttons = |dismissed: &[&hearback_core::ChangeId]| {
        let story = Story::in_channel().asked(1, None, look_here());
        let dismiss = |story: Story, change: &&hearback_core::ChangeId| {
            story.then(5, person("Ana"), Happening::Dismissed { change: (*change).clone() })
        };
        find(&dismissed.iter().fold(story, dismiss), "answer 3").unwrap().buttons
    };
    let why = Press::Why { incident: id(), answer: 4 };
    let not = |change: hearback_core::ChangeId| Press::NotIt { incident: id(), change };
    let (first, second) = (rounding().id, bump().id);
    assert_eq!(buttons(&[]), [why.clone(), not(first.clone())]);
    assert_eq!(buttons(&[&first]), [why.clone(), not(second.clone())]);
    assert_eq!(buttons(&[&second, &first]), [why]);
}

#[test]
fn only_what_waits_can_be_approved_and_exactly_what_is_shown() {
    let story = Story::in_channel().proposed(&revert());
    let buttons = |story: &Story, minute| {
        let all = speeches(&story.incident(), at(minute));
        all.into_iter().find(|message| message.key == "proposal INC-17.P1").unwrap().buttons
    };
    let (proposal, digest) = (revert().id, revert().digest().unwrap());
    let both = [Press::Approve { proposal: proposal.clone(), digest }, Press::Reject { proposal, digest }];
    assert_eq!(buttons(&story, 33), both);
    assert_eq!(buttons(&story, 34), []);
    let rejected = story.clone().decided(6, "Ana", &revert(), Decided::Reject, "no", None);
    assert_eq!(buttons(&rejected, 7), []);
    let over = story.clone().then(6, person("Ana"), Happening::Resolved { how: "over".into() });
    assert_eq!(buttons(&over, 7), []);
    assert_eq!(buttons(&story.started(6, &revert()), 7), []);
}

#[test]
fn time_alone_changes_a_message_and_never_its_key() {
    let story = Story::in_channel().asked(1, None, look_here()).proposed(&revert()).incident();
    let (early, late) = (speeches(&story, at(5)), speeches(&story, at(40)));
    assert_eq!(keys(&story, 5), keys(&story, 40));
    let changed =
        early.iter().zip(&late).filter(|(early, late)| digest(early).unwrap() != digest(late).unwrap());
    let changed: Vec<&str> = changed.map(|(early, _)| early.key.as_str()).collect();
    assert_eq!(changed, ["proposal INC-17.P1"]);
}

#[test]
fn the_tenth_proposal_comes_after_the_ninth() {
    let story = (1..=11).fold(Story::in_channel(), |story, number| {
        let action = revert_of(&format!("{number:02}"), number);
        story.proposed(&hearback_core::action::Proposal {
            id: ProposalId::numbered(&id(), number),
            action,
            ..revert()
        })
    });
    let keys = keys(&story.incident(), 5);
    let numbers: Vec<&str> = keys.iter().filter_map(|key| key.strip_prefix("proposal INC-17.P")).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]);
}

#[test]
fn nobody_else_is_told_what_somebody_wrote() {
    let story = Story::in_channel().said(1, "1.1", "the password is hunter2", Addressee::Everybody);
    let text = format!("{:?}", speeches(&story.incident(), at(2)));
    assert!(!text.contains("hunter2"));
}
