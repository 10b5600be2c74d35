//! The span around one request to a model, under the names of `hearback_core::gen_ai`. It holds names, counts and how the
//! request ended; it must not know what was asked or answered.

use hearback_core::gen_ai;
use hearback_core::model::{Ended, ModelError, ModelReply, Usage};
use hearback_http::Url;
use tracing::Span;
use tracing::field::Empty;

/// A span that is open. Who drops it in the middle has broken the request off, and the span says so.
pub(crate) struct Asking {
    span: Span,
    is_over: bool,
}

impl Asking {
    /// `model` is asked at `server` for at most `max_tokens`.
    pub(crate) fn begin(model: &str, server: &Url, max_tokens: u32) -> Self {
        let span = tracing::info_span!(
            "chat",
            { gen_ai::OPERATION_NAME } = gen_ai::CHAT,
            { gen_ai::PROVIDER_NAME } = gen_ai::OPENAI,
            { gen_ai::REQUEST_MODEL } = model,
            { gen_ai::REQUEST_MAX_TOKENS } = max_tokens,
            { gen_ai::SERVER_ADDRESS } = server.host_str(),
            { gen_ai::SERVER_PORT } = server.port_or_known_default(),
            { gen_ai::RESPONSE_MODEL } = Empty,
            { gen_ai::RESPONSE_FINISH_REASONS } = Empty,
            { gen_ai::USAGE_INPUT_TOKENS } = Empty,
            { gen_ai::USAGE_OUTPUT_TOKENS } = Empty,
            { gen_ai::ERROR_TYPE } = Empty,
        );
        Asking { span, is_over: false }
    }

    /// For the request to run in.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// How it ended.
    pub(crate) fn end(mut self, with: &Result<ModelReply, ModelError>) {
        self.is_over = true;
        match with {
            Ok(reply) => self.span.record(gen_ai::RESPONSE_FINISH_REASONS, reason(reply.ended)),
            Err(error) => self.span.record(gen_ai::ERROR_TYPE, kind(error)),
        };
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if !self.is_over {
            self.span.record(gen_ai::ERROR_TYPE, "cancelled");
        }
    }
}

/// What the server said of its answer, into the span that is open.
pub(crate) fn answered(by: Option<&str>, counted: Option<Usage>) {
    let span = Span::current();
    if let Some(model) = by {
        span.record(gen_ai::RESPONSE_MODEL, model);
    }
    if let Some(Usage { input_tokens, output_tokens, .. }) = counted {
        span.record(gen_ai::USAGE_INPUT_TOKENS, input_tokens);
        span.record(gen_ai::USAGE_OUTPUT_TOKENS, output_tokens);
    }
}

/// As this API calls it.
fn reason(ended: Ended) -> &'static str {
    match ended {
        Ended::Done => "stop",
        Ended::Length => "length",
        Ended::Calls => "tool_calls",
        Ended::Refused => "refusal",
        Ended::Filtered => "content_filter",
    }
}

/// All that `error.type` can be, beside `cancelled`.
fn kind(error: &ModelError) -> &'static str {
    match error {
        ModelError::TimedOut(_) => "timeout",
        ModelError::TooLong(_) => "context_length_exceeded",
        ModelError::NotUsable(_) => "not_usable",
        ModelError::Busy { .. } => "busy",
        ModelError::Malformed { .. } => "malformed",
        ModelError::Failed(_) => "unreachable",
    }
}
