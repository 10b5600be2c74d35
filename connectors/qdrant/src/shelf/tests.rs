//! Writes that are cut short, at every step, over the embedded engine: never half a document.

use std::sync::atomic::{AtomicI64, Ordering};

use hearback_core::evidence::Origin;
use hearback_core::hash::Digest;
use hearback_core::memory::{DocumentKind, Passage, Section};

use super::*;
use crate::edge::EdgePoints;
use crate::edge::EdgeStore;

/// Points whose writes fail after so many.
struct CutShort {
    points: EdgePoints,
    writes: AtomicI64,
}

impl CutShort {
    fn write(&self) -> Result<(), MemoryError> {
        if self.writes.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Ok(());
        }
        Err(MemoryError::Failed("cut short".into()))
    }
}

impl Points for CutShort {
    async fn upsert(&self, points: Vec<Point>) -> Result<(), MemoryError> {
        self.write()?;
        self.points.upsert(points).await
    }
    async fn delete(&self, keys: Vec<u128>) -> Result<(), MemoryError> {
        self.write()?;
        self.points.delete(keys).await
    }
    async fn flush(&self) -> Result<(), MemoryError> {
        self.write()?;
        self.points.flush().await
    }
    async fn read(&self, keys: Vec<u128>, read: Read) -> Result<Vec<Point>, MemoryError> {
        self.points.read(keys, read).await
    }
    async fn page(
        &self,
        which: &Which,
        from: Option<u128>,
        limit: usize,
        read: Read,
    ) -> Result<(Vec<Point>, Option<u128>), MemoryError> {
        self.points.page(which, from, limit, read).await
    }
    async fn newest(&self, which: &Which, limit: usize) -> Result<Vec<Point>, MemoryError> {
        self.points.newest(which, limit).await
    }
    async fn search(&self, search: &Search) -> Result<Vec<Hit>, MemoryError> {
        self.points.search(search).await
    }
    async fn count(&self, which: &Which) -> Result<u64, MemoryError> {
        self.points.count(which).await
    }
    async fn settle(&self) -> Result<(), MemoryError> {
        self.points.settle().await
    }
}

fn document(version: &str, parts: u32) -> Shelved {
    let (id, version) = (DocumentId::new("file:a").unwrap(), Digest::of(version.as_bytes()));
    let passage = |part| Passage {
        document: id.clone(),
        version,
        part,
        section: Section::Other,
        heading: "".into(),
        line: 1,
        text: "quota".into(),
        searched: "quota".into(),
    };
    let filed = Filed {
        id: id.clone(),
        version,
        kind: DocumentKind::Doc,
        title: "a".into(),
        services: Vec::new(),
        happened_at: None,
        known_at: Timestamp::UNIX_EPOCH,
        origin: Origin::Member,
        source: SourceName::new("file:docs").unwrap(),
        merged_by: None,
        owner: None,
        link: None,
        broke: None,
        fixed: None,
        parts,
        problems: Vec::new(),
        indexed_at: Timestamp::UNIX_EPOCH,
    };
    Shelved {
        filed,
        passages: (0..parts).map(|part| Embedded { passage: passage(part), vector: None }).collect(),
    }
}

fn question() -> PassageQuery {
    PassageQuery {
        text: "quota".into(),
        vector: None,
        by: Retrieval::Words,
        filter: PassageFilter::default(),
        limit: 100,
        budget: SignedDuration::from_secs(30),
    }
}

/// A store with `document("1", 3)` in it, whose writes fail after `writes` more.
async fn cut_after(writes: i64, dir: &std::path::Path) -> Shelf<CutShort> {
    let store = EdgeStore::open(dir, None).await.unwrap();
    store.put(vec![document("1", 3)]).await.unwrap();
    let points = CutShort { points: store.points, writes: AtomicI64::new(writes) };
    Shelf::over(points, store.name, None, "here".into(), SignedDuration::ZERO).unwrap()
}

async fn is_whole(store: &Shelf<CutShort>) -> Digest {
    let taken = store.take(&[DocumentId::new("file:a").unwrap()]).await.unwrap().pop().unwrap();
    let found = store.search(&question()).await.unwrap();
    assert_eq!(found.len(), taken.passages.len());
    assert!(found.iter().all(|found| found.passage.version == taken.filed.version));
    assert_eq!(taken.passages.len(), taken.filed.parts as usize);
    taken.filed.version
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_is_cut_short_leaves_one_version_whole_and_orphans_that_are_swept() {
    let (old, new) = (Digest::of(b"1"), Digest::of(b"2"));
    // Writes of a put: passages, flush, document, flush, removal of the old ones.
    for (writes, version, orphans) in [(0, old, 0), (1, old, 2), (2, old, 2), (3, new, 3), (4, new, 3)] {
        let dir = tempfile::tempdir().unwrap();
        let store = cut_after(writes, dir.path()).await;
        assert!(store.put(vec![document("2", 2)]).await.is_err(), "after {writes} writes");
        assert_eq!(is_whole(&store).await, version, "after {writes} writes");
        assert_eq!(store.count().await.unwrap().orphans, orphans, "after {writes} writes");
        store.points.writes.store(i64::MAX, Ordering::SeqCst);
        assert_eq!(store.tidy().await.unwrap(), orphans);
        assert_eq!(is_whole(&store).await, version);
        assert_eq!(store.count().await.unwrap().orphans, 0);
        store.put(vec![document("3", 4)]).await.unwrap();
        assert_eq!(is_whole(&store).await, Digest::of(b"3"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_is_cut_short_leaves_orphans_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = cut_after(2, dir.path()).await;
    assert!(store.remove(&[DocumentId::new("file:a").unwrap()]).await.is_err());
    assert!(store.search(&question()).await.unwrap().is_empty());
    assert_eq!(store.count().await.unwrap(), Counts { orphans: 3, ..Counts::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn more_orphans_than_are_asked_for_hide_no_passage() {
    let dir = tempfile::tempdir().unwrap();
    let store = cut_after(1, dir.path()).await;
    assert!(store.put(vec![document("2", 250)]).await.is_err());
    let found = store.search(&PassageQuery { limit: 3, ..question() }).await.unwrap();
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|found| found.passage.version == Digest::of(b"1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_a_moment_ago_is_left_alone_where_others_may_write() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = cut_after(1, dir.path()).await;
    assert!(store.put(vec![document("2", 2)]).await.is_err());
    store.points.writes.store(i64::MAX, Ordering::SeqCst);
    store.set_grace(SignedDuration::from_mins(10));
    assert_eq!(store.tidy().await.unwrap(), 0);
    store.set_grace(SignedDuration::ZERO);
    assert_eq!(store.tidy().await.unwrap(), 2);
}
