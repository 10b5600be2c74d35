//! What an OpenAI-compatible server can do to us: a strict fake over real TCP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

mod contract;
mod server;

mod answers;
mod failures;
