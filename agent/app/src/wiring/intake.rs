//! How what is sent is read: each form by the connector that knows it, each refusal as a status and a sentence.

use axum::http::{HeaderMap, StatusCode};
use hearback_core::Change;
use hearback_core::happening::Alert;
use hearback_core::telemetry::{LogRecord, SpanRecord};
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
pub struct Intake {}

impl Intake {
    pub fn changes(&self, _h: &HeaderMap, _b: &[u8]) -> Result<Vec<Change>, Problem> {
        Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "x"))
    }
    pub fn alerts(&self, _b: &[u8], _now: Timestamp) -> Result<Vec<SentAlert>, Problem> {
        Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "x"))
    }
    pub fn github(&self, _n: &str, _h: &HeaderMap, _b: &[u8]) -> Result<SentDelivery, Problem> {
        Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "x"))
    }
    pub fn logs(&self, _c: &str, _b: &[u8], _n: Timestamp) -> Result<Read<LogRecord>, Problem> {
        Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "x"))
    }
    pub fn traces(&self, _c: &str, _b: &[u8]) -> Result<Read<SpanRecord>, Problem> {
        Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "x"))
    }
}
