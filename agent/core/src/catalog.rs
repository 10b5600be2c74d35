//! The service catalog: which services there are, who owns them, what they need, and where their code, graphs and
//! runbooks are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::ServiceName;
use crate::signal::SignalKind;

mod coverage;
mod graph;
mod merge;
mod problems;

pub use coverage::{Tree, uncovered};
pub use graph::Reached;
pub use merge::{Conflict, Layer, Merged, merge};
pub use problems::{Level, Problem, ProblemKind, listed, problems};

/// What a service of the catalog is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceKind {
    /// Something that runs our code.
    #[default]
    Service,
    /// Something that services need and that runs no code of ours: a database, a queue, a bucket.
    Resource,
}

/// A service and where its code lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// What it is.
    #[serde(default)]
    pub kind: ServiceKind,
    /// Other names people and alerts use for it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Path prefixes that belong to it: `services/checkout/`, or `repository:services/checkout/` for one
    /// repository only. A prefix that ends in `/` or names a file matches whole components; `repository:` alone is
    /// the whole repository.
    #[serde(default)]
    pub paths: Vec<String>,
    /// The team or person that answers for it.
    #[serde(default)]
    pub owner: Option<String>,
    /// How much depends on it, 1 the most.
    #[serde(default)]
    pub tier: Option<u8>,
    /// The services it calls.
    #[serde(default)]
    pub depends_on: Vec<ServiceName>,
    /// Its repositories, by the name the source of changes has for them.
    #[serde(default)]
    pub repositories: Vec<String>,
    /// Where its graphs are.
    #[serde(default)]
    pub dashboards: Vec<String>,
    /// What to do when it fails.
    #[serde(default)]
    pub runbook: Option<String>,
    /// Who is on call for it: a schedule's name or link.
    #[serde(default)]
    pub on_call: Option<String>,
    /// Queries for its golden signals, where they differ from the configured templates.
    #[serde(default)]
    pub signals: BTreeMap<SignalKind, String>,
}

/// The services that are known. Unknown ones are allowed everywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// The services.
    #[serde(default, rename = "service")]
    pub services: Vec<Service>,
}

impl Catalog {
    /// The service called `name`, or one that has it as an alias. Case does not matter.
    pub fn find(&self, name: &str) -> Option<&Service> {
        let is_called = |service: &&Service| {
            service.name.as_str().eq_ignore_ascii_case(name)
                || service.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
        };
        self.services.iter().find(is_called)
    }
}

impl Service {
    /// A service of which only the name is known.
    pub fn named(name: ServiceName) -> Self {
        Service {
            name,
            kind: ServiceKind::Service,
            aliases: Vec::new(),
            paths: Vec::new(),
            owner: None,
            tier: None,
            depends_on: Vec::new(),
            repositories: Vec::new(),
            dashboards: Vec::new(),
            runbook: None,
            on_call: None,
            signals: BTreeMap::new(),
        }
    }

    /// Whether `path` of `repository` belongs to this service.
    pub fn owns(&self, repository: &str, path: &str) -> bool {
        self.paths.iter().any(|pattern| {
            let prefix = match pattern.split_once(':') {
                Some((only, "")) => return only == repository,
                Some((only, prefix)) if only == repository => prefix,
                Some(_) => return false,
                None => pattern,
            };
            path.strip_prefix(prefix)
                .is_some_and(|rest| prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// Whether `repository` is one of its repositories: by the whole name, or by what follows the last slash of
    /// `organisation/repository`. Case does not matter.
    pub fn is_in(&self, repository: &str) -> bool {
        let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        self.repositories.iter().any(|known| {
            known.eq_ignore_ascii_case(repository)
                || (known.contains('/') != repository.contains('/') && last(known) == last(repository))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_owns_whole_components() {
        let service = Service {
            aliases: vec!["checkoutservice".into()],
            paths: vec!["services/checkout".into(), "web:cart/".into(), "tools:".into()],
            repositories: vec!["shop/web".into()],
            ..Service::named(ServiceName::new("checkout").unwrap())
        };
        for (repository, path, expect) in [
            ("any", "services/checkout/main.go", true),
            ("any", "services/checkout", true),
            ("any", "services/checkout-admin/main.go", false),
            ("web", "cart/total.js", true),
            ("api", "cart/total.js", false),
            ("tools", "any/file.sh", true),
        ] {
            assert_eq!(service.owns(repository, path), expect, "{repository}:{path}");
        }
        for (repository, expect) in [("shop/web", true), ("Web", true), ("other/web", false), ("api", false)]
        {
            assert_eq!(service.is_in(repository), expect, "{repository}");
        }
        let catalog = Catalog { services: vec![service] };
        assert!(catalog.find("CheckoutService").is_some());
        assert!(catalog.find("cart").is_none());
    }
}
