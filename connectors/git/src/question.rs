//! The main flow of a question: walk, land, count, link, and say what was searched and what was not seen.
//! Everything from the window's end on is hidden here; no other file decides what is visible.

use std::sync::Arc;

use git2::{ObjectType, Oid, Repository};
use hearback_core::change::{
    Author, Change, ChangeKind, Landed, Nature, PathChange, Paths, Revert, RevertedBy, Review,
};
use hearback_core::evidence::{Coverage, Fetched};
use hearback_core::ids::{ChangeId, SourceName};
use hearback_core::ports::ConnectorError;
use hearback_core::time::format_length;
use hearback_core::{ExternalText, Window};
use jiff::{SignedDuration, Timestamp};

use crate::authors::Authors;
use crate::cache::Table;
use crate::checkpoint::{self, Checkpoint};
use crate::crew;
use crate::encoding::{decode_rows, encode_rows};
use crate::files::{self, Files};
use crate::landing::{Landing, landing};
use crate::link::Forge;
use crate::memory::{Memory, Told};
use crate::object;
use crate::objects::Objects;
use crate::repositories::{self, Repositories, Tip};
use crate::revert_links::{self, Links, Target, Visible};
use crate::revert_message::parse_mentions;
use crate::source::{GitOptions, Progress};
use crate::stop::Stop;
use crate::tags::{self, KnownTags, Release};
use crate::walk::{self, Graph, Past, Route, WalkMode};

/// What all questions to one repository share.
pub(crate) struct Shared {
    pub(crate) repositories: Repositories,
    pub(crate) name: String,
    pub(crate) source: SourceName,
    pub(crate) forge: Option<Forge>,
    pub(crate) options: GitOptions,
    pub(crate) memory: Memory,
    pub(crate) tags: KnownTags,
}

impl Shared {
    fn progress(&self, progress: Progress) {
        if let Some(hear) = &self.options.progress {
            hear(progress);
        }
    }

    fn commit_id(&self, sha: &str) -> Option<ChangeId> {
        ChangeId::commit(&self.name, sha).ok()
    }
}

/// A question.
pub(crate) struct Asked {
    pub(crate) window: Window,
    pub(crate) budget: SignedDuration,
}

/// A commit of the window on its way to becoming a change.
struct Item {
    index: usize,
    told: Arc<Told>,
}

/// The files of a commit as a question has them.
enum Seen {
    /// All of them, shared with other questions.
    Whole(Arc<Vec<PathChange>>),
    /// As far as they could be read now.
    Now(Files),
}

impl Seen {
    fn into_paths(self) -> Paths {
        match self {
            Seen::Whole(paths) => Paths::Known(Arc::unwrap_or_clone(paths)),
            Seen::Now(files) => files.into_paths(),
        }
    }
}

/// Answers a question.
pub(crate) fn ask(shared: &Shared, asked: &Asked, stop: &Stop) -> Result<Fetched<Change>, ConnectorError> {
    shared.repositories.with(|repository| {
        let objects = Objects::new(repository).map_err(|error| {
            ConnectorError::Failed(format!("git's objects can't be read: {}", error.message()))
        })?;
        Question { shared, asked, stop, repository, objects: &objects }.answer()
    })?
}

struct Question<'a> {
    shared: &'a Shared,
    asked: &'a Asked,
    stop: &'a Stop,
    repository: &'a Repository,
    objects: &'a Objects<'a>,
}

impl Question<'_> {
    fn answer(&self) -> Result<Fetched<Change>, ConnectorError> {
        let (from_s, until_s) = (ceil_s(self.asked.window.from), ceil_s(self.asked.window.until));
        let tip = repositories::resolve(self.repository, self.shared.options.revision.as_deref())?;
        let graph = self.walk(&tip, from_s, until_s);
        if graph.nodes.is_empty() {
            return Err(ConnectorError::NotUsable(format!(
                "the newest commit of {} is not in the repository; run `git fetch` there",
                tip.called
            )));
        }
        let is_inside = |index: usize| {
            graph.node(index).is_some_and(|n| (from_s..until_s).contains(&n.header.committed_s))
        };
        let landing = landing(&graph, until_s, &is_inside);
        let inside: Vec<usize> = landing.order.iter().copied().filter(|&index| is_inside(index)).collect();
        let items = self.items(&graph, inside);
        let files = self.files(&graph, &items)?;
        let releases = tags::releases(
            self.repository,
            self.objects,
            &graph,
            &self.shared.tags,
            (from_s, until_s),
            self.stop,
        );
        let missing = self.missing(&graph, &items, &files, from_s);
        let searched = self.searched(&graph, &landing, &tip, items.len(), releases.len());
        let changes = self.changes(&graph, &landing, items, files, releases, until_s);
        let coverage = Coverage { source: self.shared.source.clone(), searched, missing };
        Ok(Fetched { items: changes, coverage })
    }

    fn walk(&self, tip: &Tip, from_s: i64, until_s: i64) -> Graph {
        let mode = self.shared.options.walk;
        let shallow = repositories::shallow_commits(self.repository);
        let known = self.checkpoints(tip.oid);
        let whole = Checkpoint { at_s: i64::MAX, main: Some(tip.oid), waiting: vec![tip.oid] };
        // A place on the way may have been reached in another clone that shares the cache, and lack something here: what
        // is missing has to be met, so that it is told.
        let is_here = |oid: &Oid| self.objects.with(*oid, ObjectType::Commit, |_| ()).is_ok();
        let near = checkpoint::nearest(&known, until_s).filter(|_| shallow.is_empty());
        let start = near.filter(|place| place.waiting.iter().all(is_here)).unwrap_or(&whole);
        let route = Route { start, from_s, until_s, mode, shallow: &shallow };
        let mut graph = walk::walk(self.objects, &self.shared.memory.headers, &route, self.stop, &|seen| {
            self.shared.progress(Progress::Walking { seen });
        });
        if let (Some(cache), Some(reached)) = (&self.shared.options.cache, graph.checkpoint.take()) {
            let fact = checkpoint::encode(&checkpoint::with(known, reached));
            cache.store(checkpoint_table(mode), &[(tip.oid, fact)]);
        }
        graph
    }

    /// Where earlier walks from this tip stood.
    fn checkpoints(&self, tip: Oid) -> Vec<Checkpoint> {
        let Some(cache) = &self.shared.options.cache else { return Vec::new() };
        let facts = cache.load(checkpoint_table(self.shared.options.walk), &[tip]);
        facts.get(&tip).and_then(|fact| checkpoint::decode(fact)).unwrap_or_default()
    }

    /// What was written in these commits, remembered or read.
    fn items(&self, graph: &Graph, inside: Vec<usize>) -> Vec<Item> {
        let memory = &self.shared.memory.told;
        let commits: Vec<(usize, Oid)> =
            inside.into_iter().filter_map(|index| Some((index, graph.node(index)?.oid))).collect();
        let known = memory.get(commits.iter().map(|(_, oid)| *oid));
        let mut fresh = Vec::new();
        let item = |((index, oid), known): (&(usize, Oid), Option<Arc<Told>>)| {
            let told = known.unwrap_or_else(|| match self.told(*oid) {
                Some(told) => {
                    let told = Arc::new(told);
                    fresh.push((*oid, Arc::clone(&told)));
                    told
                }
                None => Arc::default(),
            });
            Item { index: *index, told }
        };
        let items = commits.iter().zip(known).map(item).collect();
        memory.extend(fresh);
        items
    }

    /// What was written in a commit; none if it can't be read.
    fn told(&self, commit: Oid) -> Option<Told> {
        let words = self.objects.with(commit, ObjectType::Commit, object::parse_words).ok()?;
        let mentions = parse_mentions(&words.title, &words.body);
        Some(Told { words, mentions })
    }

    /// The files of each item, from the cache or counted; none where time was up.
    fn files(&self, graph: &Graph, items: &[Item]) -> Result<Vec<Option<Seen>>, ConnectorError> {
        let mut files: Vec<Option<Seen>> = Vec::with_capacity(items.len());
        let mut jobs = Vec::new();
        for (place, item) in items.iter().enumerate() {
            let Some(node) = graph.node(item.index) else { continue };
            let is_merge = node.header.parents.len() > 1;
            let parent = node.parents.first().and_then(|&at| graph.node(at)).map(|parent| parent.header.tree);
            files.push(match node.past {
                Past::CutOff | Past::Absent => Some(Seen::Now(Files::Unknown)),
                _ if is_merge && self.shared.options.walk == WalkMode::AllCommits => {
                    Some(Seen::Now(Files::none()))
                }
                // The walk was stopped before it came to this commit's parents.
                Past::NotAsked => None,
                Past::Followed => {
                    jobs.push(Job { place, commit: node.oid, old: parent, new: node.header.tree });
                    None
                }
            });
        }
        self.load(&mut jobs, &mut files);
        // The newest first: if time is short, they are the ones wanted.
        jobs.reverse();
        let of = jobs.len();
        let counted = crew::work(
            &self.shared.repositories,
            &jobs,
            &|done| self.shared.progress(Progress::Counting { done, of }),
            |objects, job: &Job| files::between(objects, job.old, job.new, self.stop),
        )?;
        let (mut facts, mut fresh) = (Vec::new(), Vec::new());
        for (job, counted) in jobs.iter().zip(counted) {
            let seen = match counted {
                Some(Files::Known { rows, absent: 0, too_large: 0 }) => {
                    if self.shared.options.cache.is_some() {
                        facts.push((job.commit, encode_rows(&rows)));
                    }
                    let whole = Arc::new(files::path_changes(rows));
                    fresh.push((job.commit, Arc::clone(&whole)));
                    Some(Seen::Whole(whole))
                }
                other => other.map(Seen::Now),
            };
            if let Some(slot) = files.get_mut(job.place) {
                *slot = seen;
            }
        }
        if let Some(cache) = &self.shared.options.cache {
            cache.store(Table::Files, &facts);
        }
        self.shared.memory.files.extend(fresh);
        Ok(files)
    }

    /// Takes what is remembered, then what the cache knows; the jobs that are left must be done.
    fn load(&self, jobs: &mut Vec<Job>, files: &mut [Option<Seen>]) {
        let mut settle = |job: &Job, whole: Option<Arc<Vec<PathChange>>>| match files.get_mut(job.place) {
            Some(slot) if whole.is_some() => {
                *slot = whole.map(Seen::Whole);
                true
            }
            _ => false,
        };
        let memory = &self.shared.memory.files;
        let mut known = memory.get(jobs.iter().map(|job| job.commit)).into_iter();
        jobs.retain(|job| !settle(job, known.next().flatten()));
        let Some(cache) = &self.shared.options.cache else { return };
        let commits: Vec<Oid> = jobs.iter().map(|job| job.commit).collect();
        let known = cache.load(Table::Files, &commits);
        let mut fresh = Vec::new();
        jobs.retain(|job| {
            let rows = known.get(&job.commit).and_then(|fact| decode_rows(fact));
            let whole = rows.map(|rows| Arc::new(files::path_changes(rows)));
            fresh.extend(whole.iter().map(|whole| (job.commit, Arc::clone(whole))));
            !settle(job, whole)
        });
        memory.extend(fresh);
    }

    fn changes(
        &self,
        graph: &Graph,
        landing: &Landing,
        items: Vec<Item>,
        files: Vec<Option<Seen>>,
        releases: Vec<Release>,
        until_s: i64,
    ) -> Vec<Change> {
        let tree = landing.tip.and_then(|tip| graph.node(tip)).map(|node| node.header.tree);
        let mut authors = Authors::of_tree(self.objects, tree);
        let links = self.links(graph, &items, until_s);
        let id_at =
            |index: usize| graph.node(index).and_then(|node| self.shared.commit_id(&node.oid.to_string()));
        let ids: Vec<Option<ChangeId>> = items.iter().map(|item| id_at(item.index)).collect();
        let effects: Vec<(Timestamp, Landed)> =
            items.iter().map(|item| effect(graph, landing, item.index)).collect();

        let mut changes = Vec::with_capacity(items.len() + releases.len());
        let first_parent = self.shared.options.walk == WalkMode::FirstParent;
        for (place, ((item, files), links)) in items.iter().zip(files).zip(&links).enumerate() {
            let (Some(node), Some(Some(id)), Some(&(effective_at, landed))) =
                (graph.node(item.index), ids.get(place), effects.get(place))
            else {
                continue;
            };
            let sha = node.oid.to_string();
            let delivers = if first_parent {
                node.header
                    .parents
                    .iter()
                    .skip(1)
                    .filter_map(|p| self.shared.commit_id(&p.to_string()))
                    .collect()
            } else {
                landing.delivers(item.index).iter().filter_map(|&at| id_at(at)).collect()
            };
            let Told { words, mentions } = item.told.as_ref();
            changes.push(Change {
                id: id.clone(),
                kind: ChangeKind::Commit,
                source: self.shared.source.clone(),
                services: Vec::new(),
                environment: None,
                delivers,
                rollout: None,
                committed_at: at(node.header.committed_s),
                effective_at,
                landed,
                author: authors.resolve(words),
                title: ExternalText::new(words.title.as_str()),
                body: ExternalText::new(words.body.as_str()),
                paths: files.map_or(Paths::Unknown, Seen::into_paths),
                revert: self.revert(links, &ids, &effects, mentions.says),
                review: Review::default(),
                link: self.shared.forge.as_ref().map(|forge| forge.commit(&sha)),
            });
        }
        changes
            .extend(releases.into_iter().filter_map(|release| self.release(release, &id_at, &mut authors)));
        changes
    }

    fn links(&self, graph: &Graph, items: &[Item], until_s: i64) -> Vec<Links> {
        let visible: Vec<Visible<'_>> = items
            .iter()
            .filter_map(|item| {
                let sha = graph.node(item.index)?.oid.to_string();
                Some(Visible { sha, title: &item.told.words.title, mentions: &item.told.mentions })
            })
            .collect();
        // A message can't name a later commit, but a short sha may have come to fit one.
        revert_links::link(&visible, &|prefix| {
            let oid = self.objects.with_prefix(prefix)?;
            let header = self.objects.with(oid, ObjectType::Commit, object::parse_header).ok()??;
            (header.committed_s < until_s).then(|| oid.to_string())
        })
    }

    fn revert(
        &self,
        links: &Links,
        ids: &[Option<ChangeId>],
        effects: &[(Timestamp, Landed)],
        says: hearback_core::change::Says,
    ) -> Revert {
        let id = |place: usize| ids.get(place).cloned().flatten();
        let named = |targets: &[Target]| -> Vec<ChangeId> {
            targets
                .iter()
                .filter_map(|target| match target {
                    Target::Visible(place) => id(*place),
                    Target::Outside(sha) => self.shared.commit_id(sha),
                })
                .collect()
        };
        let reverted_by = links
            .reverted_by
            .iter()
            .filter_map(|&place| Some(RevertedBy { by: id(place)?, at: effects.get(place)?.0 }))
            .collect();
        Revert { reverts: named(&links.reverts), reverted_by, relands: named(&links.relands), says }
    }

    fn release(
        &self,
        release: Release,
        id_at: &dyn Fn(usize) -> Option<ChangeId>,
        authors: &mut Authors,
    ) -> Option<Change> {
        let name = hearback_core::change::RepoPath::from_bytes(&release.name);
        let name = name.as_str();
        let by = release.words.as_ref().map(|words| authors.resolve(words));
        let unknown = || Author { name: ExternalText::default(), email: None, nature: Nature::Person };
        let author =
            by.unwrap_or_else(|| authors.resolve(&self.told(release.commit).unwrap_or_default().words));
        let author = if author.name.is_blank() { unknown() } else { author };
        let body = release.words.map(|words| format!("{}\n{}", words.title, words.body)).unwrap_or_default();
        Some(Change {
            id: ChangeId::new(format!("git:{}:tag/{name}", self.shared.name)).ok()?,
            kind: ChangeKind::Deploy,
            source: self.shared.source.clone(),
            services: Vec::new(),
            environment: None,
            delivers: release.delivers.iter().filter_map(|&at| id_at(at)).collect(),
            rollout: None,
            committed_at: at(release.at_s),
            effective_at: at(release.at_s),
            landed: Landed::Yes,
            author,
            title: ExternalText::capped(&format!("tag {name}"), object::TITLE_BYTES),
            body: ExternalText::capped(body.trim(), object::BODY_BYTES),
            paths: Paths::Known(Vec::<PathChange>::new()),
            revert: Revert::default(),
            review: Review::default(),
            link: self.shared.forge.as_ref().map(|forge| forge.commit(&release.commit.to_string())),
        })
    }

    fn searched(&self, graph: &Graph, landing: &Landing, tip: &Tip, commits: usize, tags: usize) -> String {
        let from = self.asked.window.from.strftime("%Y-%m-%d %H:%MZ");
        let newest = landing.tip.and_then(|tip| graph.node(tip)).map(|node| node.oid.to_string());
        let up_to = match newest.as_deref().and_then(|sha| sha.get(..7)) {
            Some(sha) => format!("to {sha}"),
            None => format!("to {}", self.asked.window.until.strftime("%Y-%m-%d %H:%MZ")),
        };
        let commits = counted(commits, "commit", "commits");
        let tags = if tags == 0 { String::new() } else { format!(" and {}", counted(tags, "tag", "tags")) };
        let called: String = tip.called.chars().filter(|c| !c.is_control()).take(80).collect();
        format!("{commits}{tags} on {called} from {from} {up_to}")
    }

    fn missing(&self, graph: &Graph, items: &[Item], files: &[Option<Seen>], from_s: i64) -> Vec<String> {
        let mut missing = Vec::new();
        let inside = || graph.nodes.iter().filter(|node| node.header.committed_s >= from_s);
        if let Some(stopped_at_s) = graph.stopped_at_s {
            missing.push(format!(
                "time was up after {}: commits before {} were not looked at",
                format_length(self.asked.budget),
                hearback_core::time::format_time(at(stopped_at_s)),
            ));
        }
        let cut_at_s = inside().filter(|n| n.past == Past::CutOff).map(|n| n.header.committed_s).max();
        if let Some(cut_at_s) = cut_at_s {
            missing.push(format!(
                "history is cut at {} by a shallow clone; run `git fetch --unshallow`",
                hearback_core::time::format_time(at(cut_at_s)),
            ));
        }
        let no_parent = inside().filter(|n| n.past == Past::Absent).count();
        if no_parent > 0 {
            missing.push(format!(
                "{} absent, and what lies behind; run `git fsck`",
                counted(no_parent, "commit's parent is", "commits' parents are")
            ));
        }
        let mut blobs = 0;
        let mut large = 0;
        let mut trees = 0;
        let mut late = 0;
        for (item, files) in items.iter().zip(files) {
            match files {
                Some(Seen::Whole(_)) => {}
                Some(Seen::Now(Files::Known { absent, too_large, .. })) => {
                    blobs += absent;
                    large += too_large;
                }
                Some(Seen::Now(Files::Unknown)) => {
                    trees += usize::from(graph.node(item.index).is_some_and(|n| n.past == Past::Followed));
                }
                None => late += 1,
            }
        }
        if late > 0 && graph.stopped_at_s.is_none() {
            missing.push(format!(
                "time was up after {}: the files of {} were not read",
                format_length(self.asked.budget),
                counted(late, "commit", "commits")
            ));
        }
        if trees > 0 {
            missing.push(format!(
                "the files of {} are not known because trees are absent (partial clone)",
                counted(trees, "commit", "commits")
            ));
        }
        if blobs > 0 {
            missing.push(format!(
                "the content of {} is absent (partial clone); lines were not counted there",
                counted(blobs, "file", "files")
            ));
        }
        if large > 0 {
            missing.push(format!("{} too large to be counted", counted(large, "file is", "files are")));
        }
        missing
    }
}

fn checkpoint_table(mode: WalkMode) -> Table {
    match mode {
        WalkMode::AllCommits => Table::Checkpoints,
        WalkMode::FirstParent => Table::MainLineCheckpoints,
    }
}

struct Job {
    place: usize,
    commit: Oid,
    old: Option<Oid>,
    new: Oid,
}

/// When a commit took effect: when the main line brought it.
fn effect(graph: &Graph, landing: &Landing, index: usize) -> (Timestamp, Landed) {
    let date = |index: usize| at(graph.node(index).map_or(0, |node| node.header.committed_s));
    match landing.landed_by(index) {
        Some(by) => (date(by), Landed::Yes),
        None => (date(index), Landed::NotYet),
    }
}

fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// The first whole second not before `at`. Git's dates are whole seconds, so a half-open window of instants is a
/// half-open window of these.
fn ceil_s(at: Timestamp) -> i64 {
    at.as_second() + i64::from(at.subsec_nanosecond() > 0)
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
}
