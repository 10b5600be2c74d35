//! Fits the one number that brings the ranker's confidence to what a repository's own rollbacks show: the factor of its
//! temperature, by maximum likelihood (Guo and others, "On calibration of modern neural networks", 2017). Pure.

use std::collections::BTreeSet;

use hearback_engine::analysts::suspects::Standing;

use crate::calibration::Said;

/// No factor outside is believed: it would say that the weights fit nothing here.
const BETWEEN: (f64, f64) = (0.25, 8.0);
/// Whether a factor is the greatest that is tried: then confidence would have to be held back further still. Too little
/// confidence, at the other border, misleads nobody.
pub fn is_at_border(factor: f64) -> bool {
    factor >= BETWEEN.1 * 0.999
}

/// How many factors are tried, a constant ratio apart, before the best of them is looked at more closely.
const TRIED: usize = 48;
/// How often the neighbourhood of the best is narrowed, each time to 0.618 of it.
const NARROWED: usize = 40;
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// One case: how its candidates were scored, and which of them did it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The scores over the shipped temperature, the likeliest first: logarithms of what was likely, but for a constant.
    exponents: Vec<f64>,
    culprits: Vec<bool>,
    none_of_these: f64,
}

impl Scored {
    /// A case with all its standings, scored at `temperature`.
    pub fn new(
        standings: &[Standing],
        culprit_shas: &[String],
        temperature: f64,
        none_of_these: f64,
    ) -> Self {
        let shas: BTreeSet<&str> = culprit_shas.iter().map(String::as_str).collect();
        let is_culprit = |standing: &Standing| standing.change.sha().is_some_and(|sha| shas.contains(sha));
        Scored {
            exponents: standings.iter().map(|standing| standing.score / temperature).collect(),
            culprits: standings.iter().map(is_culprit).collect(),
            none_of_these,
        }
    }

    /// Whether one of its candidates did it.
    pub fn has_culprit(&self) -> bool {
        self.culprits.contains(&true)
    }

    /// How likely its culprits are, as a logarithm.
    fn log_likelihood(&self, factor: f64) -> f64 {
        let guilty = self.exponents.iter().zip(&self.culprits).filter(|(_, is)| **is).map(|(e, _)| *e);
        log_sum(guilty, factor) - log_sum(self.exponents.iter().copied(), factor)
    }

    /// What would be said of the first suspect, and whether it did it; none if nothing was ranked.
    fn said(&self, factor: f64) -> Option<Said> {
        let first = *self.exponents.first()?;
        let share = (first / factor - log_sum(self.exponents.iter().copied(), factor)).exp();
        let confidence = (1.0 - self.none_of_these) * share;
        Some(Said { confidence, right: self.culprits.first().copied().unwrap_or_default() })
    }
}

/// ln Σ exp(e / factor), the largest taken out so that nothing overflows.
fn log_sum(exponents: impl Iterator<Item = f64> + Clone, factor: f64) -> f64 {
    let highest = exponents.clone().fold(f64::NEG_INFINITY, f64::max);
    highest / factor + exponents.map(|e| ((e - highest) / factor).exp()).sum::<f64>().ln()
}

/// The factor of the temperature that makes the culprits likeliest: above 1 where the confidence was too high. Cases
/// without a culprit among the candidates say nothing of it. None if no case says anything.
pub fn fit(cases: &[Scored]) -> Option<f64> {
    let telling: Vec<&Scored> = cases.iter().filter(|case| case.has_culprit()).collect();
    if telling.is_empty() {
        return None;
    }
    let likely = |log: f64| telling.iter().map(|case| case.log_likelihood(log.exp())).sum::<f64>();
    let (low, high) = (BETWEEN.0.ln(), BETWEEN.1.ln());
    let step = (high - low) / TRIED as f64;
    let at = |place: usize| low + step * place as f64;
    let best = (0..=TRIED).max_by(|a, b| likely(at(*a)).total_cmp(&likely(at(*b))))?;
    let (mut from, mut to) = ((at(best) - step).max(low), (at(best) + step).min(high));
    for _ in 0..NARROWED {
        let (left, right) = (to - GOLDEN * (to - from), from + GOLDEN * (to - from));
        if likely(left) < likely(right) { from = left } else { to = right }
    }
    // Three decimals are more than the cases can tell, and the same on every machine.
    Some((((from + to) / 2.0).exp() * 1e3).round() / 1e3)
}

/// What would be said of the first suspects with this factor, for [`crate::calibration::calibration`]. How likely it is
/// that none of them did it stays as it was.
pub fn said(cases: &[Scored], factor: f64) -> Vec<Said> {
    cases.iter().filter_map(|case| case.said(factor)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::calibration;
    use crate::resample::{Dice, Purpose, Settings};

    /// Cases whose culprits are drawn with the chances that the exponents over `truth` give.
    fn drawn(n: usize, truth: f64) -> Vec<Scored> {
        let mut dice = Dice::new(7, Purpose::Scores);
        let case = |dice: &mut Dice| {
            let mut exponents: Vec<f64> = (0..12).map(|_| 6.0 * dice.unit()).collect();
            exponents.sort_by(|a, b| b.total_cmp(a));
            let whole = log_sum(exponents.iter().copied(), truth);
            let mut left = dice.unit();
            let mut culprits = vec![false; exponents.len()];
            for (exponent, culprit) in exponents.iter().zip(&mut culprits) {
                left -= (exponent / truth - whole).exp();
                if left < 0.0 {
                    *culprit = true;
                    break;
                }
            }
            Scored { exponents, culprits, none_of_these: 0.0 }
        };
        (0..n).map(|_| case(&mut dice)).collect()
    }

    #[test]
    fn the_factor_that_the_cases_were_drawn_with_is_found() {
        for truth in [0.5, 1.0, 2.0, 4.0] {
            let found = fit(&drawn(4_000, truth)).unwrap();
            assert!((found / truth).ln().abs() < 0.1, "{found}, not {truth}");
        }
    }

    #[test]
    fn the_factor_brings_the_confidence_to_what_is_right() {
        let cases = drawn(2_000, 3.0);
        let ece = |factor| calibration(&said(&cases, factor), &Settings::default()).unwrap().ece;
        let found = fit(&cases).unwrap();
        assert!(ece(1.0) > 0.15 && ece(found) < 0.05, "{} and {}", ece(1.0), ece(found));
    }

    #[test]
    fn what_is_always_right_or_always_wrong_stays_within_bounds() {
        let case = |culprit: usize| Scored {
            exponents: vec![3.0, 1.0, 0.0],
            culprits: (0..3).map(|place| place == culprit).collect(),
            none_of_these: 0.0,
        };
        assert_eq!(fit(&[case(0), case(0)]), Some(0.25));
        assert_eq!(fit(&[case(2), case(2)]), Some(8.0));
    }

    #[test]
    fn cases_without_a_culprit_say_nothing_of_it() {
        let absent = Scored { exponents: vec![5.0, 1.0], culprits: vec![false; 2], none_of_these: 0.4 };
        let empty = Scored { exponents: vec![], culprits: vec![], none_of_these: 1.0 };
        assert_eq!(fit(&[]), None);
        assert_eq!(fit(&[absent.clone(), empty.clone()]), None);
        let mut cases = drawn(50, 2.0);
        let alone = fit(&cases);
        cases.extend([absent, empty]);
        assert_eq!(fit(&cases), alone);
        assert_eq!(said(&cases, 1.0).len(), 51, "what ranked nothing said nothing");
    }

    #[test]
    fn several_culprits_are_as_likely_as_all_of_them() {
        let case =
            Scored { exponents: vec![0.0; 4], culprits: vec![true, true, false, false], none_of_these: 0.2 };
        assert!((case.log_likelihood(3.0) - 0.5_f64.ln()).abs() < 1e-12);
        assert!((case.said(1.0).unwrap().confidence - 0.2).abs() < 1e-12);
    }

    #[test]
    fn great_scores_do_not_overflow() {
        let case = Scored { exponents: vec![4_000.0, 0.0], culprits: vec![false, true], none_of_these: 0.0 };
        assert!(case.log_likelihood(0.25).is_finite());
        assert!(fit(&[case]).is_some());
    }
}
