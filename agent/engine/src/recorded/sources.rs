//! Readings, served through the ports that live sources serve, under the names of those sources. They answer at once and
//! know no time limit, so that no replay depends on how fast a machine is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use hearback_core::change::Diff;
use hearback_core::evidence::Document;
use hearback_core::freeze::Freeze;
use hearback_core::memory::recall::{Memory, Remembered, RunbookQuery, SimilarQuery};
use hearback_core::memory::store::MemoryError;
use hearback_core::ports::{
    ChangeQuery, ChangeSource, ConnectorError, DocumentSource, FreezeSource, LogQuery, LogSource,
    SeriesQuery, SignalSource, SpanOrder, SpanQuery, TraceSource, TracesQuery,
};
use hearback_core::telemetry::{LogTemplate, SpanStatus, TraceId};
use hearback_core::time::format_time;
use hearback_core::{
    Change, ChangeId, Coverage, Evidence, EvidenceId, Fetched, LogRecord, LogSeverity, Series, ServiceName,
    SourceName, SpanRecord, Window,
};
use jiff::SignedDuration;

use super::readings::Reading;
use crate::driver::Sources;
use crate::snapshot::Content;

/// A reading as a source.
struct Replayed {
    reading: Reading,
}

/// Readings that are served, and what came of it.
pub(crate) struct Served {
    /// What a question is asked of.
    pub sources: Sources,
    replayed: Vec<Arc<Replayed>>,
}

impl Served {
    /// Serves these readings.
    pub fn new(readings: Vec<Reading>) -> Served {
        let replayed: Vec<Arc<Replayed>> =
            readings.into_iter().map(|reading| Arc::new(Replayed { reading })).collect();
        let mut sources = Sources::default();
        for source in &replayed {
            match &source.reading.content {
                Content::Changes(_) | Content::Diffs(_) => sources.changes.push(source.clone()),
                Content::Series(_) | Content::UsualSeries(_) => sources.signals.push(source.clone()),
                Content::LogTemplates(_) | Content::Wordings(_) => sources.logs.push(source.clone()),
                Content::FailedSpans(_)
                | Content::SlowSpans(_)
                | Content::UsualSpans(_)
                | Content::Traces(_) => sources.traces.push(source.clone()),
                Content::Documents(_) => sources.documents.push(source.clone()),
                Content::Freezes(_) => sources.freezes.push(source.clone()),
                Content::Similar(_) | Content::Runbooks(_) => sources.memories.push(source.clone()),
                Content::Profiles(profiles) => {
                    let name = source.reading.source.clone();
                    sources.people.recorded.push((name, profiles.clone()));
                }
            }
        }
        let services: BTreeSet<&ServiceName> =
            replayed.iter().flat_map(|source| source.reading.content.services()).collect();
        sources.services = services.into_iter().cloned().collect();
        Served { sources, replayed }
    }

    /// The changes of `window`.
    pub fn changes(&self, window: Window) -> impl Iterator<Item = &Change> {
        self.replayed.iter().flat_map(move |source| source.reading.changes(window))
    }

    /// What the record calls the evidence that an answer cites. An answer is given from a part of a reading, which
    /// has another digest than the whole that was kept.
    pub fn names_in_record(&self, cited: &[Evidence]) -> BTreeMap<EvidenceId, EvidenceId> {
        let mut names = BTreeMap::new();
        for evidence in cited {
            let Some(content) = Content::of(evidence) else { continue };
            let is_of = |source: &&Arc<Replayed>| {
                source.reading.source == evidence.source && source.reading.content.holds_first_of(&content)
            };
            if let Some(source) = self.replayed.iter().find(is_of) {
                names.insert(evidence.id, source.reading.evidence);
            }
        }
        names
    }
}

impl Content {
    /// The services of which something was measured or said.
    fn services(&self) -> Vec<&ServiceName> {
        match self {
            Content::Series(series) | Content::UsualSeries(series) => {
                series.iter().map(|series| &series.service).collect()
            }
            Content::LogTemplates(templates) | Content::Wordings(templates) => {
                templates.iter().map(|template| &template.service).collect()
            }
            Content::FailedSpans(spans)
            | Content::SlowSpans(spans)
            | Content::UsualSpans(spans)
            | Content::Traces(spans) => spans.iter().map(|span| &span.service).collect(),
            Content::Changes(_)
            | Content::Diffs(_)
            | Content::Documents(_)
            | Content::Freezes(_)
            | Content::Similar(_)
            | Content::Runbooks(_)
            | Content::Profiles(_) => Vec::new(),
        }
    }

    /// Whether it is of the same kind and holds the first item of `part`. Readings have no item in common.
    fn holds_first_of(&self, part: &Content) -> bool {
        match (self, part) {
            (Content::Changes(all), Content::Changes(part)) => {
                part.first().is_some_and(|first| all.iter().any(|one| one.id == first.id))
            }
            (Content::Diffs(all), Content::Diffs(part)) => {
                part.first().is_some_and(|first| all.iter().any(|one| one.change == first.change))
            }
            (Content::Series(all), Content::Series(part))
            | (Content::UsualSeries(all), Content::UsualSeries(part)) => {
                let is_same = |a: &Series, b: &Series| {
                    (&a.service, a.kind, &a.query, &a.labels) == (&b.service, b.kind, &b.query, &b.labels)
                };
                part.first().is_some_and(|first| all.iter().any(|one| is_same(one, first)))
            }
            (Content::LogTemplates(all), Content::LogTemplates(part))
            | (Content::Wordings(all), Content::Wordings(part)) => {
                part.first().is_some_and(|first| all.contains(first))
            }
            (Content::FailedSpans(all), Content::FailedSpans(part))
            | (Content::SlowSpans(all), Content::SlowSpans(part))
            | (Content::UsualSpans(all), Content::UsualSpans(part))
            | (Content::Traces(all), Content::Traces(part)) => {
                part.first().is_some_and(|first| all.contains(first))
            }
            (Content::Documents(all), Content::Documents(part)) => {
                part.first().is_some_and(|first| all.contains(first))
            }
            (Content::Freezes(all), Content::Freezes(part)) => {
                part.first().is_some_and(|first| all.contains(first))
            }
            (Content::Similar(all), Content::Similar(part))
            | (Content::Runbooks(all), Content::Runbooks(part)) => {
                part.first().is_some_and(|first| all.contains(first))
            }
            (Content::Profiles(all), Content::Profiles(part)) => {
                part.first().is_some_and(|first| all.contains(first))
            }
            _ => false,
        }
    }
}

impl Reading {
    fn changes(&self, window: Window) -> impl Iterator<Item = &Change> {
        let all = if let Content::Changes(changes) = &self.content { changes.as_slice() } else { &[] };
        all.iter().filter(move |change| change.committed_at.max(change.effective_at) >= window.from)
    }

    fn fetched<T>(&self, items: Vec<T>, (one, many): (&str, &str)) -> Fetched<T> {
        let what = if items.len() == 1 { one } else { many };
        let searched = format!("{} {what}, read {}", items.len(), format_time(self.known_at));
        Fetched { items, coverage: Coverage::complete(self.source.clone(), searched) }
    }

    /// It holds something else, and says nothing of what is asked.
    fn silent<T>(&self) -> Fetched<T> {
        Fetched { items: Vec::new(), coverage: Coverage::complete(self.source.clone(), "") }
    }
}

#[async_trait]
impl ChangeSource for Replayed {
    fn name(&self) -> &SourceName {
        &self.reading.source
    }

    async fn changes(&self, query: &ChangeQuery) -> Result<Fetched<Change>, ConnectorError> {
        let changes = self.reading.changes(query.window).cloned().collect();
        Ok(match self.reading.content {
            Content::Changes(_) => self.reading.fetched(changes, ("change", "changes")),
            _ => self.reading.silent(),
        })
    }

    async fn diffs(&self, changes: &[ChangeId], _: SignedDuration) -> Result<Vec<Diff>, ConnectorError> {
        Ok(match &self.reading.content {
            Content::Diffs(diffs) => {
                diffs.iter().filter(|diff| changes.contains(&diff.change)).cloned().collect()
            }
            _ => Vec::new(),
        })
    }
}

#[async_trait]
impl SignalSource for Replayed {
    fn name(&self) -> &SourceName {
        &self.reading.source
    }

    async fn series(&self, query: &SeriesQuery) -> Result<Fetched<Series>, ConnectorError> {
        // Who needs the whole window wants to know what is usual.
        let wants_usual = query.needed_from <= query.window.from;
        let ((Content::Series(all), false) | (Content::UsualSeries(all), true)) =
            (&self.reading.content, wants_usual)
        else {
            return Ok(self.reading.silent());
        };
        let inside = |one: &Series| {
            let mut part = one.clone();
            part.points.retain(|point| point.at >= query.window.from);
            let is_there = one.points.is_empty() || !part.points.is_empty();
            (is_there && query.services.contains(&one.service)).then_some(part)
        };
        Ok(self.reading.fetched(all.iter().filter_map(inside).collect(), ("series", "series")))
    }
}

#[async_trait]
impl LogSource for Replayed {
    fn name(&self) -> &SourceName {
        &self.reading.source
    }

    async fn logs(&self, _: &LogQuery) -> Result<Fetched<LogRecord>, ConnectorError> {
        Err(ConnectorError::NotUsable("a record keeps the wordings of logs, not each line".into()))
    }

    async fn templates(&self, query: &LogQuery) -> Result<Fetched<LogTemplate>, ConnectorError> {
        // Who wants what is no warning wants to know what is usual.
        let wants_all = query.severity < LogSeverity::Warn;
        let ((Content::LogTemplates(all), false) | (Content::Wordings(all), true)) =
            (&self.reading.content, wants_all)
        else {
            return Ok(self.reading.silent());
        };
        let is_wanted = |template: &&LogTemplate| {
            template.last_at >= query.window.from
                && template.severity >= query.severity
                && (query.services.is_empty() || query.services.contains(&template.service))
                && query.template.is_none_or(|id| template.id == id)
        };
        let templates = all.iter().filter(is_wanted).take(query.limit).cloned().collect();
        let what = match wants_all {
            true => ("wording", "wordings"),
            false => ("wording of a warning or an error", "wordings of warnings and errors"),
        };
        Ok(self.reading.fetched(templates, what))
    }
}

#[async_trait]
impl TraceSource for Replayed {
    fn name(&self) -> &SourceName {
        &self.reading.source
    }

    async fn spans(&self, query: &SpanQuery) -> Result<Fetched<SpanRecord>, ConnectorError> {
        let ((Content::FailedSpans(all), true, _)
        | (Content::SlowSpans(all), false, SpanOrder::Slowest)
        | (Content::UsualSpans(all), false, SpanOrder::Newest)) =
            (&self.reading.content, query.failed, query.order)
        else {
            return Ok(self.reading.silent());
        };
        let is_wanted = |span: &&SpanRecord| {
            query.window.contains(span.started_at)
                && (!query.failed || span.status == SpanStatus::Error)
                && (query.services.is_empty() || query.services.contains(&span.service))
                && query.trace.is_none_or(|trace| span.trace == trace)
        };
        let mut spans: Vec<SpanRecord> = all.iter().filter(is_wanted).cloned().collect();
        // Stable, so that equals stay as the source had them.
        match query.order {
            SpanOrder::Slowest => spans.sort_by_key(|span| std::cmp::Reverse(span.duration)),
            SpanOrder::Newest => spans.sort_by_key(|span| std::cmp::Reverse(span.started_at)),
        }
        spans.truncate(query.limit);
        let what = match (query.failed, query.order) {
            (true, _) => ("call that failed", "calls that failed"),
            (false, SpanOrder::Slowest) => ("slow call", "slow calls"),
            (false, SpanOrder::Newest) => ("call from before", "calls from before"),
        };
        Ok(self.reading.fetched(spans, what))
    }

    async fn traces(&self, query: &TracesQuery) -> Result<Fetched<SpanRecord>, ConnectorError> {
        let Content::Traces(all) = &self.reading.content else { return Ok(self.reading.silent()) };
        let wanted: BTreeSet<&TraceId> = query.traces.iter().collect();
        let spans = all.iter().filter(|span| wanted.contains(&span.trace)).cloned().collect();
        Ok(self.reading.fetched(spans, ("span of whole traces", "spans of whole traces")))
    }
}

#[async_trait]
impl DocumentSource for Replayed {
    fn name(&self) -> &SourceName {
        &self.reading.source
    }

    async fn documents(&self, _: Window, _: SignedDuration) -> Result<Fetched<Document>, ConnectorError> {
        let Content::Documents(all) = &self.reading.content else { return Ok(self.reading.silent()) };
        Ok(self.reading.fetched(all.clone(), ("document", "documents")))
    }
}

#[async_trait]
impl FreezeSource for Replayed {
    fn name(&self) -> &SourceName {
        &self.reading.source
    }

    async fn freezes(&self, window: Window) -> Result<Fetched<Freeze>, ConnectorError> {
        let Content::Freezes(all) = &self.reading.content else { return Ok(self.reading.silent()) };
        let overlaps =
            |freeze: &&Freeze| freeze.window.from < window.until && window.from < freeze.window.until;
        Ok(self
            .reading
            .fetched(all.iter().filter(overlaps).cloned().collect(), ("change freeze", "change freezes")))
    }
}

#[async_trait]
impl Memory for Replayed {
    fn name(&self) -> &SourceName {
        &self.reading.source
    }

    async fn similar(&self, query: &SimilarQuery) -> Result<Fetched<Remembered>, MemoryError> {
        let Content::Similar(all) = &self.reading.content else { return Ok(self.reading.silent()) };
        let known = all.iter().filter(|one| one.known_at <= query.as_of).cloned().collect();
        Ok(self.reading.fetched(known, ("similar incident", "similar incidents")))
    }

    async fn runbooks(&self, query: &RunbookQuery) -> Result<Fetched<Remembered>, MemoryError> {
        let Content::Runbooks(all) = &self.reading.content else { return Ok(self.reading.silent()) };
        let known = all.iter().filter(|one| one.known_at <= query.as_of).cloned().collect();
        Ok(self.reading.fetched(known, ("runbook", "runbooks")))
    }
}
