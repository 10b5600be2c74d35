//! [`Fallback`]: a second model that is asked where the first can't answer. A first one that is down is not waited for every
//! time: after some failures in a row it rests, then one request finds out whether it is back.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use hearback_core::ids::SourceName;
use hearback_core::model::{ModelClient, ModelError, ModelReply, ModelRequest};
use jiff::SignedDuration;
use tokio::time::{Duration, Instant};

/// How much of a request's budget the first may use up, in percent: what is left has to be enough for the second.
const FIRST_SHARE: i32 = 60;

/// When the second is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FallbackOptions {
    /// How long the first may take, and never more than its share of a request's budget.
    pub first_within: SignedDuration,
    /// How many failures in a row let the first rest.
    pub failures: u32,
    /// How long it rests, or as long as it asked for if that is longer.
    pub rest: Duration,
}

impl Default for FallbackOptions {
    /// A minute and a half, two failures, a minute.
    fn default() -> Self {
        FallbackOptions {
            first_within: SignedDuration::from_secs(90),
            failures: 2,
            rest: Duration::from_secs(60),
        }
    }
}

/// Whether the first is asked.
#[derive(Debug, Default)]
struct Circuit {
    failures: u32,
    /// Until when it rests; none while it works.
    rests_until: Option<Instant>,
    /// A request is finding out whether it is back.
    probed: bool,
}

/// A model, and another one for when it can't answer.
#[derive(Debug)]
pub struct Fallback<A, B> {
    first: A,
    second: B,
    options: FallbackOptions,
    name: SourceName,
    circuit: Mutex<Circuit>,
}

/// Gives the turn to probe back, whatever becomes of the request: a caller may drop it in the middle.
struct Probe<'a>(&'a Mutex<Circuit>);

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        lock(self.0).probed = false;
    }
}

fn lock(circuit: &Mutex<Circuit>) -> MutexGuard<'_, Circuit> {
    circuit.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What an error of the first says about asking the second.
fn is_of_the_endpoint(error: &ModelError) -> bool {
    match error {
        ModelError::TimedOut(_)
        | ModelError::NotUsable(_)
        | ModelError::Busy { .. }
        | ModelError::Failed(_) => true,
        // It is the conversation, or this one reply.
        ModelError::TooLong(_) | ModelError::Malformed { .. } => false,
    }
}

impl<A: ModelClient, B: ModelClient> Fallback<A, B> {
    /// `second` for when `first` can't answer.
    pub fn new(first: A, second: B, options: FallbackOptions) -> Self {
        let name = SourceName::new(format!("{}, else {}", first.name(), second.name()));
        let name = name.unwrap_or_else(|_| first.name().clone());
        Fallback { first, second, options, name, circuit: Mutex::default() }
    }

    /// The turn to ask the first, if it does not rest.
    fn turn(&self) -> Option<Probe<'_>> {
        let mut circuit = lock(&self.circuit);
        if let Some(until) = circuit.rests_until {
            if Instant::now() < until || circuit.probed {
                return None;
            }
            circuit.probed = true;
            return Some(Probe(&self.circuit));
        }
        drop(circuit);
        // Not a probe: nothing is given back that somebody else holds.
        Some(Probe(&self.nobody))
    }
}
