//! The HTTP client that connectors share: one deadline for a whole call, size limits, retries of reads, credentials
//! that go to one origin and into no log, and a guard for URLs from outside text. It must not know any system.
//!
//! [`HttpClient`] talks to the one origin it was made for. [`OutsideClient`] fetches what outside text links to, with
//! no credentials and never inside the network. Both go through `exchange`, which keeps the promises.

mod address;
mod backoff;
mod body;
mod client;
mod credentials;
mod deadline;
mod error;
mod exchange;
mod outside;
mod pieces;
mod tls;
mod trouble;

pub use address::is_public;
pub use body::Body;
pub use client::{Content, HttpClient, HttpOptions, Written};
pub use credentials::{Credentials, Secret};
pub use deadline::{Deadline, Limits};
pub use error::HttpError;
pub use outside::{OutsideClient, OutsideUrl, RefusedUrl};
pub use pieces::Pieces;
pub use tls::client_config;
pub use url::Url;
