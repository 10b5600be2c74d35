//! Evidence: what was read, from where, how much of it was seen. A source that failed is a [`Gap`], an empty
//! result is not.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::hash::{Digest, NotCanonical, canonical_json};
use crate::ids::{ChangeId, EvidenceId, SourceName};
use crate::text::ExternalText;
use crate::time::Window;

/// Who could have written the text of a piece of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A system of ours measured it: a metric, a deploy receipt.
    System,
    /// Somebody with commit or channel access wrote it.
    Member,
    /// Anybody could have written it: a log line, a query string, a public ticket.
    Outsider,
}

/// A redacted snapshot of something read from outside, named by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The digest of everything below.
    pub id: EvidenceId,
    /// Where it was read.
    pub source: SourceName,
    /// Who could have written it.
    pub origin: Origin,
    /// Where a person can see it, if anywhere.
    pub link: Option<String>,
    /// The time it covers.
    pub window: Option<Window>,
    /// The content: JSON for structured sources, plain text otherwise.
    pub text: ExternalText,
}

impl Evidence {
    /// Names the content by its digest. `text` must be redacted already.
    ///
    /// # Errors
    /// [`NotCanonical`] never happens for these types; it is passed on rather than hidden.
    pub fn new(
        source: SourceName,
        origin: Origin,
        link: Option<String>,
        window: Option<Window>,
        text: ExternalText,
    ) -> Result<Self, NotCanonical> {
        let id = Self::digest(&source, origin, link.as_deref(), window, &text)?;
        Ok(Evidence { id, source, origin, link, window, text })
    }

    /// Whether the id is the digest of the content.
    pub fn is_intact(&self) -> bool {
        Self::digest(&self.source, self.origin, self.link.as_deref(), self.window, &self.text)
            .is_ok_and(|id| id == self.id)
    }

    fn digest(
        source: &SourceName,
        origin: Origin,
        link: Option<&str>,
        window: Option<Window>,
        text: &ExternalText,
    ) -> Result<EvidenceId, NotCanonical> {
        let frame = canonical_json(&(source, origin, link, window))?;
        Ok(EvidenceId(Digest::of_parts(&[frame.as_bytes(), text.as_untrusted().as_bytes()])))
    }
}

/// Points at the place that supports a statement. A person can follow it; a checker can open it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Citation {
    /// The evidence: a snapshot's content hash, or an entry's hash.
    #[schemars(with = "String")]
    pub evidence: EvidenceId,
    /// The change inside the evidence that is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub change: Option<ChangeId>,
    /// The file inside the change, escaped as in [`crate::change::RepoPath`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The line in that file after the change (before it, for a removed line), counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

impl Citation {
    /// Cites a whole piece of evidence.
    pub fn of(evidence: EvidenceId) -> Self {
        Citation { evidence, change: None, path: None, line: None }
    }
}

/// What a source searched, so that "nothing found" can say where it looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Coverage {
    /// The source.
    #[schemars(with = "String")]
    pub source: SourceName,
    /// What was looked through, in plain words: "412 commits on main up to 3f2a91c".
    pub searched: String,
    /// What was not seen and why, a plain phrase each; empty when everything was seen.
    #[serde(default)]
    pub missing: Vec<String>,
}

impl Coverage {
    /// Everything that was asked for was seen.
    pub fn complete(source: SourceName, searched: impl Into<String>) -> Self {
        Coverage { source, searched: searched.into(), missing: Vec::new() }
    }

    /// The missing parts as gaps.
    pub fn gaps(&self) -> impl Iterator<Item = Gap> + '_ {
        self.missing.iter().map(|why| Gap { source: self.source.clone(), why: why.clone() })
    }
}

/// A source that failed or saw only part. It is shown in every answer it could have changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Gap {
    /// The source.
    #[schemars(with = "String")]
    pub source: SourceName,
    /// What was not seen and why, in one plain sentence without a full stop.
    pub why: String,
}

/// What a source returned, with what it searched to get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched<T> {
    /// What was found; empty is a finding, not a failure.
    pub items: Vec<T>,
    /// What was searched.
    pub coverage: Coverage,
}

/// A text of whatever form that was there to read: a status page, an export, a note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// What it is called where it was read: a file, a page.
    pub name: String,
    /// The text, redacted and capped.
    pub text: ExternalText,
}

/// When something became visible to the copilot, beside what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known<T> {
    /// When the copilot could know it.
    pub known_at: Timestamp,
    /// The thing.
    pub value: T,
}
