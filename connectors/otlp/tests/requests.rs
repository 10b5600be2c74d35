//! Requests as SDKs and collectors send them: bytes of the published messages, and JSON by the specification's rules.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test program")]

use std::collections::BTreeMap;

use hearback_core::telemetry::{SpanKind, SpanStatus};
use hearback_core::{ExternalText, LogRecord, LogSeverity};
use hearback_otlp::{Encoding, Parsed, parse_logs, parse_traces};
use jiff::{SignedDuration, Timestamp};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord as Sent, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use prost::Message;
use serde_json::json;

const TIME_NS: u64 = 1_700_000_000_123_456_789;

fn received_at() -> Timestamp {
    "2026-11-23T14:05:00Z".parse().unwrap()
}

fn value(value: Value) -> Option<AnyValue> {
    Some(AnyValue { value: Some(value) })
}

fn text(text: &str) -> Option<AnyValue> {
    value(Value::StringValue(text.into()))
}

fn pair(key: &str, value: Option<AnyValue>) -> KeyValue {
    KeyValue { key: key.into(), value, key_strindex: 0 }
}

fn resource() -> Option<Resource> {
    let attributes = vec![
        pair("service.name", text("check out")),
        pair("service.version", text("1.4.2")),
        pair("deployment.environment.name", text("prod")),
        pair("telemetry.sdk.name", text("opentelemetry")),
    ];
    Some(Resource { attributes, ..Default::default() })
}

fn nested() -> Option<AnyValue> {
    let list = ArrayValue {
        values: vec![
            AnyValue { value: Some(Value::IntValue(-3)) },
            AnyValue { value: Some(Value::DoubleValue(0.5)) },
            AnyValue { value: None },
            AnyValue { value: Some(Value::BytesValue(vec![1, 255])) },
        ],
    };
    let values =
        vec![pair("list \"1\"", value(Value::ArrayValue(list))), pair("ok", value(Value::BoolValue(true)))];
    value(Value::KvlistValue(KeyValueList { values }))
}

fn request(records: Vec<Sent>) -> ExportLogsServiceRequest {
    let scope = Some(InstrumentationScope { name: "shop.cart".into(), ..Default::default() });
    let scope_logs = vec![ScopeLogs { scope, log_records: records, ..Default::default() }];
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs { resource: resource(), scope_logs, ..Default::default() }],
    }
}

fn sent() -> Sent {
    Sent {
        time_unix_nano: TIME_NS,
        observed_time_unix_nano: TIME_NS + 1,
        severity_number: 17,
        severity_text: "ERROR".into(),
        body: text("payment 17 failed"),
        attributes: vec![pair("attempt", value(Value::IntValue(3))), pair("context", nested())],
        trace_id: (1..=16).collect(),
        span_id: (1..=8).collect(),
        ..Default::default()
    }
}

fn attributes(pairs: &[(&str, &str)]) -> BTreeMap<String, ExternalText> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect()
}

/// One record, through both encodings: the published types' own bytes, and their own JSON.
fn one(sent: Sent) -> LogRecord {
    let request = request(vec![sent]);
    let binary = parse_logs(&request.encode_to_vec(), Encoding::Protobuf, received_at()).unwrap();
    let written = serde_json::to_vec(&request).unwrap();
    let json = parse_logs(&written, Encoding::Json, received_at()).unwrap();
    // Bytes are hexadecimal digits from protobuf and stay base64 from JSON; all else is the same.
    let plain = |parsed: &Parsed<LogRecord>| {
        let mut record = parsed.records[0].clone();
        record.attributes.remove("context");
        record
    };
    assert_eq!(plain(&binary), plain(&json));
    binary.records.into_iter().next().unwrap()
}

#[test]
fn a_log_record_is_read_with_all_it_says() {
    let record = one(sent());
    assert_eq!(record.at.as_nanosecond(), i128::from(TIME_NS));
    assert_eq!((record.service.as_str(), record.version.as_deref()), ("check_out", Some("1.4.2")));
    assert_eq!((record.severity, record.body.as_untrusted()), (LogSeverity::Error, "payment 17 failed"));
    assert_eq!(record.trace.unwrap().to_string(), "0102030405060708090a0b0c0d0e0f10");
    assert_eq!(record.span.unwrap().to_string(), "0102030405060708");
    let expect = [
        ("attempt", "3"),
        ("context", r#"{"list \"1\"":[-3,0.5,null,"01ff"],"ok":true}"#),
        ("deployment.environment", "prod"),
        ("otel.scope.name", "shop.cart"),
    ];
    assert_eq!(record.attributes, attributes(&expect));
}

#[test]
fn a_record_without_a_time_gets_that_of_its_observation_or_arrival() {
    let with = |time_unix_nano, observed_time_unix_nano| {
        one(Sent { time_unix_nano, observed_time_unix_nano, ..sent() }).at
    };
    assert_eq!(with(0, TIME_NS).as_nanosecond(), i128::from(TIME_NS));
    assert_eq!(with(0, 0), received_at());
    assert_eq!(with(u64::MAX, 0).as_nanosecond(), i128::from(u64::MAX));
}

#[test]
fn the_severity_is_the_number_and_then_the_word() {
    for (number, word, expect) in [
        (21, "info", LogSeverity::Fatal),
        (0, "WARNING", LogSeverity::Warn),
        (0, "Error2", LogSeverity::Error),
        (0, "loud", LogSeverity::Info),
        (99, "debug", LogSeverity::Debug),
        (-1, "", LogSeverity::Info),
    ] {
        let record = one(Sent { severity_number: number, severity_text: word.into(), ..sent() });
        assert_eq!(record.severity, expect, "{number} {word}");
    }
}

#[test]
fn ids_that_are_none_are_left_out() {
    for (trace_id, span_id) in [(vec![], vec![]), (vec![0; 16], vec![0; 8]), (vec![1; 15], vec![1; 9])] {
        let record = one(Sent { trace_id, span_id, ..sent() });
        assert_eq!((record.trace, record.span), (None, None));
    }
}

#[test]
fn what_is_long_is_cut_at_a_character() {
    let many = (0..100).map(|number| pair(&format!("key{number:02}"), text(&"é".repeat(2000)))).collect();
    let record = one(Sent { body: text(&"é".repeat(20_000)), attributes: many, ..sent() });
    assert_eq!(record.body.as_untrusted().len(), 8 << 10);
    assert_eq!(record.attributes.len(), 32);
    assert!(record.attributes.values().all(|value| value.as_untrusted().len() <= 1024));
    assert!(record.attributes.contains_key("key30") && !record.attributes.contains_key("key31"));
}

#[test]
fn an_event_without_a_body_says_its_name() {
    let record = one(Sent { body: None, event_name: "cart.emptied".into(), ..sent() });
    assert_eq!(record.body.as_untrusted(), "cart.emptied");
}

#[test]
fn a_service_without_a_name_is_unknown() {
    let mut request = request(vec![sent()]);
    request.resource_logs[0].resource = None;
    let parsed = parse_logs(&request.encode_to_vec(), Encoding::Protobuf, received_at()).unwrap();
    assert_eq!(parsed.records[0].service.as_str(), "unknown_service");
}

/// By the rules of the specification, with all that a strict reader would trip over.
#[test]
fn json_by_hand_is_read_by_the_rules_of_the_specification() {
    let body = json!({
        "resourceLogs": [{
            "resource": {"attributes": [
                {"key": "service.name", "value": {"stringValue": "cart"}},
                {"value": {"stringValue": "without a key"}},
                {"key": "without a value"},
            ]},
            "unknownField": {"any": [1, 2]},
            "scopeLogs": [{
                "scope": null,
                "logRecords": [{
                    "timeUnixNano": "1700000000123456789",
                    "severityNumber": 13,
                    "body": {"kvlistValue": {"values": [
                        {"key": "empty", "value": {"arrayValue": {}}},
                        {"key": "nothing", "value": {}},
                        {"key": "large", "value": {"intValue": "9223372036854775807"}},
                    ]}},
                    "traceId": "5B8EFFF798038103D269B633813FC60C",
                    "spanId": "eee19b7ec3c1b174",
                    "attributes": null,
                    "newInTheYear2030": true,
                }, {
                    "timeUnixNano": 1_700_000_000_000_000_000_u64,
                    "severityNumber": "SEVERITY_NUMBER_ERROR2",
                    "body": {"doubleValue": "NaN"},
                    "traceId": "not hexadecimal",
                    "droppedAttributesCount": "7",
                }, {
                    "timeUnixNano": 1.7e18,
                    "severityNumber": [],
                    "body": {"unknownValue": 1, "bytesValue": "AQI="},
                }]
            }, {}]
        }, {}]
    });
    let parsed = parse_logs(&serde_json::to_vec(&body).unwrap(), Encoding::Json, received_at()).unwrap();
    let [first, second, third] = parsed.records.as_slice() else { panic!("{}", parsed.records.len()) };
    assert_eq!(first.body.as_untrusted(), r#"{"empty":[],"nothing":null,"large":9223372036854775807}"#);
    assert_eq!(first.trace.unwrap().to_string(), "5b8efff798038103d269b633813fc60c");
    assert_eq!(first.span.unwrap().to_string(), "eee19b7ec3c1b174");
    assert_eq!((first.severity, first.attributes.len()), (LogSeverity::Warn, 0));
    assert_eq!(
        (second.severity, second.trace, second.body.as_untrusted()),
        (LogSeverity::Error, None, "NaN")
    );
    assert_eq!(second.at.as_second(), 1_700_000_000);
    assert_eq!((third.at.as_second(), third.body.as_untrusted()), (1_700_000_000, "AQI="));
    assert_eq!(third.severity, LogSeverity::Info);
}

/// Why there is a reader of our own. If the crate learns one of these, the reader may go.
#[test]
fn the_published_types_refuse_json_that_the_rules_allow() {
    let in_body =
        |value: serde_json::Value| json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [value]}]}]});
    for body in [
        in_body(json!({"attributes": null})),
        in_body(json!({"body": {"arrayValue": {}}})),
        in_body(json!({"attributes": [{"value": {"stringValue": "x"}}]})),
        in_body(json!({"body": {"doubleValue": "NaN"}})),
        in_body(json!({"timeUnixNano": 1.7e18})),
    ] {
        assert!(serde_json::from_value::<ExportLogsServiceRequest>(body.clone()).is_err(), "{body}");
        let parsed = parse_logs(&serde_json::to_vec(&body).unwrap(), Encoding::Json, received_at()).unwrap();
        assert_eq!(parsed.records.len(), 1, "{body}");
    }
}

fn sent_span() -> Span {
    Span {
        trace_id: vec![7; 16],
        span_id: vec![8; 8],
        parent_span_id: vec![9; 8],
        name: "GET /cart".into(),
        kind: span::SpanKind::Server as i32,
        start_time_unix_nano: TIME_NS,
        end_time_unix_nano: TIME_NS + 1_500_000,
        attributes: vec![pair("http.route", text("/cart"))],
        status: Some(Status { code: 2, message: "deadline exceeded".into() }),
        ..Default::default()
    }
}

fn spans(spans: Vec<Span>) -> Parsed<hearback_core::SpanRecord> {
    let scope_spans = vec![ScopeSpans { spans, ..Default::default() }];
    let resource_spans = vec![ResourceSpans { resource: resource(), scope_spans, ..Default::default() }];
    let request = ExportTraceServiceRequest { resource_spans };
    let binary = parse_traces(&request.encode_to_vec(), Encoding::Protobuf, received_at()).unwrap();
    let written = serde_json::to_vec(&request).unwrap();
    assert_eq!(parse_traces(&written, Encoding::Json, received_at()).unwrap(), binary);
    binary
}

#[test]
fn a_span_is_read_with_all_it_says() {
    let record = spans(vec![sent_span()]).records.remove(0);
    assert_eq!(record.trace.as_bytes(), [7; 16]);
    assert_eq!((record.span.as_bytes(), record.parent.unwrap().as_bytes()), (&[8; 8][..], &[9; 8][..]));
    assert_eq!((record.name.as_untrusted(), record.kind), ("GET /cart", SpanKind::Server));
    assert_eq!(record.started_at.as_nanosecond(), i128::from(TIME_NS));
    assert_eq!(record.duration, SignedDuration::from_micros(1500));
    assert_eq!((record.status, record.message.as_untrusted()), (SpanStatus::Error, "deadline exceeded"));
    assert_eq!(record.attributes, attributes(&[("deployment.environment", "prod"), ("http.route", "/cart")]));
}

#[test]
fn a_span_that_ends_before_it_begins_takes_no_time() {
    let record = spans(vec![Span { end_time_unix_nano: 5, ..sent_span() }]).records.remove(0);
    assert_eq!(record.duration, SignedDuration::ZERO);
    let record =
        spans(vec![Span { start_time_unix_nano: 0, end_time_unix_nano: 0, ..sent_span() }]).records.remove(0);
    assert_eq!((record.started_at, record.duration), (received_at(), SignedDuration::ZERO));
}

#[test]
fn an_error_without_words_says_its_exception() {
    let attributes =
        vec![pair("exception.type", text("TimeoutError")), pair("exception.message", text("after 3 s"))];
    let events = vec![span::Event { name: "exception".into(), attributes, ..Default::default() }];
    let status = Some(Status { code: 2, message: String::new() });
    let record = spans(vec![Span { events, status, ..sent_span() }]).records.remove(0);
    assert_eq!(record.message.as_untrusted(), "TimeoutError: after 3 s");
}

#[test]
fn spans_without_ids_are_rejected_and_the_first_is_named() {
    let parsed = spans(vec![
        sent_span(),
        Span { trace_id: vec![0; 16], ..sent_span() },
        Span { span_id: vec![1; 3], ..sent_span() },
    ]);
    assert_eq!((parsed.records.len(), parsed.rejected.count), (1, 2));
    assert_eq!(parsed.rejected.first.unwrap(), "span 2: its trace id is not 16 bytes, not all zero");
}

#[test]
fn content_types_with_parameters_are_known() {
    for (header, expect) in [
        ("application/x-protobuf", Some(Encoding::Protobuf)),
        ("Application/JSON; charset=utf-8", Some(Encoding::Json)),
        ("text/plain", None),
        ("", None),
    ] {
        assert_eq!(Encoding::from_content_type(header), expect, "{header}");
    }
}
