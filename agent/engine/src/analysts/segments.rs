//! Cuts a series into pieces of one level. Numbers in, numbers out: must not know time, services or what is bad.
//!
//! Cumulative sums on seeded intervals (Kovács, Bühlmann, Li and Munk, "Seeded binary segmentation", Biometrika 110,
//! 2023), the narrowest over the threshold first (Baranowski, Chen and Fryzlewicz, JRSS B 81, 2019), each place then
//! sought again between its neighbours. Outliers are to be held to their neighbourhood before (`robust::hold`), to the
//! effect of a bounded loss (Fearnhead and Rigaill, JASA 114, 2019).

#![allow(
    clippy::indexing_slicing,
    reason = "a numeric kernel: every index is below the length it was made from"
)]

use std::collections::BTreeSet;

use super::robust::Noise;

/// A piece has at least this many samples; one sample is no level.
pub(super) const SHORTEST: usize = 2;

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

    pub(super) fn sum(&self, from: usize, until: usize) -> f64 {
        self.value[until] - self.value[from]
    }

    /// The sum of values times their distance from `from`.
    pub(super) fn placed_from(&self, from: usize, until: usize) -> f64 {
        self.placed[until] - self.placed[from] - from as f64 * self.sum(from, until)
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
        self.saving(from, at, until) * self.trust_of((at - from).min(until - at))
    }

    fn trust_of(&self, shorter: usize) -> f64 {
        self.trust.get(shorter - 1).copied().unwrap_or(1.0)
    }

    /// The cut that saves most, and what it saves. The inner loop of everything here: one division a sample.
    fn best_cut(&self, from: usize, until: usize) -> Option<(usize, f64)> {
        if until < from + 2 * SHORTEST {
            return None;
        }
        let n = until - from;
        let (base, total, count) = (self.value[from], self.sum(from, until), n as f64);
        let (mut place, mut most) = (SHORTEST, -1.0);
        for (left, prefix) in (SHORTEST..).zip(&self.value[from + SHORTEST..=until - SHORTEST]) {
            let right = n - left;
            let difference = (prefix - base) * count - total * left as f64;
            let saving =
                difference * difference / (left as f64 * right as f64) * self.trust_of(left.min(right));
            if saving > most {
                (place, most) = (left, saving);
            }
        }
        Some((from + place, most / count))
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
        // Short levels are met by short intervals alone, so those overlap more.
        let shift = if length <= 48 { length / 3 } else { length / 2 }.max(1);
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
        length = match length {
            ..=12 => length - 2,
            13..=96 => length * 2 / 3,
            _ => length / 2,
        };
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
