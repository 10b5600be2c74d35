//! Log records and spans on disk, bounded by age and size.
