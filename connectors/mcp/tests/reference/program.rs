//! What becomes of a server's process: what it sees, and when it ends.

use hearback_core::offered::EvidenceSource as _;
use hearback_mcp::{McpLimits, McpOptions, McpSource, McpTransport};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use crate::as_server::{as_program, fetch, text};
use crate::peers;

#[tokio::test]
async fn a_program_sees_nothing_that_it_was_not_given() {
    let source = as_program();
    let found = fetch(&source, "environment", json!({})).await.unwrap();
    let seen: Value = serde_json::from_str(text(&found)).unwrap();
    let mut names: Vec<&str> = seen["env"].as_object().unwrap().keys().map(String::as_str).collect();
    // Python sets this one itself where no language is set.
    names.retain(|name| !["LC_CTYPE", "__CF_USER_TEXT_ENCODING"].contains(name));
    let may = |name: &&str| hearback_mcp::PASSED_ON.contains(name) || ["PYTHONPATH", "GIVEN"].contains(name);
    assert!(names.iter().all(may), "{names:?}");
    assert!(names.contains(&"PATH") && names.contains(&"GIVEN"), "{names:?}");
    assert!(!text(&found).contains("hunter22"));
    assert_eq!(seen["cwd"], peers().canonicalize().unwrap().to_string_lossy().as_ref());
}

#[tokio::test]
async fn our_own_server_is_one_too() {
    let transport = McpTransport::Stdio {
        command: env!("CARGO_BIN_EXE_mcp-serve-made-up").into(),
        args: Vec::new(),
        env: Vec::new(),
        environment: Vec::new(),
        cwd: None,
    };
    let tools = vec!["changes".to_owned(), "broken".to_owned()];
    let options = McpOptions { name: "own".into(), transport, tools, limits: McpLimits::default() };
    let source = McpSource::new(options).unwrap();
    let ample = SignedDuration::from_secs(60);
    assert_eq!(source.tools(ample).await.unwrap().items.len(), 2);
    let changes = "own__changes".parse().unwrap();
    let found = source.fetch(&changes, &serde_json::Map::new(), ample).await.unwrap();
    assert_eq!(text(&found), "changes: {}");
}

#[tokio::test]
async fn a_program_that_dies_is_started_again() {
    let source = as_program();
    let failed = fetch(&source, "dies", json!({})).await.unwrap_err();
    assert_eq!(failed.to_string(), "the MCP server sdk closed the connection");
    let found = fetch(&source, "query", json!({ "service": "cart" })).await.unwrap();
    assert_eq!(text(&found), "cart None error None\nsecond line");
}

#[tokio::test]
async fn what_it_writes_where_nobody_reads_holds_nothing_up() {
    let source = as_program();
    assert_eq!(text(&fetch(&source, "shouts", json!({})).await.unwrap()), "shouted");
}

#[tokio::test]
async fn what_a_program_started_ends_with_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let source = as_program();
    fetch(&source, "starts_another", json!({ "port": port })).await.unwrap();
    let (mut held, _) = listener.accept().await.unwrap();
    assert_eq!(held.read_u8().await.unwrap(), b'x');
    source.close().await;
    // It would hold the connection for ever; killed, it lets it go.
    assert!(held.read_u8().await.is_err());
}

#[tokio::test]
async fn a_program_ends_with_the_source() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let source = as_program();
    fetch(&source, "starts_another", json!({ "port": port })).await.unwrap();
    let (mut held, _) = listener.accept().await.unwrap();
    assert_eq!(held.read_u8().await.unwrap(), b'x');
    drop(source);
    assert!(held.read_u8().await.is_err());
}

#[tokio::test]
async fn a_program_whose_start_takes_too_long_is_given_up() {
    let late = as_program().tools(SignedDuration::from_millis(1)).await.unwrap_err();
    assert_eq!(late.to_string(), "no answer within 0.0 s");
}
