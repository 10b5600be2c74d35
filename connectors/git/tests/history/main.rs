//! Whole questions to real repositories, compared with what the real `git` says.

// Clippy knows test functions, but not what they call.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod generated;

mod answers;
mod clones;
mod heads;
mod near;
mod shapes;
