//! A strict GitHub over TCP: holds every request to the contract, pages, links, tags and limits its answers as GitHub
//! does, and misbehaves on demand.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Method, Response, header};
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::graph::{Graph, time};
use super::{contract, contract_writes, writes};

/// How the fake misbehaves.
#[derive(Clone)]
pub enum Trouble {
    /// A status with headers and a message.
    Denies(u16, &'static [(&'static str, &'static str)], &'static str),
    Hangs,
    SendsAPage,
    CutsTheJson,
    BreaksOff,
    /// More bytes than asked for, with no end and no length.
    NeverEnds,
    /// As many bytes announced.
    Announces(u64),
    LinksElsewhere,
    /// To the same path below another address.
    Moved(String),
    /// A status with a whole body.
    Complains(u16, &'static str),
    /// Closes the connection without an answer.
    Closes,
    /// Does what is to be written, and then this.
    Takes(Box<Trouble>),
}

#[derive(Default)]
struct Inside {
    graph: Graph,
    prefix: &'static str,
    /// Trouble for requests whose path and query hold a text, so many times.
    troubles: Vec<(String, Trouble, usize)>,
    requests: Vec<String>,
    /// What was sent to be written, as path and body.
    writes: Vec<(String, Value)>,
    broken: Vec<String>,
    /// Answers other than 304.
    spent: usize,
    /// Calls the token has.
    allowed: Option<usize>,
}

/// The running fake. It ends with the test.
pub struct Fake {
    inside: Arc<Mutex<Inside>>,
    base_url: String,
    _server: JoinSet<()>,
}

impl Fake {
    pub async fn start(graph: Graph) -> Fake {
        Fake::start_at("", graph).await
    }

    /// With all paths below `prefix`, as GitHub Enterprise Server has them below `/api/v3`.
    pub async fn start_at(prefix: &'static str, graph: Graph) -> Fake {
        let inside = Arc::new(Mutex::new(Inside { graph, prefix, ..Inside::default() }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}{prefix}", listener.local_addr().unwrap());
        let router = Router::new().fallback(serve).with_state((Arc::clone(&inside), base_url.clone()));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Fake { inside, base_url, _server: server }
    }

    pub fn base_url(&self) -> String {
        self.base_url.clone()
    }

    pub fn trouble(&self, path: &str, trouble: Trouble) {
        self.trouble_times(path, trouble, usize::MAX);
    }

    pub fn trouble_times(&self, path: &str, trouble: Trouble, times: usize) {
        self.lock().troubles.push((path.to_owned(), trouble, times));
    }

    pub fn allow(&self, calls: usize) {
        self.lock().allowed = Some(calls);
    }

    pub fn change(&self, change: impl FnOnce(&mut Graph)) {
        change(&mut self.lock().graph);
    }

    /// Path and query of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.lock().requests.clone()
    }

    /// What was sent to be written so far, taken or not.
    pub fn writes(&self) -> Vec<(String, Value)> {
        self.lock().writes.clone()
    }

    /// Calls that count against the rate limit.
    pub fn spent(&self) -> usize {
        self.lock().spent
    }

    /// What requests so far broke.
    pub fn broken(&self) -> Vec<String> {
        self.lock().broken.clone()
    }

    pub fn assert_kept_the_contract(&self) {
        let broken = self.broken();
        assert!(broken.is_empty(), "{broken:#?}");
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap()
    }
}

type Served = (Arc<Mutex<Inside>>, String);

async fn serve(State((inside, base_url)): State<Served>, request: Request) -> Response<Body> {
    let (request, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let (trouble, answer) = {
        let mut inside = inside.lock().unwrap();
        let uri = request.uri.to_string();
        inside.requests.push(uri.clone());
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(request.uri.query().unwrap_or_default().as_bytes())
                .into_owned()
                .collect();
        let Some(path) = request.uri.path().strip_prefix(inside.prefix).map(str::to_owned) else {
            return page();
        };
        let broken = contract::broken(&request.method, &path, &query, &request.headers);
        inside.broken.extend(broken);
        let is_write = request.method != Method::GET;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if is_write {
            let is_own = !inside.prefix.is_empty();
            let broken = contract_writes::broken(&path, &query, &request.headers, &body, is_own);
            inside.broken.extend(broken);
            inside.writes.push((path.clone(), body.clone()));
        }
        let asked = format!("{} {uri}", request.method);
        let trouble =
            inside.troubles.iter_mut().find(|(part, _, times)| *times > 0 && asked.contains(part.as_str()));
        let trouble = trouble.map(|(_, trouble, times)| {
            *times -= 1;
            trouble.clone()
        });
        let limit = inside.allowed.map(|allowed| allowed.saturating_sub(inside.spent));
        let etag = request.headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        let answer = if limit == Some(0) {
            let reset = &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795446000")];
            denial(403, reset, "API rate limit exceeded for user ID 1.")
        } else if is_write && matches!(trouble, None | Some(Trouble::Takes(_))) {
            writes::take(&mut inside.graph, &path, &body)
        } else {
            answer(&inside.graph, &base_url, &path, &query.into_iter().collect(), etag)
        };
        let mut answer = answer;
        if answer.status() != 304 {
            inside.spent += 1;
        }
        if let Some(allowed) = inside.allowed {
            let left = allowed.saturating_sub(inside.spent);
            answer.headers_mut().insert("x-ratelimit-remaining", left.into());
            answer.headers_mut().insert("x-ratelimit-reset", 1_795_446_000.into());
        }
        (trouble, answer)
    };
    match trouble {
        Some(Trouble::Takes(then)) => misbehave(*then, answer).await,
        Some(trouble) => misbehave(trouble, answer).await,
        None => answer,
    }
}

async fn misbehave(trouble: Trouble, answer: Response<Body>) -> Response<Body> {
    let with_body = |body: Body| {
        let (mut parts, _) = answer_parts();
        parts.headers.insert(header::CONTENT_TYPE, "application/json; charset=utf-8".parse().unwrap());
        Response::from_parts(parts, body)
    };
    match trouble {
        Trouble::Denies(status, headers, message) => denial(status, headers, message),
        Trouble::Complains(status, body) => Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .unwrap(),
        // The task of the connection ends, and the connection with it.
        Trouble::Closes => std::panic::resume_unwind(Box::new("closed")),
        Trouble::Takes(_) => answer,
        Trouble::Hangs => std::future::pending().await,
        Trouble::SendsAPage => page(),
        Trouble::CutsTheJson => with_body(Body::from("[{\"number\": 1, \"tit")),
        Trouble::BreaksOff => {
            let begun = futures::stream::iter([Ok(Bytes::from_static(b"[{\"number\""))]);
            // What was begun is sent when nothing more is ready.
            let gone = futures::stream::once(async {
                tokio::task::yield_now().await;
                Err(std::io::Error::other("gone"))
            });
            with_body(Body::from_stream(begun.chain(gone)))
        }
        Trouble::NeverEnds => {
            let chunk = Bytes::from_static(&[b' '; 4096]);
            with_body(Body::from_stream(futures::stream::repeat(chunk).map(Ok::<_, std::io::Error>)))
        }
        Trouble::Announces(bytes) => {
            let mut response =
                with_body(Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>()));
            response.headers_mut().insert(header::CONTENT_LENGTH, bytes.into());
            response
        }
        Trouble::Moved(to) => {
            Response::builder().status(301).header(header::LOCATION, to).body(Body::empty()).unwrap()
        }
        Trouble::LinksElsewhere => {
            let mut response = answer;
            let link = "<http://203.0.113.9/repos/octo/checkout/pulls?page=2>; rel=\"next\"";
            response.headers_mut().insert(header::LINK, link.parse().unwrap());
            response
        }
    }
}

fn answer_parts() -> (axum::http::response::Parts, Body) {
    Response::new(Body::empty()).into_parts()
}

fn page() -> Response<Body> {
    Response::builder()
        .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .body(Body::from("<!DOCTYPE html><title>Sign in</title>"))
        .unwrap()
}

pub fn denial(status: u16, headers: &[(&str, &str)], message: &str) -> Response<Body> {
    let mut builder = Response::builder().status(status).header(header::CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let body = json!({"message": message, "documentation_url": "https://docs.github.com/rest"});
    builder.body(Body::from(body.to_string())).unwrap()
}

fn answer(
    graph: &Graph,
    base_url: &str,
    path: &str,
    query: &BTreeMap<String, String>,
    etag: Option<&str>,
) -> Response<Body> {
    let rest = path.strip_prefix("/repos/octo/checkout").or_else(|| path.strip_prefix("/repositories/1"));
    let rest = rest.unwrap_or("/unknown");
    let parts: Vec<&str> = rest.split('/').skip(1).collect();
    let per_page: usize = query.get("per_page").map_or(30, |text| text.parse().unwrap());
    let at: usize = query.get("page").map_or(1, |text| text.parse().unwrap());
    let Some(found) = look_up(graph, &parts, query) else { return denial(404, &[], "Not Found") };
    let (body, link) = match found {
        Found::One(object) => (object, None),
        Found::Many(items, frame) => {
            let pages = items.len().div_ceil(per_page).max(1);
            let of_page: Vec<Value> = items.into_iter().skip((at - 1) * per_page).take(per_page).collect();
            let link = (at < pages).then(|| {
                let mut next: Vec<(&str, String)> = query
                    .iter()
                    .filter(|(name, _)| *name != "page")
                    .map(|(n, v)| (n.as_str(), v.clone()))
                    .collect();
                next.push(("page", (at + 1).to_string()));
                let next = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(next).finish();
                format!("<{base_url}{path}?page=1>; rel=\"first\", <{base_url}{path}?{next}>; rel=\"next\"")
            });
            (frame(of_page), link)
        }
    };
    let body = body.to_string();
    let mut hasher = DefaultHasher::new();
    (&body, &link).hash(&mut hasher);
    let tag = format!("W/\"{:016x}\"", hasher.finish());
    if etag == Some(tag.as_str()) {
        // GitHub sends neither body nor links with it.
        return Response::builder().status(304).header(header::ETAG, tag).body(Body::empty()).unwrap();
    }
    let mut builder = Response::builder()
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .header(header::ETAG, tag);
    if let Some(link) = link {
        builder = builder.header(header::LINK, link);
    }
    builder.body(Body::from(body)).unwrap()
}

enum Found {
    One(Value),
    Many(Vec<Value>, Box<dyn Fn(Vec<Value>) -> Value>),
}

fn many(items: Vec<Value>) -> Option<Found> {
    Some(Found::Many(items, Box::new(Value::Array)))
}

fn look_up(graph: &Graph, parts: &[&str], query: &BTreeMap<String, String>) -> Option<Found> {
    let number = |text: &str| text.parse::<u64>().ok();
    match parts {
        [] => {
            let name = graph.renamed.unwrap_or("octo/checkout");
            Some(Found::One(json!({"full_name": name, "default_branch": "main", "private": true})))
        }
        ["git", "ref", "heads", name @ ..] => {
            let name = decoded(&name.join("/"));
            let at = graph.branches.get(&name)?;
            let object = json!({"type": "commit", "sha": at, "url": "https://x"});
            Some(Found::One(json!({"ref": format!("refs/heads/{name}"), "node_id": "x", "object": object})))
        }
        ["pulls"] => {
            let mut items = graph.pulls.clone();
            if let Some(state) = query.get("state").filter(|state| *state != "all") {
                items.retain(|pull| pull["state"] == json!(state));
            }
            for (name, part) in [
                ("head", query.get("head").and_then(|head| head.strip_prefix("octo:"))),
                ("base", query.get("base").map(String::as_str)),
            ] {
                items.retain(|pull| part.is_none_or(|wanted| pull[name]["ref"] == json!(wanted)));
            }
            many(newest_first(items, "updated_at"))
        }
        ["pulls", n, "reviews"] => many(graph.reviews.get(&number(n)?).cloned().unwrap_or_default()),
        ["pulls", n, "commits"] => many(graph.pull_commits.get(&number(n)?).cloned().unwrap_or_default()),
        ["commits"] => many(graph.history(&query["sha"])?),
        ["commits", sha] => Some(Found::One(graph.one(sha)?)),
        ["compare", both] => {
            let (base, head) = both.split_once("...")?;
            let (frame, commits) = graph.compare(base, head)?;
            let with = move |page: Vec<Value>| {
                let mut frame = frame.clone();
                frame["commits"] = Value::Array(page);
                frame
            };
            Some(Found::Many(commits, Box::new(with)))
        }
        ["deployments"] => {
            let mut items = graph.deployments.clone();
            for name in ["environment", "task"] {
                items.retain(|item| query.get(name).is_none_or(|wanted| item[name] == json!(wanted)));
            }
            many(newest_first(items, "created_at"))
        }
        ["deployments", n, "statuses"] => many(graph.statuses.get(&number(n)?).cloned().unwrap_or_default()),
        ["releases"] => many(graph.releases.clone()),
        ["actions", "runs"] => Some(runs(graph, query, |_| true)),
        ["actions", "workflows", file] => {
            let state = graph.workflows.get(*file)?;
            Some(Found::One(
                json!({"id": 5, "name": "Deploy", "path": format!(".github/workflows/{file}"), "state": state}),
            ))
        }
        ["actions", "workflows", n, "runs"] => {
            let is_of = |run: &Value| match number(n) {
                Some(workflow) => run["workflow_id"] == json!(workflow),
                None => run["path"].as_str().unwrap().ends_with(&format!("/{n}")),
            };
            Some(runs(graph, query, is_of))
        }
        _ => None,
    }
}

fn decoded(text: &str) -> String {
    let pair = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes()).next().unwrap().1.into_owned()
}

fn newest_first(mut items: Vec<Value>, by: &str) -> Vec<Value> {
    items.sort_by(|a, b| (b[by].as_str(), b["id"].as_u64()).cmp(&(a[by].as_str(), a["id"].as_u64())));
    items
}

fn runs(graph: &Graph, query: &BTreeMap<String, String>, wanted: impl Fn(&Value) -> bool) -> Found {
    let mut items = graph.runs.clone();
    items.retain(wanted);
    if let Some(branch) = query.get("branch") {
        items.retain(|run| run["head_branch"] == json!(branch));
    }
    if let Some(event) = query.get("event") {
        items.retain(|run| run["event"] == json!(event));
    }
    match query.get("status").map(String::as_str) {
        Some("completed") => items.retain(|run| run["status"] == "completed"),
        Some(conclusion) => items.retain(|run| run["conclusion"] == json!(conclusion)),
        None => {}
    }
    if let Some(created) = query.get("created") {
        let (from, until) = match (created.strip_prefix('<'), created.split_once("..")) {
            (Some(before), _) => (String::new(), before.to_owned()),
            (None, Some((from, until))) => (time(from), time(until)),
            (None, None) => (String::new(), String::new()),
        };
        let is_strict = created.starts_with('<');
        items.retain(|run| {
            let at = run["created_at"].as_str().unwrap().to_owned();
            at >= from && (at < until || (!is_strict && at == until))
        });
    }
    let total = items.len();
    let with = move |page: Vec<Value>| json!({"total_count": total, "workflow_runs": page});
    Found::Many(newest_first(items, "created_at"), Box::new(with))
}
