//! What sentence-transformers makes of the same texts with the same weights (`tests/reference/make.py` made the file), and
//! what the port promises: order, length 1, time, errors. It needs the model, which `make test` fetches.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use hearback_core::memory::store::{EmbedAs, Embedder as _, MemoryError};
use hearback_minilm::{DIMENSION, FILES, MODEL, MiniLm};
use jiff::SignedDuration;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
    vector: Vec<f32>,
}

static REFERENCE: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let file = include_str!("reference/vectors.json");
    serde_json::from_str::<Reference>(file).expect("the reference can be read").cases
});

const AMPLE: SignedDuration = SignedDuration::from_mins(5);

/// Where `make model` puts it: the script itself is asked, so that there is one rule.
fn folder() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/model");
    let told = Command::new(script).arg("--where").output().expect(".ci/model runs");
    let folder = PathBuf::from(String::from_utf8(told.stdout).expect("a path").trim());
    let there = FILES.iter().all(|name| folder.join(name).is_file());
    // Never skipped: a test that was not run must not look like one that passed.
    assert!(
        there,
        "the sentence model is not in {}; run `make model` (it needs the network once)",
        folder.display()
    );
    folder
}

fn model(threads: usize) -> MiniLm {
    MiniLm::open(&folder(), NonZeroUsize::new(threads).unwrap()).expect("the model opens")
}

async fn embed(model: &MiniLm, texts: &[String]) -> Vec<Vec<f32>> {
    model.embed(texts, EmbedAs::Passage, AMPLE).await.expect("vectors")
}

fn texts() -> Vec<String> {
    REFERENCE.iter().map(|case| case.text.clone()).collect()
}

fn greatest_difference(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Of vectors that need not have length 1: the reference is rounded.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn tokens_are_those_of_the_python_package() {
    let model = model(1);
    assert!(REFERENCE.len() >= 40);
    for case in REFERENCE.iter() {
        assert_eq!(model.tokens(&case.text).unwrap(), case.ids, "{:?}", case.text);
    }
}

#[tokio::test]
async fn vectors_are_those_of_the_python_package() {
    let vectors = embed(&model(2), &texts()).await;
    assert_eq!(vectors.len(), REFERENCE.len());
    let (mut least, mut greatest) = (1.0_f64, 0.0_f32);
    for (vector, case) in vectors.iter().zip(REFERENCE.iter()) {
        assert_eq!(vector.len(), DIMENSION);
        least = least.min(cosine(vector, &case.vector));
        greatest = greatest.max(greatest_difference(vector, &case.vector));
        assert!((cosine(vector, vector) - 1.0).abs() < 1e-6);
        assert!((vector.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5, "{:?}", case.text);
    }
    println!("least cosine {least}, greatest difference {greatest:e}");
    assert!(least >= 0.999_999, "least cosine {least}");
    assert!(greatest < 5e-6, "greatest difference {greatest}");
}

#[tokio::test]
async fn a_text_has_the_same_numbers_alone_and_among_others() {
    let model = model(2);
    let together = embed(&model, &texts()).await;
    for (text, among) in texts().iter().zip(&together) {
        let alone = embed(&model, std::slice::from_ref(text)).await;
        assert!(greatest_difference(&alone[0], among) < 1e-6, "{text:?}");
    }
}

#[tokio::test]
async fn the_same_question_gives_the_same_bytes_on_one_thread_and_on_two() {
    let once = embed(&model(1), &texts()).await;
    let again = embed(&model(2), &texts()).await;
    assert!(once == again);
}

#[tokio::test]
async fn vectors_come_in_the_order_of_the_texts() {
    let model = model(2);
    let mut backwards = texts();
    backwards.reverse();
    let mut vectors = embed(&model, &backwards).await;
    vectors.reverse();
    for (vector, case) in vectors.iter().zip(REFERENCE.iter()) {
        assert!(cosine(vector, &case.vector) > 0.9999, "{:?}", case.text);
    }
}

#[tokio::test]
async fn no_text_gives_no_vector() {
    assert!(embed(&model(1), &[]).await.is_empty());
}

#[tokio::test]
async fn texts_about_the_same_are_nearer_than_others() {
    let texts =
        ["database is out of disk space", "the volume of the DB is full", "the login page has a new colour"];
    let vectors = embed(&model(1), &texts.map(str::to_owned)).await;
    assert!(cosine(&vectors[0], &vectors[1]) > cosine(&vectors[0], &vectors[2]) + 0.2);
}

#[tokio::test]
async fn what_is_not_done_in_time_is_given_up() {
    let model = model(1);
    let many: Vec<String> = (0..2000).map(|i| format!("{i} ").repeat(300)).collect();
    for budget in [SignedDuration::ZERO, SignedDuration::from_secs(-1), SignedDuration::from_millis(30)] {
        let begun = std::time::Instant::now();
        let told = model.embed(&many, EmbedAs::Query, budget).await;
        assert_eq!(told, Err(MemoryError::TimedOut(budget)));
        assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    }
    // And it still works.
    assert_eq!(embed(&model, &["ok".to_owned()]).await.len(), 1);
}

#[tokio::test]
async fn a_text_of_many_megabytes_costs_no_more_than_what_is_read_of_it() {
    let text = "the disk is full. ".repeat(1 << 20);
    let vectors = model(1).embed(&[text], EmbedAs::Passage, SignedDuration::from_secs(20)).await.unwrap();
    let cut = embed(&model(1), &["the disk is full. ".repeat(100)]).await;
    assert_eq!(vectors, cut);
}

#[test]
fn a_file_with_one_other_bit_is_refused() {
    let broken = tempfile::tempdir().unwrap();
    for name in FILES {
        std::fs::copy(folder().join(name), broken.path().join(name)).unwrap();
    }
    let weights = broken.path().join("model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    let told = MiniLm::open(broken.path(), NonZeroUsize::MIN).unwrap_err().to_string();
    assert!(told.contains("model.safetensors is damaged") && told.contains("make model"), "{told}");
}

#[test]
fn its_space_is_the_models() {
    let model = model(1);
    assert_eq!((model.space().model.as_str(), model.space().dimension), (MODEL, DIMENSION));
}
