//! The SDK's client, served by us.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use crate::{Python, peers};

/// The server of made-up things.
const SERVER: &str = env!("CARGO_BIN_EXE_mcp-serve-made-up");

async fn seen_by_the_sdk(mode: &str) -> Value {
    let python = Python::find();
    let mut command = Command::new(&python.program);
    command.arg(peers().join("client.py")).args([SERVER, mode]).env("PYTHONPATH", &python.sdk);
    let ran = command.kill_on_drop(true).output().await.unwrap();
    let complaint = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{complaint}");
    serde_json::from_slice(&ran.stdout).unwrap()
}

async fn is_served(mode: &str, version: &str) {
    let saw = seen_by_the_sdk(mode).await;
    assert_eq!(saw["version"], version);
    assert_eq!(saw["instructions"], "Ask what changed first.");
    assert_eq!(saw["server"], "hearback");
    let hints = json!({ "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false });
    let schema = json!({ "type": "object", "properties": { "service": { "type": "string" } } });
    let tool = |name: &str| json!({ "name": name, "description": format!("Does {name}."), "schema": schema, "hints": hints });
    assert_eq!(saw["tools"], json!(["changes", "refuses", "endless", "broken"].map(tool)));
    assert_eq!(saw["changes"], json!({ "text": [r#"changes: {"service":"cart"}"#], "is_error": false }));
    assert_eq!(saw["refuses"], json!({ "text": ["there is no service of this name"], "is_error": true }));
    assert_eq!(saw["unknown"], json!({ "code": -32602, "message": "there is no tool of this name" }));
    assert_eq!(saw["resources"], json!([["hearback://incidents/INC-17", "INC-17", "text/markdown"]]));
    assert_eq!(saw["read"], json!(["The cart is slow."]));
    assert_eq!(saw["gone"]["message"], "there is nothing at this address");
    assert_eq!(saw["after"], json!({ "text": ["changes: {}"], "is_error": false }));
    let many: Vec<String> = (0..10).map(|number| format!(r#"changes: {{"service":"{number}"}}"#)).collect();
    assert_eq!(saw["at_once"], json!(many));
}

#[tokio::test]
async fn a_client_of_the_newest_version_is_served() {
    is_served("auto", "2026-07-28").await;
}

#[tokio::test]
async fn a_client_of_older_versions_is_served() {
    is_served("legacy", "2025-11-25").await;
}

#[tokio::test]
async fn a_program_ends_with_its_input() {
    let mut server =
        Command::new(SERVER).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut input = server.stdin.take().unwrap();
    input.write_all(b"not json\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n").await.unwrap();
    drop(input);
    let mut printed = String::new();
    server.stdout.take().unwrap().read_to_string(&mut printed).await.unwrap();
    assert!(server.wait().await.unwrap().success());
    let lines: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{printed}");
    assert_eq!(lines[0]["error"]["code"], -32700);
    assert_eq!(lines[1]["result"], json!({}));
}
