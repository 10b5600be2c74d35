//! The fake: the paths of Prometheus's API under `/prom`, and nothing else. It refuses what a Prometheus would refuse,
//! and keeps what it was asked.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::response::Response;
use hearback_core::ports::{ConnectorError, SeriesQuery, SignalSource as _};
use hearback_core::{Fetched, Series, ServiceName, SignalKind};
use hearback_http::{Credentials, HttpOptions, Secret};
use hearback_prometheus::{PrometheusOptions, PrometheusSignalSource};
use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Method and path.
    pub line: String,
    pub authorization: Option<String>,
    pub form: BTreeMap<String, String>,
}

type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// The fake.
pub struct Fake {
    pub host: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    _tasks: JoinSet<()>,
}

impl Fake {
    /// A fake that answers as `answer` says.
    pub async fn start<A>(answer: impl Fn(Asked) -> A + Clone + Send + Sync + 'static) -> Fake
    where
        A: Future<Output = Response> + Send + 'static,
    {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        let handle = move |request: Request| -> Answering {
            let (kept, answer) = (Arc::clone(&kept), answer.clone());
            Box::pin(async move {
                match read(request).await {
                    Ok(asked) => {
                        kept.lock().unwrap().push(asked.clone());
                        answer(asked).await
                    }
                    Err(why) => reply(500, "text/plain", why),
                }
            })
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, Router::new().fallback(handle)).await.unwrap() });
        Fake { host, asked, _tasks: tasks }
    }

    /// A fake that answers every question with the same.
    pub async fn always(status: u16, content_type: &'static str, body: &str) -> Fake {
        let body = body.to_owned();
        Fake::start(move |_| std::future::ready(reply(status, content_type, body.clone()))).await
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub fn options(&self) -> PrometheusOptions {
        let mut http = HttpOptions::new(format!("http://{}/prom/", self.host));
        http.first_pause = std::time::Duration::from_millis(1);
        http.credentials = Credentials::Bearer(Secret::new("hunter22"));
        PrometheusOptions::new("shop", http)
    }

    pub fn source(&self) -> PrometheusSignalSource {
        PrometheusSignalSource::new(self.options()).unwrap()
    }

    /// `text` with this server called `HOST`.
    pub fn anonymous(&self, text: &str) -> String {
        text.replace(&self.host, "HOST")
    }
}

/// A question about one service, over the ten minutes before 14:00.
pub async fn ask(
    source: &PrometheusSignalSource,
    services: &[&str],
    budget: SignedDuration,
) -> Result<Fetched<Series>, ConnectorError> {
    let services = services.iter().map(|name| ServiceName::new(*name).unwrap()).collect();
    source.series(&SeriesQuery { services, window: window(), needed_from: window().from, budget }).await
}

pub fn window() -> hearback_core::Window {
    hearback_core::Window::before("2026-11-23T14:00:00Z".parse().unwrap(), SignedDuration::from_mins(10))
}

pub fn reply(status: u16, content_type: &'static str, body: impl Into<Body>) -> Response {
    Response::builder().status(status).header(CONTENT_TYPE, content_type).body(body.into()).unwrap()
}

/// An answer with these rows.
pub fn matrix(rows: &str) -> Response {
    let body = format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{rows}]}}}}"#);
    reply(200, "application/json", body)
}

/// An answer with one series of one point.
pub fn one(value: &str) -> Response {
    matrix(&format!(r#"{{"metric":{{}},"values":[[1795441800,"{value}"]]}}"#))
}

/// Which signal a query of the built-in templates is for.
pub fn kind(asked: &Asked) -> SignalKind {
    let query = &asked.form["query"];
    match () {
        () if query.contains("histogram_quantile") => SignalKind::Latency,
        () if query.contains("5..") => SignalKind::Errors,
        () if query.contains("process_open_fds") => SignalKind::Saturation,
        () => SignalKind::Traffic,
    }
}

async fn read(request: Request) -> Result<Asked, String> {
    let (head, body) = request.into_parts();
    let line = format!("{} {}", head.method, head.uri);
    let header = |name| {
        head.headers.get(name).map(|value: &axum::http::HeaderValue| value.to_str().unwrap().to_owned())
    };
    let body: Bytes = to_bytes(body, 1 << 20).await.map_err(|error| error.to_string())?;
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let form: BTreeMap<String, String> = pairs.iter().cloned().collect();
    match line.as_str() {
        "POST /prom/api/v1/query_range" => {
            if header(CONTENT_TYPE).as_deref() != Some("application/x-www-form-urlencoded") {
                return Err("not a form".into());
            }
            let names: Vec<&str> = form.keys().map(String::as_str).collect();
            if names != ["end", "query", "start", "step", "timeout"] || pairs.len() != names.len() {
                return Err(format!("fields {names:?}"));
            }
        }
        "GET /prom/api/v1/status/buildinfo" if form.is_empty() => {}
        line => return Err(format!("no {line}")),
    }
    Ok(Asked { line, authorization: header(AUTHORIZATION), form })
}
