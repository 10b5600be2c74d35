//! Redaction, export and import.

use hearback_core::Happening;
use hearback_core::entry::{Body, Broken};
use hearback_core::export::Export;
use hearback_core::ports::{Expect, RecordError, Recorded};
use hearback_record::{export, verify};

use crate::place::{Place, at, gathered, incident, note, redaction, snapshot, whole};

pub async fn a_redacted_body_is_gone_and_the_chain_verifies(place: Place) {
    let record = place.open().await;
    let one = incident(1);
    let drafts = vec![note(0, "a"), note(1, "the tomato is blue"), note(2, "c")];
    let before = record.append(&one, Expect::Any, drafts).await.unwrap();
    let entry = record.redact(&one, 2, &"a customer's name".into(), redaction(9, 2)).await.unwrap();
    assert_eq!(entry.seq, 4);
    assert_eq!(entry.happening().unwrap(), Happening::Redacted { seq: 2, why: "a key".into() });
    let after = whole(&*record, &one).await;
    assert_eq!(after[1].body, Body::Redacted { at: at(9), why: "a customer's name".into() });
    assert_eq!((after[1].hash, after[1].body_digest), (before[1].hash, before[1].body_digest));
    assert_eq!([&after[0], &after[2]], [&before[0], &before[2]]);
    assert!(verify(&*record, &one, Some(before[2].head())).await.is_ok());
    assert_eq!(record.append(&one, Expect::Any, vec![note(10, "d")]).await.unwrap()[0].seq, 5);
}

pub async fn what_can_not_be_redacted_is_said(place: Place) {
    let record = place.open().await;
    let one = incident(1);
    record.append(&one, Expect::Any, vec![note(0, "a"), note(1, "b")]).await.unwrap();
    record.redact(&one, 1, &"x".into(), redaction(2, 1)).await.unwrap();
    let check = async |id: u64, seq, redaction, expect: &str| {
        let refused = record.redact(&incident(id), seq, &"x".into(), redaction).await.unwrap_err();
        assert_eq!(refused.to_string(), expect);
    };
    check(1, 1, redaction(3, 1), "entry 1 of INC-1 is redacted already").await;
    check(1, 3, redaction(3, 3), "entry 3 of INC-1 records a redaction and has to stay").await;
    check(1, 9, redaction(3, 9), "incident INC-1 has no entry 9").await;
    check(
        2,
        1,
        redaction(3, 1),
        "there is no incident INC-2; `hearback incident list` shows those there are",
    )
    .await;
    let wrong = "the entry that records a redaction must be of kind \"redacted\" and name entry 2";
    check(1, 2, note(3, "x"), wrong).await;
    check(1, 2, redaction(3, 1), wrong).await;
    assert_eq!(whole(&*record, &one).await.len(), 3);
}

pub async fn a_snapshot_goes_with_the_last_entry_that_names_it(place: Place) {
    let record = place.open().await;
    let (shared, single) = (snapshot("shared"), snapshot("single"));
    for kept in [&shared, &single] {
        assert_eq!(record.keep(kept).await.unwrap(), Recorded::New);
        assert_eq!(record.keep(kept).await.unwrap(), Recorded::AlreadyThere);
    }
    let drafts = vec![gathered(0, &shared), gathered(1, &single)];
    record.append(&incident(1), Expect::Any, drafts).await.unwrap();
    record.append(&incident(2), Expect::Any, vec![gathered(2, &shared)]).await.unwrap();
    record.redact(&incident(1), 1, &"x".into(), redaction(3, 1)).await.unwrap();
    assert_eq!(record.snapshot(shared.id).await.unwrap(), Some(shared.clone()), "another incident names it");
    record.redact(&incident(1), 2, &"x".into(), redaction(4, 2)).await.unwrap();
    assert_eq!(record.snapshot(single.id).await.unwrap(), None);
    record.redact(&incident(2), 1, &"x".into(), redaction(5, 1)).await.unwrap();
    assert_eq!(record.snapshot(shared.id).await.unwrap(), None);
    for number in [1, 2] {
        verify(&*record, &incident(number), None).await.unwrap();
    }
}

pub async fn an_export_is_imported_equal(place: Place) {
    let record = place.open().await;
    let logs = snapshot("checkout: 500");
    record.keep(&logs).await.unwrap();
    let drafts = vec![note(0, "a"), gathered(1, &logs), note(2, "secret")];
    record.append(&incident(1), Expect::Any, drafts).await.unwrap();
    record.redact(&incident(1), 3, &"x".into(), redaction(3, 3)).await.unwrap();
    let exported = export(&*record, &incident(1)).await.unwrap();
    assert_eq!(exported.snapshots, std::slice::from_ref(&logs));
    let text = exported.to_json_lines().unwrap();

    let elsewhere = Place::sqlite();
    let other = elsewhere.open().await;
    let parsed = Export::parse(&text).unwrap();
    let head = other.import(parsed.entries.clone(), parsed.snapshots.clone()).await.unwrap();
    assert_eq!(head, exported.head);
    assert_eq!(export(&*other, &incident(1)).await.unwrap(), exported);
    assert_eq!(
        other.append(&incident(1), Expect::Head(Some(head)), vec![note(9, "on")]).await.unwrap()[0].seq,
        5
    );

    let refused = record.import(parsed.entries, parsed.snapshots).await.unwrap_err();
    assert_eq!(refused.to_string(), "there is an incident INC-1 already; nothing was imported");
    assert!(matches!(export(&*record, &incident(2)).await, Err(RecordError::NoSuchIncident(_))));
}

pub async fn what_is_no_whole_record_is_not_imported(place: Place) {
    let record = place.open().await;
    let elsewhere = Place::sqlite();
    let logs = snapshot("x");
    let other = elsewhere.open().await;
    other.append(&incident(1), Expect::Any, vec![note(0, "a"), note(1, "b")]).await.unwrap();
    let entries = whole(&*other, &incident(1)).await;
    let check =
        async |entries: &[hearback_core::Entry], snapshots: &[hearback_core::Evidence], expect: &str| {
            let refused = record.import(entries.to_vec(), snapshots.to_vec()).await.unwrap_err();
            assert!(refused.to_string().contains(expect), "{refused}");
        };
    check(&[], &[], "has no entries").await;
    check(&entries[1..], &[], &Broken::Sequence { expected: 1, found: 2 }.to_string()).await;
    let mut edited = entries.clone();
    edited[1].by = hearback_core::Actor::hearback();
    check(&edited, &[], &Broken::Header { seq: 2 }.to_string()).await;
    check(&entries, std::slice::from_ref(&logs), "is named by no entry").await;
    let forged = hearback_core::Evidence { text: "y".into(), ..logs };
    check(&entries, std::slice::from_ref(&forged), "its content does not match its id").await;
    assert!(record.keep(&forged).await.is_err());
    assert_eq!(record.incidents().await.unwrap(), []);
}
