//! `/v1/incidents`: declare, list, show.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use hearback_core::happening::Severity;
use hearback_core::{Draft, ExternalText, Happening, Incident};
use hearback_engine::alerts::open_incident;
use hearback_engine::incidents::load;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::commands::incident::as_json;
use crate::commands::times;
use crate::serve::doors::{Allowed, Asked, Everywhere, InIncident, Read, Respond, Sent};
use crate::serve::problem::Problem;
use crate::serve::service::Service;

/// The longest title that is taken, in bytes.
const TITLE_BYTES: usize = 1000;

/// What is declared.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// What it is called.
    title: String,
    /// How bad it is, by impact on users: SEV-1 (worst) to SEV-5.
    severity: String,
    /// The services known to be affected.
    #[serde(default)]
    services: Vec<String>,
    /// When users began to feel it: a time, or "10m ago".
    impact_since: Option<String>,
    /// Who declares; must be whose token it is, if it is said.
    by: Option<String>,
}

/// Declares an incident. Alerts of its services that wait in the inbox join it.
pub async fn declare(
    State(service): State<Arc<Service>>,
    allowed: Everywhere<Respond>,
    Sent(sent): Sent<Declaration>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let now = Timestamp::now();
    speaks_for_itself(&allowed.token.holder, sent.by.as_deref())?;
    let title = sent.title.trim();
    if title.is_empty() || title.len() > TITLE_BYTES {
        return Err(Problem::bad(format!(
            "title: say in a few words what fails, at most {TITLE_BYTES} bytes"
        )));
    }
    let severity: Severity =
        sent.severity.parse().map_err(|error| Problem::bad(format!("severity: {error}")))?;
    let impact_since = sent.impact_since.as_deref().map(|text| times::past("impact_since", text, now));
    let what = Happening::Declared {
        title: ExternalText::new(title),
        severity,
        services: times::services(&sent.services)?,
        impact_since: impact_since.transpose()?,
    };
    let by = allowed.token.holder;
    let draft = Draft { happened_at: now, known_at: now, recorded_at: now, by, what };
    let entry = open_incident(service.parts.record.as_ref(), vec![draft]).await?;
    service.wrote();
    Ok((StatusCode::CREATED, Json(serde_json::to_value(entry).unwrap_or_default())))
}

/// Nobody speaks in another's name.
pub fn speaks_for_itself(holder: &hearback_core::Actor, by: Option<&str>) -> Result<(), Problem> {
    let name = match holder {
        hearback_core::Actor::Person(name) => name.as_untrusted(),
        hearback_core::Actor::System(name) => name.as_str(),
    };
    match by {
        Some(by) if by != name => {
            Err(Problem::forbidden("this token is another's: what is done with it is said to be theirs"))
        }
        _ => Ok(()),
    }
}

/// All incidents the token reaches, oldest first.
pub async fn list(
    State(service): State<Arc<Service>>,
    allowed: Allowed<Read>,
) -> Result<Json<Vec<Value>>, Problem> {
    let mut incidents = service.incidents().lock().await;
    incidents.refresh(service.parts.record.as_ref()).await?;
    let mut reached: Vec<&Incident> = incidents.all().filter(|i| allowed.token.reaches(&i.id)).collect();
    reached.sort_by_key(|incident| incident.declared_at.map(|(at, _)| at));
    Ok(Json(reached.into_iter().map(as_json).collect()))
}

/// As what an incident is wanted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AsOf {
    /// As it was known then: a time, or "1h ago".
    as_of: Option<String>,
}

/// What is known of an incident.
pub async fn show(
    State(service): State<Arc<Service>>,
    caller: InIncident<Read>,
    Asked(AsOf { as_of }): Asked<AsOf>,
) -> Result<Json<Value>, Problem> {
    let incident = match as_of {
        None => service.incident(&caller.id).await?,
        Some(text) => {
            let as_of = times::past("as_of", &text, Timestamp::now())?;
            let record: &dyn hearback_core::ports::RecordStore = service.parts.record.as_ref();
            let (entries, _) = load(record, &caller.id).await?;
            Incident::as_of(caller.id, &entries, as_of)
        }
    };
    Ok(Json(as_json(&incident)))
}

/// What ended an incident.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// In a few words.
    how: String,
}

/// Says that an incident is over. Alerts of its services open another one from then on.
pub async fn resolve(
    State(service): State<Arc<Service>>,
    caller: InIncident<Respond>,
    Sent(Resolution { how }): Sent<Resolution>,
) -> Result<Json<Value>, Problem> {
    if how.len() > TITLE_BYTES {
        return Err(Problem::bad(format!("how: say it in at most {TITLE_BYTES} bytes")));
    }
    service.incident(&caller.id).await?;
    let record = service.parts.record.as_ref();
    let entry =
        crate::commands::incident::resolve(record, &caller.id, &how, caller.token.holder, Timestamp::now())
            .await?;
    service.wrote();
    Ok(Json(serde_json::to_value(entry).unwrap_or_default()))
}

/// Whether the record answers, for `/readyz`.
pub async fn is_reachable(service: &Service) -> Result<(), Problem> {
    let nobody = hearback_core::IncidentId::numbered(0);
    service.parts.record.head(&nobody).await.map(drop).map_err(Problem::from)
}
