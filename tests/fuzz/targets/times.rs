//! Points in time and durations, as people and programs write them.
#![no_main]

use hearback_core::time::{format_length, format_time, parse_length, parse_time};
use hearback_fuzz::{RECEIVED_AT, check_refusal, check_sentence};
use jiff::SignedDuration;
use libfuzzer_sys::fuzz_target;

/// A span may hold this many days; the sum of its units may be more, and is then only to be shown.
const MOST_DAYS: i64 = 7_000_000;

fuzz_target!(|text: &str| {
    match parse_time(text, RECEIVED_AT) {
        Ok(at) => {
            assert_eq!(parse_time(&at.to_string(), RECEIVED_AT), Ok(at));
            check_sentence(&format_time(at));
        }
        Err(error) => check_refusal(&error),
    }
    match parse_length(text) {
        Ok(length) => {
            assert!(!length.is_negative(), "{length:?}");
            let shown = format_length(length);
            if length < SignedDuration::from_hours(24 * MOST_DAYS) {
                let again = parse_length(&shown).unwrap_or_else(|error| panic!("{error}"));
                assert!(
                    again <= length && length < again + again / 5 + SignedDuration::from_secs(60),
                    "{shown}"
                );
            }
        }
        Err(error) => check_refusal(&error),
    }
});
