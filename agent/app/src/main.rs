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
    operator_log::start();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            return output::failure(&anyhow::Error::new(error).context("the async runtime did not start"));
        }
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(code) => code,
        Err(error) => output::failure(&error),
    }
}
