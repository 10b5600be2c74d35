//! Git history as a source of changes: the commits of a window with their files, merges, reverts, moves and tags.
//! It must not know other connectors, the engine, or what the changes are used for.
//!
//! [`GitChangeSource`] is the way in. A question walks history from a revision back to the window's start
//! (`walk`, which remembers in `checkpoint` where it stood), works out when commits reached the main line (`landing`), counts their files on all cores (`crew`,
//! `files`, `tree`, `lines`) or takes them from `memory` or the [`CommitCache`], and links reverts (`revert_message`,
//! `revert_links`). Nothing from the window's end on is seen in any of it.

mod authors;
mod bots;
mod cache;
mod checkpoint;
mod crew;
mod diffs;
mod encoding;
mod files;
mod head;
mod landing;
mod limits;
mod lines;
mod link;
mod memory;
mod object;
mod objects;
mod question;
mod repositories;
mod revert_links;
mod revert_message;
mod source;
mod stop;
mod tag_refs;
mod tags;
mod tree;
mod walk;

pub use cache::CommitCache;
pub use diffs::DiffCaps;
pub use head::Listing;
pub use source::{GitChangeSource, GitOptions, OnProgress, Progress};
pub use walk::WalkMode;
