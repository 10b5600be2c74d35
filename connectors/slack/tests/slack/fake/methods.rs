//! Slack's methods: every request is held to the contract, and then done, or not done as a trouble wants it.

use std::time::Instant;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::contract::{self, APP, APP_TOKEN, BOT_TOKEN, BOT_USER, METHODS, TEAM};
use super::{Asked, Inside, Kept, Shared, Trouble};

/// Messages of a page: Slack may give fewer than it was asked for.
const PAGE: usize = 2;

pub(super) async fn serve(
    State((inside, socket_host)): State<(Shared, String)>,
    request: Request,
) -> Response {
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
    let (trouble, at) = {
        let mut inside = inside.lock().unwrap();
        inside.broken.extend(faults);
        let trouble = inside.next_trouble(&name);
        inside.asked.push(Asked { method: name.clone(), body: asked.clone(), taken: false });
        (trouble, inside.asked.len() - 1)
    };
    let answer = || {
        let inside = &mut *inside.lock().unwrap();
        let answer = match name.as_str() {
            "auth.test" => {
                json!({"ok": true, "url": "https://acme.slack.com/", "team": "acme", "user": "hearback",
                "team_id": TEAM, "user_id": BOT_USER, "bot_id": "B1"})
            }
            "chat.postMessage" => post(inside, &asked),
            "chat.postEphemeral" => whisper(inside, &asked),
            "chat.update" => update(inside, &asked),
            "apps.connections.open" => open(inside, &socket_host),
            _ => page(inside, &asked),
        };
        inside.asked[at].taken = answer["ok"] == true;
        answer
    };
    match trouble {
        None => reply(200, &answer()),
        Some(Trouble::Busy(after)) => {
            let mut response = reply(429, &json!({"ok": false, "error": "ratelimited"}));
            if let Some(after) = after {
                response.headers_mut().insert(RETRY_AFTER, after.into());
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
            answer();
            std::future::pending().await
        }
        Some(Trouble::TakesAndDrops) => {
            answer();
            // The connection ends with the task that serves it.
            std::panic::resume_unwind(Box::new(()))
        }
        Some(Trouble::HidesMetadata) => {
            let mut page = answer();
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

fn open(inside: &mut Inside, socket_host: &str) -> Value {
    inside.opened += 1;
    let ticket = format!("ticket={}&app_id={APP}", inside.opened);
    inside.tickets.insert(ticket.clone());
    json!({"ok": true, "url": format!("ws://{socket_host}/link/?{ticket}")})
}

/// The message that was asked for, as it stands.
fn keep(inside: &mut Inside, asked: &Value, only_for: Option<String>) -> String {
    let ts = inside.next_ts();
    let mut message = asked.clone();
    (message["ts"], message["user"], message["app_id"], message["type"]) =
        (ts.clone().into(), BOT_USER.into(), APP.into(), "message".into());
    inside.messages.push(Kept { came: Instant::now(), message, before: Vec::new(), only_for });
    ts
}

fn post(inside: &mut Inside, asked: &Value) -> Value {
    let answered = |kept: &&Kept| kept.is_at(&asked["channel"], &asked["thread_ts"]);
    let is_reply =
        |kept: &Kept| kept.message["thread_ts"].as_str().is_some_and(|ts| kept.message["ts"] != ts);
    if inside.messages.iter().find(answered).is_some_and(is_reply) {
        // A thread is named by its first message, and not by another.
        inside.broken.push("chat.postMessage: thread_ts is that of an answer".to_owned());
    }
    let ts = keep(inside, asked, None);
    json!({"ok": true, "channel": asked["channel"], "ts": ts, "message": {"text": asked["text"]}})
}

fn whisper(inside: &mut Inside, asked: &Value) -> Value {
    let ts = keep(inside, asked, asked["user"].as_str().map(str::to_owned));
    json!({"ok": true, "message_ts": ts})
}

fn update(inside: &mut Inside, asked: &Value) -> Value {
    let same = |kept: &&mut Kept| kept.only_for.is_none() && kept.is_at(&asked["channel"], &asked["ts"]);
    let Some(Kept { message, before, .. }) = inside.messages.iter_mut().find(same) else {
        return json!({"ok": false, "error": "message_not_found"});
    };
    if message["app_id"] != APP {
        return json!({"ok": false, "error": "cant_update_message"});
    }
    before.push(message.clone());
    (message["text"], message["blocks"]) = (asked["text"].clone(), asked["blocks"].clone());
    json!({"ok": true, "channel": asked["channel"], "ts": asked["ts"], "text": asked["text"]})
}

/// A channel's newest come first, a thread's oldest. What one person alone sees is in no history.
fn page(inside: &Inside, asked: &Value) -> Value {
    let from: f64 = asked["oldest"].as_str().unwrap().parse().unwrap();
    let in_thread = |message: &Value| match asked["ts"].as_str() {
        Some(thread) => message["thread_ts"] == thread || message["ts"] == thread,
        None => message.get("thread_ts").is_none(),
    };
    let for_all = inside.messages.iter().rev().filter(|kept| kept.only_for.is_none());
    let found = for_all.map(|kept| &kept.message).filter(|message| {
        let ts: f64 = message["ts"].as_str().unwrap().parse().unwrap();
        message["channel"] == asked["channel"] && in_thread(message) && ts >= from
    });
    let skip: usize = asked["cursor"].as_str().map_or(0, |cursor| cursor.parse().unwrap());
    let mut found: Vec<&Value> = found.collect();
    if asked.get("ts").is_some() {
        found.reverse();
    }
    let next = if found.len() > skip + PAGE { (skip + PAGE).to_string() } else { String::new() };
    let page: Vec<&Value> = found.into_iter().skip(skip).take(PAGE).collect();
    json!({"ok": true, "messages": page, "has_more": !next.is_empty(), "response_metadata": {"next_cursor": next}})
}
