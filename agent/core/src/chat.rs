//! The incident channel: what is heard and said there. A message can go to the channel of an incident and nowhere else:
//! [`BoundChannel`] is made by the fold of an incident's entries alone. It must not know how a chat system draws a
//! message or sends it.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::hash::Digest;
use crate::ids::{ChangeId, ChannelId, ChatUserId, IncidentId, MessageId, ProposalId};
use crate::text::ExternalText;

/// The channel that an incident is bound to. There is no other address for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundChannel {
    incident: IncidentId,
    channel: ChannelId,
}

impl BoundChannel {
    /// Binds; for the fold of an incident.
    pub(crate) fn new(incident: IncidentId, channel: ChannelId) -> Self {
        BoundChannel { incident, channel }
    }

    /// The incident.
    pub fn incident(&self) -> &IncidentId {
        &self.incident
    }

    /// The channel.
    pub fn channel(&self) -> &ChannelId {
        &self.channel
    }
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// Words of ours.
    Plain(String),
    /// Words of ours that carry the line.
    Strong(String),
    /// Words of somebody outside: shown as they are, never as markup, a mention or a link.
    Quoted(ExternalText),
    /// One line of somebody outside with all its spaces: of a difference, or of code. Shown as it is.
    Exact(ExternalText),
    /// Words of ours that lead somewhere.
    Link {
        /// The words.
        says: String,
        /// Where to: http or https.
        to: String,
    },
}

/// What a button does. It carries ids and a digest, and nothing that could be acted on by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "press")]
pub enum Press {
    /// Approves exactly this proposal.
    Approve {
        /// The proposal.
        proposal: ProposalId,
        /// Its digest, as it was shown.
        digest: Digest,
    },
    /// Rejects it.
    Reject {
        /// The proposal.
        proposal: ProposalId,
        /// Its digest, as it was shown.
        digest: Digest,
    },
    /// Shows the evidence of an answer.
    Why {
        /// The incident.
        incident: IncidentId,
        /// The sequence number of the answer's entry.
        answer: u64,
    },
    /// Says that a suspect is none.
    NotIt {
        /// The incident.
        incident: IncidentId,
        /// The change.
        change: ChangeId,
    },
}

impl Press {
    /// The button's words.
    pub fn says(&self) -> &'static str {
        match self {
            Press::Approve { .. } => "Approve",
            Press::Reject { .. } => "Reject",
            Press::Why { .. } => "Why?",
            Press::NotIt { .. } => "Not it",
        }
    }
}

/// A message to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// The same for every attempt to say the same: a second post with it is the same message.
    pub key: String,
    /// The message it answers, if it belongs in a thread.
    pub thread: Option<MessageId>,
    /// The lines, the verdict first.
    pub lines: Vec<Vec<Span>>,
    /// The buttons under it.
    pub buttons: Vec<Press>,
}

/// Somebody who spoke to the copilot, where they did: the only address outside the channel of an incident, and it reaches
/// nobody who was not there. [`Heard::from`] alone makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardFrom {
    channel: ChannelId,
    user: ChatUserId,
    message: Option<MessageId>,
}

impl HeardFrom {
    /// Where they spoke.
    pub fn channel(&self) -> &ChannelId {
        &self.channel
    }

    /// Who they are.
    pub fn user(&self) -> &ChatUserId {
        &self.user
    }

    /// The message they spoke with; a command and a press have none. With it they are answered in its thread, where
    /// others can read it; without it they alone are.
    pub fn message(&self) -> Option<&MessageId> {
        self.message.as_ref()
    }
}

/// An answer to somebody who spoke to the copilot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The same for every attempt to say the same.
    pub key: String,
    /// The lines, the verdict first.
    pub lines: Vec<Vec<Span>>,
}

/// A message could not be brought to the channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// The system asks for a pause. Nothing was posted.
    #[error("the chat system asks to wait {:.0} s", .0.as_secs_f64())]
    Busy(SignedDuration),
    /// The system is away or did not answer in time before anything was sent. Nothing was posted.
    #[error("the chat system is away: {0}")]
    Away(String),
    /// The request was sent and its answer never came: it may stand in the channel. [`ChatPort::find`] tells.
    #[error("the chat system did not say whether it took the message: {0}")]
    Unclear(String),
    /// It never will be taken as it is: a channel that is gone, a token that was revoked, a message too long.
    #[error("the chat system refused: {0}")]
    Refused(String),
}

/// A chat system, as something to speak to.
#[async_trait]
pub trait ChatPort: Send + Sync {
    /// Posts a message. Says which one it is.
    async fn post(
        &self,
        to: &BoundChannel,
        message: &ChatMessage,
        budget: SignedDuration,
    ) -> Result<MessageId, ChatError>;

    /// Puts another text in the place of one that was posted.
    async fn update(
        &self,
        at: &BoundChannel,
        posted: &MessageId,
        message: &ChatMessage,
        budget: SignedDuration,
    ) -> Result<(), ChatError>;

    /// The message with this key, if it stands in the channel since `since`.
    async fn find(
        &self,
        to: &BoundChannel,
        message: &ChatMessage,
        since: Timestamp,
        budget: SignedDuration,
    ) -> Result<Option<MessageId>, ChatError>;

    /// Answers somebody who spoke to the copilot.
    async fn reply(&self, to: &HeardFrom, reply: &Reply, budget: SignedDuration) -> Result<(), ChatError>;
}

/// Something that was heard from a chat system, its sender verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// The system's own id of the delivery; a repeated one has the same.
    pub delivery: String,
    /// Who did it.
    pub by: ChatUserId,
    /// What they are called there; for people, never for a decision.
    pub name: ExternalText,
    /// Where.
    pub channel: ChannelId,
    /// When, by the system's clock.
    pub at: Timestamp,
    /// What.
    pub what: HeardWhat,
}

/// What was heard.
#[derive(Debug, Clone, PartialEq)]
pub enum HeardWhat {
    /// Somebody wrote something.
    Said {
        /// The message.
        message: MessageId,
        /// The thread it stands in.
        thread: Option<MessageId>,
        /// The words, mentions of the copilot left out.
        text: ExternalText,
        /// Whether the copilot was addressed.
        to_us: bool,
    },
    /// Somebody gave a command: `/whatchanged checkout`, `/incident declare …`.
    Command {
        /// Its name without the slash.
        name: String,
        /// What followed it.
        text: ExternalText,
    },
    /// Somebody pressed a button.
    Pressed {
        /// The message the button is under.
        message: MessageId,
        /// The button, if it is one of ours.
        press: Press,
    },
    /// The copilot was invited to the channel.
    Joined,
}

impl Heard {
    /// Whom to answer.
    pub fn from(&self) -> HeardFrom {
        let message = match &self.what {
            // A question in a thread is answered there: a thread has one first message.
            HeardWhat::Said { message, thread, .. } => Some(thread.as_ref().unwrap_or(message).clone()),
            HeardWhat::Command { .. } | HeardWhat::Pressed { .. } | HeardWhat::Joined => None,
        };
        HeardFrom { channel: self.channel.clone(), user: self.by.clone(), message }
    }
}
