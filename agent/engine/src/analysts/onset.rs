//! When did it begin? From what people say, what was measured, and alerts, as an interval. Must not know changes: a
//! suspect must never move the onset.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use hearback_core::answer::{Claim, Onset};
use hearback_core::evidence::Citation;
use hearback_core::ids::EvidenceId;
use hearback_core::incident::SeenAlert;
use hearback_core::time::format_time;
use hearback_core::{ExternalText, Incident, ServiceName, SignalKind};
use jiff::{SignedDuration, Timestamp};

use super::change_point::Course;
use super::signature::{Signature, says};
use crate::ranker::OnsetRule;

/// A time that the asker gave, and the evidence id of the question.
#[derive(Debug, Clone, Copy)]
pub struct Stated {
    /// When it began, by the asker's word.
    pub at: Timestamp,
    /// The question.
    pub question: EvidenceId,
}

/// A series that left its level, and the snapshot it was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredSeries {
    /// Whose.
    pub service: ServiceName,
    /// The query that made it.
    pub query: String,
    /// What tells the series from its sisters.
    pub labels: BTreeMap<String, ExternalText>,
    /// When, how far and in which shape.
    pub signature: Signature,
    /// The snapshot.
    pub evidence: EvidenceId,
}

/// The first surge of an error's wording in the logs.
#[derive(Debug, Clone, PartialEq)]
pub struct LogSurge {
    /// Who wrote them.
    pub service: ServiceName,
    /// The wording.
    pub text: ExternalText,
    /// The last time at which it was not, or not more often than usual, in the logs.
    pub earliest: Timestamp,
    /// The first record of the surge.
    pub latest: Timestamp,
    /// The snapshot.
    pub evidence: EvidenceId,
}

/// What was measured. The default is nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Measured<'a> {
    /// Series with an onset.
    pub series: &'a [MeasuredSeries],
    /// Surges in the logs.
    pub surges: &'a [LogSurge],
    /// Onsets this long before that of the series that moved farthest belong to the same problem.
    pub together: SignedDuration,
}

/// The onset: the asker's word first, then the declared start of impact, then series (those that users feel first), then
/// the first surge of an error in the logs, then the earliest live alert of an affected service, then the declaration
/// itself. `None` if there is nothing to go by. What is measured counts for affected services only, all if none is
/// known; an alert bounds it from above, for it can't fire before there is something to fire on.
pub fn onset(
    stated: Option<Stated>,
    incident: Option<&Incident>,
    services: &[ServiceName],
    measured: &Measured<'_>,
    rule: &OnsetRule,
) -> Option<Onset> {
    if let Some(Stated { at, question }) = stated {
        return exact(at, "the asker says so", question);
    }
    if let Some((at, evidence)) = incident.and_then(|incident| incident.impact_since) {
        return exact(at, "declared start of impact", evidence);
    }
    let alert = incident.and_then(|incident| first_alert(incident, services));
    if let Some(onset) =
        from_series(measured, services, alert).or_else(|| from_logs(measured, services, alert))
    {
        return Some(onset);
    }
    let lag = SignedDuration::from_mins(rule.alert_lag_minutes);
    match alert {
        Some(seen) => interval(seen.alert.started_at, lag, alert_says(seen), seen.evidence),
        None => {
            let (at, evidence) = incident?.declared_at?;
            interval(at, lag, format!("declared at {}", format_time(at)), evidence)
        }
    }
}

/// The earliest live alert of an affected service.
fn first_alert<'a>(incident: &'a Incident, services: &[ServiceName]) -> Option<&'a SeenAlert> {
    // An alert that was over before anybody declared is of another day.
    let declared_at = incident.declared_at.map(|(at, _)| at);
    let is_live = |seen: &SeenAlert| {
        seen.resolved_at.is_none_or(|over| declared_at.is_some_and(|declared| over >= declared))
    };
    let own = |service: &Option<ServiceName>| {
        services.is_empty() || service.as_ref().is_some_and(|service| services.contains(service))
    };
    let alerts = incident.alerts_of_it().filter(|seen| own(&seen.alert.service) && is_live(seen));
    alerts.min_by_key(|seen| seen.alert.started_at)
}

fn alert_says(seen: &SeenAlert) -> String {
    format!("alert {} since {}", seen.alert.name.for_people(60), format_time(seen.alert.started_at))
}

/// From the series that moved farthest, and those that moved shortly before it. What users feel counts before traffic
/// and saturation, and what still holds before what is over.
fn from_series(
    measured: &Measured<'_>,
    services: &[ServiceName],
    alert: Option<&SeenAlert>,
) -> Option<Onset> {
    let fired_at = alert.map(|seen| seen.alert.started_at);
    let is_early_enough =
        |one: &&MeasuredSeries| fired_at.is_none_or(|fired_at| one.signature.onset.earliest < fired_at);
    let own = |one: &&MeasuredSeries| services.is_empty() || services.contains(&one.service);
    let candidates: Vec<&MeasuredSeries> =
        measured.series.iter().filter(own).filter(is_early_enough).collect();
    let rank = |one: &MeasuredSeries| {
        let holds = one.signature.onset.course == Course::Holds;
        let felt = matches!(one.signature.kind, SignalKind::Errors | SignalKind::Latency);
        (!holds, !felt)
    };
    let best = candidates.iter().map(|one| rank(one)).min()?;
    let mut alike: Vec<&MeasuredSeries> = candidates.into_iter().filter(|one| rank(one) == best).collect();
    // What is over is told by the last time it was so, not by the worst.
    let (is_over, _) = best;
    alike.sort_by(|a, b| {
        let (a_onset, b_onset) = (&a.signature.onset, &b.signature.onset);
        let by_time = Reverse(a_onset.latest).cmp(&Reverse(b_onset.latest));
        let by_strength = b_onset.strength.total_cmp(&a_onset.strength);
        let order = if is_over { by_time } else { by_strength.then(by_time) };
        order.then_with(|| a.service.cmp(&b.service)).then_with(|| a.signature.kind.cmp(&b.signature.kind))
    });
    let anchor = alike.first()?;
    let began = anchor.signature.onset.latest;
    let first = alike
        .iter()
        .filter(|one| one.signature.onset.latest <= began)
        .filter(|one| began.duration_since(one.signature.onset.latest) <= measured.together)
        .min_by_key(|one| (one.signature.onset.latest, one.signature.onset.earliest))?;
    let says = format!("{}: {}", first.service, says(&first.signature));
    let onset = &first.signature.onset;
    bounded(onset.earliest, onset.latest, says, first.evidence, alert)
}

/// From the first surge of an error in the logs.
fn from_logs(measured: &Measured<'_>, services: &[ServiceName], alert: Option<&SeenAlert>) -> Option<Onset> {
    let fired_at = alert.map(|seen| seen.alert.started_at);
    let own = |surge: &&LogSurge| services.is_empty() || services.contains(&surge.service);
    let first = measured
        .surges
        .iter()
        .filter(own)
        .filter(|surge| fired_at.is_none_or(|fired_at| surge.earliest < fired_at))
        .min_by_key(|surge| (surge.latest, surge.earliest, &surge.service))?;
    let says = format!(
        "{} logs \"{}\" since {}",
        first.service,
        first.text.for_people(60),
        format_time(first.latest)
    );
    bounded(first.earliest, first.latest, says, first.evidence, alert)
}

/// An interval that ends when an alert fired inside it.
fn bounded(
    earliest: Timestamp,
    latest: Timestamp,
    mut says: String,
    evidence: EvidenceId,
    alert: Option<&SeenAlert>,
) -> Option<Onset> {
    let mut citations = vec![Citation::of(evidence)];
    let mut until = latest;
    if let Some(seen) = alert.filter(|seen| seen.alert.started_at < latest) {
        until = seen.alert.started_at;
        says = format!("{says}; {}", alert_says(seen));
        citations.push(Citation::of(seen.evidence));
    }
    let because = Claim::new(says, citations).ok()?;
    Some(Onset { earliest, latest: until, because })
}

fn exact(at: Timestamp, says: &str, evidence: EvidenceId) -> Option<Onset> {
    let because = Claim::new(says, vec![Citation::of(evidence)]).ok()?;
    Some(Onset { earliest: at, latest: at, because })
}

fn interval(latest: Timestamp, lag: SignedDuration, says: String, evidence: EvidenceId) -> Option<Onset> {
    let earliest = latest.checked_sub(lag).unwrap_or(latest);
    let because = Claim::new(says, vec![Citation::of(evidence)]).ok()?;
    Some(Onset { earliest, latest, because })
}

#[cfg(test)]
mod tests {
    use hearback_core::happening::Alert;
    use hearback_core::{Digest, IncidentId};

    use super::super::change_point::{Direction, Level, SeriesOnset};
    use super::super::signature::Shape;
    use super::*;

    const RULE: OnsetRule = OnsetRule { alert_lag_minutes: 10 };

    fn at(clock: &str) -> Timestamp {
        format!("2026-11-23T{clock}:00Z").parse().unwrap()
    }

    fn evidence(name: &str) -> EvidenceId {
        EvidenceId(Digest::of(name.as_bytes()))
    }

    fn service(name: &str) -> ServiceName {
        ServiceName::new(name).unwrap()
    }

    fn series(name: &str, kind: SignalKind, latest: &str, strength: f64, course: Course) -> MeasuredSeries {
        let onset = SeriesOnset {
            earliest: at(latest) - SignedDuration::from_mins(4),
            latest: at(latest),
            before: Level { value: 0.2, spread: 0.1 },
            after: Some(Level { value: 14.0, spread: 1.0 }),
            strength,
            direction: Direction::Up,
            course,
        };
        let signature =
            Signature { kind, onset, shape: Shape::Plateau, ratio: Some(70.0), as_of: at("15:00") };
        MeasuredSeries {
            service: service(name),
            query: String::new(),
            labels: BTreeMap::new(),
            signature,
            evidence: evidence(latest),
        }
    }

    fn alerted(started_at: &str) -> Incident {
        let id: IncidentId = "INC-1".parse().unwrap();
        let mut incident = Incident::new(id);
        let alert = Alert {
            fingerprint: "f".into(),
            name: "CheckoutFails".into(),
            service: Some(service("checkout")),
            summary: "".into(),
            started_at: at(started_at),
            link: None,
            runbook: None,
            level: None,
        };
        incident.alerts.push(SeenAlert { evidence: evidence("alert"), alert, resolved_at: None });
        incident
    }

    fn check(series: &[MeasuredSeries], incident: Option<&Incident>, expect: Option<(&str, &str, &str)>) {
        let measured = Measured { series, surges: &[], together: SignedDuration::from_mins(60) };
        let found = onset(None, incident, &[service("checkout"), service("cart")], &measured, &RULE);
        let found = found.map(|o| (o.earliest, o.latest, o.because.says().to_owned()));
        let expect = expect.map(|(earliest, latest, says)| (at(earliest), at(latest), says.to_owned()));
        assert_eq!(found, expect);
    }

    const HOLDS: Course = Course::Holds;
    const PLATEAU: &str = "checkout: errors 0.2 → 14 at 14:03Z, plateau since";

    #[test]
    fn what_users_feel_comes_before_traffic_and_saturation() {
        let errors = series("checkout", SignalKind::Errors, "14:03", 9.0, HOLDS);
        let full = series("cart", SignalKind::Saturation, "13:30", 90.0, HOLDS);
        check(&[full, errors], None, Some(("13:59", "14:03", PLATEAU)));
    }

    #[test]
    fn the_first_of_those_that_moved_together_is_the_onset() {
        let worst = series("cart", SignalKind::Latency, "14:20", 90.0, HOLDS);
        let first = series("checkout", SignalKind::Errors, "14:03", 9.0, HOLDS);
        let of_the_morning = series("cart", SignalKind::Errors, "09:00", 8.0, HOLDS);
        check(&[worst, first, of_the_morning], None, Some(("13:59", "14:03", PLATEAU)));
    }

    #[test]
    fn what_is_over_counts_only_where_nothing_holds() {
        let over = series("checkout", SignalKind::Errors, "10:00", 90.0, Course::Over { since: at("11:00") });
        let now = series("checkout", SignalKind::Errors, "14:03", 9.0, HOLDS);
        check(&[over.clone(), now], None, Some(("13:59", "14:03", PLATEAU)));
        let says = "checkout: errors 0.2 → 14 at 10:00Z, plateau, over since 11:00Z";
        check(&[over], None, Some(("09:56", "10:00", says)));
    }

    #[test]
    fn an_alert_bounds_the_onset_from_above() {
        let errors = series("checkout", SignalKind::Errors, "14:03", 9.0, HOLDS);
        let inside = format!("{PLATEAU}; alert CheckoutFails since 2026-11-23 14:01:00Z");
        check(std::slice::from_ref(&errors), Some(&alerted("14:01")), Some(("13:59", "14:01", &inside)));
        check(std::slice::from_ref(&errors), Some(&alerted("14:13")), Some(("13:59", "14:03", PLATEAU)));
        // It fired before the series moved: the series is not where it began.
        let alone = "alert CheckoutFails since 2026-11-23 13:50:00Z";
        check(&[errors], Some(&alerted("13:50")), Some(("13:40", "13:50", alone)));
    }

    #[test]
    fn a_series_of_another_service_is_not_the_onset() {
        check(&[series("search", SignalKind::Errors, "14:03", 9.0, HOLDS)], None, None);
    }

    #[test]
    fn logs_count_after_series_and_before_alerts() {
        let surge = LogSurge {
            service: service("checkout"),
            text: "no rounding for <*>".into(),
            earliest: at("14:04"),
            latest: at("14:05"),
            evidence: evidence("logs"),
        };
        let only = |series: &[MeasuredSeries]| {
            let surges = std::slice::from_ref(&surge);
            let measured = Measured { series, surges, together: SignedDuration::from_mins(60) };
            let incident = alerted("14:13");
            let found = onset(None, Some(&incident), &[service("checkout")], &measured, &RULE).unwrap();
            found.because.says().to_owned()
        };
        assert_eq!(only(&[]), "checkout logs \"no rounding for <*>\" since 2026-11-23 14:05:00Z");
        assert_eq!(only(&[series("checkout", SignalKind::Errors, "14:03", 9.0, HOLDS)]), PLATEAU);
    }

    #[test]
    fn people_come_before_measurements() {
        let series = [series("checkout", SignalKind::Errors, "14:03", 9.0, HOLDS)];
        let measured = Measured { series: &series, ..Measured::default() };
        let stated = Stated { at: at("13:00"), question: evidence("question") };
        let found = onset(Some(stated), None, &[], &measured, &RULE).unwrap();
        assert_eq!((found.earliest, found.because.says()), (at("13:00"), "the asker says so"));
        let mut incident = alerted("14:13");
        incident.impact_since = Some((at("13:10"), evidence("declared")));
        let found = onset(None, Some(&incident), &[], &measured, &RULE).unwrap();
        assert_eq!((found.latest, found.because.says()), (at("13:10"), "declared start of impact"));
    }
}
