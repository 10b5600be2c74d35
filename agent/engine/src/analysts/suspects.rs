//! Which change may have done it: a weighted sum of named features, each with its reason. The weights are
//! config (`ranker.toml`); this file and its two neighbours only measure. Pure, and blind to who asks.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use hearback_core::answer::{ChangeSummary, Onset, Reason, RuledOut, Strength, Suspect};
use hearback_core::evidence::Citation;
use hearback_core::{Catalog, Change, ChangeId, Window};
use jiff::Timestamp;

use super::rollout::{is_rollout, rollouts};
use super::rule_out::{self, rule_out};
use super::suspects_features::{Measured, Shared, measure};
use crate::gather::{Sighted, SightedDiff};
use crate::ranker::{Feature, Ranker};
use crate::scope::Scope;

/// Everything the analyst looks at.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Weights and thresholds.
    pub ranker: &'a Ranker,
    /// The services that are known.
    pub catalog: &'a Catalog,
    /// What the question is about.
    pub scope: &'a Scope,
    /// When it began, if anything tells.
    pub onset: Option<&'a Onset>,
    /// The window of the question; its end is the as-of.
    pub window: Window,
    /// The changes.
    pub changes: &'a [Sighted],
    /// The diffs that were read.
    pub diffs: &'a BTreeMap<ChangeId, SightedDiff>,
}

impl Inputs<'_> {
    /// The moment that ages are counted back from.
    pub fn reference(&self) -> Timestamp {
        self.onset.map_or(self.window.until, |onset| onset.latest)
    }
}

/// A change that may be the cause, before it is measured.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The change and its evidence.
    pub sighted: &'a Sighted,
    /// The rollout that brought it to production.
    pub rollout: Option<&'a Change>,
    /// When it reached production, as far as is known.
    pub effective_at: Timestamp,
}

impl Candidate<'_> {
    /// Cites the change.
    pub fn citation(&self) -> Citation {
        Citation { change: Some(self.sighted.change.id.clone()), ..Citation::of(self.sighted.evidence) }
    }
}

/// What the analyst found.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// The likeliest first; ties by time, then id.
    pub suspects: Vec<Suspect>,
    /// What was put aside, newest first.
    pub ruled_out: Vec<RuledOut>,
    /// How many changes were considered.
    pub considered: u64,
}

/// Ranks the changes.
pub fn rank(inputs: &Inputs<'_>) -> Ranking {
    let rollouts = rollouts(inputs.changes);
    let (mut candidates, mut ruled_out) = (Vec::new(), Vec::new());
    for sighted in inputs.changes.iter().filter(|sighted| stands_alone(&sighted.change, &rollouts)) {
        let rollout = rollouts.get(&sighted.change.id).copied();
        let effective_at = rollout.map_or(sighted.change.effective_at, |deploy| deploy.effective_at);
        let candidate = Candidate { sighted, rollout, effective_at };
        let citation = candidate.citation();
        let question = rule_out::Question {
            onset: inputs.onset,
            as_of: inputs.window.until,
            named: &inputs.scope.named,
        };
        match rule_out(&sighted.change, effective_at, &citation, question) {
            Some(ruled) => ruled_out.push(RuledOut {
                change: summary(&sighted.change, effective_at),
                rule: ruled.rule.to_owned(),
                because: ruled.because,
            }),
            None => candidates.push(candidate),
        }
    }
    let considered = (candidates.len() + ruled_out.len()) as u64;
    ruled_out.sort_by(|a, b| {
        b.change.effective_at.cmp(&a.change.effective_at).then_with(|| a.change.id.cmp(&b.change.id))
    });
    Ranking { suspects: score(inputs, &candidates), ruled_out, considered }
}

/// A rollout is told through the commits it brought, a merge through those it merged, a tag only names.
fn stands_alone(change: &Change, rollouts: &BTreeMap<&ChangeId, &Change>) -> bool {
    let told_by_commits = is_rollout(change) && rollouts.values().any(|deploy| deploy.id == change.id);
    let is_tag = change.kind == hearback_core::ChangeKind::Deploy
        && change.environment.is_none()
        && change.id.as_str().starts_with("git:");
    !told_by_commits && !is_tag && !change.is_merge()
}

fn score(inputs: &Inputs<'_>, candidates: &[Candidate<'_>]) -> Vec<Suspect> {
    let shared = Shared::new(inputs, candidates);
    let mut scored: Vec<(f64, Vec<Measured>, &Candidate<'_>)> = candidates
        .iter()
        .map(|candidate| {
            let measured = measure(inputs, &shared, candidate);
            let score = measured.iter().map(|m| m.value * inputs.ranker.weight(m.feature)).sum();
            (score, measured, candidate)
        })
        .collect();
    let typical = typical_points(inputs.ranker, &scored);
    scored.sort_by(|(a, _, x), (b, _, y)| {
        let newest_first = || y.effective_at.cmp(&x.effective_at);
        let by_id = || x.sighted.change.id.cmp(&y.sighted.change.id);
        b.partial_cmp(a).unwrap_or(Ordering::Equal).then_with(newest_first).then_with(by_id)
    });
    let best = scored.first().map_or(0.0, |(score, ..)| *score);
    let is_recent_of_service = |(_, measured, candidate): &&(f64, Vec<Measured>, &Candidate<'_>)| {
        let kinds = kinds(inputs, measured, candidate);
        kinds.time && kinds.service
    };
    let of_service = scored.iter().filter(is_recent_of_service).count();
    let mut rank = 0;
    let suspect = |(score, measured, candidate): (f64, Vec<Measured>, &Candidate<'_>)| {
        rank += 1;
        let strength = strength(inputs, kinds(inputs, &measured, candidate), of_service, best - score);
        Suspect {
            rank,
            change: summary(&candidate.sighted.change, candidate.effective_at),
            delivered_by: candidate.rollout.map(|deploy| summary(deploy, deploy.effective_at)),
            strength,
            confidence: None,
            score: rounded(score),
            reasons: reasons(inputs.ranker, measured, &typical),
        }
    };
    scored.into_iter().map(suspect).collect()
}

/// What a feature gives the middle one of all candidates. A reason is as strong as it is unusual.
fn typical_points(
    ranker: &Ranker,
    scored: &[(f64, Vec<Measured>, &Candidate<'_>)],
) -> BTreeMap<Feature, f64> {
    let median_of = |feature: &Feature| {
        let value = |measured: &Vec<Measured>| {
            measured.iter().find(|m| m.feature == *feature).map_or(0.0, |m| m.value)
        };
        let mut values: Vec<f64> = scored.iter().map(|(_, measured, _)| value(measured)).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(0.0) * ranker.weight(*feature)
    };
    Feature::ALL.iter().map(|feature| (*feature, median_of(feature))).collect()
}

fn reasons(ranker: &Ranker, measured: Vec<Measured>, typical: &BTreeMap<Feature, f64>) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = measured
        .into_iter()
        .filter_map(|Measured { feature, value, claim, .. }| {
            let weight = ranker.weight(feature);
            let stands_out = rounded(value * weight - typical.get(&feature).copied().unwrap_or(0.0));
            let feature = feature.name().to_owned();
            Some(Reason { feature, value: rounded(value), weight, stands_out, claim: claim? })
        })
        .collect();
    reasons.sort_by(|a, b| b.stands_out.total_cmp(&a.stands_out).then_with(|| a.feature.cmp(&b.feature)));
    reasons
}

/// What speaks for a change, in independent kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kinds {
    time: bool,
    words: bool,
    service: bool,
}

fn kinds(inputs: &Inputs<'_>, measured: &[Measured], candidate: &Candidate<'_>) -> Kinds {
    let rule = &inputs.ranker.strength;
    let value = |feature| measured.iter().find(|m| m.feature == feature).map_or(0.0, |m| m.value);
    let share = measured.iter().map(|m| m.word_share).fold(0.0, f64::max);
    let names = value(Feature::NamedFile) + value(Feature::NamedIdentifier) > 0.0;
    Kinds {
        time: hours_before(candidate.effective_at, inputs.reference()) <= rule.recent_hours,
        words: names || share >= rule.word_share,
        service: value(Feature::Service) > 0.0,
    }
}

/// Strong: enough kinds of reason agree, and no other change is far ahead. Time and service alone are what every
/// recent change of a service has, so they only do for one that is alone in that.
fn strength(inputs: &Inputs<'_>, kinds: Kinds, of_service: usize, behind: f64) -> Strength {
    let rule = &inputs.ranker.strength;
    let Kinds { time, words, service } = kinds;
    let enough = u8::from(time) + u8::from(words) + u8::from(service) >= rule.kinds;
    let telling = words || (service && of_service == 1);
    if enough && telling && behind <= rule.margin { Strength::Strong } else { Strength::Weak }
}

/// How many hours `at` lies before `reference`; 0 if it does not.
pub fn hours_before(at: Timestamp, reference: Timestamp) -> f64 {
    (reference.duration_since(at).as_secs_f64() / 3600.0).max(0.0)
}

/// Six decimals: enough for every purpose, and the same bytes on every machine.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

fn summary(change: &Change, effective_at: Timestamp) -> ChangeSummary {
    ChangeSummary {
        id: change.id.clone(),
        sha: change.id.sha().map(str::to_owned),
        kind: change.kind,
        title: change.title.clone(),
        author: change.author.name.clone(),
        committed_at: change.committed_at,
        effective_at,
        link: change.link.clone(),
    }
}
