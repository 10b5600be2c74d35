//! The routes, with what each is for, and the OpenAPI 3.1 description that is made from them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use aide::openapi::{Info, MediaType, OpenApi, ReferenceOr, RequestBody, SecurityScheme};
use aide::transform::TransformOperation;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json, Router};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::decompression::RequestDecompressionLayer;
use tower_http::timeout::TimeoutLayer;

use super::doors::SCHEME;
use super::metrics::Request as Counted;
use super::problem::Problem;
use super::routes::{
    changes, entries, health, hypotheses, inbox, incidents, memory, proposals, questions, reads, telemetry,
    webhooks,
};
use super::service::Service;

/// The longest a request may take, its body included. Event streams answer at once and go on.
const REQUEST_WITHIN: Duration = Duration::from_secs(30);

/// All routes of the service.
pub fn router(service: Arc<Service>) -> Router {
    let (router, api) = described();
    router
        .route("/openapi.json", axum::routing::get(openapi))
        .fallback(|| async { Problem::missing("there is no such page; /openapi.json lists those there are") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this page does not take that; see /openapi.json")
        })
        .layer(Extension(Arc::new(api)))
        .layer(DefaultBodyLimit::max(service.parts.config.serve.max_body))
        .layer(RequestDecompressionLayer::new())
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_WITHIN))
        .layer(from_fn_with_state(Arc::clone(&service), count))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + std::marker::Send>| {
            tracing::error!("a handler panicked");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "this failed here; the service's log says why")
                .into_response()
        }))
        .with_state(service)
}

/// The routes, and their OpenAPI 3.1 description.
fn described() -> (Router<Arc<Service>>, OpenApi) {
    let mut api = OpenApi {
        info: Info {
            title: "Hearback".into(),
            description: Some(
                "The incident copilot's service: declare, ask, follow, and send changes, alerts and telemetry. \
                 Every refusal is one plain sentence."
                    .into(),
            ),
            version: env!("CARGO_PKG_VERSION").into(),
            ..Info::default()
        },
        ..OpenApi::default()
    };
    const OTLP: &[&str] = &["application/x-protobuf", "application/json"];
    const LOGS: &[&str] = &["application/x-protobuf", "application/json", "application/x-ndjson"];
    const CHANGES: &[&str] =
        &["application/json", "application/cloudevents+json", "application/cloudevents-batch+json"];
    const JSON: &[&str] = &["application/json"];
    let router = ApiRouter::new()
        .api_route(
            "/v1/incidents",
            get_with(incidents::list, says("All incidents, oldest first"))
                .post_with(incidents::declare, says("Declare an incident")),
        )
        .api_route("/v1/incidents/{id}", get_with(incidents::show, says("What is known of an incident")))
        .api_route(
            "/v1/incidents/{id}/ask",
            post_with(questions::ask_inside, says("Ask inside an incident; the answer goes into its record")),
        )
        .api_route(
            "/v1/incidents/{id}/entries",
            get_with(entries::read, |operation| {
                says("Entries in pages, or as events with Accept: text/event-stream")(operation)
                    .response::<200, Json<entries::Page>>()
            })
            .post_with(entries::note, says("Write a note into the record")),
        )
        .api_route(
            "/v1/incidents/{id}/resolve",
            post_with(incidents::resolve, says("Say that an incident is over")),
        )
        .api_route(
            "/v1/incidents/{id}/hypotheses",
            get_with(hypotheses::list, says("What may have caused it, by people and by a model")).post_with(
                hypotheses::raise,
                says("Say what may have caused it; a model that looks further is told"),
            ),
        )
        .api_route(
            "/v1/incidents/{id}/hypotheses/{hypothesis}",
            post_with(hypotheses::settle, says("Say that a hypothesis is right or wrong")),
        )
        .api_route(
            "/v1/incidents/{id}/proposals",
            get_with(proposals::of_incident, says("What was proposed in an incident")),
        )
        .api_route("/v1/proposals", get_with(proposals::list, says("Everything that was proposed")))
        .api_route("/v1/proposals/{proposal}", get_with(proposals::show, says("A proposal in full")))
        .api_route(
            "/v1/proposals/{proposal}/decision",
            post_with(proposals::decision, says("Approve or reject exactly what was shown")),
        )
        .api_route(
            "/v1/audit",
            get_with(
                proposals::audit,
                says("Everything that was proposed, decided and done; verified if wanted"),
            ),
        )
        .api_route("/v1/ask", post_with(questions::ask, says("Ask outside any incident; nothing is written")))
        .api_route(
            "/v1/similar",
            post_with(memory::similar, says("Incidents that were like this, and what fixed them")),
        )
        .api_route(
            "/v1/runbook",
            post_with(memory::runbook, says("What to do now, as a checklist, and whether it is stale")),
        )
        .api_route("/v1/experts", post_with(memory::experts, says("Whom to ask, and why")))
        .api_route(
            "/v1/reads",
            get_with(reads::list, says("The read tools for agents, with the schemas of their arguments"))
                .post_with(reads::call, says("Call a read tool; it looks into what the token asked last")),
        )
        .api_route(
            "/v1/incidents/{id}/read",
            get_with(reads::incident, says("What is known of an incident, as an agent reads it")),
        )
        .api_route("/v1/inbox", get_with(inbox::list, says("Alerts that wait for an incident")))
        .api_route(
            "/v1/changes",
            post_with(changes::take, raw("Send changes: CDEvents 0.5 or plain", CHANGES)),
        )
        .api_route(
            "/v1/logs",
            post_with(telemetry::logs, raw("Send log records: OTLP or JSON Lines", LOGS)).get_with(
                telemetry::find_logs,
                says("Log records by service, severity, trace, time and wording"),
            ),
        )
        .api_route(
            "/v1/logs/templates",
            get_with(telemetry::find_templates, says("Wordings of log records, the most frequent first")),
        )
        .api_route(
            "/v1/traces",
            post_with(telemetry::traces, raw("Send spans: OTLP", OTLP))
                .get_with(telemetry::find_traces, says("Spans of a trace, or the slowest")),
        )
        .api_route(
            "/v1/webhooks/alertmanager",
            post_with(webhooks::alertmanager, raw("Send a notification of Alertmanager, version 4", JSON)),
        )
        .api_route(
            "/v1/webhooks/github/{name}",
            post_with(webhooks::github, raw("Send a delivery of GitHub, signed with SHA-256", JSON)),
        )
        .api_route(
            "/v1/webhooks/slack",
            post_with(
                webhooks::slack,
                raw(
                    "Send what happens in Slack, signed as Slack does",
                    &["application/json", "application/x-www-form-urlencoded"],
                ),
            ),
        )
        .api_route("/healthz", get_with(health::healthz, says("The process runs")))
        .api_route("/readyz", get_with(health::readyz, says("The record answers")))
        .api_route("/metrics", get_with(health::metrics, says("Counts in the OpenMetrics format")));
    let router = router.finish_api_with(&mut api, |api| {
        let bearer = SecurityScheme::Http {
            scheme: "bearer".into(),
            bearer_format: None,
            description: Some("A token of `hearback token add`".into()),
            extensions: Default::default(),
        };
        api.security_scheme(SCHEME, bearer)
    });
    (router, api)
}

/// Says what a route is for.
fn says(summary: &'static str) -> impl FnOnce(TransformOperation<'_>) -> TransformOperation<'_> {
    move |operation| operation.summary(summary)
}

/// Says what a route is for, and in which forms its body may come.
fn raw(
    summary: &'static str,
    kinds: &'static [&'static str],
) -> impl FnOnce(TransformOperation<'_>) -> TransformOperation<'_> {
    move |mut operation| {
        let content = kinds.iter().map(|kind| ((*kind).to_owned(), MediaType::default()));
        let body = RequestBody { content: content.collect(), required: true, ..RequestBody::default() };
        operation.inner_mut().request_body = Some(ReferenceOr::Item(body));
        operation.summary(summary)
    }
}

async fn openapi(Extension(api): Extension<Arc<OpenApi>>) -> Json<OpenApi> {
    Json(OpenApi::clone(&api))
}

/// Counts a request under its route's pattern; what matches no route is one count.
async fn count(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let began = Instant::now();
    let response = next.run(request).await;
    service.metrics.request_seconds.observe(began.elapsed().as_secs_f64());
    let status = response.status().as_u16();
    service.metrics.requests.get_or_create(&Counted { route, status }).inc();
    response
}
