//! When a question must end early: its time is up, or nobody waits for the answer any more. SQLite asks in the middle
//! of a statement.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use rusqlite::{Connection, ErrorCode};

/// Steps of SQLite's machine between two looks: a fraction of a millisecond.
const STEPS: i32 = 2000;

/// Asked during long work.
#[derive(Clone)]
pub(crate) struct Stop {
    began: Instant,
    budget: Duration,
    abandoned: Arc<AtomicBool>,
}

impl Stop {
    /// Ends work after `budget`, and as soon as the returned guard is dropped.
    pub fn after(budget: SignedDuration) -> (Self, Abandon) {
        let budget = Duration::try_from(budget).unwrap_or_default();
        let abandoned = Arc::new(AtomicBool::new(false));
        (Stop { began: Instant::now(), budget, abandoned: Arc::clone(&abandoned) }, Abandon(abandoned))
    }

    /// Ends earlier, so that a quarter of the time is left to read what was found.
    pub fn for_finding(&self) -> Self {
        Stop { budget: self.budget / 4 * 3, ..self.clone() }
    }

    /// What is left of the time.
    pub fn left(&self) -> Duration {
        self.budget.saturating_sub(self.began.elapsed())
    }

    pub fn is_due(&self) -> bool {
        self.left().is_zero() || self.abandoned.load(Ordering::Relaxed)
    }

    /// Ends statements on `connection` when it is due.
    pub fn guard(&self, connection: &Connection) -> rusqlite::Result<()> {
        let stop = self.clone();
        connection.progress_handler(STEPS, Some(move || stop.is_due()))
    }
}

/// Whether a statement was ended by [`Stop::guard`].
pub(crate) fn was_stopped(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
}

/// Dropped with the future that waits for the answer.
pub(crate) struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
