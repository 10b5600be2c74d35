//! The sentence model all-MiniLM-L6-v2 on this machine, as an [`Embedder`](hearback_core::memory::store::Embedder): texts in,
//! vectors of 384 numbers out. Nothing is sent anywhere, and nothing is fetched: it reads the folder it is given. It must
//! not know who asks, what a text is about, or where the folder came from.
//!
//! The numbers are those of the Python package sentence-transformers on the same weights, but for rounding: the same
//! tokens, cut at 256; the mean over all tokens; length 1. `tests/reference.rs` holds it to that.
//!
//! Candle brings the weights in and multiplies matrices. What stands between the products is in `kernels`: candle's own
//! take one pass over memory a step and compute the error function one number at a time, which costs as much as the
//! products do. The texts of a batch stand one after the other in one matrix without padding, so none costs more than
//! its own length, and a text's numbers do not depend on its neighbours.

mod embedder;
mod files;
mod kernels;
mod network;
mod tokens;

pub use embedder::MiniLm;
pub use files::{DIMENSION, FILES, MODEL};
