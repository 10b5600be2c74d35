//! A language model behind the real protocol: `POST /v1/chat/completions` of OpenAI's API, streamed and whole, on loopback. It
//! says what a test tells it to say, checks every request against the published description and the rules that no schema can
//! say, and keeps what it was asked. A request that breaks one is answered 400 and fails the test that made it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a part of tests alone"
)]

mod contract;
mod conversation;
mod play;
mod sending;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use axum::response::Response;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use contract::violations;
pub use play::{Play, Tap};

/// The key that it wants, unless it is told otherwise.
pub const KEY: &str = "sk-hunter22hunter22hunter22";

/// The most bytes of a request.
const MOST_REQUEST_BYTES: usize = 16 << 20;

/// One request that kept to the contract.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Which it was, from 0.
    pub number: usize,
    /// What was sent.
    pub body: Value,
}

impl Asked {
    /// The messages.
    pub fn messages(&self) -> &[Value] {
        self.body["messages"].as_array().unwrap()
    }

    /// The text of the last message.
    pub fn last_text(&self) -> &str {
        self.messages().last().and_then(|message| message["content"].as_str()).unwrap_or_default()
    }

    /// The names of the tools that may be called.
    pub fn tools(&self) -> Vec<&str> {
        let tools = self.body["tools"].as_array().into_iter().flatten();
        tools.map(|tool| tool["function"]["name"].as_str().unwrap()).collect()
    }

    /// Whether the reply is to be streamed.
    pub fn streams(&self) -> bool {
        self.body["stream"] == json!(true)
    }
}

type Direct = Box<dyn Fn(&Asked) -> Option<Play> + Send + Sync>;

struct State {
    key: Option<String>,
    direct: Direct,
    asked: Mutex<Vec<Asked>>,
    broken: Mutex<Vec<String>>,
}

/// The server, on a port of its own; it ends when it is dropped.
pub struct FakeModel {
    host: String,
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

impl FakeModel {
    /// One that does these things, a request each. To ask beyond the script breaks the contract.
    pub async fn playing(script: impl IntoIterator<Item = Play>) -> Self {
        let script: Mutex<VecDeque<Play>> = Mutex::new(script.into_iter().collect());
        Self::start(Some(KEY), Box::new(move |_| script.lock().unwrap().pop_front())).await
    }

    /// One that does what `direct` makes of each request.
    pub async fn directed(direct: impl Fn(&Asked) -> Play + Send + Sync + 'static) -> Self {
        Self::start(Some(KEY), Box::new(move |asked| Some(direct(asked)))).await
    }

    /// As [`FakeModel::directed`], for those who have no key: one that is sent breaks the contract.
    pub async fn keyless(direct: impl Fn(&Asked) -> Play + Send + Sync + 'static) -> Self {
        Self::start(None, Box::new(move |asked| Some(direct(asked)))).await
    }

    async fn start(key: Option<&str>, direct: Direct) -> Self {
        let state = Arc::new(State {
            key: key.map(str::to_owned),
            direct,
            asked: Mutex::default(),
            broken: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        let handle = move |request: Request| answer(Arc::clone(&shared), request);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, Router::new().fallback(handle)).await.unwrap() });
        FakeModel { host, state, _tasks: tasks }
    }

    /// Host and port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The address up to where `/chat/completions` begins.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.host)
    }

    /// The requests so far. Fails if one broke the contract.
    pub fn asked(&self) -> Vec<Asked> {
        assert_eq!(*self.state.broken.lock().unwrap(), Vec::<String>::new(), "the contract was broken");
        self.state.asked.lock().unwrap().clone()
    }

    /// How the contract was broken so far; it is forgiven. For tests that break it on purpose.
    pub fn take_broken(&self) -> Vec<String> {
        std::mem::take(&mut self.state.broken.lock().unwrap())
    }
}

impl Drop for FakeModel {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.asked();
        }
    }
}

async fn answer(state: Arc<State>, request: Request) -> Response {
    let body = match read(&state, request).await {
        Ok(body) => body,
        Err(broken) => return refuse(&state, broken),
    };
    let asked = {
        let mut all = state.asked.lock().unwrap();
        let asked = Asked { number: all.len(), body };
        all.push(asked.clone());
        asked
    };
    match (state.direct)(&asked) {
        Some(play) => sending::send(play, &asked).await,
        None => refuse(&state, vec![format!("request {} stands in no script", asked.number)]),
    }
}

fn refuse(state: &State, broken: Vec<String>) -> Response {
    let error =
        json!({ "error": { "message": broken.join("; "), "type": "invalid_request_error", "code": null } });
    state.broken.lock().unwrap().extend(broken);
    sending::response(400, &[(CONTENT_TYPE.as_str(), "application/json")], error.to_string())
}

async fn read(state: &State, request: Request) -> Result<Value, Vec<String>> {
    let (head, body) = request.into_parts();
    let line = format!("{} {}", head.method, head.uri);
    let header = |name: HeaderName| head.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let mut broken = Vec::new();
    if line != "POST /v1/chat/completions" {
        broken.push(format!("there is no {line}"));
    }
    if header(CONTENT_TYPE) != Some("application/json") {
        broken.push(format!("the content type is {:?}", header(CONTENT_TYPE)));
    }
    if header(AUTHORIZATION) != state.key.as_ref().map(|key| format!("Bearer {key}")).as_deref() {
        // It is not repeated: a test's output may be read by many.
        broken.push("the key is missing, or another".to_owned());
    }
    let bytes = to_bytes(body, MOST_REQUEST_BYTES).await.map_err(|error| vec![error.to_string()])?;
    let body: Value = serde_json::from_slice(&bytes).map_err(|error| vec![error.to_string()])?;
    broken.extend(violations(&body));
    if broken.is_empty() { Ok(body) } else { Err(broken) }
}
