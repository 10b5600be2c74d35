//! `hearback similar`: has this been before, and what fixed it?

use std::process::ExitCode;

use anyhow::Result;
use hearback_core::memory::recall::{Memory as _, Remembered, SimilarQuery};
use hearback_core::{Coverage, Fetched, Incident};
use hearback_engine::incidents::load;
use hearback_engine::render_memory;
use hearback_memory::incident::document_of;
use jiff::Timestamp;
use serde_json::json;

use super::{ask, memory, times};
use crate::cli::Similar;
use crate::config::Config;
use crate::output;
use crate::wiring;
use crate::wiring::memory::Missing;

/// At most so many are shown.
const MOST: usize = 5;

pub async fn run(arguments: &Similar, config: &Config) -> Result<ExitCode> {
    let now = Timestamp::now();
    let as_of =
        arguments.as_of.as_deref().map(|text| times::past("--as-of", text, now)).transpose()?.unwrap_or(now);
    let mut symptom = ask::symptom(&arguments.symptom)?;
    let mut services = times::services(&arguments.services)?;
    let mut except = None;
    if let Some(id) = &arguments.incident {
        let id = times::incident(id)?;
        let record = wiring::record(config).await?;
        let (entries, _) = load(record.as_ref(), &id).await?;
        let incident = Incident::as_of(id, &entries, as_of);
        symptom = format!("{symptom}\n{}", hearback_engine::remembering::symptom(&incident));
        services.extend(
            incident
                .services
                .iter()
                .filter(|one| !arguments.services.iter().any(|said| said == one.as_str()))
                .cloned(),
        );
        except = document_of(&incident);
    }
    let library = memory::opened(config, Missing::Leave).await?;
    let query = SimilarQuery { symptom, services, as_of, except, limit: MOST, budget: config.budget };
    let Fetched { items, coverage } = library.similar(&query).await?;
    if arguments.json {
        output::json(&json!({ "similar": items, "searched": coverage }))?;
    } else {
        output::print(&told(&items, &coverage))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn told(items: &[Remembered], coverage: &Coverage) -> String {
    let mut lines = Vec::new();
    match items.len() {
        0 => lines.push("Nothing like this is remembered.".to_owned()),
        1 => lines.push("One incident was like this:".to_owned()),
        count => lines.push(format!("{count} incidents were like this:")),
    }
    for (place, one) in (1..).zip(items) {
        lines.extend(render_memory::remembered(place, one));
    }
    lines.push(searched(coverage));
    lines.join("\n") + "\n"
}

/// Where was searched, and what could not be seen.
pub fn searched(coverage: &Coverage) -> String {
    let gaps = if coverage.missing.is_empty() {
        String::new()
    } else {
        format!(" Gaps: {}.", coverage.missing.join("; "))
    };
    format!("Searched: {}.{gaps}", coverage.searched)
}
