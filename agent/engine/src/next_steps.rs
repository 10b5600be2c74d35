//! What follows from what was done: a revert or a patch on a branch of its own wants a pull request. It is proposed like everything
//! else, and done when somebody approves. It must not know how.

use hearback_core::action::{Action, Inverse, OpenPullRequest, Outcome, Proposal, PushPatch, RevertCommit};
use hearback_core::answer::Claim;
use hearback_core::entry::{Actor, Draft};
use hearback_core::incident::{SeenProposal, State};
use hearback_core::ports::{Expect, RecordError, RecordStore};
use hearback_core::{ExternalText, Happening, Incident};
use jiff::{SignedDuration, Timestamp};

use crate::incidents::load;
use crate::proposing::is_open_already;

/// Proposes what follows.
#[derive(Clone, Copy)]
pub struct NextSteps<'a> {
    /// Where incidents are written.
    pub record: &'a dyn RecordStore,
    /// The repositories in which pull requests may be opened, as they are called here.
    pub pulls: &'a [String],
    /// How long a proposal can be approved.
    pub expires_after: SignedDuration,
}

impl NextSteps<'_> {
    /// Whether something may follow from it.
    pub fn concerns(seen: &SeenProposal) -> bool {
        pull_request(seen).is_some()
    }

    /// Proposes what follows and was not proposed yet. Says whether something was.
    ///
    /// # Errors
    /// The record is away; the next call does it.
    pub async fn propose(&self, incident: &Incident, now: Timestamp) -> Result<bool, RecordError> {
        if incident.state != State::Open || self.missing(incident).is_none() {
            return Ok(false);
        }
        let (entries, head) = load(self.record, &incident.id).await?;
        let incident = Incident::as_of(incident.id.clone(), &entries, Timestamp::MAX);
        let Some(proposal) = self.missing(&incident).and_then(|seen| self.proposal(&incident, seen, now))
        else {
            return Ok(false);
        };
        let what = Happening::Proposed(proposal);
        let draft = Draft { happened_at: now, known_at: now, recorded_at: now, by: Actor::hearback(), what };
        match self.record.append(&incident.id, Expect::Head(Some(head)), vec![draft]).await {
            Ok(_) => Ok(true),
            // The next call looks again.
            Err(RecordError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The first of them whose pull request was never proposed.
    fn missing<'i>(&self, incident: &'i Incident) -> Option<&'i SeenProposal> {
        incident.proposals.values().find(|seen| {
            pull_request(seen).is_some_and(|(open, _)| {
                let action = Action::OpenPullRequest(open.clone());
                self.pulls.contains(&open.repository)
                    && !incident.proposals.values().any(|other| other.proposal.action == action)
                    && !is_open_already(incident, &action, Timestamp::MIN)
            })
        })
    }

    fn proposal(&self, incident: &Incident, seen: &SeenProposal, now: Timestamp) -> Option<Proposal> {
        let (open, done) = pull_request(seen)?;
        let says =
            format!("{} is done ({}); a pull request brings it to {}", seen.proposal.id, done, open.base);
        Some(Proposal {
            id: incident.next_proposal(),
            action: Action::OpenPullRequest(open),
            services: seen.proposal.services.clone(),
            environment: seen.proposal.environment.clone(),
            why: Claim::new(ExternalText::new(says).for_people(400), seen.proposal.why.citations().to_vec())
                .ok()?,
            because: seen.proposal.because.clone(),
            risks: Vec::new(),
            inverse: Inverse::KnownWhenDone { says: "close the pull request".to_owned() },
            // It takes effect when it is merged and deployed, and must not be judged before.
            check: None,
            asked_by: seen.proposal.asked_by.clone(),
            proposed_at: now,
            expires_at: now.checked_add(self.expires_after).unwrap_or(now),
        })
    }
}

/// The pull request of what was pushed to a branch of its own, and what its receipt says. One of a patch is a draft: whoever
/// says that it is ready has read it.
fn pull_request(seen: &SeenProposal) -> Option<(OpenPullRequest, &str)> {
    let Some((_, Outcome::Done(receipt))) = &seen.outcome else { return None };
    let made = receipt.made.as_ref()?;
    let by = ExternalText::new(seen.approved_by.join(", ")).for_people(200);
    let (id, why) = (&seen.proposal.id, seen.proposal.why.says());
    let open = match &seen.proposal.action {
        Action::RevertCommit(RevertCommit { repository, branch, push_to, commit, .. })
            if push_to != branch =>
        {
            let short = commit.get(..10).unwrap_or(commit);
            OpenPullRequest {
                repository: repository.clone(),
                head: push_to.clone(),
                commit: made.clone(),
                base: branch.clone(),
                title: format!("Revert {short}"),
                body: format!("Undoes {commit}, as approved by {by} in {id}.\n\n{why}"),
                draft: false,
            }
        }
        Action::PushPatch(PushPatch { repository, branch, push_to, suspect, .. }) => OpenPullRequest {
            repository: repository.clone(),
            head: push_to.clone(),
            commit: made.clone(),
            base: branch.clone(),
            title: format!("Mitigation patch of {id}"),
            body: format!(
                "Changes files that {suspect} touched, as approved by {by} in {id}. A model wrote it and nobody ran \
                 it.\n\n{why}"
            ),
            draft: true,
        },
        _ => return None,
    };
    Some((open, receipt.says.as_str()))
}
