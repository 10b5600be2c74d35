//! Analysts: pure functions of (incident, gathered, now), one file each. They must not await, read a clock or
//! know where the evidence came from.

pub mod authorised;
pub mod change_point;
pub mod culprit;
pub mod experts;
pub mod findings;
pub mod harmless;
pub mod measured;
pub mod onset;
pub mod recovered;
mod robust;
pub mod rollout;
pub mod root_service;
pub mod rule_out;
mod season;
mod segments;
pub mod signature;
mod smooth;
pub mod suspects;
mod suspects_features;
mod suspects_lines;
mod suspects_pool;
mod suspects_reasons;
mod suspects_words;
pub mod undoing;
