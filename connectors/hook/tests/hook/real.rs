//! The reference receiver as a process of its own, with two commands that keep a version in a file. It can be killed.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::{contract, receiver};

const CONFIG: &str = "HEARBACK_TEST_RECEIVER";

/// The receiver itself.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the process that the tests of the receiver start and kill"]
async fn the_receiver_receives_until_it_is_killed() {
    let config = std::env::var_os(CONFIG).expect("started by a test, which names the configuration");
    receiver::serve(Path::new(&config)).await.unwrap();
}

/// The world that a receiver changes: cart runs v12.
pub struct World {
    folder: TempDir,
}

impl World {
    pub fn new() -> World {
        let world = World { folder: tempfile::tempdir().unwrap() };
        let folder = world.folder.path();
        let config = json!({
            "listen": "127.0.0.1:0", "path": "/deploys", "secret_file": world.path("secret"),
            "outcomes": world.path("outcomes"), "running": ["sh", world.path("running.sh")],
            "change": ["sh", world.path("change.sh")],
        });
        let running = "cd \"${0%/*}\" && [ \"$1 $2\" = 'cart production' ] && cat version";
        let change = "cd \"${0%/*}\" || exit 1
            echo \"$*\" >> changes
            while [ -e hold ]; do sleep 0.02; done
            [ -e break ] && exit 3
            echo \"$4\" > version
            echo deploy-42";
        for (name, text) in [
            ("receiver.json", config.to_string()),
            ("secret", format!("{}\n", contract::secret())),
            ("version", "v12\n".to_owned()),
            ("running.sh", running.to_owned()),
            ("change.sh", change.to_owned()),
        ] {
            std::fs::write(folder.join(name), text).unwrap();
        }
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn version(&self) -> String {
        std::fs::read_to_string(self.path("version")).unwrap().trim().to_owned()
    }

    /// What was changed, a line each time.
    pub fn changes(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("changes")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until a change has begun.
    pub async fn change_has_begun(&self) {
        let begun = Instant::now();
        while self.changes().is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(20), "no change began");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A change waits until [`World::let_go`].
    pub fn hold(&self) {
        std::fs::write(self.path("hold"), "").unwrap();
    }

    pub fn let_go(&self) {
        std::fs::remove_file(self.path("hold")).unwrap();
    }

    /// A change fails from now on.
    pub fn break_changes(&self) {
        std::fs::write(self.path("break"), "").unwrap();
    }

    pub fn receiver(&self) -> Running {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "real::the_receiver_receives_until_it_is_killed", "--ignored", "--nocapture"])
            .env(CONFIG, self.path("receiver.json"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        // The harness may have written the beginning of the line.
        let at = lines.find_map(|line| line.split_once("listening on ").map(|(_, at)| at.parse().unwrap()));
        Running { at: at.expect("the receiver listens"), child }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // A change that was left alone ends.
        let _ = std::fs::remove_file(self.path("hold"));
    }
}

/// A receiver that runs; dropped, it is killed.
pub struct Running {
    pub at: SocketAddr,
    child: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
