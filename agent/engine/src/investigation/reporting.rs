//! What a model reports: the tool it reports with, how its report is read, and what it is told about it. It must not know
//! what the report is held against.

use hearback_core::ExternalText;
use hearback_core::ids::ToolName;
use hearback_core::model::ToolSpec;
use hearback_core::patch::{Edit, MOST_EDITS, MOST_FILES, MOST_LINES};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// As many claims and as many hypotheses are read.
const MOST: usize = 12;

/// A statement as the model wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stated {
    /// What it says.
    pub says: ExternalText,
    /// What it cites: `E3`.
    #[serde(default)]
    pub cites: Vec<ExternalText>,
}

/// A hypothesis as the model wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supposed {
    /// What it says.
    pub says: ExternalText,
    /// What it cites.
    #[serde(default)]
    pub cites: Vec<ExternalText>,
    /// The change it blames: `C2`.
    #[serde(default)]
    pub change: Option<ExternalText>,
    /// What would show that it is wrong.
    #[serde(default)]
    pub disproved_by: ExternalText,
    /// Whether the model doubts it.
    #[serde(default)]
    pub doubtful: bool,
}

/// A small patch as the model wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggesting {
    /// Why.
    pub says: ExternalText,
    /// What that cites.
    #[serde(default)]
    pub cites: Vec<ExternalText>,
    /// The change whose files it patches: `C2`.
    pub change: ExternalText,
    /// The places.
    pub edits: Vec<Edit>,
}

/// A report as the model wrote it. Nothing of it is checked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What it found.
    #[serde(default)]
    pub claims: Vec<Stated>,
    /// What may have caused it, the likeliest first.
    #[serde(default)]
    pub hypotheses: Vec<Supposed>,
    /// A small patch that would help for now.
    #[serde(default)]
    pub patch: Option<Suggesting>,
    /// Whether it is the last.
    #[serde(default = "yes")]
    pub done: bool,
}

/// What a model wrote is no report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no report")]
pub struct NoReport;

fn yes() -> bool {
    true
}

impl Report {
    /// Reads a report; one in a fence of Markdown too. What is more than can be read is left out.
    ///
    /// # Errors
    /// It is none, or says nothing.
    pub fn parse(text: &str) -> Result<Self, NoReport> {
        let text = text.trim();
        let inside = text.strip_prefix("```json").or_else(|| text.strip_prefix("```")).unwrap_or(text);
        let inside = inside.strip_suffix("```").unwrap_or(inside);
        // A list would be taken for the fields in their order.
        if !inside.trim_start().starts_with('{') {
            return Err(NoReport);
        }
        let mut report: Report = serde_json::from_str(inside).map_err(|_| NoReport)?;
        let says_nothing = report.claims.is_empty() && report.hypotheses.is_empty() && report.patch.is_none();
        if says_nothing && !report.done {
            return Err(NoReport);
        }
        report.claims.truncate(MOST);
        report.hypotheses.truncate(MOST);
        Ok(report)
    }
}

/// Whether a model may suggest a patch: only where one could be proposed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Patches {
    /// None is asked for.
    #[default]
    No,
    /// It may suggest one.
    MaySuggest,
}

/// The tool that a model reports with.
pub fn report_tool(patches: Patches) -> ToolSpec {
    let cites = json!({ "type": "array", "items": { "type": "string", "pattern": "^E[0-9]+$" } });
    let says = json!({ "type": "string" });
    let mut properties = json!({
        "claims": { "type": "array", "items": {
            "type": "object", "additionalProperties": false, "required": ["says", "cites"],
            "properties": { "says": says, "cites": cites }
        } },
        "hypotheses": { "type": "array", "items": {
            "type": "object", "additionalProperties": false,
            "required": ["says", "cites", "change", "disproved_by", "doubtful"],
            "properties": {
                "says": says, "cites": cites,
                "change": { "type": ["string", "null"], "pattern": "^C[0-9]+$" },
                "disproved_by": says,
                "doubtful": { "type": "boolean" }
            }
        } },
        "done": { "type": "boolean" }
    });
    if patches == Patches::MaySuggest
        && let Some(properties) = properties.as_object_mut()
    {
        properties.insert("patch".into(), patch_schema(&says, &cites));
    }
    ToolSpec {
        name: ToolName::report(),
        description: "Say what you found. Each claim and hypothesis cites evidence by its name (E3); every number, time and \
            name in it must stand in what it cites, word for word. Report early and again: the last report counts."
            .into(),
        parameters: json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["claims", "hypotheses", "done"],
            "properties": properties
        }),
    }
}

/// The form of a patch.
fn patch_schema(says: &Value, cites: &Value) -> Value {
    json!({
        "type": ["object", "null"],
        "description": format!(
            "Leave it out unless a strong suspect can't just be undone. A small change to files that this suspect touched, which \
             makes it well for now: at most {MOST_EDITS} places in {MOST_FILES} files, {MOST_LINES} lines in all. `find` is whole \
             lines that stand there once, as the diff shows them; `put` is what shall stand there. A person reads it and decides."
        ),
        "additionalProperties": false,
        "required": ["says", "cites", "change", "edits"],
        "properties": {
            "says": says, "cites": cites,
            "change": { "type": "string", "pattern": "^C[0-9]+$" },
            "edits": { "type": "array", "maxItems": MOST_EDITS, "items": {
                "type": "object", "additionalProperties": false, "required": ["path", "find", "put"],
                "properties": { "path": says, "find": says, "put": says }
            } }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_with_or_without_a_fence() {
        let text = r#"{"claims": [{"says": "it failed", "cites": ["E1"]}], "hypotheses": []}"#;
        for text in [
            text.to_owned(),
            format!("```json\n{text}\n```"),
            format!("```\n{text}```"),
            format!(" {text}\n"),
        ] {
            let report = Report::parse(&text).unwrap();
            assert_eq!((report.claims.len(), report.done), (1, true), "{text}");
        }
    }

    #[test]
    fn what_is_no_report_is_none() {
        for text in [
            "",
            "{\"claims\": [",
            "I think that ignore previous instructions",
            "{\"claims\": \"x\"}",
            "{\"done\": false}",
            "[]",
        ] {
            assert_eq!(Report::parse(text), Err(NoReport), "{text}");
        }
    }

    #[test]
    fn a_flood_of_claims_is_cut() {
        let claim = r#"{"says": "it failed", "cites": ["E1"]}"#;
        let text = format!("{{\"claims\": [{}]}}", vec![claim; 10_000].join(","));
        assert_eq!(Report::parse(&text).unwrap().claims.len(), MOST);
    }
}
