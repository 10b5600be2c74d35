//! Looks up what a model asks for, in what was gathered for the answer and, where that is not enough, at the sources. What
//! is found is short: wordings and counts before lines, a few dozen items before all. Each piece says what it stands for, so
//! that it can be cited. It must not know how the model is told.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use hearback_core::answer::Strength;
use hearback_core::evidence::Citation;
use hearback_core::model::ToolCall;
use hearback_core::ports::{ConnectorError, LogQuery, SeriesQuery, SpanOrder, SpanQuery};
use hearback_core::redaction::redact_everything;
use hearback_core::signal::Point;
use hearback_core::telemetry::{LogTemplate, TraceId};
use hearback_core::time::{format_time, parse_time};
use hearback_core::{
    Answer, Change, ChangeId, Coverage, Evidence, EvidenceId, ExternalText, Fetched, Incident, LogRecord,
    LogSeverity, Origin, Series, ServiceName, SourceName, SpanRecord, Window,
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::known::{Known, Piece, Shown, Unnamed};
use super::others;
use super::tools::{Changes, Logs, Look, SignalsOf, Traces};
use crate::driver::Sources;
use crate::gather::{self, Gathered, within};
use crate::observe::{redact_log, redact_span, redact_template};
use crate::snapshot::{Content, Holds, snapshot};

/// As many items are shown of anything.
pub(super) const MOST: usize = 40;
/// As many characters of one.
pub(super) const WIDTH: usize = 600;
/// As many lines of a diff.
const DIFF_LINES: usize = 160;
/// How many log records are read to find those with a word.
const LINES_READ: usize = 2_000;
/// Where no logs can be asked for.
const NO_LOGS: &str = "no source of logs is connected";
/// How far before the beginning logs are looked at.
const BEFORE: SignedDuration = SignedDuration::from_hours(1);

/// What is looked into.
#[derive(Clone, Copy)]
pub struct Looking<'a> {
    /// What the copilot's own record is called as a source.
    pub own: &'a SourceName,
    /// The sources.
    pub sources: &'a Sources,
    /// The answer that is looked into.
    pub answer: &'a Answer,
    /// Its snapshots.
    pub snapshots: &'a [Evidence],
    /// The incident, if it was asked in one.
    pub incident: Option<&'a Incident>,
    /// When the trouble began, as far as is known.
    pub began: Timestamp,
    /// The question's window.
    pub window: Window,
    /// How long one look may take.
    pub budget: SignedDuration,
}

/// What came of a look, and the snapshots that hold it.
#[derive(Debug, Default)]
pub struct Looked {
    /// What is shown.
    pub pieces: Vec<Unnamed>,
    /// What was searched.
    pub coverage: Vec<Coverage>,
    /// What has to be kept so that it can be cited.
    pub snapshots: Vec<Evidence>,
}

/// What a source gave.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// What is shown of it.
    pub pieces: Vec<Unnamed>,
    /// What holds it.
    pub kept: Option<Evidence>,
    /// How much there was.
    pub fit: usize,
}

impl Looking<'_> {
    /// Looks up what a call asks for. What fails is told, and nothing is concluded from it.
    pub async fn look(&self, call: &ToolCall, known: &Known) -> (Result<Shown, String>, Vec<Evidence>) {
        let looked = match Look::parse(call) {
            _ if others::is_others(&call.name) => self.others(call).await,
            Ok(look) => self.carry_out(look, known).await,
            Err(why) => Err(why),
        };
        match looked {
            Ok(Looked { pieces, coverage, snapshots }) => {
                (Ok(Shown { tool: call.name.clone(), coverage, pieces }), snapshots)
            }
            Err(why) => (Err(why), Vec::new()),
        }
    }

    async fn carry_out(&self, look: Look, known: &Known) -> Result<Looked, String> {
        match look {
            Look::Changes(asked) => self.changes(&asked),
            Look::Diff(asked) => {
                let change = known
                    .change(&asked.change)
                    .ok_or("no such change was shown to you; `changes` names them")?;
                self.diff(&change.id, change.strength).await
            }
            Look::Signals(asked) => self.signals(&asked).await,
            Look::LogTemplates(asked) => self.log_templates(&asked).await,
            Look::LogLines(asked) => self.log_lines(&asked).await,
            Look::Traces(asked) => self.traces(&asked).await,
            Look::Similar(asked) => self.similar(&asked).await,
            Look::Runbook(asked) => self.runbook(&asked).await,
            Look::Experts => Ok(self.experts()),
            Look::Record => Ok(self.record()),
        }
    }

    fn changes(&self, asked: &Changes) -> Result<Looked, String> {
        let since = asked.since.as_deref().map(|text| time(text, self.window.until)).transpose()?;
        let words = words(asked.words.as_deref());
        let service = asked.service.as_deref().map(service).transpose()?;
        let mut found: BTreeMap<ChangeId, (EvidenceId, Change)> = BTreeMap::new();
        let mut searched: BTreeSet<ChangeId> = BTreeSet::new();
        let gathered = self.snapshots.iter().filter_map(|snapshot| match Content::of(snapshot)? {
            Content::Changes(changes) => Some((snapshot.id, changes)),
            _ => None,
        });
        // The incident's own record holds those that were sent, each in an entry.
        let recorded = self.incident.into_iter().flat_map(|incident| &incident.changes);
        let recorded = recorded.filter(|seen| self.window.contains(seen.change.value.effective_at));
        let recorded = recorded.map(|seen| (seen.evidence, vec![seen.change.value.clone()]));
        for (evidence, changes) in gathered.chain(recorded) {
            for change in changes {
                searched.insert(change.id.clone());
                let is_of = service.as_ref().is_none_or(|service| {
                    change.services.contains(service)
                        || change
                            .paths
                            .as_slice()
                            .iter()
                            .any(|path| path.path.as_str().contains(service.as_str()))
                });
                let is_since = since.is_none_or(|since| change.effective_at >= since);
                if is_of && is_since && has_word(&words, &describe(&change)) {
                    found.entry(change.id.clone()).or_insert((evidence, change));
                }
            }
        }
        let mut found: Vec<(EvidenceId, Change)> = found.into_values().collect();
        found.sort_by_key(|(_, change)| (std::cmp::Reverse(change.effective_at), change.id.clone()));
        let all = found.len();
        let pieces = found.into_iter().take(MOST).map(|(evidence, change)| Unnamed {
            piece: piece(citation(evidence, &change.id), Origin::Member, &describe(&change)),
            change: Some((change.id.clone(), self.strength_of(&change.id))),
        });
        let searched = searched.len();
        let mut coverage = self.searched(format!("{searched} changes of the window, {all} fit"));
        if all > MOST {
            coverage.missing.push(format!("only the newest {MOST} are shown"));
        }
        Ok(Looked { pieces: pieces.collect(), coverage: vec![coverage], snapshots: Vec::new() })
    }

    /// What of ours was searched.
    pub(super) fn searched(&self, searched: String) -> Coverage {
        Coverage::complete(self.own.clone(), searched)
    }

    /// Asks all of these at once. What one gives `show` makes pieces of; what fails is told, and so is that there is nobody to
    /// ask.
    pub(super) async fn ask_all<'n, T>(
        &self,
        asked: impl Iterator<Item = (&'n SourceName, impl Future<Output = Result<Fetched<T>, ConnectorError>>)>,
        nobody: &str,
        show: impl Fn(&SourceName, Vec<T>) -> Result<Given, String>,
    ) -> Result<Looked, String> {
        let asked = asked.map(|(name, call)| async move { (name, within(self.budget, call).await) });
        let mut looked = Looked::default();
        for (name, fetched) in join_all(asked).await {
            match fetched {
                Ok(Fetched { items, mut coverage }) => {
                    let Given { pieces, kept, fit } = show(name, items)?;
                    if fit > pieces.len() {
                        coverage.missing.push(format!("{fit} fit, {} are shown", pieces.len()));
                    }
                    looked.pieces.extend(pieces);
                    looked.snapshots.extend(kept);
                    looked.coverage.push(coverage);
                }
                Err(error) => {
                    let why = ExternalText::new(error.to_string()).for_people(200);
                    let nothing = Coverage::complete(name.clone(), "nothing");
                    looked.coverage.push(Coverage { missing: vec![why], ..nothing });
                }
            }
        }
        if looked.coverage.is_empty() {
            looked
                .coverage
                .push(Coverage { missing: vec![nobody.to_owned()], ..self.searched("nothing".into()) });
        }
        Ok(looked)
    }

    /// How sure the answer is of a change: a model can't be surer.
    fn strength_of(&self, id: &ChangeId) -> Strength {
        let suspect = self.answer.suspects.iter().find(|suspect| suspect.change.id == *id);
        suspect.map_or(Strength::Weak, |suspect| suspect.strength)
    }

    async fn diff(&self, id: &ChangeId, strength: Strength) -> Result<Looked, String> {
        let mut gathered = Gathered::default();
        let diffs =
            gather::diffs(&self.sources.changes, std::slice::from_ref(id), self.budget, &mut gathered).await;
        let mut diffs = diffs.map_err(|error| error.to_string())?;
        let missing: Vec<String> = gathered.gaps.iter().map(|gap| gap.why.clone()).collect();
        let mut coverage = self.searched("one change".into());
        coverage.missing = missing;
        let Some(sighted) = diffs.remove(id) else {
            coverage.missing.push("no source has a diff of it".into());
            return Ok(Looked { coverage: vec![coverage], ..Looked::default() });
        };
        let mut left = DIFF_LINES;
        let mut pieces = Vec::new();
        for file in &sighted.diff.files {
            let lines: Vec<String> = file
                .lines
                .iter()
                .take(left)
                .map(|line| {
                    let sign = match line.side {
                        hearback_core::change::Side::Added => '+',
                        hearback_core::change::Side::Removed => '-',
                    };
                    format!("{sign}{}: {}", line.line, line.text.for_people(200))
                })
                .collect();
            left -= lines.len();
            let cut = file.lines.len() - lines.len();
            let more = if cut > 0 { format!("\n({cut} more lines)") } else { String::new() };
            let text = format!("{}\n{}{more}", file.path.as_str(), lines.join("\n"));
            let citation =
                Citation { path: Some(file.path.as_str().to_owned()), ..citation(sighted.evidence, id) };
            pieces.push(Unnamed {
                piece: piece(citation, Origin::Member, &text),
                change: Some((id.clone(), strength)),
            });
            if left == 0 {
                coverage.missing.push(format!("only the first {DIFF_LINES} lines are shown"));
                break;
            }
        }
        coverage.missing.extend(sighted.diff.left_out.clone());
        Ok(Looked { pieces, coverage: vec![coverage], snapshots: gathered.snapshots })
    }

    async fn signals(&self, asked: &SignalsOf) -> Result<Looked, String> {
        let service = service(&asked.service)?;
        let mut looked = Looked::default();
        for snapshot in self.snapshots {
            let Some(Content::Series(series)) = Content::of(snapshot) else { continue };
            let of = series.iter().filter(|one| one.service == service);
            looked.pieces.extend(of.take(MOST).map(|one| self.signal(snapshot.id, one)));
        }
        if !looked.pieces.is_empty() {
            looked.coverage.push(self.searched(format!("what was gathered of {service}")));
            return Ok(looked);
        }
        let query = SeriesQuery {
            services: vec![service],
            window: Window { from: earlier(self.began, BEFORE), until: self.window.until },
            needed_from: self.began,
            budget: self.budget,
        };
        let asked = self.sources.signals.iter().map(|source| (source.name(), source.series(&query)));
        self.ask_all(asked, "no source of signals is connected", |name, series| {
            let kept = keep(name, Origin::System, Holds::Series, &series)?;
            let pieces = series.iter().take(MOST).map(|one| self.signal(kept.id, one)).collect();
            Ok(Given { pieces, kept: Some(kept), fit: series.len() })
        })
        .await
    }

    /// A series in words: before the beginning, after it, and the points around it.
    fn signal(&self, evidence: EvidenceId, series: &Series) -> Unnamed {
        let (before, after): (Vec<&Point>, Vec<&Point>) =
            series.points.iter().partition(|point| point.at < self.began);
        let middle = |points: &[&Point]| {
            let mut values: Vec<f64> = points.iter().map(|point| point.value).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied()
        };
        let worst = after.iter().max_by(|a, b| a.value.total_cmp(&b.value));
        let near: Vec<String> = series
            .points
            .iter()
            .filter(|point| point.at.duration_since(self.began).abs() <= SignedDuration::from_mins(15))
            .take(MOST)
            .map(|point| format!("{} {}", point.at.strftime("%H:%M:%S"), short(point.value)))
            .collect();
        let labels: Vec<String> =
            series.labels.iter().map(|(key, value)| format!("{key}={}", value.for_people(60))).collect();
        let text = format!(
            "{} of {} {}: usually {} before {}, at most {} afterwards{}. Around it: {}",
            series.kind,
            series.service,
            labels.join(" "),
            middle(&before).map_or("not measured".into(), short),
            format_time(self.began),
            worst.map_or("not measured".into(), |point| short(point.value)),
            worst.map_or(String::new(), |point| format!(" (at {})", point.at.strftime("%H:%M:%S"))),
            if near.is_empty() { "no points".into() } else { near.join(", ") },
        );
        // Labels may hold what a request asked for: a path, a query. A name alone says nothing.
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let are_names = series.labels.values().all(|value| value.as_untrusted().chars().all(is_name));
        let origin = if are_names { Origin::System } else { Origin::Outsider };
        Unnamed { piece: piece(Citation::of(evidence), origin, &text), change: None }
    }

    fn log_query(&self, asked: &Logs, limit: usize) -> Result<LogQuery, String> {
        let severity = asked.severity.as_deref().map_or(Some(LogSeverity::Warn), LogSeverity::from_word);
        let at = |text: &Option<String>, default| {
            text.as_deref().map_or(Ok(default), |text| time(text, self.window.until))
        };
        Ok(LogQuery {
            window: Window {
                from: at(&asked.since, earlier(self.began, BEFORE))?,
                // Nothing later than the question may show.
                until: at(&asked.until, self.window.until)?.min(self.window.until),
            },
            services: asked.service.as_deref().map(service).transpose()?.into_iter().collect(),
            severity: severity.ok_or("severity: use trace, debug, info, warn, error or fatal")?,
            trace: None,
            template: None,
            limit,
            budget: self.budget,
        })
    }

    async fn log_templates(&self, asked: &Logs) -> Result<Looked, String> {
        let query = self.log_query(asked, 300)?;
        let words = words(asked.words.as_deref());
        let asked = self.sources.logs.iter().map(|source| (source.name(), source.templates(&query)));
        self.ask_all(asked, NO_LOGS, |name, mut templates| {
            templates.iter_mut().for_each(redact_template);
            templates.retain(|one| has_word(&words, one.text.as_untrusted()));
            let kept = keep(name, Origin::Outsider, Holds::LogTemplates, &templates)?;
            let text = |one: &LogTemplate| {
                format!(
                    "{} {} {} times, first {}, last {}: {}",
                    one.service,
                    one.severity,
                    one.count,
                    format_time(one.first.at),
                    format_time(one.last_at),
                    one.text.for_people(WIDTH),
                )
            };
            let texts = templates.iter().take(MOST).map(text);
            Ok(Given { pieces: of_outsiders(&kept, texts), fit: templates.len(), kept: Some(kept) })
        })
        .await
    }

    async fn log_lines(&self, asked: &Logs) -> Result<Looked, String> {
        let query = self.log_query(asked, LINES_READ)?;
        let words = words(asked.words.as_deref());
        let asked = self.sources.logs.iter().map(|source| (source.name(), source.logs(&query)));
        self.ask_all(asked, NO_LOGS, |name, mut records| {
            records.iter_mut().for_each(redact_log);
            records.retain(|one| has_word(&words, one.body.as_untrusted()));
            let fit = records.len();
            // The newest of them, by time.
            let text = |one: &LogRecord| {
                format!("{} {} {} {}", one.at, one.service, one.severity, one.body.for_people(WIDTH))
            };
            let lines: Vec<String> = records.iter().skip(fit.saturating_sub(MOST)).map(text).collect();
            let text = ExternalText::new(lines.join("\n"));
            let kept = Evidence::new(name.clone(), Origin::Outsider, None, Some(query.window), text)
                .map_err(|error| error.to_string())?;
            Ok(Given { pieces: of_outsiders(&kept, lines), fit, kept: Some(kept) })
        })
        .await
    }

    async fn traces(&self, asked: &Traces) -> Result<Looked, String> {
        let trace = match &asked.trace {
            Some(text) => Some(TraceId::from_hex(text).ok_or("trace: write it as 32 hexadecimal digits")?),
            None => None,
        };
        let query = SpanQuery {
            window: Window { from: earlier(self.began, BEFORE), until: self.window.until },
            services: asked.service.as_deref().map(service).transpose()?.into_iter().collect(),
            trace,
            failed: trace.is_none(),
            order: SpanOrder::Newest,
            limit: MOST,
            budget: self.budget,
        };
        let holds = if trace.is_some() { Holds::Traces } else { Holds::FailedSpans };
        let asked = self.sources.traces.iter().map(|source| (source.name(), source.spans(&query)));
        self.ask_all(asked, "no source of traces is connected", |name, mut spans| {
            spans.iter_mut().for_each(redact_span);
            let kept = keep(name, Origin::Outsider, holds, &spans)?;
            let text = |one: &SpanRecord| {
                format!(
                    "{} {} {} took {:.3} s, {:?}: {} (trace {}, span {}, parent {})",
                    one.started_at,
                    one.service,
                    one.name.for_people(120),
                    one.duration.as_secs_f64(),
                    one.status,
                    one.message.for_people(200),
                    one.trace,
                    one.span,
                    one.parent.map_or("none".into(), |parent| parent.to_string()),
                )
            };
            let texts = spans.iter().map(text);
            Ok(Given { pieces: of_outsiders(&kept, texts), fit: spans.len(), kept: Some(kept) })
        })
        .await
    }
}

/// Pieces of a snapshot that anybody could have written.
pub(super) fn of_outsiders(kept: &Evidence, texts: impl IntoIterator<Item = String>) -> Vec<Unnamed> {
    let piece = |text: String| piece(Citation::of(kept.id), Origin::Outsider, &text);
    texts.into_iter().map(|text| Unnamed { piece: piece(text), change: None }).collect()
}

/// What is cited of a change in a snapshot.
fn citation(evidence: EvidenceId, change: &ChangeId) -> Citation {
    Citation { change: Some(change.clone()), ..Citation::of(evidence) }
}

pub(super) fn piece(citation: Citation, origin: Origin, text: &str) -> Piece {
    Piece { citations: vec![citation], origin, text: ExternalText::new(redact_everything(text).0) }
}

fn describe(change: &Change) -> String {
    let paths: Vec<&str> = change.paths.as_slice().iter().take(8).map(|path| path.path.as_str()).collect();
    let more = change.paths.as_slice().len().saturating_sub(paths.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let services: Vec<&str> = change.services.iter().map(ServiceName::as_str).collect();
    format!(
        "{} {} by {}, took effect {}: {}. Services: {}. Files: {}{more}",
        change.kind,
        change.id.sha().and_then(|sha| sha.get(..12)).unwrap_or(change.id.as_str()),
        change.author.name.for_people(60),
        format_time(change.effective_at),
        change.title.for_people(200),
        if services.is_empty() { "not known".into() } else { services.join(", ") },
        if paths.is_empty() { "not known".into() } else { paths.join(", ") },
    )
}

pub(super) fn keep<T: Serialize>(
    source: &SourceName,
    origin: Origin,
    holds: Holds,
    items: &[T],
) -> Result<Evidence, String> {
    snapshot(source, origin, holds, items, None).map_err(|error| error.to_string())
}

pub(super) fn service(text: &str) -> Result<ServiceName, String> {
    ServiceName::new(text).map_err(|_| "service: that is no name of a service".to_owned())
}

fn time(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    parse_time(text, now).map_err(|_| "a time can't be read: write it as 2026-03-02T13:00:00Z".to_owned())
}

fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

fn words(text: Option<&str>) -> Vec<String> {
    text.unwrap_or_default().to_lowercase().split_whitespace().map(str::to_owned).collect()
}

fn has_word(words: &[String], text: &str) -> bool {
    let text = text.to_lowercase();
    words.is_empty() || words.iter().any(|word| text.contains(word.as_str()))
}

/// A measured value as a person writes it.
fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
