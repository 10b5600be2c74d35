//! Whom to ask, backtested: for each rollback of a file of cases, how high the one who rolled back stood among everybody
//! who had done something in the year before. Weights are learned here too. Nobody is named in what comes of it: a person is
//! known by a digest of an address. It must not know where repositories are or who reads the outcomes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use hearback_core::Digest;
use hearback_core::ports::{ChangeSource, ConnectorError};
use hearback_engine::analysts::experts::Profile;
use hearback_engine::analysts::experts::rules::{ExpertRules, Sign};
use hearback_engine::expertise::{ExpertSettings, PeopleSources};
use serde::{Deserialize, Serialize};

use crate::case::Case;
use crate::logit::Choice;
use crate::paired::{Paired, paired};
use crate::resample::{Dice, Estimate, Purpose, Settings, means};
use crate::run::{self, Bench, NotAsked};
use crate::scores::{hit, reciprocal};

/// How many hexadecimal digits of the digest of an address tell a person.
const DIGITS: usize = 16;

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
    /// Who wrote most of the lines near the suspects, the newer the more.
    pub lines: Option<u32>,
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

/// Asks one case, with the changes of its repository and those who know about the people of it.
///
/// # Errors
/// [`NotAsked`] says why it could not be asked.
pub async fn ask(
    bench: &Bench,
    people: &BTreeMap<String, PeopleSources>,
    rules: &ExpertRules,
    case: &Case,
    label: &Label,
) -> Result<Asked, NotAsked> {
    let started = Instant::now();
    let read = run::read(bench, case).await?;
    let source: Arc<dyn ChangeSource> = Arc::new(read);
    let people = people.get(&case.repo).cloned().unwrap_or_default();
    let settings = ExpertSettings { rules: rules.clone(), ..ExpertSettings::default() };
    let answered = run::answered(bench, case, source, people, &settings).await?;
    // Without what people did nobody can be ranked. A file that a clone lacks hides whose its lines are, there as here.
    let beside: Vec<&String> =
        answered.experts.searched.iter().skip(1).flat_map(|coverage| &coverage.missing).collect();
    if let Some(gap) = answered.experts.gaps.iter().find(|gap| !beside.contains(&&gap.why)) {
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
            lines: by(&|profile| profile.value(Sign::Lines)),
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
    let row = |rank: &Option<u32>| [hit(*rank, 1), hit(*rank, 3), hit(*rank, 5), reciprocal(*rank)];
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
    /// In how many of them the right one was among the people: had done something in the year before, or wrote lines near a
    /// suspect.
    pub known: usize,
    /// How many people there were, in the case in the middle.
    pub median_people: u32,
    /// The experts analyst.
    pub experts: Option<Quality>,
    /// Whoever committed last.
    pub last_committer: Option<Quality>,
    /// The symptom's words in each author's year.
    pub words: Option<Quality>,
    /// Who wrote the lines near the suspects.
    pub lines: Option<Quality>,
    /// The culprit's author, then whoever committed last.
    pub culprits_author: Option<Quality>,
    /// The experts analyst against the best of the others that somebody could ask in an incident.
    pub against_best: Option<AgainstBest>,
    /// The experts analyst by repository, with the number of cases.
    pub repositories: BTreeMap<String, (usize, Quality)>,
}

/// The experts analyst against another method, on the same cases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AgainstBest {
    /// The other: the one of the highest mean reciprocal rank.
    pub method: &'static str,
    /// The experts analyst's figures minus the other's.
    pub paired: Paired,
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
    let ours = of(&|outcome| outcome.rank, None);
    let others = [
        ("last committer", of(&|outcome| outcome.baselines.last_committer, None)),
        ("words of a year", of(&|outcome| outcome.baselines.words, None)),
        ("lines near suspects", of(&|outcome| outcome.baselines.lines, None)),
    ];
    let mrr = |ranks: &[Option<u32>]| ranks.iter().map(|rank| reciprocal(*rank)).sum::<f64>();
    let best = others.iter().max_by(|(_, a), (_, b)| mrr(a).total_cmp(&mrr(b)));
    ExpertSummary {
        cases: outcomes.len(),
        known: outcomes.iter().filter(|outcome| outcome.rank.is_some()).count(),
        median_people: people.get(people.len() / 2).copied().unwrap_or_default(),
        experts: quality(&ours, settings),
        last_committer: quality(&of(&|outcome| outcome.baselines.last_committer, None), settings),
        words: quality(&of(&|outcome| outcome.baselines.words, None), settings),
        lines: quality(&of(&|outcome| outcome.baselines.lines, None), settings),
        culprits_author: quality(&of(&|outcome| outcome.baselines.culprits_author, None), settings),
        against_best: best.and_then(|(method, theirs)| {
            Some(AgainstBest { method, paired: paired(&ours, theirs, settings)? })
        }),
        repositories: repositories.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(id: &str, rank: Option<u32>, last_committer: Option<u32>) -> ExpertOutcome {
        ExpertOutcome {
            id: id.into(),
            repo: "shop".into(),
            rank,
            people: 2,
            baselines: OtherRanks { last_committer, ..OtherRanks::default() },
            ms: 1.0,
        }
    }

    #[test]
    fn who_is_not_among_the_people_counts_as_missed() {
        let outcomes = [outcome("a", Some(1), None), outcome("b", None, None)];
        let summary = summarise(&outcomes, &Settings::default());
        assert_eq!((summary.cases, summary.known), (2, 1));
        assert!((summary.experts.unwrap().top5.value - 0.5).abs() < 1e-9);
    }

    #[test]
    fn the_analyst_is_held_against_the_best_of_the_others_case_by_case() {
        let better = |id: u32| outcome(&id.to_string(), Some(1), Some(if id < 30 { 9 } else { 1 }));
        let outcomes: Vec<ExpertOutcome> = (0..40).map(better).collect();
        let against = summarise(&outcomes, &Settings::default()).against_best.unwrap();
        assert_eq!(against.method, "last committer");
        assert_eq!((against.paired.won, against.paired.lost), (30, 0));
        assert!(against.paired.top_5_p < 0.001 && against.paired.mrr_difference.low > 0.0);
        assert_eq!(summarise(&[], &Settings::default()).against_best, None);
    }

    #[test]
    fn labels_are_read_and_lines_without_one_are_passed_over() {
        let text =
            "{\"id\": \"a\", \"responder\": \"04ec0961d2ae0857\", \"more\": 1}\n{\"id\": \"b\"}\nno json\n";
        let labels = parse_labels(text);
        assert_eq!(labels.keys().collect::<Vec<_>>(), ["a"]);
    }
}
