//! What the model is told about its own doing: that a call failed, that a claim was dropped, that it is to report. It must
//! not hold text from outside.

use hearback_core::ids::ToolName;
use hearback_core::model::ToolSpec;
use hearback_core::{Coverage, ExternalText, Origin};

use super::grounding::Dropped;
use super::known::Checked;

/// It said something and called nothing.
pub const CALL_REPORT: &str =
    "Call `report` with what you found, or a tool to look further. Words outside of calls are not read.";
/// It reported and is not done.
pub const GO_ON: &str = "Noted. Look further, or report again with \"done\": true.";
/// What it wrote was cut.
pub const SHORTER: &str = "It was cut because it was too long: write less.";
/// It calls tools when it may only report.
pub const LAST: &str = "Nothing more can be looked up. Call `report` now.";
/// It called too many at once.
pub const TOO_MANY: &str = "Not looked up: too many calls at once. Call it again alone if you need it.";
/// It asks for what it has.
pub const AGAIN: &str =
    "You looked this up already: its result stands above. Look up something else, or report.";

/// A piece of evidence under its name.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedPiece {
    /// How it is cited: `E4`.
    pub name: String,
    /// The change it is about: `C2`.
    pub change: Option<String>,
    /// Who could have written it.
    pub origin: Origin,
    /// What it says.
    pub text: ExternalText,
}

/// What the model is and must keep to.
pub fn rules() -> String {
    "You read evidence of an incident.".into()
}

/// What is asked.
pub fn brief(question: &ExternalText, symptom: &ExternalText, told: &str) -> String {
    format!("{}\n{}\n{told}", question.for_people(500), symptom.for_people(2_000))
}

/// What a tool gave.
pub fn tool_result(tool: &ToolName, coverage: &[Coverage], pieces: &[NamedPiece]) -> String {
    let mut lines = vec![format!("{tool}:")];
    for piece in pieces {
        lines.push(format!("{} {:?} {}", piece.name, piece.origin, piece.text.for_people(2_000)));
    }
    for one in coverage {
        lines.push(format!("Searched: {}", one.searched));
    }
    lines.join("\n")
}

/// A tool that is none.
pub fn no_such_tool(tools: &[ToolSpec]) -> String {
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
    format!("There is no such tool. There are: {}, report. All of them only read.", names.join(", "))
}

/// A tool that gave nothing; `why` is ours.
pub fn failed(tool: &ToolName, why: &str) -> String {
    format!("{tool} could not be looked up: {why}. This is a gap, not a finding.")
}

/// What became of a report.
pub fn checked(checked: &Checked) -> String {
    let stands = checked.claims.len() + checked.hypotheses.len();
    let mut lines = vec![format!("{stands} of your statements stand.")];
    for (place, why) in &checked.drops {
        let why = match why {
            Dropped::Uncited => "it cites nothing: cite evidence by its name (E3)",
            Dropped::Unknown => "it names evidence or a change that was not shown to you",
            Dropped::Unsupported => {
                "a number, a time, a name or a quotation in it does not stand in what it cites: take it over word for word"
            }
            Dropped::Unreadable => "it is empty, too long, or holds a link",
        };
        lines.push(format!("Dropped, {place}: {why}."));
    }
    lines.join("\n")
}
