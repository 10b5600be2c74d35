//! When work must end early: its time is up, or nobody waits for the answer any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::SignedDuration;

/// Work ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped;

/// Asked at every step of long work.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    budget: SignedDuration,
    deadline: Option<Instant>,
    abandoned: Arc<AtomicBool>,
}

impl Stop {
    /// Ends work after `budget`, and as soon as the returned guard is dropped.
    pub(crate) fn after(budget: SignedDuration) -> (Self, Abandon) {
        let length = Duration::try_from(budget).unwrap_or_default();
        let abandoned = Arc::new(AtomicBool::new(false));
        let deadline = Instant::now().checked_add(length);
        let stop = Stop { budget, deadline, abandoned: Arc::clone(&abandoned) };
        (stop, Abandon(abandoned))
    }

    /// How long it may take in all.
    pub(crate) fn budget(&self) -> SignedDuration {
        self.budget
    }

    pub(crate) fn check(&self) -> Result<(), Stopped> {
        let late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if late || self.abandoned.load(Ordering::Relaxed) { Err(Stopped) } else { Ok(()) }
    }
}

/// Dropped with the future that waits for the answer.
pub(crate) struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
