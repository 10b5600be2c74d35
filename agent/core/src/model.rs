//! Language models: what they are asked, what they answer, what it cost. What a model writes is text from outside: it may be
//! wrong, made up or planted by what the model read, and is never an instruction. It must not know which server, protocol
//! or prompt stands behind it.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{CallId, SourceName, ToolName};
use crate::text::ExternalText;

pub mod price;

pub use price::{BadAmount, Cost, Currency, Price, Rate, Spent, Usage};

/// A tool that a model may call: reading something, never writing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// What the model calls it.
    pub name: ToolName,
    /// What it gives and when to call it, for the model.
    pub description: String,
    /// The JSON Schema of its arguments: an object.
    pub parameters: Value,
}

/// A call that a model wrote. Nothing of it is checked yet: the tool may not exist, the arguments may be no JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Which call it is, unique in its conversation.
    pub id: CallId,
    /// The tool.
    pub name: ToolName,
    /// The arguments, as the model wrote them: JSON if it kept to the schema.
    pub arguments: ExternalText,
}

/// One message of a conversation. Its `Debug` shows lengths only, so it can't slip into a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// What the model is and must keep to. Words of ours.
    System(String),
    /// What is asked. Words of ours, in which text from outside is quoted.
    User(String),
    /// What the model answered.
    Assistant {
        /// What it said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<ExternalText>,
        /// What it called.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        calls: Vec<ToolCall>,
    },
    /// What came of a call: words of ours, in which text from outside is quoted.
    ToolResult {
        /// The call.
        call: CallId,
        /// What came of it.
        text: String,
    },
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::System(text) => write!(f, "System({} bytes)", text.len()),
            Message::User(text) => write!(f, "User({} bytes)", text.len()),
            Message::Assistant { text, calls } => {
                f.debug_struct("Assistant").field("text", text).field("calls", calls).finish()
            }
            Message::ToolResult { call, text } => write!(f, "ToolResult({call}, {} bytes)", text.len()),
        }
    }
}

/// Whether the model calls tools.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// As it likes.
    #[default]
    Auto,
    /// At least one.
    Required,
    /// None, though they are described: what was called before stays readable.
    None,
}

/// The form that the text of a reply has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyForm {
    /// Words.
    #[default]
    Text,
    /// JSON of this schema. A server is asked to keep to it; whether it did, the caller checks.
    Json {
        /// What the form is called.
        name: ToolName,
        /// Its JSON Schema: an object.
        schema: Value,
    },
}

/// What a model is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRequest {
    /// The conversation so far; see [`check_order`].
    pub messages: Vec<Message>,
    /// The tools that may be called.
    pub tools: Vec<ToolSpec>,
    /// Whether they are.
    pub choice: ToolChoice,
    /// The form of the text.
    pub form: ReplyForm,
    /// The longest reply, in tokens; what is longer is cut ([`Ended::Length`]).
    pub max_output_tokens: u32,
    /// How long it may take, retries and a fallback included.
    pub budget: SignedDuration,
}

/// Why a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The model had said what it had to say.
    Done,
    /// It reached the longest reply: the text, or the arguments of the last call, break off.
    Length,
    /// It calls tools and waits for what comes of them.
    Calls,
    /// It does not want to. What it said stands in the text.
    Refused,
    /// Its server withheld the reply.
    Filtered,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelReply {
    /// What it said; never blank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<ExternalText>,
    /// What it calls, in order. It may be more than is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ToolCall>,
    /// Why it ended.
    pub ended: Ended,
    /// What it cost, everything that was asked again on the way included.
    pub spent: Spent,
    /// Who answered: [`ModelClient::name`] of the one that did.
    pub by: SourceName,
}

impl ModelReply {
    /// As it stands in the conversation. None if it said nothing and called nothing.
    pub fn to_message(&self) -> Option<Message> {
        let said = self.text.is_some() || !self.calls.is_empty();
        said.then(|| Message::Assistant { text: self.text.clone(), calls: self.calls.clone() })
    }
}

/// Why there is no reply, by what the caller does next. Its sentences hold no key, and of what a server says of an error a
/// few words without secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// No answer in time, or none of its pieces: go on without, or with more time.
    #[error("no answer within {:.1} s", .0.as_secs_f64())]
    TimedOut(SignedDuration),
    /// The conversation does not fit into the model: shorten it and ask again.
    #[error("{0}")]
    TooLong(String),
    /// The key, the quota, the model's name or the address can't be used: stop, a person has to mend it.
    #[error("{0}")]
    NotUsable(String),
    /// Too busy or failing, and asking again within the time did not help: go on without, try later.
    #[error("{why}")]
    Busy {
        /// Who is, in a sentence.
        why: String,
        /// When it wants to be asked again, if it said so.
        retry_after: Option<SignedDuration>,
    },
    /// It answered something that is no reply, or only the beginning of one: it may be asked again.
    #[error("{why}")]
    Malformed {
        /// What it did instead, in a sentence.
        why: String,
        /// What that cost.
        spent: Box<Spent>,
    },
    /// It can't be reached or broke off: go on without, try later.
    #[error("{0}")]
    Failed(String),
}

/// A language model.
#[async_trait]
pub trait ModelClient: Send + Sync {
    /// Its name, as it stands in answers: model and host.
    fn name(&self) -> &SourceName;

    /// How many tokens it can read and write together, as configured. A server may allow fewer and say so with
    /// [`ModelError::TooLong`].
    fn context_tokens(&self) -> u32;

    /// Asks. The reply is whole; a caller that gives up drops the future, and nothing is asked any more.
    ///
    /// # Errors
    /// [`ModelError`], by what to do next.
    async fn complete(&self, request: &ModelRequest) -> Result<ModelReply, ModelError>;
}

/// A model that is shared is one.
#[async_trait]
impl<C: ModelClient + ?Sized> ModelClient for Arc<C> {
    fn name(&self) -> &SourceName {
        (**self).name()
    }

    fn context_tokens(&self) -> u32 {
        (**self).context_tokens()
    }

    async fn complete(&self, request: &ModelRequest) -> Result<ModelReply, ModelError> {
        (**self).complete(request).await
    }
}

/// What is wrong with the order of a conversation: a mistake of whoever put it together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadOrder {
    /// There is nothing to answer: no message, or the last one is the model's own.
    #[error("the conversation ends with nothing to answer")]
    NothingAsked,
    /// A system message after another one: many models read them at the beginning alone.
    #[error("a system message stands after the conversation began")]
    LateSystem,
    /// The model said nothing and called nothing.
    #[error("a message of the model is empty")]
    Empty,
    /// Two calls have one id.
    #[error("the call {0} stands there twice")]
    Twice(CallId),
    /// A call's result does not follow the message that calls.
    #[error("the call {0} has no result right after it")]
    Unanswered(CallId),
    /// A result follows no call that waits for one.
    #[error("the result of {0} follows no such call")]
    Uncalled(CallId),
}

/// Whether servers will take these messages: system messages first, each call answered once and right after the message
/// that makes it, something to answer at the end.
///
/// # Errors
/// [`BadOrder`], the first thing that is wrong.
pub fn check_order(messages: &[Message]) -> Result<(), BadOrder> {
    let mut known: HashSet<&CallId> = HashSet::new();
    let mut waiting: Vec<&CallId> = Vec::new();
    let mut begun = false;
    for message in messages {
        match (message, waiting.first()) {
            (Message::ToolResult { call, .. }, _) => {
                let place = waiting.iter().position(|id| *id == call);
                waiting.remove(place.ok_or_else(|| BadOrder::Uncalled(call.clone()))?);
            }
            (_, Some(call)) => return Err(BadOrder::Unanswered((*call).clone())),
            (Message::System(_), None) if begun => return Err(BadOrder::LateSystem),
            (Message::System(_) | Message::User(_), None) => {}
            (Message::Assistant { text: None, calls }, None) if calls.is_empty() => {
                return Err(BadOrder::Empty);
            }
            (Message::Assistant { calls, .. }, None) => {
                for call in calls {
                    if !known.insert(&call.id) {
                        return Err(BadOrder::Twice(call.id.clone()));
                    }
                    waiting.push(&call.id);
                }
            }
        }
        begun |= !matches!(message, Message::System(_));
    }
    match (messages.last(), waiting.first()) {
        (_, Some(call)) => Err(BadOrder::Unanswered((*call).clone())),
        (Some(Message::User(_) | Message::ToolResult { .. }), None) => Ok(()),
        (_, None) => Err(BadOrder::NothingAsked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(ids: &[usize]) -> Message {
        let call = |id: &usize| ToolCall {
            id: CallId::numbered(*id),
            name: ToolName::new("logs").unwrap(),
            arguments: "{}".into(),
        };
        Message::Assistant { text: None, calls: ids.iter().map(call).collect() }
    }

    fn result(id: usize) -> Message {
        Message::ToolResult { call: CallId::numbered(id), text: "nothing".into() }
    }

    fn system() -> Message {
        Message::System("You read incidents.".into())
    }

    fn user() -> Message {
        Message::User("What changed?".into())
    }

    fn said() -> Message {
        Message::Assistant { text: Some("A deploy.".into()), calls: Vec::new() }
    }

    #[test]
    fn a_conversation_that_servers_take_is_in_order() {
        for messages in [
            vec![user()],
            vec![system(), system(), user(), said(), user()],
            vec![user(), calls(&[1, 2]), result(2), result(1), calls(&[3]), result(3)],
            vec![user(), calls(&[1]), result(1), user()],
        ] {
            assert_eq!(check_order(&messages), Ok(()), "{messages:?}");
        }
    }

    #[test]
    fn what_servers_refuse_is_named() {
        let id = CallId::numbered;
        for (messages, expect) in [
            (vec![], BadOrder::NothingAsked),
            (vec![system()], BadOrder::NothingAsked),
            (vec![user(), said()], BadOrder::NothingAsked),
            (vec![user(), system()], BadOrder::LateSystem),
            (vec![user(), calls(&[]), user()], BadOrder::Empty),
            (vec![user(), calls(&[1])], BadOrder::Unanswered(id(1))),
            (vec![user(), calls(&[1, 2]), result(1), user()], BadOrder::Unanswered(id(2))),
            (vec![user(), calls(&[1]), result(1), result(1)], BadOrder::Uncalled(id(1))),
            (vec![user(), result(7)], BadOrder::Uncalled(id(7))),
            (vec![user(), calls(&[1]), result(1), calls(&[1]), result(1)], BadOrder::Twice(id(1))),
            (vec![user(), calls(&[1, 1]), result(1)], BadOrder::Twice(id(1))),
        ] {
            assert_eq!(check_order(&messages), Err(expect), "{messages:?}");
        }
    }

    #[test]
    fn a_conversation_survives_being_kept() {
        let messages = vec![system(), user(), calls(&[1, 2]), result(1), result(2), said(), user()];
        let kept = serde_json::to_string(&messages).unwrap();
        assert!(kept.starts_with(r#"[{"system":"You read incidents."},{"user":"What changed?"},"#), "{kept}");
        assert_eq!(serde_json::from_str::<Vec<Message>>(&kept).unwrap(), messages);
    }

    #[test]
    fn debug_shows_no_message() {
        let shown = format!("{:?}", vec![system(), user(), said(), calls(&[1]), result(1)]);
        assert!(
            !shown.contains("incidents") && !shown.contains("deploy") && !shown.contains("nothing"),
            "{shown}"
        );
        assert!(
            shown.contains("System(19 bytes)") && shown.contains("ToolResult(call_1, 7 bytes)"),
            "{shown}"
        );
    }

    #[test]
    fn a_reply_that_says_nothing_is_no_message() {
        let mut reply = ModelReply {
            text: None,
            calls: Vec::new(),
            ended: Ended::Length,
            spent: Spent::default(),
            by: SourceName::new("model:m").unwrap(),
        };
        assert_eq!(reply.to_message(), None);
        reply.text = Some("A deploy.".into());
        assert_eq!(reply.to_message(), Some(said()));
    }
}
