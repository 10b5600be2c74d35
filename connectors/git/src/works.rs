//! History as what people did: a year of commits with their authors, the clocks they wrote by, who brought them in and
//! which files they touched. Lines are not counted, so a year costs little more than its walk. Everything from the
//! window's end on is hidden, `.mailmap` included. It must not know who asks, or what is concluded of people.

use std::collections::HashMap;
use std::sync::Arc;

use git2::{ObjectType, Oid, Repository};
use hearback_core::change::{Nature, RepoPath};
use hearback_core::evidence::{Coverage, Fetched};
use hearback_core::expertise::Work;
use hearback_core::ids::ChangeId;
use hearback_core::ports::ConnectorError;
use hearback_core::time::{format_length, format_time};
use hearback_core::{ExternalText, Window};
use jiff::{SignedDuration, Timestamp};

use crate::authors::Authors;
use crate::cache::Table;
use crate::checkpoint::{self, Checkpoint};
use crate::crew;
use crate::deed::{self, Deed, MOST_PATHS};
use crate::object::{self, Words};
use crate::objects::Objects;
use crate::question::Shared;
use crate::repositories::{self, Tip};
use crate::revert_links::{self, Target, Visible};
use crate::revert_message::parse_mentions;
use crate::stop::Stop;
use crate::tree;
use crate::walk::{self, Graph, Past, Route, WalkMode};

/// Names that stand for a forge rather than a person as committer, in lower case.
const FORGES: &[&str] = &["github", "gitlab", "gerrit code review", "bitbucket"];

/// A commit whose deed is wanted.
struct Job {
    place: usize,
    commit: Oid,
    old: Option<Oid>,
    new: Oid,
}

/// Reads what was done inside `window`.
pub(crate) fn works(
    shared: &Shared,
    window: Window,
    budget: SignedDuration,
    stop: &Stop,
) -> Result<Fetched<Work>, ConnectorError> {
    shared.repositories.with(|repository| {
        let objects = Objects::new(repository).map_err(|error| {
            ConnectorError::Failed(format!("git's objects can't be read: {}", error.message()))
        })?;
        let tip = repositories::resolve(repository, shared.options.revision.as_deref())?;
        let (from_s, until_s) = (ceil_s(window.from), ceil_s(window.until));
        let graph = walk_back(shared, repository, &objects, &tip, (from_s, until_s), stop);
        let is_inside = |seconds: i64| (from_s..until_s).contains(&seconds);
        // Merges bring the works of others.
        let mut inside: Vec<usize> = (0..graph.nodes.len())
            .filter(|&index| {
                graph
                    .node(index)
                    .is_some_and(|node| is_inside(node.header.committed_s) && node.header.parents.len() < 2)
            })
            .collect();
        // Oldest first: what reverts comes after what is reverted.
        inside.sort_by_key(|&index| graph.node(index).map(|node| (node.header.committed_s, node.oid)));
        let deeds = deeds(shared, &graph, &inside, stop)?;
        let late = deeds.iter().filter(|deed| deed.is_none()).count();
        let known: Vec<(usize, Arc<Deed>)> =
            inside.iter().zip(deeds).filter_map(|(&index, deed)| Some((index, deed?))).collect();
        let mut missing = Vec::new();
        if let Some(stopped_at_s) = graph.stopped_at_s {
            missing.push(format!(
                "time was up after {}: what people did before {} was not looked at",
                format_length(budget),
                format_time(at(stopped_at_s))
            ));
        }
        if late > 0 {
            missing.push(format!(
                "time was up after {}: who wrote {late} older commits was not read",
                format_length(budget)
            ));
        }
        if graph.nodes.iter().any(|node| node.past == Past::CutOff && node.header.committed_s >= from_s) {
            missing.push("history is cut by a shallow clone; run `git fetch --unshallow`".to_owned());
        }
        let items = told(shared, &objects, &graph, &known, until_s);
        let from = window.from.strftime("%Y-%m-%d");
        let called: String = tip.called.chars().filter(|c| !c.is_control()).take(80).collect();
        let searched = format!("who wrote {} commits on {called} since {from}", items.len());
        Ok(Fetched { items, coverage: Coverage { source: shared.source.clone(), searched, missing } })
    })?
}

/// The main line's newest commit before a moment, its tree; none if there is none.
pub(crate) fn tree_as_of(
    shared: &Shared,
    repository: &Repository,
    objects: &Objects<'_>,
    as_of: Timestamp,
    stop: &Stop,
) -> Result<Option<Oid>, ConnectorError> {
    let until_s = ceil_s(as_of);
    let mut next = Some(repositories::resolve(repository, shared.options.revision.as_deref())?.oid);
    while let Some(oid) = next {
        stop.check().map_err(|_| ConnectorError::TimedOut(stop.budget()))?;
        let known = shared.memory.headers.get_one(oid).map(|header| header.as_ref().clone());
        let read = || objects.with(oid, ObjectType::Commit, object::parse_header).ok().flatten();
        let Some(header) = known.or_else(read) else { return Ok(None) };
        if header.committed_s < until_s {
            return Ok(Some(header.tree));
        }
        next = header.parents.first().copied();
    }
    Ok(None)
}

fn walk_back(
    shared: &Shared,
    repository: &Repository,
    objects: &Objects<'_>,
    tip: &Tip,
    (from_s, until_s): (i64, i64),
    stop: &Stop,
) -> Graph {
    let shallow = repositories::shallow_commits(repository);
    let whole = Checkpoint { at_s: i64::MAX, main: Some(tip.oid), waiting: vec![tip.oid] };
    let known = shared.options.cache.as_ref().and_then(|cache| {
        let facts = cache.load(Table::Checkpoints, &[tip.oid]);
        facts.get(&tip.oid).and_then(|fact| checkpoint::decode(fact))
    });
    let known = known.unwrap_or_default();
    let is_here = |oid: &Oid| objects.with(*oid, ObjectType::Commit, |_| ()).is_ok();
    let near = checkpoint::nearest(&known, until_s).filter(|_| shallow.is_empty());
    let start = near.filter(|place| place.waiting.iter().all(is_here)).unwrap_or(&whole);
    let route = Route { start, from_s, until_s, mode: WalkMode::AllCommits, shallow: &shallow };
    walk::walk(objects, &shared.memory.headers, &route, stop, &|_| {})
}

/// What each commit tells, remembered, kept or read; none where time was up.
fn deeds(
    shared: &Shared,
    graph: &Graph,
    inside: &[usize],
    stop: &Stop,
) -> Result<Vec<Option<Arc<Deed>>>, ConnectorError> {
    let oids: Vec<Option<Oid>> = inside.iter().map(|&index| graph.node(index).map(|node| node.oid)).collect();
    let mut deeds = shared.memory.deeds.get(oids.iter().map(|oid| oid.unwrap_or(Oid::ZERO_SHA1)));
    let unknown = |deeds: &[Option<Arc<Deed>>]| -> Vec<(usize, Oid)> {
        let places = deeds.iter().zip(&oids).enumerate().filter(|(_, (deed, _))| deed.is_none());
        places.filter_map(|(place, (_, oid))| Some((place, (*oid)?))).collect()
    };
    let mut fresh: Vec<(Oid, Arc<Deed>)> = Vec::new();
    if let Some(cache) = &shared.options.cache {
        let wanted = unknown(&deeds);
        let facts = cache.load(Table::Deeds, &wanted.iter().map(|(_, oid)| *oid).collect::<Vec<_>>());
        for (place, oid) in wanted {
            let known = facts.get(&oid).and_then(|fact| deed::decode(fact)).map(Arc::new);
            fresh.extend(known.iter().map(|deed| (oid, Arc::clone(deed))));
            if let Some(slot) = deeds.get_mut(place) {
                *slot = known;
            }
        }
    }
    let mut jobs: Vec<Job> = unknown(&deeds)
        .into_iter()
        .filter_map(|(place, commit)| {
            let node = graph.node(*inside.get(place)?)?;
            let parent = node.parents.first().and_then(|&at| graph.node(at)).map(|parent| parent.header.tree);
            Some(Job { place, commit, old: parent, new: node.header.tree })
        })
        .collect();
    // The newest first: if time is short, they are the ones wanted.
    jobs.reverse();
    let read = crew::work(&shared.repositories, &jobs, &|_| {}, |objects, job: &Job| {
        stop.check()?;
        Ok(read_deed(objects, job))
    })?;
    let mut facts = Vec::new();
    for (job, read) in jobs.iter().zip(read) {
        let Some((deed, is_whole)) = read else { continue };
        let deed = Arc::new(deed);
        if is_whole {
            facts.push((job.commit, deed::encode(&deed)));
            fresh.push((job.commit, Arc::clone(&deed)));
        }
        if let Some(slot) = deeds.get_mut(job.place) {
            *slot = Some(deed);
        }
    }
    if let Some(cache) = &shared.options.cache {
        cache.store(Table::Deeds, &facts);
    }
    shared.memory.deeds.extend(fresh);
    Ok(deeds)
}

/// What a commit tells, and whether all of it could be read.
fn read_deed(objects: &Objects<'_>, job: &Job) -> (Deed, bool) {
    let words = objects
        .with(job.commit, ObjectType::Commit, |raw| (object::parse_people(raw), object::parse_words(raw)));
    let (people, words) = match words {
        Ok(read) => read,
        Err(_) => return (Deed::default(), false),
    };
    let mentions = parse_mentions(&words.title, &words.body);
    let body = deed::beginning(words.body);
    let mut deed = Deed { people, title: words.title, body, mentions, paths: Vec::new() };
    match tree::diff(objects, job.old, Some(job.new)) {
        Ok(deltas) => {
            deed.paths = deltas.into_iter().take(MOST_PATHS).map(|delta| delta.path).collect();
            (deed, true)
        }
        Err(_) => (deed, false),
    }
}

fn told(
    shared: &Shared,
    objects: &Objects<'_>,
    graph: &Graph,
    known: &[(usize, Arc<Deed>)],
    until_s: i64,
) -> Vec<Work> {
    // The tree of the newest visible commit of the main line: a later .mailmap would tell the future.
    let visible = graph.main_line().into_iter().filter_map(|index| graph.node(index));
    let newest = visible.into_iter().find(|node| node.header.committed_s < until_s);
    let mut authors = Authors::of_tree(objects, newest.map(|node| node.header.tree));
    let shas: Vec<String> = known
        .iter()
        .map(|(index, _)| graph.node(*index).map_or_else(String::new, |node| node.oid.to_string()))
        .collect();
    let visible: Vec<Visible<'_>> = known
        .iter()
        .zip(&shas)
        .map(|((_, deed), sha)| Visible { sha: sha.clone(), title: &deed.title, mentions: &deed.mentions })
        .collect();
    // Whom a revert of something older is about is not known, and not worth a search for every short sha.
    let links = revert_links::link(&visible, &|_| None);
    let mut is_bot: HashMap<String, bool> = HashMap::new();
    let id = |sha: &str| ChangeId::commit(&shared.name, sha).ok();
    let mut works = Vec::with_capacity(known.len());
    for (((index, deed), sha), links) in known.iter().zip(&shas).zip(&links) {
        let (Some(node), Some(change)) = (graph.node(*index), id(sha)) else { continue };
        let person = |authors: &mut Authors, name: &str, email: &str| {
            let words = Words { name: name.to_owned(), email: email.to_owned(), ..Words::default() };
            authors.resolve(&words)
        };
        let people = &deed.people;
        let author = person(&mut authors, &people.name, &people.email);
        let is_other = author.email.as_ref().is_some_and(|email| email.as_untrusted() != people.email);
        let alias = (is_other && !people.email.is_empty()).then(|| ExternalText::from(people.email.as_str()));
        let landed_by = if people.committer_email == people.email || people.committer_name.is_empty() {
            None
        } else {
            let lands = is_bot.entry(people.committer_name.to_lowercase());
            let by = person(&mut authors, &people.committer_name, &people.committer_email);
            let is_forge =
                *lands.or_insert_with_key(|name| FORGES.contains(&name.as_str()) || by.nature == Nature::Bot);
            (!is_forge && by.email != author.email).then_some(by)
        };
        let reverts = links.reverts.iter().filter_map(|target| match target {
            Target::Visible(place) => id(shas.get(*place)?),
            Target::Outside(sha) => id(sha),
        });
        works.push(Work {
            change,
            at: at(node.header.committed_s),
            author,
            alias,
            clock: people.clock_minutes.map(|minutes| SignedDuration::from_mins(i64::from(minutes))),
            landed_by,
            title: ExternalText::new(deed.title.as_str()),
            body: ExternalText::new(deed.body.as_str()),
            paths: deed.paths.iter().map(|path| RepoPath::from_bytes(path)).collect(),
            says: deed.mentions.says,
            reverts: reverts.collect(),
        });
    }
    works
}

/// As in `question`: git's dates are whole seconds.
pub(crate) fn ceil_s(at: Timestamp) -> i64 {
    at.as_second() + i64::from(at.subsec_nanosecond() > 0)
}

/// The moment of a date of git's.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
}
