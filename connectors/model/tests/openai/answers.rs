//! What is asked, and what is made of good answers.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hearback_core::memory::store::{EmbedAs, Embedder as _};
use hearback_model::{Cached, Dimension, OpenAiEmbedder, VectorCache};
use serde_json::json;
use tokio::sync::Barrier;

use crate::server::{AMPLE, Fake, MODEL, embed, expected, row, rows, vector, vectors};

#[tokio::test]
async fn a_request_is_what_the_api_describes() {
    let fake = Fake::working().await;
    let made = embed(&fake.embedder().await, &["disk full", "login fails"], AMPLE).await.unwrap();
    assert_eq!(made, [expected("disk full"), expected("login fails")]);
    let body = json!({ "model": MODEL, "input": ["disk full", "login fails"], "encoding_format": "float" });
    assert_eq!(fake.asked(), [body]);
}

#[tokio::test]
async fn a_reply_out_of_order_is_put_in_order() {
    let fake = Fake::start(|asked| {
        let mut shuffled: Vec<_> =
            asked.texts.iter().enumerate().map(|(index, text)| row(index, vector(text).to_vec())).collect();
        shuffled.reverse();
        shuffled.swap(0, 1);
        std::future::ready(rows(shuffled))
    })
    .await;
    let made = embed(&fake.embedder().await, &["a", "bb", "ccc", "dddd"], AMPLE).await.unwrap();
    assert_eq!(made, ["a", "bb", "ccc", "dddd"].map(expected));
}

#[tokio::test]
async fn secrets_are_taken_out_before_a_text_leaves() {
    let fake = Fake::working().await;
    let long = format!("{} password=hunter22hunter22", "x".repeat(7980));
    let texts =
        ["AKIAABCDEFGHIJKLMNOP leaked", "token ghp_abcdefghijklmnopqrstuvwxyz0123456789", long.as_str()];
    embed(&fake.embedder().await, &texts, AMPLE).await.unwrap();
    let sent = fake.asked()[0]["input"].to_string();
    assert!(!sent.contains("AKIA") && !sent.contains("ghp_") && !sent.contains("hunter"), "{sent}");
    assert!(sent.contains("[redacted: AWS access key] leaked"), "{sent}");
}

#[tokio::test]
async fn a_long_text_is_cut_and_an_empty_one_is_not_sent_empty() {
    let fake = Fake::working().await;
    let long = "é".repeat(5000);
    let made = embed(&fake.embedder().await, &["", " \n", &long], AMPLE).await.unwrap();
    assert_eq!(made.len(), 3);
    let input = fake.asked()[0]["input"].clone();
    assert_eq!((&input[0], &input[1]), (&json!("(empty)"), &json!("(empty)")));
    assert_eq!(input[2], json!("é".repeat(4000)));
}

#[tokio::test]
async fn a_model_is_told_what_a_text_is_if_it_wants_to_be() {
    let fake = Fake::working().await;
    let mut options = fake.options();
    (options.query_prefix, options.passage_prefix) = ("query: ".into(), "passage: ".into());
    let embedder = OpenAiEmbedder::open(options, AMPLE).await.unwrap();
    embedder.embed(&["a".into()], EmbedAs::Query, AMPLE).await.unwrap();
    embedder.embed(&["a".into()], EmbedAs::Passage, AMPLE).await.unwrap();
    let inputs: Vec<_> = fake.asked().iter().map(|body| body["input"].clone()).collect();
    assert_eq!(inputs, [json!(["query: a"]), json!(["passage: a"])]);
}

#[tokio::test]
async fn a_huge_batch_is_split_by_count_and_by_size() {
    let fake = Fake::working().await;
    let embedder = fake.embedder().await;
    let many: Vec<String> = (0..1000).map(|i| "x".repeat(i % 50 + 1)).collect();
    let made = embedder.embed(&many, EmbedAs::Passage, AMPLE).await.unwrap();
    assert_eq!(made, many.iter().map(|text| expected(text)).collect::<Vec<_>>());
    let mut sizes = fake.sizes();
    sizes.sort_unstable();
    assert_eq!(sizes, [232, 256, 256, 256]);
    // 256 KiB take 32 texts of 8000 bytes.
    embedder.embed(&vec!["y".repeat(9000); 70], EmbedAs::Passage, AMPLE).await.unwrap();
    let mut sizes = fake.sizes().split_off(4);
    sizes.sort_unstable();
    assert_eq!(sizes, [6, 32, 32]);
}

#[tokio::test]
async fn no_text_asks_nobody() {
    let fake = Fake::working().await;
    assert!(embed(&fake.embedder().await, &[], AMPLE).await.unwrap().is_empty());
    assert!(fake.asked().is_empty());
}

#[tokio::test]
async fn a_probe_finds_the_dimension_and_a_shorter_one_can_be_asked_for() {
    let fake = Fake::working().await;
    let mut options = fake.options();
    options.dimension = Dimension::Probe;
    let embedder = OpenAiEmbedder::open(options.clone(), AMPLE).await.unwrap();
    assert_eq!((embedder.space().dimension, embedder.space().model.as_str()), (3, MODEL));
    options.dimension = Dimension::Asked(3);
    embed(&OpenAiEmbedder::open(options, AMPLE).await.unwrap(), &["a"], AMPLE).await.unwrap();
    let asked = fake.asked();
    assert_eq!((&asked[0]["dimensions"], &asked[1]["dimensions"]), (&json!(null), &json!(3)));
}

#[tokio::test]
async fn as_many_requests_are_under_way_as_may_be_and_no_more() {
    let (flying, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, top) = (Arc::clone(&flying), Arc::clone(&most));
    // Each waits for a second one, so that the test ends only if two are under way at once.
    let pair = Arc::new(Barrier::new(2));
    let fake = Fake::start(move |asked| {
        let (now, top, pair) = (Arc::clone(&now), Arc::clone(&top), Arc::clone(&pair));
        async move {
            top.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            pair.wait().await;
            now.fetch_sub(1, Ordering::SeqCst);
            vectors(&asked.texts)
        }
    })
    .await;
    let mut options = fake.options();
    options.batch_texts = 1;
    options.pace.in_flight = NonZeroU32::new(2).unwrap();
    let embedder = OpenAiEmbedder::open(options, AMPLE).await.unwrap();
    let made = embed(&embedder, &["a", "bb", "ccc", "dddd", "eeeee", "ffffff"], AMPLE).await.unwrap();
    assert_eq!(made[5], expected("ffffff"));
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_was_paid_for_once_is_not_asked_again() {
    let fake = Fake::working().await;
    let folder = tempfile::tempdir().unwrap();
    let cache = Arc::new(VectorCache::open(&folder.path().join("vectors.db"), 1000));
    let cached = Cached::new(fake.embedder().await, cache);
    for _ in 0..2 {
        let made = cached.embed(&["a".into(), "bb".into()], EmbedAs::Passage, AMPLE).await.unwrap();
        assert_eq!(made, ["a", "bb"].map(expected));
    }
    assert_eq!(fake.sizes(), [2]);
}
