//! A question and its answer as entries of a record: what is written down when somebody asks, and what the copilot
//! asks by itself when an alert fires. It must not know who shows the answer.

use std::collections::BTreeSet;

use hearback_core::entry::Actor;
use hearback_core::happening::{Alert, Question};
use hearback_core::incident::SeenQuestion;
use hearback_core::ports::{Expect, RecordError, RecordStore};
use hearback_core::{
    Answer, Draft, Evidence, EvidenceId, ExternalText, Happening, Incident, IncidentId, Window,
};
use jiff::{SignedDuration, Timestamp};

use crate::driver::Answered;
use crate::incidents::load;
use crate::proposing::Weighed;

/// The words of every question the copilot asks by itself.
pub const WHAT_CHANGED: &str = "what changed?";

/// The entries of a question, asked by `by` at `asked_at`. What was found is known from `answered_at` on, not before.
pub fn drafts(
    question: Question,
    by: Actor,
    (asked_at, answered_at): (Timestamp, Timestamp),
    answered: &Answered,
) -> Vec<Draft> {
    let at = |at: Timestamp, by: Actor, what| Draft {
        happened_at: at,
        known_at: at,
        recorded_at: answered_at.max(at),
        by,
        what,
    };
    let gathered = answered.snapshots.iter().map(|snapshot| {
        let what = Happening::EvidenceGathered {
            evidence: snapshot.id,
            source: snapshot.source.clone(),
            what: format!("{} bytes for \"what changed?\"", snapshot.text.as_untrusted().len()),
            window: snapshot.window,
        };
        at(answered_at, Actor::hearback(), what)
    });
    let mut drafts = vec![at(asked_at, by, Happening::Asked(question))];
    drafts.extend(gathered);
    drafts.push(at(answered_at, Actor::hearback(), Happening::Answered(answered.answer.clone())));
    drafts
}

/// Keeps the snapshots, then appends the entries: an entry never names a snapshot that is not kept.
///
/// # Errors
/// The record could not take them; then no entry was written.
pub async fn write_down(
    record: &dyn RecordStore,
    id: &IncidentId,
    expect: Expect,
    snapshots: &[Evidence],
    drafts: Vec<Draft>,
) -> Result<(), RecordError> {
    for snapshot in snapshots {
        record.keep(snapshot).await?;
    }
    record.append(id, expect, drafts).await.map(drop)
}

/// Keeps the snapshots, then appends the entries of a question and, in the same unit, what is proposed or why nothing is.
///
/// # Errors
/// The record could not take them; then no entry was written.
pub async fn write_answer(
    record: &dyn RecordStore,
    id: &IncidentId,
    answered: &Answered,
    drafts: Vec<Draft>,
    weighed: &Weighed,
    now: Timestamp,
) -> Result<(), RecordError> {
    let asked_with = drafts.iter().find_map(|draft| match &draft.what {
        Happening::Asked(question) => question.message.clone(),
        _ => None,
    });
    if *weighed == Weighed::Nothing && asked_with.is_none() {
        return write_down(record, id, Expect::Any, &answered.snapshots, drafts).await;
    }
    loop {
        let (entries, head) = load(record, id).await?;
        let incident = Incident::as_of(id.clone(), &entries, Timestamp::MAX);
        // Another copilot may have answered the same message.
        let is_same = |asked: &SeenQuestion| asked_with.is_some() && asked.question.message == asked_with;
        if incident.questions.iter().any(is_same) {
            return Ok(());
        }
        let mut drafts = drafts.clone();
        drafts.extend(weighed.happening(&incident, now).map(|what| Draft {
            happened_at: now,
            known_at: now,
            recorded_at: now,
            by: Actor::hearback(),
            what,
        }));
        match write_down(record, id, Expect::Head(Some(head)), &answered.snapshots, drafts).await {
            // Somebody wrote in between, maybe a proposal: then the next has another number.
            Err(RecordError::Conflict { .. }) => {}
            written => return written,
        }
    }
}

/// The window of a question asked at `now` in `incident` when the asker names none: it reaches back from the onset, not
/// from now, since an hour-old outage has older causes.
pub fn window(
    now: Timestamp,
    length: SignedDuration,
    onset: Option<Timestamp>,
    incident: Option<&Incident>,
) -> Window {
    let began = onset.or_else(|| incident?.began()).map_or(now, |at| at.min(now));
    Window { from: Window::before(began, length).from, until: now }
}

/// What the copilot asks by itself in an incident that an alert opened or joined.
pub fn question_of_incident(incident: &Incident, now: Timestamp, length: SignedDuration) -> Question {
    Question {
        text: WHAT_CHANGED.into(),
        symptom: ExternalText::default(),
        services: Vec::new(),
        window: window(now, length, None, Some(incident)),
        onset: None,
        message: None,
        thread: None,
    }
}

/// What the copilot asks by itself about an alert that waits for an incident.
pub fn question_of_alert(alert: &Alert, now: Timestamp, length: SignedDuration) -> Question {
    let symptom = format!("{} {}", alert.name.as_untrusted(), alert.summary.as_untrusted());
    Question {
        text: WHAT_CHANGED.into(),
        symptom: ExternalText::capped(&symptom, 16 * 1024),
        services: alert.service.iter().cloned().collect(),
        window: window(now, length, Some(alert.started_at), None),
        onset: None,
        message: None,
        thread: None,
    }
}

/// The snapshots of the answer by this number: what it cites, and what was gathered for its question beside that. Those that
/// are not there any more are left out.
///
/// # Errors
/// The record is away.
pub async fn snapshots(
    record: &dyn RecordStore,
    id: &IncidentId,
    (seq, answer): (u64, &Answer),
) -> Result<Vec<Evidence>, RecordError> {
    let mut ids: BTreeSet<EvidenceId> = BTreeSet::new();
    answer.clone().each_citation(|citation| {
        ids.insert(citation.evidence);
    });
    // A question, what was gathered for it and its answer are written as one unit.
    let (entries, _) = load(record, id).await?;
    for entry in entries.iter().rev().skip_while(|entry| entry.seq >= seq) {
        match entry.happening() {
            Ok(Happening::EvidenceGathered { evidence, .. }) => drop(ids.insert(evidence)),
            _ => break,
        }
    }
    let mut snapshots = Vec::new();
    for id in ids {
        // Others are entries: an alert, a message.
        snapshots.extend(record.snapshot(id).await?);
    }
    Ok(snapshots)
}
