//! The user's configuration: where it is found, how it is read, and what a mistake in it is called. Only the
//! program reads files and the environment; the libraries get values.

pub mod actions;
pub mod mcp;
pub mod memory;
pub mod model;
mod people;
pub mod serve;
pub mod traces;

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use hearback_core::Catalog;
use hearback_core::catalog::Service;
use hearback_core::expertise::Person;
use hearback_core::redaction::{OwnRule, OwnRules};
use hearback_core::time::parse_length;
use hearback_core::{Gap, Incident};
use hearback_engine::analysts::authorised::AuthorisationPolicy;
use hearback_engine::analysts::culprit::rules::CulpritRules;
use hearback_engine::calibration::Calibration;
use hearback_engine::driver::{Context, Sources};
use hearback_engine::expertise::ExpertSettings;
use hearback_engine::ranker::{Ranker, position};
use hearback_engine::signals::Signals;
use jiff::SignedDuration;
use serde::Deserialize;

use self::actions::{ActionsConfig, ApprovalSection, ProposalsSection, RevertsSection};
use self::mcp::McpSection;
use self::memory::{MemoryConfig, MemorySection};
use self::model::{ModelConfig, ModelSection};
use self::serve::{
    AlertsSection, GithubSection, HookSection, LeadershipSection, PrometheusSection, Sections, ServeConfig,
    ServeSection, SlackSection, TelemetrySection,
};
use self::traces::{TracesConfig, TracesSection};
use crate::output::Usage;
use crate::wiring::catalog::{self, CatalogFiles};
use crate::wiring::{FreezeEntry, OnCallEntry};

const DEFAULT: &str = include_str!("../../../config/default.toml");
const SHIPPED_SIGNALS: &str = include_str!("../../../config/signals.toml");
const SHIPPED_CULPRIT: &str = include_str!("../../../config/culprit.toml");
const SHIPPED_RANKER: &str = include_str!("../../../config/ranker.toml");

/// A repository to ask.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// Where it is.
    pub path: PathBuf,
    /// What to call it.
    pub name: Option<String>,
    /// The branch, tag or commit to look at.
    pub revision: Option<String>,
    /// Which commits to look at.
    #[serde(default)]
    pub walk: Walk,
    /// That its commits may be undone, and how; without it none is.
    pub reverts: Option<RevertsSection>,
}

/// Which commits to look at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Walk {
    /// Every commit.
    #[default]
    All,
    /// The main line only: merges stand for what they bring.
    FirstParent,
}

/// Where the cache is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cache {
    /// In this file.
    At(PathBuf),
    /// Nowhere.
    Off,
}

/// Where incidents are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordPlace {
    /// Where the user says.
    Named(String),
    /// In this folder, which is made when it is first needed.
    Default(PathBuf),
}

/// The configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The user's file, if there is one.
    pub file: Option<PathBuf>,
    /// How far back to look.
    pub window: SignedDuration,
    /// How long the sources may take.
    pub budget: SignedDuration,
    /// Where incidents are written.
    pub record: RecordPlace,
    /// Where the cache is.
    pub cache: Cache,
    /// Where it is kept what backtests found of the ranker's confidence; none if there is no place for it.
    pub calibrations: Option<PathBuf>,
    /// The repositories to ask.
    pub repositories: Vec<Repository>,
    /// The services.
    pub catalog: Catalog,
    /// What is proposed, and who may approve.
    pub actions: ActionsConfig,
    /// What is needed to remember.
    pub memory: MemoryConfig,
    /// Which model looks further; none if none does.
    pub model: Option<ModelConfig>,
    /// Other people's tool servers that it may read with.
    pub mcp: Vec<McpSection>,
    /// Where traces of the program itself are sent; none if nowhere.
    pub traces: Option<TracesConfig>,
    /// What only the service needs.
    pub serve: ServeConfig,
    /// Thresholds for series.
    pub signals: Signals,
    /// Weights of what explains a failure.
    pub culprit: CulpritRules,
    /// What must be authorised.
    pub policy: AuthorisationPolicy,
    /// Change freezes, with the folder their files are relative to.
    pub freezes: (Vec<FreezeEntry>, PathBuf),
    /// How experts are found, the configured people among it.
    pub experts: ExpertSettings,
    /// Who is on call, with the folder their files are relative to.
    pub on_call: (Vec<OnCallEntry>, PathBuf),
    /// Where the services were read, and what could not be.
    pub catalog_files: CatalogFiles,
    /// Weights and thresholds.
    pub ranker: Ranker,
    /// What is taken out of text besides the built-in list.
    pub redaction: OwnRules,
}

impl Config {
    /// What a question is asked with. `gaps` are [`CatalogFiles::gaps`] of this configuration.
    pub fn context<'a>(
        &'a self,
        sources: &'a Sources,
        calibration: Option<&'a Calibration>,
        gaps: &'a [Gap],
        incident: Option<&'a Incident>,
        budget: SignedDuration,
    ) -> Context<'a> {
        Context {
            ranker: &self.ranker,
            calibration,
            signals: &self.signals,
            culprit: &self.culprit,
            experts: &self.experts,
            policy: &self.policy,
            catalog: &self.catalog,
            gaps,
            sources,
            incident,
            budget,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    ask: AskSection,
    record: RecordSection,
    cache: PathSection,
    calibration: PathSection,
    ranker: PathSection,
    catalog: CatalogSection,
    memory: MemorySection,
    model: ModelSection,
    mcp: Vec<McpSection>,
    repository: Vec<Repository>,
    service: Vec<Service>,
    serve: ServeSection,
    alerts: AlertsSection,
    telemetry: TelemetrySection,
    traces: TracesSection,
    prometheus: Vec<PrometheusSection>,
    github: Vec<GithubSection>,
    leadership: LeadershipSection,
    slack: Option<SlackSection>,
    hook: Vec<HookSection>,
    authorisation: AuthorisationPolicy,
    approval: ApprovalSection,
    proposals: ProposalsSection,
    freeze: Vec<FreezeEntry>,
    person: Vec<Person>,
    on_call: Vec<OnCallEntry>,
    redaction: RedactionSection,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AskSection {
    window: Option<String>,
    budget: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RecordSection {
    url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CatalogSection {
    files: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RedactionSection {
    rules: Vec<OwnRule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PathSection {
    path: Option<String>,
}

/// Reads the configuration. `named` is the file given on the command line, `record` the record given there.
///
/// # Errors
/// [`Usage`] with file, line and column of the mistake.
pub fn load(named: Option<&Path>, record: Option<&str>) -> anyhow::Result<Config> {
    let defaults = parse(DEFAULT, Path::new("config/default.toml"))?;
    let file = find(named)?;
    let user = match &file {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Usage(format!("{} can't be read: {error}", path.display())))?;
            parse(&text, path)?
        }
        None => File::default(),
    };
    let length = |user: Option<String>, default: Option<String>| -> anyhow::Result<SignedDuration> {
        let text = user.or(default).unwrap_or_default();
        parse_length(&text).map_err(|error| Usage(error.to_string()).into())
    };
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let folder = file.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
    let base = folder.unwrap_or(Path::new("."));
    let from_file = record.is_none();
    let record = match record.map(str::to_owned).or(given(user.record.url)) {
        Some(url) if from_file => RecordPlace::Named(beside(base, url)),
        Some(url) => RecordPlace::Named(url),
        None => RecordPlace::Default(in_home("XDG_DATA_HOME", ".local/share")?),
    };
    let cache = match given(user.cache.path).as_deref() {
        Some("off") => Cache::Off,
        Some(path) => Cache::At(base.join(path)),
        None => {
            in_home("XDG_CACHE_HOME", ".cache").map_or(Cache::Off, |home| Cache::At(home.join("git.sqlite")))
        }
    };
    let calibrations = match given(user.calibration.path) {
        Some(path) => Some(base.join(path)),
        None => in_home("XDG_DATA_HOME", ".local/share").ok().map(|home| home.join("calibration.toml")),
    };
    let serve = Sections {
        serve: user.serve,
        alerts: user.alerts,
        telemetry: user.telemetry,
        prometheus: user.prometheus,
        github: user.github,
        leadership: user.leadership,
        slack: user.slack,
        hooks: user.hook,
    };
    let default_serve = Sections {
        serve: defaults.serve,
        alerts: defaults.alerts,
        telemetry: defaults.telemetry,
        prometheus: Vec::new(),
        github: Vec::new(),
        leadership: LeadershipSection::default(),
        slack: None,
        hooks: Vec::new(),
    };
    let repositories: Vec<Repository> = user
        .repository
        .into_iter()
        .map(|repository| Repository { path: base.join(&repository.path), ..repository })
        .collect();
    let (catalog, catalog_files) =
        catalog::read(base, file.as_deref(), user.service, &user.catalog.files, &repositories);
    Ok(Config {
        window: length(user.ask.window, defaults.ask.window).context("ask.window")?,
        budget: length(user.ask.budget, defaults.ask.budget).context("ask.budget")?,
        record,
        cache,
        calibrations,
        repositories,
        catalog,
        catalog_files,
        actions: ActionsConfig::read(
            user.approval,
            user.proposals,
            (defaults.approval, defaults.proposals),
            base,
        )?,
        memory: user.memory.over(
            defaults.memory,
            base,
            in_home("XDG_DATA_HOME", ".local/share").ok().as_deref(),
        )?,
        model: user.model.checked(base)?,
        mcp: mcp::checked(user.mcp, base)?,
        traces: user.traces.checked(base),
        serve: serve.over(default_serve, base)?,
        signals: shipped_signals()?,
        culprit: shipped_culprit()?,
        policy: user.authorisation,
        freezes: (user.freeze, base.to_owned()),
        experts: people::settings(user.person)?,
        on_call: (user.on_call, base.to_owned()),
        ranker: ranker(given(user.ranker.path).map(|path| base.join(path)).as_deref())?,
        redaction: own_rules(&user.redaction)?,
        file,
    })
}

fn own_rules(section: &RedactionSection) -> anyhow::Result<OwnRules> {
    OwnRules::new(&section.rules).map_err(|error| Usage(format!("[redaction]: {error}")).into())
}

/// A record's place in a configuration file: a plain path is relative to the file, a URL stays as it is.
fn beside(base: &Path, url: String) -> String {
    if url.contains(':') { url } else { base.join(url).to_string_lossy().into_owned() }
}

fn find(named: Option<&Path>) -> anyhow::Result<Option<PathBuf>> {
    let named = named.map(Path::to_owned).or_else(|| env::var_os("HEARBACK_CONFIG").map(PathBuf::from));
    if let Some(path) = named {
        return Ok(Some(path));
    }
    let home = in_home("XDG_CONFIG_HOME", ".config").map(|folder| folder.join("hearback.toml"));
    Ok([Ok(PathBuf::from("hearback.toml")), home].into_iter().flatten().find(|path| path.is_file()))
}

/// The folder `hearback` in the base directory that `variable` names, or in `fallback` under the home directory.
pub fn in_home(variable: &str, fallback: &str) -> anyhow::Result<PathBuf> {
    let set = env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(fallback));
    let base = set.or_else(home).ok_or_else(|| {
        Usage(format!("neither {variable} nor HOME is set; say where with --record, or set HOME"))
    })?;
    Ok(base.join("hearback"))
}

fn parse(text: &str, path: &Path) -> anyhow::Result<File> {
    toml::from_str(text).map_err(|error| {
        let (line, column) = position(text, error.span().map_or(0, |span| span.start));
        let why = error.message().lines().next().unwrap_or_default().to_owned();
        Usage(format!("{}, line {line}, column {column}: {why}", path.display())).into()
    })
}

/// The weights that come with the program.
pub fn shipped_ranker() -> anyhow::Result<Ranker> {
    Ok(Ranker::parse(SHIPPED_RANKER)?)
}

/// The thresholds for series that come with the program.
pub fn shipped_signals() -> anyhow::Result<Signals> {
    Ok(Signals::parse(SHIPPED_SIGNALS)?)
}

/// The weights of what explains a failure that come with the program.
pub fn shipped_culprit() -> anyhow::Result<CulpritRules> {
    Ok(CulpritRules::parse(SHIPPED_CULPRIT)?)
}

fn ranker(path: Option<&Path>) -> anyhow::Result<Ranker> {
    let Some(path) = path else { return shipped_ranker() };
    let text = std::fs::read_to_string(path)
        .map_err(|error| Usage(format!("the ranker's weights {} can't be read: {error}", path.display())))?;
    Ranker::parse(&text).map_err(|error| Usage(format!("{}, {error}", path.display())).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_defaults_are_read() {
        let defaults = parse(DEFAULT, Path::new("default.toml")).unwrap();
        assert_eq!(defaults.ask.window.as_deref(), Some("24h"));
    }

    #[test]
    fn rules_of_ones_own_are_read_and_a_bad_one_is_named() {
        let read = |text: &str| own_rules(&parse(text, Path::new("my.toml")).unwrap().redaction);
        let good = read("[redaction]\nrules = [{ name = \"customer number\", pattern = 'C-[0-9]{6}' }]\n");
        assert_eq!(good.unwrap().len(), 1);
        assert!(read("").unwrap().is_empty());
        let bad = read("[redaction]\nrules = [{ name = \"all\", pattern = '.' }]\n").unwrap_err().to_string();
        assert!(bad.starts_with("[redaction]: rule \"all\""), "{bad}");
    }

    #[test]
    fn a_mistake_is_named_with_line_and_column() {
        let check = |text: &str, expect: &str| {
            let error = parse(text, Path::new("my.toml")).unwrap_err().to_string();
            assert!(error.starts_with(expect), "{error}");
        };
        check("[ask]\nwindw = \"1h\"\n", "my.toml, line 2, column 1: unknown field `windw`");
        check("[ask]\nwindow = 3\n", "my.toml, line 2, column 10: invalid type: integer");
        check("[ask\n", "my.toml, line 1, column 5");
        check("[[service]]\nname = \"a b\"\n", "my.toml, line 2, column 8: \"a b\" is not a service name");
    }
}
