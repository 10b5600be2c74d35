//! The weights of the experts analyst, learned from cases whose right one is known, and what they are worth on cases that
//! they did not see. It must not know what a sign means or where cases come from.

use std::collections::{BTreeMap, BTreeSet};

use hearback_engine::analysts::experts::rules::Sign;
use serde::Serialize;

use crate::experts::{Asked, Quality, quality};
use crate::logit::{Choice, dot, fit};
use crate::paired::{Paired, paired};
use crate::resample::Settings;

/// Into so many blocks of time each repository's cases are cut when weights are judged.
const FOLDS: usize = 5;
/// The penalty on weights × a sign's deviation, by judgement: a sketch of the same signs predicted the right one first in
/// 53.8 % of unseen cases of the learning half with 2, and in 54.3 % with 10.
const RIDGE: f64 = 10.0;
/// Signs that no case can teach: no history says who owned what, and the symptoms of rollbacks hardly name files.
const HELD: [Sign; 2] = [Sign::Owns, Sign::NamedFiles];

/// What was learned, and what it is worth on cases that it did not see.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Learned {
    /// A weight each sign; those that no case can teach are left out.
    pub weights: BTreeMap<Sign, f64>,
    /// Predicted for blocks of time that the weights had not seen.
    pub cross_validated: Option<Quality>,
    /// What each sign that was learned adds to that.
    pub worth: BTreeMap<Sign, Worth>,
    /// Predicted for each repository by weights learned on the others.
    pub left_out: BTreeMap<String, (usize, Quality)>,
}

/// What a sign adds to the others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Worth {
    /// Predicted for blocks of time that the weights had not seen, by all signs but this one.
    pub without: Quality,
    /// All signs against all but this one, on the same cases.
    pub adds: Paired,
}

/// Learns weights. The same cases give the same weights.
pub fn learn(asked: &[Asked], settings: &Settings) -> Learned {
    let fitted = |those: &dyn Fn(usize) -> bool| fitted(asked, those, None);
    let folds = folds(asked);
    let predicted = predicted(asked, &folds, None);
    let free = Sign::ALL.into_iter().filter(|sign| !HELD.contains(sign));
    let worth = free.filter_map(|sign| {
        let without = self::predicted(asked, &folds, Some(sign));
        let adds = paired(&predicted, &without, settings)?;
        Some((sign, Worth { without: quality(&without, settings)?, adds }))
    });
    let worth = worth.collect();
    let names: BTreeSet<&str> = asked.iter().map(|one| one.outcome.repo.as_str()).collect();
    let is_in = |place: usize, name: &str| asked.get(place).is_some_and(|one| one.outcome.repo == name);
    let left_out = names.into_iter().filter_map(|name| {
        let weights = fitted(&|place| !is_in(place, name));
        let those = asked.iter().filter(|one| one.outcome.repo == name);
        let ranks: Vec<Option<u32>> = those.map(|one| rank_by(&one.choice, &weights)).collect();
        Some((name.to_owned(), (ranks.len(), quality(&ranks, settings)?)))
    });
    let left_out = left_out.collect();
    let weights = Sign::ALL.into_iter().zip(fitted(&|_| true)).filter(|(sign, _)| !HELD.contains(sign));
    let rounded = |weight: f64| (weight * 1e4).round() / 1e4;
    Learned {
        weights: weights.map(|(sign, weight)| (sign, rounded(weight))).collect(),
        cross_validated: quality(&predicted, settings),
        worth,
        left_out,
    }
}

/// Weights that fit some of the cases, with one sign less if it is said which.
fn fitted(asked: &[Asked], those: &dyn Fn(usize) -> bool, without: Option<Sign>) -> Vec<f64> {
    let held: Vec<bool> =
        Sign::ALL.iter().map(|sign| HELD.contains(sign) || without == Some(*sign)).collect();
    let choices: Vec<&Choice> =
        asked.iter().enumerate().filter(|(place, _)| those(*place)).map(|(_, one)| &one.choice).collect();
    fit(&choices, Sign::ALL.len(), RIDGE, &held).weights
}

/// The rank of the right one in each case, by weights that were learned from the other blocks of time.
fn predicted(asked: &[Asked], folds: &[usize], without: Option<Sign>) -> Vec<Option<u32>> {
    let mut predicted: Vec<Option<u32>> = vec![None; asked.len()];
    for fold in 0..FOLDS {
        let is_of = |place: usize| folds.get(place) == Some(&fold);
        let weights = fitted(asked, &|place| !is_of(place), without);
        for (place, slot) in predicted.iter_mut().enumerate().filter(|(place, _)| is_of(*place)) {
            *slot = asked.get(place).and_then(|one| rank_by(&one.choice, &weights));
        }
    }
    predicted
}

/// Blocks of time, repository by repository.
fn folds(asked: &[Asked]) -> Vec<usize> {
    let mut by_time: BTreeMap<&str, Vec<(i64, usize)>> = BTreeMap::new();
    for (place, one) in asked.iter().enumerate() {
        by_time.entry(&one.outcome.repo).or_default().push((one.at_s, place));
    }
    let mut folds = vec![0; asked.len()];
    for mut cases in by_time.into_values() {
        cases.sort_unstable();
        let of = cases.len();
        for (at, (_, place)) in cases.into_iter().enumerate() {
            if let Some(fold) = folds.get_mut(place) {
                *fold = at * FOLDS / of;
            }
        }
    }
    folds
}

/// The place of the right one, in the middle of those who are its equals: a weight of nothing tells nobody apart.
fn rank_by(choice: &Choice, weights: &[f64]) -> Option<u32> {
    let scores: Vec<f64> = choice.rows_of(weights.len()).map(|row| dot(row, weights)).collect();
    let right = scores.iter().zip(&choice.chosen).filter(|(_, right)| **right).map(|(score, _)| *score);
    let best = right.max_by(f64::total_cmp)?;
    let wrong = || scores.iter().zip(&choice.chosen).filter(|(_, right)| !**right).map(|(score, _)| *score);
    let (above, equal) =
        (wrong().filter(|one| *one > best).count(), wrong().filter(|one| *one == best).count());
    u32::try_from(1 + above + equal.div_ceil(2)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experts::{ExpertOutcome, OtherRanks};

    fn asked(id: usize, rows: &[(f32, bool)]) -> Asked {
        let width = Sign::ALL.len();
        let row = |value: f32| std::iter::once(value).chain(std::iter::repeat_n(0.0, width - 1));
        let right = rows.iter().position(|(_, right)| *right);
        Asked {
            outcome: ExpertOutcome {
                id: id.to_string(),
                repo: if id.is_multiple_of(2) { "shop" } else { "web" }.into(),
                rank: right.map(|place| u32::try_from(place).unwrap() + 1),
                people: u32::try_from(rows.len()).unwrap(),
                baselines: OtherRanks::default(),
                ms: 1.0,
            },
            at_s: i64::try_from(id).unwrap(),
            choice: Choice {
                rows: rows.iter().flat_map(|(value, _)| row(*value)).collect(),
                chosen: rows.iter().map(|(_, right)| *right).collect(),
                weight: 1.0,
            },
        }
    }

    #[test]
    fn a_sign_that_tells_gets_a_weight_that_holds_for_cases_it_did_not_see() {
        let cases: Vec<Asked> =
            (0..40).map(|id| asked(id, &[(0.1, false), (0.9, id % 5 != 0), (0.2, id % 5 == 0)])).collect();
        let learned = learn(&cases, &Settings::default());
        assert!(learned.weights[&Sign::ALL[0]] > 0.5, "{:?}", learned.weights);
        assert!((learned.cross_validated.unwrap().top1.value - 0.8).abs() < 1e-9);
        assert_eq!(learned.left_out.keys().collect::<Vec<_>>(), ["shop", "web"]);
        assert!(!learned.weights.contains_key(&Sign::Owns));
        let (first, other) = (&learned.worth[&Sign::ALL[0]], &learned.worth[&Sign::ALL[1]]);
        assert!(first.adds.mrr_difference.low > 0.0, "it tells who: {first:?}");
        assert!(other.adds.mrr_difference.value.abs() < 1e-9, "what is 0 for everybody tells nothing");
    }
}
