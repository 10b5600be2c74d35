//! The desk: tokens, deliveries, notices, and what was found out for an alert that waits.

use hearback_core::access::{Reach, Right, Token};
use hearback_core::entry::{Actor, Draft};
use hearback_core::evidence::Known;
use hearback_core::happening::Alert;
use hearback_core::ports::{Notice, RecordError, Recorded};
use hearback_core::target::{End, Ended, Lease, Limits, NotFree, Step, TargetState};
use hearback_core::{Digest, Happening, ProposalId, SourceName, Target};
use jiff::Timestamp;

use super::place::Place;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn token(id: &str) -> Token {
    Token {
        id: id.into(),
        holder: Actor::Person("Ana".into()),
        rights: vec![Right::Read, Right::Respond],
        reach: Reach::AllIncidents,
        digest: Digest::of(id.as_bytes()),
        made_at: at(0),
        expires_at: None,
        revoked_at: None,
    }
}

pub async fn a_token_is_kept_until_it_is_revoked(place: Place) {
    let record = place.open().await;
    record.add_token(&token("ana")).await.unwrap();
    record.add_token(&token("bob")).await.unwrap();
    let again = record.add_token(&token("ana")).await;
    assert!(matches!(again, Err(RecordError::Refused(says)) if says.contains("ana")));
    assert_eq!(record.token("ana").await.unwrap(), Some(token("ana")));
    assert_eq!(record.token("eve").await.unwrap(), None);
    assert!(record.revoke_token("ana", at(5)).await.unwrap());
    assert!(!record.revoke_token("ana", at(6)).await.unwrap(), "it was ended before");
    assert!(!record.revoke_token("eve", at(6)).await.unwrap());
    let tokens = record.tokens().await.unwrap();
    assert_eq!(tokens, [Token { revoked_at: Some(at(5)), ..token("ana") }, token("bob")]);
}

pub async fn a_delivery_is_marked_once_and_forgotten_in_time(place: Place) {
    let record = place.open().await;
    let (github, other) = (SourceName::new("github:shop").unwrap(), SourceName::new("github:web").unwrap());
    assert!(!record.was_delivered(&github, "d-1").await.unwrap());
    assert_eq!(record.mark_delivered(&github, "d-1", at(1), at(-100)).await.unwrap(), Recorded::New);
    assert_eq!(record.mark_delivered(&github, "d-1", at(2), at(-100)).await.unwrap(), Recorded::AlreadyThere);
    assert!(record.was_delivered(&github, "d-1").await.unwrap());
    assert!(!record.was_delivered(&other, "d-1").await.unwrap(), "another sender's delivery");
    record.mark_delivered(&github, "d-2", at(200), at(100)).await.unwrap();
    assert!(!record.was_delivered(&github, "d-1").await.unwrap(), "older than what is remembered");
    assert!(record.was_delivered(&github, "d-2").await.unwrap());
}

pub async fn a_notice_is_told_once(place: Place) {
    let record = place.open().await;
    let notice = |key: &str, second| Notice {
        key: key.into(),
        at: at(second),
        text: "api_key=abcdefgh1234 changed in a freeze".into(),
        told_at: None,
    };
    assert_eq!(record.queue_notice(&notice("b", 2)).await.unwrap(), Recorded::New);
    assert_eq!(record.queue_notice(&notice("a", 1)).await.unwrap(), Recorded::New);
    assert_eq!(record.queue_notice(&notice("b", 9)).await.unwrap(), Recorded::AlreadyThere);
    let waiting = record.untold_notices(10).await.unwrap();
    assert_eq!(waiting.iter().map(|notice| notice.key.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(!waiting[0].text.as_untrusted().contains("abcdefgh1234"), "secrets are taken out");
    assert!(record.mark_told("b", at(3)).await.unwrap());
    assert!(!record.mark_told("b", at(4)).await.unwrap());
    assert_eq!(record.untold_notices(10).await.unwrap().len(), 1);
    assert_eq!(record.queue_notice(&notice("b", 11)).await.unwrap(), Recorded::AlreadyThere, "told before");
    assert_eq!(record.untold_notices(10).await.unwrap().len(), 1);
}

pub async fn what_was_found_out_waits_for_the_incident(place: Place) {
    let record = place.open().await;
    let value = Alert {
        fingerprint: "f1".into(),
        name: "HighErrorRate".into(),
        service: None,
        summary: "5xx".into(),
        started_at: at(0),
        link: None,
        runbook: None,
        level: None,
    };
    let (alert, later) = (Known { known_at: at(1), value: value.clone() }, Known { known_at: at(9), value });
    let found = |text: &str| {
        let what = Happening::note("cli", text);
        let by = Actor::hearback();
        vec![Draft { happened_at: at(1), known_at: at(1), recorded_at: at(1), by, what }]
    };
    assert_eq!(record.prepared(&alert).await.unwrap(), []);
    record.prepare(&alert, &found("first")).await.unwrap();
    record.prepare(&alert, &found("second")).await.unwrap();
    assert_eq!(record.prepared(&alert).await.unwrap(), found("second"));
    assert_eq!(record.prepared(&later).await.unwrap(), [], "the same alert on another day");
}

pub async fn a_target_is_leased_to_exactly_one(place: Place) {
    let record = place.open().await;
    let other = place.open().await;
    let target = Target::new("git:checkout:main").unwrap();
    let lease = |number: u32| Lease {
        proposal: ProposalId::new(format!("INC-1.P{number}")).unwrap(),
        runner: format!("run {number}"),
        until: at(600),
    };
    let take = |number| Step::Take { lease: lease(number), limits: Limits::default() };
    let steps: Vec<Step> = (1..=16).map(take).collect();
    let tries = steps.iter().enumerate().map(|(n, step)| {
        let store = if n % 2 == 0 { &record } else { &other };
        store.step_target(&target, step, at(n as i64))
    });
    let told = futures::future::join_all(tries).await;
    let won: Vec<&TargetState> =
        told.iter().filter_map(|told| told.as_ref().unwrap().as_ref().ok()).collect();
    assert_eq!(won.len(), 1, "{told:?}");
    assert_eq!(record.target(&target).await.unwrap(), *won[0]);
    assert_eq!(record.target(&Target::new("git:cart:main").unwrap()).await.unwrap(), TargetState::default());

    let proposal = won[0].lease.as_ref().unwrap().proposal.clone();
    let end =
        Step::End { ended: Ended { proposal, at: at(100), how: End::Unknown }, limits: Limits::default() };
    other.step_target(&target, &end, at(100)).await.unwrap().unwrap();
    let stopped = record.step_target(&target, &take(20), at(5_000)).await.unwrap();
    assert!(matches!(stopped, Err(NotFree::Stopped(..))), "{stopped:?}");
    record.step_target(&target, &Step::Reset, at(5_001)).await.unwrap().unwrap();
    assert!(other.step_target(&target, &take(21), at(5_002)).await.unwrap().is_ok());
}
