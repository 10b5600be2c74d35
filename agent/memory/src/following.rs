//! Following a source: what is new or changed is read and shelved, what is gone is forgotten, what stayed is left alone. The
//! content decides, not times. Where a source could not be listed whole, nothing is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::memory::source::{Writing, WritingSource};
use hearback_core::memory::store::{MemoryError, Shelved};
use hearback_core::memory::{DocumentId, Filed};
use hearback_core::{ExternalText, SourceName};
use jiff::SignedDuration;
use serde::Serialize;

use crate::library::{Library, Progress};
use crate::reading::{Read, Reader, read, version};
use crate::writing::{ENDINGS, text_of};

/// So many files are read at once.
const FILES: usize = 200;
/// Listing a source may take so long, and reading one batch of it.
const WITHIN: SignedDuration = SignedDuration::from_mins(2);

/// Whether documents of the source that are not there any more are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// They are.
    Forget,
    /// They stay.
    Keep,
}

/// What became of a source's documents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Followed {
    /// The source.
    pub source: String,
    /// What was searched.
    pub searched: String,
    /// How many are new.
    pub added: usize,
    /// How many were there in another version.
    pub changed: usize,
    /// How many stayed as they were.
    pub unchanged: usize,
    /// How many are gone.
    pub removed: usize,
    /// Files that could not be read as documents, each with the reason.
    pub left_out: Vec<(String, String)>,
    /// Documents with something wrong in them, each with what it is.
    pub problems: Vec<(String, String)>,
    /// What could not be seen.
    pub missing: Vec<String>,
}

/// How a source and the store differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// Documents that are not filed yet.
    pub added: Vec<DocumentId>,
    /// Documents that are filed in another version.
    pub changed: Vec<DocumentId>,
    /// Documents that are filed and not there any more.
    pub gone: Vec<DocumentId>,
    /// What could not be seen.
    pub missing: Vec<String>,
}

impl Library {
    /// Brings the store to what `source` holds now. What was shelved is durable batch by batch, so an interrupted run is
    /// taken up by the next.
    ///
    /// # Errors
    /// The source can't be listed, or the store or the embedder failed.
    pub async fn follow(
        &self,
        source: &dyn WritingSource,
        gone: Gone,
        reader: Reader<'_>,
        progress: Progress<'_>,
    ) -> Result<Followed, MemoryError> {
        let listed = source.names(WITHIN).await?;
        let mut followed = Followed {
            source: source.name().to_string(),
            searched: listed.coverage.searched.clone(),
            missing: listed.coverage.missing.clone(),
            ..Followed::default()
        };
        let all: BTreeSet<&str> = listed.items.iter().map(String::as_str).collect();
        let mut seen: BTreeSet<DocumentId> = BTreeSet::new();
        let mut done = 0;
        for names in listed.items.chunks(FILES) {
            let writings = source.read(names, WITHIN).await?;
            let ids: Vec<DocumentId> = writings.iter().map(|writing| writing.id.clone()).collect();
            let known: BTreeMap<DocumentId, Filed> =
                self.store.find(&ids).await?.into_iter().map(|filed| (filed.id.clone(), filed)).collect();
            let mut documents = Vec::new();
            for writing in &writings {
                let before = known.get(&writing.id);
                if before
                    .is_some_and(|filed| filed.version == version(writing) && filed.source == writing.source)
                {
                    followed.unchanged += 1;
                    seen.insert(writing.id.clone());
                    continue;
                }
                if let Some(document) = shelved(writing, reader, &all, &mut followed) {
                    seen.insert(writing.id.clone());
                    *(if before.is_some() { &mut followed.changed } else { &mut followed.added }) += 1;
                    documents.push(document);
                }
            }
            self.shelve(documents, &|_, _| {}).await?;
            done += names.len();
            progress(done, listed.items.len());
        }
        if gone == Gone::Forget && followed.missing.is_empty() {
            let lost: Vec<DocumentId> =
                self.of_source(source.name()).await?.into_iter().filter(|id| !seen.contains(id)).collect();
            followed.removed = usize::try_from(self.store.remove(&lost).await?).unwrap_or(usize::MAX);
        }
        Ok(followed)
    }

    /// What [`Library::follow`] would do, without doing it.
    ///
    /// # Errors
    /// The source can't be listed, or the store failed.
    pub async fn compare(&self, source: &dyn WritingSource) -> Result<Compared, MemoryError> {
        let listed = source.names(WITHIN).await?;
        let mut compared = Compared { missing: listed.coverage.missing.clone(), ..Compared::default() };
        let mut seen: BTreeSet<DocumentId> = BTreeSet::new();
        for names in listed.items.chunks(FILES) {
            let writings = source.read(names, WITHIN).await?;
            let ids: Vec<DocumentId> = writings.iter().map(|writing| writing.id.clone()).collect();
            let known = self.store.find(&ids).await?;
            for writing in writings {
                if let Some(filed) = known.iter().find(|filed| filed.id == writing.id) {
                    if filed.version != version(&writing) {
                        compared.changed.push(writing.id.clone());
                    }
                    seen.insert(writing.id);
                } else if text_of(&writing.bytes).is_ok() {
                    compared.added.push(writing.id);
                }
            }
        }
        let filed = self.of_source(source.name()).await?;
        compared.gone = filed.into_iter().filter(|id| !seen.contains(id)).collect();
        Ok(compared)
    }

    /// The documents filed under a source.
    ///
    /// # Errors
    /// The store failed.
    pub async fn of_source(&self, source: &SourceName) -> Result<Vec<DocumentId>, MemoryError> {
        let filed = self.filed().await?;
        Ok(filed.into_iter().filter(|filed| filed.source == *source).map(|filed| filed.id).collect())
    }
}

fn shelved(
    writing: &Writing,
    reader: Reader<'_>,
    names: &BTreeSet<&str>,
    followed: &mut Followed,
) -> Option<Shelved> {
    match read(writing, reader) {
        Ok(Read { mut shelved, links }) => {
            let dead = links.iter().filter(|link| leads_nowhere(&writing.name, link, names)).take(5);
            let dead: Vec<String> = dead
                .map(|link| {
                    format!(
                        "it links to {}, which is not there",
                        ExternalText::from(link.as_str()).for_people(100)
                    )
                })
                .collect();
            shelved.filed.problems.extend(dead);
            let problems = shelved.filed.problems.iter();
            followed.problems.extend(problems.map(|problem| (writing.name.clone(), problem.clone())));
            Some(shelved)
        }
        Err(why) => {
            followed.left_out.push((writing.name.clone(), why.to_string()));
            None
        }
    }
}

/// Whether a link inside the source names a document that it does not hold. Links to the world and to other files are not
/// looked at.
fn leads_nowhere(from: &str, link: &str, names: &BTreeSet<&str>) -> bool {
    let path = link.split(['#', '?']).next().unwrap_or_default();
    let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_lowercase());
    let is_document = ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()));
    if path.contains(':') || path.starts_with("//") || !is_document {
        return false;
    }
    let base =
        if path.starts_with('/') { "" } else { from.rsplit_once('/').map_or("", |(folder, _)| folder) };
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            // Above the source there may be anything.
            if parts.pop().is_none() {
                return false;
            }
        } else {
            parts.push(part);
        }
    }
    let decoded = parts.join("/").replace("%20", " ");
    !names.contains(decoded.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_inside_a_source_are_followed() {
        let names = BTreeSet::from(["a.md", "deep/b.md", "deep/two words.md"]);
        let check = |from: &str, link: &str, expect: bool| {
            assert_eq!(leads_nowhere(from, link, &names), expect, "{link} in {from}");
        };
        check("deep/b.md", "../a.md#part", false);
        check("deep/b.md", "./two%20words.md", false);
        check("deep/b.md", "/a.md", false);
        check("deep/b.md", "a.md", true);
        check("a.md", "deep/c.md", true);
        check("a.md", "../outside.md", false);
        check("a.md", "https://x.test/c.md", false);
        check("a.md", "picture.png", false);
        check("a.md", "#part", false);
    }
}
