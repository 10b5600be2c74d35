//! The service catalog: which paths of which repositories belong to which service.

use serde::{Deserialize, Serialize};

use crate::ids::ServiceName;

/// A service and where its code lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// Other names people and alerts use for it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Path prefixes that belong to it: `services/checkout/`, or `repository:services/checkout/` for one
    /// repository only. A prefix that ends in `/` or names a file matches whole components.
    #[serde(default)]
    pub paths: Vec<String>,
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
    /// Whether `path` of `repository` belongs to this service.
    pub fn owns(&self, repository: &str, path: &str) -> bool {
        self.paths.iter().any(|pattern| {
            let prefix = match pattern.split_once(':') {
                Some((only, prefix)) if only == repository => prefix,
                Some(_) => return false,
                None => pattern,
            };
            path.strip_prefix(prefix)
                .is_some_and(|rest| prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_owns_whole_components() {
        let service = Service {
            name: ServiceName::new("checkout").unwrap(),
            aliases: vec!["checkoutservice".into()],
            paths: vec!["services/checkout".into(), "web:cart/".into()],
        };
        for (repository, path, expect) in [
            ("any", "services/checkout/main.go", true),
            ("any", "services/checkout", true),
            ("any", "services/checkout-admin/main.go", false),
            ("web", "cart/total.js", true),
            ("api", "cart/total.js", false),
        ] {
            assert_eq!(service.owns(repository, path), expect, "{repository}:{path}");
        }
        let catalog = Catalog { services: vec![service] };
        assert!(catalog.find("CheckoutService").is_some());
        assert!(catalog.find("cart").is_none());
    }
}
