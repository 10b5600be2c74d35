//! Means with 95 % intervals by the bootstrap, and the seeded dice behind everything here that is drawn. It knows
//! numbers only. Nothing but +, −, ×, ÷ and √ is used on them, so that the same seed gives the same bytes on every
//! machine.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// The ends of a 95 % interval, as shares of what was drawn.
const LOW: f64 = 0.025;
const HIGH: f64 = 0.975;
/// How many standard deviations a 95 % interval reaches to each side.
const Z: f64 = 1.959_963_984_540_054;

/// How the measuring is done. The same settings and the same outcomes give the same figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where the dice begin.
    pub seed: u64,
    /// How often the cases are drawn again for the interval of a score.
    pub resamples: u32,
    /// How often, for a difference between two methods, cases are drawn again and signs are flipped.
    pub paired_resamples: u32,
    /// How often a perfectly calibrated ranker is simulated.
    pub simulations: u32,
    /// How many bins of equal mass the reliability table has.
    pub bins: u32,
    /// From this confidence on, the first suspect counts as said with confidence.
    pub confident: f64,
    /// Fewer cases are called too few to tell.
    pub enough: u32,
    /// How many of the worst misses are told.
    pub worst: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            seed: 1,
            resamples: 2_000,
            paired_resamples: 10_000,
            simulations: 1_000,
            bins: 10,
            confident: 0.5,
            enough: 30,
            worst: 5,
        }
    }
}

/// A number and the ends of its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// What was measured.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// What is drawn: each purpose has dice of its own, so that one more draw here changes no figure there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Intervals of scores.
    Scores,
    /// Intervals of differences.
    Differences,
    /// Signs that are flipped.
    Signs,
    /// Outcomes of a perfectly calibrated ranker.
    Simulation,
    /// The interval of the most confident half.
    ConfidentHalf,
    /// Other words for a frozen incident.
    Perturbation,
    /// Frozen incidents that are made up.
    Invention,
}

/// A seeded generator: PCG, whose values are specified and stay the same between releases and machines.
#[derive(Debug, Clone)]
pub struct Dice(Pcg64);

impl Dice {
    /// The dice of a purpose.
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        // Seeds a golden ratio apart: purposes of one seed do not meet those of the next.
        let apart = (purpose as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Dice(Pcg64::seed_from_u64(seed.wrapping_add(apart)))
    }

    /// 64 bits, each set or not with the same chance.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number of 0 to `n` − 1; 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        // The upper half of a product; off by less than n in 2⁶⁴.
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// A number from 0 to just under 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The mean of each column, with its percentile interval. The same rows are drawn for all columns. None if there
/// is no row.
pub fn means<const K: usize>(rows: &[[f64; K]], mut dice: Dice, resamples: u32) -> Option<[Estimate; K]> {
    if rows.is_empty() {
        return None;
    }
    let measured = mean(rows.iter(), rows.len());
    let mut drawn: [Vec<f64>; K] = std::array::from_fn(|_| Vec::with_capacity(resamples as usize));
    for _ in 0..resamples {
        let again = (0..rows.len()).filter_map(|_| rows.get(dice.below(rows.len())));
        let again = mean(again, rows.len());
        drawn.iter_mut().zip(again).for_each(|(column, value)| column.push(value));
    }
    let mut estimates = measured.map(|value| Estimate { value, low: value, high: value });
    for (estimate, column) in estimates.iter_mut().zip(&mut drawn) {
        column.sort_by(f64::total_cmp);
        estimate.low = quantile(column, LOW).unwrap_or(estimate.value);
        estimate.high = quantile(column, HIGH).unwrap_or(estimate.value);
    }
    Some(estimates)
}

fn mean<'a, const K: usize>(rows: impl Iterator<Item = &'a [f64; K]>, n: usize) -> [f64; K] {
    let mut sums = [0.0; K];
    for row in rows {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    sums.map(|sum| sum / n as f64)
}

/// A quantile of sorted numbers, between two of them by the straight line. None if there is no number.
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share.clamp(0.0, 1.0) * sorted.len().checked_sub(1)? as f64;
    let below = sorted.get(place.floor() as usize)?;
    let above = sorted.get(place.ceil() as usize)?;
    Some(below + (above - below) * place.fract())
}

/// A share with Wilson's interval, for few cases and for shares near 0 and 1. None of nothing.
pub fn share(count: u32, of: u32) -> Option<Estimate> {
    wilson(f64::from(count) / f64::from(of), of)
}

/// The same of a share that is a mean over rounds: to ask about a case again makes no new case of it.
pub fn wilson(value: f64, of: u32) -> Option<Estimate> {
    if of == 0 {
        return None;
    }
    let n = f64::from(of);
    let widen = 1.0 + Z * Z / n;
    let middle = (value + Z * Z / (2.0 * n)) / widen;
    let reach = Z * (value * (1.0 - value) / n + Z * Z / (4.0 * n * n)).sqrt() / widen;
    Some(Estimate { value, low: (middle - reach).max(0.0), high: (middle + reach).min(1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
        let rows: Vec<[f64; 2]> = (0..200).map(|i| [f64::from(i % 7), f64::from(i % 3)]).collect();
        let drawn = |seed| means(&rows, Dice::new(seed, Purpose::Scores), 500).unwrap();
        let bytes = |seed| serde_json::to_vec(&drawn(seed)).unwrap();
        assert_eq!(bytes(7), bytes(7));
        assert_ne!(bytes(7), bytes(8));
    }

    #[test]
    fn the_dice_are_the_same_on_every_machine() {
        let mut dice = Dice::new(1, Purpose::Scores);
        insta::assert_compact_debug_snapshot!([dice.bits(), dice.bits()], @"[15492934433077865799, 319104231195455319]");
        insta::assert_compact_debug_snapshot!((dice.below(1_000), dice.below(1_000), dice.unit()), @"(113, 983, 0.888395281490816)");
    }

    #[test]
    fn an_interval_is_as_wide_as_theory_says() {
        // 400 cases, half of them hits: a standard error of .025, so 95 % within .049 of the middle.
        let rows: Vec<[f64; 1]> = (0..400).map(|i| [f64::from(i % 2)]).collect();
        let [half] = means(&rows, Dice::new(1, Purpose::Scores), 4_000).unwrap();
        assert_eq!(half.value, 0.5);
        assert!((half.low - 0.451).abs() < 0.005 && (half.high - 0.549).abs() < 0.005, "{half:?}");
    }

    #[test]
    fn the_same_cases_are_drawn_for_all_columns() {
        let rows: Vec<[f64; 2]> = (0..50).map(|i| [f64::from(i), f64::from(2 * i)]).collect();
        let [one, two] = means(&rows, Dice::new(3, Purpose::Scores), 300).unwrap();
        assert_eq!((two.low, two.high), (2.0 * one.low, 2.0 * one.high));
    }

    #[test]
    fn nothing_and_one_thing_have_no_width() {
        assert_eq!(means::<1>(&[], Dice::new(1, Purpose::Scores), 100), None);
        let one = Estimate { value: 0.25, low: 0.25, high: 0.25 };
        assert_eq!(means(&[[0.25]], Dice::new(1, Purpose::Scores), 100), Some([one]));
        assert_eq!(means(&[[0.25], [0.25]], Dice::new(1, Purpose::Scores), 0), Some([one]));
    }

    #[test]
    fn quantiles_by_hand() {
        let sorted = [1.0, 2.0, 3.0, 5.0];
        for (q, expect) in [(0.0, 1.0), (0.5, 2.5), (1.0, 5.0), (0.75, 3.5)] {
            assert_eq!(quantile(&sorted, q), Some(expect), "{q}");
        }
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn wilson_by_hand() {
        let close = |got: f64, expect: f64| (got - expect).abs() < 5e-4;
        let half = share(5, 10).unwrap();
        assert!(close(half.low, 0.2366) && close(half.high, 0.7634), "{half:?}");
        let none = share(0, 10).unwrap();
        assert!(none.low == 0.0 && close(none.high, 0.2775), "{none:?}");
        assert_eq!(share(0, 0), None);
    }
}
