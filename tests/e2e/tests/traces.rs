//! Traces of what the program does, at a collector: the tree of a question and of a model that looks further, with the names
//! of the conventions, and nothing that anybody said. Off unless it is switched on; a collector that is away changes nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use hearback_core::gen_ai;
use hearback_e2e::service::Service;
use hearback_e2e::{Home, Repository};
use hearback_fake_model::{Asked, FakeModel, KEY, Play};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;
use serde_json::json;
use tokio::runtime::Runtime;

const SYMPTOM: &str = "checkout 5xx: connection pool exhausted in pool.yaml";
const HEADER: &str = "tenant-hunter22";

type Sent = Arc<Mutex<Vec<Vec<u8>>>>;

/// A collector; it ends with the runtime.
struct Collector {
    sent: Sent,
    at: SocketAddr,
}

impl Collector {
    fn start(runtime: &Runtime) -> Result<Self> {
        let sent = Sent::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&sent));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
        let at = listener.local_addr()?;
        runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Ok(Collector { sent, at })
    }

    fn spans(&self) -> Vec<Span> {
        let sent = self.sent.lock().unwrap();
        let requests = sent.iter().map(|body| ExportTraceServiceRequest::decode(&body[..]).unwrap());
        requests
            .flat_map(|one| one.resource_spans)
            .flat_map(|one| one.scope_spans)
            .flat_map(|one| one.spans)
            .collect()
    }

    /// Everything that was sent, as far as it can be read.
    fn text(&self) -> String {
        self.sent.lock().unwrap().iter().map(|body| String::from_utf8_lossy(body).into_owned()).collect()
    }
}

async fn take(State(sent): State<Sent>, headers: HeaderMap, body: Bytes) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert_eq!(headers["x-tenant"], HEADER);
    sent.lock().unwrap().push(body.to_vec());
}

fn shop() -> Result<Repository> {
    let shop = Repository::called("shop")?;
    shop.commit("2026-03-02T10:00:00Z", "Begin", &[("pool.yaml", "size: 50\n")])?;
    shop.commit("2026-03-02T13:30:00Z", "Smaller connection pool", &[("pool.yaml", "size: 5\n")])?;
    Ok(shop)
}

fn configure(home: &Home, model: Option<&str>, traces: Option<SocketAddr>, rest: &str) -> Result<()> {
    std::fs::write(home.path("model.key"), KEY)?;
    std::fs::write(home.path("tenant"), HEADER)?;
    let model = model.map(|url| {
        format!("[model]\nurl = {url:?}\nmodel = \"scripted\"\napi_key = {{ file = \"model.key\" }}\n")
    });
    let traces = traces.map(|at| {
        format!("[traces]\nendpoint = \"http://{at}\"\nheaders = {{ x-tenant = {{ file = \"tenant\" }} }}\n")
    });
    let text = format!("{}{}{rest}", model.unwrap_or_default(), traces.unwrap_or_default());
    Ok(std::fs::write(home.path("hearback.toml"), text)?)
}

/// Looks twice at once, then reports nothing.
fn looks(asked: &Asked) -> Play {
    match asked.messages().iter().filter(|message| message["role"] == "tool").count() {
        0 => Play::calls(&[("changes", r#"{"words": "pool"}"#), ("runbook", r#"{"symptom": 5}"#)])
            .counting(1_000, 0, 50),
        _ => {
            let report = json!({ "claims": [], "hypotheses": [], "done": true });
            Play::calls(&[("report", &report.to_string())]).counting(3_000, 0, 100)
        }
    }
}

fn text(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|one| one.key == name)?;
    match found.value.clone()?.value? {
        Value::StringValue(text) => Some(text),
        other => panic!("{name}: {other:?}"),
    }
}

fn number(span: &Span, name: &str) -> Option<i64> {
    let found = span.attributes.iter().find(|one| one.key == name)?;
    match found.value.clone()?.value? {
        Value::IntValue(number) => Some(number),
        other => panic!("{name}: {other:?}"),
    }
}

fn reason(span: &Span) -> Option<String> {
    let found = span.attributes.iter().find(|one| one.key == gen_ai::RESPONSE_FINISH_REASONS)?;
    match found.value.clone()?.value? {
        Value::ArrayValue(list) => match list.values.first()?.value.clone()? {
            Value::StringValue(text) => Some(text),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn of<'s>(spans: &'s [Span], name: &str) -> Vec<&'s Span> {
    let mut found: Vec<&Span> = spans.iter().filter(|span| span.name == name).collect();
    found.sort_by_key(|span| span.start_time_unix_nano);
    found
}

fn is_error(span: &Span) -> bool {
    span.status.clone().unwrap_or_default().code() == StatusCode::Error
}

#[test]
fn a_model_that_looks_further_is_a_tree_of_spans_without_a_word_of_what_was_said() -> Result<()> {
    let runtime = Runtime::new()?;
    let model = runtime.block_on(FakeModel::directed(looks));
    let collector = Collector::start(&runtime)?;
    let (home, shop) = (Home::new()?, shop()?);
    configure(&home, Some(&model.base_url()), Some(collector.at), "")?;
    let ask =
        ["ask", "--repo", shop.path(), "--as-of", "2026-03-02T14:00Z", "--symptom", SYMPTOM, "--deepen"];
    home.run(ask)?.ok()?;
    let spans = collector.spans();

    let [question] = of(&spans, "question")[..] else { panic!("{spans:#?}") };
    let calls = of(&spans, "connector.call");
    let changes = calls.iter().find(|call| text(call, gen_ai::VERB).as_deref() == Some("changes"));
    let changes = changes.context("nobody was asked for changes")?;
    assert_eq!(changes.parent_span_id, question.span_id);
    assert_eq!(text(changes, gen_ai::SOURCE).as_deref(), Some("git:shop"));

    let [agent] = of(&spans, "invoke_agent investigation")[..] else { panic!("{spans:#?}") };
    assert_eq!(agent.kind(), SpanKind::Internal);
    assert_eq!(text(agent, gen_ai::OPERATION_NAME).as_deref(), Some(gen_ai::INVOKE_AGENT));
    assert_eq!(text(agent, gen_ai::ENDING).as_deref(), Some("finished"));
    assert_eq!(number(agent, gen_ai::TURNS), Some(2));
    assert_eq!(number(agent, gen_ai::STATEMENTS_KEPT), Some(0));
    assert!(!is_error(agent));

    let [first, second] = of(&spans, "chat scripted")[..] else { panic!("{spans:#?}") };
    for chat in [first, second] {
        assert_eq!((&chat.parent_span_id, chat.kind()), (&agent.span_id, SpanKind::Client));
        assert_eq!(text(chat, gen_ai::PROVIDER_NAME).as_deref(), Some("openai"));
        assert_eq!(text(chat, gen_ai::RESPONSE_MODEL).as_deref(), Some("scripted"));
        assert_eq!(text(chat, gen_ai::SERVER_ADDRESS).as_deref(), Some("127.0.0.1"));
        assert!(model.base_url().contains(&format!(":{}/", number(chat, gen_ai::SERVER_PORT).unwrap())));
        assert_eq!(number(chat, gen_ai::REQUEST_MAX_TOKENS), Some(2_000));
        assert_eq!(reason(chat).as_deref(), Some("tool_calls"));
        assert!(!is_error(chat));
    }
    let tokens = |chat| (number(chat, gen_ai::USAGE_INPUT_TOKENS), number(chat, gen_ai::USAGE_OUTPUT_TOKENS));
    assert_eq!(tokens(first), (Some(1_000), Some(50)));
    assert_eq!(tokens(second), (Some(3_000), Some(100)));

    let [looked] = of(&spans, "execute_tool changes")[..] else { panic!("{spans:#?}") };
    let [refused] = of(&spans, "execute_tool runbook")[..] else { panic!("{spans:#?}") };
    for tool in [looked, refused] {
        assert_eq!((&tool.parent_span_id, tool.kind()), (&agent.span_id, SpanKind::Internal));
        assert_eq!(text(tool, gen_ai::TOOL_TYPE).as_deref(), Some("function"));
        assert!(text(tool, gen_ai::TOOL_CALL_ID).is_some());
        assert!(first.end_time_unix_nano <= tool.start_time_unix_nano);
    }
    assert!(!is_error(looked) && is_error(refused), "its arguments were wrong");
    assert_eq!(text(refused, gen_ai::ERROR_TYPE).as_deref(), Some("failed"));

    let sent = collector.text();
    assert!(sent.contains(gen_ai::SCHEMA_URL));
    for word in ["exhausted", "pool", "Smaller", "hunter22", "symptom", "You "] {
        assert!(!sent.contains(word), "{word} was sent: {sent}");
    }
    assert!(spans.iter().all(|span| span.events.is_empty()));
    Ok(())
}

#[test]
fn a_model_that_fails_is_a_span_with_the_kind_of_failure() -> Result<()> {
    let runtime = Runtime::new()?;
    let model =
        runtime.block_on(FakeModel::directed(|_| Play::fails(401, "invalid_api_key", "Incorrect API key")));
    let collector = Collector::start(&runtime)?;
    let (home, shop) = (Home::new()?, shop()?);
    configure(&home, Some(&model.base_url()), Some(collector.at), "")?;
    home.run(["ask", "--repo", shop.path(), "--as-of", "2026-03-02T14:00Z", "--deepen"])?.ok()?;
    let spans = collector.spans();
    for (name, kind) in [("chat scripted", "not_usable"), ("invoke_agent investigation", "missing")] {
        let [span] = of(&spans, name)[..] else { panic!("{spans:#?}") };
        assert!(is_error(span));
        assert_eq!(text(span, gen_ai::ERROR_TYPE).as_deref(), Some(kind));
    }
    assert!(!collector.text().contains("Incorrect"));
    Ok(())
}

/// Without the time that it took.
fn timeless(out: &str) -> String {
    out.lines()
        .map(|line| {
            line.strip_prefix("Searched in ")
                .and_then(|rest| rest.split_once(' '))
                .map_or(line, |(_, rest)| rest)
                .to_owned()
                + "\n"
        })
        .collect()
}

#[test]
fn nothing_is_sent_unless_it_is_switched_on_and_a_collector_that_is_away_changes_nothing() -> Result<()> {
    let runtime = Runtime::new()?;
    let collector = Collector::start(&runtime)?;
    let (home, shop) = (Home::new()?, shop()?);
    let ask = ["ask", "--repo", shop.path(), "--as-of", "2026-03-02T14:00Z", "--symptom", SYMPTOM];
    // The variables of the SDKs switch nothing on.
    let out = home
        .command(ask)?
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", collector.at))
        .env("OTEL_TRACES_EXPORTER", "otlp")
        .output()?;
    assert!(out.status.success());
    // The log is there without traces as well.
    std::fs::create_dir_all(home.path(".cache/hearback"))?;
    std::fs::write(home.path(".cache/hearback/git.sqlite"), "no cache")?;
    let log = home.command(ask)?.env("HEARBACK_LOG", "warn").output()?;
    assert!(String::from_utf8(log.stderr)?.contains("the commit cache is damaged"));
    let without = home.run(ask)?;
    assert_eq!(collector.spans().len(), 0);
    assert!(home.run(["doctor"])?.out.contains("off    traces: none are sent. Set [traces] endpoint"));

    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let silent = TcpListener::bind("127.0.0.1:0")?;
    for away in [closed, silent.local_addr()?] {
        configure(&home, None, Some(away), "")?;
        let begun = std::time::Instant::now();
        let with = home.run(ask)?;
        assert_eq!((with.code, &with.err), (without.code, &without.err), "nothing is said of it unasked");
        assert_eq!(timeless(&with.out), timeless(&without.out));
        assert!(begun.elapsed().as_secs() < 15, "{:?}", begun.elapsed());
    }
    configure(&home, None, Some(closed), "")?;
    let told = home.command(ask)?.env("HEARBACK_LOG", "warn").output()?;
    let told = String::from_utf8(told.stderr)?;
    assert_eq!(told.matches("traces can't be sent").count(), 1, "{told}");
    let doctor = home.run(["doctor"])?;
    assert!(doctor.out.contains(&format!("BROKEN traces: {closed} can't be reached")), "{}", doctor.out);
    assert!(doctor.out.contains("Mend [traces]") && doctor.code == Some(1), "{}", doctor.out);

    configure(&home, None, Some(collector.at), "")?;
    let doctor = home.run(["doctor"])?.out;
    assert!(doctor.contains(&format!("ok     traces: sent to http://{}\n", collector.at)), "{doctor}");
    assert_eq!(collector.spans().len(), 0, "asking sends none");
    Ok(())
}

#[test]
fn what_can_not_be_used_costs_no_answer() -> Result<()> {
    let (home, shop) = (Home::new()?, shop()?);
    std::fs::write(home.path("hearback.toml"), "[traces]\nendpoint = \"otel:4318\"\n")?;
    let run = home.run(["ask", "--repo", shop.path(), "--as-of", "2026-03-02T14:00Z"])?;
    assert!(run.err.starts_with("No traces are sent: the address of"), "{run:?}");
    run.ok()?;
    std::fs::write(home.path("hearback.toml"), "[traces]\nprotocol = \"grpc\"\n")?;
    let run = home.run(["ask", "--repo", shop.path()])?;
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.err.contains("line 2, column 12"), "{run:?}");
    Ok(())
}

#[test]
fn the_service_sends_what_it_did_and_the_rest_at_its_end() -> Result<()> {
    let runtime = Runtime::new()?;
    let collector = Collector::start(&runtime)?;
    let (home, shop) = (Home::new()?, shop()?);
    let rest = format!("[[repository]]\npath = {:?}\n", shop.path());
    configure(&home, None, Some(collector.at), &rest)?;
    let service = Service::start(&home)?;
    let declared = json!({ "title": "Checkout 5xx", "severity": "SEV-2", "services": ["checkout"] });
    let id = service.post("/v1/incidents", &declared)?.ok()?["incident"].as_str().unwrap().to_owned();
    let ask = json!({ "symptom": SYMPTOM, "as_of": "2026-03-02T14:00Z", "since": "24h" });
    service.post(&format!("/v1/incidents/{id}/ask"), &ask)?.ok()?;
    service.end("-TERM")?;
    let spans = collector.spans();
    let asked = of(&spans, "question");
    assert!(asked.iter().any(|span| text(span, gen_ai::INCIDENT).as_deref() == Some(&id)), "{spans:#?}");
    assert!(!collector.text().contains("exhausted"));
    Ok(())
}
