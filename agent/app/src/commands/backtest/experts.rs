//! `hearback backtest experts`: who rolled back is the one who should have been asked. How high did that one stand?

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use hearback_core::ExternalText;
use hearback_core::ports::ChangeSource;
use hearback_engine::analysts::experts::rules::ExpertRules;
use hearback_engine::expertise::PeopleSources;
use hearback_eval::case::{Case, parse_cases};
use hearback_eval::expert_weights::{Learned, learn};
use hearback_eval::experts::{Asked, ExpertSummary, Label, Quality, ask, parse_labels, summarise};
use hearback_eval::paired::Paired;
use hearback_eval::resample::Settings;
use hearback_eval::run::{Bench, latest_first};
use serde_json::json;
use tokio::task::JoinSet;
use toml_edit::DocumentMut;

use super::cases::{all_are_there, half_of};
use crate::cli::BacktestExperts;
use crate::config::Config;
use crate::interrupt::Interrupt;
use crate::output::{self, Replacing, Usage};
use crate::progress::Progress;
use crate::wiring::{backtest, cache};

type Changes = BTreeMap<String, Arc<dyn ChangeSource>>;
type People = BTreeMap<String, PeopleSources>;

pub async fn run(arguments: BacktestExperts, config: &Config) -> Result<ExitCode> {
    let file = ExternalText::new(arguments.cases.display().to_string()).for_people(200);
    let text = std::fs::read_to_string(&arguments.cases)
        .map_err(|error| Usage(format!("{file}: can't be read: {error}")))?;
    let labels = parse_labels(&text);
    let half = arguments.half.map(half_of);
    let is_wanted = |case: &Case| {
        labels.contains_key(&case.id)
            && (case.symptom_like || !arguments.only_symptoms)
            && (half.is_none() || case.half == half)
    };
    let cases = parse_cases(&text).map_err(|error| Usage(format!("{file}: {error}")))?;
    let cases: Vec<Case> = cases.into_iter().filter(is_wanted).collect();
    if cases.is_empty() {
        anyhow::bail!("no case in {file} is left that says who rolled back (\"responder\")");
    }
    let (repositories, people) = open(&arguments.repositories, config)?;
    all_are_there(&cases, &repositories)?;
    let target =
        arguments.train.as_deref().map(|path| Ok::<_, anyhow::Error>((path, Replacing::open(path)?)));
    let target = target.transpose()?;
    let bench = Bench {
        ranker: config.ranker.clone(),
        signals: config.signals.clone(),
        culprit: config.culprit.clone(),
        repositories,
    };
    let rules = match &arguments.weights {
        Some(path) => weights(path)?,
        None => config.experts.rules.clone(),
    };
    let interrupt = Interrupt::listen()?;
    let measured = measure(bench, people, &rules, latest_first(cases), &labels, &interrupt).await?;
    let Measured { asked, failed, stopped } = measured;
    for why in &failed {
        output::aside(why);
    }
    let settings = Settings { seed: arguments.seed, ..Settings::default() };
    let outcomes: Vec<_> = asked.iter().map(|one| one.outcome.clone()).collect();
    let summary = summarise(&outcomes, &settings);
    let learned = (target.is_some() && !stopped).then(|| learn(&asked, &settings));
    if let (Some((path, target)), Some(learned)) = (target, &learned) {
        target
            .with(&rewritten(path, learned)?)
            .with_context(|| format!("{} was not written", path.display()))?;
    }
    if arguments.json {
        for outcome in &outcomes {
            output::line(serde_json::to_string(outcome)?)?;
        }
        output::line(json!({ "summary": summary, "failed": failed.len(), "learned": learned }).to_string())?;
    } else {
        output::print(&told(&file, &summary, learned.as_ref()))?;
    }
    Ok(match (stopped, failed.is_empty()) {
        (true, _) => Interrupt::code(),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::FAILURE,
    })
}

fn weights(path: &Path) -> Result<ExpertRules> {
    let shown = ExternalText::new(path.display().to_string()).for_people(200);
    let text = std::fs::read_to_string(path)
        .map_err(|error| Usage(format!("--weights: {shown} can't be read: {error}")))?;
    Ok(ExpertRules::parse(&text).map_err(|error| Usage(format!("--weights: {shown}: {error}")))?)
}

fn open(named: &[String], config: &Config) -> Result<(Changes, People)> {
    let cache = cache(config);
    let (mut changes, mut people) = (BTreeMap::new(), People::new());
    for text in named {
        let split = text.split_once('=').filter(|(name, path)| !name.is_empty() && !path.is_empty());
        let (name, path) = split
            .ok_or_else(|| Usage(format!("--repo: \"{text}\" names no repository; write it as NAME=PATH")))?;
        let opened = backtest::open(Path::new(path), Some(name), cache.clone(), None)?;
        people.insert(name.to_owned(), opened.people);
        if changes.insert(name.to_owned(), opened.source).is_some() {
            return Err(Usage(format!("--repo: two repositories are called \"{name}\"")).into());
        }
    }
    Ok((changes, people))
}

struct Measured {
    asked: Vec<Asked>,
    failed: Vec<String>,
    stopped: bool,
}

/// Asks the cases, a few at once; what came of them stands in their order.
async fn measure(
    bench: Bench,
    people: People,
    rules: &ExpertRules,
    cases: Vec<Case>,
    labels: &BTreeMap<String, Label>,
    interrupt: &Interrupt,
) -> Result<Measured> {
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let shared = Arc::new((bench, people, rules.clone()));
    let progress = Progress::of(cases.len());
    let mut waiting = cases.into_iter().enumerate();
    let (mut tasks, mut done, mut failed) = (JoinSet::new(), BTreeMap::new(), Vec::new());
    let mut stopped = false;
    loop {
        while tasks.len() < at_once
            && let Some((place, case)) = waiting.next()
        {
            let Some(label) = labels.get(&case.id).cloned() else { continue };
            let shared = Arc::clone(&shared);
            tasks.spawn(async move {
                let (bench, people, rules) = shared.as_ref();
                (place, ask(bench, people, rules, &case, &label).await)
            });
        }
        let next = tokio::select! {
            biased;
            () = interrupt.heard() => {
                stopped = true;
                break;
            }
            next = tasks.join_next() => next,
        };
        match next {
            None => break,
            Some(Ok((place, Ok(asked)))) => drop(done.insert(place, asked)),
            Some(Ok((_, Err(error)))) => failed.push(error.to_string()),
            Some(Err(_)) => failed.push("a case was given up; run it again".to_owned()),
        }
        progress.step();
    }
    Ok(Measured { asked: done.into_values().collect(), failed, stopped })
}

/// The file of weights with what was learned; its comments stay.
fn rewritten(path: &Path, learned: &Learned) -> Result<String> {
    let text = std::fs::read_to_string(path)?;
    let mut document: DocumentMut = text.parse()?;
    let weights = document.get_mut("weights").and_then(toml_edit::Item::as_table_like_mut);
    let weights = weights.with_context(|| format!("{} has no [weights]", path.display()))?;
    for (sign, weight) in &learned.weights {
        let Some(number) = weights.get_mut(sign.name()).and_then(toml_edit::Item::as_value_mut) else {
            continue;
        };
        // In place, so that the words around it stay.
        let around = number.decor().clone();
        *number = (*weight).into();
        *number.decor_mut() = around;
    }
    let text = document.to_string();
    ExpertRules::parse(&text)?;
    Ok(text)
}

fn told(file: &str, summary: &ExpertSummary, learned: Option<&Learned>) -> String {
    let mut lines = vec![format!(
        "Who rolled back, in {} cases of {file}; in {} of them that person had done something in the year before, or \
         wrote lines near a suspect. {} people in the case in the middle.",
        summary.cases, summary.known, summary.median_people
    )];
    lines.push(
        "method                    top-1               top-3               top-5               MRR"
            .to_owned(),
    );
    for (name, quality) in [
        ("experts", &summary.experts),
        ("last committer", &summary.last_committer),
        ("words of a year", &summary.words),
        ("lines near suspects", &summary.lines),
        ("oracle: culprit's author", &summary.culprits_author),
    ] {
        lines.extend(quality.as_ref().map(|quality| row(name, quality)));
    }
    if let Some(against) = &summary.against_best {
        lines.push(format!(
            "Against {}, the best of the others: {}",
            against.method,
            difference(&against.paired)
        ));
    }
    for (name, (cases, quality)) in &summary.repositories {
        let name = ExternalText::from(name.as_str()).for_people(16);
        lines.push(row(&format!("  {name} ({cases})"), quality));
    }
    if let Some(learned) = learned {
        lines.push("Weights were learned; what they are worth on cases that they had not seen:".to_owned());
        lines.extend(learned.cross_validated.as_ref().map(|quality| row("other blocks of time", quality)));
        for (name, (cases, quality)) in &learned.left_out {
            let name = ExternalText::from(name.as_str()).for_people(16);
            lines.push(row(&format!("  without {name} ({cases})"), quality));
        }
        lines.push("What each sign adds to the others there:".to_owned());
        for (sign, worth) in &learned.worth {
            lines.push(row(&format!("  without {}", sign.name()), &worth.without));
            lines.push(format!("    it adds {}", difference(&worth.adds)));
        }
    }
    lines.join("\n") + "\n"
}

/// `top-5 +3.2 points (1.1–5.4), 40 : 20, p 0.013; MRR +0.021 (0.008–0.035), p 0.002`
fn difference(paired: &Paired) -> String {
    let (top5, mrr) = (paired.top_5_difference, paired.mrr_difference);
    format!(
        "top-5 {:+.1} points ({:+.1} to {:+.1}), {} : {}, p {}; MRR {:+.3} ({:+.3} to {:+.3}), p {}",
        top5.value * 100.0,
        top5.low * 100.0,
        top5.high * 100.0,
        paired.won,
        paired.lost,
        chance(paired.top_5_p),
        mrr.value,
        mrr.low,
        mrr.high,
        chance(paired.mrr_p),
    )
}

fn chance(p: f64) -> String {
    if p < 0.001 { "<.001".to_owned() } else { format!("{p:.3}") }
}

fn row(name: &str, quality: &Quality) -> String {
    let percent = [quality.top1, quality.top3, quality.top5]
        .map(|one| format!("{:.1} ({:.1}–{:.1})", one.value * 100.0, one.low * 100.0, one.high * 100.0));
    let [top1, top3, top5] = percent;
    format!("{name:<25} {top1:<19} {top3:<19} {top5:<19} {:.3}", quality.mrr.value)
}
