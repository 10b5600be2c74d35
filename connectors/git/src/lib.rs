//! Git history as a source of changes: the commits of a window with their files, merges, reverts, moves and tags.
//! It must not know other connectors, the engine, or what the changes are used for.
//!
//! [`GitChangeSource`] is the way in. A question walks history from a revision back to the window's start
//! (`walk`, which remembers in `checkpoint` where it stood), works out when commits reached the main line (`landing`), counts their files on all cores (`crew`,
//! `files`, `tree`, `lines`) or takes them from `memory` or the [`CommitCache`], and links reverts (`revert_message`,
//! `revert_links`). Nothing from the window's end on is seen in any of it.
//!
//! It also tells what people did (`works`, from what each commit tells of them: `deed`) and who wrote the lines near a change
//! (`near`, which follows them back by `line_walk`, over `line_map` and `renamed`).
//!
//! [`GitDocuments`] gives the texts of the commit that is looked at to memory, each with who merged it last (`documents`).
//!
//! [`GitReverts`] undoes commits: it tries (`revert`, `revert_later`), says what it would do (`revert_rehearsal`), and
//! pushes (`revert_push`) a commit (`revert_commit`) to a remote (`revert_site`, `revert_remote`, over `program`). It patches
//! files on a branch of its own in the same way: what is pushed is a `task`, a patch is tried by `patches` and `patch`, over
//! `patch_text` (the places), `patch_diff` (as people read it) and `patch_paths` (what is never patched).

mod authors;
mod bots;
mod cache;
mod checkpoint;
mod crew;
mod deed;
mod diffs;
mod documents;
mod encoding;
mod files;
mod head;
mod landing;
mod limits;
mod line_map;
mod line_walk;
mod lines;
mod link;
mod memory;
mod near;
mod object;
mod objects;
mod patch;
mod patch_diff;
mod patch_paths;
mod patch_text;
mod patches;
mod pipes;
mod program;
mod question;
mod renamed;
mod repositories;
mod revert;
mod revert_commit;
mod revert_found;
mod revert_later;
mod revert_links;
mod revert_message;
mod revert_push;
mod revert_rehearsal;
mod revert_remote;
mod revert_site;
mod reverts;
mod source;
mod stop;
mod tag_refs;
mod tags;
mod task;
mod tree;
mod walk;
mod works;

pub use cache::CommitCache;
pub use diffs::DiffCaps;
pub use documents::{GitDocuments, IsDocument};
pub use head::Listing;
pub use program::PASSED_ON;
pub use revert_commit::CommitAuthor;
pub use reverts::{GitReverts, RevertOptions};
pub use source::{GitChangeSource, GitOptions, OnProgress, Progress};
pub use walk::WalkMode;
