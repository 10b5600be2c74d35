//! What the service refuses: with the right status and one plain sentence, whatever is sent.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

use anyhow::{Context as _, Result};
use hearback_e2e::Home;
use hearback_e2e::service::{Reply, Service};
use serde_json::json;

const SECRET: &str = "It's a Secret to Everybody";

fn start() -> Result<(Home, Service)> {
    let home = Home::new()?;
    std::fs::write(home.path("github.secret"), SECRET)?;
    std::fs::write(
        home.path("hearback.toml"),
        "[serve]\nmax_body_kib = 64\n\
         [[github]]\nrepository = \"shop/checkout\"\napi = \"http://127.0.0.1:9\"\n\
         webhook_secret = { file = \"github.secret\" }\n",
    )?;
    let service = Service::start(&home)?;
    Ok((home, service))
}

fn token(home: &Home, arguments: &[&str]) -> Result<String> {
    let made = home.run([&["token", "add", "--json"], arguments].concat())?.json()?;
    Ok(made["token"].as_str().context("a token")?.to_owned())
}

fn is_one_sentence(reply: &Reply, what: &str) {
    assert_eq!(reply.content_type, "application/problem+json", "{what}: {}", reply.text());
    let detail = reply.json()["detail"].as_str().unwrap_or_default().to_owned();
    assert!(!detail.is_empty() && detail.len() < 500 && !detail.contains('\n'), "{what}: {detail}");
    for inside in ["panicked", "src/", "Error {", "stack"] {
        assert!(!detail.contains(inside), "{what}: {detail}");
    }
}

#[test]
fn whoever_may_not_is_told_so() -> Result<()> {
    let (home, service) = start()?;
    for number in 1..=2 {
        let declared = json!({"title": format!("Incident {number}"), "severity": "SEV-3"});
        service.post("/v1/incidents", &declared)?.ok()?;
    }
    let reader = token(&home, &["bob", "--right", "read"])?;
    let sender = token(&home, &["ci", "--program", "--right", "send"])?;
    let only_first = token(&home, &["vendor", "--right", "read,respond", "--incident", "INC-1"])?;
    let over = token(&home, &["late", "--right", "read", "--expires", "0s"])?;
    let admin = service.token.clone();
    let other = if admin.ends_with('x') { 'y' } else { 'x' };
    let wrong = format!("{}{other}", admin.get(..admin.len() - 1).unwrap_or_default());
    let body = br#"{"title":"x","severity":"SEV-3"}"#.as_slice();
    let by_another = br#"{"title":"x","severity":"SEV-3","by":"eve"}"#.as_slice();
    let note_by_another = br#"{"text":"x","by":"eve"}"#.as_slice();
    type Row<'a> = (&'a str, &'a str, &'a str, &'a str, &'a [u8], u16);
    let table: &[Row<'_>] = &[
        ("no token", "", "GET", "/v1/incidents", b"", 401),
        ("no such token", "hb_nobody_secret", "GET", "/v1/incidents", b"", 401),
        ("not of our form", "abc", "GET", "/v1/incidents", b"", 401),
        ("another secret", &wrong, "GET", "/v1/incidents", b"", 401),
        ("a token that ran out", &over, "GET", "/v1/incidents", b"", 401),
        ("a reader declares", &reader, "POST", "/v1/incidents", body, 403),
        ("a reader sends changes", &reader, "POST", "/v1/changes", b"[]", 403),
        ("a sender reads", &sender, "GET", "/v1/incidents", b"", 403),
        ("a sender asks", &sender, "POST", "/v1/ask", b"{}", 403),
        ("in another's name", &admin, "POST", "/v1/incidents", by_another, 403),
        ("a note in another's name", &admin, "POST", "/v1/incidents/INC-1/entries", note_by_another, 403),
        ("another incident", &only_first, "GET", "/v1/incidents/INC-2", b"", 403),
        ("another incident's events", &only_first, "GET", "/v1/incidents/INC-2/entries", b"", 403),
        ("an incident nobody declared", &only_first, "GET", "/v1/incidents/INC-99/entries", b"", 403),
        ("a narrow token asks of everything", &only_first, "POST", "/v1/ask", b"{}", 403),
        (
            "a narrow token looks elsewhere",
            &only_first,
            "POST",
            "/v1/incidents/INC-1/ask",
            br#"{"services":["payroll"]}"#,
            403,
        ),
        ("a narrow token reads the inbox", &only_first, "GET", "/v1/inbox", b"", 403),
        ("a narrow token reads logs", &only_first, "GET", "/v1/logs", b"", 403),
        ("a narrow token declares", &only_first, "POST", "/v1/incidents", body, 403),
        ("what is not there", &admin, "GET", "/v1/incidents/INC-99", b"", 404),
        ("events of nothing", &admin, "GET", "/v1/incidents/INC-99/entries", b"", 404),
        ("no such severity", &admin, "GET", "/v1/logs?severity=loud", b"", 400),
        ("no such trace", &admin, "GET", "/v1/traces?trace=xyz", b"", 400),
        ("a parameter too many", &admin, "GET", "/v1/traces?span=1", b"", 400),
        ("not an id", &admin, "GET", "/v1/incidents/../x%00", b"", 404),
        ("no such page", &admin, "GET", "/v2", b"", 404),
        ("another method", &admin, "DELETE", "/v1/incidents", b"", 405),
    ];
    for (what, token, method, path, body, status) in table {
        let bearer = format!("Bearer {token}");
        let events = ("accept", "text/event-stream");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json"), events];
        let reply = service.send(method, path, &headers, body)?;
        assert_eq!(reply.status, *status, "{what}: {}", reply.text());
        is_one_sentence(&reply, what);
    }
    let bearer = format!("Bearer {only_first}");
    let seen = service.send("GET", "/v1/incidents", &[("authorization", &bearer)], b"")?.ok()?;
    assert_eq!(seen.as_array().map(Vec::len), Some(1), "a narrow token lists what it reaches");
    Ok(())
}

#[test]
fn what_can_not_be_read_is_refused_and_nothing_is_written() -> Result<()> {
    let (_home, service) = start()?;
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let deep_object = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
    let large = format!("{{\"title\":\"{}\",\"severity\":\"SEV-1\"}}", "x".repeat(70_000));
    let json = "application/json";
    let protobuf = "application/x-protobuf";
    let future = r#"{"title":"x","severity":"SEV-1","impact_since":"2999-01-01"}"#;
    type Row<'a> = (&'a str, &'a str, &'a str, &'a [u8], u16);
    let table: &[Row<'_>] = &[
        ("half a body", "/v1/incidents", json, b"{\"title\":", 400),
        ("not JSON", "/v1/incidents", json, b"title=x", 400),
        ("not UTF-8", "/v1/incidents", json, b"{\"title\":\"\xff\"}", 400),
        ("deep JSON", "/v1/incidents", json, deep.as_bytes(), 400),
        ("a field too many", "/v1/incidents", json, br#"{"title":"x","severity":"SEV-1","sev":1}"#, 400),
        ("no such severity", "/v1/incidents", json, br#"{"title":"x","severity":"P1"}"#, 400),
        ("an empty title", "/v1/incidents", json, br#"{"title":" ","severity":"SEV-1"}"#, 400),
        (
            "a service that is none",
            "/v1/incidents",
            json,
            br#"{"title":"x","severity":"SEV-1","services":["a b"]}"#,
            400,
        ),
        ("impact in the future", "/v1/incidents", json, future.as_bytes(), 400),
        ("a form", "/v1/incidents", "application/x-www-form-urlencoded", b"title=x", 415),
        ("too large", "/v1/incidents", json, large.as_bytes(), 413),
        ("a bad window", "/v1/ask", json, br#"{"since":"yesterdayish"}"#, 400),
        ("onset after the as-of", "/v1/ask", json, br#"{"as_of":"2h ago","onset":"1h ago"}"#, 400),
        ("deep changes", "/v1/changes", json, deep_object.as_bytes(), 400),
        ("a change without id", "/v1/changes", json, br#"{"kind":"deploy","title":"x"}"#, 400),
        (
            "a change of no kind",
            "/v1/changes",
            json,
            br#"{"id":"1","kind":"party","title":"x","at":"2026-01-01T00:00:00Z"}"#,
            400,
        ),
        ("changes as text", "/v1/changes", "text/plain", b"deployed", 415),
        ("too many bytes of changes", "/v1/changes", json, large.as_bytes(), 413),
        ("an alert that is none", "/v1/webhooks/alertmanager", json, b"{}", 400),
        ("alerts of version 3", "/v1/webhooks/alertmanager", json, br#"{"version":"3","alerts":[]}"#, 400),
        ("deep alerts", "/v1/webhooks/alertmanager", json, deep_object.as_bytes(), 400),
        ("truncated protobuf", "/v1/logs", protobuf, b"\x0a\xff\xff\xff\x7f", 400),
        ("JSON logs that are none", "/v1/logs", json, b"{\"resourceLogs\":[{\"scopeLogs\":7}]}", 400),
        ("deep traces", "/v1/traces", json, deep_object.as_bytes(), 413),
        ("traces as text", "/v1/traces", "text/plain", b"span", 415),
    ];
    let bearer = format!("Bearer {}", service.token);
    for (what, path, kind, body, status) in table {
        let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
        let reply = service.send("POST", path, &headers, body)?;
        assert_eq!(reply.status, *status, "{what}: {}", reply.text());
        if !(path.ends_with("/logs") || path.ends_with("/traces")) {
            is_one_sentence(&reply, what);
        }
    }
    let bomb = [("authorization", bearer.as_str()), ("content-type", json), ("content-encoding", "gzip")];
    let mut packed = Vec::new();
    let mut packer = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::best());
    std::io::Write::write_all(&mut packer, &vec![b' '; 50_000_000])?;
    packer.finish()?;
    let reply = service.send("POST", "/v1/changes", &bomb, &packed)?;
    assert_eq!(reply.status, 413, "a small body that unpacks to a large one: {}", reply.text());
    assert_eq!(service.get("/v1/incidents")?.json(), json!([]));
    assert_eq!(service.post("/v1/ask", &json!({}))?.ok()?["considered"], 0);
    assert_eq!(service.get("/readyz")?.status, 200);
    Ok(())
}

#[test]
fn a_delivery_of_github_is_its_signature_and_counts_once() -> Result<()> {
    let (_home, service) = start()?;
    let body = serde_json::to_vec(&json!({"zen": "Keep it logically awesome.", "hook_id": 1}))?;
    let signature = signed(&body);
    let other = signed(b"another body");
    let send = |signature: Option<&str>, delivery: &str, path: &str| {
        let mut headers = vec![
            ("content-type", "application/json"),
            ("x-github-event", "ping"),
            ("x-github-delivery", delivery),
        ];
        headers.extend(signature.map(|signature| ("x-hub-signature-256", signature)));
        service.send("POST", path, &headers, &body)
    };
    let path = "/v1/webhooks/github/checkout";
    for (what, signature, status) in [
        ("no signature", None, 401),
        ("another body's", Some(other.as_str()), 401),
        ("SHA-1", Some("sha1=7c1c2d0e4f0f6b6c7f0e1f9b1a5a0c3d8b8e2f1a"), 401),
        ("not hexadecimal", Some("sha256=zz"), 401),
    ] {
        let reply = send(signature, "d-1", path)?;
        assert_eq!(reply.status, status, "{what}: {}", reply.text());
        is_one_sentence(&reply, what);
    }
    let reply = send(Some(&signature), "d-1", "/v1/webhooks/github/nobody")?;
    assert_eq!(reply.status, 404, "a repository that is not configured: {}", reply.text());
    assert_eq!(send(Some(&signature), "d-1", path)?.ok()?, json!({"new": 0, "repeated": false}));
    assert_eq!(send(Some(&signature), "d-1", path)?.ok()?, json!({"new": 0, "repeated": true}));
    assert_eq!(send(Some(&signature), "d-2", path)?.ok()?["repeated"], false);
    Ok(())
}

fn signed(body: &[u8]) -> String {
    use hmac::Mac as _;
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key will do");
    mac.update(body);
    let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digits}")
}
