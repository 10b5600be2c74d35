//! Reverts of real commits, and patches, in real repositories, pushed to real servers.

// Clippy knows test functions, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod approved;
mod server;
mod world;

mod forging;
mod names;
mod patch_files;
mod patch_pushes;
mod patching;
mod pushes;
mod rehearsals;
mod servers;
mod shapes;
mod trials;
