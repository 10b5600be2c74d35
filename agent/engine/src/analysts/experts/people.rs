//! Who is who: authors of commits, owners and people on call become persons, merged by address, by full name and by the
//! configured people. Programs and people who opted out are nobody here. Pure; it must not know what a person did.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::ExternalText;
use hearback_core::change::{Author, Nature};
use hearback_core::expertise::Person;
use jiff::tz::TimeZone;

/// The end of the addresses that GitHub gives to those who hide theirs: `1234+ann@users.noreply.github.com`.
const NOREPLY: &str = "@users.noreply.github.com";

/// A configured person, and their zone as the configuration found it.
#[derive(Debug, Clone)]
pub struct KnownPerson {
    /// As configured.
    pub person: Person,
    /// Their time zone, if they have one.
    pub zone: Option<TimeZone>,
}

/// A person, by a number inside one question.
pub(super) type Who = usize;

/// The people of one question.
pub(super) struct People<'a> {
    known: &'a [KnownPerson],
    /// Address, full name or handle, each marked by its kind, to person.
    by_key: BTreeMap<String, Who>,
    /// What merged: each person stands for itself or points at another.
    stands_for: Vec<Who>,
    names: Vec<ExternalText>,
    /// The configured person each is, if one.
    configured: Vec<Option<usize>>,
}

impl<'a> People<'a> {
    /// The configured people, and nobody else yet.
    pub fn new(known: &'a [KnownPerson]) -> Self {
        let mut people = People {
            known,
            by_key: BTreeMap::new(),
            stands_for: Vec::new(),
            names: Vec::new(),
            configured: Vec::new(),
        };
        for (at, KnownPerson { person, .. }) in known.iter().enumerate() {
            let who = people.add(ExternalText::from(person.name.as_str()), Some(at));
            let handle = person.handle.as_deref().map(handle_key);
            let addresses = person.emails.iter().flat_map(|email| address_keys(email));
            let keys: Vec<String> = addresses.chain(handle).chain(name_key(&person.name, true)).collect();
            people.by_key.extend(keys.into_iter().map(|key| (key, who)));
        }
        people
    }

    /// The author of a commit; none for a program and for who opted out.
    pub fn author(&mut self, author: &Author, alias: Option<&ExternalText>) -> Option<Who> {
        if author.nature == Nature::Bot {
            return None;
        }
        let email = author.email.as_ref().map(ExternalText::as_untrusted).unwrap_or_default();
        let name = author.name.as_untrusted();
        let mut keys: Vec<String> = if email.is_empty() { Vec::new() } else { address_keys(email) };
        keys.extend(name_key(name, false));
        keys.extend(alias.iter().flat_map(|alias| address_keys(alias.as_untrusted())));
        if keys.is_empty() {
            return None;
        }
        // A single name tells who somebody is only where the configuration has it.
        let single = name_key(name, true);
        let known = keys.iter().chain(&single).filter_map(|key| self.by_key.get(key));
        let found: BTreeSet<Who> = known.map(|who| self.root(*who)).collect();
        let mut found = found.into_iter();
        let who = found.next().unwrap_or_else(|| self.add(author.name.clone(), None));
        for other in found {
            self.merge(who, other);
        }
        for key in keys {
            self.by_key.entry(key).or_insert(who);
        }
        self.shown(who)
    }

    /// Who is meant by a name, a handle or an address of a schedule, a CODEOWNERS file or the catalog. Somebody whom
    /// nothing else knows is called as they are written; a team is its configured members, or itself.
    pub fn named(&mut self, text: &str) -> Vec<Who> {
        let text = text.trim();
        let bare = text.trim_start_matches("mailto:").trim_start_matches("user:");
        let is_in = |person: &Person| person.teams.iter().any(|team| same_team(team, bare));
        let members: Vec<usize> = (0..self.known.len())
            .filter(|at| self.known.get(*at).is_some_and(|one| is_in(&one.person)))
            .collect();
        if !members.is_empty() {
            return members.into_iter().filter_map(|at| self.shown(at)).collect();
        }
        let key = if bare.contains('@') && !bare.starts_with('@') {
            bare.to_lowercase()
        } else if let Some(who) = name_key(bare, true).and_then(|key| self.by_key.get(&key).copied()) {
            return self.shown(who).into_iter().collect();
        } else {
            handle_key(bare)
        };
        let who = match self.by_key.get(&key) {
            Some(who) => *who,
            None if bare.is_empty() => return Vec::new(),
            None => {
                let who = self.add(ExternalText::capped(text, 200), None);
                self.by_key.insert(key, who);
                who
            }
        };
        self.shown(who).into_iter().collect()
    }

    /// The person that stands for `who` at the end, when all were merged; none for who opted out.
    pub fn shown(&self, who: Who) -> Option<Who> {
        let who = self.root(who);
        let opted_out = self.configured(who).is_some_and(|known| known.person.opt_out);
        (!opted_out).then_some(who)
    }

    /// The configuration of a person.
    pub fn configured(&self, who: Who) -> Option<&'a KnownPerson> {
        self.known.get(self.configured.get(who).copied().flatten()?)
    }

    /// What a person is called.
    pub fn name(&self, who: Who) -> ExternalText {
        self.names.get(self.root(who)).cloned().unwrap_or_default()
    }

    /// The addresses of everybody, in lower case.
    pub fn addresses(&self) -> BTreeMap<Who, Vec<String>> {
        let mut addresses: BTreeMap<Who, Vec<String>> = BTreeMap::new();
        let is_address = |key: &str| !key.starts_with('@') && !key.starts_with("name:");
        for (key, who) in self.by_key.iter().filter(|(key, _)| is_address(key)) {
            addresses.entry(self.root(*who)).or_default().push(key.clone());
        }
        addresses
    }

    fn add(&mut self, name: ExternalText, configured: Option<usize>) -> Who {
        let who = self.names.len();
        self.names.push(name);
        self.configured.push(configured);
        self.stands_for.push(who);
        who
    }

    fn root(&self, who: Who) -> Who {
        let mut at = who;
        while let Some(next) = self.stands_for.get(at).copied().filter(|next| *next != at) {
            at = next;
        }
        at
    }

    /// The smaller number stays: the configured come first, and then whoever was met first.
    fn merge(&mut self, a: Who, b: Who) {
        let (keep, give) = (a.min(b), a.max(b));
        // Two configured people are two people, whatever a commit says.
        let both = [keep, give].iter().all(|who| self.configured(*who).is_some());
        if keep != give
            && !both
            && let Some(slot) = self.stands_for.get_mut(give)
        {
            *slot = keep;
        }
    }
}

/// An address, and the handle that it tells.
fn address_keys(email: &str) -> Vec<String> {
    let email = email.trim().to_lowercase();
    let handle = email
        .strip_suffix(NOREPLY)
        .map(|user| handle_key(user.split_once('+').map_or(user, |(_, handle)| handle)));
    [Some(email), handle].into_iter().flatten().collect()
}

fn handle_key(handle: &str) -> String {
    format!("@{}", handle.trim().trim_start_matches('@').to_lowercase())
}

/// A full name tells who somebody is; a first name alone does not, unless the configuration says it.
fn name_key(name: &str, configured: bool) -> Option<String> {
    let words: Vec<String> = name.split_whitespace().map(str::to_lowercase).collect();
    (words.len() > 1 || (configured && !words.is_empty())).then(|| format!("name:{}", words.join(" ")))
}

/// `@shop/checkout`, `shop/checkout` and `team:checkout` are one team to who writes `checkout`.
fn same_team(configured: &str, written: &str) -> bool {
    let plain = |text: &str| {
        text.trim_start_matches(['@']).trim_start_matches("team:").trim_start_matches("group:").to_lowercase()
    };
    let (a, b) = (plain(configured), plain(written));
    let last = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
    !b.is_empty() && (a == b || (a.contains('/') != b.contains('/') && last(&a) == last(&b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn author(name: &str, email: &str) -> Author {
        let email = (!email.is_empty()).then(|| ExternalText::from(email));
        Author { name: name.into(), email, nature: Nature::Person }
    }

    fn known(name: &str, emails: &[&str], handle: Option<&str>, opt_out: bool) -> KnownPerson {
        KnownPerson {
            person: Person {
                name: name.into(),
                emails: emails.iter().map(|email| (*email).to_owned()).collect(),
                handle: handle.map(str::to_owned),
                zone: None,
                teams: vec!["@shop/checkout".into()],
                opt_out,
            },
            zone: None,
        }
    }

    #[test]
    fn one_person_has_many_addresses() {
        let check = |authors: &[(&str, &str)], expect: usize| {
            let mut people = People::new(&[]);
            let met: Vec<Who> = authors
                .iter()
                .filter_map(|(name, email)| people.author(&author(name, email), None))
                .collect();
            let distinct: BTreeSet<Who> = met.iter().filter_map(|who| people.shown(*who)).collect();
            assert_eq!(distinct.len(), expect, "{authors:?}");
        };
        check(&[("Ana Ruiz", "ana@shop.example"), ("Ana Ruiz", "ana@home.example")], 1);
        check(&[("ana", "ANA@shop.example"), ("Ana Ruiz", "ana@shop.example")], 1);
        check(&[("ana", "ana@shop.example"), ("ana", "ana@other.example")], 2);
        // The link comes last: what was two is one from then on.
        check(&[("a", "a@x"), ("Ana Ruiz", "b@x"), ("Ana Ruiz", "a@x")], 1);
        check(&[("", "")], 0);
    }

    #[test]
    fn who_opted_out_and_programs_are_nobody() {
        let known = [known("Cy Doe", &["cy@shop.example"], Some("cy"), true)];
        let mut people = People::new(&known);
        assert_eq!(people.author(&author("Cy Doe", "other@x"), None), None);
        assert_eq!(people.author(&author("somebody", "CY@shop.example"), None), None);
        assert_eq!(people.named("@cy"), Vec::<Who>::new());
        assert_eq!(people.named("@shop/checkout"), Vec::<Who>::new(), "a team of nobody");
        let bot = Author { nature: Nature::Bot, ..author("Renovate", "r@x") };
        assert_eq!(people.author(&bot, None), None);
    }

    #[test]
    fn owners_and_people_on_call_are_found_by_handle_address_name_or_team() {
        let known = [known("Ana Ruiz", &["ana@shop.example"], Some("@ana"), false)];
        let mut people = People::new(&known);
        let ben = people.author(&author("Ben", "7+ben-k@users.noreply.github.com"), None).unwrap();
        for written in ["@ana", "ana", "Ana Ruiz", "mailto:ana@shop.example", "@shop/checkout", "checkout"] {
            assert_eq!(people.named(written), [0], "{written}");
        }
        assert_eq!(people.named("@Ben-K"), [ben]);
        let stranger = people.named("@shop/payments");
        assert_eq!(people.name(stranger[0]).as_untrusted(), "@shop/payments");
        assert_eq!(people.named("@shop/payments"), stranger);
    }
}
