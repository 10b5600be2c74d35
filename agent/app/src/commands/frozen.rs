//! `hearback import incident` and `hearback export incident`: a folder of logs, metrics, traces and changes as a record, and
//! a record as such a folder.

use std::process::ExitCode;

use anyhow::Result;
use hearback_core::{IncidentId, SourceName};
use hearback_engine::alerts::open_incident;
use hearback_engine::recorded::Recorded;
use hearback_eval::frozen::Folder;
use hearback_eval::frozen::export::export;
use hearback_eval::frozen::import::{Imported, import};
use jiff::Timestamp;
use serde_json::json;

use super::times;
use crate::cli::{Export, Import};
use crate::config::Config;
use crate::output::{self, Usage};
use crate::wiring;

pub async fn take(command: Import, config: &Config) -> Result<ExitCode> {
    let Import::Incident { dir, json: as_json } = command;
    let folder = Folder::read(&dir).map_err(|error| Usage(error.to_string()))?;
    // The record gives the number; until then any id does, for no draft names one.
    let Imported { recorded, mut drafts, question, .. } = import(&folder, &IncidentId::numbered(1))
        .map_err(|error| Usage(format!("{}: {error}", dir.display())))?;
    let record = wiring::record(config).await?;
    // Kept before they are named, so that no entry names what is not there.
    for snapshot in recorded.snapshots.values() {
        record.keep(snapshot).await?;
    }
    let now = Timestamp::now();
    drafts.iter_mut().for_each(|draft| draft.recorded_at = now);
    let count = drafts.len();
    let entry = open_incident(record.as_ref(), drafts).await?;
    let id = &entry.incident;
    if as_json {
        let sources: Vec<&SourceName> =
            recorded.snapshots.values().map(|snapshot| &snapshot.source).collect();
        output::json(&json!({"incident": id, "entries": count, "snapshots": recorded.snapshots.len(),
            "sources": sources, "until": question.window.until}))?;
    } else {
        let snapshots = recorded.snapshots.len();
        output::line(format!(
            "{id} imported from {}: {count} entries, {snapshots} snapshots. Next: hearback backtest replay {id} --ask \"what changed?\"",
            dir.display()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub async fn give(command: Export, config: &Config) -> Result<ExitCode> {
    let Export::Incident { incident, dir, json: as_json } = command;
    let id = times::incident(&incident)?;
    let record = wiring::record(config).await?;
    let recorded = Recorded::load(record.as_ref(), &id).await?;
    let folder = export(&recorded).map_err(|error| Usage(error.to_string()))?;
    folder.write(&dir).map_err(|error| Usage(error.to_string()))?;
    let files: Vec<&String> = folder.files.keys().collect();
    if as_json {
        output::json(&json!({"incident": id, "dir": dir, "files": files}))?;
    } else {
        output::line(format!(
            "{id} frozen in {}: {} files. Next: write truth.json beside them, then hearback backtest incidents --dir {0}",
            dir.display(),
            files.len()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
