//! What the end-to-end tests share: the real binary in a home of its own, and git repositories made by the real
//! `git`. It must not know any crate of the product: these tests see what a user sees.

pub mod frozen;
pub mod hostile;
pub mod monitoring;
pub mod rollbacks;
pub mod service;
pub mod toy;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

/// A home in which the real binary runs, with nothing of the tester's environment.
pub struct Home {
    folder: TempDir,
}

/// What a run printed, and its exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Run {
    fn of(output: Output) -> Run {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Run { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Standard output of a run that succeeded.
    ///
    /// # Errors
    /// It did not succeed.
    pub fn ok(self) -> Result<String> {
        ensure!(self.code == Some(0), "exit code {:?}: {}{}", self.code, self.err, self.out);
        Ok(self.out)
    }

    /// Standard output of a run that succeeded, as JSON.
    ///
    /// # Errors
    /// It did not succeed, or printed something else.
    pub fn json(self) -> Result<serde_json::Value> {
        let out = self.ok()?;
        serde_json::from_str(&out).with_context(|| out)
    }
}

impl Home {
    /// A new, empty home.
    ///
    /// # Errors
    /// The temporary folder can't be made.
    pub fn new() -> Result<Self> {
        Ok(Home { folder: tempfile::tempdir()? })
    }

    /// A path in it.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The binary with these arguments, ready to run in this home.
    ///
    /// # Errors
    /// The binary is not built.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<Command> {
        let mut command = Command::new(binary()?);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("USER", "ana")
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        Ok(command)
    }

    /// Runs the binary.
    ///
    /// # Errors
    /// It can't be started.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<Run> {
        Ok(Run::of(self.command(arguments)?.output()?))
    }

    /// Runs the binary through a shell, `$HEARBACK` being its path: for limits and pipes.
    ///
    /// # Errors
    /// It can't be started.
    pub fn shell(&self, script: &str) -> Result<Run> {
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .env_clear()
            .env("HOME", self.folder.path())
            .env("USER", "ana")
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HEARBACK", binary()?)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        Ok(Run::of(command.output()?))
    }
}

/// The binary that was built with this test. Any test run of the whole workspace builds it first.
fn binary() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(Path::parent).context("a test stands in target/PROFILE/deps")?;
    let binary = folder.join("hearback");
    ensure!(binary.is_file(), "{} is missing; run `cargo build -p hearback`", binary.display());
    Ok(binary)
}

/// A repository whose commits happen at given times.
pub struct Repository {
    folder: TempDir,
    path: PathBuf,
}

impl Repository {
    /// A new repository without commits, on branch main.
    ///
    /// # Errors
    /// `git` failed.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("shop").tempdir()?;
        let path = folder.path().to_owned();
        Repository { folder, path }.made()
    }

    /// The same in a folder of this name, which is what the program calls it.
    ///
    /// # Errors
    /// `git` failed.
    pub fn called(name: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join(name);
        std::fs::create_dir(&path)?;
        Repository { folder, path }.made()
    }

    fn made(self) -> Result<Self> {
        let repository = self;
        repository.git(&["init", "--quiet", "--initial-branch=main"], "2026-01-01T00:00:00Z")?;
        Ok(repository)
    }

    /// Where it is.
    pub fn path(&self) -> &str {
        self.path.to_str().unwrap_or_default()
    }

    /// Writes `files` (path, content) and commits them at `at`. Returns the sha.
    ///
    /// # Errors
    /// `git` or the file system failed.
    pub fn commit(&self, at: &str, message: &str, files: &[(&str, &str)]) -> Result<String> {
        for (path, content) in files {
            let path = self.path.join(path);
            std::fs::create_dir_all(path.parent().context("a file has a folder")?)?;
            std::fs::write(path, content)?;
        }
        self.git(&["add", "--all"], at)?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message], at)?;
        Ok(self.git(&["rev-parse", "HEAD"], at)?.trim().to_owned())
    }

    /// Runs `git` in it, as Ana Ruiz at the time `at`.
    ///
    /// # Errors
    /// `git` failed.
    pub fn git(&self, arguments: &[&str], at: &str) -> Result<String> {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(&self.path)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.folder.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .envs([("GIT_AUTHOR_NAME", "Ana Ruiz"), ("GIT_COMMITTER_NAME", "Ana Ruiz")])
            .envs([("GIT_AUTHOR_EMAIL", "ana@shop.example"), ("GIT_COMMITTER_EMAIL", "ana@shop.example")])
            .envs([("GIT_AUTHOR_DATE", at), ("GIT_COMMITTER_DATE", at)])
            .stdin(Stdio::null())
            .output()?;
        ensure!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
