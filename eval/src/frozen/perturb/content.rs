//! A file of a frozen incident, taken apart far enough that its texts can be read and replaced: escapes of JSON are
//! undone first, or `\npayments` would be one word. It must not know which texts are names.

use serde_json::{Map, Value};

/// A file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// JSON as one value.
    Json(Value),
    /// A JSON value a line; what is none is text.
    Lines(Vec<Line>),
    /// Comma-separated values.
    Rows {
        /// The names of the columns.
        header: String,
        /// The rest.
        rows: Vec<String>,
    },
    /// Anything else.
    Text(String),
}

/// A line of [`Content::Lines`].
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Line {
    /// A value.
    Json(Value),
    /// Something else.
    Text(String),
}

/// Where a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Where names stand: paths, flags, metrics, hosts.
    Name,
    /// Where people write.
    Prose,
    /// The name of a field.
    Key,
}

impl Content {
    pub(super) fn parse(name: &str, text: &str) -> Content {
        let has = |ending: &str| name.ends_with(ending);
        if has(".json")
            && let Ok(value) = serde_json::from_str(text)
        {
            return Content::Json(value);
        }
        if has(".ndjson") || has(".jsonl") {
            let line = |line: &str| match serde_json::from_str(line) {
                Ok(value) => Line::Json(value),
                Err(_) => Line::Text(line.to_owned()),
            };
            return Content::Lines(text.lines().map(line).collect());
        }
        if has(".csv") {
            let mut lines = text.lines().map(str::to_owned);
            let header = lines.next().unwrap_or_default();
            return Content::Rows { header, rows: lines.collect() };
        }
        Content::Text(text.to_owned())
    }

    /// Shows every text with the name of the field it stands in; a text outside of fields has an empty one.
    pub(super) fn visit(&self, see: &mut dyn FnMut(&str, &str)) {
        match self {
            Content::Json(value) => visit("", value, see),
            Content::Lines(lines) => lines.iter().for_each(|line| match line {
                Line::Json(value) => visit("", value, see),
                Line::Text(text) => see("", text),
            }),
            Content::Rows { header, rows } => {
                let columns: Vec<&str> = cells(header).collect();
                for row in rows {
                    columns.iter().zip(cells(row)).for_each(|(column, cell)| see(column, cell));
                }
            }
            Content::Text(text) => see("", text),
        }
    }

    /// Replaces every text.
    pub(super) fn rewrite(&mut self, tell: &mut dyn FnMut(Place, &str) -> String) {
        match self {
            Content::Json(value) => rewrite("", value, tell),
            Content::Lines(lines) => lines.iter_mut().for_each(|line| match line {
                Line::Json(value) => rewrite("", value, tell),
                Line::Text(text) => *text = tell(Place::Prose, text),
            }),
            Content::Rows { rows, .. } => rows.iter_mut().for_each(|row| *row = tell(Place::Name, row)),
            Content::Text(text) => *text = tell(Place::Prose, text),
        }
    }

    pub(super) fn text(&self) -> String {
        let lines = |lines: &mut dyn Iterator<Item = String>| lines.map(|line| line + "\n").collect();
        match self {
            Content::Json(value) => format!("{value:#}\n"),
            Content::Lines(all) => lines(&mut all.iter().map(|line| match line {
                Line::Json(value) => value.to_string(),
                Line::Text(text) => text.clone(),
            })),
            Content::Rows { header, rows } => {
                lines(&mut std::iter::once(header.clone()).chain(rows.iter().cloned()))
            }
            Content::Text(text) => text.clone(),
        }
    }
}

/// The cells of a row. Names hold no commas, so quoted ones that do may be torn.
fn cells(row: &str) -> impl Iterator<Item = &str> {
    row.split(',').map(|cell| cell.trim().trim_matches('"'))
}

fn visit(key: &str, value: &Value, see: &mut dyn FnMut(&str, &str)) {
    match value {
        Value::String(text) => see(key, text),
        Value::Array(items) => items.iter().for_each(|item| visit(key, item, see)),
        Value::Object(fields) => fields.iter().for_each(|(key, value)| visit(key, value, see)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn rewrite(key: &str, value: &mut Value, tell: &mut dyn FnMut(Place, &str) -> String) {
    match value {
        Value::String(text) => *text = tell(place_of(key), text),
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite(key, item, tell)),
        Value::Object(fields) => {
            let told = std::mem::take(fields).into_iter().map(|(key, mut value)| {
                rewrite(&key, &mut value, tell);
                (tell(Place::Key, &key), value)
            });
            *fields = told.collect::<Map<String, Value>>();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn place_of(key: &str) -> Place {
    const NAMES: &[&str] = &[
        "file", "path", "service", "flag", "metric", "monitor", "host", "peer", "route", "url", "address",
        "pod",
    ];
    let key = key.to_ascii_lowercase();
    if NAMES.iter().any(|name| key.contains(name)) { Place::Name } else { Place::Prose }
}
