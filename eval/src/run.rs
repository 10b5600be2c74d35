//! One case: asked as `ask` would ask it, of one source, with the future hidden. It must not know where repositories are
//! or who reads the outcomes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hearback_core::change::Diff;
use hearback_core::happening::Question;
use hearback_core::hash::NotCanonical;
use hearback_core::ports::{ChangeQuery, ChangeSource, ConnectorError};
use hearback_core::{Catalog, Change, ChangeId, ExternalText, Fetched, SourceName, Verdict, Window};
use hearback_engine::analysts::authorised::AuthorisationPolicy;
use hearback_engine::analysts::culprit::rules::CulpritRules;
use hearback_engine::analysts::suspects::Standing;
use hearback_engine::asking::WHAT_CHANGED;
use hearback_engine::calibration::Calibration;
use hearback_engine::driver::{self, Answered, Context, Sources};
use hearback_engine::expertise::{ExpertSettings, PeopleSources};
use hearback_engine::features::Family;
use hearback_engine::ranker::Ranker;
use hearback_engine::signals::Signals;
use jiff::SignedDuration;

use crate::baselines::baselines;
use crate::case::Case;
use crate::outcome::{Outcome, Ranked, Told};

/// How long the source of a case may take: long, so that the clock does not decide what is seen.
const BUDGET: SignedDuration = SignedDuration::from_mins(5);
/// How many candidates an outcome lists.
const LISTED: usize = 20;
/// How much of a text is told.
const TOLD: usize = 120;

/// What all cases are asked with.
pub struct Bench {
    /// Weights and thresholds.
    pub ranker: Ranker,
    /// Thresholds for series; a case has none, but a question needs them.
    pub signals: Signals,
    /// Weights of what explains a failure.
    pub culprit: CulpritRules,
    /// The repositories by the name that cases call them.
    pub repositories: BTreeMap<String, Arc<dyn ChangeSource>>,
}

/// A case could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum NotAsked {
    /// Nobody said where the repository is.
    #[error("case {case}: no repository called \"{repo}\"; add --repo {repo}=PATH")]
    NoRepository {
        /// The case.
        case: String,
        /// The repository it is about.
        repo: String,
    },
    /// The repository could not be read.
    #[error("case {case}: {source}")]
    Source {
        /// The case.
        case: String,
        /// What is wrong.
        source: ConnectorError,
    },
    /// Never happens for these types; passed on rather than hidden.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// The task ended before the case did.
    #[error("a case was given up; run it again")]
    GivenUp,
}

/// A case that was asked.
#[derive(Debug)]
pub struct Ran {
    /// What came of it.
    pub outcome: Outcome,
    /// What was measured of all candidates, the likeliest first; for whoever learns weights.
    pub standings: Vec<Standing>,
}

/// The cases in the order in which they are best asked: repository by repository, the latest first.
pub fn latest_first(mut cases: Vec<Case>) -> Vec<Case> {
    cases.sort_by(|a, b| a.repo.cmp(&b.repo).then_with(|| b.as_of.cmp(&a.as_of)));
    cases
}

/// The cases with their places, in that order; the last one is to be taken first.
pub(crate) fn in_turn(cases: Vec<Case>) -> Vec<(usize, Case)> {
    let mut waiting: Vec<(usize, Case)> = cases.into_iter().enumerate().collect();
    waiting.sort_by(|(i, a), (j, b)| {
        b.repo.cmp(&a.repo).then_with(|| a.as_of.cmp(&b.as_of)).then_with(|| j.cmp(i))
    });
    waiting
}

/// Reads the candidates of a case.
///
/// # Errors
/// [`NotAsked`] says why they could not be read.
pub(crate) async fn read(bench: &Bench, case: &Case) -> Result<Read, NotAsked> {
    let source = bench
        .repositories
        .get(&case.repo)
        .ok_or_else(|| NotAsked::NoRepository { case: case.id.clone(), repo: case.repo.clone() })?;
    let started = Instant::now();
    let query = ChangeQuery { window: window(case), budget: BUDGET };
    let fetched =
        source.changes(&query).await.map_err(|source| NotAsked::Source { case: case.id.clone(), source })?;
    Ok(Read { fetched, source: Arc::clone(source), took: started.elapsed() })
}

/// Asks a case whose candidates were read.
///
/// # Errors
/// [`NotAsked::NotCanonical`] never happens for these types.
pub(crate) async fn ask(bench: &Bench, case: &Case, read: Read) -> Result<Ran, NotAsked> {
    let started = Instant::now();
    let reading = read.took;
    let read = Arc::new(read);
    let source = Arc::clone(&read) as Arc<dyn ChangeSource>;
    // Who is to be asked is a backtest of its own.
    let (people, nobody) = (PeopleSources::default(), ExpertSettings::default());
    let answered = answered(bench, case, source, people, &nobody).await?;
    let ms = (reading + started.elapsed()).as_secs_f64() * 1e3;
    let outcome = outcome(bench, case, &read.fetched.items, &answered, ms);
    Ok(Ran { outcome, standings: answered.standings })
}

/// Asks a case of `source` what a person would ask.
///
/// # Errors
/// [`NotAsked::NotCanonical`] never happens for these types.
pub(crate) async fn answered(
    bench: &Bench,
    case: &Case,
    source: Arc<dyn ChangeSource>,
    people: PeopleSources,
    experts: &ExpertSettings,
) -> Result<Answered, NotAsked> {
    let window = window(case);
    let question = Question {
        text: WHAT_CHANGED.into(),
        symptom: ExternalText::new(case.symptom_text.as_str()),
        services: Vec::new(),
        window,
        onset: None,
        message: None,
        thread: None,
    };
    let context = Context {
        ranker: &bench.ranker,
        calibration: Some(&Calibration::as_learned()),
        signals: &bench.signals,
        culprit: &bench.culprit,
        experts,
        policy: &AuthorisationPolicy::default(),
        catalog: &Catalog::default(),
        gaps: &[],
        sources: &Sources { changes: vec![source], people, ..Sources::default() },
        incident: None,
        budget: BUDGET,
    };
    Ok(driver::answer(context, &question).await?)
}

/// The window of a case.
pub fn window(case: &Case) -> Window {
    Window::before(case.as_of, SignedDuration::from_hours(24 * i64::from(case.days)))
}

/// What was read once; diffs are still read from the source.
pub(crate) struct Read {
    pub(crate) fetched: Fetched<Change>,
    source: Arc<dyn ChangeSource>,
    took: Duration,
}

#[async_trait]
impl ChangeSource for Read {
    fn name(&self) -> &SourceName {
        self.source.name()
    }

    async fn changes(&self, _: &ChangeQuery) -> Result<Fetched<Change>, ConnectorError> {
        Ok(self.fetched.clone())
    }

    async fn diffs(&self, changes: &[ChangeId], budget: SignedDuration) -> Result<Vec<Diff>, ConnectorError> {
        self.source.diffs(changes, budget).await
    }
}

fn outcome(bench: &Bench, case: &Case, changes: &[Change], answered: &Answered, ms: f64) -> Outcome {
    let culprits: BTreeSet<&str> = case.culprit_shas.iter().map(String::as_str).collect();
    let is_culprit = |id: &ChangeId| id.sha().is_some_and(|sha| culprits.contains(sha));
    let candidates: Vec<&Change> =
        changes.iter().filter(|change| change.id.sha().is_some() && !change.is_merge()).collect();
    let by_others = baselines(&case.symptom_text, case.as_of, &candidates, &culprits);
    let culprit = candidates.iter().filter(|change| is_culprit(&change.id)).max_by_key(|c| c.committed_at);
    let place = answered.standings.iter().position(|standing| is_culprit(&standing.change));
    let title = |id: Option<&ChangeId>| {
        let change = candidates.iter().find(|change| Some(&change.id) == id);
        change.map_or(String::new(), |change| change.title.for_people(TOLD))
    };
    let ranked = answered.standings.iter().take(LISTED).filter_map(|standing| {
        Some(Ranked { sha: standing.change.sha()?.to_owned(), confidence: standing.probability })
    });
    Outcome {
        id: case.id.clone(),
        repo: case.repo.clone(),
        symptom_like: case.symptom_like,
        rank: place.and_then(|place| u32::try_from(place + 1).ok()),
        ranked: ranked.collect(),
        none_of_these: answered.none_of_these,
        abstained: answered.answer.verdict != Verdict::LookHere,
        ms,
        candidates: u32::try_from(candidates.len()).unwrap_or(u32::MAX),
        culprit_age_h: culprit
            .map(|change| case.as_of.duration_since(change.committed_at).as_secs_f64() / 3600.0),
        newer_than_culprit: culprit.map(|culprit| {
            let newer = candidates.iter().filter(|change| change.committed_at > culprit.committed_at).count();
            u32::try_from(newer).unwrap_or(u32::MAX)
        }),
        shares_a_word: by_others.shares_a_word,
        told: Told {
            symptom: ExternalText::new(case.symptom_text.as_str()).for_people(TOLD),
            culprit: title(culprit.map(|change| &change.id)),
            first: title(answered.standings.first().map(|standing| &standing.change)),
            why: why(&bench.ranker, answered, place),
        },
        baselines: by_others.ranks,
    }
}

/// What set the first suspect above the culprit: the kinds of reason that differ most.
fn why(ranker: &Ranker, answered: &Answered, place: Option<usize>) -> String {
    let first = answered.standings.first();
    let culprit = place.and_then(|place| answered.standings.get(place));
    let (Some(first), Some(culprit)) = (first, culprit) else {
        return "the culprit was ruled out or is not among the changes".to_owned();
    };
    let ahead = |family: &Family| {
        let points = ranker.points(*family, &first.values) - ranker.points(*family, &culprit.values);
        (family.name(), points)
    };
    let mut ahead: Vec<(&str, f64)> =
        Family::ALL.iter().map(ahead).filter(|(_, points)| *points > 0.1).collect();
    ahead.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
    let said: Vec<String> =
        ahead.iter().take(3).map(|(name, points)| format!("{name} +{points:.1}")).collect();
    if said.is_empty() {
        "it is the first".to_owned()
    } else {
        format!("the first leads by {}", said.join(", "))
    }
}
