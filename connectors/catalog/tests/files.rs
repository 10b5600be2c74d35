//! Backstage's files on a real disk: patterns, Locations, and the ways out of the root that must stay shut.

// Clippy knows test functions, but not what they call.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};

use hearback_catalog::{Backstage, Checkout, discover, load};
use tempfile::TempDir;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn component(name: &str) -> String {
    format!("kind: Component\nmetadata: {{name: {name}}}\nspec: {{type: service, owner: shop}}\n")
}

fn location(targets: &str) -> String {
    format!("kind: Location\nspec:\n  targets: [{targets}]\n")
}

fn services(read: &Backstage) -> Vec<&str> {
    read.layers
        .iter()
        .flat_map(|layer| &layer.catalog.services)
        .map(|service| service.name.as_str())
        .collect()
}

fn says(read: &Backstage) -> Vec<&str> {
    read.problems.iter().map(|problem| problem.says.as_str()).collect()
}

fn found(base: &Path, pattern: &str) -> (Vec<String>, usize) {
    let found = discover(base, &[pattern.to_owned()]);
    let files =
        found.files.iter().map(|file| file.strip_prefix(base).unwrap().to_string_lossy().into_owned());
    (files.collect(), found.problems.len())
}

#[test]
fn files_are_found_by_name_and_pattern() {
    let folder = folder(&[
        ("catalog-info.yaml", ""),
        ("services/cart/catalog-info.yaml", ""),
        ("services/web/catalog-info.yaml", ""),
        ("services/web/node_modules/x/catalog-info.yaml", ""),
        (".git/catalog-info.yaml", ""),
    ]);
    let check = |pattern: &str, expect: &[&str], problems: usize| {
        let (files, count) = found(folder.path(), pattern);
        assert_eq!(files, expect, "{pattern}");
        assert_eq!(count, problems, "{pattern}");
    };
    check("catalog-info.yaml", &["catalog-info.yaml"], 0);
    check(
        "services/*/catalog-info.yaml",
        &["services/cart/catalog-info.yaml", "services/web/catalog-info.yaml"],
        0,
    );
    check(
        "**/catalog-info.yaml",
        &["catalog-info.yaml", "services/cart/catalog-info.yaml", "services/web/catalog-info.yaml"],
        0,
    );
    check("missing.yaml", &[], 1);
    check("nothing/**/x.yaml", &[], 1);
    check("{a", &[], 1);
}

#[test]
fn locations_lead_to_local_files_and_a_circle_ends() {
    let folder = folder(&[
        ("all.yaml", &location("./services/*/catalog-info.yaml, teams.yaml, all.yaml")),
        (
            "teams.yaml",
            "kind: Group\nmetadata: {name: shop}\nspec: {type: team}\n---\nkind: Location\nspec: {target: ./all.yaml}\n",
        ),
        ("services/cart/catalog-info.yaml", &component("cart")),
        ("services/web/catalog-info.yaml", &format!("{}---\n{}", component("web"), component("admin"))),
    ]);
    let checkout = Checkout { name: "shop".into(), folder: folder.path().to_owned() };
    let read = load(folder.path(), &[folder.path().join("all.yaml")], &[checkout]);
    assert_eq!(says(&read), Vec::<&str>::new());
    assert_eq!(services(&read), ["cart", "web", "admin"]);
    assert_eq!(read.layers[0].from, "services/cart/catalog-info.yaml");
    assert_eq!(read.layers[0].catalog.services[0].paths, ["shop:services/cart/"]);
    assert!(read.layers[1].catalog.services[0].paths.is_empty(), "a folder of two services is neither's");
    assert!(read.people.contains("shop"));
}

#[test]
fn nothing_outside_the_root_and_nothing_remote_is_read() {
    let outside = folder(&[("secret.yaml", &component("secret"))]);
    let inner = outside.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret.yaml"), inner.join("link.yaml")).unwrap();
    let absolute = outside.path().join("secret.yaml");
    let targets = format!(
        "../secret.yaml, ../*.yaml, {}, link.yaml, 'https://shop.example/x.yaml', gone.yaml",
        absolute.display()
    );
    std::fs::write(inner.join("all.yaml"), location(&targets)).unwrap();
    let read = load(&inner, &[inner.join("all.yaml")], &[]);
    assert_eq!(services(&read), Vec::<&str>::new());
    let says = says(&read);
    assert_eq!(says.len(), 6, "{says:?}");
    assert_eq!(says.iter().filter(|says| says.contains("lies outside")).count(), 4, "{says:?}");
    assert_eq!(
        says[4],
        "all.yaml: the target \"https://shop.example/x.yaml\" is not a local file; check it out and name it in \
         [catalog] files"
    );
    assert!(says[5].ends_with("\"gone.yaml\" does not exist; correct the Location"), "{}", says[5]);
}

#[test]
fn files_that_are_too_large_or_too_deep_are_told_and_the_rest_is_read() {
    let mut files: Vec<(String, String)> =
        (0..8).map(|n| (format!("{n}.yaml"), location(&format!("{}.yaml", n + 1)))).collect();
    files.push(("large.yaml".into(), "# x\n".repeat(1 << 20)));
    files.push(("good.yaml".into(), component("good")));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let folder = folder(&files);
    let named: Vec<PathBuf> =
        ["0.yaml", "large.yaml", "good.yaml", "."].iter().map(|name| folder.path().join(name)).collect();
    let read = load(folder.path(), &named, &[]);
    assert_eq!(services(&read), ["good"]);
    assert_eq!(
        says(&read),
        [
            "large.yaml: is larger than 2 MB; split it",
            ": is not a file",
            "5.yaml: the target \"6.yaml\" is too many Locations away; name it in [catalog] files",
        ]
    );
}
