//! `hearback demo`: a bundled incident, replayed through the same code as a live one. The record is imported
//! into a store of its own, verified, and folded entry by entry; where somebody asked "what changed?", the answer
//! is computed there and then from what was known at that moment.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use hearback_core::export::Export;
use hearback_core::{Catalog, Happening, Incident};
use hearback_engine::analysts::authorised::AuthorisationPolicy;
use hearback_engine::driver::{self, Context, Sources};
use hearback_engine::expertise::ExpertSettings;
use hearback_engine::incidents::load;
use hearback_engine::ranker::Ranker;
use hearback_engine::render::{self, Cost, TOP};
use hearback_eval::frozen::ask::{Weights, ask};
use hearback_eval::frozen::generator;
use jiff::SignedDuration;

use super::record::one_line;
use crate::cli::Demo;
use crate::output;
use crate::{config, wiring};

const RECORD: &str = include_str!("../../demo/checkout.jsonl");
const CATALOG: &str = include_str!("../../demo/catalog.toml");

/// How long a line stands before the next, so that a person can follow.
const PAUSE: Duration = Duration::from_millis(250);

pub async fn run(arguments: Demo) -> Result<ExitCode> {
    let export = Export::parse(RECORD)?;
    let id = export.incident.clone();
    let folder = tempfile::tempdir()?;
    let record = wiring::open(&folder.path().join("record.sqlite").to_string_lossy()).await?;
    record.import(export.entries, export.snapshots).await?;
    let (entries, head) = load(record.as_ref(), &id).await?;
    let (ranker, catalog) = (config::shipped_ranker()?, toml::from_str::<Catalog>(CATALOG)?);
    let pause = if arguments.fast || !output::is_watched() { Duration::ZERO } else { PAUSE };
    let (mut changes, mut snapshots) = (0, 0);
    for (index, entry) in entries.iter().enumerate() {
        let happening = entry.happening();
        // What machines report in bulk is counted, so that what people do stays readable.
        match happening {
            Ok(Happening::ChangeSeen(_)) => changes += 1,
            Ok(Happening::EvidenceGathered { .. }) => snapshots += 1,
            _ => {}
        }
        if matches!(happening, Ok(Happening::ChangeSeen(_) | Happening::EvidenceGathered { .. })) {
            continue;
        }
        for (count, what) in
            [(&mut changes, "changes became known"), (&mut snapshots, "snapshots were taken")]
        {
            match std::mem::take(count) {
                0 => {}
                count => output::line(format!("      … {what}: {count}"))?,
            }
        }
        tokio::time::sleep(pause).await;
        output::line(one_line(entry))?;
        if let Ok(Happening::Asked(question)) = happening {
            let known = entries.get(..=index).unwrap_or_default();
            let incident = Incident::as_of(id.clone(), known, entry.known_at);
            answer(&ranker, &catalog, &incident, &question).await?;
            tokio::time::sleep(pause * 8).await;
        }
    }
    output::line(format!("\n{id} replayed and verified: {} entries, head {head}", entries.len()))?;
    tokio::time::sleep(pause * 8).await;
    measured().await?;
    output::line(
        "Next, on your own code: hearback ask \"what changed?\" --repo PATH --symptom \"what you see failing\"",
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Which made-up incident is shown: five services in a row, with a later deploy, a flag and a surge of warnings elsewhere.
const MEASURED: &str = "guard-removed-03";

/// An incident of which logs, metrics and traces are there: what fails first, why, and what looks guilty and is not.
async fn measured() -> Result<()> {
    let found = generator::all()?.into_iter().find(|(name, ..)| name == MEASURED);
    let (_, folder, _) = found.context("the bundled incident is not there")?;
    let weights = Weights {
        ranker: config::shipped_ranker()?,
        signals: config::shipped_signals()?,
        culprit: config::shipped_culprit()?,
    };
    let started = Instant::now();
    let asked = ask(&folder, &weights).await?;
    let cost = Cost { elapsed: SignedDuration::try_from(started.elapsed()).unwrap_or_default() };
    output::line(
        "\nAnother one, made up, with logs, metrics, traces, deploys and flags to look at (its folder is read in the same time):\n",
    )?;
    output::print(&render::text(&asked.answer, 3, Some(cost)))
}

async fn answer(
    ranker: &Ranker,
    catalog: &Catalog,
    incident: &Incident,
    question: &hearback_core::happening::Question,
) -> Result<()> {
    let started = Instant::now();
    let budget = SignedDuration::from_secs(2);
    let (signals, culprit) = (config::shipped_signals()?, config::shipped_culprit()?);
    let policy = AuthorisationPolicy::default();
    let context = Context {
        ranker,
        calibration: None,
        signals: &signals,
        culprit: &culprit,
        experts: &ExpertSettings::default(),
        policy: &policy,
        catalog,
        gaps: &[],
        sources: &Sources::default(),
        incident: Some(incident),
        budget,
    };
    let answered = driver::answer(context, question).await?;
    let cost = Cost { elapsed: SignedDuration::try_from(started.elapsed()).unwrap_or_default() };
    output::print(&format!("\n{}\n", render::text(&answered.answer, TOP, Some(cost))))
}
