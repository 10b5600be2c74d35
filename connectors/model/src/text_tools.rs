//! [`TextTools`]: tools for models that can't call any. They are described in words, a call is a fenced block of the model's
//! reply, and what came of it is told in the next message. A block that can't be read goes back to the model, with why.

use std::collections::HashSet;

use async_trait::async_trait;
use hearback_core::ExternalText;
use hearback_core::ids::{CallId, SourceName};
use hearback_core::model::{
    Ended, Message, ModelClient, ModelError, ModelReply, ModelRequest, ReplyForm, Spent, ToolCall,
    ToolChoice, ToolSpec,
};
use jiff::SignedDuration;
use tokio::time::Instant;

use crate::chat::request::describe_form;

mod block;

use block::{MARK, Written};

/// How often a model is told that it did not keep to the protocol, within one reply.
const CORRECTIONS: u32 = 2;

/// A model that is told of tools in words.
#[derive(Debug)]
pub struct TextTools<C> {
    inner: C,
}

impl<C: ModelClient> TextTools<C> {
    /// Tools for `inner`, which is never sent any.
    pub fn new(inner: C) -> Self {
        TextTools { inner }
    }

    /// The model that is told.
    pub fn inner(&self) -> &C {
        &self.inner
    }
}

/// A call as the model is to write it.
fn written(name: &str, arguments: &str) -> String {
    format!("```{MARK}\n{{\"tool\": \"{name}\", \"arguments\": {arguments}}}\n```")
}

/// What the model is told of tools.
fn describe(tools: &[ToolSpec], choice: ToolChoice) -> String {
    let choice = match choice {
        ToolChoice::Auto => "When you need no tool, answer without such a block.",
        ToolChoice::Required => "Your next message has to call a tool.",
        ToolChoice::None => "Do not call a tool in your next message: answer.",
    };
    let tools: Vec<String> = tools
        .iter()
        .map(|tool| {
            format!(
                "{}: {}\nIts arguments, as a JSON Schema: {}",
                tool.name, tool.description, tool.parameters
            )
        })
        .collect();
    format!(
        "You can look things up with tools. To call one, end your message with a block exactly like this one, and write \
         nothing after it:\n{}\nWhat came of it stands in the next message. Call one tool at a time. {choice}\n\nThe \
         tools:\n\n{}",
        written("NAME", "{}"),
        tools.join("\n\n")
    )
}

/// The conversation without calls and results: in words, in turns of user and model, which some models insist on.
fn in_words(messages: &[Message]) -> Vec<Message> {
    let mut words: Vec<Message> = Vec::new();
    let mut names: Vec<(&CallId, &str)> = Vec::new();
    for message in messages {
        let said = match message {
            Message::System(_) => {
                words.push(message.clone());
                continue;
            }
            Message::Assistant { text, calls } => {
                names.extend(calls.iter().map(|call| (&call.id, call.name.as_str())));
                let text = text.as_ref().map(|text| text.as_untrusted().to_owned());
                let calls =
                    calls.iter().map(|call| written(call.name.as_str(), call.arguments.as_untrusted()));
                let text: Vec<String> = text.into_iter().chain(calls).collect();
                words.push(Message::Assistant {
                    text: Some(ExternalText::new(text.join("\n\n"))),
                    calls: Vec::new(),
                });
                continue;
            }
            Message::User(text) => text.clone(),
            Message::ToolResult { call, text } => {
                let name = names.iter().find(|(id, _)| *id == call).map_or("a tool", |(_, name)| name);
                format!("What came of {name} ({call}):\n{text}")
            }
        };
        match words.last_mut() {
            Some(Message::User(before)) => {
                before.push_str("\n\n");
                before.push_str(&said);
            }
            _ => words.push(Message::User(said)),
        }
    }
    words
}

/// What the model inside is asked.
fn inside(asked: &ModelRequest) -> ModelRequest {
    let mut messages = in_words(&asked.messages);
    let mut form = asked.form.clone();
    if !asked.tools.is_empty() {
        let mut told = describe(&asked.tools, asked.choice);
        // A server that keeps a model to a schema would keep it from calling.
        if let ReplyForm::Json { name, schema } = std::mem::take(&mut form) {
            told = format!(
                "{told}\n\nThe form of an answer, when it calls no tool: {}",
                describe_form(&name, &schema)
            );
        }
        let place = messages.iter().take_while(|message| matches!(message, Message::System(_))).count();
        messages.insert(place, Message::System(told));
    }
    ModelRequest { messages, tools: Vec::new(), choice: ToolChoice::None, form, ..asked.clone() }
}

/// What to make of a reply.
enum Read {
    /// It keeps to the protocol.
    Good(ModelReply),
    /// It does not, and what the model is told of that.
    Wrong(ModelReply, String),
}

fn read(mut reply: ModelReply, asked: &ModelRequest) -> Read {
    let may_call = !asked.tools.is_empty();
    if !may_call || !matches!(reply.ended, Ended::Done | Ended::Length) {
        return Read::Good(reply);
    }
    let text = reply.text.as_ref().map_or("", |text| text.as_untrusted());
    match (block::read(text), reply.ended, asked.choice) {
        (Ok(Written::Call { .. }), _, ToolChoice::None) => {
            Read::Wrong(reply, "do not call a tool now: answer".into())
        }
        (Ok(Written::Call { before, name, arguments }), ..) => {
            reply.text = (!before.is_empty()).then(|| ExternalText::new(before));
            let arguments = ExternalText::new(arguments);
            reply.calls = vec![ToolCall { id: free_id(&asked.messages), name, arguments }];
            reply.ended = Ended::Calls;
            Read::Good(reply)
        }
        // It breaks off: what is wrong with it is its length.
        (_, Ended::Length, _) => Read::Good(reply),
        (Ok(Written::Answer), _, ToolChoice::Required) => {
            Read::Wrong(reply, "you have to call a tool".into())
        }
        (Ok(Written::Answer), ..) => Read::Good(reply),
        (Err(why), ..) => Read::Wrong(reply, format!("your call can't be read: {why}")),
    }
}

fn free_id(messages: &[Message]) -> CallId {
    let calls = messages.iter().flat_map(|message| match message {
        Message::Assistant { calls, .. } => calls.as_slice(),
        Message::System(_) | Message::User(_) | Message::ToolResult { .. } => &[],
    });
    let taken: HashSet<&CallId> = calls.map(|call| &call.id).collect();
    let numbers = 1..=taken.len().saturating_add(1);
    let free = numbers.map(CallId::numbered).find(|id| !taken.contains(id));
    free.unwrap_or_else(|| CallId::numbered(usize::MAX))
}

#[async_trait]
impl<C: ModelClient> ModelClient for TextTools<C> {
    fn name(&self) -> &SourceName {
        self.inner.name()
    }

    fn context_tokens(&self) -> u32 {
        self.inner.context_tokens()
    }

    /// # Errors
    /// Those of the model inside, and [`ModelError::Malformed`] if it does not keep to the protocol though it was told.
    async fn complete(&self, request: &ModelRequest) -> Result<ModelReply, ModelError> {
        let begun = Instant::now();
        let mut asked = inside(request);
        let mut spent = Spent::default();
        let mut corrections = 0;
        loop {
            let used = SignedDuration::try_from(begun.elapsed()).unwrap_or(SignedDuration::MAX);
            asked.budget = request.budget.saturating_sub(used);
            let reply = self.inner.complete(&asked).await.map_err(|error| match error {
                ModelError::Malformed { why, spent: last } => {
                    spent += &last;
                    ModelError::Malformed { why, spent: Box::new(spent.clone()) }
                }
                ModelError::TimedOut(_) if asked.budget < request.budget => {
                    ModelError::TimedOut(request.budget)
                }
                other => other,
            })?;
            spent += &reply.spent;
            let (reply, why) = match read(reply, request) {
                Read::Good(reply) => return Ok(ModelReply { spent, ..reply }),
                Read::Wrong(reply, why) => (reply, why),
            };
            if corrections >= CORRECTIONS {
                let why = format!("{} does not keep to the protocol of tools: {why}", self.inner.name());
                return Err(ModelError::Malformed { why, spent: Box::new(spent) });
            }
            corrections += 1;
            asked.messages.extend(reply.to_message());
            let told = match request.choice {
                ToolChoice::None => why,
                ToolChoice::Auto | ToolChoice::Required => {
                    format!(
                        "{why}. A call is one block like this, with nothing after it:\n{}",
                        written("NAME", "{}")
                    )
                }
            };
            asked.messages.push(Message::User(told));
        }
    }
}

#[cfg(test)]
#[path = "text_tools_tests.rs"]
mod tests;
