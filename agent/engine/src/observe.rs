//! Asks every source of series, logs, traces and change freezes at once, each with a deadline, and redacts what comes
//! back. As with changes, a source that fails or is late is a gap, and none delays another. It must not know what is
//! concluded from what was seen.

use std::sync::Arc;

use futures::future::join_all;
use hearback_core::freeze::Freeze;
use hearback_core::hash::NotCanonical;
use hearback_core::ports::{
    ConnectorError, FreezeSource, LogQuery, LogSource, SeriesQuery, SignalSource, SpanOrder, SpanQuery,
    TraceSource,
};
use hearback_core::redaction::redact_external;
use hearback_core::telemetry::LogTemplate;
use hearback_core::{
    Coverage, Evidence, EvidenceId, Fetched, Gap, LogRecord, LogSeverity, Origin, Series, ServiceName,
    SourceName, SpanRecord, Window,
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
/// The most wordings of error logs that are read.
const TEMPLATES: usize = 50;
/// The most spans that are read, of the failed and of the slow each.
pub(crate) const SPANS: usize = 50;

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
    /// Wordings of error logs, the most frequent first.
    pub templates: Vec<Seen<LogTemplate>>,
    /// Spans that failed, the newest first.
    pub failed: Vec<Seen<SpanRecord>>,
    /// Spans that took longest, the slowest first.
    pub slow: Vec<Seen<SpanRecord>>,
    /// Change freezes that overlap the question's window.
    pub freezes: Vec<Seen<Freeze>>,
    /// Where log records were looked for.
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
    /// Sources of change freezes.
    pub freezes: &'a [Arc<dyn FreezeSource>],
    /// The affected services. Without one no series are read: nobody looks at all graphs at once.
    pub services: &'a [ServiceName],
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
        let (series, history, templates, spans, freezes) = futures::join!(
            self.series(SERIES_BEFORE, SERIES_NEEDED),
            self.series(HISTORY, HISTORY),
            self.templates(),
            self.spans(),
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
        if !self.logs.is_empty() {
            observed.logs_window = Some(self.back_to(LOGS_BEFORE));
        }
        observed.templates =
            observed.take(templates, Origin::Outsider, Holds::LogTemplates, redact_template)?;
        let until = self.window.until;
        let (failed, slow) = spans;
        // A span is known when it has ended: one that ended after the as-of was not.
        let (failed, slow) = (ended_by(failed, until), ended_by(slow, until));
        observed.failed = observed.take(failed, Origin::Outsider, Holds::FailedSpans, redact_span)?;
        observed.slow = observed.take(slow, Origin::Outsider, Holds::SlowSpans, redact_span)?;
        observed.freezes =
            observed.take(freezes, Origin::Member, Holds::Freezes, |freeze: &mut Freeze| {
                freeze.name = redact_external(&freeze.name);
            })?;
        Ok(observed)
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

    async fn templates(&self) -> Vec<Answered<LogTemplate>> {
        let query = LogQuery {
            window: self.back_to(LOGS_BEFORE),
            services: self.services.to_vec(),
            severity: LogSeverity::Error,
            trace: None,
            template: None,
            limit: TEMPLATES,
            budget: self.budget,
        };
        let query = &query;
        let asked = self.logs.iter().map(|source| async move {
            let span = tracing::info_span!("connector.call", source = %source.name(), verb = "templates");
            (source.name().clone(), within(self.budget, source.templates(query)).instrument(span).await)
        });
        join_all(asked).await
    }

    async fn spans(&self) -> (Vec<Answered<SpanRecord>>, Vec<Answered<SpanRecord>>) {
        let query = |failed, order| SpanQuery {
            window: self.back_to(LOGS_BEFORE),
            services: self.services.to_vec(),
            trace: None,
            failed,
            order,
            limit: SPANS,
            budget: self.budget,
        };
        let (failed, slow) = (query(true, SpanOrder::Newest), query(false, SpanOrder::Slowest));
        let ask = |query: SpanQuery| async move {
            let query = &query;
            let asked = self.traces.iter().map(|source| async move {
                let span = tracing::info_span!("connector.call", source = %source.name(), verb = "spans");
                (source.name().clone(), within(self.budget, source.spans(query)).instrument(span).await)
            });
            join_all(asked).await
        };
        futures::join!(ask(failed), ask(slow))
    }

    async fn freezes(&self) -> Vec<Answered<Freeze>> {
        let asked = self.freezes.iter().map(|source| async move {
            let span = tracing::info_span!("connector.call", source = %source.name(), verb = "freezes");
            (source.name().clone(), within(self.budget, source.freezes(self.window)).instrument(span).await)
        });
        join_all(asked).await
    }
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

impl Observed {
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

fn redact_template(template: &mut LogTemplate) {
    template.text = redact_external(&template.text);
    redact_log(&mut template.first);
}

fn redact_log(log: &mut LogRecord) {
    log.body = redact_external(&log.body);
    log.attributes.values_mut().for_each(|value| *value = redact_external(value));
}

fn redact_span(span: &mut SpanRecord) {
    span.name = redact_external(&span.name);
    span.message = redact_external(&span.message);
    span.attributes.values_mut().for_each(|value| *value = redact_external(value));
}
