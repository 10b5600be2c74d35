//! What an OpenAI-compatible server can do to a conversation: a strict fake over real TCP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

mod asking;

mod failures;
mod pauses;
mod replies;
mod requests;
mod spans;
mod together;
