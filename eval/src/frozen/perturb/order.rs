//! The order in which things stand in a file says nothing, so it may be any. It must not know what they are.

use serde_json::Value;

use super::content::Content;
use crate::resample::Dice;

/// The files whose array is a set.
const SETS: [&str; 5] =
    ["traces.json", "patterns.json", "context/commits.json", "context/deploys.json", "context/flags.json"];

/// Puts log lines, rows, spans, patterns and changes in another order; other files stay as they are.
pub(super) fn shuffle(name: &str, content: &mut Content, dice: &mut Dice) {
    match content {
        Content::Json(Value::Array(items)) if SETS.contains(&name) => mix(items, dice),
        Content::Lines(lines) => mix(lines, dice),
        Content::Rows { rows, .. } => mix(rows, dice),
        Content::Json(_) | Content::Text(_) => {}
    }
}

fn mix<T>(items: &mut [T], dice: &mut Dice) {
    for last in (1..items.len()).rev() {
        items.swap(last, dice.below(last + 1));
    }
}
