//! When did it begin? From what people and alerts say, as an interval. (Reading it from series comes with the
//! sources of series.) Must not know changes: a suspect must never move the onset.

use hearback_core::answer::{Claim, Onset};
use hearback_core::evidence::Citation;
use hearback_core::ids::EvidenceId;
use hearback_core::incident::SeenAlert;
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

/// The onset: the asker's word first, then the declared start of impact, then the earliest live alert of an affected
/// service, then the declaration itself. `None` if there is nothing to go by.
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
    if let Some((at, evidence)) = incident.impact_since {
        return exact(at, "declared start of impact", evidence);
    }
    // An alert that was over before anybody declared is of another day.
    let declared_at = incident.declared_at.map(|(at, _)| at);
    let is_live = |seen: &SeenAlert| {
        seen.resolved_at.is_none_or(|over| declared_at.is_some_and(|declared| over >= declared))
    };
    let own = |service: &Option<ServiceName>| {
        services.is_empty() || service.as_ref().is_some_and(|service| services.contains(service))
    };
    let alerts = incident.alerts.iter().filter(|seen| own(&seen.alert.service) && is_live(seen));
    let lag = SignedDuration::from_mins(rule.alert_lag_minutes);
    match alerts.min_by_key(|seen| seen.alert.started_at) {
        Some(SeenAlert { alert, evidence, .. }) => {
            let at = alert.started_at;
            let says = format!("alert {} since {}", alert.name.for_people(60), format_time(at));
            interval(at, lag, says, *evidence)
        }
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
