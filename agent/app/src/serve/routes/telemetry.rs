//! `/v1/logs` and `/v1/traces`: OTLP over HTTP, as protobuf and as JSON; `/v1/logs` takes JSON Lines too. What is
//! acknowledged is on disk. The same pages read it back, by service, severity, trace, time and wording.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hearback_core::ports::{ConnectorError, LogQuery, SpanOrder, SpanQuery};
use hearback_core::telemetry::{TemplateId, TraceId};
use hearback_core::{Coverage, Digest, Fetched, LogSeverity, Window};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::commands::times;
use crate::serve::doors::{Asked, Everywhere, Raw, Read, Send, content_type};
use crate::serve::metrics::Taken;
use crate::serve::problem::Problem;
use crate::serve::service::{Service, Telemetry};
use crate::wiring::intake::Refused;

fn telemetry(service: &Service) -> Result<&Telemetry, Problem> {
    let off = || Problem::new(StatusCode::NOT_IMPLEMENTED, "telemetry is off here: set [telemetry] path");
    service.parts.telemetry.as_ref().ok_or_else(off)
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

/// Whose lines are sent, where the lines do not say so.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinesOf {
    /// The service; lines alone need it.
    service: Option<String>,
}

/// Takes log records.
pub async fn logs(
    State(service): State<Arc<Service>>,
    _allowed: Everywhere<Send>,
    Asked(LinesOf { service: of }): Asked<LinesOf>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    let telemetry = telemetry(&service)?;
    let of = times::services(&of.into_iter().collect::<Vec<_>>())?.pop();
    let read = match service.parts.intake.logs(&content_type(&headers), &body, Timestamp::now(), of) {
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
    _allowed: Everywhere<Send>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    let telemetry = telemetry(&service)?;
    let read = match service.parts.intake.traces(&content_type(&headers), &body, Timestamp::now()) {
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

/// How far back is looked unless said otherwise.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(1);
/// The most that is given at once.
const MOST: usize = 1000;

/// Which log records or spans are wanted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Of this service only.
    service: Option<String>,
    /// Logs: at least this bad; else info. Spans: "error" for those that failed.
    severity: Option<String>,
    /// Of this trace only, in hexadecimal.
    trace: Option<String>,
    /// Logs: of this wording only, by the id that `/v1/logs/templates` gives.
    template: Option<String>,
    /// How far back, or since when: "2h", a time; else 1h.
    since: Option<String>,
    /// Until when; else now.
    until: Option<String>,
    /// At most so many, up to 1000; else 100.
    limit: Option<usize>,
}

/// What was found, and what was searched for it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Found {
    /// Log records, wordings or spans.
    items: Vec<Value>,
    /// What was looked through, and what was not.
    coverage: Coverage,
}

impl Found {
    fn of<T: Serialize>(fetched: Result<Fetched<T>, ConnectorError>) -> Result<Json<Self>, Problem> {
        let fetched = fetched.map_err(|error| Problem::busy(error.to_string()))?;
        let items = fetched.items.iter().map(|item| serde_json::to_value(item).unwrap_or_default());
        Ok(Json(Found { items: items.collect(), coverage: fetched.coverage }))
    }
}

impl Wanted {
    fn window(&self, now: Timestamp) -> Result<Window, Problem> {
        let until = self.until.as_deref().map_or(Ok(now), |text| times::past("until", text, now))?;
        let since = |text| times::since("since", text, until, now);
        let from = self.since.as_deref().map_or(Ok(Window::before(until, LOOK_BACK).from), since)?;
        Ok(Window { from, until })
    }

    fn services(&self) -> Result<Vec<hearback_core::ServiceName>, Problem> {
        Ok(times::services(&self.service.iter().cloned().collect::<Vec<_>>())?)
    }

    fn trace(&self) -> Result<Option<TraceId>, Problem> {
        let wrong = || Problem::bad("trace: write it as 32 hexadecimal digits");
        self.trace.as_deref().map(|text| TraceId::from_hex(text).ok_or_else(wrong)).transpose()
    }

    fn limit(&self) -> usize {
        self.limit.unwrap_or(100).clamp(1, MOST)
    }

    fn logs(&self, budget: SignedDuration) -> Result<LogQuery, Problem> {
        let severity = self.severity.as_deref().map_or(Some(LogSeverity::Info), LogSeverity::from_word);
        let template = self.template.as_deref().map(str::parse::<Digest>).transpose();
        Ok(LogQuery {
            window: self.window(Timestamp::now())?,
            services: self.services()?,
            severity: severity
                .ok_or_else(|| Problem::bad("severity: use trace, debug, info, warn, error or fatal"))?,
            trace: self.trace()?,
            template: template
                .map_err(|_| Problem::bad("template: write it as 64 hexadecimal digits"))?
                .map(TemplateId),
            limit: self.limit(),
            budget,
        })
    }
}

/// Log records, by time.
pub async fn find_logs(
    State(service): State<Arc<Service>>,
    _allowed: Everywhere<Read>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Found>, Problem> {
    let query = wanted.logs(service.parts.config.serve.budget)?;
    Found::of(telemetry(&service)?.logs.logs(&query).await)
}

/// Wordings of log records, the most frequent first.
pub async fn find_templates(
    State(service): State<Arc<Service>>,
    _allowed: Everywhere<Read>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Found>, Problem> {
    let query = wanted.logs(service.parts.config.serve.budget)?;
    Found::of(telemetry(&service)?.logs.templates(&query).await)
}

/// Spans: those of a trace by time, else the slowest.
pub async fn find_traces(
    State(service): State<Arc<Service>>,
    _allowed: Everywhere<Read>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Found>, Problem> {
    let failed = match wanted.severity.as_deref() {
        None => false,
        Some("error") => true,
        Some(_) => return Err(Problem::bad("severity: spans have \"error\" or nothing")),
    };
    let trace = wanted.trace()?;
    let query = SpanQuery {
        window: wanted.window(Timestamp::now())?,
        services: wanted.services()?,
        trace,
        failed,
        order: if trace.is_some() { SpanOrder::Newest } else { SpanOrder::Slowest },
        limit: wanted.limit(),
        budget: service.parts.config.serve.budget,
    };
    Found::of(telemetry(&service)?.traces.spans(&query).await)
}
