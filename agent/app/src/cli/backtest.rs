//! The words of `hearback backtest`. It must not do anything.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{TIME, Who};

/// Asks about what is over, to see how good the answers are.
#[derive(Debug, Subcommand)]
pub enum Backtest {
    /// Ask about a repository's own reverts, with the future hidden: how often would the culprit have been named?
    Reverts(Reverts),
    /// Ask cases from a file
    Cases(Cases),
    /// Ask who would have been the right one to ask: how high did whoever rolled back stand?
    Experts(BacktestExperts),
    /// Ask a data set which service is at the root, from the series of all services and who calls whom
    Services(Services),
    /// Ask about frozen incidents: logs, metrics, traces and changes in a folder each
    Incidents(Incidents),
    /// Let the configured model look into the answers about frozen incidents: what is it worth beside them?
    Model(BacktestModel),
    /// Ask memory for documents whose right answer is known
    Memory(MemoryBacktest),
    /// Learn the ranker's weights from cases, and write them unless the present ones backtest better
    Train(Train),
    /// Answer from an incident's record as it was known then: no network, no repository, the same bytes each time
    Replay(Replay),
    /// Make a regression case of a reviewed incident: its record, the question, and which change did it
    Adopt(Adopt),
    /// Replay all adopted cases; exit code 1 if one fares worse than when it was adopted
    Adopted(Adopted),
}

/// Takes the reverts of a repository as failures whose culprit is known, strips from their messages what gives it away,
/// hides everything later, and asks what `hearback ask` would be asked. Prints how often the culprit is among the first,
/// beside simple methods, and how far the confidence can be believed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hearback backtest reverts                                 # this folder, the last ten years
  hearback backtest reverts --repo ~/src/shop --save        # `hearback ask` says percentages then
  hearback backtest reverts --since 2024-01-01 --until 2025-01-01 --report backtest.html
  hearback backtest reverts --limit 200 --json | jq -c 'select(.id and .rank != 1)'

Exit code 0 when cases were measured; 1 when there is none, some could not be asked or --save had
nothing to save; 2 for wrong usage; 130 after Ctrl-C, with the summary of what was asked.")]
pub struct Reverts {
    /// A git repository
    #[arg(long, value_name = "PATH", default_value = ".")]
    pub repo: PathBuf,
    /// Reverts from then on: 2024-01-01, or a length before --until such as 365d [default: ten years]
    #[arg(long, value_name = "DATE")]
    pub since: Option<String>,
    /// Reverts before then; nothing from then on is read [default: now]
    #[arg(long, value_name = "DATE")]
    pub until: Option<String>,
    /// How long before a revert changes are candidates, in whole days
    #[arg(long, value_name = "LENGTH", default_value = "30d")]
    pub window: String,
    /// The newest N cases only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Keep what was found of the confidence, so that `hearback ask` says percentages on this repository
    #[arg(long)]
    pub save: bool,
    #[command(flatten)]
    pub measuring: Measuring,
}

/// Asks cases in JSON Lines: {"id", "repo", "as_of" (seconds since 1970), "symptom_text", "culprit_sha" or "culprit_shas",
/// "days"}, one a line; other fields are ignored. Cases whose answer can be seen are told, and asked unless
/// --refuse-leaks.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hearback backtest cases --cases cases.jsonl --repo shop=../shop
  hearback backtest cases --cases cases.jsonl --repo shop=../shop --repo web=../web --only-symptoms
  hearback backtest cases --cases cases.jsonl --repo shop=../shop --json > outcomes.jsonl

A case is a line: {\"id\": \"c1\", \"repo\": \"shop\", \"as_of\": 1771855200, \"symptom_text\": \"cart is\nempty\", \"culprit_sha\": \"3f2a91c…\" or \"culprit_shas\": […], \"days\": 30}; other fields are ignored.
Exit code 0 when cases were measured; 1 when there is none or some could not be asked; 2 for wrong
usage; 130 after Ctrl-C, with the summary of what was asked.")]
pub struct Cases {
    /// The file of cases
    #[arg(long, value_name = "FILE")]
    pub cases: PathBuf,
    /// Where a repository is that cases name; may be given several times
    #[arg(long = "repo", value_name = "NAME=PATH", required = true)]
    pub repositories: Vec<String>,
    /// Only the cases of this half
    #[arg(long, value_enum, value_name = "HALF")]
    pub half: Option<HalfOf>,
    /// Don't ask cases whose answer can be seen
    #[arg(long)]
    pub refuse_leaks: bool,
    #[command(flatten)]
    pub measuring: Measuring,
}

/// Indexes the documents of a file in a place that is thrown away afterwards, asks each query as of its own time, and says how
/// often the right document is found: by everything, by words alone, by meaning alone, and by taking the newest.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hearback backtest memory --docs docs.jsonl --queries queries.jsonl
  hearback backtest memory --docs rollbacks.jsonl --json | jq -c 'select(.id and .rank != 1)'

A document is a line: {\"id\": \"d1\", \"text\": \"# Checkout down…\"}; a query: {\"query\": \"pool full\", \"relevant\":
[\"d1\"]}. Without --queries the documents' file holds both: {\"id\", \"title\", \"symptom_text\", \"paths\", \"repo\",
\"as_of\" (seconds since 1970), \"relevant\"}; those with something in \"relevant\" are asked as well, and find nothing
that was not known before them.
Exit code 0 when queries were asked; 2 for wrong usage; 130 after Ctrl-C, with the summary of what was asked.")]
pub struct MemoryBacktest {
    /// The documents, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub docs: PathBuf,
    /// The queries, one JSON object a line [default: those among the documents]
    #[arg(long, value_name = "FILE")]
    pub queries: Option<PathBuf>,
    /// Where the dice of the intervals begin
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Print JSON Lines: the ranks of each query, {"summary"} last
    #[arg(long)]
    pub json: bool,
    /// Leave out the words of queries that did not find the right one first
    #[arg(long)]
    pub no_misses: bool,
}

/// For each case, ranks everybody who did something in the year before by what `hearback experts` measures, and says how
/// high the one who rolled back stood, beside the last committer, the words of each author's year, who wrote the lines near
/// the suspects, and an oracle that knows the culprit's author. Nobody is named.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hearback backtest experts --cases cases.jsonl --repo shop=../shop --only-symptoms
  hearback backtest experts --cases cases.jsonl --repo shop=../shop --half learn --train config/experts.toml
  hearback backtest experts --cases cases.jsonl --repo shop=../shop --json | jq -c 'select(.id and .rank != 1)'

A case is one of `hearback backtest cases` with two more fields: \"responder\", the first 16 hexadecimal digits of
the SHA-256 of the address (in lower case) of who rolled back, and \"culprit_author\", the same of the culprit's author.
Exit code 0 when all cases were asked; 1 when there is none or some could not be; 2 for wrong usage; 130
after Ctrl-C, with the summary of what was asked.")]
pub struct BacktestExperts {
    /// The file of cases
    #[arg(long, value_name = "FILE")]
    pub cases: PathBuf,
    /// Where a repository is that cases name; may be given several times
    #[arg(long = "repo", value_name = "NAME=PATH", required = true)]
    pub repositories: Vec<String>,
    /// Only the cases of this half
    #[arg(long, value_enum, value_name = "HALF")]
    pub half: Option<HalfOf>,
    /// Only cases whose text tells of a failure, not of a decision
    #[arg(long)]
    pub only_symptoms: bool,
    /// Ask with the weights of this file [default: those that come with the program]
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Learn the weights from these cases, and write them into this file, whose comments stay
    #[arg(long, value_name = "FILE")]
    pub train: Option<PathBuf>,
    /// Where the dice of the intervals begin
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Print JSON Lines: {"id", "rank", "people", "baselines", "ms"} for each case, {"summary"} last
    #[arg(long)]
    pub json: bool,
}

/// Ranks the services of each issue of a data set from their metrics and the graph of calls, and only then opens the file
/// that says which one was at the root. Prints how often it is among the first, for all issues and by scenario.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hearback backtest services --dataset petshop --dir petshop-root-cause-analysis --split train
  hearback backtest services --dataset petshop --dir petshop-root-cause-analysis --json | jq -c 'select(.id and .rank != 1)'

The data set is github.com/amazon-science/petshop-root-cause-analysis: DIR, or the folder dataset in it, holds
a folder for each scenario with graph.csv, noissue/metrics.csv, and train and test with a folder for each issue
(metrics.csv, target.json).
Exit code 0 when issues were measured; 2 for wrong usage and for files that are missing or malformed.")]
pub struct Services {
    /// Which form the data set has
    #[arg(long, value_enum, value_name = "DATASET")]
    pub dataset: DatasetOf,
    /// Where it is
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Only the issues of this part
    #[arg(long, value_enum, value_name = "SPLIT", default_value_t = SplitOf::All)]
    pub split: SplitOf,
    /// Where the dice of the intervals begin
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Print JSON Lines: {"id", "target", "ranked", "rank", "ms"} for each issue, {"summary"} last
    #[arg(long)]
    pub json: bool,
}

/// A data set whose form is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DatasetOf {
    /// PetShop: issues of a microservice application.
    Petshop,
}

/// A part of a data set of issues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SplitOf {
    /// The part that may be studied.
    Train,
    /// The part that figures are reported on.
    Test,
    /// Both.
    All,
}

/// Imports each folder into a record with the times of its sources, asks "what changed?", and only then opens truth.json to
/// score the answer; without one it only answers. A folder holds alert.json, logs.ndjson, metrics.csv, traces.json,
/// context/commits.json, deploys.json, flags.json, as far as there are any, and whatever else there is to see.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hearback backtest incidents --dir incidents/
  hearback backtest incidents --dir incidents/ --perturb 20 --seed 1     # in other words, and without the culprit
  hearback backtest incidents --dir incidents/checkout-5xx --json | jq .culprit

Exit code 0 when all were asked; 1 when some could not be; 2 for wrong usage; 130 after Ctrl-C, with
the summary of what was asked.")]
pub struct Incidents {
    /// A folder of frozen incidents, or one of them
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Ask each N times more with other names, times and orders, and N times without the change that did it
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub perturb: u32,
    /// Where the dice of --perturb begin
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Leave out a rule of config/culprit.toml, to see what it is worth; may be given several times
    #[arg(long, value_name = "RULE")]
    pub without: Vec<String>,
    /// Print JSON Lines: {"id", "culprit", "first_failing_service", "blast_radius", "remediation", "confidence", "evidence", "decoy_blamed", "ms"} for each incident, {"summary"} last
    #[arg(long)]
    pub json: bool,
}

/// Answers about each folder as `backtest incidents` does, lets the model of [model] look further into the answer, over what
/// the folder holds and nothing later, and only then opens truth.json. Prints what both are worth, and tokens, cost and
/// seconds. The answer stands in any case. What is printed first says how much may be spent. A model's first hypothesis is the
/// one that people are told first: of those that stand, the surest by the evidence, then in the model's order.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hearback backtest model --dir incidents/
  hearback backtest model --dir incidents/ --only tls-cert-expiry --repeat 3
  hearback backtest model --dir incidents/ --most-cost 2.50 --json | jq .summary.model

The model sees what stands in the folders; secrets are taken out before. [model.limits] are those of one look.
Exit code 0 when the model looked at all of them; 1 when some could not be asked, the model was
missing or can't be used, or a limit ended it; 2 for wrong usage; 130 after Ctrl-C, with the
summary of what is there.")]
pub struct BacktestModel {
    /// A folder of frozen incidents, or one of them
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Only the incident of this name; may be given several times
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// Let the model look N times at each, to see how its words vary
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub repeat: u32,
    /// End when so much is spent, in the currency of the price; the reply that is under way may go beyond it
    #[arg(long, value_name = "AMOUNT")]
    pub most_cost: Option<String>,
    /// End when the model has read and written so many tokens; the reply that is under way may go beyond it
    #[arg(long, value_name = "N")]
    pub most_tokens: Option<u64>,
    /// Print one JSON object: {"model", "incidents", "summary", "spent", "failed", "ended"}
    #[arg(long)]
    pub json: bool,
}

/// Learns on the cases of the learning half (on all, if the file is not divided), says by cross-validation over blocks of
/// time what the new weights are worth, and writes them into the file of weights, whose comments stay. Nothing is drawn by
/// chance: the same cases give the same weights. Exit code 0 when they were written, 1 when the present ones backtest
/// better or there are too few cases, 2 for wrong usage, 130 after Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hearback backtest train --cases reverts.jsonl --repo nova=~/src/nova --repo deno=~/src/deno --weights config/ranker.toml
  hearback backtest train --cases reverts.jsonl --repo nova=~/src/nova --weights ranker.toml --json | jq .written")]
pub struct Train {
    /// The file of cases
    #[arg(long, value_name = "FILE")]
    pub cases: PathBuf,
    /// Where a repository is that cases name; may be given several times
    #[arg(long = "repo", value_name = "NAME=PATH", required = true)]
    pub repositories: Vec<String>,
    /// The file of weights that is rewritten
    #[arg(long, value_name = "FILE", default_value = "config/ranker.toml")]
    pub weights: PathBuf,
    /// Write them even if the present ones backtest better
    #[arg(long)]
    pub force: bool,
    /// Where the dice of the intervals begin
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Print one JSON object: {"summary", "written", "weights"}
    #[arg(long)]
    pub json: bool,
}

/// How cases are measured and told.
#[derive(Debug, Args)]
pub struct Measuring {
    /// Only cases whose text tells of a failure, not of a decision
    #[arg(long)]
    pub only_symptoms: bool,
    /// Where the dice of the intervals begin
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Print JSON Lines: {"id", "rank", "ranked", "abstained", "ms"} for each case, {"summary"} last
    #[arg(long)]
    pub json: bool,
    /// Leave out the worst misses, which quote messages and titles of the repositories
    #[arg(long)]
    pub no_misses: bool,
    /// Write the report as one HTML page too, or as Markdown if the name ends in .md; a file that is there is replaced
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HalfOf {
    /// The part that weights may be learned on.
    Learn,
    /// The part that is reported on.
    Report,
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
