//! The weights of `config/memory.toml`. It must not know how what they weigh is measured.

use serde::Deserialize;

/// The version of the form that is read.
const VERSION: u32 = 1;

/// What each measure of a document counts.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// One point of BM25, beside meaning.
    pub words: f64,
    /// One point of BM25, where there is no meaning.
    pub words_alone: f64,
    /// A cosine of 1.
    pub meaning: f64,
    /// ln(1 + age / [`Score::age_hours`]), where age is the time since it could be known, of the services asked about.
    pub age: f64,
    /// What counts as one, of hours, above 0: within it nearly all is equally new.
    pub age_hours: f64,
    /// The hours that a document of another service counts as, above 0.
    pub elsewhere_hours: f64,
}

/// How much must agree.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bar {
    /// So many of the query's terms,
    pub terms: usize,
    /// and this share of them, 0 to 1;
    pub share: f64,
    /// or this cosine.
    pub meaning: f64,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    version: u32,
    /// How many passages each list gives.
    pub passages: usize,
    /// How many of a service's newest documents are looked at.
    pub newest: usize,
    /// What each measure counts.
    pub score: Score,
    /// What is listed.
    pub listed: Bar,
    /// What is strong.
    pub strong: Bar,
}

/// The weights can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadWeights(String);

impl Weights {
    /// Reads a file of weights.
    ///
    /// # Errors
    /// [`BadWeights`] says what is wrong with it, in one sentence.
    pub fn parse(text: &str) -> Result<Self, BadWeights> {
        let weights: Weights =
            toml::from_str(text).map_err(|error| BadWeights(error.message().to_owned()))?;
        if weights.version != VERSION {
            return Err(BadWeights(format!("version {} is not {VERSION}", weights.version)));
        }
        let Score { words, words_alone, meaning, age, age_hours, elsewhere_hours } = weights.score;
        if age_hours <= 0.0 {
            return Err(BadWeights("age_hours is not above 0".into()));
        }
        let all = [words, words_alone, meaning, age, age_hours, elsewhere_hours];
        if all.iter().any(|weight| !weight.is_finite() || *weight < 0.0) {
            return Err(BadWeights("a weight is negative or no number".into()));
        }
        Ok(weights)
    }

    /// Those that the program is built with.
    ///
    /// # Errors
    /// Never: a test reads them.
    pub fn shipped() -> Result<Self, BadWeights> {
        Self::parse(include_str!("../../../config/memory.toml"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_weights_can_be_used() {
        Weights::shipped().unwrap();
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let text = include_str!("../../../config/memory.toml");
        let check = |from: &str, to: &str, says: &str| {
            let error = Weights::parse(&text.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        };
        check("version = 1", "version = 9", "version 9 is not 1");
        check("words = 0.1\n", "words = -1.0\n", "negative");
        check("words = 0.1\n", "word = 0.3\n", "unknown field");
        check("age_hours = 24.0", "age_hours = 0.0", "not above 0");
    }
}
