//! How often the culprit is named: among the first one, three, five and ten, and the mean reciprocal rank, for the
//! ranker and for the methods everybody has, in slices. What an answer said beyond its order (abstained, confident
//! and wrong), and how long it took. It must not know where outcomes come from.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::outcome::Outcome;
use crate::resample::{Dice, Estimate, Purpose, Settings, means, quantile};

/// What puts the candidates in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The ranker that is measured.
    Hearback,
    /// BM25 − 4·ln(1 + age in hours).
    Bm25WithAge,
    /// BM25 of the symptom over message and paths.
    Bm25,
    /// The newest first.
    MostRecent,
}

impl Method {
    /// All of them, the ranker first.
    pub const ALL: [Method; 4] = [Method::Hearback, Method::Bm25WithAge, Method::Bm25, Method::MostRecent];
    /// What the ranker is compared with.
    pub const BASELINES: [Method; 3] = [Method::Bm25WithAge, Method::Bm25, Method::MostRecent];

    /// The culprit's rank by it.
    pub fn rank(self, outcome: &Outcome) -> Option<u32> {
        match self {
            Method::Hearback => outcome.rank,
            Method::Bm25WithAge => outcome.baselines.bm25_with_age,
            Method::Bm25 => outcome.baselines.bm25,
            Method::MostRecent => outcome.baselines.most_recent,
        }
    }

    /// As people read it.
    pub fn label(self) -> &'static str {
        match self {
            Method::Hearback => "Hearback",
            Method::Bm25WithAge => "BM25 with age",
            Method::Bm25 => "BM25",
            Method::MostRecent => "most recent",
        }
    }
}

/// How often the culprit is among the first, as shares from 0 to 1. A culprit without a rank is a miss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Scores {
    /// It is the first.
    pub top_1: Estimate,
    /// It is among the first three.
    pub top_3: Estimate,
    /// It is among the first five.
    pub top_5: Estimate,
    /// It is among the first ten.
    pub top_10: Estimate,
    /// The mean reciprocal rank; 0 for a culprit without a rank.
    pub mrr: Estimate,
}

/// The scores of ranks, from 1; none if there is no case. The interval of every method is drawn from the same
/// cases, as long as they come in the same order.
pub fn scores(ranks: &[Option<u32>], settings: &Settings) -> Option<Scores> {
    let rows: Vec<[f64; 5]> = ranks
        .iter()
        .map(|rank| [hit(*rank, 1), hit(*rank, 3), hit(*rank, 5), hit(*rank, 10), reciprocal(*rank)])
        .collect();
    let dice = Dice::new(settings.seed, Purpose::Scores);
    let [top_1, top_3, top_5, top_10, mrr] = means(&rows, dice, settings.resamples)?;
    Some(Scores { top_1, top_3, top_5, top_10, mrr })
}

/// 1 if the rank is among the first `k`, 0 if not.
pub fn hit(rank: Option<u32>, k: u32) -> f64 {
    if rank.is_some_and(|rank| (1..=k).contains(&rank)) { 1.0 } else { 0.0 }
}

/// One over the rank; 0 if there is none.
pub fn reciprocal(rank: Option<u32>) -> f64 {
    rank.filter(|rank| *rank > 0).map_or(0.0, |rank| 1.0 / f64::from(rank))
}

/// Some of the cases. All but the first two kinds and the last hold only cases whose culprit is among the candidates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Slice {
    /// Every case.
    All,
    /// The text tells of a failure, as an incident does, rather than of a decision.
    FailureLike,
    /// Five candidates or more are newer than the culprit: the clock alone does not find it.
    NotAmongFiveNewest,
    /// The culprit was committed more than 24 hours before the question.
    OlderThanADay,
    /// The culprit shares no word with the symptom: the text alone does not find it.
    SharesNoWord,
    /// The cases of one repository.
    Repository(String),
}

impl Slice {
    /// The slices every backtest is told in.
    pub const FIXED: [Slice; 5] = [
        Slice::All,
        Slice::FailureLike,
        Slice::NotAmongFiveNewest,
        Slice::OlderThanADay,
        Slice::SharesNoWord,
    ];

    /// Whether a case belongs to it.
    pub fn holds(&self, outcome: &Outcome) -> bool {
        match self {
            Slice::All => true,
            Slice::FailureLike => outcome.symptom_like,
            Slice::NotAmongFiveNewest => outcome.newer_than_culprit.is_some_and(|newer| newer >= 5),
            Slice::OlderThanADay => outcome.culprit_age_h.is_some_and(|hours| hours > 24.0),
            Slice::SharesNoWord => !outcome.shares_a_word && is_among_candidates(outcome),
            Slice::Repository(name) => outcome.repo == *name,
        }
    }

    /// As people read it, of the culprit.
    pub fn label(&self) -> &str {
        match self {
            Slice::All => "all",
            Slice::FailureLike => "tells of a failure",
            Slice::NotAmongFiveNewest => "not among the 5 newest",
            Slice::OlderThanADay => "older than a day",
            Slice::SharesNoWord => "shares no word",
            Slice::Repository(name) => name,
        }
    }
}

/// Whether one of the candidates is the culprit.
pub fn is_among_candidates(outcome: &Outcome) -> bool {
    outcome.newer_than_culprit.is_some() || outcome.culprit_age_h.is_some()
}

/// The scores of every method over the cases of a slice; empty if there is no case.
pub fn by_method(outcomes: &[&Outcome], settings: &Settings) -> BTreeMap<Method, Scores> {
    let of = |method: Method| scores(&ranks(outcomes, method), settings).map(|scores| (method, scores));
    Method::ALL.into_iter().filter_map(of).collect()
}

/// The culprits' ranks by a method, in the order of the cases.
pub fn ranks(outcomes: &[&Outcome], method: Method) -> Vec<Option<u32>> {
    outcomes.iter().map(|outcome| method.rank(outcome)).collect()
}

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// How many.
    pub count: u32,
    /// Of how many.
    pub of: u32,
}

impl Count {
    fn add(&mut self, counts: bool) {
        self.of += 1;
        self.count += u32::from(counts);
    }
}

/// What the answers said beyond their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Answers {
    /// Answers that put no suspect forward, of all.
    pub abstained: Count,
    /// Whose first was the culprit all the same, of those that abstained.
    pub abstained_though_right: Count,
    /// Whose first was not the culprit, of those that put a suspect forward.
    pub put_forward_wrong: Count,
    /// Whose first was not the culprit, of those that gave it [`Settings::confident`] or more. Whether the answer
    /// abstained plays no part: the confidence can be read all the same.
    pub confident_wrong: Count,
    /// That abstained, of the cases whose culprit is not among the candidates: there it is the right answer.
    pub abstained_without_culprit: Count,
}

/// Counts what the answers said.
pub fn answers<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>, settings: &Settings) -> Answers {
    let mut told = Answers::default();
    for outcome in outcomes {
        let wrong = outcome.rank != Some(1);
        told.abstained.add(outcome.abstained);
        if outcome.abstained {
            told.abstained_though_right.add(!wrong);
        } else {
            told.put_forward_wrong.add(wrong);
        }
        if confidence(outcome).is_some_and(|confidence| confidence >= settings.confident) {
            told.confident_wrong.add(wrong);
        }
        if !is_among_candidates(outcome) {
            told.abstained_without_culprit.add(outcome.abstained);
        }
    }
    told
}

/// The confidence in the first suspect, 0 to 1; none if nothing was ranked or it is no number.
pub fn confidence(outcome: &Outcome) -> Option<f64> {
    let first = outcome.ranked.first()?.confidence;
    first.is_finite().then(|| first.clamp(0.0, 1.0))
}

/// How long a question took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Speed {
    /// Half of the questions took no longer.
    pub median_ms: f64,
    /// 95 of 100 took no longer.
    pub p95_ms: f64,
}

/// How long the questions took; none if there was none.
pub fn speed<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Option<Speed> {
    let mut took: Vec<f64> =
        outcomes.into_iter().map(|outcome| outcome.ms).filter(|ms| ms.is_finite()).collect();
    took.sort_by(f64::total_cmp);
    Some(Speed { median_ms: quantile(&took, 0.5)?, p95_ms: quantile(&took, 0.95)? })
}

/// How many culprits stand at some ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RankCount {
    /// The first rank that counts; none for culprits without a rank.
    pub from: Option<u32>,
    /// The last; none if there is no last.
    pub to: Option<u32>,
    /// How many.
    pub count: u32,
}

/// The ranks that stand together in the histogram; the last goes on for ever.
const BUCKETS: [(u32, u32); 9] =
    [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 10), (11, 20), (21, 50), (51, u32::MAX)];

/// Where the culprits stand, from the first rank to those without one.
pub fn rank_counts(ranks: &[Option<u32>]) -> Vec<RankCount> {
    let count =
        |holds: &dyn Fn(Option<u32>) -> bool| ranks.iter().filter(|rank| holds(**rank)).count() as u32;
    let ranked = BUCKETS.iter().map(|&(from, to)| RankCount {
        from: Some(from),
        to: (to != u32::MAX).then_some(to),
        count: count(&|rank| rank.is_some_and(|rank| (from..=to).contains(&rank))),
    });
    let unranked =
        RankCount { from: None, to: None, count: count(&|rank| rank.is_none_or(|rank| rank == 0)) };
    ranked.chain([unranked]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up::outcome;
    use crate::outcome::Ranked;

    fn value(ranks: &[Option<u32>]) -> [f64; 5] {
        let scores = scores(ranks, &Settings::default()).unwrap();
        [scores.top_1, scores.top_3, scores.top_5, scores.top_10, scores.mrr].map(|estimate| estimate.value)
    }

    #[test]
    fn scores_by_hand() {
        assert_eq!(value(&[Some(1), Some(2), None]), [1.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 0.5]);
        assert_eq!(
            value(&[Some(4), Some(5), Some(10), Some(20)]),
            [0.0, 0.0, 0.5, 0.75, (0.25 + 0.2 + 0.1 + 0.05) / 4.0]
        );
        assert_eq!(value(&[None, Some(0)]), [0.0; 5]);
        assert_eq!(scores(&[], &Settings::default()), None);
    }

    #[test]
    fn intervals_hold_their_value_and_are_the_same_again() {
        let ranks: Vec<Option<u32>> = (0..100).map(|i| Some(1 + i % 13)).collect();
        let first = scores(&ranks, &Settings::default()).unwrap();
        for estimate in [first.top_1, first.top_5, first.mrr] {
            assert!(estimate.low < estimate.value && estimate.value < estimate.high, "{estimate:?}");
        }
        assert_eq!(scores(&ranks, &Settings::default()), Some(first));
    }

    #[test]
    fn a_slice_holds_what_its_name_says() {
        let check = |slice: Slice,
                     age_h: Option<f64>,
                     newer: Option<u32>,
                     shares_a_word: bool,
                     expect: bool| {
            let case =
                Outcome { culprit_age_h: age_h, newer_than_culprit: newer, shares_a_word, ..outcome("a") };
            assert_eq!(slice.holds(&case), expect, "{slice:?} {age_h:?} {newer:?}");
        };
        check(Slice::All, None, None, false, true);
        assert!(Slice::FailureLike.holds(&outcome("a")));
        assert!(!Slice::FailureLike.holds(&Outcome { symptom_like: false, ..outcome("a") }));
        check(Slice::NotAmongFiveNewest, Some(1.0), Some(4), true, false);
        check(Slice::NotAmongFiveNewest, Some(1.0), Some(5), true, true);
        check(Slice::NotAmongFiveNewest, None, None, true, false);
        check(Slice::OlderThanADay, Some(24.0), Some(9), true, false);
        check(Slice::OlderThanADay, Some(24.1), Some(9), true, true);
        check(Slice::SharesNoWord, Some(1.0), Some(0), false, true);
        check(Slice::SharesNoWord, Some(1.0), Some(0), true, false);
        check(Slice::SharesNoWord, None, None, false, false);
        assert!(Slice::Repository("shop".into()).holds(&Outcome { repo: "shop".into(), ..outcome("a") }));
    }

    #[test]
    fn confident_and_wrong_are_two_counts() {
        let case = |rank, confidence, abstained| Outcome {
            rank,
            abstained,
            ranked: vec![Ranked { sha: "a".into(), confidence }],
            ..outcome("a")
        };
        let cases = [
            case(Some(1), 0.9, false),
            case(Some(2), 0.5, false),
            case(None, 0.49, false),
            case(Some(3), 0.6, true),
            case(Some(1), 0.1, true),
            Outcome {
                ranked: vec![],
                culprit_age_h: None,
                newer_than_culprit: None,
                ..case(None, 0.0, true)
            },
        ];
        let told = answers(&cases, &Settings::default());
        assert_eq!(told.abstained, Count { count: 3, of: 6 });
        assert_eq!(told.abstained_though_right, Count { count: 1, of: 3 });
        assert_eq!(told.put_forward_wrong, Count { count: 2, of: 3 });
        assert_eq!(told.confident_wrong, Count { count: 2, of: 3 });
        assert_eq!(told.abstained_without_culprit, Count { count: 1, of: 1 });
    }

    #[test]
    fn milliseconds_by_hand() {
        let cases: Vec<Outcome> = (0..=100).map(|ms| Outcome { ms: f64::from(ms), ..outcome("a") }).collect();
        assert_eq!(speed(&cases), Some(Speed { median_ms: 50.0, p95_ms: 95.0 }));
        assert_eq!(speed(&[]), None);
    }

    #[test]
    fn every_rank_is_counted_once() {
        let ranks = [Some(1), Some(1), Some(6), Some(10), Some(50), Some(51), Some(9_000), None];
        let counts: Vec<u32> = rank_counts(&ranks).iter().map(|bucket| bucket.count).collect();
        assert_eq!(counts, [2, 0, 0, 0, 0, 2, 0, 1, 2, 1]);
    }
}
