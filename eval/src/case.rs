//! A case: a failure that really happened, what was seen of it, and which change did it. The form on disk is JSON
//! Lines; fields that are not known are ignored, so that other people's data sets can carry more.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How many days of changes are candidates, unless the case says otherwise.
pub(crate) const DAYS: u32 = 30;

/// Which part of a data set a case belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Half {
    /// Weights may be learned on it.
    Learn,
    /// Figures are reported on it, and nothing is tuned on it.
    Report,
}

/// A rollback that really happened, as a question whose answer is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Case {
    /// Unique in its file.
    pub id: String,
    /// The repository's name, as given with `--repo NAME=PATH`.
    pub repo: String,
    /// The moment of the question; everything committed at or after it is invisible.
    #[serde(serialize_with = "as_seconds")]
    pub as_of: Timestamp,
    /// What was seen to fail.
    pub symptom_text: String,
    /// The full shas of the changes that did it; empty if none of the candidates did.
    pub culprit_shas: Vec<String>,
    /// How many days of changes before `as_of` are candidates.
    pub days: u32,
    /// Whether the text tells of a failure, rather than of a decision.
    pub symptom_like: bool,
    /// The part it belongs to, if the data set is divided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub half: Option<Half>,
}

/// A file of cases can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCases {
    /// A line has another form.
    #[error("line {line} is not a case: {why}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// Two cases have one id.
    #[error("line {line}: the id \"{id}\" is taken already")]
    Twice {
        /// Its number, from 1.
        line: usize,
        /// The id.
        id: String,
    },
    /// There is none.
    #[error("there is no case in it")]
    Empty,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    repo: String,
    as_of: i64,
    symptom_text: String,
    culprit_sha: Option<String>,
    culprit_shas: Option<Vec<String>>,
    #[serde(default = "days")]
    days: u32,
    #[serde(default = "yes")]
    symptom_like: bool,
    half: Option<Half>,
}

fn days() -> u32 {
    DAYS
}

fn yes() -> bool {
    true
}

fn as_seconds<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(at.as_second())
}

/// A whole sha in lower case; none if it is not one.
fn whole(sha: &str) -> Option<String> {
    let is_whole = matches!(sha.len(), 40 | 64) && sha.bytes().all(|b| b.is_ascii_hexdigit());
    is_whole.then(|| sha.to_ascii_lowercase())
}

/// Reads cases from JSON Lines. Blank lines are skipped.
///
/// # Errors
/// [`BadCases`] names the first line that is wrong.
pub fn parse_cases(text: &str) -> Result<Vec<Case>, BadCases> {
    let mut cases: Vec<Case> = Vec::new();
    let mut ids = std::collections::HashSet::new();
    for (index, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let line = index + 1;
        let refuse = |why: String| BadCases::Line { line, why };
        let read: Line = serde_json::from_str(text).map_err(|error| refuse(error.to_string()))?;
        let as_of = Timestamp::from_second(read.as_of).map_err(|_| refuse("as_of is no time".into()))?;
        if !(1..=3660).contains(&read.days) {
            return Err(refuse("days must be 1 to 3660".into()));
        }
        if !ids.insert(read.id.clone()) {
            return Err(BadCases::Twice { line, id: read.id });
        }
        let culprit_shas = read.culprit_shas.unwrap_or_else(|| read.culprit_sha.into_iter().collect());
        let culprit_shas = culprit_shas.into_iter().map(|sha| whole(&sha)).collect::<Option<Vec<_>>>();
        let culprit_shas = culprit_shas.ok_or_else(|| {
            refuse("a culprit is told by its whole sha: 40 hexadecimal digits (git rev-parse SHA)".into())
        })?;
        cases.push(Case {
            id: read.id,
            repo: read.repo,
            as_of,
            symptom_text: read.symptom_text,
            culprit_shas,
            days: read.days,
            symptom_like: read.symptom_like,
            half: read.half,
        });
    }
    if cases.is_empty() { Err(BadCases::Empty) } else { Ok(cases) }
}
