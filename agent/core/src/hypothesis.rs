//! What may have caused an incident, by the word of people and of a model, and what people made of it. It must not know how a
//! model is told.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::Strength;
use crate::entry::{Actor, Entry};
use crate::ids::{ChangeId, EvidenceId, HypothesisId};
use crate::investigation::{Hypothesis, Investigated};
use crate::text::ExternalText;

/// Whether a hypothesis is right, by the word of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is.
    Confirmed,
    /// It is not.
    Dismissed,
}

impl Verdict {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Confirmed => "confirmed",
            Verdict::Dismissed => "dismissed",
        }
    }
}

/// What people made of a hypothesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The number of the entry that says so.
    pub seq: u64,
    /// That entry as evidence.
    pub evidence: EvidenceId,
    /// Whether it is right.
    pub verdict: Verdict,
    /// Why; may be empty.
    pub why: ExternalText,
    /// Who says so.
    pub by: Actor,
    /// Since when.
    pub at: Timestamp,
}

/// A hypothesis of an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenHypothesis {
    /// What it is called.
    pub id: HypothesisId,
    /// The number of the entry that holds it.
    pub seq: u64,
    /// That entry as evidence.
    pub evidence: EvidenceId,
    /// What it says.
    pub says: ExternalText,
    /// The change it blames, if it blames one.
    pub change: Option<ChangeId>,
    /// How sure the evidence makes it; none for one of a person, which nobody has measured.
    pub strength: Option<Strength>,
    /// Whether it, or something checkable in it, rests on outsiders' text alone.
    pub only_outsiders: bool,
    /// Who said so.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// What people made of it, as they last said.
    pub settled: Option<Settled>,
}

impl SeenHypothesis {
    /// One that a person raised.
    pub(crate) fn raised(entry: &Entry, says: ExternalText, change: Option<ChangeId>) -> Self {
        SeenHypothesis {
            id: HypothesisId::raised(entry.seq),
            seq: entry.seq,
            evidence: EvidenceId(entry.hash),
            says,
            change,
            strength: None,
            only_outsiders: false,
            by: entry.by.clone(),
            at: entry.happened_at,
            settled: None,
        }
    }

    /// Whether a person raised it, not a model.
    pub fn is_by_person(&self) -> bool {
        self.strength.is_none()
    }
}

/// Takes what a model found into `all`. What it found before about the same answer, by the entry `before`, and nobody said
/// anything about, makes room. What people said something about stays under the name that they know, once.
pub(crate) fn found(all: &mut Vec<SeenHypothesis>, entry: &Entry, found: &Investigated, before: Option<u64>) {
    all.retain(|seen| seen.is_by_person() || seen.settled.is_some() || Some(seen.seq) != before);
    let known = all.clone();
    let is_known = |one: &Hypothesis| {
        known.iter().filter_map(|seen| Some((seen, seen.settled.as_ref()?))).any(|(seen, settled)| {
            let is_same_change = one.change.is_some() && seen.change == one.change;
            seen.says.as_untrusted() == one.statement.claim.says()
                || (settled.verdict == Verdict::Confirmed && is_same_change)
        })
    };
    let placed = (1..).zip(&found.hypotheses).filter(|(_, one)| !is_known(one));
    all.extend(placed.map(|(place, one)| SeenHypothesis {
        id: HypothesisId::found(entry.seq, place),
        strength: Some(one.strength),
        only_outsiders: one.statement.only_outsiders,
        ..SeenHypothesis::raised(entry, ExternalText::new(one.statement.claim.says()), one.change.clone())
    }));
}
