//! Who may know whom, as `cargo metadata` tells it. Crates that do not exist yet have their line already.

use std::path::Path;

use cargo_metadata::{DependencyKind, MetadataCommand};

use super::rules::File;

/// What a crate may depend on, by folder. `*` is everything but what belongs to the tests.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("agent/core", &[]),
    ("agent/engine", &["agent/core", "prompts"]),
    ("agent/record", &["agent/core"]),
    ("agent/memory", &["agent/core"]),
    ("agent/telemetry", &["agent/core"]),
    ("agent/app", &["*"]),
    ("prompts", &["agent/core"]),
    ("connectors/http", &["agent/core"]),
    // Every other folder of connectors; they never see each other.
    ("connectors/", &["agent/core", "connectors/http"]),
    (
        "eval",
        &[
            "agent/core",
            "agent/engine",
            "agent/record",
            "agent/memory",
            "prompts",
            "connectors/git",
            "connectors/model",
        ],
    ),
    ("tests/testkit", &["agent/core"]),
    ("tests/model", &[]),
    ("tests/qdrant", &["agent/core", "connectors/qdrant"]),
    ("tests/e2e", &["*"]),
];

/// Only development dependencies may point here.
const FOR_TESTS: &[&str] = &["tests/testkit", "tests/model", "tests/qdrant", "tests/e2e"];
/// Those of them that the tests of any crate may use.
const FOR_ALL_TESTS: &[&str] = &["tests/testkit", "tests/model", "tests/qdrant"];

/// The crates of the workspace.
pub struct Workspace {
    pub crates: Vec<Crate>,
}

/// One crate and whom of ours it knows.
pub struct Crate {
    /// From the top of the repository.
    pub folder: String,
    /// As code names it: `hearback_git`.
    pub ident: String,
    /// Folders of the crates it is built with.
    pub knows: Vec<String>,
    /// Folders of the crates that only its tests and benches use.
    pub tests_know: Vec<String>,
}

impl Workspace {
    /// Asks cargo, offline: the lock file says all there is to know.
    pub fn read(root: &Path) -> Self {
        let metadata = MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            .no_deps()
            .other_options(["--offline".to_owned(), "--locked".to_owned()])
            .exec()
            .expect("cargo metadata runs");
        let folder_of = |path: &Path| {
            let folder = path.canonicalize().expect("a crate's folder");
            folder.strip_prefix(root).expect("inside the repository").to_string_lossy().into_owned()
        };
        let crates = metadata.packages.iter().map(|package| {
            let of_kind = |tests: bool| {
                let paths =
                    package.dependencies.iter().filter(|d| tests == (d.kind == DependencyKind::Development));
                paths.filter_map(|d| d.path.as_ref()).map(|path| folder_of(path.as_std_path())).collect()
            };
            Crate {
                folder: folder_of(package.manifest_path.as_std_path().parent().expect("a folder")),
                ident: package.name.replace('-', "_"),
                knows: of_kind(false),
                tests_know: of_kind(true),
            }
        });
        Workspace { crates: crates.collect() }
    }

    pub fn folders(&self) -> Vec<String> {
        self.crates.iter().map(|c| c.folder.clone()).collect()
    }

    /// How code names the connectors.
    pub fn connectors(&self) -> Vec<String> {
        let connectors = self.crates.iter().filter(|c| c.folder.starts_with("connectors/"));
        connectors.map(|c| c.ident.clone()).collect()
    }

    /// Dependencies that must not be.
    pub fn strangers(&self) -> Vec<String> {
        self.crates.iter().flat_map(Crate::strangers).collect()
    }
}

impl Crate {
    fn strangers(&self) -> Vec<String> {
        let is_system =
            |(folder, _): &&(&str, _)| *folder == "connectors/" && self.folder.starts_with("connectors/");
        let exact = MAY_KNOW.iter().find(|(folder, _)| *folder == self.folder);
        let Some((_, allowed)) = exact.or_else(|| MAY_KNOW.iter().find(is_system)) else {
            return vec![format!("{}: say in tests/e2e/tests/tidy/crates.rs whom it may know", self.folder)];
        };
        let is_for_tests = |other: &str| FOR_TESTS.contains(&other);
        let may = |other: &str| {
            allowed.contains(&other)
                || (allowed.contains(&"*") && (!is_for_tests(other) || self.folder == "tests/e2e"))
        };
        let built_with = self.knows.iter().filter(|other| !may(other));
        let tested_with =
            self.tests_know.iter().filter(|other| !may(other) && !FOR_ALL_TESTS.contains(&other.as_str()));
        built_with
            .chain(tested_with)
            .map(|other| format!("{} must not know {other}; go through a port of agent/core", self.folder))
            .collect()
    }
}

/// Complains of a file of the binary, other than its wiring, that names a concrete connector.
pub fn wires_elsewhere(file: &File, connectors: &[String]) -> Vec<String> {
    let in_app = file.path.strip_prefix("agent/app/src/").filter(|rest| !rest.starts_with("wiring"));
    if in_app.is_none() {
        return Vec::new();
    }
    let named = connectors.iter().filter(|ident| file.text.contains(&format!("{ident}::")));
    named.map(|ident| format!("{} names {ident}; only agent/app/src/wiring.rs may", file.path)).collect()
}

mod can_fail {
    use super::*;

    fn check(folder: &str, knows: &[&str], tests_know: &[&str], expect: usize) {
        let own = |folders: &[&str]| folders.iter().map(|f| (*f).to_owned()).collect();
        let one = Crate {
            folder: folder.into(),
            ident: "x".into(),
            knows: own(knows),
            tests_know: own(tests_know),
        };
        let broken = one.strangers();
        assert_eq!(broken.len(), expect, "{folder}: {broken:?}");
    }

    #[test]
    fn a_crate_that_knows_a_stranger_is_found() {
        check("agent/core", &["agent/engine"], &[], 1);
        check("agent/engine", &["agent/core", "connectors/git"], &[], 1);
        check("connectors/git", &["agent/core", "connectors/slack"], &[], 1);
        check("connectors/http", &["connectors/git"], &[], 1);
        check("agent/record", &["agent/core"], &["agent/engine"], 1);
        check("agent/app", &["tests/testkit"], &[], 1);
        check("agent/attic", &[], &[], 1);
    }

    #[test]
    fn a_crate_that_knows_whom_it_may_is_left_alone() {
        check("agent/engine", &["agent/core", "prompts"], &["tests/testkit"], 0);
        check("connectors/git", &["agent/core", "connectors/http"], &[], 0);
        check("agent/app", &["agent/engine", "connectors/git", "eval"], &["tests/testkit"], 0);
        check("tests/e2e", &["agent/core"], &["tests/testkit", "connectors/git"], 0);
    }

    #[test]
    fn a_connector_named_outside_the_wiring_is_found() {
        let connectors = ["hearback_git".to_owned()];
        let file = |path: &str| File { path: path.into(), text: "use hearback_git::History;".into() };
        assert_eq!(wires_elsewhere(&file("agent/app/src/ask.rs"), &connectors).len(), 1);
        assert_eq!(wires_elsewhere(&file("agent/app/src/wiring.rs"), &connectors).len(), 0);
        assert_eq!(wires_elsewhere(&file("agent/app/src/wiring/git.rs"), &connectors).len(), 0);
        assert_eq!(wires_elsewhere(&file("tests/e2e/tests/ask.rs"), &connectors).len(), 0);
    }
}
