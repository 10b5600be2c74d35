//! Spans in an OTLP request, as protobuf.
#![no_main]

use hearback_fuzz::{RECEIVED_AT, check_refusal, check_sentence, check_span};
use hearback_otlp::{Encoding, MOST_RECORDS, parse_traces};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let parsed = match parse_traces(body, Encoding::Protobuf, RECEIVED_AT) {
        Ok(parsed) => parsed,
        Err(error) => return check_refusal(&error),
    };
    assert!(parsed.records.len() + parsed.rejected.count <= MOST_RECORDS);
    assert_eq!(parsed.rejected.first.is_some(), parsed.rejected.count > 0);
    parsed.rejected.first.iter().for_each(|first| check_sentence(first));
    parsed.records.iter().for_each(check_span);
});
