//! What was learned before: documents are read, cut into passages, kept in a store, and found again when something like
//! it happens. It knows the vocabulary and the ports of core; which store and which embedder there are, it must not know.
//!
//! A document goes through [`writing`] (bytes and where they came from), [`outline`] (headings and paragraphs), [`section`]
//! (what each part is about) and [`read`](reading::read) (passages). [`library`] keeps and finds them; [`living`] lets another
//! library take its place while it is asked.

pub mod folder;
pub mod following;
pub mod front;
pub mod incident;
pub mod library;
pub mod living;
pub mod outline;
pub mod reading;
pub mod recalling;
mod runbooks;
pub mod section;
pub mod telling;
pub mod weights;
pub mod writing;
