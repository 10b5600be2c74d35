//! The main flow of "what changed?": scope → gather → analysts → answer. Everything it needs is an argument, so a
//! live question, a replay and a drill run the same code. It must not know a connector or a store.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use hearback_core::analysis::Cause;
use hearback_core::answer::{ANSWER_VERSION, Answer, CalibratedOn, Runbook, Strength, Verdict};
use hearback_core::happening::Question;
use hearback_core::hash::{Digest, NotCanonical, canonical_json};
use hearback_core::memory::recall::Memory;
use hearback_core::offered::EvidenceSource;
use hearback_core::ports::{
    ChangeQuery, ChangeSource, DocumentSource, FreezeSource, LogSource, SignalSource, TraceSource,
};
use hearback_core::{
    Analysis, Catalog, Change, ChangeId, Evidence, EvidenceId, Gap, Incident, ServiceName, SourceName,
    Suspect,
};
use jiff::{SignedDuration, Timestamp};
use tracing::Instrument as _;

use crate::analysts::authorised::{self, AuthorisationPolicy, SightedFreeze, flagged, judge};
use crate::analysts::culprit::rules::CulpritRules;
use crate::analysts::culprit::{self, analyse};
use crate::analysts::experts;
use crate::analysts::findings::findings;
use crate::analysts::measured::{measured_series, surges};
use crate::analysts::onset::{Measured, MeasuredSeries, Stated, onset};
use crate::analysts::rollout::is_rollout;
use crate::analysts::suspects::{Inputs, Lineup, Ranking, Standing};
use crate::analysts::undoing::{Lead, leads};
use crate::calibration::{Calibration, digest_of};
use crate::expertise::{self, ExpertSettings, PeopleSources};
use crate::gather::{self, Sighted};
use crate::observe::{Observe, Observed};
use crate::ranker::Ranker;
use crate::recall;
use crate::scope::{Scope, neighbourhood, scope};
use crate::signals::Signals;

/// The share of a question's time that sources may take when they are asked first. What comes late has a grace of a
/// quarter of it.
const FIRST_SHARE: f64 = 0.55;
/// The share that the diffs of the likeliest changes may take then, with the same grace: together it is all of it.
const SECOND_SHARE: f64 = 0.25;
/// The most diffs that are read beside those of the likeliest, of what rollouts brought.
const MOST_ROLLED_OUT: usize = 60;

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
    /// Those that keep documents.
    pub documents: Vec<Arc<dyn DocumentSource>>,
    /// What was learned before.
    pub memories: Vec<Arc<dyn Memory>>,
    /// Those that know change freezes.
    pub freezes: Vec<Arc<dyn FreezeSource>>,
    /// Those that know about people.
    pub people: PeopleSources,
    /// Tools of other people's servers, for a model.
    pub others: Vec<Arc<dyn EvidenceSource>>,
    /// Services that they are known to hold something of, whether the catalog has them or not.
    pub services: Vec<ServiceName>,
}

/// What a question is asked with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Weights and thresholds.
    pub ranker: &'a Ranker,
    /// Thresholds for series.
    pub signals: &'a Signals,
    /// Weights of what explains a failure.
    pub culprit: &'a CulpritRules,
    /// How experts are found.
    pub experts: &'a ExpertSettings,
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
    /// Whom to ask, more of them than the answer names.
    pub experts: expertise::Found,
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

    let around = neighbourhood(&scope.services, &sources.services, catalog);

    // Everything is asked at once; the diffs of the likeliest changes need what is left of the time.
    let first = share(budget, FIRST_SHARE);
    let observe = Observe {
        signals: &sources.signals,
        logs: &sources.logs,
        traces: &sources.traces,
        documents: &sources.documents,
        freezes: &sources.freezes,
        services: &around,
        affected: scope.services.len(),
        began: began(question, incident),
        window,
        budget: first,
    };
    let query = ChangeQuery { window, budget: first };
    let recall = recall::Asked {
        memories: &sources.memories,
        symptom: recall::symptom_of(question),
        services: &scope.services,
        incident,
        as_of: window.until,
        budget: first,
    };
    let (gathered, observed, recalled, mut known) = futures::join!(
        gather::changes(&sources.changes, incident, &query),
        observe.ask(),
        recall.ask(),
        expertise::ask(&sources.people, context.experts, window.until, first),
    );
    let (mut gathered, mut observed, mut recalled) = (gathered?, observed?, recalled?);

    let moved = measured_series(&observed, window.until, signals);
    let own = |one: &MeasuredSeries| scope.services.is_empty() || scope.services.contains(&one.service);
    let series: Vec<MeasuredSeries> = moved.iter().filter(|one| own(one)).cloned().collect();
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
    let second = share(budget, SECOND_SHARE);
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
    let fails = !moved.is_empty() || !observed.templates.is_empty() || !observed.failed.is_empty();
    let rolled_out = if fails { rolled_out(&changes, &around, &likeliest) } else { Vec::new() };
    let wanted: Vec<ChangeId> = likeliest.iter().chain(&rolled_out).cloned().collect();
    let read = async {
        match wanted.is_empty() {
            true => Ok(BTreeMap::new()),
            false => gather::diffs(&sources.changes, &wanted, second, &mut gathered).await,
        }
    };
    let owners =
        expertise::ask_owners(&sources.people, context.experts, &changes, &likeliest, window.until, second);
    let lines =
        expertise::ask_lines(&sources.people, context.experts, &changes, &likeliest, window.until, second);
    let (diffs, traces, owners, lines) =
        futures::join!(read, observe.ask_traces(&mut observed, second), owners, lines);
    traces?;
    known.add(owners);
    known.add(lines);
    let diffs = diffs?;
    let analysis = analyse(&culprit::Inputs {
        rules: context.culprit,
        catalog,
        incident,
        affected: &scope.services,
        began: observe.began,
        observed: &observed,
        moved: &moved,
        changes: &changes,
        diffs: &diffs,
    });
    // What the ranker learned from is titles, words and diffs; what else was read for the analysis does not move it.
    let mut ranked = diffs.clone();
    ranked.retain(|id, _| likeliest.contains(id));
    let culprit = analysis.as_ref().and_then(Analysis::blamed).map(|change| &change.id);
    let ranking = lineup.rank(&ranked, culprit);
    // A percentage is of what was backtested, and that was commits without services, freezes or rollouts.
    let beyond = ranking.standings.iter().any(|standing| ranker.goes_beyond_backtest(&standing.values));
    let calibration = context.calibration.filter(|_| !beyond);
    let mut gaps = context.gaps.to_vec();
    gaps.append(&mut gathered.gaps);
    gaps.extend(gather::unread_diffs(&changes, &likeliest, &diffs));
    gaps.extend(observed.gaps.iter().cloned());
    gaps.append(&mut recalled.gaps);
    gaps.extend(unknown_services(&lineup.inputs, &ranking, &observed));
    let considered = lineup.considered();
    let mut ruled_out = lineup.ruled_out;
    // What is blamed is not put aside in the same answer.
    ruled_out.retain(|one| culprit.is_none_or(|culprit| one.change.id != *culprit));
    let Ranking { mut suspects, standings, none_of_these, .. } = ranking;
    let verdict = match analysis.as_ref() {
        Some(analysis) => {
            let sees_changes = sees_changes(sources, &gaps);
            verdict_of(analysis, &mut suspects, sees_changes)
                .unwrap_or_else(|| verdict(&suspects, &scope, &gaps))
        }
        None => verdict(&suspects, &scope, &gaps),
    };
    if calibration.is_none() {
        suspects.iter_mut().for_each(|suspect| suspect.confidence = None);
    }
    let found = expertise::find(
        &sources.people,
        context.experts,
        known,
        experts::Inputs {
            people: &[],
            catalog,
            scope: &scope,
            as_of: window.until,
            changes: &changes,
            works: &[],
            lines: &[],
            standings: &standings,
            owned: &[],
            on_call: &[],
        },
    )?;
    // The verdict is about changes: what was not seen of people does not touch it.
    gaps.extend(found.gaps.iter().cloned());
    let experts = match scope.says_nothing() {
        true => Vec::new(),
        false => found.answered(&context.experts.rules, window.until, suspects.first()),
    };
    gathered.snapshots.extend(found.snapshot.clone().filter(|_| !experts.is_empty()));
    let answer = Answer {
        schema_version: ANSWER_VERSION,
        verdict,
        as_of: window.until,
        since: window.from,
        onset,
        analysis,
        findings: findings(&observed, &series, &scope.services),
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
        experts,
        runbook: {
            let seen: Vec<&Change> = changes.iter().map(|sighted| &sighted.change).collect();
            recalled.runbook(runbook(incident, &scope, catalog), &seen, catalog)
        },
        similar: recalled.similar,
        gaps,
        searched: gathered.searched.into_iter().chain(observed.searched).chain(recalled.searched).collect(),
    };
    let leads = leads(&answer.suspects, &changes, catalog);
    let snapshots =
        gathered.snapshots.into_iter().chain(observed.snapshots).chain(recalled.snapshots).collect();
    Ok(Answered { answer, snapshots, standings, none_of_these, leads, experts: found, moved: series })
}

/// The commits that rollouts brought to the services around, beside those that are read anyway: the newest of them.
fn rolled_out(changes: &[Sighted], around: &[ServiceName], known: &[ChangeId]) -> Vec<ChangeId> {
    let concerns = |change: &Change| {
        change.services.is_empty() || change.services.iter().any(|service| around.contains(service))
    };
    let mut rollouts: Vec<&Change> = changes
        .iter()
        .map(|sighted| &sighted.change)
        .filter(|change| is_rollout(change) && concerns(change))
        .collect();
    rollouts.sort_by_key(|rollout| (std::cmp::Reverse(rollout.effective_at), &rollout.id));
    let mut wanted: Vec<ChangeId> = Vec::new();
    for id in rollouts.iter().flat_map(|rollout| &rollout.delivers) {
        if wanted.len() < MOST_ROLLED_OUT && !known.contains(id) && !wanted.contains(id) {
            wanted.push(id.clone());
        }
    }
    wanted
}

/// Whether every source of changes was read.
fn sees_changes(sources: &Sources, gaps: &[Gap]) -> bool {
    sources.changes.iter().all(|source| gaps.iter().all(|gap| gap.source != *source.name()))
}

/// What the analysis makes of the verdict, and of the order of the suspects: the change that explains the failure comes
/// first, and is as strong as the analysis says. None if it can't tell.
fn verdict_of(analysis: &Analysis, suspects: &mut Vec<Suspect>, sees_changes: bool) -> Option<Verdict> {
    let is_strong = analysis.strength == Strength::Strong;
    match &analysis.cause {
        Cause::CantTell => None,
        Cause::NoChange { .. } => {
            suspects.iter_mut().for_each(|suspect| suspect.strength = Strength::Weak);
            // Who has not seen all changes can't say that none did it.
            Some(if is_strong && sees_changes { Verdict::NoChange } else { Verdict::CantTell })
        }
        Cause::Change { change, .. } => {
            suspects.iter_mut().for_each(|suspect| suspect.strength = Strength::Weak);
            if let Some(place) = suspects.iter().position(|suspect| suspect.change.id == change.id) {
                let mut culprit = suspects.remove(place);
                culprit.strength = analysis.strength;
                suspects.insert(0, culprit);
            }
            (1..).zip(suspects.iter_mut()).for_each(|(rank, suspect)| suspect.rank = rank);
            Some(if is_strong { Verdict::LookHere } else { Verdict::CantTell })
        }
    }
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
        Some(Runbook { service: seen.alert.service.clone(), link, part: None })
    });
    let of_service = |name: &ServiceName| {
        let service = catalog.find(name.as_str())?;
        Some(Runbook { service: Some(service.name.clone()), link: service.runbook.clone()?, part: None })
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
