//! Logs and traces that are sent to us: OTLP as protobuf and JSON (OpenTelemetry protocol 1.x, OTLP/HTTP), and lines of
//! JSON or text. Pure parsers and the responses the protocol asks for. It must not know HTTP, compression, the clock
//! and where the records go.
//!
//! A request is refused as a whole only if it can't be read or is too much. A record that can't be used is counted and
//! the first one named, so that the sender hears of it in a partial success.

mod json;
mod lines;
mod logs;
mod responses;
mod scan;
mod times;
mod traces;
mod values;
mod wire;

use std::fmt;

pub use lines::{LineDefaults, parse_line, parse_lines};
pub use logs::parse_logs;
pub use responses::{OtlpResponse, Signal, failure, success};
pub use traces::parse_traces;

/// Log records or spans of one request, at most.
pub const MOST_RECORDS: usize = 10_000;

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

impl Encoding {
    /// From the value of a `Content-Type` header; parameters such as `charset` are ignored.
    pub fn from_content_type(header: &str) -> Option<Self> {
        let name = header.split(';').next().unwrap_or_default().trim();
        [Encoding::Protobuf, Encoding::Json]
            .into_iter()
            .find(|one| one.content_type().eq_ignore_ascii_case(name))
    }

    /// The value of a `Content-Type` header.
    pub fn content_type(self) -> &'static str {
        match self {
            Encoding::Protobuf => "application/x-protobuf",
            Encoding::Json => "application/json",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Encoding::Protobuf => "protobuf",
            Encoding::Json => "JSON",
        })
    }
}

/// A request could not be taken. The sender must not send it again as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OtlpError {
    /// It can't be read (400).
    #[error("{0}")]
    Malformed(String),
    /// It can be read and is more than is taken at once (413).
    #[error("{0}")]
    TooMuch(String),
}

/// What was read of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed<T> {
    /// What can be used.
    pub records: Vec<T>,
    /// What can't.
    pub rejected: Rejected,
}

/// Records that can't be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejected {
    /// How many.
    pub count: usize,
    /// What is wrong with the first of them, and where it stands.
    pub first: Option<String>,
}

impl Rejected {
    /// Counts one more; `why` is kept if it is the first.
    fn add(&mut self, why: impl FnOnce() -> String) {
        self.count += 1;
        self.first.get_or_insert_with(why);
    }
}
