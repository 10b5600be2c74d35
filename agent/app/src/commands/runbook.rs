//! `hearback runbook`: the part that says what to do now, as a checklist, and whether it can still be trusted. Here or in a
//! running service.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use hearback_core::catalog::Catalog;
use hearback_core::memory::recall::{Memory, Remembered, RunbookQuery};
use hearback_core::ports::{ChangeQuery, ChangeSource};
use hearback_core::{Coverage, Fetched, Window};
use hearback_engine::gather;
use hearback_engine::remembering::{Checklist, checklist, stale};
use hearback_engine::render_memory;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::similar::searched;
use super::{ask, memory, times};
use crate::cli::Runbook;
use crate::config::Config;
use crate::output;
use crate::progress::Progress;
use crate::wiring;
use crate::wiring::memory::Missing;
use crate::wiring::server::{ServerClient, fields};

/// So many changes of the service make a runbook stale, unless something else is said.
pub const STALE_AFTER: u32 = 20;

/// What was found, and where it was looked for.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// The part to run now; null if none says what to do about this.
    pub runbook: Option<Remembered>,
    /// It, to be ticked off.
    pub checklist: Checklist,
    /// What speaks against trusting it.
    pub stale: Vec<String>,
    /// Other parts that may fit.
    pub others: Vec<Remembered>,
    /// Where was searched.
    pub searched: Coverage,
}

/// What a runbook is held against.
pub struct Against<'a> {
    /// Each change of the service since it was written makes it a little less true.
    pub changes: &'a [Arc<dyn ChangeSource>],
    /// Who answers for what.
    pub catalog: &'a Catalog,
    /// So many changes make it stale.
    pub stale_after: u32,
}

/// Looks into `memory`, and holds what it says against what is known now.
///
/// # Errors
/// Memory failed, or the changes can't be asked for.
pub async fn find(memory: &dyn Memory, query: &RunbookQuery, against: Against<'_>) -> Result<Found> {
    let Fetched { items, coverage: mut searched } = memory.runbooks(query).await?;
    let mut items = items.into_iter();
    let Some(first) = items.next() else {
        let (checklist, stale, others) = Default::default();
        return Ok(Found { runbook: None, checklist, stale, others, searched });
    };
    let window = Window { from: first.known_at.min(query.as_of), until: query.as_of };
    let changes = ChangeQuery { window, budget: query.budget };
    let gathered = gather::changes(against.changes, None, &changes).await?;
    searched.missing.extend(gathered.gaps.iter().map(|gap| format!("{}: {}", gap.source, gap.why)));
    let changes: Vec<_> = gathered.changes.iter().map(|sighted| &sighted.change).collect();
    let about = if query.services.is_empty() { &first.services } else { &query.services };
    let stale = stale(&first, &changes, about, against.catalog, against.stale_after);
    let checklist = checklist(&first.excerpt.text);
    Ok(Found { checklist, stale, others: items.collect(), searched, runbook: Some(first) })
}

pub async fn run(arguments: &Runbook, config: &Config) -> Result<ExitCode> {
    let found = match ServerClient::named(&arguments.server)? {
        Some(server) => {
            let ask = fields([
                ("symptom", json!(ask::symptom(&arguments.symptom)?)),
                ("services", json!(arguments.services)),
                ("as_of", json!(arguments.as_of)),
                ("stale_after", json!(arguments.stale_after)),
            ]);
            server.runbook(ask).await?
        }
        None => here(arguments, config).await?,
    };
    output::found(&found, arguments.json, told)?;
    Ok(ExitCode::SUCCESS)
}

async fn here(arguments: &Runbook, config: &Config) -> Result<Found> {
    let now = Timestamp::now();
    let as_of = times::past_or_now("--as-of", arguments.as_of.as_deref(), now)?;
    let services = times::services(&arguments.services)?;
    let symptom = ask::symptom(&arguments.symptom)?;
    let library = memory::opened(config, Missing::Leave).await?;
    let progress = Progress::start();
    let changes = wiring::configured_changes(config, &progress)?;
    let query = RunbookQuery { services, symptom, as_of, budget: config.budget };
    let against = Against { changes: &changes, catalog: &config.catalog, stale_after: arguments.stale_after };
    find(&library, &query, against).await
}

fn told(found: &Found) -> String {
    let mut lines = match &found.runbook {
        Some(first) => render_memory::runbook(first, &found.checklist, &found.stale),
        None => vec!["No runbook says what to do about this.".to_owned()],
    };
    if !found.others.is_empty() {
        let titles: Vec<String> = found.others.iter().map(|one| one.title.for_people(80)).collect();
        lines.push(format!("Others: {}", titles.join("; ")));
    }
    lines.push(searched(&found.searched));
    lines.join("\n") + "\n"
}
