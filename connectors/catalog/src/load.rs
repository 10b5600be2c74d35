//! Reads Backstage's files: those that are named, and those that their Locations name, as far as they are local,
//! inside the same root, and few. It never asks the network. What is wrong becomes a problem; nothing fails.

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use hearback_core::Catalog;
use hearback_core::catalog::{Layer, Level, Problem, ProblemKind};

use crate::discover::discover;
use crate::entities::{Stated, is_service, resolve, unreadable};
use crate::wire::{Entity, LARGEST_BYTES, parse_entities};

/// At most so many files, those of Locations included.
const MOST_FILES: usize = 3000;
/// At most so many Locations from a file that was named to the last.
const DEEPEST: usize = 5;

/// A repository that is checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// What its source is called.
    pub name: String,
    /// Its work tree.
    pub folder: PathBuf,
}

/// What Backstage's files say.
#[derive(Debug, Default)]
pub struct Backstage {
    /// One layer a file that states services.
    pub layers: Vec<Layer>,
    /// Names of groups and users, in lower case.
    pub people: BTreeSet<String>,
    /// What could not be read, or makes no sense.
    pub problems: Vec<Problem>,
}

struct Wanted {
    file: PathBuf,
    root: PathBuf,
    depth: usize,
}

/// Reads `files`. Paths are shown relative to `base`. The folder of a file that states one service only, inside one
/// of `checkouts`, is that service's code, unless it says where its code is.
pub fn load(base: &Path, files: &[PathBuf], checkouts: &[Checkout]) -> Backstage {
    let mut read = Backstage::default();
    // The folder of a file that is named alone is empty, and means the one we are in.
    let base = if base.as_os_str().is_empty() { Path::new(".") } else { base };
    let base = base.canonicalize().unwrap_or_else(|_| base.to_owned());
    let checkouts: Vec<Checkout> = checkouts
        .iter()
        .filter_map(|checkout| {
            Some(Checkout { folder: checkout.folder.canonicalize().ok()?, ..checkout.clone() })
        })
        .collect();
    let mut seen = BTreeSet::new();
    let mut queue = VecDeque::new();
    for file in files {
        match file.canonicalize() {
            Ok(file) => {
                let inside =
                    checkouts.iter().map(|c| &c.folder).chain([&base]).find(|root| file.starts_with(root));
                let root = inside.map(PathBuf::as_path).or(file.parent()).unwrap_or(&base).to_owned();
                queue.push_back(Wanted { file, root, depth: 0 });
            }
            Err(error) => {
                read.problems.push(unreadable(&shown(&base, file), &format!("can't be read: {error}")))
            }
        }
    }
    let mut stated = Vec::new();
    while let Some(wanted) = queue.pop_front() {
        if !seen.insert(wanted.file.clone()) {
            continue;
        }
        let name = shown(&base, &wanted.file);
        if seen.len() > MOST_FILES {
            let says = format!("more than {MOST_FILES} files; this one and the rest are not read");
            read.problems.push(unreadable(&name, &says));
            break;
        }
        let bytes = match load_bytes(&wanted.file) {
            Ok(bytes) => bytes,
            Err(says) => {
                read.problems.push(unreadable(&name, &says));
                continue;
            }
        };
        let (entities, unread) = parse_entities(&bytes);
        read.problems.extend(unread.iter().map(|says| unreadable(&name, says)));
        for target in entities.iter().flat_map(targets) {
            match follow(&wanted, target) {
                Ok(found) => queue.extend(found),
                Err(problem) => read.problems.push(problem.about(&name, target)),
            }
        }
        let path = folder_as_path(&checkouts, &wanted.file, &entities);
        let with_place = |entity| Stated { entity, file: name.clone(), path: path.clone() };
        stated.extend(entities.into_iter().map(with_place));
    }
    let resolved = resolve(&stated);
    for (from, service) in resolved.services {
        match read.layers.last_mut().filter(|layer| layer.from == from) {
            Some(layer) => layer.catalog.services.push(service),
            None => read.layers.push(Layer { from, catalog: Catalog { services: vec![service] } }),
        }
    }
    read.people = resolved.people;
    read.problems.extend(resolved.problems);
    read
}

fn shown(base: &Path, file: &Path) -> String {
    file.strip_prefix(base).unwrap_or(file).to_string_lossy().into_owned()
}

fn load_bytes(file: &Path) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("can't be read: {error}");
    // A pipe or a device would keep us waiting.
    if !std::fs::metadata(file).map_err(failed)?.is_file() {
        return Err("is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(LARGEST_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    File::open(file).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() > LARGEST_BYTES {
        return Err(format!("is larger than {} MB; split it", LARGEST_BYTES >> 20));
    }
    Ok(bytes)
}

/// What a Location names.
fn targets(entity: &Entity) -> impl Iterator<Item = &String> {
    let is_location = entity.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("location"));
    let spec = &entity.spec;
    spec.target.iter().chain(spec.targets.iter().flatten()).filter(move |_| is_location).take(MOST_FILES)
}

/// Why a target of a Location is not read.
enum NotFollowed {
    Remote,
    TooDeep,
    Outside,
    Missing,
}

impl NotFollowed {
    fn about(&self, file: &str, target: &str) -> Problem {
        let (level, why) = match self {
            NotFollowed::Remote => {
                (Level::Gap, "is not a local file; check it out and name it in [catalog] files")
            }
            NotFollowed::TooDeep => (Level::Error, "is too many Locations away; name it in [catalog] files"),
            NotFollowed::Outside => {
                (Level::Error, "lies outside the folder the catalog is in; it is not read")
            }
            NotFollowed::Missing => (Level::Error, "does not exist; correct the Location"),
        };
        let problem = unreadable(file, &format!("the target \"{target}\" {why}"));
        Problem { level, kind: ProblemKind::Unreadable, ..problem }
    }
}

fn follow(from: &Wanted, target: &str) -> Result<Vec<Wanted>, NotFollowed> {
    let target = target.trim().strip_prefix("file:").unwrap_or(target.trim());
    if target.contains("://") {
        return Err(NotFollowed::Remote);
    }
    if target.is_empty() || target.starts_with('/') || target.contains('\0') {
        return Err(NotFollowed::Outside);
    }
    if from.depth >= DEEPEST {
        return Err(NotFollowed::TooDeep);
    }
    let folder = from.file.parent().unwrap_or(&from.root);
    // Where a pattern begins is checked before anything below it is looked at.
    let plain: PathBuf = Path::new(target)
        .components()
        .take_while(|part| !part.as_os_str().to_string_lossy().contains('*'))
        .collect();
    inside(&from.root, &folder.join(plain))?;
    let found = discover(folder, &[target.to_owned()]).files;
    if found.is_empty() {
        return Err(NotFollowed::Missing);
    }
    let wanted = |file: PathBuf| {
        let file = inside(&from.root, &file)?;
        Ok(Wanted { file, root: from.root.clone(), depth: from.depth + 1 })
    };
    found.into_iter().map(wanted).collect()
}

/// The path without links, if it is inside `root`.
fn inside(root: &Path, path: &Path) -> Result<PathBuf, NotFollowed> {
    let path = path.canonicalize().map_err(|_| NotFollowed::Missing)?;
    if path.starts_with(root) { Ok(path) } else { Err(NotFollowed::Outside) }
}

fn folder_as_path(checkouts: &[Checkout], file: &Path, entities: &[Entity]) -> Option<String> {
    if entities.iter().filter(|entity| is_service(entity)).count() != 1 {
        return None;
    }
    // A checkout may lie inside another: the nearest is meant.
    let nearest = checkouts.iter().filter(|checkout| file.starts_with(&checkout.folder));
    let checkout = nearest.max_by_key(|checkout| checkout.folder.components().count())?;
    let folder = file.parent()?.strip_prefix(&checkout.folder).ok()?.to_str()?;
    let end = if folder.is_empty() { "" } else { "/" };
    Some(format!("{}:{folder}{end}", checkout.name))
}
