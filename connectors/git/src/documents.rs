//! Documents as code: the texts of the commit that is looked at, each with who merged its last change, and when. Merged is
//! what is on the main line: of a merge, whoever merged. It must not know what stands in the texts.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use git2::ObjectType;
use hearback_core::memory::source::{Writing, WritingSource};
use hearback_core::memory::store::MemoryError;
use hearback_core::memory::{DocumentId, DocumentKind};
use hearback_core::ports::ConnectorError;
use hearback_core::{Coverage, ExternalText, Fetched, Origin, SourceName};
use jiff::{SignedDuration, Timestamp};

use crate::authors::Authors;
use crate::head;
use crate::object::{parse_header, parse_words};
use crate::objects::Objects;
use crate::question::Shared;
use crate::repositories;
use crate::source::{GitChangeSource, blocking};
use crate::stop::Stop;
use crate::tree;

/// History is read so far back: what was not touched since counts as merged then.
const MOST_COMMITS: usize = 200_000;

/// Which files of a repository are documents.
pub type IsDocument = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// The documents of a repository.
pub struct GitDocuments {
    name: SourceName,
    git: GitChangeSource,
    is_document: IsDocument,
    kind: Option<DocumentKind>,
    origin: Origin,
    merged: tokio::sync::OnceCell<HashMap<String, Merged>>,
}

/// The last change of a file on the main line.
#[derive(Debug, Clone)]
struct Merged {
    commit: String,
    by: ExternalText,
    at: Option<Timestamp>,
}

impl GitDocuments {
    /// The files of `git` that `is_document`, filed under `name`.
    pub fn new(
        name: SourceName,
        git: GitChangeSource,
        is_document: IsDocument,
        kind: Option<DocumentKind>,
        origin: Origin,
    ) -> Self {
        GitDocuments { name, git, is_document, kind, origin, merged: tokio::sync::OnceCell::new() }
    }

    async fn listed(&self, budget: SignedDuration) -> Result<head::Listing, MemoryError> {
        let mut listing = self.git.load_paths_at_head(budget).await.map_err(failed)?;
        listing.files.retain(|file| (self.is_document)(file.as_str()));
        Ok(listing)
    }

    /// Read once: a listing and what is read of it are of the same moment.
    async fn merged(&self, budget: SignedDuration) -> Result<&HashMap<String, Merged>, MemoryError> {
        let read = || async {
            let names: Vec<String> =
                self.listed(budget).await?.files.iter().map(|file| file.as_str().to_owned()).collect();
            let shared = self.git.shared();
            blocking(budget, move |stop| last_changes(&shared, names, stop)).await.map_err(failed)
        };
        self.merged.get_or_try_init(read).await
    }
}

fn failed(error: ConnectorError) -> MemoryError {
    match error {
        ConnectorError::NotUsable(why) => MemoryError::NotUsable(why),
        ConnectorError::TimedOut(budget) => MemoryError::TimedOut(budget),
        ConnectorError::Failed(why) => MemoryError::Failed(why),
    }
}

/// Walks the main line back until every file was met. What is not met in time is left out.
fn last_changes(
    shared: &Shared,
    mut names: Vec<String>,
    stop: &Stop,
) -> Result<HashMap<String, Merged>, ConnectorError> {
    shared.repositories.with(|repository| {
        let mut next = Some(repositories::resolve(repository, shared.options.revision.as_deref())?.oid);
        let unreadable = |_| ConnectorError::Failed("git's objects can't be read".to_owned());
        let objects = Objects::new(repository).map_err(unreadable)?;
        let mut authors: Option<Authors> = None;
        let mut merged = HashMap::new();
        for _ in 0..MOST_COMMITS {
            let Some(oid) = next.filter(|_| !names.is_empty() && stop.check().is_ok()) else { break };
            let Ok(raw) = objects.content(oid, ObjectType::Commit) else { break };
            let Some(header) = parse_header(&raw) else { break };
            let authors = authors.get_or_insert_with(|| Authors::of_tree(&objects, Some(header.tree)));
            next = header.parents.first().copied();
            let parent = match next {
                None => None,
                Some(parent) => {
                    match objects.content(parent, ObjectType::Commit).ok().and_then(|raw| parse_header(&raw))
                    {
                        Some(parent) => Some(parent.tree),
                        // A shallow clone ends here: nobody can tell who changed what before.
                        None => break,
                    }
                }
            };
            let Ok(deltas) = tree::diff(&objects, parent, Some(header.tree)) else { break };
            for delta in deltas {
                let path = hearback_core::change::RepoPath::from_bytes(&delta.path);
                if let Some(place) = names.iter().position(|name| *name == path.as_str()) {
                    let by = authors.resolve(&parse_words(&raw)).name;
                    let at = Timestamp::from_second(header.committed_s).ok();
                    merged.insert(names.swap_remove(place), Merged { commit: oid.to_string(), by, at });
                }
            }
        }
        Ok(merged)
    })?
}

#[async_trait]
impl WritingSource for GitDocuments {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn names(&self, budget: SignedDuration) -> Result<Fetched<String>, MemoryError> {
        let listing = self.listed(budget).await?;
        let items: Vec<String> = listing.files.iter().map(|file| file.as_str().to_owned()).collect();
        let what = if items.len() == 1 { "document" } else { "documents" };
        let searched = format!("{} {what} in {}", items.len(), self.git.repository_name());
        let missing = listing.missing.into_iter().collect();
        Ok(Fetched { items, coverage: Coverage { source: self.name.clone(), searched, missing } })
    }

    async fn read(&self, names: &[String], budget: SignedDuration) -> Result<Vec<Writing>, MemoryError> {
        let merged = self.merged(budget).await?;
        let shared = self.git.shared();
        let mut writings = Vec::new();
        for name in names {
            let bytes = match self.git.load_file_at_head(name, budget).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => continue,
                // Too large: its length is said where it is read as a document.
                Err(ConnectorError::NotUsable(_)) => vec![b' '; head::LARGEST_BYTES + 1],
                Err(error) => return Err(failed(error)),
            };
            let last = merged.get(name);
            writings.push(Writing {
                id: DocumentId::new(format!("git:{}:{name}", self.git.repository_name()))
                    .map_err(|error| MemoryError::NotUsable(error.to_string()))?,
                source: self.name.clone(),
                name: name.clone(),
                bytes,
                kind: self.kind,
                origin: self.origin,
                merged_by: last.map(|last| last.by.clone()),
                merged_at: last.and_then(|last| last.at),
                written_at: None,
                link: last.and_then(|last| shared.forge.as_ref()?.file(&last.commit, name)),
            });
        }
        Ok(writings)
    }
}
