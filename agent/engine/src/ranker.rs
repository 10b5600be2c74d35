//! The ranker's weights, as they stand in `config/ranker.toml`: learned or set by hand, the code can't tell.
//! Every feature the suspects analyst measures has exactly one weight and one meaning there.

use std::collections::BTreeMap;

use serde::Deserialize;

macro_rules! features {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What the suspects analyst measures of a change. Values are ≥ 0; the sign is the weight's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Feature { $($(#[$doc])* $variant,)* }

        impl Feature {
            /// All of them, in the order of `ranker.toml`.
            pub const ALL: &'static [Feature] = &[$(Feature::$variant,)*];

            /// The name in `ranker.toml` and in answers.
            pub fn name(self) -> &'static str {
                match self { $(Feature::$variant => $name,)* }
            }
        }
    };
}

features! {
    /// ln((1 + W) / (1 + age)): age in hours before the onset or the as-of, W the window's length in hours.
    Recency = "recency",
    /// BM25F of the symptom's words over title, paths and message.
    Words = "words",
    /// BM25 of the symptom's words over the changed lines, beyond those the message and paths already have.
    DiffWords = "diff_words",
    /// How exactly the change touches a file that the symptom names: 1 by file name, up to 2 by path.
    NamedFile = "named_file",
    /// Identifiers that the symptom names and that stand on changed lines: 1 for each that no other diff has, less
    /// the more diffs have it; at most 3.
    NamedIdentifier = "named_identifier",
    /// 1 if the change concerns an affected service.
    Service = "service",
    /// 1 if the catalog gives all of its files, or its source all of it, to other services.
    OtherService = "other_service",
    /// 1 for a deploy.
    Deploy = "deploy",
    /// 1 for a configuration value.
    Config = "config",
    /// 1 for a feature flag.
    Flag = "flag",
    /// 1 for infrastructure.
    Infra = "infra",
    /// 1 for a migration.
    Migration = "migration",
    /// 1 for a certificate.
    Certificate = "certificate",
    /// 1 for a schedule.
    Schedule = "schedule",
    /// ln(1 + lines added and deleted).
    Size = "size",
    /// 1 if it lands something again that was reverted before.
    Reland = "reland",
    /// 1 if it reverts something.
    IsRevert = "is_revert",
    /// 1 if it was rolled back after the onset: somebody thought so already.
    RolledBackSince = "rolled_back_since",
    /// 1 if a program made it.
    Bot = "bot",
    /// The share of its files that are documentation or tests, if not all are.
    HarmlessShare = "harmless_share",
    /// 1 if it was written but not merged.
    NotLanded = "not_landed",
    /// 1 if it reached production inside a change freeze that holds for it.
    InFreeze = "in_freeze",
    /// 1 if the policy asks for authorisation and it was neither reviewed nor delivered by a deploy record.
    Unauthorised = "unauthorised",
}

/// When the evidence counts as strong. All of the conditions must hold.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrengthRule {
    /// How many independent kinds of reason (time, words, a named file or identifier, service) must speak for it,
    /// one of them other than time.
    pub kinds: u8,
    /// "Time" speaks for a change no older than this many hours.
    pub recent_hours: f64,
    /// "Words" speak for a change that has this share of the symptom's information, 0 to 1.
    pub word_share: f64,
    /// It is one of at most three whose scores lie this far above all others.
    pub lead: f64,
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
    words: WordRule,
    symptom: SymptomRule,
    onset: OnsetRule,
    diffs: usize,
    listed: usize,
    feature: Vec<FeatureEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeatureEntry {
    name: String,
    weight: f64,
    #[serde(rename = "meaning")]
    _meaning: String,
}

/// The weights and thresholds of the ranker.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranker {
    /// When the evidence counts as strong.
    pub strength: StrengthRule,
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
    weights: BTreeMap<Feature, f64>,
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
    #[error("version {0} of the ranker's weights is not known; this hearback reads version 1")]
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
        if file.version != 1 {
            return Err(BadRanker::Version(file.version));
        }
        let mut weights = BTreeMap::new();
        for entry in file.feature {
            let feature = Feature::ALL.iter().find(|feature| feature.name() == entry.name);
            let feature = *feature.ok_or(BadRanker::UnknownFeature(entry.name))?;
            if !entry.weight.is_finite() {
                return Err(BadRanker::NotFinite(format!("the weight of {}", feature.name())));
            }
            if weights.insert(feature, entry.weight).is_some() {
                return Err(BadRanker::NotOnce(feature.name()));
            }
        }
        if let Some(missing) = Feature::ALL.iter().find(|feature| !weights.contains_key(feature)) {
            return Err(BadRanker::NotOnce(missing.name()));
        }
        let File { strength, words, symptom, onset, diffs, listed, .. } = file;
        Ok(Ranker { strength, words, symptom, onset, diffs, listed, weights })
    }

    /// The weight of a feature.
    pub fn weight(&self, feature: Feature) -> f64 {
        self.weights.get(&feature).copied().unwrap_or_default()
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
        check("version = 1", "version = 2", "version 2");
        check("name = \"recency\"", "name = \"recentness\"", "no feature called \"recentness\"");
        check("name = \"recency\"", "name = \"words\"", "feature \"words\" needs exactly one weight");
        check("version = 1", "version = ", "line 5, column");
        check("version = 1", "version = 1\nspeed = 3", "line 6, column 1");
    }
}
