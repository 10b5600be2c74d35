//! `hearback hypothesis`: what may have caused an incident, as people and a model say, and whether it is right.

use std::process::ExitCode;

use anyhow::Result;
use hearback_core::hypothesis::Verdict;
use hearback_core::ids::HypothesisId;
use hearback_core::{Entry, IncidentId};
use hearback_engine::hypotheses::{HypothesisView, NotSaid, Saying, say, views};
use hearback_engine::incidents::known_at;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::times;
use crate::cli::Who;
use crate::cli::hypothesis::{Hypothesis, Said, Settle};
use crate::config::Config;
use crate::output::{self, Usage};
use crate::wiring;
use crate::wiring::server::{ServerClient, fields};

pub async fn run(command: Hypothesis, config: &Config) -> Result<ExitCode> {
    match command {
        Hypothesis::List { incident, json, server } => {
            let id = times::incident(&incident)?;
            let all = match ServerClient::named(&server)? {
                Some(server) => server.hypotheses(&id).await?,
                None => {
                    let record = wiring::record(config).await?;
                    views(&known_at(record.as_ref(), &id, Timestamp::now()).await?)
                }
            };
            list(&id, &all, json)?;
        }
        Hypothesis::Raise { incident, says, change, said } => {
            let id = times::incident(&incident)?;
            let body = [("says", json!(says)), ("change", json!(change))];
            let saying = Saying::Raise { says, change };
            let entry = write(config, &id, &saying, &said, "", fields(body)).await?;
            told(&id, &entry, &said, "raised")?;
        }
        Hypothesis::Confirm(which) => settle(config, Verdict::Confirmed, which).await?,
        Hypothesis::Dismiss(which) => settle(config, Verdict::Dismissed, which).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(id: &IncidentId, all: &[HypothesisView], json: bool) -> Result<()> {
    if json {
        return output::json(&all);
    }
    if all.is_empty() {
        return output::line(format!(
            "No hypotheses. Say what may have caused it: hearback hypothesis raise {id} \"the pool is too small\""
        ));
    }
    all.iter().try_for_each(|view| output::line(view.line()))
}

async fn settle(config: &Config, verdict: Verdict, which: Settle) -> Result<()> {
    let Settle { incident, hypothesis, why, said } = which;
    let id = times::incident(&incident)?;
    let hypothesis = HypothesisId::new(hypothesis.to_ascii_uppercase());
    let hypothesis = hypothesis.map_err(|error| Usage(error.to_string()))?;
    let body = fields([("verdict", json!(verdict)), ("why", json!(why))]);
    let path = format!("/{hypothesis}");
    let entry = write(config, &id, &Saying::Settle { hypothesis, verdict, why }, &said, &path, body).await?;
    told(&id, &entry, &said, verdict.as_str())
}

async fn write(
    config: &Config,
    id: &IncidentId,
    saying: &Saying,
    Said { who: Who { by }, server, .. }: &Said,
    path: &str,
    body: serde_json::Map<String, Value>,
) -> Result<Entry> {
    match ServerClient::named(server)? {
        // The token says who.
        Some(server) => server.say(id, path, body).await,
        None => {
            let record = wiring::record(config).await?;
            let written = say(record.as_ref(), id, &times::person(by), saying, Timestamp::now()).await;
            written.map_err(|error| match error {
                NotSaid::Record(error) => error.into(),
                refused => Usage(refused.to_string()).into(),
            })
        }
    }
}

fn told(id: &IncidentId, entry: &Entry, said: &Said, word: &str) -> Result<()> {
    if said.json {
        return output::json(entry);
    }
    match entry.happening() {
        Ok(hearback_core::Happening::HypothesisRaised { .. }) => {
            output::line(format!("{id} H{} {word}; a model that looks further is told", entry.seq))
        }
        Ok(hearback_core::Happening::HypothesisSettled { hypothesis, .. }) => {
            output::line(format!("{id} {hypothesis} {word}; a model that looks further is told"))
        }
        _ => output::line(format!("{id} entry {} written", entry.seq)),
    }
}
