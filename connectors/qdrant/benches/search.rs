//! How fast passages are put, opened and found in the embedded store: 50,000 of them with words as unevenly common as real
//! ones and vectors in clusters, before and after `tidy`; beside them tantivy's BM25 over the same texts in the same run;
//! and a server where `QDRANT_URL` is set. Prints a table and one line of JSON. `cargo bench -p hearback-qdrant [-- PASSAGES]`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark is a program for developers"
)]

#[path = "../tests/samples/mod.rs"]
mod samples;

use std::path::Path;
use std::time::{Duration, Instant};

use hearback_core::memory::store::{PassageQuery, PassageStore, Retrieval, Shelved, VectorSpace};
use hearback_qdrant::{ApiKey, EdgeStore, QdrantStore};
use jiff::SignedDuration;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};
use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, Occur, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption, Schema, TEXT};
use tantivy::{Index, Term};

use crate::samples::{asked, document};

const DIMENSION: usize = 384;
const CLUSTERS: usize = 200;
const VOCABULARY: usize = 30_000;
const WORDS_PER_PASSAGE: usize = 120;
const PASSAGES_PER_DOCUMENT: usize = 5;
const DOCUMENTS_PER_PUT: usize = 1_000;
const BARE_DOCUMENTS: usize = 10_000;
const QUESTIONS: usize = 200;
const LIMIT: usize = 10;

fn unit(random: &mut Pcg64Mcg) -> f64 {
    (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Texts and vectors that a seed tells.
struct Made {
    random: Pcg64Mcg,
    centres: Vec<Vec<f32>>,
}

impl Made {
    fn new(seed: u64) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let centres = (0..CLUSTERS).map(|_| (0..DIMENSION).map(|_| unit(&mut random) as f32 - 0.5).collect());
        let centres = centres.collect();
        Made { random, centres }
    }

    /// A word; its rank is Zipf's, roughly: as evenly spread over the logarithm as words of a language are.
    fn word(&mut self) -> String {
        let rank = (VOCABULARY as f64).powf(unit(&mut self.random)) as usize;
        format!("w{rank}x")
    }

    fn text(&mut self, words: usize) -> String {
        (0..words).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }

    fn vector(&mut self) -> Vec<f32> {
        let cluster = (unit(&mut self.random) * CLUSTERS as f64) as usize % CLUSTERS;
        let mut vector = self.centres[cluster].clone();
        for number in &mut vector {
            *number += (unit(&mut self.random) as f32 - 0.5) * 0.8;
        }
        let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
        vector.iter().map(|number| number / length).collect()
    }

    fn document(&mut self, number: usize, parts: usize, has_vectors: bool) -> Shelved {
        let texts: Vec<String> = (0..parts).map(|_| self.text(WORDS_PER_PASSAGE)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut shelved = document(&format!("doc-{number:06}"), "1", &texts);
        if has_vectors {
            shelved.passages.iter_mut().for_each(|of| of.vector = Some(self.vector()));
        }
        shelved
    }

    fn question(&mut self, by: Retrieval) -> PassageQuery {
        let budget = SignedDuration::from_secs(60);
        let vector = (by != Retrieval::Words).then(|| self.vector());
        PassageQuery { by, vector, limit: LIMIT, budget, ..asked(&self.text(6)) }
    }
}

/// The middle one, and the one that 95 of 100 do not exceed.
fn spread(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    (at(0.5), at(0.95))
}

async fn ask(store: &dyn PassageStore, by: Retrieval) -> (f64, f64) {
    let mut made = Made::new(7);
    let mut times = Vec::with_capacity(QUESTIONS);
    for number in 0..QUESTIONS + 10 {
        let question = made.question(by);
        let began = Instant::now();
        let found = store.search(&question).await.unwrap();
        assert_eq!(found.len(), LIMIT);
        // The first ones warm up.
        if number >= 10 {
            times.push(began.elapsed());
        }
    }
    spread(times)
}

async fn ask_all(what: &str, store: &dyn PassageStore) -> [(f64, f64); 3] {
    let mut all = [(0.0, 0.0); 3];
    for (place, by) in [Retrieval::Words, Retrieval::Meaning, Retrieval::Fused].into_iter().enumerate() {
        all[place] = ask(store, by).await;
        let (middle, most) = all[place];
        println!("{what:<28} {:<8} p50 {middle:7.2} ms   p95 {most:7.2} ms", format!("{by:?}"));
    }
    all
}

/// How much of what an exact search finds by meaning is found after `tidy`, where there may be a graph.
async fn recall(before: &[Vec<String>], store: &dyn PassageStore) -> f64 {
    let after = nearest(store).await;
    let shared = before.iter().zip(&after).map(|(a, b)| a.iter().filter(|name| b.contains(name)).count());
    shared.sum::<usize>() as f64 / (before.len() * LIMIT) as f64
}

async fn nearest(store: &dyn PassageStore) -> Vec<Vec<String>> {
    let mut made = Made::new(11);
    let mut all = Vec::new();
    for _ in 0..50 {
        let found = store.search(&made.question(Retrieval::Meaning)).await.unwrap();
        all.push(found.iter().map(|f| format!("{}#{}", f.passage.document, f.passage.part)).collect());
    }
    all
}

async fn fill(store: &dyn PassageStore, documents: usize, parts: usize, has_vectors: bool) -> f64 {
    let mut made = Made::new(1);
    let mut spent = Duration::ZERO;
    let mut number = 0;
    while number < documents {
        let many = DOCUMENTS_PER_PUT.min(documents - number);
        let batch = (number..number + many).map(|number| made.document(number, parts, has_vectors)).collect();
        let began = Instant::now();
        store.put(batch).await.unwrap();
        spent += began.elapsed();
        number += many;
    }
    documents as f64 / spent.as_secs_f64()
}

/// tantivy over the same texts, asked the same words.
fn tantivy(documents: usize) -> (f64, f64) {
    let mut schema = Schema::builder();
    let text: Field = schema.add_text_field("text", TEXT);
    let index = Index::create_in_ram(schema.build());
    let mut writer = index.writer_with_num_threads(1, 200_000_000).unwrap();
    let mut made = Made::new(1);
    for number in 0..documents {
        for of in made.document(number, PASSAGES_PER_DOCUMENT, true).passages {
            let mut entry = tantivy::TantivyDocument::default();
            entry.add_text(text, of.passage.searched.as_untrusted());
            writer.add_document(entry).unwrap();
        }
    }
    writer.commit().unwrap();
    let segments = index.searchable_segment_ids().unwrap();
    writer.merge(&segments).wait().unwrap();
    writer.wait_merging_threads().unwrap();
    let searcher = index.reader().unwrap().searcher();
    let mut made = Made::new(7);
    let mut times = Vec::with_capacity(QUESTIONS);
    for number in 0..QUESTIONS + 10 {
        let question = made.question(Retrieval::Words);
        let began = Instant::now();
        let terms = question.text.split(' ').map(|word| {
            let term = TermQuery::new(Term::from_field_text(text, word), IndexRecordOption::WithFreqs);
            (Occur::Should, Box::new(term) as Box<dyn Query>)
        });
        let query = BooleanQuery::new(terms.collect());
        let found = searcher.search(&query, &TopDocs::with_limit(LIMIT).order_by_score()).unwrap();
        assert_eq!(found.len(), LIMIT);
        if number >= 10 {
            times.push(began.elapsed());
        }
    }
    spread(times)
}

async fn open(dir: &Path, space: Option<VectorSpace>) -> (EdgeStore, f64) {
    let began = Instant::now();
    let store = EdgeStore::open(dir, space).await.unwrap();
    (store, began.elapsed().as_secs_f64())
}

#[tokio::main]
async fn main() {
    let passages = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(50_000);
    let documents = passages / PASSAGES_PER_DOCUMENT;
    let space = Some(VectorSpace { model: "made-up".into(), dimension: DIMENSION });
    let dir = tempfile::tempdir().unwrap();

    let (store, _) = open(&dir.path().join("words"), None).await;
    let bare = fill(&store, BARE_DOCUMENTS, 1, false).await;
    println!(
        "put, one passage, no vectors: {bare:.0} documents/s ({BARE_DOCUMENTS} in puts of {DOCUMENTS_PER_PUT})"
    );
    store.close().await;

    let at = dir.path().join("memory");
    let (store, _) = open(&at, space.clone()).await;
    let whole = fill(&store, documents, PASSAGES_PER_DOCUMENT, true).await;
    println!(
        "put, {PASSAGES_PER_DOCUMENT} passages with vectors: {whole:.0} documents/s ({documents} documents)"
    );
    let before = ask_all("embedded, before tidy", &store).await;
    let exact = nearest(&store).await;
    let began = Instant::now();
    store.tidy().await.unwrap();
    let tidied = began.elapsed().as_secs_f64();
    println!("tidy: {tidied:.1} s");
    let after = ask_all("embedded, after tidy", &store).await;
    let recall = recall(&exact, &store).await;
    println!("of the 10 nearest, {:.1} % are still found after tidy", recall * 100.0);
    store.close().await;
    let (store, opened) = open(&at, space.clone()).await;
    println!("open: {opened:.2} s");
    let began = Instant::now();
    assert_eq!(store.count().await.unwrap().documents, documents as u64);
    println!("count: {:.3} s", began.elapsed().as_secs_f64());
    let began = Instant::now();
    assert_eq!(store.filed(None, 100).await.unwrap().len(), 100);
    println!("a page of documents: {:.3} s", began.elapsed().as_secs_f64());
    store.close().await;

    let (middle, most) = tantivy(documents);
    println!("{:<28} {:<8} p50 {middle:7.2} ms   p95 {most:7.2} ms", "tantivy", "Words");
    let ratio = after[0].1 / most;
    println!("words, p95, embedded after tidy / tantivy: {ratio:.2}");

    match std::env::var("QDRANT_URL") {
        Ok(url) => {
            let key = std::env::var("QDRANT_API_KEY").ok().map(|key| ApiKey::new(key).unwrap());
            let deadline = Duration::from_secs(60);
            let name = format!("hearback-bench-{}", std::process::id());
            let store = QdrantStore::connect(&url, key.clone(), &name, space, deadline).await.unwrap();
            fill(&store, documents, PASSAGES_PER_DOCUMENT, true).await;
            ask_all("server", &store).await;
            QdrantStore::destroy(&url, key, &name, deadline).await.unwrap();
        }
        Err(_) => println!("server: not measured (set QDRANT_URL, and QDRANT_API_KEY)"),
    }
    let [words, meaning, fused] = after.map(|(_, most)| most);
    let [words_before, meaning_before, fused_before] = before.map(|(_, most)| most);
    println!(
        "{{\"bench\":\"search\",\"passages\":{passages},\"put_bare_per_s\":{bare:.0},\"put_whole_per_s\":{whole:.0},\
         \"p95_ms\":{{\"words\":{words:.2},\"meaning\":{meaning:.2},\"fused\":{fused:.2}}},\
         \"p95_before_tidy_ms\":{{\"words\":{words_before:.2},\"meaning\":{meaning_before:.2},\"fused\":{fused_before:.2}}},\
         \"tidy_s\":{tidied:.1},\"open_s\":{opened:.2},\"recall\":{recall:.3},\"ratio\":{ratio:.2}}}"
    );
}
