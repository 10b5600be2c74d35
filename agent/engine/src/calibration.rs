//! How far the ranker's probabilities can be believed on what was asked: what a backtest of the same repositories found.
//! It must not know where that is kept.

use serde::{Deserialize, Serialize};

/// What a backtest found of the ranker's probabilities on one repository, or on several asked together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// What the shipped temperature is multiplied by: above 1 where the shipped confidence was too high.
    pub temperature: f64,
    /// How many rollbacks it rests on.
    pub cases: u32,
    /// Whose rollbacks, and until when: "rollbacks of shop until 2026-11-20".
    pub of: String,
}

impl Calibration {
    /// The probabilities as the weights give them: for a backtest, which finds out what they are worth.
    pub fn as_learned() -> Self {
        Calibration { temperature: 1.0, cases: 0, of: "the rollbacks the weights were learned on".to_owned() }
    }
}
