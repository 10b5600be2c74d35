//! Learns the ranker's weights from cases whose culprit is known: a conditional logit over the candidates, its penalty
//! chosen by cross-validation over blocks of time, its temperature and "none of these" from predictions for cases it had
//! not seen. Nothing is drawn by chance but for ties, so the same cases give the same weights. It must not know files.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::hash::Digest;
use hearback_engine::analysts::suspects::Standing;
use hearback_engine::features::{FEATURES, Feature, MEASURED_VERSION};
use hearback_engine::ranker::{NoneRule, Ranker};

use crate::case::Case;
use crate::logit::{Choice, Fit, dot, fit};

/// The penalties that are tried.
pub const RIDGES: [f64; 4] = [3.0, 10.0, 30.0, 100.0];
/// Blocks of time that each repository's cases are cut into; each is predicted by weights learned on the others.
pub const FOLDS: usize = 5;
/// The penalty on the three weights of "none of these": nothing to speak of with a thousand cases, and with fifty what
/// keeps chance from saying that it is always none of them.
const NONE_RIDGE: f64 = 3.0;
/// What a case counts whose text tells of a decision rather than of a failure.
const DECISION: f64 = 0.5;
/// A temperature is looked for between these.
const TEMPERATURES: (f64, f64) = (0.5, 4.0);

/// One case as something to learn from.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The case's id, repository and time.
    id: String,
    repo: String,
    as_of_s: i64,
    symptom_like: bool,
    /// The digest of all that makes the case what it is.
    told: Digest,
    choice: Choice,
}

impl Sample {
    /// The case with what was measured of its candidates.
    pub fn new(case: &Case, standings: &[Standing]) -> Self {
        let culprits: BTreeSet<&str> = case.culprit_shas.iter().map(String::as_str).collect();
        let is_culprit =
            |standing: &Standing| standing.change.sha().is_some_and(|sha| culprits.contains(sha));
        let values = standings.iter().flat_map(|standing| standing.values.as_slice());
        Sample {
            id: case.id.clone(),
            repo: case.repo.clone(),
            as_of_s: case.as_of.as_second(),
            symptom_like: case.symptom_like,
            told: Digest::of(format!("{case:?}").as_bytes()),
            choice: Choice {
                // Half the memory of the numbers a question works with, and more than they are worth.
                #[allow(clippy::cast_possible_truncation, reason = "measured to a few digits")]
                rows: values.map(|value| *value as f32).collect(),
                chosen: standings.iter().map(is_culprit).collect(),
                weight: if case.symptom_like { 1.0 } else { DECISION },
            },
        }
    }

    fn has_culprit(&self) -> bool {
        self.choice.chosen.contains(&true)
    }

    /// The rank of the best culprit under `weights`; ties keep the order in which the candidates came.
    fn rank(&self, weights: &[f64]) -> Option<u32> {
        let scores: Vec<f64> = self.choice.rows_of(FEATURES).map(|row| dot(row, weights)).collect();
        let mut order: Vec<(usize, f64)> = scores.into_iter().enumerate().collect();
        order.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
        let is_culprit = |index: usize| self.choice.chosen.get(index).copied().unwrap_or(false);
        let place = order.iter().position(|(index, _)| is_culprit(*index))?;
        u32::try_from(place + 1).ok()
    }
}

/// What was learned, and what it is worth.
#[derive(Debug, Clone)]
pub struct Learned {
    /// The ranker with the new weights, temperature and "none of these".
    pub ranker: Ranker,
    /// The weights with their standard errors.
    pub fit: Fit,
    /// The penalty that predicted best.
    pub ridge: f64,
    /// Each penalty that was tried, with the mean log-likelihood of unseen cases.
    pub tried: Vec<(f64, f64)>,
    /// The culprits' ranks among failure-like cases, predicted by weights that had not seen the case, by case.
    pub cross_validated: BTreeMap<String, Option<u32>>,
    /// How many cases, and how many of them failure-like.
    pub cases: (usize, usize),
    /// Which cases, and how they were measured: a digest.
    pub digest: String,
}

/// There is nothing to learn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} failure-like cases with a culprit among the candidates are too few to learn from; it takes {LEAST}"
)]
pub struct TooFew(usize);

/// As many failure-like cases it takes at least.
pub const LEAST: usize = 50;

/// Learns from `samples`; what the file says is held keeps its weight of `before`.
///
/// # Errors
/// [`TooFew`] if there is too little to learn from.
pub fn learn(samples: &[Sample], before: &Ranker) -> Result<Learned, TooFew> {
    let mut samples: Vec<&Sample> = samples.iter().collect();
    samples.sort_by(|a, b| a.repo.cmp(&b.repo).then(a.as_of_s.cmp(&b.as_of_s)).then_with(|| a.id.cmp(&b.id)));
    let failures = samples.iter().filter(|sample| sample.symptom_like && sample.has_culprit()).count();
    if failures < LEAST {
        return Err(TooFew(failures));
    }
    let held: Vec<bool> = Feature::ALL.iter().map(|feature| before.is_held(*feature)).collect();
    let folds = folds(&samples);
    let mut best: Option<(f64, f64, Vec<Vec<f64>>)> = None;
    let mut tried = Vec::new();
    for ridge in RIDGES {
        let by_fold: Vec<Vec<f64>> = (0..FOLDS)
            .map(|fold| {
                let others = samples.iter().zip(&folds).filter(|(_, own)| **own != fold);
                let choices: Vec<&Choice> = others.map(|(sample, _)| &sample.choice).collect();
                fit(&choices, FEATURES, ridge, &held).weights
            })
            .collect();
        let unseen = unseen(&samples, &folds, &by_fold);
        let value = mean(
            unseen
                .iter()
                .filter(|(sample, _)| sample.symptom_like && sample.has_culprit())
                .map(|(sample, weights)| likelihood(&scores(sample, weights), &sample.choice.chosen, 1.0)),
        );
        tried.push((ridge, value));
        if best.as_ref().is_none_or(|(_, other, _)| value > *other) {
            best = Some((ridge, value, by_fold));
        }
    }
    let (ridge, _, by_fold) = best.ok_or(TooFew(failures))?;
    let unseen = unseen(&samples, &folds, &by_fold);
    let failures: Vec<(&Sample, &[f64])> =
        unseen.iter().filter(|(sample, _)| sample.symptom_like).copied().collect();

    let choices: Vec<&Choice> = samples.iter().map(|sample| &sample.choice).collect();
    let fit = fit(&choices, FEATURES, ridge, &held);
    let weights: Vec<f64> = Feature::ALL
        .iter()
        .zip(&fit.weights)
        .map(
            |(feature, weight)| {
                if before.is_held(*feature) { before.weight(*feature) } else { round(*weight) }
            },
        )
        .collect();
    let temperature = temperature(&failures);
    let mut ranker = before.with_weights(&weights);
    ranker.probability.temperature = round(temperature);
    ranker.none = none_of_these(&failures, temperature);
    let told: Vec<String> = samples.iter().map(|sample| sample.told.to_string()).collect();
    Ok(Learned {
        ranker,
        fit,
        ridge,
        tried,
        cross_validated: failures.iter().map(|(s, weights)| (s.id.clone(), s.rank(weights))).collect(),
        cases: (samples.len(), failures.len()),
        digest: Digest::of(format!("{MEASURED_VERSION}\n{}", told.join("\n")).as_bytes()).to_string(),
    })
}

/// Four digits after the point: what is written down is what is used.
fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// Blocks of time, repository by repository: cases of one week resemble each other, and must not be on both sides.
fn folds(samples: &[&Sample]) -> Vec<usize> {
    let mut of_repo: BTreeMap<&str, usize> = BTreeMap::new();
    samples.iter().for_each(|sample| *of_repo.entry(&sample.repo).or_default() += 1);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    samples
        .iter()
        .map(|sample| {
            let place = seen.entry(&sample.repo).or_default();
            let fold = *place * FOLDS / of_repo.get(sample.repo.as_str()).copied().unwrap_or(1);
            *place += 1;
            fold
        })
        .collect()
}

/// Each case with the weights that had not seen it.
fn unseen<'a>(
    samples: &[&'a Sample],
    folds: &[usize],
    by_fold: &'a [Vec<f64>],
) -> Vec<(&'a Sample, &'a [f64])> {
    let with = |(sample, fold): (&&'a Sample, &usize)| Some((*sample, by_fold.get(*fold)?.as_slice()));
    samples.iter().zip(folds).filter_map(with).collect()
}

fn scores(sample: &Sample, weights: &[f64]) -> Vec<f64> {
    sample.choice.rows_of(FEATURES).map(|row| dot(row, weights)).collect()
}

/// The logarithm of the probability that the culprits have together.
fn likelihood(scores: &[f64], chosen: &[bool], temperature: f64) -> f64 {
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let power = |score: &f64| ((score - highest) / temperature).exp();
    let all: f64 = scores.iter().map(power).sum();
    let right: f64 = scores.iter().zip(chosen).filter(|(_, is)| **is).map(|(score, _)| power(score)).sum();
    (right / all).max(1e-300).ln()
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    if count > 0.0 { sum / count } else { 0.0 }
}

/// The temperature under which unseen culprits are likeliest: golden-section search over its logarithm.
fn temperature(unseen: &[(&Sample, &[f64])]) -> f64 {
    let scored: Vec<(Vec<f64>, &[bool])> = unseen
        .iter()
        .filter(|(sample, _)| sample.has_culprit())
        .map(|(sample, weights)| (scores(sample, weights), sample.choice.chosen.as_slice()))
        .collect();
    let value = |log: f64| mean(scored.iter().map(|(scores, chosen)| likelihood(scores, chosen, log.exp())));
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (TEMPERATURES.0.ln(), TEMPERATURES.1.ln());
    for _ in 0..40 {
        let (left, right) = (high - golden * (high - low), low + golden * (high - low));
        if value(left) > value(right) { high = right } else { low = left }
    }
    f64::midpoint(low, high).exp()
}

/// "None of these" learned from cases as they are against the same cases with the culprit taken away, and brought to the
/// share of cases whose culprit really was not among the candidates (one more of each is assumed).
fn none_of_these(unseen: &[(&Sample, &[f64])], temperature: f64) -> NoneRule {
    let symptom_at = Feature::ALL.iter().position(|feature| *feature == Feature::DiffWordShare);
    let mut pairs: Vec<Choice> = Vec::new();
    let mut absent = 0.0;
    for (sample, weights) in unseen {
        if !sample.has_culprit() {
            absent += 1.0;
            continue;
        }
        let scores = scores(sample, weights);
        for without in [false, true] {
            let left = |index: usize| !without || !sample.choice.chosen.get(index).copied().unwrap_or(false);
            let rows = sample.choice.rows_of(FEATURES).enumerate().filter(|(index, _)| left(*index));
            let rows: Vec<&[f32]> = rows.map(|(_, row)| row).collect();
            if rows.is_empty() {
                continue;
            }
            let left_scores = scores.iter().enumerate().filter(|(index, _)| left(*index)).map(|(_, s)| *s);
            let left_scores: Vec<f64> = left_scores.collect();
            let highest = left_scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = left_scores.iter().map(|score| ((score - highest) / temperature).exp()).sum();
            let best_share = rows
                .iter()
                .filter_map(|row| row.get(symptom_at?))
                .fold(0.0_f32, |best, share| best.max(*share));
            #[allow(clippy::cast_possible_truncation, reason = "a probability")]
            let seen = [1.0, (1.0 / sum) as f32, best_share];
            pairs.push(Choice {
                rows: seen.into_iter().chain([0.0; 3]).collect(),
                chosen: vec![without, !without],
                weight: 1.0,
            });
        }
    }
    let choices: Vec<&Choice> = pairs.iter().collect();
    let learned = fit(&choices, 3, NONE_RIDGE, &[false; 3]).weights;
    let of = |place: usize| learned.get(place).copied().map_or(0.0, round);
    let prior = round((absent + 1.0) / (unseen.len() as f64 + 2.0));
    NoneRule { prior, base: of(0), clearest: of(1), best_share: of(2) }
}

#[cfg(test)]
mod tests {
    use hearback_core::ChangeId;
    use hearback_engine::features::Values;

    use super::*;
    use crate::resample::{Dice, Purpose};

    const SHIPPED: &str = include_str!("../../config/ranker.toml");

    /// Cases in which the culprit is chosen by chance, in proportion to e to the power of 2 × `title_length`.
    fn samples(count: u64) -> Vec<Sample> {
        let mut dice = Dice::new(7, Purpose::Scores);
        (0..count)
            .map(|n| {
                let rows: Vec<f64> = (0..12).map(|_| dice.unit() * 2.0).collect();
                let powers: Vec<f64> = rows.iter().map(|value| (2.0 * value).exp()).collect();
                let mut left = dice.unit() * powers.iter().sum::<f64>();
                let culprit = powers.iter().position(|power| {
                    left -= power;
                    left <= 0.0
                });
                let standings: Vec<Standing> = rows
                    .iter()
                    .enumerate()
                    .map(|(index, value)| {
                        let mut values = Values::default();
                        values.set(Feature::TitleLength, *value);
                        // Says nothing, and is held anyway.
                        values.set(Feature::Service, dice.unit());
                        let change = ChangeId::commit("shop", &format!("{index:040x}")).unwrap();
                        Standing { change, values, score: 0.0, probability: 0.0 }
                    })
                    .collect();
                let case = Case {
                    id: format!("shop@{n:03}"),
                    repo: "shop".into(),
                    as_of: jiff::Timestamp::from_second(1_700_000_000 + 3600 * i64::try_from(n).unwrap())
                        .unwrap(),
                    symptom_text: "checkout fails".into(),
                    culprit_shas: culprit.map(|index| format!("{index:040x}")).into_iter().collect(),
                    days: 30,
                    symptom_like: n % 4 != 0,
                    half: None,
                };
                Sample::new(&case, &standings)
            })
            .collect()
    }

    #[test]
    fn a_weight_that_made_the_cases_is_found_again_and_what_is_held_stays() {
        let before = Ranker::parse(SHIPPED).unwrap();
        let learned = learn(&samples(600), &before).unwrap();
        let weight = learned.ranker.weight(Feature::TitleLength);
        assert!((1.6..2.2).contains(&weight), "{weight}");
        assert_eq!(learned.ranker.weight(Feature::Service), before.weight(Feature::Service));
        assert!(
            (0.8..1.25).contains(&learned.ranker.probability.temperature),
            "{:?}",
            learned.ranker.probability
        );
        assert_eq!(learned.cases, (600, 450));
        assert_eq!(learned.cross_validated.len(), 450);
        let first = learned.cross_validated.values().filter(|rank| **rank == Some(1)).count();
        assert!(first > 450 / 6, "{first}: by chance a twelfth");
    }

    #[test]
    fn the_order_of_the_cases_changes_nothing() {
        let before = Ranker::parse(SHIPPED).unwrap();
        let (forward, backward) = (samples(120), samples(120).into_iter().rev().collect::<Vec<_>>());
        let (a, b) = (learn(&forward, &before).unwrap(), learn(&backward, &before).unwrap());
        assert_eq!((a.ranker, a.digest, a.cross_validated), (b.ranker, b.digest, b.cross_validated));
    }

    #[test]
    fn too_few_cases_are_refused() {
        let before = Ranker::parse(SHIPPED).unwrap();
        let error = learn(&samples(20), &before).unwrap_err().to_string();
        assert_eq!(
            error,
            "15 failure-like cases with a culprit among the candidates are too few to learn from; it takes 50"
        );
    }

    #[test]
    fn neighbours_in_time_are_in_one_block() {
        let samples = samples(10);
        let all: Vec<&Sample> = samples.iter().collect();
        assert_eq!(folds(&all), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
    }

    #[test]
    fn none_of_these_is_likelier_where_nothing_stands_out() {
        let before = Ranker::parse(SHIPPED).unwrap();
        let mut samples = samples(200);
        let title = Feature::TitleLength as usize;
        for (n, sample) in samples.iter_mut().enumerate() {
            // Nine of ten culprits stand far out.
            if n % 10 > 0 {
                let culprit = sample.choice.chosen.iter().position(|chosen| *chosen).unwrap();
                sample.choice.rows[culprit * FEATURES + title] = 6.0;
            }
        }
        let none = learn(&samples, &before).unwrap().ranker.none;
        let seen = |clearest| hearback_engine::ranker::NoneSeen { clearest, best_share: 0.5 };
        assert!(none.probability(&seen(0.1)) > none.probability(&seen(0.6)), "{none:?}");
        assert!(none.prior < 0.01, "no culprit was absent: {none:?}");
    }
}
