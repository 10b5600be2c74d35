//! What kind of letter it is: CloudEvents (structured, batch, binary), a bare CDEvent, or the plain form; and the
//! limits on its size. Must not know what stands inside.

use hearback_core::{Change, ExternalText};
use serde_json::Value;

use crate::event;
use crate::plain;

/// A longer body is refused unread.
pub const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;
/// More changes in one body are refused: send them in parts.
pub const MAX_CHANGES: usize = 1000;

/// Nothing of what was sent was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeFormError {
    /// Answer 413.
    #[error("{0}; send the changes in parts")]
    TooLarge(String),
    /// Answer 415.
    #[error(
        "content type \"{0}\" is not read; send application/json or, for CloudEvents, \
         application/cloudevents+json or application/cloudevents-batch+json"
    )]
    ContentType(String),
    /// Answer 400. It is not JSON, or not of a form that is read.
    #[error("{0}")]
    Malformed(String),
    /// Answer 400. One of several can't be read; `number` is counted from 1.
    #[error("change {number} of {of}: {why}; none was taken")]
    OneOf {
        /// Which.
        number: usize,
        /// How many were sent.
        of: usize,
        /// What is wrong with it.
        why: String,
    },
}

#[derive(Clone, Copy)]
enum Letter {
    /// `application/cloudevents+json`.
    Structured,
    /// `application/cloudevents-batch+json`.
    Batch,
    /// CloudEvents' context is in the headers.
    Binary,
    /// `application/json`: the body tells.
    Json,
}

/// Reads what was sent to us as changes. `header` gives the value of an HTTP header by its lower-case name; only
/// those of CloudEvents' binary mode (`ce-*`) are asked for. An event that tells of no change gives none: a test that
/// ran is no change of production, and its sender did nothing wrong.
///
/// # Errors
/// [`ChangeFormError`] in one plain sentence. It is all or nothing, so that a sender can mend and repeat.
pub fn parse_changes<'h>(
    content_type: &str,
    header: impl Fn(&str) -> Option<&'h str>,
    body: &[u8],
) -> Result<Vec<Change>, ChangeFormError> {
    if body.len() > MAX_BODY_BYTES {
        let says = format!("the body has {} bytes and {MAX_BODY_BYTES} are read at most", body.len());
        return Err(ChangeFormError::TooLarge(says));
    }
    let letter = letter(content_type, header("ce-specversion").is_some())?;
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        let what = if error.is_eof() { "ends too early" } else { "is not JSON" };
        let place = format!("line {}, column {}", error.line(), error.column());
        ChangeFormError::Malformed(format!("the body {what} ({place})"))
    })?;
    let refused = ChangeFormError::Malformed;
    match (letter, value) {
        (Letter::Structured, value) => event::in_cloud_event(value).map(Vec::from_iter).map_err(refused),
        (Letter::Binary, value) => {
            let attributes = event::Attributes {
                specversion: header("ce-specversion"),
                kind: header("ce-type"),
                id: header("ce-id"),
                source: header("ce-source"),
            };
            event::in_binary_mode(&attributes, value).map(Vec::from_iter).map_err(refused)
        }
        (Letter::Batch, Value::Array(events)) => each(events, event::in_cloud_event),
        (Letter::Batch, _) => Err(refused("a batch of CloudEvents is a JSON array".into())),
        (Letter::Json, Value::Array(items)) => each(items, any),
        (Letter::Json, value) => any(value).map(Vec::from_iter).map_err(refused),
    }
}

fn letter(content_type: &str, has_attributes: bool) -> Result<Letter, ChangeFormError> {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/cloudevents+json" => Ok(Letter::Structured),
        "application/cloudevents-batch+json" => Ok(Letter::Batch),
        "application/json" | "text/json" | "" if has_attributes => Ok(Letter::Binary),
        "application/json" | "text/json" | "" => Ok(Letter::Json),
        other => Err(ChangeFormError::ContentType(ExternalText::from(other).for_people(80))),
    }
}

/// By its fields: a CDEvent has `context` and `subject`, a CloudEvent `specversion` and `type`.
fn any(value: Value) -> Result<Option<Change>, String> {
    let has = |field| value.get(field).is_some();
    if has("context") && has("subject") {
        event::bare(value)
    } else if has("specversion") && has("type") {
        event::in_cloud_event(value)
    } else {
        plain::change(value).map(Some)
    }
}

fn each(
    items: Vec<Value>,
    read: fn(Value) -> Result<Option<Change>, String>,
) -> Result<Vec<Change>, ChangeFormError> {
    let of = items.len();
    if of > MAX_CHANGES {
        let says = format!("{of} changes were sent and {MAX_CHANGES} are read at once at most");
        return Err(ChangeFormError::TooLarge(says));
    }
    let mut changes = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let found = read(item).map_err(|why| ChangeFormError::OneOf { number: index + 1, of, why })?;
        changes.extend(found);
    }
    Ok(changes)
}
