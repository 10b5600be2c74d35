//! What goes over the wire, as `CONTRACT.md` has it. Fields that a receiver adds are passed over. It must not know what
//! becomes of any of it.

use hearback_core::ExternalText;
use serde::{Deserialize, Serialize};

/// The version of the contract.
pub(crate) const CONTRACT: u32 = 1;

/// A request.
#[derive(Debug, Serialize)]
pub(crate) struct Request<'a> {
    pub contract: u32,
    #[serde(flatten)]
    pub does: Does<'a>,
    pub service: &'a str,
    pub environment: &'a str,
    pub from: &'a str,
    pub to: &'a str,
}

/// Which of the three.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub(crate) enum Does<'a> {
    /// Say what would be done.
    Rehearse,
    /// Do it.
    Execute {
        key: &'a str,
        /// For the receiver's own log.
        proposal: &'a str,
        approved_by: &'a [String],
        glass_broken: bool,
        at: jiff::Timestamp,
    },
    /// Say what became of it.
    Look { key: &'a str },
}

/// What a rehearsal is answered with.
#[derive(Debug, Deserialize)]
pub(crate) struct Rehearsed {
    pub running: Option<ExternalText>,
    #[serde(default)]
    pub says: Vec<ExternalText>,
    pub refuses: Option<ExternalText>,
}

/// What became of a key; `execute` and `look` are answered with it.
#[derive(Debug, Deserialize)]
pub(crate) struct Told {
    pub state: State,
    pub says: Option<ExternalText>,
    pub why: Option<ExternalText>,
    pub running: Option<ExternalText>,
    pub made: Option<ExternalText>,
    pub link: Option<ExternalText>,
}

/// How far a key has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// `to` runs.
    Done,
    /// It was taken, and has not ended.
    UnderWay,
    /// `from` did not run; nothing was changed.
    NotAsExpected,
    /// It failed, and `from` runs as before.
    Failed,
    /// It ended, and the receiver can't tell how.
    Unclear,
    /// No `execute` with this key ever came.
    NotKnown,
}

/// What stands beside a status that refuses.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Refusal {
    pub why: Option<ExternalText>,
    pub running: Option<ExternalText>,
}
