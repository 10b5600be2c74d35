//! Replays of questions, from entries and snapshots made for the test.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop anywhere")]

mod world;

use hearback_core::change::RevertedBy;
use hearback_core::entry::Body;
use hearback_core::hash::canonical_json;
use hearback_core::{Entry, Evidence, Happening, Origin, SourceName};
use hearback_engine::replay::{Ask, Replay, ReplayError};

use self::world::*;

#[tokio::test]
async fn a_question_replayed_as_it_was_gives_the_answer_that_was_recorded() {
    let mut book = Book::new();
    let then = book.asks("14:00:00", SYMPTOM, &everything(world())).await;
    book.says("14:05:00", "the totals of the cart; rolling back");
    let replayed = book.replays("15:00:00", &Ask::Last).await.unwrap();
    assert!(!then.findings.is_empty() && then.onset.is_some(), "there is something to repeat");
    assert_eq!(then.suspects[0].change.id, id("c"));
    let asked: Vec<&str> = then.experts.iter().map(|expert| expert.name.as_untrusted()).collect();
    assert_eq!(asked, ["Ana Ruiz", "Ben Ode"], "whom to ask rests on a snapshot too");
    let lines = then.experts[0].reasons.iter().find(|reason| reason.feature == "lines").unwrap();
    let says = lines.claim.says();
    assert!(says.starts_with("wrote 5 of the 7 lines next to c") && says.ends_with(", 2 d before"), "{says}");
    assert!(then.gaps.iter().any(|gap| gap.why == "lines of a partial clone"), "{:?}", then.gaps);
    assert_eq!(replayed.answer, then);
    assert_eq!(canonical_json(&replayed.answer).unwrap(), canonical_json(&then).unwrap());
    assert_eq!((replayed.entry, replayed.snapshots), (Some(2), 11));
    assert!(replayed.changes.contains(&id("c")) && replayed.changes.len() == 14);
}

#[tokio::test]
async fn what_was_asked_outside_the_incident_is_replayed_outside_it() {
    let mut book = Book::new();
    book.says("13:58:00", "search by colour is slow");
    let then = book.asks_in("14:00:00", SYMPTOM, &everything(world()), false).await;
    assert_eq!(book.replays("15:00:00", &Ask::Last).await.unwrap().answer, then);
}

#[tokio::test]
async fn what_came_later_is_not_known_earlier() {
    let mut book = Book::new();
    book.asks("14:00:00", SYMPTOM, &only(world())).await;
    let mut later = world();
    later.changes.push(commit("l", "14:10:00", "Banner for the sale", "web/banner.js"));
    later.changes[0].revert.reverted_by = vec![RevertedBy { by: id("r"), at: at("14:20:00") }];
    book.asks("14:30:00", SYMPTOM, &only(later)).await;
    let anew = |time: &str| Ask::Anew(question(time, SYMPTOM));
    let seen = |replay: &Replay, name: &str| replay.changes.contains(&id(name));
    let is_reverted = |replay: &Replay| {
        let reasons = &replay.answer.suspects[0].reasons;
        reasons.iter().any(|reason| reason.claim.says().contains("rolled back at"))
    };
    let before = book.replays("14:29:00", &anew("14:29:00")).await.unwrap();
    assert!(!seen(&before, "l") && !is_reverted(&before), "the second reading is not known yet");
    let after = book.replays("15:00:00", &anew("15:00:00")).await.unwrap();
    assert!(seen(&after, "l") && is_reverted(&after), "the culprit was reverted");
    // Read later, asked of earlier: the later reading is there, and what it holds of later is not.
    let between = book.replays("15:00:00", &anew("14:05:00")).await.unwrap();
    assert!(!seen(&between, "l") && !is_reverted(&between));
    let nothing = book.replays("13:00:00", &Ask::Last).await.unwrap_err();
    assert!(matches!(nothing, ReplayError::NothingKnown { .. }), "{nothing}");
    let unasked = book.replays("13:56:00", &Ask::Last).await.unwrap_err();
    assert!(unasked.to_string().contains("nobody had asked anything in INC-1"), "{unasked}");
}

#[tokio::test]
async fn a_question_that_was_not_answered_yet_says_when_it_was() {
    let mut book = Book::new();
    book.asks("14:00:00", SYMPTOM, &only(world())).await;
    let replayed = book.replays("14:00:01", &Ask::Last).await.unwrap();
    assert_eq!(replayed.changes.len(), 0);
    let gap = &replayed.answer.gaps[0];
    assert_eq!(
        format!("{}: {}", gap.source, gap.why),
        "record:INC-1: what was read for this question was not known yet; ask again with --at 2026-11-23T14:00:02Z"
    );
}

#[tokio::test]
async fn evidence_is_called_as_the_record_calls_it() {
    let mut book = Book::new();
    book.asks("13:56:00", SYMPTOM, &only(world())).await;
    let mut later = world();
    later.changes.retain(|change| change.id != id("b0"));
    book.asks("14:00:00", SYMPTOM, &everything(later)).await;
    let replayed = book.replays("14:30:00", &Ask::Anew(question("14:30:00", SYMPTOM))).await.unwrap();
    let mut cited = 0;
    replayed.answer.clone().each_citation(|citation| {
        let is_entry = book.0.entries.iter().any(|entry| entry.hash == citation.evidence.0);
        assert!(book.0.snapshots.contains_key(&citation.evidence) || is_entry, "{citation:?}");
        cited += 1;
    });
    assert!(cited > 10);
    assert!(replayed.changes.contains(&id("b0")), "the earlier reading still tells what the later does not");
    let away: Vec<_> =
        replayed.answer.gaps.iter().filter(|gap| gap.source.as_str() == "github:shop").collect();
    assert_eq!(away.len(), 1, "what was away then is not there now: {:?}", replayed.answer.gaps);
    let named: Vec<&str> = replayed.answer.searched.iter().map(|c| c.searched.as_str()).collect();
    assert!(named.contains(&"13 changes, read 2026-11-23 14:00:02Z"), "{named:?}");
    assert!(named.contains(&"1 change, read 2026-11-23 13:56:02Z"), "{named:?}");
}

#[tokio::test]
async fn snapshots_that_are_gone_redacted_or_for_people_are_gaps() {
    let mut book = Book::new();
    book.asks("14:00:00", SYMPTOM, &only(world())).await;
    let source: SourceName = "logs:cart".parse().unwrap();
    let page = Evidence::new(source.clone(), Origin::Outsider, None, None, "412 error lines".into()).unwrap();
    let what = Happening::EvidenceGathered { evidence: page.id, source, what: "a page".into(), window: None };
    book.happens("14:10:00", what);
    book.0.snapshots.insert(page.id, page);
    let named = |book: &Book, index: usize| match book.0.entries[index].happening().unwrap() {
        Happening::EvidenceGathered { evidence, .. } => evidence,
        other => unreachable!("{other:?}"),
    };
    let changes = named(&book, 2);
    book.0.snapshots.remove(&changes);
    book.0.entries[3].body = Body::Redacted { at: at("14:20:00"), why: "customer data".into() };
    let replayed = book.replays("15:00:00", &Ask::Anew(question("14:30:00", SYMPTOM))).await.unwrap();
    let gaps: Vec<String> =
        replayed.answer.gaps.iter().map(|gap| format!("{}: {}", gap.source, gap.why)).collect();
    for expect in [
        "git:shop: the snapshot that entry 3 names is gone",
        "record:INC-1: entry 4, a snapshot, was redacted: what was read is not known",
        "logs:cart: 1 snapshot was kept for people: a replay can't read it",
        "git:shop: history is cut by a shallow clone",
    ] {
        assert!(gaps.iter().any(|gap| gap == expect), "{expect}: {gaps:?}");
    }
    let again = book.replays("15:00:00", &Ask::Last).await.unwrap();
    assert_eq!(again.answer.suspects.len(), 0);
    assert!(again.answer.gaps.iter().any(|gap| gap.why.contains("entry 3 names is gone")));
}

#[tokio::test]
async fn snapshots_of_an_older_version_are_read() {
    let mut book = Book::new();
    let then = book.asks("14:00:00", SYMPTOM, &only(world())).await;
    let evidence = |entry: &Entry| match entry.happening() {
        Ok(Happening::EvidenceGathered { evidence, .. }) => Some(evidence),
        _ => None,
    };
    // The same content, as a bare list.
    for named in book.0.entries.clone().iter().filter_map(evidence) {
        let snapshot = book.0.snapshots.get_mut(&named).unwrap();
        let text = snapshot.text.as_untrusted().to_owned();
        let list = text.split_once(':').unwrap().1.strip_suffix('}').unwrap();
        snapshot.text = list.into();
    }
    let replayed = book.replays("15:00:00", &Ask::Last).await.unwrap();
    assert_eq!(replayed.answer, then);
}

#[tokio::test]
async fn an_answer_of_another_version_still_tells_what_was_searched() {
    let mut book = Book::new();
    let then = book.asks("14:00:00", SYMPTOM, &only(world())).await;
    let Body::Kept { json, .. } = &mut book.0.entries.last_mut().unwrap().body else { unreachable!() };
    json["suspects"] = serde_json::json!([{"of": "another form"}]);
    assert_eq!(book.replays("15:00:00", &Ask::Last).await.unwrap().answer, then);
}

#[tokio::test]
async fn diffs_that_were_not_read_then_are_a_gap() {
    let mut book = Book::new();
    let mut world = world();
    world.changes.push(commit("late", "13:53:00", "Totals of the cart in cents", "web/cents.js"));
    let then = book.asks("14:00:00", SYMPTOM, &only(world)).await;
    let replayed = book.replays("14:30:00", &Ask::Last).await.unwrap();
    assert_eq!(replayed.answer, then);
    let gaps: Vec<&str> = then.gaps.iter().map(|gap| gap.why.as_str()).collect();
    assert!(gaps.contains(&"the diff of 1 likely change was not read"), "{gaps:?}");
}
