//! The house rules, checked on the repository itself. A rule that can be checked is checked here, so that nobody
//! has to remember it; each says what to do when it is broken. That every rule can fail is shown in [`rules`],
//! [`map`] and [`crates`].
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod crates;
mod map;
mod rules;

use std::path::{Path, PathBuf};

use rules::{File, Rule};

/// The top of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository is still there")
}

/// Every text file that belongs to the project, with its path from the top.
fn files() -> Vec<File> {
    let (root, mut folders, mut files) = (root(), vec![PathBuf::new()], Vec::new());
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(root.join(&folder)).expect("a folder that can be read");
        for entry in entries.map(|entry| entry.expect("an entry that can be read")) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let hidden = name.starts_with('.') && !matches!(name.as_str(), ".ci" | ".config" | ".gitignore");
            let path = folder.join(&name);
            let kind = entry.file_type().expect("a kind of file");
            if hidden || path == Path::new("target") || kind.is_symlink() {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
                files.push(File { path: path.to_string_lossy().replace('\\', "/"), text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(files.len() > 30, "only {} files were found; the walk is broken", files.len());
    files
}

fn obeyed(rule: Rule) {
    let broken: Vec<String> = files()
        .iter()
        .flat_map(|file| rule(file).into_iter().map(|what| format!("{}: {what}", file.path)))
        .collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn every_source_file_says_what_it_is_for() {
    obeyed(rules::says_what_it_is_for);
}

#[test]
fn no_source_file_is_longer_than_600_lines() {
    obeyed(rules::is_not_too_long);
}

#[test]
fn no_name_is_a_drawer_for_everything() {
    obeyed(rules::is_not_a_drawer);
}

#[test]
fn nothing_is_left_unfinished_or_switched_off() {
    obeyed(rules::is_finished);
}

#[test]
fn libraries_neither_print_nor_read_the_environment() {
    obeyed(rules::library_is_silent);
}

#[test]
fn no_task_is_spawned_without_an_owner() {
    obeyed(rules::tasks_have_an_owner);
}

#[test]
fn core_and_engine_get_the_time_as_an_argument() {
    obeyed(rules::clock_is_an_argument);
}

#[test]
fn unsafe_code_stays_in_its_one_documented_file() {
    obeyed(rules::is_safe);
}

#[test]
fn no_file_names_a_place_on_somebodys_machine() {
    obeyed(rules::names_no_machine);
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    obeyed(rules::takes_the_lints);
}

#[test]
fn concrete_connectors_are_named_in_wiring_alone() {
    let connectors = crates::Workspace::read(&root()).connectors();
    assert!(!connectors.is_empty(), "no connector was found; the search is broken");
    let broken: Vec<String> =
        files().iter().flat_map(|file| crates::wires_elsewhere(file, &connectors)).collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn crates_know_only_those_they_may_know() {
    let broken = crates::Workspace::read(&root()).strangers();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn the_documents_are_there_and_their_map_is_the_disk() {
    let root = root();
    for document in ["LICENSE", "deny.toml", "Makefile", ".ci/run"] {
        assert!(root.join(document).is_file(), "{document} is missing");
    }
    // The documents are written together; before the first there is nothing to compare.
    let Ok(architecture) = std::fs::read_to_string(root.join("ARCHITECTURE.md")) else {
        eprintln!("there is no ARCHITECTURE.md yet");
        return;
    };
    let read =
        |name: &str| std::fs::read_to_string(root.join(name)).unwrap_or_else(|_| panic!("write {name}"));
    read("CHANGELOG.md");
    let mut broken = map::unmapped(&architecture, &crates::Workspace::read(&root).folders());
    let exists = |path: &str| root.join(path).exists();
    broken.extend(map::imagined("ARCHITECTURE.md", &architecture, exists));
    broken.extend(map::imagined("README.md", &read("README.md"), exists));
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}
