//! A server of made-up things at its standard streams, for clients that start a program. It stands here for the command of
//! Hearback that serves what it reads, and shows how that is written.

use std::process::ExitCode;
use std::sync::Arc;

use hearback_mcp::{ServeLimits, serve};
use tokio_util::sync::CancellationToken;

#[allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "made up for tests, which look at more of it"
)]
#[path = "../serving/made_up.rs"]
mod made_up;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let reads = Arc::new(made_up::MadeUp::default());
    let (read, write) = (tokio::io::stdin(), tokio::io::stdout());
    match serve(reads, read, write, ServeLimits::default(), CancellationToken::new()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
