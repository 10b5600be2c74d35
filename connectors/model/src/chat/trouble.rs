//! Why a server gave no reply, by what to do next. Servers say the same in many ways; here is what they say when a
//! conversation is too long, a quota used up, a prompt withheld. Of their sentences a few words are passed on, without secrets.

use hearback_core::ExternalText;
use hearback_core::model::ModelError;
use hearback_core::redaction::redact;
use hearback_http::{Credentials, HttpError};
use jiff::SignedDuration;
use serde_json::Value;

/// How much of a server's own sentence is passed on, in characters.
const QUOTED: usize = 160;

/// Codes and words for a conversation that does not fit, in lower case: OpenAI, Azure, vLLM, llama.cpp, llama-cpp-python,
/// Ollama, LM Studio, Mistral, Groq, Gemini, Anthropic, Bedrock, xAI.
const TOO_LONG: &[&str] = &[
    "context_length_exceeded",
    "exceed_context_size",
    "maximum context length",
    "max_tokens must be at least 1, got -",
    "context length exceeded",
    "exceeds the context window",
    "exceed context window",
    "exceeds the context length",
    "exceeds the available context size",
    "context size has been exceeded",
    "greater than the context length",
    "when context the overflows",
    "prompt is too long",
    "input is too long",
    "maximum prompt length",
    "exceeds the maximum number of tokens",
    "reduce the length of the messages",
    "request too large for",
];

/// For an account that may not ask any more.
const USED_UP: &[&str] = &[
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "insufficient_balance",
    "insufficient balance",
    "exceeded your current quota",
];

/// For a prompt that the server will not answer.
const WITHHELD: &[&str] = &["content_filter", "content_policy_violation", "responsibleaipolicyviolation"];

/// For a server or model that calls no tools.
const NO_TOOLS: &[&str] = &[
    "does not support tools",
    "does not support tool",
    "tools are not supported",
    "tool use is not supported",
    "tool calling is not supported",
    "enable-auto-tool-choice",
    "requires --jinja",
];

/// Whom is asked, for the sentences.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) host: String,
    pub(crate) model: String,
    pub(crate) credentials: Credentials,
}

/// Whether to ask once more.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It may work the next time, not before the pause that was asked for.
    Again(ModelError, Option<SignedDuration>),
    /// It won't.
    Final(ModelError),
    /// The server will not answer this prompt.
    Withheld,
}

/// What a server says of an error.
#[derive(Debug, Default)]
struct Explained {
    code: Option<String>,
    message: String,
}

impl Explained {
    /// Of `{"error": {…}}`, `{"error": "…"}`, or the fields without anything around them.
    fn of(body: &Value) -> Self {
        let error = body.get("error").filter(|error| !error.is_null()).unwrap_or(body);
        let text = |name: &str| error.get(name).and_then(Value::as_str);
        let is_word = |word: &&str| {
            (1..=60).contains(&word.len())
                && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
        };
        let code = text("code").filter(is_word).or(text("type").filter(is_word)).map(str::to_owned);
        let message = error.as_str().or_else(|| text("message")).or_else(|| text("detail"));
        Explained { code, message: message.unwrap_or_default().to_owned() }
    }

    /// Whether code or sentence hold one of these.
    fn says(&self, words: &[&str]) -> bool {
        let code = self.code.as_deref().unwrap_or_default().to_ascii_lowercase();
        let message = self.message.to_lowercase();
        words.iter().any(|word| code.contains(word) || message.contains(word))
    }
}

impl Endpoint {
    /// What became of a request whose answer never began.
    pub(crate) fn failure(&self, error: HttpError, budget: SignedDuration) -> Failure {
        let Endpoint { host, model, .. } = self;
        let mend = |told: String| Failure::Final(ModelError::NotUsable(told));
        match error {
            HttpError::Denied { status, .. } => mend(format!(
                "{host} refuses the key ({status}); check that the key is right and may use the model {model}"
            )),
            HttpError::Refused { status, body, .. } => self.refused(status, &body.json().unwrap_or_default()),
            HttpError::Busy { status, retry_after, body, .. } => {
                self.busy(status, retry_after, &body.json().unwrap_or_default())
            }
            HttpError::Unreachable { why, .. } | HttpError::OutcomeUnknown { why, .. } => {
                Failure::Again(ModelError::Failed(format!("{host} can't be reached: {why}")), None)
            }
            HttpError::TimedOut { .. } => Failure::Final(ModelError::TimedOut(budget)),
            HttpError::NotUsable(told) => mend(told),
            HttpError::Redirected { .. } | HttpError::NotExpected { .. } | HttpError::TooLarge { .. } => {
                mend(error.to_string())
            }
        }
    }

    fn refused(&self, status: u16, body: &Value) -> Failure {
        let Endpoint { host, model, .. } = self;
        let said = Explained::of(body);
        let told = self.quoted(&said);
        if let Some(failure) = self.known(status, &said) {
            return failure;
        }
        match status {
            404 | 410 => Failure::Final(ModelError::NotUsable(format!(
                "{host} does not know the model {model} ({status}{told}); check the model's name, and that the address \
                 ends where /chat/completions begins, as in https://api.openai.com/v1"
            ))),
            408 | 409 | 425 => Failure::Again(self.away(status, &told, None), None),
            _ => Failure::Final(ModelError::NotUsable(format!(
                "{host} does not take what is asked of the model {model} ({status}{told})"
            ))),
        }
    }

    fn busy(&self, status: u16, retry_after: Option<SignedDuration>, body: &Value) -> Failure {
        let said = Explained::of(body);
        self.known(status, &said).unwrap_or_else(|| {
            Failure::Again(self.away(status, &self.quoted(&said), retry_after), retry_after)
        })
    }

    /// What it can do about an error that was told in the middle of a stream, or with a status of success.
    pub(crate) fn told(&self, error: &Value) -> Failure {
        let said = Explained::of(error);
        let status = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        let status = status.filter(|code| (400..600).contains(code)).unwrap_or(500);
        self.known(status, &said)
            .unwrap_or_else(|| Failure::Again(self.away(status, &self.quoted(&said), None), None))
    }

    /// What is said the same way under any status.
    fn known(&self, status: u16, said: &Explained) -> Option<Failure> {
        let Endpoint { host, model, .. } = self;
        let told = self.quoted(said);
        let mend = |told: String| Some(Failure::Final(ModelError::NotUsable(told)));
        if status == 413 || said.says(TOO_LONG) {
            let why =
                format!("the conversation is too long for the model {model} at {host} ({status}{told})");
            return Some(Failure::Final(ModelError::TooLong(why)));
        }
        if status == 402 || said.says(USED_UP) {
            return mend(format!(
                "{host} says that the account's quota is used up ({status}{told}); check its plan and billing"
            ));
        }
        if said.says(WITHHELD) {
            return Some(Failure::Withheld);
        }
        if said.says(NO_TOOLS) {
            return mend(format!(
                "the model {model} at {host} does not call tools ({status}{told}); set that it is told of them in text"
            ));
        }
        None
    }

    /// It can't now; later it may.
    fn away(&self, status: u16, told: &str, retry_after: Option<SignedDuration>) -> ModelError {
        let why = format!("{} is too busy or failing ({status}{told})", self.host);
        ModelError::Busy { why, retry_after }
    }

    /// What a server said, for a sentence of ours: its code and a few of its words, without secrets.
    fn quoted(&self, said: &Explained) -> String {
        let code = said
            .code
            .as_ref()
            .map_or_else(String::new, |code| format!(", {}", self.credentials.taken_out_of(code)));
        // Redacted before it is cut: half a secret is not recognised as one.
        let message = self.credentials.taken_out_of(&said.message);
        let message = ExternalText::new(redact(&message).0).for_people(QUOTED);
        if message.is_empty() { code } else { format!("{code}: \"{message}\"") }
    }
}

#[cfg(test)]
mod tests {
    use hearback_http::Secret;
    use serde_json::json;

    use super::*;

    fn endpoint() -> Endpoint {
        let credentials = Credentials::Bearer(Secret::new("key-hunter22"));
        Endpoint { host: "llm:8000".into(), model: "m".into(), credentials }
    }

    fn kind(failure: &Failure) -> &'static str {
        match failure {
            Failure::Again(..) => "again",
            Failure::Withheld => "withheld",
            Failure::Final(ModelError::TooLong(_)) => "too long",
            Failure::Final(ModelError::NotUsable(_)) => "not usable",
            Failure::Final(_) => "other",
        }
    }

    #[test]
    fn a_conversation_that_is_too_long_is_known_by_the_words_of_many_servers() {
        let openai =
            |code: &str, message: &str| json!({ "error": { "message": message, "type": "x", "code": code } });
        for (status, body) in [
            (400, openai("context_length_exceeded", "Too much.")),
            (
                400,
                json!({ "object": "error", "type": "BadRequestError", "code": 400,
                "message": "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens." }),
            ),
            (
                400,
                json!({ "object": "error", "message": "max_tokens must be at least 1, got -186.", "code": 400 }),
            ),
            (
                400,
                json!({ "error": { "code": 400, "type": "exceed_context_size_error", "n_ctx": 4096,
                "message": "request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it" } }),
            ),
            (
                500,
                json!({ "error": { "code": 500, "type": "server_error", "message": "Context size has been exceeded." } }),
            ),
            (
                400,
                json!({ "error": "Trying to keep the first 9000 tokens when context the overflows. However, …" }),
            ),
            (
                400,
                json!({ "error": "The number of tokens to keep from the initial prompt is greater than the context length" }),
            ),
            (400, openai("invalid_request_error", "the input length exceeds the context length")),
            (
                429,
                openai(
                    "rate_limit_exceeded",
                    "Request too large for m on tokens per min (TPM): Limit 1, Requested 2.",
                ),
            ),
            (413, json!(null)),
        ] {
            let failure = if matches!(status, 429 | 500) {
                endpoint().busy(status, None, &body)
            } else {
                endpoint().refused(status, &body)
            };
            assert_eq!(kind(&failure), "too long", "{body}: {failure:?}");
            assert_eq!(
                kind(&endpoint().told(&body)),
                if status == 413 { "again" } else { "too long" },
                "{body}"
            );
        }
    }

    #[test]
    fn what_to_do_next_is_known_by_status_and_words() {
        let check = |status: u16, body: Value, expect: &str| {
            let failure = if status == 429 || status >= 500 {
                endpoint().busy(status, None, &body)
            } else {
                endpoint().refused(status, &body)
            };
            assert_eq!(kind(&failure), expect, "{status} {body}: {failure:?}");
        };
        let error = |code: &str| json!({ "error": { "message": "Sorry.", "code": code } });
        check(400, error("content_filter"), "withheld");
        check(400, json!({ "error": { "innererror": {}, "code": "content_filter" } }), "withheld");
        check(400, error("unsupported_parameter"), "not usable");
        check(402, json!(null), "not usable");
        check(404, error("model_not_found"), "not usable");
        check(408, json!(null), "again");
        check(422, json!({ "detail": "field required" }), "not usable");
        check(429, error("rate_limit_exceeded"), "again");
        check(429, error("insufficient_quota"), "not usable");
        check(500, json!("not even an object"), "again");
        check(
            503,
            json!({ "error": { "message": "Loading model", "type": "unavailable_error", "code": 503 } }),
            "again",
        );
        check(
            400,
            json!({ "error": { "message": "registry.example/x does not support tools" } }),
            "not usable",
        );
    }

    #[test]
    fn a_servers_words_are_short_and_without_secrets() {
        let message =
            format!("Key key-hunter22 and AKIAIOSFODNN7EXAMPLE\u{1b}[2J are {}", "long ".repeat(99));
        let body = json!({ "error": { "message": message, "code": "Bad key key-hunter22" } });
        let Failure::Final(error) = endpoint().refused(400, &body) else { panic!() };
        let told = error.to_string();
        assert!(!told.contains("hunter22") && !told.contains("AKIA") && !told.contains('\u{1b}'), "{told}");
        assert!(
            told.starts_with(
                "llm:8000 does not take what is asked of the model m (400: \"Key [redacted: the key]"
            ),
            "{told}"
        );
        assert!(told.chars().count() < 300, "{told}");
    }

    #[test]
    fn a_model_without_tools_is_said_to_be_one() {
        let body =
            json!({ "error": { "message": "\"auto\" tool choice requires --enable-auto-tool-choice" } });
        let Failure::Final(error) = endpoint().refused(400, &body) else { panic!() };
        assert!(error.to_string().contains("set that it is told of them in text"), "{error}");
    }
}
