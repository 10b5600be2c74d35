//! `hearback ask`: the question, the sources, the answer; inside an incident also its record.

use std::io::Read as _;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result};
use hearback_core::happening::Question;
use hearback_core::ports::Expect;
use hearback_core::{ExternalText, Incident, Window};
use hearback_engine::asking;
use hearback_engine::driver;
use hearback_engine::incidents::load;
use hearback_engine::render::{self, Cost};
use jiff::{SignedDuration, Timestamp};

use super::times;
use crate::cli::{Ask, Format};
use crate::config::Config;
use crate::output::{self, Usage};
use crate::progress::Progress;
use crate::wiring;

/// The longest symptom that is read; more is cut, since the first lines of a trace tell.
const SYMPTOM_BYTES: usize = 64 * 1024;

pub async fn run(arguments: Ask, config: &Config) -> Result<ExitCode> {
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
        Some((id, record)) => {
            let (entries, _) = load(record.as_ref(), id).await?;
            Some(Incident::as_of(id.clone(), &entries, question.window.until))
        }
        None => None,
    };
    // Without --since the window reaches back from the onset, not from now: an hour-old outage has older causes.
    let began =
        question.onset.or(incident.as_ref().and_then(|incident| incident.impact_since).map(|(at, _)| at));
    if let (None, Some(began)) = (&arguments.since, began) {
        question.window.from = question.window.from.min(Window::before(began, config.window).from);
    }
    let progress = Progress::start();
    let sources = wiring::sources(&arguments, config, &progress)?;
    let started = Instant::now();
    let context = driver::Context {
        ranker: &config.ranker,
        catalog: &config.catalog,
        sources: &sources,
        incident: incident.as_ref(),
        budget: config.budget,
    };
    let answered = driver::answer(context, &question).await?;
    drop(progress);
    let cost = Cost { elapsed: SignedDuration::try_from(started.elapsed()).unwrap_or_default() };
    let top = usize::from(arguments.top);
    match if arguments.json { Format::Json } else { arguments.format } {
        Format::Json => output::json(&answered.answer)?,
        Format::Text => output::print(&render::text(&answered.answer, top, Some(cost)))?,
        Format::Markdown => output::print(&render::markdown(&answered.answer, top, Some(cost)))?,
    }
    // Shown first: an answer is never lost because it can't be written down.
    if let Some((id, record)) = asked_in {
        let by = times::person(&arguments.who.by);
        let drafts = asking::drafts(question, by, now, &answered);
        asking::write_down(record.as_ref(), &id, Expect::Any, &answered.snapshots, drafts)
            .await
            .context("the answer above was not recorded")?;
    }
    Ok(if answered.answer.searched.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn question(arguments: &Ask, config: &Config, now: Timestamp) -> Result<Question> {
    let until = match &arguments.as_of {
        Some(text) => times::past("--as-of", text, now)?,
        None => now,
    };
    let from = match &arguments.since {
        Some(text) => times::since("--since", text, until, now)?,
        None => Window::before(until, config.window).from,
    };
    let symptom = match arguments.symptom.as_str() {
        "-" => {
            let mut text = Vec::new();
            std::io::stdin().take(SYMPTOM_BYTES as u64).read_to_end(&mut text)?;
            String::from_utf8_lossy(&text).into_owned()
        }
        text => text.to_owned(),
    };
    Ok(Question {
        text: ExternalText::capped(&arguments.question, SYMPTOM_BYTES),
        symptom: ExternalText::capped(&symptom, SYMPTOM_BYTES),
        services: times::services(&arguments.services)?,
        window: Window { from, until },
        onset: arguments.onset.as_deref().map(|text| times::past("--onset", text, now)).transpose()?,
    })
}
