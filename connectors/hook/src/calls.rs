//! One signed request and its answer. It must not know what the answer means.

use hearback_core::ExternalText;
use hearback_core::action::CallHook;
use hearback_core::ports::ConnectorError;
use hearback_http::{Body, Content, Deadline, HttpClient, HttpError, Limits, Written};
use jiff::{SignedDuration, Timestamp};

use crate::signature::{SigningSecret, sign};
use crate::told::quoted;
use crate::wire::{CONTRACT, Does, Refusal, Request};

/// The longest answer, in bytes.
const LONGEST_ANSWER: usize = 64 << 10;
/// The longest version or environment, in bytes.
const LONGEST_WORD: usize = 300;

/// The receiver, as it is reached.
pub(crate) struct Receiver {
    pub http: HttpClient,
    pub secret: SigningSecret,
    pub clock: fn() -> Timestamp,
}

impl Receiver {
    /// Sends a request, once. `within` is cut to what is left until `until`.
    pub(crate) async fn send(
        &self,
        call: &CallHook,
        does: Does<'_>,
        within: SignedDuration,
        until: &Deadline,
    ) -> Result<Written, HttpError> {
        let unmade = || HttpError::NotUsable(format!("the request to {} can't be made", self.http.host()));
        let id = match does {
            Does::Execute { key, .. } => key.to_owned(),
            // One of its own: a receiver may pass over an id that it has seen.
            Does::Rehearse => self.fresh_id("rehearse"),
            Does::Look { .. } => self.fresh_id("look"),
        };
        let request = Request {
            contract: CONTRACT,
            does,
            service: call.service.as_str(),
            environment: &call.environment,
            from: &call.from,
            to: &call.to,
        };
        let bytes = serde_json::to_vec(&request).map_err(|_| unmade())?;
        let timestamp = (self.clock)().as_second().to_string();
        let signature = sign(&self.secret, &id, &timestamp, &bytes).ok_or_else(unmade)?;
        let headers = vec![
            ("webhook-id".into(), id),
            ("webhook-timestamp".into(), timestamp),
            ("webhook-signature".into(), signature),
        ];
        let content = Content { kind: "application/json", bytes, headers };
        let limits = Limits::new(within.min(left(until)), LONGEST_ANSWER);
        self.http.post(self.http.base(), content, limits).await
    }

    fn fresh_id(&self, what: &str) -> String {
        // Without chance the time alone makes it.
        let chance = getrandom::u64().unwrap_or_default();
        format!("{what}-{}-{chance:016x}", (self.clock)().as_microsecond())
    }
}

/// What is left of the time.
pub(crate) fn left(until: &Deadline) -> SignedDuration {
    SignedDuration::try_from(until.remaining()).unwrap_or_default()
}

/// Whether these words can be sent at all.
///
/// # Errors
/// Why not, in one sentence.
pub(crate) fn check(call: &CallHook) -> Result<(), String> {
    let words = [
        ("environment", &call.environment),
        ("version that runs", &call.from),
        ("version that shall run", &call.to),
    ];
    for (what, word) in words {
        let shown = || ExternalText::new(word.as_str()).for_people(80);
        if word.trim().is_empty() {
            return Err(format!("the {what} is empty"));
        }
        if word.len() > LONGEST_WORD {
            return Err(format!("the {what} \"{}\" is longer than {LONGEST_WORD} bytes", shown()));
        }
        if word.contains(char::is_control) {
            return Err(format!("the {what} \"{}\" holds control characters", shown()));
        }
    }
    if call.from == call.to {
        return Err("the version that runs is the version that shall run".to_owned());
    }
    Ok(())
}

/// What an error means for a request that changes nothing.
pub(crate) fn of_reading(error: HttpError) -> ConnectorError {
    match error {
        HttpError::OutcomeUnknown { host, why } => {
            ConnectorError::Failed(format!("{host} could not be asked: {why}"))
        }
        HttpError::Refused { host, status, body } => ConnectorError::NotUsable(format!(
            "{host} does not take the request ({status}){}",
            quoted(refusal(&body).why.as_ref())
        )),
        HttpError::Denied { host, status } => ConnectorError::NotUsable(denied(&host, status)),
        other => other.into(),
    }
}

/// That the receiver does not believe who we are.
pub(crate) fn denied(host: &str, status: u16) -> String {
    format!(
        "{host} refuses the signature or the credentials ({status}); check the secret and the clock on both sides"
    )
}

/// What stands beside a status that refuses; nothing, if nothing that can be read does.
pub(crate) fn refusal(body: &Body) -> Refusal {
    body.json().unwrap_or_default()
}
