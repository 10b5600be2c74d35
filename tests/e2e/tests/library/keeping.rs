//! Carrying from one store to another, vectors that are missing, and another library in the place of one that is asked.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hearback_core::memory::recall::{Memory as _, SimilarQuery};
use hearback_core::memory::store::{Embedder, Shelved};
use hearback_memory::library::Library;
use hearback_memory::living::LivingLibrary;
use hearback_memory::weights::Weights;
use hearback_qdrant::EdgeStore;

use super::{BUDGET, Letters, now, postmortem, shelf};

fn some() -> Vec<Shelved> {
    (0..450)
        .map(|n| postmortem(&format!("{n}.md"), "x", "2026-01-10", &format!("# N{n}\n\nPool {n}.\n")))
        .collect()
}

#[tokio::test]
async fn what_was_carried_stays_and_the_rest_goes_on() {
    let from = shelf(None).await;
    from.library.shelve(some(), &|_, _| {}).await.unwrap();
    let letters = Letters::new("letters");
    let to = shelf(Some(letters.clone())).await;
    letters.fails.store(true, Ordering::SeqCst);
    to.library.carry_from(&from.library, &|_, _| {}).await.unwrap_err();
    assert_eq!(to.library.store().count().await.unwrap().documents, 0);
    letters.fails.store(false, Ordering::SeqCst);
    assert_eq!(to.library.carry_from(&from.library, &|_, _| {}).await.unwrap(), 450);
    let count = to.library.store().count().await.unwrap();
    assert_eq!((count.documents, count.vectors), (450, count.passages));
    let embedded = letters.texts.load(Ordering::SeqCst);
    assert_eq!(to.library.carry_from(&from.library, &|_, _| {}).await.unwrap(), 0);
    assert_eq!(letters.texts.load(Ordering::SeqCst), embedded);
    // Vectors of the same model are carried as they are.
    let third = shelf(Some(letters.clone())).await;
    assert_eq!(third.library.carry_from(&to.library, &|_, _| {}).await.unwrap(), 450);
    assert_eq!(letters.texts.load(Ordering::SeqCst), embedded);
}

#[tokio::test]
async fn passages_without_vectors_get_them_when_there_is_a_model_again() {
    let letters = Letters::new("letters");
    let shelf = shelf(Some(letters.clone())).await;
    let folder = shelf.folder;
    drop(shelf.library);
    // The model is away, its store is not.
    let open = || EdgeStore::open(folder.path(), Some(letters.space.clone()));
    let without = Library::new(Arc::new(open().await.unwrap()), None, Weights::shipped().unwrap());
    without.shelve(some(), &|_, _| {}).await.unwrap();
    assert_eq!(without.store().count().await.unwrap().vectors, 0);
    drop(without);
    let embedder: Arc<dyn Embedder> = letters.clone();
    let with = Library::new(Arc::new(open().await.unwrap()), Some(embedder), Weights::shipped().unwrap());
    assert_eq!(with.embed_what_is_missing(&|_, _| {}).await.unwrap(), 450);
    let count = with.store().count().await.unwrap();
    assert_eq!(count.vectors, count.passages);
    assert_eq!(with.embed_what_is_missing(&|_, _| {}).await.unwrap(), 0);
}

#[tokio::test]
async fn another_library_takes_the_place_of_one_that_is_asked() {
    let (first, second) = (shelf(None).await, shelf(None).await);
    let text = "# Pool\n\n## Root cause\nThe connection pool was exhausted.\n";
    first.library.shelve(vec![postmortem("a.md", "x", "2026-01-10", text)], &|_, _| {}).await.unwrap();
    second.library.shelve(vec![postmortem("b.md", "x", "2026-01-10", text)], &|_, _| {}).await.unwrap();
    let living = LivingLibrary::new(first.library);
    let query = SimilarQuery {
        symptom: "connection pool exhausted".into(),
        services: Vec::new(),
        as_of: now(),
        except: None,
        limit: 5,
        budget: BUDGET,
    };
    let found = async || living.similar(&query).await.unwrap().items[0].document.to_string();
    assert_eq!(found().await, "memory:made-up/a.md");
    let before = living.now();
    let replaced = living.become_next(second.library);
    assert_eq!(found().await, "memory:made-up/b.md");
    // Who asked before goes on.
    assert_eq!(before.similar(&query).await.unwrap().items[0].document.to_string(), "memory:made-up/a.md");
    drop((before, replaced));
}
