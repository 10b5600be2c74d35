//! Cuts a series into pieces of one level, and fits the slow forms that are no change of level: a drift and a ramp.
//! Numbers in, numbers out: must not know time, services or what is bad.
//!
//! Pieces: cumulative sums on seeded intervals (Kovács, Bühlmann, Li and Munk, "Seeded binary segmentation",
//! Biometrika 110, 2023), the narrowest over the threshold first (Baranowski, Chen and Fryzlewicz, JRSS B 81, 2019),
//! each place then sought again between its neighbours. Outliers are held to their neighbourhood before, to the effect
//! of a bounded loss (Fearnhead and Rigaill, JASA 114, 2019).

#![allow(
    clippy::indexing_slicing,
    reason = "a numeric kernel: every index is below the length it was made from"
)]

use std::collections::BTreeSet;

/// Makes the median absolute deviation of Gaussian noise its standard deviation.
const MAD_TO_SD: f64 = 1.4826;
/// Longer periods are not looked for: an onset should show within minutes, not after hundreds of samples.
const LONGEST_PERIOD: usize = 128;
/// A piece has at least this many samples; one sample is no level.
pub(super) const SHORTEST: usize = 2;

/// The median; 0 of nothing. The upper one of an even number.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    if sorted.is_empty() {
        return 0.0;
    }
    let middle = sorted.len() / 2;
    *sorted.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// The median absolute deviation from `center`, as a standard deviation.
pub(super) fn spread(values: &[f64], center: f64) -> f64 {
    let deviations: Vec<f64> = values.iter().map(|value| (value - center).abs()).collect();
    MAD_TO_SD * median(&deviations)
}

/// The mean; 0 of nothing.
pub(super) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// The quantile `q` from 0 to 1; 0 of nothing.
pub(super) fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    if sorted.is_empty() {
        return 0.0;
    }
    let place = ((sorted.len() - 1) as f64 * q).round() as usize;
    *sorted.select_nth_unstable_by(place, f64::total_cmp).1
}

/// The standard deviation of noise around its median: robust where that gives one, and of all samples where most are
/// equal (rare events).
pub(super) fn deviation(values: &[f64]) -> f64 {
    let center = median(values);
    let robust = spread(values, center);
    if robust > 0.0 {
        return robust;
    }
    let middle = mean(values);
    mean(&values.iter().map(|value| (value - middle).powi(2)).collect::<Vec<_>>()).sqrt()
}

/// The noise before anything is known of levels: the lower part of the deviations of short blocks, so that changes
/// and noisy stretches do not raise it.
pub(super) fn quiet_deviation(values: &[f64]) -> f64 {
    let block = (values.len() / 16).clamp(8, 40);
    let blocks: Vec<f64> = values.chunks(block).filter(|b| b.len() >= 6).map(deviation).collect();
    let moving: Vec<f64> = blocks.iter().copied().filter(|deviation| *deviation > 0.0).collect();
    // Short blocks see less than the whole noise; 1.15 makes up for it at the lower third.
    1.15 * quantile(&moving, 0.35)
}

/// The noise of a series: its deviation, and how much of it a sample carries on from the one before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Noise {
    pub deviation: f64,
    /// The autocorrelation at distance one, from 0 to 0.9.
    pub carry: f64,
}

impl Noise {
    /// The noise of `values`, whose deviation is known.
    pub(super) fn of(values: &[f64], deviation: f64) -> Noise {
        let center = median(values);
        let held = |value: &f64| (value - center).clamp(-3.0 * deviation, 3.0 * deviation);
        let (mut both, mut one) = (0.0, 0.0);
        for pair in values.windows(2) {
            both += held(&pair[0]) * held(&pair[1]);
            one += held(&pair[0]).powi(2);
        }
        Noise { deviation, carry: if one > 0.0 { (both / one).clamp(0.0, 0.9) } else { 0.0 } }
    }

    /// The variance that a sample adds to a long sum.
    pub(super) fn of_sums(&self) -> f64 {
        self.deviation.powi(2) * (1.0 + self.carry) / (1.0 - self.carry)
    }

    /// By how much a mean of so many samples varies less than the carry makes long ones vary; from 1 sample on.
    fn trust(&self) -> Vec<f64> {
        let long = (1.0 + self.carry) / (1.0 - self.carry);
        let of = |count: usize| {
            let r = self.carry;
            let n = count as f64;
            long / (1.0 + 2.0 * r / (1.0 - r) * (1.0 - (1.0 - r.powi(count as i32)) / (n * (1.0 - r))))
        };
        if self.carry == 0.0 { Vec::new() } else { (1..=64).map(of).collect() }
    }
}

/// `values`, each held to `reach` around the median of its five neighbours (the outermost three at an end, so that a
/// change of the last two samples shows).
pub(super) fn hold(values: &[f64], reach: f64) -> Vec<f64> {
    let n = values.len();
    (0..n)
        .map(|at| {
            let arm = 2.min(at).min(n - 1 - at).max(1);
            let window = &values[at.saturating_sub(arm)..(at + arm + 1).min(n)];
            let window = match at {
                0 => &values[..3.min(n)],
                _ if at + 1 == n => &values[n.saturating_sub(3)..],
                _ => window,
            };
            let mut near = [0.0; 5];
            let near = &mut near[..window.len()];
            near.copy_from_slice(window);
            near.sort_unstable_by(f64::total_cmp);
            let center = near[near.len() / 2];
            values[at].clamp(center - reach, center + reach)
        })
        .collect()
}

/// The median of the `width` samples around each, fewer at the ends.
pub(super) fn running_median(values: &[f64], width: usize) -> Vec<f64> {
    let (n, arm) = (values.len(), width / 2);
    let mut window: Vec<f64> = Vec::with_capacity(width + 1);
    let place = |window: &[f64], value: f64| window.partition_point(|other| other.total_cmp(&value).is_lt());
    values.iter().take(arm).for_each(|value| window.insert(place(&window, *value), *value));
    (0..n)
        .map(|at| {
            if let Some(next) = values.get(at + arm) {
                window.insert(place(&window, *next), *next);
            }
            if at > arm {
                window.remove(place(&window, values[at - arm - 1]));
            }
            window[window.len() / 2]
        })
        .collect()
}

/// Prefix sums of values, squares, and values times place.
pub(super) struct Sums {
    value: Vec<f64>,
    square: Vec<f64>,
    placed: Vec<f64>,
    /// What a saving counts by the shorter side of its cut; 1 beyond.
    trust: Vec<f64>,
}

impl Sums {
    pub(super) fn of(values: &[f64]) -> Sums {
        let mut sums = Sums { value: vec![0.0], square: vec![0.0], placed: vec![0.0], trust: Vec::new() };
        let (mut value, mut square, mut placed) = (0.0, 0.0, 0.0);
        for (at, v) in values.iter().enumerate() {
            value += v;
            square += v * v;
            placed += v * at as f64;
            sums.value.push(value);
            sums.square.push(square);
            sums.placed.push(placed);
        }
        sums
    }

    fn sum(&self, from: usize, until: usize) -> f64 {
        self.value[until] - self.value[from]
    }

    pub(super) fn mean(&self, from: usize, until: usize) -> f64 {
        self.sum(from, until) / (until - from).max(1) as f64
    }

    /// The squared distance of a piece from its mean.
    pub(super) fn cost(&self, from: usize, until: usize) -> f64 {
        let n = (until - from).max(1) as f64;
        (self.square[until] - self.square[from] - self.sum(from, until).powi(2) / n).max(0.0)
    }

    /// What a cut at `at` saves of the cost of `from..until`: the squared cumulative-sum statistic.
    fn saving(&self, from: usize, at: usize, until: usize) -> f64 {
        let (left, right) = ((at - from) as f64, (until - at) as f64);
        let difference = self.sum(from, at) / left - self.sum(at, until) / right;
        difference * difference * left * right / (left + right)
    }

    fn trusted(&self, from: usize, at: usize, until: usize) -> f64 {
        let shorter = (at - from).min(until - at);
        self.saving(from, at, until) * self.trust.get(shorter - 1).copied().unwrap_or(1.0)
    }

    fn best_cut(&self, from: usize, until: usize) -> Option<(usize, f64)> {
        if until < from + 2 * SHORTEST {
            return None;
        }
        let cuts = from + SHORTEST..=until - SHORTEST;
        let mut best = (from + SHORTEST, -1.0);
        for at in cuts {
            let saving = self.trusted(from, at, until);
            if saving > best.1 {
                best = (at, saving);
            }
        }
        Some(best)
    }

    /// The places in `from..until` whose saving lies within `slack` of that of `at`.
    pub(super) fn as_likely(&self, from: usize, at: usize, until: usize, slack: f64) -> (usize, usize) {
        let enough = self.saving(from, at, until) - slack;
        let likely = |place: &usize| self.saving(from, *place, until) >= enough;
        let inner = from + 1..until;
        let first = inner.clone().find(likely).unwrap_or(at).min(at);
        let last = inner.rev().find(likely).unwrap_or(at).max(at);
        (first, last)
    }

    /// The cost of all pieces between `cuts`.
    pub(super) fn cost_of(&self, cuts: &[usize], n: usize) -> f64 {
        pieces(cuts, n).map(|(from, until)| self.cost(from, until)).sum()
    }
}

/// The pieces between cuts, half-open.
pub(super) fn pieces(cuts: &[usize], n: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
    let starts = std::iter::once(0).chain(cuts.iter().copied());
    starts.zip(cuts.iter().copied().chain(std::iter::once(n)))
}

/// The first samples of new levels. A cut must stand `threshold` times sqrt(2 ln n) above the noise of sums.
pub(super) fn cuts(values: &[f64], noise: Noise, threshold: f64) -> Vec<usize> {
    let n = values.len();
    let sums = Sums { trust: noise.trust(), ..Sums::of(values) };
    let enough = threshold * threshold * 2.0 * (n.max(2) as f64).ln() * noise.of_sums();
    let mut found: Vec<(usize, usize, usize, f64)> = Vec::new();
    let mut length = n;
    while length >= 2 * SHORTEST {
        let shift = (length / 2).max(1);
        let mut from = 0;
        loop {
            let until = (from + length).min(n);
            if let Some((at, saving)) = sums.best_cut(from.min(until.saturating_sub(length)), until)
                && saving > enough
            {
                found.push((from, until, at, saving));
            }
            if until == n {
                break;
            }
            from += shift;
        }
        length = if length > 12 { length * 2 / 3 } else { length - 2 };
    }
    found.sort_by(|a, b| (a.1 - a.0).cmp(&(b.1 - b.0)).then(b.3.total_cmp(&a.3)).then(a.2.cmp(&b.2)));
    let mut chosen = BTreeSet::new();
    for (from, until, at, _) in found {
        if chosen.range(from + 1..until).next().is_none() {
            chosen.insert(at);
        }
    }
    settle(&sums, chosen.into_iter().collect(), n, enough)
}

/// Seeks every cut again between its neighbours and drops the weakest until all are strong enough.
fn settle(sums: &Sums, mut cuts: Vec<usize>, n: usize, enough: f64) -> Vec<usize> {
    loop {
        let around = |cuts: &[usize], k: usize| {
            (if k == 0 { 0 } else { cuts[k - 1] }, cuts.get(k + 1).copied().unwrap_or(n))
        };
        for _ in 0..2 {
            for k in 0..cuts.len() {
                let (from, until) = around(&cuts, k);
                if let Some((at, _)) = sums.best_cut(from, until) {
                    cuts[k] = at;
                }
            }
        }
        let weakest = (0..cuts.len())
            .map(|k| {
                let (from, until) = around(&cuts, k);
                (k, sums.trusted(from, cuts[k], until))
            })
            .min_by(|a, b| a.1.total_cmp(&b.1));
        match weakest {
            Some((k, saving)) if saving < enough => {
                cuts.remove(k);
            }
            _ => return cuts,
        }
    }
}

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
        let placed = sums.placed[until] - sums.placed[from] - from as f64 * sums.sum(from, until);
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
        for at in from..until {
            let b = basis(place(at));
            (0..3).for_each(|k| middle[k] += b[k] / count);
            middle[3] += values[at] / count;
        }
        for at in from..until {
            let b = basis(place(at));
            let row = [b[0] - middle[0], b[1] - middle[1], b[2] - middle[2], values[at] - middle[3]];
            for i in 0..3 {
                for j in 0..4 {
                    normal[i][j] += row[i] * row[j];
                }
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
        for below in k + 1..3 {
            let factor = rows[below][k] / rows[k][k];
            for column in k..4 {
                rows[below][column] -= factor * rows[k][column];
            }
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
