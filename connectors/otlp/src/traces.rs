//! Spans of a request. It must not know how the request was written.

use hearback_core::telemetry::{SpanId, SpanKind, SpanStatus, TraceId};
use hearback_core::{ExternalText, SpanRecord};
use jiff::{SignedDuration, Timestamp};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::trace::v1::Span as Sent;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as SentKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use crate::values::{MOST_VALUE, Sender, to_text};
use crate::{Encoding, OtlpError, Parsed, Rejected, times, wire};

/// Reads an `ExportTraceServiceRequest`. A span without a usable trace id or span id is rejected; one without a start
/// begins at its end, else at `received_at`.
///
/// # Errors
/// [`OtlpError::Malformed`] if the body is no such request; [`OtlpError::TooMuch`] if it is more than is taken at once.
pub fn parse_traces(
    body: &[u8],
    encoding: Encoding,
    received_at: Timestamp,
) -> Result<Parsed<SpanRecord>, OtlpError> {
    let request = wire::decode_traces(body, encoding)?;
    let (mut records, mut rejected, mut number) = (Vec::new(), Rejected::default(), 0usize);
    for group in &request.resource_spans {
        let Some(sender) = Sender::of(group.resource.as_ref()) else { continue };
        for scope in &group.scope_spans {
            for sent in &scope.spans {
                number += 1;
                match to_record(sent, &sender, scope.scope.as_ref(), received_at) {
                    Ok(record) => records.push(record),
                    Err(why) => rejected.add(|| format!("span {number}: {why}")),
                }
            }
        }
    }
    Ok(Parsed { records, rejected })
}

fn to_record(
    sent: &Sent,
    sender: &Sender,
    scope: Option<&InstrumentationScope>,
    received_at: Timestamp,
) -> Result<SpanRecord, &'static str> {
    let ended_at = times::from_unix_nano(sent.end_time_unix_nano);
    let started_at = times::from_unix_nano(sent.start_time_unix_nano).or(ended_at).unwrap_or(received_at);
    let duration = ended_at.map_or(SignedDuration::ZERO, |ended_at| ended_at.duration_since(started_at));
    let status = sent.status.as_ref();
    let said = ExternalText::capped(status.map_or("", |status| &status.message), MOST_VALUE);
    Ok(SpanRecord {
        trace: TraceId::from_bytes(&sent.trace_id).ok_or("its trace id is not 16 bytes, not all zero")?,
        span: SpanId::from_bytes(&sent.span_id).ok_or("its span id is not 8 bytes, not all zero")?,
        parent: SpanId::from_bytes(&sent.parent_span_id),
        service: sender.service.clone(),
        version: sender.version.clone(),
        name: ExternalText::capped(&sent.name, MOST_VALUE),
        kind: match SentKind::try_from(sent.kind) {
            Ok(SentKind::Server) => SpanKind::Server,
            Ok(SentKind::Client) => SpanKind::Client,
            Ok(SentKind::Producer) => SpanKind::Producer,
            Ok(SentKind::Consumer) => SpanKind::Consumer,
            // What the specification asks for when it is not said.
            Ok(SentKind::Internal | SentKind::Unspecified) | Err(_) => SpanKind::Internal,
        },
        started_at,
        duration: duration.max(SignedDuration::ZERO),
        status: match status.map(|status| StatusCode::try_from(status.code)) {
            Some(Ok(StatusCode::Ok)) => SpanStatus::Ok,
            Some(Ok(StatusCode::Error)) => SpanStatus::Error,
            _ => SpanStatus::Unset,
        },
        message: if said.is_blank() { exception(sent) } else { said },
        attributes: sender.attributes(&sent.attributes, scope),
    })
}

/// The last exception that the span recorded: its type and message.
fn exception(sent: &Sent) -> ExternalText {
    let Some(event) = sent.events.iter().rev().find(|event| event.name == "exception") else {
        return ExternalText::default();
    };
    let find = |key: &str| {
        let value = event.attributes.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.as_ref());
        to_text(value, MOST_VALUE)
    };
    let (what, why) = (find("exception.type"), find("exception.message"));
    let said = [what.as_untrusted(), why.as_untrusted()].into_iter().filter(|part| !part.trim().is_empty());
    ExternalText::capped(&said.collect::<Vec<_>>().join(": "), MOST_VALUE)
}
