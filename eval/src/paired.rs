//! Whether one method is better than another on the same cases, or only lucky: McNemar's exact test for the first
//! five, and for the mean reciprocal rank the bootstrap of its differences and a test that flips their signs.

use serde::Serialize;

use crate::resample::{Dice, Estimate, Purpose, Settings, means};
use crate::scores::{hit, reciprocal};

/// Differences of this size are rounding.
const ROUNDING: f64 = 1e-9;

/// One method against another on the same cases. Differences are the first's figure minus the second's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Paired {
    /// Cases in which only the first has the culprit among its first five.
    pub won: u32,
    /// Cases in which only the second has.
    pub lost: u32,
    /// The difference of the shares with the culprit among the first five, 0 to 1.
    pub top_5_difference: Estimate,
    /// How likely a difference in top-5 as large, either way, would be by chance: McNemar's exact test, which is the
    /// two-sided binomial test of `won` against `lost`.
    pub top_5_p: f64,
    /// The difference of the mean reciprocal ranks.
    pub mrr_difference: Estimate,
    /// The same for it: the share of random sign flips with a difference as large, the measured one counted in.
    pub mrr_p: f64,
}

/// Compares two methods by their ranks on the same cases, in the same order. None if there is no case.
pub fn paired(ours: &[Option<u32>], theirs: &[Option<u32>], settings: &Settings) -> Option<Paired> {
    let rows: Vec<[f64; 2]> = ours
        .iter()
        .zip(theirs)
        .map(|(ours, theirs)| [hit(*ours, 5) - hit(*theirs, 5), reciprocal(*ours) - reciprocal(*theirs)])
        .collect();
    let dice = Dice::new(settings.seed, Purpose::Differences);
    let [top_5_difference, mrr_difference] = means(&rows, dice, settings.paired_resamples)?;
    let (mut won, mut lost) = (0, 0);
    for [top_5, _] in &rows {
        won += u32::from(*top_5 > 0.0);
        lost += u32::from(*top_5 < 0.0);
    }
    let reciprocals: Vec<f64> = rows.iter().map(|[_, reciprocal]| *reciprocal).collect();
    let dice = Dice::new(settings.seed, Purpose::Signs);
    Some(Paired {
        won,
        lost,
        top_5_difference,
        top_5_p: mcnemar(won, lost),
        mrr_difference,
        mrr_p: sign_flip(&reciprocals, dice, settings.paired_resamples),
    })
}

/// McNemar's exact test: how likely a division of the discordant pairs at least as uneven is, if either side had
/// the same chance. 1 if there are none.
pub fn mcnemar(won: u32, lost: u32) -> f64 {
    let (n, fewer) = (won.saturating_add(lost), won.min(lost));
    // C(n, fewer) / 2ⁿ, halved on the way so that it neither overflows nor, with many pairs, vanishes.
    let (mut point, mut halvings) = (1.0_f64, n);
    for i in 0..fewer {
        point *= f64::from(n - i) / f64::from(i + 1);
        while point > 1.0 && halvings > 0 {
            point /= 2.0;
            halvings -= 1;
        }
    }
    for _ in 0..halvings {
        point /= 2.0;
    }
    // From there down to none: each term from its neighbour.
    let mut tail = point;
    for i in (1..=fewer).rev() {
        point *= f64::from(i) / f64::from(n - i + 1);
        tail += point;
    }
    (2.0 * tail).min(1.0)
}

/// How often the sum of the differences would be as far from 0 if each could as well have had the other sign.
fn sign_flip(differences: &[f64], mut dice: Dice, flips: u32) -> f64 {
    // What is equal stays equal under every flip.
    let differences: Vec<f64> = differences.iter().copied().filter(|d| d.abs() > ROUNDING).collect();
    let measured = differences.iter().sum::<f64>().abs();
    let mut as_far = 1_u32;
    for _ in 0..flips {
        let mut sum = 0.0;
        for chunk in differences.chunks(64) {
            let mut bits = dice.bits();
            for difference in chunk {
                sum += if bits & 1 == 0 { *difference } else { -difference };
                bits >>= 1;
            }
        }
        as_far += u32::from(f64::abs(sum) >= measured - ROUNDING);
    }
    f64::from(as_far) / (f64::from(flips) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, expect: f64) -> bool {
        (got - expect).abs() < 1e-9
    }

    #[test]
    fn mcnemar_by_hand() {
        // Two-sided: twice the lower tail of Binomial(won + lost, ½).
        for (won, lost, expect) in [
            (0, 0, 1.0),
            (1, 0, 1.0),
            (5, 0, 2.0 / 32.0),
            (0, 5, 2.0 / 32.0),
            (5, 1, 2.0 * 7.0 / 64.0),
            (8, 2, 2.0 * 56.0 / 1024.0),
            (3, 3, 1.0),
        ] {
            let p = mcnemar(won, lost);
            assert!(close(p, expect), "{won} : {lost} gives {p}, not {expect}");
        }
    }

    #[test]
    fn mcnemar_of_many_pairs_neither_overflows_nor_vanishes() {
        let p = mcnemar(1_100, 1_000);
        // The normal approximation with continuity correction: z = 99 / √2100 = 2.1604.
        assert!((p - 0.0307).abs() < 0.0005, "{p}");
        assert!(mcnemar(2_000, 2_000) > 0.98);
        assert!(mcnemar(3_000, 10) < 1e-12);
    }

    #[test]
    fn signs_flipped_by_hand() {
        // Three equal wins: of the eight ways to set the signs two are as far from 0.
        let p = sign_flip(&[0.5, 0.5, 0.5], Dice::new(1, Purpose::Signs), 20_000);
        assert!((p - 0.25).abs() < 0.01, "{p}");
        assert_eq!(sign_flip(&[0.0, 0.0], Dice::new(1, Purpose::Signs), 100), 1.0);
    }

    #[test]
    fn the_same_ranks_are_no_difference() {
        let ranks = [Some(1), Some(7), None];
        let same = paired(&ranks, &ranks, &Settings::default()).unwrap();
        let none = Estimate { value: 0.0, low: 0.0, high: 0.0 };
        assert_eq!((same.won, same.lost, same.top_5_p, same.mrr_p), (0, 0, 1.0, 1.0));
        assert_eq!((same.top_5_difference, same.mrr_difference), (none, none));
        assert_eq!(paired(&[], &[], &Settings::default()), None);
    }

    #[test]
    fn a_clear_winner_is_told_from_luck() {
        let ours: Vec<Option<u32>> = (0..60).map(|i| if i % 6 == 0 { Some(8) } else { Some(2) }).collect();
        let theirs: Vec<Option<u32>> = (0..60).map(|i| if i % 6 == 0 { Some(2) } else { Some(8) }).collect();
        let better = paired(&ours, &theirs, &Settings::default()).unwrap();
        assert_eq!((better.won, better.lost), (50, 10));
        assert!(close(better.top_5_difference.value, 40.0 / 60.0));
        assert!(close(better.mrr_difference.value, 0.375 * 40.0 / 60.0));
        assert!(better.mrr_difference.low > 0.0 && better.mrr_p < 0.001 && better.top_5_p < 1e-6);
        let worse = paired(&theirs, &ours, &Settings::default()).unwrap();
        assert!(close(worse.mrr_difference.value, -better.mrr_difference.value));
        assert_eq!((worse.top_5_p, worse.mrr_p), (better.top_5_p, better.mrr_p));
    }
}
