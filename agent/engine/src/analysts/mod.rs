//! Analysts: pure functions of (incident, gathered, now), one file each. They must not await, read a clock or
//! know where the evidence came from.

pub mod authorised;
pub mod harmless;
pub mod onset;
pub mod rollout;
pub mod rule_out;
pub mod suspects;
mod suspects_features;
mod suspects_words;
