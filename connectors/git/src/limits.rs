//! The options of libgit2 that are global to the process, set once before the first repository is opened.
//! This is the only file with `unsafe`, because the bindings mark these setters so: they write C globals without a
//! lock. It must not know repositories.

use std::sync::Once;

/// Objects libgit2 keeps for all repositories together. Our own readers keep what they will need again, so its
/// default of 256 MB would only hold memory.
const CACHE_BYTES: isize = 16 << 20;

/// Extensions a repository may declare that change nothing for a reader. A partial clone lacks objects; every
/// read of ours copes with that.
const HARMLESS_EXTENSIONS: &[&str] = &["partialclone"];

/// Sets the options, once per process. Every opening of a repository goes through here first.
pub(crate) fn apply() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Git does not hash what it reads from a pack again, and SHA-1 with collision detection would take a third
        // of the time of an enumeration. Bits that flipped on the disk are told by zlib's own checksum, so a damaged
        // object can't spread into a commit that is made here either.
        git2::opts::strict_hash_verification(false);
        set_globals();
    });
}

#[allow(unsafe_code)]
fn set_globals() {
    // SAFETY: both write plain C globals. `Once` makes this crate's writes happen one after the other, and before
    // any repository of this crate is opened; no other crate of the workspace uses libgit2.
    let results = unsafe {
        [git2::opts::set_extensions(HARMLESS_EXTENSIONS), git2::opts::set_cache_max_size(CACHE_BYTES)]
    };
    for error in results.into_iter().filter_map(Result::err) {
        tracing::warn!(%error, "libgit2 refused an option; partial clones may not open");
    }
}
