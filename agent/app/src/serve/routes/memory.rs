//! `/v1/similar`, `/v1/runbook`, `/v1/experts`: what was learned before, what to do now, whom to ask. The same answers as on
//! the command line. They tell of all incidents and all people, so they are for tokens that reach everything.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use hearback_core::memory::recall::RunbookQuery;
use hearback_core::memory::store::MemoryError;
use hearback_core::{Incident, Window};
use hearback_engine::asking;
use hearback_engine::incidents::known_at;
use hearback_memory::living::LivingLibrary;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::commands::{experts, runbook, similar, times};
use crate::serve::doors::{Everywhere, Read, Sent};
use crate::serve::problem::Problem;
use crate::serve::service::{Asker, Service};

/// The most people that are listed.
const MOST_PEOPLE: u8 = 20;

/// Like what? Words, an incident, or both.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LikeWhat {
    /// What is seen to fail.
    symptom: String,
    /// The services that fail: what happened to them lately counts more.
    services: Vec<String>,
    /// Like this incident: its title, alerts, questions and services.
    incident: Option<String>,
    /// As of then: nothing that became known later is found.
    as_of: Option<String>,
}

/// What is to be done about what?
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AboutWhat {
    /// What is seen to fail.
    symptom: String,
    /// The services that fail.
    services: Vec<String>,
    /// As of then.
    as_of: Option<String>,
    /// So many changes of the service make a runbook stale; else 20.
    stale_after: Option<u32>,
}

/// Who knows about what?
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WhoKnows {
    /// What is seen to fail.
    symptom: String,
    /// The services that fail.
    services: Vec<String>,
    /// About this incident.
    incident: Option<String>,
    /// As of then.
    as_of: Option<String>,
    /// How far back changes are suspects: "24h", or a time.
    since: Option<String>,
    /// At most so many people, up to 20; else 5.
    top: Option<u8>,
}

/// Incidents that were like this.
pub async fn similar(
    State(service): State<Arc<Service>>,
    _allowed: Everywhere<Read>,
    Sent(asked): Sent<LikeWhat>,
) -> Result<Json<similar::Found>, Problem> {
    if asked.symptom.trim().is_empty() && asked.incident.is_none() {
        return Err(Problem::bad("symptom: say what is seen to fail, or name an incident"));
    }
    let as_of = as_of(asked.as_of.as_deref())?;
    let incident = of_incident(&service, asked.incident.as_deref(), as_of).await?;
    let wanted = similar::Wanted {
        symptom: asked.symptom,
        services: times::services(&asked.services)?,
        incident: incident.as_ref(),
        as_of,
        budget: service.parts.config.serve.budget,
    };
    similar::find(memory(&service)?, wanted).await.map(Json).map_err(failed)
}

/// The part of a runbook that says what to do.
pub async fn runbook(
    State(service): State<Arc<Service>>,
    _allowed: Everywhere<Read>,
    Sent(asked): Sent<AboutWhat>,
) -> Result<Json<runbook::Found>, Problem> {
    if asked.symptom.trim().is_empty() && asked.services.is_empty() {
        return Err(Problem::bad("symptom: say what is seen to fail, or name a service"));
    }
    let query = RunbookQuery {
        services: times::services(&asked.services)?,
        symptom: asked.symptom,
        as_of: as_of(asked.as_of.as_deref())?,
        budget: service.parts.config.serve.budget,
    };
    let against = runbook::Against {
        changes: &service.parts.sources.changes,
        catalog: &service.parts.config.catalog,
        stale_after: asked.stale_after.unwrap_or(runbook::STALE_AFTER),
    };
    let found = runbook::find(memory(&service)?, &query, against).await;
    found.map(Json).map_err(|error| error.downcast().map_or_else(Problem::from, failed))
}

/// Whom to ask.
pub async fn experts(
    State(service): State<Arc<Service>>,
    _allowed: Everywhere<Read>,
    Sent(asked): Sent<WhoKnows>,
) -> Result<Json<experts::Found>, Problem> {
    let now = Timestamp::now();
    let until = as_of(asked.as_of.as_deref())?;
    let incident = of_incident(&service, asked.incident.as_deref(), until).await?;
    let config = &service.parts.config;
    let window = match &asked.since {
        Some(since) => Window { from: times::since("since", since, until, now)?, until },
        None => asking::window(until, config.window, None, incident.as_ref()),
    };
    let question = experts::question(&asked.symptom, &asked.services, window, incident.as_ref())?;
    let settings = experts::settings(config);
    let answered = service.ask_about_people(&question, incident.as_ref(), Asker::Person, &settings).await?;
    let top = usize::from(asked.top.unwrap_or(5).clamp(1, MOST_PEOPLE));
    let sources = &service.parts.sources;
    Ok(Json(experts::Found::of(&answered, &question, &settings, top, sources, &config.catalog)))
}

fn as_of(text: Option<&str>) -> Result<Timestamp, Problem> {
    Ok(times::past_or_now("as_of", text, Timestamp::now())?)
}

/// The incident as it was known then.
async fn of_incident(
    service: &Service,
    id: Option<&str>,
    as_of: Timestamp,
) -> Result<Option<Incident>, Problem> {
    let Some(id) = id else { return Ok(None) };
    let id = times::incident(id)?;
    Ok(Some(known_at(service.parts.record.as_ref(), &id, as_of).await?))
}

fn memory(service: &Service) -> Result<&LivingLibrary, Problem> {
    let memory = service.parts.memory.as_ref().map(|memory| memory.library.as_ref());
    memory.ok_or_else(|| {
        Problem::new(
            axum::http::StatusCode::NOT_IMPLEMENTED,
            "nothing is remembered here: memory is off, or it can't be opened; `hearback doctor` says why",
        )
    })
}

fn failed(error: MemoryError) -> Problem {
    // Whatever it is, who asked can't mend it.
    Problem::busy(error.to_string())
}
