//! The ranker's weights, as they stand in `config/ranker.toml`: learned or set by hand, the code can't tell.
//! Every feature the suspects analyst measures has exactly one weight and one meaning there.

use serde::Deserialize;

use crate::features::{FEATURES, Family, Feature, Values};

/// The version of the form of `ranker.toml` that is read.
const VERSION: u32 = 2;

const WEEK_MINUTES: i64 = 7 * 24 * 60;

/// When the evidence counts as strong. Both conditions must hold.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrengthRule {
    /// It is at least so likely, 0 to 1.
    pub probability: f64,
    /// It has this share of the symptom's information, 0 to 1, or the symptom names its file, identifier or service.
    /// Being recent alone makes nothing strong.
    pub word_share: f64,
}

/// How scores become probabilities.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbabilityRule {
    /// What scores are divided by before the softmax: above 1 holds confidence back. Learned on predictions for cases
    /// that the weights had not seen.
    pub temperature: f64,
}

/// When "none of these" is likely: a logistic function of what the candidates as a whole look like, learned on cases
/// whose culprit was taken away, and brought to the share of such cases that is expected.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoneRule {
    /// The expected share of questions whose culprit is not among the candidates, 0 to 1.
    pub prior: f64,
    /// What speaks for it before anything is seen, at even odds.
    pub base: f64,
    /// What the likeliest candidate's share, if it is one of these, counts.
    pub clearest: f64,
    /// What the largest share of the symptom's information in any candidate counts.
    pub best_share: f64,
}

/// On what the weights were learned, and what they were worth there: a later training must do better to replace them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearnedNote {
    /// How many cases, and how many of them tell of a failure.
    pub cases: usize,
    /// The failure-like ones.
    pub failures: usize,
    /// Which cases, and how they were measured: a digest.
    pub digest: String,
    /// The penalty on the weights.
    pub ridge: f64,
    /// Share of failure-like cases whose culprit was among the first five, predicted without having seen the case.
    pub top_5: f64,
    /// The same as mean reciprocal rank.
    pub mrr: f64,
}

/// What speaks for or against "none of these".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoneSeen {
    /// The probability of the likeliest candidate, if it is one of these.
    pub clearest: f64,
    /// The largest share of the symptom's information in any candidate.
    pub best_share: f64,
}

impl NoneRule {
    /// The probability that it is none of the candidates, 0 to 1.
    pub fn probability(&self, seen: &NoneSeen) -> f64 {
        if self.prior <= 0.0 {
            return 0.0;
        }
        let even = self.base + self.clearest * seen.clearest + self.best_share * seen.best_share;
        let odds = (self.prior / (1.0 - self.prior)).ln() + even;
        1.0 / (1.0 + (-odds).exp())
    }
}

/// How the words of a change are weighed before BM25.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WordRule {
    /// What one occurrence in the title counts.
    pub title: f64,
    /// What one occurrence in a path counts.
    pub path: f64,
    /// What one occurrence in the rest of the message counts.
    pub body: f64,
    /// BM25's k1: how soon repetition stops counting.
    pub k1: f64,
    /// BM25's b: how much long texts are held back.
    pub b: f64,
}

/// What the words of each source of a symptom count, 1 being the asker's own.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SymptomRule {
    /// The incident's title.
    pub title: f64,
    /// An alert on an affected service.
    pub own_alert: f64,
    /// Any other alert of the incident: often a consequence.
    pub other_alert: f64,
    /// A message in the channel: people guess.
    pub message: f64,
}

/// How an onset is read from an alert or a declaration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnsetRule {
    /// An alert fires at most this many minutes after the trouble it reports began.
    pub alert_lag_minutes: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    strength: StrengthRule,
    probability: ProbabilityRule,
    none: NoneRule,
    words: WordRule,
    symptom: SymptomRule,
    onset: OnsetRule,
    diffs: usize,
    listed: usize,
    #[serde(default)]
    learned: Option<LearnedNote>,
    feature: Vec<FeatureEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeatureEntry {
    name: String,
    weight: f64,
    /// Whether training leaves it alone.
    #[serde(default)]
    held: bool,
    #[serde(rename = "meaning")]
    _meaning: String,
}

/// The weights and thresholds of the ranker.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranker {
    /// When the evidence counts as strong.
    pub strength: StrengthRule,
    /// How scores become probabilities.
    pub probability: ProbabilityRule,
    /// When "none of these" is likely.
    pub none: NoneRule,
    /// How words are weighed.
    pub words: WordRule,
    /// What each source of a symptom counts.
    pub symptom: SymptomRule,
    /// How an onset is read.
    pub onset: OnsetRule,
    /// The diffs of this many of the likeliest changes are read.
    pub diffs: usize,
    /// An answer lists at most this many suspects.
    pub listed: usize,
    /// On what they were learned; none for weights set by hand.
    pub learned: Option<LearnedNote>,
    weights: [f64; FEATURES],
    held: [bool; FEATURES],
}

/// The weights file can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRanker {
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
    #[error("version {0} of the ranker's weights is not known; this hearback reads version {VERSION}")]
    Version(u32),
    /// A feature that nobody measures.
    #[error("there is no feature called \"{0}\"")]
    UnknownFeature(String),
    /// A feature is listed twice or not at all.
    #[error("feature \"{0}\" needs exactly one weight")]
    NotOnce(&'static str),
    /// A number that is none.
    #[error("{0} must be a finite number")]
    NotFinite(String),
    /// A number that makes no sense.
    #[error("{0} must be {1}")]
    OutOfRange(&'static str, &'static str),
}

impl Ranker {
    /// Reads weights in the form of `config/ranker.toml`.
    ///
    /// # Errors
    /// [`BadRanker`] says where and why.
    pub fn parse(text: &str) -> Result<Ranker, BadRanker> {
        let file: File = toml::from_str(text).map_err(|error| {
            let (line, column) = position(text, error.span().map_or(0, |span| span.start));
            BadRanker::Form { line, column, why: error.message().to_owned() }
        })?;
        if file.version != VERSION {
            return Err(BadRanker::Version(file.version));
        }
        let mut weights: [Option<f64>; FEATURES] = [None; FEATURES];
        let mut held = [false; FEATURES];
        for entry in file.feature {
            let feature = Feature::ALL.iter().find(|feature| feature.name() == entry.name);
            let feature = *feature.ok_or(BadRanker::UnknownFeature(entry.name))?;
            if !entry.weight.is_finite() {
                return Err(BadRanker::NotFinite(format!("the weight of {}", feature.name())));
            }
            let slot = weights.get_mut(feature as usize).filter(|slot| slot.is_none());
            *slot.ok_or(BadRanker::NotOnce(feature.name()))? = Some(entry.weight);
            held.get_mut(feature as usize).into_iter().for_each(|slot| *slot = entry.held);
        }
        let weight = |feature: &Feature| weights.get(*feature as usize).copied().flatten();
        if let Some(missing) = Feature::ALL.iter().find(|feature| weight(feature).is_none()) {
            return Err(BadRanker::NotOnce(missing.name()));
        }
        let File { strength, probability, none, words, symptom, onset, diffs, listed, learned, .. } = file;
        if !(probability.temperature.is_finite() && probability.temperature > 0.0) {
            return Err(BadRanker::OutOfRange("probability.temperature", "above 0"));
        }
        let OnsetRule { alert_lag_minutes } = onset;
        if !(0..=WEEK_MINUTES).contains(&alert_lag_minutes) {
            return Err(BadRanker::OutOfRange("onset.alert_lag_minutes", "0 or more, and a week at most"));
        }
        let numbers = [
            ("strength.probability", strength.probability),
            ("strength.word_share", strength.word_share),
            ("none.base", none.base),
            ("none.clearest", none.clearest),
            ("none.best_share", none.best_share),
            ("words.title", words.title),
            ("words.path", words.path),
            ("words.body", words.body),
            ("words.k1", words.k1),
            ("words.b", words.b),
            ("symptom.title", symptom.title),
            ("symptom.own_alert", symptom.own_alert),
            ("symptom.other_alert", symptom.other_alert),
            ("symptom.message", symptom.message),
        ];
        if let Some((name, _)) = numbers.iter().find(|(_, number)| !number.is_finite()) {
            return Err(BadRanker::NotFinite((*name).to_owned()));
        }
        if !(0.0..1.0).contains(&none.prior) {
            return Err(BadRanker::OutOfRange("none.prior", "at least 0 and below 1"));
        }
        let weights = weights.map(Option::unwrap_or_default);
        Ok(Ranker {
            strength,
            probability,
            none,
            words,
            symptom,
            onset,
            diffs,
            listed,
            learned,
            weights,
            held,
        })
    }

    /// The weight of a feature.
    pub fn weight(&self, feature: Feature) -> f64 {
        self.weights.get(feature as usize).copied().unwrap_or_default()
    }

    /// Whether training leaves the weight of a feature alone: public histories can't tell what it is worth.
    pub fn is_held(&self, feature: Feature) -> bool {
        self.held.get(feature as usize).copied().unwrap_or_default()
    }

    /// The weighted sum of what was measured.
    pub fn score(&self, values: &Values) -> f64 {
        self.weights.iter().zip(values.as_slice()).map(|(weight, value)| weight * value).sum()
    }

    /// What the features of one family add to the score.
    pub fn points(&self, family: Family, values: &Values) -> f64 {
        family.features().map(|feature| self.weight(feature) * values.get(feature)).sum()
    }

    /// Whether something of a change counts that no backtest exercises: weights held by hand, for services, freezes,
    /// rollouts and the like. Its words' share is measured for other rules and weighs nothing.
    pub fn goes_beyond_backtest(&self, values: &Values) -> bool {
        Feature::ALL.iter().any(|feature| {
            self.is_held(*feature) && self.weight(*feature) != 0.0 && values.get(*feature) != 0.0
        })
    }

    /// The same with confidence held back by `factor` (above 1), or let go further.
    pub fn tempered(&self, factor: f64) -> Ranker {
        let mut ranker = self.clone();
        if factor.is_finite() && factor > 0.0 {
            ranker.probability.temperature *= factor;
        }
        ranker
    }

    /// The same with other weights; for whoever learns them.
    pub fn with_weights(&self, weights: &[f64]) -> Ranker {
        let mut ranker = self.clone();
        for (own, new) in ranker.weights.iter_mut().zip(weights) {
            *own = *new;
        }
        ranker
    }
}

/// The line and column, from 1, of a byte offset.
pub fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset.min(text.len())).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../config/ranker.toml");

    #[test]
    fn the_shipped_weights_are_complete() {
        Ranker::parse(SHIPPED).unwrap();
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let check = |from: &str, to: &str, expect: &str| {
            assert!(SHIPPED.contains(from), "{from}");
            let error = Ranker::parse(&SHIPPED.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        };
        check("version = 2", "version = 1", "version 1");
        check("name = \"newer\"", "name = \"newness\"", "no feature called \"newness\"");
        check("name = \"newer\"", "name = \"service\"", "feature \"service\" needs exactly one weight");
        check("\nversion = 2", "\nversion = ", "column");
        check("\nversion = 2", "\nversion = 2\nspeed = 3", "column 1");
        check("k1 = 1.2", "k1 = nan", "words.k1 must be a finite number");
        check("alert_lag_minutes = 10", "alert_lag_minutes = 9223372036854775807", "a week at most");
        check("temperature = ", "temperature = -", "probability.temperature must be above 0");
    }
}
