//! Whether a webhook was sent by somebody who has the secret: HMAC-SHA256 over the raw bytes, compared in constant time
//! (docs.github.com, "Validating webhook deliveries"). It must not look into the bytes.

use std::fmt;

use hearback_core::Digest;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The secret that a webhook is signed with. It is never printed.
#[derive(Clone)]
pub struct WebhookSecret(Vec<u8>);

impl WebhookSecret {
    /// Takes a secret; none if it is empty, because then anybody could sign.
    pub fn new(secret: impl Into<Vec<u8>>) -> Option<Self> {
        let secret = secret.into();
        (!secret.is_empty()).then_some(WebhookSecret(secret))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret")
    }
}

/// What is wrong with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureProblem {
    /// There is no header `X-Hub-Signature-256`.
    #[error("the webhook is not signed; set a secret for it on GitHub")]
    Missing,
    /// The header is not `sha256=` and 64 hexadecimal digits.
    #[error("the header X-Hub-Signature-256 is not sha256= and 64 hexadecimal digits")]
    Malformed,
    /// It is that of another secret or of other bytes.
    #[error("the signature does not fit; the secret here and on GitHub must be the same")]
    Wrong,
}

/// Checks the value of `X-Hub-Signature-256`.
pub(crate) fn check(
    secret: &WebhookSecret,
    signature: Option<&str>,
    body: &[u8],
) -> Result<(), SignatureProblem> {
    let signature = signature.ok_or(SignatureProblem::Missing)?;
    let expected =
        signature.strip_prefix("sha256=").and_then(parse_hex).ok_or(SignatureProblem::Malformed)?;
    // A key of any length is taken.
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret.0).map_err(|_| SignatureProblem::Wrong)?;
    mac.update(body);
    mac.verify_slice(expected.as_bytes()).map_err(|_| SignatureProblem::Wrong)
}

fn parse_hex(text: &str) -> Option<Digest> {
    text.to_ascii_lowercase().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's documentation: secret, payload and signature.
    const SECRET: &str = "It's a Secret to Everybody";
    const PAYLOAD: &[u8] = b"Hello, World!";
    const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn only_the_right_signature_over_the_very_bytes_passes() {
        let secret = WebhookSecret::new(SECRET).unwrap();
        let check = |signature: Option<&str>, body: &[u8], expect: Result<(), SignatureProblem>| {
            assert_eq!(check(&secret, signature, body), expect, "{signature:?}");
        };
        check(Some(SIGNATURE), PAYLOAD, Ok(()));
        check(Some(&SIGNATURE.to_uppercase().replace("SHA256", "sha256")), PAYLOAD, Ok(()));
        check(Some(SIGNATURE), b"Hello, World! ", Err(SignatureProblem::Wrong));
        check(Some(&SIGNATURE.replace("17", "18")), PAYLOAD, Err(SignatureProblem::Wrong));
        check(None, PAYLOAD, Err(SignatureProblem::Missing));
        for malformed in ["", "sha256=", "757107", &SIGNATURE[7..], &SIGNATURE[..70], "sha1=abc"] {
            check(Some(malformed), PAYLOAD, Err(SignatureProblem::Malformed));
        }
        check(Some(&format!("{SIGNATURE}0")), PAYLOAD, Err(SignatureProblem::Malformed));
        check(Some(&SIGNATURE.replace("75", "zz")), PAYLOAD, Err(SignatureProblem::Malformed));
        check(Some(&format!("sha256={}", "é".repeat(32))), PAYLOAD, Err(SignatureProblem::Malformed));
    }

    #[test]
    fn an_empty_secret_is_none_and_no_secret_is_shown() {
        assert!(WebhookSecret::new("").is_none());
        assert_eq!(format!("{:?}", WebhookSecret::new(SECRET)), "Some(WebhookSecret)");
    }
}
