//! `/v1/ask` and `/v1/incidents/{id}/ask`: the same question and the same answer as on the command line.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use hearback_core::access::{Reach, Right};
use hearback_core::happening::Question;
use hearback_core::time::parse_time;
use hearback_core::{Answer, ExternalText, Incident};
use hearback_engine::asking;
use hearback_engine::incidents::known_at;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::commands::times;
use crate::serve::doors::{Everywhere, InIncident, Read, Respond, Sent};
use crate::serve::problem::Problem;
use crate::serve::service::{Asker, Service};

/// The longest text of a question that is read, in bytes; more is cut.
const TEXT_BYTES: usize = 64 * 1024;

/// A question. All fields may be left out.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ask {
    /// The words; beyond "what changed" they count as symptom.
    question: Option<String>,
    /// What is seen to fail: an error message, a stack trace.
    symptom: String,
    /// The services that fail.
    services: Vec<String>,
    /// Answer as of then; everything later is hidden.
    as_of: Option<String>,
    /// How far back to look: "24h", or a time.
    since: Option<String>,
    /// When it began.
    onset: Option<String>,
}

/// Asks outside any incident. Nothing is written down.
pub async fn ask(
    State(service): State<Arc<Service>>,
    _allowed: Everywhere<Read>,
    Sent(ask): Sent<Ask>,
) -> Result<Json<Answer>, Problem> {
    let question = question(&service, &ask, None, Timestamp::now())?;
    let answered = service.ask(&question, None, Asker::Person).await?;
    Ok(Json(answered.answer))
}

/// Asks inside an incident. Question, snapshots and answer go into its record.
pub async fn ask_inside(
    State(service): State<Arc<Service>>,
    caller: InIncident<Respond>,
    Sent(ask): Sent<Ask>,
) -> Result<Json<Answer>, Problem> {
    let now = Timestamp::now();
    if !caller.token.may(Right::Read) {
        return Err(Problem::forbidden("this token may not read, and an answer is to be read"));
    }
    let incident = match &ask.as_of {
        None => service.incident(&caller.id).await?,
        Some(text) => {
            let as_of = times::past("as_of", text, now)?;
            known_at(service.parts.record.as_ref(), &caller.id, as_of).await?
        }
    };
    let question = question(&service, &ask, Some(&incident), now)?;
    // Who sees this incident alone sees what is of this incident.
    let is_of_it = |service| incident.services.contains(service);
    if caller.token.reach != Reach::AllIncidents
        && (ask.since.is_some() || incident.services.is_empty() || !question.services.iter().all(is_of_it))
    {
        let says = "this token reaches named incidents only: leave out since, and name services of this one";
        return Err(Problem::forbidden(says));
    }
    let answered = service.ask_inside(question, &incident, Asker::Person, caller.token.holder, now).await?;
    Ok(Json(answered.answer))
}

fn question(
    service: &Service,
    ask: &Ask,
    incident: Option<&Incident>,
    now: Timestamp,
) -> Result<Question, Problem> {
    let until = times::past_or_now("as_of", ask.as_of.as_deref(), now)?;
    let onset = ask.onset.as_deref().map(|text| parse_time(text, now)).transpose();
    let onset = onset.map_err(|error| Problem::bad(format!("onset: {error}")))?;
    if onset.is_some_and(|onset| onset > until) {
        return Err(Problem::bad("onset: it lies after as_of; nothing after the as-of can be seen"));
    }
    let mut window = asking::window(until, service.parts.config.window, onset, incident);
    if let Some(since) = &ask.since {
        window.from = times::since("since", since, until, now)?;
    }
    Ok(Question {
        text: ExternalText::capped(ask.question.as_deref().unwrap_or(asking::WHAT_CHANGED), TEXT_BYTES),
        symptom: ExternalText::capped(&ask.symptom, TEXT_BYTES),
        services: times::services(&ask.services)?,
        window,
        onset,
        message: None,
        thread: None,
    })
}
