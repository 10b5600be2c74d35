//! What a made-up incident is made of. It must not know how.

use serde::Deserialize;

/// A recipe, or what it is cooked from, can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {why}")]
pub struct RecipeError {
    /// Where.
    pub file: String,
    /// Why.
    pub why: String,
}

impl RecipeError {
    pub(super) fn new(file: &str, why: &impl ToString) -> RecipeError {
        RecipeError { file: file.to_owned(), why: why.to_string() }
    }
}

/// What an incident is made of. The same recipe makes the same bytes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Recipe {
    /// The name of the folder.
    pub id: String,
    /// What happened.
    pub cause: Cause,
    /// Which of the ways it may show; by the seed if it is left out.
    #[serde(default)]
    pub language: Option<String>,
    /// Who calls whom.
    pub topology: Topology,
    /// What else went on.
    #[serde(default)]
    pub red_herrings: Vec<RedHerring>,
    /// Where the dice begin.
    pub seed: u64,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A change dropped the handling of what may be missing.
    GuardRemoved,
    /// A change dropped a lock.
    LockRemoved,
    /// A change asks the database once a row.
    QueryInLoop,
    /// A change keeps what it should let go; it shows hours later.
    MemoryLeak,
    /// A connection pool was made too small.
    PoolSize,
    /// A deadline was made too short.
    Timeout,
    /// Retries were made too many.
    RetryBudget,
    /// A dependency no longer fits.
    DependencyBump,
    /// Code and tables do not agree.
    SchemaMismatch,
    /// What was accepted no longer is.
    ValidationTightened,
    /// A flag was switched on.
    FlagOn,
    /// A name was mistyped in a configuration.
    InfraDnsName,
    /// A URL was put together wrongly.
    InfraUrl,
    /// A secret is not where it is looked for.
    InfraCredentialsPath,
    /// A library breaks those who use it.
    SharedLibrary,
    /// A provider fails, and says so.
    ProviderOutage,
    /// A provider fails, and does not say so.
    ProviderOutageSilent,
    /// A certificate ran out.
    CertificateExpiry,
    /// A token or secret ran out.
    TokenExpiry,
    /// More requests than there is capacity for.
    TrafficSurge,
    /// A disk is full.
    DiskFull,
    /// A provider's quota is used up.
    ProviderQuota,
    /// A feed holds a record that can't be read.
    BadFeed,
    /// A node is slow for all that runs on it.
    NodeNeighbour,
    /// Names are not resolved.
    DnsFailure,
    /// The primary of a database moved, or is away.
    DatabaseFailover,
    /// A session holds what others wait for.
    LockContention,
}

/// Who calls whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topology {
    /// One service.
    Single,
    /// Three to five, each calling the next.
    Chain,
    /// One that calls several.
    FanOut,
    /// Two that share a third.
    Diamond,
    /// A producer and a consumer with a queue between them.
    Queue,
}

/// What went on beside it and looks guilty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RedHerring {
    /// The failing service was deployed again, harmlessly.
    LaterDeploy,
    /// Another service was deployed minutes before.
    NeighbourDeploy,
    /// A flag was switched minutes before.
    FlagFlip,
    /// A commit has the words of the error and touches logging, tests or documents.
    MatchingWords,
    /// Another service warns more than it did.
    WarningSurge,
    /// Requests become more, slowly.
    SlowGrowth,
    /// A service was restarted as planned.
    PlannedRestart,
    /// A change was reverted and landed again.
    RevertReland,
    /// A robot raised a dependency.
    BotBump,
}
