//! Did it help? From the signal or the alert that showed the onset, after an action was done. "It did not help" is said as
//! plainly as "it did"; what was well before the action is no merit of it. Must not know which action it was.

use hearback_core::action::{Recovery, RecoverySign};
use hearback_core::signal::Point;
use hearback_core::time::format_length;
use hearback_core::{ExternalText, Incident, SignalKind};
use jiff::{SignedDuration, Timestamp};

use super::robust::median;
use super::signature::short;

/// So many points in a row must be back, and so many show where a series stands.
const HELD: usize = 4;
/// Back is what lies within this share of the way that the signal had gone, …
const BACK_SHARE: f64 = 0.25;
/// … or within this many standard deviations of what was usual.
const BACK_SPREADS: f64 = 3.0;
/// An alert must be over for so long.
const STAYS: SignedDuration = SignedDuration::from_mins(2);
/// Less of the way back than this is no recovery.
const HALF: f64 = 0.5;

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub struct After<'a> {
    /// What shows whether it is well again.
    pub sign: &'a RecoverySign,
    /// When the action was done.
    pub done_at: Timestamp,
    /// When it should be well again at the latest.
    pub until: Timestamp,
    /// Nothing later was looked at.
    pub now: Timestamp,
}

/// What is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// It is too early to tell.
    TooEarly,
    /// This, in one sentence.
    Ended(Recovery, String),
}

impl After<'_> {
    /// From the points of the series, by time; alerts need none.
    pub fn judge(&self, points: &[Point], incident: &Incident) -> Judged {
        match self.sign {
            RecoverySign::Alert { fingerprint, name } => self.of_alert(fingerprint, name, incident),
            RecoverySign::Signal { service, signal, usual, spread, now, .. } => {
                let course = Course { usual: *usual, bad: *now, spread: *spread };
                self.of_signal(&format!("{service} {signal}"), *signal, course, points)
            }
        }
    }

    fn since(&self) -> String {
        format_length(self.now.duration_since(self.done_at))
    }

    fn of_alert(&self, fingerprint: &str, name: &ExternalText, incident: &Incident) -> Judged {
        let name = name.for_people(60);
        let of_it = |seen: &&hearback_core::incident::SeenAlert| seen.alert.fingerprint == fingerprint;
        let Some(alert) = incident.alerts.iter().rev().find(of_it) else {
            return Judged::Ended(Recovery::CantTell, format!("alert {name} is not in the record any more"));
        };
        match alert.resolved_at {
            Some(over) if over < self.done_at => {
                Judged::Ended(Recovery::CantTell, format!("alert {name} was over before the action was done"))
            }
            // It may fire again at once.
            Some(over) if self.now.duration_since(over) < STAYS && self.now < self.until => Judged::TooEarly,
            Some(over) => Judged::Ended(
                Recovery::Recovered,
                format!(
                    "alert {name} is over, {} after the action",
                    format_length(over.duration_since(self.done_at))
                ),
            ),
            None if self.now < self.until => Judged::TooEarly,
            None => Judged::Ended(
                Recovery::NotRecovered,
                format!("alert {name} still fires, {} after the action", self.since()),
            ),
        }
    }

    fn of_signal(&self, what: &str, kind: SignalKind, course: Course, points: &[Point]) -> Judged {
        let unit = if kind == SignalKind::Latency { " s" } else { "" };
        let value = |value: f64| format!("{}{unit}", short(value));
        let usual = value(course.usual);
        let before: Vec<f64> = values(points, |at| at <= self.done_at);
        let after: Vec<f64> = values(points, |at| at > self.done_at && at <= self.now);
        if last(&before).is_some_and(|last| last.iter().all(|value| course.is_back(*value))) {
            let says = format!("{what} back at {usual} before the action was done");
            return Judged::Ended(Recovery::CantTell, says);
        }
        let Some(held) = last(&after) else {
            return match self.now < self.until {
                true => Judged::TooEarly,
                false => Judged::Ended(
                    Recovery::CantTell,
                    format!("{what} not measured since the action, {} ago", self.since()),
                ),
            };
        };
        let stands = median(held);
        if held.iter().all(|value| course.is_back(*value)) {
            let says = format!(
                "{what} back at {}, {} after the action; {} before it, usually {usual}",
                value(stands),
                self.since(),
                value(course.bad)
            );
            return Judged::Ended(Recovery::Recovered, says);
        }
        if self.now < self.until {
            return Judged::TooEarly;
        }
        let (stands_at, bad) = (value(stands), value(course.bad));
        match course.way_back(stands) {
            way if way < HALF => Judged::Ended(
                Recovery::NotRecovered,
                format!(
                    "{what} at {stands_at}, {} after the action; {bad} before it, usually {usual}",
                    self.since()
                ),
            ),
            _ => Judged::Ended(
                Recovery::CantTell,
                format!("{what} from {bad} to {stands_at} in {}; usually {usual}", self.since()),
            ),
        }
    }
}

/// Where a signal was, and where it belongs.
#[derive(Debug, Clone, Copy)]
struct Course {
    usual: f64,
    bad: f64,
    spread: f64,
}

impl Course {
    /// Well, or beyond: errors below the usual are no trouble.
    fn is_back(&self, value: f64) -> bool {
        let way = (self.bad - self.usual).abs();
        // However noisy it was: what is nearer to where it was bad is not back.
        let slack = (BACK_SPREADS * self.spread).max(BACK_SHARE * way).min(HALF * way);
        // What went up is well when it is low enough, what went down when it is high enough.
        if self.bad >= self.usual { value <= self.usual + slack } else { value >= self.usual - slack }
    }

    /// Which part of the way back it has gone; below 0 if it went on.
    fn way_back(&self, value: f64) -> f64 {
        let way = self.bad - self.usual;
        if way == 0.0 { 1.0 } else { (self.bad - value) / way }
    }
}

fn values(points: &[Point], wanted: impl Fn(Timestamp) -> bool) -> Vec<f64> {
    points.iter().filter(|point| wanted(point.at)).map(|point| point.value).collect()
}

/// The last few; none if there are fewer.
fn last(values: &[f64]) -> Option<&[f64]> {
    values.len().checked_sub(HELD).and_then(|from| values.get(from..))
}

/// How long before an action its signal is read.
pub const BEFORE: SignedDuration = SignedDuration::from_mins(10);

#[cfg(test)]
#[path = "recovered_tests.rs"]
mod tests;
