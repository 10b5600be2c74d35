//! How often the service at the root is named, over issues whose root is known: by scenario, by split and over all. It
//! must not know a data set, nor how the ranking came about.

use std::collections::BTreeSet;

use hearback_core::ServiceName;
use serde::Serialize;

use crate::report::{self, Block, Report, Section, Table, mean_rank, percent};
use crate::resample::{self, Estimate, Settings};
use crate::scores::{hit, scores};

/// How many services are told of a ranking.
const TOLD: usize = 10;
/// How many misses are told in words.
const MISSES: usize = 8;

/// A service and how it was ranked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankedService {
    /// Which.
    pub service: ServiceName,
    /// Comparable within one ranking only.
    pub score: f64,
    /// Why, in one line.
    pub because: String,
}

/// What came of one issue; a line of `--json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceOutcome {
    /// Scenario, split and issue.
    pub id: String,
    /// The scenario.
    #[serde(skip)]
    pub scenario: String,
    /// The split.
    #[serde(skip)]
    pub split: String,
    /// The service at the root.
    pub target: ServiceName,
    /// The first ten.
    pub ranked: Vec<RankedService>,
    /// The target's rank, from 1; none if it was not ranked.
    pub rank: Option<u32>,
    /// How long the ranking took, in milliseconds.
    pub ms: f64,
}

/// The figures of some of the issues.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceSlice {
    /// Which: `all`, a scenario or a split.
    pub slice: String,
    /// How many issues.
    pub n: u32,
    /// The share whose target is the first. These are told with Wilson's intervals: data sets of issues are small, and what
    /// is drawn again from cases that are all right has no width.
    pub top_1: Estimate,
    /// The share whose target is among the first three.
    pub top_3: Estimate,
    /// The share whose target is among the first five.
    pub top_5: Estimate,
    /// The mean reciprocal rank; 0 for a target without a rank.
    pub mrr: Estimate,
}

/// The figures of all issues, and of each scenario and split where there are several.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceSummary {
    /// How many issues.
    pub n: u32,
    /// How it was measured.
    pub settings: Settings,
    /// All first; empty if there is no issue.
    pub slices: Vec<ServiceSlice>,
}

impl ServiceOutcome {
    /// Puts a ranking, the likeliest first, beside the service that was at the root.
    pub fn new(
        (id, scenario, split): (String, String, String),
        target: ServiceName,
        mut ranked: Vec<RankedService>,
        ms: f64,
    ) -> ServiceOutcome {
        let place = ranked.iter().position(|one| one.service == target);
        ranked.truncate(TOLD);
        let rank = place.and_then(|place| u32::try_from(place + 1).ok());
        ServiceOutcome { id, scenario, split, target, ranked, rank, ms }
    }
}

/// Measures the issues.
pub fn summarise(outcomes: &[ServiceOutcome], settings: &Settings) -> ServiceSummary {
    let slice = |name: &str, holds: &dyn Fn(&ServiceOutcome) -> bool| {
        let ranks: Vec<Option<u32>> =
            outcomes.iter().filter(|outcome| holds(outcome)).map(|outcome| outcome.rank).collect();
        let n = ranks.len() as u32;
        let within = |k: u32| {
            let hits = ranks.iter().filter(|rank| hit(**rank, k) > 0.0).count();
            resample::share(hits as u32, n)
        };
        let mrr = scores(&ranks, settings)?.mrr;
        let slice = name.to_owned();
        Some(ServiceSlice { slice, n, top_1: within(1)?, top_3: within(3)?, top_5: within(5)?, mrr })
    };
    let mut slices = vec![slice("all", &|_| true)];
    let several = |of: fn(&ServiceOutcome) -> &str| {
        let names: BTreeSet<&str> = outcomes.iter().map(of).collect();
        if names.len() > 1 { names } else { BTreeSet::new() }
    };
    let fields: [fn(&ServiceOutcome) -> &str; 2] = [|outcome| &outcome.scenario, |outcome| &outcome.split];
    for of in fields {
        slices.extend(several(of).into_iter().map(|name| slice(name, &|outcome| of(outcome) == name)));
    }
    ServiceSummary {
        n: outcomes.len() as u32,
        settings: *settings,
        slices: slices.into_iter().flatten().collect(),
    }
}

/// The summary as text for a terminal of a hundred columns.
pub fn text(summary: &ServiceSummary, outcomes: &[ServiceOutcome]) -> String {
    let Some(all) = summary.slices.first() else {
        return "No issue was measured, so nothing is known. Next: another --dir or --split.\n".into();
    };
    let rows = summary.slices.iter().map(|slice| {
        let figures = [slice.top_1, slice.top_3, slice.top_5].map(report::share);
        [vec![slice.slice.clone(), slice.n.to_string()], figures.to_vec(), vec![mean_rank(slice.mrr)]]
            .concat()
    });
    let heads = vec!["", "n", "top-1", "top-3", "top-5", "MRR"];
    let table = Block::Table(Table { heads, words: 1, rows: rows.collect() });
    let mut sections = vec![Section { title: "Scores (% with 95 % interval)", blocks: vec![table] }];
    let missed: Vec<&ServiceOutcome> = outcomes.iter().filter(|outcome| outcome.rank != Some(1)).collect();
    if !missed.is_empty() {
        let mut blocks: Vec<Block> =
            missed.iter().take(MISSES).map(|outcome| Block::Line(miss(outcome))).collect();
        if let more @ 1.. = missed.len().saturating_sub(MISSES) {
            blocks.push(Block::Line(format!("and {more} more; --json tells them all")));
        }
        sections.push(Section { title: "Not first", blocks });
    }
    let issues = if summary.n == 1 { "issue" } else { "issues" };
    let (first, three) = (percent(all.top_1.value), percent(all.top_3.value));
    let slowest_ms = outcomes.iter().map(|outcome| outcome.ms).fold(0.0, f64::max);
    let Settings { seed, resamples, .. } = summary.settings;
    Report {
        verdict: format!(
            "Names the service at the root first in {first:.0} % of {} {issues}, among its first three in \
             {three:.0} %.",
            summary.n
        ),
        beside: Vec::new(),
        sections,
        cost: format!("A ranking took at most {slowest_ms:.1} ms. Seed {seed}; {resamples} resamples."),
    }
    .text()
}

fn miss(outcome: &ServiceOutcome) -> String {
    let rank = outcome.rank.map_or("not ranked".to_owned(), |rank| format!("rank {rank}"));
    let first = outcome.ranked.first().map_or("nothing was ranked".to_owned(), |first| {
        format!("first: {} ({})", first.service, first.because)
    });
    format!("{}: {}, {rank}; {first}", outcome.id, outcome.target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str) -> ServiceName {
        ServiceName::new(name).unwrap()
    }

    fn outcome(scenario: &str, split: &str, target: &str, ranked: &[&str]) -> ServiceOutcome {
        let one = |name: &&str| RankedService {
            service: service(name),
            score: 0.5,
            because: "latency 0.1 s → 0.4 s at 22:23Z".into(),
        };
        let names = (format!("{scenario}/{split}/issue_0"), scenario.to_owned(), split.to_owned());
        ServiceOutcome::new(names, service(target), ranked.iter().map(one).collect(), 1.25)
    }

    #[test]
    fn the_rank_counts_from_one_and_what_is_not_ranked_has_none() {
        let check = |ranked: &[&str], expect: Option<u32>| {
            assert_eq!(outcome("low", "train", "cart", ranked).rank, expect, "{ranked:?}");
        };
        check(&["cart"], Some(1));
        check(&["web", "stock", "cart"], Some(3));
        check(&["web"], None);
        check(&[], None);
        let long: Vec<String> = (0..20).map(|n| format!("s{n}")).chain(["cart".into()]).collect();
        let long: Vec<&str> = long.iter().map(String::as_str).collect();
        let cut = outcome("low", "train", "cart", &long);
        assert_eq!((cut.rank, cut.ranked.len()), (Some(21), TOLD));
    }

    #[test]
    fn scenarios_and_splits_are_told_apart_where_there_are_several() {
        let names = |outcomes: &[ServiceOutcome]| -> Vec<String> {
            let summary = summarise(outcomes, &Settings::default());
            summary.slices.iter().map(|slice| format!("{} {}", slice.slice, slice.n)).collect()
        };
        let (low, high) = (outcome("low", "train", "a", &["a"]), outcome("high", "test", "a", &["b"]));
        assert_eq!(names(&[low.clone(), high]), ["all 2", "high 1", "low 1", "test 1", "train 1"]);
        assert_eq!(names(&[low]), ["all 1"]);
        assert_eq!(names(&[]), [""; 0]);
    }

    #[test]
    fn the_text_people_read() {
        let outcomes = [
            outcome("low", "train", "cart", &["cart", "web"]),
            outcome("low", "train", "stock", &["web", "stock"]),
            outcome("low", "train", "search", &[]),
        ];
        let summary = summarise(&outcomes, &Settings { resamples: 200, ..Settings::default() });
        insta::assert_snapshot!(text(&summary, &outcomes), @"
        Names the service at the root first in 33 % of 3 issues, among its first three in 67 %.

        Scores (% with 95 % interval)
             n        top-1         top-3         top-5             MRR
        all  3  33.3 (6–79)  66.7 (21–94)  66.7 (21–94)  .500 (.00–.83)

        Not first
        low/train/issue_0: stock, rank 2; first: web (latency 0.1 s → 0.4 s at 22:23Z)
        low/train/issue_0: search, not ranked; nothing was ranked

        A ranking took at most 1.2 ms. Seed 1; 200 resamples.
        ");
        let none = summarise(&[], &Settings::default());
        assert!(text(&none, &[]).starts_with("No issue was measured"));
    }

    #[test]
    fn a_line_of_json_has_the_promised_names() {
        let json = serde_json::to_value(outcome("low", "train", "cart", &["web"])).unwrap();
        let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["id", "target", "ranked", "rank", "ms"]);
        assert!(json["rank"].is_null());
    }
}
