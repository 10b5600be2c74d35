//! What would go with a suspect if it were undone: the rollout that brought it, the other changes that came with that,
//! migrations among them, the services concerned. Must not know how anything is undone.

use std::collections::BTreeSet;

use hearback_core::{Catalog, Change, ChangeId, ChangeKind, ServiceName, Suspect};

use super::rollout::rollouts;
use crate::gather::Sighted;

/// Parts of paths that hold migrations, by the conventions of Rails, Django, Alembic, Flyway, Liquibase, Prisma, Ecto,
/// Diesel, sqlx and goose.
const MIGRATIONS: [&str; 7] =
    ["migrations", "migration", "migrate", "alembic", "flyway", "liquibase", "changelogs"];

/// A suspect, and what hangs on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Lead {
    /// The suspected change.
    pub change: Change,
    /// The rollout that brought it, or itself if it is one.
    pub rollout: Option<Change>,
    /// The other changes that the rollout brought, as far as they were seen.
    pub along: Vec<ChangeId>,
    /// How many others it brought by its own word.
    pub along_count: usize,
    /// The files of migrations in the change and in what came along.
    pub migrations: Vec<String>,
    /// The services that undoing it touches; none if that is not known.
    pub services: Vec<ServiceName>,
    /// Where it took effect, if that is known.
    pub environment: Option<String>,
}

/// What hangs on each suspect, in their order. A suspect that is not among `changes` has no lead.
pub fn leads(suspects: &[Suspect], changes: &[Sighted], catalog: &Catalog) -> Vec<Lead> {
    let rollouts = rollouts(changes);
    let find = |id: &ChangeId| changes.iter().map(|seen| &seen.change).find(|change| change.id == *id);
    let lead = |suspect: &Suspect| {
        let change = find(&suspect.change.id)?;
        let is_rollout = change.kind == ChangeKind::Deploy && change.environment.is_some();
        let rollout = if is_rollout { Some(change) } else { rollouts.get(&change.id).copied() };
        let brought = rollout.map_or(&[][..], |rollout| rollout.delivers.as_slice());
        let others: Vec<&ChangeId> = brought.iter().filter(|id| **id != change.id).collect();
        let along: Vec<&Change> = others.iter().filter_map(|id| find(id)).collect();
        let touched = || std::iter::once(change).chain(along.iter().copied());
        let mut services: BTreeSet<ServiceName> = BTreeSet::new();
        for change in touched().chain(rollout) {
            services.extend(concerned(change, catalog));
        }
        Some(Lead {
            change: change.clone(),
            rollout: rollout.cloned(),
            along_count: others.len(),
            migrations: touched().flat_map(migrations).collect(),
            services: services.into_iter().collect(),
            environment: rollout.or(Some(change)).and_then(|change| change.environment.clone()),
            along: along.into_iter().map(|change| change.id.clone()).collect(),
        })
    };
    suspects.iter().filter_map(lead).collect()
}

/// The services of a change: those its source names, those whose files it touches, else those of its repository.
fn concerned(change: &Change, catalog: &Catalog) -> BTreeSet<ServiceName> {
    let repository = change.source.as_str().split_once(':').map_or("", |(_, instance)| instance);
    let called = |name: &ServiceName| {
        catalog.find(name.as_str()).map_or_else(|| name.clone(), |known| known.name.clone())
    };
    let mut services: BTreeSet<ServiceName> = change.services.iter().map(called).collect();
    let owns = |service: &&hearback_core::catalog::Service| {
        change.paths.as_slice().iter().any(|path| service.owns(repository, path.path.as_str()))
    };
    services.extend(catalog.services.iter().filter(owns).map(|service| service.name.clone()));
    if services.is_empty() {
        let of_it = catalog.services.iter().filter(|service| service.is_in(repository));
        services.extend(of_it.map(|service| service.name.clone()));
    }
    services
}

/// The files of migrations that a change touches.
fn migrations(change: &Change) -> Vec<String> {
    let files = change.paths.as_slice().iter().map(|path| path.path.as_str());
    let mut files: Vec<String> = files.filter(|path| is_migration(path)).map(str::to_owned).collect();
    if files.is_empty() && change.kind == ChangeKind::Migration {
        files.push(change.title.for_people(60));
    }
    files
}

/// Whether a path holds a migration, by the conventions of the usual tools.
pub fn is_migration(path: &str) -> bool {
    let mut parts = path.split(['/', '-', '_', '.']);
    parts.any(|part| MIGRATIONS.iter().any(|name| part.eq_ignore_ascii_case(name)))
}
