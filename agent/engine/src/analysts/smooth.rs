//! Fits the forms that are no change of level: a drift, a ramp, a swing. Numbers in, numbers out: must not know time,
//! services or what is bad.

#![allow(
    clippy::indexing_slicing,
    reason = "a numeric kernel: every index is below the length it was made from"
)]

use super::robust::mean;
use super::segments::{Sums, pieces};

/// Longer periods are not looked for: an onset should show within minutes, not after hundreds of samples.
const LONGEST_PERIOD: usize = 128;
/// A level, then a straight line from `from` to `until`, then a level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ramp {
    pub from: usize,
    pub until: usize,
    pub height: f64,
    pub cost: f64,
    /// The starts that are as likely.
    pub likely: (usize, usize),
}

/// The best ramp of at least `shortest` samples, and the starts whose cost lies within `slack` of the best.
pub(super) fn ramp(values: &[f64], shortest: usize, slack: f64) -> Option<Ramp> {
    let n = values.len();
    if n < shortest + 4 {
        return None;
    }
    let sums = Sums::of(values);
    let total = sums.cost(0, n);
    let fit = |from: usize, until: usize| -> (f64, f64) {
        // h is 0 up to `from`, (t - from) / width inside, 1 from `until` on.
        let width = (until - from) as f64;
        let after = (n - until) as f64;
        let inside = width - 1.0;
        let h = inside / 2.0 + after;
        let hh = inside * (2.0 * width - 1.0) / (6.0 * width) + after;
        let placed = sums.placed_from(from, until);
        let hy = placed / width + sums.sum(until, n);
        let denominator = hh - h * h / n as f64;
        if denominator <= 0.0 {
            return (total, 0.0);
        }
        let height = (hy - h * sums.sum(0, n) / n as f64) / denominator;
        (total - height * height * denominator, height)
    };
    let best_end = |from: usize, step: usize| {
        let ends = (from + shortest..n).step_by(step).chain(std::iter::once(n));
        ends.filter(|until| *until >= from + shortest)
            .map(|until| (fit(from, until).0, until))
            .min_by(|a, b| a.0.total_cmp(&b.0))
    };
    let coarse = (n / 40).max(1);
    let starts = (0..n - shortest).step_by(coarse);
    let (mut cost, mut from, mut until) = starts
        .filter_map(|from| best_end(from, coarse).map(|(cost, until)| (cost, from, until)))
        .min_by(|a, b| a.0.total_cmp(&b.0))?;
    let mut step = coarse;
    while step >= 1 {
        let mut moved = true;
        while moved {
            moved = false;
            for (a, b) in [
                (from.saturating_sub(step), until),
                (from + step, until),
                (from, until.saturating_sub(step)),
                (from, (until + step).min(n)),
            ] {
                if a + shortest <= b && fit(a, b).0 < cost {
                    (cost, from, until, moved) = (fit(a, b).0, a, b, true);
                }
            }
        }
        step /= 2;
    }
    // The end may give way while the start moves.
    let likely = |start: usize| {
        let same_end = if start + shortest <= until { fit(start, until).0 } else { total };
        let least = best_end(start, coarse).map_or(same_end, |(least, _)| least.min(same_end));
        least <= cost + slack
    };
    let mut first = from;
    while first > 0 && likely(first - 1) {
        first -= 1;
    }
    let mut last = from;
    while last + shortest < n && likely(last + 1) {
        last += 1;
    }
    Some(Ramp { from, until, height: fit(from, until).1, cost, likely: (first, last) })
}

/// The cubic that explains the movement inside the pieces; what it leaves is level plus noise. Values at the pieces'
/// places, with mean zero.
pub(super) fn drift(values: &[f64], cuts: &[usize]) -> Vec<f64> {
    let n = values.len();
    let place = |at: usize| 2.0 * at as f64 / (n.max(2) - 1) as f64 - 1.0;
    let basis = |t: f64| [t, (3.0 * t * t - 1.0) / 2.0, (5.0 * t * t * t - 3.0 * t) / 2.0];
    let mut normal = [[0.0; 4]; 3];
    for (from, until) in pieces(cuts, n) {
        let count = (until - from) as f64;
        let mut middle = [0.0; 4];
        for (at, value) in (from..until).zip(&values[from..until]) {
            let b = basis(place(at));
            (0..3).for_each(|k| middle[k] += b[k] / count);
            middle[3] += value / count;
        }
        for (at, value) in (from..until).zip(&values[from..until]) {
            let b = basis(place(at));
            let row = [b[0] - middle[0], b[1] - middle[1], b[2] - middle[2], value - middle[3]];
            for (i, sums) in normal.iter_mut().enumerate() {
                sums.iter_mut().zip(row).for_each(|(sum, other)| *sum += row[i] * other);
            }
        }
    }
    // A little of the identity keeps three parameters apart where the pieces are short.
    (0..3).for_each(|k| normal[k][k] += 1e-6 * n as f64);
    let weights = solve(normal);
    let curve: Vec<f64> =
        (0..n).map(|at| basis(place(at)).iter().zip(weights).map(|(b, w)| b * w).sum()).collect();
    let middle = mean(&curve);
    curve.into_iter().map(|value| value - middle).collect()
}

/// Gaussian elimination with the largest pivot; the last column is the right-hand side.
fn solve(mut rows: [[f64; 4]; 3]) -> [f64; 3] {
    for k in 0..3 {
        let pivot = (k..3).max_by(|a, b| rows[*a][k].abs().total_cmp(&rows[*b][k].abs())).unwrap_or(k);
        rows.swap(k, pivot);
        if rows[k][k] == 0.0 {
            return [0.0; 3];
        }
        let above = rows[k];
        for row in &mut rows[k + 1..] {
            let factor = row[k] / above[k];
            row.iter_mut().zip(above).for_each(|(cell, other)| *cell -= factor * other);
        }
    }
    let mut x = [0.0; 3];
    for k in (0..3).rev() {
        let known: f64 = (k + 1..3).map(|j| rows[k][j] * x[j]).sum();
        x[k] = (rows[k][3] - known) / rows[k][k];
    }
    x
}

/// The period of what swings: the first peak of the autocorrelation after its first trough, if they are
/// as deep and as high as asked. At most a third of the values long.
pub(super) fn period(values: &[f64], trough: f64, peak: f64, periods: f64) -> Option<usize> {
    let n = values.len();
    let center = mean(values);
    let away: Vec<f64> = values.iter().map(|value| value - center).collect();
    let power: f64 = away.iter().map(|a| a * a).sum();
    if n < 8 || power <= 0.0 {
        return None;
    }
    let farthest = ((n as f64 / periods) as usize).min(LONGEST_PERIOD);
    let r = |lag: usize| {
        let sum: f64 = away.iter().zip(&away[lag..]).map(|(a, b)| a * b).sum();
        // Each lag by as many products as it has.
        sum / power * n as f64 / (n - lag) as f64
    };
    let correlation: Vec<f64> = (0..=farthest + 1).take_while(|lag| *lag < n).map(r).collect();
    // The trough is the lowest before the first return above zero.
    let fall = correlation.iter().position(|r| *r < 0.0)?;
    let rise = correlation.iter().skip(fall).position(|r| *r > 0.0)? + fall;
    let deepest = correlation[fall..rise].iter().copied().fold(0.0, f64::min);
    if deepest > trough {
        return None;
    }
    let end = (rise * 2).min(correlation.len());
    let (lag, height) = (rise..end).map(|lag| (lag, correlation[lag])).max_by(|a, b| a.1.total_cmp(&b.1))?;
    (height >= peak && lag <= farthest).then_some(lag)
}
