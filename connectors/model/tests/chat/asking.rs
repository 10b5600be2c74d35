//! Clients of the fake, and conversations to ask them with.

use std::time::Duration;

use hearback_core::ids::ToolName;
use hearback_core::model::{
    Message, ModelClient as _, ModelError, ModelReply, ModelRequest, ReplyForm, ToolChoice, ToolSpec,
};
use hearback_fake_model::{FakeModel, KEY, Play};
use hearback_http::{Credentials, HttpOptions, Secret};
use hearback_model::{ChatOptions, Delivery, OpenAiChat};
use jiff::SignedDuration;
use serde_json::json;

pub const MODEL: &str = "gpt-4.1-mini";
pub const AMPLE: SignedDuration = SignedDuration::from_secs(60);

pub fn options(fake: &FakeModel) -> ChatOptions {
    let mut http = HttpOptions::new(fake.base_url());
    http.first_pause = Duration::from_millis(1);
    http.credentials = Credentials::Bearer(Secret::new(KEY));
    ChatOptions::new(http, MODEL, 128_000)
}

pub fn chat(fake: &FakeModel) -> OpenAiChat {
    OpenAiChat::new(options(fake)).unwrap()
}

pub fn question() -> ModelRequest {
    ModelRequest {
        messages: vec![
            Message::System("You read incidents.".into()),
            Message::User("What changed at 14:02?".into()),
        ],
        tools: Vec::new(),
        choice: ToolChoice::Auto,
        form: ReplyForm::Text,
        max_output_tokens: 500,
        budget: AMPLE,
    }
}

pub fn tool(name: &str) -> ToolSpec {
    ToolSpec {
        name: ToolName::new(name).unwrap(),
        description: format!("Reads {name}."),
        parameters: json!({
            "type": "object", "properties": { "q": { "type": "string" } }, "required": ["q"], "additionalProperties": false,
        }),
    }
}

pub fn with_tools() -> ModelRequest {
    ModelRequest { tools: vec![tool("logs"), tool("series")], ..question() }
}

/// What becomes of the question where the server does this, streamed and whole alike.
pub async fn replies(play: Play) -> [ModelReply; 2] {
    let mut all = Vec::new();
    for delivery in [Delivery::Streamed, Delivery::Whole] {
        let fake = FakeModel::playing([play.clone()]).await;
        let chat = OpenAiChat::new(ChatOptions { delivery, ..options(&fake) }).unwrap();
        let reply = chat.complete(&with_tools()).await.unwrap();
        assert_eq!(reply.by.to_string(), format!("model:{MODEL}@{}", fake.host()));
        assert_eq!(fake.asked()[0].streams(), delivery == Delivery::Streamed);
        all.push(reply);
    }
    all.try_into().unwrap()
}

/// How the question fails where the server does these things, and how often it was asked. The server is called `HOST`.
pub async fn fails(script: impl Fn() -> Vec<Play>) -> (ModelError, usize) {
    let fake = FakeModel::playing(script()).await;
    let error = chat(&fake).complete(&question()).await.unwrap_err();
    let told = error.to_string();
    assert!(!told.contains("hunter") && !told.contains("14:02"), "{told}");
    let anonymous = |text: String| text.replace(fake.host(), "HOST");
    let error = match error {
        ModelError::TooLong(told) => ModelError::TooLong(anonymous(told)),
        ModelError::NotUsable(told) => ModelError::NotUsable(anonymous(told)),
        ModelError::Failed(told) => ModelError::Failed(anonymous(told)),
        ModelError::Busy { why, retry_after } => ModelError::Busy { why: anonymous(why), retry_after },
        ModelError::Malformed { why, spent } => ModelError::Malformed { why: anonymous(why), spent },
        other @ ModelError::TimedOut(_) => other,
    };
    (error, fake.asked().len())
}
