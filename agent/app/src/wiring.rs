//! Puts the parts together: the only file that names concrete connectors and stores.

mod actions;
pub mod backtest;
pub mod catalog;
mod chat;
pub mod intake;
mod live;
pub mod mcp;
pub mod memory;
mod model;
mod people;
pub mod server;
mod traces;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::actions::{Actions, actions};
pub use self::chat::{ChatIntake, SentByChat, chat_socket, check_chat};
pub use self::live::{Heard, Notifier, signal_sources};
use self::memory::Missing;
pub use self::model::{check_model, model};
pub use self::traces::{Traces, check_traces, traces};
use anyhow::Result;
pub use hearback_calendar::{FreezeEntry, OnCallEntry};
use hearback_core::ports::{ChangeSource, ConnectorError, FreezeSource};
use hearback_engine::calibration::{Backtested, Calibration, digest_of};
use hearback_engine::driver::Sources;
use hearback_engine::logged::LoggedChanges;
use hearback_git::{CommitCache, GitChangeSource, GitOptions, OnProgress, Progress as Reading, WalkMode};
use hearback_record::{Record, RecordUrl};
use jiff::SignedDuration;

use crate::calibrations::Calibrations;
use crate::cli::Ask;
use crate::config::serve::PrometheusSection;
use crate::config::{Cache, Config, RecordPlace, Repository, Walk};
use crate::output::Usage;
use crate::progress::Progress;
use crate::serve::Parts;

/// How long a part has to say that it is there.
const CHECK_WITHIN: SignedDuration = SignedDuration::from_secs(5);

/// The configured record, opened.
pub async fn record(config: &Config) -> Result<Arc<dyn Record>> {
    if let RecordPlace::Default(folder) = &config.record {
        std::fs::create_dir_all(folder)
            .map_err(|error| Usage(format!("{} can't be made: {error}; set --record", folder.display())))?;
    }
    open(&place(config)).await
}

/// The record at `url`, opened.
pub async fn open(url: &str) -> Result<Arc<dyn Record>> {
    let url: RecordUrl = url.parse().map_err(|error| Usage(format!("--record: {error}")))?;
    Ok(hearback_record::open(&url).await?)
}

/// What the copilot's own record is called as a source.
pub const OWN_RECORD: &str = "hearback:record";
/// What its investigations are called as a source.
pub const OWN_INVESTIGATION: &str = "hearback:investigation";

/// Where the record is, without a password.
pub fn shown_record(config: &Config) -> String {
    place(config).parse::<RecordUrl>().map_or_else(|error| error.to_string(), |url| url.to_string())
}

fn place(config: &Config) -> String {
    match &config.record {
        RecordPlace::Named(url) => url.clone(),
        RecordPlace::Default(folder) => folder.join("record.sqlite").to_string_lossy().into_owned(),
    }
}

/// Everything the service is made of.
///
/// # Errors
/// [`Usage`] names the part of the configuration that can't be used; or the record is away.
pub async fn service(config: Config) -> Result<Parts> {
    let record = record(&config).await?;
    let mut changes: Vec<Arc<dyn ChangeSource>> = vec![Arc::new(LoggedChanges::new(record.clone())?)];
    let cache = cache(&config);
    let (mut read, mut repositories) = (Vec::new(), Vec::new());
    for repository in &config.repositories {
        let source = Arc::new(git(repository, &changes, cache.clone(), None)?);
        read.push(Read::of(repository, &source));
        repositories.push(Arc::clone(&source));
        changes.push(source);
    }
    changes.extend(live::github_sources(&config)?);
    let calibration = calibration(&read, &live::github_names(&config), &config);
    let telemetry = live::telemetry(&config)?;
    let (memories, memory) = memory::memories(&config, Missing::Make).await;
    let sources = Sources {
        changes,
        signals: live::signal_sources(&config)?,
        logs: telemetry.iter().map(|telemetry| Arc::clone(&telemetry.logs)).collect(),
        traces: telemetry.iter().map(|telemetry| Arc::clone(&telemetry.traces)).collect(),
        documents: Vec::new(),
        memories,
        services: Vec::new(),
        freezes: freezes(&config)?,
        people: people::sources(&repositories, &config)?,
        others: mcp::others(&config),
    };
    let intake = live::intake(&config)?;
    let notifier = live::notifier(&config)?;
    let actions = actions(&config)?;
    let (chat, chat_intake) = (chat::chat(&config)?, chat::chat_intake(&config)?);
    let channels = chat::channels(&config)?;
    Ok(Parts {
        config,
        record,
        sources,
        calibration,
        telemetry,
        memory,
        intake,
        notifier,
        actions,
        chat,
        chat_intake,
        channels,
    })
}

/// Asks a configured Prometheus for its version.
pub async fn check_prometheus(section: &PrometheusSection, config: &Config) -> Result<String> {
    Ok(live::prometheus(section, config)?.check(CHECK_WITHIN).await?)
}

/// Whether the sections for GitHub can be used; how many there are.
pub fn check_github(config: &Config) -> Result<usize> {
    live::intake(config)?;
    Ok(live::github_sources(config)?.len())
}

/// Whether the sections for freezes can be used; how many there are.
pub fn check_freezes(config: &Config) -> Result<usize> {
    freezes(config)?;
    Ok(config.freezes.0.len())
}

fn freezes(config: &Config) -> Result<Vec<Arc<dyn FreezeSource>>> {
    let (entries, base) = &config.freezes;
    hearback_calendar::sources(entries, base).map_err(|error| Usage(error.to_string()).into())
}

/// What a question on the command line is asked of.
pub struct Asked {
    /// The sources.
    pub sources: Sources,
    /// How far the ranker's confidence can be believed on them; none if that is not known of one of them.
    pub calibration: Option<Calibration>,
}

/// Which repositories a question on the command line is about.
pub struct Named<'a> {
    /// Those that are named; none for those of the configuration.
    pub repositories: &'a [PathBuf],
    /// The branch, tag or commit to look at.
    pub revision: Option<&'a str>,
    /// Look at merges instead of their commits.
    pub first_parent: bool,
    /// There is an incident to ask, so that no repository is needed.
    pub in_incident: bool,
}

impl<'a> From<&'a Ask> for Named<'a> {
    fn from(arguments: &'a Ask) -> Self {
        Named {
            repositories: &arguments.repositories,
            revision: arguments.revision.as_deref(),
            first_parent: arguments.first_parent,
            in_incident: arguments.incident.is_some(),
        }
    }
}

/// What a question on the command line is asked of.
pub async fn sources(named: Named<'_>, config: &Config, progress: &Progress) -> Result<Asked> {
    let (mut changes, read, repositories) = change_sources(&named, config, progress)?;
    let mut names = Vec::new();
    if named.repositories.is_empty() {
        changes.extend(live::github_sources(config)?);
        names = live::github_names(config);
    }
    let (signals, freezes) = (live::signal_sources(config)?, freezes(config)?);
    let people = people::sources(&repositories, config)?;
    let (memories, _) = memory::memories(config, Missing::Leave).await;
    let others = mcp::others(config);
    let sources = Sources { changes, signals, freezes, memories, people, others, ..Sources::default() };
    Ok(Asked { sources, calibration: calibration(&read, &names, config) })
}

/// The configured sources of changes.
pub fn configured_changes(config: &Config, progress: &Progress) -> Result<Vec<Arc<dyn ChangeSource>>> {
    let cache = cache(config);
    let mut sources: Vec<Arc<dyn ChangeSource>> = Vec::new();
    for repository in &config.repositories {
        let source = git(repository, &sources, cache.clone(), Some(progress))?;
        sources.push(Arc::new(source));
    }
    sources.extend(live::github_sources(config)?);
    Ok(sources)
}

/// A repository that is asked, as far as its calibration is concerned.
struct Read {
    name: String,
    root: PathBuf,
    walk: Walk,
}

/// Sources, and what they are read from.
type SourcesRead = (Vec<Arc<dyn ChangeSource>>, Vec<Read>, Vec<Arc<GitChangeSource>>);

impl Read {
    fn of(repository: &Repository, source: &GitChangeSource) -> Self {
        Read {
            name: source.repository_name().to_owned(),
            root: source.root().to_owned(),
            walk: repository.walk,
        }
    }
}

/// What backtests found of all these repositories with the weights of today. A file that can't be used is the same as
/// none here; `doctor` says what is wrong with it.
fn calibration(read: &[Read], on_github: &[String], config: &Config) -> Option<Calibration> {
    let known = Calibrations::load(config.calibrations.as_deref()?).ok()?;
    let weights = digest_of(&config.ranker);
    // What was found was found of commits; what the forge knows of the same repository is about these.
    if on_github.iter().any(|name| !read.iter().any(|read| read.name == *name)) {
        return None;
    }
    let of = |read: &Read| if read.walk == Walk::All { known.of(&read.root, &weights) } else { None };
    let found: Option<Vec<Backtested>> = read.iter().map(|read| of(read).cloned()).collect();
    Calibration::together(&found?)
}

/// Whether answers on the configured repositories say percentages.
pub fn is_calibrated(config: &Config) -> bool {
    let read = config.repositories.iter().map(|one| Some(Read::of(one, &repository(one).ok()?)));
    let read: Option<Vec<Read>> = read.collect();
    read.is_some_and(|read| calibration(&read, &live::github_names(config), config).is_some())
}

/// The sources of changes for a question: the repositories of the command line, else the configured ones, else
/// (outside an incident) this folder.
fn change_sources(asked: &Named<'_>, config: &Config, progress: &Progress) -> Result<SourcesRead> {
    let named = |path: &Path| Repository {
        path: path.to_owned(),
        name: None,
        revision: None,
        walk: Walk::All,
        reverts: None,
    };
    let mut repositories: Vec<Repository> = asked.repositories.iter().map(|path| named(path)).collect();
    if repositories.is_empty() {
        repositories.clone_from(&config.repositories);
    }
    if repositories.is_empty() && !asked.in_incident {
        repositories.push(named(Path::new(".")));
    }
    let cache = cache(config);
    let mut sources: Vec<Arc<dyn ChangeSource>> = Vec::new();
    let (mut read, mut opened) = (Vec::new(), Vec::new());
    for mut repository in repositories {
        repository.revision = asked.revision.map(str::to_owned).or(repository.revision);
        if asked.first_parent {
            repository.walk = Walk::FirstParent;
        }
        let source = Arc::new(git(&repository, &sources, cache.clone(), Some(progress))?);
        read.push(Read::of(&repository, &source));
        opened.push(Arc::clone(&source));
        sources.push(source);
    }
    Ok((sources, read, opened))
}

/// Two repositories in folders of one name get different names, so that their changes get different ids.
fn git(
    repository: &Repository,
    others: &[Arc<dyn ChangeSource>],
    cache: Option<Arc<CommitCache>>,
    progress: Option<&Progress>,
) -> Result<GitChangeSource> {
    let options =
        || GitOptions { cache: cache.clone(), progress: progress.map(listener), ..options(repository) };
    let source = open_git(&repository.path, repository.name.as_deref(), options())?;
    let is_taken = |name: &str| others.iter().any(|other| other.name().as_str() == name);
    let first = source.name().as_str().to_owned();
    let mut numbered = (2..).map(|number| format!("{first}-{number}"));
    match numbered.find(|name| !is_taken(name)) {
        Some(name) if is_taken(&first) => {
            let name = name.strip_prefix("git:").unwrap_or(&name).to_owned();
            open_git(&repository.path, Some(&name), options())
        }
        _ => Ok(source),
    }
}

/// Opens a configured repository, to see whether it can be.
pub fn repository(repository: &Repository) -> Result<GitChangeSource> {
    open_git(&repository.path, repository.name.as_deref(), options(repository))
}

fn listener(progress: &Progress) -> OnProgress {
    let say = progress.listener();
    Arc::new(move |reading| match reading {
        Reading::Walking { seen } => say(format!("{seen} commits seen")),
        Reading::Counting { done, of } => say(format!("files of {done} of {of} commits counted")),
    })
}

fn open_git(path: &Path, name: Option<&str>, options: GitOptions) -> Result<GitChangeSource> {
    GitChangeSource::open(path, name, options).map_err(|error| match error {
        ConnectorError::NotUsable(says) => Usage(says).into(),
        other => other.into(),
    })
}

fn options(repository: &Repository) -> GitOptions {
    let walk = match repository.walk {
        Walk::All => WalkMode::AllCommits,
        Walk::FirstParent => WalkMode::FirstParent,
    };
    GitOptions { walk, revision: repository.revision.clone(), ..GitOptions::default() }
}

/// The cache, or none: a question is never lost for want of it.
pub fn cache(config: &Config) -> Option<Arc<CommitCache>> {
    let Cache::At(path) = &config.cache else { return None };
    if let Some(folder) = path.parent() {
        // If the folder can't be made the cache stays empty, and `doctor` says so.
        let _ = std::fs::create_dir_all(folder);
    }
    // It holds diffs, so it is its owner's alone. If it can't be made, the cache stays empty.
    let _ = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    Some(Arc::new(CommitCache::open(path)))
}
