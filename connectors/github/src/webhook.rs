//! What GitHub sends by itself, as changes. Checks size and signature, then reads; it never asks anything. Whether a
//! delivery was seen before is for the caller to know, by its id.

use hearback_core::Change;
use serde::de::DeserializeOwned;

use crate::events;
use crate::options::DeployWorkflow;
use crate::signature::{self, SignatureProblem, WebhookSecret};
use crate::slug::Slug;

/// GitHub sends no more than this (docs.github.com, "Webhook events and payloads").
pub const LARGEST_WEBHOOK_BYTES: usize = 25 << 20;

/// A request as it came, before anything was believed.
#[derive(Debug, Clone, Copy)]
pub struct WebhookRequest<'a> {
    /// The header `X-GitHub-Event`.
    pub event: Option<&'a str>,
    /// The header `X-GitHub-Delivery`.
    pub delivery: Option<&'a str>,
    /// The header `X-Hub-Signature-256`.
    pub signature: Option<&'a str>,
    /// The body as it came, byte for byte.
    pub body: &'a [u8],
}

/// How what is sent is read.
#[derive(Debug, Clone, Default)]
pub struct WebhookRules {
    /// The names under which the git connector knows repositories. One that is not listed is called as on GitHub,
    /// without its owner.
    pub repositories: Vec<(Slug, String)>,
    /// Branches that count as main line; none means the default branch alone.
    pub branches: Vec<String>,
    /// Workflows that deploy. Runs of others are not changes.
    pub deploy_workflows: Vec<DeployWorkflow>,
}

/// A delivery that was signed and could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// GitHub's id of it: the same if it is sent again.
    pub id: String,
    /// The event's name.
    pub event: String,
    /// The changes it tells of; none for events that are not changes.
    pub changes: Vec<Change>,
}

/// The delivery was not taken. [`WebhookError::status`] is what to answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// Nobody who has the secret sent it.
    #[error("{0}")]
    Signature(#[from] SignatureProblem),
    /// It is larger than GitHub's largest.
    #[error("the webhook is larger than the {LARGEST_WEBHOOK_BYTES} bytes that GitHub sends at most")]
    TooLarge,
    /// It is not what GitHub describes.
    #[error("{0}")]
    Malformed(&'static str),
}

impl WebhookError {
    /// The HTTP status to answer.
    pub fn status(&self) -> u16 {
        match self {
            WebhookError::Signature(_) => 401,
            WebhookError::TooLarge => 413,
            WebhookError::Malformed(_) => 400,
        }
    }
}

/// Reads a delivery. Nothing in it is looked at before its signature is checked. An event that is not known has no changes.
///
/// # Errors
/// [`WebhookError`]; it says what to answer.
pub fn parse_webhook(
    request: &WebhookRequest<'_>,
    secret: &WebhookSecret,
    rules: &WebhookRules,
) -> Result<Delivery, WebhookError> {
    if request.body.len() > LARGEST_WEBHOOK_BYTES {
        return Err(WebhookError::TooLarge);
    }
    signature::check(secret, request.signature, request.body)?;
    let id = name(request.delivery, "the header X-GitHub-Delivery is missing or not an id")?;
    let event = name(request.event, "the header X-GitHub-Event is missing or not a name")?;
    if request.body.starts_with(b"payload=") {
        return Err(WebhookError::Malformed(
            "the webhook is sent as a form; set its content type on GitHub to application/json",
        ));
    }
    let body = request.body;
    let changes = match event.as_str() {
        "push" => events::push(parse(body)?, rules),
        "pull_request" => events::pull_request(parse(body)?, rules),
        "deployment_status" => events::deployment_status(parse(body)?, rules),
        "release" => events::release(parse(body)?, rules),
        "workflow_run" => events::workflow_run(parse(body)?, rules),
        _ => {
            let _: serde::de::IgnoredAny = parse(body)?;
            Vec::new()
        }
    };
    Ok(Delivery { id, event, changes })
}

fn name(header: Option<&str>, wrong: &'static str) -> Result<String, WebhookError> {
    let fits = |text: &&str| {
        (1..=100).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    header.filter(fits).map(str::to_owned).ok_or(WebhookError::Malformed(wrong))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, WebhookError> {
    serde_json::from_slice(body).map_err(|_| {
        WebhookError::Malformed("the webhook's body is not the JSON that GitHub describes for its event")
    })
}
