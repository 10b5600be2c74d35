//! `hearback approve` and `hearback reject`: the decision of a person whose token says who they are.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hearback_core::ExternalText;
use hearback_core::access::Right;
use hearback_core::action::Outcome;
use hearback_core::approval::{Decided, Decision};
use hearback_core::ids::ProposalId;
use hearback_engine::approval::Ruling;
use hearback_engine::incidents::load;
use hearback_engine::proposed::{ProposalView, ended};
use hearback_record::Record;
use jiff::Timestamp;

use super::{holder, proposal_id, stored, whole_digest};
use crate::cli::{Approve, Key, Reject};
use crate::config::Config;
use crate::output::{self, Usage};
use crate::wiring::server::{Decided as Answered, ServerClient};
use crate::wiring::{self, Actions};

/// How often it is looked whether an action helped.
const LOOK_EVERY: Duration = Duration::from_secs(5);

pub async fn approve(arguments: Approve, config: &Config) -> Result<ExitCode> {
    let verdict = if arguments.break_glass { Decided::BreakGlass } else { Decided::Approve };
    if arguments.break_glass && arguments.why.trim().is_empty() {
        let says = "--break-glass takes a reason that everybody will hear; say it with --why";
        return Err(Usage(says.into()).into());
    }
    let said = Said {
        id: proposal_id(&arguments.proposal)?,
        digest: &arguments.digest,
        verdict,
        why: arguments.why.trim(),
    };
    if let Some(server) = ServerClient::named(&arguments.server)? {
        return of_server(&server, &said, arguments.json).await;
    }
    let key = Key { token_file: arguments.server.token_file.clone() };
    let record = wiring::record(config).await?;
    let actions = wiring::actions(config)?;
    let ended = decide(&said, &key, record.as_ref(), &actions).await?;
    let is_done = matches!(ended, Ended::Outcome(Outcome::Done(_)));
    tell(&said.id, record.as_ref(), &ended, arguments.json).await?;
    if !is_done {
        return Ok(ExitCode::FAILURE);
    }
    if arguments.wait {
        wait(&said.id, record.as_ref(), &actions, config).await
    } else {
        Ok(ExitCode::SUCCESS)
    }
}

pub async fn reject(arguments: Reject, config: &Config) -> Result<ExitCode> {
    if arguments.why.trim().is_empty() {
        return Err(Usage("--why: say in a few words why not; everybody will read it".into()).into());
    }
    let said = Said {
        id: proposal_id(&arguments.proposal)?,
        digest: &arguments.digest,
        verdict: Decided::Reject,
        why: arguments.why.trim(),
    };
    if let Some(server) = ServerClient::named(&arguments.server)? {
        return of_server(&server, &said, arguments.json).await;
    }
    let key = Key { token_file: arguments.server.token_file.clone() };
    let record = wiring::record(config).await?;
    let ended = decide(&said, &key, record.as_ref(), &wiring::actions(config)?).await?;
    tell(&said.id, record.as_ref(), &ended, arguments.json).await?;
    Ok(if matches!(ended, Ended::Rejected) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What somebody said of a proposal.
struct Said<'a> {
    id: ProposalId,
    digest: &'a str,
    verdict: Decided,
    why: &'a str,
}

/// What came of it.
enum Ended {
    Noted(String),
    Rejected,
    Outcome(Outcome),
}

async fn decide(said: &Said<'_>, key: &Key, record: &dyn Record, actions: &Actions) -> Result<Ended> {
    let now = Timestamp::now();
    let by = holder(record, key, Right::Approve, said.id.incident().as_ref(), now).await?;
    let view = stored(record, &said.id, now).await?;
    let decision = Decision {
        proposal: said.id.clone(),
        digest: whole_digest(&view, said.digest)?,
        verdict: said.verdict,
        why: ExternalText::new(said.why),
    };
    let desk = actions.desk(record);
    Ok(match desk.decide(decision, by, now).await? {
        Ruling::Noted(why) => Ended::Noted(why),
        Ruling::Rejected => Ended::Rejected,
        Ruling::Started(started) => {
            output::aside(&format!("{} is started …", said.id));
            let done = desk.carry_out(*started, &Timestamp::now).await;
            Ended::Outcome(done.with_context(|| {
                format!(
                    "{} was started, and how it ended could not be written down; see: hearback show {}",
                    said.id, said.id
                )
            })?)
        }
    })
}

async fn tell(id: &ProposalId, record: &dyn Record, ended: &Ended, json: bool) -> Result<()> {
    if json {
        return output::json(&stored(record, id, Timestamp::now()).await?);
    }
    output::line(words(id, ended))
}

fn words(id: &ProposalId, what: &Ended) -> String {
    match what {
        Ended::Noted(why) => format!("Noted, not done: {why}"),
        Ended::Rejected => format!("{id} rejected"),
        Ended::Outcome(outcome) => {
            let link = match outcome {
                Outcome::Done(receipt) => receipt.link.as_deref(),
                Outcome::NotAsExpected { .. } | Outcome::Failed { .. } | Outcome::Unknown { .. } => None,
            };
            let link =
                link.map_or(String::new(), |link| format!("\n{}", ExternalText::new(link).for_people(300)));
            format!("{id} {}{link}", ended(outcome))
        }
    }
}

async fn of_server(server: &ServerClient, said: &Said<'_>, json: bool) -> Result<ExitCode> {
    let view: ProposalView = server.proposal(&said.id).await?;
    let digest = whole_digest(&view, said.digest)?;
    let answered: Answered = server.decide(&said.id, digest, said.verdict, said.why).await?;
    if json {
        output::json(&answered.proposal)?;
    } else {
        output::line(&answered.says)?;
    }
    Ok(if answered.took_effect { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Looks until it is told whether it helped.
async fn wait(id: &ProposalId, record: &dyn Record, actions: &Actions, config: &Config) -> Result<ExitCode> {
    let signals = wiring::signal_sources(config)?;
    loop {
        let of = id.incident().context("a proposal is of an incident")?;
        let (entries, _) = load(record, &of).await?;
        let incident = hearback_core::Incident::as_of(of, &entries, Timestamp::MAX);
        actions.recovery(record, &signals).look(&incident, Timestamp::now()).await?;
        let view = stored(record, id, Timestamp::now()).await?;
        if view.proposal.check.is_none() {
            output::line("It can't be told from here whether it helped: look yourself.")?;
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(helped) = view.helped() {
            output::line(helped)?;
            let well = view.recovery == Some(hearback_core::action::Recovery::Recovered);
            return Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = tokio::signal::ctrl_c() => {
                output::aside("Not waited for; `hearback serve` goes on looking, and `hearback show` tells.");
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
}
