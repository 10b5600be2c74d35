//! Who wrote the lines that a change replaced or stands next to. Places are cut out here, followed by `line_walk`, and told
//! with their authors; everything from the as-of on is hidden, `.mailmap` and `.git-blame-ignore-revs` included. It must not
//! know which changes are suspected, or what is concluded of people.

use std::collections::{BTreeMap, HashMap, HashSet};

use git2::{ObjectType, Oid};
use hearback_core::ExternalText;
use hearback_core::change::RepoPath;
use hearback_core::evidence::{Coverage, Fetched};
use hearback_core::expertise::{LineQuery, NearLines, Written};
use hearback_core::ids::ChangeId;
use hearback_core::ports::ConnectorError;
use hearback_core::time::format_length;
use jiff::SignedDuration;

use crate::authors::Authors;
use crate::diffs::{is_generated, is_minified};
use crate::line_map::{Hunk, Piece, hunks, number_of_lines};
use crate::line_walk::{Bounds, Followed, LARGEST_BYTES, LineWalk, Lost};
use crate::lines::is_binary;
use crate::object;
use crate::objects::Objects;
use crate::question::Shared;
use crate::renamed::{self, Source};
use crate::repositories;
use crate::stop::Stop;
use crate::tree::{self, Delta, File};
use crate::walk::WalkMode;
use crate::works::{at, ceil_s, tree_as_of};

/// So many lines around what a change replaced stand next to it.
const AROUND: u32 = 3;
/// So many files of a change are looked at.
const MOST_FILES: usize = 20;
/// Files of a change, above which renames are not looked for.
const MOST_DELTAS: usize = 500;
/// So many lines of one place are followed, and so many of one change: a rewritten file must not take all the time.
const MOST_OF_PLACE: u32 = 200;
const MOST_OF_CHANGE: u32 = 1000;
/// Older lines than these are not followed: who wrote them has not seen them for long.
const OLDEST: SignedDuration = SignedDuration::from_hours(3 * 365 * 24);
/// So many commits are looked at.
const MOST_COMMITS: usize = 30_000;
/// Where a repository lists the commits that only reformatted.
const IGNORED: &[u8] = b".git-blame-ignore-revs";

/// A place of a file before a change.
struct Place {
    change: usize,
    changed_s: i64,
    path: Box<[u8]>,
    /// From 0.
    first: u32,
    lines: u32,
}

/// What was not asked for.
#[derive(Default)]
struct LeftOut {
    absent: usize,
    cut: usize,
    beyond: u32,
}

/// Who wrote the lines near these changes.
pub(crate) fn lines_near(
    shared: &Shared,
    query: &LineQuery,
    stop: &Stop,
) -> Result<Fetched<NearLines>, ConnectorError> {
    shared.repositories.with(|repository| {
        let objects = Objects::new(repository).map_err(|error| {
            ConnectorError::Failed(format!("git's objects can't be read: {}", error.message()))
        })?;
        let tree = tree_as_of(shared, repository, &objects, query.as_of, stop)?;
        let ignored = ignored(&objects, tree);
        let shallow = repositories::shallow_commits(repository);
        let bounds = Bounds {
            from_s: ceil_s(query.as_of).saturating_sub(OLDEST.as_secs()),
            until_s: ceil_s(query.as_of),
            most_commits: MOST_COMMITS,
            shallow: &shallow,
            ignored: &ignored,
            stop,
        };
        let mut walk = LineWalk::new(&objects, &shared.memory.headers, bounds);
        let mut asking =
            Asking { shared, objects: &objects, stop, places: Vec::new(), left: LeftOut::default() };
        let mut late = 0;
        for (number, change) in query.changes.iter().enumerate() {
            let Some(commit) = asking.commit(change) else { continue };
            if stop.check().is_err() {
                late += 1;
            } else if shallow.contains(&commit) {
                asking.left.cut += 1;
            } else {
                asking.add(&mut walk, number, commit, ceil_s(query.as_of));
            }
        }
        let Asking { places, left, .. } = asking;
        let followed = walk.run();
        let coverage = coverage(shared, query, &places, &left, late, &followed);
        let mut authors = Authors::of_tree(&objects, tree);
        let items = told(shared, &objects, &mut authors, query, places, &followed);
        Ok(Fetched { items, coverage })
    })?
}

/// The commits that a repository lists to be passed over: full ids, a line each, after `#` anything.
fn ignored(objects: &Objects<'_>, tree: Option<Oid>) -> HashSet<Oid> {
    let file = tree.and_then(|tree| tree::root_file(objects, tree, IGNORED));
    let Some(text) =
        file.and_then(|blob| objects.content_up_to(blob, ObjectType::Blob, LARGEST_BYTES).ok()?)
    else {
        return HashSet::new();
    };
    let text = String::from_utf8_lossy(&text).into_owned();
    let ids = text.lines().filter_map(|line| line.split('#').next());
    ids.map(str::trim).filter(|id| id.len() == 40).filter_map(|id| Oid::from_str(id).ok()).collect()
}

struct Asking<'a, 'r> {
    shared: &'a Shared,
    objects: &'a Objects<'r>,
    stop: &'a Stop,
    places: Vec<Place>,
    left: LeftOut,
}

impl Asking<'_, '_> {
    /// The commit of this repository that a change is.
    fn commit(&self, change: &ChangeId) -> Option<Oid> {
        let rest = change.as_str().strip_prefix("git:")?.strip_prefix(self.shared.name.as_str())?;
        let sha = rest.strip_prefix(':').filter(|sha| sha.len() == 40)?;
        Oid::from_str(sha).ok()
    }

    /// Cuts the places of a commit out of its first parent's files and has them followed from there.
    fn add(&mut self, walk: &mut LineWalk<'_, '_>, number: usize, commit: Oid, until_s: i64) {
        let Some(own) = walk.header(commit) else { return };
        // A merge has no lines of its own, unless it stands for all that it brought.
        let counts = own.parents.len() < 2 || self.shared.options.walk == WalkMode::FirstParent;
        let Some(&parent) = own.parents.first().filter(|_| counts && own.committed_s < until_s) else {
            return;
        };
        let deltas = walk
            .header(parent)
            .and_then(|parent| tree::diff(self.objects, Some(parent.tree), Some(own.tree)).ok());
        let Some(deltas) = deltas else {
            self.left.absent += 1;
            return;
        };
        let mut room = MOST_OF_CHANGE;
        for (path, old, new) in self.pairs(&deltas).into_iter().take(MOST_FILES) {
            let Some(ranges) = self.ranges(old, new) else { continue };
            let mut pieces = Vec::new();
            for (first, end) in ranges {
                let lines = (end - first).min(MOST_OF_PLACE).min(room);
                room -= lines;
                self.left.beyond += end - first - lines;
                if lines > 0 {
                    pieces.push(Piece { place: self.places.len(), at: first, lines });
                    let (path, changed_s) = (path.clone(), own.committed_s);
                    self.places.push(Place { change: number, changed_s, path, first, lines });
                }
            }
            walk.add(parent, path, old.oid, pieces);
        }
    }

    /// The files that were there before, with what they became: none if they were taken away.
    fn pairs(&self, deltas: &[Delta]) -> Vec<(Box<[u8]>, File, Option<File>)> {
        let goes = deltas.iter().any(|delta| delta.new.is_none());
        let mut moved: HashMap<Box<[u8]>, File> = HashMap::new();
        // Of a change of very many files no origin is looked for: it would take all the time there is.
        let few = deltas.len() <= MOST_DELTAS;
        for delta in deltas.iter().filter(|delta| goes && few && delta.old.is_none()) {
            if moved.len() >= MOST_FILES {
                break;
            }
            let Some(new) = delta.new.filter(|file| file.is_regular()) else { continue };
            let source = renamed::source(self.objects, deltas, &delta.path, new.oid, self.stop);
            if let Ok(Source::At(was, _)) = source {
                moved.entry(was).or_insert(new);
            }
        }
        let regular = |file: Option<File>| file.filter(|file| file.is_regular());
        deltas
            .iter()
            .filter(|delta| !is_generated(&delta.path))
            .filter_map(|delta| {
                let new = regular(delta.new).or_else(|| moved.get(&delta.path).copied());
                Some((delta.path.clone(), regular(delta.old)?, new))
            })
            .collect()
    }

    /// The lines of a file that were replaced or stand next to what was, from 0, the end not included. None if they are of
    /// no interest or can't be had.
    fn ranges(&mut self, old: File, new: Option<File>) -> Option<Vec<(u32, u32)>> {
        if new.is_some_and(|new| new.oid == old.oid) {
            return None;
        }
        let mut load = |oid| match self.objects.content_up_to(oid, ObjectType::Blob, LARGEST_BYTES) {
            Ok(content) => content,
            Err(_) => {
                self.left.absent += 1;
                None
            }
        };
        let (old, new) = (load(old.oid)?, new.map_or_else(|| Some([].into()), |new| load(new.oid))?);
        if is_binary(&old) || is_binary(&new) || is_minified(&old) {
            return None;
        }
        let of = number_of_lines(&old);
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for Hunk { old: (from, to), .. } in hunks(&old, &new)? {
            let (from, to) = (from.saturating_sub(AROUND), to.saturating_add(AROUND).min(of));
            match ranges.last_mut() {
                Some(last) if from <= last.1 => last.1 = to.max(last.1),
                _ => ranges.push((from, to)),
            }
        }
        Some(ranges)
    }
}

fn told(
    shared: &Shared,
    objects: &Objects<'_>,
    authors: &mut Authors,
    query: &LineQuery,
    places: Vec<Place>,
    followed: &Followed,
) -> Vec<NearLines> {
    let mut by_commit: HashMap<Oid, Option<Written>> = HashMap::new();
    let mut written: BTreeMap<usize, Vec<Written>> = BTreeMap::new();
    for (&(place, commit), &lines) in &followed.from {
        let who = by_commit.entry(commit).or_insert_with(|| who(shared, objects, authors, commit));
        if let Some(who) = who {
            written.entry(place).or_default().push(Written { lines, ..who.clone() });
        }
    }
    let items = places.into_iter().enumerate().filter_map(|(number, place)| {
        let mut written = written.remove(&number).unwrap_or_default();
        written.sort_by(|a, b| b.lines.cmp(&a.lines).then_with(|| a.change.cmp(&b.change)));
        Some(NearLines {
            change: query.changes.get(place.change)?.clone(),
            changed_at: at(place.changed_s),
            path: RepoPath::from_bytes(&place.path),
            first: place.first.saturating_add(1),
            lines: place.lines,
            written,
        })
    });
    items.collect()
}

/// Who wrote a commit, of no lines yet; none if it can't be read.
fn who(shared: &Shared, objects: &Objects<'_>, authors: &mut Authors, commit: Oid) -> Option<Written> {
    let read = |raw: &[u8]| (object::parse_header(raw), object::parse_words(raw));
    let (header, words) = objects.with(commit, ObjectType::Commit, read).ok()?;
    let author = authors.resolve(&words);
    let is_other = author.email.as_ref().is_some_and(|email| email.as_untrusted() != words.email);
    Some(Written {
        change: ChangeId::commit(&shared.name, &commit.to_string()).ok()?,
        at: at(header?.committed_s),
        author,
        alias: (is_other && !words.email.is_empty()).then(|| ExternalText::from(words.email.as_str())),
        lines: 0,
    })
}

/// What was searched, and whose lines were not found. What lies beyond the bounds was not asked for, and is said there; what
/// time, a shallow clone or a missing object kept from being seen is missing.
fn coverage(
    shared: &Shared,
    query: &LineQuery,
    places: &[Place],
    left: &LeftOut,
    late: usize,
    followed: &Followed,
) -> Coverage {
    let changes: HashSet<usize> = places.iter().map(|place| place.change).collect();
    let lines: u32 = places.iter().map(|place| place.lines).sum();
    let found: u32 = followed.from.values().sum();
    let lost = |why: Lost| followed.lost.get(&why).copied().unwrap_or_default();
    let lines_are =
        |lines: u32| if lines == 1 { "1 line is".to_owned() } else { format!("{lines} lines are") };
    let mut searched = format!(
        "who wrote {found} of the {lines} lines next to {} of {} changes",
        changes.len(),
        query.changes.len()
    );
    for (lines, why) in [
        (lost(Lost::Old), "older than 3 years".to_owned()),
        (lost(Lost::Far), format!("beyond {MOST_COMMITS} commits or 512 MB of versions")),
        (lost(Lost::PassedOver), "from commits that reformat or touch very many files".to_owned()),
        (lost(Lost::Renamed), "from files that may have had another name".to_owned()),
        (lost(Lost::Large), "from files that were larger than 1 MB".to_owned()),
        (lost(Lost::Later), "dated later than the question".to_owned()),
        (left.beyond, "beyond the first of large changes".to_owned()),
    ] {
        if lines > 0 {
            searched.push_str(&format!("; {} {why}", lines_are(lines)));
        }
    }
    let mut missing = Vec::new();
    if lost(Lost::Late) > 0 || late > 0 {
        let places =
            if late > 0 { format!(", and {late} changes were not looked at") } else { String::new() };
        missing.push(format!(
            "time was up after {}: who wrote {} lines next to suspects was not found{places}",
            format_length(query.budget),
            lost(Lost::Late)
        ));
    }
    if lost(Lost::CutOff) > 0 || left.cut > 0 {
        missing.push(
            "who wrote lines next to suspects is cut by a shallow clone; run `git fetch --unshallow`"
                .to_owned(),
        );
    }
    if lost(Lost::Absent) > 0 || left.absent > 0 {
        missing
            .push("who wrote some lines next to suspects: files of a partial clone are not here".to_owned());
    }
    Coverage { source: shared.source.clone(), searched, missing }
}
