//! What a Prometheus, or what stands in front of it, can do to us: a strict fake over real TCP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

mod server;

mod answers;
mod failures;
