//! What may leave: which spans, which of their fields, and what those may look like. Everything else is left out, whoever
//! wrote it into a span: a field that is not on the list, a value that is longer than a name, an event. It must not know
//! where spans go.

use std::borrow::Cow;

use hearback_core::gen_ai;
use hearback_core::redaction::redact_everything;
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{Array, Key, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use tracing::Metadata;

/// The spans.
const SPANS: &[&str] = &[
    "incident",
    "question",
    "connector.call",
    "action.execute",
    gen_ai::CHAT,
    gen_ai::EXECUTE_TOOL,
    gen_ai::INVOKE_AGENT,
];
/// Where they come from: crates of ours, as `tracing` names them.
const OURS: &str = "hearback";
/// No name is longer, in characters; what is longer is no name.
const LONGEST: usize = 128;
/// What stands for a value that can't be a name.
const WITHHELD: &str = "[withheld]";

/// What a value may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A name without white space.
    Word,
    /// A name.
    Name,
    /// A name without white space, in a list of one.
    OneWord,
    /// A number.
    Count,
}

/// The fields: what they are called in a span, what they are called outside, what they may look like.
const FIELDS: &[(&str, &str, Form)] = &[
    ("incident", gen_ai::INCIDENT, Form::Word),
    ("source", gen_ai::SOURCE, Form::Name),
    ("verb", gen_ai::VERB, Form::Word),
    same(gen_ai::OPERATION_NAME, Form::Word),
    same(gen_ai::PROVIDER_NAME, Form::Word),
    same(gen_ai::AGENT_NAME, Form::Word),
    same(gen_ai::CONVERSATION_ID, Form::Word),
    same(gen_ai::REQUEST_MODEL, Form::Word),
    same(gen_ai::REQUEST_MAX_TOKENS, Form::Count),
    same(gen_ai::RESPONSE_MODEL, Form::Word),
    same(gen_ai::RESPONSE_FINISH_REASONS, Form::OneWord),
    same(gen_ai::USAGE_INPUT_TOKENS, Form::Count),
    same(gen_ai::USAGE_OUTPUT_TOKENS, Form::Count),
    same(gen_ai::TOOL_NAME, Form::Word),
    same(gen_ai::TOOL_CALL_ID, Form::Word),
    same(gen_ai::TOOL_TYPE, Form::Word),
    same(gen_ai::SERVER_ADDRESS, Form::Word),
    same(gen_ai::SERVER_PORT, Form::Count),
    same(gen_ai::ERROR_TYPE, Form::Word),
    same(gen_ai::TURNS, Form::Count),
    same(gen_ai::ENDING, Form::Word),
    same(gen_ai::STATEMENTS_KEPT, Form::Count),
    same(gen_ai::STATEMENTS_DROPPED, Form::Count),
];

const fn same(name: &'static str, form: Form) -> (&'static str, &'static str, Form) {
    (name, name, form)
}

/// Whether this is a span that may leave.
pub(crate) fn is_traced(of: &Metadata<'_>) -> bool {
    of.is_span() && SPANS.contains(&of.name()) && of.target().starts_with(OURS)
}

/// The span with nothing in it but names and counts. It is bounded: what a span was given, however long, is not kept.
pub(crate) fn lean(span: SpanData) -> SpanData {
    let mut attributes: Vec<KeyValue> = Vec::new();
    for KeyValue { key, value, .. } in span.attributes {
        let known = FIELDS.iter().find(|(field, ..)| *field == key.as_str());
        let Some((_, name, form)) = known else { continue };
        let Some(value) = fit(&value, *form) else { continue };
        // A field that is recorded again has its last value.
        attributes.retain(|other| other.key.as_str() != *name);
        attributes.push(KeyValue::new(Key::from_static_str(name), value));
    }
    // A field may have given it another one.
    let name = SPANS.iter().find(|name| **name == span.name).unwrap_or(&WITHHELD);
    SpanData {
        name: Cow::Borrowed(name),
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        span_kind: SpanKind::Internal,
        ..span
    }
}

fn fit(value: &Value, form: Form) -> Option<Value> {
    match (form, value) {
        (Form::Count, Value::I64(number)) => Some(Value::I64(*number)),
        // So `tracing` hands over what is unsigned.
        (Form::Count, Value::String(text)) => Some(Value::I64(text.as_str().parse().ok()?)),
        (Form::Count, _) | (_, Value::Bool(_) | Value::I64(_) | Value::F64(_) | Value::Array(_)) => None,
        (_, Value::String(text)) => {
            let text = text.as_str();
            let is_short = text.chars().nth(LONGEST).is_none();
            let is_name = !text.chars().any(|c| c.is_control() || (c.is_whitespace() && form != Form::Name));
            Some(Value::from(if is_short && is_name { text.to_owned() } else { WITHHELD.to_owned() }))
        }
        _ => None,
    }
}

/// The span as it leaves: without secrets, called as the conventions want it, with how it ended.
pub(crate) fn finished(mut span: SpanData) -> SpanData {
    for attribute in &mut span.attributes {
        if let Value::String(text) = &attribute.value {
            let clean = redact_everything(text.as_str()).0.into_owned();
            let is_list = FIELDS
                .iter()
                .any(|(_, name, form)| *form == Form::OneWord && *name == attribute.key.as_str());
            attribute.value = match is_list {
                true => Value::Array(Array::String(vec![StringValue::from(clean)])),
                false => Value::from(clean),
            };
        }
    }
    let text = |name: &str| {
        let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == name)?;
        match &found.value {
            Value::String(text) if text.as_str() != WITHHELD => Some(text.as_str().to_owned()),
            _ => None,
        }
    };
    let (subject, kind) = match span.name.as_ref() {
        gen_ai::CHAT => (text(gen_ai::REQUEST_MODEL), SpanKind::Client),
        gen_ai::EXECUTE_TOOL => (text(gen_ai::TOOL_NAME), SpanKind::Internal),
        gen_ai::INVOKE_AGENT => (text(gen_ai::AGENT_NAME), SpanKind::Internal),
        _ => (None, SpanKind::Internal),
    };
    let failed = span.attributes.iter().any(|attribute| attribute.key.as_str() == gen_ai::ERROR_TYPE);
    if let Some(subject) = subject {
        span.name = format!("{} {subject}", span.name).into();
    }
    span.span_kind = kind;
    span.status = if failed { Status::error("") } else { Status::Unset };
    span
}
