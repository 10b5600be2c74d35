//! What is done to telemetry before it is queued: secrets out, sizes capped, the wording made. It must not know the
//! files.

use std::collections::BTreeMap;

use hearback_core::redaction::redact_everything;
use hearback_core::wording::wording;
use hearback_core::{ExternalText, LogRecord, SpanRecord};

/// Bytes of a text; senders' adapters cap earlier and lower.
const MOST_TEXT: usize = 16 << 10;
/// Bytes of an attribute's value, a key or a version.
const MOST_VALUE: usize = 2 << 10;
/// Attributes of a record.
const MOST_ATTRIBUTES: usize = 64;
/// Bytes a record takes beside its texts, in memory and on disk, indexes included.
const BESIDE_TEXT: u64 = 256;

/// A log record as it is written down.
pub(crate) struct LogRow {
    pub record: LogRecord,
    pub wording: String,
    /// JSON; none if there are no attributes.
    pub attributes: Option<String>,
}

/// A span as it is written down.
pub(crate) struct SpanRow {
    pub record: SpanRecord,
    /// JSON; none if there are no attributes.
    pub attributes: Option<String>,
}

/// What one request brought.
pub(crate) enum Rows {
    Logs(Vec<LogRow>),
    Spans(Vec<SpanRow>),
}

impl Rows {
    pub fn len(&self) -> usize {
        match self {
            Rows::Logs(rows) => rows.len(),
            Rows::Spans(rows) => rows.len(),
        }
    }
}

/// Bytes that a log record takes, about.
pub(crate) fn weight_of_log(log: &LogRecord) -> u64 {
    text_bytes(&log.body) + attribute_bytes(&log.attributes) + BESIDE_TEXT
}

/// Bytes that a span takes, about.
pub(crate) fn weight_of_span(span: &SpanRecord) -> u64 {
    text_bytes(&span.name) + text_bytes(&span.message) + attribute_bytes(&span.attributes) + BESIDE_TEXT
}

fn text_bytes(text: &ExternalText) -> u64 {
    text.as_untrusted().len() as u64
}

fn attribute_bytes(attributes: &BTreeMap<String, ExternalText>) -> u64 {
    attributes.iter().map(|(key, value)| key.len() as u64 + text_bytes(value)).sum()
}

pub(crate) fn prepare_logs(logs: Vec<LogRecord>) -> Rows {
    Rows::Logs(logs.into_iter().map(prepare_log).collect())
}

pub(crate) fn prepare_spans(spans: Vec<SpanRecord>) -> Rows {
    Rows::Spans(spans.into_iter().map(prepare_span).collect())
}

fn prepare_log(mut record: LogRecord) -> LogRow {
    cap(&mut record.body, MOST_TEXT);
    clean(&mut [&mut record.body], &mut record.version, &mut record.attributes);
    let wording = wording(record.body.as_untrusted());
    let attributes = to_json(&record.attributes);
    LogRow { record, wording, attributes }
}

fn prepare_span(mut record: SpanRecord) -> SpanRow {
    cap(&mut record.name, MOST_VALUE);
    cap(&mut record.message, MOST_TEXT);
    clean(&mut [&mut record.name, &mut record.message], &mut record.version, &mut record.attributes);
    let attributes = to_json(&record.attributes);
    SpanRow { record, attributes }
}

fn to_json(attributes: &BTreeMap<String, ExternalText>) -> Option<String> {
    if attributes.is_empty() { None } else { serde_json::to_string(attributes).ok() }
}

fn cap(text: &mut ExternalText, bytes: usize) {
    if text.as_untrusted().len() > bytes {
        *text = ExternalText::capped(text.as_untrusted(), bytes);
    }
}

/// Takes secrets and e-mail addresses out of everything a record says: nobody is looked up by them here. One look at all of it together is enough for nearly every record;
/// only if it finds something, each part is redacted.
fn clean(
    texts: &mut [&mut ExternalText],
    version: &mut Option<String>,
    attributes: &mut BTreeMap<String, ExternalText>,
) {
    while attributes.len() > MOST_ATTRIBUTES {
        attributes.pop_last();
    }
    attributes.values_mut().for_each(|value| cap(value, MOST_VALUE));
    attributes.retain(|key, _| key.len() <= MOST_VALUE);
    if let Some(long) = version.as_mut().filter(|version| version.len() > MOST_VALUE) {
        *long = ExternalText::capped(long, MOST_VALUE).as_untrusted().to_owned();
    }
    let mut all = String::new();
    texts.iter().for_each(|text| push_line(&mut all, &[text.as_untrusted()]));
    version.iter().for_each(|version| push_line(&mut all, &[version]));
    attributes.iter().for_each(|(key, value)| push_line(&mut all, &[key, "=", value.as_untrusted()]));
    if redact_everything(&all).1 == 0 {
        return;
    }
    texts.iter_mut().for_each(|text| **text = ExternalText::new(redact_everything(text.as_untrusted()).0));
    *version = version.take().map(|version| redact_everything(&version).0.into_owned());
    *attributes =
        std::mem::take(attributes).into_iter().map(|(key, value)| clean_pair(&key, &value)).collect();
}

fn push_line(all: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| all.push_str(part));
    all.push('\n');
}

/// An attribute called `password` says what its value is: the pair is redacted as one text.
fn clean_pair(key: &str, value: &ExternalText) -> (String, ExternalText) {
    let key = redact_everything(key).0.into_owned();
    let pair = format!("{key}={}", value.as_untrusted());
    let cleaned = redact_everything(&pair).0;
    let value = match cleaned.strip_prefix(&key).and_then(|rest| rest.strip_prefix('=')) {
        Some(value) => ExternalText::new(value),
        None => ExternalText::new(redact_everything(value.as_untrusted()).0),
    };
    (key, value)
}

#[cfg(test)]
mod tests {
    use hearback_core::{LogSeverity, ServiceName};
    use jiff::Timestamp;

    use super::*;

    fn log(body: &str, attributes: &[(&str, &str)]) -> LogRecord {
        LogRecord {
            at: Timestamp::UNIX_EPOCH,
            service: ServiceName::new("cart").unwrap(),
            version: None,
            severity: LogSeverity::Info,
            body: body.into(),
            attributes: attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect(),
            trace: None,
            span: None,
        }
    }

    #[test]
    fn secrets_go_from_texts_values_and_wordings() {
        let row = prepare_log(log(
            "ana@shop.example: login with password=correct-horse at 10:04",
            &[("db.password", "hunter22"), ("url", "amqp://app:hunter22@mq"), ("region", "eu-1")],
        ));
        assert_eq!(
            row.record.body.as_untrusted(),
            "[redacted: e-mail address]: login with password=[redacted: password] at 10:04"
        );
        assert_eq!(
            row.wording,
            "[redacted: e-mail address]: login with password=[redacted: password] at <*>"
        );
        assert_eq!(
            row.attributes.as_deref(),
            Some(
                r#"{"db.password":"[redacted: password]","region":"eu-1","url":"amqp://app:[redacted: password in a URL]@mq"}"#
            )
        );
    }

    #[test]
    fn what_is_too_long_is_cut() {
        let many: Vec<(String, String)> =
            (0..100).map(|number| (format!("key-{number}"), "é".repeat(4000))).collect();
        let pairs: Vec<(&str, &str)> =
            many.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let row = prepare_log(log(&"x".repeat(100_000), &pairs));
        assert_eq!(row.record.body.as_untrusted().len(), MOST_TEXT);
        assert_eq!(row.record.attributes.len(), MOST_ATTRIBUTES);
        assert!(row.record.attributes.values().all(|value| value.as_untrusted().len() <= MOST_VALUE));
    }
}
