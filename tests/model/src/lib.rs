//! A stub while dependencies build.
