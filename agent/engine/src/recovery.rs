//! After an action: did it help? Looks at the signal that showed the onset until it is back or the time is up, writes down
//! what it saw, tells the target, and offers what takes the action back where it did not help. Every step can be
//! repeated. It must not know who hears of it.

use std::sync::Arc;

use hearback_core::action::{Action, Inverse, Outcome, Proposal, Receipt, Recovery, RecoverySign};
use hearback_core::answer::Claim;
use hearback_core::entry::{Actor, Draft};
use hearback_core::evidence::{Citation, Coverage, Origin};
use hearback_core::hash::NotCanonical;
use hearback_core::incident::{SeenProposal, State};
use hearback_core::ports::{Expect, RecordError, RecordStore, SeriesQuery, SignalSource, TargetLedger};
use hearback_core::signal::Point;
use hearback_core::target::{End, Ended, Limits, Step};
use hearback_core::{Evidence, ExternalText, Happening, Incident, ProposalId, Series, Window};
use jiff::{SignedDuration, Timestamp};

use crate::analysts::recovered::{After, BEFORE, Judged};
use crate::gather::within;
use crate::incidents::load;
use crate::proposing::is_open_already;
use crate::snapshot::{Holds, snapshot};

/// How long a source of series may take.
const ASK_WITHIN: SignedDuration = SignedDuration::from_secs(5);

/// Looks whether actions helped.
#[derive(Clone, Copy)]
pub struct RecoveryDesk<'a> {
    /// Where incidents are written.
    pub record: &'a dyn RecordStore,
    /// What is known of the targets of actions.
    pub targets: &'a dyn TargetLedger,
    /// Those that measure services.
    pub signals: &'a [Arc<dyn SignalSource>],
    /// How much may be done to one target.
    pub limits: Limits,
    /// How long what takes an action back can be approved.
    pub expires_after: SignedDuration,
}

/// What was read of the signal.
#[derive(Default)]
struct Read {
    points: Vec<Point>,
    /// Snapshots; the first is the one that is cited.
    kept: Vec<Evidence>,
}

impl RecoveryDesk<'_> {
    /// Whether there is something to look at, or to tell the target.
    pub fn concerns(seen: &SeenProposal) -> bool {
        matches!(seen.outcome, Some((_, Outcome::Done(_)))) && seen.proposal.check.is_some()
    }

    /// Looks at every action of an incident that is due. Says which ones are told now.
    ///
    /// # Errors
    /// The record is away; what was not done is done by the next call.
    pub async fn look(&self, incident: &Incident, now: Timestamp) -> Result<Vec<ProposalId>, RecordError> {
        let mut told = Vec::new();
        for seen in incident.proposals.values() {
            if let Some((_, recovery, _)) = &seen.recovery {
                self.tell_target(seen, *recovery, now).await?;
            } else if Self::concerns(seen) && self.look_at(incident, seen, now).await? {
                told.push(seen.proposal.id.clone());
            }
        }
        Ok(told)
    }

    async fn look_at(
        &self,
        incident: &Incident,
        seen: &SeenProposal,
        now: Timestamp,
    ) -> Result<bool, RecordError> {
        let (Some(check), Some((done_at, Outcome::Done(receipt)))) = (&seen.proposal.check, &seen.outcome)
        else {
            return Ok(false);
        };
        let until = done_at.checked_add(check.within).unwrap_or(*done_at);
        let read = self.read(&check.sign, *done_at, now).await.map_err(not_kept)?;
        let after = After { sign: &check.sign, done_at: *done_at, until, now };
        let Judged::Ended(recovery, says) = after.judge(&read.points, incident) else { return Ok(false) };
        for snapshot in &read.kept {
            self.record.keep(snapshot).await?;
        }
        // A look that read nothing rests on what the proposal rested on.
        let alert = |seen: &hearback_core::incident::SeenAlert| match &check.sign {
            RecoverySign::Alert { fingerprint, .. } => seen.alert.fingerprint == *fingerprint,
            RecoverySign::Signal { .. } => false,
        };
        let alert = incident.alerts.iter().rev().find(|seen| alert(seen)).map(|seen| seen.evidence);
        let first = read.kept.first().map(|snapshot| snapshot.id).or(alert);
        let citations = match first {
            Some(evidence) => vec![Citation::of(evidence)],
            None => seen.proposal.why.citations().to_vec(),
        };
        let Ok(because) = Claim::new(says, citations) else { return Ok(false) };
        self.write_down(seen, receipt, (recovery, because), &read.kept, now).await
    }

    /// Writes down what was seen, and with it, where it did not help, the offer to take it back. False if somebody did.
    async fn write_down(
        &self,
        seen: &SeenProposal,
        receipt: &Receipt,
        (recovery, because): (Recovery, Claim),
        kept: &[Evidence],
        now: Timestamp,
    ) -> Result<bool, RecordError> {
        let id = &seen.proposal.id;
        let of = id.incident().ok_or_else(|| RecordError::Refused(format!("there is no proposal {id}")))?;
        loop {
            let (entries, head) = load(self.record, &of).await?;
            let incident = Incident::as_of(of.clone(), &entries, Timestamp::MAX);
            let is_told = incident.proposals.get(id).is_none_or(|seen| seen.recovery.is_some());
            if is_told {
                return Ok(false);
            }
            let gathered = kept.iter().map(|snapshot| Happening::EvidenceGathered {
                evidence: snapshot.id,
                source: snapshot.source.clone(),
                what: format!("{} bytes for \"did {id} help?\"", snapshot.text.as_untrusted().len()),
                window: snapshot.window,
            });
            let checked =
                Happening::RecoveryChecked { proposal: id.clone(), recovery, because: because.clone() };
            let offer = match recovery {
                Recovery::NotRecovered if incident.state == State::Open => {
                    self.taking_back(&incident, seen, receipt, &because, now)
                }
                Recovery::NotRecovered | Recovery::Recovered | Recovery::CantTell => None,
            };
            let happened = gathered.chain([checked]).chain(offer.map(Happening::Proposed));
            let drafts = happened
                .map(|what| Draft {
                    happened_at: now,
                    known_at: now,
                    recorded_at: now,
                    by: Actor::hearback(),
                    what,
                })
                .collect();
            match self.record.append(&of, Expect::Head(Some(head)), drafts).await {
                Ok(_) => break,
                Err(RecordError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.tell_target(seen, recovery, now).await?;
        Ok(true)
    }

    /// The proposal to take back what did not help.
    fn taking_back(
        &self,
        incident: &Incident,
        seen: &SeenProposal,
        receipt: &Receipt,
        because: &Claim,
        now: Timestamp,
    ) -> Option<Proposal> {
        let action: Action = match (&receipt.inverse, &seen.proposal.inverse) {
            (Some(action), _) => (**action).clone(),
            (None, Inverse::Action(action)) => (**action).clone(),
            (None, Inverse::KnownWhenDone { .. } | Inverse::Nothing) => return None,
        };
        if is_open_already(incident, &action, now) {
            return None;
        }
        let says = format!("{} did not help: {}", seen.proposal.id, because.says());
        Some(Proposal {
            id: incident.next_proposal(),
            services: seen.proposal.services.clone(),
            environment: seen.proposal.environment.clone(),
            why: Claim::new(says, because.citations().to_vec()).ok()?,
            because: seen.proposal.because.clone(),
            risks: Vec::new(),
            inverse: Inverse::Action(Box::new(seen.proposal.action.clone())),
            check: None,
            asked_by: Actor::hearback(),
            proposed_at: now,
            expires_at: now.checked_add(self.expires_after).unwrap_or(now),
            action,
        })
    }

    /// Says to the target how its action ended; said again, it changes nothing.
    async fn tell_target(
        &self,
        seen: &SeenProposal,
        recovery: Recovery,
        now: Timestamp,
    ) -> Result<(), RecordError> {
        let Some((at, _)) = &seen.outcome else { return Ok(()) };
        let how = match recovery {
            Recovery::Recovered => End::Helped,
            Recovery::NotRecovered => End::DidNotHelp,
            Recovery::CantTell => End::Done,
        };
        let (target, id) = (seen.proposal.action.target(), &seen.proposal.id);
        let known = self.targets.target(&target).await?;
        // What is not remembered any more is too old to count.
        if known.ended.iter().any(|ended| ended.proposal == *id && ended.how != how) {
            let ended = Ended { proposal: id.clone(), at: *at, how };
            let step = Step::End { ended, limits: self.limits };
            self.targets.step_target(&target, &step, now).await?.ok();
        }
        Ok(())
    }

    /// The series, from a little before the action until now. A source that fails is one that measured nothing.
    async fn read(
        &self,
        sign: &RecoverySign,
        done_at: Timestamp,
        now: Timestamp,
    ) -> Result<Read, NotCanonical> {
        let RecoverySign::Signal { service, signal, labels, .. } = sign else { return Ok(Read::default()) };
        let from = Window::before(done_at, BEFORE).from;
        let query = SeriesQuery {
            services: vec![service.clone()],
            window: Window { from, until: now },
            needed_from: done_at,
            budget: ASK_WITHIN,
        };
        let is_it = |series: &Series| {
            series.service == *service && series.kind == *signal && series.labels == *labels
        };
        for source in self.signals {
            match within(ASK_WITHIN, source.series(&query)).await {
                Ok(fetched) => {
                    let found: Vec<Series> = fetched.items.into_iter().filter(is_it).collect();
                    if let Some(series) = found.first() {
                        let points = series.points.clone();
                        let kept = snapshot(
                            source.name(),
                            Origin::System,
                            Holds::Series,
                            &found,
                            Some(Window { from, until: now }),
                        )?;
                        return Ok(Read { points, kept: vec![kept] });
                    }
                    warn(&fetched.coverage);
                }
                Err(error) => {
                    let why = ExternalText::new(error.to_string()).for_people(200);
                    tracing::warn!(source = %source.name(), why, "whether an action helped could not be read");
                }
            }
        }
        Ok(Read::default())
    }
}

fn warn(coverage: &Coverage) {
    if !coverage.missing.is_empty() {
        tracing::warn!(source = %coverage.source, "whether an action helped could be read in part only");
    }
}

fn not_kept(error: NotCanonical) -> RecordError {
    RecordError::Refused(error.to_string())
}
