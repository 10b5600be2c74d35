//! A record as a frozen incident: what its entries and snapshots hold, as the files that [`super::import`] reads. Of logs a
//! record keeps wordings, not lines, so these are written too. It must not know what the incident was.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use hearback_core::change::{Diff, Side};
use hearback_core::evidence::Document;
use hearback_core::happening::Alert;
use hearback_core::telemetry::{LogTemplate, SpanKind, SpanStatus};
use hearback_core::{Change, ChangeId, ChangeKind, Series, SpanRecord};
use hearback_engine::recorded::Recorded;
use hearback_engine::snapshot::Content;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Folder;
use super::folder::TRUTH;
use super::import::WORDINGS;

/// There is nothing to freeze.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} has no alert and was never declared: there is nothing to ask about")]
pub struct NothingToFreeze(String);

/// What is known of an incident, each thing once.
#[derive(Default)]
struct Known {
    changes: BTreeMap<ChangeId, Change>,
    diffs: BTreeMap<ChangeId, Diff>,
    series: BTreeMap<String, Series>,
    templates: BTreeMap<String, LogTemplate>,
    spans: BTreeMap<(String, String), SpanRecord>,
    documents: BTreeMap<String, Document>,
}

/// The folder of an incident, as it was known at the end of its record.
///
/// # Errors
/// [`NothingToFreeze`]: it has neither an alert nor a declaration.
pub fn export(recorded: &Recorded) -> Result<Folder, NothingToFreeze> {
    let end = recorded.known_until().unwrap_or(Timestamp::MAX);
    let incident = recorded.as_of(end);
    let nothing = || NothingToFreeze(recorded.id.to_string());
    let mut known = Known::default();
    for seen in &incident.changes {
        known.add_change(seen.change.value.clone());
    }
    for snapshot in recorded.snapshots.values() {
        if let Some(content) = Content::of(snapshot) {
            known.add(content);
        }
    }
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let first = incident.alerts_of_it().min_by_key(|seen| seen.alert.started_at);
    let alert = match first {
        Some(seen) => alert(&seen.alert),
        None => {
            let (at, _) = incident.declared_at.ok_or_else(nothing)?;
            json!({"service": incident.services.first(), "fired_at": at, "severity": "critical",
                "monitor": incident.title, "summary": incident.title})
        }
    };
    files.insert("alert.json".into(), pretty(&alert));
    known.write(&mut files);
    Ok(Folder { id: recorded.id.to_string(), files })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn alert(alert: &Alert) -> Value {
    json!({"service": alert.service, "fired_at": alert.started_at, "severity": alert.level, "monitor": alert.name,
        "summary": alert.summary})
}

impl Known {
    fn add(&mut self, content: Content) {
        match content {
            Content::Changes(changes) => changes.into_iter().for_each(|change| self.add_change(change)),
            Content::Diffs(diffs) => {
                self.diffs.extend(diffs.into_iter().map(|diff| (diff.change.clone(), diff)))
            }
            Content::Series(series) => {
                for one in series {
                    self.series.insert(format!("{} {} {:?}", one.service, one.query, one.labels), one);
                }
            }
            Content::LogTemplates(templates) | Content::Wordings(templates) => {
                self.templates
                    .extend(templates.into_iter().map(|template| (template.id.to_string(), template)));
            }
            Content::FailedSpans(spans)
            | Content::SlowSpans(spans)
            | Content::UsualSpans(spans)
            | Content::Traces(spans) => {
                for span in spans {
                    self.spans.insert((span.trace.to_string(), span.span.to_string()), span);
                }
            }
            Content::Documents(documents) => {
                self.documents
                    .extend(documents.into_iter().map(|document| (document.name.clone(), document)));
            }
            // What is usual at this hour of the week, freezes, people and what was remembered have no place in such a folder.
            Content::UsualSeries(_)
            | Content::Freezes(_)
            | Content::Profiles(_)
            | Content::Similar(_)
            | Content::Runbooks(_) => {}
        }
    }

    /// Of two that know a change, the one that knows its files.
    fn add_change(&mut self, change: Change) {
        let knows_less = |known: &Change| known.paths.as_slice().is_empty();
        if self.changes.get(&change.id).is_none_or(knows_less) {
            self.changes.insert(change.id.clone(), change);
        }
    }

    fn write(&self, files: &mut BTreeMap<String, String>) {
        let of_kind = |wanted: ChangeKind| self.changes.values().filter(move |change| change.kind == wanted);
        let list = |items: Vec<Value>| pretty(&Value::Array(items));
        let mut put = |name: &str, items: Vec<Value>| {
            if !items.is_empty() {
                files.insert(name.to_owned(), list(items));
            }
        };
        put("context/commits.json", of_kind(ChangeKind::Commit).map(|change| self.commit(change)).collect());
        put("context/deploys.json", of_kind(ChangeKind::Deploy).map(deploy).collect());
        put("context/flags.json", of_kind(ChangeKind::Flag).map(flag).collect());
        for (name, kind) in [
            ("context/configs.json", ChangeKind::Config),
            ("context/infra.json", ChangeKind::Infra),
            ("context/migrations.json", ChangeKind::Migration),
            ("context/certificates.json", ChangeKind::Certificate),
            ("context/schedules.json", ChangeKind::Schedule),
        ] {
            put(name, of_kind(kind).map(other).collect());
        }
        put("traces.json", self.spans.values().map(span).collect());
        let wordings: Vec<Value> =
            self.templates.values().filter_map(|template| serde_json::to_value(template).ok()).collect();
        put(WORDINGS, wordings);
        if !self.series.is_empty() {
            files.insert("metrics.csv".into(), self.metrics());
        }
        // What it was is nothing that a record may say; any other name is checked where it is written.
        let told = |document: &&Document| document.name.rsplit('/').next() != Some(TRUTH);
        for document in self.documents.values().filter(told) {
            files.entry(document.name.clone()).or_insert_with(|| document.text.as_untrusted().to_owned());
        }
    }

    fn commit(&self, change: &Change) -> Value {
        let files: Vec<&str> = change.paths.as_slice().iter().map(|path| path.path.as_str()).collect();
        let message = match change.body.is_blank() {
            true => change.title.as_untrusted().to_owned(),
            false => format!("{}\n\n{}", change.title.as_untrusted(), change.body.as_untrusted()),
        };
        json!({"sha": change.id.sha(), "author": change.author.name, "timestamp": change.committed_at,
            "message": message, "files_changed": files, "diff": self.diffs.get(&change.id).map(diff_text)})
    }

    /// A line a point; labels have columns of their own.
    fn metrics(&self) -> String {
        let labels: BTreeSet<&String> =
            self.series.values().flat_map(|series| series.labels.keys()).collect();
        let mut text = String::from("timestamp,service,metric");
        labels.iter().for_each(|label| text.extend([",", &cell(label)]));
        text.push_str(",value\n");
        for series in self.series.values() {
            for point in &series.points {
                let _ = write!(text, "{},{},{}", point.at, series.service, cell(&series.query));
                for label in &labels {
                    let value = series.labels.get(*label).map(|value| value.as_untrusted());
                    text.extend([",", &cell(value.unwrap_or_default())]);
                }
                let _ = writeln!(text, ",{}", point.value);
            }
        }
        text
    }
}

/// Such a file has no quotes: what would end a cell becomes a blank.
fn cell(text: &str) -> String {
    text.replace([',', '\n', '\r', '"'], " ")
}

fn diff_text(diff: &Diff) -> String {
    let mut text = String::new();
    for file in &diff.files {
        let _ = writeln!(text, "@@ {} @@", file.path.as_str());
        for line in &file.lines {
            let sign = if line.side == Side::Added { '+' } else { '-' };
            let _ = writeln!(text, "{sign}{}", line.text.as_untrusted());
        }
    }
    text
}

fn deploy(change: &Change) -> Value {
    json!({"timestamp": change.effective_at, "service": change.services.first(),
        "environment": change.environment, "commit_sha": change.delivers.first().and_then(ChangeId::sha),
        "version": change.rollout.as_ref().map(|rollout| &rollout.version)})
}

fn flag(change: &Change) -> Value {
    let title = change.title.as_untrusted();
    let (flag, turned) = title.split_once(' ').unwrap_or((title, ""));
    json!({"timestamp": change.effective_at, "flag": flag, "service": change.services.first(), "change": turned,
        "actor": change.author.name})
}

fn other(change: &Change) -> Value {
    json!({"timestamp": change.effective_at, "service": change.services.first(), "what": change.title,
        "actor": change.author.name})
}

fn span(span: &SpanRecord) -> Value {
    let status = match span.status {
        SpanStatus::Error => "ERROR",
        SpanStatus::Ok => "OK",
        SpanStatus::Unset => "UNSET",
    };
    let kind = match span.kind {
        SpanKind::Internal => "internal",
        SpanKind::Server => "server",
        SpanKind::Client => "client",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
    };
    let mut object = Map::new();
    for (key, value) in [
        ("trace_id", json!(span.trace)),
        ("span_id", json!(span.span)),
        ("parent_id", json!(span.parent)),
        ("service", json!(span.service)),
        ("name", json!(span.name)),
        ("kind", json!(kind)),
        ("start", json!(span.started_at)),
        ("duration_ms", json!(span.duration.as_secs_f64() * 1000.0)),
        ("status", json!(status)),
    ] {
        object.insert(key.to_owned(), value);
    }
    if !span.message.is_blank() {
        object.insert("error".into(), json!(span.message));
    }
    object.insert("attributes".into(), json!(span.attributes));
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use hearback_core::IncidentId;

    use super::*;
    use crate::frozen::ask::{Weights, ask};
    use crate::frozen::import::import;
    use crate::frozen::{Said, generator};

    #[tokio::test]
    async fn what_is_imported_exported_and_imported_again_is_answered_the_same() {
        let weights = Weights::shipped().unwrap();
        let id = IncidentId::new("INC-1").unwrap();
        for (name, folder, _) in generator::all().unwrap() {
            let first = import(&folder, &id).unwrap();
            let exported = export(&first.recorded).unwrap();
            let second = import(&exported, &id).unwrap();
            let changes = |recorded: &Recorded| -> Vec<String> {
                let kept = recorded.entries.iter().filter(|entry| entry.kind == "change_seen");
                kept.map(|entry| entry.happening().map(|what| format!("{what:?}")).unwrap()).collect()
            };
            assert_eq!(changes(&first.recorded), changes(&second.recorded), "{name}");
            // Which of many spans are read whole, and so which words a minor reason lists, is another choice of the same.
            let without_words = |said: Said| Said { evidence: Vec::new(), ..said };
            let said = without_words(ask(&folder, &weights).await.unwrap().said);
            assert_eq!(without_words(ask(&exported, &weights).await.unwrap().said), said, "{name}");
            assert!(
                !exported.files.contains_key("logs.ndjson") && exported.files.contains_key(WORDINGS),
                "{name}"
            );
        }
    }

    #[test]
    fn an_incident_of_which_nothing_is_known_can_not_be_frozen() {
        let recorded =
            Recorded { id: IncidentId::new("INC-7").unwrap(), entries: vec![], snapshots: BTreeMap::new() };
        assert!(export(&recorded).unwrap_err().to_string().starts_with("INC-7 has no alert"));
    }
}
