//! What must hold of whatever is read from outside, besides that reading it ends. Shared by the targets; it must not
//! know how a parser works, only what it promises.

use std::collections::BTreeMap;

use hearback_core::{Change, ExternalText, LogRecord, SpanRecord};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// When all that is read was received: 2026-11-23T14:05:00Z.
pub const RECEIVED_AT: Timestamp = Timestamp::constant(1_795_442_700, 0);

/// The longest sentence, in bytes, that may answer a bad input.
const LONGEST_SENTENCE: usize = 1000;
/// Bytes of a record's text, of an attribute's value and of its key; attributes of a record. What the crate otlp says.
const MOST_TEXT: usize = 8 << 10;
const MOST_VALUE: usize = 1 << 10;
const MOST_ATTRIBUTES: usize = 32;

/// A refusal is one sentence that a terminal can show.
pub fn check_refusal(error: &impl std::fmt::Display) {
    check_sentence(&error.to_string());
}

/// A sentence for people holds something, is short, and has no control characters.
pub fn check_sentence(says: &str) {
    assert!(!says.trim().is_empty(), "an empty sentence");
    assert!(says.len() <= LONGEST_SENTENCE, "{} bytes: {says:?}", says.len());
    assert!(!says.contains(char::is_control), "control characters: {says:?}");
}

/// What is written as JSON is read back the same.
pub fn check_round_trip<T: Serialize + DeserializeOwned + PartialEq>(value: &T) {
    let text = serde_json::to_string(value).unwrap();
    let again: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    // ExternalText shows its length only, so the texts are compared and shown.
    assert!(again == *value, "{text}\n{}", serde_json::to_string(&again).unwrap());
}

/// A change can be kept, and has what every change has.
pub fn check_change(change: &Change) {
    check_round_trip(change);
    assert!(!change.id.as_str().is_empty());
    assert!(!change.title.is_blank(), "{:?} has no title", change.id);
    let link = change.link.as_deref().unwrap_or("https://");
    assert!(link.starts_with("https://") || link.starts_with("http://"), "{link:?}");
}

/// A log record can be kept, and keeps the limits.
pub fn check_log(record: &LogRecord) {
    check_round_trip(record);
    assert!(record.body.as_untrusted().len() <= MOST_TEXT);
    assert!(record.version.as_deref().unwrap_or_default().len() <= MOST_VALUE);
    check_attributes(&record.attributes);
}

/// Attributes keep the limits.
pub fn check_attributes(attributes: &BTreeMap<String, ExternalText>) {
    assert!(attributes.len() <= MOST_ATTRIBUTES, "{} attributes", attributes.len());
    for (key, value) in attributes {
        assert!(key.len() <= MOST_VALUE && value.as_untrusted().len() <= MOST_VALUE, "{key:?}");
    }
}

/// A span can be kept, and keeps the limits.
pub fn check_span(span: &SpanRecord) {
    check_round_trip(span);
    assert!(!span.duration.is_negative(), "{:?}", span.duration);
    for text in [&span.name, &span.message] {
        assert!(text.as_untrusted().len() <= MOST_VALUE);
    }
    check_attributes(&span.attributes);
}
