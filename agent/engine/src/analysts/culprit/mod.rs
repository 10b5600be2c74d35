//! The culprit: everything at once. Who fails first and who because of whom, which change explains it or what else does,
//! what to do, and which change looks guilty and is not. A pure function of what was seen; the same signs give the same
//! bytes. The parts know nothing of each other's question: `failing` knows no change, `explains` no other cause.

mod calls;
mod effect;
mod explains;
mod failing;
mod growth;
mod mechanism;
mod moments;
mod names;
mod otherwise;
pub mod rules;
mod symptom;
mod text;
mod told;
mod voices;

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::analysis::Analysis;
use hearback_core::{Catalog, ChangeId, Incident, Series, ServiceName, SignalKind};
use jiff::{SignedDuration, Timestamp};

use super::onset::MeasuredSeries;
use crate::gather::{Sighted, SightedDiff};
use crate::observe::{Observed, USUAL_BEFORE};
use explains::{Deviation, Explained};
use failing::{Failed, SeenIn};
use growth::growth;
use hearback_core::words::terms;
use names::Names;
use otherwise::Otherwise;
use rules::{CulpritRules, Rule};
use symptom::Symptom;

/// Everything the analyst looks at.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The weights.
    pub rules: &'a CulpritRules,
    /// The services that are known.
    pub catalog: &'a Catalog,
    /// The incident.
    pub incident: Option<&'a Incident>,
    /// The services that are said to be affected.
    pub affected: &'a [ServiceName],
    /// When the trouble began, as far as people and alerts say.
    pub began: Timestamp,
    /// What was seen.
    pub observed: &'a Observed,
    /// The series of it that left their usual course.
    pub moved: &'a [MeasuredSeries],
    /// The changes.
    pub changes: &'a [Sighted],
    /// Their lines, as far as they were read.
    pub diffs: &'a BTreeMap<ChangeId, SightedDiff>,
}

/// What the inquiry came to, before it is put into words.
enum Finding<'e, 'a> {
    /// A change.
    Change(&'e Explained<'a>),
    /// Something else.
    Otherwise(&'e Otherwise),
    /// Nothing that can be said.
    Open,
}

/// A call begins at most so long before the error that it logs.
const CALLS_TAKE: SignedDuration = SignedDuration::from_mins(1);
/// What left its course less long before the failure is part of it.
const LONG_BEFORE: SignedDuration = SignedDuration::from_mins(5);

/// What a service holds is gone so soon after it broke.
const EMPTIES_WITHIN: SignedDuration = SignedDuration::from_mins(10);
/// Down to this part of what it was.
const EMPTIER: f64 = 0.8;

/// What the signs come to; none if there are none.
pub fn analyse(inputs: &Inputs<'_>) -> Option<Analysis> {
    let names = Names::new(&services(inputs));
    let voices = voices::voices(inputs.observed);
    let calls = calls::calls(inputs.observed, &names, usual_until(inputs.began, &voices));
    let alerts: Vec<_> =
        inputs.incident.map_or_else(Vec::new, |incident| incident.alerts_of_it().cloned().collect());
    let seen = failing::Seen {
        moved: inputs.moved,
        voices: &voices,
        calls: &calls,
        alerts: &alerts,
        affected: inputs.affected,
        names: &names,
        catalog: inputs.catalog,
    };
    let failing = failing::failing(&seen);
    // That there is an alert is known without an analysis.
    let tells = |sign: &failing::Sign<'_>| !matches!(sign.seen_in, SeenIn::Alert(_));
    if !failing.iter().flat_map(|one| &one.signs).any(tells) {
        return None;
    }
    let first = failing.first()?;
    let began = began(first);
    let symptom = Symptom::of(first, inputs.observed, &names);
    let callees: BTreeSet<&ServiceName> = calls
        .edges
        .iter()
        .filter(|(caller, _)| *caller == first.service)
        .map(|(_, callee)| *callee)
        .chain(
            inputs.catalog.find(first.service.as_str()).into_iter().flat_map(|service| &service.depends_on),
        )
        .collect();
    let explained = explains::explained(&explains::Inquiry {
        rules: inputs.rules,
        changes: inputs.changes,
        diffs: inputs.diffs,
        first,
        began,
        deviation: deviation(inputs, first, began, &symptom),
        symptom: &symptom,
        callees: &callees,
        names: &names,
        repeats: calls.fan_out.iter().any(|fan_out| fan_out.service == first.service),
    });
    let otherwise = otherwise::otherwise(&otherwise::Inquiry {
        rules: inputs.rules,
        observed: inputs.observed,
        moved: inputs.moved,
        calls: &calls,
        failing: &failing,
        began,
        names: &names,
    });
    let finding = decide(inputs.rules, &explained, &otherwise);
    told::told(&told::Found {
        rules: inputs.rules,
        failing: &failing,
        began,
        calls: &calls,
        explained: &explained,
        finding,
    })
}

/// Until when calls were as usual: an alert comes minutes after what it is about, and a call begins before the error that
/// it logs.
fn usual_until(began: Timestamp, voices: &[voices::Voice<'_>]) -> Timestamp {
    let speaks = voices.iter().filter(|voice| voice.course != voices::Course::Gone).map(|voice| voice.since);
    let first = speaks.min().and_then(|first| first.checked_sub(CALLS_TAKE).ok());
    let before = began.checked_sub(USUAL_BEFORE).unwrap_or(began);
    first.map_or(before, |first| first.min(before))
}

/// When the first service began to fail: by what it says, else by what is measured.
fn began(first: &Failed<'_>) -> Timestamp {
    let told = first.own().filter(|sign| !matches!(sign.seen_in, SeenIn::Series(_) | SeenIn::Alert(_)));
    let measured = first.signs.iter().filter(|sign| matches!(sign.seen_in, SeenIn::Series(_)));
    let told = told.map(|sign| sign.since).min();
    let measured = measured.map(|sign| sign.since).min();
    // A graph that moved long before the first error tells more than the error.
    match (told, measured) {
        (Some(told), Some(measured)) if told.duration_since(measured) > LONG_BEFORE => measured,
        (Some(told), _) => told,
        (None, Some(measured)) => measured,
        (None, None) => first.since,
    }
}

/// The services that anything speaks of.
fn services(inputs: &Inputs<'_>) -> BTreeSet<ServiceName> {
    let Observed { series, templates, wordings, failed, slow, usual, traces, .. } = inputs.observed;
    let measured = series.iter().map(|seen| &seen.item.service);
    let logged = templates.iter().chain(wordings).map(|seen| &seen.item.service);
    let traced = failed.iter().chain(slow).chain(usual).chain(traces).map(|seen| &seen.item.service);
    let changed = inputs.changes.iter().flat_map(|sighted| &sighted.change.services);
    let known = inputs.catalog.services.iter().map(|service| &service.name);
    measured.chain(logged).chain(traced).chain(changed).chain(known).chain(inputs.affected).cloned().collect()
}

/// When the service that fails first began to fill, or to run down, long before it failed, in a series that the failure
/// speaks of.
fn deviation<'a>(
    inputs: &Inputs<'a>,
    first: &Failed<'_>,
    began: Timestamp,
    symptom: &Symptom,
) -> Option<Deviation<'a>> {
    let speaks_of = |series: &Series| {
        let weighs = |term: &String| symptom.words.get(term).is_some_and(|weight| *weight >= 0.5);
        terms(&series.query).iter().any(weighs)
    };
    let may_fill = |series: &&Series| {
        series.service == *first.service
            && !matches!(series.kind, SignalKind::Traffic | SignalKind::Errors)
            && (speaks_of(series) || empties(series, began))
    };
    let series = inputs.observed.series.iter().map(|seen| &seen.item).filter(may_fill);
    let grows = series.filter_map(|series| Some(Deviation { series, growth: growth(series, began)? }));
    grows
        .filter(|deviation| began.duration_since(deviation.growth.since) > LONG_BEFORE)
        .min_by(|a, b| a.growth.since.cmp(&b.growth.since).then_with(|| a.series.query.cmp(&b.series.query)))
}

/// Whether what was full when it broke is emptier right after: what broke held it.
fn empties(series: &Series, broke_at: Timestamp) -> bool {
    let before = series.points.iter().filter(|point| point.at <= broke_at).map(|point| point.value);
    let highest = before.fold(f64::MIN, f64::max);
    let soon = |at: Timestamp| at > broke_at && at.duration_since(broke_at) <= EMPTIES_WITHIN;
    series.points.iter().any(|point| soon(point.at) && point.value <= EMPTIER * highest)
}

/// A change, something else, or nothing that can be said. What explains more wins; where two changes explain it alike, or
/// a change and something else do, nobody is blamed.
fn decide<'e, 'a>(
    rules: &CulpritRules,
    explained: &'e [Explained<'a>],
    otherwise: &'e [Otherwise],
) -> Finding<'e, 'a> {
    let mut possible = explained.iter().filter(|one| one.ruled_out.is_none() && one.tells);
    let change = possible.next().filter(|first| first.score >= rules.blame);
    let rival = possible.next().map_or(f64::MIN, |second| second.score);
    // What errors say is no more than how they say it: a fresh arrival at the service is as likely to have them say so.
    let is_fresh = |one: &Explained<'_>| {
        one.ruled_out.is_none()
            && one.points.iter().any(|point| point.rule == Rule::Fresh)
            && one.has_reached()
    };
    let arrived = explained.iter().any(is_fresh);
    let is_wording = |other: &Otherwise| other.points.iter().all(|(rule, ..)| *rule == Rule::Typical);
    let stands = |other: &&Otherwise| other.score >= rules.otherwise && !(arrived && is_wording(other));
    let other = otherwise.iter().find(stands);
    match (change, other) {
        (Some(change), Some(other)) if change.score < other.score => Finding::Otherwise(other),
        (Some(change), _) if change.score - rival >= rules.lead => Finding::Change(change),
        (None, Some(other)) => Finding::Otherwise(other),
        _ => Finding::Open,
    }
}
