//! Whom to ask, of sources: what people did, who owns what and who is on call, asked beside everything else, each with a
//! deadline. What comes late or fails is a gap; nothing waits for it longer than for other sources. What an expert rests on
//! is kept as a snapshot of profiles, and a replay begins with these. It must not know how people are weighed.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use hearback_core::change::{ChangeKind, RepoPath};
use hearback_core::expertise::{Expert, LineQuery, NearLines, OnCall, Owned, Work, WorkQuery};
use hearback_core::hash::NotCanonical;
use hearback_core::ports::{ConnectorError, LineHistory, OnCallSource, OwnerSource, WorkSource};
use hearback_core::redaction::redact;
use hearback_core::{
    Catalog, ChangeId, Coverage, Evidence, Fetched, Gap, Origin, ServiceName, SourceName, Suspect, Window,
};
use jiff::{SignedDuration, Timestamp};
use tracing::Instrument as _;

use crate::analysts::experts::rules::ExpertRules;
use crate::analysts::experts::{self, KnownPerson, Profile};
use crate::gather::{Sighted, gap, within};
use crate::snapshot::{Holds, snapshot};

/// How far back it is read what people did.
const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);
/// What a source of owners says that it searched where there is no such file.
pub const NO_CODEOWNERS: &str = "no CODEOWNERS";
/// How many people an answer names.
const ANSWERED: usize = 3;
/// How many people's profiles are kept as evidence.
const KEPT: usize = 20;
/// The most files whose owners are asked for.
const MOST_OWNED: usize = 200;

/// As many of the likeliest changes are asked about who wrote the lines near them.
const MOST_NEAR: usize = 8;

/// How experts are found.
#[derive(Debug, Clone, Default)]
pub struct ExpertSettings {
    /// The weights; without any nobody is looked for.
    pub rules: ExpertRules,
    /// The configured people.
    pub people: Vec<KnownPerson>,
    /// How long sources of people may take beside an answer that does not wait for them; none for as long as others.
    pub at_most: Option<SignedDuration>,
}

/// Those who know about people.
#[derive(Clone, Default)]
pub struct PeopleSources {
    /// Those that know what people did.
    pub works: Vec<Arc<dyn WorkSource>>,
    /// Those that know who wrote which lines.
    pub lines: Vec<Arc<dyn LineHistory>>,
    /// Those that know who owns files.
    pub owners: Vec<Arc<dyn OwnerSource>>,
    /// Those that know who is on call.
    pub on_call: Vec<Arc<dyn OnCallSource>>,
    /// What a record kept of people, in place of all of them.
    pub recorded: Vec<(SourceName, Vec<Profile>)>,
}

impl PeopleSources {
    fn is_empty(&self) -> bool {
        self.works.is_empty()
            && self.lines.is_empty()
            && self.owners.is_empty()
            && self.on_call.is_empty()
            && self.recorded.iter().all(|(_, profiles)| profiles.is_empty())
    }
}

/// What was read of people.
#[derive(Debug, Default)]
pub(crate) struct Knowledge {
    pub works: Vec<Work>,
    pub lines: Vec<NearLines>,
    pub on_call: Vec<(SourceName, OnCall)>,
    pub owned: Vec<(SourceName, Owned)>,
    pub searched: Vec<Coverage>,
    pub gaps: Vec<Gap>,
}

/// Who was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// Everybody, those who know most first.
    pub ordered: Vec<Profile>,
    /// The first of them, and whoever is on call: those whose profiles are kept.
    pub kept: Vec<Profile>,
    /// The snapshot of those, to be kept if they are named.
    pub snapshot: Option<Evidence>,
    /// What was searched for them.
    pub searched: Vec<Coverage>,
    /// What of it could not be seen.
    pub gaps: Vec<Gap>,
}

impl Knowledge {
    /// What a source gave. What it searched and did not see is noted; if it failed, that is a gap.
    fn seen<T>(&mut self, name: &SourceName, fetched: Result<Fetched<T>, ConnectorError>) -> Vec<T> {
        match fetched {
            Ok(Fetched { items, coverage }) => {
                self.gaps.extend(coverage.gaps());
                self.searched.push(coverage);
                items
            }
            Err(error) => {
                self.gaps.push(gap(name.clone(), &error));
                Vec::new()
            }
        }
    }

    /// What another question to the sources brought.
    pub fn add(&mut self, other: Knowledge) {
        self.works.extend(other.works);
        self.lines.extend(other.lines);
        self.on_call.extend(other.on_call);
        self.owned.extend(other.owned);
        self.searched.extend(other.searched);
        self.gaps.extend(other.gaps);
    }
}

impl Found {
    /// The first `most`, and whoever is on call.
    pub fn experts(&self, rules: &ExpertRules, as_of: Timestamp, most: usize) -> Vec<Expert> {
        let Some(snapshot) = &self.snapshot else { return Vec::new() };
        experts::experts(rules, &self.kept, snapshot.id, as_of, most)
    }

    /// Those an answer names: none, if they are only the author of the first suspect, whom it names anyway.
    pub(crate) fn answered(
        &self,
        rules: &ExpertRules,
        as_of: Timestamp,
        first: Option<&Suspect>,
    ) -> Vec<Expert> {
        let mut experts = self.experts(rules, as_of, ANSWERED);
        // Whoever is to be paged is among them.
        if let Some(place) = experts.iter().position(|expert| expert.page_first)
            && place >= ANSWERED
        {
            let first = experts.remove(place);
            experts.insert(ANSWERED - 1, first);
        }
        experts.truncate(ANSWERED);
        let named = first.map(|first| &first.change.author);
        if !experts.iter().any(|expert| expert.on_call || Some(&expert.name) != named) {
            experts.clear();
        }
        experts
    }
}

/// What nobody connected, in one sentence each. An answer to "what changed?" does not complain of it.
pub fn not_connected(
    sources: &PeopleSources,
    found: &Found,
    services: &[ServiceName],
    catalog: &Catalog,
) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut say = |source: &str, why: String| {
        gaps.extend(SourceName::new(source).ok().map(|source| Gap { source, why }));
    };
    if sources.works.is_empty() {
        say("git", "no repository is connected; who did what is not known".into());
    }
    if sources.on_call.is_empty() {
        say("on_call", "no on-call schedule is connected".into());
    }
    for coverage in found.searched.iter().filter(|coverage| coverage.searched == NO_CODEOWNERS) {
        say(coverage.source.as_str(), "no CODEOWNERS in it".into());
    }
    for name in services {
        match catalog.find(name.as_str()) {
            None => say("catalog", format!("{name} is not in it, so who owns it is not known")),
            Some(service) if service.owner.is_none() => say("catalog", format!("{name} has no owner")),
            Some(_) => {}
        }
    }
    gaps
}

/// Asks who did what and who is on call.
pub(crate) async fn ask(
    sources: &PeopleSources,
    settings: &ExpertSettings,
    as_of: Timestamp,
    budget: SignedDuration,
) -> Knowledge {
    let mut known = Knowledge::default();
    if settings.rules.is_empty() || !sources.recorded.is_empty() {
        return known;
    }
    let budget = settings.at_most.map_or(budget, |most| most.min(budget));
    let query = WorkQuery { window: Window::before(as_of, YEAR), budget };
    let works = sources.works.iter().map(|source| {
        let query = query.clone();
        async move {
            let span = tracing::info_span!("connector.call", source = %source.name(), verb = "works");
            (source.name().clone(), within(budget, source.works(&query)).instrument(span).await)
        }
    });
    let on_call = sources.on_call.iter().map(|source| async move {
        let span = tracing::info_span!("connector.call", source = %source.name(), verb = "on_call");
        (source.name().clone(), within(budget, source.on_call(as_of, budget)).instrument(span).await)
    });
    let (works, on_call) = futures::join!(join_all(works), join_all(on_call));
    for (name, fetched) in works {
        let items = known.seen(&name, fetched);
        known.works.extend(items.into_iter().filter(|work| work.at < as_of));
    }
    for (name, fetched) in on_call {
        let items = known.seen(&name, fetched);
        known.on_call.extend(items.into_iter().map(|duty| (name.clone(), duty)));
    }
    known
}

/// Asks who owns the files of the likeliest changes.
pub(crate) async fn ask_owners(
    sources: &PeopleSources,
    settings: &ExpertSettings,
    changes: &[Sighted],
    likeliest: &[ChangeId],
    as_of: Timestamp,
    budget: SignedDuration,
) -> Knowledge {
    let mut known = Knowledge::default();
    if settings.rules.is_empty() || !sources.recorded.is_empty() {
        return known;
    }
    // Two repositories may have files of one name: each is asked for its own.
    let mut paths: BTreeMap<&SourceName, Vec<RepoPath>> = BTreeMap::new();
    for sighted in likeliest.iter().filter_map(|id| changes.iter().find(|one| one.change.id == *id)) {
        let of_source = paths.entry(&sighted.change.source).or_default();
        let room = MOST_OWNED.saturating_sub(of_source.len());
        of_source.extend(sighted.change.paths.as_slice().iter().take(room).map(|path| path.path.clone()));
    }
    let budget = settings.at_most.map_or(budget, |most| most.min(budget));
    let asked = sources.owners.iter().filter_map(|source| Some((source, paths.get(source.name())?)));
    let asked = asked.map(|(source, paths)| async move {
        let span = tracing::info_span!("connector.call", source = %source.name(), verb = "owners");
        (source.name().clone(), within(budget, source.owners(paths, as_of, budget)).instrument(span).await)
    });
    for (name, fetched) in join_all(asked).await {
        let items = known.seen(&name, fetched);
        known.owned.extend(items.into_iter().map(|owned| (name.clone(), owned)));
    }
    known
}

/// Asks who wrote the lines that the likeliest changes replaced or stand next to. It is asked while their diffs are read, and
/// what is not found within half of what people may take is a gap.
pub(crate) async fn ask_lines(
    sources: &PeopleSources,
    settings: &ExpertSettings,
    changes: &[Sighted],
    likeliest: &[ChangeId],
    as_of: Timestamp,
    budget: SignedDuration,
) -> Knowledge {
    let mut known = Knowledge::default();
    if settings.rules.is_empty() || !sources.recorded.is_empty() {
        return known;
    }
    let mut of_source: BTreeMap<&SourceName, Vec<ChangeId>> = BTreeMap::new();
    let likeliest = likeliest.iter().filter_map(|id| changes.iter().find(|one| one.change.id == *id));
    for sighted in likeliest.filter(|one| one.change.kind == ChangeKind::Commit).take(MOST_NEAR) {
        of_source.entry(&sighted.change.source).or_default().push(sighted.change.id.clone());
    }
    let budget = settings.at_most.map_or(budget, |most| (most / 2).min(budget));
    let asked = sources.lines.iter().filter_map(|source| Some((source, of_source.get(source.name())?)));
    let asked = asked.map(|(source, changes)| async move {
        let span = tracing::info_span!("connector.call", source = %source.name(), verb = "lines_near");
        let query = LineQuery { changes: changes.clone(), as_of, budget };
        (source.name().clone(), within(budget, source.lines_near(&query)).instrument(span).await)
    });
    for (name, fetched) in join_all(asked).await {
        let items = known.seen(&name, fetched);
        known.lines.extend(items);
    }
    known
}

/// Weighs what is known of people, and keeps what the first of them rest on.
///
/// # Errors
/// [`NotCanonical`] never happens for these types; it is passed on rather than hidden.
pub(crate) fn find(
    sources: &PeopleSources,
    settings: &ExpertSettings,
    known: Knowledge,
    inputs: experts::Inputs<'_>,
) -> Result<Found, NotCanonical> {
    let Knowledge { works, lines, on_call, owned, searched, gaps } = known;
    if settings.rules.is_empty() || sources.is_empty() {
        return Ok(Found::default());
    }
    let recorded = sources.recorded.iter().find(|(_, profiles)| !profiles.is_empty());
    let (name, profiles) = match recorded {
        Some((name, profiles)) => (name.clone(), profiles.clone()),
        None => {
            let inputs = experts::Inputs {
                works: &works,
                lines: &lines,
                on_call: &on_call,
                owned: &owned,
                people: &settings.people,
                ..inputs
            };
            let first = sources.works.first().map(|source| source.name().clone());
            let name = first.or_else(|| on_call.first().map(|(name, _)| name.clone()));
            let Some(name) = name.or_else(|| owned.first().map(|(name, _)| name.clone())) else {
                return Ok(Found { searched, gaps, ..Found::default() });
            };
            (name, experts::profiles(inputs))
        }
    };
    let mut ordered = experts::order(&settings.rules, profiles);
    for (place, profile) in (1..).zip(ordered.iter_mut()) {
        if let (clean, 1..) = redact(profile.name.as_untrusted()) {
            profile.name = clean.into_owned().as_str().into();
        }
        // In a record there are only the first: their places stay.
        if recorded.is_none() {
            profile.place = place;
        }
    }
    let mut kept: Vec<Profile> = ordered.iter().take(KEPT).cloned().collect();
    // Whoever is on call is told, however little they know of it.
    let asleep = ordered.iter().skip(KEPT).filter(|profile| profile.on_call.is_some());
    kept.extend(asleep.take(ANSWERED).cloned());
    if kept.is_empty() {
        return Ok(Found { searched, gaps, ..Found::default() });
    }
    let snapshot = Some(snapshot(&name, Origin::Member, Holds::Profiles, &kept, None)?);
    Ok(Found { ordered, kept, snapshot, searched, gaps })
}
