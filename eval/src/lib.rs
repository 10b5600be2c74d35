//! Offline evaluation: cases from history, the same question that `ask` asks, scores, baselines, calibration and
//! reports. It must not know the command line; files and repositories are opened by whoever calls it.

pub mod adopted;
pub mod case;
pub mod outcome;
