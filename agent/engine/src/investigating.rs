//! Drives an investigation: asks the model, looks up what it calls, writes down how far it has come. The first answer stands
//! before any of this begins; whatever fails here ends in what was found so far.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use hearback_core::happening::Question;
use hearback_core::investigation::Investigated;
use hearback_core::model::ModelClient;
use hearback_core::ports::RecordError;
use hearback_core::{Answer, Coverage, Evidence, Incident, SourceName, Window};
use jiff::SignedDuration;

use crate::driver::Sources;
use crate::investigation::known::Known;
use crate::investigation::looking::Looking;
use crate::investigation::others::Offered;
use crate::investigation::remarks::Remark;
use crate::investigation::reporting::Patches;
use crate::investigation::{FetchedFor, Investigation, Limits, Step, briefing, tools, traced};

/// What an investigation is about.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The question.
    pub question: &'a Question,
    /// The answer without a model.
    pub answer: &'a Answer,
    /// What it cites.
    pub snapshots: &'a [Evidence],
    /// The incident it was asked in.
    pub incident: Option<&'a Incident>,
    /// What can be asked.
    pub sources: &'a Sources,
    /// How long one look-up may take.
    pub budget: SignedDuration,
}

/// Writes down how far an investigation has come.
#[async_trait]
pub trait Keeper: Send + Sync {
    /// Keeps what was looked up, and the investigation as it stands.
    ///
    /// # Errors
    /// The record is away. The investigation goes on: what could not be kept is looked up again by whoever takes it up.
    async fn keep(&self, snapshots: &[Evidence], state: &Investigation) -> Result<(), RecordError>;

    /// What people said since the entry of this number, that is to be told to the model before it is asked again.
    async fn remarks(&self, after: u64) -> Vec<Remark> {
        let _ = after;
        Vec::new()
    }
}

/// How long it is since some moment that stays the same: how long things take is told by differences.
pub type Clock<'a> = &'a (dyn Fn() -> SignedDuration + Send + Sync);

/// Keeps nothing: for questions outside of an incident.
pub struct Forgetful;

#[async_trait]
impl Keeper for Forgetful {
    async fn keep(&self, _: &[Evidence], _: &Investigation) -> Result<(), RecordError> {
        Ok(())
    }
}

/// What came of it, and what it cites beside the answer's own snapshots.
#[derive(Debug)]
pub struct Found {
    /// What stands.
    pub found: Investigated,
    /// What was looked up.
    pub snapshots: Vec<Evidence>,
    /// The number of the last entry by which people said something that the model was told.
    pub heard: u64,
}

/// How much of a conversation the tools of other servers may take: a quarter.
const OTHERS_SHARE: u32 = 4;

impl Subject<'_> {
    /// Begins an investigation: the model is told the question and the answer, and what it may call. None if there is nothing
    /// to tell.
    pub async fn begin(&self, own: &SourceName, patches: Patches, limits: Limits) -> Option<Investigation> {
        let room = u64::from(limits.context_tokens / OTHERS_SHARE);
        let offered = Offered::of(&self.sources.others, room, self.budget).await;
        let mut known = Known::default();
        let mut first = briefing::pieces(self.answer, self.snapshots, own)?;
        if !self.sources.others.is_empty() {
            let searched = format!("the tools of other servers: {} may be called", offered.tools.len());
            first
                .coverage
                .push(Coverage { missing: offered.missing, ..Coverage::complete(own.clone(), searched) });
        }
        let told = known.show(first).ok()?;
        let Question { text, symptom, .. } = self.question;
        let brief = hearback_prompts::brief(self.answer.as_of, text, symptom, told).ok()?;
        let rules = hearback_prompts::rules().ok()?;
        let (rules, brief) = (rules.as_str().to_owned(), brief.as_str().to_owned());
        let tools = tools::specs().into_iter().chain(offered.tools).collect();
        Some(Investigation::begin(rules, brief, known, (tools, patches), limits))
    }

    /// What can be looked up about it.
    pub fn looking<'b>(&'b self, own: &'b SourceName) -> Looking<'b> {
        let began = self.question.onset.or_else(|| self.incident?.began());
        let began = began.or_else(|| Some(self.answer.onset.as_ref()?.earliest));
        Looking {
            own,
            sources: self.sources,
            answer: self.answer,
            snapshots: self.snapshots,
            incident: self.incident,
            began: began.unwrap_or(self.answer.as_of),
            window: Window { from: self.answer.since, until: self.answer.as_of },
            budget: self.budget,
        }
    }

    /// Carries an investigation to its end.
    pub async fn investigate(
        &self,
        investigation: Investigation,
        model: &Arc<dyn ModelClient>,
        own: &SourceName,
        keeper: &dyn Keeper,
        clock: Clock<'_>,
    ) -> Found {
        let run = self.run(investigation, model, own, keeper, clock);
        traced::agent(self.incident, run, |came| &came.found).await
    }

    async fn run(
        &self,
        mut investigation: Investigation,
        model: &Arc<dyn ModelClient>,
        own: &SourceName,
        keeper: &dyn Keeper,
        clock: Clock<'_>,
    ) -> Found {
        let looking = self.looking(own);
        let mut snapshots: Vec<Evidence> = Vec::new();
        loop {
            let before = clock();
            let mut new = Vec::new();
            investigation.hear(&keeper.remarks(investigation.heard()).await);
            match investigation.next_step() {
                Step::Done(found) => {
                    return Found { found: *found, snapshots, heard: investigation.heard() };
                }
                Step::Ask(request) => {
                    let budget = std::time::Duration::try_from(request.budget).unwrap_or_default();
                    let reply = tokio::time::timeout(budget, model.complete(&request)).await;
                    let reply =
                        reply.unwrap_or(Err(hearback_core::model::ModelError::TimedOut(request.budget)));
                    investigation.on_reply(reply, clock() - before);
                }
                Step::Fetch(calls) => {
                    let looks = calls
                        .iter()
                        .map(|call| traced::tool(call, looking.look(call, investigation.known())));
                    // What is late is not waited for: the model hears that nothing came of it.
                    let left = std::time::Duration::try_from(investigation.time_left()).unwrap_or_default();
                    let looked = tokio::time::timeout(left, join_all(looks)).await.unwrap_or_default();
                    let mut fetched = Vec::new();
                    for (call, (shown, snapshots)) in calls.iter().zip(looked) {
                        fetched.push(FetchedFor { call: call.id.clone(), shown });
                        new.extend(snapshots);
                    }
                    investigation.on_fetched(fetched, clock() - before);
                }
            }
            if let Err(error) = keeper.keep(&new, &investigation).await {
                tracing::warn!(%error, "how far an investigation has come could not be written down");
            }
            snapshots.extend(new);
        }
    }
}
