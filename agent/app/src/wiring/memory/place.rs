//! The stores of a memory. A store has one vector space for good, so each space has a folder or a collection of its own, and
//! a change of model leaves the former one behind until it is carried over.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use hearback_core::memory::store::{PassageStore, VectorSpace};
use hearback_qdrant::{ApiKey, EdgeStore, Existing, QdrantStore};

use crate::config::memory::MemoryPlace;
use crate::config::serve::Secret;

/// A server may take so long to answer, whatever it is asked.
const SERVER_WITHIN: Duration = Duration::from_secs(10);

/// A store that is there, or where one would be.
#[derive(Debug, Clone)]
pub struct Store {
    at: At,
    /// What its vectors mean; none if it keeps words alone.
    pub space: Option<VectorSpace>,
}

#[derive(Debug, Clone)]
enum At {
    Folder(PathBuf),
    Collection { url: String, key: Option<ApiKey>, name: String },
}

impl Store {
    /// Where the store of a space is under a folder.
    pub fn in_folder(folder: &Path, space: Option<VectorSpace>) -> Self {
        Store { at: At::Folder(folder.join(slug(space.as_ref()))), space }
    }

    /// Where the store of a space is on a server whose collections begin with `collection`.
    ///
    /// # Errors
    /// The key can't be read, or is none.
    pub fn on_server(
        url: &str,
        api_key: Option<&Secret>,
        collection: &str,
        space: Option<VectorSpace>,
    ) -> Result<Self> {
        let key = api_key.map(|key| anyhow::Ok(ApiKey::new(key.read()?)?)).transpose()?;
        let name = format!("{collection}-{}", slug(space.as_ref()));
        Ok(Store { at: At::Collection { url: url.to_owned(), key, name }, space })
    }

    /// Where the store of a space is in a memory; none if memory is off.
    ///
    /// # Errors
    /// As [`Store::on_server`].
    pub fn of(place: &MemoryPlace, space: Option<VectorSpace>) -> Result<Option<Self>> {
        Ok(match place {
            MemoryPlace::Off => None,
            MemoryPlace::Folder(folder) => Some(Store::in_folder(folder, space)),
            MemoryPlace::Server { url, api_key, collection } => {
                Some(Store::on_server(url, api_key.as_ref(), collection, space)?)
            }
        })
    }

    /// Whether it is there.
    ///
    /// # Errors
    /// It can't be told: a server is away, a folder is damaged.
    pub async fn is_there(&self) -> Result<bool> {
        Ok(match &self.at {
            At::Folder(at) => EdgeStore::existing(at)?,
            At::Collection { url, key, name } => {
                QdrantStore::existing(url, key.clone(), name, SERVER_WITHIN).await?
            }
        }
        .is_some())
    }

    /// The store of another space that is there, of which this one takes the place. In a folder there should be one alone,
    /// so any other is a former one. A server's collections may have other users: where this one is there, none is former, and what an
    /// interrupted carry has left out comes with the next sync from its sources.
    ///
    /// # Errors
    /// As [`Store::is_there`].
    pub async fn former(&self, place: &MemoryPlace) -> Result<Option<Self>> {
        match (place, &self.at) {
            (MemoryPlace::Folder(folder), At::Folder(_)) => {
                Ok(in_folder(folder)?.into_iter().find(|other| other.space != self.space))
            }
            (MemoryPlace::Server { collection, .. }, At::Collection { url, key, name }) => {
                if self.is_there().await? {
                    return Ok(None);
                }
                let beginning = format!("{collection}-");
                let names = QdrantStore::collections(url, key.clone(), SERVER_WITHIN).await?;
                for other in names.into_iter().filter(|other| other.starts_with(&beginning) && other != name)
                {
                    let existing = QdrantStore::existing(url, key.clone(), &other, SERVER_WITHIN).await?;
                    // The collections of another hearback may begin alike.
                    let is_of_this = |existing: &Existing| {
                        other == format!("{beginning}{}", slug(existing.space.as_ref()))
                    };
                    if let Some(existing) = existing.filter(is_of_this) {
                        let at = At::Collection { url: url.clone(), key: key.clone(), name: other };
                        return Ok(Some(Store { at, space: existing.space }));
                    }
                }
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Opens it, or makes it.
    ///
    /// # Errors
    /// It is damaged, away, or open elsewhere.
    pub async fn open(&self) -> Result<Arc<dyn PassageStore>> {
        Ok(match &self.at {
            At::Folder(at) => Arc::new(EdgeStore::open(at, self.space.clone()).await?),
            At::Collection { url, key, name } => Arc::new(
                QdrantStore::connect(url, key.clone(), name, self.space.clone(), SERVER_WITHIN).await?,
            ),
        })
    }

    /// Lets go of a former store that was carried over. A collection stays: others may use it.
    ///
    /// # Errors
    /// Somebody has it open.
    pub async fn let_go(&self) -> Result<()> {
        match &self.at {
            At::Folder(at) => Ok(EdgeStore::destroy(at).await?),
            At::Collection { .. } => Ok(()),
        }
    }
}

/// The stores under a memory's folder.
fn in_folder(folder: &Path) -> Result<Vec<Store>> {
    let mut stores = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(stores) };
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    for at in folders.into_iter().filter(|at| at.is_dir()) {
        if let Some(existing) = EdgeStore::existing(&at)? {
            stores.push(Store { at: At::Folder(at), space: existing.space });
        }
    }
    Ok(stores)
}

/// How a space is called in a folder or a collection.
fn slug(space: Option<&VectorSpace>) -> String {
    let Some(space) = space else { return "words".to_owned() };
    let clean = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    format!("{}-{}", space.model.chars().map(clean).collect::<String>(), space.dimension)
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
}
