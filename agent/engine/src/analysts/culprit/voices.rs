//! Wordings of logs against what was usual: new ones, ones that surge, ones that ceased. Since when is told by the
//! counts of minutes: the split into before and after that explains them best (a likelihood ratio of two Poisson rates,
//! as in Kulldorff, "A spatial scan statistic", Communications in Statistics 26, 1997, in one dimension). It must not know
//! what a wording means.

use hearback_core::telemetry::{LogTemplate, Minute};
use hearback_core::{EvidenceId, LogSeverity, Window};
use jiff::Timestamp;

use crate::observe::{Observed, Seen};

/// How a wording left its usual course.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Course {
    /// It was never seen before.
    New,
    /// It is seen several times more often.
    Surging,
    /// It was usual and is not, or hardly, seen any more.
    Gone,
}

/// A wording that left its usual course.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Voice<'a> {
    /// The wording, with the first record of it.
    pub template: &'a LogTemplate,
    /// How.
    pub course: Course,
    /// Since when.
    pub since: Timestamp,
    /// How many records there are since.
    pub count: u64,
    /// The snapshot.
    pub evidence: EvidenceId,
}

/// A wording surges from this many times its usual rate.
const SURGE_RATIO: f64 = 3.0;
/// And is gone below this part of it.
const GONE_RATIO: f64 = 0.1;
/// The share of the window without a wording that makes it new.
const QUIET: f64 = 0.1;
/// The least log likelihood ratio of a single error: one that was never seen in an hour, just now.
const LEAST_ERROR: f64 = 1.5;
/// And of a warning, which is more often chance.
const LEAST_WARNING: f64 = 4.0;
/// And of what is gone: silence proves little where little was said.
const LEAST_GONE: f64 = 8.0;

/// The warnings and errors that are new or surge, and what else is gone, by time.
pub fn voices(observed: &Observed) -> Vec<Voice<'_>> {
    let Some(window) = observed.logs_window else { return Vec::new() };
    let bad = observed.templates.iter().filter_map(|seen| louder(seen, window));
    let gone = observed.wordings.iter().filter_map(|seen| fainter(seen, window));
    let mut voices: Vec<Voice<'_>> = bad.chain(gone).collect();
    voices.sort_by_key(|voice| (voice.since, voice.template.id));
    voices
}

fn louder(seen: &Seen<LogTemplate>, window: Window) -> Option<Voice<'_>> {
    let template = &seen.item;
    if template.severity < LogSeverity::Warn {
        return None;
    }
    let split = split(template, window, Toward::More)?;
    let least = if template.severity >= LogSeverity::Error { LEAST_ERROR } else { LEAST_WARNING };
    if split.ratio < least {
        return None;
    }
    let (course, since) = match split.before {
        // What began with the window may have been there before it.
        0 if split.elapsed < QUIET => return None,
        0 => (Course::New, template.first.at.max(split.at)),
        _ if split.rate_after >= SURGE_RATIO * split.rate_before => (Course::Surging, split.at),
        _ => return None,
    };
    Some(Voice { template, course, since, count: split.after, evidence: seen.evidence })
}

fn fainter(seen: &Seen<LogTemplate>, window: Window) -> Option<Voice<'_>> {
    let template = &seen.item;
    if template.severity >= LogSeverity::Warn {
        return None;
    }
    let split = split(template, window, Toward::Less)?;
    let is_gone = split.ratio >= LEAST_GONE && split.rate_after <= GONE_RATIO * split.rate_before;
    is_gone.then_some(Voice {
        template,
        course: Course::Gone,
        since: split.at,
        count: split.after,
        evidence: seen.evidence,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Toward {
    More,
    Less,
}

struct Split {
    at: Timestamp,
    before: u64,
    after: u64,
    rate_before: f64,
    rate_after: f64,
    /// The share of the window that lies before, 0 to 1.
    elapsed: f64,
    /// Log likelihood ratio of two rates against one.
    ratio: f64,
}

/// Where the counts are best told apart into a before and an after.
fn split(template: &LogTemplate, window: Window, toward: Toward) -> Option<Split> {
    let length_s = window.until.duration_since(window.from).as_secs_f64();
    if length_s <= 0.0 {
        return None;
    }
    let fallback = [Minute(Minute::of(template.first.at), template.count)];
    let minutes: &[Minute] = if template.minutes.is_empty() { &fallback } else { &template.minutes };
    let total: u64 = minutes.iter().map(|minute| minute.1).sum();
    let mut best: Option<Split> = None;
    let mut before = 0u64;
    for (place, Minute(at, count)) in minutes.iter().enumerate() {
        // More begins with a minute that has some, less after one.
        let (at, seen) = match toward {
            Toward::More if place == 0 => (template.first.at.max(*at), before),
            Toward::More => (*at, before),
            Toward::Less => (next_minute(*at), before + count),
        };
        before += count;
        let elapsed_s = at.duration_since(window.from).as_secs_f64().clamp(0.0, length_s);
        let (left_s, after) = (length_s - elapsed_s, total - seen);
        if elapsed_s <= 0.0 || left_s <= 0.0 {
            continue;
        }
        let (rate_before, rate_after) = (seen as f64 / elapsed_s, after as f64 / left_s);
        let is_toward = match toward {
            Toward::More => rate_after > rate_before,
            Toward::Less => rate_after < rate_before,
        };
        if !is_toward {
            continue;
        }
        let ratio = entropy(seen, elapsed_s) + entropy(after, left_s) - entropy(total, length_s);
        if best.as_ref().is_none_or(|best| ratio > best.ratio) {
            let elapsed = elapsed_s / length_s;
            best = Some(Split { at, before: seen, after, rate_before, rate_after, elapsed, ratio });
        }
    }
    best
}

fn next_minute(at: Timestamp) -> Timestamp {
    at.checked_add(jiff::SignedDuration::from_mins(1)).unwrap_or(at)
}

fn entropy(count: u64, length_s: f64) -> f64 {
    if count == 0 { 0.0 } else { count as f64 * (count as f64 / length_s).ln() }
}

#[cfg(test)]
mod tests {
    use hearback_core::hash::Digest;
    use hearback_core::telemetry::TemplateId;
    use hearback_core::{ExternalText, LogRecord};
    use jiff::SignedDuration;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(1_000 + minute)
    }

    fn observed(severity: LogSeverity, counts: &[(i64, u64)]) -> Observed {
        let first = LogRecord {
            at: at(counts[0].0) + SignedDuration::from_secs(7),
            service: "cart".parse().unwrap(),
            version: None,
            severity,
            body: ExternalText::from("x"),
            attributes: Default::default(),
            trace: None,
            span: None,
        };
        let template = LogTemplate {
            id: TemplateId(Digest::of(b"x")),
            service: first.service.clone(),
            severity,
            text: first.body.clone(),
            count: counts.iter().map(|count| count.1).sum(),
            first,
            last_at: at(60),
            minutes: counts.iter().map(|(minute, count)| Minute(at(*minute), *count)).collect(),
        };
        let seen = Seen { item: template, evidence: EvidenceId(Digest::of(b"e")) };
        let logs_window = Some(Window { from: at(0), until: at(60) });
        Observed { templates: vec![seen.clone()], wordings: vec![seen], logs_window, ..Observed::default() }
    }

    #[test]
    fn what_is_new_surges_or_is_gone_is_told_with_its_time() {
        let check = |severity, counts: &[(i64, u64)], expect: Option<(Course, i64, i64)>| {
            let observed = observed(severity, counts);
            let told: Vec<_> = voices(&observed)
                .iter()
                .map(|voice| {
                    let since = voice.since.duration_since(at(0));
                    (voice.course, since.as_mins(), since.as_secs() % 60)
                })
                .collect();
            assert_eq!(told, expect.into_iter().collect::<Vec<_>>(), "{counts:?}");
        };
        let steady: Vec<(i64, u64)> = (1..60).map(|minute| (minute, 2)).collect();
        check(LogSeverity::Error, &steady, None);
        check(LogSeverity::Error, &[(50, 1)], Some((Course::New, 50, 7)));
        check(LogSeverity::Warn, &[(50, 1)], None);
        check(LogSeverity::Warn, &[(50, 3), (51, 2)], Some((Course::New, 50, 7)));
        let surge: Vec<(i64, u64)> =
            (1..60).map(|minute| (minute, if minute < 40 { 1 } else { 9 })).collect();
        check(LogSeverity::Error, &surge, Some((Course::Surging, 40, 0)));
        let gone: Vec<(i64, u64)> = (1..40).map(|minute| (minute, 3)).collect();
        check(LogSeverity::Info, &gone, Some((Course::Gone, 40, 0)));
        check(LogSeverity::Info, &steady, None);
        check(LogSeverity::Info, &[(30, 9)], None);
    }
}
