//! [`OpenAiEmbedder`]: vectors of texts from `/embeddings`. Many texts go in several requests, at the pace that is
//! allowed, each tried again while there is time.

use std::fmt;

use async_openai::types::embeddings::{
    CreateEmbeddingRequest, CreateEmbeddingResponse, EmbeddingInput, EncodingFormat,
};
use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use hearback_core::memory::store::{EmbedAs, Embedder, MemoryError, VectorSpace};
use hearback_core::ports::ConnectorError;
use hearback_core::redaction::redact_everything;
use hearback_http::{Deadline, HttpClient, HttpOptions, Limits};
use jiff::SignedDuration;
use tokio::time::{Duration, Instant, sleep};

use crate::pace::{Gate, Pace, pause};
use crate::refusal::{Asked, Failure};
use crate::vectors::{Unfit, in_order};

/// How often a request is made at most.
const TRIES: u32 = 4;

/// What stands for a text with nothing in it: the API refuses an empty one.
const EMPTY: &str = "(empty)";

/// What a number of a vector takes in an answer, with its comma and white space, and what an answer has around a vector
/// and around all of them, in bytes. A longer answer is not read to its end.
const NUMBER_BYTES: usize = 32;
const ROW_BYTES: usize = 1 << 10;
const FRAME_BYTES: usize = 64 << 10;

/// No model that is known makes longer vectors; it bounds an answer while the dimension is not known.
const MOST_DIMENSION: usize = 16 << 10;

/// How many numbers a vector has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Not known: one request at the start finds out.
    Probe,
    /// This many; a reply with another number is refused.
    Known(usize),
    /// This many, and the server is asked to shorten them to it (`dimensions`), which not every model can.
    Asked(u32),
}

/// What an embedder is made of.
#[derive(Debug, Clone)]
pub struct EmbeddingOptions {
    /// The address up to where `/embeddings` begins, as in `https://api.openai.com/v1`; the key, if there is one, as
    /// [`Credentials::Bearer`](hearback_http::Credentials); own roots.
    pub http: HttpOptions,
    /// The model: `text-embedding-3-small`.
    pub model: String,
    /// How many numbers its vectors have.
    pub dimension: Dimension,
    /// How fast the server may be asked.
    pub pace: Pace,
    /// Texts in one request, at most. The API takes 2048.
    pub batch_texts: usize,
    /// Bytes of text in one request, at most. A token is a byte or more, and the API takes 300,000 tokens.
    pub batch_bytes: usize,
    /// Bytes of one text, at most; the rest is not read. OpenAI's models refuse more than 8192 tokens, and no text has
    /// more tokens than bytes.
    pub text_bytes: usize,
    /// What is put before a passage, for models that want to be told: `passage: `.
    pub passage_prefix: String,
    /// What is put before a query: `query: `.
    pub query_prefix: String,
}

impl EmbeddingOptions {
    /// `model` at the address of `http`.
    pub fn new(http: HttpOptions, model: impl Into<String>) -> Self {
        EmbeddingOptions {
            http,
            model: model.into(),
            dimension: Dimension::Probe,
            pace: Pace::default(),
            batch_texts: 256,
            batch_bytes: 256 << 10,
            text_bytes: 8000,
            passage_prefix: String::new(),
            query_prefix: String::new(),
        }
    }
}

/// Vectors from an OpenAI-compatible server.
pub struct OpenAiEmbedder {
    http: HttpClient,
    options: EmbeddingOptions,
    gate: Gate,
    space: VectorSpace,
}

impl fmt::Debug for OpenAiEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiEmbedder").field("host", &self.http.host()).field("space", &self.space).finish()
    }
}

impl OpenAiEmbedder {
    /// Sets it up. With [`Dimension::Probe`] the server is asked once, within `budget`; otherwise nothing is sent.
    ///
    /// # Errors
    /// [`MemoryError::NotUsable`] if address, key, model or dimension can't be used; of a probe, as
    /// [`Embedder::embed`] does.
    pub async fn open(options: EmbeddingOptions, budget: SignedDuration) -> Result<Self, MemoryError> {
        let name = options.model.trim();
        if name.is_empty() {
            return Err(MemoryError::NotUsable("the name of the model for vectors is empty".into()));
        }
        let http = HttpClient::new(options.http.clone()).map_err(|error| match error {
            ConnectorError::NotUsable(told) => MemoryError::NotUsable(told),
            other => MemoryError::Failed(other.to_string()),
        })?;
        let known = match options.dimension {
            Dimension::Probe => None,
            Dimension::Known(dimension) => Some(dimension),
            Dimension::Asked(dimension) => Some(usize::try_from(dimension).unwrap_or(usize::MAX)),
        };
        if let Some(dimension) = known.filter(|dimension| !(1..=MOST_DIMENSION).contains(dimension)) {
            let told = format!("vectors can't have {dimension} numbers; set 1 to {MOST_DIMENSION}");
            return Err(MemoryError::NotUsable(told));
        }
        let space = VectorSpace { model: name.to_owned(), dimension: known.unwrap_or_default() };
        let mut embedder = OpenAiEmbedder { http, gate: Gate::new(options.pace), options, space };
        if known.is_none() {
            let probe = vec!["What changed?".to_owned()];
            let vectors = embedder.ask(probe, None, Deadline::after(budget)).await?;
            embedder.space.dimension = vectors.first().map(Vec::len).unwrap_or_default();
        }
        Ok(embedder)
    }

    /// What is sent for `text`: without secrets, no longer than may be, never empty.
    fn sent(&self, text: &str, texts_are: EmbedAs) -> String {
        let prefix = match texts_are {
            EmbedAs::Passage => &self.options.passage_prefix,
            EmbedAs::Query => &self.options.query_prefix,
        };
        // Redacted before it is cut: half a secret is not recognised as one.
        let (redacted, _) = redact_everything(text);
        let text = if redacted.trim().is_empty() { EMPTY } else { redacted.as_ref() };
        let mut sent = format!("{prefix}{text}");
        sent.truncate(sent.floor_char_boundary(self.options.text_bytes.max(EMPTY.len())));
        sent
    }

    /// The texts in requests of allowed size, in order.
    fn batches(&self, texts: Vec<String>) -> Vec<Vec<String>> {
        let mut batches: Vec<Vec<String>> = Vec::new();
        let mut filled = 0;
        for text in texts {
            let more = text.len();
            match batches.last_mut() {
                Some(batch)
                    if batch.len() < self.options.batch_texts
                        && filled + more <= self.options.batch_bytes =>
                {
                    filled += more;
                    batch.push(text);
                }
                _ => {
                    filled = more;
                    batches.push(vec![text]);
                }
            }
        }
        batches
    }

    /// Asks for one batch, again while it may work and there is time.
    async fn ask(
        &self,
        texts: Vec<String>,
        dimension: Option<usize>,
        deadline: Deadline,
    ) -> Result<Vec<Vec<f32>>, MemoryError> {
        let asked =
            Asked { host: self.http.host(), model: self.space.model.clone(), budget: deadline.budget() };
        let count = texts.len();
        let request = CreateEmbeddingRequest {
            model: self.space.model.clone(),
            input: EmbeddingInput::StringArray(texts),
            encoding_format: Some(EncodingFormat::Float),
            dimensions: match self.options.dimension {
                Dimension::Asked(dimension) => Some(dimension),
                Dimension::Probe | Dimension::Known(_) => None,
            },
            user: None,
        };
        let mut tries = 0;
        loop {
            tries += 1;
            let (error, asked_for) = match self.once(&request, count, dimension, &asked, deadline).await {
                Ok(vectors) => return Ok(vectors),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Again(error, asked_for)) => (error, asked_for),
            };
            let pause = match asked_for {
                Some(asked_for) => Duration::try_from(asked_for).unwrap_or_default(),
                None => pause(self.options.http.first_pause, tries, getrandom::u32().unwrap_or_default()),
            };
            let remaining = deadline.remaining();
            if remaining.is_zero() {
                return Err(MemoryError::TimedOut(deadline.budget()));
            }
            if tries >= TRIES || pause >= remaining {
                return Err(error);
            }
            tracing::debug!(host = asked.host, tries, "asked again for vectors");
            sleep(pause).await;
        }
    }

    async fn once(
        &self,
        request: &CreateEmbeddingRequest,
        count: usize,
        dimension: Option<usize>,
        asked: &Asked,
        deadline: Deadline,
    ) -> Result<Vec<Vec<f32>>, Failure> {
        let late = || Failure::Final(MemoryError::TimedOut(deadline.budget()));
        let _turn = self.gate.turn(Instant::now() + deadline.remaining()).await.ok_or_else(late)?;
        let numbers = dimension.unwrap_or(MOST_DIMENSION).saturating_mul(NUMBER_BYTES);
        let max_bytes = numbers.saturating_add(ROW_BYTES).saturating_mul(count).saturating_add(FRAME_BYTES);
        let limits = Limits { deadline, max_bytes };
        let written = self.http.post_json(&self.http.at("embeddings"), request, limits).await;
        if written.is_err() && deadline.remaining().is_zero() {
            return Err(late());
        }
        let answer = written.and_then(|written| written.answer).map_err(|error| asked.failure(error))?;
        let reply: CreateEmbeddingResponse = answer.json().map_err(|error| asked.failure(error))?;
        in_order(reply.data, count, dimension).map_err(|unfit| {
            let Asked { host, model, .. } = asked;
            let hint = match unfit {
                Unfit::Dimension { .. } => "set the dimension that the model has, or leave it out",
                Unfit::Count { .. } | Unfit::Order | Unfit::NoDirection => {
                    "check that it is a model that makes vectors"
                }
            };
            Failure::Final(MemoryError::NotUsable(format!("{host} {unfit} (model {model}); {hint}")))
        })
    }
}

#[async_trait]
impl Embedder for OpenAiEmbedder {
    fn space(&self) -> &VectorSpace {
        &self.space
    }

    /// # Errors
    /// [`MemoryError::NotUsable`] for a wrong key, an unknown model, another dimension, a reply that can't be one;
    /// [`MemoryError::Failed`] if the server is away or too busy; [`MemoryError::TimedOut`] if the time was up.
    async fn embed(
        &self,
        texts: &[String],
        texts_are: EmbedAs,
        budget: SignedDuration,
    ) -> Result<Vec<Vec<f32>>, MemoryError> {
        let deadline = Deadline::after(budget);
        let sent = texts.iter().map(|text| self.sent(text, texts_are)).collect();
        let asks =
            self.batches(sent).into_iter().map(|batch| self.ask(batch, Some(self.space.dimension), deadline));
        let at_once = usize::try_from(self.options.pace.in_flight.get()).unwrap_or(1);
        // The first failure ends the others: they are dropped with the stream.
        let vectors: Vec<Vec<Vec<f32>>> = stream::iter(asks).buffered(at_once).try_collect().await?;
        Ok(vectors.into_iter().flatten().collect())
    }
}
