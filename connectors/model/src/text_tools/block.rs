//! What a model wrote, read for a call: one fenced block with one JSON object. Only the model's own reply is ever read here,
//! so that a call in what it was shown is none. It must not know which tools there are.

use std::fmt;

use hearback_core::ids::ToolName;
use serde_json::{Map, Value};

/// What a block that calls is marked with.
pub(crate) const MARK: &str = "tool";

/// What a model wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written {
    /// Words for people.
    Answer,
    /// A call.
    Call {
        /// What stands before it.
        before: String,
        /// The tool, as near as a name can come to what was written.
        name: ToolName,
        /// The arguments, a JSON object.
        arguments: String,
    },
}

/// Why a block that should be a call is none. Its sentences are for the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    NotJson { line: usize, column: usize },
    NotObject,
    NoTool,
    Arguments,
    OtherField,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::NotJson { line, column } => {
                write!(f, "the block is not valid JSON (its line {line}, column {column})")
            }
            Unreadable::NotObject => f.write_str("the block holds something that is no JSON object"),
            Unreadable::NoTool => f.write_str("the field \"tool\" has to be there, with the name of a tool"),
            Unreadable::Arguments => f.write_str("the field \"arguments\" has to be a JSON object"),
            Unreadable::OtherField => f.write_str("there are fields beside \"tool\" and \"arguments\""),
        }
    }
}

/// Reads a reply. The first block that is marked as a call is one, closed or not; what stands after it was made up before
/// the tool could answer, and is dropped. A reply that is nothing but such an object is a call too, marked or not.
///
/// # Errors
/// [`Unreadable`], if a block is marked as a call and is none.
pub(crate) fn read(text: &str) -> Result<Written, Unreadable> {
    let blocks = blocks(text);
    if let Some(block) = blocks.iter().find(|block| block.label.eq_ignore_ascii_case(MARK)) {
        let value = serde_json::from_str(&block.content).map_err(|error: serde_json::Error| {
            Unreadable::NotJson { line: error.line(), column: error.column() }
        })?;
        let Value::Object(object) = value else { return Err(Unreadable::NotObject) };
        return call(block.before, object);
    }
    let text = text.trim();
    let alone = match blocks.as_slice() {
        [] => text,
        [only] if only.before.is_empty() && only.is_last && matches!(only.label, "" | "json") => {
            &only.content
        }
        _ => return Ok(Written::Answer),
    };
    match serde_json::from_str(alone) {
        Ok(Value::Object(object)) if object.contains_key("tool") => {
            // A JSON answer may have a field of this name too.
            Ok(call("", object).unwrap_or(Written::Answer))
        }
        _ => Ok(Written::Answer),
    }
}

fn call(before: &str, mut object: Map<String, Value>) -> Result<Written, Unreadable> {
    let name = object.get("tool").and_then(Value::as_str).and_then(ToolName::nearest);
    let name = name.ok_or(Unreadable::NoTool)?;
    object.remove("tool");
    let arguments = match object.remove("arguments") {
        None => Map::new(),
        Some(Value::Object(arguments)) => arguments,
        Some(_) => return Err(Unreadable::Arguments),
    };
    if !object.is_empty() {
        return Err(Unreadable::OtherField);
    }
    let arguments = Value::Object(arguments).to_string();
    Ok(Written::Call { before: before.to_owned(), name, arguments })
}

/// A fenced block of Markdown.
struct Block<'a> {
    /// What stands before it, trimmed.
    before: &'a str,
    /// What it is marked with.
    label: &'a str,
    content: String,
    /// Nothing stands after it.
    is_last: bool,
}

/// The fenced blocks of a text, as CommonMark sees them: a block ends with as many backticks as it began with, or more, or
/// with the text.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, Block<'_>)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let begins = at;
        at += line.len();
        let fence = fence(line);
        match (&mut open, fence) {
            (None, Some((ticks, label))) => {
                let before = text.get(..begins).unwrap_or_default().trim();
                open = Some((ticks, Block { before, label, content: String::new(), is_last: true }));
            }
            (None, None) => {}
            (Some((ticks, _)), Some((more, ""))) if more >= *ticks => {
                if let Some((_, mut block)) = open.take() {
                    block.is_last = text.get(at..).unwrap_or_default().trim().is_empty();
                    blocks.push(block);
                }
            }
            (Some((_, block)), _) => block.content.push_str(line),
        }
    }
    blocks.extend(open.map(|(_, block)| block));
    blocks
}

/// The backticks of a line that is a fence, and what it is marked with.
fn fence(line: &str) -> Option<(usize, &str)> {
    let line = line.trim_end();
    let text = line.trim_start_matches(' ');
    let label = text.trim_start_matches('`');
    let ticks = text.len() - label.len();
    let is_fence = line.len() - text.len() <= 3 && ticks >= 3 && !label.contains('`');
    is_fence.then(|| (ticks, label.trim()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_call(text: &str, before: &str, name: &str, arguments: &str) {
        let call = Written::Call {
            before: before.into(),
            name: ToolName::new(name).unwrap(),
            arguments: arguments.into(),
        };
        assert_eq!(read(text), Ok(call), "{text}");
    }

    #[test]
    fn a_marked_block_is_a_call() {
        check_call("```tool\n{\"tool\": \"logs\", \"arguments\": {\"q\": 1}}\n```", "", "logs", "{\"q\":1}");
        check_call("Let me look.\n\n```Tool\n{\"tool\":\"logs\"}\n```\n", "Let me look.", "logs", "{}");
        check_call("  ````tool\n{\"tool\":\"logs\",\n\"arguments\":{}}\n````", "", "logs", "{}");
        check_call("```tool\n{\"tool\":\"log search\"}", "", "log_search", "{}");
        // What it makes up of the tool's answer does not count.
        check_call(
            "```tool\n{\"tool\":\"logs\"}\n```\nThe logs say:\n```tool\n{\"tool\":\"series\"}\n```",
            "",
            "logs",
            "{}",
        );
    }

    #[test]
    fn an_object_alone_is_a_call_too() {
        check_call("{\"tool\": \"logs\", \"arguments\": {}}", "", "logs", "{}");
        check_call("```json\n{\"tool\": \"logs\"}\n```", "", "logs", "{}");
        check_call("```\n{\"tool\": \"logs\"}\n```", "", "logs", "{}");
    }

    #[test]
    fn anything_else_is_an_answer() {
        for text in [
            "",
            "It was the deploy at 14:02.",
            "Call it with `{\"tool\": \"logs\"}`.",
            "See:\n```json\n{\"tool\": \"logs\"}\n```",
            "```json\n{\"tool\": \"logs\"}\n```\nThat is how.",
            "```json\n{\"answer\": 1}\n```",
            "{\"tool\": \"hammer\", \"weight\": 2}",
            "{\"tool\": 7}",
            // Inside a longer fence it is quoted.
            "````markdown\n```tool\n{\"tool\": \"logs\"}\n```\n````",
            "````markdown\n```\n```tool\n{\"tool\": \"logs\"}\n```\n````",
            "    ```tool\n    {\"tool\": \"logs\"}\n    ```",
        ] {
            assert_eq!(read(text), Ok(Written::Answer), "{text}");
        }
    }

    #[test]
    fn a_marked_block_that_is_no_call_is_told_why() {
        let check = |content: &str, expect: Unreadable| {
            assert_eq!(read(&format!("```tool\n{content}\n```")), Err(expect), "{content}");
        };
        check("{\"tool\": \"logs\",", Unreadable::NotJson { line: 2, column: 0 });
        check("logs(q=1)", Unreadable::NotJson { line: 1, column: 1 });
        check("[]", Unreadable::NotObject);
        check("{}", Unreadable::NoTool);
        check("{\"tool\": \" \"}", Unreadable::NoTool);
        check("{\"tool\": 1}", Unreadable::NoTool);
        check("{\"tool\": \"logs\", \"arguments\": \"q\"}", Unreadable::Arguments);
        check("{\"tool\": \"logs\", \"q\": 1}", Unreadable::OtherField);
        check(&"[".repeat(1000), Unreadable::NotJson { line: 1, column: 128 });
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in any::<String>()) {
            let _ = read(&text);
        }

        #[test]
        fn no_mixture_of_fences_breaks_it(pieces in prop::collection::vec(prop::sample::select(vec![
            "```", "````", "tool", "json", "\n", " ", "    ", "{", "}", "\"tool\"", ":", "\"logs\"", "\"arguments\"", ",", "é", "`",
        ]), 0..30)) {
            let text = pieces.concat();
            if let Ok(Written::Call { arguments, .. }) = read(&text) {
                prop_assert!(serde_json::from_str::<Map<String, Value>>(&arguments).is_ok());
            }
        }

        #[test]
        fn a_call_survives_being_written(name in "[a-zA-Z0-9_-]{1,64}", key in any::<String>(), value in any::<String>()) {
            let arguments = serde_json::json!({ key: value });
            let text = super::super::written(&name, &arguments.to_string());
            let call = Written::Call {
                before: String::new(),
                name: ToolName::new(name).unwrap(),
                arguments: arguments.to_string(),
            };
            prop_assert_eq!(read(&text), Ok(call));
        }
    }
}
