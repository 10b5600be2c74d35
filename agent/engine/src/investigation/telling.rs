//! Puts what the model is told together from the prompts' templates. A text that can't be put together is withheld, never
//! shown in part.

use hearback_core::ids::ToolName;
use hearback_core::model::ToolSpec;
use hearback_core::{Coverage, ExternalText, Origin};
use hearback_prompts::{BadTemplate, DroppedBecause, Handle, Label, Piece, Rendered, ToolResult};

use super::grounding::Dropped;
use super::known::Checked;

/// As many characters are shown of a piece.
const PIECE: usize = 4_000;
const EVIDENCE: Label = Label::new("evidence");

/// A piece of evidence under its name.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedPiece {
    /// How it is cited.
    pub name: Handle,
    /// The change it is about.
    pub change: Option<Handle>,
    /// Who could have written it.
    pub origin: Origin,
    /// What it says.
    pub text: ExternalText,
}

/// What a tool gave.
pub fn tool_result(
    tool: &ToolName,
    searched: &[Coverage],
    pieces: &[NamedPiece],
) -> Result<Rendered, BadTemplate> {
    let pieces: Vec<Piece<'_>> = pieces
        .iter()
        .map(|one| Piece {
            name: one.name,
            change: one.change,
            origin: one.origin,
            label: EVIDENCE,
            text: &one.text,
        })
        .collect();
    hearback_prompts::tool_result(ToolResult { tool, searched, gaps: &[], pieces: &pieces, most: PIECE })
}

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
    let drops: Vec<(&'static str, usize, DroppedBecause)> =
        checked.drops.iter().map(|(what, place, why)| (what.as_str(), *place, because(*why))).collect();
    text(hearback_prompts::checked(stand, &drops))
}

fn because(why: Dropped) -> DroppedBecause {
    match why {
        Dropped::Uncited => DroppedBecause::Uncited,
        Dropped::Unknown => DroppedBecause::Unknown,
        Dropped::Unsupported => DroppedBecause::Unsupported,
        Dropped::Unreadable => DroppedBecause::Unreadable,
    }
}
