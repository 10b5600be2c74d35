//! The incident channel: what is said there and what is heard. What to say is worked out from the incident alone, so that a
//! restart, a second copilot and a chat system that was away change nothing of it.
//!
//! ```text
//! words      the lines of each message        speeches   which messages an incident calls for, pure
//! speaking   brings them to the channel, once hearing    what is heard, as entries and things to do
//! commands   what people type behind a slash
//! ```

pub mod commands;
pub mod hearing;
pub mod speaking;
pub mod speeches;
pub mod words;
