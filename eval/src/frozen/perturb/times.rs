//! Another day: every date in a text moves by the same number of days, in whatever form it stands. It must not know what
//! happened on it.

use std::sync::LazyLock;

use jiff::civil::Date;
use jiff::{Span, Timestamp, ToSpan};
use regex::{Captures, Regex};

use crate::resample::Dice;

/// How far a day may move, in days.
const FARTHEST: usize = 1_200;
/// What is further from the incident than this is no date when it is written without separators.
const NEAR_DAYS: i64 = 400;
const SECONDS_OF_A_DAY: i64 = 86_400;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A pattern of ours, which a test compiles.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

/// `2026-09-14`, `2026/09/14`, `2026.09.14`, alone or with a time behind.
static SEPARATED: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?P<y>\d{4})(?P<a>[-/.])(?P<m>\d{2})(?P<b>[-/.])(?P<d>\d{2})"));
/// `20260914`, alone or with a time behind.
static COMPACT: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"\b(?P<y>20\d{2})(?P<m>\d{2})(?P<d>\d{2})(?P<t>T\d{4,6}Z?)?\b"));
/// `Mon, 14 Sep 2026`, `14/Sep/2026`.
static DAY_FIRST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?:\b(?P<w>Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?P<c>,? ))?\b(?P<d>\d{1,2})(?P<a>[ /-])(?P<m>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(?P<b>[ /-])(?P<y>\d{4})\b",
    )
});
/// `Sep 14 2026`, `Mon Sep 14 10:05:00 2026`.
static MONTH_FIRST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?:\b(?P<w>Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?P<c>,? ))?\b(?P<m>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(?P<a> {1,2})(?P<d>\d{1,2})(?P<t>,? (?:\d{2}:\d{2}:\d{2}(?:\.\d+)? )?)(?P<y>\d{4})\b",
    )
});
/// `exp=1789380060`: seconds to nanoseconds since 1970, where the name in front says that it is a time.
static EPOCH: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r#"(?i)\b(?P<k>(?:exp|iat|nbf|ts|time\w*|\w*_at|\w*_ts|epoch|not_?after|not_?before|now|until|since)["']?\s*[=:]\s*)(?P<n>\d{19}|\d{16}|\d{13}|\d{10})\b"#,
    )
});

/// How far all dates move.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shift {
    days: i64,
    /// A day of the incident.
    near: Option<Date>,
}

impl Shift {
    pub(super) fn draw(near: Option<Date>, dice: &mut Dice) -> Shift {
        let days = 1 + dice.below(FARTHEST) as i64;
        Shift { days: if dice.below(2) == 0 { days } else { -days }, near }
    }

    /// `text` on the other day.
    pub(super) fn tell(&self, text: &str) -> String {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        if digits < 6 {
            return text.to_owned();
        }
        let text = replaced(&SEPARATED, text, |found, whole| self.separated(found, whole));
        let text = replaced(&COMPACT, &text, |found, _| self.compact(found));
        let text = replaced(&DAY_FIRST, &text, |found, _| self.named(found));
        let text = replaced(&MONTH_FIRST, &text, |found, _| self.named(found));
        replaced(&EPOCH, &text, |found, _| self.epoch(found))
    }

    fn moved(&self, date: Date) -> Option<Date> {
        date.checked_add(self.days.days()).ok()
    }

    fn is_near(&self, date: Date) -> bool {
        let apart = self.near.and_then(|near| near.until(date).ok());
        apart.is_some_and(|apart: Span| i64::from(apart.get_days()).abs() <= NEAR_DAYS)
    }

    fn separated(&self, found: &Captures<'_>, whole: &str) -> Option<String> {
        let all = found.get(0)?;
        let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let before = whole.get(..all.start()).and_then(|text| text.chars().next_back());
        let after = whole.get(all.end()..).and_then(|text| text.chars().next());
        let separator = &found["a"];
        if is_digit(before) || is_digit(after) || *separator != found["b"] {
            return None;
        }
        let date = self.moved(date(found)?)?;
        Some(format!("{:04}{separator}{:02}{separator}{:02}", date.year(), date.month(), date.day()))
    }

    fn compact(&self, found: &Captures<'_>) -> Option<String> {
        let old = date(found)?;
        let date = self.moved(old).filter(|_| self.is_near(old))?;
        let time = found.name("t").map_or("", |time| time.as_str());
        Some(format!("{:04}{:02}{:02}{time}", date.year(), date.month(), date.day()))
    }

    fn named(&self, found: &Captures<'_>) -> Option<String> {
        let month = MONTHS.iter().position(|month| *month == &found["m"])? + 1;
        let old = Date::new(found["y"].parse().ok()?, month as i8, found["d"].parse().ok()?).ok()?;
        let date = self.moved(old)?;
        let month = MONTHS.get(usize::try_from(date.month()).ok()?.checked_sub(1)?)?;
        let weekday = date.weekday().to_monday_zero_offset();
        let weekday = WEEKDAYS.get(usize::try_from(weekday).ok()?)?;
        let (day, year, a) = (date.day(), date.year(), &found["a"]);
        let head = found.name("c").map_or(String::new(), |comma| format!("{weekday}{}", comma.as_str()));
        Some(match found.name("t") {
            // One blank or two: the day is as wide as before.
            Some(time) => {
                let wide = found["a"].len() + found["d"].len() - 1;
                format!("{head}{month} {day:>wide$}{}{year}", time.as_str())
            }
            None => format!("{head}{day:02}{a}{month}{}{year}", &found["b"]),
        })
    }

    fn epoch(&self, found: &Captures<'_>) -> Option<String> {
        let number: i64 = found["n"].parse().ok()?;
        let unit = 10_i64.checked_pow(u32::try_from(found["n"].len()).ok()?.checked_sub(10)?)?;
        let at = Timestamp::from_second(number / unit).ok()?;
        if !self.is_near(at.to_zoned(jiff::tz::TimeZone::UTC).date()) {
            return None;
        }
        let moved = number.checked_add(self.days.checked_mul(SECONDS_OF_A_DAY)?.checked_mul(unit)?)?;
        Some(format!("{}{moved}", &found["k"]))
    }
}

/// The first date of a text.
pub(super) fn first_date(text: &str) -> Option<Date> {
    SEPARATED.as_ref()?.captures_iter(text).find_map(|found| date(&found))
}

fn date(found: &Captures<'_>) -> Option<Date> {
    Date::new(found["y"].parse().ok()?, found["m"].parse().ok()?, found["d"].parse().ok()?).ok()
}

fn replaced(
    pattern: &LazyLock<Option<Regex>>,
    text: &str,
    tell: impl Fn(&Captures<'_>, &str) -> Option<String>,
) -> String {
    let Some(pattern) = pattern.as_ref() else { return text.to_owned() };
    let told = pattern
        .replace_all(text, |found: &Captures<'_>| tell(found, text).unwrap_or_else(|| found[0].to_owned()));
    told.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(days: i64, text: &str, expect: &str) {
        let shift = Shift { days, near: Date::new(2026, 9, 14).ok() };
        assert_eq!(shift.tell(text), expect);
    }

    #[test]
    fn a_date_moves_in_every_form_it_may_have() {
        check(
            20,
            "2026-09-14T10:21:00Z, 2026-09-14 10:21:00.123",
            "2026-10-04T10:21:00Z, 2026-10-04 10:21:00.123",
        );
        check(-14, "v2026.09.14-1003 and logs/2026/09/14.gz", "v2026.08.31-1003 and logs/2026/08/31.gz");
        check(
            1,
            "partition p20260914, backup 20260914T020000Z",
            "partition p20260914, backup 20260915T020000Z",
        );
        check(
            1,
            "Mon, 14 Sep 2026 10:21:00 GMT; 14/Sep/2026:10",
            "Tue, 15 Sep 2026 10:21:00 GMT; 15/Sep/2026:10",
        );
        check(
            17,
            "notAfter=Sep 14 10:00:00 2026 GMT, Sep  1 2026",
            "notAfter=Oct  1 10:00:00 2026 GMT, Sep 18 2026",
        );
        check(1, "exp=1789380060 \"iat\": 1789380060123", "exp=1789466460 \"iat\": 1789466460123");
    }

    #[test]
    fn what_is_no_date_stays() {
        for text in [
            "allocated 1789380060 bytes",
            "request 2026-13-45",
            "12026-09-141",
            "at 10:21, 14 of 20",
            "20010101",
            "exp=30",
            "1.2.3",
        ] {
            check(9, text, text);
        }
    }

    #[test]
    fn the_patterns_are_patterns() {
        for pattern in [&SEPARATED, &COMPACT, &DAY_FIRST, &MONTH_FIRST, &EPOCH] {
            assert!(pattern.is_some());
        }
    }
}
