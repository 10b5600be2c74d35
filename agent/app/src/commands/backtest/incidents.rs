//! `hearback backtest incidents`: frozen incidents, asked about; what they were is read when the answer is there.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use hearback_eval::frozen::ask::{AskError, Asked, Weights, ask};
use hearback_eval::frozen::perturb::{Perturbation, perturb};
use hearback_eval::frozen::scored::{
    Kept, NONE, Scored, Without, kept, score, sums, text, variants, variants_text, without,
};
use hearback_eval::frozen::{Folder, Said, Truth};
use serde::Serialize;
use serde_json::json;

use crate::cli;
use crate::config::Config;
use crate::interrupt::Interrupt;
use crate::output::{self, Usage};
use crate::progress::Progress;

/// One answer as a line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    #[serde(flatten)]
    said: &'a Said,
    decoy_blamed: Option<&'a str>,
    ms: f64,
}

#[derive(Default)]
struct Measured {
    scored: Vec<(Scored, Truth)>,
    kept: Vec<Kept>,
    without: Vec<Without>,
    unknown: usize,
    failed: Vec<String>,
    slowest_ms: f64,
}

pub async fn run(arguments: cli::Incidents, config: &Config) -> Result<ExitCode> {
    let mut weights = Weights {
        ranker: config.ranker.clone(),
        signals: config.signals.clone(),
        culprit: config.culprit.clone(),
    };
    for rule in &arguments.without {
        let without = weights.culprit.without(rule);
        weights.culprit = without.ok_or_else(|| {
            Usage(format!("--without: there is no rule \"{rule}\"; config/culprit.toml has them"))
        })?;
    }
    let paths = Folder::find(&arguments.dir).map_err(|error| Usage(error.to_string()))?;
    let progress = Progress::of(paths.len() * (1 + 2 * arguments.perturb as usize));
    let interrupt = Interrupt::listen()?;
    let mut measured = Measured::default();
    for path in &paths {
        if interrupt.is_heard() {
            break;
        }
        let folder = match Folder::read(path) {
            Ok(folder) => folder,
            Err(error) => {
                measured.failed.push(error.to_string());
                continue;
            }
        };
        let Some((said, ms)) = measured.asked(&folder, &weights, &progress).await else { continue };
        // What it was is opened when the answer is there, and not before. What can't be read is not taken for nothing known.
        let truth = match Truth::read(path) {
            Ok(truth) => truth,
            Err(error) => {
                measured.failed.push(error.to_string());
                continue;
            }
        };
        let scored = truth.as_ref().map(|truth| score(&folder.id, &said, truth));
        if arguments.json {
            let decoy_blamed = scored.as_ref().and_then(|scored| scored.decoy_blamed.as_deref());
            let line = serde_json::to_string(&Line { id: &folder.id, said: &said, decoy_blamed, ms })?;
            progress.beside(|| output::line(line))?;
        }
        let told = Told { folder: &folder, said: &said, truth: truth.as_ref() };
        for seed in (arguments.seed..).take(arguments.perturb as usize) {
            if interrupt.is_heard() {
                break;
            }
            measured.vary(told, seed, &weights, &progress).await;
        }
        match scored.zip(truth) {
            Some(known) => measured.scored.push(known),
            None => measured.unknown += 1,
        }
    }
    drop(progress);
    measured.tell(arguments.json)?;
    Ok(match () {
        () if interrupt.is_heard() => Interrupt::code(),
        () if measured.failed.is_empty() => ExitCode::SUCCESS,
        () => ExitCode::FAILURE,
    })
}

/// A frozen incident, and what was said of it.
#[derive(Clone, Copy)]
struct Told<'a> {
    folder: &'a Folder,
    said: &'a Said,
    truth: Option<&'a Truth>,
}

impl Measured {
    /// What is said of `folder`, and how long it took in milliseconds.
    async fn asked(
        &mut self,
        folder: &Folder,
        weights: &Weights,
        progress: &Progress,
    ) -> Option<(Said, f64)> {
        let started = Instant::now();
        let asked: Result<Asked, AskError> = ask(folder, weights).await;
        let ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        progress.step();
        match asked {
            Ok(asked) => {
                self.slowest_ms = self.slowest_ms.max(ms);
                Some((asked.said, ms))
            }
            Err(error) => {
                self.failed.push(format!("{}: {error}", folder.id));
                None
            }
        }
    }

    /// Asks about the same in other words, and without the change that did it.
    async fn vary(&mut self, told: Told<'_>, seed: u64, weights: &Weights, progress: &Progress) {
        let Told { folder, said, truth } = told;
        let culprit = truth.map(|truth| truth.root_cause_commit.as_str());
        let renamed = perturb(folder, culprit, seed, Perturbation::Renamed);
        if let Some((variant, _)) = self.asked(&renamed.folder, weights, progress).await {
            self.kept.push(kept(&folder.id, seed, said, &variant, &renamed.names));
        }
        let Some(truth) = truth.filter(|truth| truth.root_cause_commit != NONE) else {
            progress.step();
            return;
        };
        let away = perturb(folder, culprit, seed, Perturbation::CulpritRemoved);
        if let Some((variant, _)) = self.asked(&away.folder, weights, progress).await {
            self.without.push(without(&variant, truth, &away));
        }
    }

    fn tell(&self, as_json: bool) -> Result<()> {
        let sums = sums(self.scored.iter().map(|(scored, truth)| (scored, truth)));
        let variants = variants(&self.kept, &self.without);
        for why in &self.failed {
            output::aside(why);
        }
        if as_json {
            let varied = (!self.kept.is_empty()).then_some(variants);
            let summary = json!({"summary": sums, "variants": varied, "without_truth": self.unknown,
                "failed": self.failed.len(), "slowest_ms": self.slowest_ms});
            return output::line(summary.to_string());
        }
        if sums.n > 0 {
            let cases: Vec<Scored> = self.scored.iter().map(|(scored, _)| scored.clone()).collect();
            output::print(&text(&sums, &cases))?;
        }
        if !self.kept.is_empty() {
            output::print(&format!("\n{}", variants_text(&variants, &self.kept)))?;
        }
        if self.unknown > 0 {
            output::line(format!("{} without a truth.json: answered, not scored", self.unknown))?;
        }
        output::line(format!("slowest answer {:.0} ms", self.slowest_ms))
    }
}
