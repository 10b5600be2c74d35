//! Appending: order, compare-and-set, batches, secrets, and opening.

use std::sync::Arc;

use hearback_core::answer::Answer;
use hearback_core::entry::{Body, Entry, verify_chain};
use hearback_core::ports::{Expect, RecordError};
use hearback_core::{Happening, Severity};
use hearback_record::Record;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};

use crate::place::{Place, at, draft, incident, note, whole};

pub async fn what_is_appended_is_read_back_in_pages(place: Place) {
    let record = place.open().await;
    let one = incident(1);
    assert_eq!(record.read(&one, 0, 10).await.unwrap(), []);
    assert_eq!(record.head(&one).await.unwrap(), None);
    let mut written = Vec::new();
    for second in 0..5 {
        written.extend(record.append(&one, Expect::Any, vec![note(second, "hi")]).await.unwrap());
    }
    assert_eq!(record.read(&one, 0, 2).await.unwrap(), written[..2]);
    assert_eq!(record.read(&one, 2, 2).await.unwrap(), written[2..4]);
    assert_eq!(record.read(&one, 4, usize::MAX).await.unwrap(), written[4..]);
    assert_eq!(record.read(&one, u64::MAX, 2).await.unwrap(), []);
    assert_eq!(record.head(&one).await.unwrap(), Some(written[4].head()));
    let again = place.open().await;
    assert_eq!(whole(&*again, &one).await, written);
    assert_eq!(hearback_record::verify(&*again, &one, None).await.unwrap(), written[4].head());
}

pub async fn an_append_of_several_is_one_unit(place: Place) {
    let record = place.open().await;
    let drafts = vec![note(0, "a"), note(1, "b"), note(2, "c")];
    let entries = record.append(&incident(1), Expect::Head(None), drafts).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(whole(&*record, &incident(1)).await, entries);
    assert_eq!(record.append(&incident(1), Expect::Any, vec![]).await.unwrap(), []);
}

pub async fn a_head_that_moved_is_a_conflict_and_nothing_is_written(place: Place) {
    let record = place.open().await;
    let one = incident(1);
    let first = record.append(&one, Expect::Head(None), vec![note(0, "a")]).await.unwrap()[0].head();
    let second = record.append(&one, Expect::Head(Some(first)), vec![note(1, "b")]).await.unwrap()[0].head();
    for stale in [None, Some(first)] {
        let refused = record.append(&one, Expect::Head(stale), vec![note(2, "c")]).await;
        assert!(
            matches!(&refused, Err(RecordError::Conflict { incident, head })
                if *incident == one && *head == Some(second)),
            "{refused:?}"
        );
    }
    assert_eq!(record.head(&one).await.unwrap(), Some(second));
}

pub async fn of_many_that_expect_one_head_exactly_one_wins(place: Place) {
    let record = place.open().await;
    let attempts = (0..32).map(|second| {
        let record = Arc::clone(&record);
        async move { record.append(&incident(1), Expect::Head(None), vec![note(second, "me")]).await }
    });
    let results = futures::future::join_all(attempts).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(results.iter().all(|result| matches!(result, Ok(_) | Err(RecordError::Conflict { .. }))));
    assert_eq!(whole(&*record, &incident(1)).await.len(), 1);
}

pub async fn two_openings_of_one_record_never_fork_a_chain(place: Place) {
    let (left, right) = (place.open().await, place.open().await);
    let appends = (0..100).map(|second| {
        let record = Arc::clone(if second % 2 == 0 { &left } else { &right });
        async move { record.append(&incident(second as u64 % 3), Expect::Any, vec![note(second, "x")]).await }
    });
    let mut written: Vec<Entry> =
        futures::future::join_all(appends).await.into_iter().flat_map(Result::unwrap).collect();
    written.sort_by_key(|entry| (entry.incident.clone(), entry.seq));
    let mut stored = Vec::new();
    for number in 0..3 {
        stored.extend(whole(&*left, &incident(number)).await);
    }
    assert_eq!(stored, written, "every acknowledged entry stands where its writer was told it does");
}

pub async fn one_bad_request_does_not_fail_the_others_of_its_batch(place: Place) {
    let record = place.open().await;
    record.append(&incident(9), Expect::Any, vec![note(0, "there")]).await.unwrap();
    let large = "x".repeat(5 << 20);
    let requests = (0..60).map(|second| {
        let (record, large) = (Arc::clone(&record), &large);
        async move {
            match second % 3 {
                0 => record.append(&incident(1), Expect::Any, vec![note(second, "good")]).await,
                1 => record.append(&incident(9), Expect::Head(None), vec![note(second, "late")]).await,
                _ => record.append(&incident(1), Expect::Any, vec![note(second, large)]).await,
            }
        }
    });
    for (number, result) in futures::future::join_all(requests).await.into_iter().enumerate() {
        match (number % 3, result) {
            (0, Ok(_)) | (1, Err(RecordError::Conflict { .. })) => {}
            (2, Err(RecordError::Refused(why))) => {
                assert_eq!(
                    why,
                    "5.0 MB of text are too much for one entry (at most 4 MB): keep it as a snapshot and name that"
                );
            }
            (_, other) => panic!("request {number}: {other:?}"),
        }
    }
    assert_eq!(whole(&*record, &incident(1)).await.len(), 20);
}

pub async fn secrets_are_taken_out_before_an_entry_is_sealed(place: Place) {
    let record = place.open().await;
    let mut leaking = note(0, "use AKIAIOSFODNN7EXAMPLE for now");
    leaking.by = hearback_core::Actor::Person("ana password=correct-horse".into());
    let entries = record.append(&incident(1), Expect::Any, vec![leaking]).await.unwrap();
    assert_eq!(whole(&*record, &incident(1)).await, entries);
    let text = serde_json::to_string(&entries).unwrap();
    assert!(!text.contains("AKIA") && !text.contains("correct-horse"), "{text}");
    assert!(text.contains("use [redacted: AWS access key] for now"), "{text}");
}

pub async fn a_name_that_looks_like_a_secret_is_refused(place: Place) {
    let record = place.open().await;
    let what = Happening::Declared {
        title: "x".into(),
        severity: Severity::Sev1,
        services: vec!["AKIAIOSFODNN7EXAMPLE".parse().unwrap()],
        impact_since: None,
    };
    let refused = record.append(&incident(1), Expect::Any, vec![draft(0, what)]).await.unwrap_err();
    assert_eq!(refused.to_string(), "a name or a link in it looks like a secret and can't be written down");
}

pub async fn incidents_are_listed_oldest_first_with_their_heads(place: Place) {
    let record = place.open().await;
    assert_eq!(record.incidents().await.unwrap(), []);
    let mut heads = Vec::new();
    for (number, second) in [(3, 10), (1, 20), (2, 0)] {
        let drafts = vec![note(second, "a"), note(second + 100, "b")];
        let entries = record.append(&incident(number), Expect::Any, drafts).await.unwrap();
        heads.push((incident(number), entries[1].head()));
    }
    heads.rotate_right(1);
    assert_eq!(record.incidents().await.unwrap(), heads);
}

pub async fn every_number_survives_the_store(place: Place) {
    let record = place.open().await;
    // Numbers whose shortest text a careless reader gets wrong in the last bit.
    for (second, score) in
        [0.1 + 0.2, 1.0 / 3.0, 5e-324, f64::MAX, 0.848_249_957_250_297_1, -0.0, 1e21].into_iter().enumerate()
    {
        let what = Happening::Answered(answer_with(score));
        record.append(&incident(1), Expect::Any, vec![draft(second as i64, what)]).await.unwrap();
    }
    hearback_record::verify(&*record, &incident(1), None).await.unwrap();
}

fn answer_with(score: f64) -> Answer {
    let suspect = serde_json::json!({
        "rank": 1, "id": "c", "sha": null, "kind": "flag", "title": "t", "author": "a",
        "committed_at": at(0), "effective_at": at(0), "link": null, "strength": "weak", "confidence": score,
        "score": score, "reasons": [],
    });
    serde_json::from_value(serde_json::json!({
        "schema_version": 1, "verdict": "cant_tell", "as_of": at(0), "since": at(0), "onset": null,
        "considered": u64::MAX, "suspects": [suspect], "ruled_out": [], "gaps": [], "searched": [],
    }))
    .unwrap()
}

pub async fn any_sequence_of_drafts_verifies_and_reads_back_equal(place: Place) {
    let record = place.open().await;
    let mut runner = TestRunner::new(ProptestConfig { rng_seed: RngSeed::Fixed(7), ..Default::default() });
    // Any characters, the ones databases and JSON trip over included.
    let text = prop_oneof![any::<String>(), "[\u{0}-\u{1f}\\\\\"'$\u{7f}-\u{9f}\u{2028}\u{fffd}]{0,20}"];
    let step = (0u64..4, proptest::collection::vec((text, -1_000_000_000i64..1_000_000_000), 0..4));
    let steps = proptest::collection::vec(step, 1..8);
    for round in 0..24u64 {
        let mut expected: Vec<Vec<Entry>> = vec![Vec::new(); 4];
        for (which, notes) in steps.new_tree(&mut runner).unwrap().current() {
            let drafts: Vec<_> = notes.iter().map(|(text, second)| note(*second, text)).collect();
            let place = &mut expected[which as usize];
            let expect = Expect::Head(place.last().map(Entry::head));
            let entries = record.append(&incident(round * 4 + which), expect, drafts.clone()).await.unwrap();
            for (entry, draft) in entries.iter().zip(&drafts) {
                assert_eq!(entry.happening().unwrap(), draft.what);
                assert_eq!(entry.happened_at, draft.happened_at);
            }
            place.extend(entries);
        }
        for (which, entries) in (0..).zip(&expected) {
            let id = incident(round * 4 + which);
            let stored = record.read(&id, 0, usize::MAX).await.unwrap();
            assert_eq!(stored, *entries);
            assert_eq!(verify_chain(&id, &stored, None).unwrap(), entries.last().map(Entry::head));
        }
    }
}

pub async fn dropping_the_last_handle_writes_what_waits(place: Place) {
    let record = place.open().await;
    for second in 0..20 {
        let one = incident(1);
        let mut append = record.append(&one, Expect::Any, vec![note(second, "x")]);
        // Handed to the writer, and its caller gone before the answer.
        let _ = futures::poll!(&mut append);
    }
    drop(record);
    assert_eq!(whole(&*place.open().await, &incident(1)).await.len(), 20);
}

pub async fn two_openings_at_once_make_one_record(place: Place) {
    let opened = futures::future::join_all((0..6).map(|_| place.open())).await;
    for (second, record) in (0..).zip(&opened) {
        record.append(&incident(1), Expect::Any, vec![note(second, "x")]).await.unwrap();
    }
    let record: &Arc<dyn Record> = &opened[0];
    let entries = whole(&**record, &incident(1)).await;
    assert_eq!(entries.len(), 6);
    assert!(entries.iter().all(|entry| matches!(entry.body, Body::Kept { .. }) && entry.known_at >= at(0)));
}

pub async fn a_record_of_a_newer_version_is_refused(place: Place) {
    drop(place.open().await);
    place.tamper("INSERT INTO schema_version (version) VALUES (99)");
    let refused = hearback_record::open(&place.url()).await.err().unwrap();
    assert_eq!(
        refused.to_string(),
        "the record was written by a newer hearback (its form is version 99, this one knows 2): update hearback"
    );
}
