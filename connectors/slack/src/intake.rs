//! What Slack sends over HTTP: events, slash commands, clicks. Checks size and signature, then reads; it never asks
//! anything and answers nothing by itself. Whether a delivery was seen before is for the caller to know, by its id.

use hearback_core::chat::Heard;
use jiff::Timestamp;
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::heard::{self, Ignored, Read, Refused};
use crate::installation::Installation;
use crate::signature::{self, SignatureProblem, SigningSecret};

/// The largest body that is read. A message of 40,000 characters and its blocks, encoded as a form, stay below it.
pub const LARGEST_REQUEST_BYTES: usize = 1 << 20;

/// A request as it came, before anything was believed. Slack repeats one that was not answered in time; it reads the
/// same, and `X-Slack-Retry-Num` tells nothing more.
#[derive(Debug, Clone, Copy)]
pub struct IntakeRequest<'a> {
    /// The header `X-Slack-Signature`.
    pub signature: Option<&'a str>,
    /// The header `X-Slack-Request-Timestamp`.
    pub timestamp: Option<&'a str>,
    /// The header `Content-Type`.
    pub content_type: Option<&'a str>,
    /// The body as it came, byte for byte.
    pub body: &'a [u8],
}

/// What a request was.
#[derive(Debug, Clone, PartialEq)]
pub enum Intake {
    /// Slack asks whether the address is ours: answer with this text.
    Challenge(String),
    /// Something was heard. Answer once it is durable, and within three seconds.
    Heard(Heard),
    /// Something without effect. Answer as if it had one, or Slack sends it again.
    Ignored(Ignored),
}

/// A request was not taken. [`IntakeRefusal::status`] is what to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IntakeRefusal {
    /// Nobody who has the secret sent it, or not now.
    #[error("{0}")]
    Signature(#[from] SignatureProblem),
    /// It is for another app or another workspace.
    #[error("the request is for another app or workspace; set the ids of this one")]
    Foreign,
    /// It is larger than Slack's largest.
    #[error("the request is larger than {LARGEST_REQUEST_BYTES} bytes")]
    TooLarge,
    /// It is not what Slack describes.
    #[error("{0}")]
    Malformed(&'static str),
}

impl IntakeRefusal {
    /// The HTTP status to answer.
    pub fn status(&self) -> u16 {
        match self {
            IntakeRefusal::Signature(_) => 401,
            IntakeRefusal::Foreign => 403,
            IntakeRefusal::TooLarge => 413,
            IntakeRefusal::Malformed(_) => 400,
        }
    }
}

impl From<Refused> for IntakeRefusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Foreign => IntakeRefusal::Foreign,
            Refused::Malformed(why) => IntakeRefusal::Malformed(why),
        }
    }
}

/// Takes what Slack sends to one app in one workspace.
#[derive(Debug, Clone)]
pub struct SlackIntake {
    secret: SigningSecret,
    ours: Installation,
}

impl SlackIntake {
    /// For requests signed with `secret`.
    pub fn new(secret: SigningSecret, installation: Installation) -> Self {
        SlackIntake { secret, ours: installation }
    }

    /// Reads a request. Nothing in it is looked at before its signature is checked.
    ///
    /// # Errors
    /// [`IntakeRefusal`]; it says what to answer.
    pub fn take(&self, request: &IntakeRequest<'_>, now: Timestamp) -> Result<Intake, IntakeRefusal> {
        if request.body.len() > LARGEST_REQUEST_BYTES {
            return Err(IntakeRefusal::TooLarge);
        }
        let at = signature::check(&self.secret, request.signature, request.timestamp, request.body, now)?;
        let essence = request.content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        let read = match essence.to_ascii_lowercase().as_str() {
            "application/json" => heard::event(json(request.body)?, &self.ours)?,
            "application/x-www-form-urlencoded" => self.form(request.body, at)?,
            _ => return Err(IntakeRefusal::Malformed("the content type is neither JSON nor a form")),
        };
        Ok(match read {
            Read::Challenge(text) => Intake::Challenge(text),
            Read::Heard(heard) => Intake::Heard(*heard),
            Read::Ignored(ignored) => Intake::Ignored(ignored),
        })
    }

    fn form(&self, body: &[u8], at: Timestamp) -> Result<Read, IntakeRefusal> {
        let fields = form_urlencoded::parse(body)
            .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())));
        let fields: Map<String, Value> = fields.collect();
        if let Some(payload) = fields.get("payload").and_then(Value::as_str) {
            return Ok(heard::interaction(json(payload.as_bytes())?, &self.ours)?);
        }
        if fields.get("ssl_check").and_then(Value::as_str) == Some("1") {
            return Ok(Ignored::ConnectionCheck.into());
        }
        if fields.contains_key("command") {
            return Ok(heard::command(Value::Object(fields), &self.ours, at)?);
        }
        Err(IntakeRefusal::Malformed("the form is neither a command nor an interaction"))
    }
}

fn json(bytes: &[u8]) -> Result<Value, IntakeRefusal> {
    serde_json::from_slice(bytes).map_err(|_| IntakeRefusal::Malformed("the body is not JSON, or too deep"))
}
