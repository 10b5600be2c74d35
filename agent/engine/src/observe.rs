//! Asks every source of series, logs, traces and change freezes at once, each with a deadline, and redacts what comes
//! back. As with changes, a source that fails or is late is a gap, and none delays another. It must not know what is
//! concluded from what was seen.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::{OptionFuture, join_all};
use hearback_core::evidence::Document;
use hearback_core::freeze::Freeze;
use hearback_core::hash::NotCanonical;
use hearback_core::ports::{
    ConnectorError, DocumentSource, FreezeSource, LogQuery, LogSource, SeriesQuery, SignalSource, SpanOrder,
    SpanQuery, TraceSource, TracesQuery,
};
use hearback_core::redaction::redact_everything;
use hearback_core::telemetry::{LogTemplate, TraceId};
use hearback_core::{
    Coverage, Evidence, EvidenceId, ExternalText, Fetched, Gap, LogRecord, LogSeverity, Origin, Series,
    ServiceName, SourceName, SpanRecord, Window,
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tracing::Instrument as _;

use crate::gather::{gap, within};
use crate::snapshot::{Holds, snapshot};

/// How far back from the beginning of the trouble series are read: enough to know what is usual today.
const SERIES_BEFORE: SignedDuration = SignedDuration::from_hours(6);
/// How much of that is worth a coarser view: less is enough where points are close.
const SERIES_NEEDED: SignedDuration = SignedDuration::from_mins(20);
/// How far back they are read to know what is usual at this hour of this weekday.
const HISTORY: SignedDuration = SignedDuration::from_hours(15 * 24);
/// How far back from the beginning of the trouble logs and traces are read.
const LOGS_BEFORE: SignedDuration = SignedDuration::from_hours(1);
/// The most wordings of warnings and errors that are read.
const TEMPLATES: usize = 200;
/// The most wordings of all logs that are read: they tell what is usual, and what ceased.
const WORDINGS: usize = 300;
/// The most spans that are read, of the failed and of the slow each.
pub(crate) const SPANS: usize = 50;
/// The most whole traces that are read, of failed, of slow and of usual calls each.
const TRACES: usize = 12;
/// The most spans of a whole trace.
const SPANS_EACH: usize = 200;
/// Logs tell what is usual from this length on.
const LEAST_HEARD: SignedDuration = SignedDuration::from_mins(5);
/// Before the beginning of the trouble by this much calls were as usual, as far as is known then.
pub const USUAL_BEFORE: SignedDuration = SignedDuration::from_mins(15);

/// Something that was seen, and the snapshot that holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen<T> {
    /// What was seen, redacted.
    pub item: T,
    /// The snapshot it stands in.
    pub evidence: EvidenceId,
}

/// What was seen of the services.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// Golden signals around the beginning of the trouble.
    pub series: Vec<Seen<Series>>,
    /// The same signals over two weeks, coarser: what is usual.
    pub history: Vec<Seen<Series>>,
    /// Wordings of warnings and errors, the most frequent first.
    pub templates: Vec<Seen<LogTemplate>>,
    /// Wordings of all logs, the most frequent first.
    pub wordings: Vec<Seen<LogTemplate>>,
    /// Spans that failed, the newest first.
    pub failed: Vec<Seen<SpanRecord>>,
    /// Spans that took longest, the slowest first.
    pub slow: Vec<Seen<SpanRecord>>,
    /// The newest spans from before the trouble.
    pub usual: Vec<Seen<SpanRecord>>,
    /// Whole traces of some failed, some slow and some usual calls.
    pub traces: Vec<Seen<SpanRecord>>,
    /// Documents that were there.
    pub documents: Vec<Seen<Document>>,
    /// Change freezes that overlap the question's window.
    pub freezes: Vec<Seen<Freeze>>,
    /// Where log records were looked for, from the first on that there was.
    pub logs_window: Option<Window>,
    /// What was searched.
    pub searched: Vec<Coverage>,
    /// What was not seen.
    pub gaps: Vec<Gap>,
    /// What to keep, so that the answer can be replayed.
    pub snapshots: Vec<Evidence>,
}

/// What is asked.
#[derive(Clone, Copy)]
pub struct Observe<'a> {
    /// Sources of series.
    pub signals: &'a [Arc<dyn SignalSource>],
    /// Sources of log records.
    pub logs: &'a [Arc<dyn LogSource>],
    /// Sources of traces.
    pub traces: &'a [Arc<dyn TraceSource>],
    /// Sources of documents.
    pub documents: &'a [Arc<dyn DocumentSource>],
    /// Sources of change freezes.
    pub freezes: &'a [Arc<dyn FreezeSource>],
    /// The affected services and those around them. Without one no series are read: nobody looks at all graphs at once.
    pub services: &'a [ServiceName],
    /// How many of these, from the first on, are affected: what they say is read for itself, so that nobody around them
    /// who says more can crowd it out.
    pub affected: usize,
    /// When the trouble began, as far as is known before anything was looked at.
    pub began: Timestamp,
    /// The question's window; its end is the as-of.
    pub window: Window,
    /// How long each source may take.
    pub budget: SignedDuration,
}

impl Observe<'_> {
    /// Asks them all.
    ///
    /// # Errors
    /// [`NotCanonical`] never happens for these types; it is passed on rather than hidden.
    pub async fn ask(self) -> Result<Observed, NotCanonical> {
        let (affected, around) = self.services.split_at(self.affected.min(self.services.len()));
        let affected = Observe { services: affected, ..self };
        let around = (!around.is_empty()).then_some(Observe { services: around, ..self });
        let (series, history, heard, heard_around, documents, freezes) = futures::join!(
            self.series(SERIES_BEFORE, SERIES_NEEDED),
            self.series(HISTORY, HISTORY),
            affected.hear(),
            OptionFuture::from(around.as_ref().map(Observe::hear)),
            self.documents(),
            self.freezes(),
        );
        let mut observed = Observed::default();
        observed.series = observed.take(series, Origin::System, Holds::Series, |_| {})?;
        // What the longer look searched, or could not, says nothing that the shorter one does not.
        let mut longer = Observed::default();
        observed.history = longer.take(history, Origin::System, Holds::UsualSeries, |_| {})?;
        observed.snapshots.extend(longer.snapshots);
        for Gap { source, why } in longer.gaps {
            if !observed.gaps.iter().any(|gap| gap.source == source) {
                observed
                    .gaps
                    .push(Gap { source, why: format!("what is usual at this hour was not read: {why}") });
            }
        }
        observed.add(heard)?;
        // Where was searched is told of the affected services.
        let searched = observed.searched.len();
        heard_around.map_or(Ok(()), |heard| observed.add(heard))?;
        observed.searched.truncate(searched);
        if !self.logs.is_empty() {
            observed.logs_window = Some(with_logs(self.back_to(LOGS_BEFORE), &observed));
        }
        observed.documents = observed.take(documents, Origin::Outsider, Holds::Documents, |document| {
            document.text = without_secrets(&document.text);
        })?;
        observed.freezes =
            observed.take(freezes, Origin::Member, Holds::Freezes, |freeze: &mut Freeze| {
                freeze.name = without_secrets(&freeze.name);
            })?;
        Ok(observed)
    }

    /// Reads whole traces of what `observed` holds single spans of.
    ///
    /// # Errors
    /// [`NotCanonical`] never happens for these types; it is passed on rather than hidden.
    pub async fn ask_traces(
        self,
        observed: &mut Observed,
        budget: SignedDuration,
    ) -> Result<(), NotCanonical> {
        let traces = traces_of(observed);
        if traces.is_empty() {
            return Ok(());
        }
        let window = self.back_to(LOGS_BEFORE);
        let query = TracesQuery { traces, window, spans_each: SPANS_EACH, budget };
        let query = &query;
        let asked = self.traces.iter().map(|source| async move {
            let span = tracing::info_span!("connector.call", source = %source.name(), verb = "traces");
            (source.name().clone(), within(budget, source.traces(query)).instrument(span).await)
        });
        let traces = ended_by(join_all(asked).await, self.window.until);
        observed.traces = observed.take_beside(traces, Holds::Traces, redact_span)?;
        Ok(())
    }

    fn back_to(&self, length: SignedDuration) -> Window {
        let until = self.window.until;
        Window { from: Window::before(self.began.min(until), length).from, until }
    }

    async fn series(&self, length: SignedDuration, needed: SignedDuration) -> Vec<Answered<Series>> {
        if self.services.is_empty() {
            return Vec::new();
        }
        let query = SeriesQuery {
            services: self.services.to_vec(),
            window: self.back_to(length),
            needed_from: self.back_to(needed).from,
            budget: self.budget,
        };
        let query = &query;
        let asked = self.signals.iter().map(|source| async move {
            let span = tracing::info_span!("connector.call", source = %source.name(), verb = "series");
            (source.name().clone(), within(self.budget, source.series(query)).instrument(span).await)
        });
        join_all(asked).await
    }

    async fn templates(&self) -> (Vec<Answered<LogTemplate>>, Vec<Answered<LogTemplate>>) {
        let query = |severity, limit| LogQuery {
            window: self.back_to(LOGS_BEFORE),
            services: self.services.to_vec(),
            severity,
            trace: None,
            template: None,
            limit,
            budget: self.budget,
        };
        let ask = |query: LogQuery| async move {
            let query = &query;
            let asked = self.logs.iter().map(|source| async move {
                let span = tracing::info_span!("connector.call", source = %source.name(), verb = "templates");
                (source.name().clone(), within(self.budget, source.templates(query)).instrument(span).await)
            });
            join_all(asked).await
        };
        let (bad, all) = (query(LogSeverity::Warn, TEMPLATES), query(LogSeverity::Trace, WORDINGS));
        futures::join!(ask(bad), ask(all))
    }

    /// What the services say and which calls they make.
    async fn hear(&self) -> Heard {
        let ((templates, wordings), spans) = futures::join!(self.templates(), self.spans());
        // A span is known when it has ended: one that ended after the as-of was not.
        let [failed, slow, usual] = spans.map(|spans| ended_by(spans, self.window.until));
        Heard { templates, wordings, failed, slow, usual }
    }

    async fn documents(&self) -> Vec<Answered<Document>> {
        let asked = self.documents.iter().map(|source| async move {
            let span = tracing::info_span!("connector.call", source = %source.name(), verb = "documents");
            let documents = source.documents(self.window, self.budget);
            (source.name().clone(), within(self.budget, documents).instrument(span).await)
        });
        join_all(asked).await
    }

    async fn spans(&self) -> [Vec<Answered<SpanRecord>>; 3] {
        let lately = self.back_to(LOGS_BEFORE);
        let before = self.began.checked_sub(USUAL_BEFORE).unwrap_or(lately.from).max(lately.from);
        let query = |failed, order, window| SpanQuery {
            window,
            services: self.services.to_vec(),
            trace: None,
            failed,
            order,
            limit: SPANS,
            budget: self.budget,
        };
        let (failed, slow) =
            (query(true, SpanOrder::Newest, lately), query(false, SpanOrder::Slowest, lately));
        let usual =
            query(false, SpanOrder::Newest, Window { until: before.min(lately.until), from: lately.from });
        let ask = |query: SpanQuery| async move {
            let query = &query;
            let asked = self.traces.iter().map(|source| async move {
                let span = tracing::info_span!("connector.call", source = %source.name(), verb = "spans");
                (source.name().clone(), within(self.budget, source.spans(query)).instrument(span).await)
            });
            join_all(asked).await
        };
        let (failed, slow, usual) = futures::join!(ask(failed), ask(slow), ask(usual));
        [failed, slow, usual]
    }

    async fn freezes(&self) -> Vec<Answered<Freeze>> {
        let asked = self.freezes.iter().map(|source| async move {
            let span = tracing::info_span!("connector.call", source = %source.name(), verb = "freezes");
            (source.name().clone(), within(self.budget, source.freezes(self.window)).instrument(span).await)
        });
        join_all(asked).await
    }
}

/// The part of the window from which there are logs at all: before it nothing could be heard. Where only warnings and
/// errors are kept, silence is what is usual; and where logs just begin, there is nothing else to compare them with.
fn with_logs(window: Window, observed: &Observed) -> Window {
    let usual = observed.wordings.iter().filter(|seen| seen.item.severity < LogSeverity::Warn);
    let first = |seen: &Seen<LogTemplate>| seen.item.first.at;
    let Some(usual) = usual.map(first).min() else { return window };
    let bad = observed.templates.iter().map(first).min().unwrap_or(usual);
    let from = window.from.max(usual.min(bad));
    if window.until.duration_since(from) < LEAST_HEARD {
        return window;
    }
    Window { from, until: window.until }
}

/// The traces that are worth reading whole: of the first and the last of the failed spans, of the slowest, and of some
/// from before.
fn traces_of(observed: &Observed) -> Vec<TraceId> {
    let distinct = |spans: &mut dyn Iterator<Item = &Seen<SpanRecord>>| {
        let mut told = BTreeSet::new();
        let traces: Vec<TraceId> =
            spans.map(|seen| seen.item.trace).filter(|trace| told.insert(*trace)).collect();
        traces
    };
    let failed = distinct(&mut observed.failed.iter());
    let ends = failed.iter().take(TRACES / 2).chain(failed.iter().rev().take(TRACES / 2));
    let slow = distinct(&mut observed.slow.iter());
    let usual = distinct(&mut observed.usual.iter());
    let each = ends.chain(slow.iter().take(TRACES)).chain(usual.iter().take(TRACES)).copied();
    each.collect::<BTreeSet<TraceId>>().into_iter().collect()
}

fn ended_by(mut answered: Vec<Answered<SpanRecord>>, until: Timestamp) -> Vec<Answered<SpanRecord>> {
    let has_ended = |span: &SpanRecord| {
        span.started_at.checked_add(span.duration).is_ok_and(|ended_at| ended_at <= until)
    };
    for fetched in answered.iter_mut().filter_map(|(_, fetched)| fetched.as_mut().ok()) {
        fetched.items.retain(has_ended);
    }
    answered
}

/// What a source said, under its name.
type Answered<T> = (SourceName, Result<Fetched<T>, ConnectorError>);

/// What some services say and which calls they make, as their sources answered.
struct Heard {
    templates: Vec<Answered<LogTemplate>>,
    wordings: Vec<Answered<LogTemplate>>,
    failed: Vec<Answered<SpanRecord>>,
    slow: Vec<Answered<SpanRecord>>,
    usual: Vec<Answered<SpanRecord>>,
}

impl Observed {
    fn add(&mut self, heard: Heard) -> Result<(), NotCanonical> {
        let Heard { templates, wordings, failed, slow, usual } = heard;
        let templates = self.take(templates, Origin::Outsider, Holds::LogTemplates, redact_template)?;
        self.templates.extend(templates);
        let wordings = self.take_beside(wordings, Holds::Wordings, redact_template)?;
        self.wordings.extend(wordings);
        let failed = self.take(failed, Origin::Outsider, Holds::FailedSpans, redact_span)?;
        self.failed.extend(failed);
        let slow = self.take(slow, Origin::Outsider, Holds::SlowSpans, redact_span)?;
        self.slow.extend(slow);
        let usual = self.take_beside(usual, Holds::UsualSpans, redact_span)?;
        self.usual.extend(usual);
        Ok(())
    }

    /// Takes what was read beside something of which it is told where it was searched: that says nothing new.
    fn take_beside<T: Serialize>(
        &mut self,
        answered: Vec<Answered<T>>,
        holds: Holds,
        redact: impl FnMut(&mut T),
    ) -> Result<Vec<Seen<T>>, NotCanonical> {
        let searched = self.searched.len();
        let seen = self.take(answered, Origin::Outsider, holds, redact);
        self.searched.truncate(searched);
        seen
    }

    fn take<T: Serialize>(
        &mut self,
        answered: Vec<Answered<T>>,
        origin: Origin,
        holds: Holds,
        mut redact: impl FnMut(&mut T),
    ) -> Result<Vec<Seen<T>>, NotCanonical> {
        let mut seen = Vec::new();
        for (name, fetched) in answered {
            match fetched {
                Ok(Fetched { mut items, coverage }) => {
                    items.iter_mut().for_each(&mut redact);
                    if !items.is_empty() {
                        let evidence = snapshot(&name, origin, holds, &items, None)?;
                        seen.extend(items.into_iter().map(|item| Seen { item, evidence: evidence.id }));
                        self.snapshots.push(evidence);
                    }
                    self.gaps
                        .extend(coverage.gaps().filter(|gap| !self.gaps.contains(gap)).collect::<Vec<_>>());
                    // Asked for failed and for slow spans, a source searched the same ones twice.
                    if !self.searched.contains(&coverage) {
                        self.searched.push(coverage);
                    }
                }
                Err(error) => {
                    let gap = gap(name, &error);
                    if !self.gaps.contains(&gap) {
                        self.gaps.push(gap);
                    }
                }
            }
        }
        Ok(seen)
    }
}

/// Takes secrets out of a wording.
pub fn redact_template(template: &mut LogTemplate) {
    template.text = without_secrets(&template.text);
    redact_log(&mut template.first);
}

/// Whatever was said there, nobody is looked up by an address in it.
fn without_secrets(text: &ExternalText) -> ExternalText {
    ExternalText::new(redact_everything(text.as_untrusted()).0)
}

pub(crate) fn redact_log(log: &mut LogRecord) {
    log.body = without_secrets(&log.body);
    log.attributes.values_mut().for_each(|value| *value = without_secrets(value));
}

pub(crate) fn redact_span(span: &mut SpanRecord) {
    span.name = without_secrets(&span.name);
    span.message = without_secrets(&span.message);
    span.attributes.values_mut().for_each(|value| *value = without_secrets(value));
}
