//! `/v1/changes`: changes that are sent to us, before any incident. A change that was sent before is no mistake.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use hearback_core::evidence::Known;
use hearback_core::ports::Recorded;
use hearback_core::{Change, ChangeId};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::serve::doors::{Everywhere, Raw, Send};
use crate::serve::metrics::Taken;
use crate::serve::problem::Problem;
use crate::serve::service::Service;

/// What was taken.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Receipt {
    /// How many changes were new.
    new: usize,
    /// How many were known already; nothing was written for them.
    known: usize,
    /// The ids under which they are kept.
    ids: Vec<String>,
}

/// Takes CDEvents 0.5 (structured, binary or bare) or plain changes, one or many. Durable when it answers.
pub async fn take(
    State(service): State<Arc<Service>>,
    allowed: Everywhere<Send>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Json<Receipt>, Problem> {
    let changes = service.parts.intake.changes(&headers, &body)?;
    tracing::debug!(sender = %allowed.token.id, count = changes.len(), "changes");
    log(&service, changes).await.map(Json)
}

/// Writes changes into the change log, all of them at once, and looks whether they were authorised.
///
/// # Errors
/// The record is away; those that were written stay, and sending all again is harmless.
pub async fn log(service: &Service, changes: Vec<Change>) -> Result<Receipt, Problem> {
    let known_at = Timestamp::now();
    let ids: Vec<ChangeId> = changes.iter().map(|change| change.id.clone()).collect();
    let known: Vec<Known<Change>> = changes.into_iter().map(|value| Known { known_at, value }).collect();
    let written =
        futures::future::join_all(known.iter().map(|change| service.parts.record.log_change(change))).await;
    let mut receipt =
        Receipt { new: 0, known: 0, ids: ids.iter().map(|id| id.as_str().to_owned()).collect() };
    // All are looked at, also those that were known: the sender may repeat what was cut off before this.
    let all: Vec<Change> = known.into_iter().map(|known| known.value).collect();
    crate::serve::worker::watch_authorisation(service, &all, known_at).await;
    for recorded in written {
        match recorded? {
            Recorded::New => receipt.new += 1,
            Recorded::AlreadyThere => receipt.known += 1,
        }
    }
    for (outcome, count) in [("new", receipt.new), ("repeated", receipt.known)] {
        service.metrics.taken.get_or_create(&Taken { what: "change", outcome }).inc_by(count as u64);
    }
    Ok(receipt)
}

impl Receipt {
    /// How many changes were new.
    pub fn count_new(&self) -> usize {
        self.new
    }
}
