//! `/v1/incidents/{id}/hypotheses`: what may have caused an incident, as people and a model say, and whether it is right.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use hearback_core::hypothesis::Verdict;
use hearback_core::ids::HypothesisId;
use hearback_engine::hypotheses::{HypothesisView, NotSaid, Saying, say, views};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::serve::doors::{InIncident, InPath, Read, Respond, Sent};
use crate::serve::problem::Problem;
use crate::serve::service::Service;

/// All of an incident, in the order in which they were said.
pub async fn list(
    State(service): State<Arc<Service>>,
    caller: InIncident<Read>,
) -> Result<Json<Vec<HypothesisView>>, Problem> {
    Ok(Json(views(&service.incident(&caller.id).await?)))
}

/// What may have caused it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Raised {
    /// In words.
    says: String,
    /// The change that is suspected: its id, or ten letters of its sha.
    change: Option<String>,
}

/// Writes down what somebody supposes.
pub async fn raise(
    State(service): State<Arc<Service>>,
    caller: InIncident<Respond>,
    Sent(Raised { says, change }): Sent<Raised>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    said(&service, &caller, &Saying::Raise { says, change }).await
}

/// A hypothesis, in a path.
#[derive(Deserialize, JsonSchema)]
pub struct Named {
    /// The hypothesis: H12 or H12.2.
    hypothesis: String,
}

/// Whether it is right.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settled {
    /// `confirmed` or `dismissed`.
    verdict: Verdict,
    /// Why; everybody will read it.
    #[serde(default)]
    why: String,
}

/// Writes down that a hypothesis is right or wrong, by the word of the token's holder.
pub async fn settle(
    State(service): State<Arc<Service>>,
    caller: InIncident<Respond>,
    InPath(named): InPath<Named>,
    Sent(Settled { verdict, why }): Sent<Settled>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let hypothesis = HypothesisId::new(named.hypothesis.to_ascii_uppercase());
    let hypothesis = hypothesis.map_err(|error| Problem::bad(error.to_string()))?;
    said(&service, &caller, &Saying::Settle { hypothesis, verdict, why }).await
}

async fn said(
    service: &Service,
    caller: &InIncident<Respond>,
    saying: &Saying,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let record = service.parts.record.as_ref();
    let entry = say(record, &caller.id, &caller.token.holder, saying, Timestamp::now()).await;
    let entry = entry.map_err(|error| match error {
        NotSaid::Refused(why) => Problem::bad(why),
        NotSaid::Already(..) => Problem::new(StatusCode::CONFLICT, error.to_string()),
        NotSaid::Record(error) => error.into(),
    })?;
    service.wrote();
    Ok((StatusCode::CREATED, Json(serde_json::to_value(entry).unwrap_or_default())))
}
