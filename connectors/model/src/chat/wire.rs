//! What servers answer, read forgivingly. The types of `async-openai` are those of one server; others leave out `index` and
//! `id`, send arguments as an object, content in parts, an error where a piece was expected. What is missing here is none.
//! It must not know what becomes of it.

use serde::Deserialize;
use serde_json::Value;

/// A whole answer, or a piece of a stream: they differ in where a choice holds what was said.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Answer {
    #[serde(default)]
    pub(crate) model: Option<Value>,
    #[serde(default)]
    pub(crate) choices: Option<Vec<Choice>>,
    #[serde(default)]
    pub(crate) usage: Option<Counted>,
    #[serde(default)]
    pub(crate) error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Choice {
    #[serde(default)]
    pub(crate) index: Option<u64>,
    /// Of a stream.
    #[serde(default)]
    pub(crate) delta: Option<Said>,
    /// Of a whole answer.
    #[serde(default)]
    pub(crate) message: Option<Said>,
    #[serde(default)]
    pub(crate) finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Said {
    #[serde(default)]
    pub(crate) content: Option<Content>,
    #[serde(default)]
    pub(crate) refusal: Option<String>,
    #[serde(default)]
    pub(crate) tool_calls: Option<Vec<Call>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
pub(crate) struct Part {
    #[serde(default)]
    text: Option<String>,
}

impl Content {
    pub(crate) fn push_to(&self, text: &mut String) {
        match self {
            Content::Text(piece) => text.push_str(piece),
            Content::Parts(parts) => {
                parts.iter().filter_map(|part| part.text.as_deref()).for_each(|piece| text.push_str(piece));
            }
        }
    }
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Call {
    #[serde(default)]
    pub(crate) index: Option<u64>,
    #[serde(default)]
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) function: Option<Function>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Function {
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    arguments: Option<Value>,
}

impl Function {
    /// The arguments as text: as a string they are it, as an object they are written down.
    pub(crate) fn arguments(&self) -> Option<String> {
        match self.arguments.as_ref()? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}

/// Tokens. A server that counts only some of them has not counted.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Counted {
    #[serde(default)]
    pub(crate) prompt_tokens: Option<u64>,
    #[serde(default)]
    pub(crate) completion_tokens: Option<u64>,
    #[serde(default)]
    pub(crate) prompt_tokens_details: Option<CountedPrompt>,
    /// How DeepSeek says how many of the prompt's tokens it had kept.
    #[serde(default)]
    pub(crate) prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct CountedPrompt {
    #[serde(default)]
    pub(crate) cached_tokens: Option<u64>,
}

impl Counted {
    pub(crate) fn usage(&self) -> Option<hearback_core::model::Usage> {
        let (input_tokens, output_tokens) = (self.prompt_tokens?, self.completion_tokens?);
        let details = self.prompt_tokens_details.as_ref().and_then(|details| details.cached_tokens);
        let cached = details.or(self.prompt_cache_hit_tokens).unwrap_or_default();
        let cached_input_tokens = cached.min(input_tokens);
        Some(hearback_core::model::Usage { input_tokens, cached_input_tokens, output_tokens })
    }
}
