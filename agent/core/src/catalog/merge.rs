//! Several catalogs as one. A field holds what the first catalog that fills it says; what a later one says
//! otherwise is a [`Conflict`]. It must not know files and formats.

use std::collections::BTreeMap;

use super::problems::{Level, Problem, ProblemKind};
use super::{Catalog, Service, ServiceKind};
use crate::ids::ServiceName;
use crate::text::ExternalText;

/// A catalog and where it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Where it was read, for people.
    pub from: String,
    /// What it says.
    pub catalog: Catalog,
}

/// Two catalogs that say different things of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The service.
    pub service: ServiceName,
    /// The field, as it is called in TOML.
    pub field: &'static str,
    /// What holds, and where it was read.
    pub holds: (String, String),
    /// What does not, and where it was read.
    pub dropped: (String, String),
}

/// One catalog made of several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// The services of all, in the order in which they were first named.
    pub catalog: Catalog,
    /// What did not agree.
    pub conflicts: Vec<Conflict>,
    /// Where each service was read, first the one that wins.
    pub said_by: BTreeMap<ServiceName, Vec<String>>,
}

/// Merges `layers`, the one that wins first. A service of a later layer is the same as an earlier one that has its
/// name, as name or as alias. Aliases are joined; every other field is taken whole from the first that fills it.
/// A name that one layer has twice stays twice, for [`super::problems`] to tell.
pub fn merge(layers: Vec<Layer>) -> Merged {
    let mut merged = Merged::default();
    for Layer { from, catalog } in layers {
        let known = merged.catalog.services.len();
        for service in catalog.services {
            let wanted = service.name.as_str();
            let is_it = |other: &&mut Service| {
                other.name.as_str().eq_ignore_ascii_case(wanted)
                    || other.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(wanted))
            };
            let earlier = merged.catalog.services.iter_mut().take(known).find(is_it);
            match earlier {
                Some(earlier) => {
                    let winners = merged.said_by.entry(earlier.name.clone()).or_default();
                    join(earlier, service, &from, winners, &mut merged.conflicts);
                    winners.push(from.clone());
                }
                None => {
                    merged.said_by.entry(service.name.clone()).or_default().push(from.clone());
                    merged.catalog.services.push(service);
                }
            }
        }
    }
    merged
}

fn join(into: &mut Service, other: Service, from: &str, winners: &[String], conflicts: &mut Vec<Conflict>) {
    let service = into.name.clone();
    let mut differs = |field: &'static str, holds: String, dropped: String| {
        let winner = winners.join(" or ");
        conflicts.push(Conflict {
            service: service.clone(),
            field,
            holds: (holds, winner),
            dropped: (dropped, from.to_owned()),
        });
    };
    for alias in other.aliases {
        if !into.aliases.iter().any(|known| known.eq_ignore_ascii_case(&alias)) {
            into.aliases.push(alias);
        }
    }
    if into.kind == ServiceKind::Service {
        into.kind = other.kind;
    }
    scalar("owner", &mut into.owner, other.owner, &mut differs);
    scalar("tier", &mut into.tier, other.tier, &mut differs);
    scalar("runbook", &mut into.runbook, other.runbook, &mut differs);
    scalar("on_call", &mut into.on_call, other.on_call, &mut differs);
    list("paths", &mut into.paths, other.paths, &mut differs);
    list("depends_on", &mut into.depends_on, other.depends_on, &mut differs);
    list("repositories", &mut into.repositories, other.repositories, &mut differs);
    list("dashboards", &mut into.dashboards, other.dashboards, &mut differs);
    for (kind, query) in other.signals {
        match into.signals.get(&kind) {
            Some(holds) if *holds != query => differs("signals", holds.clone(), query),
            Some(_) => {}
            None => {
                into.signals.insert(kind, query);
            }
        }
    }
}

fn scalar<T: PartialEq + ToString>(
    field: &'static str,
    into: &mut Option<T>,
    other: Option<T>,
    differs: &mut impl FnMut(&'static str, String, String),
) {
    match (&*into, other) {
        (None, other) => *into = other,
        (Some(holds), Some(other)) if *holds != other => differs(field, holds.to_string(), other.to_string()),
        _ => {}
    }
}

/// A list conflicts only by what it holds and the winning one lacks.
fn list<T: PartialEq + ToString>(
    field: &'static str,
    into: &mut Vec<T>,
    other: Vec<T>,
    differs: &mut impl FnMut(&'static str, String, String),
) {
    if into.is_empty() {
        *into = other;
    } else if other.iter().any(|item| !into.contains(item)) {
        let shown = |items: &[T]| items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        differs(field, shown(into), shown(&other));
    }
}

impl Conflict {
    /// The conflict as a sentence.
    pub fn problem(&self) -> Problem {
        let shown = |text: &str| ExternalText::new(text).for_people(80);
        let Conflict { service, field, holds, dropped } = self;
        Problem {
            level: Level::Gap,
            kind: ProblemKind::Conflict,
            services: vec![service.clone()],
            says: format!(
                "{service}: {field} is \"{}\" in {} and \"{}\" in {}; the first holds. Correct one of the two",
                shown(&holds.0),
                shown(&holds.1),
                shown(&dropped.0),
                shown(&dropped.1)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(from: &str, services: Vec<Service>) -> Layer {
        Layer { from: from.into(), catalog: Catalog { services } }
    }

    fn named(name: &str) -> Service {
        Service::named(ServiceName::new(name).unwrap())
    }

    #[test]
    fn the_first_catalog_wins_field_by_field_and_the_difference_is_said() {
        let native = Service {
            owner: Some("team-checkout".into()),
            aliases: vec!["checkout-svc".into()],
            paths: vec!["services/checkout/".into()],
            ..named("checkout")
        };
        let backstage = Service {
            owner: Some("shop".into()),
            tier: Some(1),
            aliases: vec!["Checkout Service".into()],
            paths: vec!["services/checkout/".into()],
            depends_on: vec![ServiceName::new("cart").unwrap()],
            ..named("Checkout-Svc")
        };
        let merged = merge(vec![
            layer("hearback.toml", vec![native]),
            layer("catalog-info.yaml", vec![backstage, named("cart")]),
        ]);
        let [checkout, cart] = merged.catalog.services.as_slice() else { panic!("{merged:?}") };
        assert_eq!(checkout.owner.as_deref(), Some("team-checkout"));
        assert_eq!(checkout.tier, Some(1));
        assert_eq!(checkout.depends_on.len(), 1);
        assert_eq!(checkout.aliases, ["checkout-svc", "Checkout Service"]);
        assert_eq!(cart.name.as_str(), "cart");
        let said: Vec<String> = merged.conflicts.iter().map(|conflict| conflict.problem().says).collect();
        assert_eq!(
            said,
            ["checkout: owner is \"team-checkout\" in hearback.toml and \"shop\" in catalog-info.yaml; \
                 the first holds. Correct one of the two"]
        );
        assert_eq!(merged.said_by[&checkout.name], ["hearback.toml", "catalog-info.yaml"]);
    }

    #[test]
    fn a_name_that_one_catalog_has_twice_stays_twice() {
        let merged = merge(vec![layer("a.toml", vec![named("cart"), named("cart")])]);
        assert_eq!(merged.catalog.services.len(), 2);
    }
}
