//! The sections of the configuration that only the service reads: where it listens, what it takes, what it asks.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use hearback_core::signal::SignalKind;
use hearback_core::time::parse_length;
use hearback_core::{ServiceName, Severity};
use hearback_engine::placing::PlacingRule;
use jiff::SignedDuration;
use serde::Deserialize;

use crate::output::Usage;

/// What the service needs to know, checked.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How long a question may take.
    pub budget: SignedDuration,
    /// The largest body that is taken, in bytes, after decompression.
    pub max_body: usize,
    /// Where alerts belong.
    pub placing: PlacingRule,
    /// The labels that name an alert's service, the first that is there counts.
    pub service_labels: Vec<String>,
    /// Where telemetry is kept.
    pub telemetry: TelemetryPlace,
    /// How old telemetry gets.
    pub retention: SignedDuration,
    /// How large telemetry gets, in bytes.
    pub max_bytes: u64,
    /// Prometheus servers.
    pub prometheus: Vec<PrometheusSection>,
    /// GitHub repositories.
    pub github: Vec<GithubSection>,
    /// Who hears of changes that were not authorised.
    pub leadership: LeadershipSection,
    /// The workspace in Slack whose channels are those of incidents.
    pub slack: Option<SlackSection>,
    /// Programs that bring services from one version to another.
    pub hooks: Vec<HookSection>,
}

/// Where telemetry is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TelemetryPlace {
    /// In this folder.
    At(PathBuf),
    /// In the data directory.
    Default,
    /// Nowhere: logs and traces are refused.
    Off,
}

/// A Prometheus server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrometheusSection {
    /// Where it is.
    pub url: String,
    /// What to call it.
    pub name: Option<String>,
    /// A bearer token for it.
    pub token: Option<Secret>,
    /// The distance of points that is wished for; else 15 s.
    pub step: Option<String>,
    /// How far back a rate looks, at least: four scrape intervals; else 2m.
    pub rate_over: Option<String>,
    /// Where people find it, if not at the same address.
    pub people_url: Option<String>,
    /// Which of the built-in queries fit: "opentelemetry", "classic" or "either".
    pub conventions: Option<String>,
    /// Queries for golden signals in place of the built-in ones; `{{service}}` is the service's name.
    #[serde(default)]
    pub signals: BTreeMap<SignalKind, String>,
}

/// A repository on GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GithubSection {
    /// `owner/name`.
    pub repository: String,
    /// What the git repository is called here; else the name on GitHub.
    pub name: Option<String>,
    /// The API's base URL, for GitHub Enterprise.
    pub api: Option<String>,
    /// A token that may read it.
    pub token: Option<Secret>,
    /// The webhook's secret; without it webhooks are refused.
    pub webhook_secret: Option<Secret>,
    /// Workflows that deploy.
    #[serde(default)]
    pub deploy_workflow: Vec<DeployWorkflowSection>,
    /// That pull requests may be opened, once somebody has approved.
    #[serde(default)]
    pub open_pull_requests: bool,
    /// Environments that may be deployed to again, once somebody has approved, and how.
    #[serde(default)]
    pub redeploy: Vec<RedeploySection>,
}

/// An environment that may be deployed to again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedeploySection {
    /// The environment, exactly as GitHub calls it.
    pub environment: String,
    /// By a deployment with this task; `deploy` unless the repository has others.
    pub task: Option<String>,
    /// Or by this workflow's file …
    pub workflow: Option<String>,
    /// … of this branch …
    pub branch: Option<String>,
    /// … with these inputs; `{sha}`, `{environment}` and `{key}` are filled in.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
}

/// A program of yours that brings services from one version to another (connectors/hook/CONTRACT.md).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookSection {
    /// What to call it.
    pub name: String,
    /// Where it listens.
    pub url: Secret,
    /// What requests are signed with: `whsec_` and base64.
    pub secret: Secret,
    /// The services it can change. Empty for any.
    #[serde(default)]
    pub services: Vec<ServiceName>,
    /// The environments it can change. Empty for any.
    #[serde(default)]
    pub environments: Vec<String>,
}

/// A workflow that deploys.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeployWorkflowSection {
    /// A pattern for its name, its path or its file's name.
    pub workflow: String,
    /// Where it deploys to, if it is always the same.
    pub environment: Option<String>,
}

/// Who hears of changes that were not authorised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeadershipSection {
    /// Where notices are sent, as `{"text": …}`; else they are log lines.
    pub webhook: Option<Secret>,
}

/// An app in a workspace of Slack (connectors/slack/manifest.json makes one).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackSection {
    /// The workspace: T….
    pub team: String,
    /// The app: A….
    pub app: String,
    /// The app's own user: U….
    pub bot_user: String,
    /// The bot token, xoxb-….
    pub bot_token: Secret,
    /// The app token, xapp-…, for Socket Mode.
    pub app_token: Option<Secret>,
    /// The signing secret, for what Slack sends over HTTP.
    pub signing_secret: Option<Secret>,
    /// The channel of incidents that an alert opens: C…; without it they have none until somebody binds one.
    pub channel: Option<String>,
    /// The same for incidents of some services.
    #[serde(default)]
    pub channels: BTreeMap<ServiceName, String>,
    /// Where Slack's methods are; for tests.
    pub api: Option<String>,
}

/// Something that must not stand in a file that is shown around: where it is found instead.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Secret {
    /// In this environment variable.
    Env(String),
    /// In this file, relative to the configuration.
    File(PathBuf),
}

impl Secret {
    /// Reads it.
    ///
    /// # Errors
    /// [`Usage`]: it is not there, or empty.
    pub fn read(&self) -> anyhow::Result<String> {
        let (text, place) = match self {
            Secret::Env(name) => (std::env::var(name).ok(), format!("the environment variable {name}")),
            Secret::File(path) => {
                (std::fs::read_to_string(path).ok(), format!("the file {}", path.display()))
            }
        };
        let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        text.ok_or_else(|| Usage(format!("{place} is missing or empty; it should hold a secret")).into())
    }

    /// A file's place is relative to `base`.
    pub(super) fn beside(self, base: &Path) -> Self {
        match self {
            Secret::File(path) => Secret::File(base.join(path)),
            other => other,
        }
    }
}

/// The sections as they are written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServeSection {
    listen: Option<SocketAddr>,
    budget: Option<String>,
    max_body_kib: Option<usize>,
}

/// See [`ServeSection`].
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertsSection {
    declare: Option<BTreeMap<String, String>>,
    group_within: Option<String>,
    service_labels: Option<Vec<String>>,
}

/// See [`ServeSection`].
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetrySection {
    path: Option<String>,
    retention: Option<String>,
    max_mib: Option<u64>,
}

/// All of them.
pub struct Sections {
    pub serve: ServeSection,
    pub alerts: AlertsSection,
    pub telemetry: TelemetrySection,
    pub prometheus: Vec<PrometheusSection>,
    pub github: Vec<GithubSection>,
    pub leadership: LeadershipSection,
    pub slack: Option<SlackSection>,
    pub hooks: Vec<HookSection>,
}

impl Sections {
    /// Puts the user's sections over the defaults. Paths are relative to `base`.
    ///
    /// # Errors
    /// [`Usage`] with the key of the mistake.
    pub fn over(self, defaults: Sections, base: &Path) -> anyhow::Result<ServeConfig> {
        let length = |key: &'static str, user: Option<String>, default: Option<String>| {
            let text = user.or(default).unwrap_or_default();
            parse_length(&text).map_err(|error| anyhow::Error::new(Usage(error.to_string()))).context(key)
        };
        let declares = self.alerts.declare.or(defaults.alerts.declare).unwrap_or_default();
        let declares = declares.into_iter().map(|(level, severity)| {
            let severity: Result<Severity, _> = severity.parse();
            let severity = severity.map_err(|error| Usage(format!("alerts.declare.{level}: {error}")))?;
            anyhow::Ok((level.to_lowercase(), severity))
        });
        let telemetry = match self.telemetry.path.as_deref() {
            None | Some("") => TelemetryPlace::Default,
            Some("off") => TelemetryPlace::Off,
            Some(path) => TelemetryPlace::At(base.join(path)),
        };
        let secret = |secret: Option<Secret>| secret.map(|secret| secret.beside(base));
        let prometheus = self.prometheus.into_iter();
        let github = self.github.into_iter();
        Ok(ServeConfig {
            listen: self
                .serve
                .listen
                .or(defaults.serve.listen)
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 7433))),
            budget: length("serve.budget", self.serve.budget, defaults.serve.budget)?,
            max_body: self
                .serve
                .max_body_kib
                .or(defaults.serve.max_body_kib)
                .unwrap_or(4096)
                .saturating_mul(1024),
            placing: PlacingRule {
                declares: declares.collect::<anyhow::Result<_>>()?,
                group_within: length(
                    "alerts.group_within",
                    self.alerts.group_within,
                    defaults.alerts.group_within,
                )?,
            },
            service_labels: self.alerts.service_labels.or(defaults.alerts.service_labels).unwrap_or_default(),
            telemetry,
            retention: length("telemetry.retention", self.telemetry.retention, defaults.telemetry.retention)?,
            max_bytes: self
                .telemetry
                .max_mib
                .or(defaults.telemetry.max_mib)
                .unwrap_or(2048)
                .saturating_mul(1 << 20),
            prometheus: prometheus
                .map(|one| PrometheusSection { token: secret(one.token.clone()), ..one })
                .collect(),
            github: github
                .map(|one| GithubSection {
                    token: secret(one.token.clone()),
                    webhook_secret: secret(one.webhook_secret.clone()),
                    ..one
                })
                .collect(),
            leadership: LeadershipSection { webhook: secret(self.leadership.webhook) },
            hooks: self
                .hooks
                .into_iter()
                .map(|one| HookSection { url: one.url.beside(base), secret: one.secret.beside(base), ..one })
                .collect(),
            slack: self.slack.map(|one| SlackSection {
                bot_token: one.bot_token.beside(base),
                app_token: secret(one.app_token),
                signing_secret: secret(one.signing_secret),
                ..one
            }),
        })
    }
}
