//! Whether "70 %" is right in seven of ten cases: the reliability table of the confidence in the first suspect, its
//! expected calibration error (ECE) and Brier score, and what a perfectly calibrated ranker of the same confidences
//! would show, for a finite sample has an error even then. It measures; it fits nothing.

use serde::Serialize;

use crate::outcome::Outcome;
use crate::resample::{Dice, Estimate, Purpose, Settings, means, quantile, share};
use crate::scores::confidence;

/// What was said of a first suspect, and whether it was the culprit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Said {
    /// The confidence, 0 to 1.
    pub confidence: f64,
    /// Whether it was the culprit.
    pub right: bool,
}

/// What was said of the first suspects, for [`calibration`]. Answers that ranked nothing said nothing.
pub fn said<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Vec<Said> {
    let of =
        |outcome: &Outcome| Some(Said { confidence: confidence(outcome)?, right: outcome.rank == Some(1) });
    outcomes.into_iter().filter_map(of).collect()
}

/// A bin of the reliability table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// How many cases.
    pub n: u32,
    /// The least confidence in it.
    pub from: f64,
    /// The greatest.
    pub to: f64,
    /// The mean confidence.
    pub said: f64,
    /// The share that was right, with Wilson's interval.
    pub right: Estimate,
}

/// What a perfectly calibrated ranker of the same confidences would show.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Perfect {
    /// Its mean ECE.
    pub ece_mean: f64,
    /// 95 of 100 such rankers have no greater one.
    pub ece_p95: f64,
}

/// The half of the cases with the greatest confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ConfidentHalf {
    /// How many cases; the middle one of an odd number counts in.
    pub n: u32,
    /// The least confidence in it.
    pub from: f64,
    /// How often the first suspect is the culprit.
    pub top_1: Estimate,
}

/// How far what was said is what was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// How many cases had a first suspect.
    pub n: u32,
    /// The reliability table: bins of equal mass, from the least confidence to the greatest.
    pub bins: Vec<Bin>,
    /// The mean distance, over the bins and weighted by their cases, between what was said and what was right.
    pub ece: f64,
    /// The same for a perfectly calibrated ranker, simulated.
    pub perfect: Perfect,
    /// The mean square of the distance between confidence and outcome.
    pub brier: f64,
    /// How often the first suspect is the culprit.
    pub base_rate: f64,
    /// The Brier score of saying the base rate each time.
    pub base_rate_brier: f64,
    /// The most confident half.
    pub confident_half: ConfidentHalf,
}

impl Calibration {
    /// How much greater the ECE is than that of a perfectly calibrated ranker; less than 0 by luck.
    pub fn excess(&self) -> f64 {
        self.ece - self.perfect.ece_mean
    }
}

/// Measures the calibration; none if there is no case. Cases with the same confidence keep their order, so that
/// the order given must not depend on the outcome.
pub fn calibration(said: &[Said], settings: &Settings) -> Option<Calibration> {
    let mut sorted = said.to_vec();
    sorted.sort_by(|a, b| a.confidence.total_cmp(&b.confidence));
    let n = sorted.len();
    let bins = equal_masses(&sorted, settings.bins);
    let base_rate = mean(sorted.iter().map(|said| one_if(said.right)), n)?;
    let brier = mean(sorted.iter().map(|said| square(said.confidence - one_if(said.right))), n)?;
    let half = sorted.get(n / 2..)?;
    let rows: Vec<[f64; 1]> = half.iter().map(|said| [one_if(said.right)]).collect();
    let dice = Dice::new(settings.seed, Purpose::ConfidentHalf);
    let [top_1] = means(&rows, dice, settings.resamples)?;
    Some(Calibration {
        n: n as u32,
        bins: bins.iter().filter_map(|bin| Bin::of(bin)).collect(),
        ece: ece(&bins, n, |said| one_if(said.right)),
        perfect: simulate(&bins, n, settings)?,
        brier,
        base_rate,
        base_rate_brier: base_rate * (1.0 - base_rate),
        confident_half: ConfidentHalf { n: half.len() as u32, from: half.first()?.confidence, top_1 },
    })
}

impl Bin {
    fn of(cases: &[Said]) -> Option<Bin> {
        let right = cases.iter().filter(|said| said.right).count() as u32;
        Some(Bin {
            n: cases.len() as u32,
            from: cases.first()?.confidence,
            to: cases.last()?.confidence,
            said: mean(cases.iter().map(|said| said.confidence), cases.len())?,
            right: share(right, cases.len() as u32)?,
        })
    }
}

/// Sorted cases in bins whose sizes differ by one at most. Fewer cases than bins make a bin each.
fn equal_masses(sorted: &[Said], bins: u32) -> Vec<&[Said]> {
    let (n, bins) = (sorted.len(), bins.max(1) as usize);
    let cut = |bin: usize| bin * n / bins;
    (0..bins).filter_map(|bin| sorted.get(cut(bin)..cut(bin + 1))).filter(|bin| !bin.is_empty()).collect()
}

/// |Σ said − Σ right| of each bin, over n: the same as weighting the distances of the means by the bins' cases.
fn ece(bins: &[&[Said]], n: usize, mut right: impl FnMut(&Said) -> f64) -> f64 {
    let distance = |bin: &&[Said]| bin.iter().map(|said| said.confidence - right(said)).sum::<f64>().abs();
    bins.iter().map(distance).sum::<f64>() / n as f64
}

/// The ECE if each case were right with exactly the chance that was said.
fn simulate(bins: &[&[Said]], n: usize, settings: &Settings) -> Option<Perfect> {
    let mut dice = Dice::new(settings.seed, Purpose::Simulation);
    let mut errors: Vec<f64> = (0..settings.simulations.max(1))
        .map(|_| ece(bins, n, |said| one_if(dice.unit() < said.confidence)))
        .collect();
    errors.sort_by(f64::total_cmp);
    Some(Perfect { ece_mean: mean(errors.iter().copied(), errors.len())?, ece_p95: quantile(&errors, 0.95)? })
}

fn mean(values: impl Iterator<Item = f64>, n: usize) -> Option<f64> {
    (n > 0).then(|| values.sum::<f64>() / n as f64)
}

fn one_if(right: bool) -> f64 {
    if right { 1.0 } else { 0.0 }
}

fn square(x: f64) -> f64 {
    x * x
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(cases: &[(f64, bool)]) -> Vec<Said> {
        cases.iter().map(|&(confidence, right)| Said { confidence, right }).collect()
    }

    fn measure(cases: &[Said]) -> Calibration {
        calibration(cases, &Settings::default()).unwrap()
    }

    fn close(got: f64, expect: f64) -> bool {
        (got - expect).abs() < 1e-9
    }

    /// Confidences spread over 0 to 1; each case is right with the chance that `truth` gives.
    fn drawn(n: u32, truth: impl Fn(f64) -> f64) -> Vec<Said> {
        let mut dice = Dice::new(99, Purpose::Scores);
        let of = |_| {
            let confidence = dice.unit();
            Said { confidence, right: dice.unit() < truth(confidence) }
        };
        (0..n).map(of).collect()
    }

    #[test]
    fn ece_and_brier_by_hand() {
        // Two bins of two: said .2 and .3 with one right, said .6 and .9 with both right.
        let cases = said(&[(0.9, true), (0.2, false), (0.6, true), (0.3, true)]);
        let two = calibration(&cases, &Settings { bins: 2, ..Settings::default() }).unwrap();
        let table: Vec<(u32, f64, f64)> =
            two.bins.iter().map(|bin| (bin.n, bin.said, bin.right.value)).collect();
        assert_eq!(table, [(2, 0.25, 0.5), (2, 0.75, 1.0)]);
        assert!(close(two.ece, 0.25), "{}", two.ece);
        assert!(close(two.brier, (0.01 + 0.04 + 0.16 + 0.49) / 4.0), "{}", two.brier);
        assert!(close(two.base_rate, 0.75) && close(two.base_rate_brier, 0.1875));
        assert_eq!((two.confident_half.n, two.confident_half.from), (2, 0.6));
        assert_eq!(two.confident_half.top_1.value, 1.0);
    }

    #[test]
    fn bins_have_equal_mass() {
        let cases: Vec<Said> =
            (0..25).map(|i| Said { confidence: f64::from(i) / 25.0, right: false }).collect();
        let sizes: Vec<u32> = measure(&cases).bins.iter().map(|bin| bin.n).collect();
        assert_eq!(sizes, [2, 3, 2, 3, 2, 3, 2, 3, 2, 3]);
        let few: Vec<u32> =
            measure(&said(&[(0.1, true), (0.2, false), (0.3, false)])).bins.iter().map(|b| b.n).collect();
        assert_eq!(few, [1, 1, 1]);
    }

    #[test]
    fn a_perfectly_calibrated_ranker_is_within_the_simulated_band() {
        let good = measure(&drawn(2_000, |confidence| confidence));
        assert!(good.ece > 0.0 && good.ece < good.perfect.ece_p95, "{} {:?}", good.ece, good.perfect);
        assert!(good.excess().abs() < 0.01, "{}", good.excess());
        assert!(good.brier < good.base_rate_brier);
    }

    #[test]
    fn a_ranker_too_sure_of_itself_is_outside_the_band() {
        let bad = measure(&drawn(2_000, |confidence| confidence * confidence));
        assert!(bad.ece > 2.0 * bad.perfect.ece_p95, "{} {:?}", bad.ece, bad.perfect);
    }

    #[test]
    fn the_simulated_error_shrinks_with_the_sample() {
        let (few, many) = (measure(&drawn(100, |c| c)), measure(&drawn(1_600, |c| c)));
        let ratio = few.perfect.ece_mean / many.perfect.ece_mean;
        // By the square root of sixteen.
        assert!((3.5..4.5).contains(&ratio), "{ratio}");
        assert_eq!(measure(&drawn(100, |c| c)), few);
    }

    #[test]
    fn certainty_that_is_always_right_has_no_error() {
        let sure = measure(&said(&[(1.0, true), (1.0, true), (0.0, false)]));
        assert_eq!((sure.ece, sure.brier, sure.perfect.ece_mean), (0.0, 0.0, 0.0));
        assert_eq!(calibration(&[], &Settings::default()), None);
    }
}
