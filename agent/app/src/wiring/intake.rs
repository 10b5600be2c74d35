//! How what is sent is read: each form by the connector that knows it, each refusal as a status and a sentence.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, StatusCode};
use hearback_alertmanager::{AlertEvent, WebhookError};
use hearback_cdevents::ChangeFormError;
use hearback_core::happening::Alert;
use hearback_core::redaction::redact;
use hearback_core::telemetry::{LogRecord, SpanRecord};
use hearback_core::{Catalog, Change, Digest, ServiceName};
use hearback_github::{WebhookRequest, WebhookRules, WebhookSecret, parse_webhook};
use hearback_otlp::{Encoding, LineDefaults, OtlpError, OtlpResponse, Parsed, Signal, failure, success};
use jiff::Timestamp;

use crate::serve::Problem;

const NOT_TAKEN: &str = "deliveries are taken for repositories with a webhook_secret in [[github]] only";

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

impl<T> Read<T> {
    fn of(read: Parsed<T>, signal: Signal, encoding: Encoding) -> Self {
        let OtlpResponse { content_type, body } = success(signal, encoding, &read.rejected);
        Read { items: read.records, reply: body, content_type }
    }
}

/// Telemetry that is refused, in the form that its sender reads.
pub enum Refused {
    /// As everything else is refused.
    Plainly(Problem),
    /// As OTLP wants it: `google.rpc.Status` in the encoding of the request.
    AsOtlp {
        /// The status.
        status: StatusCode,
        /// The body's media type.
        content_type: &'static str,
        /// The body.
        body: Vec<u8>,
    },
}

/// A fingerprint that looks like a secret can't be written down, and a changed one is another alert's: its digest
/// stands for it.
fn writable(fingerprint: String) -> String {
    match redact(&fingerprint) {
        (_, 0) => fingerprint,
        _ => Digest::of(fingerprint.as_bytes()).to_string(),
    }
}

fn status_of(error: &OtlpError) -> StatusCode {
    match error {
        OtlpError::Malformed(_) => StatusCode::BAD_REQUEST,
        OtlpError::TooMuch(_) => StatusCode::PAYLOAD_TOO_LARGE,
    }
}

fn refused(error: &OtlpError, encoding: Encoding) -> Refused {
    let OtlpResponse { content_type, body } = failure(encoding, &error.to_string());
    Refused::AsOtlp { status: status_of(error), content_type, body }
}

fn refused_lines(error: &OtlpError) -> Refused {
    Refused::Plainly(Problem::new(status_of(error), error.to_string()))
}

fn unknown_form(what: &str, kind: &str) -> Refused {
    let lines = if what == "logs" { ", or lines as application/x-ndjson" } else { "" };
    let kind = hearback_core::ExternalText::from(kind).for_people(60);
    Refused::Plainly(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        format!(
            "{what} are not read as \"{kind}\"; send OTLP as application/x-protobuf or application/json{lines}"
        ),
    ))
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
    /// What deliveries are signed with.
    pub secret: WebhookSecret,
    /// How they are read.
    pub rules: WebhookRules,
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
            AlertEvent::Resolved { fingerprint, at } => {
                SentAlert::Resolved { fingerprint: writable(fingerprint), at }
            }
        };
        Ok(notification.events.into_iter().map(sent).collect())
    }

    /// Whether deliveries to the repository called `name` are taken, and this one says that it is signed.
    ///
    /// # Errors
    /// 401 or 404, in one sentence.
    pub fn knows_github(&self, name: &str, headers: &HeaderMap) -> Result<(), Problem> {
        if !self.github.contains_key(name) {
            return Err(Problem::missing(NOT_TAKEN));
        }
        match headers.contains_key("x-hub-signature-256") {
            true => Ok(()),
            false => {
                Err(Problem::nobody("the delivery is not signed; set a secret for the webhook on GitHub"))
            }
        }
    }

    /// The changes of a delivery to the repository called `name`.
    ///
    /// # Errors
    /// 400, 401, 404 or 413, in one sentence.
    pub fn github(&self, name: &str, headers: &HeaderMap, body: &[u8]) -> Result<SentDelivery, Problem> {
        let hook = self.github.get(name).ok_or_else(|| Problem::missing(NOT_TAKEN))?;
        let GithubIntake { secret, rules } = hook;
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let request = WebhookRequest {
            event: header("x-github-event"),
            delivery: header("x-github-delivery"),
            signature: header("x-hub-signature-256"),
            body,
        };
        let read = parse_webhook(&request, secret, rules).map_err(|error| {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
            Problem::new(status, error.to_string())
        })?;
        Ok(SentDelivery { id: read.id, changes: read.changes })
    }

    /// Log records: OTLP in both encodings, or lines of JSON or text, of `service` where they do not say.
    ///
    /// # Errors
    /// 400, 413 or 415. For OTLP the body is what its protocol asks for.
    pub fn logs(
        &self,
        kind: &str,
        body: &[u8],
        received_at: Timestamp,
        service: Option<ServiceName>,
    ) -> Result<Read<LogRecord>, Refused> {
        if ["application/x-ndjson", "application/jsonl", "text/plain"].contains(&kind) {
            let read = hearback_otlp::parse_lines(body, &LineDefaults { received_at, service });
            let read = read.map_err(|error| refused_lines(&error))?;
            return Ok(Read::of(read, Signal::Logs, Encoding::Json));
        }
        let encoding = Encoding::from_content_type(kind).ok_or_else(|| unknown_form("logs", kind))?;
        let read = hearback_otlp::parse_logs(body, encoding, received_at);
        let read = read.map_err(|error| refused(&error, encoding))?;
        Ok(Read::of(read, Signal::Logs, encoding))
    }

    /// Spans: OTLP in both encodings.
    ///
    /// # Errors
    /// As [`Intake::logs`].
    pub fn traces(
        &self,
        kind: &str,
        body: &[u8],
        received_at: Timestamp,
    ) -> Result<Read<SpanRecord>, Refused> {
        let encoding = Encoding::from_content_type(kind).ok_or_else(|| unknown_form("traces", kind))?;
        let read = hearback_otlp::parse_traces(body, encoding, received_at);
        let read = read.map_err(|error| refused(&error, encoding))?;
        Ok(Read::of(read, Signal::Traces, encoding))
    }

    fn with_official_name(&self, alert: Alert) -> Alert {
        let official = |name: ServiceName| match self.catalog.find(name.as_str()) {
            Some(service) => service.name.clone(),
            None => name,
        };
        let fingerprint = writable(alert.fingerprint);
        Alert { service: alert.service.map(official), fingerprint, ..alert }
    }
}
