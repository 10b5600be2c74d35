//! `hearback backtest`: one file a subcommand.

mod adopt;
mod adopted;
mod cases;
mod experts;
mod incidents;
mod measured;
mod memory;
mod model;
mod replay;
mod reverts;
mod services;
mod told;
mod train;

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::Backtest;
use crate::config::Config;

pub async fn run(command: Backtest, config: &Config) -> Result<ExitCode> {
    match command {
        Backtest::Reverts(arguments) => reverts::run(arguments, config).await,
        Backtest::Cases(arguments) => cases::run(arguments, config).await,
        Backtest::Experts(arguments) => experts::run(arguments, config).await,
        Backtest::Services(arguments) => services::run(&arguments),
        Backtest::Incidents(arguments) => incidents::run(arguments, config).await,
        Backtest::Model(arguments) => model::run(arguments, config).await,
        Backtest::Memory(arguments) => memory::run(&arguments, config).await,
        Backtest::Train(arguments) => train::run(arguments, config).await,
        Backtest::Replay(arguments) => replay::run(arguments, config).await,
        Backtest::Adopt(arguments) => adopt::run(arguments, config).await,
        Backtest::Adopted(arguments) => adopted::run(arguments, config).await,
    }
}
