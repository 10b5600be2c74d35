//! A collector that takes nothing that is not right: method, path, type, protobuf. It keeps what it was sent, as bytes too.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use hearback_traces::{Tally, TracesOptions, layer};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

#[derive(Default)]
pub struct Heard {
    pub requests: Vec<ExportTraceServiceRequest>,
    pub bodies: Vec<Vec<u8>>,
    pub headers: Vec<HeaderMap>,
    /// The next answers; else 200.
    answers: VecDeque<u16>,
}

pub struct Receiver {
    pub heard: Arc<Mutex<Heard>>,
    at: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Receiver {
    pub fn start(answers: impl IntoIterator<Item = u16>) -> Self {
        let heard = Heard { answers: answers.into_iter().collect(), ..Heard::default() };
        let heard = Arc::new(Mutex::new(heard));
        let router = Router::new().route("/otel/v1/traces", post(take)).with_state(Arc::clone(&heard));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let at = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Receiver { heard, at, _runtime: runtime }
    }

    pub fn options(&self) -> TracesOptions {
        TracesOptions::new(format!("http://{}/otel", self.at), "1.2.3")
    }

    /// All spans, in the order in which they came.
    pub fn spans(&self) -> Vec<Span> {
        let heard = self.heard.lock().unwrap();
        let scopes =
            heard.requests.iter().flat_map(|one| &one.resource_spans).flat_map(|one| &one.scope_spans);
        scopes.flat_map(|one| one.spans.clone()).collect()
    }
}

async fn take(State(heard): State<Arc<Mutex<Heard>>>, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let mut heard = heard.lock().unwrap();
    let status = heard.answers.pop_front().unwrap_or(200);
    let is_right = headers.get("content-type").is_some_and(|kind| kind == "application/x-protobuf");
    let Ok(request) = ExportTraceServiceRequest::decode(&body[..]) else {
        return (StatusCode::BAD_REQUEST, "");
    };
    if !is_right {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "");
    }
    heard.headers.push(headers);
    heard.bodies.push(body.to_vec());
    if status == 200 {
        heard.requests.push(request);
    }
    (StatusCode::from_u16(status).unwrap(), "")
}

/// Runs `work` with traces on, and waits until they were sent.
pub fn traced(options: TracesOptions, work: impl FnOnce()) -> Tally {
    let (layer, traces) = layer(options).unwrap();
    tracing::subscriber::with_default(registry().with(layer), work);
    traces.finish(Duration::from_secs(20))
}

pub fn attribute(span: &Span, name: &str) -> Option<AnyValue> {
    let mut all = span.attributes.iter().filter(|one| one.key == name);
    let found = all.next()?.value.clone();
    assert!(all.next().is_none(), "{name} stands twice: {span:?}");
    found
}

pub fn text(span: &Span, name: &str) -> Option<String> {
    match attribute(span, name)?.value? {
        Value::StringValue(text) => Some(text),
        other => panic!("{name}: {other:?}"),
    }
}

pub fn number(span: &Span, name: &str) -> Option<i64> {
    match attribute(span, name)?.value? {
        Value::IntValue(number) => Some(number),
        other => panic!("{name}: {other:?}"),
    }
}

pub fn named<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name}: {spans:#?}"))
}
