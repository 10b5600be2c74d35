//! A record as JSON Lines: the snapshots, the entries in order, and the head last, so that a file that was cut
//! short is noticed. Pure: text in, values out.
//!
//! ```text
//! {"snapshot": {…}}
//! {"entry": {…}}
//! {"head": {"incident": "INC-1", "seq": 2, "hash": "…"}}
//! ```

use serde::{Deserialize, Serialize};

use crate::entry::{Broken, Entry, Head, verify_chain};
use crate::evidence::Evidence;
use crate::ids::IncidentId;
use crate::text::ExternalText;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "lines live one at a time")]
enum Line {
    Snapshot(Evidence),
    Entry(Entry),
    Head { incident: IncidentId, seq: u64, hash: crate::hash::Digest },
}

/// A record outside its store.
#[derive(Debug, Clone, PartialEq)]
pub struct Export {
    /// The incident.
    pub incident: IncidentId,
    /// Its entries, from the first.
    pub entries: Vec<Entry>,
    /// The snapshots they name.
    pub snapshots: Vec<Evidence>,
    /// The last entry's place.
    pub head: Head,
}

/// The text is not an exported record.
#[derive(Debug, thiserror::Error)]
pub enum BadExport {
    /// A line has another form.
    #[error("line {line} is not a line of an exported record: {why}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What the JSON reader says; safe to print.
        why: String,
    },
    /// The file ends early.
    #[error("the file has no head line at its end; it was cut short")]
    NoHead,
    /// A snapshot is not what its id says.
    #[error("line {line}: the snapshot was changed; its content does not match its id")]
    Snapshot {
        /// Its number, from 1.
        line: usize,
    },
    /// The chain does not verify.
    #[error("the record does not verify: {0}")]
    Broken(#[from] Broken),
}

impl Export {
    /// The record as JSON Lines.
    ///
    /// # Errors
    /// The values of this crate always have a JSON form; an error is passed on rather than hidden.
    pub fn to_json_lines(&self) -> Result<String, serde_json::Error> {
        let head = Line::Head { incident: self.incident.clone(), seq: self.head.seq, hash: self.head.hash };
        let snapshots = self.snapshots.iter().cloned().map(Line::Snapshot);
        let entries = self.entries.iter().cloned().map(Line::Entry);
        let mut text = String::new();
        for line in snapshots.chain(entries).chain([head]) {
            text.push_str(&serde_json::to_string(&line)?);
            text.push('\n');
        }
        Ok(text)
    }

    /// Reads and verifies a record. Blank lines are skipped.
    ///
    /// # Errors
    /// [`BadExport`] names the first line or entry that is wrong.
    pub fn parse(text: &str) -> Result<Export, BadExport> {
        let (mut entries, mut snapshots, mut end) = (Vec::new(), Vec::new(), None);
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let line_number = index + 1;
            let refuse = |why: String| BadExport::Line { line: line_number, why };
            if end.is_some() {
                return Err(refuse("it follows the head line".into()));
            }
            match serde_json::from_str(line).map_err(|error| refuse(quoting(&error)))? {
                Line::Snapshot(snapshot) if !snapshot.is_intact() => {
                    return Err(BadExport::Snapshot { line: line_number });
                }
                Line::Snapshot(snapshot) => snapshots.push(snapshot),
                Line::Entry(entry) => entries.push(entry),
                Line::Head { incident, seq, hash } => end = Some((incident, Head { seq, hash })),
            }
        }
        let (incident, head) = end.ok_or(BadExport::NoHead)?;
        let last = verify_chain(&incident, &entries, Some(head))?;
        if last != Some(head) {
            return Err(Broken::Truncated { seq: head.seq }.into());
        }
        Ok(Export { incident, entries, snapshots, head })
    }
}

/// What the JSON reader says. It quotes the file, which somebody may have changed.
fn quoting(error: &serde_json::Error) -> String {
    ExternalText::new(error.to_string()).for_people(300)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Actor, Draft};
    use crate::happening::Happening;
    use crate::{Origin, SourceName};

    fn example() -> Export {
        let incident = IncidentId::numbered(4);
        let at = "2026-11-23T14:05:00Z".parse().unwrap();
        let what = Happening::note("cli", "one\ntwo");
        let draft = Draft { happened_at: at, known_at: at, recorded_at: at, by: Actor::hearback(), what };
        let first = Entry::seal(&draft, &incident, None, [1; 16]).unwrap();
        let second = Entry::seal(&draft, &incident, Some(first.head()), [2; 16]).unwrap();
        let source = SourceName::new("git:x").unwrap();
        let snapshot = Evidence::new(source, Origin::Member, None, None, ExternalText::new("s")).unwrap();
        let head = second.head();
        Export { incident, entries: vec![first, second], snapshots: vec![snapshot], head }
    }

    #[test]
    fn an_export_survives_its_text() {
        let export = example();
        assert_eq!(Export::parse(&export.to_json_lines().unwrap()).unwrap(), export);
    }

    #[test]
    fn damage_is_named() {
        let text = example().to_json_lines().unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let check = |text: String, expect: &str| {
            let error = Export::parse(&text).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        };
        check(lines[..3].join("\n"), "cut short");
        check([lines[0], lines[1], lines[3]].join("\n"), "cut short or rewritten");
        check(text.replace(r#""text":"s""#, r#""text":"S""#), "line 1: the snapshot was changed");
        check(text.replace("one", "eno"), "entry 1 was changed");
        check(format!("{text}{}", lines[0]), "line 5 is not a line of an exported record: it follows");
        check("{}".into(), "line 1 is not");
        check(String::new(), "no head line");
        check(r#"{"\u001b[2Jtry":1}"#.into(), "unknown variant `\u{fffd}[2Jtry`");
    }
}
