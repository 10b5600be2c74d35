//! The contract of a store of passages, held against both backends by the same tests: Qdrant Edge in a directory, and a
//! Qdrant server: the real one where `QDRANT_URL` is set (with `QDRANT_API_KEY`), else a stand-in that speaks the real
//! protocol.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

mod documents;
mod embedded;
#[path = "../samples/mod.rs"]
mod samples;
mod searches;
mod served;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hearback_core::memory::store::{PassageStore, VectorSpace};
use hearback_fake_qdrant::FakeQdrant;
use hearback_qdrant::{ApiKey, EdgeStore, QdrantStore};

/// A store with all that it needs to live.
struct Room {
    store: Arc<dyn PassageStore>,
    _keeps: Box<dyn Any + Send>,
    /// A collection of a real server, to be removed.
    rented: Option<(String, Option<ApiKey>, String)>,
}

/// Long enough for a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

async fn edge(space: Option<VectorSpace>) -> Room {
    let dir = tempfile::tempdir().unwrap();
    let store = EdgeStore::open(&dir.path().join("memory"), space).await.unwrap();
    Room { store: Arc::new(store), _keeps: Box::new(dir), rented: None }
}

async fn server(space: Option<VectorSpace>) -> Room {
    if let Ok(url) = std::env::var("QDRANT_URL") {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let key = std::env::var("QDRANT_API_KEY").ok().map(|key| ApiKey::new(key).unwrap());
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let collection = format!("hearback-test-{}-{number}", std::process::id());
        let store = QdrantStore::connect(&url, key.clone(), &collection, space, DEADLINE).await.unwrap();
        return Room {
            store: Arc::new(store.alone()),
            _keeps: Box::new(()),
            rented: Some((url, key, collection)),
        };
    }
    let fake = FakeQdrant::start(Some("s3cret"));
    let key = Some(ApiKey::new("s3cret").unwrap());
    let store = QdrantStore::connect(&fake.url(), key, "hearback", space, DEADLINE).await.unwrap();
    Room { store: Arc::new(store.alone()), _keeps: Box::new(fake), rented: None }
}

impl Room {
    async fn leave(self) {
        if let Some((url, key, collection)) = self.rented {
            QdrantStore::destroy(&url, key, &collection, DEADLINE).await.unwrap();
        }
    }
}

/// One test for each backend from one function that takes an empty store.
macro_rules! on_both {
    ($($name:ident in $module:ident, $space:expr;)*) => {
        mod on_edge {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let room = super::edge($space).await;
                super::$module::$name(&room.store).await;
                room.leave().await;
            })*
        }
        mod on_a_server {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let room = super::server($space).await;
                super::$module::$name(&room.store).await;
                room.leave().await;
            })*
        }
    };
}

on_both! {
    an_empty_store_answers_everything_with_nothing in documents, Some(crate::samples::space());
    what_was_put_is_taken_out_as_it_was in documents, Some(crate::samples::space());
    what_was_removed_is_gone in documents, None;
    a_new_version_takes_the_place_of_the_old_one in documents, None;
    the_same_version_can_be_put_again in documents, Some(crate::samples::space());
    of_a_document_that_stands_there_twice_the_last_counts in documents, None;
    a_document_without_passages_is_a_document in documents, None;
    documents_are_listed_by_id_page_by_page in documents, None;
    the_newest_are_those_that_became_known_last in documents, None;
    texts_in_any_script_and_of_any_length_come_back in documents, None;
    a_vector_of_another_dimension_is_refused_and_nothing_is_written in documents, Some(crate::samples::space());
    a_vector_for_a_store_of_words_is_refused in documents, None;
    a_passage_of_another_document_is_refused in documents, None;
    thousands_of_documents_are_found_counted_and_removed in documents, None;
    puts_and_searches_at_once_never_show_half_a_document in documents, None;
    a_rare_word_outweighs_a_common_one in searches, None;
    words_find_names_whole_and_in_parts in searches, None;
    meaning_finds_the_nearest in searches, Some(crate::samples::space());
    a_fused_search_finds_what_either_finds in searches, Some(crate::samples::space());
    a_fused_search_without_a_vector_is_one_by_words in searches, Some(crate::samples::space());
    a_query_vector_of_another_dimension_is_refused in searches, Some(crate::samples::space());
    filters_let_through_what_they_say in searches, Some(crate::samples::space());
    nothing_is_found_before_it_was_known in searches, None;
    equals_come_in_the_order_of_their_names in searches, Some(crate::samples::space());
    tidying_changes_no_answer in searches, Some(crate::samples::space());
    a_search_without_time_ends in searches, None;
}
