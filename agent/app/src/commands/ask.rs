//! `hearback ask`: the question, the sources, the answer; inside an incident also its record.

use std::io::Read as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use hearback_core::happening::Question;
use hearback_core::{Answer, ExternalText, Incident, IncidentId, SourceName, Window};
use hearback_engine::asking;
use hearback_engine::driver::{self, Answered, Sources};
use hearback_engine::incidents::known_at;
use hearback_engine::investigating::{Forgetful, Subject};
use hearback_engine::investigation::reporting::Patches;
use hearback_engine::logged::LoggedChanges;
use hearback_engine::proposed::Stage;
use hearback_engine::proposing::Weighed;
use hearback_engine::render::{self, Cost};
use hearback_engine::render_investigation;
use hearback_record::Record;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{actions, times};
use crate::cli::{Ask, Format};
use crate::config::Config;
use crate::output::{self, Usage};
use crate::progress::Progress;
use crate::wiring::server::{ServerClient, fields};
use crate::wiring::{self, Asked};

/// The longest symptom that is read; more is cut, since the first lines of a trace tell.
pub const SYMPTOM_BYTES: usize = 64 * 1024;

pub async fn run(arguments: Ask, config: &Config) -> Result<ExitCode> {
    if let Some(server) = ServerClient::named(&arguments.server)? {
        return ask_server(&arguments, &server).await;
    }
    let now = Timestamp::now();
    let mut question = question(&arguments, config, now)?;
    if question.onset.is_some_and(|onset| onset > question.window.until) {
        return Err(
            Usage("--onset: it lies after --as-of; nothing after the as-of can be seen".into()).into()
        );
    }
    let asked_in = match &arguments.incident {
        Some(id) => Some((times::incident(id)?, wiring::record(config).await?)),
        None => None,
    };
    let incident = match &asked_in {
        Some((id, record)) => Some(known_at(record.as_ref(), id, question.window.until).await?),
        None => None,
    };
    if arguments.since.is_none() {
        let until = question.window.until;
        question.window = asking::window(until, config.window, question.onset, incident.as_ref());
    }
    let progress = Progress::start();
    let Asked { mut sources, calibration } = wiring::sources((&arguments).into(), config, &progress).await?;
    if let Some((_, record)) = &asked_in {
        sources.changes.push(Arc::new(LoggedChanges::new(record.clone())?));
    }
    let started = Instant::now();
    let gaps = config.catalog_files.gaps();
    let context = config.context(&sources, calibration.as_ref(), &gaps, incident.as_ref(), config.budget);
    let answered = driver::answer(context, &question).await?;
    drop(progress);
    show(&arguments, &answered.answer, started)?;
    // Shown first: an answer is never lost because it can't be written down.
    if let Some((id, record)) = asked_in {
        let by = times::person(&arguments.who.by);
        let weighed = match (&incident, &arguments.as_of) {
            (Some(incident), None) => {
                wiring::actions(config)?.proposer(record.as_ref()).weigh(incident, &answered).await?
            }
            // What is asked of the past proposes nothing for now.
            _ => Weighed::Nothing,
        };
        let answered_at = Timestamp::now();
        let drafts = asking::drafts(question.clone(), by, (now, answered_at), &answered);
        asking::write_answer(record.as_ref(), &id, &answered, drafts, &weighed, answered_at)
            .await
            .context("the answer above was not recorded")?;
        if !arguments.json && arguments.format == Format::Text {
            tell_proposals(record.as_ref(), &id, &weighed).await?;
        }
    }
    if arguments.deepen {
        deepen(config, &question, &answered, &sources, incident.as_ref()).await?;
    }
    Ok(if answered.answer.searched.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Lets the model look further. The answer stands already.
async fn deepen(
    config: &Config,
    question: &Question,
    answered: &Answered,
    sources: &Sources,
    incident: Option<&Incident>,
) -> Result<()> {
    let Some(model) = wiring::model(config)? else {
        return output::line("No model is configured: set [model] to let one look further.");
    };
    let limits = config.model.as_ref().map(|model| model.limits.clone());
    let own = SourceName::new(wiring::OWN_INVESTIGATION)?;
    let subject = Subject {
        question,
        answer: &answered.answer,
        snapshots: &answered.snapshots,
        incident,
        sources,
        budget: config.budget,
    };
    let Some(limits) = limits else { return Ok(()) };
    let progress = Progress::start();
    progress.listener()(format!("{} looks further", model.name()));
    // Patches are proposed by the service alone.
    let Some(begun) = subject.begin(&own, Patches::No, limits).await else { return Ok(()) };
    let since = Instant::now();
    let clock = || SignedDuration::try_from(since.elapsed()).unwrap_or(SignedDuration::MAX);
    let found = subject.investigate(begun, &model, &own, &Forgetful, &clock).await.found;
    drop(progress);
    output::print(&(render_investigation::lines(&found, None).join("\n") + "\n"))
}

/// Says what is proposed, or why nothing is, under the answer.
async fn tell_proposals(record: &dyn Record, id: &IncidentId, weighed: &Weighed) -> Result<()> {
    match weighed {
        Weighed::Nothing => Ok(()),
        Weighed::Cannot(why) => output::line(format!("Nothing is proposed: {why}")),
        Weighed::Undo(_) => {
            let waiting = actions::views(record, Some(id), Timestamp::now()).await?;
            for view in waiting.iter().filter(|view| view.stage == Stage::Waiting) {
                output::line(format!("Proposed: {}. See: hearback show {}", view.says, view.id))?;
            }
            Ok(())
        }
    }
}

/// Asks a running service: its repositories, its record, its words.
async fn ask_server(arguments: &Ask, server: &ServerClient) -> Result<ExitCode> {
    if !arguments.repositories.is_empty() || arguments.revision.is_some() || arguments.first_parent {
        let says = "--repo, --revision and --first-parent are about repositories here; a service asks its own: \
                    leave them out, or leave out --server";
        return Err(Usage(says.into()).into());
    }
    let incident = arguments.incident.as_deref().map(times::incident).transpose()?;
    let ask = fields([
        ("question", json!(arguments.question)),
        ("symptom", json!(symptom(&arguments.symptom)?)),
        ("services", json!(arguments.services)),
        ("as_of", json!(arguments.as_of)),
        ("since", json!(arguments.since)),
        ("onset", json!(arguments.onset)),
    ]);
    let started = Instant::now();
    let answer = server.ask(incident.as_ref().map(|id| id.as_str()), ask).await?;
    show(arguments, &answer, started)?;
    Ok(if answer.searched.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn show(arguments: &Ask, answer: &Answer, started: Instant) -> Result<()> {
    let cost = Cost { elapsed: SignedDuration::try_from(started.elapsed()).unwrap_or_default() };
    let top = usize::from(arguments.top);
    match if arguments.json { Format::Json } else { arguments.format } {
        Format::Json => output::json(answer),
        Format::Text => output::print(&render::text(answer, top, Some(cost))),
        Format::Markdown => output::print(&render::markdown(answer, top, Some(cost))),
    }
}

/// The symptom as it was given, or what standard input says.
pub fn symptom(given: &str) -> Result<String> {
    Ok(match given {
        "-" => {
            let mut text = Vec::new();
            std::io::stdin().take(SYMPTOM_BYTES as u64).read_to_end(&mut text)?;
            String::from_utf8_lossy(&text).into_owned()
        }
        text => text.to_owned(),
    })
}

fn question(arguments: &Ask, config: &Config, now: Timestamp) -> Result<Question> {
    let until = times::past_or_now("--as-of", arguments.as_of.as_deref(), now)?;
    let from = match &arguments.since {
        Some(text) => times::since("--since", text, until, now)?,
        None => Window::before(until, config.window).from,
    };
    Ok(Question {
        text: ExternalText::capped(&arguments.question, SYMPTOM_BYTES),
        symptom: ExternalText::capped(&symptom(&arguments.symptom)?, SYMPTOM_BYTES),
        services: times::services(&arguments.services)?,
        window: Window { from, until },
        onset: arguments.onset.as_deref().map(|text| times::past("--onset", text, now)).transpose()?,
        message: None,
        thread: None,
    })
}
