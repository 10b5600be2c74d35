//! Takes secrets out of what is about to be written, string by string, and refuses what is too large to be an
//! entry. It must not know where it is written.

use hearback_core::entry::{Actor, Draft};
use hearback_core::ports::RecordError;
use hearback_core::redaction::{redact, redact_external};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The most text an entry's body may hold. What is larger belongs into a snapshot that an entry names.
pub(crate) const MAX_BODY_BYTES: usize = 4 << 20;

/// The draft as it may be written.
///
/// # Errors
/// [`RecordError::Refused`] if it is too large, or if a name in it (which can't be shortened) looks like a secret.
pub(crate) fn without_secrets_in_draft(draft: Draft) -> Result<Draft, RecordError> {
    let what = without_secrets(draft.what)?;
    let by = match draft.by {
        Actor::Person(name) => Actor::Person(redact_external(&name)),
        Actor::System(name) => Actor::System(redact(&name).0.into_owned()),
    };
    Ok(Draft { what, by, ..draft })
}

/// `value` with every string in it redacted; `value` itself if there was nothing to take out.
///
/// # Errors
/// As [`without_secrets_in_draft`].
pub(crate) fn without_secrets<T: Serialize + DeserializeOwned>(value: T) -> Result<T, RecordError> {
    let no_json =
        |error: serde_json::Error| RecordError::Refused(format!("it can't be written as JSON: {error}"));
    let mut json = serde_json::to_value(&value).map_err(no_json)?;
    let mut walk = Walk { hits: 0, bytes: 0 };
    walk.clean(&mut json);
    if walk.bytes > MAX_BODY_BYTES {
        return Err(RecordError::Refused(format!(
            "{:.1} MB of text are too much for one entry (at most {} MB): keep it as a snapshot and name that",
            walk.bytes as f64 / f64::from(1 << 20),
            MAX_BODY_BYTES >> 20
        )));
    }
    if walk.hits == 0 {
        return Ok(value);
    }
    serde_json::from_value(json).map_err(|_| {
        RecordError::Refused("a name or a link in it looks like a secret and can't be written down".into())
    })
}

struct Walk {
    hits: usize,
    bytes: usize,
}

impl Walk {
    /// Keys are left: they are the names of our own fields.
    fn clean(&mut self, json: &mut Value) {
        match json {
            Value::String(text) => {
                self.bytes += text.len();
                if self.bytes > MAX_BODY_BYTES {
                    return;
                }
                let (clean, hits) = redact(text);
                if hits > 0 {
                    self.hits += hits;
                    *text = clean.into_owned();
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.clean(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.clean(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}
