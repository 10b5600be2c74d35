//! A change inside a freeze: marked, scored, said in the answer, and leadership hears of it once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context as _, Result};
use hearback_e2e::Home;
use hearback_e2e::service::Service;
use serde_json::{Value, json};

/// Takes what is sent to leadership.
fn leadership() -> Result<(String, Receiver<Value>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/hooks/not-to-be-logged", listener.local_addr()?);
    let (heard, hears) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let (mut length, mut line) = (0, String::new());
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap_or(0);
                }
                line.clear();
            }
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_ok() {
                let _ = heard.send(serde_json::from_slice(&body).unwrap_or_default());
            }
            let _ = reader
                .get_mut()
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    Ok((url, hears))
}

#[test]
fn a_change_inside_a_freeze_is_said_and_leadership_hears_once() -> Result<()> {
    let (url, hears) = leadership()?;
    let home = Home::new()?;
    std::fs::write(home.path("leadership.url"), url)?;
    std::fs::write(
        home.path("hearback.toml"),
        "[leadership]\nwebhook = { file = \"leadership.url\" }\n\
         [[freeze]]\nname = \"holiday sales\"\nfrom = \"2020-01-01\"\nuntil = \"2099-01-01\"\n\
         environments = [\"production\"]\n",
    )?;
    let service = Service::start(&home)?;
    let change = |id: &str, environment: &str| {
        json!({"id": id, "kind": "deploy", "title": "checkout v42", "services": ["checkout"],
               "environment": environment, "at": "2026-11-20T10:00:00Z", "author": "ana", "source": "pipeline"})
    };
    service.post("/v1/changes", &change("v42", "production"))?.ok()?;
    service.post("/v1/changes", &change("v42", "production"))?.ok()?;
    service.post("/v1/changes", &change("v43", "staging"))?.ok()?;
    let told = hears.recv_timeout(Duration::from_secs(30)).context("leadership heard nothing")?;
    assert_eq!(
        told["text"],
        "Not authorised: deploy by ana: checkout v42: took effect at 2026-11-20 10:00:00Z, inside the freeze \
         \"holiday sales\" (until 2099-01-01 00:00:00Z)"
    );
    let answer = service.post("/v1/ask", &json!({"services": ["checkout"], "since": "2026-11-19"}))?.ok()?;
    assert_eq!(answer["unauthorised"].as_array().map(Vec::len), Some(1), "{answer:#}");
    assert_eq!(answer["suspects"][0]["id"], "deploy:pipeline:v42");
    let features: Vec<&Value> = answer["suspects"][0]["reasons"]
        .as_array()
        .context("reasons")?
        .iter()
        .map(|r| &r["feature"])
        .collect();
    assert!(features.contains(&&json!("in_freeze")), "{features:?}");
    // A second start finds nothing left to tell, and a third delivery is no news either.
    assert_eq!(service.end("-TERM")?, Some(0));
    let service = Service::start(&home)?;
    service.wait_for("/readyz", |_| Some(()))?;
    assert!(hears.recv_timeout(Duration::from_secs(5)).is_err(), "told twice");
    drop(service);
    Ok(())
}
