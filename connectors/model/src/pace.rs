//! How many requests may be under way, how many may begin in a minute, and how long to wait before one is made again. It
//! must not know what they are.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::{Duration, Instant, sleep_until};

const MINUTE: Duration = Duration::from_secs(60);

/// How fast a server may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Requests that are under way at once.
    pub in_flight: NonZeroU32,
    /// Requests that begin in any minute; none for as many as there are.
    pub per_minute: Option<NonZeroU32>,
}

impl Default for Pace {
    /// Four at once, and no limit a minute: what the server minds, it says by itself with a 429.
    fn default() -> Self {
        Pace { in_flight: NonZeroU32::MIN.saturating_add(3), per_minute: None }
    }
}

/// Keeps to a [`Pace`].
#[derive(Debug)]
pub(crate) struct Gate {
    flying: Semaphore,
    per_minute: Option<usize>,
    /// When those of the last minute began, the oldest first.
    begun: Mutex<VecDeque<Instant>>,
}

impl Gate {
    pub(crate) fn new(pace: Pace) -> Self {
        let count = |n: NonZeroU32| usize::try_from(n.get()).unwrap_or(usize::MAX);
        let flying = Semaphore::new(count(pace.in_flight).min(Semaphore::MAX_PERMITS));
        Gate { flying, per_minute: pace.per_minute.map(count), begun: Mutex::default() }
    }

    /// Waits for a turn, which lasts until what is returned is dropped. None if it can't begin before `deadline`: then
    /// it does not wait for it.
    pub(crate) async fn turn(&self, deadline: Instant) -> Option<SemaphorePermit<'_>> {
        let turn = tokio::time::timeout_at(deadline, self.flying.acquire()).await.ok()?.ok()?;
        let Some(most) = self.per_minute else { return Some(turn) };
        // It is held while one waits: those behind it would have to wait longer still.
        let mut begun = tokio::time::timeout_at(deadline, self.begun.lock()).await.ok()?;
        while let Some(oldest) = begun.front().filter(|_| begun.len() >= most) {
            let free = *oldest + MINUTE;
            if free > Instant::now() {
                if free >= deadline {
                    return None;
                }
                sleep_until(free).await;
            }
            begun.pop_front();
        }
        begun.push_back(Instant::now());
        Some(turn)
    }
}

/// The pause after try number `tries` (from 1): twice the one before, of which the second half is chance, so that many
/// clients do not come back together.
pub(crate) fn pause(first: Duration, tries: u32, chance: u32) -> Duration {
    let full = first.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1)));
    full.mul_f64(0.5 + 0.5 * f64::from(chance) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_and_half_of_it_is_chance() {
        let first = Duration::from_millis(200);
        for (tries, chance, expect_ms) in [(1, 0, 100), (1, u32::MAX, 200), (2, 0, 200), (3, u32::MAX, 800)] {
            assert_eq!(pause(first, tries, chance), Duration::from_millis(expect_ms));
        }
    }

    fn gate(in_flight: u32, per_minute: Option<u32>) -> Gate {
        Gate::new(Pace {
            in_flight: NonZeroU32::new(in_flight).unwrap(),
            per_minute: per_minute.and_then(NonZeroU32::new),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_begin_in_a_minute_than_may() {
        let gate = gate(9, Some(2));
        let start = Instant::now();
        let far = start + MINUTE * 10;
        for expect in [0, 0, 60, 60, 120] {
            assert!(gate.turn(far).await.is_some());
            assert_eq!(start.elapsed().as_secs(), expect);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_can_not_begin_in_time_is_told_at_once() {
        let gate = gate(9, Some(1));
        let start = Instant::now();
        assert!(gate.turn(start + MINUTE).await.is_some());
        assert!(gate.turn(start + Duration::from_secs(59)).await.is_none());
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_are_under_way_than_may_be() {
        let gate = gate(1, None);
        let deadline = Instant::now() + Duration::from_secs(1);
        let first = gate.turn(deadline).await;
        assert!(first.is_some() && gate.turn(deadline).await.is_none());
        drop(first);
        assert!(gate.turn(Instant::now() + Duration::from_secs(1)).await.is_some());
    }
}
