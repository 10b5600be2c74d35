//! Log records of a request. It must not know how the request was written.

use hearback_core::telemetry::{SpanId, TraceId};
use hearback_core::{ExternalText, LogRecord, LogSeverity};
use jiff::Timestamp;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1::LogRecord as Sent;

use crate::values::{MOST_TEXT, Sender, to_text};
use crate::{Encoding, OtlpError, Parsed, Rejected, times, wire};

/// Reads an `ExportLogsServiceRequest`. A record without a time gets that of its observation, else `received_at`.
/// Ids that are none are left out; no log record is rejected.
///
/// # Errors
/// [`OtlpError::Malformed`] if the body is no such request; [`OtlpError::TooMuch`] if it is more than is taken at once.
pub fn parse_logs(
    body: &[u8],
    encoding: Encoding,
    received_at: Timestamp,
) -> Result<Parsed<LogRecord>, OtlpError> {
    let request = wire::decode_logs(body, encoding)?;
    let mut records = Vec::new();
    for group in &request.resource_logs {
        let Some(sender) = Sender::of(group.resource.as_ref()) else { continue };
        for scope in &group.scope_logs {
            let read = |sent| to_record(sent, &sender, scope.scope.as_ref(), received_at);
            records.extend(scope.log_records.iter().map(read));
        }
    }
    Ok(Parsed { records, rejected: Rejected::default() })
}

fn to_record(
    sent: &Sent,
    sender: &Sender,
    scope: Option<&InstrumentationScope>,
    received_at: Timestamp,
) -> LogRecord {
    let at = times::from_unix_nano(sent.time_unix_nano)
        .or_else(|| times::from_unix_nano(sent.observed_time_unix_nano))
        .unwrap_or(received_at);
    let body = to_text(sent.body.as_ref(), MOST_TEXT);
    // An event says what happened by its name.
    let body = if body.is_blank() { ExternalText::capped(&sent.event_name, MOST_TEXT) } else { body };
    LogRecord {
        at,
        service: sender.service.clone(),
        version: sender.version.clone(),
        severity: severity(sent.severity_number, &sent.severity_text),
        body,
        attributes: sender.attributes(&sent.attributes, scope),
        trace: TraceId::from_bytes(&sent.trace_id),
        span: SpanId::from_bytes(&sent.span_id),
    }
}

/// The number, and if there is none the word: `WARN`, `Error2`.
fn severity(number: i32, word: &str) -> LogSeverity {
    match number {
        1..=24 => LogSeverity::from_number(number),
        _ => {
            let word = word.trim().trim_end_matches(|c: char| c.is_ascii_digit());
            LogSeverity::from_word(word).unwrap_or(LogSeverity::Info)
        }
    }
}
