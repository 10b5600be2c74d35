//! Offline evaluation: cases from history, the same question that `ask` asks, scores, baselines, calibration and
//! reports. It must not know the command line; files and repositories are opened by whoever calls it.

pub mod adopted;
pub mod baselines;
pub mod calibration;
pub mod case;
pub mod checked;
pub mod expert_weights;
pub mod experts;
pub mod failure;
pub mod frozen;
pub mod html;
#[cfg(test)]
mod invented;
pub mod leak;
pub mod logit;
#[cfg(test)]
mod made_up;
pub mod memory;
pub mod mine;
pub mod outcome;
pub mod paired;
pub mod petshop;
mod report;
pub mod resample;
pub mod run;
pub mod scores;
pub mod services;
pub mod strip;
mod strip_patterns;
pub mod summary;
mod svg;
pub mod temperature;
mod title_runs;
pub mod train;
pub mod weights_file;
