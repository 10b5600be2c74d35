//! `hearback declare`, `note` and `incident`: what people say of an incident, and what is known of it.

use std::process::ExitCode;

use anyhow::Result;
use hearback_core::entry::Actor;
use hearback_core::happening::Severity;
use hearback_core::incident::State;
use hearback_core::ports::{Expect, RecordError, RecordStore};
use hearback_core::time::{format_length, format_time};
use hearback_core::{Draft, Entry, ExternalText, Happening, Incident, IncidentId};
use hearback_engine::alerts::open_incident;
use hearback_engine::incidents::load;
use jiff::Timestamp;
use serde_json::json;

use super::times;
use crate::cli::{self, Declare, Note};
use crate::config::Config;
use crate::output::{self, Usage};
use crate::wiring;
use crate::wiring::server::{ServerClient, fields};

pub async fn declare(arguments: Declare, config: &Config) -> Result<ExitCode> {
    let now = Timestamp::now();
    let severity: Severity =
        arguments.severity.parse().map_err(|error| Usage(format!("--severity: {error}")))?;
    if arguments.title.trim().is_empty() {
        return Err(Usage("the title is empty; say in a few words what fails".into()).into());
    }
    let impact = arguments.impact_since.as_deref();
    let what = Happening::Declared {
        title: ExternalText::new(arguments.title.trim()),
        severity,
        services: times::services(&arguments.services)?,
        impact_since: impact.map(|text| times::past("--impact-since", text, now)).transpose()?,
    };
    let entry = match ServerClient::named(&arguments.server)? {
        // The token says who declares.
        Some(server) => {
            let declaration = fields([
                ("title", json!(arguments.title)),
                ("severity", json!(arguments.severity)),
                ("services", json!(arguments.services)),
                ("impact_since", json!(arguments.impact_since)),
            ]);
            server.declare(declaration).await?
        }
        None => {
            let by = times::person(&arguments.who.by);
            let draft = Draft { happened_at: now, known_at: now, recorded_at: now, by, what };
            let record = wiring::record(config).await?;
            open_incident(record.as_ref(), vec![draft]).await?
        }
    };
    if arguments.json {
        output::json(&entry)?;
    } else {
        let id = &entry.incident;
        output::line(format!("{id} declared, {severity}. Next: hearback ask --incident {id} --repo PATH"))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub async fn note(arguments: Note, config: &Config) -> Result<ExitCode> {
    let now = Timestamp::now();
    let id = times::incident(&arguments.incident)?;
    let at = arguments.at.as_deref().map(|text| times::past("--at", text, now)).transpose()?;
    let what = Happening::note("cli", ExternalText::new(arguments.text));
    let by = times::person(&arguments.who.by);
    let draft = Draft { happened_at: at.unwrap_or(now), known_at: now, recorded_at: now, by, what };
    let record = wiring::record(config).await?;
    if record.head(&id).await?.is_none() {
        return Err(RecordError::NoSuchIncident(id).into());
    }
    let entries = record.append(&id, Expect::Any, vec![draft]).await?;
    for entry in &entries {
        if arguments.json {
            output::json(entry)?;
        } else {
            output::line(format!("{id} entry {} written", entry.seq))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub async fn run(command: cli::Incident, config: &Config) -> Result<ExitCode> {
    let record = wiring::record(config).await?;
    let now = Timestamp::now();
    let mut code = ExitCode::SUCCESS;
    match command {
        cli::Incident::List { json } => {
            let incidents = record.incidents().await?;
            if incidents.is_empty() && !json {
                output::line(
                    "No incidents. Declare one: hearback declare \"Checkout 5xx\" --severity SEV-1",
                )?;
            }
            for (id, _) in incidents {
                let entries = match load(record.as_ref(), &id).await {
                    Ok((entries, _)) => entries,
                    // One broken record must not hide the others.
                    Err(error) => {
                        output::failure(&anyhow::Error::new(error).context(format!("{id} can't be told")));
                        code = ExitCode::FAILURE;
                        continue;
                    }
                };
                let incident = Incident::as_of(id, &entries, now);
                output::line(if json { as_json(&incident).to_string() } else { one_line(&incident, now) })?;
            }
        }
        cli::Incident::Resolve { incident, how, who, json } => {
            let id = times::incident(&incident)?;
            let entry = resolve(record.as_ref(), &id, &how, times::person(&who.by), now).await?;
            if json {
                output::json(&entry)?;
            } else {
                output::line(format!("{id} resolved"))?;
            }
        }
        cli::Incident::Show { incident, as_of, json } => {
            let id = times::incident(&incident)?;
            let as_of =
                as_of.as_deref().map(|text| times::past("--as-of", text, now)).transpose()?.unwrap_or(now);
            let (entries, _) = load(record.as_ref(), &id).await?;
            let incident = Incident::as_of(id, &entries, as_of);
            if json {
                output::json(&as_json(&incident))?;
            } else {
                output::print(&shown(&incident, &entries, as_of))?;
            }
        }
    }
    Ok(code)
}

/// Writes down that an incident is over.
///
/// # Errors
/// It does not exist, is over already, or the record is away.
pub async fn resolve(
    record: &dyn RecordStore,
    id: &IncidentId,
    how: &str,
    by: Actor,
    now: Timestamp,
) -> Result<Entry> {
    if how.trim().is_empty() {
        return Err(Usage("say in a few words what ended it".into()).into());
    }
    let (entries, head) = load(record, id).await?;
    if Incident::as_of(id.clone(), &entries, now).state != State::Open {
        return Err(Usage(format!("{id} is over already")).into());
    }
    let what = Happening::Resolved { how: ExternalText::new(how.trim()) };
    let draft = Draft { happened_at: now, known_at: now, recorded_at: now, by, what };
    let written = record.append(id, Expect::Head(Some(head)), vec![draft]).await?;
    written.into_iter().next().ok_or_else(|| anyhow::anyhow!("nothing was written"))
}

fn state(incident: &Incident, now: Timestamp) -> String {
    match (incident.state, incident.declared_at) {
        (State::Resolved { at }, _) => format!("resolved {}", format_time(at)),
        (State::Open, Some((at, _))) => format!("open for {}", format_length(now.duration_since(at))),
        (State::Open, None) => "open".into(),
    }
}

fn one_line(incident: &Incident, now: Timestamp) -> String {
    let severity = incident.severity.map_or("-".to_owned(), |severity| severity.to_string());
    format!(
        "{:<8} {severity:<5}  {:<28}  {}",
        incident.id,
        state(incident, now),
        incident.title.for_people(60)
    )
}

fn shown(incident: &Incident, entries: &[Entry], as_of: Timestamp) -> String {
    let mut lines = vec![one_line(incident, as_of).split_whitespace().collect::<Vec<_>>().join(" ")];
    let services: Vec<&str> = incident.services.iter().map(|service| service.as_str()).collect();
    if !services.is_empty() {
        lines.push(format!("services: {}", services.join(", ")));
    }
    for (role, person) in &incident.roles {
        lines.push(format!("{role}: {}", person.for_people(40)));
    }
    for seen in &incident.alerts {
        let until = seen.resolved_at.map_or("firing".to_owned(), |at| format!("until {}", format_time(at)));
        let since = format_time(seen.alert.started_at);
        lines.push(format!("alert {} since {since}, {until}", seen.alert.name.for_people(60)));
    }
    lines.push(format!(
        "{} changes, {} messages, {} entries",
        incident.changes.len(),
        incident.messages.len(),
        incident.entries
    ));
    if incident.unreadable > 0 {
        lines
            .push(format!("{} entries can't be read (redacted, or of a newer version)", incident.unreadable));
    }
    for entry in entries.iter().filter(|entry| entry.known_at <= as_of && entry.kind != "change_seen") {
        lines.push(super::record::one_line(entry));
    }
    lines.join("\n") + "\n"
}

/// An incident as JSON.
pub fn as_json(incident: &Incident) -> serde_json::Value {
    let (state, resolved_at) = match incident.state {
        State::Open => ("open", None),
        State::Resolved { at } => ("resolved", Some(at)),
    };
    json!({
        "id": incident.id,
        "title": incident.title,
        "severity": incident.severity,
        "state": state,
        "declared_at": incident.declared_at.map(|(at, _)| at),
        "impact_since": incident.impact_since.map(|(at, _)| at),
        "resolved_at": resolved_at,
        "services": incident.services,
        "roles": incident.roles,
        "alerts": incident.alerts.iter().map(|seen| json!({
            "name": seen.alert.name, "service": seen.alert.service, "started_at": seen.alert.started_at,
            "resolved_at": seen.resolved_at,
        })).collect::<Vec<_>>(),
        "changes": incident.changes.len(),
        "messages": incident.messages.len(),
        "entries": incident.entries,
        "unreadable": incident.unreadable,
    })
}
