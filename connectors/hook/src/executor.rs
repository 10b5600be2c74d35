//! The port: one hook, and what is asked of it. What is asked and how it is read is the other files' business.

use std::time::Duration;

use async_trait::async_trait;
use hearback_core::action::{Action, CallHook, IdempotencyKey, Outcome};
use hearback_core::approval::ApprovedAction;
use hearback_core::ports::{ActionExecutor, ConnectorError, Rehearsal, Trace};
use hearback_http::{Deadline, HttpClient, HttpOptions};
use jiff::{SignedDuration, Timestamp};

use crate::calls::Receiver;
use crate::look::Found;
use crate::signature::SigningSecret;
use crate::{execute, look, rehearse};

/// A receiver that does not take a connection is given up after this long; nothing was sent by then.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// What a hook is made of. Its `Debug` shows neither the address nor the secret.
#[derive(Debug, Clone)]
pub struct HookOptions {
    /// The hook, as actions call it: [`CallHook::hook`].
    pub name: String,
    /// The receiver: `base_url` is the very address that is posted to, path included; the path may be a secret.
    /// Credentials may be added to the signature. `first_pause` is the pause after the first look.
    pub http: HttpOptions,
    /// What requests are signed with. One for each receiver.
    pub secret: SigningSecret,
    /// The time that requests are signed with.
    pub clock: fn() -> Timestamp,
}

impl HookOptions {
    /// A hook called `name`, with its receiver at `url`, signed by the clock of this machine.
    pub fn new(name: impl Into<String>, url: impl Into<String>, secret: SigningSecret) -> Self {
        HookOptions { name: name.into(), http: HttpOptions::new(url), secret, clock: Timestamp::now }
    }
}

/// Does [`Action::CallHook`] by telling one receiver.
pub struct HookExecutor {
    name: String,
    receiver: Receiver,
    first_pause: Duration,
}

impl HookExecutor {
    /// Makes the executor of one hook; nothing is sent.
    ///
    /// # Errors
    /// [`ConnectorError::NotUsable`] if the name is empty, or the address, the credentials or the certificates can't be
    /// used.
    pub fn new(options: HookOptions) -> Result<Self, ConnectorError> {
        let HookOptions { name, mut http, secret, clock } = options;
        if name.trim().is_empty() {
            return Err(ConnectorError::NotUsable("a hook needs a name".to_owned()));
        }
        http.connect_within.get_or_insert(CONNECT_WITHIN);
        let first_pause = http.first_pause;
        let receiver = Receiver { http: HttpClient::new(http)?, secret, clock };
        Ok(HookExecutor { name, receiver, first_pause })
    }

    /// The hook, as actions call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Host and port of the receiver, for sentences.
    pub fn host(&self) -> String {
        self.receiver.http.host()
    }

    fn call<'a>(&self, action: &'a Action) -> Option<&'a CallHook> {
        match action {
            Action::CallHook(call) if call.hook == self.name => Some(call),
            _ => None,
        }
    }

    fn not_ours(&self) -> String {
        format!("this is no action of the hook {}", crate::told::word(&self.name))
    }
}

#[async_trait]
impl ActionExecutor for HookExecutor {
    fn supports(&self, action: &Action) -> bool {
        self.call(action).is_some()
    }

    async fn rehearse(&self, action: &Action, budget: SignedDuration) -> Result<Rehearsal, ConnectorError> {
        let call = self.call(action).ok_or_else(|| ConnectorError::NotUsable(self.not_ours()))?;
        rehearse::rehearse(&self.receiver, call, &Deadline::after(budget)).await
    }

    async fn execute(&self, approved: ApprovedAction, at: Timestamp, budget: SignedDuration) -> Outcome {
        let Some(call) = self.call(approved.action()) else {
            return Outcome::Failed { why: format!("{}; nothing was sent", self.not_ours()) };
        };
        let until = Deadline::after(budget);
        let outcome = execute::execute(&self.receiver, call, &approved, at, self.first_pause, &until).await;
        let ended = match outcome {
            Outcome::Done(_) => "done",
            Outcome::NotAsExpected { .. } => "not as expected",
            Outcome::Failed { .. } => "failed",
            Outcome::Unknown { .. } => "unknown",
        };
        tracing::info!(hook = self.name, proposal = approved.proposal().as_str(), ended, "called");
        outcome
    }

    async fn look(
        &self,
        action: &Action,
        key: &IdempotencyKey,
        budget: SignedDuration,
    ) -> Result<Trace, ConnectorError> {
        let call = self.call(action).ok_or_else(|| ConnectorError::NotUsable(self.not_ours()))?;
        let until = Deadline::after(budget);
        let host = self.host();
        match look::until_it_ends(&self.receiver, call, key.as_str(), self.first_pause, &until).await? {
            Found::Ended(told) => Ok(match execute::of_state(call, &host, &told) {
                Outcome::Done(receipt) => Trace::Done(receipt),
                Outcome::NotAsExpected { why } | Outcome::Failed { why } | Outcome::Unknown { why } => {
                    Trace::NotFound(why)
                }
            }),
            Found::NotKnown => Ok(Trace::NotFound(format!("{host} knows nothing of it"))),
            // Who looks again later will hear the end.
            Found::UnderWay => Err(ConnectorError::Failed(format!("{host} is still at it"))),
        }
    }
}
