//! `hearback backtest cases`: questions whose answer is known, from a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use hearback_core::ExternalText;
use hearback_core::ports::ChangeSource;
use hearback_eval::case::{Case, Half, parse_cases};
use hearback_eval::checked::OfLeaks;
use hearback_eval::run::Bench;

use super::measured::{Plan, measure};
use super::told::{Origin, tell};
use crate::cli::{Cases, HalfOf};
use crate::config::Config;
use crate::interrupt::Interrupt;
use crate::output::{Replacing, Usage};
use crate::wiring::backtest::open;
use crate::wiring::cache;

pub async fn run(arguments: Cases, config: &Config) -> Result<ExitCode> {
    let all = read(&arguments.cases)?;
    let of = all.len();
    let cases: Vec<Case> = all.into_iter().filter(|case| is_wanted(case, &arguments)).collect();
    let repositories = repositories(&arguments.repositories, config)?;
    all_are_there(&cases, &repositories)?;
    let file = ExternalText::new(arguments.cases.display().to_string()).for_people(200);
    if cases.is_empty() {
        anyhow::bail!(
            "none of the {of} cases in {file} is left; ask more than --only-symptoms and --half leave"
        );
    }
    let page = arguments.measuring.report.as_deref().map(Replacing::open).transpose()?;
    let interrupt = Interrupt::listen()?;
    let left_out = of - cases.len();
    let left = if left_out > 0 {
        format!(", {left_out} of them left out by --only-symptoms or --half")
    } else {
        String::new()
    };
    let origin = Origin {
        title: format!("Backtest of {file}"),
        says: vec![format!("{of} cases in {file}{left}.")],
        left_out,
        ..Origin::default()
    };
    let plan = Plan {
        bench: Bench {
            ranker: config.ranker.clone(),
            signals: config.signals.clone(),
            culprit: config.culprit.clone(),
            repositories,
        },
        cases,
        of_leaks: if arguments.refuse_leaks { OfLeaks::Refuse } else { OfLeaks::Tell },
        json: arguments.measuring.json,
    };
    let measured = measure(plan, &interrupt).await?;
    tell(&origin, &measured, None, None, (&arguments.measuring, page))
}

pub fn read(file: &Path) -> Result<Vec<Case>> {
    let refuse = |why: String| Usage(format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| refuse(format!("can't be read: {error}")))?;
    Ok(parse_cases(&text).map_err(|error| refuse(error.to_string()))?)
}

fn is_wanted(case: &Case, arguments: &Cases) -> bool {
    let half = arguments.half.map(half_of);
    (case.symptom_like || !arguments.measuring.only_symptoms) && (half.is_none() || case.half == half)
}

pub fn half_of(half: HalfOf) -> Half {
    match half {
        HalfOf::Learn => Half::Learn,
        HalfOf::Report => Half::Report,
    }
}

pub fn repositories(named: &[String], config: &Config) -> Result<BTreeMap<String, Arc<dyn ChangeSource>>> {
    let mut repositories = BTreeMap::new();
    let cache = cache(config);
    for text in named {
        let split = text.split_once('=').filter(|(name, path)| !name.is_empty() && !path.is_empty());
        let Some((name, path)) = split else {
            return Err(
                Usage(format!("--repo: \"{text}\" names no repository; write it as NAME=PATH")).into()
            );
        };
        let opened = open(&PathBuf::from(path), Some(name), cache.clone(), None)?;
        if repositories.insert(name.to_owned(), opened.source).is_some() {
            return Err(Usage(format!("--repo: two repositories are called \"{name}\"")).into());
        }
    }
    Ok(repositories)
}

/// A repository that nobody named is found out before the first case is asked, not after the hundredth.
pub fn all_are_there(cases: &[Case], repositories: &BTreeMap<String, Arc<dyn ChangeSource>>) -> Result<()> {
    let Some(stray) = cases.iter().find(|case| !repositories.contains_key(&case.repo)) else {
        return Ok(());
    };
    let (id, repo) = (ExternalText::from(stray.id.as_str()), ExternalText::from(stray.repo.as_str()));
    let (id, repo) = (id.for_people(80), repo.for_people(80));
    let count = cases.iter().filter(|case| case.repo == stray.repo).count();
    let others = if count > 1 { format!(" and {} other cases are", count - 1) } else { " is".into() };
    let says = format!(
        "the case {id}{others} about a repository called \"{repo}\", which is not named; add --repo {repo}=PATH"
    );
    Err(Usage(says).into())
}
