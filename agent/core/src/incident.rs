//! The incident: the fold of its entries. It holds nothing that the entries do not say.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::action::{Outcome, Proposal, Recovery};
use crate::answer::{Answer, Claim, Verdict};
use crate::approval::{Decided, MadeDecision, Progress};
use crate::change::Change;
use crate::chat::BoundChannel;
use crate::entry::{Actor, Entry};
use crate::evidence::Known;
use crate::happening::{Addressee, Alert, Happening, Question, Role, Severity};
use crate::hash::Digest;
use crate::hypothesis::{self, SeenHypothesis, Settled};
use crate::ids::{ChangeId, EvidenceId, IncidentId, MessageId, ProposalId, ServiceName};
use crate::investigation::Investigated;
use crate::text::ExternalText;

/// An alert that began longer than this before its incident was declared is of another problem.
const ALERT_REACH: SignedDuration = SignedDuration::from_hours(2);

/// An alert of this incident.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenAlert {
    /// The entry that holds it.
    pub evidence: EvidenceId,
    /// The alert.
    pub alert: Alert,
    /// When it ended.
    pub resolved_at: Option<Timestamp>,
}

/// A change this incident's record holds.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenChange {
    /// The entry that holds it.
    pub evidence: EvidenceId,
    /// The change and when it was known.
    pub change: Known<Change>,
}

/// Something somebody said.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenMessage {
    /// The entry that holds it.
    pub evidence: EvidenceId,
    /// When it was said.
    pub at: Timestamp,
    /// Who said it.
    pub by: Actor,
    /// What was said.
    pub text: ExternalText,
    /// The channel's own id of it.
    pub message: Option<MessageId>,
    /// The first message of its thread, if it stands in one.
    pub thread: Option<MessageId>,
    /// To whom it was said.
    pub to: Addressee,
}

/// A proposal, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenProposal {
    /// The proposal, as it is stored.
    pub proposal: Proposal,
    /// What was decided about it, in order.
    pub decisions: Vec<MadeDecision>,
    /// The decisions that did not let it be done: the entry's number, the place in `decisions`, and why it did not.
    pub denied: Vec<(u64, usize, String)>,
    /// Whether somebody who may rejected it.
    pub rejected: bool,
    /// When its action was started.
    pub started_at: Option<Timestamp>,
    /// Who approved it then.
    pub approved_by: Vec<String>,
    /// The decision that broke the glass, if it was started by one.
    pub glass: Option<MadeDecision>,
    /// How its action ended, and when.
    pub outcome: Option<(Timestamp, Outcome)>,
    /// Whether it helped, as last looked at.
    pub recovery: Option<(Timestamp, Recovery, Claim)>,
}

impl SeenProposal {
    /// Whether its action was started and nobody said how it ended.
    pub fn is_under_way(&self) -> bool {
        self.started_at.is_some() && self.outcome.is_none()
    }
}

/// A question that was asked in this incident, and its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenQuestion {
    /// The number of the entry that holds it.
    pub seq: u64,
    /// The question.
    pub question: Question,
    /// The answer, with the number of its entry.
    pub answer: Option<(u64, Answer)>,
    /// What a model made of the answer.
    pub investigation: SeenInvestigation,
}

/// How far a model has come with an answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeenInvestigation {
    /// Since when there is an answer to look into.
    pub since: Option<Timestamp>,
    /// The snapshot that holds it as it stands; none if it has not begun.
    pub state: Option<EvidenceId>,
    /// What came of it, and the number of the entry that says so.
    pub found: Option<(u64, Investigated)>,
    /// The number of the last entry by which people said something to it that is in what came of it.
    pub taken_up: u64,
}

/// Somebody said that a suspect is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenDismissal {
    /// The number of the entry that says so.
    pub seq: u64,
    /// That entry as evidence.
    pub evidence: EvidenceId,
    /// Who says so.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// What the copilot said in the channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// The channel's own id of it.
    pub message: MessageId,
    /// The digest of what it says now.
    pub digest: Digest,
}

/// The kinds of entry that tell how far a proposal has come.
const OF_PROPOSALS: [&str; 4] = ["proposed", "decided", "action_started", "action_finished"];

/// Whether the incident is still going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is.
    Open,
    /// It ended.
    Resolved {
        /// When.
        at: Timestamp,
    },
}

/// An incident as its entries tell it.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// What it is called.
    pub title: ExternalText,
    /// How bad it is.
    pub severity: Option<Severity>,
    /// The services known to be affected, in the order they became known.
    pub services: Vec<ServiceName>,
    /// When users began to feel it, if the declarer said so.
    pub impact_since: Option<(Timestamp, EvidenceId)>,
    /// When it was declared.
    pub declared_at: Option<(Timestamp, EvidenceId)>,
    /// Who holds which role now.
    pub roles: BTreeMap<Role, ExternalText>,
    /// Alerts, in the order they became known.
    pub alerts: Vec<SeenAlert>,
    /// Changes, in the order they became known.
    pub changes: Vec<SeenChange>,
    /// Messages and notes, in the order they became known.
    pub messages: Vec<SeenMessage>,
    /// What was proposed, by id.
    pub proposals: BTreeMap<ProposalId, SeenProposal>,
    /// Why nothing was proposed, as last looked at, with the number of the entry that says so.
    pub not_proposed: Option<(u64, String)>,
    /// How many entries about proposals can't be read. If there is one, no proposal of this incident can be trusted to
    /// wait still.
    pub unreadable_proposals: u64,
    /// Its channel: the only place the copilot can speak of it.
    pub channel: Option<BoundChannel>,
    /// What the copilot said in its channel, by key.
    pub spoken: BTreeMap<String, Spoken>,
    /// The messages of its channel that are in the record.
    pub heard: BTreeSet<MessageId>,
    /// The suspects that somebody said are none, and who.
    pub dismissed: BTreeMap<ChangeId, SeenDismissal>,
    /// What may have caused it, by people and by a model, in the order of their entries.
    pub hypotheses: Vec<SeenHypothesis>,
    /// What was asked, in order.
    pub questions: Vec<SeenQuestion>,
    /// When the copilot first answered, and the entry that holds the answer.
    pub first_answer: Option<(Timestamp, EvidenceId)>,
    /// When the latest thing in it happened.
    pub last_at: Option<Timestamp>,
    /// Open or resolved.
    pub state: State,
    /// What ended it, by the word of who resolved it.
    pub ended_by: Option<ExternalText>,
    /// How many entries were folded.
    pub entries: u64,
    /// How many of them could not be read: redacted, or of a newer version.
    pub unreadable: u64,
}

impl Incident {
    /// An incident of which nothing is known yet.
    pub fn new(id: IncidentId) -> Self {
        Incident {
            id,
            title: ExternalText::default(),
            severity: None,
            services: Vec::new(),
            impact_since: None,
            declared_at: None,
            roles: BTreeMap::new(),
            alerts: Vec::new(),
            changes: Vec::new(),
            messages: Vec::new(),
            proposals: BTreeMap::new(),
            not_proposed: None,
            unreadable_proposals: 0,
            channel: None,
            spoken: BTreeMap::new(),
            heard: BTreeSet::new(),
            dismissed: BTreeMap::new(),
            hypotheses: Vec::new(),
            questions: Vec::new(),
            first_answer: None,
            last_at: None,
            state: State::Open,
            ended_by: None,
            entries: 0,
            unreadable: 0,
        }
    }

    /// Folds `entries` in order, leaving out what was not known by `as_of` (inclusive).
    pub fn as_of<'a>(
        id: IncidentId,
        entries: impl IntoIterator<Item = &'a Entry>,
        as_of: Timestamp,
    ) -> Incident {
        let mut incident = Incident::new(id);
        entries.into_iter().filter(|entry| entry.known_at <= as_of).for_each(|entry| incident.apply(entry));
        incident
    }

    /// Folds one more entry.
    pub fn apply(&mut self, entry: &Entry) {
        self.entries += 1;
        let Ok(what) = entry.happening() else {
            self.unreadable += 1;
            self.unreadable_proposals += u64::from(OF_PROPOSALS.contains(&entry.kind.as_str()));
            return;
        };
        let evidence = EvidenceId(entry.hash);
        self.last_at = self.last_at.max(Some(entry.happened_at));
        match what {
            Happening::Declared { title, severity, services, impact_since } => {
                self.title = title;
                self.severity = Some(severity);
                services.into_iter().for_each(|service| self.affect(service));
                self.impact_since = impact_since.map(|at| (at, evidence));
                self.declared_at = Some((entry.happened_at, evidence));
            }
            Happening::SeverityChanged { to, .. } => self.severity = Some(to),
            Happening::RoleAssigned { role, to } => {
                self.roles.insert(role, to);
            }
            Happening::Message { text, message, thread, to, .. } => {
                self.heard.extend(message.clone());
                let (at, by) = (entry.happened_at, entry.by.clone());
                self.messages.push(SeenMessage { evidence, at, by, text, message, thread, to });
            }
            Happening::AlertFired(alert) => self.fire(alert, evidence),
            Happening::AlertResolved { fingerprint } => {
                let open = self.alerts.iter_mut().rev().find(|seen| seen.alert.fingerprint == fingerprint);
                if let Some(seen) = open {
                    seen.resolved_at = Some(entry.happened_at);
                }
            }
            Happening::ChangeSeen(change) => {
                let change = Known { known_at: entry.known_at, value: change };
                self.changes.push(SeenChange { evidence, change });
            }
            Happening::Proposed(proposal) => self.propose(proposal),
            Happening::NotProposed { why } => self.not_proposed = Some((entry.seq, why)),
            Happening::Spoke { key, message, digest } => {
                self.spoken.insert(key, Spoken { message, digest });
            }
            Happening::Dismissed { change } => {
                let dismissal =
                    SeenDismissal { seq: entry.seq, evidence, by: entry.by.clone(), at: entry.happened_at };
                self.dismissed.entry(change).or_insert(dismissal);
            }
            Happening::Decided { decision, denied } => {
                if let Some(seen) = self.proposals.get_mut(&decision.proposal) {
                    let (by, at) = (entry.by.clone(), entry.happened_at);
                    seen.rejected |= decision.verdict == Decided::Reject && denied.is_none();
                    seen.denied.extend(denied.map(|why| (entry.seq, seen.decisions.len(), why)));
                    seen.decisions.push(MadeDecision { decision, by, at });
                }
            }
            Happening::ActionStarted { proposal, by, glass_broken, .. } => {
                if let Some(seen) = self.proposals.get_mut(&proposal)
                    && seen.started_at.is_none()
                {
                    seen.started_at = Some(entry.happened_at);
                    seen.approved_by = by;
                    // It is written as one unit with the decision that let it be done.
                    seen.glass = seen.decisions.last().filter(|_| glass_broken).cloned();
                }
            }
            Happening::ActionFinished { proposal, outcome } => {
                if let Some(seen) = self.proposals.get_mut(&proposal) {
                    seen.outcome.get_or_insert((entry.happened_at, outcome));
                }
            }
            Happening::RecoveryChecked { proposal, recovery, because } => {
                if let Some(seen) = self.proposals.get_mut(&proposal) {
                    seen.recovery = Some((entry.happened_at, recovery, because));
                }
            }
            Happening::ChannelBound { channel, .. } => {
                self.channel = Some(BoundChannel::new(self.id.clone(), channel));
            }
            Happening::Resolved { how } => {
                self.state = State::Resolved { at: entry.happened_at };
                self.ended_by = Some(how);
            }
            Happening::Asked(question) => {
                self.questions.push(SeenQuestion {
                    seq: entry.seq,
                    question,
                    answer: None,
                    investigation: SeenInvestigation::default(),
                });
            }
            // A question and its answer are written as one unit: nothing of another question stands between them.
            Happening::Answered(answer) => {
                self.first_answer.get_or_insert((entry.happened_at, evidence));
                if let Some(asked) = self.questions.last_mut() {
                    asked.answer = Some((entry.seq, answer));
                    asked.investigation.since = Some(entry.happened_at);
                }
            }
            Happening::Investigating { answer, state } => {
                if let Some(seen) = self.investigation_of(answer) {
                    seen.state = Some(state);
                }
            }
            Happening::Investigated { answer, found, taken_up } => {
                if let Some(seen) = self.investigation_of(answer)
                    // Of two copilots that looked into the same answer the first counts, unless the second heard more.
                    && (seen.found.is_none() || seen.taken_up < taken_up)
                {
                    let before = seen.found.replace((entry.seq, found.clone()));
                    seen.taken_up = taken_up;
                    hypothesis::found(&mut self.hypotheses, entry, &found, before.map(|(seq, _)| seq));
                }
            }
            Happening::HypothesisRaised { says, change } => {
                self.hypotheses.push(SeenHypothesis::raised(entry, says, change));
            }
            Happening::HypothesisSettled { hypothesis, verdict, why } => {
                let settled = Settled {
                    seq: entry.seq,
                    evidence,
                    verdict,
                    why,
                    by: entry.by.clone(),
                    at: entry.happened_at,
                };
                if let Some(seen) = self.hypotheses.iter_mut().find(|seen| seen.id == hypothesis) {
                    seen.settled = Some(settled);
                }
            }
            Happening::EvidenceGathered { .. } | Happening::Redacted { .. } => {}
        }
    }

    /// How far a model has come with the answer of this number.
    fn investigation_of(&mut self, answer: u64) -> Option<&mut SeenInvestigation> {
        let is_of = |asked: &&mut SeenQuestion| asked.answer.as_ref().is_some_and(|(seq, _)| *seq == answer);
        self.questions.iter_mut().find(is_of).map(|asked| &mut asked.investigation)
    }

    /// Its alerts that may be of this problem: not those that fired long before it was declared. A disk that fills for
    /// days tells nothing of when the checkout began to fail.
    pub fn alerts_of_it(&self) -> impl Iterator<Item = &SeenAlert> {
        let from = self.declared_at.and_then(|(at, _)| at.checked_sub(ALERT_REACH).ok());
        self.alerts.iter().filter(move |seen| from.is_none_or(|from| seen.alert.started_at >= from))
    }

    /// When it began, as far as people and its alerts say: the declared start of impact, else its first alert.
    pub fn began(&self) -> Option<Timestamp> {
        let declared = self.impact_since.map(|(at, _)| at);
        declared.or_else(|| self.alerts_of_it().map(|seen| seen.alert.started_at).min())
    }

    /// One problem is one alert: a repeated notification of an open one changes nothing.
    fn fire(&mut self, alert: Alert, evidence: EvidenceId) {
        let still_open =
            |seen: &SeenAlert| seen.alert.fingerprint == alert.fingerprint && seen.resolved_at.is_none();
        if !self.alerts.iter().any(still_open) {
            self.alerts.push(SeenAlert { evidence, alert, resolved_at: None });
        }
    }

    /// The first one with an id is the proposal; another with the same id is nothing.
    fn propose(&mut self, proposal: Proposal) {
        self.proposals.entry(proposal.id.clone()).or_insert(SeenProposal {
            proposal,
            decisions: Vec::new(),
            denied: Vec::new(),
            rejected: false,
            started_at: None,
            approved_by: Vec::new(),
            glass: None,
            outcome: None,
            recovery: None,
        });
    }

    /// What was said to the copilot and has no answer yet.
    pub fn unanswered(&self) -> impl Iterator<Item = &SeenMessage> {
        let is_asked =
            |id: &MessageId| self.questions.iter().any(|asked| asked.question.message.as_ref() == Some(id));
        let to_us = |seen: &&SeenMessage| seen.to == Addressee::Copilot;
        self.messages
            .iter()
            .filter(to_us)
            .filter(move |seen| seen.message.as_ref().is_some_and(|id| !is_asked(id)))
    }

    /// Whether it has an answer, and it was looked what can be undone if that names a strong suspect.
    pub fn is_weighed(&self) -> bool {
        let answer = self.questions.iter().rev().find_map(|asked| asked.answer.as_ref());
        let is_strong = |answer: &Answer| answer.verdict == Verdict::LookHere;
        match answer {
            None => self.first_answer.is_some(),
            Some((_, answer)) => {
                !is_strong(answer) || !self.proposals.is_empty() || self.not_proposed.is_some()
            }
        }
    }

    /// How far a proposal has come.
    pub fn progress(&self, proposal: &SeenProposal) -> Progress {
        match (proposal.started_at, self.unreadable_proposals) {
            (Some(_), _) => Progress::Started,
            (None, 0) => Progress::Waiting,
            (None, _) => Progress::Unknown,
        }
    }

    /// The id of the next proposal.
    pub fn next_proposal(&self) -> ProposalId {
        let known = self.proposals.len() as u64 + self.unreadable_proposals;
        let number = u32::try_from(known).unwrap_or(u32::MAX).saturating_add(1);
        ProposalId::numbered(&self.id, number)
    }

    fn affect(&mut self, service: ServiceName) {
        if !self.services.contains(&service) {
            self.services.push(service);
        }
    }
}
