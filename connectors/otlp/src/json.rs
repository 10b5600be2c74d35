//! OTLP's JSON to its messages. The JSON of protobuf 3 with OTLP's own rules (OTLP 1.x, "JSON Protobuf Encoding"):
//! trace and span ids in hexadecimal, enumerations as numbers, unknown fields ignored.
//!
//! The crate's own reader refuses what the rules allow: a list without `values`, an attribute without `key`, `null`
//! for a list, `"NaN"` for a double, 64-bit numbers in exponent form; and one wrong field costs it the whole request.
//! This one reads all of these, names of enumerations too, and takes a value that makes no sense as none.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, Status, span, status::StatusCode,
};
use serde_json::Value;

use crate::scan::too_many;
use crate::{MOST_RECORDS, OtlpError};

pub(crate) fn read_logs(body: &Value) -> Result<ExportLogsServiceRequest, OtlpError> {
    let groups = groups(body, "resourceLogs")?;
    check_count(groups, "scopeLogs", "logRecords", "log records")?;
    let resource_logs = groups.iter().map(|group| ResourceLogs {
        resource: group.get("resource").map(resource),
        scope_logs: list(group, "scopeLogs").iter().map(scope_logs).collect(),
        schema_url: text(group, "schemaUrl"),
    });
    Ok(ExportLogsServiceRequest { resource_logs: resource_logs.collect() })
}

pub(crate) fn read_traces(body: &Value) -> Result<ExportTraceServiceRequest, OtlpError> {
    let groups = groups(body, "resourceSpans")?;
    check_count(groups, "scopeSpans", "spans", "spans")?;
    let resource_spans = groups.iter().map(|group| ResourceSpans {
        resource: group.get("resource").map(resource),
        scope_spans: list(group, "scopeSpans").iter().map(scope_spans).collect(),
        schema_url: text(group, "schemaUrl"),
    });
    Ok(ExportTraceServiceRequest { resource_spans: resource_spans.collect() })
}

/// The groups of a request. No groups are none; anything else in their place is no request.
fn groups<'a>(body: &'a Value, name: &str) -> Result<&'a [Value], OtlpError> {
    let wrong = |what: &str| OtlpError::Malformed(format!("the body is no OTLP request in JSON: {what}"));
    let object = body.as_object().ok_or_else(|| wrong("it is not an object"))?;
    match object.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(groups)) => Ok(groups),
        Some(_) => Err(wrong(&format!("its \"{name}\" is not a list"))),
    }
}

/// Something else where a list of groups, scopes or records belongs would lose them all without a word.
fn check_lists(groups: &[Value], scopes: &str, records: &str) -> Result<(), OtlpError> {
    let is_list = |value: &Value, name: &str| {
        value
            .as_object()
            .is_some_and(|fields| matches!(fields.get(name), None | Some(Value::Null | Value::Array(_))))
    };
    let wrong = |name: &str| {
        Err(OtlpError::Malformed(format!("the body is no OTLP request in JSON: \"{name}\" is not a list")))
    };
    if !groups.iter().all(|group| is_list(group, scopes)) {
        return wrong(scopes);
    }
    if !groups.iter().flat_map(|group| list(group, scopes)).all(|scope| is_list(scope, records)) {
        return wrong(records);
    }
    Ok(())
}

fn check_count(groups: &[Value], scopes: &str, records: &str, what: &str) -> Result<(), OtlpError> {
    check_lists(groups, scopes, records)?;
    let in_scopes =
        groups.iter().flat_map(|group| list(group, scopes)).map(|scope| list(scope, records).len());
    if in_scopes.sum::<usize>() > MOST_RECORDS { Err(too_many(MOST_RECORDS, what)) } else { Ok(()) }
}

fn scope_logs(value: &Value) -> ScopeLogs {
    ScopeLogs {
        scope: value.get("scope").map(scope),
        log_records: list(value, "logRecords").iter().map(log_record).collect(),
        schema_url: text(value, "schemaUrl"),
    }
}

fn log_record(value: &Value) -> LogRecord {
    let severity = |name: &str| SeverityNumber::from_str_name(name).map(|number| number as i32);
    LogRecord {
        time_unix_nano: unsigned(value, "timeUnixNano"),
        observed_time_unix_nano: unsigned(value, "observedTimeUnixNano"),
        severity_number: choice(value, "severityNumber", severity),
        severity_text: text(value, "severityText"),
        body: value.get("body").map(any_value),
        attributes: attributes(value),
        dropped_attributes_count: count(value, "droppedAttributesCount"),
        flags: count(value, "flags"),
        trace_id: hex(value, "traceId"),
        span_id: hex(value, "spanId"),
        event_name: text(value, "eventName"),
    }
}

fn scope_spans(value: &Value) -> ScopeSpans {
    ScopeSpans {
        scope: value.get("scope").map(scope),
        spans: list(value, "spans").iter().map(read_span).collect(),
        schema_url: text(value, "schemaUrl"),
    }
}

fn read_span(value: &Value) -> Span {
    let kind = |name: &str| span::SpanKind::from_str_name(name).map(|kind| kind as i32);
    let code = |name: &str| StatusCode::from_str_name(name).map(|code| code as i32);
    Span {
        trace_id: hex(value, "traceId"),
        span_id: hex(value, "spanId"),
        trace_state: text(value, "traceState"),
        parent_span_id: hex(value, "parentSpanId"),
        flags: count(value, "flags"),
        name: text(value, "name"),
        kind: choice(value, "kind", kind),
        start_time_unix_nano: unsigned(value, "startTimeUnixNano"),
        end_time_unix_nano: unsigned(value, "endTimeUnixNano"),
        attributes: attributes(value),
        dropped_attributes_count: count(value, "droppedAttributesCount"),
        events: list(value, "events").iter().map(event).collect(),
        dropped_events_count: count(value, "droppedEventsCount"),
        // Links are not kept.
        links: Vec::new(),
        dropped_links_count: count(value, "droppedLinksCount"),
        status: value
            .get("status")
            .map(|status| Status { message: text(status, "message"), code: choice(status, "code", code) }),
    }
}

fn event(value: &Value) -> span::Event {
    span::Event {
        time_unix_nano: unsigned(value, "timeUnixNano"),
        name: text(value, "name"),
        attributes: attributes(value),
        dropped_attributes_count: count(value, "droppedAttributesCount"),
    }
}

fn resource(value: &Value) -> Resource {
    Resource {
        attributes: attributes(value),
        dropped_attributes_count: count(value, "droppedAttributesCount"),
        entity_refs: Vec::new(),
    }
}

fn scope(value: &Value) -> InstrumentationScope {
    InstrumentationScope {
        name: text(value, "name"),
        version: text(value, "version"),
        attributes: attributes(value),
        dropped_attributes_count: count(value, "droppedAttributesCount"),
    }
}

fn attributes(value: &Value) -> Vec<KeyValue> {
    list(value, "attributes").iter().map(key_value).collect()
}

fn key_value(value: &Value) -> KeyValue {
    KeyValue { key: text(value, "key"), value: value.get("value").map(any_value), key_strindex: 0 }
}

/// A value of any kind. The depth is bounded by what the scan let through.
fn any_value(value: &Value) -> AnyValue {
    use any_value::Value as Kind;
    let kind = value.as_object().and_then(|fields| {
        fields.iter().find_map(|(kind, value)| {
            Some(match kind.as_str() {
                "stringValue" => Kind::StringValue(value.as_str()?.to_owned()),
                "boolValue" => Kind::BoolValue(value.as_bool()?),
                "intValue" => Kind::IntValue(signed(value)?),
                "doubleValue" => Kind::DoubleValue(double(value)?),
                "arrayValue" => Kind::ArrayValue(ArrayValue {
                    values: list(value, "values").iter().map(any_value).collect(),
                }),
                "kvlistValue" => Kind::KvlistValue(KeyValueList {
                    values: list(value, "values").iter().map(key_value).collect(),
                }),
                // Base64 stays as it was written: it is shown, never decoded.
                "bytesValue" => Kind::StringValue(value.as_str()?.to_owned()),
                _ => return None,
            })
        })
    });
    AnyValue { value: kind }
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn double(value: &Value) -> Option<f64> {
    // "NaN", "Infinity" and "-Infinity" are written as text.
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn signed(value: &Value) -> Option<i64> {
    let from_text = || value.as_str()?.parse().ok();
    value.as_i64().or_else(from_text).or_else(|| whole(value).map(|number| number as i64))
}

fn unsigned(value: &Value, name: &str) -> u64 {
    let Some(value) = value.get(name) else { return 0 };
    let from_text = || value.as_str()?.parse().ok();
    let number = value.as_u64().or_else(from_text).or_else(|| whole(value).map(|number| number as u64));
    number.unwrap_or_default()
}

/// A whole number in exponent form.
fn whole(value: &Value) -> Option<f64> {
    double(value).filter(|number| number.is_finite() && number.fract() == 0.0)
}

fn count(value: &Value, name: &str) -> u32 {
    u32::try_from(unsigned(value, name)).unwrap_or(u32::MAX)
}

fn choice(value: &Value, name: &str, by_name: impl Fn(&str) -> Option<i32>) -> i32 {
    let Some(value) = value.get(name) else { return 0 };
    let number = signed(value).and_then(|number| i32::try_from(number).ok());
    number.or_else(|| by_name(value.as_str()?)).unwrap_or_default()
}

/// The bytes of an id; text that is not hexadecimal is no id.
fn hex(value: &Value, name: &str) -> Vec<u8> {
    let digits = value.get(name).and_then(Value::as_str).unwrap_or_default();
    let pairs = digits.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(((*high as char).to_digit(16)? << 4 | (*low as char).to_digit(16)?) as u8),
        _ => None,
    });
    // Ids have 16 bytes: what is longer is cut rather than copied.
    pairs.take(64).collect::<Option<Vec<u8>>>().unwrap_or_default()
}
