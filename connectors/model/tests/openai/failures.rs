//! What can go wrong, and what each reader is told. The key and the server's own sentences are in none of it.

use std::num::NonZeroU32;

use axum::http::header::RETRY_AFTER;
use axum::response::Response;
use hearback_core::memory::store::MemoryError;
use hearback_http::{Credentials, HttpOptions, Secret};
use hearback_model::{Dimension, EmbeddingOptions, OpenAiEmbedder};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::server::{AMPLE, Fake, KEY, embed, expected, refusal, reply, row, rows, vectors};

/// What becomes of two texts where every answer is `answer`, and how often it was asked.
async fn told(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> (MemoryError, usize) {
    let fake = Fake::start(move |_| std::future::ready(answer())).await;
    let error = embed(&fake.embedder().await, &["my secret text", "b"], AMPLE).await.unwrap_err();
    let text = error.to_string();
    assert!(!text.contains("hunter") && !text.contains("my secret"), "{text}");
    let error = match error {
        MemoryError::NotUsable(text) => MemoryError::NotUsable(fake.anonymous(&text)),
        MemoryError::Failed(text) => MemoryError::Failed(fake.anonymous(&text)),
        other => other,
    };
    (error, fake.asked().len())
}

async fn check_not_usable(answer: impl Fn() -> Response + Clone + Send + Sync + 'static, expect: &str) {
    let (error, asked) = told(answer).await;
    assert!(matches!(&error, MemoryError::NotUsable(text) if text.contains(expect)), "{error:?}");
    assert_eq!(asked, 1, "what has to be mended is not asked twice");
}

async fn check_rows(rows_of: impl Fn() -> Vec<Value> + Clone + Send + Sync + 'static, expect: &str) {
    check_not_usable(move || rows(rows_of()), expect).await;
}

#[tokio::test]
async fn a_wrong_key_is_said() {
    for status in [401, 403] {
        check_not_usable(
            move || refusal(status, "invalid_request_error", "invalid_api_key"),
            &format!("HOST refuses the key ({status}); check that the key is right"),
        )
        .await;
    }
}

#[tokio::test]
async fn an_unknown_model_is_said() {
    let model = "HOST does not know the model text-embedding-3-small (404, model_not_found)";
    check_not_usable(|| refusal(404, "invalid_request_error", "model_not_found"), model).await;
    check_not_usable(|| reply(404, "text/plain", "404 page not found"), "check the model's name, and that")
        .await;
}

#[tokio::test]
async fn what_the_server_does_not_take_is_said_with_its_code_and_without_its_sentence() {
    let expect =
        "does not take what is asked of the model text-embedding-3-small (400, invalid_request_error)";
    check_not_usable(|| refusal(400, "invalid_request_error", "Key sk-hunter22!"), expect).await;
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_not_waited_for() {
    let answer = || refusal(429, "insufficient_quota", "insufficient_quota");
    check_not_usable(answer, "the account's quota is used up (429)").await;
}

#[tokio::test]
async fn too_many_requests_are_asked_again_after_the_pause_that_is_wanted() {
    let fake = Fake::start(|asked| {
        let mut answer = match asked.number {
            0 => refusal(429, "requests", "rate_limit_exceeded"),
            _ => vectors(&asked.texts),
        };
        answer.headers_mut().insert(RETRY_AFTER, "1".parse().unwrap());
        std::future::ready(answer)
    })
    .await;
    let begun = std::time::Instant::now();
    let made = embed(&fake.embedder().await, &["a"], AMPLE).await.unwrap();
    assert_eq!(made, [expected("a")]);
    assert!(begun.elapsed().as_millis() >= 1000, "{:?}", begun.elapsed());
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test]
async fn a_pause_that_is_longer_than_the_time_is_not_waited_for() {
    let (error, asked) = told(|| {
        let mut answer = refusal(429, "requests", "rate_limit_exceeded");
        answer.headers_mut().insert(RETRY_AFTER, "3600".parse().unwrap());
        answer
    })
    .await;
    assert!(matches!(&error, MemoryError::Failed(text) if text.contains("too busy")), "{error:?}");
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn a_server_that_fails_is_asked_four_times_and_then_said_to_be_away() {
    for status in [500, 502, 503, 504, 429] {
        let (error, asked) = told(move || reply(status, "text/html", "<h1>my secret text</h1>")).await;
        let expect = format!("{status}");
        assert!(matches!(&error, MemoryError::Failed(text) if text.contains(&expect)), "{error:?}");
        assert_eq!(asked, 4, "{status}");
    }
}

#[tokio::test]
async fn a_server_that_fails_once_is_no_failure() {
    let fake = Fake::start(|asked| {
        std::future::ready(if asked.number < 2 {
            reply(500, "text/plain", "oops")
        } else {
            vectors(&asked.texts)
        })
    })
    .await;
    assert_eq!(embed(&fake.embedder().await, &["a"], AMPLE).await, Ok(vec![expected("a")]));
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_in_time() {
    let fake = Fake::start(|_| std::future::pending()).await;
    let embedder = fake.embedder().await;
    for ms in [0, 50] {
        let budget = SignedDuration::from_millis(ms);
        assert_eq!(embed(&embedder, &["a"], budget).await, Err(MemoryError::TimedOut(budget)));
    }
}

#[tokio::test]
async fn a_turn_that_can_not_come_in_time_is_not_waited_for() {
    let fake = Fake::working().await;
    let mut options = fake.options();
    options.pace.per_minute = NonZeroU32::new(1);
    let embedder = OpenAiEmbedder::open(options, AMPLE).await.unwrap();
    let budget = SignedDuration::from_secs(30);
    assert!(embed(&embedder, &["a"], budget).await.is_ok());
    assert_eq!(embed(&embedder, &["a"], budget).await, Err(MemoryError::TimedOut(budget)));
}

#[tokio::test]
async fn nobody_at_the_address_is_said() {
    // The discard port: nothing listens there on a machine of today.
    let mut http = HttpOptions::new("http://127.0.0.1:9/v1");
    http.first_pause = std::time::Duration::from_millis(1);
    let mut options = EmbeddingOptions::new(http, "m");
    options.dimension = Dimension::Known(3);
    let embedder = OpenAiEmbedder::open(options, AMPLE).await.unwrap();
    let told = embed(&embedder, &["a"], AMPLE).await;
    assert!(
        matches!(&told, Err(MemoryError::Failed(text)) if text.contains("127.0.0.1:9 can't be reached")),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_reply_that_is_none_is_refused() {
    check_not_usable(|| reply(200, "application/json", "{\"data\":["), "JSON that ends in the middle").await;
    check_not_usable(|| reply(200, "application/json", "{\"data\":7}"), "JSON of another form").await;
    check_not_usable(|| reply(200, "text/html", "<html>my secret text"), "where JSON was expected").await;
    check_not_usable(|| reply(200, "application/json", " ".repeat(1 << 20)), "is longer than").await;
    let sends_on = || {
        let mut answer = reply(302, "text/html", "");
        answer.headers_mut().insert("location", "http://elsewhere.example/my-secret".parse().unwrap());
        answer
    };
    check_not_usable(sends_on, "elsewhere.example").await;
}

#[tokio::test]
async fn vectors_that_can_not_be_right_are_refused() {
    let good = || json!([1.0, 2.0, 3.0]);
    check_rows(move || vec![row(0, good())], "sent 1 vectors for 2 texts").await;
    check_rows(move || vec![row(0, good()), row(1, good()), row(2, good())], "sent 3 vectors for 2 texts")
        .await;
    check_rows(move || vec![row(0, good()), row(0, good())], "do not say which text").await;
    check_rows(move || vec![row(0, good()), row(2, good())], "do not say which text").await;
    let short =
        "sent a vector of 2 numbers where 3 were expected (model text-embedding-3-small); set the dimension";
    check_rows(move || vec![row(0, good()), row(1, json!([1.0, 2.0]))], short).await;
    check_rows(move || vec![row(0, good()), row(1, json!([0.0, 0.0, 0.0]))], "has no direction").await;
    check_rows(move || vec![row(0, good()), row(1, json!([1e39, 0.0, 0.0]))], "").await;
    check_rows(move || vec![row(0, good()), row(1, json!([null, 0.0, 0.0]))], "JSON of another form").await;
    // Python writes this for a number that is none.
    let nan = r#"{"object":"list","model":"m","usage":{"prompt_tokens":1,"total_tokens":1},"data":[{"object":"embedding","index":0,"embedding":[NaN,0,0]}]}"#;
    check_not_usable(move || reply(200, "application/json", nan), "something that is not JSON").await;
}

#[tokio::test]
async fn one_batch_that_fails_fails_the_whole() {
    let fake = Fake::start(|asked| {
        std::future::ready(match asked.texts[0].as_str() {
            "bad" => refusal(400, "invalid_request_error", "bad_input"),
            _ => vectors(&asked.texts),
        })
    })
    .await;
    let mut options = fake.options();
    options.batch_texts = 1;
    let embedder = OpenAiEmbedder::open(options, AMPLE).await.unwrap();
    let told = embed(&embedder, &["a", "bad", "c"], AMPLE).await;
    assert!(matches!(&told, Err(MemoryError::NotUsable(text)) if text.contains("bad_input")), "{told:?}");
}

#[tokio::test]
async fn settings_that_can_not_be_used_are_said_before_anything_is_sent() {
    let open = |http: HttpOptions, model: &str, dimension| {
        let mut options = EmbeddingOptions::new(http, model);
        options.dimension = dimension;
        async move { OpenAiEmbedder::open(options, AMPLE).await.unwrap_err().to_string() }
    };
    let here = || HttpOptions::new("http://127.0.0.1:9/v1");
    assert!(open(here(), " ", Dimension::Known(3)).await.contains("name of the model for vectors is empty"));
    assert!(open(here(), "m", Dimension::Known(0)).await.contains("can't have 0 numbers"));
    assert!(open(here(), "m", Dimension::Asked(1 << 20)).await.contains("can't have 1048576 numbers"));
    assert!(open(HttpOptions::new("api.openai.com"), "m", Dimension::Known(3)).await.contains("https://"));
    let mut bad_key = here();
    bad_key.credentials = Credentials::Bearer(Secret::new("hunter22\nx"));
    let told = open(bad_key, "m", Dimension::Known(3)).await;
    assert!(told.contains("the token holds a character") && !told.contains("hunter"), "{told}");
}

#[tokio::test]
async fn the_key_is_in_no_debug() {
    let fake = Fake::working().await;
    let text = format!("{:?} {:?}", fake.options(), fake.embedder().await);
    assert!(!text.contains(KEY) && !text.contains("hunter"), "{text}");
    assert!(text.contains("text-embedding-3-small"), "{text}");
}
