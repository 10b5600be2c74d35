//! Points in time, windows and how they are read and written. The clock is always an argument.

use jiff::{SignedDuration, Span, Timestamp, Zoned, civil, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::text::ExternalText;

/// A half-open interval: `from` is inside, `until` is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The first instant inside.
    pub from: Timestamp,
    /// The first instant after.
    pub until: Timestamp,
}

impl Window {
    /// The `length` before `until`, which saturates at the earliest representable time.
    pub fn before(until: Timestamp, length: SignedDuration) -> Self {
        let from = until.checked_sub(length).unwrap_or(Timestamp::MIN);
        Window { from, until }
    }

    /// Whether `at` is inside.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

/// The text is not a time or a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTime {
    /// Not a point in time.
    #[error("\"{0}\" is not a time; write it as 2026-11-23T14:05:00Z, 2026-11-23, \"2h ago\" or now")]
    Point(String),
    /// Not a duration.
    #[error("\"{0}\" is not a duration; write it as 90m, 24h or 7d")]
    Length(String),
}

/// Reads a point in time: RFC 3339, a date (its midnight in UTC), a date and time without offset (UTC), a
/// duration with `ago`, or `now`.
///
/// # Errors
/// [`BadTime::Point`] if it is none of these or out of range.
pub fn parse_time(text: &str, now: Timestamp) -> Result<Timestamp, BadTime> {
    let bad = || BadTime::Point(ExternalText::from(text).for_people(80));
    let trimmed = text.trim();
    if trimmed.eq_ignore_ascii_case("now") {
        return Ok(now);
    }
    if let Some(length) = trimmed.strip_suffix("ago") {
        let length = parse_length(length).map_err(|_| bad())?;
        return now.checked_sub(length).map_err(|_| bad());
    }
    if let Ok(at) = trimmed.parse::<Timestamp>() {
        return Ok(at);
    }
    // A bare "Z" after a date without seconds ("2026-11-23T14:05Z") is what people type.
    let civil_part = trimmed.strip_suffix(['Z', 'z']).unwrap_or(trimmed);
    if let Ok(at) = civil_part.parse::<civil::DateTime>() {
        return at.to_zoned(TimeZone::UTC).map(|zoned: Zoned| zoned.timestamp()).map_err(|_| bad());
    }
    Err(bad())
}

/// Reads a duration: `90m`, `24h`, `7d`, `2 weeks`, `1h 30m`. A day is 24 hours. Never negative.
///
/// # Errors
/// [`BadTime::Length`] if it is not one.
pub fn parse_length(text: &str) -> Result<SignedDuration, BadTime> {
    let bad = || BadTime::Length(ExternalText::from(text).for_people(80));
    let span: Span = text.trim().parse().map_err(|_| bad())?;
    // Months and years have no fixed length; days and weeks are taken as 24 hours, as everywhere in the field.
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err(bad());
    }
    let length = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| bad())?;
    if length.is_negative() { Err(bad()) } else { Ok(length) }
}

/// A duration as a tired person reads it: `45 s`, `12 min`, `3 h 20 min`, `30 h`, `2 d 4 h`, `41 d`. Negative ones lose
/// their sign: say "before" or "after" in words.
pub fn format_length(length: SignedDuration) -> String {
    let seconds = length.as_secs().unsigned_abs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |big: u64, big_unit: &str, small: u64, small_unit: &str| {
        if small == 0 {
            format!("{big} {big_unit}")
        } else {
            format!("{big} {big_unit} {small} {small_unit}")
        }
    };
    match (days, hours, minutes) {
        (_, 0, 0) => format!("{seconds} s"),
        (_, 0, _) => format!("{minutes} min"),
        (_, 1..10, _) => two(hours, "h", minutes % 60, "min"),
        (_, 10..48, _) => format!("{hours} h"),
        (0..10, _, _) => two(days, "d", hours % 24, "h"),
        _ => format!("{days} d"),
    }
}

/// A point in time to the second, UTC: `2026-11-23 14:05:09Z`.
pub fn format_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn times_people_type() {
        let now = at("2026-11-23T14:05:00Z");
        for (text, expect) in [
            ("2026-11-23T13:00:00Z", "2026-11-23T13:00:00Z"),
            ("2026-11-23T13:00Z", "2026-11-23T13:00:00Z"),
            ("2026-11-23 13:00", "2026-11-23T13:00:00Z"),
            ("2026-11-23T13:00:00+02:00", "2026-11-23T11:00:00Z"),
            ("2026-11-23", "2026-11-23T00:00:00Z"),
            ("2h ago", "2026-11-23T12:05:00Z"),
            ("1h 30m ago", "2026-11-23T12:35:00Z"),
            ("7d ago", "2026-11-16T14:05:00Z"),
            ("now", "2026-11-23T14:05:00Z"),
        ] {
            assert_eq!(parse_time(text, now), Ok(at(expect)), "{text}");
        }
        for text in ["", "yesterday", "ago", "-2h ago", "2026-13-01", "14:05", "1y ago", "99999999999d ago"] {
            assert!(parse_time(text, now).is_err(), "{text}");
        }
    }

    #[test]
    fn lengths_people_read() {
        for (text, expect) in [
            ("45s", "45 s"),
            ("12m", "12 min"),
            ("3h", "3 h"),
            ("3h20m", "3 h 20 min"),
            ("24h", "24 h"),
            ("30h 40m", "30 h"),
            ("52h", "2 d 4 h"),
            ("41d 3h", "41 d"),
            ("2 weeks", "14 d"),
        ] {
            assert_eq!(format_length(parse_length(text).unwrap()), expect, "{text}");
        }
        assert!(parse_length("-1h").is_err());
        assert!(parse_length("1 month").is_err());
    }

    #[test]
    fn a_refusal_is_safe_on_a_terminal() {
        let text = "3\u{1b}[2Jh";
        let says = parse_length(text).unwrap_err().to_string();
        assert_eq!(says, "\"3\u{fffd}[2Jh\" is not a duration; write it as 90m, 24h or 7d");
        let says = parse_time(text, Timestamp::UNIX_EPOCH).unwrap_err().to_string();
        assert!(says.starts_with("\"3\u{fffd}[2Jh\" is not a time"), "{says}");
    }

    #[test]
    fn a_window_is_half_open() {
        let window = Window::before(at("2026-11-23T14:00:00Z"), SignedDuration::from_hours(1));
        assert!(window.contains(at("2026-11-23T13:00:00Z")));
        assert!(!window.contains(at("2026-11-23T14:00:00Z")));
    }
}
