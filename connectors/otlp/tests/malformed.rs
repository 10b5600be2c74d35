//! Bodies that are no requests, or too much: one sentence each, never a panic, never much memory.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test program")]

use hearback_otlp::{Encoding, LineDefaults, OtlpError, parse_line, parse_lines, parse_logs, parse_traces};
use jiff::Timestamp;
use proptest::prelude::*;

/// A field with a length.
fn field(number: u8, inside: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = inside.len();
    while length >= 0x80 {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(inside);
    bytes
}

/// A request with these bytes as its one record.
fn with_record(record: &[u8]) -> Vec<u8> {
    field(1, &field(2, &field(2, record)))
}

fn check(encoding: Encoding, body: &[u8], expect: &OtlpError) {
    let logs = parse_logs(body, encoding, Timestamp::UNIX_EPOCH).map(|parsed| parsed.records.len());
    assert_eq!(logs.as_ref(), Err(expect), "{:?}", String::from_utf8_lossy(&body[..body.len().min(60)]));
}

fn malformed(why: &str) -> OtlpError {
    OtlpError::Malformed(why.to_owned())
}

fn too_much(why: &str) -> OtlpError {
    OtlpError::TooMuch(why.to_owned())
}

#[test]
fn protobuf_that_is_none_is_refused_in_one_sentence() {
    let no = |why: &str| malformed(&format!("the body is no OTLP request in protobuf: {why}"));
    let whole = with_record(b"\x1a\x04WARN");
    check(Encoding::Protobuf, &whole[..whole.len() - 1], &no("it ends before its fields do"));
    check(Encoding::Protobuf, b"\x0a\xff", &no("it ends in the middle of a number"));
    check(Encoding::Protobuf, &[0xff; 20], &no("it holds a number of more than 64 bits"));
    check(Encoding::Protobuf, b"\x0b", &no("it holds a wire type that OTLP does not have"));
    check(
        Encoding::Protobuf,
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        &no("it ends before its fields do"),
    );
    // What only the decoder can tell: a number where a list is, and text that is not UTF-8.
    for record in [&b"\x2a\x02\x0a\xff"[..], b"\x30\x01", b"\x1a\x02\xff\xfe"] {
        let Err(OtlpError::Malformed(why)) =
            parse_logs(&with_record(record), Encoding::Protobuf, Timestamp::UNIX_EPOCH)
        else {
            panic!("{record:?} was read")
        };
        assert!(why.starts_with("the body is no OTLP request in protobuf: ") && !why.contains('\n'), "{why}");
    }
    check(Encoding::Protobuf, b"{\"resourceLogs\": []}", &no("it holds a wire type that OTLP does not have"));
}

#[test]
fn json_that_is_none_is_refused_in_one_sentence_without_its_text() {
    check(Encoding::Json, b"", &malformed("the body is not JSON: look at line 1, column 0"));
    check(Encoding::Json, b"{\"secret\": ", &malformed("the body is not JSON: look at line 1, column 11"));
    check(Encoding::Json, b"{\"a\": \"\xff\"}", &malformed("the body is not JSON: look at line 1, column 8"));
    let no = |why: &str| malformed(&format!("the body is no OTLP request in JSON: {why}"));
    check(Encoding::Json, b"[]", &no("it is not an object"));
    check(Encoding::Json, b"{\"resourceLogs\": 7}", &no("its \"resourceLogs\" is not a list"));
}

#[test]
fn nothing_is_no_error() {
    for (encoding, body) in [
        (Encoding::Protobuf, &b""[..]),
        (Encoding::Json, b"{}"),
        (Encoding::Json, b"{\"resourceLogs\": null, \"resourceSpans\": [{}]}"),
    ] {
        assert_eq!(parse_logs(body, encoding, Timestamp::UNIX_EPOCH).unwrap().records, []);
        assert_eq!(parse_traces(body, encoding, Timestamp::UNIX_EPOCH).unwrap().records, []);
    }
}

/// A list in a list, `depth` times, as the body of a record.
fn nested(depth: usize) -> Vec<u8> {
    let value = (0..depth).fold(vec![], |inside, _| field(5, &field(1, &inside)));
    with_record(&field(5, &value))
}

#[test]
fn values_nested_too_deep_are_refused_before_they_are_decoded() {
    let deep = too_much("a value is nested too deep: send it flatter");
    for depth in [31, 200, 5_000] {
        check(Encoding::Protobuf, &nested(depth), &deep);
    }
    let read = parse_logs(&nested(29), Encoding::Protobuf, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(
        read.records[0].body.as_untrusted(),
        format!("{}{}", "[".repeat(29), "null") + &"]".repeat(29)
    );
    let json = |depth: usize| {
        let (open, close) = (r#"{"arrayValue":{"values":["#.repeat(depth), "]}}".repeat(depth));
        format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{open}{close}}}]}}]}}]}}"#)
    };
    check(Encoding::Json, json(100_000).as_bytes(), &deep);
    check(Encoding::Json, "[".repeat(1_000_000).as_bytes(), &deep);
    assert!(parse_logs(json(30).as_bytes(), Encoding::Json, Timestamp::UNIX_EPOCH).is_ok());
}

#[test]
fn maps_nested_as_deep_as_allowed_are_decoded() {
    let map = |inside: Vec<u8>| field(6, &field(1, &field(2, &inside)));
    let value = (0..29).fold(vec![], |inside, _| map(inside));
    let body = with_record(&field(5, &value));
    assert_eq!(parse_logs(&body, Encoding::Protobuf, Timestamp::UNIX_EPOCH).unwrap().records.len(), 1);
}

#[test]
fn a_small_body_that_would_become_a_large_one_is_refused() {
    let records = |count: usize| field(1, &field(2, &field(2, &[]).repeat(count)));
    let many = |most: usize, what: &str| {
        too_much(&format!("the request holds more than {most} {what}: send smaller batches"))
    };
    assert_eq!(
        parse_logs(&records(10_000), Encoding::Protobuf, Timestamp::UNIX_EPOCH).unwrap().records.len(),
        10_000
    );
    check(Encoding::Protobuf, &records(10_001), &many(10_000, "log records"));
    check(Encoding::Protobuf, &field(1, &[]).repeat(20_001), &many(20_000, "resources and scopes"));
    let attributes = with_record(&field(6, &[]).repeat(500_001));
    check(Encoding::Protobuf, &attributes, &many(500_000, "values"));
    let elements = with_record(&field(5, &field(5, &field(1, &[]).repeat(500_001))));
    check(Encoding::Protobuf, &elements, &many(500_000, "values"));
    let json =
        format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{}}{}]}}]}}]}}"#, ",{}".repeat(10_000));
    check(Encoding::Json, json.as_bytes(), &many(10_000, "log records"));
    let json = format!(r#"{{"x":[0{}]}}"#, ",0".repeat(2_000_000));
    check(Encoding::Json, json.as_bytes(), &many(2_000_000, "values"));
    let lines = "x\n".repeat(10_001);
    let defaults = LineDefaults { received_at: Timestamp::UNIX_EPOCH, service: None };
    assert_eq!(parse_lines(lines.as_bytes(), &defaults).map(|_| ()), Err(many(10_000, "lines")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_parser_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        for encoding in [Encoding::Protobuf, Encoding::Json] {
            let _ = parse_logs(&body, encoding, Timestamp::UNIX_EPOCH);
            let _ = parse_traces(&body, encoding, Timestamp::UNIX_EPOCH);
        }
        let defaults = LineDefaults { received_at: Timestamp::UNIX_EPOCH, service: None };
        let _ = parse_lines(&body, &defaults);
    }

    /// Nearly right: fields that exist, with anything in them.
    #[test]
    fn no_fields_make_a_parser_panic(
        fields in prop::collection::vec((1u8..16, prop::collection::vec(any::<u8>(), 0..40)), 0..12),
    ) {
        let record: Vec<u8> = fields.iter().flat_map(|(number, inside)| field(*number, inside)).collect();
        let _ = parse_logs(&with_record(&record), Encoding::Protobuf, Timestamp::UNIX_EPOCH);
        let _ = parse_traces(&with_record(&record), Encoding::Protobuf, Timestamp::UNIX_EPOCH);
    }

    /// Whatever the scan lets through, the decoder reads alike: what was counted is what there is.
    #[test]
    fn no_json_of_known_names_makes_a_parser_panic(
        names in prop::collection::vec(prop::sample::select(vec![
            "resourceLogs", "scopeLogs", "logRecords", "resourceSpans", "scopeSpans", "spans", "body", "attributes",
            "key", "value", "stringValue", "intValue", "doubleValue", "kvlistValue", "arrayValue", "values", "traceId",
            "timeUnixNano", "severityNumber", "status", "events", "time", "level", "msg", "service", "trace",
        ]), 0..14),
        leaf in prop::sample::select(vec![
            "null", "1", "-1e400", "1e300", "\"é\"", "[]", "{}", "true", "\"9223372036854775808\"", "\"NaN\"", "99999999999999999999",
        ]),
        lists in any::<u16>(),
    ) {
        let body = names.iter().enumerate().rev().fold(leaf.to_owned(), |inside, (index, name)| {
            if lists >> (index % 16) & 1 == 1 { format!(r#"{{"{name}":[{inside}]}}"#) } else { format!(r#"{{"{name}":{inside}}}"#) }
        });
        let _ = parse_logs(body.as_bytes(), Encoding::Json, Timestamp::UNIX_EPOCH);
        let _ = parse_traces(body.as_bytes(), Encoding::Json, Timestamp::UNIX_EPOCH);
        let defaults = LineDefaults { received_at: Timestamp::UNIX_EPOCH, service: None };
        let _ = parse_line(body.as_bytes(), &defaults);
    }

    #[test]
    fn no_line_of_text_makes_a_parser_panic(line in "\\PC{0,60}|[0-9T:.,Z \\[\\]-]{0,40}|\\{\"(ts|level|msg)\":[^}]{0,20}\\}") {
        let defaults = LineDefaults { received_at: Timestamp::UNIX_EPOCH, service: None };
        let _ = parse_line(line.as_bytes(), &defaults);
    }
}
