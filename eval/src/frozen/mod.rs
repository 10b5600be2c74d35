//! Frozen incidents: folders with everything that was there to see, and, in a file of its own, what it was. It must not
//! know the command line.

pub mod folder;
pub mod said;

pub use folder::{Folder, FolderError, Truth};
pub use said::Said;
