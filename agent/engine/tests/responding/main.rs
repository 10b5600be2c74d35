//! From an answer to what is proposed, said and heard: the parts of the engine that act in an incident and in its channel,
//! with a record, targets and a chat system in memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop anywhere"
)]

mod chat;
mod hearing;
mod look;
mod memory;
mod next_steps;
mod patching;
mod proposing;
mod recovery;
mod speaking;
mod speeches;
mod story;
mod words;
