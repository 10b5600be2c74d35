//! How long to wait before a read is tried again. It must not know a clock: a date is compared with the server's own.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// How often a read is tried again.
pub(crate) const RETRIES: u32 = 2;

/// The pause before retry number `retry` (from 0): what the server asks for if it does, else twice the pause before,
/// of which the second half is chance, so that many clients do not come back together.
pub(crate) fn pause(first: Duration, retry: u32, asked_for: Option<SignedDuration>, chance: u32) -> Duration {
    if let Some(asked_for) = asked_for {
        return Duration::try_from(asked_for).unwrap_or_default();
    }
    let full = first.saturating_mul(2u32.saturating_pow(retry));
    full.mul_f64(0.5 + 0.5 * f64::from(chance) / f64::from(u32::MAX))
}

/// What `Retry-After` asks for (RFC 9110, section 10.2.3): seconds, or a date that counts from the answer's own
/// `Date`. Anything else asks for nothing.
pub(crate) fn parse_retry_after(headers: &HeaderMap) -> Option<SignedDuration> {
    let text = |name| headers.get(name)?.to_str().ok();
    let asked: &str = text(RETRY_AFTER)?.trim();
    if let Ok(seconds) = asked.parse::<u32>() {
        return Some(SignedDuration::from_secs(i64::from(seconds)));
    }
    let at = rfc2822::DateTimeParser::new();
    let (then, now) = (at.parse_timestamp(asked).ok()?, at.parse_timestamp(text(DATE)?).ok()?);
    Some(then.duration_since(now).max(SignedDuration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(retry_after: &str, date: Option<&str>, expect: Option<i64>) {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        assert_eq!(parse_retry_after(&headers), expect.map(SignedDuration::from_secs), "{retry_after}");
    }

    #[test]
    fn what_servers_ask_for() {
        check("2", None, Some(2));
        check(" 120 ", None, Some(120));
        check("Mon, 23 Nov 2026 14:00:30 GMT", Some("Mon, 23 Nov 2026 14:00:00 GMT"), Some(30));
        check("Mon, 23 Nov 2026 13:00:00 GMT", Some("Mon, 23 Nov 2026 14:00:00 GMT"), Some(0));
        check("Mon, 23 Nov 2026 14:00:30 GMT", None, None);
        check("-1", None, None);
        check("soon", None, None);
        check("99999999999999999999", None, None);
    }

    #[test]
    fn a_pause_doubles_and_half_of_it_is_chance() {
        let first = Duration::from_millis(200);
        for (retry, chance, expect_ms) in [(0, 0, 100), (0, u32::MAX, 200), (1, 0, 200), (1, u32::MAX, 400)] {
            assert_eq!(pause(first, retry, None, chance), Duration::from_millis(expect_ms));
        }
        assert_eq!(pause(first, 1, Some(SignedDuration::from_secs(3)), 7), Duration::from_secs(3));
    }
}
