//! `traces.json`: spans, in a list or one a line. All of them tell who calls whom; of the rest only what a copilot would
//! read is kept: calls that failed, slow ones, some from before, and the traces of these whole. It must not know more.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hearback_core::redaction::redact_external;
use hearback_core::telemetry::{SpanId, SpanKind, SpanStatus, TraceId};
use hearback_core::{Digest, ExternalText, ServiceName, SpanRecord};
use hearback_engine::observe::USUAL_BEFORE;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::{BadFolder, no_time, objects, shown, time};

/// As many failed, slow and usual spans each, and traces of each, are kept.
const MOST_SPANS: usize = 100;
/// Spans of one trace.
const MOST_IN_A_TRACE: usize = 200;

/// The spans of a file.
#[derive(Default)]
pub(super) struct Spans {
    pub failed: Vec<SpanRecord>,
    pub slow: Vec<SpanRecord>,
    pub usual: Vec<SpanRecord>,
    /// All spans of the traces of these.
    pub traces: Vec<SpanRecord>,
    pub services: BTreeSet<ServiceName>,
    pub edges: BTreeSet<(ServiceName, ServiceName)>,
    pub last: Option<Timestamp>,
}

/// Reads the spans of `text`.
pub(super) fn read(name: &str, text: &str, alert_at: Timestamp) -> Result<Spans, BadFolder> {
    let mut all: Vec<SpanRecord> = Vec::new();
    for (number, object) in (1..).zip(objects(name, text)?) {
        let bad = |why: &str| BadFolder::new(name, None, format!("span {number}: {why}"));
        all.extend(span(&object, &bad)?);
    }
    join_traces(&mut all);
    let mut spans = Spans { last: all.iter().filter_map(ended).max(), ..Spans::default() };
    let by_id: HashMap<(TraceId, SpanId), &ServiceName> =
        all.iter().map(|span| ((span.trace, span.span), &span.service)).collect();
    for span in &all {
        spans.services.insert(span.service.clone());
        let caller = span.parent.and_then(|parent| by_id.get(&(span.trace, parent)));
        if let Some(caller) = caller.filter(|caller| **caller != &span.service) {
            spans.edges.insert(((*caller).clone(), span.service.clone()));
        }
    }
    let mut failed: Vec<&SpanRecord> = all.iter().filter(|span| span.status == SpanStatus::Error).collect();
    failed.sort_by_key(|span| std::cmp::Reverse((span.started_at, span.trace, span.span)));
    // The newest, and the first: what failed first tells most.
    let ends = failed.len().saturating_sub(MOST_SPANS / 2);
    let first = failed.get(ends.max(MOST_SPANS / 2)..).unwrap_or_default();
    spans.failed = failed.iter().take(MOST_SPANS / 2).chain(first).map(|span| (*span).clone()).collect();
    let mut slow: Vec<&SpanRecord> = all.iter().collect();
    slow.sort_by_key(|span| std::cmp::Reverse((span.duration, span.started_at, span.trace, span.span)));
    spans.slow = slow.iter().take(MOST_SPANS).map(|span| (*span).clone()).collect();
    let before = alert_at.checked_sub(USUAL_BEFORE).unwrap_or(alert_at);
    let mut usual: Vec<&SpanRecord> = all.iter().filter(|span| span.started_at < before).collect();
    usual.sort_by_key(|span| std::cmp::Reverse((span.started_at, span.trace, span.span)));
    spans.usual = usual.iter().take(MOST_SPANS).map(|span| (*span).clone()).collect();
    let wanted: BTreeSet<TraceId> =
        spans.failed.iter().chain(&spans.slow).chain(&spans.usual).map(|span| span.trace).collect();
    let mut in_trace: BTreeMap<TraceId, usize> = BTreeMap::new();
    for span in slow.into_iter().filter(|span| wanted.contains(&span.trace)) {
        let count = in_trace.entry(span.trace).or_default();
        *count += 1;
        if *count <= MOST_IN_A_TRACE {
            spans.traces.push(span.clone());
        }
    }
    Ok(spans)
}

/// A step whose caller is not in its own trace, and can be one step only of all others, belongs to the trace of that one:
/// whoever wrote the file by hand wrote "same" there.
fn join_traces(spans: &mut [SpanRecord]) {
    for _ in 0..spans.len().min(MOST_IN_A_TRACE) {
        let mut by_written: HashMap<SpanId, Vec<TraceId>> = HashMap::new();
        let known: BTreeSet<(TraceId, SpanId)> = spans.iter().map(|span| (span.trace, span.span)).collect();
        for span in spans.iter() {
            let traces = by_written.entry(span.span).or_default();
            if !traces.contains(&span.trace) {
                traces.push(span.trace);
            }
        }
        let mut moved = false;
        for span in spans.iter_mut() {
            let Some(parent) = span.parent.filter(|parent| !known.contains(&(span.trace, *parent))) else {
                continue;
            };
            if let Some([only]) = by_written.get(&parent).map(Vec::as_slice) {
                span.trace = *only;
                moved = true;
            }
        }
        if !moved {
            return;
        }
    }
}

fn ended(span: &SpanRecord) -> Option<Timestamp> {
    span.started_at.checked_add(span.duration).ok()
}

/// What a span has a place of its own for.
const OWN: [&str; 16] = [
    "trace_id",
    "traceId",
    "span_id",
    "spanId",
    "parent_id",
    "parentId",
    "parent_span_id",
    "parentSpanId",
    "service",
    "name",
    "start",
    "start_time",
    "duration_ms",
    "status",
    "error",
    "attributes",
];

fn span(
    object: &Map<String, Value>,
    bad: &dyn Fn(&str) -> BadFolder,
) -> Result<Option<SpanRecord>, BadFolder> {
    let text_of = |keys: &[&str]| keys.iter().find_map(|key| object.get(*key)?.as_str());
    let Some(service) = super::service(text_of(&["service", "service.name"]).unwrap_or_default()) else {
        return Ok(None);
    };
    let start = ["start", "start_time", "timestamp"]
        .into_iter()
        .find_map(|key| Some((key, object.get(key)?.as_str()?)));
    let (key, start) = start.ok_or_else(|| bad("it does not say when it began (start)"))?;
    let started_at = time(start).ok_or_else(|| bad(&no_time(start, key)))?;
    let duration_ms = object.get("duration_ms").and_then(Value::as_f64).unwrap_or_default().max(0.0);
    let duration = SignedDuration::try_from_secs_f64(duration_ms / 1000.0).ok();
    let trace = id_of(object, &["trace_id", "traceId"]).and_then(|id| trace_id(&id));
    let trace = trace.ok_or_else(|| bad("it does not say which trace it is of (trace_id)"))?;
    let span = id_of(object, &["span_id", "spanId"]).and_then(|id| span_id(&id));
    let span = span.ok_or_else(|| bad("it does not say which span it is (span_id)"))?;
    let parent = id_of(object, &["parent_id", "parentId", "parent_span_id", "parentSpanId"]);
    let mut attributes: BTreeMap<String, ExternalText> = BTreeMap::new();
    let inner = object.get("attributes").and_then(Value::as_object);
    let outer = object.iter().filter(|(key, _)| !OWN.contains(&key.as_str()));
    for (key, value) in outer.chain(inner.into_iter().flatten()) {
        attributes.insert(key.clone(), redact_external(&ExternalText::new(shown(value))));
    }
    let said = text_of(&["error", "status_message", "message"]).map(ExternalText::from);
    let said =
        said.or_else(|| attributes.get("error.message").or(attributes.get("exception.message")).cloned());
    let status = match text_of(&["status"]).unwrap_or_default().to_ascii_uppercase().as_str() {
        "ERROR" | "STATUS_CODE_ERROR" => SpanStatus::Error,
        "OK" | "STATUS_CODE_OK" => SpanStatus::Ok,
        _ => SpanStatus::Unset,
    };
    let kind = match text_of(&["kind"]).unwrap_or_default().to_ascii_lowercase().as_str() {
        "server" => SpanKind::Server,
        "client" => SpanKind::Client,
        "producer" => SpanKind::Producer,
        "consumer" => SpanKind::Consumer,
        _ => SpanKind::Internal,
    };
    Ok(Some(SpanRecord {
        trace,
        span,
        parent: parent.and_then(|id| span_id(&id)),
        service,
        version: None,
        name: redact_external(&ExternalText::from(text_of(&["name"]).unwrap_or_default())),
        kind,
        started_at,
        duration: duration.filter(|duration| started_at.checked_add(*duration).is_ok()).unwrap_or_default(),
        status,
        message: redact_external(&said.unwrap_or_default()),
        attributes,
    }))
}

/// The first id that says something: a word or a number. One of zeros says that there is none.
fn id_of(object: &Map<String, Value>, keys: &[&str]) -> Option<String> {
    let said = keys.iter().filter_map(|key| match object.get(*key)? {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    });
    let is_none = |id: &String| id.is_empty() || (id.len() >= 16 && id.bytes().all(|byte| byte == b'0'));
    said.into_iter().find(|id| !is_none(id))
}

/// A trace's id as it is written; what is no such id gets one of its own.
pub(super) fn trace_id(text: &str) -> Option<TraceId> {
    TraceId::from_hex(text).or_else(|| TraceId::from_bytes(Digest::of(text.as_bytes()).as_bytes().get(..16)?))
}

/// The same of a span.
fn span_id(text: &str) -> Option<SpanId> {
    SpanId::from_hex(text).or_else(|| SpanId::from_bytes(Digest::of(text.as_bytes()).as_bytes().get(..8)?))
}
