//! `hearback proposals` and `hearback show`.

use std::process::ExitCode;

use anyhow::Result;
use hearback_core::{Incident, IncidentId};
use hearback_engine::incidents::load;
use hearback_engine::proposed::{ProposalView, Stage};
use hearback_record::Record;
use jiff::{SignedDuration, Timestamp};

use super::{proposal_id, stored};
use crate::cli::{Proposals, ShowProposal};
use crate::commands::times;
use crate::config::Config;
use crate::output;
use crate::wiring::{self, server::ServerClient};

/// How long it may take to say what would be done.
const REHEARSE_WITHIN: SignedDuration = SignedDuration::from_secs(20);

pub async fn proposals(arguments: Proposals, config: &Config) -> Result<ExitCode> {
    let now = Timestamp::now();
    let incident = arguments.incident.as_deref().map(times::incident).transpose()?;
    let found = match ServerClient::named(&arguments.server)? {
        Some(server) => server.proposals(incident.as_ref()).await?,
        None => views(wiring::record(config).await?.as_ref(), incident.as_ref(), now).await?,
    };
    let shown = found.iter().filter(|view| arguments.all || view.stage == Stage::Waiting);
    let shown: Vec<&ProposalView> = shown.collect();
    if arguments.json {
        for view in shown {
            output::line(serde_json::to_string(view)?)?;
        }
    } else if shown.is_empty() {
        output::line(match found.len() {
            0 => "Nothing was proposed.".to_owned(),
            1 => "Nothing waits for approval; --all shows the one that was proposed.".to_owned(),
            more => format!("Nothing waits for approval; --all shows all {more} that were proposed."),
        })?;
    } else {
        for view in shown {
            output::line(view.line())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What was proposed in one incident, or in all that can be read.
///
/// # Errors
/// The record is away.
pub async fn views(
    record: &dyn Record,
    incident: Option<&IncidentId>,
    now: Timestamp,
) -> Result<Vec<ProposalView>> {
    let ids = match incident {
        Some(id) => vec![id.clone()],
        None => record.incidents().await?.into_iter().map(|(id, _)| id).collect(),
    };
    let mut found = Vec::new();
    for id in ids {
        let (entries, _) = match load(record, &id).await {
            // One broken record hides its own proposals alone; `hearback audit` says so.
            Err(hearback_core::ports::RecordError::Broken(_)) if incident.is_none() => continue,
            loaded => loaded?,
        };
        let folded = Incident::as_of(id, &entries, Timestamp::MAX);
        found.extend(folded.proposals.values().filter_map(|seen| ProposalView::of(seen, now)));
    }
    Ok(found)
}

pub async fn show(arguments: ShowProposal, config: &Config) -> Result<ExitCode> {
    let id = proposal_id(&arguments.proposal)?;
    let view = match ServerClient::named(&arguments.server)? {
        Some(server) => server.proposal(&id).await?,
        None => stored(wiring::record(config).await?.as_ref(), &id, Timestamp::now()).await?,
    };
    if arguments.json {
        output::json(&view)?;
    } else {
        output::print(&view.text())?;
    }
    if !arguments.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    let actions = wiring::actions(config)?;
    let Some(executor) = actions.executor_of(&view.proposal.action) else {
        return Err(output::Usage("nothing is configured here that can do it".into()).into());
    };
    let rehearsal = executor.rehearse(&view.proposal.action, REHEARSE_WITHIN).await?;
    for says in &rehearsal.says {
        output::line(format!(
            "  Would     {}",
            hearback_core::ExternalText::new(says.as_str()).for_people(400)
        ))?;
    }
    Ok(match rehearsal.refuses {
        None => ExitCode::SUCCESS,
        Some(why) => {
            let why = hearback_core::ExternalText::new(why).for_people(400);
            output::line(format!("  Would not {why}"))?;
            ExitCode::FAILURE
        }
    })
}
