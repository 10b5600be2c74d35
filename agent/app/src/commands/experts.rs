//! `hearback experts`: whom to ask. The question is that of `hearback ask`; what is printed are the people.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use hearback_core::happening::Question;
use hearback_core::{Coverage, ExternalText, Gap, Window};
use hearback_engine::asking::WHAT_CHANGED;
use hearback_engine::driver;
use hearback_engine::expertise::{ExpertSettings, not_connected};
use hearback_engine::render::Cost;
use hearback_engine::render_experts::{Told, text};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::ask::{SYMPTOM_BYTES, symptom};
use super::times;
use crate::cli::Experts;
use crate::config::Config;
use crate::output;
use crate::progress::Progress;
use crate::wiring::{self, Asked, Named};

pub async fn run(arguments: Experts, config: &Config) -> Result<ExitCode> {
    let question = question(&arguments, config, Timestamp::now())?;
    let as_of = question.window.until;
    let named = Named {
        repositories: &arguments.repositories,
        revision: arguments.revision.as_deref(),
        first_parent: false,
        in_incident: false,
    };
    let progress = Progress::start();
    let Asked { sources, calibration } = wiring::sources(named, config, &progress).await?;
    // Here people are what is asked about: they get the time that changes get.
    let experts = ExpertSettings { at_most: None, ..config.experts.clone() };
    let started = Instant::now();
    let context = driver::Context {
        ranker: &config.ranker,
        calibration: calibration.as_ref(),
        signals: &config.signals,
        culprit: &config.culprit,
        experts: &experts,
        policy: &config.policy,
        catalog: &config.catalog,
        gaps: &config.catalog_files.gaps(),
        sources: &sources,
        incident: None,
        budget: config.budget,
    };
    let answered = driver::answer(context, &question).await?;
    drop(progress);
    let found = &answered.experts;
    let people = found.experts(&experts.rules, as_of, usize::from(arguments.top));
    let mut gaps: Vec<Gap> = answered.answer.gaps.clone();
    gaps.extend(not_connected(&sources.people, found, &question.services, &config.catalog));
    let searched: Vec<Coverage> = answered.answer.searched.iter().chain(&found.searched).cloned().collect();
    if arguments.json {
        output::json(&json!({
            "as_of": as_of.to_string(),
            "experts": people,
            "gaps": gaps,
            "searched": searched,
        }))?;
    } else {
        let cost = Some(Cost { elapsed: SignedDuration::try_from(started.elapsed()).unwrap_or_default() });
        output::print(&text(Told { experts: &people, as_of, gaps: &gaps, searched: &searched, cost }))?;
    }
    Ok(if searched.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn question(arguments: &Experts, config: &Config, now: Timestamp) -> Result<Question> {
    let until = match &arguments.as_of {
        Some(text) => times::past("--as-of", text, now)?,
        None => now,
    };
    let from = match &arguments.since {
        Some(text) => times::since("--since", text, until, now)?,
        None => Window::before(until, config.window).from,
    };
    Ok(Question {
        text: WHAT_CHANGED.into(),
        symptom: ExternalText::capped(&symptom(&arguments.symptom)?, SYMPTOM_BYTES),
        services: times::services(&arguments.services)?,
        window: Window { from, until },
        onset: None,
        message: None,
        thread: None,
    })
}
