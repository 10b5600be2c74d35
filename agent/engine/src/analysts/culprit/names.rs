//! Names of services and of hosts in texts: who is spoken of. It must not know who speaks.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::ServiceName;

/// The services that are known by name.
#[derive(Debug, Default)]
pub struct Names {
    by_lower: BTreeMap<String, ServiceName>,
    /// Pieces of these names, of four letters and more: words that say who, not what.
    pieces: BTreeSet<String>,
}

/// The least letters of a piece of a name that is told from a word.
const SHORTEST_PIECE: usize = 4;
/// Endings of hosts that are inside of somebody's own network.
const INSIDE: [&str; 8] = ["svc", "local", "internal", "cluster", "lan", "intra", "private", "consul"];
impl Names {
    /// Knows these services.
    pub fn new<'a>(services: impl IntoIterator<Item = &'a ServiceName>) -> Names {
        let mut names = Names::default();
        for service in services {
            let lower = service.as_str().to_ascii_lowercase();
            for piece in
                lower.split(|c: char| !c.is_alphanumeric()).filter(|piece| piece.len() >= SHORTEST_PIECE)
            {
                names.pieces.insert(piece.to_owned());
            }
            names.by_lower.insert(lower, service.clone());
        }
        names
    }

    /// The services that `text` speaks of: by name, by a host of that name, by an instance of theirs.
    pub fn spoken_of(&self, text: &str) -> BTreeSet<&ServiceName> {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        text.split(|c| !is_part(c))
            .filter(|word| !word.is_empty())
            .filter_map(|word| self.called(word))
            .collect()
    }

    /// The service that a word or a host calls.
    pub fn called(&self, word: &str) -> Option<&ServiceName> {
        let lower = word.trim_matches(['.', '-', '_']).to_ascii_lowercase();
        if let Some(service) = self.by_lower.get(&lower) {
            return Some(service);
        }
        let label = lower.split('.').next().unwrap_or_default();
        if let Some(service) = self.by_lower.get(label) {
            return Some(service);
        }
        // An instance: the name, a dash and something with a digit.
        label.match_indices('-').rev().find_map(|(at, _)| {
            let (name, rest) = label.split_at_checked(at)?;
            let service = self.by_lower.get(name)?;
            rest.chars().any(|c| c.is_ascii_digit()).then_some(service)
        })
    }

    /// Whether a word says who rather than what: a service, or a piece of a service's name.
    pub fn is_of_name(&self, term: &str) -> bool {
        self.by_lower.contains_key(term)
            || (term.len() >= SHORTEST_PIECE && self.pieces.iter().any(|piece| piece.contains(term)))
    }
}

/// Something that is called and is none of our services.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// Outside: a host of the internet, a provider.
    Outside(String),
    /// Inside, and no service that is known: a database, a queue, a cache.
    Inside(String),
}

impl Peer {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Peer::Outside(name) | Peer::Inside(name) => name,
        }
    }
}

/// The hosts in `text`, as they are written: what follows `://`, and what ends as hosts do.
pub fn hosts(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    text.split(move |c| !is_part(c)).map(|word| word.trim_matches(['.', '-'])).filter(move |word| {
        // A slice of `text`: what stands before it says whether it is called.
        let before = (word.as_ptr() as usize).checked_sub(text.as_ptr() as usize);
        let is_called =
            before.and_then(|before| text.get(..before)).is_some_and(|before| before.ends_with("://"));
        is_host(word, is_called)
    })
}

/// Two labels at least, the last of letters only, and not the ending of a file; no number, no version. Where nobody calls
/// it, `a.b.c` is rather an attribute, a topic or a module: its ending decides.
fn is_host(word: &str, is_called: bool) -> bool {
    let labels: Vec<&str> = word.split('.').collect();
    let (Some(last), true) = (labels.last(), labels.len() >= 2) else { return false };
    let well_made = |label: &&str| {
        !label.is_empty() && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let first = labels.first().copied().unwrap_or_default();
    labels.iter().all(well_made)
        && last.len() >= 2
        && last.chars().all(|c| c.is_ascii_lowercase())
        && first.chars().any(|c| c.is_ascii_lowercase())
        && (is_called || is_known_ending(last))
}

/// Endings that hosts have and little else has.
fn is_known_ending(last: &str) -> bool {
    const KNOWN: [&str; 24] = [
        "com", "net", "org", "io", "dev", "app", "cloud", "co", "ai", "eu", "de", "uk", "fr", "nl", "se",
        "fi", "ch", "at", "jp", "in", "br", "au", "us", "example",
    ];
    INSIDE.contains(&last) || KNOWN.contains(&last)
}

/// Who a host is, if it is none of our services.
pub fn peer(host: &str, names: &Names) -> Option<Peer> {
    if names.called(host).is_some() {
        return None;
    }
    let inside = host.split('.').any(|label| INSIDE.contains(&label)) || !host.contains('.');
    Some(if inside { Peer::Inside(host.to_owned()) } else { Peer::Outside(host.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let services: Vec<ServiceName> =
            ["cart", "payment-api", "searchd"].iter().map(|name| name.parse().unwrap()).collect();
        Names::new(&services)
    }

    #[test]
    fn services_are_found_by_name_host_and_instance() {
        let check = |text: &str, expect: &[&str]| {
            let names = names();
            let told: Vec<&str> = names.spoken_of(text).into_iter().map(ServiceName::as_str).collect();
            assert_eq!(told, expect, "{text}");
        };
        check("upstream Cart returned 502", &["cart"]);
        check("dial payment-api.prod.svc:8443: refused", &["payment-api"]);
        check("payment-api-7d9f5c-x2 was evicted", &["payment-api"]);
        check("cartography and search", &[]);
        check("POST https://api.example.com/cart", &["cart"]);
    }

    #[test]
    fn a_word_of_a_name_says_who_and_not_what() {
        let names = names();
        for (term, expect) in
            [("cart", true), ("payment", true), ("search", true), ("pay", false), ("mapping", false)]
        {
            assert_eq!(names.is_of_name(term), expect, "{term}");
        }
    }

    #[test]
    fn hosts_are_told_from_files_versions_and_modules() {
        let check =
            |text: &str, expect: &[&str]| assert_eq!(hosts(text).collect::<Vec<_>>(), expect, "{text}");
        check("POST https://api.example.com/v1/x returned 503", &["api.example.com"]);
        check("lookup db-main.internal: no such host", &["db-main.internal"]);
        check("cart/totals.go:41 v1.2.3 java.lang.NullPointerException http.status 10.0.0.1", &[]);
        check("redis.exceptions.ConnectionError", &[]);
    }

    #[test]
    fn a_host_outside_is_told_from_one_inside_and_from_our_own() {
        let names = names();
        assert_eq!(peer("api.example.com", &names), Some(Peer::Outside("api.example.com".into())));
        assert_eq!(peer("db-main.internal", &names), Some(Peer::Inside("db-main.internal".into())));
        assert_eq!(peer("cart.prod.svc", &names), None);
    }
}
