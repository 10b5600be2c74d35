//! Where an alert belongs: into an open incident, into a new one, or into the inbox. One problem is one incident. Pure:
//! it must not read or write anything.

use std::collections::BTreeMap;

use hearback_core::happening::Alert;
use hearback_core::{Catalog, Incident, IncidentId, ServiceName, Severity};
use jiff::{SignedDuration, Timestamp};

/// When alerts belong together, and which open an incident by themselves.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacingRule {
    /// The levels (in lower case) whose alerts open an incident, and the severity it gets until a person says
    /// otherwise. All others wait in the inbox.
    pub declares: BTreeMap<String, Severity>,
    /// An alert of a service next to an incident's (it calls it, or is called by it) belongs to that incident if it
    /// began at most so long before or after the incident was declared.
    pub group_within: SignedDuration,
}

/// Where an alert belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// Into this open incident.
    Join(IncidentId),
    /// Into a new incident.
    Declare(Severity),
    /// Into the inbox, until somebody declares.
    Wait,
}

/// An open incident in which nothing happened for so long takes no new alerts.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Where `alert` belongs at `now`, given the incidents that are open.
pub fn place<'a>(
    alert: &Alert,
    open: impl IntoIterator<Item = &'a Incident>,
    catalog: &Catalog,
    rule: &PlacingRule,
    now: Timestamp,
) -> Placement {
    let open: Vec<&Incident> = open.into_iter().collect();
    // The same alert once more: it flaps, or the copilot was killed between two steps.
    let has_it = |incident: &&&Incident| {
        incident.alerts.iter().any(|seen| seen.alert.fingerprint == alert.fingerprint)
    };
    if let Some(incident) = open.iter().filter(has_it).max_by_key(|incident| incident.declared_at) {
        return Placement::Join(incident.id.clone());
    }
    if let Some(service) = &alert.service {
        // One that nobody touched for long was forgotten; what happens now is another problem.
        let is_alive = |incident: &&Incident| {
            incident.last_at.is_some_and(|at| now.duration_since(at) <= FORGOTTEN_AFTER)
        };
        let open: Vec<&Incident> = open.into_iter().filter(is_alive).collect();
        let concerns = |incident: &&&Incident| {
            let is_it = |other: &ServiceName| same(catalog, service, other);
            incident.services.iter().any(is_it)
                || incident.alerts.iter().filter_map(|seen| seen.alert.service.as_ref()).any(is_it)
        };
        // The latest declared: an older one is more likely to be forgotten than to be about this.
        if let Some(incident) = open.iter().filter(concerns).max_by_key(|incident| incident.declared_at) {
            return Placement::Join(incident.id.clone());
        }
        let near = open.iter().filter_map(|incident| {
            let (declared_at, _) = incident.declared_at?;
            let distance = alert.started_at.duration_since(declared_at).abs();
            let next_to = incident.services.iter().any(|other| neighbours(catalog, service, other));
            (next_to && distance <= rule.group_within).then_some((distance, &incident.id))
        });
        if let Some((_, id)) = near.min() {
            return Placement::Join(id.clone());
        }
    }
    let level = alert.level.as_deref().map(str::to_lowercase);
    match level.and_then(|level| rule.declares.get(&level)) {
        Some(severity) => Placement::Declare(*severity),
        None => Placement::Wait,
    }
}

fn same(catalog: &Catalog, one: &ServiceName, other: &ServiceName) -> bool {
    let official =
        |name: &ServiceName| catalog.find(name.as_str()).map_or_else(|| name.clone(), |s| s.name.clone());
    official(one).as_str().eq_ignore_ascii_case(official(other).as_str())
}

/// One calls the other.
fn neighbours(catalog: &Catalog, one: &ServiceName, other: &ServiceName) -> bool {
    let calls = |from: &ServiceName, to: &ServiceName| {
        catalog
            .find(from.as_str())
            .is_some_and(|service| service.depends_on.iter().any(|d| same(catalog, d, to)))
    };
    calls(one, other) || calls(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearback_core::catalog::Service;
    use hearback_core::entry::{Actor, Draft, Entry};
    use hearback_core::happening::Happening;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + minute * 60).unwrap()
    }

    fn name(text: &str) -> ServiceName {
        ServiceName::new(text).unwrap()
    }

    fn incident(number: u64, service: &str, declared: i64) -> Incident {
        let id = IncidentId::numbered(number);
        let what = Happening::Declared {
            title: "x".into(),
            severity: Severity::Sev2,
            services: vec![name(service)],
            impact_since: None,
        };
        let (happened_at, by) = (at(declared), Actor::hearback());
        let draft = Draft { happened_at, known_at: happened_at, recorded_at: happened_at, by, what };
        let entry = Entry::seal(&draft, &id, None, [0; 16]).unwrap();
        Incident::as_of(id, [&entry], at(1000))
    }

    fn check(service: Option<&str>, level: &str, minute: i64, expect: Placement) {
        let alert = Alert {
            fingerprint: "f".into(),
            name: "HighErrorRate".into(),
            service: service.map(name),
            summary: "".into(),
            started_at: at(minute),
            link: None,
            runbook: None,
            level: Some(level.into()),
        };
        let checkout = Service {
            aliases: vec!["checkoutservice".into()],
            depends_on: vec![name("payments")],
            ..Service::named(name("checkout"))
        };
        let catalog = Catalog { services: vec![checkout, Service::named(name("payments"))] };
        let rule = PlacingRule {
            declares: [("critical".to_owned(), Severity::Sev2)].into(),
            group_within: SignedDuration::from_mins(15),
        };
        let open = [incident(1, "checkout", 0), incident(2, "checkout", 5), incident(3, "mail", 5)];
        assert_eq!(place(&alert, &open, &catalog, &rule, at(minute)), expect, "{service:?} {level} {minute}");
    }

    #[test]
    fn an_alert_joins_the_open_incident_of_its_service_or_of_a_neighbour() {
        let join = |number| Placement::Join(IncidentId::numbered(number));
        check(Some("checkout"), "warning", 500, join(2));
        check(Some("CheckoutService"), "critical", 500, join(2));
        check(Some("payments"), "critical", 10, join(2));
        check(Some("payments"), "critical", -5, join(1));
        check(Some("payments"), "critical", 21, Placement::Declare(Severity::Sev2));
        check(Some("checkout"), "warning", 5 + 24 * 60, join(2));
        check(Some("checkout"), "warning", 6 + 24 * 60, Placement::Wait);
    }

    #[test]
    fn an_alert_that_belongs_nowhere_declares_or_waits_by_its_level() {
        check(Some("search"), "Critical", 10, Placement::Declare(Severity::Sev2));
        check(Some("search"), "warning", 10, Placement::Wait);
        check(None, "critical", 10, Placement::Declare(Severity::Sev2));
        check(None, "", 10, Placement::Wait);
    }
}
