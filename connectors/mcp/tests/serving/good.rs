//! A client that behaves, written with the SDK.

use hearback_mcp::ServeLimits;
use jiff::SignedDuration;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResult, ClientRequest, ContentBlock, ProtocolVersion,
    ReadResourceRequestParams, ResourceContents,
};
use rmcp::service::{
    ClientLifecycleMode, ClientServiceExt as _, PeerRequestOptions, RunningService, ServiceError,
};
use rmcp::{RoleClient, ServiceExt as _};
use serde_json::json;

use crate::{Served, served};

type Client = RunningService<RoleClient, ()>;

async fn connected() -> (Served, Client) {
    let (served, stream) = served(ServeLimits::default());
    (served, ().serve(stream).await.unwrap())
}

async fn call(client: &Client, tool: &'static str) -> Result<CallToolResult, ServiceError> {
    let arguments = json!({ "service": "cart" }).as_object().unwrap().clone();
    client.call_tool(CallToolRequestParams::new(tool).with_arguments(arguments)).await
}

fn text(result: &CallToolResult) -> &str {
    let [ContentBlock::Text(text)] = result.content.as_slice() else { panic!("{result:?}") };
    &text.text
}

fn code(error: ServiceError) -> i32 {
    let ServiceError::McpError(error) = error else { panic!("{error}") };
    error.code.0
}

async fn tools_and_resources(client: &Client) {
    let info = client.peer_info().unwrap();
    assert_eq!(info.instructions.as_deref(), Some("Ask what changed first."));
    let tools = client.list_all_tools().await.unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_ref()).collect();
    assert_eq!(names, ["changes", "refuses", "endless", "broken"]);
    for tool in &tools {
        let hints = tool.annotations.as_ref().unwrap();
        assert_eq!((hints.read_only_hint, hints.destructive_hint), (Some(true), Some(false)));
        assert_eq!((hints.idempotent_hint, hints.open_world_hint), (Some(true), Some(false)));
        assert_eq!(tool.input_schema["properties"], json!({ "service": { "type": "string" } }));
    }
    let changes = call(client, "changes").await.unwrap();
    assert_eq!(text(&changes), r#"changes: {"service":"cart"}"#);
    assert_ne!(changes.is_error, Some(true));
    let refused = call(client, "refuses").await.unwrap();
    assert_eq!((text(&refused), refused.is_error), ("there is no service of this name", Some(true)));
    assert_eq!(code(call(client, "delete_everything").await.unwrap_err()), -32602);
    assert_eq!(code(call(client, "no name at all").await.unwrap_err()), -32602);

    let resources = client.list_all_resources().await.unwrap();
    assert_eq!(resources.len(), 1);
    assert_eq!(resources[0].mime_type.as_deref(), Some("text/markdown"));
    let read = |uri: &str| client.read_resource(ReadResourceRequestParams::new(uri));
    let found = read("hearback://incidents/INC-17").await.unwrap();
    let [ResourceContents::TextResourceContents { text, .. }] = found.contents.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(text, "The cart is slow.");
    let gone = code(read("hearback://incidents/INC-18").await.unwrap_err());
    assert!(matches!(gone, -32002 | -32602), "{gone}");
    assert_eq!(code(read("hearback://broken").await.unwrap_err()), -32603);
}

#[tokio::test]
async fn what_can_be_read_is_read() {
    let (served, client) = connected().await;
    tools_and_resources(&client).await;
    client.cancel().await.unwrap();
    served.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_of_the_newest_version_reads_the_same() {
    let (served, stream) = served(ServeLimits::default());
    let newest = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::LATEST] };
    let client = ().serve_with_lifecycle(stream, newest).await.unwrap();
    tools_and_resources(&client).await;
    client.cancel().await.unwrap();
    served.ended.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_has_a_deadline() {
    let limits = ServeLimits { call_within: SignedDuration::from_secs(5), ..ServeLimits::default() };
    let (served, stream) = served(limits);
    let client = ().serve(stream).await.unwrap();
    let before = tokio::time::Instant::now();
    let late = call(&client, "endless").await.unwrap();
    assert_eq!((text(&late), late.is_error), ("no answer within 5.0 s", Some(true)));
    assert_eq!(before.elapsed().as_secs(), 5);
    served.reads.dropped.notified().await;
}

#[tokio::test]
async fn a_call_that_is_cancelled_is_dropped() {
    let (served, client) = connected().await;
    let request = CallToolRequest::new(CallToolRequestParams::new("endless"));
    let request = ClientRequest::CallToolRequest(request);
    let handle = client.send_cancellable_request(request, PeerRequestOptions::no_options()).await.unwrap();
    served.reads.begun.notified().await;
    handle.cancel(None).await.unwrap();
    served.reads.dropped.notified().await;
    assert_eq!(text(&call(&client, "changes").await.unwrap()), r#"changes: {"service":"cart"}"#);
}

#[tokio::test]
async fn a_mistake_of_ours_is_an_answer() {
    let (_served, client) = connected().await;
    let broken = call(&client, "broken").await.unwrap();
    let told = "this failed because of a mistake in the program";
    assert_eq!((text(&broken), broken.is_error), (told, Some(true)));
    assert_eq!(text(&call(&client, "changes").await.unwrap()), r#"changes: {"service":"cart"}"#);
}

#[tokio::test]
async fn stopping_ends_calls_too() {
    let (served, client) = connected().await;
    let waits = tokio::spawn(async move { call(&client, "endless").await });
    served.reads.begun.notified().await;
    served.stop.cancel();
    served.reads.dropped.notified().await;
    served.ended.await.unwrap().unwrap();
    assert!(waits.await.unwrap().is_err());
}
