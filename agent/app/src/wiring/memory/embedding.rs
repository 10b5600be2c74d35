//! What makes vectors of texts here: the sentence model in a folder, or an endpoint, as the configuration says.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use hearback_core::memory::store::{EmbedAs, Embedder, MemoryError, VectorSpace};
use hearback_http::{Credentials, HttpOptions};
use hearback_minilm::MiniLm;
use hearback_model::{Cached, Dimension, EmbeddingOptions, OpenAiEmbedder, VectorCache};
use jiff::SignedDuration;
use tokio::sync::OnceCell;

use crate::config::memory::Embedding;
use crate::config::{Config, in_home};

/// Setting up an endpoint may take so long.
const SET_UP_WITHIN: SignedDuration = SignedDuration::from_secs(5);
/// So many vectors of an endpoint are kept, so that no text is paid for twice.
const VECTORS: u32 = 500_000;

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
