//! The wording of a log record.
#![no_main]

use hearback_core::wording::wording;
use libfuzzer_sys::fuzz_target;

/// What the crate says of a wording's length, in bytes.
const MOST_KEPT: usize = 400;

fuzz_target!(|text: &str| {
    let masked = wording(text);
    assert!(masked.len() <= MOST_KEPT, "{} bytes", masked.len());
    assert!(!masked.contains(char::is_numeric), "{masked:?}");
    assert!(!masked.starts_with(char::is_whitespace) && !masked.ends_with(char::is_whitespace), "{masked:?}");
});
