//! `hearback experts`: whom to ask. The question is that of `hearback ask`; what is told are the people. Here or in a running
//! service.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use hearback_core::catalog::Catalog;
use hearback_core::expertise::Expert;
use hearback_core::happening::Question;
use hearback_core::{Coverage, ExternalText, Gap, Incident, Window};
use hearback_engine::asking;
use hearback_engine::driver::{self, Answered, Sources};
use hearback_engine::expertise::{ExpertSettings, not_connected};
use hearback_engine::incidents::known_at;
use hearback_engine::logged::LoggedChanges;
use hearback_engine::render::Cost;
use hearback_engine::render_experts::{Told, text};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ask::{SYMPTOM_BYTES, symptom};
use super::times;
use crate::cli::Experts;
use crate::config::Config;
use crate::output::{self, Usage};
use crate::progress::Progress;
use crate::wiring::server::{ServerClient, fields};
use crate::wiring::{self, Asked, Named};

/// Who was found, and where was looked.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// The moment of the question.
    #[schemars(with = "String")]
    pub as_of: Timestamp,
    /// Whom to ask, those who know most first.
    pub experts: Vec<Expert>,
    /// What could not be seen, and what is not connected.
    pub gaps: Vec<Gap>,
    /// What was searched.
    pub searched: Vec<Coverage>,
}

impl Found {
    /// The people of an answer.
    pub fn of(
        answered: &Answered,
        question: &Question,
        settings: &ExpertSettings,
        top: usize,
        sources: &Sources,
        catalog: &Catalog,
    ) -> Self {
        let (people, as_of) = (&answered.experts, question.window.until);
        let mut gaps = answered.answer.gaps.clone();
        gaps.extend(not_connected(&sources.people, people, &question.services, catalog));
        Found {
            as_of,
            experts: people.experts(&settings.rules, as_of, top),
            gaps,
            searched: answered.answer.searched.iter().chain(&people.searched).cloned().collect(),
        }
    }
}

/// Settings for a question about people: they get the time that changes get.
pub fn settings(config: &Config) -> ExpertSettings {
    ExpertSettings { at_most: None, ..config.experts.clone() }
}

/// The question about people: what fails by these words, and by an incident.
///
/// # Errors
/// A service is called what no service can be.
pub fn question(
    symptom: &str,
    services: &[String],
    window: Window,
    incident: Option<&Incident>,
) -> Result<Question> {
    // Its words are read by whoever is asked inside it.
    let mut services = times::services(services)?;
    if let Some(incident) = incident {
        let others = incident.services.iter().filter(|one| !services.contains(one)).cloned();
        services.extend(others.collect::<Vec<_>>());
    }
    Ok(Question {
        text: asking::WHAT_CHANGED.into(),
        symptom: ExternalText::capped(symptom, SYMPTOM_BYTES),
        services,
        window,
        onset: None,
        message: None,
        thread: None,
    })
}

pub async fn run(arguments: Experts, config: &Config) -> Result<ExitCode> {
    let started = Instant::now();
    let found = match ServerClient::named(&arguments.server)? {
        Some(server) => there(&arguments, &server).await?,
        None => here(&arguments, config).await?,
    };
    if arguments.json {
        output::json(&found)?;
    } else {
        let cost = Some(Cost { elapsed: SignedDuration::try_from(started.elapsed()).unwrap_or_default() });
        let Found { as_of, experts, gaps, searched } = &found;
        output::print(&text(Told { experts, as_of: *as_of, gaps, searched, cost }))?;
    }
    Ok(if found.searched.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn there(arguments: &Experts, server: &ServerClient) -> Result<Found> {
    if !arguments.repositories.is_empty() || arguments.revision.is_some() {
        let says = "--repo and --revision are about repositories here; a service asks its own: leave them out, or \
                    leave out --server";
        return Err(Usage(says.into()).into());
    }
    let ask = fields([
        ("symptom", json!(symptom(&arguments.symptom)?)),
        ("services", json!(arguments.services)),
        ("incident", json!(arguments.incident)),
        ("as_of", json!(arguments.as_of)),
        ("since", json!(arguments.since)),
        ("top", json!(arguments.top)),
    ]);
    server.experts(ask).await
}

async fn here(arguments: &Experts, config: &Config) -> Result<Found> {
    let now = Timestamp::now();
    let until = times::past_or_now("--as-of", arguments.as_of.as_deref(), now)?;
    let asked_in = match &arguments.incident {
        Some(id) => {
            let (id, record) = (times::incident(id)?, wiring::record(config).await?);
            Some((known_at(record.as_ref(), &id, until).await?, record))
        }
        None => None,
    };
    let incident = asked_in.as_ref().map(|(incident, _)| incident);
    let window = match &arguments.since {
        Some(text) => Window { from: times::since("--since", text, until, now)?, until },
        None => asking::window(until, config.window, None, incident),
    };
    let question = question(&symptom(&arguments.symptom)?, &arguments.services, window, incident)?;
    let named = Named {
        repositories: &arguments.repositories,
        revision: arguments.revision.as_deref(),
        first_parent: false,
        in_incident: incident.is_some(),
    };
    let progress = Progress::start();
    let Asked { mut sources, calibration } = wiring::sources(named, config, &progress).await?;
    if let Some((_, record)) = &asked_in {
        sources.changes.push(Arc::new(LoggedChanges::new(record.clone())?));
    }
    let experts = settings(config);
    let gaps = config.catalog_files.gaps();
    let context = config.context(&sources, calibration.as_ref(), &gaps, incident, config.budget);
    let context = driver::Context { experts: &experts, ..context };
    let answered = driver::answer(context, &question).await?;
    let top = usize::from(arguments.top);
    Ok(Found::of(&answered, &question, &experts, top, &sources, &config.catalog))
}
