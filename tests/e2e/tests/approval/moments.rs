//! When: how soon an action must begin, how long it may take, when it is looked for, and until when it is still told.

use std::sync::Arc;

use async_trait::async_trait;
use hearback_core::action::{Action, IdempotencyKey, Outcome, Receipt};
use hearback_core::approval::{ApprovedAction, Decided};
use hearback_core::ports::{ActionExecutor, ConnectorError, Expect, Rehearsal, Trace};
use hearback_core::target::{Lease, Limits, Step, TargetState};
use hearback_core::{Happening, ProposalId};
use hearback_engine::approval::{ApprovalDesk, Ruling, Started};
use jiff::{SignedDuration, Timestamp};

use crate::room::{Room, at, by, done, draft, not_found, noted, proposal};

/// An executor that never ends, and never answers a look.
struct Silent;

#[async_trait]
impl ActionExecutor for Silent {
    fn supports(&self, _: &Action) -> bool {
        true
    }

    async fn rehearse(&self, _: &Action, _: SignedDuration) -> Result<Rehearsal, ConnectorError> {
        Ok(Rehearsal { says: vec![], refuses: None })
    }

    async fn execute(&self, _: ApprovedAction, _: Timestamp, _: SignedDuration) -> Outcome {
        std::future::pending().await
    }

    async fn look(&self, _: &Action, _: &IdempotencyKey, _: SignedDuration) -> Result<Trace, ConnectorError> {
        Err(ConnectorError::Failed("it is away".into()))
    }
}

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

async fn start(desk: &ApprovalDesk<'_>, room: &Room, verdict: Decided, who: &str) -> Box<Started> {
    match desk.decide(room.says(verdict).await, by(who), at(2)).await.unwrap() {
        Ruling::Started(started) => started,
        other => panic!("{other:?}"),
    }
}

async fn state(room: &Room) -> TargetState {
    room.record.target(&proposal(&room.incident).action.target()).await.unwrap()
}

#[tokio::test]
async fn what_begins_too_late_is_not_done() {
    for (late, expect) in [(seconds(120), 1), (seconds(121), 0)] {
        let room = Room::new(done, not_found).await;
        let desk = room.desk(&room.record, "a");
        let started = start(&desk, &room, Decided::Approve, "Ana").await;
        let ended = desk.carry_out(*started, &|| at(2) + late).await.unwrap();
        assert_eq!((room.executed(), ended == done()), (expect, expect == 1), "{ended:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_is_given_twice_its_time_and_is_unknown_then() {
    let mut room = Room::new(done, not_found).await;
    room.executors = vec![Arc::new(Silent)];
    let desk = room.desk(&room.record, "a");
    let started = start(&desk, &room, Decided::Approve, "Ana").await;
    let ended = desk.carry_out(*started, &|| at(2)).await.unwrap();
    assert_eq!(ended, Outcome::Unknown { why: "it did not end within 120 s".into() });
}

#[tokio::test]
async fn it_is_looked_for_when_its_lease_has_run_out_and_for_half_an_hour() {
    let mut room = Room::new(done, not_found).await;
    start(&room.desk(&room.record, "a"), &room, Decided::Approve, "Ana").await;
    room.executors = vec![Arc::new(Silent)];
    assert_eq!(after(&room, seconds(5 * 60)).await, [], "it may be under way still");
    assert_eq!(after(&room, seconds(5 * 60 + 1)).await, [], "it can't be looked at now");
    assert_eq!(after(&room, seconds(30 * 60)).await, []);
    let why = "the program that did it ended before it said how, and it can't be looked at: it is away";
    assert_eq!(after(&room, seconds(30 * 60 + 1)).await, [Outcome::Unknown { why: why.into() }]);

    let room = Room::new(done, not_found).await;
    start(&room.desk(&room.record, "a"), &room, Decided::Approve, "Ana").await;
    assert_eq!(after(&room, seconds(5 * 60)).await, [], "it may be under way still");
    assert_eq!(after(&room, seconds(5 * 60 + 1)).await.len(), 1);
}

/// What is found of what was started so long ago.
async fn after(room: &Room, since: SignedDuration) -> Vec<Outcome> {
    let (desk, folded) = (room.desk(&room.record, "b"), room.folded().await);
    let settled = desk.settle([&folded].into_iter(), at(2) + since).await.unwrap();
    settled.into_iter().map(|(_, outcome)| outcome).collect()
}

#[tokio::test]
async fn an_action_that_was_left_behind_holds_its_target_until_it_is_known_how_it_ended() {
    const TARGET: &str = "hook:deploys:cart:production";
    let waits = format!("{TARGET} was worked on for INC-3.P1, and how that ended is being found out");
    let stopped = format!("no more actions on {TARGET} until a person has looked");
    let leased = format!("{TARGET} is being worked on for INC-3.P1");
    let found = || Trace::Done(Receipt { says: "found".into(), link: None, inverse: None, made: None });
    /// What is written down of it, what a look finds, when another incident wants its target, and what it is told.
    type Case<'a> = (Option<Happening>, fn() -> Trace, i64, &'a str);
    let finished =
        |outcome| Happening::ActionFinished { proposal: ProposalId::new("INC-3.P1").unwrap(), outcome };
    let unknown = finished(Outcome::Unknown { why: "the connection broke".into() });
    let cases: [Case<'_>; 6] = [
        (None, not_found, 6, &leased),
        (None, not_found, 7, &waits),
        (None, not_found, 9, &stopped),
        (None, found, 9, ""),
        (Some(unknown), not_found, 7, &stopped),
        (Some(finished(done())), not_found, 7, ""),
    ];
    for (written, look, minute, expect) in cases {
        let mut room = Room::new(done, look).await;
        start(&room.desk(&room.record, "a"), &room, Decided::Approve, "Ana").await;
        if let Some(what) = written {
            room.record.append(&room.incident, Expect::Any, vec![draft(what)]).await.unwrap();
        }
        if minute == 9 {
            assert_eq!(after(&room, seconds(6 * 60)).await.len(), 1);
        }
        room.next_incident().await;
        let desk = room.desk(&room.record, "b");
        let ruling = desk.decide(room.says(Decided::Approve).await, by("Ana"), at(minute)).await.unwrap();
        match expect {
            "" => assert!(matches!(ruling, Ruling::Started(_)), "{ruling:?}"),
            why => assert!(noted(ruling).starts_with(why), "{why}"),
        }
    }
}

#[tokio::test]
async fn a_lease_that_was_taken_for_a_start_that_never_came_runs_out() {
    let mut room = Room::new(done, not_found).await;
    let target = proposal(&room.incident).action.target();
    let lease = Lease { proposal: proposal(&room.incident).id, runner: "a".into(), until: at(7) };
    let take = Step::Take { lease, limits: Limits::default() };
    room.record.step_target(&target, &take, at(2)).await.unwrap().unwrap();
    room.next_incident().await;
    let desk = room.desk(&room.record, "b");
    let decision = room.says(Decided::Approve).await;
    let told = noted(desk.decide(decision.clone(), by("Ana"), at(6)).await.unwrap());
    assert!(told.starts_with("hook:deploys:cart:production is being worked on for INC-3.P1 until"), "{told}");
    assert!(matches!(desk.decide(decision, by("Ana"), at(7)).await.unwrap(), Ruling::Started(_)));
}

#[tokio::test]
async fn a_week_later_nothing_is_news() {
    let unknown = || Outcome::Unknown { why: "the connection broke".into() };
    let week = SignedDuration::from_hours(7 * 24);
    for (since, told, stops) in
        [(week - seconds(1), 2, true), (week, 0, false), (week + seconds(1), 0, false)]
    {
        let room = Room::new(unknown, not_found).await;
        let desk = room.desk(&room.record, "a");
        let started = start(&desk, &room, Decided::BreakGlass, "Cleo").await;
        desk.carry_out(*started, &|| at(2)).await.unwrap();
        let folded = room.folded().await;

        // The same record as a program left it that was killed before it told anybody.
        let other = Room::new(unknown, not_found).await;
        let desk = other.desk(&other.record, "b");
        desk.settle([&folded].into_iter(), at(2) + since).await.unwrap();
        assert_eq!((other.notices().await.len(), state(&other).await.stopped.is_some()), (told, stops));
    }
}

#[tokio::test]
async fn what_is_told_of_a_broken_glass_names_who_and_why() {
    let room = Room::new(done, not_found).await;
    let desk = room.desk(&room.record, "a");
    let started = start(&desk, &room, Decided::BreakGlass, "Cleo").await;
    let told = "Cleo broke the glass for INC-3.P1 (bring cart in production from v12 back to v11 (hook deploys)): it is \
                the cache";
    assert_eq!(room.notices().await, [told]);
    desk.carry_out(*started, &|| at(3)).await.unwrap();
    // Told again it is the same notice, and another decision since changes nothing about it.
    desk.decide(room.says(Decided::Approve).await, by("Ana"), at(4)).await.unwrap();
    desk.settle([&room.folded().await].into_iter(), at(5)).await.unwrap();
    assert_eq!(room.notices().await, [told]);
}
