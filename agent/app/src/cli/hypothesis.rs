//! The words of `hearback hypothesis`.

use clap::{Args, Subcommand};

use super::{Server, Who};

/// Who says it, and where.
#[derive(Debug, Args)]
pub struct Said {
    #[command(flatten)]
    pub who: Who,
    /// Print the entry as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub server: Server,
}

/// Which hypothesis, and why it is right or wrong.
#[derive(Debug, Args)]
pub struct Settle {
    /// The incident
    #[arg(value_name = "INC")]
    pub incident: String,
    /// The hypothesis, as it is listed
    #[arg(value_name = "H")]
    pub hypothesis: String,
    /// Why; everybody will read it
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub why: String,
    #[command(flatten)]
    pub said: Said,
}

#[derive(Debug, Subcommand)]
pub enum Hypothesis {
    /// What may have caused an incident, by people and by a model
    #[command(after_help = "Example:\n  hearback hypothesis list INC-3")]
    List {
        /// The incident
        #[arg(value_name = "INC")]
        incident: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: Server,
    },
    /// Say what may have caused it
    #[command(
        after_help = "Example:\n  hearback hypothesis raise INC-3 \"the pool is too small since the bump\" --change 3f2a91c0ff"
    )]
    Raise {
        /// The incident
        #[arg(value_name = "INC")]
        incident: String,
        /// In words
        says: String,
        /// The change you suspect: its id, or ten letters of its sha
        #[arg(long, value_name = "CHANGE")]
        change: Option<String>,
        #[command(flatten)]
        said: Said,
    },
    /// Say that one is right
    #[command(
        after_help = "Example:\n  hearback hypothesis confirm INC-3 H12 --why \"the pool is full since 14:02\""
    )]
    Confirm(Settle),
    /// Say that one is wrong: a model that looks further leaves it
    #[command(
        after_help = "Example:\n  hearback hypothesis dismiss INC-3 H14.1 --why \"it was rolled back before\""
    )]
    Dismiss(Settle),
}
