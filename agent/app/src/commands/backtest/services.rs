//! `hearback backtest services`: which service is at the root, over a data set of issues whose root is known. A target is
//! opened only when the ranking is there.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use hearback_core::{ExternalText, Series};
use hearback_engine::analysts::root_service::{Call, Observed, root_services, says};
use hearback_eval::petshop::{BadFile, parse_calls, parse_metrics, parse_target};
use hearback_eval::resample::Settings;
use hearback_eval::services::{RankedService, ServiceOutcome, summarise, text};
use serde_json::json;

use crate::cli::{DatasetOf, Services, SplitOf};
use crate::output::{self, Usage};

const METRICS: &str = "metrics.csv";
const GRAPH: &str = "graph.csv";
const TARGET: &str = "target.json";
/// The folder of ordinary days.
const ORDINARY: &str = "noissue";
/// How much of a folder's name is shown.
const NAME: usize = 80;

/// A scenario of the data set: the same application under the same load.
struct Scenario {
    name: String,
    calls: Vec<Call>,
    ordinary: Vec<Series>,
    /// The folders of its issues, with their splits.
    issues: Vec<(&'static str, PathBuf)>,
}

pub fn run(arguments: &Services) -> Result<ExitCode> {
    let DatasetOf::Petshop = arguments.dataset;
    let mut outcomes: Vec<ServiceOutcome> = Vec::new();
    for folder in scenarios(&arguments.dir)? {
        let scenario = Scenario::read(&folder, arguments.split)?;
        for (split, issue) in &scenario.issues {
            let outcome = scenario.ask(split, issue)?;
            if arguments.json {
                output::line(serde_json::to_string(&outcome)?)?;
            }
            outcomes.push(outcome);
        }
    }
    if outcomes.is_empty() {
        let splits = splits(arguments.split).join(" or ");
        return Err(Usage(format!("{} holds no issue of {splits}", arguments.dir.display())).into());
    }
    let settings = Settings { seed: arguments.seed, ..Settings::default() };
    let summary = summarise(&outcomes, &settings);
    if arguments.json {
        output::line(json!({ "summary": summary }).to_string())?;
    } else {
        output::print(&text(&summary, &outcomes))?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Scenario {
    fn read(folder: &Path, split: SplitOf) -> Result<Scenario> {
        let mut issues = Vec::new();
        for split in splits(split) {
            let found = folders(&folder.join(split)).unwrap_or_default();
            issues.extend(found.into_iter().map(|issue| (split, issue)));
        }
        Ok(Scenario {
            name: name(folder),
            calls: parsed(&folder.join(GRAPH), parse_calls)?,
            ordinary: parsed(&folder.join(ORDINARY).join(METRICS), parse_metrics)?,
            issues,
        })
    }

    fn ask(&self, split: &str, issue: &Path) -> Result<ServiceOutcome> {
        let now = parsed(&issue.join(METRICS), parse_metrics)?;
        let started = Instant::now();
        // Whom the alert is about stands in the target, so nobody says: the front door is where it begins.
        let observed = Observed { ordinary: &self.ordinary, now: &now, calls: &self.calls, alerted: None };
        let ranking = root_services(&observed);
        let ms = started.elapsed().as_secs_f64() * 1e3;
        let ranked = ranking.iter().map(|one| RankedService {
            service: one.service.clone(),
            score: rounded(one.score, 1e6),
            because: says(one),
        });
        let ranked: Vec<RankedService> = ranked.collect();
        let target = parsed(&issue.join(TARGET), parse_target)?;
        let id = format!("{}/{split}/{}", self.name, name(issue));
        let names = (id, self.name.clone(), split.to_owned());
        Ok(ServiceOutcome::new(names, target, ranked, rounded(ms, 1e3)))
    }
}

fn splits(split: SplitOf) -> Vec<&'static str> {
    match split {
        SplitOf::Train => vec!["train"],
        SplitOf::Test => vec!["test"],
        SplitOf::All => vec!["train", "test"],
    }
}

/// The scenarios of a data set: folders with a graph, in the folder that is named or in `dataset` inside it.
fn scenarios(dir: &Path) -> Result<Vec<PathBuf>> {
    let inner = dir.join("dataset");
    let dir = if inner.is_dir() { inner.as_path() } else { dir };
    let mut found = folders(dir)?;
    found.retain(|folder| folder.join(GRAPH).is_file());
    if found.is_empty() {
        let says =
            format!("{} holds no scenario: a folder with {GRAPH}, {ORDINARY}, train, test", dir.display());
        return Err(Usage(says).into());
    }
    Ok(found)
}

/// The folders in a folder, by name; a shorter name comes first, so that the tenth is not the second.
fn folders(dir: &Path) -> Result<Vec<PathBuf>> {
    let refuse = |error: std::io::Error| Usage(format!("{} can't be read: {error}", dir.display()));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(refuse)? {
        let path = entry.map_err(refuse)?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort_by_cached_key(|path| (path.as_os_str().len(), path.clone()));
    Ok(found)
}

fn parsed<T>(path: &Path, parse: impl Fn(&str) -> Result<T, BadFile>) -> Result<T> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Usage(format!("{} can't be read: {error}", path.display())))?;
    Ok(parse(&text).map_err(|error| Usage(format!("{}: {error}", path.display())))?)
}

fn name(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    ExternalText::new(name).for_people(NAME)
}

fn rounded(value: f64, unit: f64) -> f64 {
    (value * unit).round() / unit
}
