//! The desk where proposals are decided, on a real record: an action is started once, whoever presses how often, and what
//! became of it is written down or told to a person.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop anywhere")]

mod facts;
mod moments;
mod room;

use hearback_core::action::{Outcome, Receipt};
use hearback_core::approval::{Decided, Decision};
use hearback_core::ports::Trace;
use hearback_core::{Happening, ProposalId};
use hearback_engine::approval::{NotTaken, Ruling};
use hearback_engine::incidents::load;

use crate::room::{Room, at, by, done, not_found, noted, proposal};

#[tokio::test(flavor = "multi_thread")]
async fn a_double_click_executes_once() {
    let room = Room::new(done, not_found).await;
    let other = hearback_record::open(&room.url).await.unwrap();
    let decision = room.says(Decided::Approve).await;
    let presses = (0..12).map(|n| {
        let (record, runner) = if n % 2 == 0 { (&room.record, "a") } else { (&other, "b") };
        let (desk, decision) = (room.desk(record, runner), decision.clone());
        let who = if n % 3 == 0 { "Ana" } else { "Ben" };
        async move {
            match desk.decide(decision, by(who), at(2)).await.unwrap() {
                Ruling::Started(started) => Some(desk.carry_out(*started, &|| at(3)).await.unwrap()),
                _ => None,
            }
        }
    });
    let ended: Vec<Outcome> = futures::future::join_all(presses).await.into_iter().flatten().collect();
    assert_eq!((ended, room.executed()), (vec![done()], 1));
    let folded = room.folded().await;
    let seen = folded.proposals.values().next().unwrap();
    assert_eq!(seen.outcome, Some((at(3), done())));
    assert_eq!(seen.decisions.len(), 12, "every press is written down");
    let again = room.desk(&room.record, "a").decide(decision, by("Ana"), at(4)).await.unwrap();
    assert_eq!(noted(again), "INC-3.P1 was started already; it is done once");
    hearback_record::verify(room.record.as_ref(), &room.incident, None).await.unwrap();
}

#[tokio::test]
async fn who_may_not_is_told_why_and_it_is_recorded() {
    let room = Room::new(done, not_found).await;
    let desk = room.desk(&room.record, "a");
    let told = desk.decide(room.says(Decided::Approve).await, by("Dora"), at(2)).await.unwrap();
    assert_eq!(noted(told), "Dora may not approve it; who may: group sre");
    let (entries, _) = load(room.record.as_ref(), &room.incident).await.unwrap();
    let last = entries.last().unwrap().happening().unwrap();
    assert!(matches!(last, Happening::Decided { denied: Some(why), .. } if why.starts_with("Dora may not")));
    assert!(matches!(
        desk.decide(room.says(Decided::Reject).await, by("Ben"), at(3)).await.unwrap(),
        Ruling::Rejected
    ));
    let told = desk.decide(room.says(Decided::Approve).await, by("Ana"), at(4)).await.unwrap();
    assert_eq!(noted(told), "Ben rejected it: it is the cache; a new proposal is needed");
    assert_eq!(room.executed(), 0);
    let strange =
        Decision { proposal: ProposalId::new("INC-9.P1").unwrap(), ..room.says(Decided::Approve).await };
    assert!(matches!(desk.decide(strange, by("Ana"), at(4)).await, Err(NotTaken::NoSuchProposal(_))));
}

#[tokio::test]
async fn an_unknown_end_is_told_to_a_person_and_stops_the_target() {
    let unknown = || Outcome::Unknown { why: "the connection broke".into() };
    let room = Room::new(unknown, not_found).await;
    let desk = room.desk(&room.record, "a");
    let ruling = desk.decide(room.says(Decided::Approve).await, by("Ana"), at(2)).await.unwrap();
    let Ruling::Started(started) = ruling else { panic!("{ruling:?}") };
    desk.carry_out(*started, &|| at(3)).await.unwrap();
    let told = room.notices().await;
    assert_eq!(
        told,
        [
            "A person must look: nobody knows whether INC-3.P1 was done (bring cart in production from v12 back to v11 \
          (hook deploys)): the connection broke. It is not tried again."
        ]
    );
    let target = proposal(&room.incident).action.target();
    assert!(room.record.target(&target).await.unwrap().stopped.is_some());
}

#[tokio::test]
async fn what_was_started_before_a_crash_is_looked_for_and_never_done_again() {
    for (found, expect) in [
        (not_found as fn() -> Trace, "unknown"),
        (|| Trace::Done(Receipt { says: "found".into(), link: None, inverse: None, made: None }), "done"),
    ] {
        let room = Room::new(done, found).await;
        let desk = room.desk(&room.record, "a");
        let ruling = desk.decide(room.says(Decided::Approve).await, by("Ana"), at(2)).await.unwrap();
        // The program is killed here: the start is written down, its end is not.
        assert!(matches!(ruling, Ruling::Started(_)));
        drop(ruling);
        let next = room.desk(&room.record, "b");
        let folded = room.folded().await;
        assert!(
            next.settle([&folded].into_iter(), at(6)).await.unwrap().is_empty(),
            "it may be under way still"
        );
        let settled = next.settle([&folded].into_iter(), at(8)).await.unwrap();
        let how = match &settled[0].1 {
            Outcome::Done(_) => "done",
            Outcome::Unknown { .. } => "unknown",
            other => panic!("{other:?}"),
        };
        assert_eq!((how, room.executed()), (expect, 0));
        assert_eq!(room.notices().await.len(), usize::from(expect == "unknown"));
        let folded = room.folded().await;
        assert!(next.settle([&folded].into_iter(), at(9)).await.unwrap().is_empty(), "it is settled");
    }
}
