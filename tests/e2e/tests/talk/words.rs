//! Every message of an incident's channel, as people see it: bold in `**`, outside words in backticks, links and buttons in
//! brackets.

use hearback_core::action::{Inverse, Outcome, Proposal, Recovery};
use hearback_core::answer::Verdict;
use hearback_core::approval::Decided;
use hearback_core::chat::{ChatMessage, Span};
use hearback_core::entry::Actor;
use hearback_core::{ChangeId, Happening, ProposalId};
use hearback_engine::channel::speeches::speeches;
use hearback_engine::channel::words::{self, Line};

use crate::room::{Room, answer, at, done, proposal, two_suspects};

fn seen_line(line: &Line) -> String {
    let span = |span: &Span| match span {
        Span::Plain(text) => text.clone(),
        Span::Strong(text) => format!("**{text}**"),
        Span::Quoted(text) => format!("`{}`", text.for_people(200)),
        Span::Exact(text) => text.exact(200),
        Span::Link { says, to } => format!("[{says}]({to})"),
    };
    line.iter().map(span).collect()
}

pub fn seen(lines: &[Line]) -> String {
    lines.iter().map(seen_line).collect::<Vec<_>>().join("\n")
}

fn shown(message: &ChatMessage) -> String {
    let thread =
        message.thread.as_ref().map_or(String::new(), |thread| format!(" in the thread of {thread}"));
    let buttons: Vec<&str> = message.buttons.iter().map(|button| button.says()).collect();
    let buttons = if buttons.is_empty() { String::new() } else { format!("\n[ {} ]", buttons.join(" ] [ ")) };
    format!("--- {}{thread}\n{}{buttons}", message.key, seen(&message.lines))
}

/// All that is to be said, as it stands at this minute.
async fn told(room: &Room, minute: i64) -> String {
    let all = speeches(&room.incident().await, at(minute));
    all.iter().map(shown).collect::<Vec<_>>().join("\n\n")
}

/// Only what follows the notice.
async fn after_notice(room: &Room, minute: i64) -> String {
    told(room, minute).await.split_once("\n\n").unwrap().1.to_owned()
}

#[tokio::test]
async fn the_notice_and_a_first_answer() {
    let room = Room::new().await;
    room.answered(None, two_suspects()).await;
    insta::assert_snapshot!(told(&room, 2).await);
}

#[tokio::test]
async fn an_answer_in_a_thread_with_a_suspect_that_is_none() {
    let room = Room::new().await;
    room.answered(Some("1795442400.000100"), two_suspects()).await;
    let change = ChangeId::commit("shop", "3f2a91c0aa3f2a91c0aa3f2a91c0aa3f2a91c0aa").unwrap();
    room.happens_by(2, Actor::Person("Ana".into()), Happening::Dismissed { change }).await;
    insta::assert_snapshot!(after_notice(&room, 3).await);
}

#[tokio::test]
async fn nothing_fits_and_nothing_is_proposed() {
    let room = Room::new().await;
    room.answered(None, answer(Verdict::CantTell, vec![])).await;
    let why = "3f2a91c0aa does not undo cleanly on main: total.py conflicts".to_owned();
    room.happens(2, Happening::NotProposed { why }).await;
    insta::assert_snapshot!(after_notice(&room, 3).await);
}

#[tokio::test]
async fn a_proposal_on_its_way() {
    let room = Room::new().await;
    room.happens(1, Happening::Proposed(proposal(&room.id))).await;
    let mut told = vec![format!("WAITS\n{}", after_notice(&room, 2).await)];
    told.push(format!("EXPIRED\n{}", after_notice(&room, 61).await));
    room.decided(2, "Dora", Decided::Approve, "", Some("Dora may not approve it; who may: group sre")).await;
    let spoke = Happening::Spoke {
        key: "proposal INC-3.P1".into(),
        message: hearback_core::MessageId::new("m2").unwrap(),
        digest: hearback_core::Digest::of(b"x"),
    };
    room.happens(2, spoke).await;
    told.push(format!("DENIED\n{}", after_notice(&room, 3).await));
    room.decided(4, "Ana", Decided::Approve, "", None).await;
    room.started(4).await;
    told.push(format!("UNDER WAY\n{}", after_notice(&room, 4).await));
    room.finished(5, done()).await;
    told.push(format!("DONE\n{}", after_notice(&room, 6).await));
    let back = "checkout: errors back at 0.3, 6 min after the action; 14 before it, usually 0.2";
    room.looked(11, Recovery::Recovered, back).await;
    told.push(format!("HELPED\n{}", after_notice(&room, 12).await));
    insta::assert_snapshot!(told.join("\n\n"));
}

#[tokio::test]
async fn a_proposal_that_is_rejected() {
    let room = Room::new().await;
    room.happens(1, Happening::Proposed(proposal(&room.id))).await;
    room.decided(2, "Ana", Decided::Reject, "with the button in the channel", None).await;
    insta::assert_snapshot!(after_notice(&room, 3).await);
}

#[tokio::test]
async fn an_action_that_did_not_end_well() {
    let mut told = Vec::new();
    for (name, outcome) in [
        (
            "NOT AS EXPECTED",
            Outcome::NotAsExpected { why: "the files it touches were changed on main since".into() },
        ),
        (
            "FAILED",
            Outcome::Failed { why: "origin did not take it: protected branch; nothing was pushed".into() },
        ),
        ("UNKNOWN", Outcome::Unknown { why: "the push was cut off; look at main of origin".into() }),
    ] {
        let room = Room::new().await;
        room.happens(1, Happening::Proposed(proposal(&room.id))).await;
        room.decided(2, "Ana", Decided::Approve, "", None).await;
        room.started(2).await;
        room.finished(3, outcome).await;
        told.push(format!("{name}\n{}", after_notice(&room, 4).await));
    }
    insta::assert_snapshot!(told.join("\n\n"));
}

#[tokio::test]
async fn an_action_that_did_not_help_and_its_way_back() {
    let room = Room::new().await;
    room.happens(1, Happening::Proposed(proposal(&room.id))).await;
    room.decided(2, "Ana", Decided::Approve, "", None).await;
    room.started(2).await;
    room.finished(3, done()).await;
    let not = "checkout: errors at 14, 30 min after the action; 14 before it, usually 0.2";
    room.looked(33, Recovery::NotRecovered, not).await;
    let mut told = vec![format!("NO WAY BACK\n{}", after_notice(&room, 34).await)];
    let offer = Proposal {
        id: ProposalId::numbered(&room.id, 2),
        why: crate::room::claim(&format!("INC-3.P1 did not help: {not}")),
        inverse: Inverse::Nothing,
        check: None,
        risks: vec![],
        expires_at: at(90),
        ..proposal(&room.id)
    };
    room.happens(33, Happening::Proposed(offer)).await;
    told.push(format!("OFFERED\n{}", after_notice(&room, 34).await));
    insta::assert_snapshot!(told.join("\n\n"));
}

#[tokio::test]
async fn what_a_person_asks_for_alone() {
    let room = Room::new().await;
    room.answered(None, two_suspects()).await;
    room.happens(1, Happening::Proposed(proposal(&room.id))).await;
    let incident = room.incident().await;
    let status = seen(&words::status(&incident, at(25)));
    let why = seen(&words::evidence(&two_suspects()));
    insta::assert_snapshot!(format!("STATUS\n{status}\n\nWHY?\n{why}"));
}

#[tokio::test]
async fn without_a_channel_nothing_is_said() {
    let mut incident = Room::new().await.incident().await;
    incident.channel = None;
    assert!(speeches(&incident, at(1)).is_empty());
}

#[tokio::test]
async fn what_was_asked_on_the_command_line_is_said_if_it_is_the_first_answer() {
    let room = Room::new().await;
    room.answered(None, two_suspects()).await;
    room.answered(None, two_suspects()).await;
    room.answered(Some("command.1.2.a"), two_suspects()).await;
    let all = speeches(&room.incident().await, at(3));
    let answers: Vec<(&str, bool)> = all
        .iter()
        .filter(|message| message.key.starts_with("answer"))
        .map(|message| (message.key.as_str(), message.thread.is_some()))
        .collect();
    assert_eq!(answers, [("answer 3", false), ("answer 7", false)]);
}
