//! The body of an answer: read up to a limit, of the type that was expected. It must not know what it says.

use std::fmt;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use crate::deadline::Limits;
use crate::error::HttpError;
use crate::trouble;

/// The longest body of a refusal that is read; it explains, and is never the thing asked for.
const LONGEST_EXPLANATION: usize = 64 * 1024;

/// How long an explanation is waited for.
const LONGEST_PAUSE_TO_EXPLAIN: Duration = Duration::from_secs(2);

/// The type of a stream of events (the HTML standard, section 9.2.5).
pub(crate) const EVENT_STREAM: &str = "text/event-stream";

/// What a caller can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// `application/json` or `application/…+json`.
    Json,
    /// Any text, and JSON.
    Text,
    /// `text/event-stream`, and JSON where the server has it whole.
    Events,
}

impl Wanted {
    /// For the header `Accept`.
    pub(crate) fn accept(self) -> &'static str {
        match self {
            Wanted::Json => "application/json",
            Wanted::Events => "text/event-stream, application/json;q=0.9",
            Wanted::Text => {
                "text/plain, text/markdown, text/html;q=0.9, application/json;q=0.8, text/*;q=0.7"
            }
        }
    }

    fn takes(self, content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let json = essence == "application/json"
            || essence.starts_with("application/") && essence.ends_with("+json");
        let beside = match self {
            Wanted::Json => false,
            Wanted::Text => essence.starts_with("text/"),
            Wanted::Events => essence == EVENT_STREAM,
        };
        json || beside
    }

    fn name(self) -> &'static str {
        match self {
            Wanted::Json => "JSON",
            Wanted::Text => "text",
            Wanted::Events => "a stream of events or JSON",
        }
    }
}

/// The body of an answer. Its `Debug` shows its length only, so it can't slip into a log.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Body {
    host: String,
    bytes: Vec<u8>,
}

impl Body {
    /// The raw bytes, for parsers of their own. Untrusted.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The body as JSON, no deeper than 128 levels (the limit of serde_json).
    ///
    /// # Errors
    /// [`HttpError::NotExpected`] if it is not JSON, or not of this form.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        // The text of serde_json's errors quotes the body; only their kind and place are told.
        serde_json::from_slice(&self.bytes).map_err(|error| {
            let what = match error.classify() {
                serde_json::error::Category::Eof => "JSON that ends in the middle",
                serde_json::error::Category::Data => "JSON of another form than expected",
                serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
                    "something that is not JSON, or too deep"
                }
            };
            let why = format!("sent {what} (line {}, column {})", error.line(), error.column());
            HttpError::NotExpected { host: self.host.clone(), why }
        })
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.bytes.len())
    }
}

/// Reads a body that should be `wanted`. What is not is refused before a byte of it is read.
///
/// # Errors
/// [`HttpError::NotExpected`], [`HttpError::TooLarge`], or [`HttpError::Unreachable`] if it breaks off.
pub(crate) async fn read(
    response: reqwest::Response,
    host: &str,
    wanted: Wanted,
    max_bytes: usize,
) -> Result<Body, HttpError> {
    check_type(&response, host, wanted)?;
    read_capped(response, host, max_bytes).await
}

/// The content type of an answer that should be `wanted`.
///
/// # Errors
/// [`HttpError::NotExpected`] if it is another, or none.
pub(crate) fn check_type<'a>(
    response: &'a reqwest::Response,
    host: &str,
    wanted: Wanted,
) -> Result<&'a str, HttpError> {
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let why = match content_type {
        Some(content_type) if wanted.takes(content_type) => return Ok(content_type),
        Some(content_type) => {
            let essence = content_type.split(';').next().unwrap_or_default();
            let essence = hearback_core::ExternalText::new(essence).for_people(60);
            format!(
                "sent {essence} where {} was expected; check the address: a login page or another server may answer",
                wanted.name()
            )
        }
        None => format!("sent no content type where {} was expected; check the address", wanted.name()),
    };
    Err(HttpError::NotExpected { host: host.to_owned(), why })
}

/// Reads what explains a refusal, if it is JSON and short; else it is empty. The refusal is known: it is not lost to an
/// explanation that takes too long.
pub(crate) async fn read_explanation(response: reqwest::Response, host: &str, limits: Limits) -> Body {
    let patience = LONGEST_PAUSE_TO_EXPLAIN.min(limits.deadline.remaining() / 2);
    let read = read(response, host, Wanted::Json, limits.max_bytes.min(LONGEST_EXPLANATION));
    tokio::time::timeout(patience, read).await.ok().and_then(Result::ok).unwrap_or_default()
}

pub(crate) async fn read_capped(
    mut response: reqwest::Response,
    host: &str,
    max_bytes: usize,
) -> Result<Body, HttpError> {
    let too_large = || HttpError::TooLarge { host: host.to_owned(), limit: max_bytes };
    let announced = response.content_length().unwrap_or(0);
    if announced > u64::try_from(max_bytes).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| trouble::in_body(host, &error))? {
        // Before it is added: a body costs at most the limit and the chunk that went over it.
        if bytes.len().saturating_add(chunk.len()) > max_bytes {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Body { host: host.to_owned(), bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_that_are_taken() {
        for (content_type, json, text, events) in [
            ("application/json", true, true, true),
            ("Application/JSON; charset=utf-8", true, true, true),
            ("application/problem+json", true, true, true),
            ("text/html; charset=utf-8", false, true, false),
            ("text/plain", false, true, false),
            ("text/event-stream; charset=utf-8", false, true, true),
            ("application/octet-stream", false, false, false),
            ("application/jsonp", false, false, false),
            ("", false, false, false),
        ] {
            assert_eq!(Wanted::Json.takes(content_type), json, "{content_type}");
            assert_eq!(Wanted::Text.takes(content_type), text, "{content_type}");
            assert_eq!(Wanted::Events.takes(content_type), events, "{content_type}");
        }
    }

    #[test]
    fn json_that_is_none_is_told_without_its_text() {
        let check = |text: &str, expect: &str| {
            let body = Body { host: "prom:9090".into(), bytes: text.into() };
            let told = body.json::<Vec<serde_json::Value>>().unwrap_err().to_string();
            assert_eq!(told, format!("prom:9090 sent {expect}"));
            assert!(!format!("{body:?}").contains("hunter22"));
        };
        check("[\"hunter22\", ", "JSON that ends in the middle (line 1, column 13)");
        check("\"hunter22\"", "JSON of another form than expected (line 1, column 10)");
        check("hunter22", "something that is not JSON, or too deep (line 1, column 1)");
        check(&"[".repeat(1000), "something that is not JSON, or too deep (line 1, column 128)");
    }
}
