//! Times as senders write them. A pure reader; the time of arrival is an argument elsewhere.

use hearback_core::time::parse_time;
use jiff::Timestamp;
use serde_json::Value;

/// Nanoseconds since 1970; 0 is none.
pub(crate) fn from_unix_nano(nanos: u64) -> Option<Timestamp> {
    if nanos == 0 { None } else { Timestamp::from_nanosecond(nanos.into()).ok() }
}

/// A time in a field of a line: RFC 3339 and its near relations, or a number since 1970.
pub(crate) fn from_field(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(whole) => from_whole(whole),
            None => from_number(number.as_f64()?),
        },
        Value::String(text) => from_text(text),
        _ => None,
    }
}

/// A time as text: `2026-11-23T14:05:00.123Z`, `2026-11-23 14:05:00,123`, `1795442700`.
pub(crate) fn from_text(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if !text.starts_with(|c: char| c.is_ascii_digit()) || text.len() > 40 {
        return None;
    }
    if let Ok(whole) = text.parse() {
        return from_whole(whole);
    }
    if let Ok(number) = text.parse() {
        return from_number(number);
    }
    // Only points in time: what is relative to now has no meaning in a log.
    parse_time(&text.replace(',', "."), Timestamp::UNIX_EPOCH).ok().filter(|_| !text.ends_with("ago"))
}

/// Nanoseconds of the unit of a number since 1970. Its size tells the unit: seconds of today have ten digits,
/// milliseconds thirteen, microseconds sixteen, nanoseconds nineteen.
fn unit_ns(number: f64) -> Option<i64> {
    match number.abs() {
        ..1e8 => None,
        ..1e11 => Some(1_000_000_000),
        ..1e14 => Some(1_000_000),
        ..1e17 => Some(1_000),
        _ => Some(1),
    }
}

fn from_whole(number: i64) -> Option<Timestamp> {
    let unit_ns = unit_ns(number as f64)?;
    Timestamp::from_nanosecond(i128::from(number) * i128::from(unit_ns)).ok()
}

/// A double holds today's seconds to the microsecond and no better.
fn from_number(number: f64) -> Option<Timestamp> {
    let micros = number * unit_ns(number)? as f64 / 1e3;
    Timestamp::from_nanosecond((micros.round() as i128).checked_mul(1000)?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(value: &Value, expect: Option<&str>) {
        assert_eq!(from_field(value).map(|at| at.to_string()).as_deref(), expect, "{value}");
    }

    #[test]
    fn times_that_programs_write() {
        check(&json!("2026-11-23T14:05:00.123Z"), Some("2026-11-23T14:05:00.123Z"));
        check(&json!("2026-11-23T14:05:00+02:00"), Some("2026-11-23T12:05:00Z"));
        check(&json!("2026-11-23 14:05:00,123"), Some("2026-11-23T14:05:00.123Z"));
        check(&json!(1_795_442_700), Some("2026-11-23T14:05:00Z"));
        check(&json!(1_795_442_700.25), Some("2026-11-23T14:05:00.25Z"));
        check(&json!(1_795_442_700_123_u64), Some("2026-11-23T14:05:00.123Z"));
        check(&json!(1_795_442_700_123_456_u64), Some("2026-11-23T14:05:00.123456Z"));
        check(&json!(1_795_442_700_123_456_789_u64), Some("2026-11-23T14:05:00.123456789Z"));
        check(&json!("1795442700"), Some("2026-11-23T14:05:00Z"));
        check(&json!(42), None);
        check(&json!("now"), None);
        check(&json!("2h ago"), None);
        check(&json!(1e300), None);
        check(&json!(null), None);
    }
}
