//! The Model Context Protocol, both ways. It must not know which servers there are or what Hearback reads: both are given.
//!
//! [`McpSource`] is a client: tools of other people's servers as an
//! [`EvidenceSource`](hearback_core::offered::EvidenceSource). A person names the tools that may be called. What a server
//! says is outside text: of a tool's arguments names and types are kept, results have their secrets taken out, and nothing
//! that a server asks of us is answered. A server that hangs, floods, lies or dies is a gap.
//!
//! [`serve`] is a server: what a [`Reads`] reads, for people's own assistants. Nothing can be written through it.

mod child;
mod guard;
mod lines;
mod meter;
mod names;
mod offer;
mod options;
mod pieces;
mod schema;
mod server;
mod session;
mod source;
mod turnstile;
mod web;

pub use options::{Dial, Hidden, McpLimits, McpOptions, McpTransport, PASSED_ON, Streams};
pub use server::{Reads, Resource, ServeError, ServeLimits, serve};
pub use source::McpSource;
