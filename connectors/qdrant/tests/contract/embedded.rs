//! What only the embedded store promises: its directory, who has it, and what becomes of damage.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use hearback_core::memory::store::{Counts, MemoryError, PassageStore, VectorSpace};
use hearback_qdrant::{EdgeStore, Existing};

use crate::samples::{asked, document, id, space, with_vectors};

async fn filled(dir: &Path) -> EdgeStore {
    let store = EdgeStore::open(dir, Some(space())).await.unwrap();
    let shelved = with_vectors(document("a", "1", &["quota", "disk"]), &[[1.0, 0.0, 0.0, 0.0]]);
    store.put(vec![shelved, document("b", "1", &["memory"])]).await.unwrap();
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_is_there_after_the_store_was_closed() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    let before = store.take(&[id("a")]).await.unwrap();
    store.close().await;
    for _ in 0..3 {
        let store = EdgeStore::open(dir.path(), Some(space())).await.unwrap();
        assert_eq!(store.take(&[id("a")]).await.unwrap(), before);
        assert_eq!(
            store.count().await.unwrap(),
            Counts { documents: 2, passages: 3, vectors: 1, orphans: 0 }
        );
        assert_eq!(store.search(&asked("quota")).await.unwrap().len(), 1);
        store.put(vec![document("b", "2", &["memory"])]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_says_what_it_holds_without_being_opened() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (dir.path().join("one"), dir.path().join("other"));
    assert_eq!(EdgeStore::existing(&one).unwrap(), None);
    let store = EdgeStore::open(&one, Some(space())).await.unwrap();
    assert_eq!(EdgeStore::existing(&one).unwrap(), Some(Existing { space: Some(space()) }));
    store.close().await;
    assert_eq!(EdgeStore::existing(&one).unwrap(), Some(Existing { space: Some(space()) }));
    EdgeStore::open(&other, None).await.unwrap().close().await;
    assert_eq!(EdgeStore::existing(&other).unwrap(), Some(Existing { space: None }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_open_once_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    let error = EdgeStore::open(dir.path(), Some(space())).await.unwrap_err();
    assert!(matches!(error, MemoryError::InUse(_)));
    let said = error.to_string();
    assert!(said.contains("another hearback") && said.contains(&std::process::id().to_string()), "{said}");
    assert!(matches!(EdgeStore::destroy(dir.path()).await, Err(MemoryError::InUse(_))));
    drop(store);
    EdgeStore::open(dir.path(), Some(space())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_keeps_the_space_it_was_made_with() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await.close().await;
    let others = [
        None,
        Some(VectorSpace { dimension: 384, ..space() }),
        Some(VectorSpace { model: "another".into(), ..space() }),
    ];
    for other in others {
        let error = EdgeStore::open(dir.path(), other).await.unwrap_err();
        assert!(matches!(&error, MemoryError::NotUsable(said) if said.contains("by-hand")), "{error}");
    }
    let said = EdgeStore::open(dir.path(), None).await.unwrap_err().to_string();
    assert!(said.contains("words alone") && said.contains("4 numbers"), "{said}");
    assert_eq!(EdgeStore::open(dir.path(), Some(space())).await.unwrap().count().await.unwrap().documents, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_a_newer_hearback_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await.close().await;
    let path = dir.path().join("hearback.json");
    let newer = fs::read_to_string(&path).unwrap().replace("\"format\": 1", "\"format\": 7");
    fs::write(&path, &newer).unwrap();
    let error = EdgeStore::open(dir.path(), Some(space())).await.unwrap_err();
    assert!(matches!(&error, MemoryError::NotUsable(said) if said.contains("format 7")), "{error}");
    assert_eq!(EdgeStore::existing(dir.path()).unwrap_err(), error);
    assert_eq!(fs::read_to_string(&path).unwrap(), newer);
}

/// Damages a closed store; opening it must say so, and what to do.
async fn check_damage(damage: impl FnOnce(&Path)) {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await.close().await;
    damage(dir.path());
    let error = EdgeStore::open(dir.path(), Some(space())).await.unwrap_err();
    assert!(matches!(error, MemoryError::Damaged(_)), "{error}");
    let said = error.to_string();
    assert!(said.contains(&dir.path().display().to_string()), "{said}");
    assert!(said.contains("hearback memory rebuild"), "{said}");
    // What the sentence says works.
    EdgeStore::destroy(dir.path()).await.unwrap();
    let store = EdgeStore::open(dir.path(), None).await.unwrap();
    assert_eq!(store.count().await.unwrap(), Counts::default());
}

fn segments(dir: &Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(dir.join("edge/segments")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_vanished_is_damage() {
    check_damage(|dir| fs::remove_dir_all(&segments(dir)[0]).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_files_that_vanished_are_damage() {
    check_damage(|dir| fs::remove_dir_all(dir.join("edge")).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_description_that_vanished_or_is_no_json_is_damage() {
    check_damage(|dir| fs::remove_file(dir.join("hearback.json")).unwrap()).await;
    check_damage(|dir| fs::write(dir.join("hearback.json"), "{").unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_without_its_version_is_damage() {
    check_damage(|dir| {
        for segment in segments(dir) {
            fs::remove_file(segment.join("version.info")).unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_is_no_segment_is_damage() {
    check_damage(|dir| {
        for segment in segments(dir) {
            fs::write(segment.join("segment.json"), "not a segment").unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_lost_its_points_is_damage() {
    check_damage(|dir| {
        for segment in segments(dir) {
            for file in fs::read_dir(&segment).unwrap().map(|entry| entry.unwrap()) {
                if file.file_name().to_string_lossy().starts_with("mutable_id_tracker") {
                    fs::remove_file(file.path()).unwrap();
                }
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn destroying_takes_the_store_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await.close().await;
    fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    EdgeStore::destroy(dir.path()).await.unwrap();
    assert_eq!(EdgeStore::existing(dir.path()).unwrap(), None);
    assert!(!dir.path().join("edge").exists() && dir.path().join("notes.txt").exists());
    EdgeStore::destroy(dir.path()).await.unwrap();
    EdgeStore::destroy(&dir.path().join("nowhere")).await.unwrap();
    assert!(!dir.path().join("nowhere").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_the_engine_does_not_grow_for_ever() {
    const ROUNDS: usize = 6;
    let dir = tempfile::tempdir().unwrap();
    let text = "the quota of the shard ran out ".repeat(3_000);
    for round in 0..ROUNDS {
        let store = EdgeStore::open(dir.path(), None).await.unwrap();
        let documents =
            (0..100).map(|number| document(&format!("doc-{number}"), &round.to_string(), &[&text]));
        store.put(documents.collect()).await.unwrap();
        let counts = store.count().await.unwrap();
        assert_eq!((counts.documents, counts.passages, counts.orphans), (100, 100, 0), "round {round}");
        store.close().await;
    }
    EdgeStore::open(dir.path(), None).await.unwrap().close().await;
    let files = fs::read_dir(dir.path().join("edge/wal")).unwrap();
    let bytes: u64 = files.map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < text.len() as u64 * 100 * ROUNDS as u64 / 2, "{bytes} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_moves_nothing_for_those_who_search_meanwhile_nor_for_later_writes() {
    const ALL: usize = 1_500;
    const GONE: usize = 600;
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(EdgeStore::open(dir.path(), Some(space())).await.unwrap());
    let name = |number: usize| format!("doc-{number:04}");
    let make = |number: usize, version: &str| {
        let shelved = document(&name(number), version, &[&format!("quota of shard{number}"), "disk"]);
        with_vectors(shelved, &[[1.0, number as f32, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    };
    store.put((0..ALL).map(|number| make(number, "1")).collect()).await.unwrap();
    let gone: Vec<_> = (0..GONE).map(|number| id(&name(number))).collect();
    assert_eq!(store.remove(&gone).await.unwrap(), GONE as u64);
    let mut tasks = tokio::task::JoinSet::new();
    for reader in 0..3 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for number in (GONE + reader..ALL).step_by(40) {
                let found = store.search(&asked(&format!("shard{number}"))).await.unwrap();
                assert_eq!(found.len(), 1, "shard{number}");
            }
        });
    }
    let before = segments(dir.path());
    assert_eq!(store.tidy().await.unwrap(), 0);
    assert_ne!(segments(dir.path()), before, "enough was removed for a merge");
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    // What stands in the merged segment is replaced and removed from there.
    store.put((1_000..1_100).map(|number| make(number, "2")).collect()).await.unwrap();
    assert_eq!(store.remove(&[id(&name(1_200))]).await.unwrap(), 1);
    let left = (ALL - GONE - 1) as u64;
    let expect = Counts { documents: left, passages: 2 * left, vectors: 2 * left, orphans: 0 };
    assert_eq!(store.count().await.unwrap(), expect);
    Arc::into_inner(store).unwrap().close().await;
    let store = EdgeStore::open(dir.path(), Some(space())).await.unwrap();
    assert_eq!(store.count().await.unwrap(), expect);
    assert_eq!(store.take(&[id(&name(1_050))]).await.unwrap()[0].filed, make(1_050, "2").filed);
    assert_eq!(store.search(&asked("shard1050")).await.unwrap().len(), 1);
    assert!(store.search(&asked("shard1200")).await.unwrap().is_empty());
    assert_eq!(store.tidy().await.unwrap(), 0);
}
