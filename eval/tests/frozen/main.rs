//! What answers about frozen incidents are worth, held in CI: those of the generator, and traps.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop anywhere")]

mod incidents;
mod traps;

use hearback_eval::frozen::ask::{Weights, ask};
use hearback_eval::frozen::{Folder, Said};

fn weights() -> Weights {
    Weights::shipped().unwrap()
}

fn asked(folder: &Folder, weights: &Weights) -> Said {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(ask(folder, weights)).unwrap().said
}
