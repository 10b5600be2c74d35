//! The text of tokens and the names of rights, as they stand in a header or on a command line.
#![no_main]

use hearback_core::access::{Right, Token};
use hearback_core::redaction::redact;
use libfuzzer_sys::fuzz_target;

/// A secret of so many characters is taken out wherever a token is written; those that we make have more.
const REDACTED_FROM: usize = 20;

fuzz_target!(|text: &str| {
    if let Some(id) = Token::id_in(text) {
        assert!(!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id:?}");
        let secret = text.strip_prefix(&format!("hb_{id}_")).unwrap();
        assert!(secret.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{secret:?}");
        let (redacted, _) = redact(text);
        assert!(secret.len() < REDACTED_FROM || !redacted.contains(secret), "{redacted}");
    }
    match text.parse::<Right>() {
        Ok(right) => assert!(right.name().eq_ignore_ascii_case(text.trim())),
        Err(error) => hearback_fuzz::check_refusal(&error),
    }
});
