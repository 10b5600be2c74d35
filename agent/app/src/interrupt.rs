//! Ctrl-C for what runs long and has something to show for it: the first asks it to come to an end, the second ends the
//! program at once.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What a shell calls a program that Ctrl-C ended.
const CODE: u8 = 130;

/// Listens for Ctrl-C as long as it lives.
pub struct Interrupt {
    stop: CancellationToken,
    _listening: JoinSet<()>,
}

impl Interrupt {
    /// Begins to listen.
    ///
    /// # Errors
    /// The system does not let it.
    pub fn listen() -> Result<Self> {
        let mut signals = signal(SignalKind::interrupt()).context("Ctrl-C can't be waited for")?;
        let stop = CancellationToken::new();
        let (heard, mut listening) = (stop.clone(), JoinSet::new());
        listening.spawn(async move {
            signals.recv().await;
            heard.cancel();
            signals.recv().await;
            std::process::exit(i32::from(CODE));
        });
        Ok(Interrupt { stop, _listening: listening })
    }

    /// Waits for it.
    pub async fn heard(&self) {
        self.stop.cancelled().await;
    }

    /// Whether it was heard.
    pub fn is_heard(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// The exit code afterwards.
    pub fn code() -> ExitCode {
        ExitCode::from(CODE)
    }
}
