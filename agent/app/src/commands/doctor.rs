//! `hearback doctor`: one line a part, and what to do about what is broken.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use hearback_core::catalog::Level;
use hearback_core::memory::store::MemoryError;
use hearback_core::ports::ChangeSource as _;
use hearback_engine::calibration::digest_of;
use jiff::SignedDuration;
use serde::Serialize;

use super::catalog::problems_of_files;
use crate::calibrations::Calibrations;
use crate::cli::Doctor;
use crate::config::{Cache, Config, Repository};
use crate::output;
use crate::wiring;
use crate::wiring::memory::{Missing, Opened};

/// How long a server of tools has to say what it offers.
const MCP_WITHIN: SignedDuration = SignedDuration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Health {
    Ok,
    Off,
    Broken,
}

#[derive(Debug, Serialize)]
struct Check {
    part: String,
    health: Health,
    says: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Check {
    fn new(part: impl Into<String>, health: Health, says: impl Into<String>) -> Self {
        Check { part: part.into(), health, says: says.into(), fix: None }
    }

    fn fix(self, fix: impl Into<String>) -> Self {
        Check { fix: Some(fix.into()), ..self }
    }
}

pub async fn run(arguments: Doctor, config: Result<Config>) -> Result<ExitCode> {
    let mut checks = Vec::new();
    match config {
        Err(error) => {
            let check = Check::new("configuration", Health::Broken, format!("{error:#}"));
            checks.push(check.fix("mend the line it names; config/default.toml lists every key"));
        }
        Ok(config) => {
            checks.push(configuration(&config));
            checks.push(record(&config).await);
            checks.push(cache(&config));
            checks.push(memory(&config).await);
            checks.push(calibration(&config));
            checks.push(catalog(&config));
            checks.extend(repositories(&config));
            checks.push(model(&config).await);
            checks.push(approval(&config));
            checks.push(traces(&config).await);
            checks.extend(live(&config).await);
        }
    }
    if arguments.json {
        output::json(&checks)?;
    } else {
        for Check { part, health, says, fix } in &checks {
            let sign = match health {
                Health::Ok => "ok    ",
                Health::Off => "off   ",
                Health::Broken => "BROKEN",
            };
            let fix = fix.as_ref().map(|fix| format!(". {fix}")).unwrap_or_default();
            output::line(format!("{sign} {part}: {says}{fix}"))?;
        }
    }
    let broken = checks.iter().any(|check| check.health == Health::Broken);
    Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn configuration(config: &Config) -> Check {
    match &config.file {
        Some(file) => Check::new("configuration", Health::Ok, format!("{}", file.display())),
        None => Check::new("configuration", Health::Off, "no hearback.toml; the defaults hold")
            .fix("Copy what you need from config/default.toml to change them"),
    }
}

async fn record(config: &Config) -> Check {
    let checked = async {
        let record = wiring::record(config).await?;
        anyhow::Ok(record.incidents().await?.len())
    };
    match checked.await {
        Ok(count) => {
            Check::new("record", Health::Ok, format!("{count} incidents in {}", wiring::shown_record(config)))
        }
        Err(error) => Check::new("record", Health::Broken, format!("{error:#}"))
            .fix("Set [record] url, or --record, to a file you can write or a server that answers"),
    }
}

/// What was learned before, and by what it is found.
async fn memory(config: &Config) -> Check {
    let checked = async {
        let opened = wiring::memory::open(config, Missing::Leave).await?;
        let Some(Opened { library, next }) = opened else { return Ok(None) };
        let count = library.store().count().await?.documents;
        let unfit = wiring::memory::embedder(config).await?.1;
        anyhow::Ok(Some((count, library.found_by(unfit.as_deref()), next.is_some())))
    };
    let place = wiring::memory::shown(config);
    match checked.await {
        Ok(None) => Check::new("memory", Health::Off, "nothing is remembered yet")
            .fix("`hearback memory add PATH` or `hearback memory sync` begins it"),
        Ok(Some((count, by, is_former))) => {
            let check = Check::new("memory", Health::Ok, format!("{count} documents in {place}, found {by}"));
            match is_former {
                true => {
                    check.fix("The model has changed: `hearback memory sync` or the service embeds them anew")
                }
                false => check,
            }
        }
        Err(error) => match error.downcast_ref() {
            Some(MemoryError::InUse(_)) => {
                Check::new("memory", Health::Ok, format!("{place}, in use by a running hearback"))
            }
            Some(MemoryError::Damaged(_)) => Check::new("memory", Health::Broken, format!("{error:#}")),
            _ => Check::new("memory", Health::Broken, format!("{error:#}"))
                .fix("Mend [memory]; until then answers say what they could not look at"),
        },
    }
}

/// Which model looks further into an answer, and whether it answers. Nothing is asked of it that costs.
async fn model(config: &Config) -> Check {
    let Some(model) = &config.model else {
        return Check::new("model", Health::Off, "none is configured; answers stand as they are computed")
            .fix("Set [model] to let one look further");
    };
    let mut says = Vec::new();
    for endpoint in std::iter::once(&model.first).chain(&model.fallback) {
        match wiring::check_model(endpoint).await {
            Ok(how) => says.push(format!("{}, {how}", endpoint.model)),
            Err(error) => {
                return Check::new("model", Health::Broken, format!("{}: {error:#}", endpoint.model))
                    .fix("Mend [model]; until then answers stand as they are computed");
            }
        }
    }
    Check::new("model", Health::Ok, says.join("; else "))
}

/// Whether anything can be done, and by whom.
fn approval(config: &Config) -> Check {
    let executors = match wiring::actions(config) {
        Ok(actions) => actions.count(),
        Err(error) => {
            return Check::new("approval", Health::Broken, format!("{error:#}"))
                .fix("Mend the section it names; without it nothing can be done");
        }
    };
    let (policy, file) = (&config.actions.policy, &config.actions.policy_file);
    let nobody = "nobody may approve; proposals are made, and nothing is done";
    match (file, policy.rules.len(), executors) {
        (None, _, _) => Check::new("approval", Health::Off, nobody)
            .fix("Set [approval] policy to a file as config/policy.example.toml shows"),
        (Some(file), 0, _) => Check::new("approval", Health::Off, format!("{nobody}: {}", file.display()))
            .fix("It has no [[rule]]; config/policy.example.toml shows one"),
        (Some(file), rules, executors) => {
            let people = policy.people.len();
            let says = format!("{people} people, {rules} rules in {}; {executors} can act", file.display());
            match executors {
                0 => Check::new("approval", Health::Off, says)
                    .fix("Give a [[repository]] a [repository.reverts] table, or add a [[hook]]"),
                _ => Check::new("approval", Health::Ok, says),
            }
        }
    }
}

/// Where traces of what the program does are sent.
async fn traces(config: &Config) -> Check {
    let to = config.traces.as_ref().map(|traces| traces.endpoint.as_str()).unwrap_or_default();
    match wiring::check_traces(config).await {
        Ok(None) => Check::new("traces", Health::Off, "none are sent")
            .fix("Set [traces] endpoint to an OpenTelemetry collector to see what an answer waits for"),
        Ok(Some(())) => Check::new("traces", Health::Ok, format!("sent to {to}")),
        Err(error) => Check::new("traces", Health::Broken, format!("{error:#}"))
            .fix("Mend [traces]; answers do not wait for it"),
    }
}

fn cache(config: &Config) -> Check {
    match &config.cache {
        Cache::Off => Check::new("cache", Health::Off, "questions work, the second as slow as the first")
            .fix("Set [cache] path to a file"),
        Cache::At(path) => match wiring::cache(config).is_some_and(|cache| cache.is_usable()) {
            true => Check::new("cache", Health::Ok, format!("{}", path.display())),
            false => Check::new("cache", Health::Broken, format!("{} can't be used as one", path.display()))
                .fix("Questions still work, slower; set [cache] path to a file you can write"),
        },
    }
}

/// Where answers can say percentages: the configured repositories, or if there is none, all that were backtested.
fn calibration(config: &Config) -> Check {
    const FIX: &str = "`hearback backtest reverts --repo PATH --save` finds it out";
    let off = |says: &str| Check::new("calibration", Health::Off, says).fix(FIX);
    let none = "none; answers say strong or weak, and no percentage";
    let Some(path) = config.calibrations.as_deref() else { return off(none) };
    let known = match Calibrations::load(path) {
        Ok(known) => known,
        Err(error) => {
            return Check::new("calibration", Health::Broken, format!("{error:#}"))
                .fix(format!("Mend or delete it; {FIX} anew"));
        }
    };
    let weights = digest_of(&config.ranker);
    let opened = config.repositories.iter().filter_map(|repository| wiring::repository(repository).ok());
    let asked: Vec<(String, PathBuf)> =
        opened.map(|source| (source.repository_name().to_owned(), source.root().to_owned())).collect();
    let all = known.entries.iter().map(|entry| (entry.found.repository.clone(), entry.path.clone()));
    let asked = if config.repositories.is_empty() { all.collect() } else { asked };
    if known.entries.is_empty() || asked.is_empty() {
        return off(none);
    }
    let mut is_whole = true;
    let mut of = |(name, root): &(String, PathBuf)| {
        let entry = known.entries.iter().find(|entry| entry.path == *root);
        match entry {
            Some(entry) if entry.weights == weights => {
                let until = entry.found.until.strftime("%Y-%m-%d");
                format!("{name}: {} rollbacks until {until}, ECE {:.3}", entry.found.cases, entry.ece)
            }
            Some(_) => {
                is_whole = false;
                format!("{name}: found for other weights, so it no longer counts")
            }
            None => {
                is_whole = false;
                format!("{name}: none")
            }
        }
    };
    let mut says = asked.iter().map(&mut of).collect::<Vec<_>>().join("; ");
    if is_whole && !config.repositories.is_empty() && !wiring::is_calibrated(config) {
        is_whole = false;
        says.push_str(
            "; but one is asked by its first parents, or on GitHub alone, and that was not backtested",
        );
    }
    if is_whole { Check::new("calibration", Health::Ok, says) } else { off(&says) }
}

fn catalog(config: &Config) -> Check {
    let count = config.catalog.services.len();
    let files = config.catalog_files.files.len();
    let errors = problems_of_files(config).iter().filter(|problem| problem.level == Level::Error).count();
    let services = if count == 1 { "1 service".to_owned() } else { format!("{count} services") };
    let from = if files > 1 { format!(" of {files} files") } else { String::new() };
    match (count, errors) {
        (0, 0) => Check::new("catalog", Health::Off, "no services; names of paths are used instead")
            .fix("Add [[service]] sections, or [catalog] files"),
        (_, 0) => Check::new("catalog", Health::Ok, format!("{services}{from}")),
        (_, errors) => {
            let errors = if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") };
            Check::new("catalog", Health::Broken, format!("{services}{from}, {errors}"))
                .fix("`hearback catalog check` tells what to mend")
        }
    }
}

fn repositories(config: &Config) -> Vec<Check> {
    if config.repositories.is_empty() {
        let check = Check::new("repositories", Health::Off, "none configured; --repo PATH names them");
        return vec![check.fix("Add [[repository]] sections to ask them every time")];
    }
    let check = |repository: &Repository| match wiring::repository(repository) {
        Ok(source) => Check::new(
            format!("repository {}", source.name()),
            Health::Ok,
            repository.path.display().to_string(),
        ),
        Err(error) => {
            let part = format!("repository {}", repository.path.display());
            Check::new(part, Health::Broken, format!("{error:#}")).fix("Mend the path in [[repository]]")
        }
    };
    config.repositories.iter().map(check).collect()
}

/// What is asked or told over a network, and what only the service uses.
async fn live(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    for section in &config.serve.prometheus {
        let part = format!("prometheus {}", section.url);
        checks.push(match wiring::check_prometheus(section, config).await {
            Ok(says) => Check::new(part, Health::Ok, says),
            Err(error) => Check::new(part, Health::Broken, format!("{error:#}"))
                .fix("Mend [[prometheus]]; until then answers have no graphs"),
        });
    }
    match wiring::check_github(config) {
        Ok(0) => {}
        Ok(1) => checks.push(Check::new("github", Health::Ok, "1 repository; it is asked with a question")),
        Ok(n) => checks.push(Check::new(
            "github",
            Health::Ok,
            format!("{n} repositories; they are asked with a question"),
        )),
        Err(error) => {
            checks.push(Check::new("github", Health::Broken, format!("{error:#}")).fix("Mend [[github]]"));
        }
    }
    if let Some(section) = &config.serve.slack {
        let ways = match (&section.app_token, &section.signing_secret) {
            (Some(_), Some(_)) => "heard over Socket Mode and HTTP",
            (Some(_), None) => "heard over Socket Mode",
            (None, Some(_)) => "heard over HTTP, at /v1/webhooks/slack",
            (None, None) => "spoken to and not heard",
        };
        checks.push(match (wiring::check_chat(section).await, ways) {
            (Ok(()), "spoken to and not heard") => Check::new("slack", Health::Broken, ways)
                .fix("Set [slack] app_token for Socket Mode, or signing_secret for HTTP"),
            (Ok(()), ways) => Check::new("slack", Health::Ok, format!("workspace {}, {ways}", section.team)),
            (Err(error), _) => Check::new("slack", Health::Broken, format!("{error:#}"))
                .fix("Mend [slack]; connectors/slack/manifest.json makes the app"),
        });
    }
    for source in wiring::mcp::others(config) {
        let part = source.name().to_string();
        let fix = "Mend its [[mcp]] section; until then a model looks further without it";
        checks.push(match source.tools(MCP_WITHIN).await {
            Ok(tools) if tools.coverage.missing.is_empty() => {
                Check::new(part, Health::Ok, format!("{} tools may be called", tools.items.len()))
            }
            Ok(tools) => Check::new(part, Health::Broken, tools.coverage.missing.join("; ")).fix(fix),
            Err(error) => Check::new(part, Health::Broken, error.to_string()).fix(fix),
        });
    }
    match wiring::check_freezes(config) {
        Ok(0) => checks.push(
            Check::new("freezes", Health::Off, "no change freezes")
                .fix("Add [[freeze]] sections to have them told"),
        ),
        Ok(n) => checks.push(Check::new("freezes", Health::Ok, format!("{n} in [[freeze]]"))),
        Err(error) => {
            checks.push(Check::new("freezes", Health::Broken, format!("{error:#}")).fix("Mend [[freeze]]"));
        }
    }
    checks
}
