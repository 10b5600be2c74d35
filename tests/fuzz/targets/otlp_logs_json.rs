//! Log records in an OTLP request, as JSON.
#![no_main]

use hearback_fuzz::{RECEIVED_AT, check_log, check_refusal};
use hearback_otlp::{Encoding, MOST_RECORDS, parse_logs};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    match parse_logs(body, Encoding::Json, RECEIVED_AT) {
        Ok(parsed) => {
            assert!(parsed.records.len() <= MOST_RECORDS);
            parsed.records.iter().for_each(check_log);
        }
        Err(error) => check_refusal(&error),
    }
});
