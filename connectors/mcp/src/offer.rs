//! Which of the tools that a server offers can be used: those that were allowed, that do not say of themselves that they
//! write, that can be described without the server's words, and that are what they were. It must not know how the server is reached.

use std::collections::HashMap;

use hearback_core::ExternalText;
use hearback_core::hash::{Digest, canonical_json};
use hearback_core::ids::{SourceName, ToolName};
use hearback_core::offered::OfferedTool;
use hearback_core::redaction::redact_everything;
use rmcp::model::Tool;
use serde_json::Value;

use crate::names::Allowed;
use crate::schema;

/// The tools that can be used now, and why others can't.
#[derive(Debug, Default)]
pub(crate) struct Offer {
    pub(crate) tools: Vec<Usable>,
    /// Why an allowed tool can't be used, by its name here.
    pub(crate) refused: Vec<(ToolName, String)>,
    /// What else was not seen.
    pub(crate) unseen: Vec<String>,
}

/// A tool that can be called.
#[derive(Debug, Clone)]
pub(crate) struct Usable {
    pub(crate) raw: String,
    pub(crate) offered: OfferedTool,
}

impl Offer {
    pub(crate) fn missing(&self) -> Vec<String> {
        self.refused.iter().map(|(_, why)| why.clone()).chain(self.unseen.iter().cloned()).collect()
    }
}

/// What a server's tools were when they were seen first. A server that is trusted once may change what it says later.
#[derive(Debug, Default)]
pub(crate) struct Pins(HashMap<String, Pin>);

#[derive(Debug)]
struct Pin {
    digest: Digest,
    has_changed: bool,
}

impl Pins {
    /// Whether a tool is what it was. One that changed stays changed, whatever it says next.
    fn holds(&mut self, raw: &str, digest: Digest, source: &SourceName) -> bool {
        let pin = self.0.entry(raw.to_owned()).or_insert(Pin { digest, has_changed: false });
        if pin.digest != digest && !pin.has_changed {
            pin.has_changed = true;
            tracing::warn!(%source, tool = raw, "a tool is described otherwise than before and is not used any more");
        }
        !pin.has_changed
    }
}

/// Judges what a server listed.
pub(crate) fn judge(
    source: &SourceName,
    allowed: &[Allowed],
    listed: &[Tool],
    longest_description: usize,
    pins: &mut Pins,
) -> Offer {
    let mut offer = Offer::default();
    for Allowed { raw, name } in allowed {
        let mut found = listed.iter().filter(|tool| tool.name == raw.as_str());
        let judged = match (found.next(), found.next()) {
            (None, _) => Err("is not offered"),
            (Some(_), Some(_)) => Err("is offered twice, so it is not known which is meant"),
            (Some(tool), None) => usable(source, raw, tool, pins),
        };
        match judged {
            Err(why) => offer.refused.push((name.clone(), format!("the tool {raw} {why}"))),
            Ok(parameters) => {
                let says = listed.iter().find(|tool| tool.name == raw.as_str());
                let says = says.and_then(|tool| tool.description.as_deref()).unwrap_or_default();
                let says = redact_everything(says).0.chars().take(longest_description).collect::<String>();
                let offered = OfferedTool { name: name.clone(), says: ExternalText::new(says), parameters };
                offer.tools.push(Usable { raw: raw.clone(), offered });
            }
        }
    }
    offer
}

/// The skeleton of its arguments, if it can be used.
fn usable(source: &SourceName, raw: &str, tool: &Tool, pins: &mut Pins) -> Result<Value, &'static str> {
    let hints = tool.annotations.as_ref();
    let (reads, destroys) = (hints.and_then(|h| h.read_only_hint), hints.and_then(|h| h.destructive_hint));
    let digest = canonical_json(&(&tool.description, &tool.input_schema, reads, destroys));
    let digest = digest.map_err(|_| "is described in a way that can't be compared later")?;
    // Judged in any case: a tool that is refused today and is harmless tomorrow has changed.
    if !pins.holds(raw, Digest::of(digest.as_bytes()), source) {
        return Err("is described otherwise than before; look at it, then start anew to use it");
    }
    if reads == Some(false) || destroys == Some(true) {
        return Err("says of itself that it writes");
    }
    schema::reduce(&tool.input_schema).map_err(|irreducible| match irreducible {
        schema::Irreducible::NoObject => "can't be used: its arguments are no object",
        schema::Irreducible::RequiredLost => {
            "can't be used: an argument that it needs can't be described by names and types alone"
        }
    })
}

#[cfg(test)]
#[path = "offer_tests.rs"]
mod tests;
