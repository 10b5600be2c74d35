//! How often memory finds the right document: queries whose right documents are known, asked of a library of documents, by
//! words, by meaning and by both, each as of its own time. It must not know a store.

use hearback_core::memory::source::Writing;
use hearback_core::memory::store::{MemoryError, PassageFilter, Retrieval, Shelved};
use hearback_core::memory::{DocumentId, DocumentKind};
use hearback_core::{Origin, ServiceName, SourceName};
use hearback_memory::library::Library;
use hearback_memory::reading::{Reader, read};
use hearback_memory::recalling::Wanted;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::report::{self, Block, Report, Section, Table, mean_rank, percent};
use crate::resample::{Estimate, Settings, share};
use crate::scores::{hit, scores};

/// How many documents are told of a ranking.
const TOLD: usize = 5;
/// How many misses are told in words.
const MISSES: usize = 8;
/// A query may take so long; no measurement depends on it.
const WITHIN: SignedDuration = SignedDuration::from_secs(60);

/// A document of a data set: `id` and `text`; or a rollback, with `title`, `symptom_text`, `paths`, `repo` and `as_of`.
#[derive(Debug, Clone, Deserialize)]
pub struct DocumentLine {
    /// What it is called there.
    pub id: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    symptom_text: Option<String>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    repo: Option<String>,
    #[serde(default)]
    as_of: Option<i64>,
}

/// A query of a data set: `query` (or `symptom_text`) and `relevant`, the ids of the right documents; `repo` and `as_of`
/// where it is asked of one place at one time.
#[derive(Debug, Clone, Deserialize)]
pub struct QueryLine {
    #[serde(default)]
    id: Option<String>,
    #[serde(default, alias = "symptom_text")]
    query: String,
    /// The ids of the right documents; without any the line is no query.
    #[serde(default)]
    pub relevant: Vec<String>,
    #[serde(default)]
    repo: Option<String>,
    #[serde(default)]
    as_of: Option<i64>,
}

/// A data set can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadLine(String);

/// A query could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum NotAsked {
    /// It can't be one.
    #[error(transparent)]
    Query(#[from] BadLine),
    /// The library failed.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

fn moment(seconds: Option<i64>) -> Result<Option<Timestamp>, BadLine> {
    let read = |seconds| Timestamp::from_second(seconds).map_err(|_| BadLine("as_of is no time".into()));
    seconds.map(read).transpose()
}

fn service(repo: Option<&String>) -> Result<Option<ServiceName>, BadLine> {
    let read = |repo: &String| ServiceName::new(repo.as_str()).map_err(|error| BadLine(error.to_string()));
    repo.map(read).transpose()
}

fn document_id(id: &str) -> Result<DocumentId, BadLine> {
    DocumentId::new(format!("data:{id}")).map_err(|error| BadLine(error.to_string()))
}

impl DocumentLine {
    /// Whether it says when it could be known.
    pub fn has_time(&self) -> bool {
        self.as_of.is_some()
    }

    /// The document, read and cut as every document is.
    ///
    /// # Errors
    /// [`BadLine`] if it has no text, or an id or a time that can't be one.
    pub fn shelved(&self, source: &SourceName) -> Result<Shelved, BadLine> {
        let text = match (&self.text, &self.title) {
            (Some(text), _) => text.clone(),
            (None, Some(title)) => {
                let symptom = self.symptom_text.as_deref().unwrap_or_default();
                // The title in front as a title, so that no sign in the rest is taken for one.
                format!("# {}\n\n{symptom}\n\n{}", title.replace('\n', " "), self.paths.join("\n"))
            }
            (None, None) => return Err(BadLine(format!("{} has neither text nor title", self.id))),
        };
        let known_at = moment(self.as_of)?;
        let writing = Writing {
            id: document_id(&self.id)?,
            source: source.clone(),
            name: self.id.clone(),
            bytes: text.into_bytes(),
            kind: Some(DocumentKind::Postmortem),
            origin: Origin::Member,
            merged_by: None,
            merged_at: known_at,
            written_at: Some(Timestamp::UNIX_EPOCH),
            link: None,
        };
        let now = known_at.unwrap_or(Timestamp::UNIX_EPOCH);
        let mut shelved = read(&writing, Reader { services: &[], now })
            .map_err(|why| BadLine(format!("{}: {why}", self.id)))?
            .shelved;
        if let Some(service) = service(self.repo.as_ref())? {
            shelved.filed.services = vec![service];
        }
        Ok(shelved)
    }
}

/// The ranks of the first right document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MemoryOutcome {
    /// What the query is called: its id, else its number.
    pub id: String,
    /// The query.
    pub query: String,
    /// The right documents.
    pub relevant: Vec<String>,
    /// By words alone (BM25), from 1; none if no right one was found.
    pub words: Option<u32>,
    /// By meaning alone; none without a model.
    pub meaning: Option<u32>,
    /// By everything: the rank that counts.
    pub rank: Option<u32>,
    /// Of the newest documents first, where they have times.
    pub newest: Option<u32>,
    /// The first five by everything.
    pub found: Vec<String>,
    /// How long the question took, in milliseconds.
    pub ms: f64,
}

/// Whether it can be found by meaning, and whether documents have times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// There is a model.
    pub meaning: bool,
    /// Documents have times, so that the newest can be taken.
    pub times: bool,
}

/// Asks a query of a library in every way.
///
/// # Errors
/// The query can't be one, or the library failed.
pub async fn ask(
    library: &Library,
    query: &QueryLine,
    number: usize,
    times: &[(DocumentId, Option<ServiceName>, Timestamp)],
) -> Result<MemoryOutcome, NotAsked> {
    let services: Vec<ServiceName> = service(query.repo.as_ref())?.into_iter().collect();
    let as_of = moment(query.as_of)?;
    let right: Vec<DocumentId> = query.relevant.iter().map(|id| document_id(id)).collect::<Result<_, _>>()?;
    let except = query.id.as_deref().map(document_id).transpose()?;
    // What became known at the very time of the question was not known before it.
    let before = as_of.map(|at| at - SignedDuration::from_nanos(1));
    let wanted = |by: Retrieval| Wanted {
        text: &query.query,
        services: &services,
        filter: PassageFilter { as_of: before, except: except.clone(), ..PassageFilter::default() },
        as_of: as_of.unwrap_or(Timestamp::UNIX_EPOCH),
        by,
        budget: WITHIN,
    };
    let place = |ids: &[DocumentId]| {
        ids.iter().position(|id| right.contains(id)).and_then(|place| u32::try_from(place + 1).ok())
    };
    let mut ranked: [Vec<DocumentId>; 3] = Default::default();
    let mut ms = 0.0;
    for (ids, by) in ranked.iter_mut().zip([Retrieval::Words, Retrieval::Meaning, Retrieval::Fused]) {
        let started = std::time::Instant::now();
        let mut weighed = library.recall(&wanted(by)).await?.weighed;
        ms = started.elapsed().as_secs_f64() * 1e3;
        // Alone, a list counts as it is: without age and what else is weighed.
        match by {
            Retrieval::Words => weighed.sort_by(|a, b| b.words.total_cmp(&a.words)),
            Retrieval::Meaning => weighed.sort_by(|a, b| b.meaning.total_cmp(&a.meaning)),
            Retrieval::Fused => {}
        }
        let holds = |one: &hearback_memory::recalling::Weighed| match by {
            Retrieval::Words => one.words > 0.0,
            Retrieval::Meaning => one.meaning > 0.0,
            Retrieval::Fused => true,
        };
        *ids = weighed.into_iter().filter(holds).map(|one| one.filed.id).collect();
    }
    let [words, meaning, fused] = ranked;
    let mut newest: Vec<&(DocumentId, Option<ServiceName>, Timestamp)> = times
        .iter()
        .filter(|(id, of, at)| {
            before.is_some_and(|before| *at <= before)
                && Some(id) != except.as_ref()
                && (services.is_empty() || of.as_ref().is_some_and(|of| services.contains(of)))
        })
        .collect();
    newest.sort_by_key(|(id, _, at)| (std::cmp::Reverse(*at), id.clone()));
    let newest: Vec<DocumentId> = newest.into_iter().map(|(id, _, _)| id.clone()).collect();
    let told = |id: &DocumentId| id.as_str().trim_start_matches("data:").to_owned();
    Ok(MemoryOutcome {
        id: query.id.clone().unwrap_or_else(|| number.to_string()),
        query: query.query.clone(),
        relevant: query.relevant.clone(),
        words: place(&words),
        meaning: place(&meaning),
        rank: place(&fused),
        newest: place(&newest),
        found: fused.iter().take(TOLD).map(told).collect(),
        ms: (ms * 1e3).round() / 1e3,
    })
}

/// The figures of one way of finding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MemorySlice {
    /// Which way.
    pub way: &'static str,
    /// The share of queries whose first right document comes first, with Wilson's interval.
    pub recall_1: Estimate,
    /// The same among the first three.
    pub recall_3: Estimate,
    /// The same among the first five.
    pub recall_5: Estimate,
    /// The mean reciprocal rank.
    pub mrr: Estimate,
}

/// The figures of all ways.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MemorySummary {
    /// How many queries.
    pub n: u32,
    /// Of how many documents.
    pub documents: usize,
    /// How it was measured.
    pub settings: Settings,
    /// What counts first: everything; then each way alone.
    pub slices: Vec<MemorySlice>,
}

type Way = (&'static str, fn(&MemoryOutcome) -> Option<u32>, bool);

/// Measures the queries.
pub fn summarise(
    outcomes: &[MemoryOutcome],
    documents: usize,
    measured: Measured,
    settings: &Settings,
) -> MemorySummary {
    let ways: [Way; 4] = [
        ("everything", |one| one.rank, true),
        ("words alone (BM25)", |one| one.words, true),
        ("meaning alone", |one| one.meaning, measured.meaning),
        ("most recent first", |one| one.newest, measured.times),
    ];
    let slice = |(way, rank, is_measured): &Way| {
        let ranks: Vec<Option<u32>> = outcomes.iter().map(rank).collect();
        let n = u32::try_from(ranks.len()).unwrap_or(u32::MAX);
        let within = |k: u32| share(ranks.iter().filter(|rank| hit(**rank, k) > 0.0).count() as u32, n);
        let mrr = scores(&ranks, settings).filter(|_| *is_measured)?.mrr;
        Some(MemorySlice { way, recall_1: within(1)?, recall_3: within(3)?, recall_5: within(5)?, mrr })
    };
    MemorySummary {
        n: u32::try_from(outcomes.len()).unwrap_or(u32::MAX),
        documents,
        settings: *settings,
        slices: ways.iter().filter_map(slice).collect(),
    }
}

/// Whether the words of queries are told that did not find the right document first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misses {
    /// They are.
    Tell,
    /// They stay out: a report that is published must not hold what others wrote.
    Omit,
}

/// The summary as text for a terminal of a hundred columns.
pub fn text(summary: &MemorySummary, outcomes: &[MemoryOutcome], misses: Misses) -> String {
    let Some(all) = summary.slices.first() else {
        return "No query was asked, so nothing is known. A query needs the ids of its right documents.\n"
            .into();
    };
    let rows = summary.slices.iter().map(|slice| {
        let figures = [slice.recall_1, slice.recall_3, slice.recall_5].map(report::share);
        [vec![slice.way.to_owned()], figures.to_vec(), vec![mean_rank(slice.mrr)]].concat()
    });
    let heads = vec!["", "R@1", "R@3", "R@5", "MRR"];
    let table = Block::Table(Table { heads, words: 1, rows: rows.collect() });
    let mut sections =
        vec![Section { title: "Right document found (% with 95 % interval)", blocks: vec![table] }];
    let missed: Vec<&MemoryOutcome> = outcomes.iter().filter(|outcome| outcome.rank != Some(1)).collect();
    if misses == Misses::Tell && !missed.is_empty() {
        let mut blocks: Vec<Block> = missed.iter().take(MISSES).map(|one| Block::Line(miss(one))).collect();
        if let more @ 1.. = missed.len().saturating_sub(MISSES) {
            blocks.push(Block::Line(format!("and {more} more; --json tells them all")));
        }
        sections.push(Section { title: "Not first", blocks });
    }
    let (first, five) = (percent(all.recall_1.value), percent(all.recall_5.value));
    let slowest_ms = outcomes.iter().map(|outcome| outcome.ms).fold(0.0, f64::max);
    let Settings { seed, resamples, .. } = summary.settings;
    Report {
        verdict: format!(
            "Finds the right one of {} documents first in {first:.0} % of {} queries, among its first five in {five:.0} %.",
            summary.documents, summary.n
        ),
        beside: Vec::new(),
        sections,
        cost: format!("A query took at most {slowest_ms:.1} ms. Seed {seed}; {resamples} resamples."),
    }
    .text()
}

fn miss(outcome: &MemoryOutcome) -> String {
    let rank = outcome.rank.map_or("not found".to_owned(), |rank| format!("rank {rank}"));
    let query: String = outcome.query.split_whitespace().collect::<Vec<_>>().join(" ");
    let query: String = query.chars().take(60).collect();
    format!("{}: {rank}: {query}", outcome.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(json: &str) -> Result<Shelved, BadLine> {
        let line: DocumentLine = serde_json::from_str(json).unwrap();
        line.shelved(&SourceName::new("data:x").unwrap())
    }

    #[test]
    fn both_forms_of_a_document_are_read() {
        let plain = document(r##"{"id": "a", "text": "# Pool full\nIt was."}"##).unwrap();
        assert_eq!(plain.filed.title.as_untrusted(), "Pool full");
        let rollback = document(
            r#"{"id": "r@1", "repo": "shop", "as_of": 1700000000, "symptom_text": "breaks", "title": "Cart", "paths": ["a/b.rs"]}"#,
        )
        .unwrap();
        assert_eq!(rollback.filed.known_at.as_second(), 1_700_000_000);
        assert_eq!(rollback.filed.services.len(), 1);
        let text = rollback.passages.first().unwrap().passage.searched.as_untrusted().to_owned();
        assert!(text.contains("Cart") && text.contains("breaks") && text.contains("a/b.rs"), "{text}");
        assert!(document(r#"{"id": "a"}"#).unwrap_err().to_string().contains("neither text nor title"));
    }

    #[test]
    fn the_text_people_read() {
        let outcome = |rank: Option<u32>| MemoryOutcome {
            id: "q".into(),
            query: "pool full".into(),
            relevant: vec!["a".into()],
            words: Some(2),
            meaning: None,
            rank,
            newest: None,
            found: vec!["a".into()],
            ms: 1.5,
        };
        let outcomes = [outcome(Some(1)), outcome(Some(4)), outcome(None)];
        let settings = Settings { resamples: 200, ..Settings::default() };
        let summary = summarise(&outcomes, 9, Measured { meaning: false, times: false }, &settings);
        insta::assert_snapshot!(text(&summary, &outcomes, Misses::Tell));
        let none = summarise(&[], 0, Measured { meaning: false, times: false }, &settings);
        assert!(text(&none, &[], Misses::Tell).starts_with("No query was asked"));
        assert!(!text(&summary, &outcomes, Misses::Omit).contains("Not first"));
    }
}
