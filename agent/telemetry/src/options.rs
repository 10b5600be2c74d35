//! How the store is opened, and why it could not be. It must not know files.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hearback_core::SourceName;
use jiff::{SignedDuration, Timestamp};

/// Tells the time at which telemetry arrives. An argument, so that a test can move it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The least that `max_bytes` may be: sixteen segments of 1 MiB.
pub(crate) const LEAST_MAX_BYTES: u64 = 16 << 20;

/// How the store is opened.
#[derive(Clone)]
pub struct TelemetryOptions {
    /// The folder of the segments, on a local disk. It is made if it is not there; no other process may use it.
    pub folder: PathBuf,
    /// The store's name, as it stands in answers.
    pub source: SourceName,
    /// How long telemetry is kept after its arrival. Dropped by whole segments: up to an hour later.
    pub retention: SignedDuration,
    /// How many bytes the files may take, at least 16 MiB. The oldest arrivals go first.
    pub max_bytes: u64,
    /// How many bytes may wait to be written, in memory. At most an eighth of `max_bytes` is used.
    pub queue_bytes: u64,
    /// How long a sender waits for room in the queue before it is told to come again.
    pub queue_wait: Duration,
    /// Tells the time of arrival.
    pub clock: Clock,
}

impl TelemetryOptions {
    /// What most people want: 72 hours, 2 GiB on disk, 64 MiB in memory, two seconds of patience.
    ///
    /// # Errors
    /// [`OpenError::NotUsable`] never happens with this name; it is passed on rather than hidden.
    pub fn new(folder: impl Into<PathBuf>, clock: Clock) -> Result<Self, OpenError> {
        let source = SourceName::new("telemetry:local");
        Ok(TelemetryOptions {
            folder: folder.into(),
            source: source.map_err(|error| OpenError::NotUsable(error.to_string()))?,
            retention: SignedDuration::from_hours(72),
            max_bytes: 2 << 30,
            queue_bytes: 64 << 20,
            queue_wait: Duration::from_secs(2),
            clock,
        })
    }

    pub(crate) fn check(&self) -> Result<(), OpenError> {
        if self.max_bytes < LEAST_MAX_BYTES {
            let why = format!("telemetry needs at least {LEAST_MAX_BYTES} bytes on disk: raise its size");
            return Err(OpenError::NotUsable(why));
        }
        if self.retention < SignedDuration::from_mins(1) {
            let why = "telemetry must be kept for at least a minute: raise its retention";
            return Err(OpenError::NotUsable(why.into()));
        }
        Ok(())
    }
}

/// The store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "another hearback writes telemetry to {}: stop it, or choose another folder",
        .0.display()
    )]
    InUse(PathBuf),
    /// The folder or an option is not what it should be. The user can mend it.
    #[error("{0}")]
    NotUsable(String),
}
