//! All the figures of a backtest in one value, the object that `--json` prints last, and the same for people as text
//! and as Markdown. It decides which figures are told; [`crate::html`] tells the same ones as a page.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::calibration::{Calibration, calibration, said};
use crate::outcome::{Outcome, Told};
use crate::paired::{Paired, paired};
use crate::report::Report;
use crate::resample::Settings;
use crate::scores::{
    Answers, Method, RankCount, Scores, Slice, Speed, answers, by_method, confidence, is_among_candidates,
    rank_counts, ranks, speed,
};

/// How much of a line about the cases is shown.
const LINE: usize = 600;

/// What a backtest showed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// How many cases.
    pub n: u32,
    /// How it was measured.
    pub settings: Settings,
    /// All cases, those that tell of a failure (left out if all do, or none), and the slices that show what the clock
    /// or the text alone does not find.
    pub slices: Vec<Sliced>,
    /// The same for each repository, by name; empty if there is only one.
    pub repositories: Vec<Sliced>,
    /// How far the confidence is to be believed; none if there is no case with a first suspect.
    pub calibration: Option<Calibration>,
    /// What the answers said beyond their order.
    pub answers: Answers,
    /// Where the culprits stand.
    pub ranks: Vec<RankCount>,
    /// The worst misses, by the rule of [`worst_misses`].
    pub worst: Vec<Miss>,
    /// How long a question took; none if there is no case.
    pub speed: Option<Speed>,
}

/// The figures of some of the cases.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sliced {
    /// Which cases.
    pub slice: Slice,
    /// How many.
    pub n: u32,
    /// The scores of each method; empty if there is no case.
    pub scores: BTreeMap<Method, Scores>,
    /// The ranker against each baseline; empty if there is no case.
    pub against: BTreeMap<Method, Paired>,
}

/// A case whose first suspect was not the culprit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Miss {
    /// The case.
    pub id: String,
    /// Its repository.
    pub repo: String,
    /// The culprit's rank; none if it has none.
    pub rank: Option<u32>,
    /// Among how many.
    pub candidates: u32,
    /// Whether the culprit is one of them; one that is and has no rank was ruled out.
    pub is_candidate: bool,
    /// The confidence in the wrong first suspect; none if nothing was ranked.
    pub confidence: Option<f64>,
    /// Whether the answer abstained.
    pub abstained: bool,
    /// What was seen, who did it, who was blamed, and why.
    pub told: Told,
}

impl Sliced {
    fn of(slice: Slice, outcomes: &[&Outcome], settings: &Settings) -> Sliced {
        let held: Vec<&Outcome> = outcomes.iter().copied().filter(|outcome| slice.holds(outcome)).collect();
        let ours = ranks(&held, Method::Hearback);
        let against = |method| Some((method, paired(&ours, &ranks(&held, method), settings)?));
        Sliced {
            slice,
            n: held.len() as u32,
            scores: by_method(&held, settings),
            against: Method::BASELINES.into_iter().filter_map(against).collect(),
        }
    }

    /// The baseline that is best in these cases: by the mean reciprocal rank, the first of equals.
    pub fn best_baseline(&self) -> Option<(Method, &Scores)> {
        let known =
            Method::BASELINES.into_iter().filter_map(|method| Some((method, self.scores.get(&method)?)));
        known.reduce(|best, next| if next.1.mrr.value > best.1.mrr.value { next } else { best })
    }
}

impl Summary {
    /// All cases.
    pub fn all(&self) -> Option<&Sliced> {
        self.slices.iter().find(|sliced| sliced.slice == Slice::All)
    }

    /// The cases that tell of a failure, if others do not.
    pub fn failures(&self) -> Option<&Sliced> {
        self.slices.iter().find(|sliced| sliced.slice == Slice::FailureLike)
    }

    /// Whether so many cases say nothing yet.
    pub fn is_too_few(&self, n: u32) -> bool {
        n < self.settings.enough
    }
}

/// Measures a backtest. The order of the outcomes does not matter.
pub fn summarise(outcomes: &[Outcome], settings: &Settings) -> Summary {
    let mut sorted: Vec<&Outcome> = outcomes.iter().collect();
    sorted.sort_by(|a, b| a.id.cmp(&b.id));
    let names: BTreeSet<&str> = sorted.iter().map(|outcome| outcome.repo.as_str()).collect();
    let several = if names.len() > 1 { names } else { BTreeSet::new() };
    let repositories = several.into_iter().map(|name| Slice::Repository(name.to_owned()));
    let failures = sorted.iter().filter(|outcome| outcome.symptom_like).count();
    let is_mixed = failures > 0 && failures < sorted.len();
    let measure = |slice| Sliced::of(slice, &sorted, settings);
    Summary {
        n: sorted.len() as u32,
        settings: *settings,
        slices: Slice::FIXED
            .into_iter()
            .filter(|slice| *slice != Slice::FailureLike || is_mixed)
            .map(measure)
            .collect(),
        repositories: repositories.map(measure).collect(),
        calibration: calibration(&said(sorted.iter().copied()), settings),
        answers: answers(sorted.iter().copied(), settings),
        ranks: rank_counts(&ranks(&sorted, Method::Hearback)),
        worst: worst_misses(&sorted, settings.worst),
        speed: speed(sorted.iter().copied()),
    }
}

/// The worst misses. The worst answer is a confident wrong one, so the greatest confidence in a wrong first suspect
/// comes first; of equals the one whose culprit stands further down, without a rank last of all; then by id.
pub fn worst_misses(outcomes: &[&Outcome], how_many: u32) -> Vec<Miss> {
    let mut wrong: Vec<&Outcome> =
        outcomes.iter().copied().filter(|outcome| outcome.rank != Some(1)).collect();
    let sure = |outcome: &Outcome| confidence(outcome).unwrap_or(0.0);
    let depth = |outcome: &Outcome| outcome.rank.unwrap_or(u32::MAX);
    wrong.sort_by(|a, b| {
        sure(b).total_cmp(&sure(a)).then_with(|| depth(b).cmp(&depth(a))).then_with(|| a.id.cmp(&b.id))
    });
    let miss = |outcome: &Outcome| Miss {
        id: outcome.id.clone(),
        repo: outcome.repo.clone(),
        rank: outcome.rank,
        candidates: outcome.candidates,
        is_candidate: is_among_candidates(outcome),
        confidence: confidence(outcome),
        abstained: outcome.abstained,
        told: outcome.told.clone(),
    };
    wrong.into_iter().take(how_many as usize).map(miss).collect()
}

/// The summary as text for a terminal of a hundred columns.
pub fn text(summary: &Summary) -> String {
    Report::of(summary).text()
}

/// A paragraph that is told beside the summary, in lines of a hundred columns.
pub fn wrapped(paragraph: &str) -> String {
    crate::report::wrapped(paragraph, "")
}

/// The summary as a Markdown document. `stopped` says so if not all cases were asked; `cases` says where they came from
/// and what was left out.
pub fn markdown_page(summary: &Summary, title: &str, stopped: Option<&str>, cases: &[String]) -> String {
    let head = stopped.map_or(String::new(), |stopped| format!("**{}**\n\n", inline(stopped)));
    let cases: Vec<String> = cases.iter().map(|line| format!("- {}", inline(line))).collect();
    let title = inline(title);
    format!("# {title}\n\n{head}{}\n\n## Cases\n\n{}\n", markdown(summary).trim_end(), cases.join("\n"))
}

/// A line whose signs are no markup.
fn inline(line: &str) -> String {
    crate::report::escaped(crate::report::outside(line, LINE).trim())
}

/// The summary as Markdown, with the same words. It has no heading of the first level: who writes the document
/// gives it one.
pub fn markdown(summary: &Summary) -> String {
    Report::of(summary).markdown()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up::{history, outcome};
    use crate::outcome::Ranked;

    /// Fewer draws: the tests' figures need not be narrow.
    fn quick() -> Settings {
        Settings { resamples: 200, paired_resamples: 500, simulations: 100, ..Settings::default() }
    }

    fn made_up(n: u32) -> Summary {
        summarise(&history(n), &quick())
    }

    #[test]
    fn the_text_people_read() {
        insta::assert_snapshot!(text(&made_up(400)));
    }

    #[test]
    fn the_markdown_people_read() {
        insta::assert_snapshot!(markdown(&made_up(400)));
    }

    #[test]
    fn few_cases_are_called_too_few() {
        insta::assert_snapshot!(text(&made_up(12)));
    }

    #[test]
    fn one_case_and_no_case_are_told_too() {
        insta::assert_snapshot!(text(&made_up(1)));
        insta::assert_snapshot!(text(&made_up(0)), @"
        No case was measured, so nothing is known. Next: a longer history, or another repository.

        Seed 1; 200 resamples for scores, 500 for differences, 100 simulations.
        ");
        let json = serde_json::to_value(made_up(0)).unwrap();
        assert_eq!(json["n"], 0);
        assert!(json["calibration"].is_null() && json["speed"].is_null());
    }

    #[test]
    fn no_line_is_wider_than_a_terminal() {
        for n in [0, 1, 12, 400] {
            for line in text(&made_up(n)).lines() {
                assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
            }
        }
    }

    #[test]
    fn the_order_of_the_outcomes_does_not_matter() {
        let (mut outcomes, settings) = (history(80), quick());
        let first = serde_json::to_vec(&summarise(&outcomes, &settings)).unwrap();
        outcomes.reverse();
        assert_eq!(serde_json::to_vec(&summarise(&outcomes, &settings)).unwrap(), first);
    }

    #[test]
    fn the_json_has_names_that_can_be_asked_for() {
        let json = serde_json::to_value(made_up(40)).unwrap();
        assert_eq!(json["slices"][1]["slice"], "failure_like");
        assert_eq!(json["slices"][3]["slice"], "older_than_a_day");
        assert!(json["slices"][0]["scores"]["bm25_with_age"]["top_5"]["low"].is_f64());
        assert!(json["slices"][0]["against"]["most_recent"]["mrr_p"].is_f64());
        assert_eq!(json["repositories"][1]["slice"]["repository"], "acme/checkout");
        assert_eq!(json["settings"]["seed"], 1);
    }

    #[test]
    fn one_repository_is_not_told_twice() {
        assert!(summarise(&[outcome("a"), outcome("b")], &quick()).repositories.is_empty());
    }

    #[test]
    fn failures_are_told_apart_where_there_are_decisions_too() {
        let decision = Outcome { symptom_like: false, ..outcome("b") };
        assert!(summarise(&[outcome("a"), outcome("c")], &quick()).failures().is_none());
        assert!(summarise(std::slice::from_ref(&decision), &quick()).failures().is_none());
        assert_eq!(summarise(&[outcome("a"), decision], &quick()).failures().map(|told| told.n), Some(1));
    }

    #[test]
    fn the_most_confident_miss_is_the_worst() {
        let case = |id: &str, rank, confidence| Outcome {
            rank,
            ranked: vec![Ranked { sha: "a".into(), confidence }],
            ..outcome(id)
        };
        let cases = [
            case("unsure", Some(90), 0.2),
            case("right", Some(1), 0.99),
            case("near", Some(2), 0.7),
            case("absent", None, 0.7),
            case("sure", Some(2), 0.9),
            Outcome { ranked: vec![], ..case("nothing", None, 0.0) },
        ];
        let worst = worst_misses(&cases.iter().collect::<Vec<_>>(), 5);
        let ids: Vec<&str> = worst.iter().map(|miss| miss.id.as_str()).collect();
        assert_eq!(ids, ["sure", "absent", "near", "unsure", "nothing"]);
    }
}
