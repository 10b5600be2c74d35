//! The ports of memory: where passages are kept and found, and what makes vectors of texts. The same contract holds for
//! an engine inside this process and for a server; tests hold both to it.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{DocumentId, DocumentKind, Filed, Passage, Section};
use crate::ids::{ServiceName, SourceName};

/// Memory could not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// What was asked for can't be, or what is configured is wrong: a key, a dimension, an address. The user can mend it.
    #[error("{0}")]
    NotUsable(String),
    /// Another process has it, and one alone can. Whoever asks should ask that one.
    #[error("{0}")]
    InUse(String),
    /// What is kept can't be read. It has to be built again from its sources.
    #[error("{0}")]
    Damaged(String),
    /// No answer in time.
    #[error("no answer within {:.1} s", .0.as_secs_f64())]
    TimedOut(SignedDuration),
    /// It is away, or failed; trying again may help.
    #[error("{0}")]
    Failed(String),
}

/// What vectors mean: only those of the same model can be compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VectorSpace {
    /// The model that makes them: `all-MiniLM-L6-v2`.
    pub model: String,
    /// How many numbers each has.
    pub dimension: usize,
}

/// A passage with its vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// The passage.
    pub passage: Passage,
    /// Its vector in the store's space; none where the store keeps words alone, or where there is none yet.
    pub vector: Option<Vec<f32>>,
}

/// A document with all its passages, as it is put into a store and taken out of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shelved {
    /// The document.
    pub filed: Filed,
    /// Its passages, by [`Passage::part`].
    pub passages: Vec<Embedded>,
}

/// How passages are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retrieval {
    /// By the words they share with the query: BM25.
    Words,
    /// By the distance of their vectors.
    Meaning,
    /// Both, fused by the store.
    Fused,
}

/// Which passages may be found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassageFilter {
    /// Of documents of these kinds; empty for all.
    pub kinds: Vec<DocumentKind>,
    /// Of documents about one of these services; empty for all.
    pub services: Vec<ServiceName>,
    /// Of these sections; empty for all.
    pub sections: Vec<Section>,
    /// Of documents known by then ([`Filed::known_at`] ≤ it).
    pub as_of: Option<Timestamp>,
    /// Not of this one: an incident is not similar to itself.
    pub except: Option<DocumentId>,
}

/// Which passages are wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct PassageQuery {
    /// The words.
    pub text: String,
    /// Their vector, in the store's space. [`Retrieval::Meaning`] and [`Retrieval::Fused`] need it; without one, `Fused`
    /// is `Words` and `Meaning` finds nothing.
    pub vector: Option<Vec<f32>>,
    /// How they are looked for.
    pub by: Retrieval,
    /// Which may be found.
    pub filter: PassageFilter,
    /// At most so many.
    pub limit: usize,
    /// How long it may take.
    pub budget: SignedDuration,
}

/// A passage that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The passage.
    pub passage: Passage,
    /// How well it fits, the more the better; comparable inside one query only.
    pub score: f32,
}

/// How much is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Documents that can be found.
    pub documents: u64,
    /// Their passages.
    pub passages: u64,
    /// Of those, the ones with a vector.
    pub vectors: u64,
    /// Passages that belong to no document: what an interrupted write left. They are never found.
    pub orphans: u64,
}

/// Where passages are kept.
///
/// A document is there whole or not at all: what was put and acknowledged survives `kill -9`, what was interrupted is
/// never found and is swept away later. Putting a document replaces the version that was there.
#[async_trait]
pub trait PassageStore: Send + Sync {
    /// Its name, as it stands in answers.
    fn name(&self) -> &SourceName;

    /// What its vectors mean; none if it keeps words alone. It never changes: another model needs another store.
    fn space(&self) -> Option<&VectorSpace>;

    /// Puts documents, each in the place of its earlier version. Durable when it returns.
    ///
    /// # Errors
    /// [`MemoryError::NotUsable`] if a vector has another dimension than the store; nothing was written then.
    async fn put(&self, documents: Vec<Shelved>) -> Result<(), MemoryError>;

    /// Removes documents with all their passages. Says how many were there. Durable when it returns.
    async fn remove(&self, documents: &[DocumentId]) -> Result<u64, MemoryError>;

    /// Documents with an id after `after`, by id, at most `limit`.
    async fn filed(&self, after: Option<&DocumentId>, limit: usize) -> Result<Vec<Filed>, MemoryError>;

    /// Those of these documents that are there, in no particular order.
    async fn find(&self, documents: &[DocumentId]) -> Result<Vec<Filed>, MemoryError>;

    /// Those of these documents that are there, whole.
    async fn take(&self, documents: &[DocumentId]) -> Result<Vec<Shelved>, MemoryError>;

    /// The passages that fit best, the best first.
    async fn search(&self, query: &PassageQuery) -> Result<Vec<Found>, MemoryError>;

    /// The documents that became known last, the newest first, at most `limit`.
    async fn newest(
        &self,
        filter: &PassageFilter,
        limit: usize,
        budget: SignedDuration,
    ) -> Result<Vec<Filed>, MemoryError>;

    /// How much is kept.
    async fn count(&self) -> Result<Counts, MemoryError>;

    /// Sweeps away what interrupted writes left, and makes what was written lately as fast to search as the rest. Says
    /// how many orphans went.
    async fn tidy(&self) -> Result<u64, MemoryError>;
}

/// What a text is to an embedder: some models want to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbedAs {
    /// Something to be found.
    Passage,
    /// Something to find by.
    Query,
}

/// Makes vectors of texts.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// What its vectors mean.
    fn space(&self) -> &VectorSpace;

    /// One vector a text, in their order, each of length 1. What is longer than the model can read is read in part.
    async fn embed(
        &self,
        texts: &[String],
        texts_are: EmbedAs,
        budget: SignedDuration,
    ) -> Result<Vec<Vec<f32>>, MemoryError>;
}
