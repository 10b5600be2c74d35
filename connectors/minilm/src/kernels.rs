//! The steps between the matrix products, each one pass over memory: bias with GELU, sum with layer normalisation,
//! softmax. Every loop goes over whole rows in an order that does not depend on how many there are, so that a text has
//! the same numbers alone and among others.
//!
//! `pulp` compiles each loop for several processors and takes the widest when it runs; the compiler makes vectors of
//! the loops, which is why sums are kept in [`LANES`] parts and `exp` has no branch.

use std::f32::consts::{FRAC_1_SQRT_2, LOG2_E};

use pulp::Arch;
use rayon::prelude::*;

/// How many partial sums a sum has: two AVX registers' worth, or one of AVX-512.
const LANES: usize = 16;

/// The least that is worth handing to another thread, in numbers.
const PART: usize = 16 << 10;

/// Weight and bias of a layer normalisation.
#[derive(Debug, Clone)]
pub(crate) struct Norm {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    /// Added to the variance.
    pub(crate) epsilon: f32,
}

/// `f` on every row of `width` numbers, on several threads where there is enough to do.
fn each_row(data: &mut [f32], width: usize, f: impl Fn(usize, &mut [f32]) + Sync) {
    let arch = Arch::new();
    let rows = (PART / width.max(1)).max(1);
    data.par_chunks_mut(rows * width).enumerate().for_each(|(part, chunk)| {
        arch.dispatch(
            #[inline(always)]
            || {
                for (row, values) in chunk.chunks_exact_mut(width).enumerate() {
                    f(part * rows + row, values);
                }
            },
        );
    });
}

/// Adds `bias` to every row.
pub(crate) fn add_bias(data: &mut [f32], bias: &[f32]) {
    each_row(
        data,
        bias.len(),
        #[inline(always)]
        |_, row| {
            for (x, b) in row.iter_mut().zip(bias) {
                *x += b;
            }
        },
    );
}

/// Adds `bias` to every row, then GELU: `x · Φ(x)` with Φ of the normal distribution (Hendrycks and Gimpel, 2016).
pub(crate) fn add_gelu(data: &mut [f32], bias: &[f32]) {
    each_row(
        data,
        bias.len(),
        #[inline(always)]
        |_, row| {
            for (x, b) in row.iter_mut().zip(bias) {
                let sum = *x + b;
                *x = 0.5 * sum * (1.0 + erf(sum * FRAC_1_SQRT_2));
            }
        },
    );
}

/// Adds `bias` and the same row of `other`, then normalises the row to mean 0 and variance 1 and takes it through the
/// weight and bias of `norm` (Ba, Kiros and Hinton, 2016). `other` has as many numbers as `data`.
pub(crate) fn add_norm(data: &mut [f32], bias: &[f32], other: &[f32], norm: &Norm) {
    let width = bias.len();
    each_row(
        data,
        width,
        #[inline(always)]
        |row, values| {
            let Some(other) = other.get(row * width..(row + 1) * width) else { return };
            for ((x, b), o) in values.iter_mut().zip(bias).zip(other) {
                *x += b + o;
            }
            let count = width as f32;
            let mean = sum(values, |x| x) / count;
            let variance = sum(values, |x| (x - mean) * (x - mean)) / count;
            let scale = 1.0 / (variance + norm.epsilon).sqrt();
            for ((x, w), b) in values.iter_mut().zip(&norm.weight).zip(&norm.bias) {
                *x = (*x - mean) * scale * w + b;
            }
        },
    );
}

/// Softmax of `scale` times every row of `width` numbers.
pub(crate) fn softmax(data: &mut [f32], width: usize, scale: f32) {
    each_row(
        data,
        width,
        #[inline(always)]
        |_, row| {
            let most = most(row) * scale;
            for x in row.iter_mut() {
                *x = exp(*x * scale - most);
            }
            let share = 1.0 / sum(row, |x| x);
            for x in row.iter_mut() {
                *x *= share;
            }
        },
    );
}

/// The sum of `f` over a row, in [`LANES`] parts.
#[inline(always)]
fn sum(row: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut parts = [0.0_f32; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest: f32 = chunks.remainder().iter().map(|&x| f(x)).sum();
    for chunk in chunks {
        for (part, &x) in parts.iter_mut().zip(chunk) {
            *part += f(x);
        }
    }
    parts.iter().sum::<f32>() + rest
}

/// The greatest of a row, in [`LANES`] parts.
#[inline(always)]
fn most(row: &[f32]) -> f32 {
    let greater = |a: f32, b: f32| if b > a { b } else { a };
    let mut parts = [f32::NEG_INFINITY; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder().iter().copied().fold(f32::NEG_INFINITY, greater);
    for chunk in chunks {
        for (part, &x) in parts.iter_mut().zip(chunk) {
            *part = greater(*part, x);
        }
    }
    parts.into_iter().fold(rest, greater)
}

/// The error function: Abramowitz and Stegun, 7.1.26, whose error is below 1.5e-7.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let size = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * size);
    let series =
        t * (0.254_829_6 + t * (-0.284_496_74 + t * (1.421_413_8 + t * (-1.453_152_1 + t * 1.061_405_4))));
    (1.0 - series * exp(-size * size)).copysign(x)
}

/// e to the power `x`, for `x` of at most 0 and a little above. The coefficients are those of `expf` of the Cephes
/// library (Moshier, 1992): relative error below 2e-7. Below -87, where the result would be no normal number, it is that
/// of -87.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Adding it rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts, so that the first product is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = if x > -87.0 { x } else { -87.0 };
    let x = if x < 87.0 { x } else { 87.0 };
    let rounded = x * LOG2_E + ROUND;
    let whole = rounded - ROUND;
    let r = x - whole * LN_2_HIGH - whole * LN_2_LOW;
    let series = 0.5
        + r * (0.166_666_65
            + r * (0.041_665_796 + r * (0.008_333_452 + r * (0.001_398_2 + r * 1.987_569e-4))));
    let power = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    (series * r * r + r + 1.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error function by its series at 0 and, further out, by integration: slow, and good to 1e-12.
    fn erf_slowly(x: f64) -> f64 {
        let steps = 20_000;
        let step = x / f64::from(steps);
        let f = |t: f64| (-t * t).exp();
        let inner: f64 =
            (1..steps).map(|i| f(f64::from(i) * step) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
        (f(0.0) + inner + f(x)) * step / 3.0 * 2.0 / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn exp_is_the_exponential() {
        for i in -8700..100 {
            let x = i as f32 / 100.0;
            let expect = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expect).abs() / expect;
            assert!(error < 3e-7, "exp({x}) is off by {error}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn erf_is_the_error_function() {
        for i in -500..=500 {
            let x = i as f32 / 100.0;
            let error = (f64::from(erf(x)) - erf_slowly(f64::from(x))).abs();
            assert!(error < 4e-7, "erf({x}) is off by {error}");
        }
    }

    #[test]
    fn a_softmax_adds_up_to_one_however_wide_it_is() {
        for width in [1, 2, 15, 16, 17, 255, 256] {
            let mut rows: Vec<f32> = (0..3 * width).map(|i| (i % 7) as f32 * 100.0).collect();
            let before = rows.clone();
            softmax(&mut rows, width, 0.25);
            for (row, before) in rows.chunks(width).zip(before.chunks(width)) {
                assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                let greatest = |of: &[f32]| of.iter().copied().fold(f32::MIN, f32::max);
                let at = before.iter().position(|x| *x == greatest(before)).unwrap();
                assert_eq!(row[at], greatest(row));
            }
        }
    }

    #[test]
    fn a_normalised_row_has_mean_zero_and_variance_one() {
        let norm = Norm { weight: vec![1.0; 384], bias: vec![0.0; 384], epsilon: 1e-12 };
        let mut rows: Vec<f32> = (0..384 * 100).map(|i| (i % 17) as f32).collect();
        let other: Vec<f32> = (0..384 * 100).map(|i| (i % 5) as f32).collect();
        add_norm(&mut rows, &[3.0; 384], &other, &norm);
        for row in rows.chunks(384) {
            let mean = row.iter().sum::<f32>() / 384.0;
            let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / 384.0;
            assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-4, "{mean} {variance}");
        }
    }

    #[test]
    fn gelu_is_the_input_far_right_and_nothing_far_left() {
        let mut row = vec![-9.0, -1.0, 0.0, 1.0, 9.0];
        add_gelu(&mut row, &[0.0; 5]);
        for (is, expect) in row.iter().zip([0.0, -0.158_655_25, 0.0, 0.841_344_8, 9.0]) {
            assert!((is - expect).abs() < 1e-6, "{is} is not {expect}");
        }
    }
}
