//! What is found, in which order, and when it is nothing.

use std::sync::atomic::Ordering;

use hearback_core::answer::Strength;
use hearback_core::memory::DocumentKind;
use hearback_core::memory::recall::{Memory as _, RunbookQuery, SimilarQuery};

use super::{BUDGET, Letters, Shelf, document, now, postmortem, service, shelf};

const POOL: &str = "# Connection pool exhausted\n\n## Root cause\nThe connection pool of the database was exhausted.\n\n\
    ## Fix\nWe rolled back the deploy.\n";
const CERTIFICATE: &str =
    "# Certificate expired\n\n## Root cause\nThe certificate of the login gateway ran out.\n";

fn query(symptom: &str, services: &[&str]) -> SimilarQuery {
    SimilarQuery {
        symptom: symptom.into(),
        services: services.iter().map(|name| service(name)).collect(),
        as_of: now(),
        except: None,
        limit: 5,
        budget: BUDGET,
    }
}

async fn names(shelf: &Shelf, query: &SimilarQuery) -> Vec<String> {
    let found = shelf.library.similar(query).await.unwrap();
    found.items.iter().map(|one| one.document.as_str().rsplit_once('/').unwrap().1.to_owned()).collect()
}

#[tokio::test]
async fn the_right_one_comes_first_with_what_broke_and_what_fixed_it() {
    for embedder in [None, Some(Letters::new("letters"))] {
        let shelf = shelf(embedder).await;
        let all = vec![
            postmortem("pool.md", "checkout", "2026-01-10", POOL),
            postmortem("certificate.md", "login", "2026-02-10", CERTIFICATE),
        ];
        shelf.library.shelve(all, &|_, _| {}).await.unwrap();
        let found = shelf.library.similar(&query("connection pool exhausted", &[])).await.unwrap();
        let first = &found.items[0];
        assert_eq!(first.title.as_untrusted(), "Connection pool exhausted");
        assert!(first.broke.as_ref().unwrap().as_untrusted().contains("pool of the database"));
        assert_eq!(first.fixed.as_ref().unwrap().as_untrusted(), "We rolled back the deploy.");
        assert!(found.coverage.missing.is_empty(), "{:?}", found.coverage);
    }
}

#[tokio::test]
async fn of_two_alike_the_newer_one_of_the_service_comes_first_and_the_future_is_hidden() {
    let shelf = shelf(None).await;
    let all = vec![
        postmortem("old.md", "checkout", "2025-03-01", POOL),
        postmortem("new.md", "checkout", "2026-02-28", POOL),
        postmortem("elsewhere.md", "search", "2026-03-01", POOL),
        postmortem("later.md", "checkout", "2026-03-09", POOL),
    ];
    shelf.library.shelve(all, &|_, _| {}).await.unwrap();
    let found = names(&shelf, &query("connection pool exhausted", &["checkout"])).await;
    assert_eq!(found, ["new.md", "old.md", "elsewhere.md"]);
    let lately = SimilarQuery { limit: 1, ..query("connection pool exhausted", &["checkout"]) };
    assert_eq!(names(&shelf, &lately).await, ["new.md"]);
}

#[tokio::test]
async fn what_shares_one_word_is_not_like_it_and_an_empty_question_finds_nothing() {
    let shelf = shelf(None).await;
    let all = vec![postmortem("certificate.md", "login", "2026-02-10", CERTIFICATE)];
    shelf.library.shelve(all, &|_, _| {}).await.unwrap();
    for symptom in ["the gateway of the harbour is closed for ships", "", "  "] {
        assert!(names(&shelf, &query(symptom, &["login"])).await.is_empty(), "{symptom:?}");
    }
    let strong =
        shelf.library.similar(&query("certificate of the login gateway ran out", &[])).await.unwrap();
    assert_eq!(strong.items[0].strength, Strength::Strong);
    let weak = shelf.library.similar(&query("login gateway answers 502", &[])).await.unwrap();
    assert_eq!(weak.items.first().map(|one| one.strength), Some(Strength::Weak));
}

#[tokio::test]
async fn where_the_model_fails_words_alone_count_and_the_gap_is_named() {
    let letters = Letters::new("letters");
    let shelf = shelf(Some(letters.clone())).await;
    let all = vec![postmortem("pool.md", "checkout", "2026-01-10", POOL)];
    shelf.library.shelve(all, &|_, _| {}).await.unwrap();
    letters.fails.store(true, Ordering::SeqCst);
    let found = shelf.library.similar(&query("connection pool exhausted", &[])).await.unwrap();
    assert_eq!(found.items.len(), 1);
    assert_eq!(found.coverage.missing, ["found by words alone: the letters are out"]);
}

#[tokio::test]
async fn a_secret_in_a_question_is_not_looked_for() {
    let shelf = shelf(None).await;
    let key = format!("AKIA{}", "IOSFODNN7EXAMPLE");
    let text = "# Keys\n\n## Root cause\nA redacted access key was used twice by the exporter.\n";
    shelf.library.shelve(vec![postmortem("keys.md", "x", "2026-01-10", text)], &|_, _| {}).await.unwrap();
    let found =
        shelf.library.similar(&query(&format!("exporter used the access key {key}"), &[])).await.unwrap();
    assert_eq!(found.items.len(), 1);
    assert!(!format!("{found:?}").contains(&key));
}

#[tokio::test]
async fn a_runbook_is_of_the_service_and_its_steps_come_before_its_prose() {
    let shelf = shelf(None).await;
    let book =
        |name: &str, of: &str, text: &str| document(DocumentKind::Runbook, name, of, "2025-01-01", text);
    let text = "# Pool exhausted\n\n## Background\nThe pool is exhausted when a deploy leaks connections.\n\n\
        ## What to do\n1. Look at the pool\n2. Roll back\n";
    let all = vec![book("pool.md", "checkout", text), book("other.md", "search", text)];
    shelf.library.shelve(all, &|_, _| {}).await.unwrap();
    let ask = |of: &str| RunbookQuery {
        services: vec![service(of)],
        symptom: "pool exhausted after a deploy".into(),
        as_of: now(),
        budget: BUDGET,
    };
    let found = shelf.library.runbooks(&ask("checkout")).await.unwrap().items;
    assert!(found.iter().all(|one| one.document.as_str().ends_with("/pool.md")), "{found:?}");
    assert_eq!(found[0].excerpt.heading.as_untrusted(), "What to do");
    // Who does not say what fails is told what the service has.
    let silent = RunbookQuery { symptom: String::new(), ..ask("checkout") };
    let found = shelf.library.runbooks(&silent).await.unwrap().items;
    assert_eq!((found.len(), found[0].excerpt.heading.as_untrusted()), (1, "What to do"));
    // Where the service has none, another one's is better than nothing.
    let found = shelf.library.runbooks(&ask("login")).await.unwrap().items;
    assert_eq!(found.len(), 2);
    let similar = shelf.library.similar(&query("pool exhausted", &[])).await.unwrap();
    assert!(similar.items.is_empty(), "a runbook tells of no incident");
}
