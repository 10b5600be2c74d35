//! The library over its real store: what is found and how it is weighed, how a source is followed, how one model follows
//! another. Documents are made up; the embedder counts letters, so that meaning is something a reader can reckon.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod finding;
mod following;
mod keeping;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use hearback_core::memory::source::{Writing, WritingSource};
use hearback_core::memory::store::{EmbedAs, Embedder, MemoryError, Shelved, VectorSpace};
use hearback_core::memory::{DocumentId, DocumentKind};
use hearback_core::{Coverage, Fetched, Origin, ServiceName, SourceName};
use hearback_memory::following::{Gone, How};
use hearback_memory::library::Library;
use hearback_memory::reading::{Reader, read};
use hearback_memory::weights::Weights;
use hearback_qdrant::EdgeStore;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

const NOW: &str = "2026-03-02T14:00:00Z";
const BUDGET: SignedDuration = SignedDuration::from_secs(30);

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn service(name: &str) -> ServiceName {
    ServiceName::new(name).unwrap()
}

/// Says how often each of the first letters is in a text, and can be told to fail.
struct Letters {
    space: VectorSpace,
    fails: AtomicBool,
    texts: AtomicUsize,
}

impl Letters {
    fn new(model: &str) -> Arc<Self> {
        let space = VectorSpace { model: model.into(), dimension: 26 };
        Arc::new(Letters { space, fails: AtomicBool::new(false), texts: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Embedder for Letters {
    fn space(&self) -> &VectorSpace {
        &self.space
    }

    async fn embed(
        &self,
        texts: &[String],
        _: EmbedAs,
        _: SignedDuration,
    ) -> Result<Vec<Vec<f32>>, MemoryError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(MemoryError::Failed("the letters are out".into()));
        }
        self.texts.fetch_add(texts.len(), Ordering::SeqCst);
        let vector = |text: &String| -> Vec<f32> {
            let text = text.to_lowercase();
            let counts: Vec<f32> = ('a'..='z').map(|letter| text.matches(letter).count() as f32).collect();
            let length = counts.iter().map(|count| count * count).sum::<f32>().sqrt().max(1.0);
            counts.into_iter().map(|count| count / length).collect()
        };
        Ok(texts.iter().map(vector).collect())
    }
}

/// A library in a folder of its own.
struct Shelf {
    library: Library,
    folder: TempDir,
}

async fn shelf(embedder: Option<Arc<Letters>>) -> Shelf {
    let folder = tempfile::tempdir().unwrap();
    let space = embedder.as_ref().map(|embedder| embedder.space.clone());
    let store = EdgeStore::open(folder.path(), space).await.unwrap();
    let embedder = embedder.map(|embedder| embedder as Arc<dyn Embedder>);
    Shelf { library: Library::new(Arc::new(store), embedder, Weights::shipped().unwrap()), folder }
}

fn reader() -> Reader<'static> {
    Reader { services: &[], now: now() }
}

fn writing(source: &str, name: &str, text: &str, kind: DocumentKind) -> Writing {
    Writing {
        id: DocumentId::new(format!("{source}/{name}")).unwrap(),
        source: SourceName::new(source).unwrap(),
        name: name.into(),
        bytes: text.as_bytes().to_vec(),
        kind: Some(kind),
        origin: Origin::Member,
        merged_by: None,
        merged_at: None,
        written_at: None,
        link: None,
    }
}

/// A document of a service, known since a day.
fn document(kind: DocumentKind, name: &str, of: &str, day: &str, text: &str) -> Shelved {
    let text = format!("---\nservices: [{of}]\ndate: {day}\n---\n{text}");
    read(&writing("memory:made-up", name, &text, kind), reader()).unwrap().shelved
}

fn postmortem(name: &str, of: &str, day: &str, text: &str) -> Shelved {
    document(DocumentKind::Postmortem, name, of, day, text)
}

/// A source whose documents a test changes.
struct Pile {
    name: SourceName,
    kind: DocumentKind,
    files: Mutex<BTreeMap<String, String>>,
    /// What can't be reached.
    missing: Mutex<Vec<String>>,
}

impl Pile {
    fn new(kind: DocumentKind, files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Pile {
            name: SourceName::new("memory:pile").unwrap(),
            kind,
            files: Mutex::new(files),
            missing: Mutex::default(),
        }
    }

    fn write(&self, name: &str, text: &str) {
        self.files.lock().unwrap().insert(name.into(), text.into());
    }

    fn remove(&self, name: &str) {
        self.files.lock().unwrap().remove(name).unwrap();
    }
}

#[async_trait]
impl WritingSource for Pile {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn names(&self, _: SignedDuration) -> Result<Fetched<String>, MemoryError> {
        let items: Vec<String> = self.files.lock().unwrap().keys().cloned().collect();
        let missing = self.missing.lock().unwrap().clone();
        Ok(Fetched {
            items,
            coverage: Coverage { missing, ..Coverage::complete(self.name.clone(), "a pile") },
        })
    }

    async fn read(&self, names: &[String], _: SignedDuration) -> Result<Vec<Writing>, MemoryError> {
        let files = self.files.lock().unwrap();
        let there = names.iter().filter_map(|name| files.get_key_value(name));
        Ok(there.map(|(name, text)| writing(self.name.as_str(), name, text, self.kind)).collect())
    }
}

fn how() -> How<'static> {
    How { gone: Gone::Forget, reader: reader(), web: None }
}
