//! Exactly once: whatever is killed, whenever, an approved action is done at most once, and what became of it is written
//! down or told to a person. [`every_await`] kills the desk at each of its awaits in turn; [`racing`] lets several desks
//! race on one record and kills them at random. The torture run (`make torture`) tells all stories with all pairs of
//! mishaps and races longer; `HEARBACK_SEED` repeats a race that went wrong:
//!
//! ```text
//! HEARBACK_TORTURE_ROUNDS=200 cargo nextest run -p hearback-e2e --test exactly_once --no-capture
//! ```
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop anywhere")]
#![allow(clippy::print_stdout, reason = "the long runs say what they did")]

mod check;
mod deployer;
mod every_await;
mod ports;
mod process;
mod racing;
mod room;
mod stories;

/// A number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}
