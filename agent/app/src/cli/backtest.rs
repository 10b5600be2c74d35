//! The words of `hearback backtest`. It must not do anything.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{TIME, Who};

/// Asks about what is over, to see how good the answers are.
#[derive(Debug, Subcommand)]
pub enum Backtest {
    /// Answer from an incident's record as it was known then: no network, no repository, the same bytes each time
    Replay(Replay),
    /// Make a regression case of a reviewed incident: its record, the question, and which change did it
    Adopt(Adopt),
    /// Replay all adopted cases; exit code 1 if one fares worse than when it was adopted
    Adopted(Adopted),
}

/// Answers from entries and snapshots alone. What was read after --at stays invisible; a snapshot that is gone is a
/// named gap. The weights are those of the configuration, so new ones can be tried on an old incident.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hearback backtest replay INC-3                       # the last question, as it was
  hearback backtest replay INC-3 --at 2026-11-23T14:05Z
  hearback backtest replay INC-3 --at 2026-11-23T14:05Z --ask \"what changed?\" --symptom \"checkout 5xx\" --json")]
pub struct Replay {
    /// The incident
    #[arg(value_name = "INC")]
    pub incident: String,
    #[command(flatten)]
    pub asked: AskedThen,
    /// How many suspects to list, 1 to 20
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=20))]
    pub top: u8,
    /// Print the answer as one JSON object (config/answer.schema.json)
    #[arg(long)]
    pub json: bool,
}

/// What is asked of a record, and as of when.
#[derive(Debug, Args)]
pub struct AskedThen {
    /// As it was known then [default: the end of the record]
    #[arg(long, value_name = TIME)]
    pub at: Option<String>,
    /// Ask this instead of repeating the last question that was asked by then
    #[arg(long, value_name = "QUESTION")]
    pub ask: Option<String>,
    /// With --ask: what is seen to fail; - reads standard input
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, requires = "ask")]
    pub symptom: String,
    /// With --ask: a service that fails; may be given several times
    #[arg(long = "service", value_name = "NAME", requires = "ask")]
    pub services: Vec<String>,
    /// With --ask: how far back to look: 24h, 7d, or a time [default: as far as `hearback ask`]
    #[arg(long, value_name = "LENGTH", requires = "ask")]
    pub since: Option<String>,
    /// With --ask: when it began
    #[arg(long, value_name = TIME, requires = "ask")]
    pub onset: Option<String>,
}

/// Writes a folder that needs nothing else: case.toml (question, culprit, the rank it has today), the record with its
/// snapshots, and the catalog. A folder that is there is never overwritten.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hearback backtest adopt INC-3 --culprit 3f2a91c
  hearback backtest adopt INC-3 --culprit git:shop:3f2a91c… --at 2026-11-23T14:05Z --by \"Ana Ruiz\"
  hearback backtest adopt INC-4 --none            # nothing that was read did it: no strong suspect is right")]
pub struct Adopt {
    /// The incident; it must be resolved
    #[arg(value_name = "INC")]
    pub incident: String,
    /// A change that did it, by id or sha; may be given several times
    #[arg(long = "culprit", value_name = "CHANGE")]
    pub culprits: Vec<String>,
    /// None of the changes that were read did it
    #[arg(long, conflicts_with = "culprits")]
    pub none: bool,
    /// Where to write the case's folder
    #[arg(long, value_name = "DIR", default_value = "eval/cases")]
    pub dir: PathBuf,
    /// Adopt an incident that is still open
    #[arg(long)]
    pub unresolved: bool,
    #[command(flatten)]
    pub asked: AskedThen,
    #[command(flatten)]
    pub who: Who,
    /// Print the case as JSON
    #[arg(long)]
    pub json: bool,
}

/// Replays every adopted case with the weights of the configuration, and compares with what was expected.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hearback backtest adopted
  hearback backtest adopted --dir incidents/cases --json | jq 'select(.passed == false)'")]
pub struct Adopted {
    /// Where the cases' folders are
    #[arg(long, value_name = "DIR", default_value = "eval/cases")]
    pub dir: PathBuf,
    /// Print JSON Lines: one case a line, the summary last
    #[arg(long)]
    pub json: bool,
}
