//! Scores a reader of series on generated ones: right shapes, missed and invented onsets, how far off. Also used by the
//! test that holds the floors.

use std::collections::BTreeMap;

use hearback_engine::analysts::change_point::Course;
use hearback_engine::analysts::signature::{Shape, signature};
use hearback_engine::signals::Signals;
use hearback_testkit::series::{Case, Made, Told};
use jiff::Timestamp;

/// The shipped thresholds.
pub fn shipped() -> Signals {
    Signals::parse(include_str!("../../../../config/signals.toml")).expect("the shipped thresholds")
}

/// What a reader says of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Read {
    /// The name of the shape.
    pub shape: &'static str,
    pub earliest: Timestamp,
    pub latest: Timestamp,
}

/// The name that stands for no onset.
pub const HEALTHY: &str = "healthy";
/// A plateau that came and went.
pub const OVER: &str = "plateau, over";

/// The analysts of the engine.
pub fn hearback(made: &Made, rules: &Signals) -> Option<Read> {
    let signature = signature(&made.series, made.as_of, rules)?;
    let shape = match (signature.shape, signature.onset.course) {
        (Shape::Plateau, Course::Over { .. }) => OVER,
        (shape, _) => shape.name(),
    };
    Some(Read { shape, earliest: signature.onset.earliest, latest: signature.onset.latest })
}

/// What a reader should say.
pub fn expected(told: Told) -> &'static str {
    match told {
        Told::Healthy | Told::Spiky => HEALTHY,
        Told::StairStep => "stair-step",
        Told::Cliff => "cliff",
        Told::Oscillation => "oscillation",
        Told::Flatline => "flatline",
        Told::SpikeThenSettle => "spike then settle",
        Told::Plateau => "plateau",
        Told::CameAndWent => OVER,
        Told::Ramp => "ramp",
    }
}

/// The shapes in the order of the table.
#[allow(dead_code, reason = "the test of the floors prints no table")]
pub const SHAPES: [&str; 9] =
    ["stair-step", "cliff", "oscillation", "flatline", "spike then settle", "plateau", OVER, "ramp", HEALTHY];

/// A case and what was said of it.
pub struct Judged {
    pub case: Case,
    pub read: Option<Read>,
    /// How far the middle of the interval lies from the truth, in samples; none if there is nothing to compare.
    pub off_by: Option<f64>,
    /// Whether the truth lies inside the interval.
    pub covered: bool,
    /// How wide the interval is, in samples.
    #[allow(dead_code, reason = "the test of the floors prints no table")]
    pub width: f64,
}

impl Judged {
    pub fn shape(&self) -> &'static str {
        self.read.map_or(HEALTHY, |read| read.shape)
    }

    /// An onset where there is none.
    #[allow(dead_code, reason = "the test of the floors prints no table")]
    pub fn is_false_alarm(&self) -> bool {
        !self.case.told.has_onset() && self.read.is_some()
    }
}

/// Lets `reader` read every case.
pub fn judge(cases: &[Case], reader: impl Fn(&Made) -> Option<Read>) -> Vec<Judged> {
    let one = |case: &Case| {
        let made = case.make();
        let read = reader(&made);
        let step = made.series.step.as_secs_f64();
        let both = made.truth.zip(read);
        let seconds = |a: Timestamp, b: Timestamp| a.duration_since(b).as_secs_f64();
        let off_by = both.map(|(truth, read)| {
            let middle =
                (seconds(read.earliest, truth.began_at) + seconds(read.latest, truth.began_at)) / 2.0;
            middle.abs() / step
        });
        let covered = both
            .is_some_and(|(truth, read)| read.earliest <= truth.began_at && truth.began_at <= read.latest);
        let width = read.map_or(0.0, |read| seconds(read.latest, read.earliest) / step);
        Judged { case: *case, read, off_by, covered, width }
    };
    cases.iter().map(one).collect()
}

/// The share of `of` among those that hold `which`; 1 of none.
pub fn share<'a>(judged: impl Iterator<Item = &'a Judged>, is: impl Fn(&Judged) -> bool) -> f64 {
    let (mut hits, mut all) = (0.0, 0.0);
    for one in judged {
        all += 1.0;
        hits += f64::from(u8::from(is(one)));
    }
    if all == 0.0 { 1.0 } else { hits / all }
}

/// The quantile of how far off the onsets were, over those that were found.
pub fn off_by<'a>(judged: impl Iterator<Item = &'a Judged>, q: f64) -> f64 {
    let mut errors: Vec<f64> = judged.filter_map(|one| one.off_by).collect();
    errors.sort_by(f64::total_cmp);
    let place = (errors.len().saturating_sub(1) as f64 * q).round() as usize;
    errors.get(place).copied().unwrap_or(f64::NAN)
}

/// Precision of a shape: of the series said to have it, those that do.
pub fn precision(judged: &[Judged], shape: &str) -> f64 {
    share(judged.iter().filter(|one| one.shape() == shape), |one| expected(one.case.told) == shape)
}

/// Recall of a shape: of the series that have it, those said to.
pub fn recall(judged: &[Judged], shape: &str) -> f64 {
    share(judged.iter().filter(|one| expected(one.case.told) == shape), |one| one.shape() == shape)
}

/// How often each told series was read as each shape.
#[allow(dead_code, reason = "the test of the floors prints no table")]
pub fn confusion(judged: &[Judged]) -> BTreeMap<(Told, &'static str), usize> {
    let mut counts = BTreeMap::new();
    for one in judged {
        *counts.entry((one.case.told, one.shape())).or_default() += 1;
    }
    counts
}
