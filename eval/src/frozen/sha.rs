//! Shas as people and programs write them: whole, or by their first digits. It must not know what is called so.

/// Fewer digits of a sha name nothing.
pub const SHORTEST: usize = 7;

/// Whether two shas may name one commit: either may be cut, to [`SHORTEST`] digits or more.
pub fn may_be_same(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let begins = long.get(..short.len()).is_some_and(|start| start.eq_ignore_ascii_case(short));
    short.len() >= SHORTEST && begins
}
