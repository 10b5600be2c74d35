//! `/healthz`, `/readyz`, `/metrics`: for the machines that watch this one. They say nothing of any incident.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::incidents::is_reachable;
use crate::serve::problem::Problem;
use crate::serve::service::Service;

/// How long the record has to answer.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// The process runs.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// The record answers, so that questions and alerts can be taken.
pub async fn readyz(State(service): State<Arc<Service>>) -> Result<&'static str, Problem> {
    match tokio::time::timeout(READY_WITHIN, is_reachable(&service)).await {
        Ok(Ok(())) => Ok("ready\n"),
        Ok(Err(problem)) => Err(problem),
        Err(_) => Err(Problem::busy("the record does not answer within 2 s")),
    }
}

/// Counts in the text format of OpenMetrics.
pub async fn metrics(State(service): State<Arc<Service>>) -> Response {
    if let Some(telemetry) = &service.parts.telemetry {
        let bytes = i64::try_from((telemetry.bytes)()).unwrap_or(i64::MAX);
        service.metrics.telemetry_bytes.set(bytes);
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], service.metrics.text()).into_response()
}
