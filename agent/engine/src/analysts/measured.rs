//! Which of the series that were read left their usual course, and which wordings of errors are new: what the onset is
//! read from. What a season explains is left out. Must not know changes.

use hearback_core::telemetry::LogTemplate;
use hearback_core::{LogSeverity, Series};
use jiff::{SignedDuration, Timestamp};

use super::change_point::onset_of;
use super::findings::is_new;
use super::onset::{LogSurge, MeasuredSeries};
use super::signature::signature;
use crate::observe::{Observed, Seen};
use crate::signals::Signals;

/// History counts when it covers this much: then every hour of the week was seen once before.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// An onset that the longer look had this many points to notice, and did not, is the season's.
const NOTICED_WITHIN: usize = 8;
/// A new wording of fewer records may be chance.
const SURGE_RECORDS: u64 = 3;
/// An error is logged at most so long after what caused it, on a service that is used.
const LOG_LAG: SignedDuration = SignedDuration::from_mins(1);

/// The series that left their usual course.
pub fn measured_series(observed: &Observed, as_of: Timestamp, rules: &Signals) -> Vec<MeasuredSeries> {
    let measured = observed.series.iter().filter_map(|seen| {
        let signature = signature(&seen.item, as_of, rules)?;
        let longer = observed.history.iter().find(|longer| is_sister(&longer.item, &seen.item));
        if longer.is_some_and(|longer| is_of_season(&longer.item, signature.onset.latest, as_of, rules)) {
            return None;
        }
        Some(MeasuredSeries {
            service: seen.item.service.clone(),
            query: seen.item.query.clone(),
            labels: seen.item.labels.clone(),
            signature,
            evidence: seen.evidence,
        })
    });
    measured.collect()
}

fn is_sister(one: &Series, other: &Series) -> bool {
    (&one.service, one.kind, &one.query, &one.labels)
        == (&other.service, other.kind, &other.query, &other.labels)
}

/// Two weeks of the same signal show nothing unusual, though there was time to notice.
fn is_of_season(longer: &Series, onset: Timestamp, as_of: Timestamp, rules: &Signals) -> bool {
    let (Some(first), Some(last)) = (longer.points.first(), longer.points.last()) else { return false };
    let since = longer.points.iter().filter(|point| point.at > onset).count();
    last.at.duration_since(first.at) >= WEEK
        && since >= NOTICED_WITHIN
        && onset_of(longer, as_of, rules).is_none()
}

/// The wordings of errors that were not in the logs before.
pub fn surges(observed: &Observed) -> Vec<LogSurge> {
    let is_surge = |seen: &&Seen<LogTemplate>| {
        seen.item.severity >= LogSeverity::Error
            && seen.item.count >= SURGE_RECORDS
            && is_new(seen.item.first.at, observed)
    };
    let surge = |seen: &Seen<LogTemplate>| LogSurge {
        service: seen.item.service.clone(),
        text: seen.item.text.clone(),
        earliest: seen.item.first.at.checked_sub(LOG_LAG).unwrap_or(seen.item.first.at),
        latest: seen.item.first.at,
        evidence: seen.evidence,
    };
    observed.templates.iter().filter(is_surge).map(surge).collect()
}
