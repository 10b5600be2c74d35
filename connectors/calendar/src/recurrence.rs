//! Unrolls a recurrence rule on the wall clock. The rule is worked out as if the clock were UTC, and the zone is put
//! on afterwards, so that a rule follows the clock through changes of daylight saving time (RFC 5545, 3.3.10).

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;
use rrule::RRuleSet;

use crate::moment::{Form, write, written};

/// More occurrences than this of one rule are not looked at: a daily rule of more than fifty years.
pub const MAX_OCCURRENCES: usize = 20_000;
const MAX_RULE_BYTES: usize = 2000;

/// What became of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrolled {
    /// The occurrences up to the limit, on the wall clock, in order.
    pub at: Vec<civil::DateTime>,
    /// Whether [`MAX_OCCURRENCES`] cut them.
    pub is_cut: bool,
}

/// The occurrences of `rule` from `start` up to `limit`. `wall` gives the wall clock's time of a moment in UTC, for
/// the rule's own end.
///
/// # Errors
/// A phrase that says what is wrong with the rule.
pub fn unroll(
    rule: &str,
    start: civil::DateTime,
    limit: civil::DateTime,
    wall: impl Fn(Timestamp) -> civil::DateTime,
) -> Result<Unrolled, String> {
    if rule.len() > MAX_RULE_BYTES || rule.contains(char::is_control) {
        return Err("a recurrence rule that is none".into());
    }
    if limit < start {
        return Ok(Unrolled { at: Vec::new(), is_cut: false });
    }
    let mut parts = Vec::new();
    let (mut until, mut counted) = (limit, false);
    for part in rule.split(';').filter(|part| !part.trim().is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name.trim().to_ascii_uppercase().as_str() {
            "FREQ"
                if !["YEARLY", "MONTHLY", "WEEKLY", "DAILY"]
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(value.trim())) =>
            {
                return Err("a rule that recurs more than once a day, or by no known frequency".into());
            }
            "UNTIL" => {
                until = until.min(end(value, &wall).ok_or("a recurrence rule whose UNTIL is no time")?)
            }
            "COUNT" => {
                counted = true;
                parts.push(part.to_owned());
            }
            _ => parts.push(part.to_owned()),
        }
    }
    if until < start {
        return Ok(Unrolled { at: Vec::new(), is_cut: false });
    }
    // With its own end a rule that never matches stops; COUNT and UNTIL exclude each other.
    if !counted {
        parts.push(format!("UNTIL={}", write(until)));
    }
    let text = format!("DTSTART:{}\nRRULE:{}", write(start), parts.join(";"));
    let set: RRuleSet = text.parse().map_err(|_| "a recurrence rule that can't be read".to_owned())?;
    let set = set.limit();
    let mut at = Vec::new();
    for occurrence in &set {
        let Ok(occurrence) = Timestamp::from_second(occurrence.timestamp()) else { break };
        let occurrence = TimeZone::UTC.to_datetime(occurrence);
        if occurrence > until {
            break;
        }
        if at.len() == MAX_OCCURRENCES {
            return Ok(Unrolled { at, is_cut: true });
        }
        at.push(occurrence);
    }
    Ok(Unrolled { at, is_cut: false })
}

/// The last moment a rule allows, on the wall clock; a bare date holds until its end.
fn end(text: &str, wall: &impl Fn(Timestamp) -> civil::DateTime) -> Option<civil::DateTime> {
    let written = written(text)?;
    match written.form {
        Form::Date => Some(written.civil.date().to_datetime(civil::Time::constant(23, 59, 59, 0))),
        Form::Wall => Some(written.civil),
        Form::Utc => TimeZone::UTC.to_timestamp(written.civil).ok().map(wall),
    }
}
