//! [`MiniLm`]: texts of any number to vectors, in batches, off the threads that answer, and in time or not at all.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use hearback_core::memory::store::{EmbedAs, Embedder, MemoryError, VectorSpace};
use jiff::SignedDuration;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::task::spawn_blocking;
use tokio::time::{Duration, Instant, timeout_at};

use crate::files::{DIMENSION, MODEL, load_file};
use crate::network::Network;
use crate::tokens::Tokens;

/// How many tokens are computed together, about: enough to keep the matrix products busy, and few enough that a batch
/// is over in a fraction of a second, for between batches it is looked at the time and at others who wait.
const BATCH_TOKENS: usize = 512;

/// How many texts are cut into tokens before it is looked at the time.
const BATCH_TEXTS: usize = 256;

/// A longer budget is none.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The sentence model all-MiniLM-L6-v2, in this process.
pub struct MiniLm {
    space: VectorSpace,
    model: Arc<Model>,
}

struct Model {
    tokens: Tokens,
    network: Network,
    pool: ThreadPool,
}

impl MiniLm {
    /// Reads the model from `folder`, which holds [`FILES`](crate::FILES) as `make model` puts them there. It computes on
    /// `threads` threads of its own, beside those of the caller, and holds 90 MB.
    ///
    /// It blocks for as long as reading and checking 91 MB takes: call it at start, or on a thread that may wait.
    ///
    /// # Errors
    /// [`MemoryError::NotUsable`] if a file is missing, damaged or of another model; it names the file and the command
    /// that fetches it. [`MemoryError::Failed`] if there are no threads to be had.
    pub fn open(folder: &Path, threads: NonZeroUsize) -> Result<Self, MemoryError> {
        let tokens = Tokens::parse(&load_file(folder, "tokenizer.json")?)?;
        let network = Network::parse(&load_file(folder, "model.safetensors")?).map_err(|error| {
            MemoryError::NotUsable(format!("the sentence model's model.safetensors can't be used: {error}"))
        })?;
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads.get())
            .thread_name(|number| format!("minilm-{number}"))
            .build()
            .map_err(|error| MemoryError::Failed(format!("no threads for the sentence model: {error}")))?;
        let space = VectorSpace { model: MODEL.into(), dimension: DIMENSION };
        Ok(MiniLm { space, model: Arc::new(Model { tokens, network, pool }) })
    }

    /// The model's numbers of the tokens of `text`: at most 256, with the marks of begin and end.
    ///
    /// # Errors
    /// [`MemoryError::Failed`] if the tokenizer fails, which it has no reason to.
    pub fn tokens(&self, text: &str) -> Result<Vec<u32>, MemoryError> {
        self.model.tokens.of(text)
    }

    /// Runs `work` off the threads that answer. What is not there by `deadline` is given up; the work itself goes on
    /// to its end, which is near.
    async fn off<T: Send + 'static>(
        &self,
        deadline: Instant,
        budget: SignedDuration,
        work: impl FnOnce(&Model) -> Result<T, MemoryError> + Send + 'static,
    ) -> Result<T, MemoryError> {
        if Instant::now() >= deadline {
            return Err(MemoryError::TimedOut(budget));
        }
        let model = Arc::clone(&self.model);
        match timeout_at(deadline, spawn_blocking(move || work(&model))).await {
            Err(_) => Err(MemoryError::TimedOut(budget)),
            Ok(Err(error)) => Err(MemoryError::Failed(format!("the sentence model was ended: {error}"))),
            Ok(Ok(done)) => done,
        }
    }
}

impl fmt::Debug for MiniLm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MiniLm").field("space", &self.space).finish_non_exhaustive()
    }
}

impl Model {
    fn tokenise(&self, texts: &[String]) -> Result<Vec<Vec<u32>>, MemoryError> {
        self.pool.install(|| texts.par_iter().map(|text| self.tokens.of(text)).collect())
    }

    fn vectors(&self, batch: &[Numbered]) -> Result<Vec<Vec<f32>>, MemoryError> {
        let lists: Vec<&[u32]> = batch.iter().map(|numbered| numbered.tokens.as_slice()).collect();
        self.pool
            .install(|| self.network.vectors(&lists))
            .map_err(|error| MemoryError::Failed(format!("the sentence model could not compute: {error}")))
    }
}

/// A text's tokens, and where it stands among the texts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Numbered {
    at: usize,
    tokens: Vec<u32>,
}

/// The texts in batches of about [`BATCH_TOKENS`], the short ones first.
fn batches(lists: Vec<Vec<u32>>) -> Vec<Vec<Numbered>> {
    let mut sorted: Vec<Numbered> =
        lists.into_iter().enumerate().map(|(at, tokens)| Numbered { at, tokens }).collect();
    sorted.sort_by_key(|numbered| (numbered.tokens.len(), numbered.at));
    let mut batches: Vec<Vec<Numbered>> = Vec::new();
    let mut filled = 0;
    for numbered in sorted {
        let more = numbered.tokens.len();
        match batches.last_mut() {
            Some(batch) if filled + more <= BATCH_TOKENS => {
                filled += more;
                batch.push(numbered);
            }
            _ => {
                filled = more;
                batches.push(vec![numbered]);
            }
        }
    }
    batches
}

#[async_trait]
impl Embedder for MiniLm {
    fn space(&self) -> &VectorSpace {
        &self.space
    }

    /// What the texts are makes no difference to this model.
    async fn embed(
        &self,
        texts: &[String],
        _texts_are: EmbedAs,
        budget: SignedDuration,
    ) -> Result<Vec<Vec<f32>>, MemoryError> {
        let deadline = Instant::now() + Duration::try_from(budget).unwrap_or_default().min(LONGEST);
        let mut lists = Vec::with_capacity(texts.len());
        for some in texts.chunks(BATCH_TEXTS) {
            let some = some.to_vec();
            lists.extend(self.off(deadline, budget, move |model| model.tokenise(&some)).await?);
        }
        let mut vectors = vec![Vec::new(); lists.len()];
        for batch in batches(lists) {
            let done = self
                .off(deadline, budget, move |model| {
                    let vectors = model.vectors(&batch)?;
                    Ok((batch, vectors))
                })
                .await?;
            for (numbered, vector) in done.0.into_iter().zip(done.1) {
                if let Some(place) = vectors.get_mut(numbered.at) {
                    *place = vector;
                }
            }
        }
        Ok(vectors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_every_text_once_and_none_is_too_full() {
        let lengths = [256, 2, 100, 256, 256, 3, 2, 200, 7, 256];
        let batches = batches(lengths.iter().map(|length| vec![0; *length]).collect());
        let mut seen: Vec<usize> = batches.iter().flatten().map(|numbered| numbered.at).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
        for batch in &batches {
            assert!(batch.iter().map(|numbered| numbered.tokens.len()).sum::<usize>() <= BATCH_TOKENS);
        }
        let order: Vec<usize> = batches.iter().flatten().map(|numbered| numbered.tokens.len()).collect();
        assert!(order.is_sorted(), "{order:?}");
    }

    #[test]
    fn nothing_makes_no_batch() {
        assert!(batches(Vec::new()).is_empty());
    }

    #[test]
    fn a_folder_without_a_model_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let told = MiniLm::open(folder.path(), NonZeroUsize::MIN).unwrap_err();
        assert!(matches!(&told, MemoryError::NotUsable(text) if text.contains("make model")), "{told:?}");
    }
}
