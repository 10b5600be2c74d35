//! The words of a change, by where they stand, and what it does with what a failure names. It must not know when or where
//! the change took effect.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::change::{Diff, Side};
use hearback_core::{Change, ChangeId, ChangeKind};

use super::effect::{Effect, Traded, effect, is_manifest, traded};
use super::symptom::{Symptom, says_something};
use crate::gather::{Sighted, SightedDiff};
use hearback_core::words::for_each_term;

/// The shortest word that is taken for the beginning of another.
pub const SHORTEST_BEGINNING: usize = 4;
/// And the other is at most so many times as long.
const LONGEST_END: usize = 3;
/// A word that only begins alike counts so much.
const BEGINS_ALIKE: f64 = 0.6;
/// What a word counts where it stands: on a changed line, in what is moved, in the title, in a path, in the description.
const KEPT: f64 = 0.7;
const MOVED: f64 = 0.4;
const TITLE: f64 = 0.5;
const PATH: f64 = 0.5;
const BODY: f64 = 0.3;

/// The words of a change, by where they stand.
pub struct Text<'a> {
    /// The change.
    pub change: &'a Change,
    /// Its lines.
    pub diff: Option<&'a Diff>,
    /// What it takes away and brings.
    pub traded: Traded,
    /// What that does.
    pub effect: Effect,
    /// The most that a word counts here.
    pub words: BTreeMap<String, f64>,
}

impl<'a> Text<'a> {
    /// Of a change and its lines.
    pub fn of(sighted: &'a Sighted, diffs: &'a BTreeMap<ChangeId, SightedDiff>) -> Text<'a> {
        let change = &sighted.change;
        let diff = diffs.get(&change.id).map(|seen| &seen.diff);
        let traded = diff.map(traded).unwrap_or_default();
        let mut words: BTreeMap<String, f64> = BTreeMap::new();
        let mut add = |text: &str, counts: f64| {
            for_each_term(text, |term, _| {
                let known = words.entry(term.to_owned()).or_default();
                *known = known.max(counts);
            });
        };
        add(change.title.as_untrusted(), TITLE);
        add(change.body.as_untrusted(), BODY);
        change.paths.as_slice().iter().for_each(|path| add(path.path.as_str(), PATH));
        let effect = effect(change, diff);
        // What stands on a line that is changed is what is changed, unless the line only went elsewhere.
        let kept = match effect {
            Effect::Restructures => MOVED,
            // The key of a value that is set anew.
            Effect::Settings | Effect::Values => 1.0,
            _ => KEPT,
        };
        traded.kept.keys().for_each(|word| add(word, kept));
        traded.lost.keys().chain(traded.gained.keys()).for_each(|word| add(word, 1.0));
        if change.kind != ChangeKind::Commit {
            // A flag, a setting: its name is all there is.
            add(change.title.as_untrusted(), 1.0);
        }
        Text { change, diff, effect, traded, words }
    }

    /// Whether it only says which versions of what are used.
    pub fn is_of_versions(&self) -> bool {
        let paths = self.change.paths.as_slice();
        !paths.is_empty() && paths.iter().all(|path| is_manifest(path.path.file_name()))
    }

    /// A file that the failure names and the change touches, with the line that the failure says.
    pub fn named_file(&self, symptom: &Symptom) -> Option<(&'a str, Option<u32>)> {
        let touched = self.change.paths.as_slice().iter().map(|path| path.path.as_str());
        touched.into_iter().find_map(|path| {
            let named = symptom.files.iter().find(|(file, _)| is_same_file(path, file))?;
            Some((path, *named.1))
        })
    }

    /// A name of the failure that the change takes away or brings, and where it stands.
    pub fn named(&self, names: &BTreeSet<String>) -> Option<(Named, String)> {
        let stands =
            |words: &BTreeMap<String, usize>, name: &str| words.keys().any(|word| holds_name(word, name));
        names.iter().find_map(|name| match () {
            () if stands(&self.traded.lost, name) && !stands(&self.traded.gained, name) => {
                Some((Named::TakenAway, name.clone()))
            }
            () if stands(&self.traded.gained, name) => Some((Named::Brought, name.clone())),
            () if stands(&self.traded.kept, name) => Some((Named::Changed, name.clone())),
            () => None,
        })
    }

    /// The first changed line that holds `name`, as file and line.
    pub fn place_of(&self, name: &str) -> Option<String> {
        let diff = self.diff?;
        for file in &diff.files {
            for line in &file.lines {
                if holds_name(line.text.as_untrusted(), name) {
                    let place = file.path.as_str();
                    return Some(if line.line > 0 && line.side == Side::Added {
                        format!("{place}:{}", line.line)
                    } else {
                        place.to_owned()
                    });
                }
            }
        }
        None
    }
}

/// What a change does with what the failure names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// It takes it away.
    TakenAway,
    /// It brings it.
    Brought,
    /// It changes a line with it.
    Changed,
}

/// Whether two paths may mean one file: one ends with the other, by whole parts.
fn is_same_file(path: &str, named: &str) -> bool {
    let ends = |long: &str, short: &str| {
        long.strip_suffix(short).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    };
    ends(path, named) || ends(named, path)
}

/// Whether `name` stands in `text` as a whole name.
fn holds_name(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + name.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// What each word of the failure counts: what few changes speak of counts more.
pub struct Rarity {
    /// By word.
    pub values: BTreeMap<String, f64>,
}

impl Rarity {
    /// Among these changes.
    pub fn of(texts: &[Text<'_>], symptom: &Symptom) -> Rarity {
        let all = texts.len() as f64;
        let value = |(word, weight): (&String, &f64)| {
            let speak = texts.iter().filter(|text| matches(&text.words, word) > 0.0).count() as f64;
            let rarity = (1.0 + all / (1.0 + speak)).ln() / (1.0 + all).ln();
            (word.clone(), weight * rarity)
        };
        Rarity { values: symptom.words.iter().map(value).collect() }
    }
}

/// What `word` counts among `words`, whole or as the beginning of one another: `conn` and `connection`, `proto` and
/// `protobuf`. A name that is joined of several words is whole or not at all.
pub fn matches(words: &BTreeMap<String, f64>, word: &str) -> f64 {
    let exact = words.get(word).copied().unwrap_or_default();
    if exact > 0.0 || word.len() < SHORTEST_BEGINNING || !word.is_ascii() || word.contains('_') {
        return exact;
    }
    let longer = words.range(word.to_owned()..).take_while(|(other, _)| other.starts_with(word));
    let is_alike = |other: &str| {
        !other.contains('_') && other.len() <= LONGEST_END * word.len() && says_something(other)
    };
    let longer = longer.filter(|(other, _)| is_alike(other)).map(|(_, counts)| *counts);
    let from = SHORTEST_BEGINNING.max(word.len().div_ceil(LONGEST_END));
    let beginnings =
        (from..word.len()).filter_map(|end| word.get(..end)).filter(|start| says_something(start));
    let shorter = beginnings.filter_map(|start| words.get(start).copied());
    BEGINS_ALIKE * longer.chain(shorter).fold(0.0, f64::max)
}
