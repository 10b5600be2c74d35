//! Whether a request was sent by somebody who has the signing secret, and lately: HMAC-SHA256 over version, time and raw
//! bytes, compared in constant time (docs.slack.dev, "Verifying requests from Slack"). It must not look into the bytes.

use std::fmt;

use hearback_core::Digest;
use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

/// How old a request may be, or how far ahead of our clock.
const FRESH: SignedDuration = SignedDuration::from_mins(5);

/// The secret that requests are signed with. It is never printed.
#[derive(Clone)]
pub struct SigningSecret(Vec<u8>);

impl SigningSecret {
    /// Takes a secret; none if it is blank, because then anybody could sign. White space around it goes: a file that
    /// holds it ends with a line break.
    pub fn new(secret: &str) -> Option<Self> {
        let secret = secret.trim();
        (!secret.is_empty()).then(|| SigningSecret(secret.as_bytes().to_vec()))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret")
    }
}

/// What is wrong with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureProblem {
    /// One of the two headers is not there.
    #[error("the request is not signed; X-Slack-Signature and X-Slack-Request-Timestamp are missing")]
    Missing,
    /// The signature is not `v0=` and 64 hexadecimal digits, or the time is no number.
    #[error(
        "the header X-Slack-Signature is not v0= and 64 hexadecimal digits, or X-Slack-Request-Timestamp no number"
    )]
    Malformed,
    /// It is that of another secret, time or body.
    #[error("the signature does not fit; the signing secret here and on the app's page must be the same")]
    Wrong,
    /// It fits, and it is not of now: somebody may be sending again what they have seen.
    #[error("the request was signed more than five minutes ago or ahead; check the clock of this machine")]
    Stale,
}

/// Checks the values of `X-Slack-Signature` and `X-Slack-Request-Timestamp`. The time they tell, if both fit.
pub(crate) fn check(
    secret: &SigningSecret,
    signature: Option<&str>,
    timestamp: Option<&str>,
    body: &[u8],
    now: Timestamp,
) -> Result<Timestamp, SignatureProblem> {
    let (Some(signature), Some(timestamp)) = (signature, timestamp) else {
        return Err(SignatureProblem::Missing);
    };
    let expected = signature.strip_prefix("v0=").and_then(parse_hex).ok_or(SignatureProblem::Malformed)?;
    let at = Some(timestamp).filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let at = at.and_then(|text| text.parse().ok()).and_then(|seconds| Timestamp::from_second(seconds).ok());
    let at = at.ok_or(SignatureProblem::Malformed)?;
    // A key of any length is taken.
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret.0).map_err(|_| SignatureProblem::Wrong)?;
    mac.update(b"v0:");
    mac.update(timestamp.as_bytes());
    mac.update(b":");
    mac.update(body);
    mac.verify_slice(expected.as_bytes()).map_err(|_| SignatureProblem::Wrong)?;
    if now.duration_since(at).abs() > FRESH {
        return Err(SignatureProblem::Stale);
    }
    Ok(at)
}

fn parse_hex(text: &str) -> Option<Digest> {
    text.to_ascii_lowercase().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Slack's documentation: secret, time, body and signature.
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const TIME: &str = "1531420618";
    const BODY: &[u8] = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    fn check(
        signature: Option<&str>,
        time: Option<&str>,
        body: &[u8],
        late: i64,
    ) -> Result<(), SignatureProblem> {
        let secret = SigningSecret::new(SECRET).unwrap();
        let now = Timestamp::from_second(1_531_420_618 + late).unwrap();
        super::check(&secret, signature, time, body, now).map(|_| ())
    }

    #[test]
    fn only_the_right_signature_over_time_and_bytes_passes() {
        assert_eq!(check(Some(SIGNATURE), Some(TIME), BODY, 0), Ok(()));
        let wrong = Err(SignatureProblem::Wrong);
        assert_eq!(check(Some(SIGNATURE), Some(TIME), b"", 0), wrong);
        assert_eq!(check(Some(SIGNATURE), Some("1531420619"), BODY, 0), wrong);
        assert_eq!(check(Some(&SIGNATURE.replace("a2", "a3")), Some(TIME), BODY, 0), wrong);
        for (signature, time) in [(None, Some(TIME)), (Some(SIGNATURE), None), (None, None)] {
            assert_eq!(check(signature, time, BODY, 0), Err(SignatureProblem::Missing));
        }
        for (signature, time) in [
            ("", TIME),
            ("v0=", TIME),
            (&SIGNATURE[3..], TIME),
            (&SIGNATURE[..60], TIME),
            (&SIGNATURE.replace("v0", "v1"), TIME),
            (&SIGNATURE.replace("a2", "zz"), TIME),
            (SIGNATURE, ""),
            (SIGNATURE, "-1531420618"),
            (SIGNATURE, "1531420618.5"),
            (SIGNATURE, "99999999999999999999"),
        ] {
            assert_eq!(
                check(Some(signature), Some(time), BODY, 0),
                Err(SignatureProblem::Malformed),
                "{signature} {time}"
            );
        }
    }

    #[test]
    fn a_request_of_another_time_is_stale_however_well_signed() {
        for (late, expect) in [
            (300, Ok(())),
            (-300, Ok(())),
            (301, Err(SignatureProblem::Stale)),
            (-301, Err(SignatureProblem::Stale)),
            (86_400, Err(SignatureProblem::Stale)),
        ] {
            assert_eq!(check(Some(SIGNATURE), Some(TIME), BODY, late), expect, "{late}");
        }
    }

    #[test]
    fn a_blank_secret_is_none_and_no_secret_is_shown() {
        assert!(SigningSecret::new(" \n").is_none());
        assert_eq!(format!("{:?}", SigningSecret::new(SECRET)), "Some(SigningSecret)");
    }
}
