//! The redaction of secrets.
#![no_main]

use hearback_core::redaction::redact;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (once, hits) = redact(text);
    assert!(hits > 0 || once == text, "it changed what it did not count");
    // Text is redacted at every border it passes, so a second time must find nothing.
    let (twice, more) = redact(&once);
    assert_eq!((twice.as_ref(), more), (once.as_ref(), 0), "of {text:?}");
});
