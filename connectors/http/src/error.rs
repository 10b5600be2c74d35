//! Why a call gave nothing, by what the caller does next. Its sentences name the host, and hold neither the rest of
//! the URL nor anything of a body.

use hearback_core::ports::ConnectorError;
use jiff::SignedDuration;

use crate::body::Body;

/// Why a call gave nothing, by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address or the settings can't be used: mend them.
    #[error("{0}")]
    NotUsable(String),
    /// The credentials are not good enough: mend them.
    #[error("{host} refuses the credentials ({status}); check the token or the password, and its rights")]
    Denied {
        /// Who.
        host: String,
        /// 401, 403 or 407.
        status: u16,
    },
    /// The request is wrong: the body may say why.
    #[error("{host} does not take the request ({status}){}", hint(*.status))]
    Refused {
        /// Who.
        host: String,
        /// Any other 4xx.
        status: u16,
        /// The explanation, if it was JSON and short; else empty.
        body: Body,
    },
    /// What was asked for is elsewhere: mend the address.
    #[error("{host} sends on to {to}; set the address to where it is meant")]
    Redirected {
        /// Who.
        host: String,
        /// The scheme, host and port it names.
        to: String,
    },
    /// The answer is not what the caller can read: mend the address.
    #[error("{host} {why}")]
    NotExpected {
        /// Who.
        host: String,
        /// What it did instead.
        why: String,
    },
    /// The answer is too long: ask for less.
    #[error("the answer of {host} is longer than {limit} bytes; ask for less, or raise the limit")]
    TooLarge {
        /// Who.
        host: String,
        /// The limit, in bytes.
        limit: usize,
    },
    /// There is no connection, or it broke off: try later.
    #[error("{host} can't be reached: {why}")]
    Unreachable {
        /// Who.
        host: String,
        /// Why.
        why: String,
    },
    /// It is too busy or failing: try later.
    #[error("{host} is too busy or failing ({status}); ask again")]
    Busy {
        /// Who.
        host: String,
        /// 429 or any 5xx.
        status: u16,
        /// When to try again, if it said so.
        retry_after: Option<SignedDuration>,
        /// The explanation, if it was JSON and short; else empty.
        body: Body,
    },
    /// There was no whole answer in time: try with more time.
    #[error("no answer from {host} in time")]
    TimedOut {
        /// Who.
        host: String,
        /// How long it had.
        budget: SignedDuration,
    },
    /// A write was sent and its outcome is not known: look before doing it again.
    #[error("whether {host} did it is not known: {why}; look before trying again")]
    OutcomeUnknown {
        /// Who.
        host: String,
        /// What happened instead of an answer.
        why: String,
    },
}

fn hint(status: u16) -> &'static str {
    match status {
        404 | 410 => "; check the path of the address",
        405 => "; another server may stand at this address",
        _ => "",
    }
}

impl From<HttpError> for ConnectorError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::TimedOut { budget, .. } => ConnectorError::TimedOut(budget),
            HttpError::Unreachable { .. } | HttpError::Busy { .. } | HttpError::OutcomeUnknown { .. } => {
                ConnectorError::Failed(error.to_string())
            }
            HttpError::NotUsable(_)
            | HttpError::Denied { .. }
            | HttpError::Refused { .. }
            | HttpError::Redirected { .. }
            | HttpError::NotExpected { .. }
            | HttpError::TooLarge { .. } => ConnectorError::NotUsable(error.to_string()),
        }
    }
}
