//! Signs requests by Standard Webhooks 1.0 (standardwebhooks.com, "Signature scheme"): HMAC-SHA256 over id, time and raw
//! bytes. It must not look into the bytes.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The sizes of a key, in bytes, that the standard allows.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The secret that a hook's requests are signed with. It is never printed.
#[derive(Clone)]
pub struct SigningSecret(Vec<u8>);

/// A text that is no secret. It holds nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the secret of a hook is whsec_ and the base64 of 24 to 64 random bytes; make one with \
     `echo whsec_$(openssl rand -base64 32)`"
)]
pub struct BadSecret;

impl SigningSecret {
    /// Reads a secret as the standard writes it: `whsec_` and the base64 of 24 to 64 bytes. White space around it goes:
    /// a file that holds it ends with a line break.
    ///
    /// # Errors
    /// [`BadSecret`] if it is anything else.
    pub fn new(text: &str) -> Result<Self, BadSecret> {
        let encoded = text.trim().strip_prefix("whsec_").ok_or(BadSecret)?;
        let key = STANDARD.decode(encoded).map_err(|_| BadSecret)?;
        if KEY_BYTES.contains(&key.len()) { Ok(SigningSecret(key)) } else { Err(BadSecret) }
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret")
    }
}

/// The value of `webhook-signature` for these bytes. Neither `id` nor `timestamp` (in seconds) may hold a full stop.
/// None never happens: a key of any length is taken.
pub(crate) fn sign(secret: &SigningSecret, id: &str, timestamp: &str, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret.0).ok()?;
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A test vector of the libraries that the standard's authors publish.
    #[test]
    fn the_signature_is_that_of_the_standard() {
        let secret = SigningSecret::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\n").unwrap();
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        let signed = sign(&secret, "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", "1649367553", body).unwrap();
        assert_eq!(signed, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
    }

    #[test]
    fn what_is_no_secret_is_refused_and_no_secret_is_shown() {
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        for (bytes, good) in [(0, false), (16, false), (23, false), (24, true), (64, true), (65, false)] {
            assert_eq!(SigningSecret::new(&of(bytes)).is_ok(), good, "{bytes}");
        }
        for text in [
            "",
            "hunter22",
            &of(32)[6..],
            "whsec_hunter22-hunter22-hunter22-hunter22",
            &of(25).replace('=', ""),
        ] {
            let error = SigningSecret::new(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter22"));
        }
        assert_eq!(format!("{:?}", SigningSecret::new(&of(32)).unwrap()), "SigningSecret");
    }
}
