//! Runs the `git` program for what needs a network. Libgit2 could reach servers too, but only with keys, helpers and
//! proxies that are set up anew for it, and it can't push on the condition that the branch is still where it was seen;
//! git has the people's own setup and has `--force-with-lease`. (Jujutsu went the same way.)
//!
//! Never a shell, never a prompt, never a hook of the repository, never somebody's environment as a whole. The program
//! and all it started end at the deadline, and when nobody waits any more. It must not know what is asked of git.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use hearback_core::ExternalText;
use hearback_core::redaction::redact;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use crate::pipes::Pipes;

/// What git and the programs it starts to log in may see of the environment.
pub const PASSED_ON: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "GNUPGHOME",
    "KRB5CCNAME",
    "SSH_AUTH_SOCK",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_SSL_CAINFO",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];

/// Set for every run, whatever the environment says.
const ALWAYS: &[(&str, &str)] = &[
    ("LC_ALL", "C"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GCM_INTERACTIVE", "never"),
    ("GIT_NO_LAZY_FETCH", "1"),
];

/// Configuration for every run: nothing of the repository's own is started, and nothing is done on the side.
const CONFIGURED: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.askPass=",
    "core.logAllRefUpdates=false",
    "credential.interactive=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.writeCommitGraph=false",
    "submodule.recurse=false",
    "color.ui=false",
];

/// Ssh that asks nobody.
const SSH: &str = "ssh -oBatchMode=yes";

/// So long it is waited for the last words of a program that ended: what it started may hold its output open.
const GRACE: Duration = Duration::from_millis(500);

/// The `git` program.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    git: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

/// What it is run on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct On<'a> {
    pub(crate) git_dir: &'a Path,
    /// Where addresses that are relative paths begin.
    pub(crate) folder: &'a Path,
    /// The repository's own ssh command, if it has one.
    pub(crate) ssh: Option<&'a str>,
    /// More configuration.
    pub(crate) settings: &'a [(String, String)],
}

/// How it ended, and what it printed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ran {
    /// Its exit code; none if it was killed.
    pub(crate) code: Option<i32>,
    /// Whether that was because the time was up.
    pub(crate) is_late: bool,
    pub(crate) out: Vec<u8>,
    pub(crate) err: Vec<u8>,
}

/// It could not be started at all.
#[derive(Debug, thiserror::Error)]
#[error("git can't be started: {0}; install git, or say where it is")]
pub(crate) struct NotStarted(String);

impl Program {
    /// A program that sees those of `environment` that are in [`PASSED_ON`].
    pub(crate) fn new(git: &Path, environment: &[(OsString, OsString)]) -> Self {
        let passed = |name: &OsString| PASSED_ON.iter().any(|passed| name == passed);
        let environment = environment.iter().filter(|(name, _)| passed(name)).cloned().collect();
        Program { git: git.to_owned(), environment }
    }

    /// Runs it.
    pub(crate) async fn run(
        &self,
        on: &On<'_>,
        arguments: &[String],
        until: Instant,
    ) -> Result<Ran, NotStarted> {
        let mut command = Command::new(&self.git);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.envs(ALWAYS.iter().copied());
        if let Some(ssh) = self.ssh(on.ssh) {
            command.env("GIT_SSH_COMMAND", ssh);
        }
        // Unlike arguments, the environment of a process can't be read by everybody on the machine.
        command.env("GIT_CONFIG_COUNT", on.settings.len().to_string());
        for (number, (key, value)) in on.settings.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{number}"), key);
            command.env(format!("GIT_CONFIG_VALUE_{number}"), value);
        }
        command.arg("--git-dir").arg(on.git_dir).current_dir(on.folder);
        for setting in CONFIGURED {
            command.args(["-c", setting]);
        }
        command.args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| NotStarted(error.to_string()))?;
        let mut group = Group::of(&child);
        let mut pipes = Pipes::of(&mut child);
        let ended = tokio::time::timeout_at(until.into(), pipes.read_until_end(&mut child)).await;
        let (code, is_late) = match ended {
            Ok(Ok(status)) => {
                group.let_go();
                (status.code(), false)
            }
            Ok(Err(_)) => (None, false),
            Err(_) => (None, true),
        };
        if code.is_none() {
            group.kill();
            let _ = tokio::time::timeout(GRACE, child.wait()).await;
            group.let_go();
        }
        let _ = tokio::time::timeout(GRACE, pipes.drain()).await;
        Ok(Ran { code, is_late, out: pipes.out_bytes, err: pipes.err_bytes })
    }

    /// The ssh command to set; none leaves it to git. What somebody chose stays, and is told to ask nobody if it is
    /// the usual ssh.
    fn ssh(&self, configured: Option<&str>) -> Option<OsString> {
        let set =
            |name: &str| self.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        let chosen = match (set("GIT_SSH_COMMAND"), configured, set("GIT_SSH")) {
            (Some(chosen), _, _) => chosen.to_str().map_or_else(|| Err(chosen.clone()), Ok),
            (None, Some(chosen), _) => Ok(chosen),
            (None, None, Some(_)) => return None,
            (None, None, None) => Ok("ssh"),
        };
        Some(match chosen {
            Err(odd) => odd,
            Ok(chosen) => {
                let program = chosen.split_whitespace().next().unwrap_or_default();
                let is_usual = program.rsplit('/').next() == Some("ssh");
                let rest = chosen.trim().strip_prefix("ssh").filter(|_| program == "ssh");
                match rest {
                    Some(rest) => format!("{SSH}{rest}").into(),
                    None if is_usual => format!("{} -oBatchMode=yes", chosen.trim()).into(),
                    None => chosen.into(),
                }
            }
        })
    }
}

impl Ran {
    pub(crate) fn is_success(&self) -> bool {
        self.code == Some(0)
    }

    /// What it complained of, in one line for people.
    pub(crate) fn complaint(&self) -> String {
        if self.is_late {
            return "the time was up".to_owned();
        }
        let text = String::from_utf8_lossy(&self.err);
        let is_told =
            |line: &&str| ["remote:", "fatal:", "error:", "ssh:"].iter().any(|word| line.starts_with(word));
        let told: Vec<&str> = text.lines().map(str::trim).filter(is_told).take(4).collect();
        let told = match told.is_empty() {
            true => text.lines().map(str::trim).filter(|line| !line.is_empty()).take(2).collect(),
            false => told,
        };
        match told.is_empty() {
            true => "git said nothing".to_owned(),
            false => for_people(&told.join("; ")),
        }
    }
}

/// What a server or git said: without secrets, and safe to print.
pub(crate) fn for_people(said: &str) -> String {
    ExternalText::new(redact(said).0).for_people(300)
}

/// The program with all that it started; ended when this is dropped.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Group(id.and_then(Pid::from_raw))
    }

    fn kill(&self) {
        if let Some(group) = self.0 {
            // It may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// It has ended: its number may be another's soon.
    fn let_go(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
#[path = "program_tests.rs"]
mod tests;
