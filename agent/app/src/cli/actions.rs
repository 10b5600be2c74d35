//! The words of `hearback proposals`, `show`, `approve`, `reject`, `audit` and `target`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Server;

/// Lists what was proposed and waits for approval.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hearback proposals
  hearback proposals --incident INC-3 --all --json")]
pub struct Proposals {
    /// Of this incident alone
    #[arg(long, value_name = "INC")]
    pub incident: Option<String>,
    /// Those that are over too
    #[arg(long)]
    pub all: bool,
    /// Print JSON Lines
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub server: Server,
}

/// Shows a proposal: what it would do, why, what speaks for caution, how it is taken back, how far it has come.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hearback show INC-3.P1
  hearback show INC-3.P1 --dry-run      # what would be done, tried against the target; nothing is written")]
pub struct ShowProposal {
    /// The proposal
    #[arg(value_name = "P")]
    pub proposal: String,
    /// Say what would be done, too: the target is read and nothing is written
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub server: Server,
}

/// Approves exactly what was shown. Your token says who you are, and the policy whether you may. Exit code 0 when it was
/// done, 1 when it was not: the approval is written down all the same.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hearback approve INC-3.P1 --digest 3f2a91c0
  hearback approve INC-3.P1 --digest 3f2a91c0 --wait        # until it is told whether it helped
  hearback approve INC-3.P1 --digest 3f2a91c0 --break-glass --why \"checkout is down, nobody else is awake\"")]
pub struct Approve {
    /// The proposal
    #[arg(value_name = "P")]
    pub proposal: String,
    /// Its digest, as you saw it; the beginning is enough
    #[arg(long, value_name = "DIGEST")]
    pub digest: String,
    /// Approve alone and in a change freeze; everybody hears of it
    #[arg(long)]
    pub break_glass: bool,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub why: String,
    /// Wait until it is told whether it helped
    #[arg(long)]
    pub wait: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub server: Server,
}

/// Rejects a proposal. It is never done then; a new one is needed.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  hearback reject INC-3.P1 --digest 3f2a91c0 --why \"the migration can't go back\""
)]
pub struct Reject {
    /// The proposal
    #[arg(value_name = "P")]
    pub proposal: String,
    /// Its digest, as you saw it; the beginning is enough
    #[arg(long, value_name = "DIGEST")]
    pub digest: String,
    /// Why; everybody will read it
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub server: Server,
}

/// Tells everything that was proposed, decided and done. Exit code 1 if it does not verify.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  hearback audit --verify")]
pub struct Audit {
    /// Check that every record is whole and every action stands after approvals of exactly it
    #[arg(long)]
    pub verify: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub server: Server,
}

/// Who you are.
#[derive(Debug, Args)]
pub struct Key {
    /// The file that holds your token [default: $HEARBACK_TOKEN is the token]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Target {
    /// Who works on a target, how the last actions on it ended, and whether a person has to look first
    #[command(after_help = "Example:\n  hearback target show git:checkout:main")]
    Show {
        /// The target, as refusals name it
        #[arg(value_name = "TARGET")]
        target: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Say that you have looked at a target on which actions failed: they may go on
    #[command(
        after_help = "Example:\n  hearback target reset git:checkout:main --why \"the push was taken, the branch is right\""
    )]
    Reset {
        /// The target, as refusals name it
        #[arg(value_name = "TARGET")]
        target: String,
        /// What you saw; everybody will read it
        #[arg(long, value_name = "TEXT")]
        why: String,
        #[command(flatten)]
        key: Key,
    },
}
