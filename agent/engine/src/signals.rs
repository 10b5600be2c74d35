//! The thresholds of the onset and signature analysts, as they stand in `config/signals.toml`. Must not know what is
//! done with them.

use serde::Deserialize;

use crate::ranker::position;

/// How noise is measured.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoiseRule {
    /// Values are held to this many deviations around the median of five neighbours.
    pub clip: f64,
    /// The least noise, as a share of the level.
    pub floor_share: f64,
    /// The least noise of a series whose level is zero, as a share of its largest excursion.
    pub floor_of_excursion: f64,
}

/// When a season is taken out.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeasonRule {
    /// Days of data that a daily season needs.
    pub days: u32,
    /// Weeks of data that a weekly season needs.
    pub weeks: u32,
    /// What remains must spread at most this share of what was, 0 to 1.
    pub gain: f64,
    /// The least samples that a point of the profile is the median of.
    pub bin_samples: u32,
}

/// What counts as a change.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeRule {
    /// The least points of a series that says anything.
    pub points: usize,
    /// In units of sqrt(2 ln n), the height that chance alone reaches.
    pub threshold: f64,
    /// Deviations that a change worth telling moves the level by.
    pub height: f64,
    /// And the share of the level.
    pub share: f64,
    /// Deviations of most samples of a change that is over before it was as long as a spike may be.
    pub short_height: f64,
    /// Deviations that suffice where the level moves by `ratio`.
    pub low_height: f64,
    /// How many times the level, or which part of it.
    pub ratio: f64,
    /// Levels within this share of the highest excursion are still before it.
    pub before_share: f64,
    /// Twice the log likelihood ratio that the interval spans.
    pub interval: f64,
    /// Deviations of a single sample that is an onset.
    pub lone_height: f64,
    /// How many times farther out than any other it must be.
    pub lone_ratio: f64,
    /// What one more parameter of a drift must explain, in squared deviations.
    pub drift_cost: f64,
    /// What multiplies the level by more than this is no drift.
    pub drift_ratio: f64,
}

/// Which shape a change has.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShapeRule {
    /// The autocorrelation half a period apart is at most this.
    pub trough: f64,
    /// The autocorrelation a period apart is at least this.
    pub peak: f64,
    /// The least periods of an oscillation.
    pub periods: f64,
    /// The least swing to either side, in deviations.
    pub amplitude: f64,
    /// The least samples of a flatline.
    pub flat_samples: usize,
    /// How many times longer than any run of equal values before it.
    pub flat_ratio: f64,
    /// Steps without a point before the as-of that are a flatline.
    pub absent_steps: i64,
    /// The least samples that a step of a stair holds.
    pub stair_samples: usize,
    /// The least height of a step, as a share of the climb.
    pub stair_share: f64,
    /// The least samples of a ramp.
    pub ramp_samples: usize,
    /// What a ramp must explain better than steps, in squared deviations.
    pub ramp_margin: f64,
    /// A spike has settled where less than this share of its height is left.
    pub settled_share: f64,
    /// A problem that is over was a spike if it was shorter than this many samples.
    pub spike_samples: usize,
    /// Or if its second half was lower than this share of its first.
    pub spike_decay: f64,
}

/// How the onsets of several series become one.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CombineRule {
    /// Onsets this many minutes before that of the series that moved farthest belong to the same problem.
    pub together_minutes: i64,
}

/// The thresholds of the onset and signature analysts.
#[derive(Debug, Clone, PartialEq)]
pub struct Signals {
    /// How noise is measured.
    pub noise: NoiseRule,
    /// When a season is taken out.
    pub season: SeasonRule,
    /// What counts as a change.
    pub change: ChangeRule,
    /// Which shape it has.
    pub shape: ShapeRule,
    /// How onsets become one.
    pub combine: CombineRule,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    noise: NoiseRule,
    season: SeasonRule,
    change: ChangeRule,
    shape: ShapeRule,
    combine: CombineRule,
}

/// The thresholds can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSignals {
    /// It is not TOML of this form.
    #[error("line {line}, column {column}: {why}")]
    Form {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What the reader says.
        why: String,
    },
    /// Another version of this form.
    #[error("version {0} of the signals' thresholds is not known; this hearback reads version 1")]
    Version(u32),
    /// A number outside its range.
    #[error("{name} must be {range}")]
    Range {
        /// The key.
        name: &'static str,
        /// What it may be, in words.
        range: &'static str,
    },
}

impl Signals {
    /// Reads thresholds in the form of `config/signals.toml`.
    ///
    /// # Errors
    /// [`BadSignals`] says where and why.
    pub fn parse(text: &str) -> Result<Signals, BadSignals> {
        let file: File = toml::from_str(text).map_err(|error| {
            let (line, column) = position(text, error.span().map_or(0, |span| span.start));
            BadSignals::Form { line, column, why: error.message().to_owned() }
        })?;
        if file.version != 1 {
            return Err(BadSignals::Version(file.version));
        }
        let File { noise, season, change, shape, combine, .. } = file;
        let positive = [
            ("noise.clip", noise.clip),
            ("noise.floor_share", noise.floor_share),
            ("noise.floor_of_excursion", noise.floor_of_excursion),
            ("season.gain", season.gain),
            ("change.threshold", change.threshold),
            ("change.height", change.height),
            ("change.share", change.share),
            ("change.low_height", change.low_height),
            ("change.short_height", change.short_height),
            ("change.before_share", change.before_share),
            ("change.interval", change.interval),
            ("change.lone_height", change.lone_height),
            ("change.drift_cost", change.drift_cost),
            ("shape.peak", shape.peak),
            ("shape.periods", shape.periods),
            ("shape.amplitude", shape.amplitude),
            ("shape.stair_share", shape.stair_share),
            ("shape.settled_share", shape.settled_share),
            ("shape.spike_decay", shape.spike_decay),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| !(value.is_finite() && *value > 0.0)) {
            return Err(BadSignals::Range { name, range: "a number above 0" });
        }
        let above_one = [
            ("change.ratio", change.ratio),
            ("change.drift_ratio", change.drift_ratio),
            ("change.lone_ratio", change.lone_ratio),
            ("shape.flat_ratio", shape.flat_ratio),
        ];
        if let Some((name, _)) = above_one.iter().find(|(_, value)| !(value.is_finite() && *value > 1.0)) {
            return Err(BadSignals::Range { name, range: "a number above 1" });
        }
        if !(-1.0..0.0).contains(&shape.trough) {
            return Err(BadSignals::Range { name: "shape.trough", range: "from -1 to below 0" });
        }
        if change.points < 8 {
            return Err(BadSignals::Range { name: "change.points", range: "at least 8" });
        }
        if !(0..=10_080).contains(&combine.together_minutes) {
            return Err(BadSignals::Range {
                name: "combine.together_minutes",
                range: "from 0 to 10080, a week",
            });
        }
        Ok(Signals { noise, season, change, shape, combine })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../config/signals.toml");

    #[test]
    fn the_shipped_thresholds_can_be_used() {
        Signals::parse(SHIPPED).unwrap();
    }

    #[test]
    fn mistakes_are_named() {
        let check = |from: &str, to: &str, expect: &str| {
            assert!(SHIPPED.contains(from), "{from}");
            let error = Signals::parse(&SHIPPED.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        };
        check("version = 1", "version = 2", "version 2");
        check("version = 1", "version = ", "line 6, column");
        check("clip = 3.0", "clip = nan", "noise.clip must be a number above 0");
        check("ratio = 1.8", "ratio = 0.5", "change.ratio must be a number above 1");
        check("trough = -0.25", "trough = 0.25", "shape.trough");
        check("points = 12", "points = 2", "change.points");
        check("weeks = 2", "weeks = 2\nmonths = 1", "months");
    }
}
