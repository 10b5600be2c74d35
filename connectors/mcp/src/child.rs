//! A server's process: started with an environment of its own, ended with all that it started when nobody needs it any more.
//! It must not know what is said over its streams.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::options::{Hidden, PASSED_ON};

/// What is started.
pub(crate) struct Program<'a> {
    pub(crate) command: &'a Path,
    pub(crate) args: &'a [String],
    pub(crate) env: &'a [(String, Hidden)],
    pub(crate) environment: &'a [(OsString, OsString)],
    pub(crate) cwd: Option<&'a Path>,
}

/// A running server. It and all it started are killed when this is dropped; what it writes to its standard error is
/// discarded.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
}

impl Program<'_> {
    pub(crate) fn start(&self) -> std::io::Result<(Running, ChildStdout, ChildStdin)> {
        let passed = self.environment.iter().filter(|(name, _)| PASSED_ON.iter().any(|known| name == known));
        let mut command = Command::new(self.command);
        command.args(self.args).env_clear().envs(passed.map(|(name, value)| (name, value)));
        command.envs(self.env.iter().map(|(name, value)| (name, value.exposed())));
        if let Some(cwd) = self.cwd {
            command.current_dir(cwd);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.process_group(0).kill_on_drop(true);
        let mut child = command.spawn()?;
        let (out, into) = (child.stdout.take(), child.stdin.take());
        let running = Running { child };
        match (out, into) {
            (Some(out), Some(into)) => Ok((running, out, into)),
            _ => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nobody waited for it yet, so its number is still its own, ended or not.
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(group) = id {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
