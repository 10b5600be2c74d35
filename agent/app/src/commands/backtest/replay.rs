//! `hearback backtest replay`: a question, answered from a record as it was known then.

use std::process::ExitCode;

use anyhow::Result;
use hearback_core::happening::Question;
use hearback_core::time::format_time;
use hearback_core::{ExternalText, Window};
use hearback_engine::asking;
use hearback_engine::recorded::Recorded;
use hearback_engine::render;
use hearback_engine::replay::{Ask, Replay, ReplayError, Settings, replay};
use jiff::Timestamp;

use crate::cli::{self, AskedThen};
use crate::commands::{ask, times};
use crate::config::Config;
use crate::output::{self, Usage};
use crate::wiring;

pub async fn run(arguments: cli::Replay, config: &Config) -> Result<ExitCode> {
    let id = times::incident(&arguments.incident)?;
    let record = wiring::record(config).await?;
    let recorded = Recorded::load(record.as_ref(), &id).await?;
    let settings = Settings {
        ranker: &config.ranker,
        signals: &config.signals,
        culprit: &config.culprit,
        experts: &config.experts,
        policy: &config.policy,
        catalog: &config.catalog,
        gaps: &config.catalog_files.gaps(),
    };
    let (at, ask) = asked(&arguments.asked, &recorded, config, Timestamp::now())?;
    let replayed = replay(&recorded, at, &ask, settings).await.map_err(mended_by_the_user)?;
    if arguments.json {
        output::json(&replayed.answer)?;
    } else {
        // Without how long it took: the same record gives the same bytes.
        output::print(&render::text(&replayed.answer, usize::from(arguments.top), None))?;
        output::line(footer(&recorded, &replayed))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn footer(recorded: &Recorded, replayed: &Replay) -> String {
    let Replay { question, entry, head, snapshots, .. } = replayed;
    let asked = match entry {
        Some(entry) => format!("question of entry {entry}: {}", question.text.for_people(80)),
        None => format!("nobody asked then: {}", question.text.for_people(80)),
    };
    let snapshots = match snapshots {
        1 => "1 snapshot".to_owned(),
        count => format!("{count} snapshots"),
    };
    let as_of = format_time(question.window.until);
    let (id, of) = (&recorded.id, recorded.entries.len());
    format!("Replayed from {id} as of {as_of}, entry {} of {of}, {snapshots}; {asked}; head {head}", head.seq)
}

/// What is asked, and as of when. Without a time it is the end of the record, not now: now is another time each time.
pub fn asked(
    arguments: &AskedThen,
    recorded: &Recorded,
    config: &Config,
    now: Timestamp,
) -> Result<(Timestamp, Ask)> {
    let at = arguments.at.as_deref().map(|text| times::past("--at", text, now)).transpose()?;
    let at = at.or_else(|| recorded.known_until()).unwrap_or(now);
    let Some(text) = &arguments.ask else { return Ok((at, Ask::Last)) };
    let onset = arguments.onset.as_deref().map(|text| times::past("--onset", text, now)).transpose()?;
    if onset.is_some_and(|onset| onset > at) {
        return Err(Usage("--onset: it lies after --at; nothing after it can be seen".into()).into());
    }
    let window = match &arguments.since {
        Some(text) => Window { from: times::since("--since", text, at, now)?, until: at },
        None => asking::window(at, config.window, onset, Some(&recorded.as_of(at))),
    };
    let question = Question {
        text: ExternalText::capped(text, ask::SYMPTOM_BYTES),
        symptom: ExternalText::capped(&ask::symptom(&arguments.symptom)?, ask::SYMPTOM_BYTES),
        services: times::services(&arguments.services)?,
        window,
        onset,
        message: None,
        thread: None,
    };
    Ok((at, Ask::Anew(question)))
}

/// A moment or a question that the record does not have is an option with a wrong value.
pub fn mended_by_the_user(error: ReplayError) -> anyhow::Error {
    match error {
        ReplayError::NotCanonical(_) => error.into(),
        _ => Usage(error.to_string()).into(),
    }
}
