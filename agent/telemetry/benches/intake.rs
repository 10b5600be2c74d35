//! Placeholder while deps build.
fn main() {}
