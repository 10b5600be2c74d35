//! Log records in lines: objects of JSON with the field names that loggers use, or plain text. It must not know files.

use std::collections::BTreeMap;

use hearback_core::telemetry::{SpanId, TraceId};
use hearback_core::{ExternalText, LogRecord, LogSeverity, ServiceName};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::scan::{check_json, too_many};
use crate::times;
use crate::values::{MOST_ATTRIBUTES, MOST_TEXT, MOST_VALUE};
use crate::{MOST_RECORDS, OtlpError, Parsed, Rejected};

/// Bytes of a line.
const MOST_LINE: usize = 256 << 10;
/// Words at the beginning of a line of text among which its severity is looked for.
const MOST_WORDS: usize = 8;

const TIMES: &[&str] = &["timestamp", "@timestamp", "time", "ts", "datetime", "date", "timeUnixNano", "t"];
const SEVERITIES: &[&str] =
    &["level", "severity", "lvl", "log.level", "severityText", "severity_text", "levelname", "loglevel"];
const BODIES: &[&str] = &["message", "msg", "body", "log", "text", "event"];
const SERVICES: &[&str] =
    &["service.name", "service", "service_name", "serviceName", "app", "application", "logger"];
const VERSIONS: &[&str] = &["service.version", "version", "service_version"];
const TRACES: &[&str] = &["trace_id", "traceId", "trace.id", "traceID", "trace"];
const SPANS: &[&str] = &["span_id", "spanId", "span.id", "spanID", "span"];

/// What a line that does not say it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineDefaults {
    /// When the line was received.
    pub received_at: Timestamp,
    /// Who wrote it; `None` is `unknown_service`.
    pub service: Option<ServiceName>,
}

/// Reads lines. An empty line is none; a line that can't be read is counted, and the first named by its number.
///
/// # Errors
/// [`OtlpError::TooMuch`] if there are more than [`MOST_RECORDS`] lines.
pub fn parse_lines(body: &[u8], defaults: &LineDefaults) -> Result<Parsed<LogRecord>, OtlpError> {
    let (mut records, mut rejected) = (Vec::new(), Rejected::default());
    for (index, line) in body.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        if records.len() + rejected.count == MOST_RECORDS {
            return Err(too_many(MOST_RECORDS, "lines"));
        }
        match parse_line(line, defaults) {
            Ok(record) => records.push(record),
            Err(why) => rejected.add(|| format!("line {}: {why}", index + 1)),
        }
    }
    Ok(Parsed { records, rejected })
}

/// Reads one line, without its end.
///
/// # Errors
/// A phrase: the line is too long, is not UTF-8, or begins as an object of JSON and is none.
pub fn parse_line(line: &[u8], defaults: &LineDefaults) -> Result<LogRecord, String> {
    if line.len() > MOST_LINE {
        return Err(format!("longer than {MOST_LINE} bytes"));
    }
    let text = std::str::from_utf8(line).map_err(|_| "not UTF-8")?;
    // Some programs begin a file with a byte order mark.
    let text = text.trim_start_matches('\u{feff}').trim();
    let begins_as_object =
        text.strip_prefix('{').is_some_and(|rest| rest.trim_start().starts_with(['"', '}']));
    if !begins_as_object {
        return from_text(text, defaults);
    }
    check_json(line).map_err(|_| "nested too deep")?;
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => from_object(text, &fields, defaults),
        _ => Err("not a whole object of JSON".to_owned()),
    }
}

fn unknown_service(defaults: &LineDefaults) -> Result<ServiceName, String> {
    let service = defaults.service.clone().or_else(|| ServiceName::nearest("unknown_service"));
    service.ok_or_else(|| "no service".to_owned())
}

/// A line of text. A time at its beginning and a severity among its first words are read; the text stays whole.
fn from_text(text: &str, defaults: &LineDefaults) -> Result<LogRecord, String> {
    let mut words = text.split_whitespace().map(|word| word.trim_matches(['[', ']']));
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    // A number, or a date alone, may be anything; a time of day says that it is a time.
    let time = |text: &str| times::from_text(text).filter(|_| text.contains('-') && text.contains(':'));
    let at = time(first).or_else(|| time(&format!("{first} {second}"))).unwrap_or(defaults.received_at);
    Ok(LogRecord {
        at,
        service: unknown_service(defaults)?,
        version: None,
        severity: severity_in(text),
        body: ExternalText::capped(text, MOST_TEXT),
        attributes: BTreeMap::new(),
        trace: None,
        span: None,
    })
}

/// The first severity among the first words: `[ERROR]`, `WARN:`, `level=error`. A word in small letters counts only
/// with its mark: "info" and "error" are words of sentences too.
fn severity_in(text: &str) -> LogSeverity {
    let is_mark = |c: char| !c.is_ascii_alphanumeric();
    let severity = |word: &str| {
        let (key, value) = word.split_once('=').unwrap_or(("", word));
        let named = matches!(key, "level" | "lvl" | "severity");
        let bare = value.trim_matches(is_mark);
        let marked = bare.len() < value.len() && value.starts_with(['[', '<', '(']);
        let loud = bare.len() > 1 && bare.bytes().all(|byte| byte.is_ascii_uppercase());
        if named || marked || loud { LogSeverity::from_word(bare).filter(|_| bare.len() > 1) } else { None }
    };
    text.split_whitespace().take(MOST_WORDS).find_map(severity).unwrap_or(LogSeverity::Info)
}

fn from_object(
    text: &str,
    fields: &Map<String, Value>,
    defaults: &LineDefaults,
) -> Result<LogRecord, String> {
    let mut taken = Vec::new();
    let at = read(fields, TIMES, &mut taken, times::from_field);
    let severity = read(fields, SEVERITIES, &mut taken, severity_of);
    let body = read(fields, BODIES, &mut taken, |value| (!value.is_null()).then(|| scalar(value, MOST_TEXT)));
    let version =
        read(fields, VERSIONS, &mut taken, |value| value.is_string().then(|| scalar(value, MOST_VALUE)));
    let trace = read(fields, TRACES, &mut taken, |value| TraceId::from_hex(value.as_str()?));
    let span = read(fields, SPANS, &mut taken, |value| SpanId::from_hex(value.as_str()?));
    let mut named = Vec::new();
    let service = read(fields, SERVICES, &mut named, |value| ServiceName::nearest(value.as_str()?));
    // An application or a logger only stands in for the service: it stays among the attributes.
    taken.extend(named.into_iter().filter(|name| name.starts_with("service")));
    let service = match service {
        Some(service) => service,
        None => unknown_service(defaults)?,
    };
    // An object is taken when all that it holds is.
    let is_taken = |key: &str, value: &Value| {
        let inner = |inner: &str| taken.iter().any(|name| name.split_once('.') == Some((key, inner)));
        taken.contains(&key)
            || value.as_object().is_some_and(|held| !held.is_empty() && held.keys().all(|key| inner(key)))
    };
    let others = fields.iter().filter(|(key, value)| !value.is_null() && !is_taken(key, value));
    let attributes = others.take(MOST_ATTRIBUTES).map(|(key, value)| {
        (ExternalText::capped(key, MOST_VALUE).as_untrusted().to_owned(), scalar(value, MOST_VALUE))
    });
    Ok(LogRecord {
        at: at.unwrap_or(defaults.received_at),
        service,
        version: version.map(|version| version.as_untrusted().to_owned()),
        severity: severity.unwrap_or(LogSeverity::Info),
        body: body.unwrap_or_else(|| ExternalText::capped(text, MOST_TEXT)),
        attributes: attributes.collect(),
        trace,
        span,
    })
}

/// The first of some fields that can be read; its name joins what is taken, and is not repeated as an attribute.
fn read<T>(
    fields: &Map<String, Value>,
    names: &[&'static str],
    taken: &mut Vec<&'static str>,
    read: impl Fn(&Value) -> Option<T>,
) -> Option<T> {
    names.iter().find_map(|name| {
        let found = read(field(fields, name)?)?;
        taken.push(name);
        Some(found)
    })
}

/// A field by its name; a name with a dot may also be an object in an object.
fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields.get(name).or_else(|| {
        let (outer, inner) = name.split_once('.')?;
        fields.get(outer)?.get(inner)
    })
}

/// A word, or a number of bunyan and pino: 10 is trace, 60 fatal.
fn severity_of(value: &Value) -> Option<LogSeverity> {
    match value {
        Value::String(word) => LogSeverity::from_word(word),
        Value::Number(number) => Some(match number.as_u64()? {
            10..20 => LogSeverity::Trace,
            20..30 => LogSeverity::Debug,
            30..40 => LogSeverity::Info,
            40..50 => LogSeverity::Warn,
            50..60 => LogSeverity::Error,
            60..100 => LogSeverity::Fatal,
            _ => return None,
        }),
        _ => None,
    }
}

fn scalar(value: &Value, most: usize) -> ExternalText {
    match value {
        Value::String(text) => ExternalText::capped(text, most),
        other => ExternalText::capped(&other.to_string(), most),
    }
}
