//! What the client promises, over real TCP against a server that does what it is told and writes down what it is asked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

mod server;

mod deadlines;
mod encrypted;
mod reads;
mod sizes;
mod streams;
mod writes;
