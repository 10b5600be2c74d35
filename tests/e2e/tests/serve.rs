//! The service as its users meet it: tokens, incidents, changes, alerts, events, and an orderly end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hearback_e2e::Home;
use hearback_e2e::service::Service;
use serde_json::{Value, json};

const CONFIG: &str = r#"
[[service]]
name = "checkout"
aliases = ["checkoutservice"]
runbook = "https://runbooks.shop.example/checkout"
depends_on = ["payments"]

[[service]]
name = "payments"
"#;

fn home() -> Result<Home> {
    let home = Home::new()?;
    std::fs::write(home.path("hearback.toml"), CONFIG)?;
    Ok(home)
}

fn deploy(id: &str, service: &str, title: &str) -> Value {
    let at = ago(60);
    json!({"id": id, "kind": "deploy", "title": title, "services": [service], "environment": "production",
           "at": at, "author": "ana", "source": "pipeline"})
}

/// So many seconds before now, as RFC 3339.
fn ago(seconds: i64) -> String {
    let output = std::process::Command::new("date")
        .args(["-u", "-d", &format!("{seconds} seconds ago"), "+%Y-%m-%dT%H:%M:%SZ"])
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    output.unwrap_or_default()
}

fn notification(status: &str, alerts: &[(&str, &str, &str)]) -> Value {
    began(30, status, alerts)
}

/// A notification of alerts that began so many seconds ago.
fn began(seconds: i64, status: &str, alerts: &[(&str, &str, &str)]) -> Value {
    let alerts: Vec<Value> = alerts
        .iter()
        .map(|(fingerprint, service, level)| {
            let ends = if status == "resolved" { ago(0) } else { "0001-01-01T00:00:00Z".into() };
            json!({"status": status, "fingerprint": fingerprint, "startsAt": ago(seconds), "endsAt": ends,
                   "labels": {"alertname": "CheckoutFailing", "service": service, "severity": level},
                   "annotations": {"summary": "5xx above 2 %", "runbook_url": "https://runbooks.shop.example/5xx"},
                   "generatorURL": "http://prometheus.shop.example/graph"})
        })
        .collect();
    json!({"version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": status, "receiver": "hearback",
           "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://am.shop.example",
           "alerts": alerts})
}

fn kinds(entries: &Value) -> Vec<String> {
    let entries = entries["entries"].as_array().cloned().unwrap_or_default();
    entries.iter().filter_map(|entry| Some(entry["kind"].as_str()?.to_owned())).collect()
}

#[test]
fn an_alert_that_pages_opens_an_incident_and_is_answered_before_anybody_asks() -> Result<()> {
    let home = home()?;
    let service = Service::start(&home)?;
    service.post("/v1/changes", &deploy("v42", "checkout", "Round cart totals"))?.ok()?;
    let told = service.post(
        "/v1/webhooks/alertmanager",
        &notification("firing", &[("f1", "checkoutservice", "critical")]),
    )?;
    assert_eq!(told.ok()?, json!({"fired": 1, "repeated": 0, "resolved": 0}));
    let entries = service.wait_for("/v1/incidents/INC-1/entries", |entries| {
        kinds(entries).contains(&"answered".to_owned()).then(|| entries.clone())
    })?;
    assert_eq!(kinds(&entries).first().map(String::as_str), Some("declared"));
    let answered = entries["entries"].as_array().context("entries")?;
    let answered = answered.iter().find(|entry| entry["kind"] == "answered").context("an answer")?;
    let answer = &answered["body"]["kept"]["json"];
    assert_eq!(answer["suspects"][0]["title"], "Round cart totals", "{answer:#}");
    assert_eq!(answer["runbook"]["link"], "https://runbooks.shop.example/5xx");

    // The same alert again, and one of a service next to it, add no second incident and no second investigation.
    let both = [("f1", "checkout", "critical"), ("f2", "payments", "critical")];
    let told = service.post("/v1/webhooks/alertmanager", &notification("firing", &both))?.ok()?;
    assert_eq!(told, json!({"fired": 1, "repeated": 1, "resolved": 0}));
    service.wait_for("/v1/incidents/INC-1/entries", |entries| {
        (kinds(entries).iter().filter(|kind| *kind == "alert_fired").count() == 2).then_some(())
    })?;
    let told = service
        .post("/v1/webhooks/alertmanager", &notification("resolved", &[("f1", "checkout", "critical")]))?;
    assert_eq!(told.ok()?["resolved"], 1);
    service.wait_for("/v1/incidents/INC-1/entries", |entries| {
        kinds(entries).contains(&"alert_resolved".to_owned()).then_some(())
    })?;
    // It flaps: the same problem, the same incident, no second investigation.
    service
        .post("/v1/webhooks/alertmanager", &began(1, "firing", &[("f1", "checkout", "critical")]))?
        .ok()?;
    let entries = service.wait_for("/v1/incidents/INC-1/entries", |entries| {
        (kinds(entries).iter().filter(|kind| *kind == "alert_fired").count() == 3).then(|| entries.clone())
    })?;
    assert_eq!(kinds(&entries).iter().filter(|kind| *kind == "answered").count(), 1, "{:?}", kinds(&entries));
    assert_eq!(service.get("/v1/incidents")?.json().as_array().map(Vec::len), Some(1));
    Ok(())
}

#[test]
fn an_alert_that_waits_is_answered_in_the_inbox_and_goes_with_the_incident_of_its_service() -> Result<()> {
    let home = home()?;
    let service = Service::start(&home)?;
    service.post("/v1/changes", &deploy("v42", "checkout", "Round cart totals"))?.ok()?;
    service
        .post("/v1/webhooks/alertmanager", &notification("firing", &[("f1", "checkout", "warning")]))?
        .ok()?;
    let answer = service
        .wait_for("/v1/inbox", |inbox| inbox[0]["answer"].is_object().then(|| inbox[0]["answer"].clone()))?;
    assert_eq!(answer["suspects"][0]["title"], "Round cart totals");
    assert_eq!(service.get("/v1/incidents")?.json(), json!([]), "a warning opens no incident");

    let declared = json!({"title": "Checkout 5xx", "severity": "SEV-2", "services": ["checkout"]});
    assert_eq!(service.post("/v1/incidents", &declared)?.status, 201);
    let entries = service.wait_for("/v1/incidents/INC-1/entries", |entries| {
        kinds(entries).contains(&"answered".to_owned()).then(|| entries.clone())
    })?;
    assert_eq!(kinds(&entries)[..3], ["declared", "alert_fired", "asked"]);
    service.wait_for("/v1/inbox", |inbox| (*inbox == json!([])).then_some(()))?;
    let verified = home.run(["record", "verify", "INC-1"])?;
    assert_eq!(verified.code, Some(0), "{}{}", verified.out, verified.err);
    Ok(())
}

#[test]
fn a_flap_a_late_word_and_an_end_are_told_apart() -> Result<()> {
    let home = home()?;
    let service = Service::start(&home)?;
    let send = |notification: Value| service.post("/v1/webhooks/alertmanager", &notification)?.ok();
    let of = |kind: &'static str, count: usize| {
        service.wait_for("/v1/incidents/INC-1/entries", |entries| {
            (kinds(entries).iter().filter(|k| *k == kind).count() == count).then(|| entries.clone())
        })
    };
    // No service: only the fingerprint tells that it is the same problem.
    send(began(600, "firing", &[("f1", "", "critical")]))?;
    of("alert_fired", 1)?;
    send(notification("resolved", &[("f1", "", "critical")]))?;
    of("alert_resolved", 1)?;
    send(began(0, "firing", &[("f1", "", "critical")]))?;
    of("alert_fired", 2)?;
    // A word of the first end that comes late ends nothing, nor does one of the first beginning begin anything.
    let mut late = began(600, "resolved", &[("f1", "", "critical")]);
    late["alerts"][0]["endsAt"] = json!(ago(500));
    assert_eq!(send(late)?["resolved"], 0);
    assert_eq!(send(began(600, "firing", &[("f1", "", "critical")]))?["fired"], 0);
    of("answered", 1)?;
    let entries = of("alert_resolved", 1)?;
    assert_eq!(kinds(&entries).iter().filter(|kind| *kind == "alert_fired").count(), 2);
    assert_eq!(service.get("/v1/incidents")?.json().as_array().map(Vec::len), Some(1));

    // After the end the same alert is another problem.
    let over = json!({"how": "disk replaced"});
    service.post("/v1/incidents/INC-1/resolve", &over)?.ok()?;
    assert_eq!(service.post("/v1/incidents/INC-1/resolve", &over)?.status, 400);
    send(notification("resolved", &[("f1", "", "critical")]))?;
    std::thread::sleep(std::time::Duration::from_millis(1100));
    send(began(0, "firing", &[("f1", "", "critical")]))?;
    service.wait_for("/v1/incidents/INC-2/entries", |entries| {
        kinds(entries).contains(&"answered".to_owned()).then_some(())
    })?;
    Ok(())
}

#[test]
fn many_writers_and_readers_leave_the_fold_exact() -> Result<()> {
    let home = home()?;
    let service = Service::start(&home)?;
    service.post("/v1/incidents", &json!({"title": "Busy", "severity": "SEV-3"}))?.ok()?;
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..60 {
                    let _ = service.post("/v1/incidents/INC-1/entries", &json!({"text": "x"}));
                    let _ = service.get("/v1/incidents/INC-1");
                }
            });
        }
    });
    let incident = service.get("/v1/incidents/INC-1")?.ok()?;
    assert_eq!((&incident["entries"], &incident["messages"]), (&json!(181), &json!(180)));
    Ok(())
}

#[test]
fn the_command_line_asks_and_declares_through_the_service() -> Result<()> {
    let home = home()?;
    let service = Service::start(&home)?;
    service.post("/v1/changes", &deploy("v42", "checkout", "Round cart totals"))?.ok()?;
    let run = |arguments: &[&str]| -> Result<hearback_e2e::Run> {
        let mut command = home.command(arguments)?;
        let output =
            command.env("HEARBACK_TOKEN", &service.token).env("HEARBACK_SERVER", &service.url).output()?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(hearback_e2e::Run {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        })
    };
    let said = run(&["declare", "Checkout 5xx", "--severity", "SEV-2", "--service", "checkout"])?.ok()?;
    assert!(said.starts_with("INC-1 declared, SEV-2"), "{said}");
    let said = run(&["ask", "--incident", "inc-1", "--symptom", "cart totals"])?.ok()?;
    assert!(said.contains("Round cart totals"), "{said}");
    let refused = run(&["ask", "--incident", "INC-9"])?;
    assert_eq!(refused.code, Some(2));
    assert_eq!(refused.err, "hearback: there is no incident INC-9\n");
    let refused = run(&["ask", "--repo", "."])?;
    assert!(refused.err.contains("a service asks its own"), "{}", refused.err);
    let mut command = home.command(["ask", "--server", &service.url])?;
    let output = command.output()?;
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("needs a token"));
    Ok(())
}

#[test]
fn events_are_streamed_from_where_the_follower_left_and_end_with_the_token() -> Result<()> {
    let home = home()?;
    let service = Service::start(&home)?;
    let declared = json!({"title": "Checkout 5xx", "severity": "SEV-2"});
    service.post("/v1/incidents", &declared)?.ok()?;
    let made = home.run(["token", "add", "bob", "--right", "read", "--json"])?.json()?;
    let (id, token) = (made["id"].as_str().context("id")?, made["token"].as_str().context("token")?);
    let host = service.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(
        stream,
        "GET /v1/incidents/INC-1/entries HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
         accept: text/event-stream\r\nlast-event-id: 1\r\n\r\n"
    )?;
    let mut lines = BufReader::new(stream).lines();
    let status = lines.next().context("a status line")??;
    ensure!(status.contains("200"), "{status}");
    service.post("/v1/incidents/INC-1/entries", &json!({"text": "rolled back"}))?.ok()?;
    let mut next = |prefix: &str| -> Result<String> {
        for line in lines.by_ref() {
            if let Some(rest) = line?.strip_prefix(prefix) {
                return Ok(rest.to_owned());
            }
        }
        Ok("the end".into())
    };
    assert_eq!(next("id: ")?, "2", "entry 1 was seen before");
    assert_eq!(next("event: ")?, "message");
    assert!(next("data: ")?.contains("rolled back"));
    // A note from the command line reaches it too, though another process wrote it.
    home.run(["note", "INC-1", "from the shell"])?.ok()?;
    assert!(next("data: ")?.contains("from the shell"));
    home.run(["token", "revoke", id])?.ok()?;
    home.run(["note", "INC-1", "not for bob"])?.ok()?;
    let rest = next("data: ")?;
    assert!(rest == "the end", "a revoked token must hear nothing more: {rest}");
    Ok(())
}

#[test]
fn what_was_acknowledged_survives_kill_and_is_worked_off_after_the_next_start() -> Result<()> {
    let home = home()?;
    let service = Service::start(&home)?;
    let token = service.token.clone();
    for number in 0..50 {
        service.post("/v1/changes", &deploy(&format!("v{number}"), "search", "Other"))?.ok()?;
    }
    service
        .post("/v1/webhooks/alertmanager", &notification("firing", &[("f1", "checkout", "critical")]))?
        .ok()?;
    assert_eq!(service.end("-KILL")?, None);
    let mut service = Service::start(&home)?;
    assert_eq!(service.token, "", "a token is shown once");
    service.token = token;
    service.wait_for("/v1/incidents/INC-1/entries", |entries| {
        kinds(entries).contains(&"answered".to_owned()).then_some(())
    })?;
    let answer = service.post("/v1/ask", &json!({}))?.ok()?;
    assert_eq!(answer["considered"], 50);
    assert_eq!(service.end("-TERM")?, Some(0));
    Ok(())
}

/// What a signature opens, and no token.
fn is_signed(path: &str) -> bool {
    path.contains("github") || path.contains("slack")
}

#[test]
fn the_description_is_openapi_3_1_and_lists_every_route() -> Result<()> {
    let home = home()?;
    let service = Service::start(&home)?;
    let api = service.send("GET", "/openapi.json", &[], b"")?.ok()?;
    assert_eq!(api["openapi"], "3.1.0");
    let mut paths: Vec<&String> = api["paths"].as_object().context("paths")?.keys().collect();
    paths.sort_unstable();
    insta::assert_json_snapshot!(paths);
    for (path, operations) in api["paths"].as_object().context("paths")? {
        for (method, operation) in operations.as_object().context("operations")? {
            assert!(operation["summary"].is_string(), "{method} {path} says nothing");
            let open = ["/healthz", "/readyz", "/metrics"].contains(&path.as_str()) || is_signed(path);
            assert_eq!(operation["security"].is_array(), !open, "{method} {path}");
        }
    }
    // Every reference in it leads somewhere.
    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, value)| match (key.as_str(), value) {
                ("$ref", Value::String(to)) => found.push(to),
                _ => references(value, found),
            }),
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    references(&api, &mut found);
    for reference in found {
        let pointer = reference.strip_prefix('#').context("a reference inside")?;
        assert!(api.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let metrics = service.send("GET", "/metrics", &[], b"")?;
    assert!(
        metrics.text().contains("hearback_http_requests_total{route=\"/openapi.json\",status=\"200\"} 1")
    );
    assert!(metrics.text().ends_with("# EOF\n"));
    Ok(())
}
