//! What reaches a collector, and what does not: a strict one over real TCP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

mod receiver;

mod away;
mod names;
mod sent;
mod withheld;
