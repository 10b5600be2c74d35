//! `hearback memory status`: where it is, how much there is, what has changed at its source since, what no source holds any
//! more. It changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use anyhow::Result;
use hearback_core::memory::store::Counts;
use hearback_core::memory::{DocumentKind, Filed};
use hearback_core::time::format_time;
use jiff::Timestamp;
use serde::Serialize;

use super::{Missing, opened, sources};
use crate::cli::Said;
use crate::config::Config;
use crate::output;
use crate::wiring;
use crate::wiring::memory::INCIDENTS;

#[derive(Debug, Serialize)]
struct Status {
    at: String,
    found_by: String,
    count: Counts,
    sources: Vec<OfSource>,
    /// Documents whose source says something else now.
    stale: Vec<String>,
    /// Documents that no source holds any more, or whose source is not followed any more.
    orphaned: Vec<String>,
    /// Documents with something wrong in them.
    problems: Vec<(String, String)>,
    /// Sources that could not be looked at.
    not_seen: Vec<String>,
    documents: Vec<Document>,
}

#[derive(Debug, Serialize)]
struct OfSource {
    source: String,
    documents: usize,
    newest: Option<String>,
}

#[derive(Debug, Serialize)]
struct Document {
    id: String,
    kind: DocumentKind,
    title: String,
    services: Vec<String>,
    known_at: String,
    passages: u32,
}

pub async fn run(said: &Said, config: &Config) -> Result<ExitCode> {
    let library = opened(config, Missing::Leave).await?;
    let filed = library.filed().await?;
    let count = library.store().count().await?;
    let mut status = Status {
        at: wiring::memory::shown(config),
        found_by: library.found_by(wiring::memory::embedder(config).await?.1.as_deref()),
        count,
        sources: of_sources(&filed),
        stale: Vec::new(),
        orphaned: Vec::new(),
        problems: Vec::new(),
        not_seen: Vec::new(),
        documents: filed.iter().map(document).collect(),
    };
    let mut followed: BTreeSet<String> = BTreeSet::from([INCIDENTS.to_owned()]);
    for source in sources(config)? {
        followed.insert(source.name().to_string());
        match library.compare(source.as_ref()).await {
            Ok(compared) => {
                status.stale.extend(compared.changed.iter().map(ToString::to_string));
                status.orphaned.extend(compared.gone.iter().map(ToString::to_string));
                status.not_seen.extend(compared.missing);
            }
            Err(error) => status.not_seen.push(format!("{}: {error}", source.name())),
        }
    }
    let lost = filed.iter().filter(|filed| !followed.contains(filed.source.as_str()));
    status.orphaned.extend(lost.map(|filed| filed.id.to_string()));
    status.orphaned.sort();
    for one in &filed {
        status.problems.extend(one.problems.iter().map(|problem| (one.id.to_string(), problem.clone())));
    }
    output::found(&status, said.json, told)?;
    Ok(ExitCode::SUCCESS)
}

fn of_sources(filed: &[Filed]) -> Vec<OfSource> {
    let mut by_source: BTreeMap<&str, Vec<Timestamp>> = BTreeMap::new();
    for one in filed {
        by_source.entry(one.source.as_str()).or_default().push(one.known_at);
    }
    by_source
        .into_iter()
        .map(|(source, known)| OfSource {
            source: source.to_owned(),
            documents: known.len(),
            newest: known.iter().max().map(|at| format_time(*at)),
        })
        .collect()
}

fn document(filed: &Filed) -> Document {
    Document {
        id: filed.id.to_string(),
        kind: filed.kind,
        title: filed.title.for_people(200),
        services: filed.services.iter().map(ToString::to_string).collect(),
        known_at: filed.known_at.to_string(),
        passages: filed.parts,
    }
}

fn told(status: &Status) -> String {
    let Counts { documents, passages, vectors, orphans } = status.count;
    let mut lines = vec![
        format!("{documents} documents in {passages} passages, {vectors} with vectors: {}", status.at),
        format!("Found {}.", status.found_by),
    ];
    for one in &status.sources {
        let newest = one.newest.as_ref().map_or(String::new(), |at| format!(", the newest of {at}"));
        lines.push(format!("  {}: {} documents{newest}", one.source, one.documents));
    }
    let mut list = |what: &str, all: &[String], next: &str| {
        if !all.is_empty() {
            let few: Vec<&str> = all.iter().take(5).map(String::as_str).collect();
            let more = if all.len() > few.len() {
                format!(" and {} more", all.len() - few.len())
            } else {
                String::new()
            };
            lines.push(format!("{what} ({next}): {}{more}", few.join(", ")));
        }
    };
    list("Stale", &status.stale, "`hearback memory sync` reads them anew");
    list("Orphaned", &status.orphaned, "sync or `hearback memory remove` forgets them");
    let problems: Vec<String> = status.problems.iter().map(|(id, why)| format!("{id}: {why}")).collect();
    list("Problems", &problems, "mend the documents");
    list("Not seen", &status.not_seen, "what it holds now is not known");
    if orphans > 0 {
        lines.push(format!(
            "{orphans} passages of an interrupted write are left; the next sync sweeps them away."
        ));
    }
    lines.join("\n") + "\n"
}
