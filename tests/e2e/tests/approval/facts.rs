//! What a decision is made on: the desk gathers change freezes and the tiers of services, and any doubt is a refusal.

use std::sync::Arc;

use async_trait::async_trait;
use hearback_core::approval::Decided;
use hearback_core::catalog::Service;
use hearback_core::evidence::{Coverage, Fetched};
use hearback_core::freeze::Freeze;
use hearback_core::ports::{ConnectorError, Expect, FreezeSource};
use hearback_core::{Happening, ServiceName, SourceName, Window};
use hearback_engine::approval::Ruling;
use jiff::SignedDuration;

use crate::room::{Room, at, by, done, draft, not_found, noted};

/// A calendar.
#[derive(Clone)]
enum Calendar {
    /// With a freeze of this service at that time.
    Freezes(&'static str),
    Empty,
    PartlyUnread,
    Broken,
    Silent,
}

struct Source(SourceName, Calendar);

fn source(calendar: Calendar) -> Arc<dyn FreezeSource> {
    Arc::new(Source(SourceName::new("calendar").unwrap(), calendar))
}

#[async_trait]
impl FreezeSource for Source {
    fn name(&self) -> &SourceName {
        &self.0
    }

    async fn freezes(&self, window: Window) -> Result<Fetched<Freeze>, ConnectorError> {
        assert!(window.contains(at(2)), "it is asked about the moment of the decision: {window:?}");
        let mut coverage = Coverage::complete(self.0.clone(), "one calendar");
        let items = match &self.1 {
            Calendar::Freezes(service) => vec![Freeze {
                name: "weekend".into(),
                window: Window { from: at(0), until: at(60) },
                services: vec![ServiceName::new(*service).unwrap()],
                environments: vec![],
            }],
            Calendar::Empty => vec![],
            Calendar::PartlyUnread => {
                coverage.missing = vec!["b.ics is no calendar".into(), "c.ics is gone".into()];
                vec![]
            }
            Calendar::Broken => return Err(ConnectorError::Failed("the disk is full of holes".into())),
            Calendar::Silent => std::future::pending().await,
        };
        Ok(Fetched { items, coverage })
    }
}

fn cart() -> Service {
    Service { aliases: vec!["basket".into()], ..Service::named(ServiceName::new("cart").unwrap()) }
}

#[tokio::test(start_paused = true)]
async fn a_freeze_is_heeded_and_so_is_a_calendar_that_can_not_be_read() {
    let unknown = |why: &str| {
        format!(
            "it can't be told whether a change freeze holds (calendar: {why}); mend that, or break the glass with a \
             reason"
        )
    };
    let frozen = "the change freeze \"weekend\" holds; wait, or break the glass with a reason".to_owned();
    let cases = [
        (vec![Calendar::Freezes("cart")], Some(frozen.clone())),
        // The calendar calls it by another name than the catalog.
        (vec![Calendar::Freezes("basket")], Some(frozen.clone())),
        (vec![Calendar::Empty, Calendar::Freezes("cart")], Some(frozen)),
        (vec![Calendar::Freezes("checkout"), Calendar::Empty], None),
        (vec![Calendar::PartlyUnread], Some(unknown("b.ics is no calendar, c.ics is gone"))),
        (vec![Calendar::Empty, Calendar::Broken], Some(unknown("the disk is full of holes"))),
        (vec![Calendar::Silent], Some(unknown("no answer in time"))),
    ];
    for (calendars, expect) in cases {
        let mut room = Room::new(done, not_found).await;
        room.catalog.services = vec![cart()];
        room.freezes = calendars.into_iter().map(source).collect();
        let desk = room.desk(&room.record, "a");
        let ruling = desk.decide(room.says(Decided::Approve).await, by("Ana"), at(2)).await.unwrap();
        match expect {
            Some(why) => assert_eq!(noted(ruling), why),
            None => assert!(matches!(ruling, Ruling::Started(_)), "{ruling:?}"),
        }
    }
}

#[tokio::test]
async fn a_service_of_tier_one_takes_two_people() {
    for (tier, expect) in [(Some(1), "1 of 2 approvals; who may: group sre"), (Some(2), ""), (None, "")] {
        let mut room = Room::new(done, not_found).await;
        let other = Service { tier: Some(1), ..Service::named(ServiceName::new("checkout").unwrap()) };
        room.catalog.services = vec![Service { tier, ..cart() }, other];
        let desk = room.desk(&room.record, "a");
        let ruling = desk.decide(room.says(Decided::Approve).await, by("Ana"), at(2)).await.unwrap();
        if expect.is_empty() {
            assert!(matches!(ruling, Ruling::Started(_)), "{ruling:?}");
        } else {
            assert_eq!(noted(ruling), expect);
            let ruling = desk.decide(room.says(Decided::Approve).await, by("Ben"), at(3)).await.unwrap();
            assert!(matches!(ruling, Ruling::Started(_)), "{ruling:?}");
        }
    }
}

#[tokio::test]
async fn nothing_is_started_for_an_incident_that_is_over() {
    let room = Room::new(done, not_found).await;
    let over = Happening::Resolved { how: "it is well again".into() };
    room.record.append(&room.incident, Expect::Any, vec![draft(over)]).await.unwrap();
    let desk = room.desk(&room.record, "a");
    let told = desk.decide(room.says(Decided::Approve).await, by("Ana"), at(2)).await.unwrap();
    assert_eq!(noted(told), "INC-3 is resolved; what is still wrong is an incident of its own");
}

#[tokio::test]
async fn who_is_written_second_decided_second_unless_a_clock_is_wrong() {
    let behind = "the clock of this machine is behind the record; set it right";
    for (seconds, expect) in [(59, ""), (60, ""), (61, behind)] {
        let room = Room::new(done, not_found).await;
        let desk = room.desk(&room.record, "a");
        let decision = room.says(Decided::Approve).await;
        let first = desk.decide(decision.clone(), by("Dora"), at(5)).await.unwrap();
        assert_eq!(noted(first), "Dora may not approve it; who may: group sre");
        let now = at(5) - SignedDuration::from_secs(seconds);
        match desk.decide(decision, by("Ana"), now).await.unwrap() {
            Ruling::Started(_) => {
                assert_eq!(expect, "");
                let folded = room.folded().await;
                let seen = folded.proposals.values().next().unwrap();
                assert_eq!((seen.decisions[1].at, seen.started_at), (at(5), Some(at(5))));
            }
            ruling => assert_eq!(noted(ruling), expect),
        }
    }
}

#[tokio::test]
async fn what_nothing_here_can_do_is_not_started() {
    let mut room = Room::new(done, not_found).await;
    let executors = std::mem::take(&mut room.executors);
    let desk = room.desk(&room.record, "a");
    let told = desk.decide(room.says(Decided::Approve).await, by("Ana"), at(2)).await.unwrap();
    assert_eq!(noted(told), "nothing is configured here that can do it");
    // Started where it can be done, and carried out or looked for where it can't.
    let able = hearback_engine::approval::ApprovalDesk { executors: &executors, ..desk };
    let ruling = able.decide(room.says(Decided::Approve).await, by("Ana"), at(3)).await.unwrap();
    let Ruling::Started(started) = ruling else { panic!("{ruling:?}") };
    let folded = room.folded().await;
    assert_eq!(Some(started.proposal()), folded.proposals.keys().next());
    let ended = desk.carry_out(*started, &|| at(4)).await.unwrap();
    assert_eq!(format!("{ended:?}"), r#"Failed { why: "nothing is configured here that can do it" }"#);
    let settled = Room::new(done, not_found).await.unlooked_for().await;
    assert_eq!(
        settled,
        "the program that did it ended before it said how; nothing is configured here that could look"
    );
}
