//! `/v1/logs` and `/v1/traces`: OTLP over HTTP, as protobuf and as JSON; `/v1/logs` takes JSON Lines too. What is
//! acknowledged is on disk.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use crate::serve::doors::{Allowed, Raw, Send, content_type};
use crate::serve::metrics::Taken;
use crate::serve::problem::Problem;
use crate::serve::service::{Service, Telemetry};
use crate::wiring::intake::Refused;

fn telemetry(service: &Service) -> Result<&Telemetry, Problem> {
    let off = || Problem::new(StatusCode::NOT_IMPLEMENTED, "telemetry is off here: set [telemetry] path");
    service.telemetry.as_ref().ok_or_else(off)
}

fn taken(service: &Service, what: &'static str, outcome: &'static str, count: usize) {
    service.metrics.taken.get_or_create(&Taken { what, outcome }).inc_by(count as u64);
}

fn refusal(refused: Refused) -> Result<Response, Problem> {
    match refused {
        Refused::Plainly(problem) => Err(problem),
        Refused::AsOtlp { status, content_type, body } => {
            Ok((status, [(header::CONTENT_TYPE, content_type)], body).into_response())
        }
    }
}

/// Takes log records.
pub async fn logs(
    State(service): State<Arc<Service>>,
    _allowed: Allowed<Send>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    let telemetry = telemetry(&service)?;
    let read = match service.intake.logs(&content_type(&headers), &body, Timestamp::now()) {
        Ok(read) => read,
        Err(refused) => return refusal(refused),
    };
    let count = read.items.len();
    if let Err(error) = telemetry.sink.take_logs(read.items).await {
        taken(&service, "log", "refused", count);
        return Err(error.into());
    }
    taken(&service, "log", "new", count);
    Ok(([(header::CONTENT_TYPE, read.content_type)], read.reply).into_response())
}

/// Takes spans.
pub async fn traces(
    State(service): State<Arc<Service>>,
    _allowed: Allowed<Send>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    let telemetry = telemetry(&service)?;
    let read = match service.intake.traces(&content_type(&headers), &body, Timestamp::now()) {
        Ok(read) => read,
        Err(refused) => return refusal(refused),
    };
    let count = read.items.len();
    if let Err(error) = telemetry.sink.take_spans(read.items).await {
        taken(&service, "span", "refused", count);
        return Err(error.into());
    }
    taken(&service, "span", "new", count);
    Ok(([(header::CONTENT_TYPE, read.content_type)], read.reply).into_response())
}
