//! Levels and noise that a few wild samples do not move. Numbers in, numbers out: must not know time, services or what
//! is bad.
//!
//! The median and the median absolute deviation, as in Huber and Ronchetti, "Robust Statistics" (2009).

#![allow(
    clippy::indexing_slicing,
    reason = "a numeric kernel: every index is below the length it was made from"
)]

/// Makes the median absolute deviation of Gaussian noise its standard deviation.
const MAD_TO_SD: f64 = 1.4826;
/// The median; 0 of nothing. The upper one of an even number.
pub(super) fn median(values: &[f64]) -> f64 {
    median_of(&mut values.to_vec())
}

/// As [`median`], in place.
pub(super) fn median_of(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
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

/// The standard deviation around two levels, the first until the place that leaves least and the second from there on.
fn deviation_beside_step(values: &[f64]) -> f64 {
    let around = |part: &[f64]| {
        let middle = mean(part);
        part.iter().map(|value| (value - middle).powi(2)).sum::<f64>()
    };
    let left = (1..values.len()).map(|at| around(&values[..at]) + around(&values[at..]));
    left.min_by(f64::total_cmp).map_or(0.0, |least| (least / values.len() as f64).sqrt())
}

/// The noise before anything is known of levels: the lower part of the deviations of short blocks, so that changes
/// and noisy stretches do not raise it.
pub(super) fn quiet_deviation(values: &[f64]) -> f64 {
    let block = (values.len() / 16).clamp(8, 40);
    let blocks: Vec<&[f64]> = values.chunks(block).filter(|b| b.len() >= 6).collect();
    let moving: Vec<&[f64]> = blocks.iter().copied().filter(|block| deviation(block) > 0.0).collect();
    // Where nothing ever moved but in a block or two, that movement may be the change itself.
    let of_block = if moving.len() * 3 <= blocks.len() { deviation_beside_step } else { deviation };
    let moving: Vec<f64> = moving.into_iter().map(of_block).filter(|deviation| *deviation > 0.0).collect();
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
    pub(super) fn trust(&self) -> Vec<f64> {
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
