//! What others have written down about services: Backstage's `catalog-info.yaml`, and CODEOWNERS. It reads files that
//! are named to it and bytes that are handed to it, never the network. It must not know git and the configuration.
//!
//! [`discover`] finds files by name and pattern, [`load`] reads Backstage's entities from them as layers of a
//! catalog, [`CodeOwners`] tells who owns a file.

mod codeowners;
mod discover;
mod entities;
mod load;
mod pattern;
mod wire;

pub use codeowners::{CodeOwners, Owner, PLACES, Unread};
pub use discover::{Discovered, discover};
pub use load::{Backstage, Checkout, load};
