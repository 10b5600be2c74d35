//! Asks every source at once, each with a deadline, and redacts what comes back. A source that fails or is late
//! becomes a [`Gap`]; it never delays or hides the others. It must not know what the changes are needed for.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use hearback_core::change::{Diff, Paths, RepoPath, Review};
use hearback_core::hash::NotCanonical;
use hearback_core::ports::{ChangeQuery, ChangeSource, ConnectorError};
use hearback_core::redaction::{redact, redact_everything};
use hearback_core::{
    Change, ChangeId, ChangeKind, Coverage, Evidence, EvidenceId, ExternalText, Fetched, Gap, Incident,
    Origin, SourceName,
};
use jiff::SignedDuration;
use tracing::Instrument as _;

use crate::snapshot::{Holds, snapshot};

/// How much longer than its budget a source is waited for, at most, and by which part of the budget: it returns what
/// it has at the end of its budget.
const GRACE: SignedDuration = SignedDuration::from_millis(500);
const GRACE_PART: i32 = 4;

/// A change and the evidence that holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighted {
    /// The change, redacted.
    pub change: Change,
    /// The snapshot or the entry it stands in.
    pub evidence: EvidenceId,
}

/// A diff and the evidence that holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct SightedDiff {
    /// The diff, redacted.
    pub diff: Diff,
    /// The snapshot it stands in.
    pub evidence: EvidenceId,
}

/// Everything that was read for one question.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gathered {
    /// The changes of the window, one each, by id.
    pub changes: Vec<Sighted>,
    /// What was searched.
    pub searched: Vec<Coverage>,
    /// What was not seen.
    pub gaps: Vec<Gap>,
    /// What to keep, so that the answer can be replayed.
    pub snapshots: Vec<Evidence>,
}

/// Asks all `sources` for the changes of a window, and adds those that the incident's own record holds.
///
/// # Errors
/// [`NotCanonical`] never happens for these types; it is passed on rather than hidden.
pub async fn changes(
    sources: &[Arc<dyn ChangeSource>],
    incident: Option<&Incident>,
    query: &ChangeQuery,
) -> Result<Gathered, NotCanonical> {
    let asked = sources.iter().map(|source| async move {
        let span = tracing::info_span!("connector.call", source = %source.name(), verb = "changes");
        let fetched = within(query.budget, source.changes(query)).instrument(span).await;
        (source.name().clone(), fetched)
    });
    let mut gathered = Gathered::default();
    let mut by_id = BTreeMap::new();
    if let Some(incident) = incident {
        add_recorded(incident, query, &mut by_id, &mut gathered)
    }
    for (name, fetched) in join_all(asked).await {
        match fetched {
            Ok(fetched) => add_fetched(name, fetched, query, &mut by_id, &mut gathered)?,
            Err(error) => gathered.gaps.push(gap(name, &error)),
        }
    }
    gathered.changes = by_id.into_values().collect();
    Ok(gathered)
}

/// Asks all `sources` for the diffs of `changes`; a source answers for those it knows.
///
/// # Errors
/// [`NotCanonical`] never happens for these types; it is passed on rather than hidden.
pub async fn diffs(
    sources: &[Arc<dyn ChangeSource>],
    changes: &[ChangeId],
    budget: SignedDuration,
    gathered: &mut Gathered,
) -> Result<BTreeMap<ChangeId, SightedDiff>, NotCanonical> {
    let asked = sources.iter().map(|source| async move {
        let span = tracing::info_span!("connector.call", source = %source.name(), verb = "diffs");
        (source.name().clone(), within(budget, source.diffs(changes, budget)).instrument(span).await)
    });
    let mut found = BTreeMap::new();
    for (name, diffs) in join_all(asked).await {
        match diffs {
            Ok(diffs) if diffs.is_empty() => {}
            Ok(mut diffs) => {
                diffs.iter_mut().for_each(redact_diff);
                diffs.sort_by(|a, b| a.change.cmp(&b.change));
                let evidence = snapshot(&name, Origin::Member, Holds::Diffs, &diffs, None)?;
                let cut = diffs.iter().filter(|diff| diff.left_out.is_some()).count();
                if cut > 0 {
                    let why = format!("{cut} of {} diffs were read in part: they are large", diffs.len());
                    gathered.gaps.push(Gap { source: name.clone(), why });
                }
                found.extend(
                    diffs
                        .into_iter()
                        .map(|diff| (diff.change.clone(), SightedDiff { diff, evidence: evidence.id })),
                );
                gathered.snapshots.push(evidence);
            }
            Err(error) => gathered.gaps.push(gap(name, &error)),
        }
    }
    Ok(found)
}

/// What is said of likely commits whose diffs did not come in time, by source. A source that gave none at all may have
/// none to give.
pub fn unread_diffs(
    changes: &[Sighted],
    wanted: &[ChangeId],
    found: &BTreeMap<ChangeId, SightedDiff>,
) -> Vec<Gap> {
    let wanted: BTreeSet<&ChangeId> = wanted.iter().collect();
    let mut by_source: BTreeMap<&SourceName, (usize, usize)> = BTreeMap::new();
    for change in changes.iter().map(|sighted| &sighted.change) {
        if change.kind == ChangeKind::Commit && wanted.contains(&change.id) {
            let (read, unread) = by_source.entry(&change.source).or_default();
            *(if found.contains_key(&change.id) { read } else { unread }) += 1;
        }
    }
    let unread = by_source.into_iter().filter(|(_, (read, unread))| *read > 0 && *unread > 0);
    unread
        .map(|(source, (_, unread))| {
            let these = match unread {
                1 => "diff of 1 likely change was".to_owned(),
                count => format!("diffs of {count} likely changes were"),
            };
            Gap { source: source.clone(), why: format!("the {these} not read") }
        })
        .collect()
}

pub(crate) async fn within<T>(
    budget: SignedDuration,
    call: impl Future<Output = Result<T, ConnectorError>>,
) -> Result<T, ConnectorError> {
    let grace = (budget / GRACE_PART).min(GRACE);
    let deadline = Duration::try_from(budget.saturating_add(grace)).unwrap_or_default();
    tokio::time::timeout(deadline, call).await.unwrap_or(Err(ConnectorError::TimedOut(budget)))
}

pub(crate) fn gap(source: SourceName, error: &ConnectorError) -> Gap {
    tracing::warn!(%source, "a source could not answer");
    Gap { source, why: ExternalText::new(error.to_string()).for_people(300) }
}

fn add_recorded(
    incident: &Incident,
    query: &ChangeQuery,
    by_id: &mut BTreeMap<ChangeId, Sighted>,
    gathered: &mut Gathered,
) {
    let in_window = |change: &Change| query.window.contains(change.effective_at);
    for seen in incident.changes.iter().filter(|seen| in_window(&seen.change.value)) {
        let sighted = Sighted { change: seen.change.value.clone(), evidence: seen.evidence };
        by_id.insert(sighted.change.id.clone(), sighted);
    }
    if let Ok(source) = SourceName::new(format!("record:{}", incident.id)) {
        let searched = format!("{} changes in the record of {}", by_id.len(), incident.id);
        gathered.searched.push(Coverage::complete(source, searched));
    }
}

fn add_fetched(
    name: SourceName,
    fetched: Fetched<Change>,
    query: &ChangeQuery,
    by_id: &mut BTreeMap<ChangeId, Sighted>,
    gathered: &mut Gathered,
) -> Result<(), NotCanonical> {
    let Fetched { mut items, coverage } = fetched;
    items.sort_by(|a, b| a.id.cmp(&b.id));
    items.iter_mut().for_each(redact_change);
    let evidence = snapshot(&name, Origin::Member, Holds::Changes, &items, Some(query.window))?;
    for change in items {
        match by_id.entry(change.id.clone()) {
            btree_map::Entry::Occupied(mut known) => {
                let known = known.get_mut();
                // The record may hold a change without its files; the source that made it knows more.
                if known.change.paths.as_slice().is_empty() && !change.paths.as_slice().is_empty() {
                    let before = std::mem::replace(known, Sighted { change, evidence: evidence.id });
                    say_more(&mut known.change, before.change);
                } else {
                    say_more(&mut known.change, change);
                }
            }
            btree_map::Entry::Vacant(free) => {
                free.insert(Sighted { change, evidence: evidence.id });
            }
        }
    }
    gathered.gaps.extend(coverage.gaps());
    gathered.searched.push(coverage);
    gathered.snapshots.push(evidence);
    Ok(())
}

/// Two sources know one change: git its files, GitHub its review, a pipeline its services.
fn say_more(change: &mut Change, other: Change) {
    if change.review == Review::Unknown {
        change.review = other.review;
    }
    if change.services.is_empty() {
        change.services = other.services;
    }
    if change.delivers.is_empty() {
        change.delivers = other.delivers;
    }
    if change.link.is_none() {
        change.link = other.link;
    }
}

/// Everything that people wrote. Ids, times and shas are the source's own.
fn redact_change(change: &mut Change) {
    redact_text(&mut change.title);
    redact_text(&mut change.body);
    redact_identity(&mut change.author.name);
    change.author.email.iter_mut().for_each(redact_identity);
    change.link = change.link.as_deref().map(|link| redact(link).0.into_owned());
    if let Paths::Known(paths) = &mut change.paths {
        for path in paths {
            redact_path(&mut path.path);
            path.moved_from.iter_mut().for_each(redact_path);
        }
    }
}

/// Nearly all text is ordinary: it is not copied.
fn redact_text(text: &mut ExternalText) {
    if let (clean, 1..) = redact_everything(text.as_untrusted()) {
        *text = ExternalText::new(clean);
    }
}

/// Authors are known by their addresses: those stay.
fn redact_identity(text: &mut ExternalText) {
    if let (clean, 1..) = redact(text.as_untrusted()) {
        *text = ExternalText::new(clean);
    }
}

/// Left as it is unless there is something to take out: a path is escaped, and must not be escaped twice.
fn redact_path(path: &mut RepoPath) {
    if let (clean, 1..) = redact(path.as_str()) {
        *path = RepoPath::from(clean.as_ref());
    }
}

fn redact_diff(diff: &mut Diff) {
    for file in &mut diff.files {
        redact_path(&mut file.path);
        file.lines.iter_mut().for_each(|line| redact_text(&mut line.text));
    }
}
