//! Log records and spans on disk, bounded by age and size: the store behind [`LogSource`], [`TraceSource`] and
//! [`TelemetrySink`]. It must not know how telemetry is sent, and what an incident is.
//!
//! A folder holds segments: SQLite files, each with what arrived in one slice of time. Retention drops whole segments.
//! One thread writes and commits what waits together; questions read on their own connections, each with a deadline.
//!
//! What is acknowledged has been committed: WAL with `synchronous = NORMAL`, so it survives `kill -9` of the process.
//! A loss of power may take the last seconds, which the incident record (`hearback-record`) does not allow itself.
//!
//! [`LogSource`]: hearback_core::ports::LogSource
//! [`TraceSource`]: hearback_core::ports::TraceSource
//! [`TelemetrySink`]: hearback_core::ports::TelemetrySink

mod intake;
mod logs;
mod options;
mod rows;
mod search;
mod segment;
mod shelf;
mod spans;
mod stop;
mod store;
mod templates;
mod writer;

pub use options::{Clock, OpenError, TelemetryOptions};
pub use shelf::TelemetryStats;
pub use store::TelemetryStore;
