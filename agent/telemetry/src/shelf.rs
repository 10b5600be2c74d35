//! The segments in the order of their arrival: which there are, how much they take, which have to go. It must not
//! know what is in them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::options::{OpenError, TelemetryOptions};
use crate::segment::{Health, Segment, UNFINISHED};

/// Parts of the retention that segments are cut by: what is dropped at once.
const SLICES: i32 = 24;
/// The longest time that a segment covers.
const LONGEST_SLICE: SignedDuration = SignedDuration::from_hours(1);
/// Parts of the size that segments are cut by.
const SHARES: u64 = 16;

/// What the store holds, for `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TelemetryStats {
    /// Log records that are kept.
    pub logs: u64,
    /// Spans that are kept.
    pub spans: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// When the oldest of what is kept began to arrive.
    pub oldest: Option<Timestamp>,
    /// Log records and spans that went since the store was opened: older than the retention, or more than fits.
    pub dropped: u64,
    /// Requests that were told to come again since the store was opened.
    pub refused: u64,
    /// Files that can't be read.
    pub damaged: u64,
}

/// The segments, oldest first.
pub(crate) struct Shelf {
    pub folder: PathBuf,
    retention: SignedDuration,
    max_bytes: u64,
    segments: Mutex<Vec<Arc<Segment>>>,
    dropped: AtomicU64,
    refused: AtomicU64,
}

impl Shelf {
    /// Takes the segments that are in the folder.
    pub fn open(options: &TelemetryOptions) -> Result<Self, OpenError> {
        let mut segments = Vec::new();
        let entries = std::fs::read_dir(&options.folder).map_err(|error| {
            let shown = options.folder.display();
            OpenError::NotUsable(format!("the folder {shown} of telemetry can't be read: {error}"))
        })?;
        for entry in entries.flatten() {
            remove_stray(&entry.path());
            segments.extend(Segment::load(&entry.path()).map(Arc::new));
        }
        segments.sort_by_key(|segment| segment.sequence);
        Ok(Shelf {
            folder: options.folder.clone(),
            retention: options.retention,
            max_bytes: options.max_bytes,
            segments: Mutex::new(segments),
            dropped: AtomicU64::default(),
            refused: AtomicU64::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Segment>>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The segments as they are now, newest first. Those that are dropped meanwhile stay readable.
    pub fn newest_first(&self) -> Vec<Arc<Segment>> {
        self.lock().iter().rev().cloned().collect()
    }

    pub fn newest(&self) -> Option<Arc<Segment>> {
        self.lock().last().cloned()
    }

    pub fn add(&self, segment: Arc<Segment>) {
        self.lock().push(segment);
    }

    /// Whether nothing more may be written to a segment.
    pub fn is_finished(&self, segment: &Segment, now: Timestamp) -> bool {
        let slice = (self.retention / SLICES).min(LONGEST_SLICE);
        segment.health() == Health::Damaged
            || now.duration_since(segment.began_at) >= slice
            || segment.bytes() >= self.max_bytes / SHARES
    }

    /// Drops what arrived longer ago than the retention.
    pub fn drop_old(&self, now: Timestamp) {
        let Ok(oldest_kept) = now.checked_sub(self.retention) else { return };
        let mut segments = self.lock();
        while let Some(first) = segments.first() {
            let ended_at = match (first.extent(), segments.get(1)) {
                (Some(extent), _) => extent.last_arrival,
                (None, Some(next)) => next.began_at,
                (None, None) => first.began_at,
            };
            if ended_at > oldest_kept {
                return;
            }
            self.drop_segment(&segments.remove(0), "too old");
        }
    }

    /// Drops the oldest segments until `bytes` more fit. The newest stays: it is being written.
    pub fn make_room(&self, bytes: u64) {
        let mut segments = self.lock();
        let mut taken: u64 = segments.iter().map(|segment| segment.bytes()).sum();
        while segments.len() > 1 && taken + bytes > self.max_bytes {
            let first = segments.remove(0);
            taken -= first.bytes().min(taken);
            self.drop_segment(&first, "no room");
        }
    }

    fn drop_segment(&self, segment: &Segment, why: &str) {
        let held = segment.extent().map_or(0, |extent| extent.logs + extent.spans);
        tracing::debug!(
            sequence = segment.sequence,
            records = held,
            why,
            "a segment of telemetry is dropped"
        );
        self.dropped.fetch_add(held, Ordering::Relaxed);
        segment.doom();
    }

    pub fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub fn stats(&self) -> TelemetryStats {
        let segments = self.lock();
        let mut stats = TelemetryStats {
            oldest: segments.first().map(|segment| segment.began_at),
            dropped: self.dropped.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            ..TelemetryStats::default()
        };
        for segment in segments.iter() {
            stats.bytes += segment.bytes();
            match segment.health() {
                Health::Sound(extent) => {
                    stats.logs += extent.logs;
                    stats.spans += extent.spans;
                }
                Health::Damaged => stats.damaged += 1,
            }
        }
        stats
    }
}

/// Removes what a crash left: the side files of a segment that was being dropped, and a segment that was being made.
fn remove_stray(path: &Path) {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return };
    let is_alone = ["-wal", "-shm", "-journal"]
        .iter()
        .filter_map(|end| name.strip_suffix(end))
        .any(|stem| !path.with_file_name(stem).exists());
    let is_unfinished = path.extension().is_some_and(|end| end == UNFINISHED);
    if name.starts_with("segment-")
        && (is_alone || is_unfinished)
        && let Err(error) = std::fs::remove_file(path)
    {
        tracing::warn!(file = %path.display(), %error, "what an old segment left can't be removed");
    }
}
