//! The library: documents are embedded and put into a store, and taken out and carried into another one. Work is done in
//! batches that are durable one by one, so that what is interrupted goes on where it was. Finding is `recalling.rs`.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::{StreamExt as _, stream};
use hearback_core::SourceName;
use hearback_core::memory::store::{EmbedAs, Embedder, MemoryError, PassageStore, Shelved};
use hearback_core::memory::{DocumentId, Filed};
use jiff::SignedDuration;

use crate::weights::Weights;

/// So many documents are put at once.
const DOCUMENTS: usize = 200;
/// A batch of texts may take so long to embed.
const EMBED_WITHIN: SignedDuration = SignedDuration::from_mins(5);
/// So many texts are embedded in one request.
const TEXTS: usize = 128;
/// So many documents are listed at once.
const PAGE: usize = 1_000;

/// What was learned before, and how it is found.
#[derive(Clone)]
pub struct Library {
    pub(crate) store: Arc<dyn PassageStore>,
    pub(crate) embedder: Option<Arc<dyn Embedder>>,
    pub(crate) weights: Weights,
    /// Why there is no meaning to search by, if there is none.
    pub(crate) no_meaning: Option<String>,
}

/// Hears how far long work has come.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Send + Sync);

impl Library {
    /// The documents of `store`, found by words and, if `embedder` makes the vectors that the store keeps, by meaning.
    pub fn new(store: Arc<dyn PassageStore>, embedder: Option<Arc<dyn Embedder>>, weights: Weights) -> Self {
        let (embedder, no_meaning) = match (embedder, store.space()) {
            (Some(embedder), Some(space)) if embedder.space() == space => (Some(embedder), None),
            (Some(embedder), Some(space)) => {
                let why = format!(
                    "its vectors are of {}, not of {}: `hearback memory rebuild` makes them anew",
                    space.model,
                    embedder.space().model
                );
                (None, Some(why))
            }
            (Some(_), None) => {
                (None, Some("it keeps words alone: `hearback memory rebuild` adds vectors".into()))
            }
            (None, _) => (None, Some("no embedding model is configured: found by words alone".into())),
        };
        Library { store, embedder, weights, no_meaning }
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn PassageStore> {
        &self.store
    }

    /// Its name, as it stands in answers.
    pub fn source(&self) -> &SourceName {
        self.store.name()
    }

    /// Embeds documents and puts them in the place of their earlier versions. What was put is durable batch by batch.
    ///
    /// # Errors
    /// The store or the embedder failed; batches before that are kept.
    pub async fn shelve(&self, documents: Vec<Shelved>, progress: Progress<'_>) -> Result<(), MemoryError> {
        let (all, mut done) = (documents.len(), 0);
        let mut batches = stream::iter(documents).chunks(DOCUMENTS);
        while let Some(mut batch) = batches.next().await {
            let count = batch.len();
            self.embed(&mut batch).await?;
            self.store.put(batch).await?;
            done += count;
            progress(done, all);
        }
        Ok(())
    }

    /// Gives every passage the vector of what is searched of it.
    async fn embed(&self, documents: &mut [Shelved]) -> Result<(), MemoryError> {
        let Some(embedder) = &self.embedder else {
            documents.iter_mut().flat_map(|one| &mut one.passages).for_each(|one| one.vector = None);
            return Ok(());
        };
        let mut all: Vec<_> = documents.iter_mut().flat_map(|one| &mut one.passages).collect();
        for some in all.chunks_mut(TEXTS) {
            let texts: Vec<String> =
                some.iter().map(|one| one.passage.searched.as_untrusted().to_owned()).collect();
            let vectors = embedder.embed(&texts, EmbedAs::Passage, EMBED_WITHIN).await?;
            if vectors.len() != texts.len() {
                return Err(MemoryError::Failed(format!(
                    "{} gave {} vectors for {} texts",
                    embedder.space().model,
                    vectors.len(),
                    texts.len()
                )));
            }
            for (one, vector) in some.iter_mut().zip(vectors) {
                one.vector = Some(vector);
            }
        }
        Ok(())
    }

    /// Gives vectors to passages that have none, because there was no model when they were shelved. Says how many documents
    /// that were.
    ///
    /// # Errors
    /// The store or the embedder failed; what was done before is kept.
    pub async fn embed_what_is_missing(&self, progress: Progress<'_>) -> Result<usize, MemoryError> {
        let count = self.store.count().await?;
        if self.embedder.is_none() || count.vectors >= count.passages {
            return Ok(0);
        }
        let (all, mut done) = (self.filed().await?, 0);
        for (page, filed) in all.chunks(DOCUMENTS).enumerate() {
            let ids: Vec<DocumentId> = filed.iter().map(|filed| filed.id.clone()).collect();
            let mut documents = self.store.take(&ids).await?;
            documents.retain(|one| one.passages.iter().any(|passage| passage.vector.is_none()));
            done += documents.len();
            self.embed(&mut documents).await?;
            self.store.put(documents).await?;
            progress(((page + 1) * DOCUMENTS).min(all.len()), all.len());
        }
        Ok(done)
    }

    /// Whether documents are found by meaning.
    pub fn has_meaning(&self) -> bool {
        self.embedder.is_some()
    }

    /// By what documents are found here, in words; `unfit` says why there is no model, if there is a reason.
    pub fn found_by(&self, unfit: Option<&str>) -> String {
        match (&self.embedder, &self.no_meaning) {
            (Some(embedder), _) => format!("by words and by meaning ({})", embedder.space().model),
            (None, Some(why)) => format!("by words alone: {}", unfit.unwrap_or(why)),
            (None, None) => "by words alone".to_owned(),
        }
    }

    /// Every document, by id.
    ///
    /// # Errors
    /// The store failed.
    pub async fn filed(&self) -> Result<Vec<Filed>, MemoryError> {
        let mut all: Vec<Filed> = Vec::new();
        loop {
            let page = self.store.filed(all.last().map(|last| &last.id), PAGE).await?;
            let is_last = page.len() < PAGE;
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }

    /// Carries every document of `from` into this library, and embeds anew what has vectors of another model or none.
    /// What is here already in the same version stays, so that what was interrupted goes on. Says how many were carried.
    ///
    /// # Errors
    /// One of the two stores or the embedder failed; what was carried before is kept.
    pub async fn carry_from(&self, from: &Library, progress: Progress<'_>) -> Result<usize, MemoryError> {
        let theirs = from.filed().await?;
        let here: BTreeSet<(DocumentId, String)> =
            self.filed().await?.into_iter().map(|filed| (filed.id, filed.version.to_string())).collect();
        let missing: Vec<DocumentId> = theirs
            .iter()
            .filter(|filed| !here.contains(&(filed.id.clone(), filed.version.to_string())))
            .map(|filed| filed.id.clone())
            .collect();
        let fits = from.store.space() == self.store.space();
        let mut carried = 0;
        for ids in missing.chunks(DOCUMENTS) {
            let mut documents = from.store.take(ids).await?;
            let is_whole = |one: &Shelved| one.passages.iter().all(|passage| passage.vector.is_some());
            if !(fits && (self.embedder.is_none() || documents.iter().all(is_whole))) {
                self.embed(&mut documents).await?;
            }
            carried += documents.len();
            self.store.put(documents).await?;
            progress(carried, missing.len());
        }
        Ok(carried)
    }
}
