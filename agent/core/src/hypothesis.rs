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

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::answer::Claim;
    use crate::entry::Draft;
    use crate::evidence::Citation;
    use crate::happening::Happening;
    use crate::hash::Digest;
    use crate::ids::IncidentId;
    use crate::investigation::{Ending, Statement};
    use crate::model::Spent;

    fn sealed(what: Happening) -> Entry {
        let at = Timestamp::UNIX_EPOCH;
        let by = Actor::Person("Ana".into());
        let draft = Draft { happened_at: at, known_at: at, recorded_at: at, by, what };
        Entry::seal(&draft, &IncidentId::numbered(1), None, [7; 16]).unwrap()
    }

    fn hypothesis(says: &str, change: Option<&str>) -> Hypothesis {
        let claim = Claim::new(says, vec![Citation::of(EvidenceId(Digest::of(b"graph")))]).unwrap();
        Hypothesis {
            statement: Statement { claim, only_outsiders: says.contains("log") },
            change: change.map(|id| ChangeId::new(id).unwrap()),
            strength: Strength::Weak,
            disproved_by: "".into(),
        }
    }

    fn investigated(hypotheses: Vec<Hypothesis>) -> Investigated {
        Investigated {
            claims: Vec::new(),
            hypotheses,
            patch: None,
            dropped: Default::default(),
            ending: Ending::Finished,
            why: None,
            turns: 1,
            fetches: 0,
            spent: Spent::default(),
            took: SignedDuration::ZERO,
            by: None,
        }
    }

    fn settle(seen: &mut SeenHypothesis, verdict: Verdict) {
        let (by, at) = (Actor::Person("Ben".into()), Timestamp::UNIX_EPOCH);
        seen.settled = Some(Settled { seq: 9, evidence: seen.evidence, verdict, why: "".into(), by, at });
    }

    #[test]
    fn what_a_model_finds_anew_makes_room_but_not_for_what_people_said_something_about() {
        let entry = sealed(Happening::note("cli", "x"));
        let mut all = vec![SeenHypothesis::raised(&entry, "the disk".into(), None)];
        assert!(all[0].is_by_person());
        let first = investigated(vec![
            hypothesis("the pool", Some("git:shop:aa")),
            hypothesis("a log says the cache", None),
            hypothesis("the network", None),
        ]);
        found(&mut all, &entry, &first, None);
        let names =
            |all: &[SeenHypothesis]| -> Vec<String> { all.iter().map(|one| one.id.to_string()).collect() };
        let of = |place: usize| HypothesisId::found(entry.seq, place).to_string();
        assert_eq!(names(&all)[1..], [of(1), of(2), of(3)]);
        assert_eq!(all.iter().map(|one| one.only_outsiders).collect::<Vec<_>>(), [false, false, true, false]);
        assert!(all[1..].iter().all(|one| !one.is_by_person() && one.strength == Some(Strength::Weak)));

        settle(&mut all[1], Verdict::Confirmed);
        settle(&mut all[2], Verdict::Dismissed);
        let again = investigated(vec![
            hypothesis("it was the pool after all", Some("git:shop:aa")),
            hypothesis("a log says the cache", None),
            hypothesis("the queue", Some("git:shop:bb")),
            hypothesis("the load", None),
        ]);
        found(&mut all, &entry, &again, Some(entry.seq));
        let says: Vec<&str> = all.iter().map(|one| one.says.as_untrusted()).collect();
        assert_eq!(says, ["the disk", "the pool", "a log says the cache", "the queue", "the load"]);
        assert_eq!(names(&all)[3..], [of(3), of(4)], "named by their place in what was found");
        assert_eq!((Verdict::Confirmed.as_str(), Verdict::Dismissed.as_str()), ("confirmed", "dismissed"));
    }

    #[test]
    fn what_was_found_about_another_answer_stays() {
        let entry = sealed(Happening::note("cli", "x"));
        let mut all = Vec::new();
        found(&mut all, &entry, &investigated(vec![hypothesis("the pool", None)]), None);
        found(&mut all, &entry, &investigated(vec![hypothesis("the disk", None)]), Some(entry.seq + 40));
        assert_eq!(all.len(), 2);
    }
}
