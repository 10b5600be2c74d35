//! The change log and the alert inbox.

use std::sync::Arc;

use hearback_core::change::{Author, Change, ChangeKind, Landed, Nature, Paths, Revert, Review};
use hearback_core::evidence::Known;
use hearback_core::happening::Alert;
use hearback_core::ports::{InboxAlert, Recorded};
use hearback_core::{ChangeId, Window};
use jiff::Timestamp;

use crate::place::{Place, at, incident};

fn change(id: &str, effective_at: Timestamp, known_at: Timestamp) -> Known<Change> {
    let value = Change {
        id: ChangeId::new(id).unwrap(),
        kind: ChangeKind::Flag,
        source: "flag:ld".parse().unwrap(),
        services: vec![],
        environment: None,
        delivers: vec![],
        rollout: None,
        committed_at: effective_at,
        effective_at,
        landed: Landed::Yes,
        author: Author { name: "ana".into(), email: None, nature: Nature::Person },
        title: "cart on".into(),
        body: "".into(),
        paths: Paths::Known(vec![]),
        revert: Revert::default(),
        review: Review::default(),
        link: None,
    };
    Known { known_at, value }
}

fn alert(fingerprint: &str, second: i64) -> Known<Alert> {
    let value = Alert {
        fingerprint: fingerprint.into(),
        name: "HighErrorRate".into(),
        service: None,
        summary: "5xx".into(),
        started_at: at(second),
        link: None,
        runbook: None,
        level: None,
    };
    Known { known_at: at(second), value }
}

fn window(from: i64, until: i64) -> Window {
    Window { from: at(from), until: at(until) }
}

pub async fn a_change_is_logged_once(place: Place) {
    let record = place.open().await;
    let first = change("flag:ld:cart:1", at(10), at(11));
    assert_eq!(record.log_change(&first).await.unwrap(), Recorded::New);
    let second = change("flag:ld:cart:1", at(20), at(21));
    assert_eq!(record.log_change(&second).await.unwrap(), Recorded::AlreadyThere);
    assert_eq!(record.logged_changes(&window(0, 100), 9).await.unwrap(), [first]);
}

pub async fn changes_are_found_by_their_time_of_effect(place: Place) {
    let record = place.open().await;
    let just_before = at(10).checked_sub(jiff::SignedDuration::from_nanos(1)).unwrap();
    for (id, effective_at, known_at) in [
        ("d", at(19), at(19)),
        ("a", just_before, at(10)),
        ("b", at(10), at(10)),
        ("c", at(20), at(20)),
        ("e", at(15), at(20)),
        ("f", at(15), at(21)),
        ("g", Timestamp::MIN, Timestamp::MIN),
        ("h", Timestamp::MAX, Timestamp::MAX),
    ] {
        record.log_change(&change(id, effective_at, known_at)).await.unwrap();
    }
    let latest = async |most: usize, window: Window| -> String {
        let changes = record.logged_changes(&window, most).await.unwrap();
        changes.iter().map(|change| change.value.id.as_str()).collect::<Vec<_>>().join("")
    };
    let found = async |window: Window| latest(100, window).await;
    assert_eq!(found(window(10, 20)).await, "bed", "from inside, until outside, and f was not known yet");
    assert_eq!(found(Window { from: just_before, until: at(21) }).await, "abefdc");
    assert_eq!(found(Window { from: Timestamp::MIN, until: Timestamp::MAX }).await, "gabefdc");
    for (most, expect) in [(0, ""), (1, "d"), (2, "ed"), (3, "bed"), (4, "bed")] {
        assert_eq!(
            latest(most, window(10, 20)).await,
            expect,
            "the latest {most}; f counts for none of them"
        );
    }
}

pub async fn an_alert_waits_until_exactly_one_incident_takes_it(place: Place) {
    let record = place.open().await;
    let odd = "a\u{0}b".repeat(3000);
    for fingerprint in ["f1", odd.as_str()] {
        assert_eq!(record.receive_alert(&alert(fingerprint, 5)).await.unwrap(), Recorded::New);
        assert_eq!(record.receive_alert(&alert(fingerprint, 6)).await.unwrap(), Recorded::AlreadyThere);
    }
    let claims = (0..16).map(|number| {
        let record = Arc::clone(&record);
        async move { (number, record.claim_alert("f1", &incident(number)).await.unwrap()) }
    });
    let won: Vec<u64> =
        futures::future::join_all(claims).await.into_iter().filter(|(_, won)| *won).map(|(n, _)| n).collect();
    assert_eq!(won.len(), 1, "{won:?}");
    let taken = InboxAlert { alert: alert("f1", 5), incident: Some(incident(won[0])), resolved_at: None };
    let waiting = InboxAlert { alert: alert(&odd, 5), incident: None, resolved_at: None };
    assert_eq!(record.alerts(&window(5, 6)).await.unwrap(), [waiting, taken]);
    assert_eq!(record.alerts(&window(0, 5)).await.unwrap(), []);
    assert!(!record.claim_alert("unknown", &incident(1)).await.unwrap());
}

pub async fn an_alert_that_comes_back_after_it_was_over_is_new(place: Place) {
    let record = place.open().await;
    assert!(!record.resolve_alert("f1", at(1)).await.unwrap());
    record.receive_alert(&alert("f1", 1)).await.unwrap();
    let over = at(2).checked_add(jiff::SignedDuration::from_nanos(7)).unwrap();
    assert!(record.resolve_alert("f1", over).await.unwrap());
    assert!(!record.resolve_alert("f1", at(3)).await.unwrap());
    assert!(!record.claim_alert("f1", &incident(1)).await.unwrap(), "it is over");
    assert_eq!(record.receive_alert(&alert("f1", 4)).await.unwrap(), Recorded::New);
    assert!(record.claim_alert("f1", &incident(1)).await.unwrap());
    let seen = record.alerts(&window(0, 10)).await.unwrap();
    assert_eq!(
        seen.iter().map(|seen| (seen.resolved_at, seen.incident.clone())).collect::<Vec<_>>(),
        [(Some(over), None), (None, Some(incident(1)))]
    );
}

pub async fn secrets_in_changes_and_alerts_are_taken_out(place: Place) {
    let record = place.open().await;
    let mut leaking = change("c", at(1), at(1));
    leaking.value.title = "use AKIAIOSFODNN7EXAMPLE".into();
    record.log_change(&leaking).await.unwrap();
    let mut loud = alert("password=correct-horse", 1);
    loud.value.summary = "AKIAIOSFODNN7EXAMPLE".into();
    record.receive_alert(&loud).await.unwrap();
    let kept =
        (record.logged_changes(&window(0, 9), 9).await.unwrap(), record.alerts(&window(0, 9)).await.unwrap());
    let json = serde_json::to_string(&(&kept.0, &kept.1[0].alert)).unwrap();
    assert!(!json.contains("AKIA") && !json.contains("correct-horse"), "{json}");
    assert!(
        record.claim_alert("password=correct-horse", &incident(1)).await.unwrap(),
        "its sender's name for it works"
    );
}
