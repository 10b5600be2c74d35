//! The words of `hearback memory`, `similar` and `runbook`. It must not do anything.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use hearback_core::memory::DocumentKind;

use super::{Server, TIME};
use crate::commands::runbook::STALE_AFTER;

/// What was learned before: postmortems, runbooks, documents, closed incidents.
#[derive(Debug, Subcommand)]
pub enum Memory {
    /// Index files: Markdown (front matter understood), HTML and plain text
    #[command(after_help = "Examples:
  hearback memory add postmortems/ --kind postmortem
  hearback memory add runbooks/checkout.md 'wiki/**/*.html'

What was indexed before in the same version is left alone. Exit code 1 if a file could not be read.")]
    Add(Add),
    /// Bring the index to what the configured folders, repositories and closed incidents hold now
    #[command(after_help = "Example:
  hearback memory sync        # [[memory.folder]] and [[memory.repository]] of hearback.toml, and the record

Only what is new or changed is read anew. What is gone from a source is forgotten, unless the source could not be
listed whole. An interrupted run is taken up by the next.")]
    Sync(Said),
    /// Say what is indexed, what is stale, what is orphaned
    Status(Said),
    /// Forget documents
    #[command(after_help = "Examples:
  hearback memory remove postmortems/2024-03-02.md
  hearback memory remove --source memory:wiki")]
    Remove(Remove),
    /// Carry everything into another place, vectors and all
    #[command(after_help = "Example:
  hearback memory move --to https://qdrant.internal:6334

The place it came from is left as it is. Set [memory] at to the new one afterwards.")]
    Move(Move),
    /// Throw the index away and build it again from its sources
    Rebuild(Said),
}

/// How to say it.
#[derive(Debug, Args)]
pub struct Said {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Add {
    /// Files, folders, or patterns such as 'docs/**/*.md'
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// What they are, where they don't say so themselves
    #[arg(long, value_enum, value_name = "KIND")]
    pub kind: Option<KindOf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KindOf {
    Postmortem,
    Runbook,
    Doc,
}

impl From<KindOf> for DocumentKind {
    fn from(kind: KindOf) -> Self {
        match kind {
            KindOf::Postmortem => DocumentKind::Postmortem,
            KindOf::Runbook => DocumentKind::Runbook,
            KindOf::Doc => DocumentKind::Doc,
        }
    }
}

#[derive(Debug, Args)]
pub struct Remove {
    /// Files as they were added, or ids as `hearback memory status --json` tells them
    #[arg(value_name = "DOCUMENT", required_unless_present = "source")]
    pub documents: Vec<String>,
    /// Everything of this source
    #[arg(long, value_name = "NAME", conflicts_with = "documents")]
    pub source: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Move {
    /// Where to: a folder, or a Qdrant server's address with the port of gRPC
    #[arg(long, value_name = "URL")]
    pub to: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Past incidents that were like this, at most five, with what broke and what fixed it. Exit code 0 when memory was
/// searched, whether something was found or not; 1 when there is no memory.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hearback similar \"checkout 5xx after deploy, connection pool exhausted\" --service checkout
  hearback similar --incident INC-3
  pbpaste | hearback similar - --as-of 2026-03-01 --json")]
pub struct Similar {
    /// What is seen to fail; - reads standard input
    #[arg(
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true,
        required_unless_present = "incident"
    )]
    pub symptom: String,
    /// A service that fails: what happened to it lately counts more; may be given several times
    #[arg(long = "service", value_name = "NAME")]
    pub services: Vec<String>,
    /// Like this incident: its title, alerts, questions and services
    #[arg(long, value_name = "INC")]
    pub incident: Option<String>,
    /// As of then: nothing that became known later is found
    #[arg(long, value_name = TIME)]
    pub as_of: Option<String>,
    /// Print one JSON object: {"similar": […], "searched": {…}}
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub server: Server,
}

/// The part of a runbook that says what to do now, as a checklist, and whether it can still be trusted. Exit code 0 when
/// memory was searched, 1 when there is no memory.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  hearback runbook --service checkout --symptom \"connection pool exhausted\"")]
pub struct Runbook {
    /// The service that fails; may be given several times
    #[arg(long = "service", value_name = "NAME", required_unless_present = "symptom")]
    pub services: Vec<String>,
    /// What is seen to fail; - reads standard input
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub symptom: String,
    /// As of then
    #[arg(long, value_name = TIME)]
    pub as_of: Option<String>,
    /// How many changes of the service make a runbook stale
    #[arg(long, value_name = "N", default_value_t = STALE_AFTER)]
    pub stale_after: u32,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub server: Server,
}
