//! Tools of other people's servers beside our own: as many as there is room for, with what their servers say of them as words of
//! others, and what they give as evidence that anybody could have written. It must not know the protocol.

use std::sync::Arc;

use futures::future::join_all;
use hearback_core::ids::ToolName;
use hearback_core::model::{ToolCall, ToolSpec};
use hearback_core::offered::{EvidenceSource, OfferedTool};
use hearback_core::redaction::redact_everything;
use hearback_core::{Evidence, ExternalText, Fetched, Origin};
use jiff::SignedDuration;
use serde_json::{Map, Value};

use super::fitting;
use super::looking::{Given, Looked, Looking, MOST, of_outsiders};
use super::telling;
use crate::gather::within;

/// What stands between a server's name and its own name of a tool.
const JOINT: &str = "__";
/// As many characters of a piece.
const PART: usize = 4_000;

/// What other people's servers offer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Offered {
    /// Their tools.
    pub tools: Vec<ToolSpec>,
    /// What they do not offer though it was allowed, who did not answer, and what there was no room for.
    pub missing: Vec<String>,
}

impl Offered {
    /// Asks all of them at once. Tools take at most `room` tokens; what is more is left out, and said to be.
    pub async fn of(sources: &[Arc<dyn EvidenceSource>], room: u64, budget: SignedDuration) -> Self {
        let asked = sources
            .iter()
            .map(|source| async move { (source.name(), within(budget, source.tools(budget)).await) });
        let mut offered = Offered::default();
        let mut taken = 0;
        let mut left_out = 0_usize;
        for (name, tools) in join_all(asked).await {
            let (items, missing) = match tools {
                Ok(Fetched { items, coverage }) => (items, coverage.missing),
                Err(error) => (Vec::new(), vec![error.to_string()]),
            };
            let missing = missing
                .iter()
                .map(|why| format!("{name}: {}", ExternalText::from(why.as_str()).for_people(200)));
            offered.missing.extend(missing);
            for tool in items.iter().map(spec) {
                let size = fitting::tokens(&[], std::slice::from_ref(&tool));
                if taken + size > room {
                    left_out += 1;
                    continue;
                }
                taken += size;
                offered.tools.push(tool);
            }
        }
        if left_out > 0 {
            offered.missing.push(format!("{left_out} tools of others had no room; allow fewer of them"));
        }
        offered
    }
}

fn spec(tool: &OfferedTool) -> ToolSpec {
    ToolSpec {
        name: tool.name.clone(),
        description: telling::text(hearback_prompts::offered_tool(&tool.says)),
        parameters: tool.parameters.clone(),
    }
}

/// Whether it is the name of another server's tool.
pub(super) fn is_others(tool: &ToolName) -> bool {
    tool.as_str().contains(JOINT)
}

impl Looking<'_> {
    /// Calls a tool of another server.
    pub(super) async fn others(&self, call: &ToolCall) -> Result<Looked, String> {
        let server = call.name.as_str().split(JOINT).next().unwrap_or_default();
        let is_it = |source: &&Arc<dyn EvidenceSource>| source.name().as_str() == format!("mcp:{server}");
        let text = call.arguments.as_untrusted();
        let text = if text.trim().is_empty() { "{}" } else { text };
        let arguments: Map<String, Value> = serde_json::from_str(text)
            .map_err(|_| "its arguments are no JSON object; call it again with one".to_owned())?;
        let asked = self
            .sources
            .others
            .iter()
            .filter(is_it)
            .map(|source| (source.name(), source.fetch(&call.name, &arguments, self.budget)));
        self.ask_all(asked, "no such server is connected", |name, items: Vec<ExternalText>| {
            let fit = items.len();
            let clean = |text: &ExternalText| {
                ExternalText::capped(&redact_everything(text.as_untrusted()).0, PART)
                    .as_untrusted()
                    .to_owned()
            };
            let texts: Vec<String> = items.iter().take(MOST).map(clean).collect();
            let all = ExternalText::new(texts.join("\n\n"));
            let kept = Evidence::new(name.clone(), Origin::Outsider, None, None, all)
                .map_err(|error| error.to_string())?;
            Ok(Given { pieces: of_outsiders(&kept, texts), fit, kept: Some(kept) })
        })
        .await
    }
}
