//! What can go wrong, and what each reader is told. Neither the key nor the conversation is in any of it.

use std::time::Duration;

use hearback_core::model::{Ended, ModelClient as _, ModelError, ModelRequest};
use hearback_fake_model::{FakeModel, KEY, Play, Tap};
use hearback_http::{Credentials, HttpOptions, Secret};
use hearback_model::{ChatOptions, Delivery, OpenAiChat};
use jiff::SignedDuration;
use serde_json::json;

use crate::asking::{MODEL, chat, fails, options, question};

async fn check_not_usable(play: Play, expect: &str) {
    let (error, asked) = fails(|| vec![play.clone()]).await;
    assert!(matches!(&error, ModelError::NotUsable(told) if told.contains(expect)), "{error:?}");
    assert_eq!(asked, 1, "what has to be mended is not asked twice");
}

async fn check_malformed(play: Play, expect: &str) {
    let (error, asked) = fails(|| vec![play.clone()]).await;
    let ModelError::Malformed { why, spent } = &error else { panic!("{error:?}") };
    assert!(why.contains(expect) && why.ends_with("(model gpt-4.1-mini)"), "{why}");
    assert_eq!((asked, spent.requests), (1, 1), "what came once is not paid for twice");
}

#[tokio::test]
async fn a_wrong_key_is_said_without_it() {
    for status in [401, 403] {
        let message = format!("Incorrect API key provided: {KEY}");
        let expect = format!(
            "HOST refuses the key ({status}); check that the key is right and may use the model {MODEL}"
        );
        check_not_usable(Play::fails(status, "invalid_api_key", &message), &expect).await;
    }
}

#[tokio::test]
async fn what_a_person_has_to_mend_is_said() {
    let check = |play: Play, expect: &'static str| check_not_usable(play, expect);
    check(
        Play::fails(404, "model_not_found", "No such model"),
        "HOST does not know the model gpt-4.1-mini (404, model_not_found",
    )
    .await;
    check(
        Play::sends(404, "text/plain", "404 page not found"),
        "check the model's name, and that the address",
    )
    .await;
    check(Play::fails(429, "insufficient_quota", "You exceeded your current quota"), "quota is used up (429")
        .await;
    check(Play::sends(402, "application/json", "{}"), "quota is used up (402)").await;
    check(Play::fails(400, "unsupported_value", "x does not support tools"), "does not call tools").await;
    check(
        Play::fails(400, "unsupported_parameter", &format!("Unsupported parameter: 'max_tokens' ({KEY})")),
        "(400, unsupported_parameter: \"Unsupported parameter: 'max_tokens' ([redacted: the key])\")",
    )
    .await;
    check(
        Play::sends(200, "text/html", "<html>log in"),
        "sent text/html where a stream of events or JSON was expected",
    )
    .await;
    let elsewhere = Play::Sends {
        status: 302,
        headers: vec![("location".into(), "http://elsewhere.example/v1?key=1".into())],
        body: String::new(),
    };
    check(elsewhere, "HOST sends on to http://elsewhere.example; set the address").await;
}

#[tokio::test]
async fn a_conversation_that_does_not_fit_is_said_to_be_too_long() {
    let llama = json!({ "error": { "code": 400, "type": "exceed_context_size_error",
        "message": "request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it" } });
    for play in [
        Play::fails(400, "context_length_exceeded", "This model's maximum context length is 128000 tokens."),
        Play::sends(400, "application/json", llama.to_string()),
        Play::fails(500, "server_error", "Context size has been exceeded."),
        Play::sends(413, "text/html", "too large"),
        Play::sends(200, "text/event-stream", format!("data: {llama}\n\n")),
    ] {
        let (error, asked) = fails(|| vec![play.clone()]).await;
        let expect = "the conversation is too long for the model gpt-4.1-mini at HOST";
        assert!(matches!(&error, ModelError::TooLong(told) if told.starts_with(expect)), "{error:?}");
        assert_eq!(asked, 1);
    }
}

#[tokio::test]
async fn a_server_that_fails_is_asked_four_times_and_then_said_to_be_busy() {
    for status in [500, 502, 503, 529] {
        let (error, asked) = fails(|| vec![Play::sends(status, "text/html", "<h1>14:02</h1>"); 4]).await;
        let expect = format!("HOST is too busy or failing ({status})");
        assert_eq!(error, ModelError::Busy { why: expect, retry_after: None });
        assert_eq!(asked, 4);
    }
}

#[tokio::test]
async fn a_server_that_fails_before_it_answers_is_asked_again() {
    let overloaded = "data: {\"error\":{\"message\":\"Overloaded\",\"code\":503}}\n\n";
    for play in [
        Play::fails(500, "server_error", "oops"),
        Play::busy(None),
        Play::sends(200, "text/event-stream", overloaded),
        Play::sends(200, "application/json", "{\"error\":\"engine starts\"}"),
        Play::says("A deploy.").breaking_after(0),
        Play::says("A deploy.").breaking_after(1),
        Play::sends(200, "text/event-stream", ""),
    ] {
        let fake = FakeModel::playing([play.clone(), Play::says("A deploy.")]).await;
        let reply = chat(&fake).complete(&question()).await;
        assert!(reply.is_ok(), "{play:?}: {reply:?}");
        assert_eq!(fake.asked().len(), 2, "{play:?}");
    }
}

#[tokio::test]
async fn what_began_to_come_is_not_asked_for_again() {
    check_malformed(Play::says("It was the deploy.").breaking_after(3), "HOST broke off in the middle").await;
    check_malformed(Play::calls(&[("logs", "{\"q\":1}")]).breaking_after(2), "broke off in the middle").await;
    let said = "data: {\"choices\":[{\"delta\":{\"content\":\"It\"}}]}\n\n";
    let told = format!("{said}data: {{\"error\":{{\"message\":\"no memory\"}}}}\n\n");
    check_malformed(Play::sends(200, "text/event-stream", told), "broke off in the middle").await;
    check_malformed(Play::sends(200, "text/event-stream", format!("{said}data: [DONE]\n\n")), "broke off")
        .await;
}

#[tokio::test]
async fn what_is_no_reply_is_said_to_be_none() {
    check_malformed(
        Play::sends(200, "application/json", "{\"choices\":["),
        "sent something that is no reply",
    )
    .await;
    check_malformed(
        Play::sends(200, "application/json", "{\"choices\":7}"),
        "sent something that is no reply",
    )
    .await;
    check_malformed(
        Play::sends(200, "text/event-stream", "data: hello\n\n"),
        "sent something that is no reply",
    )
    .await;
    check_malformed(Play::sends(200, "application/json", "{\"choices\":[]}"), "answered nothing").await;
    check_malformed(Play::says(" "), "answered nothing").await;
    check_malformed(Play::says("x").ending("error"), "gave the answer up in the middle").await;
}

#[tokio::test]
async fn a_huge_answer_is_not_taken_in() {
    for play in [
        Play::says("x".repeat(5 << 20)).in_pieces_of(1 << 20),
        Play::sends(200, "application/json", " ".repeat(5 << 20)),
    ] {
        check_malformed(play, "sent an answer longer than 4194304 bytes").await;
    }
}

#[tokio::test]
async fn a_prompt_that_is_withheld_is_no_error() {
    let play = Play::fails(400, "content_filter", "The prompt triggered a filter");
    let fake = FakeModel::playing([play]).await;
    let reply = chat(&fake).complete(&question()).await.unwrap();
    assert_eq!((reply.ended, reply.text, reply.spent.unmetered), (Ended::Filtered, None, 1));
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_in_time() {
    for delivery in [Delivery::Streamed, Delivery::Whole] {
        let fake = FakeModel::directed(|_| Play::hangs()).await;
        let chat = OpenAiChat::new(ChatOptions { delivery, ..options(&fake) }).unwrap();
        for ms in [0, 50] {
            let budget = SignedDuration::from_millis(ms);
            let told = chat.complete(&ModelRequest { budget, ..question() }).await;
            assert_eq!(told, Err(ModelError::TimedOut(budget)));
        }
    }
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_given_up_before_the_time_is_up() {
    let tap = Tap::new();
    tap.let_out(3);
    let silent = Play::says("It was the deploy.").through(&tap);
    let fake = FakeModel::playing([silent, Play::hangs()]).await;
    let mut options = options(&fake);
    options.next_piece_within = Duration::from_millis(60);
    options.first_piece_within = Duration::from_secs(30);
    let chat = OpenAiChat::new(options.clone()).unwrap();
    let told = chat.complete(&question()).await;
    assert_eq!(told, Err(ModelError::TimedOut(SignedDuration::from_millis(60))));
    options.first_piece_within = Duration::from_millis(70);
    let told = OpenAiChat::new(options).unwrap().complete(&question()).await;
    assert_eq!(told, Err(ModelError::TimedOut(SignedDuration::from_millis(70))));
}

#[tokio::test]
async fn nobody_at_the_address_is_said() {
    // The discard port: nothing listens there on a machine of today.
    let mut http = HttpOptions::new("http://127.0.0.1:9/v1");
    http.first_pause = Duration::from_millis(1);
    let chat = OpenAiChat::new(ChatOptions::new(http, "m", 8000)).unwrap();
    let told = chat.complete(&question()).await;
    assert!(
        matches!(&told, Err(ModelError::Failed(told)) if told.starts_with("127.0.0.1:9 can't be reached: ")),
        "{told:?}"
    );
}

#[tokio::test]
async fn settings_that_can_not_be_used_are_said_before_anything_is_sent() {
    let told = |change: &dyn Fn(&mut ChatOptions)| {
        let mut options = ChatOptions::new(HttpOptions::new("http://127.0.0.1:9/v1"), "m", 8000);
        change(&mut options);
        OpenAiChat::new(options).unwrap_err().to_string()
    };
    assert!(told(&|options| options.model = " ".into()).contains("name of the language model is empty"));
    assert!(told(&|options| options.model = "m\nx".into()).contains("holds a line break"));
    assert!(told(&|options| options.context_tokens = 0).contains("can't have 0 tokens"));
    assert!(told(&|options| options.temperature = Some(f32::NAN)).contains("between 0 and 2"));
    assert!(told(&|options| options.http.base_url = "api.openai.com".into()).contains("https://"));
    let bad_key = told(&|options| options.http.credentials = Credentials::Bearer(Secret::new("hunter22\nx")));
    assert!(bad_key.contains("the token holds a character") && !bad_key.contains("hunter"), "{bad_key}");
}

#[tokio::test]
async fn the_key_is_in_no_debug() {
    let fake = FakeModel::playing([]).await;
    let text = format!("{:?} {:?}", options(&fake), chat(&fake));
    assert!(!text.contains(KEY) && !text.contains("hunter"), "{text}");
    assert!(text.contains(MODEL), "{text}");
}
