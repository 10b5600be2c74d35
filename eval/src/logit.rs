//! A conditional logit (McFadden, "Conditional logit analysis of qualitative choice behavior", 1974) fitted by Newton's
//! method with a ridge penalty: which of many is chosen, from a weighted sum of what was measured of each. It must not
//! know what the numbers mean.
//!
//! A numeric kernel: it indexes, inside bounds that it made itself.
#![allow(clippy::indexing_slicing, reason = "a numeric kernel over matrices of its own making")]

/// Alternatives less likely than this are left out of the curvature: they add nothing and cost most of the time.
const NEGLIGIBLE: f64 = 1e-7;
/// As many steps are made at most; ten are usual.
const STEPS: usize = 60;
/// The log-likelihood per unit of weight must still gain this much.
const GAIN: f64 = 1e-9;

/// One choice: the alternatives, a row each, and which of them were chosen.
#[derive(Debug, Clone)]
pub struct Choice {
    /// `alternatives × features`, row by row.
    pub rows: Vec<f32>,
    /// Whether each alternative is one of those chosen.
    pub chosen: Vec<bool>,
    /// What this choice counts.
    pub weight: f64,
}

impl Choice {
    /// The alternatives' rows.
    pub fn rows_of(&self, features: usize) -> impl Iterator<Item = &[f32]> {
        self.rows.chunks_exact(features.max(1))
    }

    fn is_informative(&self) -> bool {
        self.weight > 0.0 && self.chosen.contains(&true) && self.chosen.contains(&false)
    }
}

/// Fitted weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// One a feature.
    pub weights: Vec<f64>,
    /// Their standard errors, from the curvature at the optimum (penalty included).
    pub errors: Vec<f64>,
    /// The mean log-likelihood of a choice, penalty left out.
    pub log_likelihood: f64,
}

/// Fits `choices` of `features` features. `ridge` is the penalty on weights × the feature's standard deviation; features
/// with `held` true keep a weight of 0.
pub fn fit(choices: &[&Choice], features: usize, ridge: f64, held: &[bool]) -> Fit {
    let choices: Vec<&Choice> = choices.iter().copied().filter(|choice| choice.is_informative()).collect();
    let scale = deviations(&choices, features);
    let free: Vec<usize> = (0..features)
        .filter(|&feature| scale[feature] > 0.0 && !held.get(feature).copied().unwrap_or(false))
        .collect();
    let total: f64 = choices.iter().map(|choice| choice.weight).sum();
    let mut weights = vec![0.0; features];
    let penalty = |weights: &[f64]| {
        let sum: f64 = free.iter().map(|&f| (weights[f] * scale[f]).powi(2)).sum();
        0.5 * ridge * sum
    };
    let mut at = moments(&choices, features, &free, &weights, true);
    let mut value = at.log_likelihood - penalty(&weights);
    let mut curvature = Square::new(free.len());
    for _ in 0..STEPS {
        curvature = at.curvature;
        let mut slope = at.slope;
        for (place, &feature) in free.iter().enumerate() {
            let stiff = ridge * scale[feature].powi(2);
            slope[place] -= stiff * weights[feature];
            curvature.add(place, place, stiff + 1e-12);
        }
        let Some(step) = curvature.solve(&slope) else { break };
        // Newton's step may overshoot far from the optimum; halve it until it gains.
        let mut length = 1.0;
        let (next, gained) = loop {
            let mut next = weights.clone();
            free.iter().zip(&step).for_each(|(&feature, step)| next[feature] += length * step);
            let log_likelihood = moments(&choices, features, &free, &next, false).log_likelihood;
            let gained = log_likelihood - penalty(&next) - value;
            if gained >= 0.0 || length < 1e-4 {
                break (next, gained);
            }
            length *= 0.5;
        };
        if gained > 0.0 {
            weights = next;
            value += gained;
        }
        at = moments(&choices, features, &free, &weights, true);
        if gained < GAIN * total.max(1.0) {
            break;
        }
    }
    let spread = curvature.inverse_diagonal();
    let mut errors = vec![0.0; features];
    free.iter().zip(spread).for_each(|(&feature, variance)| errors[feature] = variance.max(0.0).sqrt());
    Fit { weights, errors, log_likelihood: at.log_likelihood / total.max(f64::MIN_POSITIVE) }
}

/// The probability of each alternative.
pub fn probabilities(choice: &Choice, weights: &[f64]) -> Vec<f64> {
    let scores: Vec<f64> = choice.rows_of(weights.len()).map(|row| dot(row, weights)).collect();
    softmax(&scores)
}

fn softmax(scores: &[f64]) -> Vec<f64> {
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scores.iter().map(|score| (score - highest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// The weighted sum of one row.
pub fn dot(row: &[f32], weights: &[f64]) -> f64 {
    row.iter().zip(weights).map(|(value, weight)| f64::from(*value) * weight).sum()
}

/// The standard deviation of each feature over all alternatives.
fn deviations(choices: &[&Choice], features: usize) -> Vec<f64> {
    let (mut count, mut sums, mut squares) = (0.0, vec![0.0; features], vec![0.0; features]);
    for row in choices.iter().flat_map(|choice| choice.rows_of(features)) {
        count += 1.0;
        for (feature, value) in row.iter().enumerate() {
            let value = f64::from(*value);
            sums[feature] += value;
            squares[feature] += value * value;
        }
    }
    let count = f64::max(count, 1.0);
    (0..features)
        .map(|f| (squares[f] / count - (sums[f] / count).powi(2)).max(0.0).sqrt())
        .map(|deviation| if deviation < 1e-9 { 0.0 } else { deviation })
        .collect()
}

struct Moments {
    log_likelihood: f64,
    slope: Vec<f64>,
    curvature: Square,
}

fn moments(choices: &[&Choice], features: usize, free: &[usize], weights: &[f64], all: bool) -> Moments {
    let n = free.len();
    let mut sum = Moments { log_likelihood: 0.0, slope: vec![0.0; n], curvature: Square::new(n) };
    for choice in choices {
        let chances = probabilities(choice, weights);
        let chosen = choice.chosen.iter().filter(|chosen| **chosen).count() as f64;
        let right: f64 = chances.iter().zip(&choice.chosen).filter(|(_, is)| **is).map(|(p, _)| p.max(1e-300).ln()).sum();
        sum.log_likelihood += choice.weight * right / chosen;
        if !all {
            continue;
        }
        let mut mean = vec![0.0; n];
        for ((row, chance), is_chosen) in choice.rows_of(features).zip(&chances).zip(&choice.chosen) {
            let target = if *is_chosen { 1.0 / chosen } else { 0.0 };
            let values: Vec<f64> = free.iter().map(|&feature| f64::from(row[feature])).collect();
            for (place, value) in values.iter().enumerate() {
                sum.slope[place] += choice.weight * (target - chance) * value;
                mean[place] += chance * value;
            }
            if *chance > NEGLIGIBLE {
                sum.curvature.add_outer(&values, choice.weight * chance);
            }
        }
        sum.curvature.add_outer(&mean, -choice.weight);
    }
    sum
}

/// A symmetric matrix; its lower half is kept.
struct Square {
    n: usize,
    values: Vec<f64>,
}

impl Square {
    fn new(n: usize) -> Self {
        Square { n, values: vec![0.0; n * n] }
    }

    fn add(&mut self, row: usize, column: usize, value: f64) {
        self.values[row * self.n + column] += value;
    }

    fn add_outer(&mut self, vector: &[f64], factor: f64) {
        for row in 0..self.n {
            let scaled = factor * vector[row];
            if scaled == 0.0 {
                continue;
            }
            let line = &mut self.values[row * self.n..row * self.n + row + 1];
            line.iter_mut().zip(vector).for_each(|(slot, value)| *slot += scaled * value);
        }
    }

    /// Cholesky's factor; none if the matrix is not positive definite.
    fn factor(&self) -> Option<Square> {
        let n = self.n;
        let mut factor = Square::new(n);
        for row in 0..n {
            for column in 0..=row {
                let mut sum = self.values[row * n + column];
                for k in 0..column {
                    sum -= factor.values[row * n + k] * factor.values[column * n + k];
                }
                if row == column {
                    if sum <= 0.0 {
                        return None;
                    }
                    factor.values[row * n + row] = sum.sqrt();
                } else {
                    factor.values[row * n + column] = sum / factor.values[column * n + column];
                }
            }
        }
        Some(factor)
    }

    fn solve(&self, right: &[f64]) -> Option<Vec<f64>> {
        Some(self.factor()?.solve_factored(right))
    }

    fn solve_factored(&self, right: &[f64]) -> Vec<f64> {
        let n = self.n;
        let mut x = right.to_vec();
        for row in 0..n {
            for k in 0..row {
                x[row] -= self.values[row * n + k] * x[k];
            }
            x[row] /= self.values[row * n + row];
        }
        for row in (0..n).rev() {
            for k in row + 1..n {
                x[row] -= self.values[k * n + row] * x[k];
            }
            x[row] /= self.values[row * n + row];
        }
        x
    }

    fn inverse_diagonal(&self) -> Vec<f64> {
        let Some(factor) = self.factor() else { return vec![0.0; self.n] };
        (0..self.n)
            .map(|place| {
                let mut unit = vec![0.0; self.n];
                unit[place] = 1.0;
                factor.solve_factored(&unit)[place]
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(rows: &[&[f32]], chosen: usize) -> Choice {
        let marks = (0..rows.len()).map(|row| row == chosen).collect();
        Choice { rows: rows.concat(), chosen: marks, weight: 1.0 }
    }

    #[test]
    fn two_alternatives_are_logistic_regression() {
        // Chosen in 3 of 4 with one unit more: the weight is ln 3.
        let with: Vec<Choice> = (0..4).map(|n| choice(&[&[1.0], &[0.0]], usize::from(n == 0))).collect();
        let fit = fit(&with.iter().collect::<Vec<_>>(), 1, 0.0, &[false]);
        assert!((fit.weights[0] - 3.0_f64.ln()).abs() < 1e-6, "{fit:?}");
        // Its error: 1 / sqrt(n p (1 - p)).
        assert!((fit.errors[0] - 1.0 / (4.0 * 0.75 * 0.25_f64).sqrt()).abs() < 1e-3, "{fit:?}");
        let expected = 0.75 * 0.75_f64.ln() + 0.25 * 0.25_f64.ln();
        assert!((fit.log_likelihood - expected).abs() < 1e-6);
    }

    #[test]
    fn a_penalty_draws_weights_to_nought_and_what_is_held_stays_there() {
        let choices: Vec<Choice> =
            (0..8).map(|n| choice(&[&[1.0, 1.0], &[0.0, 0.0]], usize::from(n == 0))).collect();
        let choices: Vec<&Choice> = choices.iter().collect();
        let free = fit(&choices, 2, 0.1, &[false, true]);
        let stiff = fit(&choices, 2, 100.0, &[false, true]);
        assert!(stiff.weights[0].abs() < 0.2 * free.weights[0].abs());
        assert_eq!(free.weights[1], 0.0);
    }

    #[test]
    fn perfect_separation_does_not_run_away() {
        let choices: Vec<Choice> = (0..5).map(|_| choice(&[&[1.0], &[0.0], &[0.0]], 0)).collect();
        let fit = fit(&choices.iter().collect::<Vec<_>>(), 1, 1.0, &[false]);
        assert!(fit.weights[0] > 0.5 && fit.weights[0] < 10.0, "{fit:?}");
    }

    #[test]
    fn choices_that_say_nothing_are_left_out() {
        let none = Choice { rows: vec![1.0, 2.0], chosen: vec![false, false], weight: 1.0 };
        let fit = fit(&[&none], 1, 1.0, &[false]);
        assert_eq!(fit.weights, [0.0]);
    }
}
