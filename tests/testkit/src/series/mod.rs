//! Series with a known beginning of trouble: every shape, on every noise and season, from a seed. No data from
//! anywhere. It must not know how an onset is found.

mod dice;
mod made;

pub use dice::Dice;
pub use made::{Case, Made, Truth};

/// What becomes of the series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// Nothing.
    Healthy,
    /// Nothing but a few single samples that stand out.
    Spiky,
    /// Two to four levels, one above the other.
    StairStep,
    /// A fall of the traffic to between a twentieth and two thirds.
    Cliff,
    /// Up and down, six to twenty-four samples a period.
    Oscillation,
    /// Zero, the last value for ever, or no points any more.
    Flatline,
    /// A peak that wears off within some dozen samples.
    SpikeThenSettle,
    /// A rise that stays.
    Plateau,
    /// A rise that stays for a while and goes.
    CameAndWent,
    /// A straight rise, to the end or to a new level.
    Ramp,
}

impl Told {
    /// All of them.
    pub const ALL: [Told; 10] = [
        Told::Healthy,
        Told::Spiky,
        Told::StairStep,
        Told::Cliff,
        Told::Oscillation,
        Told::Flatline,
        Told::SpikeThenSettle,
        Told::Plateau,
        Told::CameAndWent,
        Told::Ramp,
    ];

    /// Whether there is an onset to be found.
    pub fn has_onset(self) -> bool {
        !matches!(self, Told::Healthy | Told::Spiky)
    }
}

/// The noise on the series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Noise {
    /// Normal and independent.
    Gaussian,
    /// Student's t with three degrees of freedom.
    HeavyTailed,
    /// Normal, each sample carrying on 0.6 of the one before.
    Sticky,
    /// Counts: Poisson, from one in twenty samples to hundreds a sample.
    Counts,
}

impl Noise {
    /// All of them.
    pub const ALL: [Noise; 4] = [Noise::Gaussian, Noise::HeavyTailed, Noise::Sticky, Noise::Counts];
}

/// What goes up and down without being a problem, and how much of it the series shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Season {
    /// Nothing, on 60 to 480 samples.
    None,
    /// The day, of which six hours are seen: a slow drift.
    Unseen,
    /// The day, on eight to ten days.
    Daily,
    /// The day and the weekend, on three weeks.
    Weekly,
}

impl Season {
    /// All of them.
    pub const ALL: [Season; 4] = [Season::None, Season::Unseen, Season::Daily, Season::Weekly];
}

/// How far a change moves the series, in standard deviations of its noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Height {
    /// 5.
    Low,
    /// 12.
    High,
}

impl Height {
    /// Both.
    pub const ALL: [Height; 2] = [Height::Low, Height::High];

    fn deviations(self) -> f64 {
        match self {
            Height::Low => 5.0,
            Height::High => 12.0,
        }
    }
}

/// Which seeds: thresholds are tuned on one set and reported on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seeds {
    /// To tune on.
    Tuning,
    /// To report, never to tune on.
    Report,
}

/// Every told × noise × season × height, `repeats` times each, in a fixed order.
pub fn every_case(seeds: Seeds, repeats: u64) -> Vec<Case> {
    let mut cases = Vec::new();
    let set = match seeds {
        Seeds::Tuning => 0x5eed_0001_0000_0000,
        Seeds::Report => 0x5eed_0002_0000_0000,
    };
    for told in Told::ALL {
        for noise in Noise::ALL {
            for season in Season::ALL {
                for height in Height::ALL {
                    for _ in 0..repeats {
                        let seed = set + cases.len() as u64;
                        cases.push(Case { told, noise, season, height, seed });
                    }
                }
            }
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_series_and_the_sets_share_none() {
        let make = |seeds| every_case(seeds, 1).iter().map(Case::make).collect::<Vec<_>>();
        let (tuning, report) = (make(Seeds::Tuning), make(Seeds::Report));
        assert_eq!(tuning.len(), 320);
        assert_eq!(tuning, make(Seeds::Tuning));
        assert!(tuning.iter().zip(&report).all(|(a, b)| a.series != b.series));
    }

    #[test]
    fn points_are_finite_in_order_and_the_onset_lies_among_them() {
        for case in every_case(Seeds::Tuning, 2) {
            let Made { series, truth, as_of } = case.make();
            assert!(series.points.len() >= 40, "{case:?}");
            assert!(series.points.is_sorted_by_key(|point| point.at), "{case:?}");
            assert!(
                series.points.iter().all(|point| point.value.is_finite() && point.value >= 0.0),
                "{case:?}"
            );
            assert!(series.points.iter().all(|point| point.at <= as_of), "{case:?}");
            assert_eq!(truth.is_some(), case.told.has_onset(), "{case:?}");
            if let Some(Truth { began_at, first_at }) = truth {
                assert!(
                    series.points[10].at < began_at && began_at <= first_at && first_at < as_of,
                    "{case:?}"
                );
            }
        }
    }
}
