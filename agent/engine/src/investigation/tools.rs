//! What a model may look up, and nothing else: every tool reads. Arguments are checked against their schema's types; a change
//! is named by the name under which it was shown, so that nothing can be asked about what nobody gathered. It must not know
//! what is concluded from a result.

use hearback_core::ids::ToolName;
use hearback_core::model::{ToolCall, ToolSpec};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Changes of a service or with a word in them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Changes {
    /// Only changes of this service.
    pub service: Option<String>,
    /// Only changes with one of these words in title or paths.
    pub words: Option<String>,
    /// Only changes that took effect since then, e.g. 2026-03-02T13:00:00Z.
    pub since: Option<String>,
}

/// What a change did to its files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiffOf {
    /// The change by the name it was shown under, e.g. C2.
    pub change: String,
}

/// The golden signals of a service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalsOf {
    /// The service.
    pub service: String,
}

/// Log records.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Logs {
    /// Only records of this service.
    pub service: Option<String>,
    /// At least this bad: trace, debug, info, warn, error or fatal; else warn.
    pub severity: Option<String>,
    /// Only records with one of these words.
    pub words: Option<String>,
    /// Since then; else an hour before the trouble began.
    pub since: Option<String>,
    /// Until then; else now.
    pub until: Option<String>,
}

/// Spans.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Traces {
    /// Only calls of this service.
    pub service: Option<String>,
    /// This trace whole, by its id in hexadecimal.
    pub trace: Option<String>,
}

/// Something that fails.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Failing {
    /// What is seen to fail.
    pub symptom: String,
    /// The service that fails.
    #[serde(default)]
    pub service: Option<String>,
}

/// Nothing needs to be said.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Nothing {}

/// What is to be looked up.
#[derive(Debug)]
pub enum Look {
    /// Changes.
    Changes(Changes),
    /// A diff.
    Diff(DiffOf),
    /// Signals of a service.
    Signals(SignalsOf),
    /// Wordings of log records, with counts.
    LogTemplates(Logs),
    /// Log records themselves.
    LogLines(Logs),
    /// Spans.
    Traces(Traces),
    /// Incidents that were like it.
    Similar(Failing),
    /// What a runbook says.
    Runbook(Failing),
    /// Whom to ask.
    Experts,
    /// What happened in the incident so far.
    Record,
}

/// A tool: its name, what it is for, the schema of its arguments.
type Tool = (&'static str, &'static str, fn() -> Schema);

/// All of them.
const TOOLS: [Tool; 10] = [
    ("changes", "Changes of the question's window: deploys, commits, flags, configuration.", || {
        schema_for!(Changes)
    }),
    ("diff", "What a change did to its files.", || schema_for!(DiffOf)),
    ("signals", "Errors, latency, traffic and saturation of a service around the beginning.", || {
        schema_for!(SignalsOf)
    }),
    (
        "log_templates",
        "Wordings of log records with their counts, first and last time: begin here, logs are long.",
        || schema_for!(Logs),
    ),
    ("log_lines", "Log records, the newest of those that fit.", || schema_for!(Logs)),
    ("traces", "Calls that failed, or one trace whole.", || schema_for!(Traces)),
    ("similar", "Past incidents that were like this, and what fixed them.", || schema_for!(Failing)),
    ("runbook", "What the runbook says to do.", || schema_for!(Failing)),
    ("experts", "Whom to ask, and why.", || schema_for!(Nothing)),
    ("record", "What happened in this incident so far: alerts, messages, actions.", || schema_for!(Nothing)),
];

/// All tools, as a model is told of them.
pub fn specs() -> Vec<ToolSpec> {
    let spec = |(name, description, schema): &Tool| {
        let mut parameters = schema().to_value();
        if let Value::Object(fields) = &mut parameters {
            fields.remove("$schema");
            fields.remove("title");
            fields.remove("description");
        }
        Some(ToolSpec {
            name: ToolName::new(*name).ok()?,
            description: (*description).to_owned(),
            parameters,
        })
    };
    TOOLS.iter().filter_map(spec).collect()
}

impl Look {
    /// Reads a call.
    ///
    /// # Errors
    /// What is wrong with it, for the model, without its own words.
    pub fn parse(call: &ToolCall) -> Result<Self, String> {
        let text = call.arguments.as_untrusted();
        fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
            let text = if text.trim().is_empty() { "{}" } else { text };
            serde_json::from_str(text).map_err(|error| {
                let at = format!("line {}, column {}", error.line(), error.column());
                format!(
                    "its arguments do not fit the schema ({at}); call it again with a JSON object that does"
                )
            })
        }
        Ok(match call.name.as_str() {
            "changes" => Look::Changes(read(text)?),
            "diff" => Look::Diff(read(text)?),
            "signals" => Look::Signals(read(text)?),
            "log_templates" => Look::LogTemplates(read(text)?),
            "log_lines" => Look::LogLines(read(text)?),
            "traces" => Look::Traces(read(text)?),
            "similar" => Look::Similar(read(text)?),
            "runbook" => Look::Runbook(read(text)?),
            "experts" => read::<Nothing>(text).map(|_| Look::Experts)?,
            "record" => read::<Nothing>(text).map(|_| Look::Record)?,
            _ => return Err("there is no such tool".into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use hearback_core::ids::CallId;

    use super::*;

    fn call(name: &str, arguments: &str) -> ToolCall {
        ToolCall { id: CallId::numbered(1), name: ToolName::new(name).unwrap(), arguments: arguments.into() }
    }

    #[test]
    fn every_tool_that_is_told_of_can_be_called() {
        let specs = specs();
        assert_eq!(specs.len(), TOOLS.len());
        for spec in specs {
            let arguments = match spec.name.as_str() {
                "diff" => r#"{"change": "C1"}"#,
                "signals" => r#"{"service": "cart"}"#,
                "similar" | "runbook" => r#"{"symptom": "5xx"}"#,
                _ => "",
            };
            Look::parse(&call(spec.name.as_str(), arguments)).unwrap();
            assert_eq!(spec.parameters["additionalProperties"], false, "{}", spec.name);
        }
    }

    #[test]
    fn wrong_arguments_are_said_without_their_words() {
        for (name, arguments) in [
            ("diff", "{}"),
            ("diff", r#"{"change": "C1", "evil": 1}"#),
            ("signals", r#"{"service": ["evil"]}"#),
            ("logs", "evil"),
            ("record", r#"{"evil": 1}"#),
            ("rollback", r#"{"to": "evil"}"#),
        ] {
            let error = Look::parse(&call(name, arguments)).unwrap_err();
            assert!(!error.contains("evil"), "{error}");
        }
    }
}
