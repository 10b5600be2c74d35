//! `/v1/webhooks`: what other systems tell us. Durable when it answers; the work begins afterwards.

use std::sync::Arc;

use aide::OperationInput;
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use hearback_core::SourceName;
use hearback_core::evidence::Known;
use hearback_core::ports::Recorded;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::changes::log;
use crate::serve::channel::hear;
use crate::serve::doors::{Everywhere, InPath, Raw, Send};
use crate::serve::metrics::Taken;
use crate::serve::problem::Problem;
use crate::serve::service::Service;
use crate::wiring::SentByChat;
use crate::wiring::intake::SentAlert;

/// How long a delivery is remembered: GitHub lets people send one again for three days.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What was done with a notification.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Notified {
    /// Alerts that were not known.
    fired: usize,
    /// Alerts that were known already.
    repeated: usize,
    /// Alerts that are over.
    resolved: usize,
}

/// Takes a notification of Alertmanager (webhook, version 4).
pub async fn alertmanager(
    State(service): State<Arc<Service>>,
    _allowed: Everywhere<Send>,
    Raw(body): Raw,
) -> Result<Json<Notified>, Problem> {
    let known_at = Timestamp::now();
    let mut notified = Notified { fired: 0, repeated: 0, resolved: 0 };
    for sent in service.parts.intake.alerts(&body, known_at)? {
        match sent {
            SentAlert::Fired(value) => {
                let outcome = match service.parts.record.receive_alert(&Known { known_at, value }).await? {
                    Recorded::New => {
                        notified.fired += 1;
                        "new"
                    }
                    Recorded::AlreadyThere => {
                        notified.repeated += 1;
                        "repeated"
                    }
                };
                service.metrics.taken.get_or_create(&Taken { what: "alert", outcome }).inc();
            }
            SentAlert::Resolved { fingerprint, at } => {
                notified.resolved += usize::from(service.parts.record.resolve_alert(&fingerprint, at).await?);
            }
        }
    }
    service.work.notify_one();
    Ok(Json(notified))
}

/// What was done with a delivery.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Delivered {
    /// How many changes were new.
    new: usize,
    /// Whether the delivery had been worked off before.
    repeated: bool,
}

/// The name of a configured repository, in the path.
#[derive(Debug, serde::Deserialize, JsonSchema)]
pub struct Repository {
    /// As `[[github]] name` says.
    name: String,
}

/// A repository that is configured, and a header that says signed: before that no body is read.
pub struct KnownHook;

impl FromRequestParts<Arc<Service>> for KnownHook {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Problem> {
        let InPath(Repository { name }) = InPath::from_request_parts(parts, service).await?;
        service.parts.intake.knows_github(&name, &parts.headers)?;
        Ok(KnownHook)
    }
}

impl OperationInput for KnownHook {}

/// Takes a delivery of GitHub. Its signature is its token.
pub async fn github(
    State(service): State<Arc<Service>>,
    InPath(Repository { name }): InPath<Repository>,
    headers: HeaderMap,
    _known: KnownHook,
    Raw(body): Raw,
) -> Result<Json<Delivered>, Problem> {
    let delivery = service.parts.intake.github(&name, &headers, &body)?;
    let sender =
        SourceName::new(format!("github:{name}")).map_err(|error| Problem::bad(error.to_string()))?;
    if service.parts.record.was_delivered(&sender, &delivery.id).await? {
        return Ok(Json(Delivered { new: 0, repeated: true }));
    }
    // Marked after the work: a crash between the two repeats work that can be repeated.
    let receipt = log(&service, delivery.changes).await?;
    let now = Timestamp::now();
    let forget_before = now.checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
    service.parts.record.mark_delivered(&sender, &delivery.id, now, forget_before).await?;
    Ok(Json(Delivered { new: receipt.count_new(), repeated: false }))
}

/// A delivery of the chat system: that one is configured, and that it says signed, is known before a body is read.
pub struct KnownChat;

impl FromRequestParts<Arc<Service>> for KnownChat {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Problem> {
        let intake = service.parts.chat_intake.as_ref();
        intake.ok_or_else(|| Problem::missing(NO_CHAT))?.knows(&parts.headers)?;
        Ok(KnownChat)
    }
}

impl OperationInput for KnownChat {}

/// What is said where no chat system is configured to send here.
const NO_CHAT: &str = "no chat system sends here; set [slack] signing_secret, or use its Socket Mode";

/// Takes what Slack sends: events, commands, clicks. Its signature is its token. Answered once it is durable.
pub async fn slack(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    _known: KnownChat,
    Raw(body): Raw,
) -> Result<String, Problem> {
    let intake = service.parts.chat_intake.as_ref().ok_or_else(|| Problem::missing(NO_CHAT))?;
    match intake.take(&headers, &body, Timestamp::now())? {
        SentByChat::Challenge(text) => Ok(text),
        SentByChat::Nothing => Ok(String::new()),
        SentByChat::Heard(heard) => {
            hear(&service, *heard).await?;
            Ok(String::new())
        }
    }
}
