//! Offline evaluation: cases from history, the same question that `ask` asks, scores, baselines, calibration and
//! reports. It must not know the command line; files and repositories are opened by whoever calls it.

pub mod calibration;
pub mod case;
pub mod html;
#[cfg(test)]
mod made_up;
pub mod outcome;
pub mod paired;
mod report;
pub mod resample;
pub mod scores;
pub mod summary;
mod svg;
