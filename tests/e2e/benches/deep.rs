//! How much a model is shown, and what the service takes for it, of far too much: a log of 2 GB, ten thousand alerts of one
//! incident, a server with five hundred tools. The model is scripted and calls whatever there is; what is measured is the
//! longest conversation that it was sent, against the context that is configured, and the service's memory.
//!
//! `cargo bench -p hearback-e2e --bench deep -- --mib 2048`; the binary must be built with the same profile (`make bench`
//! does). It must not know more of the service than its HTTP says, and Linux of the process.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench may stop anywhere"
)]

use std::io::BufRead as _;
use std::time::Instant;

use hearback_e2e::Home;
use hearback_e2e::service::Service;
use hearback_fake_model::{Asked, FakeModel, KEY, Play};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const TOOLS: usize = 500;
const ALERTS: usize = 10_000;
/// Alerts of one notification.
const GROUP: usize = 500;
/// The context that is configured, in tokens, and the bytes for one: as many as English has, few for JSON.
const CONTEXT: u64 = 32_000;
const BYTES_A_TOKEN: u64 = 4;
const MOST_MIB: u64 = 500;
/// Records of one request: the service takes ten thousand lines at most.
const BATCH: usize = 9_000;
/// Set for the process that is the server of tools.
const IS_SERVER: &str = "HEARBACK_BENCH_TOOLS";

fn main() {
    if std::env::var_os(IS_SERVER).is_some() {
        return serve_tools();
    }
    let mut arguments = std::env::args().skip_while(|argument| argument != "--mib").skip(1);
    let mib: usize = arguments.next().map_or(2_048, |text| text.parse().unwrap());
    let runtime = Runtime::new().unwrap();
    let model = runtime.block_on(FakeModel::directed(curious));
    let home = Home::new().unwrap();
    configure(&home, &model.base_url());
    let service = Service::start(&home).unwrap();

    let began = Instant::now();
    let records = send_log(&service, mib);
    println!("{mib} MiB of log sent, {records} records, in {:.0} s", began.elapsed().as_secs_f64());
    println!("  the service's memory was at most {} MiB by then", memory(service.pid()));
    let began = Instant::now();
    for group in 0..ALERTS / GROUP {
        service.post("/v1/webhooks/alertmanager", &alerts(group)).unwrap().ok().unwrap();
    }
    println!("{ALERTS} alerts sent in {:.0} s", began.elapsed().as_secs_f64());

    let incidents =
        service.wait_for("/v1/incidents", |all| all.as_array()?.first().map(|one| one["id"].clone()));
    let id = incidents.unwrap().as_str().unwrap().to_owned();
    let began = Instant::now();
    // What the copilot asked by itself began with the first alert; this one sees all of them.
    let ask = json!({ "symptom": "payment declined upstream timeout", "since": "24h" });
    service.post(&format!("/v1/incidents/{id}/ask"), &ask).unwrap().ok().unwrap();
    println!("  the answer without a model: {:.1} s", began.elapsed().as_secs_f64());
    let found = investigated(&service, &id);
    let asked = model.asked();
    let longest = asked.iter().map(bytes).max().unwrap_or(0);
    let tools = asked.iter().map(|asked| asked.tools().len()).max().unwrap_or(0);
    let dropped = brief(&asked).contains("tools of others had no room");
    println!(
        "  {} requests, at most {tools} tools of {}; said that some had no room: {dropped}",
        asked.len(),
        TOOLS + 11
    );
    println!("  how it ended: {}, {} look-ups", found["ending"], found["fetches"]);
    let tokens = longest / BYTES_A_TOKEN;
    println!(
        "  longest request {longest} bytes, about {tokens} tokens of {CONTEXT}: {}",
        met(tokens <= CONTEXT)
    );
    let most = memory(service.pid());
    println!("  memory at most {most} MiB of {MOST_MIB}: {}", met(most <= MOST_MIB));
}

fn met(is: bool) -> &'static str {
    if is { "met" } else { "MISSED" }
}

fn bytes(asked: &Asked) -> u64 {
    asked.body.to_string().len() as u64
}

fn brief(asked: &[Asked]) -> String {
    asked.first().map_or(String::new(), |asked| asked.messages()[1]["content"].as_str().unwrap().to_owned())
}

fn configure(home: &Home, model: &str) {
    std::fs::write(home.path("model.key"), KEY).unwrap();
    std::fs::write(home.path("is-server"), "1").unwrap();
    let program = std::env::current_exe().unwrap();
    let names: Vec<String> = (0..TOOLS).map(|n| format!("{:?}", format!("read_board_{n}"))).collect();
    let text = format!(
        "[model]\nurl = {model:?}\nmodel = \"scripted\"\napi_key = {{ file = \"model.key\" }}\ncontext_tokens = {CONTEXT}\n\
         [telemetry]\nmax_mib = 16384\nretention = \"720h\"\n\
         [[mcp]]\nname = \"boards\"\ncommand = {program:?}\nenv = {{ {IS_SERVER} = {{ file = \"is-server\" }} }}\n\
         tools = [{}]\n",
        names.join(", ")
    );
    std::fs::write(home.path("hearback.toml"), text).unwrap();
}

/// Looks at everything with as much as it can get, then reports.
fn curious(asked: &Asked) -> Play {
    let turn = asked.messages().iter().filter(|message| message["role"] == "assistant").count();
    let all = r#"{"severity": "trace"}"#;
    match turn {
        0 => Play::calls(&[("log_templates", all), ("log_lines", all), ("record", "{}"), ("changes", "{}")]),
        1 => Play::calls(&[
            ("boards__read_board_0", "{}"),
            ("boards__read_board_1", "{}"),
            ("log_lines", r#"{"words": "timeout"}"#),
        ]),
        2 => {
            Play::calls(&[("log_templates", r#"{"severity": "error"}"#), ("traces", "{}"), ("experts", "{}")])
        }
        _ => Play::calls(&[("report", r#"{"claims": [], "hypotheses": [], "done": true}"#)]),
    }
}

/// Sends a log as JSON Lines. How many records it has.
fn send_log(service: &Service, mib: usize) -> usize {
    let now = jiff::Timestamp::now();
    let authorisation = format!("Bearer {}", service.token);
    let headers = [("authorization", authorisation.as_str()), ("content-type", "application/x-ndjson")];
    let (mut sent, mut records) = (0_usize, 0_usize);
    while sent < mib << 20 {
        let mut body = String::new();
        let until = records + BATCH;
        while records < until {
            let at = now - jiff::SignedDuration::from_millis((records % 3_000_000) as i64);
            let words = ["payment declined", "upstream timeout", "cache miss", "retrying", "slow query"];
            let line = json!({
                "time": at.to_string(), "service": "checkout", "severity": if records % 7 == 0 { "error" } else { "warn" },
                "body": format!(
                    "{} for order {records} of customer {} after {} ms: {}", words[records % words.len()], records % 99_991,
                    records % 9_973, "x".repeat(records % 120)
                ),
            });
            body.push_str(&line.to_string());
            body.push('\n');
            records += 1;
        }
        sent += body.len();
        let reply = service.send("POST", "/v1/logs", &headers, body.as_bytes()).unwrap();
        assert!(reply.status < 300, "{}", reply.text());
    }
    records
}

fn alerts(group: usize) -> Value {
    let now = jiff::Timestamp::now();
    let alert = |n: usize| {
        let n = group * GROUP + n;
        json!({
            "status": "firing", "fingerprint": format!("{n:016x}"), "startsAt": now.to_string(), "endsAt": "0001-01-01T00:00:00Z",
            "labels": { "alertname": format!("CheckoutFailing{n}"), "service": "checkout", "severity": "critical" },
            "annotations": { "summary": format!("pod checkout-{n} fails: payment declined") }, "generatorURL": "",
        })
    };
    json!({
        "version": "4", "groupKey": format!("{{}}:{group}"), "truncatedAlerts": 0, "status": "firing", "receiver": "hearback",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://alertmanager",
        "alerts": (0..GROUP).map(alert).collect::<Vec<_>>(),
    })
}

/// What the model found, once it has.
fn investigated(service: &Service, id: &str) -> Value {
    let mut after = 0;
    let until = Instant::now() + std::time::Duration::from_secs(300);
    loop {
        let page = service.get(&format!("/v1/incidents/{id}/entries?after={after}")).unwrap().json();
        for entry in page["entries"].as_array().unwrap() {
            after = entry["seq"].as_u64().unwrap();
            if entry["kind"] == "investigated" {
                return entry["body"]["kept"]["json"]["found"].clone();
            }
        }
        assert!(Instant::now() < until, "no model looked further");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

/// The most memory that a process had, in MiB.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// A server of many tools over standard input and output, each of which says much.
fn serve_tools() {
    for line in std::io::stdin().lock().lines() {
        let Ok(message) = serde_json::from_str::<Value>(&line.unwrap()) else { continue };
        let Some(id) = message.get("id") else { continue };
        let result = match message["method"].as_str().unwrap_or_default() {
            "initialize" => json!({
                "protocolVersion": message["params"]["protocolVersion"], "capabilities": { "tools": {} },
                "serverInfo": { "name": "boards", "version": "1" },
            }),
            "tools/list" => json!({ "tools": (0..TOOLS).map(|n| json!({
                "name": format!("read_board_{n}"), "description": format!("Board {n}. {}", "What it shows. ".repeat(40)),
                "inputSchema": { "type": "object", "properties": { "from": { "type": "string" }, "until": { "type": "string" } } },
            })).collect::<Vec<_>>() }),
            "tools/call" => {
                json!({ "content": [{ "type": "text", "text": "a line of a board\n".repeat(40_000) }] })
            }
            _ => json!({}),
        };
        let answer = json!({ "jsonrpc": "2.0", "id": id, "result": result });
        println!("{answer}");
    }
}
