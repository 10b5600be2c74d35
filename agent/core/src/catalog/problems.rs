//! What is wrong with a catalog and what it lacks, each as a sentence that says what to do. It judges the catalog
//! alone; whether its paths exist is for whoever can look.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::{Catalog, Service, ServiceKind};
use crate::ids::ServiceName;
use crate::text::ExternalText;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The catalog contradicts itself or says what can't be; an answer may be wrong.
    Error,
    /// Something is not known; an answer may lack it.
    Gap,
}

/// What a problem is about. The names in JSON are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// A file of the catalog can't be read, wholly or in part.
    Unreadable,
    /// Two services have one name.
    DuplicateName,
    /// Two services have one alias, or one has it twice.
    DuplicateAlias,
    /// An alias is the name of another service.
    AliasIsName,
    /// A tier outside 1 to 4.
    BadTier,
    /// A path prefix that can't match.
    BadPath,
    /// A path prefix of two services.
    SharedPath,
    /// A runbook that is neither a link nor a path.
    BadRunbook,
    /// A service that depends on itself.
    DependsOnItself,
    /// Two catalogs say different things of one service.
    Conflict,
    /// A path prefix inside one of another service.
    NestedPath,
    /// A dependency on a service that is not in the catalog.
    UnknownDependency,
    /// Services that depend on each other.
    Cycle,
    /// A service of tier 1 that nobody could help at night.
    TierOneIncomplete,
    /// Services without owner.
    NoOwner,
    /// Services without runbook.
    NoRunbook,
    /// Services without on-call.
    NoOnCall,
    /// Services without paths.
    NoPaths,
    /// Services without queries for their signals.
    NoSignals,
    /// A path prefix that matches nothing in the repositories.
    PathMatchesNothing,
    /// Folders of a repository that belong to no service.
    UnownedFolders,
    /// Owners of code that the catalog does not name.
    UnknownOwners,
    /// A repository that could not be looked into.
    RepositoryNotSeen,
}

/// Something wrong with a catalog, or missing in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub level: Level,
    /// What it is about.
    pub kind: ProblemKind,
    /// The services concerned.
    pub services: Vec<ServiceName>,
    /// What is wrong and what to do, as one sentence; safe to print.
    pub says: String,
}

/// Names listed in a sentence; the rest are counted.
const NAMES_SHOWN: usize = 8;

/// All problems of `catalog`, errors first, then in the order of [`ProblemKind`] and of the catalog.
pub fn problems(catalog: &Catalog) -> Vec<Problem> {
    let mut found = Vec::new();
    names(catalog, &mut found);
    paths(catalog, &mut found);
    for service in &catalog.services {
        values(service, &mut found);
        dependencies(catalog, service, &mut found);
    }
    for cycle in catalog.cycles() {
        let mut way: Vec<&str> = cycle.iter().map(ServiceName::as_str).collect();
        way.extend(cycle.first().map(ServiceName::as_str));
        let says = format!(
            "{} depend on each other; a failure of one may begin in any of them. Take a dependency out if it is not \
             meant",
            way.join(" → ")
        );
        found.push(Problem { level: Level::Gap, kind: ProblemKind::Cycle, services: cycle, says });
    }
    missing(catalog, &mut found);
    found.sort_by_key(|problem| (problem.level, problem.kind));
    found
}

/// "a, b, c and 4 more", for sentences.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let shown: Vec<&str> = names.iter().copied().take(NAMES_SHOWN).collect();
    match names.len().saturating_sub(NAMES_SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn error(kind: ProblemKind, services: Vec<ServiceName>, says: String) -> Problem {
    Problem { level: Level::Error, kind, services, says }
}

fn gap(kind: ProblemKind, services: Vec<ServiceName>, says: String) -> Problem {
    Problem { level: Level::Gap, kind, services, says }
}

/// What somebody wrote into a catalog, in quotation marks and safe to print.
fn quoted(text: &str) -> String {
    format!("\"{}\"", ExternalText::new(text).for_people(80))
}

fn names(catalog: &Catalog, found: &mut Vec<Problem>) {
    let mut by_name: HashMap<String, &Service> = HashMap::new();
    let mut told = BTreeSet::new();
    for service in &catalog.services {
        let key = service.name.as_str().to_ascii_lowercase();
        if by_name.insert(key.clone(), service).is_some() && told.insert(key) {
            let says =
                format!("{} is in the catalog twice; make one service of them, or rename one", service.name);
            found.push(error(ProblemKind::DuplicateName, vec![service.name.clone()], says));
        }
    }
    let mut by_alias: HashMap<String, &Service> = HashMap::new();
    for service in &catalog.services {
        for alias in &service.aliases {
            let key = alias.to_ascii_lowercase();
            let shown = quoted(alias);
            if let Some(other) = by_name.get(&key).filter(|other| other.name != service.name) {
                let says = format!(
                    "the alias {shown} of {} is the name of another service; take the alias out",
                    service.name
                );
                let services = vec![service.name.clone(), other.name.clone()];
                found.push(error(ProblemKind::AliasIsName, services, says));
            }
            match by_alias.insert(key, service) {
                Some(other) if other.name == service.name => {
                    let says = format!("{} has the alias {shown} twice; take one out", service.name);
                    found.push(error(ProblemKind::DuplicateAlias, vec![service.name.clone()], says));
                }
                Some(other) => {
                    let says = format!(
                        "the alias {shown} belongs to {} and to {}; take it from one of them",
                        other.name, service.name
                    );
                    let services = vec![other.name.clone(), service.name.clone()];
                    found.push(error(ProblemKind::DuplicateAlias, services, says));
                }
                None => {}
            }
        }
    }
}

/// A path prefix of a service, taken apart.
#[derive(Clone, Copy)]
struct Prefix<'c> {
    service: &'c Service,
    repository: Option<&'c str>,
    written: &'c str,
}

fn paths(catalog: &Catalog, found: &mut Vec<Problem>) {
    let mut by_folder: BTreeMap<&str, Vec<Prefix<'_>>> = BTreeMap::new();
    for service in &catalog.services {
        for written in &service.paths {
            let (repository, prefix) = match written.split_once(':') {
                Some((repository, prefix)) => (Some(repository), prefix),
                None => (None, written.as_str()),
            };
            if let Some(why) = never_matches(repository, prefix) {
                let says = format!("the path {} of {} never matches: {why}", quoted(written), service.name);
                found.push(error(ProblemKind::BadPath, vec![service.name.clone()], says));
            } else {
                let folder = prefix.trim_end_matches('/');
                by_folder.entry(folder).or_default().push(Prefix { service, repository, written });
            }
        }
    }
    for (folder, owners) in &by_folder {
        for (index, owner) in owners.iter().enumerate() {
            if let Some(other) = owners.iter().take(index).find(|other| meet(owner, other)) {
                let says = format!(
                    "the path {} belongs to {} and to {}; give it to one of them",
                    quoted(owner.written),
                    other.service.name,
                    owner.service.name
                );
                let services = vec![other.service.name.clone(), owner.service.name.clone()];
                found.push(error(ProblemKind::SharedPath, services, says));
            }
            let outer = ancestors(folder).filter_map(|above| by_folder.get(above)).flatten();
            if let Some(outer) = outer.into_iter().find(|outer| meet(owner, outer)) {
                let says = format!(
                    "{} of {} lies inside {} of {}; both own what is there. Make the outer one narrower",
                    quoted(owner.written),
                    owner.service.name,
                    quoted(outer.written),
                    outer.service.name
                );
                let services = vec![outer.service.name.clone(), owner.service.name.clone()];
                found.push(gap(ProblemKind::NestedPath, services, says));
            }
        }
    }
}

fn never_matches(repository: Option<&str>, prefix: &str) -> Option<&'static str> {
    if repository == Some("") || (prefix.is_empty() && repository.is_none()) {
        Some("write a folder, or \"REPOSITORY:\" for a whole repository")
    } else if prefix.starts_with('/')
        || prefix.starts_with("./")
        || prefix.split('/').any(|part| part == "..")
    {
        Some("paths begin at the top of the repository, without a slash or dots")
    } else if prefix.contains(['*', '?']) {
        Some("paths are prefixes, not patterns; write the folder alone")
    } else {
        None
    }
}

/// Whether two prefixes of different services can be about the same repository.
fn meet(one: &Prefix<'_>, other: &Prefix<'_>) -> bool {
    one.service.name != other.service.name
        && (one.repository == other.repository || one.repository.is_none() || other.repository.is_none())
}

/// The folders above `folder`, the nearest first; the last is the top.
fn ancestors(folder: &str) -> impl Iterator<Item = &str> {
    let first = (!folder.is_empty()).then_some(folder);
    std::iter::successors(first, |at| {
        (!at.is_empty()).then(|| at.rsplit_once('/').map_or("", |(above, _)| above))
    })
    .skip(1)
}

fn values(service: &Service, found: &mut Vec<Problem>) {
    let name = &service.name;
    if let Some(tier) = service.tier.filter(|tier| !(1..=4).contains(tier)) {
        let says = format!("the tier {tier} of {name} is none; write 1 (the most depends on it) to 4");
        found.push(error(ProblemKind::BadTier, vec![name.clone()], says));
    }
    if let Some(runbook) = service.runbook.as_deref().filter(|runbook| !is_link_or_path(runbook)) {
        let says = format!(
            "the runbook {} of {name} is neither a link nor a path; write where it is, or take it out",
            quoted(runbook)
        );
        found.push(error(ProblemKind::BadRunbook, vec![name.clone()], says));
    }
}

/// A link of the web, or something with a folder or an ending such as `runbooks/cart.md`.
fn is_link_or_path(text: &str) -> bool {
    let is_whole = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    match text.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.split('/').next().unwrap_or_default();
            is_whole && matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") && !host.is_empty()
        }
        None => is_whole && text.trim_matches(['.', '/']).contains(['/', '.']),
    }
}

fn dependencies(catalog: &Catalog, service: &Service, found: &mut Vec<Problem>) {
    let is_me =
        |other: &&ServiceName| catalog.find(other.as_str()).is_some_and(|other| other.name == service.name);
    if service.depends_on.iter().any(|other| is_me(&other)) {
        let says = format!("{} depends on itself; take that out", service.name);
        found.push(error(ProblemKind::DependsOnItself, vec![service.name.clone()], says));
    }
    let unknown = service.depends_on.iter().filter(|other| catalog.find(other.as_str()).is_none());
    let unknown: Vec<&str> = unknown.map(ServiceName::as_str).collect();
    if !unknown.is_empty() {
        let (is, them) = if unknown.len() == 1 { ("is", "it") } else { ("are", "them") };
        let says = format!(
            "{} depends on {}, which {is} not in the catalog; add {them}, or correct the spelling",
            service.name,
            listed(unknown)
        );
        found.push(gap(ProblemKind::UnknownDependency, vec![service.name.clone()], says));
    }
}

fn missing(catalog: &Catalog, found: &mut Vec<Problem>) {
    let is_first = |service: &Service| service.tier == Some(1);
    for service in catalog.services.iter().filter(|service| is_first(service)) {
        let lacks = [
            ("owner", service.owner.is_none()),
            ("runbook", service.runbook.is_none()),
            ("on-call", service.on_call.is_none()),
        ];
        let lacks: Vec<&str> = lacks.iter().filter(|(_, lacks)| *lacks).map(|(what, _)| *what).collect();
        if !lacks.is_empty() {
            let says = format!(
                "{} is tier 1 and has no {}; add what is missing before the next night",
                service.name,
                lacks.join(", no ")
            );
            found.push(gap(ProblemKind::TierOneIncomplete, vec![service.name.clone()], says));
        }
    }
    let mut lack = |kind: ProblemKind, what: &str, instead: &str, lacks: &dyn Fn(&Service) -> bool| {
        let services: Vec<ServiceName> = catalog
            .services
            .iter()
            .filter(|service| lacks(service))
            .map(|service| service.name.clone())
            .collect();
        if !services.is_empty() {
            let of = catalog.services.len();
            let names = listed(services.iter().map(ServiceName::as_str));
            let says = format!("no {what} ({} of {of}): {names}. {instead}", services.len());
            found.push(gap(kind, services, says));
        }
    };
    // Those of tier 1 have their own sentence.
    lack(ProblemKind::NoOwner, "owner", "Say who answers for them: owner = \"team\"", &|service| {
        !is_first(service) && service.owner.is_none()
    });
    lack(
        ProblemKind::NoRunbook,
        "runbook",
        "Say what to do when they fail: runbook = \"https://…\"",
        &|service| !is_first(service) && service.runbook.is_none(),
    );
    lack(ProblemKind::NoOnCall, "on-call", "Say whom to wake: on_call = \"schedule or link\"", &|service| {
        !is_first(service) && service.on_call.is_none()
    });
    let runs_code = |service: &Service| service.kind == ServiceKind::Service;
    lack(ProblemKind::NoPaths, "paths", "Say where their code is: paths = [\"services/x/\"]", &|service| {
        runs_code(service) && service.paths.is_empty()
    });
    lack(
        ProblemKind::NoSignals,
        "signals of their own",
        "The configured templates must fit them",
        &|service| runs_code(service) && service.signals.is_empty(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Service {
        Service::named(ServiceName::new(name).unwrap())
    }

    fn named_all(names: &[&str]) -> Vec<ServiceName> {
        names.iter().map(|name| ServiceName::new(*name).unwrap()).collect()
    }

    /// A service that lacks nothing.
    fn whole(name: &str) -> Service {
        Service {
            owner: Some("shop".into()),
            tier: Some(2),
            runbook: Some("runbooks/x.md".into()),
            on_call: Some("shop".into()),
            paths: vec![format!("services/{name}/")],
            signals: BTreeMap::from([(crate::signal::SignalKind::Errors, "rate(x[1m])".to_owned())]),
            ..named(name)
        }
    }

    fn check(services: Vec<Service>, expect: &[(Level, &str)]) {
        let found = problems(&Catalog { services });
        let found: Vec<(Level, &str)> = found.iter().map(|p| (p.level, p.says.as_str())).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn a_whole_catalog_has_no_problem() {
        check(vec![whole("cart"), Service { depends_on: named_all(&["cart"]), ..whole("checkout") }], &[]);
        check(Vec::new(), &[]);
    }

    #[test]
    fn names_that_mean_two_services_are_errors() {
        check(
            vec![whole("cart"), Service { paths: vec!["b/".into()], ..whole("Cart") }],
            &[(Level::Error, "Cart is in the catalog twice; make one service of them, or rename one")],
        );
        let with = |name: &str, aliases: &[&str]| Service {
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            ..whole(name)
        };
        check(
            vec![with("cart", &["basket"]), with("shop", &["Basket", "CART"])],
            &[
                (Level::Error, "the alias \"Basket\" belongs to cart and to shop; take it from one of them"),
                (
                    Level::Error,
                    "the alias \"CART\" of shop is the name of another service; take the alias out",
                ),
            ],
        );
    }

    #[test]
    fn paths_that_overlap_or_never_match_are_told() {
        let with = |name: &str, path: &str| Service { paths: vec![path.into()], ..whole(name) };
        check(
            vec![with("cart", "services/cart"), with("shop", "services/cart/")],
            &[(
                Level::Error,
                "the path \"services/cart/\" belongs to cart and to shop; give it to one of them",
            )],
        );
        check(vec![with("cart", "web:cart/"), with("shop", "api:cart/"), with("all", "tools:")], &[]);
        check(
            vec![with("cart", "web:services/cart/"), with("shop", "services/")],
            &[(
                Level::Gap,
                "\"web:services/cart/\" of cart lies inside \"services/\" of shop; both own what is there. \
                 Make the outer one narrower",
            )],
        );
        for (path, why) in [
            ("/services/cart/", "paths begin at the top of the repository, without a slash or dots"),
            ("services/*/cart", "paths are prefixes, not patterns; write the folder alone"),
            ("", "write a folder, or \"REPOSITORY:\" for a whole repository"),
        ] {
            let says = format!("the path \"{path}\" of cart never matches: {why}");
            check(vec![with("cart", path)], &[(Level::Error, &says)]);
        }
    }

    #[test]
    fn values_that_cannot_be_are_errors() {
        check(
            vec![Service { tier: Some(5), ..whole("cart") }],
            &[(Level::Error, "the tier 5 of cart is none; write 1 (the most depends on it) to 4")],
        );
        for (runbook, good) in [
            ("https://wiki.example/cart", true),
            ("runbooks/cart.md", true),
            ("cart.md", true),
            ("ask ann", false),
            ("TBD", false),
            ("javascript://x", false),
            ("https://", false),
            ("...", false),
        ] {
            let found = problems(&Catalog {
                services: vec![Service { runbook: Some(runbook.into()), ..whole("cart") }],
            });
            assert_eq!(found.is_empty(), good, "{runbook}: {found:?}");
        }
    }

    #[test]
    fn dependencies_that_lead_nowhere_or_round_are_told() {
        let with = |name: &str, needs: &[&str]| Service { depends_on: named_all(needs), ..whole(name) };
        check(
            vec![with("cart", &["cart", "redis", "kafka"])],
            &[
                (Level::Error, "cart depends on itself; take that out"),
                (
                    Level::Gap,
                    "cart depends on redis, kafka, which are not in the catalog; add them, or correct the spelling",
                ),
            ],
        );
        check(
            vec![with("cart", &["shop"]), with("shop", &["cart"])],
            &[(
                Level::Gap,
                "cart → shop → cart depend on each other; a failure of one may begin in any of them. \
                 Take a dependency out if it is not meant",
            )],
        );
    }

    #[test]
    fn what_is_missing_is_listed_once_and_tier_one_by_itself() {
        check(
            vec![
                Service { owner: None, on_call: None, tier: Some(1), ..whole("checkout") },
                Service { owner: None, ..whole("cart") },
                Service { owner: None, paths: Vec::new(), ..whole("web") },
                Service { kind: ServiceKind::Resource, paths: Vec::new(), ..whole("redis") },
            ],
            &[
                (
                    Level::Gap,
                    "checkout is tier 1 and has no owner, no on-call; add what is missing before the next night",
                ),
                (Level::Gap, "no owner (2 of 4): cart, web. Say who answers for them: owner = \"team\""),
                (Level::Gap, "no paths (1 of 4): web. Say where their code is: paths = [\"services/x/\"]"),
            ],
        );
    }

    #[test]
    fn a_long_list_is_counted() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        assert_eq!(listed(names), "a, b, c, d, e, f, g, h and 2 more");
    }
}
