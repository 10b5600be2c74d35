//! Lines as loggers write them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test program")]

use hearback_core::{LogRecord, LogSeverity, ServiceName};
use hearback_otlp::{LineDefaults, parse_line, parse_lines};

fn defaults() -> LineDefaults {
    LineDefaults {
        received_at: "2026-11-23T14:05:00Z".parse().unwrap(),
        service: ServiceName::new("from-the-path").ok(),
    }
}

/// Time, service, severity and text, and the attributes as JSON.
fn check(line: &str, expect: (&str, &str, LogSeverity, &str, &str)) -> LogRecord {
    let record = parse_line(line.as_bytes(), &defaults()).unwrap();
    let attributes = serde_json::to_string(&record.attributes).unwrap();
    let at = record.at.to_string();
    let found = (
        at.as_str(),
        record.service.as_str(),
        record.severity,
        record.body.as_untrusted(),
        attributes.as_str(),
    );
    assert_eq!(found, expect, "{line}");
    record
}

const NOW: &str = "2026-11-23T14:05:00Z";

#[test]
fn the_field_names_of_loggers_are_known() {
    let expect = |severity, attributes| ("2026-11-23T10:00:00.5Z", "cart", severity, "it broke", attributes);
    // Go's zap and slog.
    check(
        r#"{"level":"error","ts":1795428000.5,"msg":"it broke","service":"cart","caller":"a.go:7"}"#,
        expect(LogSeverity::Error, r#"{"caller":"a.go:7"}"#),
    );
    // pino and bunyan.
    check(
        r#"{"level":40,"time":1795428000500,"msg":"it broke","app":"cart","pid":7}"#,
        expect(LogSeverity::Warn, r#"{"app":"cart","pid":"7"}"#),
    );
    // Elastic Common Schema, flat and nested.
    check(
        r#"{"@timestamp":"2026-11-23T10:00:00.5Z","log.level":"WARN","message":"it broke","service.name":"cart"}"#,
        expect(LogSeverity::Warn, "{}"),
    );
    let nested = r#"{"@timestamp":"2026-11-23T10:00:00.5Z","log":{"level":"fatal"},"message":"it broke",
        "service":{"name":"cart","version":"2.1"},"host":{"name":"a"},"trace":{"id":"5b8efff798038103d269b633813fc60c"}}"#;
    let record = check(nested, expect(LogSeverity::Fatal, r#"{"host":"{\"name\":\"a\"}"}"#));
    assert_eq!(record.version.as_deref(), Some("2.1"));
    assert_eq!(record.trace.unwrap().to_string(), "5b8efff798038103d269b633813fc60c");
}

#[test]
fn what_a_line_does_not_say_it_gets() {
    check(r#"{"a":1}"#, (NOW, "from-the-path", LogSeverity::Info, r#"{"a":1}"#, r#"{"a":"1"}"#));
    check(
        r#"{"msg":{"k":[1]},"time":"yesterday","level":"loud","trace_id":"xyz"}"#,
        (
            NOW,
            "from-the-path",
            LogSeverity::Info,
            r#"{"k":[1]}"#,
            r#"{"level":"loud","time":"yesterday","trace_id":"xyz"}"#,
        ),
    );
}

#[test]
fn text_is_a_record_with_the_severity_it_shows() {
    let plain = |line: &str, at: &str, severity| check(line, (at, "from-the-path", severity, line, "{}"));
    plain("all is well", NOW, LogSeverity::Info);
    plain("2026-11-23 10:00:00,500 ERROR [main] it broke", "2026-11-23T10:00:00.5Z", LogSeverity::Error);
    plain("[2026-11-23T10:00:00Z] [warn] it is slow", "2026-11-23T10:00:00Z", LogSeverity::Warn);
    plain("time=x level=fatal msg=gone", NOW, LogSeverity::Fatal);
    plain("there was no error and no panic", NOW, LogSeverity::Info);
    plain("A E F W are letters", NOW, LogSeverity::Info);
    plain("404404404404 was not found", NOW, LogSeverity::Info);
    plain("{curly} words", NOW, LogSeverity::Info);
    plain("[1,2]", NOW, LogSeverity::Info);
}

#[test]
fn a_bad_line_is_counted_and_the_first_is_named() {
    let mut body = b"fine\r\n\n{\"msg\":\"cut".to_vec();
    body.extend_from_slice(b"\n\xff\xfe\n{\"msg\":\"fine too\"}");
    let parsed = parse_lines(&body, &defaults()).unwrap();
    let bodies: Vec<_> = parsed.records.iter().map(|record| record.body.as_untrusted()).collect();
    assert_eq!(bodies, ["fine", "fine too"]);
    assert_eq!(parsed.rejected.count, 2);
    assert_eq!(parsed.rejected.first.as_deref(), Some("line 3: not a whole object of JSON"));
}

#[test]
fn lines_that_are_too_much_are_bad_lines() {
    let long = "x".repeat(300_000);
    assert_eq!(parse_line(long.as_bytes(), &defaults()).unwrap_err(), "longer than 262144 bytes");
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    assert_eq!(parse_line(deep.as_bytes(), &defaults()).unwrap_err(), "nested too deep");
    assert_eq!(parse_line(b"\xc3\x28", &defaults()).unwrap_err(), "not UTF-8");
}
