//! Scope: what a question is about. Turns the asker's words and the incident's texts into weighted words, named
//! files and identifiers, and services. It must not know the changes.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::catalog::Reached;
use hearback_core::happening::Question;
use hearback_core::{Catalog, ExternalText, Incident, ServiceName};

use crate::ranker::SymptomRule;
use hearback_core::words::{Named, for_each_term, named};

/// The scaffolding of a question, which says nothing about a failure.
const SCAFFOLDING: &[&str] = &[
    "what", "which", "chang", "change", "happen", "cause", "broke", "went", "wrong", "show", "tell", "why",
    "please",
];

/// Folded words of a failure that happens before production: in a build, in tests.
const ABOUT_TESTS: &[&str] = &[
    "bot",
    "build",
    "builder",
    "ci",
    "compil",
    "compilation",
    "flak",
    "flaky",
    "jenkin",
    "lint",
    "linker",
    "suit",
    "test",
    "trybot",
    "unittest",
];

/// As many files, and as many identifiers, are looked for: each is searched on every changed line that is read.
const MOST_NAMED: usize = 200;

/// A word of the symptom.
#[derive(Debug, Clone, PartialEq)]
pub struct SymptomWord {
    /// As it was first written, in lower case.
    pub surface: String,
    /// What it counts; 1 for the asker's own words.
    pub weight: f64,
    /// How many other words came before it, the asker's own first.
    pub place: usize,
}

/// What a question is about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scope {
    /// The symptom's terms.
    pub words: BTreeMap<String, SymptomWord>,
    /// What the symptom names exactly.
    pub named: Named,
    /// The affected services: the asker's, the incident's, those of the catalog that the question mentions.
    pub services: Vec<ServiceName>,
}

/// The scope of `question`, asked in `incident` or outside any.
pub fn scope(
    question: &Question,
    incident: Option<&Incident>,
    catalog: &Catalog,
    rule: &SymptomRule,
) -> Scope {
    let mut scope = Scope { services: question.services.clone(), ..Scope::default() };
    scope.add_services(incident.map_or(&[][..], |incident| &incident.services));
    scope.add_mentioned(&question.text, catalog);
    scope.add_mentioned(&question.symptom, catalog);
    scope.add_words(&question.symptom, 1.0);
    scope.add_words(&question.text, 1.0);
    scope.add_named(&question.symptom);
    scope.add_named(&question.text);
    if let Some(incident) = incident {
        scope.add_words(&incident.title, rule.title);
        scope.add_named(&incident.title);
        for seen in &incident.alerts {
            let own = seen.alert.service.as_ref().is_some_and(|service| scope.services.contains(service));
            let weight = if own { rule.own_alert } else { rule.other_alert };
            scope.add_words(&seen.alert.summary, weight);
            scope.add_words(&seen.alert.name, weight);
            if own {
                scope.add_named(&seen.alert.summary);
            }
        }
        for message in &incident.messages {
            scope.add_words(&message.text, rule.message);
            // A pasted stack trace is exact, whoever pastes it.
            scope.add_named(&message.text);
        }
    }
    scope.drop_noise();
    scope
}

/// As many services, and no more, are looked at around the affected ones.
const MOST_AROUND: usize = 30;
/// So many calls away, in either direction.
const FARTHEST: usize = 3;

/// The affected services and those around them: what fails first may be none of those that are seen to fail. All of a
/// small catalog; of a large one those that call them or are called, nearest first. Beside these the services that the
/// sources are `known` to hold. The affected alone, if nothing is known of them.
pub fn neighbourhood(affected: &[ServiceName], known: &[ServiceName], catalog: &Catalog) -> Vec<ServiceName> {
    let mut around = affected.to_vec();
    if affected.is_empty() {
        return around;
    }
    let mut add = |name: &ServiceName| {
        if around.len() < MOST_AROUND && !around.contains(name) {
            around.push(name.clone());
        }
    };
    if catalog.services.len() <= MOST_AROUND {
        catalog.services.iter().for_each(|service| add(&service.name));
        known.iter().for_each(&mut add);
        return around;
    }
    let mut near: Vec<Reached> = affected
        .iter()
        .flat_map(|name| catalog.depends_on(name).into_iter().chain(catalog.dependents_of(name)))
        .filter(|reached| reached.hops <= FARTHEST)
        .collect();
    near.sort_by(|a, b| (a.hops, &a.service).cmp(&(b.hops, &b.service)));
    near.iter().for_each(|reached| add(&reached.service));
    known.iter().for_each(&mut add);
    around
}

impl Scope {
    /// Whether the asker or the incident says anything about what fails.
    pub fn says_nothing(&self) -> bool {
        self.words.is_empty() && self.services.is_empty()
    }

    /// Whether it speaks of tests, builds or what runs them, in words that count in full: what is said beside it in a
    /// channel does not make it so.
    pub fn is_about_tests(&self) -> bool {
        let counts = |word: &&str| self.words.get(*word).is_some_and(|word| word.weight >= 1.0);
        ABOUT_TESTS.iter().any(counts)
    }

    fn add_services(&mut self, services: &[ServiceName]) {
        for service in services {
            if !self.services.contains(service) {
                self.services.push(service.clone());
            }
        }
    }

    fn add_mentioned(&mut self, text: &ExternalText, catalog: &Catalog) {
        let is_part = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        for word in text.as_untrusted().split(|c| !is_part(c)) {
            if let Some(service) = catalog.find(word.trim_matches(['.', '-'])) {
                self.add_services(std::slice::from_ref(&service.name));
            }
        }
    }

    fn add_words(&mut self, text: &ExternalText, weight: f64) {
        for_each_term(text.as_untrusted(), |term, surface| {
            let place = self.words.len();
            let word = self.words.entry(term.to_owned());
            let word = word.or_insert_with(|| SymptomWord { surface: surface.to_lowercase(), weight, place });
            word.weight = word.weight.max(weight);
        });
    }

    /// The words of the question itself, and the endings of file names, which half a repository shares.
    fn drop_noise(&mut self) {
        SCAFFOLDING.iter().for_each(|word| drop(self.words.remove(*word)));
        for (_, ending) in self.named.files.iter().filter_map(|file| file.rsplit_once('.')) {
            for_each_term(ending, |term, _| drop(self.words.remove(term)));
        }
    }

    fn add_named(&mut self, text: &ExternalText) {
        let Named { files, identifiers } = named(text.as_untrusted());
        let room = |held: &BTreeSet<String>| MOST_NAMED.saturating_sub(held.len());
        let (more_files, more_identifiers) = (room(&self.named.files), room(&self.named.identifiers));
        self.named.files.extend(files.into_iter().take(more_files));
        self.named.identifiers.extend(identifiers.into_iter().take(more_identifiers));
    }
}
