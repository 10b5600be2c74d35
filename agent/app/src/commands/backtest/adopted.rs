//! `hearback backtest adopted`: every adopted case, replayed with today's weights.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use hearback_core::export::Export;
use hearback_core::{Catalog, ExternalText};
use hearback_engine::analysts::authorised::AuthorisationPolicy;
use hearback_engine::expertise::ExpertSettings;
use hearback_engine::recorded::Recorded;
use hearback_engine::replay::Settings;
use hearback_eval::adopted::{AdoptedCase, Fared};
use serde_json::json;

use super::adopt::{CASE, CATALOG, RECORD};
use crate::cli::Adopted;
use crate::config::Config;
use crate::output::{self, Usage};

pub async fn run(arguments: Adopted, config: &Config) -> Result<ExitCode> {
    let folders = folders(&arguments.dir)?;
    let mut passed = 0;
    for folder in &folders {
        // One broken case must not hide the others.
        match fared(folder, config).await {
            Ok(fared) => {
                passed += usize::from(fared.passed);
                output::line(if arguments.json { serde_json::to_string(&fared)? } else { one_line(&fared) })?;
            }
            Err(error) => {
                let id = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let why = ExternalText::new(format!("{error:#}")).for_people(400);
                let json = || json!({"id": id, "passed": false, "broken": why}).to_string();
                output::line(if arguments.json {
                    json()
                } else {
                    format!("FAIL  {id}  can't be run: {why}")
                })?;
            }
        }
    }
    let failed = folders.len() - passed;
    output::line(match arguments.json {
        true => json!({"summary": {"cases": folders.len(), "passed": passed, "failed": failed}}).to_string(),
        false => format!("{passed} passed, {failed} failed"),
    })?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The folders of cases, by name. None at all is a mistake: a check that checks nothing must not pass.
fn folders(dir: &Path) -> Result<Vec<PathBuf>> {
    let refuse = |why: String| Usage(format!("{} {why}", dir.display()));
    let read = std::fs::read_dir(dir).map_err(|error| refuse(format!("can't be read: {error}")))?;
    let mut folders = Vec::new();
    for entry in read {
        let path = entry?.path();
        let is_half = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !is_half && path.join(CASE).is_file() {
            folders.push(path);
        }
    }
    folders.sort();
    if folders.is_empty() {
        let says = "holds no adopted case; make one: hearback backtest adopt INC-3 --culprit CHANGE";
        return Err(refuse(says.into()).into());
    }
    Ok(folders)
}

async fn fared(folder: &Path, config: &Config) -> Result<Fared> {
    let read = |name: &str| {
        std::fs::read_to_string(folder.join(name)).with_context(|| format!("{name} can't be read"))
    };
    let case = AdoptedCase::parse(&read(CASE)?).context(CASE)?;
    let recorded = Recorded::from(Export::parse(&read(RECORD)?).context(RECORD)?);
    let catalog: Catalog = match folder.join(CATALOG).exists() {
        true => toml::from_str(&read(CATALOG)?).context(CATALOG)?,
        false => Catalog::default(),
    };
    let policy = AuthorisationPolicy::default();
    let settings = Settings {
        ranker: &config.ranker,
        signals: &config.signals,
        culprit: &config.culprit,
        experts: &ExpertSettings::default(),
        policy: &policy,
        catalog: &catalog,
        gaps: &[],
    };
    Ok(case.run(&recorded, settings).await?)
}

fn one_line(fared: &Fared) -> String {
    let Fared { id, title, passed, rank, strong, expected, gaps, .. } = fared;
    let word = if *passed { "pass" } else { "FAIL" };
    let what = match (expected.rank_at_most, expected.strong_at_most) {
        (Some(most), _) => {
            let now = rank.map_or("is ruled out".to_owned(), |rank| format!("at rank {rank}"));
            format!("culprit {now} (at most {most})")
        }
        (None, most) => {
            let most = most.map_or(String::new(), |most| format!(" (at most {most})"));
            let changes = if *strong == 1 { "change" } else { "changes" };
            format!("{strong} wrong {changes} called strong{most}")
        }
    };
    let gaps = match gaps.len() {
        0 => String::new(),
        1 => ", 1 gap".to_owned(),
        count => format!(", {count} gaps"),
    };
    let (id, title) = (ExternalText::from(id.as_str()), ExternalText::from(title.as_str()));
    format!("{word}  {}  {what}{gaps}  {}", id.for_people(44), title.for_people(80))
}
