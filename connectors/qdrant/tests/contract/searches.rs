//! Searches: by words, by meaning, by both; filters, ties, time.

use std::sync::Arc;

use hearback_core::memory::store::{
    Found, MemoryError, PassageFilter, PassageQuery, PassageStore, Retrieval,
};
use hearback_core::memory::{DocumentKind, Section};
use jiff::SignedDuration;

use crate::samples::{asked, document, filed, id, second, service, with_vectors};

type Store = Arc<dyn PassageStore>;

const X: [f32; 4] = [1.0, 0.0, 0.0, 0.0];
const Y: [f32; 4] = [0.0, 1.0, 0.0, 0.0];
const Z: [f32; 4] = [0.0, 0.0, 1.0, 0.0];

/// Names of what was found, with the part where there is more than one.
fn names(found: &[Found]) -> Vec<String> {
    let name = |found: &Found| found.passage.document.as_str().trim_start_matches("file:").to_owned();
    found.iter().map(|found| format!("{}.{}", name(found), found.passage.part)).collect()
}

fn by(by: Retrieval, text: &str, vector: Option<[f32; 4]>) -> PassageQuery {
    PassageQuery { by, vector: vector.map(|vector| vector.to_vec()), ..asked(text) }
}

pub async fn a_rare_word_outweighs_a_common_one(store: &Store) {
    // Same length, one shared word each: only how rare the word is tells them apart.
    let mut documents: Vec<_> = (0..40)
        .map(|number| document(&format!("common-{number:02}"), "1", &["timeout of upstream"]))
        .collect();
    documents.push(document("rare", "1", &["eviction of upstream"]));
    store.put(documents).await.unwrap();
    let found = store.search(&PassageQuery { limit: 3, ..asked("timeout eviction") }).await.unwrap();
    assert_eq!(names(&found)[0], "rare.0");
    assert!(found[0].score > 2.0 * found[1].score, "{} against {}", found[0].score, found[1].score);
}

pub async fn words_find_names_whole_and_in_parts(store: &Store) {
    store
        .put(vec![
            document("path", "1", &["broken by a change of wmf-config/InitialiseSettings.php"]),
            document("code", "1", &["wgMathDirectory was not set, so every request answered HTTP_502"]),
            document("plain", "1", &["the settings of the directory were initialised late, with 5xx"]),
        ])
        .await
        .unwrap();
    for (query, first) in [
        ("wmf-config/InitialiseSettings.php", "path.0"),
        ("InitialiseSettings", "path.0"),
        ("wgMathDirectory", "code.0"),
        ("math", "code.0"),
        ("HTTP_502", "code.0"),
        ("502", "code.0"),
        ("5XX", "plain.0"),
        ("initialising", "plain.0"),
    ] {
        let found = store.search(&asked(query)).await.unwrap();
        assert_eq!(names(&found).first().map(String::as_str), Some(first), "{query}");
    }
    assert!(store.search(&asked("the of and")).await.unwrap().is_empty());
    assert!(store.search(&asked("")).await.unwrap().is_empty());
}

pub async fn meaning_finds_the_nearest(store: &Store) {
    store
        .put(vec![
            with_vectors(document("a", "1", &["one", "two"]), &[X, Y]),
            with_vectors(document("b", "1", &["three"]), &[Z]),
            document("wordless", "1", &["four"]),
        ])
        .await
        .unwrap();
    let found = store.search(&by(Retrieval::Meaning, "four", Some([0.1, 0.9, 0.4, 0.0]))).await.unwrap();
    assert_eq!(names(&found), ["a.1", "b.0", "a.0"]);
    assert!(found[0].score > 0.9 && found[0].score <= 1.0 + 1e-4, "{}", found[0].score);
    assert!(store.search(&by(Retrieval::Meaning, "one", None)).await.unwrap().is_empty());
    let found = store.search(&asked("four")).await.unwrap();
    assert_eq!(names(&found), ["wordless.0"]);
}

pub async fn a_fused_search_finds_what_either_finds(store: &Store) {
    store
        .put(vec![
            with_vectors(document("both", "1", &["eviction of pods"]), &[X]),
            with_vectors(document("words", "1", &["eviction of something else entirely"]), &[Z]),
            with_vectors(document("meaning", "1", &["nodes ran out of memory"]), &[[0.9, 0.1, 0.0, 0.0]]),
            with_vectors(document("neither", "1", &["certificate expired"]), &[Y]),
        ])
        .await
        .unwrap();
    let found = store.search(&by(Retrieval::Fused, "eviction", Some(X))).await.unwrap();
    let names = names(&found);
    assert_eq!(names[0], "both.0");
    assert!(names.contains(&"words.0".to_owned()) && names.contains(&"meaning.0".to_owned()), "{names:?}");
    assert!(found.windows(2).all(|pair| pair[0].score >= pair[1].score));
    let one =
        store.search(&PassageQuery { limit: 1, ..by(Retrieval::Fused, "eviction", Some(X)) }).await.unwrap();
    assert_eq!(one[0].passage, found[0].passage);
    let wordless = store.search(&by(Retrieval::Fused, "the of", Some(Y))).await.unwrap();
    assert_eq!(wordless[0].passage.document, id("neither"));
}

pub async fn a_fused_search_without_a_vector_is_one_by_words(store: &Store) {
    store
        .put(vec![
            with_vectors(document("a", "1", &["eviction of pods"]), &[X]),
            document("b", "1", &["eviction of nodes"]),
        ])
        .await
        .unwrap();
    let fused = store.search(&by(Retrieval::Fused, "eviction nodes", None)).await.unwrap();
    assert_eq!(fused, store.search(&asked("eviction nodes")).await.unwrap());
    assert_eq!(names(&fused), ["b.0", "a.0"]);
}

pub async fn a_query_vector_of_another_dimension_is_refused(store: &Store) {
    let query = PassageQuery { vector: Some(vec![1.0; 3]), by: Retrieval::Fused, ..asked("quota") };
    assert!(matches!(store.search(&query).await, Err(MemoryError::NotUsable(_))));
}

pub async fn filters_let_through_what_they_say(store: &Store) {
    let of = |name: &str, kind, services: &[&str]| {
        let shelved = with_vectors(document(name, "1", &["quota of the disk", "quota of memory"]), &[X, Y]);
        filed(shelved, |filed| {
            filed.kind = kind;
            filed.services = services.iter().map(|name| service(name)).collect();
        })
    };
    store
        .put(vec![
            of("post", DocumentKind::Postmortem, &["checkout", "payments"]),
            of("run", DocumentKind::Runbook, &["payments"]),
            of("doc", DocumentKind::Doc, &[]),
        ])
        .await
        .unwrap();
    let filters = [
        (PassageFilter::default(), vec!["doc.0", "doc.1", "post.0", "post.1", "run.0", "run.1"]),
        (
            PassageFilter {
                kinds: vec![DocumentKind::Runbook, DocumentKind::Doc],
                ..PassageFilter::default()
            },
            vec!["doc.0", "doc.1", "run.0", "run.1"],
        ),
        (PassageFilter { kinds: vec![DocumentKind::Incident], ..PassageFilter::default() }, vec![]),
        (
            PassageFilter {
                services: vec![service("checkout"), service("other")],
                ..PassageFilter::default()
            },
            vec!["post.0", "post.1"],
        ),
        (
            PassageFilter {
                sections: vec![Section::Summary],
                services: vec![service("payments")],
                ..PassageFilter::default()
            },
            vec!["post.0", "run.0"],
        ),
        (
            PassageFilter { except: Some(id("post")), ..PassageFilter::default() },
            vec!["doc.0", "doc.1", "run.0", "run.1"],
        ),
    ];
    for (filter, expect) in filters {
        for retrieval in [Retrieval::Words, Retrieval::Meaning, Retrieval::Fused] {
            let query = PassageQuery { filter: filter.clone(), ..by(retrieval, "quota", Some(X)) };
            let mut found = names(&store.search(&query).await.unwrap());
            found.sort();
            assert_eq!(found, expect, "{retrieval:?} {filter:?}");
        }
    }
}

pub async fn nothing_is_found_before_it_was_known(store: &Store) {
    let known = |name: &str, at: &str| {
        filed(document(name, "1", &["quota"]), |filed| filed.known_at = at.parse().unwrap())
    };
    store
        .put(vec![
            known("early", "2026-01-01T00:00:00Z"),
            known("late", "2026-01-01T00:00:00.000000500Z"),
            known("later", "2026-01-02T00:00:00Z"),
        ])
        .await
        .unwrap();
    for (as_of, expect) in [
        ("2025-12-31T23:59:59.999999999Z", vec![]),
        ("2026-01-01T00:00:00Z", vec!["early.0"]),
        ("2026-01-01T00:00:00.000000499Z", vec!["early.0"]),
        ("2026-01-01T00:00:00.000000500Z", vec!["early.0", "late.0"]),
        ("2027-01-01T00:00:00Z", vec!["early.0", "late.0", "later.0"]),
    ] {
        let filter = PassageFilter { as_of: Some(as_of.parse().unwrap()), ..PassageFilter::default() };
        let found = store.search(&PassageQuery { filter, ..asked("quota") }).await.unwrap();
        assert_eq!(names(&found), expect, "as of {as_of}");
    }
}

pub async fn equals_come_in_the_order_of_their_names(store: &Store) {
    // More equals than are asked for at first, so that the right ones are not there by chance.
    let put = async |names: Vec<usize>| {
        let documents = names.into_iter().map(|number| {
            with_vectors(document(&format!("doc-{number:03}"), "1", &["quota", "quota"]), &[X, X])
        });
        store.put(documents.collect()).await.unwrap();
    };
    put((100..150).rev().collect()).await;
    put((0..50).collect()).await;
    put((50..100).rev().collect()).await;
    let expect: Vec<String> =
        (0..5).flat_map(|number| [format!("doc-{number:03}.0"), format!("doc-{number:03}.1")]).collect();
    for retrieval in [Retrieval::Words, Retrieval::Meaning] {
        let found = store.search(&by(retrieval, "quota", Some(X))).await.unwrap();
        assert_eq!(names(&found), expect, "{retrieval:?}");
    }
}

pub async fn tidying_changes_no_answer(store: &Store) {
    let documents = (0..200).map(|number: usize| {
        let texts =
            [format!("quota of shard {number}"), format!("disk {} of node {}", number % 7, number % 13)];
        let angle = number as f32 / 100.0;
        let vectors = [[angle.cos(), angle.sin(), 0.0, 0.0], [0.0, 0.0, angle.cos(), angle.sin()]];
        with_vectors(document(&format!("doc-{number:03}"), "1", &[&texts[0], &texts[1]]), &vectors)
    });
    store.put(documents.collect()).await.unwrap();
    store.remove(&(0..80).map(|number| id(&format!("doc-{number:03}"))).collect::<Vec<_>>()).await.unwrap();
    let questions = [
        asked("shard 117"),
        asked("disk node 3"),
        by(Retrieval::Meaning, "", Some([0.2, 0.9, 0.1, 0.0])),
        by(Retrieval::Fused, "quota of node 5", Some([0.2, 0.9, 0.1, 0.0])),
    ];
    let mut before = Vec::new();
    for question in &questions {
        before.push(store.search(question).await.unwrap());
    }
    assert_eq!(store.tidy().await.unwrap(), 0);
    for (question, before) in questions.iter().zip(before) {
        let after = store.search(question).await.unwrap();
        assert_eq!(names(&after), names(&before), "{question:?}");
        let is_close = |(a, b): (&Found, &Found)| (a.score - b.score).abs() < 1e-3;
        assert!(after.iter().zip(&before).all(is_close), "{question:?}");
    }
    let counts = store.count().await.unwrap();
    assert_eq!((counts.documents, counts.passages, counts.vectors, counts.orphans), (120, 240, 240, 0));
    store.put(vec![document("doc-100", "2", &["new words"])]).await.unwrap();
    assert_eq!(names(&store.search(&asked("new")).await.unwrap()), ["doc-100.0"]);
}

pub async fn a_search_without_time_ends(store: &Store) {
    store.put(vec![filed(document("a", "1", &["quota"]), |filed| filed.known_at = second(3))]).await.unwrap();
    let none = SignedDuration::ZERO;
    let error = store.search(&PassageQuery { budget: none, ..asked("quota") }).await.unwrap_err();
    assert_eq!(error, MemoryError::TimedOut(none));
    assert_eq!(store.newest(&PassageFilter::default(), 1, none).await, Err(MemoryError::TimedOut(none)));
}
