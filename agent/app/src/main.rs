//! `hearback`: the incident copilot's program. Reads arguments, runs one command, and turns its result into
//! output and an exit code: 0 done, 1 failed, 2 wrong usage.

mod calibrations;
mod cli;
mod commands;
mod config;
mod interrupt;
mod operator_log;
mod output;
mod progress;
mod serve;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let mut log = operator_log::OperatorLog::default();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            return output::failure(&anyhow::Error::new(error).context("the async runtime did not start"));
        }
    };
    let ended = runtime.block_on(commands::run(cli, &mut log));
    let code = ended.unwrap_or_else(|error| output::failure(&error));
    log.finish();
    code
}
