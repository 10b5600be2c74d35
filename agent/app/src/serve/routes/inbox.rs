//! `/v1/inbox`: alerts that wait for an incident, with what was found out about them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use hearback_core::{Answer, Happening, Window};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use crate::serve::doors::{Everywhere, Read};
use crate::serve::problem::Problem;
use crate::serve::service::Service;

/// How far back alerts are listed.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// An alert that waits.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Waiting {
    /// The alert's name.
    name: String,
    /// The service it is about.
    service: Option<String>,
    /// One line for people.
    summary: String,
    /// When the condition began.
    #[schemars(with = "String")]
    started_at: Timestamp,
    /// Where a person can see it.
    link: Option<String>,
    /// What to do about it.
    runbook: Option<String>,
    /// The answer to "what changed?", once it was found.
    answer: Option<Answer>,
}

/// Alerts that wait for an incident, oldest first. Declaring one for their service takes them along.
pub async fn list(
    State(service): State<Arc<Service>>,
    _allowed: Everywhere<Read>,
) -> Result<Json<Vec<Waiting>>, Problem> {
    let now = Timestamp::now();
    let until = now.checked_add(SignedDuration::from_secs(1)).unwrap_or(now);
    let window = Window { from: Window::before(now, LOOK_BACK).from, until };
    let mut waiting = Vec::new();
    for inbox in service.parts.record.alerts(&window).await? {
        if inbox.incident.is_some() || inbox.resolved_at.is_some() {
            continue;
        }
        let prepared = service.parts.record.prepared(&inbox.alert).await?;
        let answer = prepared.into_iter().find_map(|draft| match draft.what {
            Happening::Answered(answer) => Some(answer),
            _ => None,
        });
        let alert = inbox.alert.value;
        waiting.push(Waiting {
            name: alert.name.for_people(200),
            service: alert.service.map(String::from),
            summary: alert.summary.for_people(1000),
            started_at: alert.started_at,
            link: alert.link,
            runbook: alert.runbook,
            answer,
        });
    }
    Ok(Json(waiting))
}
