//! Servers that never answer, and connections that break.

use std::sync::Arc;

use hearback_core::ids::ToolName;
use hearback_core::offered::EvidenceSource as _;
use hearback_core::ports::ConnectorError;
use hearback_mcp::{Hidden, McpLimits, McpOptions, McpSource, McpTransport};
use jiff::SignedDuration;
use serde_json::json;

use crate::scripted::{Says, Scripted, answer, gives, greeting, tool};
use crate::{AMPLE, arguments, fetch, names, source, texts};

const SHORT: SignedDuration = SignedDuration::from_secs(3);

/// Answers everything but `method`.
fn silent_at(method: &'static str) -> Arc<Scripted> {
    Scripted::new(move |message, _| match message["method"].as_str() {
        Some(asked) if asked == method => Says::Nothing,
        Some("initialize") => Says::These(vec![greeting(message)]),
        Some("tools/list") => Says::These(vec![answer(message, json!({ "tools": [tool("query")] }))]),
        Some("tools/call") => Says::These(vec![gives(message, "found")]),
        _ => Says::Nothing,
    })
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_waited_for_until_the_deadline() {
    for method in ["initialize", "tools/list", "tools/call"] {
        let source = source(&silent_at(method), &["query"]);
        let before = tokio::time::Instant::now();
        let query = ToolName::new("made-up__query").unwrap();
        let late = source.fetch(&query, &arguments(json!({})), SHORT).await.unwrap_err();
        assert!(matches!(late, ConnectorError::TimedOut(SHORT)), "{method}: {late}");
        assert_eq!(before.elapsed().as_secs(), 3, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_waits_for_is_cancelled() {
    let server = silent_at("tools/call");
    let source = source(&server, &["query"]);
    let query = ToolName::new("made-up__query").unwrap();
    source.fetch(&query, &arguments(json!({})), SHORT).await.unwrap_err();
    let call = server.heard("tools/call")[0]["id"].clone();
    let told = server.until_heard(|message| message["method"] == "notifications/cancelled").await;
    assert_eq!(told["params"]["requestId"], call);
    assert_eq!(names(&source).await, ["made-up__query"]);
    assert_eq!(server.dialled(), 1, "the connection is as good as before");
}

#[tokio::test(start_paused = true)]
async fn a_negative_budget_is_none() {
    let source = source(&silent_at("initialize"), &["query"]);
    let late = source.tools(SignedDuration::from_secs(-1)).await.unwrap_err();
    assert!(matches!(late, ConnectorError::TimedOut(_)), "{late}");
}

#[tokio::test]
async fn a_connection_that_broke_is_made_anew() {
    let server = Scripted::new(|message, connection| match message["method"].as_str() {
        Some("initialize") => Says::These(vec![greeting(message)]),
        Some("tools/list") => Says::These(vec![answer(message, json!({ "tools": [tool("query")] }))]),
        Some("tools/call") if connection == 1 => Says::End,
        Some("tools/call") => Says::These(vec![gives(message, "found")]),
        _ => Says::Nothing,
    });
    let source = source(&server, &["query"]);
    assert_eq!(names(&source).await, ["made-up__query"]);
    let failed = fetch(&source, "made-up__query", json!({})).await.unwrap_err();
    assert!(matches!(failed, ConnectorError::Failed(_)), "{failed}");
    assert_eq!(server.heard("tools/call").len(), 1, "a call is not made twice");
    assert_eq!(texts(&fetch(&source, "made-up__query", json!({})).await.unwrap()), ["found"]);
    assert_eq!(server.dialled(), 2);
}

#[tokio::test]
async fn a_list_is_read_again_where_the_connection_broke() {
    let server = Scripted::new(|message, connection| {
        let lists = message["method"] == "tools/list";
        match message["method"].as_str() {
            Some("initialize") => Says::These(vec![greeting(message)]),
            Some("tools/call") => Says::These(vec![gives(message, "found")]),
            _ if lists && connection == 1 && message["id"] != 1 => Says::End,
            _ if lists => Says::These(vec![answer(message, json!({ "tools": [tool("query")] }))]),
            _ => Says::Nothing,
        }
    });
    let source = source(&server, &["query"]);
    assert_eq!(names(&source).await, ["made-up__query"]);
    assert_eq!(names(&source).await, ["made-up__query"]);
    assert_eq!(server.dialled(), 2);
}

#[tokio::test]
async fn a_server_that_always_ends_is_tried_once_and_then_once_more() {
    let server = Scripted::new(|message, _| match message["method"].as_str() {
        Some("initialize") => Says::These(vec![greeting(message)]),
        Some("notifications/initialized") => Says::Nothing,
        _ => Says::End,
    });
    let source = source(&server, &["query"]);
    for times in [1, 2] {
        let failed = source.tools(AMPLE).await.unwrap_err();
        assert_eq!(failed.to_string(), "the MCP server made-up closed the connection");
        assert_eq!(server.dialled(), times);
    }
}

#[tokio::test]
async fn calls_wait_for_each_other_no_longer_than_they_must() {
    let server = silent_at("nothing");
    let source = source(&server, &["query"]);
    let calls = (0..20).map(|_| fetch(&source, "made-up__query", json!({})));
    let found = futures::future::join_all(calls).await;
    assert!(found.iter().all(|found| found.as_ref().is_ok_and(|found| texts(found) == ["found"])));
    assert_eq!(server.dialled(), 1);
}

fn program(command: &str, args: &[&str]) -> McpSource {
    let transport = McpTransport::Stdio {
        command: command.into(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        env: vec![("TOKEN".into(), Hidden::new("hunter22"))],
        environment: vec![("PATH".into(), std::env::var_os("PATH").unwrap())],
        cwd: None,
    };
    let tools = vec!["query".to_owned()];
    McpSource::new(McpOptions { name: "made-up".into(), transport, tools, limits: McpLimits::default() })
        .unwrap()
}

#[tokio::test]
async fn a_program_that_is_not_there_can_be_mended() {
    let error = program("there-is-no-such-server", &[]).tools(AMPLE).await.unwrap_err();
    assert!(matches!(error, ConnectorError::NotUsable(_)), "{error}");
    assert_eq!(
        error.to_string(),
        "the program of the MCP server made-up can't be started (entity not found); check its path"
    );
}

#[tokio::test]
async fn a_program_that_ends_closed_the_connection() {
    let error = program("true", &[]).tools(AMPLE).await.unwrap_err();
    assert_eq!(error.to_string(), "the MCP server made-up closed the connection");
}
