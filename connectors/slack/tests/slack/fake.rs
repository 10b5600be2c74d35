//! A strict Slack over TCP: its methods over HTTP, Socket Mode over a WebSocket. It holds every request to the contract,
//! keeps the messages it takes, and misbehaves on demand.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::response::Response;
use futures::{SinkExt as _, StreamExt as _};
use hearback_http::{HttpOptions, Secret};
use hearback_slack::{SlackOptions, SocketOptions};
use serde_json::{Map, Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server as handshake;

use super::contract::{self, APP, APP_TOKEN, BOT_TOKEN, BOT_USER, METHODS, TEAM};
use super::ours;

/// How the fake misbehaves, once.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// HTTP 429, with or without `Retry-After`.
    Busy(Option<&'static str>),
    Status(u16),
    /// `ok: false`.
    Says(&'static str),
    /// Any body, with status 200.
    Answers(Value),
    NotJson,
    /// It does not take the request, and never answers.
    Hangs,
    /// It does what was asked, and never answers.
    TakesAndHangs,
    /// It does what was asked, and drops the connection.
    TakesAndDrops,
    /// It gives history without metadata, as to an app that may not read it.
    HidesMetadata,
}

#[derive(Default)]
struct Inside {
    troubles: VecDeque<(&'static str, Trouble)>,
    asked: Vec<(String, Value)>,
    broken: Vec<String>,
    messages: Vec<Value>,
    /// When each message came.
    came: Vec<Instant>,
    /// Whether nobody is there, as far as anybody can tell.
    is_away: bool,
    whispers: Vec<Value>,
    tickets: BTreeSet<String>,
    opened: u64,
    /// What the next sockets greet with instead of hello.
    greetings: VecDeque<Value>,
}

type Shared = Arc<Mutex<Inside>>;

/// The running fake. It ends with the test.
pub struct Fake {
    inside: Shared,
    host: String,
    lines: tokio::sync::Mutex<mpsc::UnboundedReceiver<Line>>,
    _tasks: JoinSet<()>,
}

/// A socket that somebody opened, seen from Slack.
pub struct Line {
    socket: WebSocketStream<TcpStream>,
    inside: Shared,
}

impl Fake {
    pub async fn start() -> Fake {
        let inside = Shared::default();
        let (http, sockets) = (
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
        );
        let (host, socket_host) =
            (http.local_addr().unwrap().to_string(), sockets.local_addr().unwrap().to_string());
        let router = Router::new().fallback(serve).with_state((Arc::clone(&inside), socket_host));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(http, router).await.unwrap() });
        let (opened, lines) = mpsc::unbounded_channel();
        let kept = Arc::clone(&inside);
        tasks.spawn(async move {
            while let Ok((stream, _)) = sockets.accept().await {
                if let Some(line) = accept(stream, &kept).await {
                    let _ = opened.send(line);
                }
            }
        });
        Fake { inside, host, lines: tokio::sync::Mutex::new(lines), _tasks: tasks }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap()
    }

    pub fn http(&self) -> HttpOptions {
        let mut http = HttpOptions::new(format!("http://{}/api", self.host));
        http.first_pause = Duration::from_millis(1);
        http
    }

    pub fn options(&self) -> SlackOptions {
        SlackOptions { http: self.http(), ..SlackOptions::new(Secret::new(BOT_TOKEN), ours()) }
    }

    pub fn socket_options(&self) -> SocketOptions {
        let first_pause = Duration::from_millis(1);
        SocketOptions { http: self.http(), first_pause, ..SocketOptions::new(Secret::new(APP_TOKEN), ours()) }
    }

    /// The next call of `method` meets this; several in turn.
    pub fn trouble(&self, method: &'static str, trouble: Trouble) {
        self.inside().troubles.push_back((method, trouble));
    }

    pub fn greet_with(&self, greeting: Value) {
        self.inside().greetings.push_back(greeting);
    }

    /// The methods that were called, in order.
    pub fn called(&self) -> Vec<String> {
        self.inside().asked.iter().map(|(method, _)| method.clone()).collect()
    }

    /// The body of the last call.
    pub fn last(&self) -> Value {
        self.inside().asked.last().unwrap().1.clone()
    }

    /// The messages that stand in channels.
    pub fn messages(&self) -> Vec<Value> {
        self.inside().messages.clone()
    }

    /// The messages that stand in channels, with when they came.
    #[allow(dead_code, reason = "end-to-end tests use it")]
    pub fn messages_in_time(&self) -> Vec<(Instant, Value)> {
        let inside = self.inside();
        inside.came.iter().copied().zip(inside.messages.iter().cloned()).collect()
    }

    /// From now on every call meets a server that is away, or no more.
    #[allow(dead_code, reason = "end-to-end tests use it")]
    pub fn set_away(&self, is_away: bool) {
        self.inside().is_away = is_away;
    }

    /// What was said to one person alone.
    pub fn whispers(&self) -> Vec<Value> {
        self.inside().whispers.clone()
    }

    /// Somebody else's message, or one that we can't have posted.
    pub fn put(&self, message: Value) {
        self.inside().came.push(Instant::now());
        self.inside().messages.push(message);
    }

    /// Waits for a socket to be opened.
    pub async fn line(&self) -> Line {
        let mut lines = self.lines.lock().await;
        tokio::time::timeout(Duration::from_secs(20), lines.recv()).await.unwrap().unwrap()
    }

    pub fn assert_kept_the_contract(&self) {
        assert_eq!(self.inside().broken, [""; 0]);
    }

    /// `text` with this server called `HOST`.
    pub fn anonymous(&self, text: &str) -> String {
        text.replace(&self.host, "HOST")
    }
}

impl Line {
    pub async fn send(&mut self, envelope: &Value) {
        self.socket.send(Message::Text(envelope.to_string().into())).await.unwrap();
    }

    pub async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::Text(text.to_owned().into())).await.unwrap();
    }

    /// The next acknowledged envelope; none if the socket was closed.
    pub async fn ack(&mut self) -> Option<String> {
        let next = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => {
                        let ack: Value = serde_json::from_str(&text).unwrap();
                        self.inside.lock().unwrap().broken.extend(contract::faults("ack", &ack));
                        return Some(ack["envelope_id"].as_str().unwrap().to_owned());
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(_) | Err(_)) | None => return None,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), next).await.unwrap()
    }

    /// Waits until everything that was sent is read.
    pub async fn pinged(&mut self) {
        self.socket.send(Message::Ping("read?".into())).await.unwrap();
        let pong = async {
            loop {
                match self.socket.next().await.unwrap().unwrap() {
                    Message::Pong(text) if text == "read?" => return,
                    Message::Text(text) => panic!("acknowledged: {text}"),
                    _ => {}
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), pong).await.unwrap();
    }

    /// Breaks the connection without a word.
    pub fn break_off(self) {
        drop(self);
    }
}

#[expect(clippy::result_large_err, reason = "the form of tungstenite's callback")]
async fn accept(stream: TcpStream, inside: &Shared) -> Option<Line> {
    let check = |request: &handshake::Request, response: handshake::Response| {
        let ticket = request.uri().query().unwrap_or_default().to_owned();
        if inside.lock().unwrap().tickets.remove(&ticket) {
            Ok(response)
        } else {
            Err(handshake::ErrorResponse::new(None))
        }
    };
    let socket = tokio_tungstenite::accept_hdr_async(stream, check).await.ok()?;
    let mut line = Line { socket, inside: Arc::clone(inside) };
    let greeting = inside.lock().unwrap().greetings.pop_front();
    let hello = json!({"type": "hello", "num_connections": 1, "connection_info": {"app_id": APP}, "debug_info": {"host": "applink-1"}});
    line.send(&greeting.unwrap_or(hello)).await;
    Some(line)
}

async fn serve(State((inside, socket_host)): State<(Shared, String)>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let header = |name| head.headers.get(name).map(|value: &axum::http::HeaderValue| value.to_str().unwrap());
    let broken = |why: String| {
        inside.lock().unwrap().broken.push(why.clone());
        reply(500, &json!({"fake": why}))
    };
    let name = head.uri.path().strip_prefix("/api/").unwrap_or_default().to_owned();
    let Some(method) = METHODS.iter().find(|method| method.name == name) else {
        return broken(format!("no {name}"));
    };
    if head.method != "POST" || head.uri.query().is_some() {
        return broken(format!("{} {}", head.method, head.uri));
    }
    let token = header(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if token != method.token {
        let code =
            if token == BOT_TOKEN || token == APP_TOKEN { "not_allowed_token_type" } else { "invalid_auth" };
        return reply(200, &json!({"ok": false, "error": code}));
    }
    if header(CONTENT_TYPE) != Some(method.content_type) {
        return broken(format!("{name}: content type {:?}", header(CONTENT_TYPE)));
    }
    let asked: Value = if method.content_type == "application/json" {
        serde_json::from_slice(&body).unwrap()
    } else {
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
        let fields: Map<String, Value> =
            pairs.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        if fields.len() != pairs.len() {
            return broken(format!("{name}: a field twice"));
        }
        Value::Object(fields)
    };
    let faults = contract::faults(&name, &asked);
    if inside.lock().unwrap().is_away {
        return reply(503, &json!({"ok": false, "error": "service_unavailable"}));
    }
    let trouble = {
        let mut inside = inside.lock().unwrap();
        inside.broken.extend(faults);
        inside.asked.push((name.clone(), asked.clone()));
        let at = inside.troubles.iter().position(|(method, _)| *method == name);
        at.and_then(|at| inside.troubles.remove(at)).map(|(_, trouble)| trouble)
    };
    let answer = |inside: &mut Inside| match name.as_str() {
        "auth.test" => {
            json!({"ok": true, "url": "https://acme.slack.com/", "team": "acme", "user": "hearback",
            "team_id": TEAM, "user_id": BOT_USER, "bot_id": "B1"})
        }
        "chat.postMessage" => post(inside, &asked),
        "chat.postEphemeral" => {
            inside.whispers.push(asked.clone());
            json!({"ok": true, "message_ts": format!("1795442400.{:06}", 900_000 + inside.whispers.len())})
        }
        "chat.update" => update(inside, &asked),
        "apps.connections.open" => {
            inside.opened += 1;
            let ticket = format!("ticket={}&app_id={APP}", inside.opened);
            inside.tickets.insert(ticket.clone());
            json!({"ok": true, "url": format!("ws://{socket_host}/link/?{ticket}")})
        }
        _ => page(inside, &asked),
    };
    match trouble {
        None => reply(200, &answer(&mut inside.lock().unwrap())),
        Some(Trouble::Busy(after)) => {
            let mut response = reply(429, &json!({"ok": false, "error": "ratelimited"}));
            if let Some(after) = after {
                response.headers_mut().insert(RETRY_AFTER, after.parse().unwrap());
            }
            response
        }
        Some(Trouble::Status(status)) => reply(status, &json!({"ok": false, "error": "internal_error"})),
        Some(Trouble::Says(code)) => reply(200, &json!({"ok": false, "error": code, "needed": "chat:write"})),
        Some(Trouble::Answers(body)) => reply(200, &body),
        Some(Trouble::NotJson) => {
            Response::builder().status(200).header(CONTENT_TYPE, "text/html").body(Body::from("<p>")).unwrap()
        }
        Some(Trouble::Hangs) => std::future::pending().await,
        Some(Trouble::TakesAndHangs) => {
            answer(&mut inside.lock().unwrap());
            std::future::pending().await
        }
        Some(Trouble::TakesAndDrops) => {
            answer(&mut inside.lock().unwrap());
            // The connection ends with the task that serves it.
            std::panic::resume_unwind(Box::new(()))
        }
        Some(Trouble::HidesMetadata) => {
            let mut page = answer(&mut inside.lock().unwrap());
            for message in page["messages"].as_array_mut().unwrap() {
                message.as_object_mut().unwrap().remove("metadata");
            }
            reply(200, &page)
        }
    }
}

fn reply(status: u16, body: &Value) -> Response {
    let response = Response::builder().status(status).header(CONTENT_TYPE, "application/json; charset=utf-8");
    response.body(Body::from(body.to_string())).unwrap()
}

fn post(inside: &mut Inside, asked: &Value) -> Value {
    let ts = format!("1795442400.{:06}", inside.messages.len() + 1);
    let mut message = asked.clone();
    (message["ts"], message["user"], message["app_id"], message["type"]) =
        (ts.clone().into(), BOT_USER.into(), APP.into(), "message".into());
    inside.messages.push(message);
    inside.came.push(Instant::now());
    json!({"ok": true, "channel": asked["channel"], "ts": ts, "message": {"text": asked["text"]}})
}

fn update(inside: &mut Inside, asked: &Value) -> Value {
    let same = |message: &&mut Value| message["ts"] == asked["ts"] && message["channel"] == asked["channel"];
    let Some(message) = inside.messages.iter_mut().find(same) else {
        return json!({"ok": false, "error": "message_not_found"});
    };
    (message["text"], message["blocks"]) = (asked["text"].clone(), asked["blocks"].clone());
    json!({"ok": true, "channel": asked["channel"], "ts": asked["ts"], "text": asked["text"]})
}

/// Two messages a page: Slack may give fewer than it was asked for. A channel's newest come first, a thread's oldest.
fn page(inside: &Inside, asked: &Value) -> Value {
    let from: f64 = asked["oldest"].as_str().unwrap().parse().unwrap();
    let in_thread = |message: &Value| match asked["ts"].as_str() {
        Some(thread) => message["thread_ts"] == thread || message["ts"] == thread,
        None => message.get("thread_ts").is_none(),
    };
    let found = inside.messages.iter().rev().filter(|message| {
        let ts: f64 = message["ts"].as_str().unwrap().parse().unwrap();
        message["channel"] == asked["channel"] && in_thread(message) && ts >= from
    });
    let skip: usize = asked["cursor"].as_str().map_or(0, |cursor| cursor.parse().unwrap());
    let mut found: Vec<&Value> = found.collect();
    if asked.get("ts").is_some() {
        found.reverse();
    }
    let next = if found.len() > skip + 2 { (skip + 2).to_string() } else { String::new() };
    let page: Vec<&Value> = found.into_iter().skip(skip).take(2).collect();
    json!({"ok": true, "messages": page, "has_more": !next.is_empty(), "response_metadata": {"next_cursor": next}})
}
