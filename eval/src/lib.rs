//! Offline evaluation: cases from history, the same question that `ask` asks, scores, baselines, calibration and
//! reports. It must not know the command line; files and repositories are opened by whoever calls it.

pub mod case;
pub mod failure;
#[cfg(test)]
mod invented;
pub mod leak;
pub mod mine;
pub mod outcome;
pub mod strip;
mod strip_patterns;
mod title_runs;
