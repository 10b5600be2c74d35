//! Whom to ask, backtested: for each rollback of a file of cases, how high the one who rolled back stood among everybody
//! who had done something in the year before. Weights are learned here too. Nobody is named in what comes of it: a person is
//! known by a digest of an address. It must not know where repositories are or who reads the outcomes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use hearback_core::Digest;
use hearback_core::ports::{ChangeSource, ConnectorError, WorkSource};
use hearback_engine::analysts::experts::Profile;
use hearback_engine::analysts::experts::rules::{ExpertRules, Sign};
use hearback_engine::expertise::{ExpertSettings, PeopleSources};
use serde::{Deserialize, Serialize};

use crate::case::Case;
use crate::logit::{Choice, dot, fit};
use crate::resample::{Dice, Estimate, Purpose, Settings, means};
use crate::run::{self, Bench, NotAsked};

/// How many hexadecimal digits of the digest of an address tell a person.
const DIGITS: usize = 16;
/// Into so many blocks of time each repository's cases are cut when weights are judged.
const FOLDS: usize = 5;
/// The penalty on weights × a sign's deviation, by judgement: a sketch of the same signs predicted the right one first in
/// 53.8 % of unseen cases of the learning half with 2, and in 54.3 % with 10.
const RIDGE: f64 = 10.0;
/// Signs that no case can teach: no history says who owned what, and the symptoms of rollbacks hardly name files.
const HELD: [Sign; 2] = [Sign::Owns, Sign::NamedFiles];

/// Who rolled back, and who made what was rolled back, as digests of addresses. Labels: no input of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Label {
    /// The case.
    pub id: String,
    /// The first 16 hexadecimal digits of the SHA-256 of the address, in lower case, of who rolled back.
    pub responder: String,
    /// The same of the culprit's author.
    #[serde(default)]
    pub culprit_author: Option<String>,
}

/// Reads the labels of a file of cases; a case without a responder has none.
pub fn parse_labels(text: &str) -> BTreeMap<String, Label> {
    let labels = text.lines().filter_map(|line| serde_json::from_str::<Label>(line).ok());
    labels.map(|label| (label.id.clone(), label)).collect()
}

/// The rank of the right one by other methods, from 1; none if nobody is the right one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OtherRanks {
    /// Whoever committed last.
    pub last_committer: Option<u32>,
    /// The symptom's words in each author's year, what is rare counting more and what is old less.
    pub words: Option<u32>,
    /// The culprit's author, whom nobody knows in an incident; then whoever committed last.
    pub culprits_author: Option<u32>,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExpertOutcome {
    /// The case.
    pub id: String,
    /// Its repository.
    pub repo: String,
    /// The rank of the right one, from 1; none if the right one did nothing in the year before.
    pub rank: Option<u32>,
    /// How many people there were.
    pub people: u32,
    /// By other methods.
    pub baselines: OtherRanks,
    /// How long the answer took, in milliseconds.
    pub ms: f64,
}

/// A case that was asked, and what was measured of everybody.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What came of it.
    pub outcome: ExpertOutcome,
    /// When it was, in seconds since 1970.
    pub at_s: i64,
    /// The signs of everybody and who was the right one.
    pub choice: Choice,
}

/// Asks one case, with the changes and the works of its repository.
///
/// # Errors
/// [`NotAsked`] says why it could not be asked.
pub async fn ask(
    bench: &Bench,
    works: &BTreeMap<String, Arc<dyn WorkSource>>,
    rules: &ExpertRules,
    case: &Case,
    label: &Label,
) -> Result<Asked, NotAsked> {
    let started = Instant::now();
    let read = run::read(bench, case).await?;
    let source: Arc<dyn ChangeSource> = Arc::new(read);
    let works = works.get(&case.repo).cloned();
    let people = PeopleSources { works: works.into_iter().collect(), ..PeopleSources::default() };
    let settings = ExpertSettings { rules: rules.clone(), ..ExpertSettings::default() };
    let answered = run::answered(bench, case, source, people, &settings).await?;
    if let Some(gap) = answered.experts.gaps.first() {
        let source = ConnectorError::Failed(gap.why.clone());
        return Err(NotAsked::Source { case: case.id.clone(), source });
    }
    let ordered = &answered.experts.ordered;
    let ms = started.elapsed().as_secs_f64() * 1e3;
    let is_right: Vec<bool> = ordered.iter().map(|profile| is(profile, &label.responder)).collect();
    let culprits =
        |profile: &Profile| label.culprit_author.as_ref().is_some_and(|author| is(profile, author));
    let by = |key: &dyn Fn(&Profile) -> f64| {
        let mut places: Vec<(f64, f64, bool)> = ordered
            .iter()
            .zip(&is_right)
            .map(|(profile, right)| (key(profile), profile.value(Sign::Recent), *right))
            .collect();
        places.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
        rank(places.iter().map(|(_, _, right)| *right))
    };
    let outcome = ExpertOutcome {
        id: case.id.clone(),
        repo: case.repo.clone(),
        rank: rank(is_right.iter().copied()),
        people: u32::try_from(ordered.len()).unwrap_or(u32::MAX),
        baselines: OtherRanks {
            last_committer: by(&|profile| profile.value(Sign::Recent)),
            words: by(&|profile| profile.value(Sign::Words)),
            culprits_author: by(&|profile| f64::from(u8::from(culprits(profile)))),
        },
        ms: (ms * 1e3).round() / 1e3,
    };
    let rows = ordered.iter().flat_map(|profile| Sign::ALL.map(|sign| profile.value(sign) as f32));
    let choice = Choice { rows: rows.collect(), chosen: is_right, weight: 1.0 };
    Ok(Asked { outcome, at_s: case.as_of.as_second(), choice })
}

fn is(profile: &Profile, digits: &str) -> bool {
    let digest = |address: &String| Digest::of(address.as_bytes()).to_string();
    profile.addresses.iter().any(|address| digest(address).get(..DIGITS) == digits.get(..DIGITS))
}

fn rank(right: impl IntoIterator<Item = bool>) -> Option<u32> {
    let place = right.into_iter().position(|right| right)?;
    u32::try_from(place + 1).ok()
}

/// How good a method is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quality {
    /// The share of cases whose right one came first.
    pub top1: Estimate,
    /// … among the first three.
    pub top3: Estimate,
    /// … among the first five.
    pub top5: Estimate,
    /// The mean of one over the rank.
    pub mrr: Estimate,
}

/// How good `ranks` are, with 95 % bootstrap intervals. None of nothing.
pub fn quality(ranks: &[Option<u32>], settings: &Settings) -> Option<Quality> {
    let within = |rank: &Option<u32>, most: u32| f64::from(u8::from(rank.is_some_and(|rank| rank <= most)));
    let row = |rank: &Option<u32>| {
        let reciprocal = rank.map_or(0.0, |rank| 1.0 / f64::from(rank));
        [within(rank, 1), within(rank, 3), within(rank, 5), reciprocal]
    };
    let rows: Vec<[f64; 4]> = ranks.iter().map(row).collect();
    let [top1, top3, top5, mrr] =
        means(&rows, Dice::new(settings.seed, Purpose::Scores), settings.resamples)?;
    Some(Quality { top1, top3, top5, mrr })
}

/// All cases together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExpertSummary {
    /// How many cases were asked.
    pub cases: usize,
    /// In how many of them the right one had done something in the year before.
    pub known: usize,
    /// How many people there were, in the case in the middle.
    pub median_people: u32,
    /// The experts analyst.
    pub experts: Option<Quality>,
    /// Whoever committed last.
    pub last_committer: Option<Quality>,
    /// The symptom's words in each author's year.
    pub words: Option<Quality>,
    /// The culprit's author, then whoever committed last.
    pub culprits_author: Option<Quality>,
    /// The experts analyst by repository, with the number of cases.
    pub repositories: BTreeMap<String, (usize, Quality)>,
}

/// Sums up.
pub fn summarise(outcomes: &[ExpertOutcome], settings: &Settings) -> ExpertSummary {
    let of = |ranks: &dyn Fn(&ExpertOutcome) -> Option<u32>, repo: Option<&str>| -> Vec<Option<u32>> {
        let those = outcomes.iter().filter(|outcome| repo.is_none_or(|repo| outcome.repo == repo));
        those.map(ranks).collect()
    };
    let mut people: Vec<u32> = outcomes.iter().map(|outcome| outcome.people).collect();
    people.sort_unstable();
    let names: BTreeSet<&str> = outcomes.iter().map(|outcome| outcome.repo.as_str()).collect();
    let repositories = names.into_iter().filter_map(|name| {
        let ranks = of(&|outcome| outcome.rank, Some(name));
        Some((name.to_owned(), (ranks.len(), quality(&ranks, settings)?)))
    });
    ExpertSummary {
        cases: outcomes.len(),
        known: outcomes.iter().filter(|outcome| outcome.rank.is_some()).count(),
        median_people: people.get(people.len() / 2).copied().unwrap_or_default(),
        experts: quality(&of(&|outcome| outcome.rank, None), settings),
        last_committer: quality(&of(&|outcome| outcome.baselines.last_committer, None), settings),
        words: quality(&of(&|outcome| outcome.baselines.words, None), settings),
        culprits_author: quality(&of(&|outcome| outcome.baselines.culprits_author, None), settings),
        repositories: repositories.collect(),
    }
}

/// What was learned, and what it is worth on cases that it did not see.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Learned {
    /// A weight each sign; those that no case can teach are left out.
    pub weights: BTreeMap<Sign, f64>,
    /// Predicted for blocks of time that the weights had not seen.
    pub cross_validated: Option<Quality>,
    /// Predicted for each repository by weights learned on the others.
    pub left_out: BTreeMap<String, (usize, Quality)>,
}

/// Learns weights. The same cases give the same weights.
pub fn learn(asked: &[Asked], settings: &Settings) -> Learned {
    let held: Vec<bool> = Sign::ALL.iter().map(|sign| HELD.contains(sign)).collect();
    let fitted = |those: &dyn Fn(usize) -> bool| -> Vec<f64> {
        let choices: Vec<&Choice> =
            asked.iter().enumerate().filter(|(place, _)| those(*place)).map(|(_, one)| &one.choice).collect();
        fit(&choices, Sign::ALL.len(), RIDGE, &held).weights
    };
    let folds = folds(asked);
    let mut predicted: Vec<Option<u32>> = vec![None; asked.len()];
    for fold in 0..FOLDS {
        let is_of = |place: usize| folds.get(place) == Some(&fold);
        let weights = fitted(&|place| !is_of(place));
        for (place, slot) in predicted.iter_mut().enumerate().filter(|(place, _)| is_of(*place)) {
            *slot = asked.get(place).and_then(|one| rank_by(&one.choice, &weights));
        }
    }
    let names: BTreeSet<&str> = asked.iter().map(|one| one.outcome.repo.as_str()).collect();
    let is_in = |place: usize, name: &str| asked.get(place).is_some_and(|one| one.outcome.repo == name);
    let left_out = names.into_iter().filter_map(|name| {
        let weights = fitted(&|place| !is_in(place, name));
        let those = asked.iter().filter(|one| one.outcome.repo == name);
        let ranks: Vec<Option<u32>> = those.map(|one| rank_by(&one.choice, &weights)).collect();
        Some((name.to_owned(), (ranks.len(), quality(&ranks, settings)?)))
    });
    let left_out = left_out.collect();
    let weights = Sign::ALL.into_iter().zip(fitted(&|_| true)).filter(|(sign, _)| !HELD.contains(sign));
    let rounded = |weight: f64| (weight * 1e4).round() / 1e4;
    Learned {
        weights: weights.map(|(sign, weight)| (sign, rounded(weight))).collect(),
        cross_validated: quality(&predicted, settings),
        left_out,
    }
}

/// Blocks of time, repository by repository.
fn folds(asked: &[Asked]) -> Vec<usize> {
    let mut by_time: BTreeMap<&str, Vec<(i64, usize)>> = BTreeMap::new();
    for (place, one) in asked.iter().enumerate() {
        by_time.entry(&one.outcome.repo).or_default().push((one.at_s, place));
    }
    let mut folds = vec![0; asked.len()];
    for mut cases in by_time.into_values() {
        cases.sort_unstable();
        let of = cases.len();
        for (at, (_, place)) in cases.into_iter().enumerate() {
            if let Some(fold) = folds.get_mut(place) {
                *fold = at * FOLDS / of;
            }
        }
    }
    folds
}

fn rank_by(choice: &Choice, weights: &[f64]) -> Option<u32> {
    let scores: Vec<f64> = choice.rows_of(weights.len()).map(|row| dot(row, weights)).collect();
    let right = scores.iter().zip(&choice.chosen).filter(|(_, right)| **right).map(|(score, _)| *score);
    let best = right.max_by(f64::total_cmp)?;
    u32::try_from(1 + scores.iter().filter(|score| **score > best).count()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(id: usize, rows: &[(f32, bool)]) -> Asked {
        let width = Sign::ALL.len();
        let row = |value: f32| std::iter::once(value).chain(std::iter::repeat_n(0.0, width - 1));
        let right = rows.iter().position(|(_, right)| *right);
        Asked {
            outcome: ExpertOutcome {
                id: id.to_string(),
                repo: if id.is_multiple_of(2) { "shop" } else { "web" }.into(),
                rank: right.map(|place| u32::try_from(place).unwrap() + 1),
                people: u32::try_from(rows.len()).unwrap(),
                baselines: OtherRanks::default(),
                ms: 1.0,
            },
            at_s: i64::try_from(id).unwrap(),
            choice: Choice {
                rows: rows.iter().flat_map(|(value, _)| row(*value)).collect(),
                chosen: rows.iter().map(|(_, right)| *right).collect(),
                weight: 1.0,
            },
        }
    }

    #[test]
    fn a_sign_that_tells_gets_a_weight_that_holds_for_cases_it_did_not_see() {
        let cases: Vec<Asked> =
            (0..40).map(|id| asked(id, &[(0.1, false), (0.9, id % 5 != 0), (0.2, id % 5 == 0)])).collect();
        let learned = learn(&cases, &Settings::default());
        assert!(learned.weights[&Sign::ALL[0]] > 0.5, "{:?}", learned.weights);
        assert!((learned.cross_validated.unwrap().top1.value - 0.8).abs() < 1e-9);
        assert_eq!(learned.left_out.keys().collect::<Vec<_>>(), ["shop", "web"]);
        assert!(!learned.weights.contains_key(&Sign::Owns));
    }

    #[test]
    fn who_is_not_among_the_people_counts_as_missed() {
        let outcomes: Vec<ExpertOutcome> = [asked(0, &[(0.0, true)]), asked(1, &[(0.0, false)])]
            .into_iter()
            .map(|one| one.outcome)
            .collect();
        let summary = summarise(&outcomes, &Settings::default());
        assert_eq!((summary.cases, summary.known), (2, 1));
        assert!((summary.experts.unwrap().top5.value - 0.5).abs() < 1e-9);
    }

    #[test]
    fn labels_are_read_and_lines_without_one_are_passed_over() {
        let text =
            "{\"id\": \"a\", \"responder\": \"04ec0961d2ae0857\", \"more\": 1}\n{\"id\": \"b\"}\nno json\n";
        let labels = parse_labels(text);
        assert_eq!(labels.keys().collect::<Vec<_>>(), ["a"]);
    }
}
