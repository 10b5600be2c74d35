//! The fake: `POST /v1/embeddings`, and nothing else. It refuses what breaks the contract, and keeps what it was asked.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::response::Response;
use hearback_core::memory::store::{EmbedAs, Embedder as _, MemoryError};
use hearback_http::{Credentials, HttpOptions, Secret};
use hearback_model::{Dimension, EmbeddingOptions, OpenAiEmbedder};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::contract;

pub const KEY: &str = "sk-hunter22hunter22hunter22";
pub const MODEL: &str = "text-embedding-3-small";
pub const AMPLE: SignedDuration = SignedDuration::from_secs(60);

type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// One request: which it was, from 0, and its texts.
#[derive(Clone)]
pub struct Asked {
    pub number: usize,
    pub texts: Vec<String>,
}

pub struct Fake {
    pub host: String,
    kept: Arc<Mutex<Vec<Value>>>,
    broken: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Fake {
    /// A fake that answers as `answer` says.
    pub async fn start<A>(answer: impl Fn(Asked) -> A + Clone + Send + Sync + 'static) -> Fake
    where
        A: Future<Output = Response> + Send + 'static,
    {
        let kept: Arc<Mutex<Vec<Value>>> = Arc::default();
        let broken: Arc<Mutex<Vec<String>>> = Arc::default();
        let (keeps, breaks) = (Arc::clone(&kept), Arc::clone(&broken));
        let handle = move |request: Request| -> Answering {
            let (keeps, breaks, answer) = (Arc::clone(&keeps), Arc::clone(&breaks), answer.clone());
            Box::pin(async move {
                let body = match read(request).await {
                    Ok(body) => body,
                    Err(why) => {
                        breaks.lock().unwrap().push(why);
                        return refusal(400, "invalid_request_error", "no");
                    }
                };
                let texts = body["input"].as_array().unwrap();
                let texts = texts.iter().map(|text| text.as_str().unwrap().to_owned()).collect();
                let number = {
                    let mut keeps = keeps.lock().unwrap();
                    keeps.push(body);
                    keeps.len() - 1
                };
                answer(Asked { number, texts }).await
            })
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, Router::new().fallback(handle)).await.unwrap() });
        Fake { host, kept, broken, _tasks: tasks }
    }

    /// A fake that does its work.
    pub async fn working() -> Fake {
        Fake::start(|asked| std::future::ready(vectors(&asked.texts))).await
    }

    /// The bodies of the requests so far; each kept to the contract.
    pub fn asked(&self) -> Vec<Value> {
        assert_eq!(*self.broken.lock().unwrap(), Vec::<String>::new());
        self.kept.lock().unwrap().clone()
    }

    /// As [`Fake::asked`]: how many texts each had.
    pub fn sizes(&self) -> Vec<usize> {
        self.asked().iter().map(|body| body["input"].as_array().unwrap().len()).collect()
    }

    pub fn options(&self) -> EmbeddingOptions {
        let mut http = HttpOptions::new(format!("http://{}/v1", self.host));
        http.first_pause = Duration::from_millis(1);
        http.credentials = Credentials::Bearer(Secret::new(KEY));
        let mut options = EmbeddingOptions::new(http, MODEL);
        options.dimension = Dimension::Known(3);
        options
    }

    pub async fn embedder(&self) -> OpenAiEmbedder {
        OpenAiEmbedder::open(self.options(), AMPLE).await.unwrap()
    }

    /// `text` with this server called `HOST`.
    pub fn anonymous(&self, text: &str) -> String {
        text.replace(&self.host, "HOST")
    }
}

/// Vectors of passages.
pub async fn embed(
    embedder: &OpenAiEmbedder,
    texts: &[&str],
    budget: SignedDuration,
) -> Result<Vec<Vec<f32>>, MemoryError> {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    embedder.embed(&texts, EmbedAs::Passage, budget).await
}

pub fn reply(status: u16, content_type: &'static str, body: impl Into<Body>) -> Response {
    Response::builder().status(status).header(CONTENT_TYPE, content_type).body(body.into()).unwrap()
}

/// A refusal as OpenAI writes one; its sentence holds what must not be repeated.
pub fn refusal(status: u16, kind: &str, code: &str) -> Response {
    let message = format!("Incorrect API key provided: {KEY}. You sent: my secret text");
    let body = json!({ "error": { "message": message, "type": kind, "param": null, "code": code } });
    reply(status, "application/json", body.to_string())
}

/// What the fake makes of a text: its length, and two numbers beside.
pub fn vector(text: &str) -> [f64; 3] {
    [text.len() as f64, 1.0, -2.0]
}

/// The same, to length 1.
pub fn expected(text: &str) -> Vec<f32> {
    let vector = vector(text);
    let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    vector.iter().map(|x| (x / length) as f32).collect()
}

pub fn row(index: usize, embedding: impl Into<Value>) -> Value {
    json!({ "object": "embedding", "index": index, "embedding": embedding.into() })
}

/// A reply with these rows.
pub fn rows(rows: Vec<Value>) -> Response {
    let usage = json!({ "prompt_tokens": 8, "total_tokens": 8 });
    let body = json!({ "object": "list", "data": rows, "model": MODEL, "usage": usage });
    reply(200, "application/json", body.to_string())
}

/// The reply to these texts.
pub fn vectors(texts: &[String]) -> Response {
    rows(texts.iter().enumerate().map(|(index, text)| row(index, vector(text).to_vec())).collect())
}

async fn read(request: Request) -> Result<Value, String> {
    let (head, body) = request.into_parts();
    let line = format!("{} {}", head.method, head.uri);
    let header =
        |name| head.headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    if line != "POST /v1/embeddings" {
        return Err(format!("no {line}"));
    }
    if header(CONTENT_TYPE) != Some("application/json") {
        return Err(format!("content type {:?}", header(CONTENT_TYPE)));
    }
    if header(AUTHORIZATION) != Some(&format!("Bearer {KEY}")) {
        return Err("no key, or another".into());
    }
    let body = to_bytes(body, 16 << 20).await.map_err(|error| error.to_string())?;
    let body = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
    let broken = contract::broken(&body);
    if broken.is_empty() { Ok(body) } else { Err(broken.join("; ")) }
}
