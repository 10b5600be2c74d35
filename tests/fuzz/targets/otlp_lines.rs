//! Log records in lines of JSON or text.
#![no_main]

use hearback_fuzz::{RECEIVED_AT, check_log, check_refusal, check_sentence};
use hearback_otlp::{LineDefaults, MOST_RECORDS, parse_lines};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let defaults = LineDefaults { received_at: RECEIVED_AT, service: None };
    let parsed = match parse_lines(body, &defaults) {
        Ok(parsed) => parsed,
        Err(error) => return check_refusal(&error),
    };
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
    assert_eq!(parsed.records.len() + parsed.rejected.count, lines, "a line got lost");
    assert!(lines <= MOST_RECORDS);
    parsed.records.iter().for_each(check_log);
    assert_eq!(parsed.rejected.first.is_some(), parsed.rejected.count > 0);
    parsed.rejected.first.iter().for_each(|first| check_sentence(first));
});
