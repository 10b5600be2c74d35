//! One file a command. A command turns arguments into values, calls the libraries and prints; it decides nothing.

pub mod actions;
mod ask;
mod backtest;
mod catalog;
mod demo;
mod doctor;
pub mod experts;
mod frozen;
mod hypothesis;
pub mod incident;
pub mod mcp;
mod memory;
mod record;
pub mod runbook;
mod serve;
pub mod similar;
pub mod times;
pub mod token;

use std::process::ExitCode;

use hearback_core::redaction;

use crate::cli::{Cli, Command};
use crate::config;
use crate::operator_log::OperatorLog;

/// Runs the command.
pub async fn run(cli: Cli, log: &mut OperatorLog) -> anyhow::Result<ExitCode> {
    let is_traced = matches!(cli.command, Command::Ask(_) | Command::Serve(_));
    let mut load = || -> anyhow::Result<config::Config> {
        let config = config::load(cli.config.as_deref(), cli.record.as_deref())?;
        // Before anything is read: whatever is redacted earlier would miss the user's rules, and is refused.
        if !config.redaction.is_empty() {
            redaction::install(config.redaction.clone())?;
        }
        log.start(Some(&config).filter(|_| is_traced));
        Ok(config)
    };
    match cli.command {
        Command::Ask(arguments) => ask::run(arguments, &load()?).await,
        Command::Similar(arguments) => similar::run(&arguments, &load()?).await,
        Command::Runbook(arguments) => runbook::run(&arguments, &load()?).await,
        Command::Memory(command) => memory::run(command, &load()?).await,
        Command::Experts(arguments) => experts::run(arguments, &load()?).await,
        Command::Declare(arguments) => incident::declare(arguments, &load()?).await,
        Command::Note(arguments) => incident::note(arguments, &load()?).await,
        Command::Hypothesis(command) => hypothesis::run(command, &load()?).await,
        Command::Incident(command) => incident::run(command, &load()?).await,
        Command::Record(command) => record::run(command, &load()?).await,
        Command::Proposals(arguments) => actions::proposals(arguments, &load()?).await,
        Command::Show(arguments) => actions::show(arguments, &load()?).await,
        Command::Approve(arguments) => actions::approve(arguments, &load()?).await,
        Command::Reject(arguments) => actions::reject(arguments, &load()?).await,
        Command::Audit(arguments) => actions::audit(arguments, &load()?).await,
        Command::Target(command) => actions::target(command, &load()?).await,
        Command::Import(command) => frozen::take(command, &load()?).await,
        Command::Export(command) => frozen::give(command, &load()?).await,
        Command::Backtest(command) => backtest::run(command, &load()?).await,
        Command::Mcp(arguments) => mcp::run(arguments, load()?).await,
        Command::Serve(arguments) => serve::run(arguments, load()?).await,
        Command::Token(command) => token::run(command, &load()?).await,
        Command::Catalog(command) => catalog::run(command, &load()?).await,
        Command::Doctor(arguments) => doctor::run(arguments, load()).await,
        Command::Demo(arguments) => {
            log.start(None);
            demo::run(arguments).await
        }
    }
}
