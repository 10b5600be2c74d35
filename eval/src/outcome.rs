//! What came of one case. Scores, calibration and reports are computed from these alone.

use serde::{Deserialize, Serialize};

/// A candidate and how likely it was said to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// The full sha.
    pub sha: String,
    /// The probability that it is the culprit, 0 to 1.
    pub confidence: f64,
}

/// The culprit's rank by the methods everybody has, over the same candidates; from 1, none if it is not among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaselineRanks {
    /// The newest first.
    pub most_recent: Option<u32>,
    /// BM25 of the symptom over message and paths; ties by time.
    pub bm25: Option<u32>,
    /// BM25 − 4·ln(1 + age in hours).
    pub bm25_with_age: Option<u32>,
}

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The case.
    pub id: String,
    /// Its repository.
    pub repo: String,
    /// Whether its text tells of a failure, rather than of a decision.
    pub symptom_like: bool,
    /// The culprit's rank, from 1; none if it was ruled out or is not among the candidates.
    pub rank: Option<u32>,
    /// The first twenty.
    pub ranked: Vec<Ranked>,
    /// The probability that none of the candidates did it.
    pub none_of_these: f64,
    /// Whether the answer was "can't tell" or "nothing fits", so that no suspect was put forward.
    pub abstained: bool,
    /// How long the answer took, in milliseconds.
    pub ms: f64,
    /// How many candidates there were.
    pub candidates: u32,
    /// How many hours before the question the culprit was committed; none if it is not among the candidates.
    pub culprit_age_h: Option<f64>,
    /// How many candidates are newer than the culprit; none if it is not among them.
    pub newer_than_culprit: Option<u32>,
    /// Whether the culprit's message or paths share a word with the symptom.
    pub shares_a_word: bool,
    /// The first lines of symptom, culprit and first suspect, for people who read the misses.
    pub told: Told,
    /// The culprit's rank by other methods.
    pub baselines: BaselineRanks,
}

/// One line each, capped, safe to print.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// The symptom.
    pub symptom: String,
    /// The culprit's title.
    pub culprit: String,
    /// The first suspect's title.
    pub first: String,
    /// Why the culprit lost: its features against the first suspect's, in words.
    pub why: String,
}
