//! `hearback backtest train`: learns the weights of the ranker from cases, says what they are worth on cases they had not
//! seen, and writes them unless the present ones backtest better.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use hearback_core::ExternalText;
use hearback_engine::features::Feature;
use hearback_engine::ranker::Ranker;
use hearback_eval::case::{Case, Half};
use hearback_eval::checked::{CheckedRun, OfLeaks};
use hearback_eval::outcome::Outcome;
use hearback_eval::resample::Settings;
use hearback_eval::run::Bench;
use hearback_eval::summary;
use hearback_eval::train::{Learned, Sample, learn};
use hearback_eval::weights_file::{Standing, rewrite, standing};
use serde_json::json;

use super::cases::{all_are_there, read, repositories};
use crate::cli::Train;
use crate::config::Config;
use crate::interrupt::Interrupt;
use crate::output::{self, Replacing, Usage};
use crate::progress::Progress;

pub async fn run(arguments: Train, config: &Config) -> Result<ExitCode> {
    let cases = wanted(read(&arguments.cases)?);
    let repositories = repositories(&arguments.repositories, config)?;
    all_are_there(&cases, &repositories)?;
    let shown = ExternalText::new(arguments.weights.display().to_string()).for_people(200);
    let text = std::fs::read_to_string(&arguments.weights)
        .map_err(|error| Usage(format!("--weights: {shown} can't be read: {error}")))?;
    let before = Ranker::parse(&text).map_err(|error| Usage(format!("--weights: {shown}: {error}")))?;
    let target = Replacing::open(&arguments.weights)?;
    let interrupt = Interrupt::listen()?;
    let stopped = || {
        output::aside("stopped; nothing was learned and nothing was written");
        Ok(Interrupt::code())
    };
    let bench = Bench {
        ranker: before.clone(),
        signals: config.signals.clone(),
        culprit: config.culprit.clone(),
        repositories,
    };
    let Some(Asked { samples, outcomes, leaking }) = ask(bench, &cases, &interrupt).await? else {
        return stopped();
    };
    let from = before.clone();
    let learning = tokio::task::spawn_blocking(move || learn(&samples, &from));
    let learned = tokio::select! {
        biased;
        () = interrupt.heard() => return stopped(),
        learned = learning => learned.context("learning broke off")??,
    };
    let settings = Settings { seed: arguments.seed, ..Settings::default() };
    let ranks: BTreeMap<&str, Option<u32>> = outcomes.iter().map(|o| (o.id.as_str(), o.rank)).collect();
    let of_before: Vec<Option<u32>> =
        learned.cross_validated.keys().map(|id| ranks.get(id.as_str()).copied().flatten()).collect();
    let stands = standing(&learned, &before, &of_before, &settings);
    let worse = stands.as_ref().is_some_and(Standing::is_worse);
    let unseen = as_if_unseen(outcomes, &learned);
    let mut summary = summary::summarise(&unseen, &settings);
    // Only ranks were predicted anew: probabilities, and what rests on them, are of the weights that asked.
    summary.calibration = None;
    summary.worst.clear();
    let keep = worse && !arguments.force;
    if !keep {
        target.with(&rewrite(&text, &learned)?).with_context(|| format!("{shown} was not written"))?;
    }
    if arguments.json {
        output::line(
            json!({ "summary": summary, "leaking": leaking, "written": !keep, "weights": weights(&learned) })
                .to_string(),
        )?;
    } else {
        output::print(&told(&learned, leaking, &summary::text(&summary)))?;
        output::print(&ended(stands.as_ref(), keep, &shown))?;
    }
    Ok(if keep { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The learning half of a divided set, or all of one that is not divided.
fn wanted(cases: Vec<Case>) -> Vec<Case> {
    let is_divided = cases.iter().any(|case| case.half.is_some());
    cases.into_iter().filter(|case| !is_divided || case.half == Some(Half::Learn)).collect()
}

/// What was measured of each case's candidates.
#[derive(Default)]
struct Asked {
    samples: Vec<Sample>,
    outcomes: Vec<Outcome>,
    /// How many cases were left out because their answer can be seen.
    leaking: usize,
}

/// Asks all cases; none if Ctrl-C came first.
async fn ask(bench: Bench, cases: &[Case], interrupt: &Interrupt) -> Result<Option<Asked>> {
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let mut run = CheckedRun::new(Arc::new(bench), cases.to_vec(), at_once, OfLeaks::Refuse);
    let progress = Progress::of(cases.len());
    let mut asked = Asked::default();
    loop {
        let checked = tokio::select! {
            biased;
            () = interrupt.heard() => return Ok(None),
            checked = run.next() => checked,
        };
        let Some(checked) = checked.transpose()? else { break };
        progress.step();
        match (cases.get(checked.index), checked.ran?) {
            (Some(case), Some(ran)) => {
                asked.samples.push(Sample::new(case, &ran.standings));
                asked.outcomes.push(ran.outcome);
            }
            _ => asked.leaking += 1,
        }
    }
    Ok(Some(asked))
}

/// The failure-like outcomes with the ranks that the new weights give cases they had not seen.
fn as_if_unseen(outcomes: Vec<Outcome>, learned: &Learned) -> Vec<Outcome> {
    let unseen = |outcome: Outcome| {
        let rank = learned.cross_validated.get(&outcome.id)?;
        Some(Outcome { rank: *rank, ..outcome })
    };
    outcomes.into_iter().filter_map(unseen).collect()
}

fn weights(learned: &Learned) -> serde_json::Value {
    let all = Feature::ALL.iter().zip(&learned.fit.errors);
    let row = |(feature, error): (&Feature, &f64)| {
        json!({ "feature": feature.name(), "weight": learned.ranker.weight(*feature), "error": error,
                "held": learned.ranker.is_held(*feature) })
    };
    all.map(row).collect()
}

fn told(learned: &Learned, leaking: usize, summary: &str) -> String {
    let mut text = format!(
        "Learned from {} cases, {} of them failures; predicted below are those failures, each by weights learned on \
         other blocks of time.\n",
        learned.cases.0, learned.cases.1
    );
    if leaking > 0 {
        let _ = writeln!(text, "Left out because their answer can be seen: {leaking}.");
    }
    let tried = learned.tried.iter().map(|(ridge, value)| format!("{ridge}: {value:.4}"));
    let _ = writeln!(
        text,
        "Penalty {} (mean log-likelihood of unseen culprits by penalty: {}); temperature {}.\n",
        learned.ridge,
        tried.collect::<Vec<_>>().join(", "),
        learned.ranker.probability.temperature
    );
    let scores = summary.split("\nKnowing when it can't tell").next().unwrap_or(summary);
    text.push_str(scores);
    text.push_str("\nWeights, with their standard errors\n");
    for (feature, error) in Feature::ALL.iter().zip(&learned.fit.errors) {
        let weight = learned.ranker.weight(*feature);
        let _ = match learned.ranker.is_held(*feature) {
            true => writeln!(text, "{:<20} {weight:>8.4}  held", feature.name()),
            false => writeln!(text, "{:<20} {weight:>8.4} ± {error:.4}", feature.name()),
        };
    }
    text
}

fn ended(stands: Option<&Standing>, keep: bool, shown: &str) -> String {
    let compared = match stands {
        Some(Standing::SameCases { before, after }) => {
            format!(
                "the present weights, learned on the same cases, have MRR {before:.4}, the new ones {after:.4}"
            )
        }
        Some(Standing::OtherCases(paired)) => format!(
            "against the present weights on these cases the new ones are {:+.4} in MRR ({:+.4} to {:+.4})",
            paired.mrr_difference.value, paired.mrr_difference.low, paired.mrr_difference.high
        ),
        None => "there was nothing to compare with".to_owned(),
    };
    if keep {
        format!("\nNot written: {compared}. To overwrite {shown} all the same: --force.\n")
    } else {
        format!("\nWritten to {shown}: {compared}.\n")
    }
}
