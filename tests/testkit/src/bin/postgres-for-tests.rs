//! `postgres-for-tests COMMAND ARGUMENT…`: starts a private PostgreSQL, prints its URL, runs the command with
//! `HEARBACK_TEST_POSTGRES` set to it, stops the server and exits as the command did. Without a command it waits
//! for Ctrl-C.
#![allow(clippy::print_stderr, reason = "it is a program")]

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result};
use hearback_testkit::postgres::{Cluster, URL_VARIABLE};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    // Listening first: from here on a signal ends the command, and only then, in order, us.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let cluster = Cluster::start()?;
    let url = cluster.url();
    eprintln!("postgres-for-tests: {url}");
    let mut arguments = std::env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        return Ok(ExitCode::SUCCESS);
    };
    let shown = program.display().to_string();
    let mut child = Command::new(program)
        .args(arguments)
        .env(URL_VARIABLE, url)
        .spawn()
        .with_context(|| format!("{shown} can't be run"))?;
    let status = loop {
        tokio::select! {
            // The terminal has sent it to the command as well, which ends in its own time.
            _ = interrupt.recv() => {}
            _ = terminate.recv() => child.kill()?,
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
    };
    drop(cluster);
    Ok(code_of(status))
}

/// As a shell reports it: 128 and the signal, if one ended the command.
fn code_of(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
