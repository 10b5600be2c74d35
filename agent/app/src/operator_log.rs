//! Traces for the operator, on standard error, only when asked for: `HEARBACK_LOG=debug`. Spans carry names and
//! counts, never a message body, a log line or a secret.

use tracing_subscriber::EnvFilter;

/// Starts tracing as `HEARBACK_LOG` says; errors only if it says nothing.
pub fn start() {
    let filter = EnvFilter::try_from_env("HEARBACK_LOG").unwrap_or_else(|_| EnvFilter::new("error"));
    // A second subscriber can't be set twice in one process; there is nobody to tell if it were.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
