//! From an answer to a proposal, without a model: when the trouble began shortly after a change that can be undone, undoing
//! it is proposed at once, with what speaks for caution, how it is taken back, and how it is told whether it helped. It
//! must not know how anything is done, and it does nothing: everything here is read only.

use std::collections::BTreeSet;
use std::sync::Arc;

use hearback_core::action::{
    Action, Inverse, Outcome, Proposal, RecoveryCheck, RecoverySign, RevertCommit, Risk, RiskKind, Support,
};
use hearback_core::answer::{Claim, Onset, Strength, Suspect, Verdict};
use hearback_core::entry::Actor;
use hearback_core::evidence::{Citation, Origin};
use hearback_core::ids::EvidenceId;
use hearback_core::incident::SeenProposal;
use hearback_core::ports::{RecordError, RevertFit, RevertPreview, RevertTrial, TargetLedger};
use hearback_core::time::format_length;
use hearback_core::{
    Analysis, Change, ExternalText, Happening, Incident, ProposalId, ServiceName, SignalKind,
};
use jiff::{SignedDuration, Timestamp};

use crate::analysts::change_point::Course;
use crate::analysts::undoing::Lead;
use crate::driver::Answered;
use crate::gather::within;

/// A change that stood for longer than this may be what others rely on.
const OLD: SignedDuration = SignedDuration::from_hours(24);
/// So long after it was rejected the same is not proposed again.
const REJECTED_FOR: SignedDuration = SignedDuration::from_mins(10);
/// So many files or commits are named.
const NAMED: usize = 3;

/// When and how something is proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposingRule {
    /// A rollout to an affected service this shortly before the onset is proposed to be taken back even if nothing else
    /// speaks against it.
    pub shortly: SignedDuration,
    /// How long a proposal can be approved.
    pub expires_after: SignedDuration,
    /// How long after an action at most it should be well again.
    pub recovers_within: SignedDuration,
    /// Where reverts are pushed.
    pub push_to: PushTo,
    /// How long it may take to try what would come of it.
    pub budget: SignedDuration,
}

/// Where a revert is pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushTo {
    /// To a branch of its own, named after the proposal.
    OwnBranch,
    /// To the branch that runs.
    SameBranch,
}

/// A rollout that is to be taken back.
#[derive(Debug, Clone, Copy)]
pub struct Rollback<'a> {
    /// The rollout.
    pub rollout: &'a Change,
    /// The services it touches, as far as is known.
    pub services: &'a [ServiceName],
    /// Where it went.
    pub environment: &'a str,
    /// The version that runs.
    pub from: &'a str,
    /// The version that shall run.
    pub to: &'a str,
}

/// Knows which action brings back the version that ran before.
pub trait RollbackWay: Send + Sync {
    /// The action; none if it is not of its kind.
    fn action(&self, rollback: &Rollback<'_>) -> Option<Action>;
}

/// Makes proposals.
#[derive(Clone, Copy)]
pub struct Proposer<'a> {
    /// The ways to take rollouts back; the first that can is taken.
    pub ways: &'a [Arc<dyn RollbackWay>],
    /// Those that can try to undo a commit.
    pub reverts: &'a [Arc<dyn RevertPreview>],
    /// What is known of the targets of actions.
    pub targets: &'a dyn TargetLedger,
    /// When and how something is proposed.
    pub rule: &'a ProposingRule,
}

/// What came of looking for something to undo.
#[derive(Debug, Clone, PartialEq)]
pub enum Weighed {
    /// No suspect is sure enough, or there is none.
    Nothing,
    /// There is a suspect, and it can't be undone from here: why, in one sentence.
    Cannot(String),
    /// This can be undone.
    Undo(Box<Undo>),
}

/// Something that can be undone: a proposal but for its number.
#[derive(Debug, Clone, PartialEq)]
pub struct Undo {
    how: How,
    why: Claim,
    because: Vec<Support>,
    risks: Vec<Risk>,
    services: Vec<ServiceName>,
    environment: Option<String>,
    check: Option<RecoveryCheck>,
    expires_after: SignedDuration,
}

#[derive(Debug, Clone, PartialEq)]
enum How {
    RollBack { action: Action, inverse: Option<Action> },
    Revert { trial: RevertTrial, push_to: PushTo },
}

impl Proposer<'_> {
    /// Looks for something to undo after `answered` was found in `incident`.
    ///
    /// # Errors
    /// The store of targets is away.
    pub async fn weigh(&self, incident: &Incident, answered: &Answered) -> Result<Weighed, RecordError> {
        if !self.can_propose() {
            return Ok(Weighed::Nothing);
        }
        let Some((suspect, lead)) = self.first(incident, answered) else {
            return Ok(match answered.answer.verdict {
                Verdict::LookHere => {
                    Weighed::Cannot("no strong suspect is left that can be undone".to_owned())
                }
                Verdict::CantTell | Verdict::NothingFits | Verdict::NoChange => Weighed::Nothing,
            });
        };
        let how = match self.roll_back(lead) {
            Some(how) => how,
            None => match self.revert(lead).await {
                Ok(how) => how,
                Err(why) => return Ok(Weighed::Cannot(why)),
            },
        };
        let target = how.action(&incident.next_proposal()).target();
        if let Some(why) = self.targets.target(&target).await?.stopped {
            let why = ExternalText::new(why).for_people(200);
            return Ok(Weighed::Cannot(format!(
                "undoing {} must wait, for {why}. After a person has looked: hearback target reset \"{}\"",
                short(&lead.change),
                ExternalText::new(target.as_str()).for_people(200)
            )));
        }
        let Some(why) = why(suspect, lead, answered.answer.onset.as_ref()) else {
            return Ok(Weighed::Cannot("nothing that was seen speaks for undoing it".to_owned()));
        };
        Ok(Weighed::Undo(Box::new(Undo {
            risks: risks(lead, &how, &answered.answer),
            because: supports(&why, answered),
            why,
            services: lead.services.clone(),
            environment: lead.environment.clone(),
            check: how
                .takes_effect()
                .then(|| check(incident, lead, answered, self.rule.recovers_within))
                .flatten(),
            expires_after: self.rule.expires_after,
            how,
        })))
    }

    /// Whether anything can be proposed at all.
    pub fn can_propose(&self) -> bool {
        !self.ways.is_empty() || !self.reverts.is_empty()
    }

    /// The likeliest suspect that nobody dismissed, if it is strong, or a rollout to an affected service shortly before the
    /// onset.
    fn first<'a>(&self, incident: &Incident, answered: &'a Answered) -> Option<(&'a Suspect, &'a Lead)> {
        // Where no change did it, undoing one only makes two problems.
        if answered.answer.verdict == Verdict::NoChange {
            return None;
        }
        let is_left = |suspect: &&Suspect| !incident.dismissed.contains_key(&suspect.change.id);
        let suspect = answered.answer.suspects.iter().find(is_left)?;
        let analysis = answered.answer.analysis.as_ref();
        let innocent = analysis.and_then(|analysis| analysis.innocent.as_ref());
        if innocent.is_some_and(|innocent| innocent.change.id == suspect.change.id) {
            return None;
        }
        // What explains the failure, and was not dismissed, is what is undone; if it is none of the suspects, nothing is.
        let explains = analysis.and_then(Analysis::blamed).map(|change| &change.id);
        if explains.is_some_and(|id| *id != suspect.change.id && !incident.dismissed.contains_key(id)) {
            return None;
        }
        let lead = answered.leads.iter().find(|lead| lead.change.id == suspect.change.id)?;
        let is_strong = answered.answer.verdict == Verdict::LookHere && suspect.strength == Strength::Strong;
        let is_shortly = answered.answer.onset.as_ref().is_some_and(|onset| {
            let since = onset.latest.duration_since(suspect.change.effective_at);
            !since.is_negative() && since <= self.rule.shortly
        });
        let is_concerned = lead.services.iter().any(|service| incident.services.contains(service));
        (is_strong || (is_shortly && is_concerned && lead.rollout.is_some())).then_some((suspect, lead))
    }

    fn roll_back(&self, lead: &Lead) -> Option<How> {
        let rollout = lead.rollout.as_ref()?;
        let (brought, environment) = (rollout.rollout.as_ref()?, rollout.environment.as_deref()?);
        let before = brought.before.as_deref().filter(|before| *before != brought.version)?;
        let there =
            Rollback { rollout, services: &lead.services, environment, from: &brought.version, to: before };
        let back = Rollback { from: before, to: &brought.version, ..there };
        let found = self.ways.iter().find_map(|way| Some((way.action(&there)?, way.action(&back))));
        found.map(|(action, inverse)| How::RollBack { action, inverse })
    }

    async fn revert(&self, lead: &Lead) -> Result<How, String> {
        let name = short(&lead.change);
        let mut trouble = None;
        for preview in self.reverts {
            match within(self.rule.budget, preview.try_revert(&lead.change.id, self.rule.budget)).await {
                Ok(Some(trial)) => return self.of_trial(&name, trial),
                Ok(None) => {}
                Err(error) => trouble = Some(ExternalText::new(error.to_string()).for_people(200)),
            }
        }
        Err(match trouble {
            Some(why) => format!("it could not be tried whether {name} can be undone: {why}"),
            None => format!(
                "nothing is configured here that can undo {name}; give its [[repository]] a `reverts` table, or add a [[hook]]"
            ),
        })
    }

    fn of_trial(&self, name: &str, trial: RevertTrial) -> Result<How, String> {
        let branch = ExternalText::new(trial.branch.as_str()).for_people(60);
        match &trial.fit {
            RevertFit::Clean => Ok(How::Revert { trial, push_to: self.rule.push_to }),
            RevertFit::NothingLeft => Err(format!("nothing of {name} is left to undo on {branch}")),
            RevertFit::Conflicts(files) => Err(format!(
                "{name} does not undo cleanly on {branch}: {} {}. Do it by hand; roll forward only if the fix is known and \
                 tested and the way back stays open",
                named(files.iter().map(|file| file.as_str()), files.len()),
                if files.len() == 1 { "conflicts" } else { "conflict" },
            )),
        }
    }
}

impl How {
    fn action(&self, id: &ProposalId) -> Action {
        match self {
            How::RollBack { action, .. } => action.clone(),
            How::Revert { trial, push_to } => Action::RevertCommit(RevertCommit {
                repository: trial.repository.clone(),
                commit: trial.commit.clone(),
                branch: trial.branch.clone(),
                push_to: match push_to {
                    PushTo::SameBranch => trial.branch.clone(),
                    PushTo::OwnBranch => format!("hearback/{id}"),
                },
                expected: trial.expected,
            }),
        }
    }

    /// Whether the service changes when it is done. What lies on a branch of its own changes nothing yet, and must not be
    /// judged by whether it helped.
    fn takes_effect(&self) -> bool {
        !matches!(self, How::Revert { push_to: PushTo::OwnBranch, .. })
    }

    fn inverse(&self) -> Inverse {
        match self {
            How::RollBack { inverse: Some(inverse), .. } => Inverse::Action(Box::new(inverse.clone())),
            How::RollBack { inverse: None, .. } => Inverse::Nothing,
            How::Revert { push_to: PushTo::SameBranch, .. } => {
                Inverse::KnownWhenDone { says: "a revert of the revert".to_owned() }
            }
            How::Revert { push_to: PushTo::OwnBranch, .. } => {
                Inverse::KnownWhenDone { says: "delete the branch".to_owned() }
            }
        }
    }
}

impl Weighed {
    /// What is to be written down about it in `incident`, folded as of the head it will be written after. None if it
    /// says nothing new.
    pub fn happening(&self, incident: &Incident, now: Timestamp) -> Option<Happening> {
        match self {
            Weighed::Nothing => None,
            Weighed::Cannot(why) => {
                let known = incident.not_proposed.as_ref().is_some_and(|(_, known)| known == why);
                let waits = |seen: &SeenProposal| {
                    seen.started_at.is_none() && !seen.rejected && now < seen.proposal.expires_at
                };
                // While something waits for approval, "nothing is proposed" would be wrong.
                (!known && !incident.proposals.values().any(waits))
                    .then(|| Happening::NotProposed { why: why.clone() })
            }
            Weighed::Undo(undo) => {
                let proposal = undo.proposal(incident.next_proposal(), now);
                (!is_open_already(incident, &proposal.action, now)).then_some(Happening::Proposed(proposal))
            }
        }
    }
}

/// Whether the same is proposed and may still be approved, or was begun and not broken off with nothing done.
pub fn is_open_already(incident: &Incident, action: &Action, now: Timestamp) -> bool {
    let is_same = |other: &Action| match (action, other) {
        (Action::RevertCommit(one), Action::RevertCommit(other)) => {
            (&one.repository, &one.commit, &one.branch) == (&other.repository, &other.commit, &other.branch)
        }
        (Action::PushPatch(one), Action::PushPatch(other)) => one.edits == other.edits,
        _ => action == other,
    };
    let is_open = |seen: &&SeenProposal| match (&seen.outcome, seen.started_at) {
        // What was not done may be proposed anew, for the target as it is now.
        (Some((_, Outcome::Failed { .. } | Outcome::NotAsExpected { .. })), _) => false,
        (_, Some(_)) => true,
        (_, None) if seen.rejected => {
            let last = seen.decisions.last().map_or(seen.proposal.proposed_at, |made| made.at);
            now.duration_since(last) < REJECTED_FOR
        }
        (_, None) => now < seen.proposal.expires_at,
    };
    incident.proposals.values().filter(|seen| is_same(&seen.proposal.action)).any(|seen| is_open(&seen))
}

impl Undo {
    fn proposal(&self, id: ProposalId, now: Timestamp) -> Proposal {
        Proposal {
            action: self.how.action(&id),
            id,
            services: self.services.clone(),
            environment: self.environment.clone(),
            why: self.why.clone(),
            because: self.because.clone(),
            risks: self.risks.clone(),
            inverse: self.how.inverse(),
            check: self.check.clone(),
            asked_by: Actor::hearback(),
            proposed_at: now,
            expires_at: now.checked_add(self.expires_after).unwrap_or(now),
        }
    }
}

fn short(change: &Change) -> String {
    match change.id.sha() {
        Some(sha) => sha.chars().take(10).collect(),
        None => ExternalText::from(change.id.as_str()).for_people(40),
    }
}

/// The first few of them, and how many more there are.
fn named<'a>(all: impl Iterator<Item = &'a str>, count: usize) -> String {
    let mut said: Vec<String> = all.take(NAMED).map(|one| ExternalText::new(one).for_people(60)).collect();
    match count.saturating_sub(said.len()) {
        0 => {}
        more => said.push(format!("{more} more")),
    }
    said.join(", ")
}

fn why(suspect: &Suspect, lead: &Lead, onset: Option<&Onset>) -> Option<Claim> {
    let (name, title) = (short(&lead.change), lead.change.title.for_people(60));
    let mut citations: Vec<Citation> = Vec::new();
    let mut says = match onset {
        Some(onset) => {
            citations.extend(onset.because.citations().iter().cloned());
            let since = onset.latest.duration_since(suspect.change.effective_at);
            let side = if since.is_negative() { "after" } else { "before" };
            let (since, seen) = (format_length(since), onset.because.says());
            format!("{name} \"{title}\" took effect {since} {side} the onset ({seen})")
        }
        None => format!("{name} \"{title}\" is the likeliest change"),
    };
    let telling = suspect.reasons.iter().filter(|reason| reason.points > 0.0);
    for reason in telling.filter(|reason| reason.feature != "recency").take(2) {
        says.push_str("; ");
        says.push_str(reason.claim.says());
        citations.extend(reason.claim.citations().iter().cloned());
    }
    if citations.is_empty() {
        citations.extend(suspect.reasons.iter().flat_map(|reason| reason.claim.citations().iter().cloned()));
    }
    Claim::new(says, citations).ok()
}

/// On what a claim rests, and who could have written it. What is no snapshot of this answer is an entry of the record or
/// the question: a member's.
fn supports(claim: &Claim, answered: &Answered) -> Vec<Support> {
    let evidence: BTreeSet<EvidenceId> = claim.citations().iter().map(|citation| citation.evidence).collect();
    let origin = |evidence: &EvidenceId| {
        let snapshot = answered.snapshots.iter().find(|snapshot| snapshot.id == *evidence);
        snapshot.map_or(Origin::Member, |snapshot| snapshot.origin)
    };
    evidence.into_iter().map(|evidence| Support { origin: origin(&evidence), evidence }).collect()
}

fn risks(lead: &Lead, how: &How, answer: &hearback_core::Answer) -> Vec<Risk> {
    let mut risks = Vec::new();
    let mut risk = |kind, says: String| risks.push(Risk { kind, says });
    if !lead.migrations.is_empty() {
        let files = named(lead.migrations.iter().map(String::as_str), lead.migrations.len());
        let says = format!("a migration goes with it ({files}): the older code may not fit the data");
        risk(RiskKind::Migration, says);
    }
    match how {
        How::RollBack { .. } if lead.along_count > 0 => {
            let changes = if lead.along_count == 1 { "change goes" } else { "changes go" };
            let names =
                lead.along.iter().map(|id| id.sha().and_then(|sha| sha.get(..10)).unwrap_or(id.as_str()));
            let names = match lead.along.is_empty() {
                true => String::new(),
                false => format!(": {}", named(names, lead.along_count)),
            };
            risk(RiskKind::OtherChanges, format!("{} other {changes} with it{names}", lead.along_count));
        }
        How::RollBack { .. } => {}
        How::Revert { trial, .. } => {
            if trial.later_count > 0 {
                let commits =
                    if trial.later_count == 1 { "later commit touches" } else { "later commits touch" };
                let names = trial
                    .later
                    .iter()
                    .map(|id| id.sha().and_then(|sha| sha.get(..10)).unwrap_or(id.as_str()));
                let names = named(names, trial.later_count);
                risk(
                    RiskKind::OtherChanges,
                    format!("{} {commits} the same files and may build on it: {names}", trial.later_count),
                );
            }
            let says = match how.takes_effect() {
                true => "it takes effect when it is deployed, not when it is pushed",
                false => "it takes effect when it is merged and deployed, not when it is pushed",
            };
            risk(RiskKind::Unknown, says.to_owned());
        }
    }
    let reference = answer.onset.as_ref().map_or(answer.as_of, |onset| onset.latest);
    let age = reference.duration_since(lead.change.effective_at);
    if age > OLD {
        risk(RiskKind::Age, format!("it stood for {}; others may rely on it", format_length(age)));
    }
    if matches!(lead.change.paths, hearback_core::change::Paths::Unknown) {
        risk(RiskKind::Unknown, "the files it touches are not known".to_owned());
    }
    risks
}

/// From the signal that moved farthest of those that users feel and that still holds; else from the first alert.
fn check(
    incident: &Incident,
    lead: &Lead,
    answered: &Answered,
    within: SignedDuration,
) -> Option<RecoveryCheck> {
    let is_concerned = |service: &ServiceName| {
        (incident.services.is_empty() && lead.services.is_empty())
            || incident.services.contains(service)
            || lead.services.contains(service)
    };
    let felt = |kind: SignalKind| matches!(kind, SignalKind::Errors | SignalKind::Latency);
    let mut moved: Vec<_> = answered
        .moved
        .iter()
        .filter(|one| one.signature.onset.course == Course::Holds && is_concerned(&one.service))
        .filter_map(|one| Some((one, one.signature.onset.after?)))
        .collect();
    moved.sort_by(|(a, _), (b, _)| {
        let by_strength = b.signature.onset.strength.total_cmp(&a.signature.onset.strength);
        felt(b.signature.kind).cmp(&felt(a.signature.kind)).then(by_strength).then(a.service.cmp(&b.service))
    });
    if let Some((one, after)) = moved.first() {
        let before = one.signature.onset.before;
        let sign = RecoverySign::Signal {
            service: one.service.clone(),
            signal: one.signature.kind,
            labels: one.labels.clone(),
            usual: before.value,
            spread: before.spread,
            now: after.value,
        };
        return Some(RecoveryCheck { sign, within });
    }
    let fires = || incident.alerts_of_it().filter(|seen| seen.resolved_at.is_none());
    let of_it = fires().find(|seen| seen.alert.service.as_ref().is_some_and(is_concerned));
    let alert = of_it.or_else(|| fires().find(|seen| seen.alert.service.is_none()))?;
    let sign =
        RecoverySign::Alert { fingerprint: alert.alert.fingerprint.clone(), name: alert.alert.name.clone() };
    Some(RecoveryCheck { sign, within })
}
