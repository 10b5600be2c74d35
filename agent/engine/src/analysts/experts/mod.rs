//! Whom to ask: people ranked by named, weighted signs of what they did, own and know. The weights are config
//! (`experts.toml`, read by `rules`); `people` says who is who, `measure` measures, `told` puts into words. Being asleep or
//! on call moves nobody in the order: it is said beside it. Pure, and blind to who asks.

mod measure;
mod near;
mod people;
pub mod rules;
mod told;

use std::collections::BTreeMap;

use hearback_core::change::RepoPath;
use hearback_core::expertise::{Expert, OnCall};
use hearback_core::{ChangeId, EvidenceId, ExternalText, SourceName};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use measure::{Inputs, profiles};
pub use people::KnownPerson;
use rules::{ExpertRules, Sign};

/// Lines near a suspect that somebody wrote, in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Near {
    /// The suspect.
    pub change: ChangeId,
    /// The file, as it was called before it.
    pub path: RepoPath,
    /// How many of the lines are theirs.
    pub lines: u32,
    /// How many lines there are.
    pub of: u32,
    /// How long before the suspect they wrote the newest of them.
    pub before: SignedDuration,
}

/// What is known of a person for one question: what is kept as evidence, and all that the order and its words rest on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The place among all, from 1; 0 before they are ordered.
    #[serde(default)]
    pub place: u32,
    /// What they are called.
    pub name: ExternalText,
    /// Their handle, if configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    /// Their configured zone, and how far it is ahead of UTC at the moment of the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<(String, SignedDuration)>,
    /// How far the clock is ahead of UTC by which they wrote lately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<SignedDuration>,
    /// When they last did something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<Timestamp>,
    /// How much they did in the window.
    pub works: u32,
    /// How often they took something back.
    pub reverts: u32,
    /// When they last did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_revert_at: Option<Timestamp>,
    /// The likeliest suspects that they made, at most two.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made: Vec<ChangeId>,
    /// The likeliest suspects that they brought in for others, at most two.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub landed: Vec<ChangeId>,
    /// Where most of the lines near the suspects are theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near: Option<Near>,
    /// How often they worked in the folders of the suspects.
    pub in_folders: u32,
    /// Words of the symptom that their work speaks of, the most telling first, at most three.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
    /// What they own, and who says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owns: Vec<String>,
    /// The duty that they have, and whose schedule says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_call: Option<(SourceName, OnCall)>,
    /// What was measured.
    pub values: BTreeMap<Sign, f64>,
    /// Their addresses, in lower case: for a backtest to know them by. They are kept nowhere.
    #[serde(skip)]
    pub addresses: Vec<String>,
}

impl Profile {
    /// What was measured for a sign.
    pub fn value(&self, sign: Sign) -> f64 {
        self.values.get(&sign).copied().unwrap_or_default()
    }

    /// The weighted sum.
    pub fn score(&self, rules: &ExpertRules) -> f64 {
        Sign::ALL.iter().map(|sign| rules.weight(*sign) * self.value(*sign)).sum()
    }
}

/// Orders people, those who know most first; ties by name, so that the same people always stand in the same order.
pub fn order(rules: &ExpertRules, mut profiles: Vec<Profile>) -> Vec<Profile> {
    let name = |profile: &Profile| profile.name.as_untrusted().to_owned();
    profiles.sort_by(|a, b| b.score(rules).total_cmp(&a.score(rules)).then_with(|| name(a).cmp(&name(b))));
    profiles
}

/// The first `most` of ordered people, and whoever is on call, as experts. `evidence` is the snapshot of their profiles.
pub fn experts(
    rules: &ExpertRules,
    ordered: &[Profile],
    evidence: EvidenceId,
    as_of: Timestamp,
    most: usize,
) -> Vec<Expert> {
    let listed = ordered.iter().enumerate().filter(|(place, one)| *place < most || one.on_call.is_some());
    let mut experts: Vec<Expert> =
        listed.map(|(_, profile)| told::expert(rules, profile, evidence, as_of)).collect();
    // The one on call who knows most of it, if that one knows anything of it.
    let first = experts.iter_mut().find(|expert| expert.on_call && !expert.reasons.is_empty());
    if let Some(first) = first {
        first.page_first = true;
    }
    experts
}

#[cfg(test)]
mod tests;
