//! `hearback runbook`: the part that says what to do now, as a checklist, and whether it can still be trusted.

use std::process::ExitCode;

use anyhow::Result;
use hearback_core::memory::recall::{Memory as _, RunbookQuery};
use hearback_core::ports::ChangeQuery;
use hearback_core::{Fetched, Window};
use hearback_engine::gather;
use hearback_engine::remembering::{Checklist, checklist, stale};
use hearback_engine::render_memory;
use jiff::Timestamp;
use serde_json::json;

use super::{ask, memory, similar, times};
use crate::cli::Runbook;
use crate::config::Config;
use crate::output;
use crate::progress::Progress;
use crate::wiring;
use crate::wiring::memory::Missing;

pub async fn run(arguments: &Runbook, config: &Config) -> Result<ExitCode> {
    let now = Timestamp::now();
    let as_of =
        arguments.as_of.as_deref().map(|text| times::past("--as-of", text, now)).transpose()?.unwrap_or(now);
    let services = times::services(&arguments.services)?;
    let symptom = ask::symptom(&arguments.symptom)?;
    let library = memory::opened(config, Missing::Leave).await?;
    let query = RunbookQuery { services: services.clone(), symptom, as_of, budget: config.budget };
    let Fetched { items, mut coverage } = library.runbooks(&query).await?;
    let Some(first) = items.first() else {
        if arguments.json {
            output::json(&json!({ "runbook": null, "searched": coverage }))?;
        } else {
            output::print(&format!(
                "No runbook says what to do about this.\n{}\n",
                similar::searched(&coverage)
            ))?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let progress = Progress::start();
    // What changed since it was written: each change of the service makes it a little less true.
    let window = Window { from: first.known_at.min(as_of), until: as_of };
    let gathered = gather::changes(
        &wiring::configured_changes(config, &progress)?,
        None,
        &ChangeQuery { window, budget: config.budget },
    )
    .await?;
    drop(progress);
    coverage.missing.extend(gathered.gaps.iter().map(|gap| format!("{}: {}", gap.source, gap.why)));
    let changes: Vec<_> = gathered.changes.iter().map(|sighted| &sighted.change).collect();
    let about = if services.is_empty() { first.services.clone() } else { services };
    let stale = stale(first, &changes, &about, &config.catalog, arguments.stale_after);
    let list: Checklist = checklist(&first.excerpt.text);
    let others: Vec<_> = items.iter().skip(1).collect();
    if arguments.json {
        output::json(&json!({
            "runbook": first, "checklist": list, "stale": stale, "others": others, "searched": coverage,
        }))?;
    } else {
        let mut lines = render_memory::runbook(first, &list, &stale);
        if !others.is_empty() {
            let titles: Vec<String> = others.iter().map(|one| one.title.for_people(80)).collect();
            lines.push(format!("Others: {}", titles.join("; ")));
        }
        lines.push(similar::searched(&coverage));
        output::print(&(lines.join("\n") + "\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}
