//! Following a source: what is new or changed is read and shelved, what is gone is forgotten, what stayed is left alone. The
//! content decides, not times. Where a source could not be listed whole, nothing is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, stream};
use hearback_core::memory::source::{Page, Web, Writing, WritingSource};
use hearback_core::memory::store::{MemoryError, Shelved};
use hearback_core::memory::{DocumentId, DocumentKind, Filed};
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
/// So many dead links of a document are told of each kind.
const DEAD: usize = 5;
/// So many pages that a runbook links to are looked at, so many at once, each for so long.
const PAGES: usize = 50;
const PAGES_AT_ONCE: usize = 4;
const PAGE_WITHIN: SignedDuration = SignedDuration::from_secs(5);

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

/// How a source is followed.
#[derive(Clone, Copy)]
pub struct How<'a> {
    /// What becomes of documents that are not there any more.
    pub gone: Gone,
    /// What is known when documents are read.
    pub reader: Reader<'a>,
    /// Looks at the pages that runbooks link to; none if nobody may.
    pub web: Option<&'a dyn Web>,
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
        how: How<'_>,
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
                let stayed = before
                    .filter(|filed| filed.version == version(writing) && filed.source == writing.source);
                if let Some(filed) = stayed {
                    followed.unchanged += 1;
                    seen.insert(writing.id.clone());
                    if how.web.is_some() && filed.kind == DocumentKind::Runbook {
                        self.look_again(writing, filed, &all, how).await?;
                    }
                } else if let Some(document) = shelved(writing, &all, how, &mut followed).await {
                    seen.insert(writing.id.clone());
                    *(if before.is_some() { &mut followed.changed } else { &mut followed.added }) += 1;
                    documents.push(document);
                }
            }
            self.shelve(documents, &|_, _| {}).await?;
            done += names.len();
            progress(done, listed.items.len());
        }
        if how.gone == Gone::Forget && followed.missing.is_empty() {
            let lost: Vec<DocumentId> =
                self.of_source(source.name()).await?.into_iter().filter(|id| !seen.contains(id)).collect();
            followed.removed = usize::try_from(self.store.remove(&lost).await?).unwrap_or(usize::MAX);
        }
        Ok(followed)
    }

    /// A runbook that stayed as it was may link to pages that did not.
    async fn look_again(
        &self,
        writing: &Writing,
        filed: &Filed,
        names: &BTreeSet<&str>,
        how: How<'_>,
    ) -> Result<(), MemoryError> {
        let Ok(read) = read(writing, how.reader) else { return Ok(()) };
        let problems = problems(writing, &read, names, how.web, &filed.problems).await;
        if problems == filed.problems {
            return Ok(());
        }
        let mut taken = self.store.take(std::slice::from_ref(&filed.id)).await?;
        taken.iter_mut().for_each(|one| one.filed.problems.clone_from(&problems));
        self.store.put(taken).await
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

async fn shelved(
    writing: &Writing,
    names: &BTreeSet<&str>,
    how: How<'_>,
    followed: &mut Followed,
) -> Option<Shelved> {
    match read(writing, how.reader) {
        Ok(read) => {
            let problems = problems(writing, &read, names, how.web, &[]).await;
            followed.problems.extend(problems.iter().map(|problem| (writing.name.clone(), problem.clone())));
            let mut shelved = read.shelved;
            shelved.filed.problems = problems;
            Some(shelved)
        }
        Err(why) => {
            followed.left_out.push((writing.name.clone(), why.to_string()));
            None
        }
    }
}

/// What is wrong with a document: what was seen when it was read, and links that lead nowhere. `before` is what was known.
async fn problems(
    writing: &Writing,
    read: &Read,
    names: &BTreeSet<&str>,
    web: Option<&dyn Web>,
    before: &[String],
) -> Vec<String> {
    let shown = |link: &str| ExternalText::from(link).for_people(100);
    let mut problems = read.shelved.filed.problems.clone();
    let dead = read.links.iter().filter(|link| leads_nowhere(&writing.name, link, names)).take(DEAD);
    problems.extend(dead.map(|link| format!("it links to {}, which is not there", shown(link))));
    let Some(web) = web.filter(|_| read.shelved.filed.kind == DocumentKind::Runbook) else { return problems };
    let pages = read.links.iter().filter(|link| link.starts_with("http://") || link.starts_with("https://"));
    let looks = pages.take(PAGES).map(|link| async move { (link, web.look(link, PAGE_WITHIN).await) });
    let looked: Vec<_> = stream::iter(looks).buffered(PAGES_AT_ONCE).collect().await;
    let gone = looked.into_iter().filter_map(|(link, page)| match page {
        Page::Gone(said) => Some(format!("it links to {}, which is gone ({said})", shown(link))),
        Page::There => None,
        // What is not known now is as it was known.
        Page::Unknown => {
            let beginning = format!("it links to {}, which is gone (", shown(link));
            before.iter().find(|problem| problem.starts_with(&beginning)).cloned()
        }
    });
    problems.extend(gone.take(DEAD));
    problems
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
