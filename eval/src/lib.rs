//! Offline evaluation: cases from history, the same question that `ask` asks, scores, baselines, calibration and
//! reports. It must not know the command line; files and repositories are opened by whoever calls it.

pub mod calibration;
pub mod case;
#[cfg(test)]
mod made_up;
pub mod outcome;
pub mod paired;
pub mod resample;
pub mod scores;
