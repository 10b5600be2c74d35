//! What the two backends have in common: points with a key, at most two vectors and a payload, and what they are asked.
//! Knows nothing of documents; that is [`crate::shelf`]'s.

use std::future::Future;

use hearback_core::memory::store::MemoryError;
use serde_json::{Map, Value};

use crate::words::Words;

/// The dense vector: what a passage means.
pub const MEANING: &str = "meaning";
/// The sparse vector: the words of a passage.
pub const WORDS: &str = "words";

/// How many points of each kind of search are fused, at least. A passage that is far down in both lists is no answer;
/// one that is first in one list should not fall out because the other list is short.
pub const FUSED_FROM: usize = 128;

/// How many candidates a walk through the graph of vectors keeps, at least: more find more of what is near, and take longer.
pub const CANDIDATES: usize = 256;

/// How the two lists of a fused search become one.
///
/// By their scores ([`Fusion::Scores`], "DBSF"): a query for an error code finds one passage with a score far above the
/// rest, and ranks would make it no better than the first of a list of look-alikes. Equal scores also stay equal, so that
/// an answer does not depend on the order in which passages were written; ranks would tell them apart by chance.
pub const FUSION: Fusion = Fusion::Scores;

/// Ways to fuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fusion {
    /// Each list's scores are spread between three standard deviations below and above their mean, and added.
    Scores,
    #[allow(dead_code, reason = "the choice that FUSION is measured against")]
    /// The sum of 1 / (`k` + rank) over the lists.
    Ranks {
        /// How flat it is: the larger, the less the first places count.
        k: u32,
    },
}

/// Payload fields that are searched by word. Each has an index.
pub const KEYWORDS: [&str; 5] = [field::IS, field::DOCUMENT, field::KIND, field::SERVICES, field::SECTION];
/// Payload fields that are searched by number. Each has an index.
pub const NUMBERS: [&str; 2] = [field::KNOWN_US, field::PUT_US];

/// Names of payload fields.
pub mod field {
    /// `passage`, `document`, or `store` for the server's own notes.
    pub const IS: &str = "is";
    /// The document's id.
    pub const DOCUMENT: &str = "document";
    /// The document's version.
    pub const VERSION: &str = "version";
    /// What kind of document.
    pub const KIND: &str = "kind";
    /// The document's services.
    pub const SERVICES: &str = "services";
    /// What the passage is about.
    pub const SECTION: &str = "section";
    /// When the document became known, exactly.
    pub const KNOWN_AT: &str = "known_at";
    /// The same in whole microseconds since 1970: a filter can be exact about no more.
    pub const KNOWN_US: &str = "known_us";
    /// When it was written, in microseconds since 1970: what is being written has no document yet, and is no orphan.
    pub const PUT_US: &str = "put_us";
    /// How many passages a document has.
    pub const PARTS: &str = "parts";
    /// How many of them have a vector.
    pub const VECTORS: &str = "vectors";
}

/// What kind of point it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    /// A passage: it has vectors.
    Passage,
    /// A document: it has none.
    Document,
}

impl Is {
    /// As it stands in the payload.
    pub fn as_str(self) -> &'static str {
        match self {
            Is::Passage => "passage",
            Is::Document => "document",
        }
    }
}

/// A point.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Its name: a UUID.
    pub key: u128,
    /// Its dense vector.
    pub meaning: Option<Vec<f32>>,
    /// Its sparse vector. Never read back.
    pub words: Option<Words>,
    /// What else is known of it.
    pub payload: Map<String, Value>,
}

/// A point that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// How well it fits.
    pub score: f32,
    /// What is known of it.
    pub payload: Map<String, Value>,
}

/// Which points are meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Which {
    /// Points of this kind.
    pub is: Is,
    /// The field holds one of the words.
    pub any: Vec<(&'static str, Vec<String>)>,
    /// The field holds none of the words.
    pub none: Vec<(&'static str, Vec<String>)>,
    /// The field's number is at most this.
    pub at_most: Vec<(&'static str, i64)>,
}

impl Which {
    /// All of a kind.
    pub fn all(is: Is) -> Self {
        Which { is, any: Vec::new(), none: Vec::new(), at_most: Vec::new() }
    }
}

/// A search.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// By these words.
    pub words: Option<Words>,
    /// By this vector.
    pub meaning: Option<Vec<f32>>,
    /// Among these.
    pub which: Which,
    /// At most so many.
    pub limit: usize,
}

/// What of a point is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// Its payload.
    Payload,
    /// Its payload and its dense vector.
    Whole,
    /// These fields of its payload.
    Fields(&'static [&'static str]),
}

/// A place for points. Not for other crates to implement.
pub trait Points: Send + Sync + 'static {
    /// Writes points, each in the place of the one with its key. They can be read when it returns, and are durable after
    /// [`Points::flush`].
    fn upsert(&self, points: Vec<Point>) -> impl Future<Output = Result<(), MemoryError>> + Send;

    /// Removes points.
    fn delete(&self, keys: Vec<u128>) -> impl Future<Output = Result<(), MemoryError>> + Send;

    /// What was written before is durable when it returns.
    fn flush(&self) -> impl Future<Output = Result<(), MemoryError>> + Send;

    /// Those of the points that are there.
    fn read(
        &self,
        keys: Vec<u128>,
        read: Read,
    ) -> impl Future<Output = Result<Vec<Point>, MemoryError>> + Send;

    /// Points by key, from this key on, and the key that the next page begins with.
    fn page(
        &self,
        which: &Which,
        from: Option<u128>,
        limit: usize,
        read: Read,
    ) -> impl Future<Output = Result<(Vec<Point>, Option<u128>), MemoryError>> + Send;

    /// Points by [`field::KNOWN_US`], the largest first.
    fn newest(
        &self,
        which: &Which,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Point>, MemoryError>> + Send;

    /// The points that fit best.
    fn search(&self, search: &Search) -> impl Future<Output = Result<Vec<Hit>, MemoryError>> + Send;

    /// How many there are, exactly.
    fn count(&self, which: &Which) -> impl Future<Output = Result<u64, MemoryError>> + Send;

    /// Makes what was written lately as fast to search as the rest.
    fn settle(&self) -> impl Future<Output = Result<(), MemoryError>> + Send;
}
