//! Both halves against the official Python SDK, as processes of their own: over standard streams, and over HTTP on loopback.
//! `make mcp-peer` fetches it; without it these tests fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

mod as_client;
mod as_server;
mod program;

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the scripts are.
fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers")
}

/// A Python with the SDK.
struct Python {
    program: PathBuf,
    sdk: String,
}

impl Python {
    fn find() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/mcp-peer");
        // The script itself is asked, so that there is one rule. Never skipped: a test that was not run must not look like
        // one that passed.
        let there = Command::new(&script).arg("--there").status().expect(".ci/mcp-peer runs");
        assert!(
            there.success(),
            "the Python SDK of MCP is not here; run `make mcp-peer` (it needs the network once)"
        );
        let told = |what: &str| {
            let told = Command::new(&script).arg(what).output().expect(".ci/mcp-peer runs");
            String::from_utf8(told.stdout).expect("a path").trim().to_owned()
        };
        Python { program: told("--python").into(), sdk: told("--where") }
    }
}
