//! The names that stand in a frozen incident: of services, people, hosts, metrics and flags, and the shas. It must not
//! know what they will be called.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::content::Content;
use super::words::{holds, is_plain, is_technology};

/// Whoever is no person: what a robot is called says that it is one.
const NOBODY: &str = "\
    system automation terraform argocd argo flux spinnaker jenkins github gitlab ci cd cron \
    scheduler operator autoscaler renovate dependabot deploy deployer root admin none unknown \
    anonymous keda launchdarkly unleash";

/// The host of a URL.
static URL_HOST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"[a-z][a-z0-9+]*://(?:[^\s/@:]+(?::[^\s/@]*)?@)?([A-Za-z][A-Za-z0-9.-]*)").ok()
});
/// A host in a text: by its ending.
static ENDING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?:^|[^A-Za-z0-9._/-])((?:[a-z0-9-]+\.)+(?:svc|local|internal|com|example|cloud))(?:$|[^A-Za-z0-9._(-]|\.(?:\s|$))").ok()
});
static SHA: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\b[0-9a-f]{40}\b").ok());

/// Names by what they are the names of.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    pub services: BTreeSet<String>,
    pub people: BTreeSet<String>,
    pub hosts: BTreeSet<String>,
    pub metrics: BTreeSet<String>,
    pub flags: BTreeSet<String>,
    pub shas: BTreeSet<String>,
}

impl Found {
    /// Takes note of the names in `content`.
    pub(super) fn read(&mut self, content: &Content) {
        content.visit(&mut |key, text| self.see(key, text));
    }

    fn see(&mut self, key: &str, text: &str) {
        let key = key.to_ascii_lowercase();
        match key.as_str() {
            "service" | "service.name" | "service_name" | "peer.service" | "services"
                if is_plain(text) && !is_technology(text) =>
            {
                self.services.insert(text.to_owned());
            }
            "author" | "actor" | "committer" | "approved_by" | "reviewer" | "assignee" if is_person(text) => {
                self.people.insert(text.to_owned());
            }
            "metric" => drop(self.metrics.insert(text.to_owned())),
            "flag" => drop(self.flags.insert(text.to_owned())),
            _ if is_of_host(&key) && is_plain(text) => drop(self.hosts.insert(text.to_owned())),
            _ => {}
        }
        for pattern in [&URL_HOST, &ENDING] {
            let found = pattern.iter().flat_map(|pattern| pattern.captures_iter(text));
            self.hosts.extend(found.filter_map(|found| Some(found.get(1)?.as_str().to_owned())));
        }
        let shas = SHA.iter().flat_map(|pattern| pattern.find_iter(text));
        self.shas.extend(shas.map(|sha| sha.as_str().to_owned()));
        if matches!(key.as_str(), "sha" | "commit_sha") && text.chars().all(|c| c.is_ascii_hexdigit()) {
            self.shas.insert(text.to_ascii_lowercase());
        }
    }
}

fn is_of_host(key: &str) -> bool {
    ["host", "hostname", "node", "address", "net.peer.name", "server", "instance", "pod"]
        .iter()
        .any(|name| key == *name || key.ends_with(&format!(".{name}")) || key.ends_with(&format!("_{name}")))
        || key.ends_with(".node.name")
        || key.ends_with(".pod.name")
        || key.ends_with("host.name")
}

fn is_person(text: &str) -> bool {
    let name = text.to_ascii_lowercase();
    let is_robot = name.contains("[bot]") || name.ends_with("bot") || name.ends_with("-ci");
    let first = name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    !is_robot && name.len() > 1 && !holds(NOBODY, first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, text: &str, expect: [&[&str]; 3]) {
        let mut found = Found::default();
        found.see(key, text);
        let names = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>();
        let seen = [names(&found.services), names(&found.people), names(&found.hosts)];
        assert_eq!(seen, expect, "{key}: {text}");
    }

    #[test]
    fn names_are_known_by_their_field_or_their_form() {
        check("service", "quotes-api", [&["quotes-api"], &[], &[]]);
        check("peer.service", "postgres", [&[], &[], &[]]);
        check("author", "mira.holt", [&[], &["mira.holt"], &[]]);
        check("host.name", "ip-10-0-3-4", [&[], &[], &["ip-10-0-3-4"]]);
        check("msg", "GET http://quotes.acme.internal:8080/x failed", [&[], &[], &["quotes.acme.internal"]]);
        check("msg", "postgres://app:pw@pg-quotes/db", [&[], &[], &["pg-quotes"]]);
        check("msg", "lookup quotes.prod.svc on 10.0.0.1:53: no such host", [&[], &[], &["quotes.prod.svc"]]);
    }

    #[test]
    fn robots_and_code_are_no_names() {
        check("author", "dependabot[bot]", [&[], &[], &[]]);
        check("actor", "terraform", [&[], &[], &[]]);
        check("diff", "x = self.internal(1); import java.net.Socket", [&[], &[], &[]]);
    }
}
