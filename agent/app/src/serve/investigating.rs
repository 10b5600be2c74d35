//! Lets a model look further into answers that stand, one incident at a time each, in the background. The answer was said
//! before it begins; what it finds is added to the same message. How far it has come is in the record: another process goes
//! on with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use async_trait::async_trait;
use hearback_core::entry::{Actor, Draft};
use hearback_core::happening::Question;
use hearback_core::incident::{SeenInvestigation, SeenQuestion, State};
use hearback_core::model::ModelClient;
use hearback_core::ports::{Expect, RecordError, RecordStore, Recorded};
use hearback_core::{
    Answer, Evidence, EvidenceId, ExternalText, Happening, Incident, IncidentId, Origin, SourceName,
};
use hearback_engine::asking;
use hearback_engine::investigating::{Found, Keeper, Subject};
use hearback_engine::investigation::Investigation;
use hearback_engine::investigation::remarks::{Remark, remarks};
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

use super::service::Service;
use crate::wiring;

/// How often it is looked for something to do when nothing calls.
const REST: Duration = Duration::from_secs(2);
/// An answer older than this is left as it is.
const TOO_OLD: SignedDuration = SignedDuration::from_hours(2);
/// So many incidents are looked into at once.
const AT_ONCE: usize = 3;
/// How long one look-up may take.
const LOOK_WITHIN: SignedDuration = SignedDuration::from_secs(10);

/// Something to look further into.
struct Open {
    incident: Incident,
    question: Question,
    seq: u64,
    answer: Answer,
    seen: SeenInvestigation,
}

/// Looks further until the service stops.
pub async fn investigate(service: Arc<Service>) {
    let model = match wiring::model(&service.parts.config) {
        Ok(Some(model)) => model,
        Ok(None) => {
            tracing::info!("no model is configured: answers stand as they are computed");
            return service.stop.cancelled().await;
        }
        Err(error) => {
            tracing::error!(why = %format!("{error:#}"), "the model can't be asked");
            return service.stop.cancelled().await;
        }
    };
    let mut news = service.news.subscribe();
    let mut running: JoinSet<()> = JoinSet::new();
    let mut busy: BTreeMap<tokio::task::Id, IncidentId> = BTreeMap::new();
    loop {
        for open in to_do(&service).await {
            if busy.len() < AT_ONCE && busy.values().all(|id| *id != open.incident.id) {
                let id = open.incident.id.clone();
                let (service, model) = (Arc::clone(&service), Arc::clone(&model));
                let task = running.spawn(async move {
                    let id = open.incident.id.clone();
                    if let Err(error) = look_further(&service, &model, open).await {
                        tracing::error!(incident = %id, why = %format!("{error:#}"), "an investigation failed");
                        // Not at once again.
                        tokio::time::sleep(REST * 15).await;
                    }
                });
                busy.insert(task.id(), id);
            }
        }
        tokio::select! {
            () = service.stop.cancelled() => break,
            Some(ended) = running.join_next_with_id(), if !running.is_empty() => match ended {
                Ok((task, ())) => drop(busy.remove(&task)),
                Err(error) => {
                    tracing::error!("an investigation broke off");
                    // Not at once again.
                    let rest = running.spawn(tokio::time::sleep(REST * 15)).id();
                    busy.remove(&error.id()).and_then(|id| busy.insert(rest, id));
                }
            },
            _ = tokio::time::timeout(REST, news.changed()) => {}
        }
    }
    // What was found so far is in the record: the next start goes on.
    running.shutdown().await;
}

/// The answers of open incidents that no model has looked into, and those about which people said something that it has not
/// heard: then the last one is taken up again. What the copilot asks by itself again, because an alert repeats, is not looked
/// into again.
async fn to_do(service: &Service) -> Vec<Open> {
    let mut incidents = service.incidents().lock().await;
    if incidents.refresh(service.parts.record.as_ref()).await.is_err() {
        return Vec::new();
    }
    let now = Timestamp::now();
    incidents
        .open()
        .filter(|incident| incident.state == State::Open)
        .filter_map(|incident| {
            let is_open = |(place, asked): &(usize, &SeenQuestion)| {
                let since = asked.investigation.since;
                let is_new = since.is_some_and(|since| now.duration_since(since) < TOO_OLD);
                let is_asked = *place == 0 || asked.question.message.is_some();
                is_new && is_asked && asked.investigation.found.is_none()
            };
            let unheard = || {
                let last =
                    incident.questions.iter().rev().find(|asked| asked.investigation.found.is_some())?;
                let is_new = incident.last_at.is_some_and(|at| now.duration_since(at) < TOO_OLD);
                let said = remarks(incident, last.investigation.taken_up);
                (is_new && !said.is_empty() && last.investigation.state.is_some()).then_some(last)
            };
            let open = incident.questions.iter().enumerate().find(is_open).map(|(_, asked)| asked);
            let asked = open.or_else(unheard)?;
            let (seq, answer) = asked.answer.clone()?;
            Some(Open {
                incident: incident.clone(),
                question: asked.question.clone(),
                seq,
                answer,
                seen: asked.investigation.clone(),
            })
        })
        .collect()
}

async fn look_further(service: &Service, model: &Arc<dyn ModelClient>, open: Open) -> Result<()> {
    let Open { incident, question, seq, answer, seen } = open;
    let record = service.parts.record.as_ref();
    let Some(limits) = service.parts.config.model.as_ref().map(|model| model.limits.clone()) else {
        return Ok(());
    };
    let own = SourceName::new(wiring::OWN_INVESTIGATION)?;
    let snapshots = asking::snapshots(record, &incident.id, (seq, &answer)).await?;
    let subject = Subject {
        question: &question,
        answer: &answer,
        snapshots: &snapshots,
        incident: Some(&incident),
        sources: &service.parts.sources,
        budget: LOOK_WITHIN,
    };
    let begun = match seen.state {
        Some(state) => resumed(record, state).await?,
        None => None,
    };
    let begun = match (begun, seen.found.clone()) {
        (Some(begun), _) => begun,
        // It can't be read any more, and was over: what was found stands, and is not looked for again.
        (None, Some((_, found))) => {
            let taken_up = remarks(&incident, 0).last().map_or(0, |remark| remark.seq);
            let what = Happening::Investigated { answer: seq, found, taken_up };
            record.append(&incident.id, Expect::Any, vec![draft(what)]).await?;
            service.wrote();
            return Ok(());
        }
        (None, None) => {
            let patches = service.parts.actions.patches();
            let Some(begun) = subject.begin(&own, patches, limits).await else { return Ok(()) };
            begun
        }
    };
    let keeper = InRecord { service, record, incident: &incident.id, answer: seq, own: &own };
    // Where nothing can be written down nothing is asked: it would be asked, and paid, again and again.
    keeper.keep(&[], &begun).await?;
    let since = Instant::now();
    let clock = || SignedDuration::try_from(since.elapsed()).unwrap_or(SignedDuration::MAX);
    let Found { found, snapshots, heard } = subject.investigate(begun, model, &own, &keeper, &clock).await;
    // What could not be kept on the way is kept now: nothing is cited that is not there.
    let mut drafts = Vec::new();
    for snapshot in &snapshots {
        if record.keep(snapshot).await? == Recorded::New {
            drafts.push(gathered(snapshot));
        }
    }
    drafts.push(draft(Happening::Investigated { answer: seq, found: found.clone(), taken_up: heard }));
    record.append(&incident.id, Expect::Any, drafts).await?;
    service.metrics.of_model(&found, seen.found.as_ref().map(|(_, before)| before));
    service.wrote();
    Ok(())
}

/// An investigation as it was written down; none if it can't be read any more: then it begins anew.
async fn resumed(record: &dyn RecordStore, state: EvidenceId) -> Result<Option<Investigation>, RecordError> {
    let kept = record.snapshot(state).await?;
    Ok(kept.and_then(|kept| serde_json::from_str(kept.text.as_untrusted()).ok()))
}

struct InRecord<'a> {
    service: &'a Service,
    record: &'a dyn RecordStore,
    incident: &'a IncidentId,
    answer: u64,
    own: &'a SourceName,
}

#[async_trait]
impl Keeper for InRecord<'_> {
    async fn keep(&self, snapshots: &[Evidence], state: &Investigation) -> Result<(), RecordError> {
        let refused = |error: String| RecordError::Refused(error);
        let text = serde_json::to_string(state).map_err(|error| refused(error.to_string()))?;
        // Everything in it was redacted when it was shown.
        let state = Evidence::new(self.own.clone(), Origin::Outsider, None, None, ExternalText::new(text))
            .map_err(|error| refused(error.to_string()))?;
        let mut drafts = Vec::new();
        for snapshot in snapshots {
            self.record.keep(snapshot).await?;
            drafts.push(gathered(snapshot));
        }
        self.record.keep(&state).await?;
        drafts.push(draft(Happening::Investigating { answer: self.answer, state: state.id }));
        self.record.append(self.incident, Expect::Any, drafts).await.map(drop)
    }

    async fn remarks(&self, after: u64) -> Vec<Remark> {
        // Where the record is away nothing new was said.
        self.service.incident(self.incident).await.map_or_else(|_| Vec::new(), |known| remarks(&known, after))
    }
}

fn gathered(snapshot: &Evidence) -> Draft {
    draft(Happening::EvidenceGathered {
        evidence: snapshot.id,
        source: snapshot.source.clone(),
        what: format!("{} bytes for a model's look-up", snapshot.text.as_untrusted().len()),
        window: snapshot.window,
    })
}

fn draft(what: Happening) -> Draft {
    let now = Timestamp::now();
    Draft { happened_at: now, known_at: now, recorded_at: now, by: Actor::hearback(), what }
}
