//! What an answer says of a frozen incident, in the few words that are scored. It must not know how the answer came about.

use serde::Serialize;

/// What was answered. Names and shas are the folder's own.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Said {
    /// The full sha of the commit that did it (the id of a change that is no commit), `none` for "no change did this", null
    /// for "I can't tell".
    pub culprit: Option<String>,
    /// The service that failed first.
    pub first_failing_service: Option<String>,
    /// The services that fail, by name.
    pub blast_radius: Vec<String>,
    /// What to do, in one word: `rollback`, `config-revert`, `scale`, ….
    pub remediation: Option<String>,
    /// `strong` or `weak`; null where it can't tell.
    pub confidence: Option<String>,
    /// The evidence chain, a sentence each.
    pub evidence: Vec<String>,
}
