//! The server against the SDK's client, and against clients that write what they like.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

mod careless;
mod good;
mod made_up;

use std::sync::Arc;

use hearback_mcp::{ServeError, ServeLimits, serve};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use made_up::MadeUp;

/// A server of made-up things at the other end of a stream.
struct Served {
    reads: Arc<MadeUp>,
    stop: CancellationToken,
    ended: JoinHandle<Result<(), ServeError>>,
}

fn served(limits: ServeLimits) -> (Served, DuplexStream) {
    let (theirs, ours) = tokio::io::duplex(8_192);
    let (reads, stop) = (Arc::new(MadeUp::default()), CancellationToken::new());
    let (read, write) = tokio::io::split(theirs);
    let ended = tokio::spawn(serve(reads.clone(), read, write, limits, stop.clone()));
    (Served { reads, stop, ended }, ours)
}
