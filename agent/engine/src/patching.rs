//! From a patch that a model suggests to a proposal: tried in memory, shown as a difference, approved like everything else. What
//! undoes the suspect comes first: while that is open or helped, no patch is proposed. It must not know how a patch is made,
//! and it does nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use hearback_core::action::{
    Action, Inverse, Outcome, Proposal, PushPatch, Recovery, Risk, RiskKind, Support,
};
use hearback_core::answer::{Claim, Strength, Suspect};
use hearback_core::entry::{Actor, Draft};
use hearback_core::hypothesis::Verdict as Settled;
use hearback_core::incident::{SeenProposal, State};
use hearback_core::patch::{PatchFit, PatchPreview, PatchTrial, Suggested};
use hearback_core::ports::{ConnectorError, Expect, RecordError, RecordStore};
use hearback_core::{EvidenceId, ExternalText, Happening, Incident, Origin};
use jiff::{SignedDuration, Timestamp};

use crate::gather::within;
use crate::incidents::load;

/// The longest difference that is proposed, in bytes: one message shows it whole.
const MOST_DIFF: usize = 6_000;
/// What the reason begins with if a patch can't be proposed.
const NO_PATCH: &str = "the patch that the model suggests can't be proposed: ";

/// Proposes patches.
#[derive(Clone, Copy)]
pub struct Patching<'a> {
    /// Where incidents are written.
    pub record: &'a dyn RecordStore,
    /// Those that can try a patch.
    pub previews: &'a [Arc<dyn PatchPreview>],
    /// How long a proposal can be approved.
    pub expires_after: SignedDuration,
    /// How long it may take to try one.
    pub budget: SignedDuration,
}

impl Patching<'_> {
    /// Whether something is suggested that may be proposed.
    pub fn concerns(incident: &Incident, now: Timestamp) -> bool {
        open(incident, now).is_some()
    }

    /// Proposes the patch that a model suggests last, if nobody was asked about it yet, or writes down why it can't be. Says
    /// whether something was written.
    ///
    /// # Errors
    /// The record is away; the next call does it.
    pub async fn propose(&self, incident: &Incident, now: Timestamp) -> Result<bool, RecordError> {
        let Some(patch) = open(incident, now).filter(|_| !self.previews.is_empty()) else { return Ok(false) };
        let Some(fit) = self.fit(patch).await else { return Ok(false) };
        let (entries, head) = load(self.record, &incident.id).await?;
        let incident = Incident::as_of(incident.id.clone(), &entries, Timestamp::MAX);
        let Some(patch) = open(&incident, now).filter(|still| *still == patch) else { return Ok(false) };
        let what = match fit {
            Ok(trial) => match self.proposal(&incident, patch, trial, now).await? {
                Some(proposal) => Happening::Proposed(proposal),
                None => return Ok(false),
            },
            Err(why) => Happening::NotProposed { why: format!("{NO_PATCH}{why}") },
        };
        let draft = Draft { happened_at: now, known_at: now, recorded_at: now, by: Actor::hearback(), what };
        match self.record.append(&incident.id, Expect::Head(Some(head)), vec![draft]).await {
            Ok(_) => Ok(true),
            // The next call looks again.
            Err(RecordError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What would come of it, or why it can't be made, in a sentence; none if that can't be told now: the next call asks again.
    async fn fit(&self, patch: &Suggested) -> Option<Result<PatchTrial, String>> {
        let mut trouble = None;
        for preview in self.previews {
            let tried = preview.try_patch(&patch.change, &patch.edits, self.budget);
            match within(self.budget, tried).await {
                Ok(Some(PatchFit::Fits(trial))) if trial.diff.len() > MOST_DIFF => {
                    return Some(Err(
                        "with the lines around it, it is too long to be read in one message".to_owned()
                    ));
                }
                Ok(Some(PatchFit::Fits(trial))) => return Some(Ok(trial)),
                Ok(Some(PatchFit::Not(why))) => return Some(Err(why)),
                Ok(None) => {}
                Err(ConnectorError::NotUsable(why)) => trouble = Some(ExternalText::new(why).for_people(200)),
                Err(error) => {
                    tracing::warn!(%error, "a patch could not be tried; it is tried again");
                    return None;
                }
            }
        }
        Some(Err(trouble.unwrap_or_else(|| "no repository that can be pushed to has the suspect".to_owned())))
    }

    async fn proposal(
        &self,
        incident: &Incident,
        patch: &Suggested,
        trial: PatchTrial,
        now: Timestamp,
    ) -> Result<Option<Proposal>, RecordError> {
        let PatchTrial { repository, branch, expected, diff } = trial;
        let Some(suspect) = patch.change.sha().map(str::to_owned) else { return Ok(None) };
        let mut because = Vec::new();
        let cited: BTreeSet<EvidenceId> = patch.because.citations().iter().map(|one| one.evidence).collect();
        for evidence in cited {
            let snapshot = self.record.snapshot(evidence).await?;
            let origin = snapshot.map_or_else(|| origin_of(incident, evidence), |snapshot| snapshot.origin);
            because.push(Support { evidence, origin });
        }
        let says =
            format!("a model suggests it: {}", ExternalText::from(patch.because.says()).for_people(300));
        let Ok(why) = Claim::new(says, patch.because.citations().to_vec()) else { return Ok(None) };
        let id = incident.next_proposal();
        let risk = |kind, says: &str| Risk { kind, says: says.to_owned() };
        Ok(Some(Proposal {
            action: Action::PushPatch(PushPatch {
                repository,
                suspect,
                branch,
                push_to: format!("hearback/{id}"),
                edits: patch.edits.clone(),
                diff,
                expected,
            }),
            id,
            services: incident.services.clone(),
            environment: None,
            why,
            because,
            risks: vec![
                risk(RiskKind::Unknown, "a model wrote it and nobody ran it: read every line"),
                risk(
                    RiskKind::Unknown,
                    "it takes effect when it is merged and deployed, not when it is pushed",
                ),
            ],
            inverse: Inverse::KnownWhenDone { says: "delete the branch".to_owned() },
            check: None,
            asked_by: Actor::hearback(),
            proposed_at: now,
            expires_at: now.checked_add(self.expires_after).unwrap_or(now),
        }))
    }
}

/// Who could have written an entry: what people said and which changes were seen is members'; an alert is filled in with what
/// anybody asks for, and so may be what is not there any more.
fn origin_of(incident: &Incident, evidence: EvidenceId) -> Origin {
    let said = incident.messages.iter().any(|seen| seen.evidence == evidence);
    let supposed = incident.hypotheses.iter().any(|seen| seen.is_by_person() && seen.evidence == evidence);
    let changed = incident.changes.iter().any(|seen| seen.evidence == evidence);
    if said || supposed || changed { Origin::Member } else { Origin::Outsider }
}

/// The patch that a model suggests last, if it may be proposed now.
fn open(incident: &Incident, now: Timestamp) -> Option<&Suggested> {
    let found = incident.questions.iter().rev().find_map(|asked| asked.investigation.found.as_ref());
    let (seq, patch) = found.and_then(|(seq, found)| Some((*seq, found.patch.as_ref()?)))?;
    // What was strong once may be ruled out by now.
    let (_, answer) = incident.questions.iter().rev().find_map(|asked| asked.answer.as_ref())?;
    let is_it = |suspect: &Suspect| suspect.change.id == patch.change && suspect.strength == Strength::Strong;
    let is_strong = answer.suspects.iter().any(is_it);
    let settled = incident.hypotheses.iter().filter(|one| one.change.as_ref() == Some(&patch.change));
    let last = settled.filter_map(|one| one.settled.as_ref()).max_by_key(|settled| settled.seq);
    let is_dismissed = incident.dismissed.contains_key(&patch.change)
        || last.is_some_and(|settled| settled.verdict == Settled::Dismissed);
    let was_refused =
        incident.not_proposed.as_ref().is_some_and(|(at, why)| *at > seq && why.starts_with(NO_PATCH));
    // One patch for a suspect: while another waits, runs, was done or was rejected, none is proposed, in whatever spelling.
    let is_asked = incident.proposals.values().any(|seen| match (&seen.proposal.action, &seen.outcome) {
        (Action::PushPatch(known), Some((_, Outcome::Failed { .. } | Outcome::NotAsExpected { .. }))) => {
            known.edits == patch.edits
        }
        (Action::PushPatch(known), _) => {
            let is_over = seen.started_at.is_none() && !seen.rejected && now >= seen.proposal.expires_at;
            known.edits == patch.edits || (patch.change.sha() == Some(&known.suspect) && !is_over)
        }
        _ => false,
    });
    let may_be = incident.state == State::Open
        && is_strong
        && !is_dismissed
        && !was_refused
        && !is_asked
        && !incident.proposals.values().any(|seen| undoes(seen, now));
    may_be.then_some(patch)
}

/// Whether this is a way to undo something that is open still, under way, or helped as far as is known.
fn undoes(seen: &SeenProposal, now: Timestamp) -> bool {
    let is_undoing = match seen.proposal.action {
        Action::RevertCommit(_) | Action::CallHook(_) | Action::Redeploy(_) => true,
        Action::OpenPullRequest(_) | Action::PushPatch(_) => false,
    };
    let recovered = seen.recovery.as_ref().map(|(_, recovery, _)| *recovery);
    is_undoing
        && match (&seen.outcome, seen.started_at) {
            (Some((_, Outcome::Done(_) | Outcome::Unknown { .. })), _) => {
                recovered != Some(Recovery::NotRecovered)
            }
            (Some((_, Outcome::Failed { .. } | Outcome::NotAsExpected { .. })), _) => false,
            (None, Some(_)) => true,
            (None, None) => !seen.rejected && now < seen.proposal.expires_at,
        }
}
