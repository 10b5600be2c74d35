//! `hearback record`: the entries themselves.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use hearback_core::action::{Outcome, Recovery};
use hearback_core::answer::Answer;
use hearback_core::approval::Decided;
use hearback_core::change::Change;
use hearback_core::entry::{Body, Head, verify_chain};
use hearback_core::export::Export;
use hearback_core::time::format_time;
use hearback_core::{Draft, Entry, ExternalText, Happening};
use hearback_engine::incidents::read_all;
use hearback_record::{Record, export};
use jiff::Timestamp;
use serde_json::json;

use super::times;
use crate::cli;
use crate::config::Config;
use crate::output::{self, Usage};
use crate::wiring;

pub async fn run(command: cli::Record, config: &Config) -> Result<ExitCode> {
    let record = wiring::record(config).await?;
    match command {
        cli::Record::Show { incident, json } => {
            for entry in read_all(record.as_ref(), &times::incident(&incident)?).await? {
                output::line(if json { serde_json::to_string(&entry)? } else { one_line(&entry) })?;
            }
        }
        cli::Record::Verify { incident, head, json } => {
            return verify(record.as_ref(), &incident, head, json).await;
        }
        cli::Record::Redact { incident, seq, why, who } => {
            let id = times::incident(&incident)?;
            let now = Timestamp::now();
            let why = ExternalText::new(why);
            let what = Happening::Redacted { seq, why: why.clone() };
            let by = times::person(&who.by);
            let draft = Draft { happened_at: now, known_at: now, recorded_at: now, by, what };
            let tombstone = record.redact(&id, seq, &why, draft).await?;
            output::line(format!("{id} entry {seq} redacted for good; entry {} says so", tombstone.seq))?;
        }
        cli::Record::Export { incident, output: to } => {
            let id = times::incident(&incident)?;
            let text = export(record.as_ref(), &id).await?.to_json_lines()?;
            match to {
                None => output::print(&text)?,
                Some(path) => write_new(&path, &text)?,
            }
        }
        cli::Record::Import { file } => {
            let Export { incident, entries, snapshots, .. } = Export::parse(&read(&file)?)
                .map_err(|error| Usage(format!("{}: {error}", file.display())))?;
            let head = record.import(entries, snapshots).await?;
            output::line(format!("{incident} imported: {} entries, head {head}", head.seq))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn verify(
    record: &dyn Record,
    incident: &str,
    head: Option<String>,
    as_json: bool,
) -> Result<ExitCode> {
    let id = times::incident(incident)?;
    let exported: Option<Head> =
        head.map(|text| text.parse()).transpose().map_err(|error| Usage(format!("--head: {error}")))?;
    let entries = read_all(record, &id).await?;
    let chain = verify_chain(&id, &entries, exported).map_err(anyhow::Error::from);
    // The chain covers the ids of snapshots; that they still hold what their ids say is checked beside it.
    let verified = match chain {
        Ok(head) => {
            hearback_record::verify(record, &id, exported).await.map(|_| head).map_err(anyhow::Error::from)
        }
        broken => broken,
    };
    if as_json {
        output::json(&match &verified {
            Ok(head) => json!({"incident": id, "intact": true, "entries": entries.len(), "head": head}),
            Err(broken) => json!({"incident": id, "intact": false, "broken": broken.to_string()}),
        })?;
        return Ok(if verified.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let head = verified.with_context(|| format!("{id} does not verify"))?;
    let redacted = entries.iter().filter(|entry| matches!(entry.body, Body::Redacted { .. })).count();
    let head = head.map(|head| head.to_string()).unwrap_or_default();
    output::line(format!("{id} verifies: {} entries, {redacted} redacted, head {head}", entries.len()))?;
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> Result<String> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|mut open| open.read_to_string(&mut text))
    };
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(Usage(format!("{} can't be read: {error}", file.display())).into()),
    }
}

fn write_new(path: &Path, text: &str) -> Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = file.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Usage(format!("{} exists already; name another file, or remove it first", path.display()))
        }
        _ => Usage(format!("{} can't be written: {error}", path.display())),
    })?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    output::line(format!("{} written", path.display()))
}

/// An entry as one line: when, who, what.
pub fn one_line(entry: &Entry) -> String {
    let what = match entry.happening() {
        Ok(what) => describe(&what),
        // The kind of an entry nobody knows is text from outside.
        Err(error) => ExternalText::new(error.to_string()).for_people(200),
    };
    format!("{:>4}  {}  {:<16}  {what}", entry.seq, format_time(entry.happened_at), entry.by.for_people())
}

/// How an action ended, in one line.
pub fn ended(outcome: &Outcome) -> String {
    let (word, says) = match outcome {
        Outcome::Done(receipt) => ("done", &receipt.says),
        Outcome::NotAsExpected { why } => ("not done, the target is not as expected", why),
        Outcome::Failed { why } => ("failed", why),
        Outcome::Unknown { why } => ("OUTCOME UNKNOWN, a person must look", why),
    };
    format!("{word}: {}", ExternalText::new(says.as_str()).for_people(200))
}

/// What happened, in one line.
pub fn describe(what: &Happening) -> String {
    const WIDTH: usize = 110;
    match what {
        Happening::Declared { title, severity, .. } => {
            format!("declared {severity}: {}", title.for_people(WIDTH))
        }
        Happening::SeverityChanged { to, why } => format!("severity is now {to}: {}", why.for_people(WIDTH)),
        Happening::RoleAssigned { role, to } => format!("{role}: {}", to.for_people(40)),
        Happening::Message { text, .. } => text.for_people(WIDTH),
        Happening::AlertFired(alert) => {
            format!("ALERT {}: {}", alert.name.for_people(40), alert.summary.for_people(WIDTH))
        }
        Happening::AlertResolved { fingerprint } => {
            format!("alert over: {}", ExternalText::from(fingerprint.as_str()).for_people(40))
        }
        Happening::ChangeSeen(Change { kind, title, author, .. }) => {
            format!("{kind} by {}: {}", author.name.for_people(24), title.for_people(WIDTH))
        }
        Happening::EvidenceGathered { evidence, source, what, .. } => {
            format!(
                "evidence {} from {source}: {}",
                evidence.0.short(),
                ExternalText::from(what.as_str()).for_people(60)
            )
        }
        Happening::Asked(question) => format!("asked: {}", question.text.for_people(WIDTH)),
        Happening::Answered(Answer { suspects, considered, .. }) => {
            let first = suspects.first().map_or("no suspect".to_owned(), |s| s.change.title.for_people(60));
            format!("answered: {considered} changes, {} listed, first: {first}", suspects.len())
        }
        Happening::Proposed(proposal) => format!("proposed {}: {}", proposal.id, proposal.action.says()),
        Happening::Decided { decision, denied } => {
            let verdict = match decision.verdict {
                Decided::Approve => "approves",
                Decided::BreakGlass => "breaks the glass for",
                Decided::Reject => "rejects",
            };
            let why = if decision.why.is_blank() { None } else { Some(decision.why.for_people(WIDTH)) };
            let said: Vec<String> = why.into_iter().chain(denied.clone()).collect();
            let said = if said.is_empty() { String::new() } else { format!(": {}", said.join("; ")) };
            format!("{verdict} {}{said}", decision.proposal)
        }
        Happening::ActionStarted { proposal, by, glass_broken, .. } => {
            let glass = if *glass_broken { ", breaking the glass" } else { "" };
            format!(
                "started {proposal}, approved by {}{glass}",
                ExternalText::new(by.join(", ")).for_people(80)
            )
        }
        Happening::ActionFinished { proposal, outcome } => format!("{proposal} {}", ended(outcome)),
        Happening::RecoveryChecked { proposal, recovery, because } => {
            let word = match recovery {
                Recovery::Recovered => "recovered",
                Recovery::NotRecovered => "not recovered",
                Recovery::CantTell => "can't tell whether it helped",
            };
            format!("{proposal} {word}: {}", because.says())
        }
        Happening::ChannelBound { name, .. } => format!("channel: {}", name.for_people(60)),
        Happening::Spoke { key, .. } => {
            format!("said in the channel: {}", ExternalText::new(key.as_str()).for_people(80))
        }
        Happening::Investigating { answer, .. } => {
            format!("a model looks further into the answer of entry {answer}")
        }
        Happening::Investigated { answer, found, .. } => format!(
            "a model looked further into the answer of entry {answer}: {} statements stand, {} were dropped",
            found.claims.len() + found.hypotheses.len(),
            found.dropped.count(),
        ),
        Happening::HypothesisRaised { says, .. } => format!("may be: {}", says.for_people(WIDTH)),
        Happening::HypothesisSettled { hypothesis, verdict, why } => {
            let why = if why.is_blank() { String::new() } else { format!(": {}", why.for_people(WIDTH)) };
            format!("{hypothesis} is {}{why}", verdict.as_str())
        }
        Happening::NotProposed { why } => {
            format!("nothing proposed: {}", ExternalText::new(why.as_str()).for_people(WIDTH))
        }
        Happening::Dismissed { change } => {
            format!("not it: {}", ExternalText::new(change.as_str()).for_people(WIDTH))
        }
        Happening::Redacted { seq, why } => format!("redacted entry {seq}: {}", why.for_people(WIDTH)),
        Happening::Resolved { how } => format!("resolved: {}", how.for_people(WIDTH)),
    }
}
