//! [`Fallback`]: a second model that is asked where the first can't answer. A first one that is down is not waited for every
//! time: after some failures in a row it rests, then one request finds out whether it is back.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use hearback_core::ids::SourceName;
use hearback_core::model::{ModelClient, ModelError, ModelReply, ModelRequest};
use jiff::SignedDuration;
use tokio::time::{Duration, Instant};

/// How much of a request's budget the first may use up, in percent: what is left has to be enough for the second.
const FIRST_SHARE: i64 = 60;
/// No model rests longer, whatever it asks for.
const LONGEST_REST: Duration = Duration::from_secs(60 * 60);

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

/// How the first has done lately.
#[derive(Debug, Default)]
struct Circuit {
    /// Failures in a row.
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

/// Leave to ask the first.
struct Turn<'a> {
    circuit: &'a Mutex<Circuit>,
    is_probe: bool,
}

impl Drop for Turn<'_> {
    /// Gives the probe back, whatever becomes of the request: a caller may drop it in the middle.
    fn drop(&mut self) {
        if self.is_probe {
            lock(self.circuit).probed = false;
        }
    }
}

fn lock(circuit: &Mutex<Circuit>) -> MutexGuard<'_, Circuit> {
    circuit.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether another endpoint may do better: else it is the conversation, or this one reply.
fn is_of_the_endpoint(error: &ModelError) -> bool {
    match error {
        ModelError::TimedOut(_)
        | ModelError::NotUsable(_)
        | ModelError::Busy { .. }
        | ModelError::Failed(_) => true,
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

    /// Leave to ask the first; none while it rests, or while somebody else finds out whether it is back.
    fn turn(&self) -> Option<Turn<'_>> {
        let mut circuit = lock(&self.circuit);
        let is_probe = match circuit.rests_until {
            None => false,
            Some(until) if Instant::now() < until || circuit.probed => return None,
            Some(_) => true,
        };
        circuit.probed |= is_probe;
        Some(Turn { circuit: &self.circuit, is_probe })
    }

    fn works(&self) {
        let mut circuit = lock(&self.circuit);
        if circuit.rests_until.take().is_some() {
            tracing::info!(model = %self.first.name(), "the model answers again");
        }
        circuit.failures = 0;
    }

    fn fails(&self, error: &ModelError) {
        let asked_for = match error {
            ModelError::Busy { retry_after, .. } => *retry_after,
            _ => None,
        };
        let asked_for =
            asked_for.and_then(|asked_for| Duration::try_from(asked_for).ok()).unwrap_or_default();
        let mut circuit = lock(&self.circuit);
        circuit.failures = circuit.failures.saturating_add(1);
        // What a person has to mend does not mend itself by the next question.
        let is_down = circuit.failures >= self.options.failures || matches!(error, ModelError::NotUsable(_));
        if !is_down {
            return;
        }
        let rest = self.options.rest.max(asked_for).min(LONGEST_REST);
        if circuit.rests_until.replace(Instant::now() + rest).is_none() {
            tracing::warn!(
                model = %self.first.name(), instead = %self.second.name(), %error,
                "the model can't answer; the second one is asked until it does"
            );
        }
    }

    /// What the first may use up of a budget.
    fn share(&self, budget: SignedDuration) -> SignedDuration {
        let whole_ms = i64::try_from(budget.as_millis()).unwrap_or(i64::MAX);
        let share = SignedDuration::from_millis(whole_ms / 100 * FIRST_SHARE);
        share.min(self.options.first_within)
    }
}

#[async_trait]
impl<A: ModelClient, B: ModelClient> ModelClient for Fallback<A, B> {
    /// Both names; a reply says which of them answered.
    fn name(&self) -> &SourceName {
        &self.name
    }

    /// What both can read: a conversation has to fit whichever answers.
    fn context_tokens(&self) -> u32 {
        self.first.context_tokens().min(self.second.context_tokens())
    }

    /// # Errors
    /// That of the first, where it is about the conversation or the reply; else that of the second, with what the first
    /// said before it.
    async fn complete(&self, request: &ModelRequest) -> Result<ModelReply, ModelError> {
        let begun = Instant::now();
        let mut why = None;
        if let Some(_turn) = self.turn() {
            let asked = ModelRequest { budget: self.share(request.budget), ..request.clone() };
            match self.first.complete(&asked).await {
                Ok(reply) => {
                    self.works();
                    return Ok(reply);
                }
                // It answered, if not well.
                Err(error) if !is_of_the_endpoint(&error) => {
                    self.works();
                    return Err(error);
                }
                Err(error) => {
                    self.fails(&error);
                    why = Some(error);
                }
            }
        }
        let used = SignedDuration::try_from(begun.elapsed()).unwrap_or(SignedDuration::MAX);
        let left = request.budget.saturating_sub(used);
        let asked = ModelRequest { budget: left, ..request.clone() };
        let answered = self.second.complete(&asked).await;
        answered.map_err(|error| both(why, error, request.budget))
    }
}

/// What both errors come to. What passes by itself is said before what a person has to mend: one of the two comes back.
fn both(first: Option<ModelError>, second: ModelError, budget: SignedDuration) -> ModelError {
    let Some(first) = first.filter(|_| is_of_the_endpoint(&second)) else { return second };
    let told = format!("{first}; {second}");
    match (first, second) {
        (ModelError::NotUsable(_), ModelError::NotUsable(_)) => ModelError::NotUsable(told),
        (ModelError::Busy { retry_after, .. }, _) | (_, ModelError::Busy { retry_after, .. }) => {
            ModelError::Busy { why: told, retry_after }
        }
        (ModelError::TimedOut(_), ModelError::TimedOut(_)) => ModelError::TimedOut(budget),
        _ => ModelError::Failed(told),
    }
}

#[cfg(test)]
#[path = "fallback_tests.rs"]
mod tests;
