//! The sections of the configuration about memory: where it is kept, by what it is found, what it follows.

use std::path::{Path, PathBuf};

use hearback_core::Origin;
use hearback_core::memory::DocumentKind;
use hearback_memory::weights::Weights;
use serde::Deserialize;

use super::serve::Secret;
use crate::output::Usage;

/// Where what is remembered is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemoryPlace {
    /// Nowhere.
    Off,
    /// In this folder, which is made when it is first needed.
    Folder(PathBuf),
    /// In a Qdrant server.
    Server {
        /// Its address, with the port of gRPC.
        url: String,
        /// Its key.
        api_key: Option<Secret>,
        /// How its collections begin.
        collection: String,
    },
}

/// What makes vectors of texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Embedding {
    /// Nothing: found by words alone.
    None,
    /// The model in this folder, if it is there.
    Local(PathBuf),
    /// An endpoint that speaks OpenAI's protocol.
    Endpoint {
        /// Its address up to `/v1`.
        url: String,
        /// The model.
        model: String,
        /// How many numbers its vectors have.
        dimension: usize,
        /// Its key.
        api_key: Option<Secret>,
    },
}

/// A folder whose documents are followed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryFolder {
    /// Where it is.
    pub path: PathBuf,
    /// What to call it; else the folder's name.
    pub name: Option<String>,
    /// What its documents are, where they don't say so themselves.
    pub kind: Option<DocumentKind>,
    /// Whether anybody can write there: then nothing in it supports an action.
    #[serde(default)]
    pub outsiders: bool,
}

/// A git repository whose documents are followed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryRepository {
    /// Where it is.
    pub path: PathBuf,
    /// What to call it; else the folder's name.
    pub name: Option<String>,
    /// Which documents: patterns such as `docs/**`; else all.
    #[serde(default)]
    pub paths: Vec<String>,
    /// The branch, tag or commit to look at; else HEAD.
    pub revision: Option<String>,
    /// What its documents are, where they don't say so themselves.
    pub kind: Option<DocumentKind>,
    /// Whether anybody can merge there.
    #[serde(default)]
    pub outsiders: bool,
}

/// What is needed to remember, checked.
#[derive(Debug, Clone)]
pub struct MemoryConfig {
    /// Where it is kept.
    pub place: MemoryPlace,
    /// By what it is found, besides words.
    pub embedding: Embedding,
    /// The folders that are followed.
    pub folders: Vec<MemoryFolder>,
    /// The repositories that are followed.
    pub repositories: Vec<MemoryRepository>,
    /// Where it may be looked whether a page that a runbook links to is still there.
    pub web: Vec<String>,
    /// How what is found is weighed.
    pub weights: Weights,
    /// The key of a server, where another place than this is named on the command line too.
    pub api_key: Option<Secret>,
    /// How a server's collections begin.
    pub collection: String,
}

/// Who could have written what is followed.
pub fn origin(outsiders: bool) -> Origin {
    if outsiders { Origin::Outsider } else { Origin::Member }
}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MemorySection {
    at: Option<String>,
    collection: Option<String>,
    api_key: Option<Secret>,
    weights: Option<String>,
    web: Vec<String>,
    embedding: EmbeddingSection,
    folder: Vec<MemoryFolder>,
    repository: Vec<MemoryRepository>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct EmbeddingSection {
    by: Option<EmbeddingWord>,
    folder: Option<PathBuf>,
    url: Option<String>,
    model: Option<String>,
    dimension: Option<usize>,
    api_key: Option<Secret>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EmbeddingWord {
    #[default]
    Local,
    Endpoint,
    None,
}

impl MemorySection {
    /// Puts the user's section over the defaults. Paths are relative to `base`; `home` is the data directory, if there is
    /// one.
    ///
    /// # Errors
    /// [`Usage`] with the key of the mistake.
    pub fn over(self, default: Self, base: &Path, home: Option<&Path>) -> anyhow::Result<MemoryConfig> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let secret = |secret: Option<Secret>| secret.map(|secret| secret.beside(base));
        let api_key = secret(self.api_key);
        let collection = given(self.collection).or(default.collection).unwrap_or_default();
        let place = match (given(self.at), home) {
            (Some(at), _) if at == "off" => MemoryPlace::Off,
            (Some(at), _) if at.contains("://") => {
                MemoryPlace::Server { url: at, api_key: api_key.clone(), collection: collection.clone() }
            }
            (Some(at), _) => MemoryPlace::Folder(base.join(at)),
            (None, Some(home)) => MemoryPlace::Folder(home.join("memory")),
            (None, None) => MemoryPlace::Off,
        };
        let by = self.embedding.by.or(default.embedding.by).unwrap_or_default();
        let needed = |key: &str, value: Option<String>| {
            given(value).ok_or_else(|| {
                Usage(format!("memory.embedding.{key} is missing: by = \"endpoint\" needs it"))
            })
        };
        let embedding = match by {
            EmbeddingWord::None => Embedding::None,
            EmbeddingWord::Local => {
                let folder = self.embedding.folder.filter(|folder| !folder.as_os_str().is_empty());
                match (folder, home) {
                    (Some(folder), _) => Embedding::Local(base.join(folder)),
                    (None, Some(home)) => Embedding::Local(home.join("models/all-MiniLM-L6-v2")),
                    (None, None) => Embedding::None,
                }
            }
            EmbeddingWord::Endpoint => Embedding::Endpoint {
                url: needed("url", self.embedding.url)?,
                model: needed("model", self.embedding.model)?,
                dimension: self.embedding.dimension.ok_or_else(|| {
                    Usage("memory.embedding.dimension is missing: by = \"endpoint\" needs it".into())
                })?,
                api_key: secret(self.embedding.api_key),
            },
        };
        let folders =
            self.folder.into_iter().map(|one| MemoryFolder { path: base.join(&one.path), ..one }).collect();
        let repositories = self
            .repository
            .into_iter()
            .map(|one| MemoryRepository { path: base.join(&one.path), ..one })
            .collect();
        let weights = match given(self.weights).map(|path| base.join(path)) {
            None => Weights::shipped()?,
            Some(path) => {
                let shown = path.display();
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| Usage(format!("memory.weights: {shown} can't be read: {error}")))?;
                Weights::parse(&text).map_err(|error| Usage(format!("memory.weights: {shown}: {error}")))?
            }
        };
        let web = self.web;
        Ok(MemoryConfig { place, embedding, folders, repositories, web, weights, api_key, collection })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<MemoryConfig> {
        let section: MemorySection = toml::from_str(text)?;
        section.over(MemorySection::default(), Path::new("/etc/hearback"), Some(Path::new("/data")))
    }

    #[test]
    fn without_a_section_it_is_in_the_data_directory() {
        let config = read("").unwrap();
        assert_eq!(config.place, MemoryPlace::Folder("/data/memory".into()));
        assert_eq!(config.embedding, Embedding::Local("/data/models/all-MiniLM-L6-v2".into()));
    }

    #[test]
    fn paths_are_relative_to_the_file_and_an_address_is_a_server() {
        let config = read("at = \"mem\"\n[[folder]]\npath = \"docs\"\n").unwrap();
        assert_eq!(config.place, MemoryPlace::Folder("/etc/hearback/mem".into()));
        assert_eq!(config.folders.first().unwrap().path, Path::new("/etc/hearback/docs"));
        assert!(matches!(read("at = \"http://q:6334\"").unwrap().place, MemoryPlace::Server { .. }));
        assert_eq!(read("at = \"off\"").unwrap().place, MemoryPlace::Off);
    }

    #[test]
    fn an_endpoint_needs_to_be_described() {
        let check = |text: &str, says: &str| {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        };
        check("[embedding]\nby = \"endpoint\"", "memory.embedding.url is missing");
        check(
            "[embedding]\nby = \"endpoint\"\nurl = \"http://x/v1\"\nmodel = \"m\"",
            "memory.embedding.dimension",
        );
        check("[embedding]\nby = \"magic\"", "unknown variant");
    }
}
