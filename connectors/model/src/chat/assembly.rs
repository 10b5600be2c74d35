//! A reply put together: from the pieces of a stream, or from one whole answer. It must not know how they came.

use std::collections::HashSet;

use hearback_core::ExternalText;
use hearback_core::ids::{CallId, ToolName};
use hearback_core::model::{Ended, Message, ReplyForm, ToolCall, Usage};
use serde_json::Value;

use super::wire::{Answer, Call, Said};

/// The most calls in one reply. A model that makes more is caught in a loop.
const MOST_CALLS: usize = 128;

/// What has come of a reply so far.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    text: String,
    refusal: String,
    calls: Vec<Coming>,
    finish: Option<String>,
    usage: Option<Usage>,
    model: Option<String>,
    too_many: bool,
}

/// A call of which pieces come.
#[derive(Debug, Default)]
struct Coming {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

/// A reply that was put together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Assembled {
    pub(crate) text: Option<ExternalText>,
    pub(crate) calls: Vec<ToolCall>,
    pub(crate) ended: Ended,
}

impl Assembly {
    /// Takes in an answer or the next piece of it.
    pub(crate) fn take(&mut self, answer: Answer) {
        // Where a server counts in every piece, the last has the sum.
        self.usage = answer.usage.and_then(|counted| counted.usage()).or(self.usage);
        if let Some(model) = answer.model.as_ref().and_then(Value::as_str) {
            self.model = Some(model.to_owned());
        }
        for choice in answer.choices.into_iter().flatten() {
            // One answer was asked for; of others nothing is known.
            if choice.index.unwrap_or_default() != 0 {
                continue;
            }
            if let Some(said) = choice.delta.or(choice.message) {
                self.hear(said);
            }
            self.finish = choice.finish_reason.or(self.finish.take());
        }
    }

    fn hear(&mut self, said: Said) {
        if let Some(content) = said.content {
            content.push_to(&mut self.text);
        }
        self.refusal.push_str(said.refusal.as_deref().unwrap_or_default());
        for piece in said.tool_calls.into_iter().flatten() {
            self.hear_call(piece);
        }
    }

    fn hear_call(&mut self, piece: Call) {
        let id = piece.id.unwrap_or_default();
        let function = piece.function.unwrap_or_default();
        let name = function.name.as_deref().unwrap_or_default();
        let place = self.place_of(piece.index, &id, name);
        let coming = match place {
            Some(place) => self.calls.get_mut(place),
            None if self.calls.len() >= MOST_CALLS => {
                self.too_many = true;
                None
            }
            None => {
                self.calls.push(Coming { index: piece.index, ..Coming::default() });
                self.calls.last_mut()
            }
        };
        let Some(coming) = coming else { return };
        if coming.id.is_empty() {
            coming.id = id;
        }
        // Some servers repeat the name in every piece.
        if coming.name != name {
            coming.name.push_str(name);
        }
        coming.arguments.push_str(&function.arguments().unwrap_or_default());
    }

    /// Which call a piece belongs to; none for a new one. Servers differ: some give a place and an id with the first piece
    /// and the place alone with the rest; some give every call the place 0 and its own id; some give no place at all.
    fn place_of(&self, index: Option<u64>, id: &str, name: &str) -> Option<usize> {
        let fits = |coming: &Coming| id.is_empty() || coming.id.is_empty() || coming.id == id;
        match index {
            Some(_) => {
                let place = self.calls.iter().rposition(|coming| coming.index == index)?;
                self.calls.get(place).filter(|coming| fits(coming)).map(|_| place)
            }
            None if !id.is_empty() => self.calls.iter().rposition(|coming| coming.id == id),
            // A name begins a call; what has none goes on with the last.
            None if !name.is_empty() => None,
            None => self.calls.len().checked_sub(1),
        }
    }

    /// The tokens, if the server counted them.
    pub(crate) fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// The model that answers, by the server's word.
    pub(crate) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Whether the server said that the reply is at its end.
    pub(crate) fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// Whether anything has come that would come again if the server were asked again.
    pub(crate) fn is_begun(&self) -> bool {
        !self.text.is_empty() || !self.refusal.is_empty() || !self.calls.is_empty() || self.is_finished()
    }

    /// The reply, in a conversation that had these messages. Ids that are missing or taken are given anew: servers make
    /// nothing of them but to tell calls apart.
    ///
    /// # Errors
    /// A sentence about what it did instead of answering.
    pub(crate) fn finish(self, messages: &[Message], form: &ReplyForm) -> Result<Assembled, String> {
        if self.too_many {
            return Err(format!("calls more than {MOST_CALLS} tools at once"));
        }
        let mut taken: HashSet<CallId> = calls_of(messages).map(|call| call.id.clone()).collect();
        let mut calls = Vec::with_capacity(self.calls.len());
        for coming in self.calls {
            let name = ToolName::nearest(&coming.name).ok_or("calls a tool without saying which")?;
            let own = CallId::new(coming.id).ok().filter(|id| !taken.contains(id));
            let id = own.or_else(|| (1..).map(CallId::numbered).find(|id| !taken.contains(id)));
            let id = id.ok_or("makes more calls than can be told apart")?;
            taken.insert(id.clone());
            calls.push(ToolCall { id, name, arguments: ExternalText::new(coming.arguments) });
        }
        let words = if self.refusal.trim().is_empty() { without_thinking(&self.text) } else { &self.refusal };
        let words = if matches!(form, ReplyForm::Json { .. }) { unfenced(words) } else { words.trim() };
        let text = (!words.is_empty()).then(|| ExternalText::new(words));
        let ended = match self.finish.as_deref() {
            _ if !self.refusal.trim().is_empty() => Ended::Refused,
            Some("length" | "max_tokens") => Ended::Length,
            Some("content_filter") => Ended::Filtered,
            Some(failed @ ("error" | "insufficient_system_resource" | "abort")) => {
                return Err(format!("gave the answer up in the middle ({failed})"));
            }
            // Some say "stop" where they mean their calls.
            _ if !calls.is_empty() => Ended::Calls,
            _ => Ended::Done,
        };
        if ended == Ended::Done && text.is_none() {
            return Err("answered nothing".to_owned());
        }
        Ok(Assembled { text, calls, ended })
    }
}

fn calls_of(messages: &[Message]) -> impl Iterator<Item = &ToolCall> {
    messages.iter().flat_map(|message| match message {
        Message::Assistant { calls, .. } => calls.as_slice(),
        Message::System(_) | Message::User(_) | Message::ToolResult { .. } => &[],
    })
}

/// `text` without the thoughts that some models write before their answer.
fn without_thinking(text: &str) -> &str {
    match text.trim_start().strip_prefix("<think>") {
        Some(thinking) => thinking.split_once("</think>").map_or("", |(_, answer)| answer),
        None => text,
    }
}

/// `text` without the fence that some models put around JSON.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inside = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let inside = inside.and_then(|inside| inside.split_once('\n'));
    match inside {
        Some((label, json)) if matches!(label.trim(), "" | "json") => json.trim(),
        _ => text,
    }
}

#[cfg(test)]
#[path = "assembly_tests.rs"]
mod tests;
