//! The methods everybody has, over the same candidates: newest first, BM25, and BM25 held back by age. They share
//! nothing with the ranker but the cutting of text into words, so that a fault of one does not flatter the other.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::Change;
use hearback_core::words::{for_each_term, terms};
use jiff::Timestamp;

use crate::outcome::BaselineRanks;

/// BM25's parameters, the customary ones.
const K1: f64 = 1.2;
const B: f64 = 0.75;
/// What a unit of ln(1 + age in hours) costs; learned on the learning half of the public rollbacks.
const AGE: f64 = 4.0;

/// What the baselines make of one case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Baselines {
    /// The culprit's ranks.
    pub ranks: BaselineRanks,
    /// Whether the culprit's message or paths share a word with the symptom.
    pub shares_a_word: bool,
}

/// Ranks `candidates` for `symptom` at `as_of` and finds the first of `culprits`.
pub fn baselines(
    symptom: &str,
    as_of: Timestamp,
    candidates: &[&Change],
    culprits: &BTreeSet<&str>,
) -> Baselines {
    let query: BTreeSet<String> = terms(symptom).into_iter().collect();
    let texts: Vec<(BTreeMap<&str, f64>, f64)> =
        candidates.iter().map(|change| text(change, &query)).collect();
    let mut holding: BTreeMap<&str, f64> = BTreeMap::new();
    texts
        .iter()
        .flat_map(|(counts, _)| counts.keys())
        .for_each(|word| *holding.entry(word).or_default() += 1.0);
    let total = texts.len() as f64;
    let mean = f64::max(texts.iter().map(|(_, length)| length).sum::<f64>() / total.max(1.0), 1.0);
    let bm25: Vec<f64> = texts
        .iter()
        .map(|(counts, length)| {
            let norm = K1 * (1.0 - B + B * length / mean);
            let points = |(word, count): (&&str, &f64)| {
                let held = holding.get(*word).copied().unwrap_or_default();
                let rarity = (1.0 + (total - held + 0.5) / (held + 0.5)).ln();
                rarity * count * (K1 + 1.0) / (count + norm)
            };
            counts.iter().map(points).sum()
        })
        .collect();
    let hours: Vec<f64> = candidates
        .iter()
        .map(|change| (as_of.duration_since(change.committed_at).as_secs_f64() / 3600.0).max(0.0))
        .collect();
    let is_culprit = |index: &usize| {
        candidates.get(*index).and_then(|change| change.id.sha()).is_some_and(|sha| culprits.contains(sha))
    };
    // Ties: the newer first, then by id, as the ranker has it.
    let rank = |score: &dyn Fn(usize) -> f64| {
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        let id = |index: usize| candidates.get(index).map(|change| &change.id);
        let at = |index: usize| candidates.get(index).map(|change| change.committed_at);
        order.sort_by(|a, b| {
            score(*b)
                .total_cmp(&score(*a))
                .then_with(|| at(*b).cmp(&at(*a)))
                .then_with(|| id(*a).cmp(&id(*b)))
        });
        let place = order.iter().position(is_culprit)?;
        u32::try_from(place + 1).ok()
    };
    let of = |values: &[f64], index: usize| values.get(index).copied().unwrap_or_default();
    let ranks = BaselineRanks {
        most_recent: rank(&|index| -of(&hours, index)),
        bm25: rank(&|index| of(&bm25, index)),
        bm25_with_age: rank(&|index| of(&bm25, index) - AGE * (1.0 + of(&hours, index)).ln()),
    };
    let shares_a_word = (0..candidates.len())
        .filter(is_culprit)
        .any(|index| texts.get(index).is_some_and(|(counts, _)| !counts.is_empty()));
    Baselines { ranks, shares_a_word }
}

/// The words of the query in message and paths, counted, and how many words there are.
fn text<'q>(change: &Change, query: &'q BTreeSet<String>) -> (BTreeMap<&'q str, f64>, f64) {
    let (mut counts, mut length) = (BTreeMap::new(), 0.0);
    let mut add = |text: &str| {
        for_each_term(text, |term, _| {
            length += 1.0;
            if let Some(word) = query.get(term) {
                *counts.entry(word.as_str()).or_default() += 1.0;
            }
        });
    };
    add(change.title.as_untrusted());
    add(change.body.as_untrusted());
    change.paths.as_slice().iter().for_each(|path| add(path.path.as_str()));
    (counts, length)
}
