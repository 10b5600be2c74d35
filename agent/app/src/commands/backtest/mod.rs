//! `hearback backtest`: one file a subcommand.

mod adopt;
mod adopted;
mod replay;

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::Backtest;
use crate::config::Config;

pub async fn run(command: Backtest, config: &Config) -> Result<ExitCode> {
    match command {
        Backtest::Replay(arguments) => replay::run(arguments, config).await,
        Backtest::Adopt(arguments) => adopt::run(arguments, config).await,
        Backtest::Adopted(arguments) => adopted::run(arguments, config).await,
    }
}
