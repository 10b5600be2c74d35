//! Where passages are kept and found: [`EdgeStore`] inside this process, [`QdrantStore`] on a Qdrant server. Both are
//! [`PassageStore`](hearback_core::memory::store::PassageStore)s, held to one contract by the same tests, and rank alike:
//! the words of a text become a sparse vector on our side. Knows nothing of files that are indexed nor of embedders.

mod edge;
mod payload;
mod points;
mod server;
mod shelf;
mod words;

pub use edge::{EdgeStore, Existing};
pub use server::{ApiKey, QdrantStore};
pub use shelf::Shelf;

use hearback_core::memory::store::VectorSpace;

/// A space in a sentence.
fn say_space(space: Option<&VectorSpace>) -> String {
    match space {
        Some(space) => format!("vectors of {} ({} numbers each)", space.model, space.dimension),
        None => "words alone".to_owned(),
    }
}
