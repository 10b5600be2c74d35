//! The client against servers of this process: one written with the SDK, and ones that say what a test tells them to. No
//! test here knows the crate's inside, and none looks at a clock.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

mod changing;
mod flooding;
mod hostile;
mod lasting;
mod logged;
mod over_http;
mod scripted;
mod using;

use std::sync::Arc;

use hearback_core::ExternalText;
use hearback_core::evidence::Fetched;
use hearback_core::ids::ToolName;
use hearback_core::offered::EvidenceSource as _;
use hearback_core::ports::ConnectorError;
use hearback_mcp::{Dial, McpLimits, McpOptions, McpSource, McpTransport};
use jiff::SignedDuration;
use serde_json::{Map, Value};

/// Enough for anything in one process.
const AMPLE: SignedDuration = SignedDuration::from_secs(30);

fn source(dial: &Arc<impl Dial + 'static>, tools: &[&str]) -> McpSource {
    source_within(dial, tools, McpLimits::default())
}

fn source_within(dial: &Arc<impl Dial + 'static>, tools: &[&str], limits: McpLimits) -> McpSource {
    let tools = tools.iter().map(|tool| (*tool).to_owned()).collect();
    let transport = McpTransport::Streams(dial.clone());
    McpSource::new(McpOptions { name: "made-up".into(), transport, tools, limits }).unwrap()
}

fn arguments(given: Value) -> Map<String, Value> {
    given.as_object().unwrap().clone()
}

async fn fetch(
    source: &McpSource,
    tool: &str,
    given: Value,
) -> Result<Fetched<ExternalText>, ConnectorError> {
    source.fetch(&ToolName::new(tool).unwrap(), &arguments(given), AMPLE).await
}

fn texts(fetched: &Fetched<ExternalText>) -> Vec<&str> {
    fetched.items.iter().map(ExternalText::as_untrusted).collect()
}

async fn names(source: &McpSource) -> Vec<String> {
    source.tools(AMPLE).await.unwrap().items.iter().map(|tool| tool.name.to_string()).collect()
}
