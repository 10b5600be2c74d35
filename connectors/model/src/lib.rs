//! Models that others run, behind the API that OpenAI published and many servers speak: OpenAI itself, Azure, vLLM,
//! Ollama, llama.cpp, LM Studio. What is sent has its secrets taken out first. It must not know who asks or why, and
//! reads no environment: address, key and model are given.
//!
//! The requests and answers are the types of `async-openai`, which follow the published description of the API. Its own
//! client is left out: it holds answers of any length, writes those it can't read into the log, and takes what it is not
//! told from the environment. `connectors/http` carries the requests instead, with one deadline, a limit of bytes, and a
//! key that stands in no error.
//!
//! [`OpenAiChat`] asks a language model; [`TextTools`] tells one of tools that can call none, and [`Fallback`] has a second
//! one where the first can't answer. What servers answer to a chat is read with types of our own, which forgive more.
//!
//! [`OpenAiEmbedder`] makes vectors; [`Cached`] keeps those of any [`Embedder`](hearback_core::memory::store::Embedder) in a
//! file. It stands here because this is the crate that both kinds of embedder are put together with.

mod cached;
mod chat;
mod embeddings;
mod fallback;
mod pace;
mod refusal;
mod text_tools;
mod vectors;

pub use cached::{Cached, VectorCache};
pub use chat::{ChatOptions, Delivery, Effort, JsonMode, OpenAiChat, OutputLimit, Strictness};
pub use embeddings::{Dimension, EmbeddingOptions, OpenAiEmbedder};
pub use fallback::{Fallback, FallbackOptions};
pub use pace::Pace;
pub use text_tools::TextTools;
