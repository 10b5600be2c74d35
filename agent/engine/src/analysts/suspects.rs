//! Which change may have done it: a weighted sum of named features, each with its reason. The weights are
//! config (`ranker.toml`); this file and its two neighbours only measure. Pure, and blind to who asks.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use hearback_core::answer::{ChangeSummary, Onset, Reason, RuledOut, Strength, Suspect};
use hearback_core::evidence::Citation;
use hearback_core::{Catalog, Change, ChangeId, Window};
use jiff::Timestamp;

use super::authorised::Judged;
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
    /// Which changes were not authorised, as [`super::authorised::judge`] found.
    pub judged: &'a BTreeMap<ChangeId, Judged>,
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
    /// The likeliest first; ties by time, then id. As many as can be listed, or whose diffs are read.
    pub suspects: Vec<Suspect>,
    /// What all candidates say of the services they concern.
    pub concerned: BTreeSet<String>,
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
    let (suspects, concerned) = score(inputs, &candidates);
    Ranking { suspects, concerned, ruled_out, considered }
}

/// A rollout all of whose commits are here is told through them, a merge through those it merged, a tag only names.
fn stands_alone(change: &Change, rollouts: &BTreeMap<&ChangeId, &Change>) -> bool {
    let told_by_commits = is_rollout(change) && change.delivers.iter().all(|id| rollouts.contains_key(id));
    let is_tag = change.kind == hearback_core::ChangeKind::Deploy
        && change.environment.is_none()
        && change.id.as_str().starts_with("git:");
    !told_by_commits && !is_tag && !change.is_merge()
}

/// The suspects, and what all candidates say of the services they concern.
fn score(inputs: &Inputs<'_>, candidates: &[Candidate<'_>]) -> (Vec<Suspect>, BTreeSet<String>) {
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
    let scores: Vec<f64> = scored.iter().map(|(score, ..)| *score).collect();
    let clear = standing_clear(&scores, inputs.ranker.strength.lead);
    let concerned = concerned(&scored);
    let mut rank = 0;
    let suspect = |(score, measured, candidate): (f64, Vec<Measured>, &Candidate<'_>)| {
        rank += 1;
        let (kinds, telling) = kinds(inputs, &measured, candidate);
        let strong = rank as usize <= clear && telling && kinds >= inputs.ranker.strength.kinds;
        let strength = if strong { Strength::Strong } else { Strength::Weak };
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
    // Only those that can be listed, or whose diffs are worth reading, are put into words.
    let told = inputs.ranker.diffs.max(inputs.ranker.listed);
    (scored.into_iter().take(told).map(suspect).collect(), concerned)
}

/// What the candidates say of the services they concern, each once.
fn concerned(scored: &[(f64, Vec<Measured>, &Candidate<'_>)]) -> BTreeSet<String> {
    let mut concerned = BTreeSet::new();
    let measured = scored.iter().flat_map(|(_, measured, _)| measured);
    for claim in measured.filter(|m| m.feature == Feature::Service).filter_map(|m| m.claim.as_ref()) {
        if !concerned.contains(claim.says()) {
            concerned.insert(claim.says().to_owned());
        }
    }
    concerned
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
        let middle = values.len() / 2;
        if values.is_empty() {
            return 0.0;
        }
        let (_, median, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
        *median * ranker.weight(*feature)
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

/// How many independent kinds of reason speak for a change, and whether any says more than "recent".
fn kinds(inputs: &Inputs<'_>, measured: &[Measured], candidate: &Candidate<'_>) -> (u8, bool) {
    let rule = &inputs.ranker.strength;
    let has = |feature| measured.iter().any(|m| m.feature == feature && m.value > 0.0);
    let share = measured.iter().map(|m| m.word_share).fold(0.0, f64::max);
    let time = hours_before(candidate.effective_at, inputs.reference()) <= rule.recent_hours;
    let words = share >= rule.word_share;
    let named = has(Feature::NamedFile) || has(Feature::NamedIdentifier);
    let service = has(Feature::Service);
    let count = [time, words, named, service].into_iter().map(u8::from).sum();
    (count, words || named || service)
}

/// How many of the first three stand clear of all that follow; 0 if they lie close together. A crowd of equals is
/// no answer, however good their reasons.
fn standing_clear(scores: &[f64], lead: f64) -> usize {
    let clear = |count: &usize| match (scores.get(count - 1), scores.get(*count)) {
        (Some(last), Some(next)) => last - next >= lead,
        // Nobody follows: only a single candidate stands clear then.
        (last, None) => last.is_some() && *count == 1,
        (None, _) => false,
    };
    (1..=3).find(clear).unwrap_or(0)
}

/// How many hours `at` lies before `reference`; 0 if it does not.
pub fn hours_before(at: Timestamp, reference: Timestamp) -> f64 {
    (reference.duration_since(at).as_secs_f64() / 3600.0).max(0.0)
}

/// Six decimals: enough for every purpose, and the same bytes on every machine.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// What an answer shows of a change that reached production at `effective_at`.
pub fn summary(change: &Change, effective_at: Timestamp) -> ChangeSummary {
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
