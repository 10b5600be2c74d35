//! Memory, opened as the configuration says: which store, which embedder, and how what is kept gets from one model to
//! another.

mod embedding;
mod followed;
mod place;
mod web;

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use hearback_core::memory::recall::{Memory, Remembered, RunbookQuery, SimilarQuery};
use hearback_core::memory::store::{Embedder, MemoryError};
use hearback_core::{Coverage, ExternalText, Fetched, ServiceName, SourceName};
use hearback_memory::library::{Library, Progress};
use hearback_memory::living::LivingLibrary;
use hearback_memory::weights::Weights;
use hearback_qdrant::EdgeStore;

pub use self::embedding::embedder;
pub use self::followed::followed;
use self::place::Store;
use self::web::AllowedWeb;
use crate::config::Config;
use crate::config::memory::{MemoryConfig, MemoryPlace};

/// The name of documents that were added one by one.
pub const ADDED: &str = "memory:added";
/// The name of closed incidents.
pub const INCIDENTS: &str = "memory:incidents";

/// What to do where there is no memory yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Make one.
    Make,
    /// Leave it: there is nothing to find.
    Leave,
}

/// A memory that was opened.
pub struct Opened {
    /// What is in it.
    pub library: Library,
    /// The store that takes its place, where the model has changed.
    pub next: Option<Next>,
}

/// The store of the present model, while what is remembered is in that of a former one.
pub struct Next {
    store: Store,
    former: Store,
    embedder: Arc<dyn Embedder>,
    weights: Weights,
}

impl Next {
    /// Carries everything of `from`, the former store's library, and embeds it anew. What is interrupted goes on where it
    /// was. Says how many documents were carried.
    ///
    /// # Errors
    /// One of the stores or the embedder failed; what was carried before is kept.
    pub async fn carry(&self, from: &Library, progress: Progress<'_>) -> Result<(Library, usize)> {
        let store = self.store.open().await?;
        let next = Library::new(store, Some(Arc::clone(&self.embedder)), self.weights.clone());
        let carried = next.carry_from(from, progress).await?;
        Ok((next, carried))
    }

    /// Lets go of the former store, when nobody has it open any more.
    ///
    /// # Errors
    /// Somebody has.
    pub async fn let_go(&self) -> Result<()> {
        self.former.let_go().await
    }
}

/// The memory, opened; none if it is off, or if there is none and none should be made. Where the model has changed, the
/// store of the former one is opened until [`Next`] has taken its place.
pub async fn open(config: &Config, missing: Missing) -> Result<Option<Opened>> {
    let (embedder, _) = embedder(config).await?;
    let space = embedder.as_ref().map(|embedder| embedder.space().clone());
    let place = &config.memory.place;
    let Some(wanted) = Store::of(place, space)? else { return Ok(None) };
    let weights = config.memory.weights.clone();
    if let Some(former) = wanted.former(place).await? {
        let library = Library::new(former.open().await?, embedder.clone(), weights.clone());
        let next = embedder.map(|embedder| Next { store: wanted, former, embedder, weights });
        return Ok(Some(Opened { library, next }));
    }
    // A server's collection is made by whoever comes first: only a folder is left alone.
    if missing == Missing::Leave && matches!(place, MemoryPlace::Folder(_)) && !wanted.is_there().await? {
        return Ok(None);
    }
    let library = Library::new(wanted.open().await?, embedder, weights);
    Ok(Some(Opened { library, next: None }))
}

/// What a question asks, and where closed incidents go. Memory that can't be opened is a gap in every answer, and keeps
/// nothing from being answered.
pub async fn memories(config: &Config, missing: Missing) -> (Vec<Arc<dyn Memory>>, Option<Living>) {
    match open(config, missing).await {
        Ok(Some(Opened { library, next })) => {
            let library = Arc::new(LivingLibrary::new(library));
            (vec![Arc::clone(&library) as Arc<dyn Memory>], Some(Living { library, next }))
        }
        Ok(None) => (Vec::new(), None),
        Err(error) => {
            let Ok(name) = SourceName::new("memory") else { return (Vec::new(), None) };
            let why = ExternalText::new(format!("{error:#}")).for_people(300);
            tracing::error!(why, "memory can't be opened");
            (vec![Arc::new(Away { name, why })], None)
        }
    }
}

/// The memory of a running service.
pub struct Living {
    /// What is in it now.
    pub library: Arc<LivingLibrary>,
    /// What takes its place, where the model has changed.
    pub next: Option<Next>,
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

/// Looks at the pages that runbooks link to; none if the configuration allows it nowhere.
///
/// # Errors
/// What is allowed is no address.
pub fn web(config: &Config) -> Result<Option<AllowedWeb>> {
    let origins = &config.memory.web;
    (!origins.is_empty()).then(|| AllowedWeb::of(origins)).transpose()
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

/// Carries what a former model's store holds into the store of the present one, and lets go of the former. Says how many
/// documents were carried; none if there was nothing to carry.
pub async fn carry_over(config: &Config, progress: Progress<'_>) -> Result<Option<usize>> {
    let mut carried = None;
    while let Some(Opened { library, next: Some(next) }) = open(config, Missing::Leave).await? {
        let (new, count) = next.carry(&library, progress).await?;
        carried = Some(carried.unwrap_or(0) + count);
        drop((library, new));
        next.let_go().await?;
    }
    Ok(carried)
}

/// Where it is, in a sentence.
pub fn shown(config: &Config) -> String {
    match &config.memory.place {
        MemoryPlace::Off => "off".to_owned(),
        MemoryPlace::Folder(folder) => folder.display().to_string(),
        MemoryPlace::Server { url, collection, .. } => format!("{url}, collections {collection}-…"),
    }
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
    let store = Store::in_folder(folder, embedder.as_ref().map(|embedder| embedder.space().clone()));
    Ok(Library::new(store.open().await?, embedder, config.memory.weights.clone()))
}

/// Opens another place than the configured one, to move everything there.
pub async fn elsewhere(config: &Config, to: &str) -> Result<Library> {
    let (embedder, _) = embedder(config).await?;
    let space = embedder.as_ref().map(|embedder| embedder.space().clone());
    let store = if to.contains("://") {
        let MemoryConfig { api_key, collection, .. } = &config.memory;
        Store::on_server(to, api_key.as_ref(), collection, space)?
    } else {
        Store::in_folder(Path::new(to), space)
    };
    Ok(Library::new(store.open().await?, embedder, config.memory.weights.clone()))
}
