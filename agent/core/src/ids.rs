//! Names of things. Each is a newtype that refuses what can't be a name, so that an id may be printed, put in
//! a path or compared without a second look.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::hash::Digest;

/// The text can't be this kind of name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not {what}")]
pub struct BadName {
    what: &'static str,
    text: String,
}

impl BadName {
    /// `text` is not `what`, as in "an incident id such as INC-17". Only a piece of the text is kept, for people.
    pub fn of(what: &'static str, text: &str) -> Self {
        let text = text.chars().filter(|c| !c.is_control()).take(80).collect();
        BadName { what, text }
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes `text` as a name.
            ///
            /// # Errors
            /// [`BadName`] if it can't be one.
            pub fn new(text: impl Into<String>) -> Result<Self, BadName> {
                let text = text.into();
                let valid: fn(&str) -> bool = $valid;
                if valid(&text) {
                    Ok(Self(text))
                } else {
                    Err(BadName::of($what, &text))
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

fn is_word(text: &str, longest: usize) -> bool {
    !text.is_empty()
        && text.len() <= longest
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && text.bytes().any(|b| b.is_ascii_alphanumeric())
}

/// Words joined by colons.
fn is_word_path(text: &str, longest: usize) -> bool {
    text.len() <= longest && text.split(':').count() > 1 && text.split(':').all(|part| is_word(part, longest))
}

name!(
    /// An incident: `INC-17`. Upper-case letters, digits and dashes, at most 40 characters.
    IncidentId,
    "an incident id such as INC-17",
    |t| {
        t.starts_with("INC-")
            && t.len() > 4
            && t.len() <= 40
            && t.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
    }
);
name!(
    /// A service of the catalog, or one that is not in it yet: letters, digits, `-`, `_`, `.`; at most 100 characters.
    ServiceName,
    "a service name (letters, digits, '-', '_', '.')",
    |t| is_word(t, 100)
);
name!(
    /// Where something was read: system, colon, instance, as in `git:checkout` or `record:INC-17`.
    SourceName,
    "a source name such as git:checkout",
    |t| !t.is_empty() && t.len() <= 200 && !t.contains(char::is_control)
);
name!(
    /// A change, unique across all sources: system, instance and the system's own id, as in
    /// `git:checkout:3f2a91c…` or `flag:launchdarkly:new-cart:42`.
    ChangeId,
    "a change id such as git:checkout:3f2a91c",
    |t| !t.is_empty() && t.len() <= 300 && !t.contains(char::is_control)
);

name!(
    /// A channel of a chat system: system, workspace, channel, as in `slack:T024BE7LD:C024BE91L`.
    ChannelId,
    "a channel such as slack:T024BE7LD:C024BE91L",
    |t| is_word_path(t, 200)
);
name!(
    /// Somebody in a chat system: system, workspace, user, as in `slack:T024BE7LD:U0G9QF9C6`.
    ChatUserId,
    "a chat user such as slack:T024BE7LD:U0G9QF9C6",
    |t| is_word_path(t, 200)
);
name!(
    /// A message, unique in its channel: `1355517523.000005`.
    MessageId,
    "a message id such as 1355517523.000005",
    |t| is_word(t, 100)
);
name!(
    /// What a model calls a tool, or the form of a reply: letters, digits, `-` and `_`; at most 64 characters.
    ToolName,
    "a tool's name (letters, digits, '-', '_'; at most 64)",
    |t| !t.is_empty() && t.len() <= 64 && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
);
name!(
    /// A call of a tool, unique in its conversation: `call_3`.
    CallId,
    "a call's id such as call_3",
    |t| !t.is_empty() && t.len() <= 200 && t.bytes().all(|b| b.is_ascii_graphic())
);

name!(
    /// A proposal, unique across all incidents: `INC-17.P2`.
    ProposalId,
    "a proposal such as INC-17.P2",
    |t| {
        t.split_once(".P").is_some_and(|(incident, number)| {
            IncidentId::new(incident).is_ok() && number.parse::<u32>().is_ok_and(|n| n.to_string() == number)
        })
    }
);

name!(
    /// A hypothesis of an incident, by the number of the entry that holds it: `H12` is a person's, `H12.2` the second of what
    /// a model found.
    HypothesisId,
    "a hypothesis such as H12 or H12.2",
    |t| {
        let is_number = |t: &str| t.parse::<u64>().is_ok_and(|n| n.to_string() == t);
        t.strip_prefix('H').is_some_and(|rest| match rest.split_once('.') {
            Some((seq, place)) => is_number(seq) && is_number(place) && place != "0",
            None => is_number(rest),
        })
    }
);

name!(
    /// What an action changes: system, instance, part, as in `git:checkout:main`.
    Target,
    "a target such as git:checkout:main",
    |t| !t.is_empty() && t.len() <= 400 && !t.contains(char::is_control)
);

impl Target {
    /// The target nearest to `text`: control characters become `_`, and what is too long is told by its digest.
    pub fn nearest(text: &str) -> Self {
        let plain: String = text.chars().map(|c| if c.is_control() { '_' } else { c }).collect();
        Self::new(plain).unwrap_or_else(|_| Target(format!("digest:{}", Digest::of(text.as_bytes()))))
    }
}

/// What stands before the ids of commands.
const COMMAND: &str = "command.";

impl MessageId {
    /// The id that stands for a command, which is no message and has no thread.
    pub fn of_command(delivery: &str) -> Self {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let name: String = delivery.chars().take(90).map(|c| if fits(c) { c } else { '_' }).collect();
        MessageId(format!("{COMMAND}{name}"))
    }

    /// Whether it is one that stands for a command.
    pub fn is_of_command(&self) -> bool {
        self.0.starts_with(COMMAND)
    }
}

impl ProposalId {
    /// The proposal with this number, from 1, of an incident.
    pub fn numbered(incident: &IncidentId, number: u32) -> Self {
        ProposalId(format!("{incident}.P{number}"))
    }

    /// The incident it belongs to.
    pub fn incident(&self) -> Option<IncidentId> {
        IncidentId::new(self.0.split_once(".P")?.0).ok()
    }
}

impl HypothesisId {
    /// A person's, raised by the entry of this number.
    pub fn raised(seq: u64) -> Self {
        HypothesisId(format!("H{seq}"))
    }

    /// The one at this place, from 1, of what a model found by the entry of this number.
    pub fn found(seq: u64, place: usize) -> Self {
        HypothesisId(format!("H{seq}.{place}"))
    }
}

impl IncidentId {
    /// The id `INC-{number}`.
    pub fn numbered(number: u64) -> Self {
        IncidentId(format!("INC-{number}"))
    }

    /// The number of an id made by [`IncidentId::numbered`].
    pub fn number(&self) -> Option<u64> {
        self.0.strip_prefix("INC-")?.parse().ok()
    }
}

impl ServiceName {
    /// The name nearest to `text`: what can't stand in a name becomes `_`, and what is too long is cut. `None` if
    /// nothing is left. For systems that let services call themselves anything.
    pub fn nearest(text: &str) -> Option<Self> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let name: String = text.trim().chars().take(100).map(|c| if fits(c) { c } else { '_' }).collect();
        Self::new(name).ok()
    }
}

impl ToolName {
    /// The tool with which a model reports what it found.
    pub fn report() -> Self {
        ToolName("report".into())
    }

    /// The name nearest to what a model wrote: what can't stand in a name becomes `_`, and what is too long is cut. `None`
    /// if nothing is left.
    pub fn nearest(text: &str) -> Option<Self> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let name: String = text.trim().chars().take(64).map(|c| if fits(c) { c } else { '_' }).collect();
        Self::new(name).ok()
    }
}

impl CallId {
    /// The id `call_{number}`, for servers that give none.
    pub fn numbered(number: usize) -> Self {
        CallId(format!("call_{number}"))
    }
}

impl ChangeId {
    /// The id of a commit in the repository called `repository`; `sha` in full.
    pub fn commit(repository: &str, sha: &str) -> Result<Self, BadName> {
        ChangeId::new(format!("git:{repository}:{sha}"))
    }

    /// The commit's full sha, if this is a commit.
    pub fn sha(&self) -> Option<&str> {
        self.0.strip_prefix("git:")?.rsplit_once(':').map(|(_, sha)| sha)
    }
}

/// Evidence, named by the digest of its content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EvidenceId(pub Digest);

impl fmt::Display for EvidenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for EvidenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EvidenceId({})", self.0.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_hurt_are_refused() {
        for bad in ["", "INC-", "inc-1", "INC-1/../..", "INC-1\n", "INC-é"] {
            assert!(IncidentId::new(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "a b", "..", "-", "a/b", "x\u{1b}[31m"] {
            assert!(ServiceName::new(bad).is_err(), "{bad:?}");
        }
        assert_eq!(ServiceName::nearest(" pay roll/é ").map(String::from).as_deref(), Some("pay_roll__"));
        assert_eq!(ServiceName::nearest("///"), None);
        assert_eq!(
            ServiceName::new("pay\u{7}roll!").unwrap_err().to_string(),
            "\"payroll!\" is not a service name (letters, digits, '-', '_', '.')"
        );
    }

    #[test]
    fn what_a_model_calls_a_tool_becomes_a_name() {
        let nearest = |text: &str| ToolName::nearest(text).map(String::from);
        assert_eq!(nearest(" logs.search "), Some("logs_search".into()));
        assert_eq!(nearest(&"x".repeat(99)), Some("x".repeat(64)));
        assert_eq!(nearest(" \n"), None);
        for bad in ["", "a b", "a.b", "é", &"x".repeat(65)] {
            assert!(ToolName::new(bad).is_err(), "{bad:?}");
        }
        assert!(CallId::new("call 1").is_err() && CallId::new(CallId::numbered(1).as_str()).is_ok());
    }

    #[test]
    fn a_commit_id_gives_its_sha_back() {
        let id = ChangeId::commit("team:checkout", "3f2a91c").unwrap();
        assert_eq!(id.sha(), Some("3f2a91c"));
        assert_eq!(ChangeId::new("flag:ld:cart").unwrap().sha(), None);
    }

    #[test]
    fn a_proposal_knows_its_incident() {
        let incident = IncidentId::numbered(17);
        let id = ProposalId::numbered(&incident, 2);
        assert_eq!((id.as_str(), id.incident()), ("INC-17.P2", Some(incident)));
        for bad in ["", "INC-17", "INC-17.P", "INC-17.P02", "INC-17.P-1", "inc-17.P1", "INC-17.P1.P2"] {
            assert!(ProposalId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_hypothesis_is_named_by_its_entry() {
        assert_eq!(
            (HypothesisId::raised(12).as_str(), HypothesisId::found(12, 2).as_str()),
            ("H12", "H12.2")
        );
        for good in ["H0", "H12", "H12.2"] {
            assert!(HypothesisId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "H", "H01", "H1.0", "H1.02", "H1.", "H.1", "H1.2.3", "h1", "H-1", "H1 "] {
            assert!(HypothesisId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_channel_names_its_system() {
        assert!(ChannelId::new("slack:T024BE7LD:C024BE91L").is_ok());
        for bad in ["", "C024BE91L", "slack:", "slack::C1", "slack:T1:<!channel>", "slack:T1:C1\n"] {
            assert!(ChannelId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn numbers_of_incidents() {
        assert_eq!(IncidentId::numbered(17).number(), Some(17));
        assert_eq!(IncidentId::new("INC-2026-CHECKOUT").unwrap().number(), None);
    }
}
