//! Reads the service catalog from its files, and looks into the configured repositories for what it says of code.
//! A broken file never stops a question: what can be read counts, the rest is a problem that `hearback catalog check`
//! and `hearback doctor` tell.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use futures::future::join_all;
use hearback_catalog::{Checkout, CodeOwners, PLACES};
use hearback_core::catalog::{Conflict, Layer, Level, Problem, ProblemKind, Service, Tree, merge};
use hearback_core::change::RepoPath;
use hearback_core::ports::ConnectorError;
use hearback_core::{Catalog, ExternalText, Gap, ServiceName, SourceName};
use hearback_engine::ranker::position;
use jiff::SignedDuration;

use crate::config::Repository;

/// The largest TOML file that is read, in bytes.
const LARGEST_BYTES: u64 = 2 << 20;

/// What was read of the catalog, besides the services.
#[derive(Debug, Clone, Default)]
pub struct CatalogFiles {
    /// The files, the one that wins first, as they are shown.
    pub files: Vec<String>,
    /// Where each service was read.
    pub said_by: BTreeMap<ServiceName, Vec<String>>,
    /// Teams and persons that the files state, in lower case.
    pub people: BTreeSet<String>,
    /// What could not be read, and what does not agree.
    pub problems: Vec<Problem>,
}

impl CatalogFiles {
    /// What an answer should say of the files: those that are wrong or can't be read.
    pub fn gaps(&self) -> Vec<Gap> {
        let Ok(source) = SourceName::new("catalog") else { return Vec::new() };
        let wrong = self.problems.iter().filter(|problem| problem.level == Level::Error).count();
        match wrong {
            0 => Vec::new(),
            1 => vec![Gap { source, why: "1 error in its files; see: hearback catalog check".into() }],
            n => vec![Gap { source, why: format!("{n} errors in its files; see: hearback catalog check") }],
        }
    }
}

/// Merges the services of the configuration `file` with those of the files that `patterns` name, relative to `base`.
/// The configuration wins, then TOML files, then Backstage's.
pub fn read(
    base: &Path,
    file: Option<&Path>,
    own: Vec<Service>,
    patterns: &[String],
    repositories: &[Repository],
) -> (Catalog, CatalogFiles) {
    let found = hearback_catalog::discover(base, patterns);
    let mut read = CatalogFiles { problems: found.problems, ..CatalogFiles::default() };
    let mut layers = Vec::new();
    if !own.is_empty() {
        let name = file.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        let from = name.unwrap_or_else(|| "the configuration".to_owned());
        layers.push(Layer { from, catalog: Catalog { services: own } });
    }
    let is_toml = |file: &PathBuf| file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml"));
    let (native, backstage): (Vec<PathBuf>, Vec<PathBuf>) = found.files.into_iter().partition(is_toml);
    for file in native {
        let from = file.strip_prefix(base).unwrap_or(&file).to_string_lossy().into_owned();
        match parse(&file) {
            Ok(catalog) => layers.push(Layer { from, catalog }),
            Err(says) => {
                let says = ExternalText::new(format!("{from}{says}")).for_people(400);
                let kind = ProblemKind::Unreadable;
                read.problems.push(Problem { level: Level::Error, kind, services: Vec::new(), says });
            }
        }
    }
    let checkouts: Vec<Checkout> = repositories.iter().filter_map(checkout).collect();
    let stated = hearback_catalog::load(base, &backstage, &checkouts);
    layers.extend(stated.layers);
    read.people = stated.people;
    read.problems.extend(stated.problems);
    for layer in &layers {
        if !read.files.contains(&layer.from) {
            read.files.push(layer.from.clone());
        }
    }
    let merged = merge(layers);
    read.problems.extend(merged.conflicts.iter().map(Conflict::problem));
    read.said_by = merged.said_by;
    (merged.catalog, read)
}

fn parse(file: &Path) -> Result<Catalog, String> {
    let mut text = String::new();
    let opened = File::open(file).map(|file| file.take(LARGEST_BYTES + 1));
    opened
        .and_then(|mut file| file.read_to_string(&mut text))
        .map_err(|error| format!(": can't be read: {error}"))?;
    if text.len() as u64 > LARGEST_BYTES {
        return Err(format!(": is larger than {} MB; split it", LARGEST_BYTES >> 20));
    }
    toml::from_str(&text).map_err(|error| {
        let (line, column) = position(&text, error.span().map_or(0, |span| span.start));
        format!(", line {line}, column {column}: {}", error.message().lines().next().unwrap_or_default())
    })
}

/// The work tree a configured path is in, under the name its source will have.
fn checkout(repository: &Repository) -> Option<Checkout> {
    let path = repository.path.canonicalize().ok()?;
    let folder = path.ancestors().find(|folder| folder.join(".git").exists())?.to_owned();
    let own_name = || folder.file_name().map(|name| name.to_string_lossy().into_owned());
    Some(Checkout { name: repository.name.clone().or_else(own_name)?, folder })
}

/// What was seen in a repository.
pub struct Looked {
    /// Its files and who owns some.
    pub tree: Tree,
    owners: CodeOwners,
}

/// Who owns the files below a path.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ownership {
    /// How many files there are.
    pub files: usize,
    /// Owners and how many files each has, the most first.
    pub owners: Vec<(String, usize)>,
    /// How many files nobody owns.
    pub nobodys: usize,
}

impl Looked {
    /// Who owns the files for which `is_meant` holds.
    pub fn ownership(&self, is_meant: impl Fn(&RepoPath) -> bool) -> Ownership {
        let mut ownership = Ownership::default();
        let mut by_owner: BTreeMap<String, usize> = BTreeMap::new();
        for file in self.tree.files.iter().filter(|file| is_meant(file)) {
            let owners = self.owners.owners_of(file);
            ownership.files += 1;
            ownership.nobodys += usize::from(owners.is_empty());
            for owner in owners {
                *by_owner.entry(owner.to_string()).or_default() += 1;
            }
        }
        ownership.owners = by_owner.into_iter().collect();
        ownership.owners.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        ownership
    }
}

/// Looks into all repositories at once: the files of the commit that is looked at, and its CODEOWNERS. What can't be
/// seen is a problem.
pub async fn look(repositories: &[Repository], budget: SignedDuration) -> (Vec<Looked>, Vec<Problem>) {
    let mut looked = Vec::new();
    let mut problems = Vec::new();
    for (repository, seen) in
        repositories.iter().zip(join_all(repositories.iter().map(|r| look_into(r, budget))).await)
    {
        match seen {
            Ok((one, unread)) => {
                let name = one.tree.repository.clone();
                problems.extend(one.tree.missing.iter().map(|why| not_seen(&name, why)));
                problems.extend(unread.iter().map(|why| not_seen(&name, why)));
                looked.push(one);
            }
            Err(error) => {
                problems.push(not_seen(&repository.path.display().to_string(), &format!("{error:#}")))
            }
        }
    }
    (looked, problems)
}

fn not_seen(repository: &str, why: &str) -> Problem {
    let says = ExternalText::new(format!("repository {repository}: {why}")).for_people(400);
    Problem { level: Level::Gap, kind: ProblemKind::RepositoryNotSeen, services: Vec::new(), says }
}

async fn look_into(repository: &Repository, budget: SignedDuration) -> anyhow::Result<(Looked, Vec<String>)> {
    let source = super::repository(repository)?;
    let listing = source.load_paths_at_head(budget).await?;
    let mut owners = CodeOwners::default();
    let mut unread = Vec::new();
    for place in PLACES {
        match source.load_file_at_head(place, budget).await {
            Ok(Some(bytes)) => {
                owners = CodeOwners::parse(&bytes);
                let lines = owners.unread().iter();
                unread.extend(lines.map(|unread| format!("{place}, line {}: {}", unread.line, unread.why)));
                break;
            }
            Ok(None) => {}
            Err(ConnectorError::NotUsable(says) | ConnectorError::Failed(says)) => unread.push(says),
            Err(error) => return Err(error.into()),
        }
    }
    let tree = Tree {
        repository: source.repository_name().to_owned(),
        files: listing.files,
        missing: listing.missing,
        owners: owners.everybody().into_iter().map(ToString::to_string).collect(),
    };
    Ok((Looked { tree, owners }, unread))
}
