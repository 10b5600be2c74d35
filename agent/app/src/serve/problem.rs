//! What a refusal looks like: a status and one plain sentence, as RFC 9457 (problem details) has it. Never a body, a
//! path of ours or a chain of causes.

use aide::OperationOutput;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hearback_core::ExternalText;
use hearback_core::ports::{IntakeError, RecordError};
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::Usage;

/// A request that could not be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    says: String,
    retry_after_s: Option<u32>,
}

/// The form of a refusal.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ProblemDetails {
    /// The status once more.
    pub status: u16,
    /// The status in words.
    pub title: String,
    /// What is wrong and what to do, in one sentence.
    pub detail: String,
}

impl Problem {
    /// A refusal with this status, in one sentence.
    pub fn new(status: StatusCode, says: impl Into<String>) -> Self {
        Problem { status, says: says.into(), retry_after_s: None }
    }

    /// The request can't be understood.
    pub fn bad(says: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, says)
    }

    /// There is no valid token.
    pub fn nobody(says: impl Into<String>) -> Self {
        Problem::new(StatusCode::UNAUTHORIZED, says)
    }

    /// The token does not allow it.
    pub fn forbidden(says: impl Into<String>) -> Self {
        Problem::new(StatusCode::FORBIDDEN, says)
    }

    /// It is not there.
    pub fn missing(says: impl Into<String>) -> Self {
        Problem::new(StatusCode::NOT_FOUND, says)
    }

    /// What is asked for is not there, or could not be read.
    pub fn gone(error: anyhow::Error) -> Self {
        match error.downcast_ref::<Usage>() {
            Some(usage) => Problem::missing(usage.to_string()),
            None => error.into(),
        }
    }

    /// Too much at once.
    pub fn busy(says: impl Into<String>) -> Self {
        Problem { retry_after_s: Some(1), ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, says) }
    }

    /// The sentence.
    pub fn says(&self) -> &str {
        &self.says
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<RecordError> for Problem {
    fn from(error: RecordError) -> Self {
        let status = match &error {
            RecordError::NoSuchIncident(_) | RecordError::NoSuchEntry(..) => StatusCode::NOT_FOUND,
            RecordError::Conflict { .. } => StatusCode::CONFLICT,
            RecordError::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            RecordError::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
            RecordError::Full => StatusCode::INSUFFICIENT_STORAGE,
            RecordError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        if status.is_server_error() {
            tracing::error!(%error, "the record failed");
        }
        Problem::new(status, error.to_string())
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Busy => Problem::busy(error.to_string()),
            IntakeError::Store(_) => {
                tracing::error!(%error, "telemetry can't be kept");
                Problem::busy(error.to_string())
            }
        }
    }
}

/// Errors of the command line's parsers are the sender's mistakes; all others are ours, and stay inside.
impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<Usage>() {
            Ok(Usage(says)) => Problem::bad(says),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "a request failed");
                Problem::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "this failed here; the service's log says why",
                )
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or_default().to_owned();
        let detail = ExternalText::new(self.says).for_people(1000);
        let details = ProblemDetails { status: self.status.as_u16(), title, detail };
        let mut response = (self.status, axum::Json(details)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"hearback\""));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl OperationOutput for Problem {
    type Inner = ProblemDetails;

    fn inferred_responses(
        ctx: &mut aide::generate::GenContext,
        operation: &mut aide::openapi::Operation,
    ) -> Vec<(Option<aide::openapi::StatusCode>, aide::openapi::Response)> {
        let response = axum::Json::<ProblemDetails>::operation_response(ctx, operation);
        let described = response.map(|mut response| {
            response.description = "Refused: status and one plain sentence (RFC 9457)".into();
            let json = response.content.shift_remove("application/json");
            response.content.extend(json.map(|json| ("application/problem+json".to_owned(), json)));
            (None, response)
        });
        described.into_iter().collect()
    }
}
