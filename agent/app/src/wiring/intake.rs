//! How what is sent is read: each form by the connector that knows it, each refusal as a status and a sentence.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, StatusCode};
use hearback_alertmanager::{AlertEvent, WebhookError};
use hearback_cdevents::ChangeFormError;
use hearback_core::happening::Alert;
use hearback_core::telemetry::{LogRecord, SpanRecord};
use hearback_core::{Catalog, Change, ServiceName};
use jiff::Timestamp;

use crate::serve::Problem;

/// What a notification says of an alert.
pub enum SentAlert {
    /// It fires.
    Fired(Alert),
    /// It is over.
    Resolved {
        /// Which.
        fingerprint: String,
        /// Since when.
        at: Timestamp,
    },
}

/// A delivery of GitHub.
pub struct SentDelivery {
    /// The delivery's id.
    pub id: String,
    /// What changed.
    pub changes: Vec<Change>,
}

/// What was read of telemetry, and the reply its protocol asks for.
pub struct Read<T> {
    /// The records.
    pub items: Vec<T>,
    /// The reply.
    pub reply: Vec<u8>,
    /// The reply's media type.
    pub content_type: &'static str,
}

/// Reads what is sent.
pub struct Intake {
    /// Which labels of alerts mean what.
    pub alertmanager: hearback_alertmanager::Options,
    /// The services, whose aliases alerts may use.
    pub catalog: Catalog,
    /// Configured repositories by their names here.
    pub github: BTreeMap<String, GithubIntake>,
}

/// A repository whose deliveries are taken.
pub struct GithubIntake {
    /// What is needed to read them.
    pub hook: hearback_github::Webhook,
}

impl Intake {
    /// Changes in any of the forms that are taken.
    ///
    /// # Errors
    /// 400, 413 or 415, in one sentence.
    pub fn changes(&self, headers: &HeaderMap, body: &[u8]) -> Result<Vec<Change>, Problem> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let kind = header("content-type").unwrap_or_default();
        hearback_cdevents::parse_changes(kind, header, body).map_err(|error| {
            let status = match error {
                ChangeFormError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
                ChangeFormError::ContentType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ChangeFormError::Malformed(_) | ChangeFormError::OneOf { .. } => StatusCode::BAD_REQUEST,
            };
            Problem::new(status, error.to_string())
        })
    }

    /// The alerts of a notification of Alertmanager, under the names that the catalog has for their services.
    ///
    /// # Errors
    /// 400 or 413, in one sentence.
    pub fn alerts(&self, body: &[u8], received_at: Timestamp) -> Result<Vec<SentAlert>, Problem> {
        let read = hearback_alertmanager::parse_webhook(body, received_at, &self.alertmanager);
        let notification = read.map_err(|error| {
            let status = match error {
                WebhookError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
                WebhookError::Malformed(_) | WebhookError::Version(_) => StatusCode::BAD_REQUEST,
            };
            Problem::new(status, error.to_string())
        })?;
        if let Some(missing) = notification.missing {
            tracing::warn!(
                missing,
                notes = notification.notes.len(),
                "a notification does not hold all alerts"
            );
        }
        let sent = |event| match event {
            AlertEvent::Fired(alert) => SentAlert::Fired(self.with_official_name(alert)),
            AlertEvent::Resolved { fingerprint, at } => SentAlert::Resolved { fingerprint, at },
        };
        Ok(notification.events.into_iter().map(sent).collect())
    }

    fn with_official_name(&self, alert: Alert) -> Alert {
        let official = |name: ServiceName| match self.catalog.find(name.as_str()) {
            Some(service) => service.name.clone(),
            None => name,
        };
        Alert { service: alert.service.map(official), ..alert }
    }
}
