//! The parts that are asked or told over a network, from their sections of the configuration: Prometheus, GitHub,
//! telemetry, leadership.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use hearback_core::action::RedeployBy;
use hearback_core::ports::{ChangeSource, ConnectorError, SignalSource};
use hearback_core::time::parse_length;
use hearback_github::{
    DeployWorkflow, GithubActions, GithubChangeSource, GithubOptions, Pattern, RedeployWay, Slug, Token,
    WebhookRules, WebhookSecret,
};
use hearback_http::{Credentials, HttpClient, HttpError, HttpOptions, Limits};
use hearback_prometheus::{PrometheusOptions, PrometheusSignalSource};
use hearback_telemetry::{TelemetryOptions, TelemetryStore};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::intake::{GithubIntake, Intake};
use crate::config::serve::{GithubSection, PrometheusSection, RedeploySection, TelemetryPlace};
use crate::config::{Config, in_home};
use crate::output::Usage;
use crate::serve::Telemetry;

/// How long leadership's webhook has to answer.
const NOTICE_WITHIN: SignedDuration = SignedDuration::from_secs(10);

fn usage(error: impl std::fmt::Display) -> anyhow::Error {
    Usage(error.to_string()).into()
}

/// The configured Prometheus servers.
///
/// # Errors
/// [`Usage`]: one of them can't be used.
pub fn signal_sources(config: &Config) -> Result<Vec<Arc<dyn SignalSource>>> {
    let source = |section: &PrometheusSection| -> Result<Arc<dyn SignalSource>> {
        Ok(Arc::new(prometheus(section, config).with_context(|| format!("[[prometheus]] {}", section.url))?))
    };
    config.serve.prometheus.iter().map(source).collect()
}

/// One configured Prometheus, ready to be asked.
///
/// # Errors
/// [`Usage`]: it can't be used.
pub fn prometheus(section: &PrometheusSection, config: &Config) -> Result<PrometheusSignalSource> {
    let mut http = HttpOptions::new(&section.url);
    if let Some(token) = &section.token {
        http.credentials = Credentials::Bearer(hearback_http::Secret::new(&token.read()?));
    }
    let name = section.name.clone().unwrap_or_else(|| "metrics".into());
    let mut options = PrometheusOptions::new(name, http);
    options.people_url.clone_from(&section.people_url);
    let length = |text: &Option<String>| text.as_deref().map(parse_length).transpose().map_err(usage);
    options.step = length(&section.step)?.unwrap_or(options.step);
    options.rate_over = length(&section.rate_over)?.unwrap_or(options.rate_over);
    let conventions = section.conventions.as_deref().unwrap_or("either");
    if !options.templates.sets.contains_key(conventions) {
        let known: Vec<&str> = options.templates.sets.keys().map(String::as_str).collect();
        return Err(usage(format!("conventions \"{conventions}\" are not known; use {}", known.join(", "))));
    }
    if let Some(set) = options.templates.sets.get(conventions).cloned() {
        let set = set.into_iter().chain(section.signals.clone()).collect();
        options.templates.sets.insert("either".into(), set);
    }
    for service in &config.catalog.services {
        for (kind, query) in &service.signals {
            options.templates.overrides.insert((service.name.clone(), *kind), query.clone());
        }
    }
    PrometheusSignalSource::new(options).map_err(usage)
}

/// The configured repositories on GitHub.
///
/// # Errors
/// [`Usage`]: one of them can't be used.
pub fn github_sources(config: &Config) -> Result<Vec<Arc<dyn ChangeSource>>> {
    let source = |section: &GithubSection| -> Result<Arc<dyn ChangeSource>> {
        Ok(Arc::new(github(section).with_context(|| format!("[[github]] {}", section.repository))?))
    };
    config.serve.github.iter().map(source).collect()
}

/// What the configured repositories on GitHub are called here.
pub fn github_names(config: &Config) -> Vec<String> {
    config.serve.github.iter().map(name_here).collect()
}

fn github(section: &GithubSection) -> Result<GithubChangeSource> {
    let slug: Slug = section.repository.parse().map_err(usage)?;
    GithubChangeSource::new(slug, &name_here(section), github_options(section)?).map_err(usage)
}

fn github_options(section: &GithubSection) -> Result<GithubOptions> {
    let mut options = GithubOptions { deploy_workflows: workflows(section)?, ..GithubOptions::default() };
    if let Some(api) = &section.api {
        options.base_url.clone_from(api);
    }
    if let Some(token) = &section.token {
        options.token = Some(Token::new(&token.read()?).map_err(usage)?);
    }
    Ok(options)
}

/// What can be done on GitHub, by the repositories' names here.
///
/// # Errors
/// [`Usage`]: a section can't be used.
pub fn github_actions(config: &Config) -> Result<Vec<Arc<GithubActions>>> {
    let wants = |section: &&GithubSection| section.open_pull_requests || !section.redeploy.is_empty();
    let actions = |section: &GithubSection| -> Result<Arc<GithubActions>> {
        let slug: Slug = section.repository.parse().map_err(usage)?;
        let ways = section.redeploy.iter().map(way).collect::<Result<_>>()?;
        let made = GithubActions::new(slug, &name_here(section), github_options(section)?, ways);
        Ok(Arc::new(made.map_err(usage).with_context(|| format!("[[github]] {}", section.repository))?))
    };
    config.serve.github.iter().filter(wants).map(actions).collect()
}

/// The repositories in which pull requests may be opened.
pub fn opening_pull_requests(config: &Config) -> Vec<String> {
    config.serve.github.iter().filter(|section| section.open_pull_requests).map(name_here).collect()
}

fn way(section: &RedeploySection) -> Result<RedeployWay> {
    let by = match (&section.workflow, &section.branch) {
        (None, None) if section.inputs.is_empty() => {
            RedeployBy::Deployment { task: section.task.clone().unwrap_or_else(|| "deploy".into()) }
        }
        (Some(file), Some(branch)) if section.task.is_none() => RedeployBy::Workflow {
            file: file.clone(),
            branch: branch.clone(),
            inputs: section.inputs.clone(),
        },
        _ => {
            let says = "[[github.redeploy]] takes a workflow with its branch and inputs, or a task, not both";
            return Err(Usage(says.into()).into());
        }
    };
    Ok(RedeployWay { environment: section.environment.clone(), by })
}

fn workflows(section: &GithubSection) -> Result<Vec<DeployWorkflow>> {
    let workflow = |one: &crate::config::serve::DeployWorkflowSection| {
        let pattern = Pattern::new(&one.workflow).map_err(usage)?;
        Ok(DeployWorkflow { workflow: pattern, environment: one.environment.clone() })
    };
    section.deploy_workflow.iter().map(workflow).collect()
}

/// What the repository is called here.
fn name_here(section: &GithubSection) -> String {
    let own = || section.repository.rsplit('/').next().unwrap_or_default().to_owned();
    section.name.clone().unwrap_or_else(own)
}

/// How what is sent is read.
///
/// # Errors
/// [`Usage`]: a secret or a name can't be used.
pub fn intake(config: &Config) -> Result<Intake> {
    let mut github = BTreeMap::new();
    for section in &config.serve.github {
        let Some(secret) = &section.webhook_secret else { continue };
        let empty = || Usage(format!("the webhook's secret of {} is empty", section.repository));
        let secret = WebhookSecret::new(secret.read()?).ok_or_else(empty)?;
        let slug: Slug = section.repository.parse().map_err(usage)?;
        let rules = WebhookRules {
            repositories: vec![(slug, name_here(section))],
            branches: Vec::new(),
            deploy_workflows: workflows(section)?,
        };
        let name = name_here(section);
        if github.contains_key(&name) {
            return Err(usage(format!(
                "two [[github]] are called {name} here; give one of them another name"
            )));
        }
        github.insert(name, GithubIntake { secret, rules });
    }
    let alertmanager = hearback_alertmanager::Options {
        service_labels: config.serve.service_labels.clone(),
        ..hearback_alertmanager::Options::default()
    };
    Ok(Intake { alertmanager, catalog: config.catalog.clone(), github })
}

/// Where telemetry is kept, opened; none if it is off.
///
/// # Errors
/// [`Usage`]: the folder can't be used, or another service uses it.
pub fn telemetry(config: &Config) -> Result<Option<Telemetry>> {
    let folder = match &config.serve.telemetry {
        TelemetryPlace::Off => return Ok(None),
        TelemetryPlace::At(folder) => folder.clone(),
        TelemetryPlace::Default => in_home("XDG_DATA_HOME", ".local/share")?.join("telemetry"),
    };
    let mut options = TelemetryOptions::new(folder, Arc::new(Timestamp::now)).map_err(usage)?;
    options.retention = config.serve.retention;
    options.max_bytes = config.serve.max_bytes;
    let store = Arc::new(TelemetryStore::open(options).map_err(usage)?);
    let counted = Arc::clone(&store);
    Ok(Some(Telemetry {
        sink: store.clone(),
        logs: store.clone(),
        traces: store,
        bytes: Arc::new(move || counted.stats().bytes),
    }))
}

/// Whether somebody heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// They did.
    Yes,
    /// It was sent, and what became of it is not known.
    Maybe,
}

/// Tells people outside an incident.
pub enum Notifier {
    /// With a line in the log.
    Log,
    /// By a webhook that takes `{"text": …}`, as chat systems have them.
    Webhook {
        /// The client of its origin.
        http: Box<HttpClient>,
        /// Its path and query, which are its secret.
        url: hearback_http::Url,
    },
}

/// How leadership hears of changes that were not authorised.
///
/// # Errors
/// [`Usage`]: the webhook can't be used.
pub fn notifier(config: &Config) -> Result<Notifier> {
    let Some(secret) = &config.serve.leadership.webhook else { return Ok(Notifier::Log) };
    let text = secret.read().context("[leadership] webhook")?;
    let url =
        hearback_http::Url::parse(&text).map_err(|_| Usage("[leadership] webhook is not a URL".into()))?;
    let origin = url.origin().ascii_serialization();
    let http = HttpClient::new(HttpOptions::new(origin)).map_err(usage).context("[leadership] webhook")?;
    Ok(Notifier::Webhook { http: Box::new(http), url })
}

impl Notifier {
    /// Tells `text`.
    ///
    /// # Errors
    /// Nobody heard it; it may be told again.
    pub async fn tell(&self, text: &str) -> Result<Heard, ConnectorError> {
        match self {
            Notifier::Log => {
                tracing::warn!(notice = text, "leadership should know");
                Ok(Heard::Yes)
            }
            Notifier::Webhook { http, url } => {
                match http.post_json(url, &json!({"text": text}), Limits::new(NOTICE_WITHIN, 64 * 1024)).await
                {
                    Ok(_) => Ok(Heard::Yes),
                    Err(HttpError::OutcomeUnknown { .. }) => Ok(Heard::Maybe),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }
}
