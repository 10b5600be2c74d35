//! A git server of its own on loopback, with hooks that do what servers do on bad days.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// Anything that takes longer than this hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// `git daemon`.
pub struct Daemon {
    child: Child,
    port: u16,
}

impl Daemon {
    /// Serves the repositories in `folder`.
    pub fn start(folder: &Path) -> Self {
        let until = Instant::now() + PATIENCE;
        // Somebody may take the port between our look and the daemon's: then it ends, and another is tried.
        while Instant::now() < until {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut child = Command::new("git")
                .args([
                    "daemon",
                    "--enable=receive-pack",
                    "--export-all",
                    "--reuseaddr",
                    "--listen=127.0.0.1",
                ])
                .arg(format!("--port={port}"))
                .arg(format!("--base-path={}", folder.display()))
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .env("GIT_CONFIG_SYSTEM", "/dev/null")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .process_group(0)
                .spawn()
                .unwrap();
            while child.try_wait().unwrap().is_none() && Instant::now() < until {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Daemon { child, port };
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        panic!("git daemon did not start");
    }

    pub fn url(&self, repository: &str) -> String {
        format!("git://127.0.0.1:{}/{repository}", self.port)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let group = Pid::from_child(&self.child);
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.child.wait();
    }
}

/// Gives a repository a hook.
pub fn hook(repository: &Path, name: &str, script: &str) {
    let path = repository.join("hooks").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A hook's lines that say it is there, and wait until it may go on.
pub fn wait_for(folder: &Path) -> String {
    let folder = folder.display();
    format!("touch '{folder}/there'; while [ ! -e '{folder}/go' ]; do sleep 0.02; done")
}

/// Polls until a file is there.
pub async fn appears(path: PathBuf) {
    let until = Instant::now() + PATIENCE;
    while !path.exists() {
        assert!(Instant::now() < until, "{} did not appear", path.display());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
