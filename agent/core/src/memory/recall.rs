//! What is asked of memory while something fails: has this been before, and what is written down to be done? Both answers
//! say what was searched, and an empty one is a finding.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::store::MemoryError;
use super::{DocumentId, DocumentKind, Section};
use crate::answer::Strength;
use crate::evidence::{Fetched, Origin};
use crate::ids::{ServiceName, SourceName};
use crate::text::ExternalText;

/// Has this been before?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimilarQuery {
    /// What is seen to fail, in whatever words.
    pub symptom: String,
    /// The services that fail, if that is known: what happened to them lately is likelier to be it.
    pub services: Vec<ServiceName>,
    /// Nothing that became known later is found.
    pub as_of: Timestamp,
    /// What is asked about: not similar to itself.
    pub except: Option<DocumentId>,
    /// At most so many.
    pub limit: usize,
    /// How long it may take.
    pub budget: SignedDuration,
}

/// What is to be done?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunbookQuery {
    /// The services that fail; empty if that is not known.
    pub services: Vec<ServiceName>,
    /// What is seen to fail.
    pub symptom: String,
    /// Nothing that became known later is found.
    pub as_of: Timestamp,
    /// How long it may take.
    pub budget: SignedDuration,
}

/// Where a passage was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Excerpt {
    /// What the part is about.
    pub section: Section,
    /// Its headings, the outermost first, joined by ` › `.
    #[schemars(with = "String")]
    pub heading: ExternalText,
    /// The line of the document it begins at, from 1.
    pub line: u32,
    /// What it says.
    #[schemars(with = "String")]
    pub text: ExternalText,
}

/// A document that was remembered, as an answer shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Remembered {
    /// The document.
    pub document: DocumentId,
    /// What kind of thing it is.
    pub kind: DocumentKind,
    /// What it is called.
    #[schemars(with = "String")]
    pub title: ExternalText,
    /// The services it is about.
    #[schemars(with = "Vec<String>")]
    pub services: Vec<ServiceName>,
    /// When what it tells of happened; null if it does not say.
    #[schemars(with = "Option<String>")]
    pub happened_at: Option<Timestamp>,
    /// When it could be known.
    #[schemars(with = "String")]
    pub known_at: Timestamp,
    /// Where it was read.
    #[schemars(with = "String")]
    pub source: SourceName,
    /// Who could have written it: what an outsider wrote supports no action.
    #[schemars(with = "String")]
    pub origin: Origin,
    /// Who merged it, if that is known.
    #[schemars(with = "Option<String>")]
    pub merged_by: Option<ExternalText>,
    /// Who answers for it, if it says so.
    #[schemars(with = "Option<String>")]
    pub owner: Option<ExternalText>,
    /// Where a person can read it.
    pub link: Option<String>,
    /// What broke then, in its own words.
    #[schemars(with = "Option<String>")]
    pub broke: Option<ExternalText>,
    /// What fixed it then, in its own words.
    #[schemars(with = "Option<String>")]
    pub fixed: Option<ExternalText>,
    /// What was wrong with it when it was read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// The passage that fits.
    pub excerpt: Excerpt,
    /// How sure that is.
    pub strength: Strength,
    /// How well it fits, the more the better; comparable inside one answer only.
    pub score: f64,
}

/// What is remembered, for those who ask while something fails.
#[async_trait]
pub trait Memory: Send + Sync {
    /// Its name, as it stands in answers.
    fn name(&self) -> &SourceName;

    /// Incidents that were like this, the likest first. None is a finding: nothing like this is known.
    async fn similar(&self, query: &SimilarQuery) -> Result<Fetched<Remembered>, MemoryError>;

    /// Parts of runbooks that say what to do, the likeliest first.
    async fn runbooks(&self, query: &RunbookQuery) -> Result<Fetched<Remembered>, MemoryError>;
}
