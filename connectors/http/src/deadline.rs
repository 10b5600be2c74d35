//! What a call may cost: time and bytes. It must not know what is called.

use std::time::Duration;

use jiff::SignedDuration;
// The clock that calls wait by: in a test that moves it, time passes for deadlines too.
use tokio::time::Instant;

/// No call lasts longer, whatever its budget.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The moment at which a call is given up. It covers name lookup, connecting, headers, body and retries, and may be
/// handed to several calls.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    begun: Instant,
    budget: SignedDuration,
}

impl Deadline {
    /// The moment `budget` from now; a negative budget is used up.
    pub fn after(budget: SignedDuration) -> Self {
        Deadline { begun: Instant::now(), budget }
    }

    /// The time it was made with.
    pub fn budget(&self) -> SignedDuration {
        self.budget
    }

    /// The time that is left; zero once it has passed.
    pub fn remaining(&self) -> Duration {
        self.allowed().saturating_sub(self.begun.elapsed())
    }

    pub(crate) fn instant(&self) -> Instant {
        self.begun + self.allowed()
    }

    fn allowed(&self) -> Duration {
        Duration::try_from(self.budget).unwrap_or_default().min(LONGEST)
    }
}

/// What a call may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// When it is given up.
    pub deadline: Deadline,
    /// The longest body of an answer, in bytes; no more is ever held.
    pub max_bytes: usize,
}

impl Limits {
    /// `budget` from now, and `max_bytes`.
    pub fn new(budget: SignedDuration, max_bytes: usize) -> Self {
        Limits { deadline: Deadline::after(budget), max_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_that_can_not_be_is_none_or_a_day() {
        assert_eq!(Deadline::after(SignedDuration::from_secs(-1)).remaining(), Duration::ZERO);
        assert!(Deadline::after(SignedDuration::MAX).remaining() <= LONGEST);
        let _ = Deadline::after(SignedDuration::MAX).instant();
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_passes_with_the_clock_that_calls_wait_by() {
        let deadline = Deadline::after(SignedDuration::from_secs(60));
        tokio::time::advance(Duration::from_secs(45)).await;
        assert_eq!(deadline.remaining(), Duration::from_secs(15));
        tokio::time::advance(Duration::from_secs(45)).await;
        assert_eq!(deadline.remaining(), Duration::ZERO);
    }
}
