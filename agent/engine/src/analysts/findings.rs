//! What was seen of the affected services beside changes: signals that left their usual course, error logs, failed and
//! slow calls. Each finding is one line and cites its snapshot. Must not know changes.

use std::collections::BTreeMap;

use hearback_core::answer::{Claim, Finding, FindingKind};
use hearback_core::evidence::Citation;
use hearback_core::telemetry::LogTemplate;
use hearback_core::time::format_time;
use hearback_core::{EvidenceId, LogSeverity, ServiceName};
use jiff::{SignedDuration, Timestamp};

use super::onset::MeasuredSeries;
use super::signature::says;
use crate::observe::{Observed, SPANS, Seen};

/// The most findings of each kind.
const EACH: usize = 3;
/// A wording that does not occur in this share of the time looked at, and then does, is new.
const QUIET_SHARE: f64 = 0.25;
/// A call shorter than this is not called slow, whatever the others take.
const SLOW: SignedDuration = SignedDuration::from_secs(1);

/// What stands out of the affected `services` (of all, if none is known), users' pain first. `measured` is of these.
pub fn findings(observed: &Observed, measured: &[MeasuredSeries], services: &[ServiceName]) -> Vec<Finding> {
    let own = |service: &ServiceName| services.is_empty() || services.contains(service);
    let mut findings = signals(observed, measured, &own);
    findings.extend(error_logs(observed, &own));
    findings.extend(failed_calls(observed, &own));
    findings.extend(slow_calls(observed, &own));
    findings
}

fn finding(
    kind: FindingKind,
    service: &ServiceName,
    says: String,
    evidence: EvidenceId,
    link: Option<String>,
) -> Option<Finding> {
    let claim = Claim::new(says, vec![Citation::of(evidence)]).ok()?;
    Some(Finding { kind, service: service.clone(), claim, link })
}

fn signals(
    observed: &Observed,
    measured: &[MeasuredSeries],
    own: &dyn Fn(&ServiceName) -> bool,
) -> Vec<Finding> {
    let mut strange: Vec<&MeasuredSeries> = measured.iter().collect();
    strange.sort_by(|a, b| {
        let strength = b.signature.onset.strength.total_cmp(&a.signature.onset.strength);
        a.signature.kind.cmp(&b.signature.kind).then(strength).then_with(|| a.service.cmp(&b.service))
    });
    let link = |one: &MeasuredSeries| {
        let is_it = |seen: &&Seen<hearback_core::Series>| {
            seen.item.service == one.service && seen.item.kind == one.signature.kind
        };
        observed.series.iter().find(is_it).and_then(|seen| seen.item.link.clone())
    };
    let mut found: Vec<Finding> = strange
        .iter()
        .take(EACH)
        .filter_map(|one| {
            let text = format!("{} {}", one.service, says(&one.signature));
            finding(FindingKind::Signal, &one.service, text, one.evidence, link(one))
        })
        .collect();
    if found.is_empty()
        && let Some(first) = observed.series.iter().find(|seen| own(&seen.item.service))
    {
        // Graphs that show nothing are worth a line: the trouble is elsewhere, or not measured.
        let series = observed.series.iter().map(|seen| &seen.item).filter(|series| own(&series.service));
        let mut names: Vec<String> =
            series.map(|series| format!("{} {}", series.service, series.kind)).collect();
        names.dedup();
        let text = format!("{}: as usual", names.join(", "));
        found.extend(finding(FindingKind::Usual, &first.item.service, text, first.evidence, None));
    }
    found
}

/// Whether a wording began inside the window rather than before it.
pub fn is_new(first_at: Timestamp, observed: &Observed) -> bool {
    observed.logs_window.is_some_and(|window| {
        let length = window.until.duration_since(window.from).as_secs_f64();
        first_at.duration_since(window.from).as_secs_f64() >= length * QUIET_SHARE
    })
}

fn error_logs(observed: &Observed, own: &dyn Fn(&ServiceName) -> bool) -> Vec<Finding> {
    let is_own_error =
        |seen: &&Seen<LogTemplate>| seen.item.severity >= LogSeverity::Error && own(&seen.item.service);
    let mut templates: Vec<_> = observed.templates.iter().filter(is_own_error).collect();
    templates.sort_by_key(|seen| (!is_new(seen.item.first.at, observed), std::cmp::Reverse(seen.item.count)));
    templates
        .into_iter()
        .take(EACH)
        .filter_map(|seen| {
            let template = &seen.item;
            let since = format_time(template.first.at);
            let new = if is_new(template.first.at, observed) { "new since" } else { "since" };
            let text = format!(
                "{} logs {} × \"{}\" ({new} {since})",
                template.service,
                template.count,
                template.text.for_people(80)
            );
            finding(FindingKind::ErrorLog, &template.service, text, seen.evidence, None)
        })
        .collect()
}

fn failed_calls(observed: &Observed, own: &dyn Fn(&ServiceName) -> bool) -> Vec<Finding> {
    let mut by_name: BTreeMap<(&ServiceName, &str), (usize, &Seen<hearback_core::SpanRecord>)> =
        BTreeMap::new();
    for seen in observed.failed.iter().filter(|seen| own(&seen.item.service)) {
        let entry = by_name.entry((&seen.item.service, seen.item.name.as_untrusted())).or_insert((0, seen));
        entry.0 += 1;
        if seen.item.started_at < entry.1.item.started_at {
            entry.1 = seen;
        }
    }
    let mut calls: Vec<_> = by_name.into_values().collect();
    calls.sort_by_key(|(count, first)| (std::cmp::Reverse(*count), first.item.started_at));
    calls
        .into_iter()
        .take(1)
        .filter_map(|(count, seen)| {
            let span = &seen.item;
            let since = format_time(span.started_at);
            let why = match span.message.is_blank() {
                true => String::new(),
                false => format!(": {}", span.message.for_people(60)),
            };
            // At the limit only the newest were read: the first of them is no beginning.
            let seen_so_far = match observed.failed.len() >= SPANS {
                true => format!("at least {count} lately"),
                false => format!("{count} seen, since {since}"),
            };
            let text = format!("{} fails {} ({seen_so_far}{why})", span.service, span.name.for_people(50));
            finding(FindingKind::FailedCall, &span.service, text, seen.evidence, None)
        })
        .collect()
}

fn slow_calls(observed: &Observed, own: &dyn Fn(&ServiceName) -> bool) -> Vec<Finding> {
    let slow = observed.slow.iter().filter(|seen| own(&seen.item.service));
    let slowest = slow.max_by_key(|seen| seen.item.duration);
    let slowest = slowest.filter(|seen| seen.item.duration >= SLOW);
    slowest
        .and_then(|seen| {
            let span = &seen.item;
            let text = format!(
                "slowest: {} in {} took {:.1} s at {}",
                span.name.for_people(50),
                span.service,
                span.duration.as_secs_f64(),
                format_time(span.started_at)
            );
            finding(FindingKind::SlowCall, &span.service, text, seen.evidence, None)
        })
        .into_iter()
        .collect()
}
