//! The main flow of "what changed?": scope → gather → analysts → answer. Everything it needs is an argument, so a
//! live question, a replay and a drill run the same code. It must not know a connector or a store.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use hearback_core::answer::{ANSWER_VERSION, Answer, CalibratedOn, Runbook, Strength, Verdict};
use hearback_core::happening::Question;
use hearback_core::hash::{Digest, NotCanonical, canonical_json};
use hearback_core::ports::{ChangeQuery, ChangeSource, FreezeSource, LogSource, SignalSource, TraceSource};
use hearback_core::{Catalog, Evidence, EvidenceId, Gap, Incident, ServiceName, SourceName};
use jiff::{SignedDuration, Timestamp};
use tracing::Instrument as _;

use crate::analysts::authorised::{self, AuthorisationPolicy, SightedFreeze, flagged, judge};
use crate::analysts::findings::findings;
use crate::analysts::measured::{measured_series, surges};
use crate::analysts::onset::{Measured, MeasuredSeries, Stated, onset};
use crate::analysts::suspects::{Inputs, Lineup, Ranking, Standing};
use crate::analysts::undoing::{Lead, leads};
use crate::calibration::{Calibration, digest_of};
use crate::gather;
use crate::observe::{Observe, Observed};
use crate::ranker::Ranker;
use crate::scope::{Scope, scope};
use crate::signals::Signals;

/// The share of a question's time that sources may take when they are asked first. What comes late has a grace of a
/// quarter of it.
const FIRST_SHARE: f64 = 0.55;
/// The share that the diffs of the likeliest changes may take then, with the same grace: together it is all of it.
const SECOND_SHARE: f64 = 0.25;

/// The sources a question is asked of. Any of them may be missing: a question needs none in particular.
#[derive(Clone, Default)]
pub struct Sources {
    /// Those that know changes.
    pub changes: Vec<Arc<dyn ChangeSource>>,
    /// Those that measure services.
    pub signals: Vec<Arc<dyn SignalSource>>,
    /// Those that keep log records.
    pub logs: Vec<Arc<dyn LogSource>>,
    /// Those that keep traces.
    pub traces: Vec<Arc<dyn TraceSource>>,
    /// Those that know change freezes.
    pub freezes: Vec<Arc<dyn FreezeSource>>,
}

/// What a question is asked with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Weights and thresholds.
    pub ranker: &'a Ranker,
    /// Thresholds for series.
    pub signals: &'a Signals,
    /// How far the ranker's probabilities can be believed here; without it an answer says strong or weak, and no
    /// percentage.
    pub calibration: Option<&'a Calibration>,
    /// What must be authorised.
    pub policy: &'a AuthorisationPolicy,
    /// The services that are known.
    pub catalog: &'a Catalog,
    /// What is known to be missing before anything is asked: a catalog file that can't be read.
    pub gaps: &'a [Gap],
    /// What is asked.
    pub sources: &'a Sources,
    /// The incident in which it is asked, folded as of the question's time.
    pub incident: Option<&'a Incident>,
    /// How long the sources may take, all together.
    pub budget: SignedDuration,
}

/// An answer, and what must be kept to replay it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// The snapshots it cites.
    pub snapshots: Vec<Evidence>,
    /// All candidates, the likeliest first, with what was measured: what a backtest scores and learns from.
    pub standings: Vec<Standing>,
    /// The probability that it is none of them, 0 to 1.
    pub none_of_these: f64,
    /// What hangs on each suspect, in the answer's order.
    pub leads: Vec<Lead>,
    /// The series that left their usual course.
    pub moved: Vec<MeasuredSeries>,
}

/// Answers "what changed?".
///
/// # Errors
/// [`NotCanonical`] never happens for these types; it is passed on rather than hidden. A source that fails is a
/// gap in the answer, not an error.
pub async fn answer(context: Context<'_>, question: &Question) -> Result<Answered, NotCanonical> {
    let span = tracing::info_span!("question", incident = context.incident.map(|i| i.id.as_str()));
    answer_inside(context, question).instrument(span).await
}

async fn answer_inside(context: Context<'_>, question: &Question) -> Result<Answered, NotCanonical> {
    let Context { signals, policy, catalog, sources, incident, budget, .. } = context;
    let ranker = &context.calibration.map_or_else(
        || Cow::Borrowed(context.ranker),
        |found| Cow::Owned(context.ranker.tempered(found.temperature)),
    );
    let ranker: &Ranker = ranker;
    let window = question.window;
    let scope = scope(question, incident, catalog, &ranker.symptom);
    let asked = EvidenceId(Digest::of(canonical_json(question)?.as_bytes()));

    // Everything is asked at once; the diffs of the likeliest changes need what is left of the time.
    let first = share(budget, FIRST_SHARE);
    let observe = Observe {
        signals: &sources.signals,
        logs: &sources.logs,
        traces: &sources.traces,
        freezes: &sources.freezes,
        services: &scope.services,
        began: began(question, incident),
        window,
        budget: first,
    };
    let query = ChangeQuery { window, budget: first };
    let (gathered, observed) =
        futures::join!(gather::changes(&sources.changes, incident, &query), observe.ask());
    let (mut gathered, observed) = (gathered?, observed?);

    let series = measured_series(&observed, window.until, signals);
    let surges = surges(&observed);
    let together = SignedDuration::from_mins(signals.combine.together_minutes);
    let measured = Measured { series: &series, surges: &surges, together };
    let stated = question.onset.map(|at| Stated { at, question: asked });
    let onset = onset(stated, incident, &scope.services, &measured, &ranker.onset);

    let freezes: Vec<SightedFreeze> = observed
        .freezes
        .iter()
        .map(|seen| SightedFreeze { freeze: seen.item.clone(), evidence: seen.evidence })
        .collect();
    let changes = std::mem::take(&mut gathered.changes);
    let judged = judge(&authorised::Inputs { changes: &changes, freezes: &freezes, policy, catalog });
    let lineup = Lineup::new(Inputs {
        ranker,
        catalog,
        scope: &scope,
        onset: onset.as_ref(),
        window,
        changes: &changes,
        judged: &judged,
    });
    // The likeliest are found without their diffs, and only those diffs are read. Changes that were sent have none.
    let likeliest = if scope.words.is_empty() { Vec::new() } else { lineup.likeliest(ranker.diffs) };
    let diffs = if likeliest.is_empty() {
        BTreeMap::new()
    } else {
        gather::diffs(&sources.changes, &likeliest, share(budget, SECOND_SHARE), &mut gathered).await?
    };
    let ranking = lineup.rank(&diffs);
    // A percentage is of what was backtested, and that was commits without services, freezes or rollouts.
    let beyond = ranking.standings.iter().any(|standing| ranker.goes_beyond_backtest(&standing.values));
    let calibration = context.calibration.filter(|_| !beyond);
    let mut gaps = context.gaps.to_vec();
    gaps.extend(gathered.gaps);
    gaps.extend(gather::unread_diffs(&changes, &likeliest, &diffs));
    gaps.extend(observed.gaps.iter().cloned());
    gaps.extend(unknown_services(&lineup.inputs, &ranking, &observed));
    let considered = lineup.considered();
    let ruled_out = lineup.ruled_out;
    let Ranking { mut suspects, standings, none_of_these, .. } = ranking;
    let verdict = verdict(&suspects, &scope, &gaps);
    if calibration.is_none() {
        suspects.iter_mut().for_each(|suspect| suspect.confidence = None);
    }
    let answer = Answer {
        schema_version: ANSWER_VERSION,
        verdict,
        as_of: window.until,
        since: window.from,
        onset,
        findings: findings(&observed, &series),
        considered,
        suspects,
        none_of_these: calibration.map(|_| none_of_these),
        calibrated_on: calibration.map(|found| CalibratedOn {
            cases: found.cases,
            of: found.of.clone(),
            temperature: found.temperature,
            weights: digest_of(context.ranker),
        }),
        ruled_out,
        unauthorised: flagged(&changes, &judged),
        runbook: runbook(incident, &scope, catalog),
        gaps,
        searched: gathered.searched.into_iter().chain(observed.searched).collect(),
    };
    let leads = leads(&answer.suspects, &changes, catalog);
    let snapshots = gathered.snapshots.into_iter().chain(observed.snapshots).collect();
    Ok(Answered { answer, snapshots, standings, none_of_these, leads, moved: series })
}

fn share(budget: SignedDuration, share: f64) -> SignedDuration {
    SignedDuration::try_from_secs_f64(budget.as_secs_f64() * share).unwrap_or(budget)
}

/// When the trouble began, as far as people and alerts say: what is measured is read around it.
fn began(question: &Question, incident: Option<&Incident>) -> Timestamp {
    question.onset.or_else(|| incident?.began()).unwrap_or(question.window.until)
}

/// What to do when it fails: the alert's own runbook, else that of the first affected service.
fn runbook(incident: Option<&Incident>, scope: &Scope, catalog: &Catalog) -> Option<Runbook> {
    let alerts = incident.map_or(&[][..], |incident| incident.alerts.as_slice());
    let of_alert = alerts.iter().filter(|seen| seen.resolved_at.is_none()).find_map(|seen| {
        let link = seen.alert.runbook.clone()?;
        Some(Runbook { service: seen.alert.service.clone(), link })
    });
    let of_service = |name: &ServiceName| {
        let service = catalog.find(name.as_str())?;
        Some(Runbook { service: Some(service.name.clone()), link: service.runbook.clone()? })
    };
    of_alert.or_else(|| scope.services.iter().find_map(of_service))
}

fn verdict(suspects: &[hearback_core::Suspect], scope: &Scope, gaps: &[Gap]) -> Verdict {
    if suspects.is_empty() && !gaps.is_empty() {
        // What was not seen may be what fits.
        Verdict::CantTell
    } else if suspects.is_empty() {
        Verdict::NothingFits
    } else if !scope.says_nothing() && suspects.iter().any(|suspect| suspect.strength == Strength::Strong) {
        Verdict::LookHere
    } else {
        Verdict::CantTell
    }
}

/// A service that nothing knows was probably misspelt: better said than guessed.
fn unknown_services(inputs: &Inputs<'_>, ranking: &Ranking, observed: &Observed) -> Vec<Gap> {
    let Ok(source) = SourceName::new("catalog") else { return Vec::new() };
    let concerned = |name: &ServiceName| ranking.concerned.contains(name.as_str());
    let seen = |name: &ServiceName| {
        observed.series.iter().any(|seen| seen.item.service == *name)
            || observed.templates.iter().any(|seen| seen.item.service == *name)
            || observed.slow.iter().any(|seen| seen.item.service == *name)
    };
    let unknown = inputs.scope.services.iter().filter(|name| inputs.catalog.find(name.as_str()).is_none());
    unknown
        .filter(|name| !concerned(name) && !seen(name))
        .map(|name| Gap {
            source: source.clone(),
            why: format!(
                "service {name} is not in the catalog, and nothing that was read concerns it by name"
            ),
        })
        .collect()
}
