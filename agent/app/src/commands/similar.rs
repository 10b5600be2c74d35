//! `hearback similar`: has this been before, and what fixed it? Here or in a running service.

use std::process::ExitCode;

use anyhow::Result;
use hearback_core::memory::DocumentId;
use hearback_core::memory::recall::{Memory, Remembered, SimilarQuery};
use hearback_core::memory::store::MemoryError;
use hearback_core::{Coverage, Fetched, Incident, ServiceName};
use hearback_engine::incidents::known_at;
use hearback_engine::{remembering, render_memory};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{ask, memory, times};
use crate::cli::Similar;
use crate::config::Config;
use crate::output;
use crate::wiring;
use crate::wiring::memory::Missing;
use crate::wiring::server::{ServerClient, fields};

/// At most so many are shown.
const MOST: usize = 5;

/// What was found, and where it was looked for.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// Incidents that were like this, the likest first.
    pub similar: Vec<Remembered>,
    /// Where was searched.
    pub searched: Coverage,
}

/// What is looked for: like these words, and like this incident.
pub struct Wanted<'a> {
    /// What is seen to fail.
    pub symptom: String,
    /// The services that fail.
    pub services: Vec<ServiceName>,
    /// The incident, as it was known then.
    pub incident: Option<&'a Incident>,
    /// Nothing that became known later is found.
    pub as_of: Timestamp,
    /// How long it may take.
    pub budget: SignedDuration,
}

/// Looks into `memory`.
///
/// # Errors
/// It failed, or has nothing to be searched by.
pub async fn find(memory: &dyn Memory, wanted: Wanted<'_>) -> Result<Found, MemoryError> {
    let Wanted { mut symptom, mut services, incident, as_of, budget } = wanted;
    if let Some(incident) = incident {
        symptom = format!("{symptom}\n{}", remembering::symptom(incident));
        let others = incident.services.iter().filter(|one| !services.contains(one)).cloned();
        services.extend(others.collect::<Vec<_>>());
    }
    let except = incident.and_then(|one| DocumentId::of_incident(&one.id));
    let query = SimilarQuery { symptom, services, as_of, except, limit: MOST, budget };
    let Fetched { items, coverage } = memory.similar(&query).await?;
    Ok(Found { similar: items, searched: coverage })
}

pub async fn run(arguments: &Similar, config: &Config) -> Result<ExitCode> {
    let found = match ServerClient::named(&arguments.server)? {
        Some(server) => {
            let ask = fields([
                ("symptom", json!(ask::symptom(&arguments.symptom)?)),
                ("services", json!(arguments.services)),
                ("incident", json!(arguments.incident)),
                ("as_of", json!(arguments.as_of)),
            ]);
            server.similar(ask).await?
        }
        None => here(arguments, config).await?,
    };
    output::found(&found, arguments.json, told)?;
    Ok(ExitCode::SUCCESS)
}

async fn here(arguments: &Similar, config: &Config) -> Result<Found> {
    let now = Timestamp::now();
    let as_of = times::past_or_now("--as-of", arguments.as_of.as_deref(), now)?;
    let symptom = ask::symptom(&arguments.symptom)?;
    let services = times::services(&arguments.services)?;
    let incident = match &arguments.incident {
        Some(id) => {
            let id = times::incident(id)?;
            Some(known_at(wiring::record(config).await?.as_ref(), &id, as_of).await?)
        }
        None => None,
    };
    let library = memory::opened(config, Missing::Leave).await?;
    let wanted = Wanted { symptom, services, incident: incident.as_ref(), as_of, budget: config.budget };
    Ok(find(&library, wanted).await?)
}

fn told(found: &Found) -> String {
    let mut lines = Vec::new();
    match found.similar.len() {
        0 => lines.push("Nothing like this is remembered.".to_owned()),
        1 => lines.push("One incident was like this:".to_owned()),
        count => lines.push(format!("{count} incidents were like this:")),
    }
    for (place, one) in (1..).zip(&found.similar) {
        lines.extend(render_memory::remembered(place, one));
    }
    lines.push(searched(&found.searched));
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
