//! Readings: what was read once from one source and kept. Of several that hold the same thing the latest is believed,
//! and what lies after the moment asked about is taken out. It must not know ports.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use hearback_core::change::Paths;
use hearback_core::{ChangeId, Entry, EvidenceId, Gap, SourceName, SpanRecord};
use jiff::Timestamp;

use super::{Recorded, gathered, is_gathered};
use crate::snapshot::{Content, Holds};

/// What was read once and kept.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub evidence: EvidenceId,
    pub source: SourceName,
    pub known_at: Timestamp,
    pub seq: u64,
    pub content: Content,
}

/// What is left of a record's snapshots, and what is not.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    /// No two of them hold the same thing. Sources stand in the order in which they were first read.
    pub all: Vec<Reading>,
    /// Snapshots that are gone, or that no replay can read.
    pub gaps: Vec<Gap>,
}

impl Readings {
    /// What `entries` of the record name, without what lies after `until`.
    pub fn of<'e>(
        recorded: &Recorded,
        entries: impl IntoIterator<Item = &'e Entry>,
        until: Timestamp,
    ) -> Readings {
        let mut readings = Readings::default();
        let mut for_people: BTreeMap<SourceName, usize> = BTreeMap::new();
        for entry in entries.into_iter().filter(|entry| is_gathered(entry)) {
            let Some((evidence, source)) = gathered(entry) else {
                let why =
                    format!("entry {}, a snapshot, was redacted: what was read is not known", entry.seq);
                readings.gaps.extend(recorded.gap(why));
                continue;
            };
            let Some(snapshot) = recorded.snapshots.get(&evidence) else {
                let why = format!("the snapshot that entry {} names is gone", entry.seq);
                readings.gaps.push(Gap { source, why });
                continue;
            };
            match Content::of(snapshot) {
                Some(mut content) => {
                    hide_later(&mut content, until);
                    let (known_at, seq) = (entry.known_at, entry.seq);
                    readings.all.push(Reading { evidence, source, known_at, seq, content });
                }
                None => *for_people.entry(source).or_default() += 1,
            }
        }
        readings.gaps.extend(for_people.into_iter().map(|(source, count)| {
            let why = match count {
                1 => "1 snapshot was kept for people: a replay can't read it".into(),
                count => format!("{count} snapshots were kept for people: a replay can't read them"),
            };
            Gap { source, why }
        }));
        believe_the_latest(&mut readings.all);
        readings
    }
}

/// Takes out what was not so yet: sources hide it as well, but clocks differ and calendars run ahead.
fn hide_later(content: &mut Content, until: Timestamp) {
    let has_ended =
        |span: &SpanRecord| span.started_at.checked_add(span.duration).is_ok_and(|ended| ended <= until);
    match content {
        Content::Changes(changes) => {
            changes.retain(|change| change.committed_at < until && change.effective_at < until);
            changes
                .iter_mut()
                .for_each(|change| change.revert.reverted_by.retain(|revert| revert.at < until));
        }
        Content::Series(series) | Content::UsualSeries(series) => {
            series.iter_mut().for_each(|series| series.points.retain(|point| point.at <= until));
        }
        Content::LogTemplates(templates) | Content::Wordings(templates) => {
            templates.retain(|template| template.last_at <= until);
        }
        Content::FailedSpans(spans)
        | Content::SlowSpans(spans)
        | Content::UsualSpans(spans)
        | Content::Traces(spans) => {
            spans.retain(has_ended);
        }
        Content::Similar(all) | Content::Runbooks(all) => all.retain(|one| one.known_at <= until),
        // A diff is of its commit, whenever it is read, and a freeze is known before it begins.
        // Profiles are of the question that they were made for.
        Content::Diffs(_) | Content::Documents(_) | Content::Freezes(_) | Content::Profiles(_) => {}
    }
}

/// Leaves each thing in the latest reading that holds it.
fn believe_the_latest(readings: &mut [Reading]) {
    let mut first: BTreeMap<SourceName, u64> = BTreeMap::new();
    for reading in readings.iter() {
        let seq = first.entry(reading.source.clone()).or_insert(reading.seq);
        *seq = reading.seq.min(*seq);
    }
    readings.sort_by_key(|reading| {
        (first.get(&reading.source).copied(), Reverse((reading.known_at, reading.seq)))
    });
    remember_files(readings);
    let mut told: BTreeSet<(SourceName, Holds, String)> = BTreeSet::new();
    for Reading { source, content, .. } in readings {
        let mut tells = Vec::new();
        content.retain(|holds, what| {
            let what = (source.clone(), holds, what);
            let is_new = !told.contains(&what);
            if is_new && tells.last() != Some(&what) {
                tells.push(what);
            }
            is_new
        });
        told.extend(tells);
    }
}

/// A later reading that ran out of time does not make us forget which files a change touched.
fn remember_files(readings: &mut [Reading]) {
    let is_unknown = |paths: &Paths| *paths == Paths::Unknown;
    let mut known: BTreeMap<(SourceName, ChangeId), Option<Paths>> = BTreeMap::new();
    for Reading { source, content, .. } in readings.iter() {
        let Content::Changes(changes) = content else { continue };
        for change in changes.iter().filter(|change| is_unknown(&change.paths)) {
            known.insert((source.clone(), change.id.clone()), None);
        }
    }
    if known.is_empty() {
        return;
    }
    for Reading { source, content, .. } in readings.iter() {
        let Content::Changes(changes) = content else { continue };
        for change in changes.iter().filter(|change| !is_unknown(&change.paths)) {
            if let Some(paths) = known.get_mut(&(source.clone(), change.id.clone())) {
                paths.get_or_insert_with(|| change.paths.clone());
            }
        }
    }
    for Reading { source, content, .. } in readings {
        let Content::Changes(changes) = content else { continue };
        for change in changes.iter_mut().filter(|change| is_unknown(&change.paths)) {
            if let Some(Some(paths)) = known.get(&(source.clone(), change.id.clone())) {
                change.paths = paths.clone();
            }
        }
    }
}

impl Content {
    /// Keeps the items of which `is_kept` says so, by what they are of.
    fn retain(&mut self, mut is_kept: impl FnMut(Holds, String) -> bool) {
        match self {
            Content::Changes(changes) => {
                changes.retain(|change| is_kept(Holds::Changes, change.id.to_string()))
            }
            Content::Diffs(diffs) => diffs.retain(|diff| is_kept(Holds::Diffs, diff.change.to_string())),
            Content::Series(series) => series.retain(|one| is_kept(Holds::Series, key(one))),
            Content::UsualSeries(series) => series.retain(|one| is_kept(Holds::UsualSeries, key(one))),
            // Counts of two readings can't be added: the latest reading tells all of a service.
            Content::LogTemplates(templates) => {
                templates.retain(|template| is_kept(Holds::LogTemplates, template.service.to_string()));
            }
            Content::Wordings(templates) => {
                templates.retain(|template| is_kept(Holds::Wordings, template.service.to_string()));
            }
            Content::FailedSpans(spans) => {
                spans.retain(|span| is_kept(Holds::FailedSpans, format!("{} {}", span.trace, span.span)));
            }
            Content::SlowSpans(spans) => {
                spans.retain(|span| is_kept(Holds::SlowSpans, format!("{} {}", span.trace, span.span)));
            }
            Content::UsualSpans(spans) => {
                spans.retain(|span| is_kept(Holds::UsualSpans, format!("{} {}", span.trace, span.span)));
            }
            Content::Traces(spans) => {
                spans.retain(|span| is_kept(Holds::Traces, format!("{} {}", span.trace, span.span)));
            }
            Content::Documents(documents) => {
                documents.retain(|document| is_kept(Holds::Documents, document.name.clone()));
            }
            Content::Freezes(freezes) => freezes.retain(|_| is_kept(Holds::Freezes, String::new())),
            // Scores of two readings can't be compared: the latest tells all.
            Content::Similar(all) => all.retain(|_| is_kept(Holds::Similar, String::new())),
            Content::Runbooks(all) => all.retain(|_| is_kept(Holds::Runbooks, String::new())),
            // All of the latest reading, and none of those before.
            Content::Profiles(profiles) => profiles.retain(|_| is_kept(Holds::Profiles, String::new())),
        }
    }
}

fn key(series: &hearback_core::Series) -> String {
    format!("{} {} {} {:?}", series.service, series.kind, series.query, series.labels)
}
