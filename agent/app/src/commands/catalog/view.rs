//! What `hearback catalog` tells, as values: the `--json` form, from which the text is written too. The field names
//! are stable; `tests/e2e/tests/catalog.rs` holds their schema.

use std::collections::BTreeMap;

use hearback_core::SignalKind;
use hearback_core::catalog::{Level, Problem, Reached, Service, ServiceKind, Tree};
use serde::Serialize;

use crate::config::Config;
use crate::wiring::catalog::Looked;

/// `catalog show`
#[derive(Debug, Serialize)]
pub struct Services {
    /// The files that were read, the one that wins first.
    pub files: Vec<String>,
    /// The services, tier 1 first, then by name.
    pub services: Vec<ServiceView>,
}

/// A service.
#[derive(Debug, Serialize)]
pub struct ServiceView {
    pub name: String,
    pub kind: ServiceKind,
    pub aliases: Vec<String>,
    pub tier: Option<u8>,
    pub owner: Option<String>,
    pub on_call: Option<String>,
    pub runbook: Option<String>,
    pub dashboards: Vec<String>,
    pub depends_on: Vec<String>,
    pub repositories: Vec<String>,
    pub paths: Vec<String>,
    pub signals: BTreeMap<SignalKind, String>,
    /// The files that state it, the one that wins first.
    pub said_by: Vec<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub around: Option<Around>,
}

/// `catalog show SERVICE`: what stands around the service.
#[derive(Debug, Serialize)]
pub struct Around {
    /// All it needs, nearest first.
    pub needs: Vec<Reached>,
    /// All that needs it, nearest first.
    pub dependents: Vec<Reached>,
    /// Its paths in the configured repositories.
    pub code: Vec<Code>,
    /// Problems that name it.
    pub problems: Vec<Problem>,
}

/// A path of a service in a repository.
#[derive(Debug, Serialize)]
pub struct Code {
    pub path: String,
    pub repository: String,
    /// How many files lie there.
    pub files: usize,
    /// By CODEOWNERS, who has the most first.
    pub owners: Vec<CodeOwner>,
    /// Files that nobody owns.
    pub files_of_nobody: usize,
}

/// An owner of code.
#[derive(Debug, Serialize)]
pub struct CodeOwner {
    pub owner: String,
    pub files: usize,
}

/// `catalog check`
#[derive(Debug, Serialize)]
pub struct Checked {
    /// How many services there are.
    pub services: usize,
    /// The files that were read, the one that wins first.
    pub files: Vec<String>,
    /// The repositories that were looked into.
    pub repositories: Vec<String>,
    /// How many of the problems are errors.
    pub errors: usize,
    /// How many of the problems are gaps.
    pub gaps: usize,
    /// The problems, errors first.
    pub problems: Vec<Problem>,
}

impl Services {
    pub fn of(config: &Config) -> Self {
        let mut services: Vec<ServiceView> =
            config.catalog.services.iter().map(|service| ServiceView::of(service, config)).collect();
        let place = |service: &ServiceView| (service.tier.unwrap_or(u8::MAX), service.name.to_lowercase());
        services.sort_by_cached_key(place);
        Services { files: config.catalog_files.files.clone(), services }
    }
}

impl ServiceView {
    fn of(service: &Service, config: &Config) -> Self {
        let named = |names: &[hearback_core::ServiceName]| names.iter().map(ToString::to_string).collect();
        ServiceView {
            name: service.name.to_string(),
            kind: service.kind,
            aliases: service.aliases.clone(),
            tier: service.tier,
            owner: service.owner.clone(),
            on_call: service.on_call.clone(),
            runbook: service.runbook.clone(),
            dashboards: service.dashboards.clone(),
            depends_on: named(&service.depends_on),
            repositories: service.repositories.clone(),
            paths: service.paths.clone(),
            signals: service.signals.clone(),
            said_by: config.catalog_files.said_by.get(&service.name).cloned().unwrap_or_default(),
            around: None,
        }
    }

    /// The service with what stands around it. `unseen` are the repositories that could not be looked into.
    pub fn whole(service: &Service, config: &Config, looked: &[Looked], unseen: Vec<Problem>) -> Self {
        let mut problems: Vec<Problem> = super::problems_of_files(config)
            .into_iter()
            .filter(|problem| problem.services.contains(&service.name))
            .collect();
        problems.extend(unseen);
        let around = Around {
            needs: config.catalog.depends_on(&service.name),
            dependents: config.catalog.dependents_of(&service.name),
            code: code(service, looked),
            problems,
        };
        ServiceView { around: Some(around), ..ServiceView::of(service, config) }
    }
}

fn code(service: &Service, looked: &[Looked]) -> Vec<Code> {
    let mut found = Vec::new();
    for path in &service.paths {
        let alone = Service { paths: vec![path.clone()], ..Service::named(service.name.clone()) };
        for one in looked {
            let repository = one.tree.repository.as_str();
            let ownership = one.ownership(|file| alone.owns(repository, file.as_str()));
            if ownership.files > 0 {
                found.push(Code {
                    path: path.clone(),
                    repository: repository.to_owned(),
                    files: ownership.files,
                    owners: ownership
                        .owners
                        .into_iter()
                        .map(|(owner, files)| CodeOwner { owner, files })
                        .collect(),
                    files_of_nobody: ownership.nobodys,
                });
            }
        }
    }
    found
}

impl Checked {
    pub fn of(config: &Config, trees: &[Tree], problems: Vec<Problem>) -> Self {
        let errors = problems.iter().filter(|problem| problem.level == Level::Error).count();
        Checked {
            services: config.catalog.services.len(),
            files: config.catalog_files.files.clone(),
            repositories: trees.iter().map(|tree| tree.repository.clone()).collect(),
            errors,
            gaps: problems.len() - errors,
            problems,
        }
    }
}
