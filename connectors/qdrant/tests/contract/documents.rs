//! Documents: put, found, taken out, replaced, removed, listed.

use std::sync::Arc;

use hearback_core::memory::store::{Counts, MemoryError, PassageFilter, PassageStore};
use hearback_core::memory::{DocumentId, DocumentKind, Filed};
use jiff::SignedDuration;

use crate::samples::{asked, document, filed, id, second, service, space, with_vectors};

type Store = Arc<dyn PassageStore>;

const BUDGET: SignedDuration = SignedDuration::from_secs(30);

fn ids(filed: &[Filed]) -> Vec<&str> {
    filed.iter().map(|filed| filed.id.as_str()).collect()
}

pub async fn an_empty_store_answers_everything_with_nothing(store: &Store) {
    assert_eq!(store.space(), Some(&space()));
    assert!(store.find(&[id("a")]).await.unwrap().is_empty());
    assert!(store.take(&[id("a")]).await.unwrap().is_empty());
    assert!(store.filed(None, 10).await.unwrap().is_empty());
    assert!(store.search(&asked("checkout")).await.unwrap().is_empty());
    assert!(store.newest(&PassageFilter::default(), 10, BUDGET).await.unwrap().is_empty());
    assert_eq!(store.count().await.unwrap(), Counts::default());
    assert_eq!(store.remove(&[id("a")]).await.unwrap(), 0);
    assert_eq!(store.tidy().await.unwrap(), 0);
    store.put(Vec::new()).await.unwrap();
    assert_eq!(store.count().await.unwrap(), Counts::default());
}

pub async fn what_was_put_is_taken_out_as_it_was(store: &Store) {
    let one = filed(document("a", "1", &["the quota ran out", "raise the quota"]), |filed| {
        filed.kind = DocumentKind::Runbook;
        filed.services = vec![service("checkout"), service("payments")];
        filed.happened_at = Some(second(-50));
        filed.known_at = "2026-02-03T04:05:06.123456789Z".parse().unwrap();
        filed.broke = Some("disk".into());
    });
    let one = with_vectors(one, &[[1.0, 0.0, 0.0, 0.0], [0.0, 0.6, 0.8, 0.0]]);
    let two = document("b", "1", &["no vectors here"]);
    store.put(vec![one.clone(), two.clone()]).await.unwrap();
    let mut taken = store.take(&[id("b"), id("a"), id("c")]).await.unwrap();
    taken.sort_by(|a, b| a.filed.id.cmp(&b.filed.id));
    assert_eq!(taken, vec![one.clone(), two.clone()]);
    let mut found = store.find(&[id("a"), id("b"), id("a"), id("c")]).await.unwrap();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(found, vec![one.filed, two.filed]);
    let counts = store.count().await.unwrap();
    assert_eq!(counts, Counts { documents: 2, passages: 3, vectors: 2, orphans: 0 });
}

pub async fn what_was_removed_is_gone(store: &Store) {
    store.put(vec![document("a", "1", &["quota", "disk"]), document("b", "1", &["quota"])]).await.unwrap();
    assert_eq!(store.remove(&[id("a"), id("a"), id("c")]).await.unwrap(), 1);
    assert!(store.find(&[id("a")]).await.unwrap().is_empty());
    assert!(store.take(&[id("a")]).await.unwrap().is_empty());
    let found = store.search(&asked("quota disk")).await.unwrap();
    assert_eq!(found.iter().map(|found| found.passage.document.clone()).collect::<Vec<_>>(), vec![id("b")]);
    let counts = store.count().await.unwrap();
    assert_eq!(counts, Counts { documents: 1, passages: 1, vectors: 0, orphans: 0 });
    assert_eq!(store.remove(&[id("a")]).await.unwrap(), 0);
}

pub async fn a_new_version_takes_the_place_of_the_old_one(store: &Store) {
    store
        .put(vec![document("a", "1", &["the old cause", "the second part", "the third part"])])
        .await
        .unwrap();
    let next = document("a", "2", &["the new cause"]);
    store.put(vec![next.clone()]).await.unwrap();
    assert_eq!(store.take(&[id("a")]).await.unwrap(), vec![next]);
    assert!(store.search(&asked("old second third")).await.unwrap().is_empty());
    assert_eq!(store.search(&asked("cause")).await.unwrap().len(), 1);
    let counts = store.count().await.unwrap();
    assert_eq!(counts, Counts { documents: 1, passages: 1, vectors: 0, orphans: 0 });
    assert_eq!(store.tidy().await.unwrap(), 0);
}

pub async fn the_same_version_can_be_put_again(store: &Store) {
    let bare = document("a", "1", &["quota"]);
    store.put(vec![bare.clone()]).await.unwrap();
    let embedded = with_vectors(bare.clone(), &[[0.0, 1.0, 0.0, 0.0]]);
    store.put(vec![embedded.clone()]).await.unwrap();
    assert_eq!(store.take(&[id("a")]).await.unwrap(), vec![embedded]);
    assert_eq!(store.count().await.unwrap(), Counts { documents: 1, passages: 1, vectors: 1, orphans: 0 });
    store.put(vec![bare.clone()]).await.unwrap();
    assert_eq!(store.take(&[id("a")]).await.unwrap(), vec![bare]);
    assert_eq!(store.count().await.unwrap(), Counts { documents: 1, passages: 1, vectors: 0, orphans: 0 });
}

pub async fn of_a_document_that_stands_there_twice_the_last_counts(store: &Store) {
    let (first, last) = (document("a", "1", &["first", "first"]), document("a", "2", &["last"]));
    store.put(vec![first, last.clone()]).await.unwrap();
    assert_eq!(store.take(&[id("a")]).await.unwrap(), vec![last]);
    assert_eq!(store.count().await.unwrap(), Counts { documents: 1, passages: 1, vectors: 0, orphans: 0 });
}

pub async fn a_document_without_passages_is_a_document(store: &Store) {
    let empty = document("a", "1", &[]);
    store.put(vec![empty.clone()]).await.unwrap();
    assert_eq!(store.take(&[id("a")]).await.unwrap(), vec![empty]);
    assert_eq!(store.count().await.unwrap().documents, 1);
}

pub async fn documents_are_listed_by_id_page_by_page(store: &Store) {
    let names: Vec<String> = (0..25).map(|number| format!("doc-{number:02}")).collect();
    // Put in another order than they are listed in.
    let documents = names.iter().rev().map(|name| document(name, "1", &["quota"]));
    store.put(documents.collect()).await.unwrap();
    let (mut listed, mut after): (Vec<DocumentId>, Option<DocumentId>) = (Vec::new(), None);
    loop {
        let page = store.filed(after.as_ref(), 10).await.unwrap();
        listed.extend(page.iter().map(|filed| filed.id.clone()));
        match page.last() {
            Some(last) => after = Some(last.id.clone()),
            None => break,
        }
    }
    assert_eq!(listed, names.iter().map(|name| id(name)).collect::<Vec<_>>());
    assert!(store.filed(None, 0).await.unwrap().is_empty());
    assert_eq!(ids(&store.filed(Some(&id("doc-23x")), 10).await.unwrap()), ["file:doc-24"]);
}

pub async fn the_newest_are_those_that_became_known_last(store: &Store) {
    let known = |name: &str, at: i64, kind: DocumentKind| {
        filed(document(name, "1", &["quota"]), |filed| {
            filed.known_at = second(at);
            filed.kind = kind;
            filed.services = vec![service(if at % 2 == 0 { "even" } else { "odd" })];
        })
    };
    let documents = vec![
        known("old", 1, DocumentKind::Postmortem),
        known("new", 9, DocumentKind::Postmortem),
        known("middle-b", 4, DocumentKind::Postmortem),
        known("middle-a", 4, DocumentKind::Runbook),
    ];
    store.put(documents).await.unwrap();
    let newest = async |filter: PassageFilter, limit| store.newest(&filter, limit, BUDGET).await.unwrap();
    let all = newest(PassageFilter::default(), 10).await;
    assert_eq!(ids(&all), ["file:new", "file:middle-a", "file:middle-b", "file:old"]);
    assert_eq!(ids(&newest(PassageFilter::default(), 2).await), ["file:new", "file:middle-a"]);
    let runbooks = PassageFilter { kinds: vec![DocumentKind::Runbook], ..PassageFilter::default() };
    assert_eq!(ids(&newest(runbooks, 10).await), ["file:middle-a"]);
    let odd = PassageFilter { services: vec![service("odd")], ..PassageFilter::default() };
    assert_eq!(ids(&newest(odd, 10).await), ["file:new", "file:old"]);
    let then =
        PassageFilter { as_of: Some(second(4)), except: Some(id("middle-a")), ..PassageFilter::default() };
    assert_eq!(ids(&newest(then, 10).await), ["file:middle-b", "file:old"]);
    assert!(newest(PassageFilter::default(), 0).await.is_empty());
}

pub async fn texts_in_any_script_and_of_any_length_come_back(store: &Store) {
    let long = "the quota of shard 17 ran out ".repeat(20_000);
    let texts = [
        "数据库宕机",
        "Ошибка в базе данных 🔥",
        "مشكلة",
        "\u{0}\u{1f}\"\\ \r\n\t",
        "   ",
        &long,
        "a\u{301}",
    ];
    let shelved =
        filed(document("ünïcode/文.md", "1", &texts), |filed| filed.title = "🔥 \"quoted\"".into());
    store.put(vec![shelved.clone()]).await.unwrap();
    assert_eq!(store.take(&[id("ünïcode/文.md")]).await.unwrap(), vec![shelved]);
    for (query, part) in [("宕机", 0), ("ошибка", 1), ("مشكلة", 2), ("shard", 5)] {
        let found = store.search(&asked(query)).await.unwrap();
        assert_eq!(found.first().map(|found| found.passage.part), Some(part), "{query}");
    }
    assert!(store.search(&asked(&"nothing like it ".repeat(5_000))).await.unwrap().len() <= 10);
}

pub async fn a_vector_of_another_dimension_is_refused_and_nothing_is_written(store: &Store) {
    let mut wrong = with_vectors(document("b", "1", &["quota"]), &[[0.0; 4]]);
    wrong.passages[0].vector = Some(vec![1.0; 5]);
    let good = document("a", "1", &["quota"]);
    let error = store.put(vec![good.clone(), wrong]).await.unwrap_err();
    assert!(
        matches!(&error, MemoryError::NotUsable(said) if said.contains('4') && said.contains('5')),
        "{error}"
    );
    let mut none = with_vectors(document("c", "1", &["quota"]), &[[0.0; 4]]);
    none.passages[0].vector = Some(vec![f32::NAN, 0.0, 0.0, 1.0]);
    assert!(matches!(store.put(vec![good, none]).await, Err(MemoryError::NotUsable(_))));
    assert_eq!(store.count().await.unwrap(), Counts::default());
}

pub async fn a_vector_for_a_store_of_words_is_refused(store: &Store) {
    let embedded = with_vectors(document("a", "1", &["quota"]), &[[1.0, 0.0, 0.0, 0.0]]);
    assert!(matches!(store.put(vec![embedded]).await, Err(MemoryError::NotUsable(_))));
    assert_eq!(store.count().await.unwrap(), Counts::default());
}

pub async fn a_passage_of_another_document_is_refused(store: &Store) {
    let mut stranger = document("a", "1", &["quota"]);
    stranger.passages[0].passage.document = id("b");
    let mut miscounted = document("a", "1", &["quota"]);
    miscounted.filed.parts = 2;
    let mut misplaced = document("a", "1", &["quota"]);
    misplaced.passages[0].passage.part = 1;
    for wrong in [stranger, miscounted, misplaced] {
        assert!(matches!(store.put(vec![wrong]).await, Err(MemoryError::NotUsable(_))));
    }
    assert_eq!(store.count().await.unwrap(), Counts::default());
}

pub async fn thousands_of_documents_are_found_counted_and_removed(store: &Store) {
    const ALL: usize = 3_000;
    let names: Vec<String> = (0..ALL).map(|number| format!("doc-{number:04}")).collect();
    for names in names.chunks(1_000) {
        let make =
            |name: &String| document(name, "1", &[&format!("the quota of {name} ran out"), "raise it"]);
        store.put(names.iter().map(make).collect()).await.unwrap();
    }
    let counts = store.count().await.unwrap();
    assert_eq!(counts, Counts { documents: ALL as u64, passages: 2 * ALL as u64, vectors: 0, orphans: 0 });
    let found = store.search(&asked("doc-1234")).await.unwrap();
    assert_eq!(found.first().map(|found| found.passage.document.clone()), Some(id("doc-1234")));
    let all: Vec<DocumentId> = names.iter().map(|name| id(name)).collect();
    assert_eq!(store.find(&all).await.unwrap().len(), ALL);
    let page = store.filed(Some(&id("doc-1999")), 500).await.unwrap();
    assert_eq!((page.len(), page.first().map(|filed| filed.id.clone())), (500, Some(id("doc-2000"))));
    assert_eq!(store.remove(&all[..ALL / 2]).await.unwrap(), ALL as u64 / 2);
    assert_eq!(store.tidy().await.unwrap(), 0);
    let counts = store.count().await.unwrap();
    assert_eq!(counts, Counts { documents: ALL as u64 / 2, passages: ALL as u64, vectors: 0, orphans: 0 });
    assert!(
        store
            .search(&asked("doc-1234"))
            .await
            .unwrap()
            .iter()
            .all(|found| found.passage.document != id("doc-1234"))
    );
    assert_eq!(store.take(&all[ALL - 3..]).await.unwrap().len(), 3);
}

pub async fn puts_and_searches_at_once_never_show_half_a_document(store: &Store) {
    const ROUNDS: usize = 20;
    let version = |round: usize| {
        let texts: Vec<String> = (0..5).map(|part| format!("quota round{round} part{part}")).collect();
        document("a", &round.to_string(), &texts.iter().map(String::as_str).collect::<Vec<_>>())
    };
    store.put(vec![version(0)]).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for reader in 0..4 {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            let mut seen = 0;
            for _ in 0..ROUNDS * 2 {
                let found = store.search(&asked("quota")).await.unwrap();
                let versions: std::collections::BTreeSet<_> =
                    found.iter().map(|found| found.passage.version.to_string()).collect();
                assert!(versions.len() <= 1, "two versions in one answer");
                assert!(found.is_empty() || found.len() == 5, "{} of 5 passages", found.len());
                seen += usize::from(!found.is_empty());
                let taken = store.take(&[id("a")]).await.unwrap();
                assert_eq!(taken.iter().map(|shelved| shelved.passages.len()).collect::<Vec<_>>(), vec![5]);
            }
            assert!(seen > 0, "reader {reader} saw nothing");
        });
    }
    for round in 1..ROUNDS {
        store.put(vec![version(round), document(&format!("other-{round}"), "1", &["disk"])]).await.unwrap();
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let counts = store.count().await.unwrap();
    assert_eq!(
        (counts.documents, counts.passages, counts.orphans),
        (ROUNDS as u64, 5 + ROUNDS as u64 - 1, 0)
    );
}
