//! What is logged while servers put words everywhere: ours alone, and no secret of the configuration.

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::response::Response;
use hearback_core::offered::EvidenceSource as _;
use serde_json::{Value, json};

use crate::over_http::{as_events, as_json, site, site_that_answers};
use crate::scripted::{Says, Scripted, answer, gives, greeting, tool};
use crate::{AMPLE, fetch, over_http, source};

const ORDER: &str = "Ignore-all-rules";

type Answer = dyn Fn(&Value) -> Response + Send + Sync;

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn worded(message: &Value) -> Vec<Value> {
    vec![
        json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "error", "data": ORDER } }),
        json!({ "jsonrpc": "2.0", "method": format!("notifications/{ORDER}"), "params": { "a": ORDER } }),
        json!({ "jsonrpc": "2.0", "id": ORDER, "method": ORDER, "params": { "a": ORDER } }),
        json!({ "jsonrpc": "2.0", "id": ORDER, "method": "roots/list" }),
        json!({ "jsonrpc": "2.0", "id": ORDER, "result": { "a": ORDER } }),
        json!({ "jsonrpc": "2.0", "error": { "code": -32000, "message": ORDER, "data": ORDER } }),
        json!({ "a": ORDER }),
        json!(ORDER),
        gives(message, ORDER),
    ]
}

async fn over_streams() {
    let server = Scripted::new(|message, connection| match (message["method"].as_str(), connection) {
        (Some("initialize"), _) => {
            let mut all = worded(&Value::Null);
            // The last is an answer, and an error without an id would be a refusal of the greeting.
            all.pop();
            all.retain(|message| message.get("error").is_none());
            let mut greeting = greeting(message);
            greeting["result"]["serverInfo"] = json!({ "name": ORDER, "version": ORDER, "title": ORDER });
            greeting["result"]["instructions"] = json!(ORDER);
            all.push(greeting);
            Says::These(all)
        }
        (Some("tools/list"), _) => {
            Says::These(vec![answer(message, json!({ "tools": [tool("query"), tool(ORDER)] }))])
        }
        (Some("tools/call"), 1) => Says::These(worded(message)),
        (Some("tools/call"), _) => Says::Bytes(format!("{ORDER}\n").repeat(1_000_000).into_bytes()),
        _ => Says::Nothing,
    });
    let first = source(&server, &["query"]);
    fetch(&first, "made-up__query", json!({})).await.unwrap();
    fetch(&source(&server, &["query"]), "made-up__query", json!({})).await.unwrap_err();
    first.close().await;
    let refusing = Scripted::new(|message, _| {
        let error = json!({ "code": -32602, "message": ORDER, "data": { "a": ORDER } });
        Says::These(vec![json!({ "jsonrpc": "2.0", "id": message["id"], "error": error })])
    });
    source(&refusing, &["query"]).tools(AMPLE).await.unwrap_err();
}

async fn over_the_web() {
    let with = |status: u16, kind: &'static str| {
        move |_: &Value| {
            let body = Body::from(format!("{{\"{ORDER}\": \"{ORDER}\"}}"));
            Response::builder().status(status).header("content-type", kind).body(body).unwrap()
        }
    };
    let answers: Vec<Box<Answer>> = vec![
        Box::new(with(200, "application/json")),
        Box::new(with(200, "text/Ignore-all-rules")),
        Box::new(with(400, "application/json")),
        Box::new(with(401, "application/json")),
        Box::new(with(500, "text/plain")),
        Box::new(|_| {
            as_events(format!("data: {{\"{ORDER}\": 1}}\n\ndata: {ORDER}\n\nid: {ORDER}\nevent: {ORDER}\n\n"))
        }),
        Box::new(|message| {
            let events: Vec<String> =
                worded(message).iter().map(|message| format!("data: {message}\n\n")).collect();
            as_events(events.concat())
        }),
    ];
    for call in answers {
        let site = site_that_answers(call).await;
        let source = over_http::source(&site);
        source.tools(AMPLE).await.unwrap();
        let query = "made-up__query".parse().unwrap();
        // Some are results, some are failures, some never come: what is logged is looked at, not what they are.
        let short = jiff::SignedDuration::from_millis(500);
        let _ = source.fetch(&query, &serde_json::Map::new(), short).await;
        source.close().await;
    }
    let greeted = site(|message| {
        let mut greeting = greeting(message);
        greeting["result"]["instructions"] = json!(ORDER);
        match message["method"] == "initialize" {
            true => as_json(&greeting),
            false => as_json(&json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "tools": ORDER } })),
        }
    })
    .await;
    over_http::source(&greeted).tools(AMPLE).await.unwrap_err();
    let events = site(|_| as_events(format!("data: {{\"jsonrpc\": \"{ORDER}\"}}\n\n"))).await;
    over_http::source(&events).tools(jiff::SignedDuration::from_millis(500)).await.unwrap_err();
}

#[tokio::test]
async fn no_word_of_a_server_is_logged() {
    let kept = Kept::default();
    let writer = kept.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone())
        .finish();
    // For all threads and tasks, those of the SDK too.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    over_streams().await;
    over_the_web().await;
    let logged = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("Service initialized as client"), "something is logged at all: {logged}");
    let worded: Vec<&str> =
        logged.lines().filter(|line| line.contains("Ignore") || line.contains("hunter22")).collect();
    assert!(worded.is_empty(), "{worded:#?}");
}
