//! The command line: words, defaults and help. It must not do anything.

mod actions;
mod backtest;
pub mod hypothesis;
mod memory;

use std::path::PathBuf;

pub use actions::{Approve, Audit, Key, Proposals, Reject, ShowProposal, Target};
pub use backtest::{
    Adopt, Adopted, AskedThen, Backtest, BacktestExperts, BacktestModel, Cases, DatasetOf, HalfOf, Incidents,
    Measuring, MemoryBacktest, Replay, Reverts, Services, SplitOf, Train,
};
use clap::{Args, Parser, Subcommand, ValueEnum};
pub use memory::{Add, Memory, Move, Remove, Runbook, Said, Similar};

/// What a time argument may look like.
const TIME: &str = "TIME";

/// The incident copilot: answers "what changed?" from evidence, and keeps the record.
#[derive(Debug, Parser)]
#[command(name = "hearback", version, max_term_width = 100)]
pub struct Cli {
    /// Configuration file [default: $HEARBACK_CONFIG, ./hearback.toml, ~/.config/hearback/hearback.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The incident record: a file or postgres://… [default: from the configuration]
    #[arg(long, global = true, value_name = "URL", env = "HEARBACK_RECORD", hide_env_values = true)]
    pub record: Option<String>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ask "what changed?" of git repositories, or inside an incident
    Ask(Ask),
    /// Past incidents that were like this, and what fixed them
    Similar(Similar),
    /// What a runbook says to do now, as a checklist
    Runbook(Runbook),
    /// Index postmortems, runbooks and documents; say what is indexed
    #[command(subcommand)]
    Memory(Memory),
    /// Say whom to ask: who knows what fails, who is on call, and what time it is there
    Experts(Experts),
    /// Declare an incident
    Declare(Declare),
    /// Add a note to an incident
    Note(Note),
    /// Say what may have caused an incident, and whether it is right
    #[command(subcommand)]
    Hypothesis(hypothesis::Hypothesis),
    /// List and show incidents
    #[command(subcommand)]
    Incident(Incident),
    /// Show, verify, redact, export and import records
    #[command(subcommand)]
    Record(Record),
    /// Make a record of what others kept: a frozen incident
    #[command(subcommand)]
    Import(Import),
    /// Write what a record holds for others: a frozen incident
    #[command(subcommand)]
    Export(Export),
    /// List what is proposed: the actions that wait for approval
    Proposals(Proposals),
    /// Show a proposal in full
    Show(ShowProposal),
    /// Approve exactly what was shown
    Approve(Approve),
    /// Reject a proposal, with a reason
    Reject(Reject),
    /// Tell everything that was proposed, decided and done, and verify it
    Audit(Audit),
    /// Show what actions change, and let them go on after a person has looked
    #[command(subcommand)]
    Target(Target),
    /// Ask about what is over: your own reverts, cases from a file, incidents from their records
    #[command(subcommand)]
    Backtest(Backtest),
    /// Serve the read tools to an agent, over standard input and output
    Mcp(Mcp),
    /// Run the service: it takes changes, alerts and telemetry, and answers before anybody asks
    Serve(Serve),
    /// Make, list and revoke the tokens that open the service
    #[command(subcommand)]
    Token(Token),
    /// Show the service catalog, and check it
    #[command(subcommand)]
    Catalog(Catalog),
    /// Check the configuration and each part's health
    Doctor(Doctor),
    /// Replay a bundled incident: no key, no account, no network
    Demo(Demo),
}

/// Ranks the changes of a window by how likely each explains what fails. Exit code 0 when an answer was given,
/// 1 when no source could answer, 2 for wrong usage.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hearback ask \"what changed?\" --repo ~/src/shop --symptom \"checkout 5xx, TypeError in cart.js\"
  hearback ask \"what changed?\" --repo . --as-of 2026-11-23T14:05Z --since 7d --json
  pbpaste | hearback ask --repo . --symptom -      # a stack trace from the clipboard
  hearback ask --incident INC-3")]
pub struct Ask {
    /// The question; words beyond "what changed" count as symptom
    #[arg(default_value = "what changed?")]
    pub question: String,
    /// A git repository; may be given several times [default: those of the configuration, else this folder]
    #[arg(long = "repo", value_name = "PATH")]
    pub repositories: Vec<PathBuf>,
    /// Ask inside this incident: its services, alerts and changes count, and the answer goes into its record
    #[arg(long, value_name = "INC")]
    pub incident: Option<String>,
    /// Answer as of then; everything later is hidden: 2026-11-23T14:05:00Z, "2h ago" [default: now]
    #[arg(long, value_name = TIME)]
    pub as_of: Option<String>,
    /// How far back to look: 24h, 7d, or a time [default: 24h]
    #[arg(long, value_name = "LENGTH")]
    pub since: Option<String>,
    /// When it began, if you know: ages count from there, and what came later is ruled out
    #[arg(long, value_name = TIME)]
    pub onset: Option<String>,
    /// A service that fails; may be given several times
    #[arg(long = "service", value_name = "NAME")]
    pub services: Vec<String>,
    /// What is seen to fail: an error message, a stack trace; - reads standard input
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub symptom: String,
    /// The branch, tag or commit to look at [default: HEAD]
    #[arg(long, value_name = "REV")]
    pub revision: Option<String>,
    /// Look at merges on the main line instead of their commits
    #[arg(long)]
    pub first_parent: bool,
    /// How many suspects to list, 1 to 20
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=20))]
    pub top: u8,
    /// Print the answer as one JSON object (config/answer.schema.json)
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Let the configured model look further after the answer; it costs what the last line says
    #[arg(long, conflicts_with = "json", conflicts_with = "server")]
    pub deepen: bool,
    #[command(flatten)]
    pub who: Who,
    #[command(flatten)]
    pub server: Server,
}

/// Ranks people by what they did, own and know of what fails: who made the suspects or brought them in, who takes changes
/// back, who works there, who owns it. Says who is on call and what time it is for each; neither moves anybody in the order.
/// Programs and people who opted out are never shown. Exit code 0 when an answer was given, 1 when no source could answer,
/// 2 for wrong usage.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hearback experts --repo ~/src/shop --symptom \"checkout 5xx, TypeError in cart.js\" --service checkout
  hearback experts --repo . --as-of 2026-11-23T03:05Z --since 7d --json | jq '.experts[0]'
  pbpaste | hearback experts --symptom -      # the repositories of the configuration

People ([[person]]) and schedules ([[on_call]]) are configured; config/default.toml shows how.")]
pub struct Experts {
    /// A git repository; may be given several times [default: those of the configuration, else this folder]
    #[arg(long = "repo", value_name = "PATH")]
    pub repositories: Vec<PathBuf>,
    /// What is seen to fail: an error message, a stack trace; - reads standard input
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub symptom: String,
    /// A service that fails; may be given several times
    #[arg(long = "service", value_name = "NAME")]
    pub services: Vec<String>,
    /// About this incident: its title, alerts, questions, services and changes
    #[arg(long, value_name = "INC")]
    pub incident: Option<String>,
    /// As of then; everything later is hidden: 2026-11-23T14:05:00Z, "2h ago" [default: now]
    #[arg(long, value_name = TIME)]
    pub as_of: Option<String>,
    /// How far back changes are suspects: 24h, 7d, or a time [default: 24h]; what people did counts for a year
    #[arg(long, value_name = "LENGTH")]
    pub since: Option<String>,
    /// The branch, tag or commit to look at [default: HEAD]
    #[arg(long, value_name = "REV")]
    pub revision: Option<String>,
    /// How many people to list, 1 to 20
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=20))]
    pub top: u8,
    /// Print one JSON object: {"as_of", "experts", "gaps", "searched"}
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Markdown,
    Json,
}

/// Makes records of what others kept.
#[derive(Debug, Subcommand)]
pub enum Import {
    /// A folder of logs, metrics, traces and changes becomes an incident, with the times of its sources
    #[command(after_help = "Examples:
  hearback import incident incidents/checkout-5xx
  hearback backtest replay INC-4 --ask \"what changed?\"

The folder holds alert.json, and as far as there are any: logs.ndjson, metrics.csv, traces.json, context/commits.json,
context/deploys.json, context/flags.json. Other files are kept as documents; truth.json is not read.")]
    Incident {
        /// The folder
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// Print what was imported as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Writes what records hold.
#[derive(Debug, Subcommand)]
pub enum Export {
    /// An incident becomes a folder that `hearback import incident` and `hearback backtest incidents` read
    #[command(after_help = "Example:
  hearback export incident INC-3 incidents/checkout-5xx

Of logs a record keeps wordings with their counts by minute, not lines: they are written as wordings.json.")]
    Incident {
        /// The incident
        #[arg(value_name = "INC")]
        incident: String,
        /// The folder to write; it must not exist
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// Print what was written as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Opens an incident's record. Prints its id.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  hearback declare \"Checkout 5xx\" --severity SEV-1 --service checkout --impact-since \"10m ago\"")]
pub struct Declare {
    /// What it is called
    pub title: String,
    /// How bad it is, by impact on users: SEV-1 (worst) to SEV-5
    #[arg(long, value_name = "SEV")]
    pub severity: String,
    /// A service known to be affected; may be given several times
    #[arg(long = "service", value_name = "NAME")]
    pub services: Vec<String>,
    /// When users began to feel it
    #[arg(long, value_name = TIME)]
    pub impact_since: Option<String>,
    #[command(flatten)]
    pub who: Who,
    #[command(flatten)]
    pub server: Server,
    /// Print the entry as JSON
    #[arg(long)]
    pub json: bool,
}

/// Writes a note into an incident's record.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  hearback note INC-3 \"rolled back checkout to v412\" --at \"3m ago\"")]
pub struct Note {
    /// The incident
    #[arg(value_name = "INC")]
    pub incident: String,
    /// The words
    pub text: String,
    /// When it happened [default: now]
    #[arg(long, value_name = TIME)]
    pub at: Option<String>,
    #[command(flatten)]
    pub who: Who,
    /// Print the entry as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Who {
    /// Who says so
    #[arg(long, value_name = "NAME", env = "USER", default_value = "unknown", hide_env_values = true)]
    pub by: String,
}

/// A service that does the work in place of this program.
#[derive(Debug, Args)]
pub struct Server {
    /// Ask a running `hearback serve` instead of reading repositories and record here
    #[arg(long, value_name = "URL", env = "HEARBACK_SERVER", hide_env_values = true)]
    pub server: Option<String>,
    /// The file that holds your token for it [default: $HEARBACK_TOKEN is the token]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Incident {
    /// All incidents, oldest first
    #[command(after_help = "Example:\n  hearback incident list --json")]
    List {
        /// Print JSON Lines
        #[arg(long)]
        json: bool,
    },
    /// Say that an incident is over: alerts of its services open another one from then on
    #[command(
        after_help = "Example:\n  hearback incident resolve INC-3 --how \"rolled back checkout to v411\""
    )]
    Resolve {
        /// The incident
        #[arg(value_name = "INC")]
        incident: String,
        /// What ended it
        #[arg(long)]
        how: String,
        #[command(flatten)]
        who: Who,
        /// Print the entry as JSON
        #[arg(long)]
        json: bool,
    },
    /// What is known of an incident: title, severity, roles, alerts, changes, timeline
    #[command(after_help = "Example:\n  hearback incident show INC-3 --as-of \"1h ago\"")]
    Show {
        /// The incident
        #[arg(value_name = "INC")]
        incident: String,
        /// As it was known then
        #[arg(long, value_name = TIME)]
        as_of: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum Record {
    /// Every entry, in order
    #[command(after_help = "Example:\n  hearback record show INC-3 --json | jq .kind")]
    Show {
        /// The incident
        #[arg(value_name = "INC")]
        incident: String,
        /// Print JSON Lines, one entry a line
        #[arg(long)]
        json: bool,
    },
    /// Walk the chain and name the first broken entry; exit code 1 if there is one
    #[command(
        after_help = "Example:\n  hearback record verify INC-3 --head 41:9f2c…  # the head an earlier verify printed"
    )]
    Verify {
        /// The incident
        #[arg(value_name = "INC")]
        incident: String,
        /// A head that was noted or exported before, SEQ:HASH: a record that was cut short is noticed
        #[arg(long, value_name = "HEAD")]
        head: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove the body of an entry for good; a tombstone stays and the chain still verifies
    #[command(after_help = "Example:\n  hearback record redact INC-3 17 --why \"customer data\"")]
    Redact {
        /// The incident
        #[arg(value_name = "INC")]
        incident: String,
        /// The entry's number
        seq: u64,
        /// Why; stays in the record
        #[arg(long)]
        why: String,
        #[command(flatten)]
        who: Who,
    },
    /// Write the record with its snapshots as JSON Lines
    #[command(after_help = "Example:\n  hearback record export INC-3 --output inc-3.jsonl")]
    Export {
        /// The incident
        #[arg(value_name = "INC")]
        incident: String,
        /// The file to write [default: standard output]; never overwritten
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Take an exported record; it must verify
    #[command(after_help = "Example:\n  hearback record import inc-3.jsonl")]
    Import {
        /// The file; - reads standard input
        file: PathBuf,
    },
}

/// Serves read tools and incidents to one agent by the Model Context Protocol, until the agent ends its side. Nothing can be
/// written through it. With --server a running service reads, logs and traces among it; else this process does.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hearback mcp --repo ~/src/checkout
  hearback mcp --server http://127.0.0.1:7433 --token-file token
An agent's configuration names it so:
  {\"mcpServers\": {\"hearback\": {\"command\": \"hearback\", \"args\": [\"mcp\"]}}}")]
pub struct Mcp {
    /// A repository to read; may be given several times [default: those of the configuration]
    #[arg(long = "repo", value_name = "PATH")]
    pub repositories: Vec<PathBuf>,
    #[command(flatten)]
    pub server: Server,
}

/// Serves HTTP until it is told to stop (Ctrl-C, SIGTERM). At the first start it makes a token and prints it once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hearback serve
  hearback serve --listen 127.0.0.1:7433 --config /etc/hearback/hearback.toml
  curl -H \"Authorization: Bearer $HEARBACK_TOKEN\" http://127.0.0.1:7433/v1/incidents")]
pub struct Serve {
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:7433]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<std::net::SocketAddr>,
}

#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a token and print it; it is not shown again
    #[command(after_help = "Examples:
  hearback token add ana --right read,respond,approve
  hearback token add prometheus --program --right send --expires 365d
  hearback token add vendor --right read --incident INC-3")]
    Add {
        /// Whose it is; everything done with it is said to be theirs
        holder: String,
        /// A program's, not a person's
        #[arg(long)]
        program: bool,
        /// What it may do: read, respond, send, approve, administer
        #[arg(long = "right", value_name = "RIGHT", value_delimiter = ',', default_value = "read")]
        rights: Vec<hearback_core::access::Right>,
        /// An incident it may see; may be given several times [default: all]
        #[arg(long = "incident", value_name = "INC")]
        incidents: Vec<String>,
        /// How long it holds: 12h, 90d [default: until it is revoked]
        #[arg(long, value_name = "LENGTH")]
        expires: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// All tokens, without their secrets
    #[command(after_help = "Example:\n  hearback token list --json")]
    List {
        /// Print JSON Lines
        #[arg(long)]
        json: bool,
    },
    /// End a token, at once
    #[command(after_help = "Example:\n  hearback token revoke x7Kq2mPz")]
    Revoke {
        /// Its id, as `token list` shows it
        id: String,
    },
}

/// Services, their owners, tiers, dependencies, code and runbooks, and what the catalog lacks.
#[derive(Debug, Subcommand)]
pub enum Catalog {
    /// Show all services as a table, or one in full: who owns its code, what needs it, what it needs
    #[command(after_help = "Examples:
  hearback catalog show
  hearback catalog show checkout
  hearback catalog show --json | jq '.services[] | select(.tier == 1) | .name'")]
    Show {
        /// A service, by name or alias
        #[arg(value_name = "SERVICE")]
        service: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Tell what is wrong with the catalog and what is missing; exit code 1 if something is wrong
    #[command(after_help = "Examples:
  hearback catalog check
  hearback catalog check --json | jq -r '.problems[] | select(.level == \"error\") | .says'")]
    Check {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Checks the configuration and every part, one line each, with what to do. Exit code 1 if something is broken.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  hearback doctor --config hearback.toml")]
pub struct Doctor {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Replays a bundled incident through the same code as a live one, and answers "what changed?" in the middle of it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  hearback demo --fast")]
pub struct Demo {
    /// Don't pause between entries
    #[arg(long)]
    pub fast: bool,
}
