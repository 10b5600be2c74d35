//! A proposal as people and programs see it: what it would do, why, what speaks for caution, and how far it has come. The
//! same words everywhere. It must not decide anything, and everything from outside passes through `for_people`.

use std::fmt::Write as _;

use hearback_core::action::{Action, Inverse, Outcome, Proposal, Recovery, RecoveryCheck, RecoverySign};
use hearback_core::approval::{Decided, MadeDecision};
use hearback_core::incident::SeenProposal;
use hearback_core::time::{format_length, format_time};
use hearback_core::{Claim, Digest, ExternalText, ProposalId, SignalKind};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysts::signature::short;

/// As wide as a line of a difference can be.
const DIFF_WIDTH: usize = 1_000;

/// How far a proposal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It waits for approval.
    Waiting,
    /// Nobody approved it in time.
    Expired,
    /// Somebody rejected it.
    Rejected,
    /// Its action was started.
    UnderWay,
    /// It was done.
    Done,
    /// Nothing was done.
    NotDone,
    /// Nobody knows whether it was done.
    Unknown,
}

/// A decision about a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionView {
    /// Who made it.
    pub by: String,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What they decided.
    #[schemars(with = "String")]
    pub verdict: Decided,
    /// Why, if they said so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Why it did not let the action be done, if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denied: Option<String>,
}

impl DecisionView {
    /// Why it did not let the action be done, with who made it; none if it did, or counted otherwise.
    pub fn denied_says(&self) -> Option<String> {
        let why = self.denied.as_deref()?;
        Some(if why.starts_with(&self.by) { why.to_owned() } else { format!("{}: {why}", self.by) })
    }

    /// In one line.
    pub fn says(&self) -> String {
        let why = if self.why.is_empty() { String::new() } else { format!(": {}", self.why) };
        let but = match self.verdict {
            Decided::Reject => ", which does not count",
            Decided::Approve | Decided::BreakGlass => ", not done",
        };
        let denied = self.denied.as_ref().map_or(String::new(), |denied| format!("{but}: {denied}"));
        format!("{} {} {}{why}{denied}", format_time(self.at), self.by, verdict(self.verdict))
    }
}

/// A proposal, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProposalView {
    /// Its id.
    #[schemars(with = "String")]
    pub id: ProposalId,
    /// What an approval must name.
    #[schemars(with = "String")]
    pub digest: Digest,
    /// How far it has come.
    pub stage: Stage,
    /// What it would do, in one line.
    pub says: String,
    /// The proposal itself.
    #[schemars(with = "serde_json::Value")]
    pub proposal: Proposal,
    /// What was decided about it, in order.
    pub decisions: Vec<DecisionView>,
    /// When its action was started.
    #[schemars(with = "Option<String>")]
    pub started_at: Option<Timestamp>,
    /// Who approved it then.
    pub approved_by: Vec<String>,
    /// How its action ended.
    #[schemars(with = "Option<serde_json::Value>")]
    pub outcome: Option<Outcome>,
    /// When it ended.
    #[schemars(with = "Option<String>")]
    pub ended_at: Option<Timestamp>,
    /// Whether it helped.
    #[schemars(with = "Option<String>")]
    pub recovery: Option<Recovery>,
    /// How that is known.
    pub recovery_because: Option<Claim>,
}

impl ProposalView {
    /// How a proposal stands at `now`. None never happens: its digest can always be made.
    pub fn of(seen: &SeenProposal, now: Timestamp) -> Option<Self> {
        let proposal = &seen.proposal;
        let denied = |place: usize| {
            let (_, _, why) = seen.denied.iter().find(|(_, denied, _)| *denied == place)?;
            Some(ExternalText::new(why.as_str()).for_people(300))
        };
        let decision = |(place, made): (usize, &MadeDecision)| DecisionView {
            by: made.by.for_people(),
            at: made.at,
            verdict: made.decision.verdict,
            why: made.decision.why.for_people(200),
            denied: denied(place),
        };
        Some(ProposalView {
            id: proposal.id.clone(),
            digest: proposal.digest().ok()?,
            stage: stage(seen, now),
            says: proposal.action.says(),
            proposal: proposal.clone(),
            decisions: seen.decisions.iter().enumerate().map(decision).collect(),
            started_at: seen.started_at,
            approved_by: seen.approved_by.clone(),
            outcome: seen.outcome.as_ref().map(|(_, outcome)| outcome.clone()),
            ended_at: seen.outcome.as_ref().map(|(at, _)| *at),
            recovery: seen.recovery.as_ref().map(|(_, recovery, _)| *recovery),
            recovery_because: seen.recovery.as_ref().map(|(_, _, because)| because.clone()),
        })
    }

    /// In one line: id, what it would do, state.
    pub fn line(&self) -> String {
        format!("{:<10} {}; {}", self.id, self.says, self.state())
    }

    /// How far it has come, in words.
    pub fn state(&self) -> String {
        let word = |text: &str| ExternalText::new(text).for_people(300);
        match (self.stage, &self.outcome) {
            (Stage::Waiting, _) => {
                format!("waits for approval until {}", format_time(self.proposal.expires_at))
            }
            (Stage::Expired, _) => format!("expired at {}", format_time(self.proposal.expires_at)),
            (Stage::Rejected, _) => {
                let is_it = |made: &&DecisionView| made.verdict == Decided::Reject && made.denied.is_none();
                let rejected = self.decisions.iter().find(is_it);
                match rejected {
                    Some(made) if made.why.is_empty() => format!("rejected by {}", made.by),
                    Some(made) => format!("rejected by {}: {}", made.by, made.why),
                    None => "rejected".to_owned(),
                }
            }
            (Stage::UnderWay, _) | (_, None) => {
                format!("under way, approved by {}", word(&self.approved_by.join(", ")))
            }
            (_, Some(outcome)) => {
                let ended = ended(outcome);
                match self.helped() {
                    Some(helped) => format!("{} {helped}", sentence(&ended)),
                    None => ended,
                }
            }
        }
    }

    /// Whether it helped, in one sentence; none as long as that is not told.
    pub fn helped(&self) -> Option<String> {
        let because = self.recovery_because.as_ref().map_or("", Claim::says);
        Some(match self.recovery? {
            Recovery::Recovered => format!("{} helped: {because}", self.id),
            Recovery::NotRecovered => format!("{} did not help: {because}", self.id),
            Recovery::CantTell => format!("Can't tell whether {} helped: {because}", self.id),
        })
    }

    /// The difference that it would make, line by line; empty where none is known.
    pub fn diff(&self) -> Vec<ExternalText> {
        match &self.proposal.action {
            Action::PushPatch(patch) => patch.diff.lines().map(ExternalText::from).collect(),
            _ => Vec::new(),
        }
    }

    /// In full.
    pub fn text(&self) -> String {
        let mut text = format!("{}: {}\n", self.id, self.says);
        let mut line = |name: &str, says: &str| {
            let _ = writeln!(text, "  {name:<9} {says}");
        };
        line("Why", self.proposal.why.says());
        for risk in &self.proposal.risks {
            line("Risk", &ExternalText::new(risk.says.as_str()).for_people(300));
        }
        if self.proposal.risks.is_empty() {
            line("Risk", "none was found");
        }
        line("Way back", &way_back(&self.proposal.inverse));
        line("Check", &check(self.proposal.check.as_ref()));
        let services: Vec<&str> = self.proposal.services.iter().map(|service| service.as_str()).collect();
        let services = if services.is_empty() { "not known".to_owned() } else { services.join(", ") };
        let place = self.proposal.environment.as_deref().map(|name| ExternalText::new(name).for_people(60));
        let place = place.map_or(String::new(), |name| format!(" in {name}"));
        line("Services", &format!("{services}{place}"));
        for one in self.diff() {
            line("", &one.exact(DIFF_WIDTH));
        }
        for made in &self.decisions {
            line("Decided", &made.says());
        }
        line("State", &self.state());
        line("Digest", &self.digest.to_string());
        if self.stage == Stage::Waiting {
            let _ =
                writeln!(text, "  Approve   hearback approve {} --digest {}", self.id, self.digest.short());
            let _ = writeln!(
                text,
                "  Reject    hearback reject {} --digest {} --why \"…\"",
                self.id,
                self.digest.short()
            );
        }
        text
    }
}

fn stage(seen: &SeenProposal, now: Timestamp) -> Stage {
    match (&seen.outcome, seen.started_at) {
        (Some((_, Outcome::Done(_))), _) => Stage::Done,
        (Some((_, Outcome::Unknown { .. })), _) => Stage::Unknown,
        (Some((_, Outcome::NotAsExpected { .. } | Outcome::Failed { .. })), _) => Stage::NotDone,
        (None, Some(_)) => Stage::UnderWay,
        (None, None) if seen.rejected => Stage::Rejected,
        (None, None) if now >= seen.proposal.expires_at => Stage::Expired,
        (None, None) => Stage::Waiting,
    }
}

/// How an action ended, in one line.
pub fn ended(outcome: &Outcome) -> String {
    let (word, says) = match outcome {
        Outcome::Done(receipt) => ("done", &receipt.says),
        Outcome::NotAsExpected { why } => ("not done, the target is not as expected", why),
        Outcome::Failed { why } => ("failed", why),
        Outcome::Unknown { why } => ("OUTCOME UNKNOWN, a person must look", why),
    };
    format!("{word}: {}", ExternalText::new(says.as_str()).for_people(300))
}

/// How it is taken back, in words.
pub fn way_back(inverse: &Inverse) -> String {
    match inverse {
        Inverse::Action(action) => action.says(),
        Inverse::KnownWhenDone { says } => ExternalText::new(says.as_str()).for_people(200),
        Inverse::Nothing => "none, it can't be taken back".to_owned(),
    }
}

/// How it is told whether it helped, in words.
pub fn check(check: Option<&RecoveryCheck>) -> String {
    let Some(check) = check else {
        return "none; look yourself whether it helped".into();
    };
    let within = format_length(check.within);
    match &check.sign {
        RecoverySign::Signal { service, signal, usual, now, .. } => {
            // The unit of a latency is known, those of the others are their queries'.
            let unit = if *signal == SignalKind::Latency { " s" } else { "" };
            let (usual, now) = (short(*usual), short(*now));
            format!("{service} {signal} back near {usual}{unit} within {within}; {now}{unit} since the onset")
        }
        RecoverySign::Alert { name, .. } => format!("alert {} over within {within}", name.for_people(60)),
    }
}

/// With one full stop at its end, unless it ends with a sign of its own.
pub fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '!', '?', '…']) { text.to_owned() } else { format!("{text}.") }
}

/// What was decided, in one word.
pub fn verdict(verdict: Decided) -> &'static str {
    match verdict {
        Decided::Approve => "approved",
        Decided::BreakGlass => "broke the glass",
        Decided::Reject => "rejected",
    }
}
