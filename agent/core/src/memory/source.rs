//! Where documents come from: a folder, a repository. Each is followed: what is there is read, what is gone is forgotten.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::store::MemoryError;
use super::{DocumentId, DocumentKind};
use crate::evidence::{Fetched, Origin};
use crate::ids::SourceName;
use crate::text::ExternalText;

/// A text as it was found.
#[derive(Debug, Clone)]
pub struct Writing {
    /// What it is called for good.
    pub id: DocumentId,
    /// What it was read from.
    pub source: SourceName,
    /// Its name there, a path with `/`: it tells the form, and often the kind and the date.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// What kind of thing it is, if whoever adds it says so.
    pub kind: Option<DocumentKind>,
    /// Who could have written it.
    pub origin: Origin,
    /// Who merged it, where that is known.
    pub merged_by: Option<ExternalText>,
    /// When it was merged, where that is known.
    pub merged_at: Option<Timestamp>,
    /// When the file was last written.
    pub written_at: Option<Timestamp>,
    /// Where a person can read it.
    pub link: Option<String>,
}

/// Something that holds documents.
#[async_trait]
pub trait WritingSource: Send + Sync {
    /// Its name, as it stands in answers; every document of it is filed under it.
    fn name(&self) -> &SourceName;

    /// The names of what is there now. What can't be reached is missing in the coverage: nothing is forgotten then.
    async fn names(&self, budget: SignedDuration) -> Result<Fetched<String>, MemoryError>;

    /// The writings of these names; one that is gone meanwhile is left out.
    async fn read(&self, names: &[String], budget: SignedDuration) -> Result<Vec<Writing>, MemoryError>;
}

/// What became of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// It is there.
    There,
    /// It is not there any more; what its server said.
    Gone(String),
    /// That is not known: nobody may ask there, or nobody answered.
    Unknown,
}

/// Looks at pages that documents link to. Links are outside text: an implementation decides where it may ask at all.
#[async_trait]
pub trait Web: Send + Sync {
    /// What became of the page at `url`.
    async fn look(&self, url: &str, budget: SignedDuration) -> Page;
}
