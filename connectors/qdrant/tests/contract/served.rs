//! What only the store on a server promises: keys, deadlines, a server that goes away, and the collection's layout. Against
//! the stand-in alone: a real server does none of this when it is told to.

use std::time::{Duration, Instant};

use hearback_core::memory::store::{Counts, MemoryError, PassageStore, VectorSpace};
use hearback_fake_qdrant::FakeQdrant;
use hearback_qdrant::{ApiKey, Existing, QdrantStore};
use qdrant_client::Qdrant;
use qdrant_client::qdrant::{
    CreateCollectionBuilder, DeleteFieldIndexCollectionBuilder, PointStruct, ScrollPointsBuilder,
    SparseVectorParamsBuilder, SparseVectorsConfigBuilder, UpsertPointsBuilder,
};

use crate::samples::{asked, document, id, space, with_vectors};

const DEADLINE: Duration = Duration::from_secs(30);
const X: [f32; 4] = [1.0, 0.0, 0.0, 0.0];

fn key(key: &str) -> Option<ApiKey> {
    Some(ApiKey::new(key).unwrap())
}

async fn connect(fake: &FakeQdrant, space: Option<VectorSpace>) -> Result<QdrantStore, MemoryError> {
    QdrantStore::connect(&fake.url(), key("s3cret"), "hearback", space, DEADLINE).await
}

fn client(fake: &FakeQdrant) -> Qdrant {
    Qdrant::from_url(&fake.url()).api_key("s3cret").skip_compatibility_check().build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_and_none_are_told_apart_and_never_shown() {
    let fake = FakeQdrant::start(Some("s3cret"));
    let wrong =
        QdrantStore::connect(&fake.url(), key("guessed"), "hearback", None, DEADLINE).await.unwrap_err();
    let none = QdrantStore::connect(&fake.url(), None, "hearback", None, DEADLINE).await.unwrap_err();
    assert!(
        matches!(&wrong, MemoryError::NotUsable(said) if said.contains("refuses the API key")),
        "{wrong}"
    );
    assert!(matches!(&none, MemoryError::NotUsable(said) if said.contains("wants an API key")), "{none}");
    for error in [&wrong, &none] {
        let said = format!("{error} {error:?}");
        assert!(!said.contains("guessed") && !said.contains("s3cret"), "{said}");
    }
    assert!(fake.calls().is_empty());
    let store = connect(&fake, None).await.unwrap();
    assert!(!format!("{store:?}").contains("s3cret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_an_error_at_once() {
    let fake = FakeQdrant::start(Some("s3cret"));
    let store = connect(&fake, None).await.unwrap();
    fake.go_away();
    let began = Instant::now();
    let error = connect(&fake, None).await.unwrap_err();
    assert!(matches!(&error, MemoryError::Failed(said) if said.contains(&fake.url())), "{error}");
    assert!(matches!(store.search(&asked("quota")).await, Err(MemoryError::Failed(_))));
    assert!(matches!(store.count().await, Err(MemoryError::Failed(_))));
    assert!(began.elapsed() < DEADLINE / 2, "{:?}", began.elapsed());
    fake.come_back();
    assert_eq!(store.count().await.unwrap(), Counts::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_server_is_not_waited_for() {
    let fake = FakeQdrant::start(Some("s3cret"));
    let quick = Duration::from_millis(300);
    let store = connect(&fake, None).await.unwrap();
    let hasty = QdrantStore::connect(&fake.url(), key("s3cret"), "hearback", None, quick).await.unwrap();
    fake.be_slow(Duration::from_secs(20));
    let began = Instant::now();
    let deadline = hasty.find(&[id("a")]).await.unwrap_err();
    assert_eq!(deadline, MemoryError::TimedOut(quick.try_into().unwrap()));
    let budget = jiff::SignedDuration::from_millis(200);
    let search = store.search(&hearback_core::memory::store::PassageQuery { budget, ..asked("quota") }).await;
    assert_eq!(search.unwrap_err(), MemoryError::TimedOut(budget));
    let put = hasty.put(vec![document("a", "1", &["quota"])]).await.unwrap_err();
    assert!(matches!(put, MemoryError::TimedOut(_)), "{put}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_away_in_the_middle_of_a_put_shows_nothing_half() {
    // Writes of a put: passages, document, removal of the old ones.
    for (writes, version, orphans) in [(0, "1", 0), (1, "1", 2), (2, "2", 3)] {
        let fake = FakeQdrant::start(Some("s3cret"));
        let store = connect(&fake, Some(space())).await.unwrap();
        store.put(vec![document("a", "1", &["quota", "quota", "quota"])]).await.unwrap();
        fake.go_away_after(writes);
        let next = with_vectors(document("a", "2", &["quota", "quota"]), &[X, X]);
        let error = store.put(vec![next]).await.unwrap_err();
        assert!(matches!(error, MemoryError::Failed(_) | MemoryError::TimedOut(_)), "{error}");
        fake.come_back();
        let taken = store.take(&[id("a")]).await.unwrap();
        let expect = hearback_core::hash::Digest::of(version.as_bytes());
        assert_eq!(taken[0].filed.version, expect, "after {writes} writes");
        let found = store.search(&asked("quota")).await.unwrap();
        assert_eq!(found.len(), taken[0].passages.len());
        assert!(found.iter().all(|found| found.passage.version == expect));
        assert_eq!(store.count().await.unwrap().orphans, orphans, "after {writes} writes");
        // Another process may be at it.
        assert_eq!(store.tidy().await.unwrap(), 0);
        let store = store.alone();
        assert_eq!(store.tidy().await.unwrap(), orphans);
        assert_eq!(store.count().await.unwrap().orphans, 0);
        assert_eq!(store.search(&asked("quota")).await.unwrap().len(), taken[0].passages.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_keeps_the_space_it_was_made_with() {
    let fake = FakeQdrant::start(Some("s3cret"));
    let store = connect(&fake, Some(space())).await.unwrap();
    store.put(vec![with_vectors(document("a", "1", &["quota"]), &[X])]).await.unwrap();
    let others = [
        None,
        Some(VectorSpace { dimension: 384, ..space() }),
        Some(VectorSpace { model: "another".into(), ..space() }),
    ];
    for other in others {
        let error = connect(&fake, other).await.unwrap_err();
        assert!(matches!(&error, MemoryError::NotUsable(said) if said.contains("by-hand")), "{error}");
    }
    assert_eq!(connect(&fake, Some(space())).await.unwrap().count().await.unwrap().vectors, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_lists_are_fused_by_the_server_in_one_call() {
    let fake = FakeQdrant::start(Some("s3cret"));
    let store = connect(&fake, Some(space())).await.unwrap();
    store.put(vec![with_vectors(document("a", "1", &["quota"]), &[X])]).await.unwrap();
    let before = fake.calls().len();
    let fused = hearback_core::memory::store::PassageQuery {
        vector: Some(X.to_vec()),
        by: hearback_core::memory::store::Retrieval::Fused,
        ..asked("quota")
    };
    assert_eq!(store.search(&fused).await.unwrap().len(), 1);
    assert_eq!(fake.calls()[before..], ["query", "get"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_of_somebody_else_is_left_alone() {
    let fake = FakeQdrant::start(Some("s3cret"));
    let client = client(&fake);
    let mut sparse = SparseVectorsConfigBuilder::default();
    sparse.add_named_vector_params("words", SparseVectorParamsBuilder::default());
    client
        .create_collection(CreateCollectionBuilder::new("hearback").sparse_vectors_config(sparse))
        .await
        .unwrap();
    let payload: [(&str, qdrant_client::qdrant::Value); 1] = [("recipe", "soup".into())];
    let vectors: std::collections::HashMap<String, Vec<f32>> = std::collections::HashMap::new();
    let point = PointStruct::new(7, vectors, payload);
    client.upsert_points(UpsertPointsBuilder::new("hearback", vec![point]).wait(true)).await.unwrap();
    let error = connect(&fake, None).await.unwrap_err();
    assert!(matches!(&error, MemoryError::NotUsable(said) if said.contains("not hearback's")), "{error}");
    let destroyed = QdrantStore::destroy(&fake.url(), key("s3cret"), "hearback", DEADLINE).await;
    assert!(matches!(destroyed, Err(MemoryError::NotUsable(_))));
    assert!(client.collection_exists("hearback").await.unwrap());
}

/// Says of the collection that so many steps were done.
async fn set_schema(client: &Qdrant, schema: i64) {
    let all = ScrollPointsBuilder::new("hearback").limit(100).with_payload(true);
    let points = client.scroll(all).await.unwrap().result;
    let note = points.into_iter().find(|point| point.payload.contains_key("schema")).unwrap();
    let mut payload = note.payload;
    payload.insert("schema".into(), schema.into());
    let vectors: std::collections::HashMap<String, Vec<f32>> = std::collections::HashMap::new();
    let point = PointStruct::new(note.id.unwrap(), vectors, payload);
    client.upsert_points(UpsertPointsBuilder::new("hearback", vec![point]).wait(true)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_collection_is_brought_up_to_date_and_a_newer_one_refused() {
    let fake = FakeQdrant::start(Some("s3cret"));
    let store = connect(&fake, None).await.unwrap();
    store.put(vec![document("a", "1", &["quota"])]).await.unwrap();
    let client = client(&fake);
    set_schema(&client, 0).await;
    client.delete_field_index(DeleteFieldIndexCollectionBuilder::new("hearback", "kind")).await.unwrap();
    let store = connect(&fake, None).await.unwrap();
    let info = client.collection_info("hearback").await.unwrap().result.unwrap();
    assert!(info.payload_schema.contains_key("kind"));
    assert_eq!(store.take(&[id("a")]).await.unwrap().len(), 1);
    assert_eq!(store.count().await.unwrap(), Counts { documents: 1, passages: 1, vectors: 0, orphans: 0 });
    let steps = fake.calls().iter().filter(|call| *call == "create_field_index").count();
    connect(&fake, None).await.unwrap();
    assert_eq!(fake.calls().iter().filter(|call| *call == "create_field_index").count(), steps, "done once");
    set_schema(&client, 99).await;
    let error = connect(&fake, None).await.unwrap_err();
    assert!(matches!(&error, MemoryError::NotUsable(said) if said.contains("newer hearback")), "{error}");
    assert_eq!(client.collection_info("hearback").await.unwrap().result.unwrap().points_count, Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_can_be_asked_and_removed() {
    let fake = FakeQdrant::start(Some("s3cret"));
    let existing =
        async || QdrantStore::existing(&fake.url(), key("s3cret"), "hearback", DEADLINE).await.unwrap();
    let destroy =
        async || QdrantStore::destroy(&fake.url(), key("s3cret"), "hearback", DEADLINE).await.unwrap();
    assert_eq!(existing().await, None);
    destroy().await;
    let store = connect(&fake, Some(space())).await.unwrap();
    assert_eq!(existing().await, Some(Existing { space: Some(space()) }));
    destroy().await;
    assert_eq!(existing().await, None);
    let error = store.count().await.unwrap_err();
    assert!(matches!(&error, MemoryError::Damaged(said) if said.contains("memory rebuild")), "{error}");
    connect(&fake, None).await.unwrap();
    assert_eq!(existing().await, Some(Existing { space: None }));
}
