//! When did it begin? From what people and alerts say, as an interval. (Reading it from series comes with the
//! sources of series.) Must not know changes: a suspect must never move the onset.

use hearback_core::answer::{Claim, Onset};
use hearback_core::evidence::Citation;
use hearback_core::ids::EvidenceId;
use hearback_core::time::format_time;
use hearback_core::{Incident, ServiceName};
use jiff::{SignedDuration, Timestamp};

use crate::ranker::OnsetRule;

/// A time that the asker gave, and the evidence id of the question.
#[derive(Debug, Clone, Copy)]
pub struct Stated {
    /// When it began, by the asker's word.
    pub at: Timestamp,
    /// The question.
    pub question: EvidenceId,
}

/// The onset: the asker's word first, then the earliest of the declared start of impact and the alerts of an
/// affected service, then the declaration itself. `None` if there is nothing to go by.
pub fn onset(
    stated: Option<Stated>,
    incident: Option<&Incident>,
    services: &[ServiceName],
    rule: &OnsetRule,
) -> Option<Onset> {
    if let Some(Stated { at, question }) = stated {
        return exact(at, "the asker says so", question);
    }
    let incident = incident?;
    let declared_start = incident.impact_since.map(|(at, evidence)| (at, evidence, None));
    let own = |service: &Option<ServiceName>| {
        services.is_empty() || service.as_ref().is_some_and(|service| services.contains(service))
    };
    let alerts = incident
        .alerts
        .iter()
        .filter(|seen| own(&seen.alert.service))
        .map(|seen| (seen.alert.started_at, seen.evidence, Some(&seen.alert)));
    let lag = SignedDuration::from_mins(rule.alert_lag_minutes);
    match alerts.chain(declared_start).min_by_key(|(at, ..)| *at) {
        Some((at, evidence, Some(alert))) => {
            let says = format!("alert {} since {}", alert.name.for_people(60), format_time(at));
            interval(at, lag, says, evidence)
        }
        Some((at, evidence, None)) => exact(at, "declared start of impact", evidence),
        None => {
            let (at, evidence) = incident.declared_at?;
            interval(at, lag, format!("declared at {}", format_time(at)), evidence)
        }
    }
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
