//! The incident channel on a real record, against a chat system in memory that misbehaves on demand: what is said and in
//! which words, what is heard and what comes of it. The chat system's wire is the connector's business.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop anywhere")]

mod chat;
mod hearing;
mod room;
mod speaking;
mod words;
