//! The desk at which proposals are decided: the only caller of [`approve`], and the driver of executors. A decision is
//! written down whatever comes of it; the one that lets an action be done is written in one unit with its start, on the
//! condition that nobody wrote in between. So an action is started once, by whoever was first, and a crash can lose its
//! end, never its start. It must not know how an action is done nor how a decision arrived.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hearback_core::action::{Action, IdempotencyKey, Outcome, Proposal};
use hearback_core::approval::{
    ApprovalPolicy, ApprovedAction, Decided, Decision, Denied, Facts, KnownFreezes, MadeDecision, approve,
};
use hearback_core::entry::{Actor, Draft, Head};
use hearback_core::incident::{SeenProposal, State};
use hearback_core::ports::{
    ActionExecutor, Expect, FreezeSource, Notice, Outbox, RecordError, RecordStore, TargetLedger, Trace,
};
use hearback_core::target::{End, Ended, Lease, Limits, REMEMBERED, Step};
use hearback_core::{
    Catalog, ExternalText, Happening, Incident, IncidentId, ProposalId, ServiceName, Target, Window, gen_ai,
};
use jiff::{SignedDuration, Timestamp};
use tracing::Instrument as _;

use crate::incidents::load;

/// How long an executor may take.
const EXECUTE_WITHIN: SignedDuration = SignedDuration::from_secs(60);
/// How long a target is leased: long enough that an action's end is written down before somebody else begins.
const LEASED_FOR: SignedDuration = SignedDuration::from_mins(5);
/// How soon after its start an action must begin: what remains of the lease is enough for an executor that takes twice its
/// time, and for writing down how it ended.
const BEGIN_WITHIN: SignedDuration = SignedDuration::from_mins(2);
/// How long a source of freezes may take.
const FREEZES_WITHIN: SignedDuration = SignedDuration::from_secs(2);
/// How long it is tried to find out what became of an action whose end nobody heard.
const LOOK_FOR: SignedDuration = SignedDuration::from_mins(30);
/// So far apart at most are the clocks of two who decide at once.
const AT_ONCE: SignedDuration = SignedDuration::from_mins(1);
/// How often a decision is made anew because somebody wrote in between.
const ATTEMPTS: usize = 50;

/// The desk.
#[derive(Clone, Copy)]
pub struct ApprovalDesk<'a> {
    /// Where incidents are written.
    pub record: &'a dyn RecordStore,
    /// Who works on what.
    pub targets: &'a dyn TargetLedger,
    /// Where people are told.
    pub outbox: &'a dyn Outbox,
    /// Who may approve what.
    pub policy: &'a ApprovalPolicy,
    /// How much may be done to one target.
    pub limits: Limits,
    /// The services that are known.
    pub catalog: &'a Catalog,
    /// Those that know change freezes.
    pub freezes: &'a [Arc<dyn FreezeSource>],
    /// Those that do actions.
    pub executors: &'a [Arc<dyn ActionExecutor>],
    /// This run of the program.
    pub runner: &'a str,
}

/// A decision could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// There is no such proposal.
    #[error("there is no proposal {0}; `hearback proposals` shows those there are")]
    NoSuchProposal(ProposalId),
    /// Somebody wrote in between, every time.
    #[error("the record of {0} is written to without a pause; try again")]
    Crowded(IncidentId),
    /// The record is away.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// What came of a decision.
#[derive(Debug)]
pub enum Ruling {
    /// It is noted, and the action is not done: why, in one sentence.
    Noted(String),
    /// The proposal is rejected.
    Rejected,
    /// The action is started, and [`ApprovalDesk::carry_out`] must do it.
    Started(Box<Started>),
}

/// An action that was started.
#[derive(Debug)]
pub struct Started {
    approved: ApprovedAction,
    at: Timestamp,
}

impl Started {
    /// The proposal.
    pub fn proposal(&self) -> &ProposalId {
        self.approved.proposal()
    }
}

impl ApprovalDesk<'_> {
    /// Takes a decision that `by` made, whose identity the caller has verified. It is written down in any case.
    ///
    /// # Errors
    /// [`NotTaken`]. Where the record failed it may have been written all the same; [`ApprovalDesk::settle`] finds out.
    pub async fn decide(&self, decision: Decision, by: Actor, now: Timestamp) -> Result<Ruling, NotTaken> {
        let no_such = || NotTaken::NoSuchProposal(decision.proposal.clone());
        let id = decision.proposal.incident().ok_or_else(no_such)?;
        for _ in 0..ATTEMPTS {
            let (incident, head) = match self.fold(&id).await {
                Err(RecordError::NoSuchIncident(_)) => return Err(no_such()),
                folded => folded?,
            };
            let seen = incident.proposals.get(&decision.proposal).ok_or_else(no_such)?;
            // Two who press at once are no clock that is wrong: whoever is written second decided second.
            let last = seen.decisions.last().map_or(now, |made| made.at);
            let now = if last.duration_since(now) <= AT_ONCE { now.max(last) } else { now };
            let made = MadeDecision { decision: decision.clone(), by: by.clone(), at: now };
            match self.rule(&incident, head, seen, made, now).await {
                Err(RecordError::Conflict { .. }) => {}
                ruled => return Ok(ruled?),
            }
        }
        Err(NotTaken::Crowded(id))
    }

    async fn rule(
        &self,
        incident: &Incident,
        head: Head,
        seen: &SeenProposal,
        made: MadeDecision,
        now: Timestamp,
    ) -> Result<Ruling, RecordError> {
        let proposal = &seen.proposal;
        let decision = made.decision.clone();
        let decisions: Vec<MadeDecision> = seen.decisions.iter().cloned().chain([made.clone()]).collect();
        let tiers = self.tiers(&proposal.services);
        let freezes = self.known_freezes(now).await;
        let facts = Facts {
            proposal,
            progress: incident.progress(seen),
            decisions: &decisions,
            roles: &incident.roles,
            tiers: &tiers,
            freezes: &freezes,
        };
        let approved = match incident.state {
            State::Open => approve(&facts, self.policy, now),
            State::Resolved { .. } => Err(Denied::Over(incident.id.clone())),
        };
        let note = |denied: Option<String>| {
            draft(now, made.by.clone(), Happening::Decided { decision: decision.clone(), denied })
        };
        let noted = |why: String| async {
            self.append(&incident.id, head, vec![note(Some(why.clone()))]).await?;
            Ok(Ruling::Noted(why))
        };
        let approved = match approved {
            Ok(approved) => approved,
            Err(Denied::Rejected { .. }) if decision.verdict == Decided::Reject => {
                self.append(&incident.id, head, vec![note(None)]).await?;
                return Ok(Ruling::Rejected);
            }
            Err(denied) => return noted(denied.to_string()).await,
        };
        if self.executor_of(&proposal.action).is_none() {
            return noted("nothing is configured here that can do it".to_owned()).await;
        }
        let runner = self.next_attempt();
        let lease = Lease {
            proposal: proposal.id.clone(),
            runner: runner.clone(),
            until: now.checked_add(LEASED_FOR).unwrap_or(now),
        };
        let target = proposal.action.target();
        if let Some(left) = self.left_behind(incident, &target, now).await? {
            return noted(format!(
                "{target} was worked on for {left}, and how that ended is being found out; wait, then look again"
            ))
            .await;
        }
        let take = Step::Take { lease, limits: self.limits };
        if let Err(not_free) = self.targets.step_target(&target, &take, now).await? {
            return noted(not_free.to_string()).await;
        }
        let started = Happening::ActionStarted {
            proposal: proposal.id.clone(),
            key: approved.key().clone(),
            by: approved.by().to_vec(),
            glass_broken: approved.glass_broken(),
        };
        let drafts = vec![note(None), draft(now, Actor::hearback(), started)];
        if let Err(error) = self.append(&incident.id, head, drafts).await {
            // An append that may have been written must not free the target: its lease runs out by itself.
            if matches!(error, RecordError::Conflict { .. }) {
                let give_back = Step::GiveBack { proposal: proposal.id.clone(), runner };
                self.targets.step_target(&target, &give_back, now).await?.ok();
            }
            return Err(error);
        }
        // What was started is handed over whatever comes; what can't be told now is told by `settle`.
        if approved.glass_broken()
            && let Err(error) = self.tell_of_glass(proposal, &made).await
        {
            tracing::warn!(proposal = %proposal.id, %error, "that the glass was broken could not be told yet");
        }
        Ok(Ruling::Started(Box::new(Started { approved, at: now })))
    }

    /// Does what was started, and writes down how it ended. `clock` gives the time.
    ///
    /// # Errors
    /// The record is away: the action may have been done, and [`ApprovalDesk::settle`] will find out.
    pub async fn carry_out(
        &self,
        started: Started,
        clock: &(dyn Fn() -> Timestamp + Send + Sync),
    ) -> Result<Outcome, RecordError> {
        let Started { approved, at } = started;
        let (id, action) = (approved.proposal().clone(), approved.action().clone());
        let outcome = match self.executor_of(&action) {
            // The machine slept, or the work lay in a queue: by now somebody else may work on the target.
            _ if clock().duration_since(at) > BEGIN_WITHIN => {
                Outcome::Failed { why: "its turn came too late, so nothing was done".into() }
            }
            Some(executor) => {
                // The executor keeps its own time; this is for one that does not.
                let grace = EXECUTE_WITHIN.unsigned_abs() * 2;
                let span = tracing::info_span!(
                    "action.execute",
                    incident = id.incident().map(|incident| incident.to_string()),
                    verb = action.kind().name(),
                    { gen_ai::ERROR_TYPE } = tracing::field::Empty,
                );
                let done = executor.execute(approved, at, EXECUTE_WITHIN).instrument(span.clone());
                let outcome = tokio::time::timeout(grace, done).await.unwrap_or_else(|_| Outcome::Unknown {
                    why: format!("it did not end within {} s", grace.as_secs()),
                });
                if let Some(kind) = trouble(&outcome) {
                    span.record(gen_ai::ERROR_TYPE, kind);
                }
                outcome
            }
            None => Outcome::Failed { why: "nothing is configured here that can do it".into() },
        };
        self.finish(&id, &action, outcome, clock()).await
    }

    /// Writes down how an action ended, unless somebody did, and tells people what they must look at.
    async fn finish(
        &self,
        id: &ProposalId,
        action: &Action,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<Outcome, RecordError> {
        let no_such = || RecordError::Refused(format!("there is no proposal {id}"));
        let incident_id = id.incident().ok_or_else(no_such)?;
        let (at, outcome) = loop {
            let (incident, head) = self.fold(&incident_id).await?;
            let seen = incident.proposals.get(id).ok_or_else(no_such)?;
            if let Some(known) = &seen.outcome {
                break known.clone();
            }
            let what = Happening::ActionFinished { proposal: id.clone(), outcome: outcome.clone() };
            match self.append(&incident_id, head, vec![draft(now, Actor::hearback(), what)]).await {
                Ok(()) => break (now, outcome),
                Err(RecordError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        };
        self.close(id, action, &outcome, at, now).await?;
        Ok(outcome)
    }

    /// Frees the target of an action that ended, and tells people what they must look at. Done again it changes nothing.
    async fn close(
        &self,
        id: &ProposalId,
        action: &Action,
        outcome: &Outcome,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<(), RecordError> {
        let how = match outcome {
            Outcome::Done(_) => End::Done,
            Outcome::NotAsExpected { .. } | Outcome::Failed { .. } => End::Failed,
            Outcome::Unknown { .. } => End::Unknown,
        };
        let step = Step::End { ended: Ended { proposal: id.clone(), at, how }, limits: self.limits };
        self.targets.step_target(&action.target(), &step, now).await?.ok();
        if let Outcome::Unknown { why } = outcome {
            let text = format!(
                "A person must look: nobody knows whether {id} was done ({}): {why}. It is not tried again.",
                action.says()
            );
            self.tell(&format!("unknown {id}"), text, at).await?;
        }
        Ok(())
    }

    /// Finds out what became of actions whose end nobody heard, because the program that did them was killed; none of
    /// them is done again. What a killed program wrote down and did not come to tell is told.
    ///
    /// # Errors
    /// The record is away; what was not done is done by the next call.
    pub async fn settle<'i>(
        &self,
        incidents: impl Iterator<Item = &'i Incident>,
        now: Timestamp,
    ) -> Result<Vec<(ProposalId, Outcome)>, RecordError> {
        let mut settled = Vec::new();
        for seen in incidents.flat_map(|incident| incident.proposals.values()) {
            let Some(started_at) = seen.started_at else { continue };
            if let Some(made) = seen.glass.as_ref().filter(|_| is_news(started_at, now)) {
                self.tell_of_glass(&seen.proposal, made).await?;
            }
            match &seen.outcome {
                Some((at, outcome)) => self.close_again(&seen.proposal, outcome, *at, now).await?,
                None => {
                    let outcome = self.find_end(&seen.proposal, started_at, now).await?;
                    settled.extend(outcome.map(|outcome| (seen.proposal.id.clone(), outcome)));
                }
            }
        }
        Ok(settled)
    }

    /// Closes what was written down as ended by a program that may have been killed right after.
    async fn close_again(
        &self,
        proposal: &Proposal,
        outcome: &Outcome,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<(), RecordError> {
        if !is_news(at, now) {
            return Ok(());
        }
        // A look at the target is cheaper than a write; it does not say whether people were told of an unknown end.
        let is_unknown = matches!(outcome, Outcome::Unknown { .. });
        if !is_unknown && self.targets.target(&proposal.action.target()).await?.knows_end_of(&proposal.id) {
            return Ok(());
        }
        self.close(&proposal.id, &proposal.action, outcome, at, now).await
    }

    /// Looks what became of an action that was started and has no end yet; none if it may still be under way.
    async fn find_end(
        &self,
        proposal: &Proposal,
        started_at: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Outcome>, RecordError> {
        let since = now.duration_since(started_at);
        if since <= LEASED_FOR {
            return Ok(None);
        }
        let digest = proposal.digest().map_err(|error| RecordError::Refused(error.to_string()))?;
        let key = IdempotencyKey::of(&proposal.id, &digest);
        let found = match self.executor_of(&proposal.action) {
            Some(executor) => executor.look(&proposal.action, &key, EXECUTE_WITHIN).await,
            None => Ok(Trace::NotFound("nothing is configured here that could look".into())),
        };
        let why = "the program that did it ended before it said how";
        let outcome = match found {
            Ok(Trace::Done(receipt)) => Outcome::Done(receipt),
            Ok(Trace::NotFound(says)) => Outcome::Unknown { why: format!("{why}; {says}") },
            Err(_) if since <= LOOK_FOR => return Ok(None),
            Err(error) => Outcome::Unknown { why: format!("{why}, and it can't be looked at: {error}") },
        };
        self.finish(&proposal.id, &proposal.action, outcome, now).await.map(Some)
    }

    /// An action on a target that was started and of which nobody said how it ended, although no lease of it holds any
    /// more: the program that did it was killed. Until [`ApprovalDesk::settle`] knows more, nothing else is done there.
    async fn left_behind(
        &self,
        incident: &Incident,
        target: &Target,
        now: Timestamp,
    ) -> Result<Option<ProposalId>, RecordError> {
        let lease = self.targets.target(target).await?.lease;
        if lease.as_ref().is_some_and(|lease| lease.until > now) {
            return Ok(None);
        }
        let is_left = |seen: &&SeenProposal| seen.is_under_way() && seen.proposal.action.target() == *target;
        if let Some(seen) = incident.proposals.values().find(is_left) {
            return Ok(Some(seen.proposal.id.clone()));
        }
        // The last one may be another incident's.
        let Some(last) = lease.map(|lease| lease.proposal) else { return Ok(None) };
        let Some(its_incident) = last.incident() else { return Ok(None) };
        let (its_incident, _) = self.fold(&its_incident).await?;
        let Some(seen) = its_incident.proposals.get(&last) else { return Ok(None) };
        if seen.is_under_way() {
            return Ok(Some(last));
        }
        // It may have ended in a way that stops the target, and the program was killed before it said so.
        if let Some((at, outcome)) = &seen.outcome {
            self.close(&last, &seen.proposal.action, outcome, *at, now).await?;
        }
        Ok(None)
    }

    /// The name under which an attempt to start an action holds its lease. No two attempts share one, so that the one
    /// that was too late gives back its own lease and never that of an action which is being done.
    fn next_attempt(&self) -> String {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        format!("{} #{}", self.runner, COUNT.fetch_add(1, Ordering::Relaxed))
    }

    fn executor_of(&self, action: &Action) -> Option<&Arc<dyn ActionExecutor>> {
        self.executors.iter().find(|executor| executor.supports(action))
    }

    fn tiers(&self, services: &[ServiceName]) -> BTreeMap<ServiceName, u8> {
        let tier = |name: &ServiceName| Some((name.clone(), self.catalog.find(name.as_str())?.tier?));
        services.iter().filter_map(tier).collect()
    }

    /// All freezes of this moment, with services by the names that the catalog gives them. One source that can't be read
    /// is enough for doubt.
    async fn known_freezes(&self, now: Timestamp) -> KnownFreezes {
        let moment =
            Window { from: now, until: now.checked_add(SignedDuration::from_secs(1)).unwrap_or(now) };
        let mut freezes = Vec::new();
        for source in self.freezes {
            let asked = tokio::time::timeout(FREEZES_WITHIN.unsigned_abs(), source.freezes(moment)).await;
            match asked {
                Ok(Ok(fetched)) if fetched.coverage.missing.is_empty() => freezes.extend(fetched.items),
                Ok(Ok(fetched)) => {
                    return KnownFreezes::Unknown(format!(
                        "{}: {}",
                        source.name(),
                        fetched.coverage.missing.join(", ")
                    ));
                }
                Ok(Err(error)) => return KnownFreezes::Unknown(format!("{}: {error}", source.name())),
                Err(_) => {
                    return KnownFreezes::Unknown(format!("{}: no answer in time", source.name()));
                }
            }
        }
        for service in freezes.iter_mut().flat_map(|freeze| freeze.services.iter_mut()) {
            if let Some(known) = self.catalog.find(service.as_str()) {
                *service = known.name.clone();
            }
        }
        KnownFreezes::All(freezes)
    }

    async fn fold(&self, id: &IncidentId) -> Result<(Incident, Head), RecordError> {
        let (entries, head) = load(self.record, id).await?;
        Ok((Incident::as_of(id.clone(), &entries, Timestamp::MAX), head))
    }

    async fn append(&self, id: &IncidentId, head: Head, drafts: Vec<Draft>) -> Result<(), RecordError> {
        self.record.append(id, Expect::Head(Some(head)), drafts).await.map(drop)
    }

    async fn tell_of_glass(&self, proposal: &Proposal, made: &MadeDecision) -> Result<(), RecordError> {
        let (id, by, why) = (&proposal.id, made.by.for_people(), made.decision.why.for_people(200));
        let text = format!("{by} broke the glass for {id} ({}): {why}", proposal.action.says());
        self.tell(&format!("glass {id}"), text, made.at).await
    }

    async fn tell(&self, key: &str, text: String, now: Timestamp) -> Result<(), RecordError> {
        let notice = Notice { key: key.to_owned(), at: now, text: ExternalText::new(text), told_at: None };
        self.outbox.queue_notice(&notice).await.map(drop)
    }
}

/// Whether what happened then may not have been told yet. What is older was told, or everybody knows by now.
fn is_news(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at) < REMEMBERED
}

/// What kind of trouble an outcome is, for its span.
fn trouble(outcome: &Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Done(_) => None,
        Outcome::NotAsExpected { .. } => Some("not_as_expected"),
        Outcome::Failed { .. } => Some("failed"),
        Outcome::Unknown { .. } => Some("unknown"),
    }
}

fn draft(now: Timestamp, by: Actor, what: Happening) -> Draft {
    Draft { happened_at: now, known_at: now, recorded_at: now, by, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_a_policy_can_be_read() {
        let policy: ApprovalPolicy =
            toml::from_str(include_str!("../../../config/policy.example.toml")).unwrap();
        assert_eq!((policy.people.len(), policy.rules.len()), (2, 1));
    }
}
