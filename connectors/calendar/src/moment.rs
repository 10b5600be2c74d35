//! Dates, times and durations as RFC 5545 writes them (sections 3.3.4 to 3.3.6). Knows no zone.

use jiff::{SignedDuration, Span, civil};

/// A value of DTSTART and its kin, before its zone is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// On the wall clock; midnight for a date.
    pub civil: civil::DateTime,
    /// What kind of value it was.
    pub form: Form,
}

/// The three forms of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A whole day: `20261224`.
    Date,
    /// A time on a wall clock: `20261224T180000`.
    Wall,
    /// A time in UTC: `20261224T180000Z`.
    Utc,
}

/// Reads a date or a date and time.
pub fn written(text: &str) -> Option<Written> {
    let (text, is_utc) = match text.trim().strip_suffix(['Z', 'z']) {
        Some(text) => (text, true),
        None => (text.trim(), false),
    };
    let (date, time) = match text.split_once(['T', 't']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let digits =
        |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(date, 8) || time.is_some_and(|time| !digits(time, 6)) {
        return None;
    }
    let number = |text: &str, from: usize, until: usize| text.get(from..until)?.parse::<i8>().ok();
    let year = date.get(..4)?.parse::<i16>().ok()?;
    let date = civil::Date::new(year, number(date, 4, 6)?, number(date, 6, 8)?).ok()?;
    let Some(time) = time else {
        let form = Form::Date;
        return (!is_utc).then_some(Written { civil: date.to_datetime(civil::Time::midnight()), form });
    };
    // A leap second is read as the second before it.
    let second = number(time, 4, 6)?.min(59);
    let time = civil::Time::new(number(time, 0, 2)?, number(time, 2, 4)?, second, 0).ok()?;
    let form = if is_utc { Form::Utc } else { Form::Wall };
    Some(Written { civil: date.to_datetime(time), form })
}

/// Writes a moment as if its wall clock were UTC.
pub fn write(civil: civil::DateTime) -> String {
    civil.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// How long an event takes: days follow the wall clock, the rest does not (RFC 5545, 3.3.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    /// Days on the wall clock.
    pub days: i32,
    /// Beside them.
    pub exact: SignedDuration,
}

/// Reads a duration: `PT90M`, `P1DT12H`, `P2W`. `None` for one that is negative, zero or no duration.
pub fn length(text: &str) -> Option<Length> {
    let span: Span = text.trim().parse().ok()?;
    if span.get_years() != 0 || span.get_months() != 0 || !span.is_positive() {
        return None;
    }
    let days = span.get_weeks().checked_mul(7)?.checked_add(span.get_days())?;
    let exact = SignedDuration::from_secs(i64::from(span.get_hours()).checked_mul(3600)?)
        .checked_add(SignedDuration::from_secs(span.get_minutes().checked_mul(60)?))?
        .checked_add(SignedDuration::from_secs(span.get_seconds()))?;
    Some(Length { days, exact })
}

/// Reads an offset from UTC as VTIMEZONE writes it: `+0100`, `-053000`. In seconds.
pub fn offset_s(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    if !matches!(digits.len(), 4 | 6) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number =
        |from: usize, until: usize| digits.get(from..until).map_or(Some(0), |two| two.parse::<i64>().ok());
    let seconds = number(0, 2)? * 3600 + number(2, 4)? * 60 + number(4, 6)?;
    (seconds < 26 * 3600).then_some(sign * seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_in_their_three_forms() {
        let check = |text: &str, expect: Option<(&str, Form)>| {
            let expect = expect.map(|(civil, form)| Written { civil: civil.parse().unwrap(), form });
            assert_eq!(written(text), expect, "{text}");
        };
        check("20261224", Some(("2026-12-24", Form::Date)));
        check("20261224T180000", Some(("2026-12-24T18:00:00", Form::Wall)));
        check("20261224T180000Z", Some(("2026-12-24T18:00:00", Form::Utc)));
        check("20261231T235960Z", Some(("2026-12-31T23:59:59", Form::Utc)));
        for bad in [
            "",
            "Z",
            "T",
            "20261324",
            "20260230",
            "2026-12-24",
            "20261224Z",
            "20261224T1800",
            "20261224T250000",
            "２０２６1224",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn lengths_and_offsets() {
        let exact = |days, hours| Some(Length { days, exact: SignedDuration::from_hours(hours) });
        for (text, expect) in [
            ("PT90M", Some(Length { days: 0, exact: SignedDuration::from_mins(90) })),
            ("P1DT12H", exact(1, 12)),
            ("P2W", exact(14, 0)),
            ("+P1D", exact(1, 0)),
            ("-PT1H", None),
            ("PT0S", None),
            ("P1M", None),
            ("", None),
            ("1h", None),
        ] {
            assert_eq!(length(text).filter(|_| text != "1h"), expect, "{text}");
        }
        for (text, expect) in [
            ("+0100", Some(3600)),
            ("-053000", Some(-19_800)),
            ("0100", None),
            ("+1", None),
            ("+9900", None),
            ("", None),
        ] {
            assert_eq!(offset_s(text), expect, "{text}");
        }
    }
}
