//! One call of a method: pause, request, answer, and what `ok` says. It must not know what the call is for.

use std::time::Instant;

use hearback_core::chat::ChatError;
use hearback_http::{Body, Credentials, HttpClient, HttpOptions, Limits, Secret};
use jiff::SignedDuration;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::pauses::Pauses;
use crate::trouble::{self, Effect};
use crate::wire::Answer;

/// The longest answer, in bytes: a page of messages with their blocks.
const LONGEST_ANSWER: usize = 8 << 20;

/// The methods of one token.
pub(crate) struct Calls {
    http: HttpClient,
    pauses: Pauses,
}

impl Calls {
    /// Calls methods below the address of `http`, with `token`.
    ///
    /// # Errors
    /// [`ChatError::Refused`] if the address or the token can't be used.
    pub(crate) fn new(http: HttpOptions, token: &Secret) -> Result<Self, ChatError> {
        let http = HttpOptions { credentials: Credentials::Bearer(token.clone()), ..http };
        let http = HttpClient::new(http).map_err(|error| ChatError::Refused(error.to_string()))?;
        Ok(Calls { http, pauses: Pauses::default() })
    }

    /// Whether the address is one without TLS: a test's.
    pub(crate) fn is_plain(&self) -> bool {
        self.http.at("").scheme() == "http"
    }

    /// Calls a method that changes something: once. `limited` is what its limit is counted by, beside the method.
    pub(crate) async fn write<T: DeserializeOwned>(
        &self,
        method: &'static str,
        limited: &str,
        what: &impl Serialize,
        budget: SignedDuration,
    ) -> Result<T, ChatError> {
        let call = async {
            let written = self.http.post_json(&self.http.at(method), what, limits(budget)).await;
            let written = written.map_err(|error| trouble::of_transport(error, Effect::Writes))?;
            let body = written.answer.map_err(|error| ChatError::Unclear(error.to_string()))?;
            read(&body, Effect::Writes)
        };
        self.paced(method, limited, call).await
    }

    /// Calls a method that only asks; it may be asked again.
    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        method: &'static str,
        form: &[(&str, &str)],
        budget: SignedDuration,
    ) -> Result<T, ChatError> {
        let call = async {
            let body = self.http.post_form(&self.http.at(method), form, limits(budget)).await;
            read(&body.map_err(|error| trouble::of_transport(error, Effect::Reads))?, Effect::Reads)
        };
        self.paced(method, "", call).await
    }

    async fn paced<T>(
        &self,
        method: &'static str,
        limited: &str,
        call: impl Future<Output = Result<T, ChatError>>,
    ) -> Result<T, ChatError> {
        let counted = (method, limited.to_owned());
        if let Some(left) = self.pauses.left(&counted, Instant::now()) {
            return Err(ChatError::Busy(left));
        }
        let done = call.await;
        if let Err(ChatError::Busy(pause)) = done {
            self.pauses.ask(counted, pause, Instant::now());
        }
        tracing::debug!(method, ok = done.is_ok(), "called");
        done
    }
}

fn limits(budget: SignedDuration) -> Limits {
    Limits::new(budget, LONGEST_ANSWER)
}

fn read<T: DeserializeOwned>(body: &Body, effect: Effect) -> Result<T, ChatError> {
    let unread = |error: hearback_http::HttpError| match effect {
        Effect::Writes => ChatError::Unclear(error.to_string()),
        Effect::Reads => ChatError::Away(error.to_string()),
    };
    let answer: Answer = body.json().map_err(unread)?;
    if !answer.ok {
        let code = answer.error.unwrap_or_default();
        return Err(trouble::of_code(&code, answer.needed.as_deref(), effect));
    }
    body.json().map_err(unread)
}
