//! Webhooks of GitHub from somebody without the secret: the first line is the signature, the second the event, the
//! third the delivery, the rest the body. None gets in.
#![no_main]

use hearback_github::{WebhookError, WebhookRequest, WebhookRules, WebhookSecret, parse_webhook};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let secret = WebhookSecret::new("not known to the one who sends").unwrap();
    let mut parts = input.splitn(4, '\n');
    let (signature, event, delivery) = (parts.next(), parts.next(), parts.next());
    let body = parts.next().unwrap_or_default().as_bytes();
    for signature in [signature, None] {
        let request = WebhookRequest { event, delivery, signature, body };
        let error = parse_webhook(&request, &secret, &WebhookRules::default()).unwrap_err();
        assert!(matches!(error, WebhookError::Signature(_)), "{error}");
        assert_eq!(error.status(), 401);
        hearback_fuzz::check_refusal(&error);
    }
});
