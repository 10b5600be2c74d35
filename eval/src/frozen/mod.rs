//! Frozen incidents: folders with everything that was there to see, and, in a file of its own, what it was. It must not
//! know the command line.

pub mod ask;
pub mod deepened;
pub mod export;
pub mod folder;
pub mod generator;
pub mod import;
pub mod perturb;
pub mod said;
pub mod scored;
pub mod sha;

pub use folder::{Folder, FolderError, Truth};
pub use perturb::{Perturbation, Perturbed, perturb};
pub use said::Said;
