//! `hearback backtest memory`: how often the right document is found, over documents and queries from files. The index is
//! made for this and thrown away.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use hearback_core::memory::DocumentId;
use hearback_core::{ExternalText, ServiceName, SourceName};
use hearback_eval::memory::{DocumentLine, Measured, MemoryOutcome, Misses, QueryLine, ask, summarise, text};
use hearback_eval::resample::Settings;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::cli::MemoryBacktest;
use crate::config::Config;
use crate::interrupt::Interrupt;
use crate::output::{self, Usage};
use crate::progress::Progress;
use crate::wiring;

pub async fn run(arguments: &MemoryBacktest, config: &Config) -> Result<ExitCode> {
    let source = SourceName::new("data:documents")?;
    let lines: Vec<DocumentLine> = lines(&arguments.docs)?;
    let queries: Vec<QueryLine> = lines_of_queries(arguments)?;
    let mut documents = Vec::new();
    for line in &lines {
        documents.push(
            line.shelved(&source).map_err(|error| Usage(format!("{}: {error}", arguments.docs.display())))?,
        );
    }
    let times: Vec<(DocumentId, Option<ServiceName>, Timestamp)> = lines
        .iter()
        .zip(&documents)
        .filter(|(line, _)| line.has_time())
        .map(|(_, one)| (one.filed.id.clone(), one.filed.services.first().cloned(), one.filed.known_at))
        .collect();
    let progress = Progress::start();
    let say = progress.listener();
    let folder = tempfile::tempdir()?;
    let library = wiring::memory::temporary(config, folder.path()).await?;
    let count = documents.len();
    library.shelve(documents, &move |done, of| say(format!("{done} of {of} documents indexed"))).await?;
    library.store().tidy().await?;
    drop(progress);
    let progress = Progress::of(queries.len());
    let interrupt = Interrupt::listen()?;
    let mut outcomes: Vec<MemoryOutcome> = Vec::new();
    for (number, query) in (1..).zip(&queries) {
        if interrupt.is_heard() {
            break;
        }
        let outcome = ask(&library, query, number, &times).await?;
        if arguments.json {
            let line = serde_json::to_string(&outcome)?;
            progress.beside(|| output::line(line))?;
        }
        outcomes.push(outcome);
        progress.step();
    }
    drop(progress);
    let measured = Measured { meaning: library.has_meaning(), times: !times.is_empty() };
    let settings = Settings { seed: arguments.seed, ..Settings::default() };
    let summary = summarise(&outcomes, count, measured, &settings);
    if arguments.json {
        output::line(json!({ "summary": summary }).to_string())?;
    } else {
        let misses = if arguments.no_misses { Misses::Omit } else { Misses::Tell };
        output::print(&text(&summary, &outcomes, misses))?;
        if !measured.meaning {
            output::line(format!(
                "Found {}.",
                library.found_by(wiring::memory::embedder(config).await?.1.as_deref())
            ))?;
        }
    }
    Ok(if interrupt.is_heard() { Interrupt::code() } else { ExitCode::SUCCESS })
}

/// The queries of their own file, else those lines of the documents' file that name right documents.
fn lines_of_queries(arguments: &MemoryBacktest) -> Result<Vec<QueryLine>> {
    let file = arguments.queries.as_ref().unwrap_or(&arguments.docs);
    let mut queries: Vec<QueryLine> = lines(file)?;
    queries.retain(|query| !query.relevant.is_empty());
    if queries.is_empty() {
        return Err(Usage(format!("{} holds no query: none names a right document", file.display())).into());
    }
    Ok(queries)
}

fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let shown = path.display();
    let text =
        std::fs::read_to_string(path).map_err(|error| Usage(format!("{shown} can't be read: {error}")))?;
    let filled = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    filled
        .map(|(number, line)| {
            serde_json::from_str(line).map_err(|error| {
                let why = ExternalText::new(error.to_string()).for_people(200);
                Usage(format!("{shown}, line {number}: {why}")).into()
            })
        })
        .collect()
}
