//! Documents over points: the contract of [`PassageStore`], once for both backends.
//!
//! A document is its passages and a point of its own, which says the version that counts. Passages of a new version are
//! written and durable before that point says so, and passages of the old one go last. So a crash, or a server that goes
//! away, leaves passages that no document's point knows: they are never found, and [`PassageStore::tidy`] sweeps them away.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hearback_core::ids::SourceName;
use hearback_core::memory::store::{
    Counts, Embedded, Found, MemoryError, PassageFilter, PassageQuery, PassageStore, Retrieval, Shelved,
    VectorSpace,
};
use hearback_core::memory::{DocumentId, Filed};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use crate::payload::{self, Belongs};
use crate::points::{Hit, Is, Point, Points, Read, Search, Which, field};
use crate::words::WordWeights;

/// How many more are asked for than are wanted: some may belong to no document, and of equals the right ones have to be
/// among them.
const SPARE: usize = 32;
/// When equals go on beyond so many, the order among them is the store's.
const MOST_ASKED: usize = 8_192;
/// How many points are read or removed at a time.
const PAGE: usize = 1_000;
/// How many points are written at a time, and how many bytes, roughly: what a server takes in one request, and what an
/// engine's log takes in one entry.
const POINTS_AT_ONCE: usize = 256;
const BYTES_AT_ONCE: usize = 4 << 20;
/// How often a search looks again because a document was replaced while it looked.
const LOOKS: usize = 3;
/// A document that is replaced again and again while it is taken is looked at so often; then passages are lost.
const TAKES: usize = 20;

const OF_A_DOCUMENT: Read = Read::Fields(&[field::DOCUMENT, field::VERSION, field::KNOWN_AT, field::PARTS]);
const OF_A_PASSAGE: Read = Read::Fields(&[field::DOCUMENT, field::VERSION, "part", field::PUT_US]);

/// A store of passages over points. Named [`crate::EdgeStore`] and [`crate::QdrantStore`].
pub struct Shelf<P> {
    pub(crate) points: P,
    name: SourceName,
    space: Option<VectorSpace>,
    weights: Arc<WordWeights>,
    /// Where it is, for sentences.
    place: String,
    /// What was written so recently may still get its document; younger orphans are left alone.
    grace: SignedDuration,
    /// One writer at a time: a sweep must not take the passages of a document that is being put.
    writing: Mutex<()>,
}

impl<P> std::fmt::Debug for Shelf<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf")
            .field("place", &self.place)
            .field("space", &self.space)
            .finish_non_exhaustive()
    }
}

impl<P: Points> Shelf<P> {
    /// Documents over `points`, which are at `place`.
    ///
    /// # Errors
    /// [`MemoryError::NotUsable`] if words can't be read.
    pub(crate) fn over(
        points: P,
        name: SourceName,
        space: Option<VectorSpace>,
        place: String,
        grace: SignedDuration,
    ) -> Result<Self, MemoryError> {
        let weights = WordWeights::new().map_err(MemoryError::NotUsable)?;
        Ok(Shelf { points, name, space, weights: Arc::new(weights), place, grace, writing: Mutex::new(()) })
    }

    /// Leaves orphans alone that are younger than this.
    pub(crate) fn set_grace(&mut self, grace: SignedDuration) {
        self.grace = grace;
    }

    fn damaged(&self, what: &str) -> MemoryError {
        MemoryError::Damaged(format!(
            "the memory in {} is damaged ({what}); `hearback memory rebuild` builds it again from its sources",
            self.place
        ))
    }

    /// Refuses a vector that is not of this store's space.
    fn check_vector(&self, vector: &[f32]) -> Result<(), MemoryError> {
        let Some(space) = &self.space else {
            return Err(MemoryError::NotUsable(format!(
                "the memory in {} keeps words alone, and was given a vector",
                self.place
            )));
        };
        if vector.len() != space.dimension {
            return Err(MemoryError::NotUsable(format!(
                "the memory in {} keeps vectors of {} with {} numbers, and was given one with {}",
                self.place,
                space.model,
                space.dimension,
                vector.len()
            )));
        }
        if vector.iter().all(|number| number.is_finite()) {
            return Ok(());
        }
        Err(MemoryError::NotUsable("a vector holds a number that is none (NaN or infinite)".into()))
    }

    fn check(&self, shelved: &Shelved) -> Result<(), MemoryError> {
        let Shelved { filed, passages } = shelved;
        for (part, Embedded { passage, vector }) in passages.iter().enumerate() {
            if (&passage.document, passage.version) != (&filed.id, filed.version)
                || passage.part as usize != part
            {
                return Err(MemoryError::NotUsable(format!(
                    "passage {part} of {} belongs to another document, version or place",
                    filed.id
                )));
            }
            vector.as_deref().map_or(Ok(()), |vector| self.check_vector(vector))?;
        }
        if passages.len() == filed.parts as usize {
            return Ok(());
        }
        Err(MemoryError::NotUsable(format!(
            "{} has {} passages and says {}",
            filed.id,
            passages.len(),
            filed.parts
        )))
    }

    /// What is known of these documents' points.
    async fn belongings(
        &self,
        documents: &[DocumentId],
    ) -> Result<HashMap<DocumentId, Belongs>, MemoryError> {
        let mut there = HashMap::with_capacity(documents.len());
        for page in documents.chunks(PAGE) {
            let keys = page.iter().map(payload::document_key).collect();
            for point in self.points.read(keys, OF_A_DOCUMENT).await? {
                let belongs = payload::to_belongs(point.payload).map_err(|what| self.damaged(&what))?;
                there.insert(belongs.document.clone(), belongs);
            }
        }
        Ok(there)
    }

    async fn write(&self, points: Vec<Point>) -> Result<(), MemoryError> {
        let (mut batch, mut bytes) = (Vec::with_capacity(POINTS_AT_ONCE), 0);
        for point in points {
            bytes += weight(&point);
            batch.push(point);
            if batch.len() >= POINTS_AT_ONCE || bytes >= BYTES_AT_ONCE {
                self.points.upsert(std::mem::take(&mut batch)).await?;
                bytes = 0;
            }
        }
        if batch.is_empty() { Ok(()) } else { self.points.upsert(batch).await }
    }

    async fn delete(&self, keys: &[u128]) -> Result<(), MemoryError> {
        for page in keys.chunks(PAGE) {
            self.points.delete(page.to_vec()).await?;
        }
        Ok(())
    }

    /// Calls `each` with all points of a kind.
    async fn each(
        &self,
        which: Which,
        read: Read,
        mut each: impl FnMut(Point) -> Result<(), MemoryError> + Send,
    ) -> Result<(), MemoryError> {
        let mut from = None;
        loop {
            let (page, next) = self.points.page(&which, from, PAGE, read).await?;
            page.into_iter().try_for_each(&mut each)?;
            match next {
                Some(next) => from = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Those of the hits whose document says the same version, best first, and whether one was replaced meanwhile.
    async fn living(
        &self,
        hits: Vec<Hit>,
        filter: &PassageFilter,
    ) -> Result<(Vec<Found>, bool), MemoryError> {
        let mut found = Vec::with_capacity(hits.len());
        for hit in hits {
            let passage = payload::to_passage(hit.payload).map_err(|what| self.damaged(&what))?;
            found.push(Found { passage, score: hit.score });
        }
        let documents: BTreeSet<DocumentId> =
            found.iter().map(|found| found.passage.document.clone()).collect();
        let there = self.belongings(&documents.into_iter().collect::<Vec<_>>()).await?;
        let mut was_replaced = false;
        found.retain(|Found { passage, .. }| {
            let Some(own) = there.get(&passage.document) else { return false };
            was_replaced |= own.version != passage.version;
            let is_known = filter.as_of.is_none_or(|as_of| own.known_at.is_some_and(|known| known <= as_of));
            own.version == passage.version && passage.part < own.parts && is_known
        });
        found.sort_by(|a, b| {
            let by_name =
                || (&a.passage.document, a.passage.part).cmp(&(&b.passage.document, b.passage.part));
            b.score.total_cmp(&a.score).then_with(by_name)
        });
        Ok((found, was_replaced))
    }

    async fn best(
        &self,
        mut search: Search,
        filter: &PassageFilter,
        limit: usize,
    ) -> Result<Vec<Found>, MemoryError> {
        let mut looks = 1;
        loop {
            let hits = self.points.search(&search).await?;
            let is_all = hits.len() < search.limit;
            let lowest = hits.iter().map(|hit| hit.score).min_by(f32::total_cmp);
            let (mut found, was_replaced) = self.living(hits, filter).await?;
            if was_replaced && looks < LOOKS {
                looks += 1;
                continue;
            }
            // The last that is wanted has to be better than the last that came, or equals of it may not have come.
            let last = limit.checked_sub(1).and_then(|last| found.get(last)).map(|found| found.score);
            if is_all || last > lowest || search.limit >= MOST_ASKED {
                found.truncate(limit);
                return Ok(found);
            }
            search.limit = (search.limit * 4).min(MOST_ASKED);
        }
    }

    async fn newest_of(&self, filter: &PassageFilter, limit: usize) -> Result<Vec<Filed>, MemoryError> {
        let which = payload::to_which(Is::Document, filter)?;
        let mut ask = limit.saturating_add(SPARE);
        loop {
            let points = self.points.newest(&which, ask).await?;
            let is_all = points.len() < ask;
            let mut filed = self.to_filed(points)?;
            let oldest = filed.iter().map(|filed| filed.known_at.as_microsecond()).min();
            filed.retain(|filed| lets_through(filter, filed));
            filed.sort_by(|a, b| b.known_at.cmp(&a.known_at).then_with(|| a.id.cmp(&b.id)));
            let last = limit.checked_sub(1).and_then(|last| filed.get(last));
            let last = last.map(|filed| filed.known_at.as_microsecond());
            if is_all || last > oldest || ask >= MOST_ASKED {
                filed.truncate(limit);
                return Ok(filed);
            }
            ask = (ask * 4).min(MOST_ASKED);
        }
    }

    fn to_filed(&self, points: Vec<Point>) -> Result<Vec<Filed>, MemoryError> {
        let filed = points.into_iter().map(|point| payload::to_filed(point.payload));
        filed.collect::<Result<_, _>>().map_err(|what| self.damaged(&what))
    }

    /// A document with its passages; none if one of them is not there.
    async fn whole(&self, filed: Filed) -> Result<Option<Shelved>, MemoryError> {
        let keys = payload::passage_keys(&filed.id, &filed.version, 0..filed.parts);
        let mut passages = Vec::with_capacity(keys.len());
        // A store of words has no vectors to ask for.
        let read = if self.space.is_some() { Read::Whole } else { Read::Payload };
        for page in keys.chunks(PAGE) {
            for point in self.points.read(page.to_vec(), read).await? {
                let passage = payload::to_passage(point.payload).map_err(|what| self.damaged(&what))?;
                passages.push(Embedded { passage, vector: point.meaning });
            }
        }
        passages.sort_by_key(|embedded| embedded.passage.part);
        Ok((passages.len() == keys.len()).then_some(Shelved { filed, passages }))
    }

    /// Keys of passages that belong to no document and are old enough.
    async fn orphans(&self) -> Result<Vec<u128>, MemoryError> {
        // Passages first: what gets its document while they are read is seen to have one.
        let latest = Timestamp::now().checked_sub(self.grace).unwrap_or(Timestamp::MIN).as_microsecond();
        let mut passages = Vec::new();
        self.each(Which::all(Is::Passage), OF_A_PASSAGE, |point| {
            let belongs = payload::to_belongs(point.payload).map_err(|what| self.damaged(&what))?;
            passages.push((point.key, belongs));
            Ok(())
        })
        .await?;
        let mut documents = HashMap::new();
        self.each(Which::all(Is::Document), OF_A_DOCUMENT, |point| {
            let belongs = payload::to_belongs(point.payload).map_err(|what| self.damaged(&what))?;
            documents.insert(belongs.document.clone(), belongs);
            Ok(())
        })
        .await?;
        passages.retain(|(_, passage)| {
            let own = documents.get(&passage.document);
            let belongs = own.is_some_and(|own| own.version == passage.version && passage.part < own.parts);
            !belongs && passage.put_us <= latest
        });
        Ok(passages.into_iter().map(|(key, _)| key).collect())
    }
}

#[async_trait]
impl<P: Points> PassageStore for Shelf<P> {
    fn name(&self) -> &SourceName {
        &self.name
    }

    fn space(&self) -> Option<&VectorSpace> {
        self.space.as_ref()
    }

    async fn put(&self, documents: Vec<Shelved>) -> Result<(), MemoryError> {
        documents.iter().try_for_each(|shelved| self.check(shelved))?;
        // The last one counts where a document stands there twice.
        let documents: BTreeMap<DocumentId, Shelved> =
            documents.into_iter().map(|shelved| (shelved.filed.id.clone(), shelved)).collect();
        let ids: Vec<DocumentId> = documents.keys().cloned().collect();
        let next: Vec<(DocumentId, _, u32)> =
            documents.values().map(|of| (of.filed.id.clone(), of.filed.version, of.filed.parts)).collect();
        let _one_writer = self.writing.lock().await;
        let weights = Arc::clone(&self.weights);
        let now = Timestamp::now();
        let made = tokio::task::spawn_blocking(move || {
            let (mut passages, mut own) = (Vec::new(), Vec::with_capacity(documents.len()));
            for shelved in documents.into_values() {
                let (points, point) = payload::to_points(shelved, &weights, now)?;
                passages.extend(points);
                own.push(point);
            }
            Ok((passages, own))
        });
        let before = self.belongings(&ids).await?;
        let (passages, own) =
            made.await.map_err(|_| MemoryError::Failed("reading the words failed".into()))??;
        self.write(passages).await?;
        self.points.flush().await?;
        self.write(own).await?;
        self.points.flush().await?;
        let mut replaced = Vec::new();
        for (id, version, parts) in &next {
            // The version that was read before, and no other: another process may be writing a third one.
            let Some(old) = before.get(id) else { continue };
            let kept = if old.version == *version { *parts } else { 0 };
            replaced.extend(payload::passage_keys(id, &old.version, kept.min(old.parts)..old.parts));
        }
        // Not flushed: what comes back after a crash is an orphan, and is swept away.
        self.delete(&replaced).await
    }

    async fn remove(&self, documents: &[DocumentId]) -> Result<u64, MemoryError> {
        let _one_writer = self.writing.lock().await;
        let there = self.belongings(documents).await?;
        if there.is_empty() {
            return Ok(0);
        }
        self.delete(&there.keys().map(payload::document_key).collect::<Vec<_>>()).await?;
        self.points.flush().await?;
        let keys =
            there.values().flat_map(|of| payload::passage_keys(&of.document, &of.version, 0..of.parts));
        self.delete(&keys.collect::<Vec<_>>()).await?;
        Ok(there.len() as u64)
    }

    async fn filed(&self, after: Option<&DocumentId>, limit: usize) -> Result<Vec<Filed>, MemoryError> {
        // Points are ordered by a digest, so all ids are looked at; the smallest after `after` are kept.
        let mut first: BTreeSet<DocumentId> = BTreeSet::new();
        self.each(Which::all(Is::Document), OF_A_DOCUMENT, |point| {
            let id = payload::to_belongs(point.payload).map_err(|what| self.damaged(&what))?.document;
            if after.is_none_or(|after| id > *after) {
                first.insert(id);
                if first.len() > limit {
                    first.pop_last();
                }
            }
            Ok(())
        })
        .await?;
        let mut filed = self.find(&first.into_iter().collect::<Vec<_>>()).await?;
        filed.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(filed)
    }

    async fn find(&self, documents: &[DocumentId]) -> Result<Vec<Filed>, MemoryError> {
        let mut filed = Vec::with_capacity(documents.len());
        let mut keys: Vec<u128> = documents.iter().map(payload::document_key).collect();
        keys.sort_unstable();
        keys.dedup();
        for page in keys.chunks(PAGE) {
            filed.extend(self.to_filed(self.points.read(page.to_vec(), Read::Payload).await?)?);
        }
        Ok(filed)
    }

    async fn take(&self, documents: &[DocumentId]) -> Result<Vec<Shelved>, MemoryError> {
        let mut taken = Vec::new();
        'documents: for mut filed in self.find(documents).await? {
            let id = filed.id.clone();
            for _ in 0..TAKES {
                if let Some(whole) = self.whole(filed).await? {
                    taken.push(whole);
                    continue 'documents;
                }
                // It was replaced or removed since, or passages are lost.
                match self.find(std::slice::from_ref(&id)).await?.pop() {
                    None => continue 'documents,
                    Some(again) => filed = again,
                }
            }
            return Err(self.damaged(&format!("passages of {id} are missing")));
        }
        Ok(taken)
    }

    async fn search(&self, query: &PassageQuery) -> Result<Vec<Found>, MemoryError> {
        query.vector.as_deref().map_or(Ok(()), |vector| self.check_vector(vector))?;
        let words = || Some(self.weights.of_query(&query.text)).filter(|words| !words.is_empty());
        let (words, meaning) = match query.by {
            Retrieval::Words => (words(), None),
            Retrieval::Meaning => (None, query.vector.clone()),
            Retrieval::Fused => (words(), query.vector.clone()),
        };
        if (words.is_none() && meaning.is_none()) || query.limit == 0 {
            return Ok(Vec::new());
        }
        let which = payload::to_which(Is::Passage, &query.filter)?;
        let limit = query.limit.saturating_add(SPARE);
        let search = Search { words, meaning, which, limit };
        within(query.budget, self.best(search, &query.filter, query.limit)).await
    }

    async fn newest(
        &self,
        filter: &PassageFilter,
        limit: usize,
        budget: SignedDuration,
    ) -> Result<Vec<Filed>, MemoryError> {
        within(budget, self.newest_of(filter, limit)).await
    }

    async fn count(&self) -> Result<Counts, MemoryError> {
        let mut counts = Counts::default();
        self.each(Which::all(Is::Document), Read::Fields(&[field::PARTS, field::VECTORS]), |point| {
            counts.documents += 1;
            counts.passages += payload::number(&point.payload, field::PARTS);
            counts.vectors += payload::number(&point.payload, field::VECTORS);
            Ok(())
        })
        .await?;
        let all = self.points.count(&Which::all(Is::Passage)).await?;
        counts.orphans = all.saturating_sub(counts.passages);
        Ok(counts)
    }

    async fn tidy(&self) -> Result<u64, MemoryError> {
        let swept = {
            let _one_writer = self.writing.lock().await;
            let orphans = self.orphans().await?;
            self.delete(&orphans).await?;
            self.points.flush().await?;
            orphans.len() as u64
        };
        self.points.settle().await?;
        Ok(swept)
    }
}

/// Whether a document may be found. An index that a crash left behind what it indexes may have let it through.
fn lets_through(filter: &PassageFilter, filed: &Filed) -> bool {
    let is_kind = filter.kinds.is_empty() || filter.kinds.contains(&filed.kind);
    let is_about =
        filter.services.is_empty() || filed.services.iter().any(|name| filter.services.contains(name));
    let is_known = filter.as_of.is_none_or(|as_of| filed.known_at <= as_of);
    is_kind && is_about && is_known && filter.except.as_ref() != Some(&filed.id)
}

/// Roughly how many bytes a point takes.
fn weight(point: &Point) -> usize {
    let texts = point.payload.values().filter_map(serde_json::Value::as_str).map(str::len).sum::<usize>();
    let words = point.words.as_ref().map_or(0, |words| words.indices.len() * 8);
    texts + words + point.meaning.as_ref().map_or(0, |meaning| meaning.len() * 4)
}

/// What comes in time.
async fn within<T>(
    budget: SignedDuration,
    work: impl Future<Output = Result<T, MemoryError>> + Send,
) -> Result<T, MemoryError> {
    let time = Duration::try_from(budget).unwrap_or(Duration::ZERO);
    // A timer looks at the work first, and would let through what is quick.
    if time.is_zero() {
        return Err(MemoryError::TimedOut(budget));
    }
    tokio::time::timeout(time, work).await.map_err(|_| MemoryError::TimedOut(budget))?
}

#[cfg(test)]
mod tests;
