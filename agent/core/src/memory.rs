//! What is remembered: postmortems, runbooks, documents and closed incidents, cut into passages that can be found again.
//! Memory is earned: every document says where it came from, who merged it, when it could be known, and who could have
//! written it. The ports stand in [`source`],
//! [`store`] and [`recall`].

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::evidence::Origin;
use crate::hash::Digest;
use crate::ids::{BadName, IncidentId, ServiceName, SourceName};
use crate::text::ExternalText;

pub mod recall;
pub mod source;
pub mod store;

/// What kind of thing a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// What people wrote about an incident that is over.
    Postmortem,
    /// What to do when something fails.
    Runbook,
    /// Anything else.
    Doc,
    /// A closed incident, from its own record.
    Incident,
}

impl DocumentKind {
    /// All of them, in the order in which they are listed.
    pub const ALL: [DocumentKind; 4] =
        [DocumentKind::Postmortem, DocumentKind::Runbook, DocumentKind::Doc, DocumentKind::Incident];

    /// The word for it, as it stands on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            DocumentKind::Postmortem => "postmortem",
            DocumentKind::Runbook => "runbook",
            DocumentKind::Doc => "doc",
            DocumentKind::Incident => "incident",
        }
    }

    /// Whether it tells of something that happened, so that it can be similar to what happens now.
    pub fn tells_of_an_incident(self) -> bool {
        matches!(self, DocumentKind::Postmortem | DocumentKind::Incident)
    }
}

impl std::fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a part of a document is about, whatever its heading calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// What happened, in short.
    Summary,
    /// What happened when.
    Timeline,
    /// Who felt it, and how much.
    Impact,
    /// Why it happened.
    RootCause,
    /// How it was noticed.
    Detection,
    /// What made it bearable.
    Mitigation,
    /// What ended it.
    Resolution,
    /// What was learned.
    Lessons,
    /// What is to be done.
    ActionItems,
    /// What keeps it from happening again.
    Prevention,
    /// What to do, step by step.
    Steps,
    /// Anything else.
    Other,
}

/// Names a document for good: where it came from, a colon, its name there, as in `file:/srv/docs/outage.md`,
/// `git:runbooks:checkout.md` or `incident:INC-17`. At most 1,000 bytes without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(into = "String", try_from = "String")]
#[schemars(with = "String")]
pub struct DocumentId(String);

impl DocumentId {
    /// The document that a closed incident becomes; none for an id that is too long, which there is none of.
    pub fn of_incident(incident: &IncidentId) -> Option<Self> {
        DocumentId::new(format!("incident:{incident}")).ok()
    }

    /// The most bytes of an id.
    pub const MOST_BYTES: usize = 1_000;

    /// Takes `text` as an id.
    ///
    /// # Errors
    /// [`BadName`] if it can't be one.
    pub fn new(text: impl Into<String>) -> Result<Self, BadName> {
        let text = text.into();
        let is_named = text.split_once(':').is_some_and(|(from, name)| !from.is_empty() && !name.is_empty());
        if is_named && text.len() <= Self::MOST_BYTES && !text.contains(char::is_control) {
            return Ok(DocumentId(text));
        }
        Err(BadName::of("a document id such as file:/srv/docs/outage.md", &text))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for DocumentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for DocumentId {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        Self::new(text)
    }
}

impl From<DocumentId> for String {
    fn from(id: DocumentId) -> String {
        id.0
    }
}

/// A document as the index knows it: everything but its passages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filed {
    /// Its name.
    pub id: DocumentId,
    /// The digest of its content and of the rules it was cut by: another one means that it has to be indexed again.
    pub version: Digest,
    /// What kind of thing it is.
    pub kind: DocumentKind,
    /// What it is called.
    pub title: ExternalText,
    /// The services it is about; empty where that is not known.
    pub services: Vec<ServiceName>,
    /// When what it tells of happened, where it says so.
    pub happened_at: Option<Timestamp>,
    /// When it could be known: nothing that asks as of an earlier time finds it.
    pub known_at: Timestamp,
    /// Who could have written it.
    pub origin: Origin,
    /// What it was read from: a directory, a repository, the record.
    pub source: SourceName,
    /// Who merged it, where that is known.
    pub merged_by: Option<ExternalText>,
    /// Who answers for it, where it says so.
    pub owner: Option<ExternalText>,
    /// Where a person can read it.
    pub link: Option<String>,
    /// What broke, in the document's own words; at most some hundred bytes.
    pub broke: Option<ExternalText>,
    /// What fixed it, likewise.
    pub fixed: Option<ExternalText>,
    /// What was wrong with it when it was read, one sentence each: front matter that can't be read, links that lead nowhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// How many passages it was cut into.
    pub parts: u32,
    /// When it was indexed.
    pub indexed_at: Timestamp,
}

/// A piece of a document: what is embedded, found and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// The document it belongs to.
    pub document: DocumentId,
    /// The version of the document it belongs to.
    pub version: Digest,
    /// Its place in the document, from 0.
    pub part: u32,
    /// What it is about.
    pub section: Section,
    /// The headings above it, the outermost first, joined by ` › `; empty before the first.
    pub heading: ExternalText,
    /// The line of the document it begins at, from 1.
    pub line: u32,
    /// Its text.
    pub text: ExternalText,
    /// What is searched: its text with the document's title, its headings and its services.
    pub searched: ExternalText,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_id_says_where_it_came_from() {
        for good in ["file:/srv/docs/outage.md", "git:runbooks:checkout.md", "incident:INC-17"] {
            assert_eq!(DocumentId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "outage.md", ":x", "file:", "file:a\nb", &format!("file:{}", "x".repeat(1_000))] {
            assert!(DocumentId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_kind_is_called_the_same_everywhere() {
        for kind in DocumentKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
