//! One write to GitHub: sent once, never again, whatever becomes of it. Tells apart what was taken, what was refused,
//! what never left, and what nobody knows. It must not know what is written.
//!
//! octocrab's typed calls are not used here: that of a workflow drops the answer, and none of them bounds an answer or
//! keeps the headers that tell a rate limit from a permission.

use std::error::Error as _;
use std::time::Duration;

use hearback_core::ExternalText;
use http::{Method, Request, header};
use hyper_util::client::legacy;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::client::{ACCEPT, Client, Cut, Denied, read, root_cause};
use crate::refusal::{Part, Refusal};
use crate::wire::Complaint;

/// With less time than this a write is not begun: its answer would hardly come.
const LEAST_TIME: Duration = Duration::from_millis(500);

/// So much of what GitHub complains of is shown.
const COMPLAINT_CHARS: usize = 300;

/// What is to be written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Write {
    pub(crate) part: Part,
    /// From the base on.
    pub(crate) path: String,
    pub(crate) body: Value,
}

/// What became of a write.
#[derive(Debug)]
pub(crate) enum Written {
    /// GitHub took it. Without a body, if the answer has none.
    Taken { status: u16, body: Vec<u8> },
    /// GitHub refused it: nothing was done.
    Refused(Complained),
    /// It was not sent: nothing was done.
    NotSent(Refusal),
    /// It may have been done.
    Unclear(String),
}

/// A write that was refused.
#[derive(Debug)]
pub(crate) struct Complained {
    pub(crate) status: u16,
    pub(crate) refusal: Refusal,
    /// GitHub's own words, safe to show; may be empty.
    pub(crate) says: String,
}

impl Client {
    /// Sends a write, once.
    pub(crate) async fn write(&self, write: &Write, until: Instant) -> Written {
        let begun = Instant::now();
        let deadline = until.min(begun + self.call_deadline());
        if deadline.saturating_duration_since(begun) < LEAST_TIME {
            return Written::NotSent(Refusal::OutOfTime(write.part));
        }
        let waited = deadline.saturating_duration_since(begun).as_secs_f64();
        timeout_at(deadline, self.send(write))
            .await
            .unwrap_or_else(|_| Written::Unclear(format!("no answer within {waited:.1} s")))
    }

    async fn send(&self, write: &Write) -> Written {
        let octocrab = match self.octocrab().await {
            Ok(octocrab) => octocrab,
            Err(refusal) => return Written::NotSent(refusal),
        };
        let request =
            Request::builder().method(Method::POST).uri(write.path.as_str()).header(header::ACCEPT, ACCEPT);
        let request = match octocrab.build_request(request, Some(&write.body)) {
            Ok(request) => request,
            Err(error) => return Written::NotSent(Refusal::Unreachable(root_cause(&error))),
        };
        let response = match octocrab.execute(request).await {
            Ok(response) => response,
            Err(error) if never_connected(&error) => {
                return Written::NotSent(Refusal::Unreachable(root_cause(&error)));
            }
            Err(error) => {
                return Written::Unclear(format!("the connection was lost: {}", root_cause(&error)));
            }
        };
        match response.status().as_u16() {
            status @ 200..=299 => match read(response, self.answer_bytes()).await {
                Ok(body) => Written::Taken { status, body },
                Err(Cut::TooLarge) => Written::Unclear("its answer is too large".to_owned()),
                Err(Cut::BrokenOff) => Written::Unclear("its answer is cut off".to_owned()),
            },
            // A proxy gave up waiting, or GitHub failed somewhere on the way: before or after it did it.
            status @ (408 | 500..=599) => Written::Unclear(format!("status {status}")),
            _ => {
                let Denied { status, refusal, body } = self.denied(write.part, response).await;
                Written::Refused(Complained { status, refusal, says: complaint(&body) })
            }
        }
    }
}

/// Whether no connection came about, so that nothing was sent.
fn never_connected(error: &octocrab::Error) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<legacy::Error>() {
            return error.is_connect();
        }
        cause = inner.source();
    }
    false
}

/// GitHub's words: the message, and those of its errors.
fn complaint(body: &str) -> String {
    let Complaint { message, errors } = serde_json::from_str(body).unwrap_or_default();
    let text = |error: &Value, name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
    let of_error = |error: &Value| match error.as_str() {
        Some(text) => Some(text.to_owned()),
        None => text(error, "message")
            .or_else(|| Some(format!("{} is {}", text(error, "field")?, text(error, "code")?))),
    };
    let details: Vec<String> = match &errors {
        Value::Array(errors) => errors.iter().filter_map(of_error).collect(),
        one => of_error(one).into_iter().collect(),
    };
    let parts = [message, details.join("; ")];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    ExternalText::new(parts.join(": ")).for_people(COMPLAINT_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_one_line_that_can_be_printed() {
        let check = |body: &str, expect: &str| assert_eq!(complaint(body), expect, "{body}");
        check(r#"{"message": "Not\nso"}"#, "Not so");
        check(
            r#"{"message": "Validation Failed", "errors": [{"resource": "PullRequest", "code": "custom", "message": "No commits between main and a\u001b[2J"}, "odd", {"code": "missing"}]}"#,
            "Validation Failed: No commits between main and a\u{fffd}[2J; odd",
        );
        check(
            r#"{"message": "Validation Failed", "errors": [{"resource": "PullRequest", "field": "base", "code": "invalid"}]}"#,
            "Validation Failed: base is invalid",
        );
        check(r#"{"message": "No", "errors": "not today"}"#, "No: not today");
        check(r#"{"errors": ["odd"]}"#, "odd");
        check("<html>", "");
        check("", "");
    }
}
