//! Moments: points in time that are named in texts, and series that run down to one. It must not know what comes of them.

use hearback_core::Series;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// The moments that `text` names: `2026-03-02T14:05:00Z`, `2026-03-02 14:05:00`, `Mar  2 14:05:00 2026 GMT` (as openssl
/// prints them). Without a zone they are taken as UTC.
pub fn moments(text: &str) -> Vec<Timestamp> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('-') {
        // The first dash of a date stands after four digits.
        let Some(start) = at.checked_sub(4) else { continue };
        found.extend(text.get(start..).and_then(iso));
    }
    for month in MONTHS {
        for (at, _) in text.match_indices(month) {
            found.extend(text.get(at..).and_then(of_openssl));
        }
    }
    found
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn iso(text: &str) -> Option<Timestamp> {
    let number = |from: usize, until: usize| text.get(from..until)?.parse::<i16>().ok();
    let bytes = text.as_bytes();
    let is = |place: usize, any: &[u8]| bytes.get(place).is_some_and(|byte| any.contains(byte));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"T ") && is(13, b":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute) = (number(11, 13)?, number(14, 16)?);
    let second = if is(16, b":") { number(17, 19).unwrap_or(0) } else { 0 };
    let small = |number: i16| i8::try_from(number).ok();
    let civil =
        DateTime::new(year, small(month)?, small(day)?, small(hour)?, small(minute)?, small(second)?, 0)
            .ok()?;
    let at = civil.to_zoned(TimeZone::UTC).ok()?.timestamp();
    // A zone with a sign after the seconds and their parts.
    let rest = text
        .get(16..)
        .unwrap_or_default()
        .trim_start_matches(|c: char| c.is_ascii_digit() || c == ':' || c == '.');
    let sign = match rest.chars().next() {
        Some('+') => -1,
        Some('-') => 1,
        _ => return Some(at),
    };
    let digits: String =
        rest.chars().skip(1).filter(|c| *c != ':').take_while(char::is_ascii_digit).take(4).collect();
    if digits.len() != 4 {
        return Some(at);
    }
    let zone: i64 = digits.parse().ok()?;
    at.checked_add(SignedDuration::from_mins(sign * (zone / 100 * 60 + zone % 100))).ok()
}

fn of_openssl(text: &str) -> Option<Timestamp> {
    let mut words = text.split_ascii_whitespace();
    let month = MONTHS.iter().position(|month| words.clone().next() == Some(*month))?;
    let _ = words.next();
    let day: i8 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(str::parse::<i8>);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    let year: i16 = words.next()?.parse().ok()?;
    let month = i8::try_from(month + 1).ok()?;
    let civil = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// The least points of a countdown.
const LEAST_POINTS: usize = 10;
/// A countdown is so straight: what a line does not explain of its spread.
const UNEXPLAINED: f64 = 0.001;

/// When a series that falls in a straight line reaches zero; `None` if it does not, or not inside its own time. Time
/// that is left counts down so, and room that is left.
pub fn runs_out(series: &Series) -> Option<Timestamp> {
    let points: Vec<(f64, f64)> = {
        let first = series.points.first()?.at;
        series
            .points
            .iter()
            .map(|point| (point.at.duration_since(first).as_secs_f64(), point.value))
            .collect()
    };
    // What stays at zero once it is there is no line any more: the line is what comes before.
    let falling: Vec<(f64, f64)> = points.iter().copied().take_while(|point| point.1 > 0.0).collect();
    if falling.len() < LEAST_POINTS || falling.len() == points.len() {
        return None;
    }
    let n = falling.len() as f64;
    let (mean_x, mean_y) = (
        falling.iter().map(|point| point.0).sum::<f64>() / n,
        falling.iter().map(|point| point.1).sum::<f64>() / n,
    );
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in &falling {
        xx += (x - mean_x) * (x - mean_x);
        xy += (x - mean_x) * (y - mean_y);
        yy += (y - mean_y) * (y - mean_y);
    }
    if xx <= 0.0 || yy <= 0.0 || xy >= 0.0 {
        return None;
    }
    let slope = xy / xx;
    if yy - slope * xy > UNEXPLAINED * yy {
        return None;
    }
    let zero_s = mean_x - mean_y / slope;
    let first = series.points.first()?.at;
    first.checked_add(SignedDuration::try_from_secs_f64(zero_s).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use hearback_core::SignalKind;
    use hearback_core::signal::Point;

    use super::*;

    #[test]
    fn moments_are_found_in_the_forms_that_programs_write() {
        let check = |text: &str, expect: &[&str]| {
            let told: Vec<String> = moments(text).iter().map(ToString::to_string).collect();
            assert_eq!(told, expect, "{text}");
        };
        check("valid until 2026-03-02T14:05:00Z, serial 4", &["2026-03-02T14:05:00Z"]);
        check(
            "2026-03-02 14:05 and 2026-03-02T14:05:30.25+01:00",
            &["2026-03-02T14:05:00Z", "2026-03-02T13:05:30Z"],
        );
        check("notAfter=Mar  2 14:05:00 2026 GMT", &["2026-03-02T14:05:00Z"]);
        check("not after: Mar  2 14:05:00 2026 GMT", &["2026-03-02T14:05:00Z"]);
        check("v2026-03-02 12-34 2026-13-02T14:05", &[]);
        check("ü-2026-03-0", &[]);
    }

    #[test]
    fn a_straight_fall_to_zero_has_an_end() {
        let check = |values: &[f64], expect: Option<i64>| {
            let at = |minute: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute);
            let points =
                (0..).zip(values).map(|(minute, value)| Point { at: at(minute), value: *value }).collect();
            let series = Series {
                service: "cart".parse().unwrap(),
                kind: SignalKind::Other,
                query: "left".into(),
                labels: Default::default(),
                step: SignedDuration::from_mins(1),
                points,
                link: None,
            };
            let told = runs_out(&series).map(|end| end.duration_since(at(0)).as_mins());
            assert_eq!(told, expect, "{values:?}");
        };
        let falling: Vec<f64> = (0..20).map(|minute| 600.0 - 50.0 * f64::from(minute)).collect();
        check(&falling, Some(12));
        let clamped: Vec<f64> = falling.iter().map(|value| value.max(0.0)).collect();
        check(&clamped, Some(12));
        check(&falling[..12], None);
        check(&[5.0; 20], None);
        let wobbling: Vec<f64> =
            falling.iter().enumerate().map(|(n, value)| value + [0.0, 90.0][n % 2]).collect();
        check(&wobbling, None);
    }
}
