//! Change freezes: times in which nothing should change. Where they come from (configuration, a calendar file) is
//! somebody else's business; here they are spans of time already.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::ServiceName;
use crate::text::ExternalText;
use crate::time::Window;

/// One stretch of a change freeze.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// What it is called.
    pub name: ExternalText,
    /// From when until when.
    pub window: Window,
    /// The services it holds for; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceName>,
    /// The environments it holds for, without regard to case; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
}

impl Freeze {
    /// Whether it is in force at `at` for something of one of `services` in `environment`. What is not known of a
    /// change is not taken for a match: a freeze of production says nothing of a change without an environment, and a
    /// freeze of services nothing of a change without one. `same_service` tells whether two names mean one service.
    pub fn holds(
        &self,
        at: Timestamp,
        services: &[ServiceName],
        environment: Option<&str>,
        same_service: impl Fn(&ServiceName, &ServiceName) -> bool,
    ) -> bool {
        let for_service = self.services.is_empty()
            || self
                .services
                .iter()
                .any(|frozen| services.iter().any(|service| same_service(frozen, service)));
        let for_environment = self.environments.is_empty()
            || environment
                .is_some_and(|name| self.environments.iter().any(|frozen| same_environment(frozen, name)));
        self.window.contains(at) && for_service && for_environment
    }
}

/// Whether two names mean one environment: without regard to case, and `prod`, `production` and `live` are one.
pub fn same_environment(a: &str, b: &str) -> bool {
    let is_production =
        |name: &str| ["prod", "production", "live"].iter().any(|known| name.eq_ignore_ascii_case(known));
    let (a, b) = (a.trim(), b.trim());
    a.eq_ignore_ascii_case(b) || (is_production(a) && is_production(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freeze_holds_for_what_is_known_to_be_its_own() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let names = |names: &[&str]| -> Vec<ServiceName> {
            names.iter().map(|name| ServiceName::new(*name).unwrap()).collect()
        };
        let check =
            |frozen: (&[&str], &[&str]), when: &str, of: &[&str], environment: Option<&str>, expect: bool| {
                let freeze = Freeze {
                    name: "weekend".into(),
                    window: Window { from: at("2026-11-20T15:00:00Z"), until: at("2026-11-23T07:00:00Z") },
                    services: names(frozen.0),
                    environments: frozen.1.iter().map(|name| (*name).to_owned()).collect(),
                };
                let holds = freeze.holds(at(when), &names(of), environment, |a, b| a == b);
                assert_eq!(holds, expect, "{frozen:?} {when} {of:?} {environment:?}");
            };
        let (inside, after) = ("2026-11-21T10:00:00Z", "2026-11-23T07:00:00Z");
        check((&[], &[]), inside, &[], None, true);
        check((&[], &[]), after, &[], None, false);
        check((&["checkout"], &[]), inside, &["cart", "checkout"], None, true);
        check((&["checkout"], &[]), inside, &["cart"], None, false);
        check((&["checkout"], &[]), inside, &[], None, false);
        check((&[], &["production"]), inside, &[], Some("PROD"), true);
        check((&[], &["production"]), inside, &[], Some("non-prod"), false);
        check((&[], &["production"]), inside, &[], Some("staging"), false);
        check((&[], &["production"]), inside, &[], None, false);
        check((&["checkout"], &["EU-1"]), inside, &["checkout"], Some("eu-1"), true);
    }
}
