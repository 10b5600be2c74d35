//! What can happen in an incident: the body of an [`crate::Entry`]. A new kind of happening is a new variant here
//! and a line in [`crate::Incident`]'s fold; an old program reads a newer record by skipping kinds it does not know.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::{IdempotencyKey, Outcome, Proposal, Recovery};
use crate::answer::{Answer, Claim};
use crate::approval::Decision;
use crate::change::Change;
use crate::hash::Digest;
use crate::hypothesis::Verdict as Settled;
use crate::ids::{
    ChangeId, ChannelId, EvidenceId, HypothesisId, MessageId, ProposalId, ServiceName, SourceName,
};
use crate::investigation::Investigated;
use crate::text::ExternalText;
use crate::time::Window;

/// Severity by impact on users, 1 the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    /// Critical: most users can't use the product.
    #[serde(rename = "SEV-1")]
    Sev1,
    /// Major: a main function fails for many.
    #[serde(rename = "SEV-2")]
    Sev2,
    /// Moderate: a function is degraded or fails for some.
    #[serde(rename = "SEV-3")]
    Sev3,
    /// Minor: little impact, a workaround exists.
    #[serde(rename = "SEV-4")]
    Sev4,
    /// No impact on users yet.
    #[serde(rename = "SEV-5")]
    Sev5,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Sev1 => "SEV-1",
            Severity::Sev2 => "SEV-2",
            Severity::Sev3 => "SEV-3",
            Severity::Sev4 => "SEV-4",
            Severity::Sev5 => "SEV-5",
        })
    }
}

/// The text names no severity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a severity; use SEV-1 (worst) to SEV-5")]
pub struct BadSeverity(String);

impl FromStr for Severity {
    type Err = BadSeverity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.trim().to_ascii_lowercase();
        match digits.trim_start_matches("sev").trim_start_matches('-') {
            "1" => Ok(Severity::Sev1),
            "2" => Ok(Severity::Sev2),
            "3" => Ok(Severity::Sev3),
            "4" => Ok(Severity::Sev4),
            "5" => Ok(Severity::Sev5),
            _ => Err(BadSeverity(text.chars().filter(|c| !c.is_control()).take(40).collect())),
        }
    }
}

/// A role in the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Decides; there is exactly one.
    IncidentCommander,
    /// Speaks to everybody outside the response.
    CommunicationsLead,
    /// Keeps the timeline.
    Scribe,
    /// Works on the problem.
    Responder,
    /// Knows the system.
    SubjectMatterExpert,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Role::IncidentCommander => "incident commander",
            Role::CommunicationsLead => "communications lead",
            Role::Scribe => "scribe",
            Role::Responder => "responder",
            Role::SubjectMatterExpert => "subject-matter expert",
        })
    }
}

/// An alert as the alerting system sent it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The same for every notification of one problem.
    pub fingerprint: String,
    /// The alert's name.
    pub name: ExternalText,
    /// The service it is about, where its labels say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// One line for people.
    pub summary: ExternalText,
    /// When the condition began, by the alerting system's word.
    pub started_at: Timestamp,
    /// Where a person can see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What to do about it, where the alert's annotations or the catalog say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// How bad the alerting system says it is: `critical`, `page`, `warning`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
}

/// What somebody asked the copilot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The words.
    pub text: ExternalText,
    /// What is seen to fail, if the asker said so.
    #[serde(default)]
    pub symptom: ExternalText,
    /// The services the asker named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceName>,
    /// The window of changes to look at.
    pub window: Window,
    /// When it began, by the asker's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onset: Option<Timestamp>,
    /// The message of the channel that it was asked with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// The first message of the thread that the answer goes into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<MessageId>,
}

/// To whom something was said in the channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Addressee {
    /// To everybody who reads it.
    #[default]
    Everybody,
    /// To the copilot, which answers.
    Copilot,
}

impl Addressee {
    fn is_everybody(&self) -> bool {
        *self == Addressee::Everybody
    }
}

/// What happened. Written as `{"kind": …, "body": …}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "bodies live one at a time; boxing would burden every reader")]
pub enum Happening {
    /// The incident was declared.
    Declared {
        /// What it is called.
        title: ExternalText,
        /// How bad it is.
        severity: Severity,
        /// The services known to be affected.
        services: Vec<ServiceName>,
        /// When users began to feel it, if the declarer knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        impact_since: Option<Timestamp>,
    },
    /// The severity was set anew.
    SeverityChanged {
        /// The new severity.
        to: Severity,
        /// Why.
        why: ExternalText,
    },
    /// Somebody took or was given a role.
    RoleAssigned {
        /// The role.
        role: Role,
        /// The person.
        to: ExternalText,
    },
    /// Somebody wrote something, in the channel or as a note.
    Message {
        /// Where: `cli`, or the channel's name.
        channel: String,
        /// The words.
        text: ExternalText,
        /// The channel's own id of it; a message with the same id is the same message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<MessageId>,
        /// The first message of the thread it stands in, if it stands in one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        thread: Option<MessageId>,
        /// To whom it was said.
        #[serde(default, skip_serializing_if = "Addressee::is_everybody")]
        to: Addressee,
    },
    /// The copilot said something in the channel, or put other words in the place of what it had said.
    Spoke {
        /// Which of its messages; said again with the same key it is the same message.
        key: String,
        /// The channel's own id of it.
        message: MessageId,
        /// The digest of what it says now.
        digest: Digest,
    },
    /// Somebody said that a suspect is none.
    Dismissed {
        /// The change.
        change: ChangeId,
    },
    /// An alert began.
    AlertFired(Alert),
    /// An alert ended.
    AlertResolved {
        /// Which.
        fingerprint: String,
    },
    /// A change became known.
    ChangeSeen(Change),
    /// Something was read from outside and kept as a snapshot.
    EvidenceGathered {
        /// The snapshot's content hash.
        evidence: EvidenceId,
        /// Where it was read.
        source: SourceName,
        /// What it is, in plain words.
        what: String,
        /// The time it covers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        window: Option<Window>,
    },
    /// Somebody asked the copilot.
    Asked(Question),
    /// The copilot answered.
    Answered(Answer),
    /// A model is looking further into an answer. The last of these says how far it has come, so that another process can go
    /// on with it.
    Investigating {
        /// The number of the answer's entry.
        answer: u64,
        /// The snapshot that holds the investigation as it stands.
        state: EvidenceId,
    },
    /// A model looked further into an answer, and this stands in what it found.
    Investigated {
        /// The number of the answer's entry.
        answer: u64,
        /// What came of it.
        found: Investigated,
        /// The number of the last entry by which people said something to it that it took up; 0 if there was none.
        #[serde(default, skip_serializing_if = "is_zero")]
        taken_up: u64,
    },
    /// Somebody said what may have caused it.
    HypothesisRaised {
        /// In words.
        says: ExternalText,
        /// The change they suspect, if they suspect one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        change: Option<ChangeId>,
    },
    /// Somebody said whether a hypothesis is right. Who says so later is right.
    HypothesisSettled {
        /// Which.
        hypothesis: HypothesisId,
        /// Whether it is.
        verdict: Settled,
        /// Why, in words; may be empty.
        #[serde(default, skip_serializing_if = "ExternalText::is_blank")]
        why: ExternalText,
    },
    /// The incident has a channel: what is said there belongs to it, and what the copilot says is said there.
    ChannelBound {
        /// The channel.
        channel: ChannelId,
        /// What people call it.
        name: ExternalText,
    },
    /// An action was proposed.
    Proposed(Proposal),
    /// It was looked whether the first suspect could be undone, and nothing was proposed.
    NotProposed {
        /// Why, in one sentence.
        why: String,
    },
    /// Somebody decided about a proposal.
    Decided {
        /// What they decided.
        decision: Decision,
        /// Why it did not let the action be done, if it did not: too few yet, the wrong person, a freeze.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        denied: Option<String>,
    },
    /// An action was started: from here on it is done once, or nobody knows.
    ActionStarted {
        /// The proposal.
        proposal: ProposalId,
        /// The same for every attempt; the target knows it.
        key: IdempotencyKey,
        /// Who approved.
        by: Vec<String>,
        /// Whether the glass was broken for it.
        glass_broken: bool,
    },
    /// An action ended.
    ActionFinished {
        /// The proposal.
        proposal: ProposalId,
        /// How.
        outcome: Outcome,
    },
    /// It was looked whether an action helped.
    RecoveryChecked {
        /// The proposal.
        proposal: ProposalId,
        /// Whether it did.
        recovery: Recovery,
        /// How that is known.
        because: Claim,
    },
    /// An entry's body was removed from the record.
    Redacted {
        /// The sequence number of the redacted entry.
        seq: u64,
        /// Why.
        why: ExternalText,
    },
    /// The incident is over.
    Resolved {
        /// What ended it.
        how: ExternalText,
    },
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Happening {
    /// Something that somebody wrote to everybody, not in a chat system's channel.
    pub fn note(channel: impl Into<String>, text: impl Into<ExternalText>) -> Self {
        let (channel, text) = (channel.into(), text.into());
        Happening::Message { channel, text, message: None, thread: None, to: Addressee::Everybody }
    }

    /// The name of the kind, and the body's JSON.
    pub(crate) fn to_kind_and_body(&self) -> Result<(String, Value), serde_json::Error> {
        let mut what = serde_json::to_value(self)?;
        let body = what.get_mut("body").map(Value::take).unwrap_or_default();
        let kind = match what.get_mut("kind").map(Value::take) {
            Some(Value::String(kind)) => kind,
            _ => String::new(),
        };
        Ok((kind, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_people_type() {
        for text in ["SEV-1", "sev1", "Sev-1", "1", " SEV1 "] {
            assert_eq!(text.parse(), Ok(Severity::Sev1), "{text}");
        }
        for text in ["", "SEV-0", "SEV-6", "P1", "critical"] {
            assert!(text.parse::<Severity>().is_err(), "{text}");
        }
        assert!(Severity::Sev1 < Severity::Sev2, "the worst sorts first");
    }

    #[test]
    fn the_form_on_disk_is_kind_and_body() {
        let json = serde_json::to_value(Happening::note("cli", "hi")).unwrap();
        assert_eq!(json, serde_json::json!({"kind": "message", "body": {"channel": "cli", "text": "hi"}}));
    }
}
