//! Why there are no vectors, said so that the reader knows what to do. What the server says of itself is not repeated, but
//! for its error code: its sentences may hold the key or the text.

use hearback_core::memory::store::MemoryError;
use hearback_http::{Body, HttpError};
use jiff::SignedDuration;
use serde::Deserialize;

/// What is asked of whom, for the sentences.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) host: String,
    pub(crate) model: String,
    pub(crate) budget: SignedDuration,
}

/// Whether to ask once more.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It may work the next time, not before the pause that was asked for.
    Again(MemoryError, Option<SignedDuration>),
    /// It won't.
    Final(MemoryError),
}

#[derive(Deserialize)]
struct Wrapped {
    error: Explained,
}

#[derive(Default, Deserialize)]
struct Explained {
    #[serde(default)]
    code: Option<String>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

/// The error code of a refusal, if it looks like one: a word, never a sentence.
fn code(body: &Body) -> Option<String> {
    let explained = body.json::<Wrapped>().ok()?.error;
    let is_word = |word: &String| {
        (1..=40).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    explained.code.filter(is_word).or(explained.kind.filter(is_word))
}

impl Asked {
    /// What became of a request, by what to do next.
    pub(crate) fn failure(&self, error: HttpError) -> Failure {
        let Asked { host, model, budget } = self;
        let mend = |told: String| Failure::Final(MemoryError::NotUsable(told));
        match error {
            HttpError::Denied { status, .. } => mend(format!(
                "{host} refuses the key ({status}); check that the key is right and may use the model {model}"
            )),
            HttpError::Refused { status, body, .. } => {
                let code = code(&body);
                let said = code.as_ref().map_or_else(String::new, |code| format!(", {code}"));
                match (status, code.as_deref()) {
                    (_, Some("model_not_found")) | (404, _) => mend(format!(
                        "{host} does not know the model {model} ({status}{said}); check the model's name, and that the \
                         address ends where /embeddings begins, as in https://api.openai.com/v1"
                    )),
                    (408, _) => Failure::Again(self.away(&format!("gave up waiting ({status})")), None),
                    _ => mend(format!(
                        "{host} does not take what is asked of the model {model} ({status}{said}); check that it is a \
                         model that makes vectors, and the dimension"
                    )),
                }
            }
            HttpError::Busy { status, retry_after, body, .. } => match code(&body).as_deref() {
                Some("insufficient_quota") => mend(format!(
                    "{host} says that the account's quota is used up ({status}); check its plan and billing"
                )),
                _ => Failure::Again(self.away(&format!("is too busy or failing ({status})")), retry_after),
            },
            HttpError::Unreachable { why, .. } => {
                Failure::Again(self.away(&format!("can't be reached: {why}")), None)
            }
            // Making vectors changes nothing: what may have been done may be done again.
            HttpError::OutcomeUnknown { why, .. } => {
                Failure::Again(self.away(&format!("broke off: {why}")), None)
            }
            HttpError::TimedOut { .. } => Failure::Final(MemoryError::TimedOut(*budget)),
            HttpError::NotUsable(told) => mend(told),
            HttpError::Redirected { .. } | HttpError::NotExpected { .. } | HttpError::TooLarge { .. } => {
                mend(error.to_string())
            }
        }
    }

    /// It can't now; later it may.
    fn away(&self, what: &str) -> MemoryError {
        MemoryError::Failed(format!("{} {what}; no vectors of {} until it answers", self.host, self.model))
    }
}
