//! Memory, opened as the configuration says: which store, which embedder, and how what is kept gets from one model to
//! another. A store has one space for good, so each model has a folder (or a collection) of its own.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use globset::{Glob, GlobSet, GlobSetBuilder};
use hearback_core::memory::recall::{Memory, Remembered, RunbookQuery, SimilarQuery};
use hearback_core::memory::source::WritingSource;
use hearback_core::memory::store::{EmbedAs, Embedder, MemoryError, PassageStore, VectorSpace};
use hearback_core::{Coverage, ExternalText, Fetched, ServiceName, SourceName};
use hearback_git::{GitDocuments, GitOptions, IsDocument};
use hearback_http::{Credentials, HttpOptions};
use hearback_memory::folder::Folder;
use hearback_memory::library::{Library, Progress};
use hearback_memory::writing::ENDINGS;
use hearback_minilm::MiniLm;
use hearback_model::{Cached, Dimension, EmbeddingOptions, OpenAiEmbedder, VectorCache};
use hearback_qdrant::{ApiKey, EdgeStore, QdrantStore};
use jiff::SignedDuration;
use tokio::sync::OnceCell;

use crate::config::memory::{Embedding, MemoryFolder, MemoryPlace, origin};
use crate::config::serve::Secret;
use crate::config::{Config, in_home};
use crate::output::Usage;

/// A server may take so long to answer, whatever it is asked.
const SERVER_WITHIN: Duration = Duration::from_secs(10);
/// Setting up an endpoint may take so long.
const SET_UP_WITHIN: SignedDuration = SignedDuration::from_secs(5);
/// So many vectors of an endpoint are kept, so that no text is paid for twice.
const VECTORS: u32 = 500_000;
/// The name of documents that were added one by one.
pub const ADDED: &str = "memory:added";
/// The name of closed incidents.
pub const INCIDENTS: &str = "memory:incidents";

/// The sentence model, read when it is first needed: most commands never do.
struct Lazy {
    folder: PathBuf,
    space: VectorSpace,
    model: OnceCell<MiniLm>,
}

#[async_trait]
impl Embedder for Lazy {
    fn space(&self) -> &VectorSpace {
        &self.space
    }

    async fn embed(
        &self,
        texts: &[String],
        texts_are: EmbedAs,
        budget: SignedDuration,
    ) -> Result<Vec<Vec<f32>>, MemoryError> {
        let open = || async {
            let folder = self.folder.clone();
            let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
            tokio::task::spawn_blocking(move || MiniLm::open(&folder, threads)).await.unwrap_or_else(|_| {
                Err(MemoryError::Failed("reading the sentence model was broken off".into()))
            })
        };
        let within = std::time::Duration::try_from(budget).unwrap_or_default();
        let model = tokio::time::timeout(within, self.model.get_or_try_init(open)).await;
        model.map_err(|_| MemoryError::TimedOut(budget))??.embed(texts, texts_are, budget).await
    }
}

/// What makes vectors here, and why nothing does, if nothing does.
pub async fn embedder(config: &Config) -> Result<(Option<Arc<dyn Embedder>>, Option<String>)> {
    match &config.memory.embedding {
        Embedding::None => Ok((None, None)),
        Embedding::Local(folder) => {
            if !hearback_minilm::FILES.iter().all(|file| folder.join(file).is_file()) {
                let why =
                    format!("the sentence model is not in {}; `make model` fetches it", folder.display());
                return Ok((None, Some(why)));
            }
            let space = VectorSpace {
                model: hearback_minilm::MODEL.to_owned(),
                dimension: hearback_minilm::DIMENSION,
            };
            let lazy = Lazy { folder: folder.clone(), space, model: OnceCell::new() };
            Ok((Some(Arc::new(lazy)), None))
        }
        Embedding::Endpoint { url, model, dimension, api_key } => {
            let mut http = HttpOptions::new(url);
            if let Some(key) = api_key {
                http.credentials = Credentials::Bearer(hearback_http::Secret::new(&key.read()?));
            }
            let mut options = EmbeddingOptions::new(http, model);
            options.dimension = Dimension::Known(*dimension);
            let embedder = OpenAiEmbedder::open(options, SET_UP_WITHIN).await?;
            let cache = in_home("XDG_CACHE_HOME", ".cache")?.join("vectors.sqlite");
            if let Some(folder) = cache.parent() {
                // Without it the cache stays empty.
                let _ = std::fs::create_dir_all(folder);
            }
            let cache = Arc::new(VectorCache::open(&cache, VECTORS));
            Ok((Some(Arc::new(Cached::new(embedder, cache))), None))
        }
    }
}

/// How a space is called in a folder or a collection.
fn slug(space: Option<&VectorSpace>) -> String {
    let Some(space) = space else { return "words".to_owned() };
    let clean = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    format!("{}-{}", space.model.chars().map(clean).collect::<String>(), space.dimension)
}

/// What to do where there is no memory yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Make one.
    Make,
    /// Leave it: there is nothing to find.
    Leave,
}

/// The folders of stores under a memory's folder, with what each holds.
fn stores(folder: &Path) -> Result<Vec<(PathBuf, Option<VectorSpace>)>> {
    let mut stores = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(stores) };
    for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
        if let Some(existing) = EdgeStore::existing(&entry.path())? {
            stores.push((entry.path(), existing.space));
        }
    }
    stores.sort();
    Ok(stores)
}

/// The library, opened; none if memory is off, or if there is none and none should be made. Where the model has changed,
/// the store of the old one is opened until [`carry_over`] has emptied it.
pub async fn library(config: &Config, missing: Missing) -> Result<Option<Library>> {
    let (embedder, _) = embedder(config).await?;
    let wanted = embedder.as_ref().map(|embedder| embedder.space().clone());
    match &config.memory.place {
        MemoryPlace::Off => Ok(None),
        MemoryPlace::Folder(folder) => {
            let there = stores(folder)?;
            let is_wanted = |space: &Option<VectorSpace>| *space == wanted;
            let chosen = there.iter().find(|(_, space)| !is_wanted(space)).or_else(|| there.first());
            let (at, space) = match (chosen, missing) {
                (Some((at, space)), _) => (at.clone(), space.clone()),
                (None, Missing::Leave) => return Ok(None),
                (None, Missing::Make) => (folder.join(slug(wanted.as_ref())), wanted),
            };
            let store = EdgeStore::open(&at, space).await?;
            Ok(Some(Library::new(Arc::new(store), embedder, config.memory.weights.clone())))
        }
        MemoryPlace::Server { url, api_key, collection } => {
            let store = server(url, api_key.as_ref(), collection, wanted).await?;
            Ok(Some(Library::new(store, embedder, config.memory.weights.clone())))
        }
    }
}

/// What a question asks, and where closed incidents go. Memory that can't be opened is a gap in every answer, and keeps
/// nothing from being answered.
pub async fn memories(config: &Config, missing: Missing) -> (Vec<Arc<dyn Memory>>, Option<Library>) {
    match library(config, missing).await {
        Ok(Some(library)) => (vec![Arc::new(library.clone())], Some(library)),
        Ok(None) => (Vec::new(), None),
        Err(error) => {
            let Ok(name) = SourceName::new("memory") else { return (Vec::new(), None) };
            let why = ExternalText::new(format!("{error:#}")).for_people(300);
            tracing::error!(why, "memory can't be opened");
            (vec![Arc::new(Away { name, why })], None)
        }
    }
}

/// Memory that can't be opened.
struct Away {
    name: SourceName,
    why: String,
}

#[async_trait]
impl Memory for Away {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn similar(&self, _: &SimilarQuery) -> Result<Fetched<Remembered>, MemoryError> {
        Err(MemoryError::NotUsable(self.why.clone()))
    }

    async fn runbooks(&self, _: &RunbookQuery) -> Result<Fetched<Remembered>, MemoryError> {
        // Said once is enough.
        Ok(Fetched { items: Vec::new(), coverage: Coverage::complete(self.name.clone(), "") })
    }
}

/// The names of the catalog's services, as documents may call them.
pub fn known_services(config: &Config) -> Vec<(String, ServiceName)> {
    let mut known = Vec::new();
    for service in &config.catalog.services {
        known.push((service.name.to_string(), service.name.clone()));
        known.extend(service.aliases.iter().map(|alias| (alias.clone(), service.name.clone())));
    }
    known
}

/// A collection of a server, made if it is not there.
async fn server(
    url: &str,
    api_key: Option<&Secret>,
    collection: &str,
    space: Option<VectorSpace>,
) -> Result<Arc<dyn PassageStore>> {
    let key = api_key.map(|key| anyhow::Ok(ApiKey::new(key.read()?)?)).transpose()?;
    let collection = format!("{collection}-{}", slug(space.as_ref()));
    Ok(Arc::new(QdrantStore::connect(url, key, &collection, space, SERVER_WITHIN).await?))
}

/// Carries what a former model's store holds into the store of the present one, and removes the former. Says how many
/// documents were carried; none if there was nothing to carry.
pub async fn carry_over(config: &Config, progress: Progress<'_>) -> Result<Option<usize>> {
    let (MemoryPlace::Folder(folder), (Some(embedder), _)) = (&config.memory.place, embedder(config).await?)
    else {
        return Ok(None);
    };
    let wanted = Some(embedder.space().clone());
    let mut carried = None;
    for (at, space) in stores(folder)?.into_iter().filter(|(_, space)| *space != wanted) {
        let old = EdgeStore::open(&at, space).await?;
        let new = EdgeStore::open(&folder.join(slug(wanted.as_ref())), wanted.clone()).await?;
        let weights = config.memory.weights.clone();
        let old = Library::new(Arc::new(old), None, weights.clone());
        let new = Library::new(Arc::new(new), Some(embedder.clone()), weights);
        carried = Some(carried.unwrap_or(0) + new.carry_from(&old, progress).await?);
        drop(old);
        EdgeStore::destroy(&at).await?;
    }
    Ok(carried)
}

/// Removes everything that is kept in the memory's folder, damaged or not.
pub async fn destroy(config: &Config) -> Result<()> {
    if let MemoryPlace::Folder(folder) = &config.memory.place {
        let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
        for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
            EdgeStore::destroy(&entry.path()).await?;
        }
    }
    Ok(())
}

/// A new library in a folder that is thrown away.
pub async fn temporary(config: &Config, folder: &Path) -> Result<Library> {
    let (embedder, _) = embedder(config).await?;
    let space = embedder.as_ref().map(|embedder| embedder.space().clone());
    let store = EdgeStore::open(&folder.join(slug(space.as_ref())), space).await?;
    Ok(Library::new(Arc::new(store), embedder, config.memory.weights.clone()))
}

/// Opens another place than the configured one, to move everything there.
pub async fn elsewhere(config: &Config, to: &str) -> Result<Library> {
    let (embedder, _) = embedder(config).await?;
    let space = embedder.as_ref().map(|embedder| embedder.space().clone());
    if to.contains("://") {
        let (api_key, collection) = (config.memory.api_key.as_ref(), &config.memory.collection);
        let store = server(to, api_key, collection, space).await?;
        return Ok(Library::new(store, embedder, config.memory.weights.clone()));
    }
    let store = EdgeStore::open(&Path::new(to).join(slug(space.as_ref())), space).await?;
    Ok(Library::new(Arc::new(store), embedder, config.memory.weights.clone()))
}

/// What `memory sync` follows, by the configuration.
pub fn followed(config: &Config) -> Result<Vec<Arc<dyn WritingSource>>> {
    let mut sources: Vec<Arc<dyn WritingSource>> = Vec::new();
    let mut names: Vec<SourceName> = Vec::new();
    for folder in &config.memory.folders {
        let name = source_name(&mut names, folder.name.as_deref(), &folder.path)?;
        sources.push(Arc::new(folder_source(folder, name)?));
    }
    for repository in &config.memory.repositories {
        let name = source_name(&mut names, repository.name.as_deref(), &repository.path)?;
        let options = GitOptions { revision: repository.revision.clone(), ..GitOptions::default() };
        let git = super::open_git(&repository.path, repository.name.as_deref(), options)?;
        let wanted = patterns(&repository.paths)?;
        let is_document: IsDocument = Arc::new(move |path: &str| {
            let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
            let ends_well = ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()));
            ends_well && (wanted.is_empty() || wanted.is_match(path))
        });
        let origin = origin(repository.outsiders);
        sources.push(Arc::new(GitDocuments::new(name, git, is_document, repository.kind, origin)));
    }
    Ok(sources)
}

fn patterns(paths: &[String]) -> Result<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for pattern in paths {
        set.add(Glob::new(pattern).map_err(|error| Usage(format!("memory.repository.paths: {error}")))?);
    }
    Ok(set.build()?)
}

fn folder_source(folder: &MemoryFolder, name: SourceName) -> Result<Folder> {
    // Documents are called by their place, which must not depend on where the command was given.
    let path = std::path::absolute(&folder.path)
        .map_err(|error| Usage(format!("{} is no path: {error}", folder.path.display())))?;
    Ok(Folder::new(name, path, folder.kind, origin(folder.outsiders)))
}

/// `memory:` and a name that no other source has.
fn source_name(taken: &mut Vec<SourceName>, said: Option<&str>, path: &Path) -> Result<SourceName> {
    let folder = || path.file_name().map_or("documents".into(), |name| name.to_string_lossy().into_owned());
    let first = format!("memory:{}", said.map_or_else(folder, str::to_owned));
    let mut names = std::iter::once(first.clone()).chain((2..).map(|number| format!("{first}-{number}")));
    let is_free = |name: &String| {
        name != ADDED && name != INCIDENTS && taken.iter().all(|other| other.as_str() != name)
    };
    let name = names.find(is_free).unwrap_or(first);
    let name = SourceName::new(name).map_err(|error| Usage(error.to_string()))?;
    taken.push(name.clone());
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_is_called_so_that_it_can_be_a_folder() {
        let space = VectorSpace { model: "BAAI/bge small_v1.5".into(), dimension: 384 };
        assert_eq!(slug(Some(&space)), "baai-bge-small-v1-5-384");
        assert_eq!(slug(None), "words");
    }

    #[test]
    fn two_folders_of_one_name_are_told_apart() {
        let mut taken = Vec::new();
        let mut name = |said: Option<&str>, path: &str| {
            source_name(&mut taken, said, Path::new(path)).unwrap().to_string()
        };
        assert_eq!(name(None, "/a/docs"), "memory:docs");
        assert_eq!(name(None, "/b/docs"), "memory:docs-2");
        assert_eq!(name(Some("added"), "/c"), "memory:added-2");
    }
}
