//! Which change may have done it: a weighted sum of named features, how likely that makes each, and its reasons. The
//! weights are config (`ranker.toml`); `suspects_pool` and `suspects_lines` count, `suspects_features` measures,
//! `suspects_reasons` puts into words. Pure, and blind to who asks.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::answer::{ChangeSummary, Onset, Part, Reason, RuledOut, Strength, Suspect};
use hearback_core::evidence::Citation;
use hearback_core::{Catalog, Change, ChangeId, Window};
use jiff::Timestamp;

use super::authorised::Judged;
use super::rollout::{is_rollout, rollouts};
use super::rule_out::{self, rule_out};
use super::suspects_features::{Concern, measure, service};
use super::suspects_lines::ChangedLines;
use super::suspects_pool::Pool;
use super::suspects_reasons::Telling;
use crate::features::{Family, Feature, Values};
use crate::gather::{Sighted, SightedDiff};
use crate::ranker::{NoneSeen, Ranker};
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
    /// The likeliest first; ties by time, then id. As many as can be listed.
    pub suspects: Vec<Suspect>,
    /// All candidates, in the same order, with what was measured.
    pub standings: Vec<Standing>,
    /// The probability that none of the candidates did it, 0 to 1.
    pub none_of_these: f64,
    /// The affected services that some candidate concerns.
    pub concerned: BTreeSet<String>,
}

/// A candidate, what was measured of it, and how likely that makes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The change.
    pub change: ChangeId,
    /// What was measured.
    pub values: Values,
    /// The weighted sum; comparable inside one question only.
    pub score: f64,
    /// The probability that it is the culprit, 0 to 1.
    pub probability: f64,
}

/// The candidates of a question, lined up: what a rule excludes is put aside, the symptom's words are counted in the rest.
/// Diffs are read of the likeliest only, so a ranking has two steps: [`Lineup::likeliest`], then [`Lineup::rank`].
pub struct Lineup<'a> {
    /// What is looked at.
    pub inputs: Inputs<'a>,
    /// What was put aside, newest first.
    pub ruled_out: Vec<RuledOut>,
    pub(super) pool: Pool<'a>,
    candidates: Vec<Candidate<'a>>,
}

impl<'a> Lineup<'a> {
    /// Lines up the changes of `inputs`.
    pub fn new(inputs: Inputs<'a>) -> Self {
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
                about_tests: inputs.scope.is_about_tests(),
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
        ruled_out.sort_by(|a, b| {
            b.change.effective_at.cmp(&a.change.effective_at).then_with(|| a.change.id.cmp(&b.change.id))
        });
        let pool = Pool::new(&inputs, &candidates);
        Lineup { inputs, ruled_out, pool, candidates }
    }

    /// How many changes were considered, those put aside included.
    pub fn considered(&self) -> u64 {
        (self.candidates.len() + self.ruled_out.len()) as u64
    }

    /// The likeliest by what is known without diffs; at most `most`.
    pub fn likeliest(&self, most: usize) -> Vec<ChangeId> {
        let scored = self.scored(None);
        scored.into_iter().take(most).filter_map(|scored| Some(self.id(scored.index)?.clone())).collect()
    }

    /// Ranks them, with the diffs that were read. `listed_too` is listed wherever it stands.
    pub fn rank(&self, diffs: &BTreeMap<ChangeId, SightedDiff>, listed_too: Option<&ChangeId>) -> Ranking {
        let (named, rule) = (&self.inputs.scope.named, &self.inputs.ranker.words);
        let lines =
            (!diffs.is_empty()).then(|| ChangedLines::new(&self.pool, &self.candidates, named, diffs, rule));
        let scored = self.scored(lines.as_ref());
        let odds = odds(self.inputs.ranker, &scored);
        let standings = scored.iter().zip(&odds.each).filter_map(|(scored, probability)| {
            let (values, score) = (scored.values, scored.score);
            Some(Standing {
                change: self.id(scored.index)?.clone(),
                values,
                score,
                probability: *probability,
            })
        });
        let standings: Vec<Standing> = standings.collect();
        let typical = typical_points(self.inputs.ranker, &scored);
        let of_rollouts = self.of_rollouts(&scored, &odds.each);
        let mut rollouts_told = BTreeSet::new();
        let most = self.inputs.ranker.listed;
        let is_listed = |(place, scored): &(usize, &Scored)| {
            *place < most || (listed_too.is_some() && self.id(scored.index) == listed_too)
        };
        let listed = scored.iter().enumerate().filter(is_listed);
        let listed = listed.filter_map(|(place, scored)| {
            let rank = u32::try_from(place + 1).ok()?;
            Some(((scored, odds.each.get(place)?), rank))
        });
        let suspects = listed.filter_map(|((scored, probability), rank)| {
            let candidate = self.candidates.get(scored.index)?;
            let telling = Telling {
                lineup: self,
                lines: lines.as_ref(),
                diff: diffs.get(&candidate.sighted.change.id),
                index: scored.index,
                candidate,
                values: &scored.values,
            };
            // A rollback undoes all that a rollout brought, so the first of it stands for the whole.
            let first_of = candidate.rollout.filter(|rollout| rollouts_told.insert(&rollout.id));
            let whole = first_of.and_then(|rollout| of_rollouts.get(&rollout.id)).copied();
            let strength =
                strength(self.inputs.ranker, &scored.values, probability.max(whole.unwrap_or_default()));
            Some(Suspect {
                rank,
                change: summary(&candidate.sighted.change, candidate.effective_at),
                delivered_by: candidate.rollout.map(|deploy| summary(deploy, deploy.effective_at)),
                strength,
                confidence: Some(rounded(*probability)),
                score: rounded(scored.score),
                reasons: reasons(self.inputs.ranker, &telling, &typical),
            })
        });
        let suspects = suspects.collect();
        Ranking { suspects, standings, none_of_these: rounded(odds.none), concerned: self.concerned() }
    }

    /// How likely it is that something a rollout brought did it, by rollout.
    fn of_rollouts(&self, scored: &[Scored], probabilities: &[f64]) -> BTreeMap<&ChangeId, f64> {
        let mut sums = BTreeMap::new();
        for (scored, probability) in scored.iter().zip(probabilities) {
            if let Some(rollout) = self.candidates.get(scored.index).and_then(|candidate| candidate.rollout) {
                *sums.entry(&rollout.id).or_default() += probability;
            }
        }
        sums
    }

    fn id(&self, index: usize) -> Option<&ChangeId> {
        self.candidates.get(index).map(|candidate| &candidate.sighted.change.id)
    }

    /// All candidates, the likeliest first.
    fn scored(&self, lines: Option<&ChangedLines<'_>>) -> Vec<Scored> {
        let mut scored: Vec<Scored> = self
            .candidates
            .iter()
            .enumerate()
            .map(|(index, candidate)| {
                let values = measure(&self.inputs, &self.pool, lines, index, candidate);
                Scored { index, values, score: self.inputs.ranker.score(&values) }
            })
            .collect();
        let moment = |scored: &Scored| self.candidates.get(scored.index).map(|c| c.effective_at);
        scored.sort_by(|a, b| {
            let newest_first = || moment(b).cmp(&moment(a));
            let by_id = || self.id(a.index).cmp(&self.id(b.index));
            b.score.total_cmp(&a.score).then_with(newest_first).then_with(by_id)
        });
        scored
    }

    /// The affected services that some candidate concerns.
    fn concerned(&self) -> BTreeSet<String> {
        let affected = |candidate: &Candidate<'_>| match service(&self.inputs, &candidate.sighted.change) {
            Some(Concern::Affected(name)) => Some(name.to_owned()),
            _ => None,
        };
        self.candidates.iter().filter_map(affected).collect()
    }
}

struct Scored {
    index: usize,
    values: Values,
    score: f64,
}

/// A rollout all of whose commits are here is told through them, a merge through those it merged, a tag only names.
fn stands_alone(change: &Change, rollouts: &BTreeMap<&ChangeId, &Change>) -> bool {
    let told_by_commits = is_rollout(change) && change.delivers.iter().all(|id| rollouts.contains_key(id));
    let is_tag = change.kind == hearback_core::ChangeKind::Deploy
        && change.environment.is_none()
        && change.id.as_str().starts_with("git:");
    !told_by_commits && !is_tag && !change.is_merge()
}

/// How likely each candidate is, in the order given, and that it is none of them.
struct Odds {
    each: Vec<f64>,
    none: f64,
}

/// Softmax over the scores, beside what speaks for "none of these". The scores were learned as the exponents of a
/// conditional logit (McFadden, "Conditional logit analysis of qualitative choice behavior", 1974).
fn odds(ranker: &Ranker, scored: &[Scored]) -> Odds {
    let temperature = ranker.probability.temperature;
    let highest = scored.first().map_or(0.0, |scored| scored.score);
    let powers: Vec<f64> =
        scored.iter().map(|scored| ((scored.score - highest) / temperature).exp()).collect();
    let sum: f64 = powers.iter().sum();
    let clearest = if sum > 0.0 { 1.0 / sum } else { 0.0 };
    let none = if scored.is_empty() {
        1.0
    } else {
        let best_share =
            scored.iter().map(|scored| scored.values.get(Feature::DiffWordShare)).fold(0.0, f64::max);
        ranker.none.probability(&NoneSeen { clearest, best_share })
    };
    Odds { each: powers.into_iter().map(|power| (1.0 - none) * power / sum).collect(), none }
}

/// Strong: likelier than the rule asks for, and for another reason than being recent.
fn strength(ranker: &Ranker, values: &Values, probability: f64) -> Strength {
    let has = |feature| values.get(feature) > 0.0;
    let rule = &ranker.strength;
    let words = values.get(Feature::DiffWordShare) >= rule.word_share;
    let telling = words || has(Feature::NamedFile) || has(Feature::NamedIdentifier) || has(Feature::Service);
    if telling && probability >= rule.probability { Strength::Strong } else { Strength::Weak }
}

/// What a family's features give the middle one of all candidates. A reason is as strong as it is unusual.
fn typical_points(ranker: &Ranker, scored: &[Scored]) -> BTreeMap<Family, f64> {
    let median_of = |family: Family| {
        let mut points: Vec<f64> =
            scored.iter().map(|scored| ranker.points(family, &scored.values)).collect();
        let middle = points.len() / 2;
        if points.is_empty() {
            return 0.0;
        }
        let (_, median, _) = points.select_nth_unstable_by(middle, f64::total_cmp);
        *median
    };
    Family::ALL.iter().map(|family| (*family, median_of(*family))).collect()
}

fn reasons(ranker: &Ranker, telling: &Telling<'_, '_>, typical: &BTreeMap<Family, f64>) -> Vec<Reason> {
    let reason = |family: &Family| {
        let claim = telling.claim(*family)?;
        let parts: Vec<Part> = family
            .features()
            .map(|feature| Part {
                feature: feature.name().to_owned(),
                value: rounded(telling.values.get(feature)),
                weight: ranker.weight(feature),
            })
            .filter(|part| part.value != 0.0)
            .collect();
        let points = ranker.points(*family, telling.values);
        let stands_out = rounded(points - typical.get(family).copied().unwrap_or(0.0));
        Some(Reason { feature: family.name().to_owned(), points: rounded(points), stands_out, parts, claim })
    };
    let mut reasons: Vec<Reason> = Family::ALL.iter().filter_map(reason).collect();
    reasons.sort_by(|a, b| b.stands_out.total_cmp(&a.stands_out).then_with(|| a.feature.cmp(&b.feature)));
    reasons
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
