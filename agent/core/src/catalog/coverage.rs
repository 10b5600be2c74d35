//! What the catalog and the repositories do not know of each other: paths that match nothing, folders that belong to
//! nobody, owners that nobody knows. Pure; it must not know how files were listed.

use std::collections::BTreeSet;

use super::problems::{Level, Problem, ProblemKind, listed};
use super::{Catalog, Service};
use crate::change::RepoPath;
use crate::ids::ServiceName;
use crate::text::ExternalText;

/// The files of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// What its source is called.
    pub repository: String,
    /// Its files.
    pub files: Vec<RepoPath>,
    /// Why some are not there, if that is so. Nothing is then said to be missing.
    pub missing: Option<String>,
    /// The owners that its CODEOWNERS names, as they are written.
    pub owners: Vec<String>,
}

/// What `catalog` lacks of `trees`, and the other way round. `people` are the names of teams and persons that the
/// catalog's files state, in lower case. An empty catalog lacks nothing: nobody has begun it.
pub fn uncovered(catalog: &Catalog, people: &BTreeSet<String>, trees: &[Tree]) -> Vec<Problem> {
    if catalog.services.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let sorted: Vec<(&Tree, BTreeSet<&str>)> =
        trees.iter().map(|tree| (tree, tree.files.iter().map(RepoPath::as_str).collect())).collect();
    for service in &catalog.services {
        for path in &service.paths {
            found.extend(matches_nothing(service, path, &sorted));
        }
    }
    for tree in trees {
        found.extend(unowned_folders(catalog, tree));
        found.extend(unknown_owners(catalog, people, tree));
    }
    found.sort_by_key(|problem| (problem.level, problem.kind));
    found
}

fn gap(kind: ProblemKind, services: Vec<ServiceName>, says: String) -> Problem {
    Problem { level: Level::Gap, kind, services, says }
}

fn shown(text: &str) -> String {
    ExternalText::new(text).for_people(80)
}

fn split(path: &str) -> (Option<&str>, &str) {
    path.split_once(':').map_or((None, path), |(repository, prefix)| (Some(repository), prefix))
}

fn matches_nothing(service: &Service, path: &str, trees: &[(&Tree, BTreeSet<&str>)]) -> Option<Problem> {
    let (only, prefix) = split(path);
    let concerned: Vec<&(&Tree, BTreeSet<&str>)> =
        trees.iter().filter(|(tree, _)| only.is_none_or(|only| only == tree.repository)).collect();
    let folder = prefix.trim_end_matches('/');
    let below = format!("{folder}/");
    let holds = |files: &BTreeSet<&str>| {
        folder.is_empty()
            || files.contains(prefix)
            || files.range(below.as_str()..).next().is_some_and(|first| first.starts_with(&below))
    };
    if concerned.is_empty() || concerned.iter().any(|(tree, files)| tree.missing.is_some() || holds(files)) {
        return None;
    }
    let names = listed(concerned.iter().map(|(tree, _)| tree.repository.as_str()));
    let says = format!(
        "the path \"{}\" of {} matches nothing in {}; correct it, or take it out",
        shown(path),
        service.name,
        shown(&names)
    );
    Some(gap(ProblemKind::PathMatchesNothing, vec![service.name.clone()], says))
}

/// Folders at the top, but for hidden ones.
fn unowned_folders(catalog: &Catalog, tree: &Tree) -> Option<Problem> {
    let folders: BTreeSet<&str> = tree
        .files
        .iter()
        .filter_map(|path| path.as_str().split_once('/'))
        .map(|(top, _)| top)
        .filter(|top| !top.starts_with('.'))
        .collect();
    let belongs = |service: &Service, folder: &str| {
        let is_whole = service.paths.is_empty() && service.is_in(&tree.repository);
        is_whole
            || service.paths.iter().any(|path| {
                let (only, prefix) = split(path);
                let first = prefix.split('/').next().unwrap_or_default();
                only.is_none_or(|only| only == tree.repository) && (prefix.is_empty() || first == folder)
            })
    };
    let nobodys: Vec<&str> = folders
        .iter()
        .copied()
        .filter(|folder| !catalog.services.iter().any(|service| belongs(service, folder)))
        .collect();
    if nobodys.is_empty() {
        return None;
    }
    let repository = shown(&tree.repository);
    let says = if nobodys.len() == folders.len() {
        format!("no service has its code in {repository}; add its folders to the paths of one")
    } else {
        let names = nobodys.iter().map(|folder| format!("{}/", shown(folder))).collect::<Vec<_>>();
        format!(
            "{repository}: no service owns {} ({} of {} top folders); add them to the paths of one",
            listed(names.iter().map(String::as_str)),
            nobodys.len(),
            folders.len()
        )
    };
    Some(gap(ProblemKind::UnownedFolders, Vec::new(), says))
}

fn unknown_owners(catalog: &Catalog, people: &BTreeSet<String>, tree: &Tree) -> Option<Problem> {
    let known: BTreeSet<String> =
        catalog.services.iter().filter_map(|service| service.owner.as_deref()).map(short).collect();
    let is_known = |owner: &str| known.contains(&short(owner)) || people.contains(&short(owner));
    let unknown: Vec<&str> =
        tree.owners.iter().map(String::as_str).filter(|owner| !is_known(owner)).collect();
    if unknown.is_empty() {
        return None;
    }
    let says = format!(
        "CODEOWNERS of {} names {}, which the catalog does not; make them owner of a service, or correct the file",
        shown(&tree.repository),
        listed(unknown)
    );
    Some(gap(ProblemKind::UnknownOwners, Vec::new(), says))
}

/// `checkout` of `@shop/checkout`, `shop/checkout` and `Checkout`; `ann` of `ann@shop.example`.
fn short(owner: &str) -> String {
    let name = owner.trim().trim_start_matches('@');
    let name = name.split('@').next().unwrap_or(name);
    name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str, paths: &[&str]) -> Service {
        Service {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            owner: Some("shop/Checkout".into()),
            ..Service::named(ServiceName::new(name).unwrap())
        }
    }

    fn tree(repository: &str, files: &[&str]) -> Tree {
        let files = files.iter().map(|file| RepoPath::from(*file)).collect();
        Tree { repository: repository.into(), files, ..Tree::default() }
    }

    fn check(services: Vec<Service>, trees: &[Tree], expect: &[&str]) {
        let people = BTreeSet::from(["ann".to_owned()]);
        let found = uncovered(&Catalog { services }, &people, trees);
        let says: Vec<&str> = found.iter().map(|problem| problem.says.as_str()).collect();
        assert_eq!(says, expect);
    }

    #[test]
    fn a_path_that_matches_nothing_is_told_unless_files_are_missing() {
        let files = ["cart/total.js", "cart-old/x.js", "docs.md"];
        let paths = ["cart", "cart/", "cart/total.js", "shop:cart/", "docs.md", "other:gone/"];
        check(vec![service("cart", &paths), service("old", &["cart-old/"])], &[tree("shop", &files)], &[]);
        let gone = ["the path \"cart/tot\" of cart matches nothing in shop; correct it, or take it out"];
        let old = || service("old", &["cart-old/"]);
        check(vec![service("cart", &["cart/tot"]), old()], &[tree("shop", &files)], &gone);
        let partial = Tree { missing: Some("shallow".into()), ..tree("shop", &files) };
        check(vec![service("cart", &["cart/tot"]), old()], &[partial], &[]);
    }

    #[test]
    fn folders_of_nobody_are_told_once_a_repository() {
        let shop = tree("shop", &["services/cart/a", "tools/b", "libs/c", ".github/d", "README.md"]);
        let web = tree("web", &["src/a"]);
        check(
            vec![service("cart", &["shop:services/cart/"])],
            &[shop.clone(), web.clone()],
            &[
                "shop: no service owns libs/, tools/ (2 of 3 top folders); add them to the paths of one",
                "no service has its code in web; add its folders to the paths of one",
            ],
        );
        let whole = Service { repositories: vec!["org/web".into()], ..service("web", &[]) };
        check(vec![service("all", &["shop:"]), whole], &[shop.clone(), web], &[]);
        check(Vec::new(), &[shop], &[]);
    }

    #[test]
    fn owners_that_the_catalog_does_not_name_are_told() {
        let owners =
            ["@shop/checkout", "@ann", "@Checkout", "ann@shop.example", "@shop/ghosts", "bob@shop.example"];
        let shop = Tree {
            owners: owners.iter().map(|owner| (*owner).to_owned()).collect(),
            ..tree("shop", &["cart/a"])
        };
        check(
            vec![service("cart", &["cart/"])],
            &[shop],
            &[
                "CODEOWNERS of shop names @shop/ghosts, bob@shop.example, which the catalog does not; make them owner \
               of a service, or correct the file",
            ],
        );
    }
}
