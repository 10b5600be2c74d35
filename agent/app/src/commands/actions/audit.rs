//! `hearback audit`: every proposal of every incident, who decided what, what was done. `--verify` checks that each action
//! that was started stands in an unbroken record, after approvals of exactly it by those who are said to have given them.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::Result;
use hearback_core::approval::Decided;
use hearback_core::entry::Actor;
use hearback_core::ids::ProposalId;
use hearback_core::{Digest, Entry, Happening, IncidentId};
use hearback_engine::proposed::{ProposalView, Stage};
use hearback_record::Record;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::views;
use crate::cli::Audit;
use crate::config::Config;
use crate::output;
use crate::wiring::{self, server::ServerClient};

/// What an audit found.
#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Audited {
    /// Everything that was proposed.
    pub proposals: Vec<ProposalView>,
    /// What is wrong, one sentence each; null if it was not verified.
    pub wrong: Option<Vec<String>>,
}

pub async fn run(arguments: Audit, config: &Config) -> Result<ExitCode> {
    let found = match ServerClient::named(&arguments.server)? {
        Some(server) => server.audit(arguments.verify).await?,
        None => audited(wiring::record(config).await?.as_ref(), arguments.verify, Timestamp::now()).await?,
    };
    let is_sound = found.wrong.as_ref().is_none_or(Vec::is_empty);
    if arguments.json {
        output::json(&found)?;
    } else {
        output::print(&text(&found))?;
    }
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads everything that was proposed, and verifies it if that is wanted.
///
/// # Errors
/// The record is away.
pub async fn audited(record: &dyn Record, verify: bool, now: Timestamp) -> Result<Audited> {
    let proposals = views(record, None, now).await?;
    let mut wrong = Vec::new();
    if verify {
        for (id, _) in record.incidents().await? {
            match hearback_record::verify(record, &id, None).await {
                Err(error) => wrong.push(format!("{id} does not verify: {error}")),
                Ok(_) => {
                    let entries = hearback_engine::incidents::read_all(record, &id).await?;
                    wrong.extend(unfounded(&id, &entries));
                }
            }
        }
    }
    Ok(Audited { proposals, wrong: verify.then_some(wrong) })
}

/// Actions that were started without what must come before them.
fn unfounded(incident: &IncidentId, entries: &[Entry]) -> Vec<String> {
    let mut proposed: Vec<(ProposalId, Digest)> = Vec::new();
    let mut approved: BTreeSet<(ProposalId, Digest, String)> = BTreeSet::new();
    let mut started: BTreeSet<ProposalId> = BTreeSet::new();
    let mut wrong = Vec::new();
    for entry in entries {
        let Ok(what) = entry.happening() else { continue };
        let mut says = |text: String| wrong.push(format!("{incident} entry {}: {text}", entry.seq));
        match what {
            Happening::Proposed(proposal) => match proposal.digest() {
                Ok(digest) if !proposed.iter().any(|(id, _)| *id == proposal.id) => {
                    proposed.push((proposal.id, digest));
                }
                _ => says(format!("{} is proposed a second time", proposal.id)),
            },
            Happening::Decided { decision, .. } if decision.verdict != Decided::Reject => {
                approved.insert((decision.proposal, decision.digest, entry.by.for_people()));
            }
            Happening::ActionStarted { proposal, by, .. } => {
                let known = proposed.iter().find(|(id, _)| *id == proposal);
                let Some((_, digest)) = known else {
                    says(format!("{proposal} is started, and was not proposed"));
                    continue;
                };
                if by.is_empty() {
                    says(format!("{proposal} is started, and nobody approved it"));
                }
                for name in by {
                    let who = Actor::Person(name.as_str().into()).for_people();
                    if !approved.contains(&(proposal.clone(), *digest, who)) {
                        let name = hearback_core::ExternalText::new(name).for_people(60);
                        says(format!(
                            "{proposal} is started in {name}'s name, who did not approve exactly this"
                        ));
                    }
                }
                if !started.insert(proposal.clone()) {
                    says(format!("{proposal} is started a second time"));
                }
            }
            Happening::ActionFinished { proposal, .. } if !started.contains(&proposal) => {
                says(format!("{proposal} ended, and was not started"));
            }
            _ => {}
        }
    }
    wrong
}

fn text(found: &Audited) -> String {
    let mut lines: Vec<String> = Vec::new();
    for view in &found.proposals {
        lines.push(view.line());
        lines.extend(view.decisions.iter().map(|made| format!("           {}", made.says())));
    }
    let count = |wanted: Stage| found.proposals.iter().filter(|view| view.stage == wanted).count();
    lines.push(format!(
        "{} proposed: {} done, {} not done, {} unknown, {} under way, {} waiting, {} rejected, {} expired",
        found.proposals.len(),
        count(Stage::Done),
        count(Stage::NotDone),
        count(Stage::Unknown),
        count(Stage::UnderWay),
        count(Stage::Waiting),
        count(Stage::Rejected),
        count(Stage::Expired)
    ));
    match &found.wrong {
        None => {}
        Some(wrong) if wrong.is_empty() => {
            lines.push(
                "Verified: every record is whole, and every action stands after approvals of exactly it."
                    .into(),
            );
        }
        Some(wrong) => lines.extend(wrong.iter().map(|says| format!("WRONG: {says}"))),
    }
    lines.join("\n") + "\n"
}
