//! Servers that say too much: long lines, many tools, pages without end, messages without end.

use std::sync::Arc;

use hearback_core::offered::EvidenceSource as _;
use hearback_core::ports::ConnectorError;
use serde_json::{Value, json};

use crate::scripted::{Says, Scripted, answer, gives, greeting, tool};
use crate::{AMPLE, fetch, source, texts};

/// What may be on its way when a reader stops: both buffers, and a piece.
const ON_ITS_WAY: usize = 64 * 1024;

#[tokio::test]
async fn a_line_of_100_megabytes_ends_after_one() {
    let server =
        Scripted::with_tools(json!([tool("query")]), |message, _| match message["method"].as_str() {
            Some("tools/call") => Says::Bytes(vec![b'x'; 100 * 1024 * 1024]),
            _ => Says::Nothing,
        });
    let source = source(&server, &["query"]);
    let failed = fetch(&source, "made-up__query", json!({})).await.unwrap_err();
    assert_eq!(failed.to_string(), "the MCP server made-up sent a message longer than 1048576 bytes");
    assert!(matches!(failed, ConnectorError::Failed(_)));
    assert!(server.written() < 1024 * 1024 + ON_ITS_WAY, "{} bytes were taken", server.written());
}

#[tokio::test]
async fn a_greeting_of_100_megabytes_ends_after_one() {
    let server = Scripted::new(|_, _| Says::Bytes(vec![b'x'; 100 * 1024 * 1024]));
    let failed = source(&server, &["query"]).tools(AMPLE).await.unwrap_err();
    assert_eq!(failed.to_string(), "the MCP server made-up sent a message longer than 1048576 bytes");
    assert!(server.written() < 1024 * 1024 + ON_ITS_WAY, "{} bytes were taken", server.written());
}

async fn flooded_with(message: Value) -> usize {
    let line = format!("{message}\n");
    let server =
        Scripted::with_tools(json!([tool("query")]), move |message, _| match message["method"].as_str() {
            Some("tools/call") => Says::Endlessly(line.clone().into_bytes()),
            _ => Says::Nothing,
        });
    let failed = fetch(&source(&server, &["query"]), "made-up__query", json!({})).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "the MCP server made-up sent more than it may while one thing was asked of it"
    );
    server.written()
}

#[tokio::test]
async fn notifications_without_end_have_one() {
    let progress = json!({ "jsonrpc": "2.0", "method": "notifications/progress",
        "params": { "progressToken": 1, "progress": 1 } });
    let length = progress.to_string().len() + 1;
    assert!(flooded_with(progress).await < 2_000 * length + ON_ITS_WAY);
    let long = json!({ "jsonrpc": "2.0", "method": "notifications/message",
        "params": { "level": "info", "data": "x".repeat(500_000) } });
    assert!(flooded_with(long).await < 8 * 1024 * 1024 + ON_ITS_WAY);
}

#[tokio::test]
async fn garbage_without_end_has_one() {
    assert!(flooded_with(json!(["garbage"])).await < 8 * 1024 * 1024 + ON_ITS_WAY);
    assert!(flooded_with(gives(&json!({ "id": 4_711 }), "for nobody")).await < 8 * 1024 * 1024);
}

#[tokio::test(start_paused = true)]
async fn requests_without_end_that_hear_no_answer_wait_for_the_deadline() {
    // It reads nothing while it asks, so our refusals can't be sent: nothing more is read either.
    let ask = json!({ "jsonrpc": "2.0", "id": "a", "method": "roots/list" });
    let line = format!("{ask}\n");
    let server =
        Scripted::with_tools(json!([tool("query")]), move |message, _| match message["method"].as_str() {
            Some("tools/call") => Says::Endlessly(line.clone().into_bytes()),
            _ => Says::Nothing,
        });
    let failed = fetch(&source(&server, &["query"]), "made-up__query", json!({})).await.unwrap_err();
    assert!(matches!(failed, ConnectorError::TimedOut(AMPLE)), "{failed}");
    assert!(server.written() < ON_ITS_WAY, "{} bytes were taken", server.written());
}

/// Lists tools page by page, without end if `last` is none.
fn paged(per_page: usize, last: Option<usize>) -> Arc<Scripted> {
    Scripted::new(move |message, _| match message["method"].as_str() {
        Some("initialize") => Says::These(vec![greeting(message)]),
        Some("tools/list") => {
            let cursor = message["params"]["cursor"].as_str().unwrap_or("0").parse::<usize>().unwrap();
            let tools: Vec<Value> =
                (0..per_page).map(|n| tool(&format!("t{}", cursor * per_page + n))).collect();
            let mut page = json!({ "tools": tools });
            if last.is_none_or(|last| cursor < last) {
                page["nextCursor"] = json!((cursor + 1).to_string());
            }
            Says::These(vec![answer(message, page)])
        }
        Some("tools/call") => Says::These(vec![gives(message, "found")]),
        _ => Says::Nothing,
    })
}

#[tokio::test]
async fn of_5000_tools_the_first_thousand_are_looked_at() {
    let server = paged(250, Some(19));
    let source = source(&server, &["t7", "t999", "t1000", "t4999"]);
    let offered = source.tools(AMPLE).await.unwrap();
    let names: Vec<&str> = offered.items.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["made-up__t7", "made-up__t999"]);
    assert_eq!(
        offered.coverage.missing,
        [
            "the tool t1000 is not offered",
            "the tool t4999 is not offered",
            "it offers more than 1000 tools; the rest was not looked at",
        ]
    );
    assert_eq!(server.heard("tools/list").len(), 5);
    assert_eq!(texts(&fetch(&source, "made-up__t999", json!({})).await.unwrap()), ["found"]);
}

#[tokio::test]
async fn of_5000_tools_on_one_page_the_same() {
    let short = |n: usize| json!({ "name": format!("t{n}"), "inputSchema": {} });
    let tools: Vec<Value> = (0..5_000).map(short).collect();
    let server = Scripted::with_tools(json!(tools), |_, _| Says::Nothing);
    let offered = source(&server, &["t7", "t4999"]).tools(AMPLE).await.unwrap();
    assert_eq!((offered.items.len(), offered.coverage.missing.len()), (1, 2));
}

#[tokio::test]
async fn pages_without_end_have_one() {
    for per_page in [0, 1] {
        let server = paged(per_page, None);
        let offered = source(&server, &["t7"]).tools(AMPLE).await.unwrap();
        assert_eq!(server.heard("tools/list").len(), 20);
        assert_eq!(offered.items.len(), per_page);
        let last = offered.coverage.missing.last().unwrap();
        assert_eq!(last, "its list of tools has more than 20 pages; the rest was not looked at");
    }
}
