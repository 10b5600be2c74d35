//! A frozen incident as a record: each file becomes entries and snapshots with the times of their sources, as if the copilot
//! had been there. What no reader knows is kept as a document. It must not know what the incident was.

mod context;
mod line;
mod logs;
mod metrics;
mod spans;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use hearback_core::change::Diff;
use hearback_core::entry::{Actor, Draft, Entry, Head};
use hearback_core::evidence::Document;
use hearback_core::happening::{Alert, Question};
use hearback_core::hash::NotCanonical;
use hearback_core::redaction::{redact, redact_external};
use hearback_core::telemetry::LogTemplate;
use hearback_core::time::parse_time;
use hearback_core::{
    Catalog, Change, Digest, Evidence, ExternalText, Happening, IncidentId, Origin, ServiceName, Severity,
    SourceName, Window,
};
use hearback_engine::observe::redact_template;
use hearback_engine::recorded::Recorded;
use hearback_engine::snapshot::{Holds, snapshot};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::Folder;

/// A frozen incident, ready to be asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// Its record.
    pub recorded: Recorded,
    /// What happened, as it is appended to another record.
    pub drafts: Vec<Draft>,
    /// What is asked of it: "what changed?", at its end.
    pub question: Question,
    /// Its services, and who calls whom as far as its traces tell.
    pub catalog: Catalog,
    /// The alerted service.
    pub service: Option<ServiceName>,
}

/// A folder can't be made a record.
#[derive(Debug, thiserror::Error)]
#[error("{file}{}: {why}", line.map(|line| format!(", line {line}")).unwrap_or_default())]
pub struct BadFolder {
    /// Which file.
    pub file: String,
    /// Which line, from 1.
    pub line: Option<usize>,
    /// Why, in one sentence.
    pub why: String,
}

impl BadFolder {
    fn new(file: &str, line: Option<usize>, why: impl Into<String>) -> BadFolder {
        BadFolder { file: file.to_owned(), line, why: why.into() }
    }
}

/// Wordings of logs as a record keeps them: what an export writes in the place of lines.
pub const WORDINGS: &str = "wordings.json";
/// Documents longer than this are cut.
const LONGEST_DOCUMENT: usize = 64 << 10;
/// How far back from the alert changes are looked at.
const REACH: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Makes a record of `folder`, under the id `incident`.
///
/// # Errors
/// [`BadFolder`] names the file and the line that can't be read.
pub fn import(folder: &Folder, incident: &IncidentId) -> Result<Imported, BadFolder> {
    let mut parts = Parts::default();
    let alert = parts.alert(folder)?;
    for (name, text) in &folder.files {
        parts.file(name, text, alert.at)?;
    }
    parts.into_imported(incident, alert)
}

struct FrozenAlert {
    alert: Alert,
    severity: Severity,
    at: Timestamp,
}

/// What was read so far.
#[derive(Default)]
struct Parts {
    changes: Vec<Change>,
    diffs: Vec<Diff>,
    templates: Vec<LogTemplate>,
    series: Vec<hearback_core::Series>,
    spans: spans::Spans,
    documents: Vec<Document>,
    /// The end of what was measured or said.
    last: Option<Timestamp>,
}

impl Parts {
    fn alert(&self, folder: &Folder) -> Result<FrozenAlert, BadFolder> {
        const FILE: &str = "alert.json";
        let text = folder.files.get(FILE).map(String::as_str).unwrap_or_default();
        let alert: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| BadFolder::new(FILE, Some(error.line()), plain(&error)))?;
        let text_of = |key: &str| alert.get(key).and_then(Value::as_str).unwrap_or_default();
        let keys = ["fired_at", "started_at", "timestamp"];
        let fired = keys.into_iter().find_map(|key| Some((key, alert.get(key)?.as_str()?)));
        let (key, fired) =
            fired.ok_or_else(|| BadFolder::new(FILE, None, "it does not say when it fired (fired_at)"))?;
        let at = time(fired).ok_or_else(|| BadFolder::new(FILE, None, no_time(fired, key)))?;
        let known = ["service", "fired_at", "severity", "monitor", "summary"];
        let mut summary = text_of("summary").to_owned();
        let told = alert.iter().filter(|(key, _)| !known.contains(&key.as_str()));
        for text in told.filter_map(|(_, value)| value.as_str()) {
            summary.push_str(&format!("; {text}"));
        }
        let name = match text_of("monitor") {
            "" => "alert",
            monitor => monitor,
        };
        let severity = match text_of("severity").to_ascii_lowercase().as_str() {
            "critical" => Severity::Sev1,
            "high" | "error" | "major" => Severity::Sev2,
            _ => Severity::Sev3,
        };
        let alert = Alert {
            fingerprint: Digest::of(format!("{name} {fired}").as_bytes()).short(),
            name: clean(name),
            service: service(text_of("service")),
            summary: clean(summary.trim_start_matches("; ")),
            started_at: at,
            link: None,
            runbook: None,
            level: Some(text_of("severity").to_owned()).filter(|level| !level.is_empty()),
        };
        Ok(FrozenAlert { alert, severity, at })
    }

    fn file(&mut self, name: &str, text: &str, alert_at: Timestamp) -> Result<(), BadFolder> {
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let stem = name.rsplit('/').next().unwrap_or(name).split('.').next().unwrap_or_default();
        match (stem, ending) {
            ("alert", "json") => {}
            _ if name == WORDINGS => {
                let mut templates: Vec<LogTemplate> = serde_json::from_str(text)
                    .map_err(|error| BadFolder::new(name, Some(error.line()), plain(&error)))?;
                self.ends(templates.iter().map(|template| template.last_at).max());
                templates.iter_mut().for_each(redact_template);
                self.templates.extend(templates);
                self.templates.sort_by_key(|one| (std::cmp::Reverse(one.count), one.first.at, one.id));
            }
            ("logs", "ndjson" | "jsonl" | "json") => {
                let read = logs::read(name, text)?;
                self.ends(read.last);
                self.templates.extend(read.templates);
            }
            ("metrics", "csv") => {
                let series = metrics::read(name, text)?;
                self.ends(series.iter().filter_map(|series| Some(series.points.last()?.at)).max());
                self.series.extend(series);
            }
            ("traces" | "spans", "json" | "ndjson" | "jsonl") => {
                let spans = spans::read(name, text, alert_at)?;
                self.ends(spans.last);
                self.spans = spans;
            }
            ("commits", "json") => context::commits(name, text, &mut self.changes, &mut self.diffs)?,
            ("deploys" | "deployments", "json") => context::deploys(name, text, &mut self.changes)?,
            ("flags", "json") => context::flags(name, text, &mut self.changes)?,
            _ if name.starts_with("context/") && context::others(name, text, &mut self.changes) => {}
            _ => {
                let text = ExternalText::capped(text, LONGEST_DOCUMENT);
                self.documents.push(Document { name: name.to_owned(), text: redact_external(&text) });
            }
        }
        Ok(())
    }

    fn ends(&mut self, at: Option<Timestamp>) {
        self.last = self.last.max(at);
    }

    fn into_imported(mut self, incident: &IncidentId, alert: FrozenAlert) -> Result<Imported, BadFolder> {
        context::deliver(&mut self.changes);
        let until = self.last.map_or(alert.at, |last| last.max(alert.at));
        let until = until.checked_add(SignedDuration::from_secs(1)).unwrap_or(until);
        let service = alert.alert.service.clone();
        let mut drafts = Vec::new();
        let mut add = |at: Timestamp, what: Happening| {
            drafts.push(Draft {
                happened_at: at,
                known_at: at,
                recorded_at: at,
                by: Actor::hearback(),
                what,
            });
        };
        add(
            alert.at,
            Happening::Declared {
                title: alert.alert.name.clone(),
                severity: alert.severity,
                services: service.iter().cloned().collect(),
                impact_since: None,
            },
        );
        add(alert.at, Happening::AlertFired(alert.alert));
        for change in &self.changes {
            add(change.effective_at, Happening::ChangeSeen(change.clone()));
        }
        let catalog = catalog(&self);
        let mut snapshots = Vec::new();
        self.keep(&mut snapshots)?;
        for (what, snapshot) in &snapshots {
            // A snapshot is known when its last part is, and what lies later is hidden from a question asked earlier.
            let (evidence, source) = (snapshot.id, snapshot.source.clone());
            let known_at = until.checked_sub(SignedDuration::from_secs(1)).unwrap_or(until);
            add(
                known_at,
                Happening::EvidenceGathered { evidence, source, what: (*what).to_owned(), window: None },
            );
        }
        // Declared first, then by time.
        drafts.sort_by_key(|draft| {
            (!matches!(draft.what, Happening::Declared { .. } | Happening::AlertFired(_)), draft.known_at)
        });
        let entries = sealed(&drafts, incident)?;
        let snapshots: BTreeMap<_, Evidence> =
            snapshots.into_iter().map(|(_, snapshot)| (snapshot.id, snapshot)).collect();
        let from = until.checked_sub(REACH).unwrap_or(Timestamp::MIN);
        let question = Question {
            text: ExternalText::from("what changed?"),
            symptom: ExternalText::default(),
            services: Vec::new(),
            window: Window { from, until },
            onset: None,
            message: None,
            thread: None,
        };
        let recorded = Recorded { id: incident.clone(), entries, snapshots };
        Ok(Imported { recorded, drafts, question, catalog, service })
    }

    /// The snapshots, each with what it is.
    fn keep(&self, kept: &mut Vec<(&'static str, Evidence)>) -> Result<(), BadFolder> {
        let source =
            |name: &str| SourceName::new(name).map_err(|error| BadFolder::new(name, None, error.to_string()));
        let bad: Vec<_> = self
            .templates
            .iter()
            .filter(|template| template.severity >= hearback_core::LogSeverity::Warn)
            .cloned()
            .collect();
        let (logs, traces, metrics) = (source("logs")?, source("traces")?, source("metrics")?);
        let mut keep = |what, evidence: Result<Evidence, NotCanonical>| {
            let evidence = evidence.map_err(|error| BadFolder::new(what, None, error.to_string()))?;
            kept.push((what, evidence));
            Ok(())
        };
        if !self.diffs.is_empty() {
            keep(
                "diffs of commits",
                snapshot(&source("commits")?, Origin::Member, Holds::Diffs, &self.diffs, None),
            )?;
        }
        if !self.series.is_empty() {
            keep("series", snapshot(&metrics, Origin::System, Holds::Series, &self.series, None))?;
        }
        if !bad.is_empty() {
            keep(
                "wordings of warnings and errors",
                snapshot(&logs, Origin::Outsider, Holds::LogTemplates, &bad, None),
            )?;
        }
        if !self.templates.is_empty() {
            keep(
                "wordings of logs",
                snapshot(&logs, Origin::Outsider, Holds::Wordings, &self.templates, None),
            )?;
        }
        for (what, holds, spans) in [
            ("calls that failed", Holds::FailedSpans, &self.spans.failed),
            ("slow calls", Holds::SlowSpans, &self.spans.slow),
            ("calls from before", Holds::UsualSpans, &self.spans.usual),
            ("whole traces", Holds::Traces, &self.spans.traces),
        ] {
            if !spans.is_empty() {
                keep(what, snapshot(&traces, Origin::Outsider, holds, spans, None))?;
            }
        }
        if !self.documents.is_empty() {
            keep(
                "documents",
                snapshot(&source("documents")?, Origin::Outsider, Holds::Documents, &self.documents, None),
            )?;
        }
        Ok(())
    }
}

fn sealed(drafts: &[Draft], incident: &IncidentId) -> Result<Vec<Entry>, BadFolder> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut head: Option<Head> = None;
    for draft in drafts {
        // The salt keeps what was redacted from being guessed back; this record is never redacted.
        let entry = Entry::seal(draft, incident, head, [0; 16])
            .map_err(|error| BadFolder::new("the folder", None, error.to_string()))?;
        head = Some(entry.head());
        entries.push(entry);
    }
    Ok(entries)
}

/// The services that anything speaks of, with whom each calls.
fn catalog(parts: &Parts) -> Catalog {
    let mut calls: BTreeMap<ServiceName, Vec<ServiceName>> = BTreeMap::new();
    let named = parts
        .series
        .iter()
        .map(|series| &series.service)
        .chain(parts.templates.iter().map(|template| &template.service))
        .chain(parts.changes.iter().flat_map(|change| &change.services))
        .chain(parts.spans.services.iter());
    for service in named {
        calls.entry(service.clone()).or_default();
    }
    for (caller, callee) in &parts.spans.edges {
        calls.entry(caller.clone()).or_default().push(callee.clone());
    }
    let services = calls.into_iter().map(|(name, depends_on)| hearback_core::catalog::Service {
        depends_on,
        ..hearback_core::catalog::Service::named(name)
    });
    Catalog { services: services.collect() }
}

/// A time as such files write it. What depends on when it is read, `now` or `2h ago`, is none.
fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let read_at = |now| parse_time(text, now).ok();
    text.parse().ok().or_else(|| {
        let at = read_at(Timestamp::UNIX_EPOCH)?;
        (read_at(Timestamp::MAX) == Some(at)).then_some(at)
    })
}

/// What is said of a text that stands under `key` and is no time.
fn no_time(text: &str, key: &str) -> String {
    format!("\"{}\" is no time ({key})", ExternalText::from(text).for_people(80))
}

/// A service's name, if it can be one.
fn service(text: &str) -> Option<ServiceName> {
    ServiceName::new(text.trim()).ok()
}

fn clean(text: &str) -> ExternalText {
    ExternalText::new(redact(text).0.into_owned())
}

/// A JSON value as text: a string without its quotes.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn plain(error: &serde_json::Error) -> String {
    format!("it is not the JSON that is expected here: {error}")
}

/// The objects of a file: a JSON list, or an object a line.
fn objects(name: &str, text: &str) -> Result<Vec<Map<String, Value>>, BadFolder> {
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text)
            .map_err(|error| BadFolder::new(name, Some(error.line()), plain(&error)));
    }
    (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| {
            serde_json::from_str(line).map_err(|error| BadFolder::new(name, Some(number), plain(&error)))
        })
        .collect()
}
