//! Takes the season out of a series: the same minute of earlier days, or of earlier weeks. Must not know what a change
//! is; it only makes days comparable.
//!
//! The profile is a median per bin over other cycles (a robust form of the seasonal means of Cleveland et al., "STL",
//! Journal of Official Statistics 6, 1990), read between the middles of bins. Where few cycles are known, only earlier
//! ones count, or an incident would cast a shadow on the weeks before it.

#![allow(
    clippy::indexing_slicing,
    reason = "a numeric kernel: every index is below the length it was made from"
)]

use super::robust::{median, median_of, spread};
use crate::signals::SeasonRule;

const DAY_S: i64 = 86_400;
const WEEK_S: i64 = 7 * DAY_S;
/// With this many cycles one that is different no longer moves the median of the others.
const MANY_CYCLES: usize = 5;
/// A profile has at most this many places a point.
const MOST_CELLS: usize = 8;

/// A series without its season.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Deseasoned {
    /// What remains, as long as `from` onwards of what came in.
    pub values: Vec<f64>,
    /// Points before this could not be compared with anything earlier.
    pub from: usize,
}

/// `values` at `at_s` (seconds, ascending) without the season that explains most, if one explains enough.
pub(super) fn remove_season(at_s: &[i64], values: &[f64], step_s: i64, rule: &SeasonRule) -> Deseasoned {
    let unchanged = || Deseasoned { values: values.to_vec(), from: 0 };
    let (Some(first), Some(last)) = (at_s.first(), at_s.last()) else { return unchanged() };
    let span = last - first + step_s;
    let mut best = unchanged();
    let mut least = spread(values, median(values)) * rule.gain;
    for (period, needed) in [(DAY_S, i64::from(rule.days) * DAY_S), (WEEK_S, i64::from(rule.weeks) * WEEK_S)]
    {
        if span < needed || period < 4 * step_s {
            continue;
        }
        if let Some(without) = fold(at_s, values, step_s, period, rule) {
            let left = spread(&without.values, median(&without.values));
            if left < least {
                // A weekly profile has seven times the freedom of a daily one.
                (least, best) = (left * 0.9, without);
            }
        }
    }
    best
}

fn fold(at_s: &[i64], values: &[f64], step_s: i64, period: i64, rule: &SeasonRule) -> Option<Deseasoned> {
    let first = *at_s.first()?;
    // Cycles end with the data, so that the last one is whole.
    let end = at_s.last()? + step_s;
    let cycles = usize::try_from((end - first + period - 1) / period).ok()?;
    let start = end - period * i64::try_from(cycles).ok()?;
    let references = if cycles >= MANY_CYCLES { cycles - 1 } else { 1.max(cycles.saturating_sub(2)) };
    let wide = i64::from(rule.bin_samples).div_euclid(i64::try_from(references).ok()?).max(1);
    let bins = usize::try_from((period / (wide * step_s)).max(1)).ok()?;
    // Points that lie years apart have no season.
    if cycles.checked_mul(bins).is_none_or(|cells| cells > MOST_CELLS * values.len()) {
        return None;
    }
    let place = |at: i64| {
        let cycle = (at - start) / period;
        let phase = ((at - start) % period) as f64 / period as f64 * bins as f64;
        (cycle as usize, phase)
    };
    let mut cells: Vec<Vec<f64>> = vec![Vec::new(); cycles * bins];
    for (at, value) in at_s.iter().zip(values) {
        let (cycle, phase) = place(*at);
        cells[cycle * bins + (phase as usize).min(bins - 1)].push(*value);
    }
    let mut profile = vec![f64::NAN; cycles * bins];
    let mut pool = Vec::new();
    for cycle in 0..cycles {
        for bin in 0..bins {
            pool.clear();
            let others = 0..if cycles >= MANY_CYCLES { cycles } else { cycle };
            others.filter(|other| *other != cycle).for_each(|other| pool.extend(&cells[other * bins + bin]));
            if !pool.is_empty() {
                profile[cycle * bins + bin] = median_of(&mut pool);
            }
        }
    }
    let expected = |cycle: usize, phase: f64| {
        let left = (phase - 0.5).floor();
        let share = phase - 0.5 - left;
        let at = |bin: f64| profile[cycle * bins + (bin.rem_euclid(bins as f64) as usize).min(bins - 1)];
        let (a, b) = (at(left), at(left + 1.0));
        if a.is_nan() {
            b
        } else if b.is_nan() {
            a
        } else {
            a + (b - a) * share
        }
    };
    let without: Vec<f64> = at_s
        .iter()
        .zip(values)
        .map(|(at, value)| {
            let (cycle, phase) = place(*at);
            value - expected(cycle, phase)
        })
        .collect();
    let from = without.iter().rposition(|value| value.is_nan()).map_or(0, |at| at + 1);
    // A hole in the reference weeks may leave only an end; then there is too little to compare.
    if without.len() - from < values.len() / 3 {
        return None;
    }
    // The level comes back, so that ratios keep their meaning.
    let level = median(&values[from..]);
    Some(Deseasoned { values: without[from..].iter().map(|value| value + level).collect(), from })
}
