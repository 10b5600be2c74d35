//! Puts what the model is told together from the prompts' templates. A text that can't be put together is withheld, never
//! shown in part.

use hearback_core::ids::ToolName;
use hearback_core::model::ToolSpec;
use hearback_prompts::{BadTemplate, Rendered};

use super::known::Checked;

/// The text, or a sentence in its place.
pub fn text(rendered: Result<Rendered, BadTemplate>) -> String {
    match rendered {
        Ok(rendered) => rendered.as_str().to_owned(),
        Err(error) => {
            tracing::error!(%error, "a prompt can't be put together");
            "This can't be shown.".to_owned()
        }
    }
}

/// A tool that is none.
pub fn no_such_tool(tools: &[ToolSpec]) -> String {
    let report = ToolName::report();
    text(hearback_prompts::no_such_tool(tools.iter().map(|tool| &tool.name).chain([&report])))
}

/// A tool that gave nothing.
pub fn failed(tool: &ToolName, why: &str) -> String {
    text(hearback_prompts::failed(tool, why))
}

/// What became of a report.
pub fn checked(checked: &Checked) -> String {
    let stand = checked.claims.len() + checked.hypotheses.len();
    let drops: Vec<_> =
        checked.drops.iter().map(|(what, place, why)| (what.as_str(), *place, *why)).collect();
    text(hearback_prompts::checked(stand, &drops))
}
