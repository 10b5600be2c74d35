//! What answers about frozen incidents are worth: each against what it was, and against the answers about the same
//! incident in other words. That nothing was said is counted apart from what was said wrongly. It must not know how an
//! answer came about.

mod told;

use std::collections::BTreeMap;

use serde::Serialize;

pub(super) use self::told::short;
pub use self::told::{text, variants_text};
use super::perturb::Perturbed;
use super::{Said, Truth};

/// "No change did this."
pub const NONE: &str = "none";

/// What one part of an answer is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It is so.
    Right,
    /// It is not.
    Wrong,
    /// Nothing was said.
    Abstained,
}

/// How far the services that were said to fail are those that did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Radius {
    /// The share of those said that failed; none if none was said.
    pub precision: Option<f64>,
    /// The share of those that failed which was said; none if none failed.
    pub recall: Option<f64>,
}

/// What one answer is worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scored {
    /// The incident.
    pub id: String,
    /// The change that did it, or that none did.
    pub culprit: Mark,
    /// The decoy that was blamed, if one was.
    pub decoy_blamed: Option<String>,
    /// The service that failed first.
    pub first_failing_service: Mark,
    /// The services that failed.
    pub blast_radius: Radius,
    /// What is to be done.
    pub remediation: Mark,
    /// Each wrong part in words: what was said, what it was.
    pub wrong: Vec<String>,
}

/// How often each mark was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Marks {
    /// So often right.
    pub right: u32,
    /// So often wrong.
    pub wrong: u32,
    /// So often nothing was said.
    pub abstained: u32,
}

/// What the answers about many incidents are worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sums {
    /// How many.
    pub n: u32,
    /// The culprits.
    pub culprit: Marks,
    /// Those that a change did.
    pub culprit_of_changes: Marks,
    /// Those that no change did.
    pub culprit_of_none: Marks,
    /// How many decoys were blamed.
    pub decoys_blamed: u32,
    /// The services that failed first.
    pub first_failing_service: Marks,
    /// The mean share of services said to fail that did; none if no answer named any.
    pub precision: Option<f64>,
    /// The mean share of failing services that was said.
    pub recall: Option<f64>,
    /// What was to be done.
    pub remediation: Marks,
    /// Answers whose culprit, first failing service and remediation are all right.
    pub all_right: u32,
}

/// Compares an answer with what it was.
pub fn score(id: &str, said: &Said, truth: &Truth) -> Scored {
    let culprit = mark(said.culprit.as_deref(), &truth.root_cause_commit);
    let decoy = truth.decoy_deploy_commits.iter().find(|decoy| said.culprit.as_ref() == Some(*decoy));
    let first = mark(said.first_failing_service.as_deref(), &truth.first_failing_service);
    let remediation = mark(said.remediation.as_deref(), &truth.remediation);
    let decoys = if decoy.is_some() { ", a decoy" } else { "" };
    let parts = [
        ("culprit", culprit, &said.culprit, &truth.root_cause_commit, decoys),
        ("first failing", first, &said.first_failing_service, &truth.first_failing_service, ""),
        ("remediation", remediation, &said.remediation, &truth.remediation, ""),
    ];
    let wrong = parts.into_iter().filter_map(|(what, mark, said, was, note)| match mark {
        Mark::Right => None,
        Mark::Abstained => Some(format!("{what}: nothing said, it was {}", told::short(was))),
        Mark::Wrong => {
            let said = said.as_deref().map_or_else(String::new, told::short);
            Some(format!("{what}: {said} said{note}, it was {}", told::short(was)))
        }
    });
    Scored {
        id: id.to_owned(),
        culprit,
        decoy_blamed: decoy.cloned(),
        first_failing_service: first,
        blast_radius: radius(&said.blast_radius, &truth.blast_radius),
        remediation,
        wrong: wrong.collect(),
    }
}

pub(super) fn mark(said: Option<&str>, was: &str) -> Mark {
    match said {
        None => Mark::Abstained,
        Some(said) if same(said, was) => Mark::Right,
        Some(_) => Mark::Wrong,
    }
}

/// `config_revert` and `Config-Revert` are one word.
pub(super) fn same(a: &str, b: &str) -> bool {
    let plain = |text: &str| text.trim().to_ascii_lowercase().replace(['_', ' '], "-");
    plain(a) == plain(b)
}

fn radius(said: &[String], was: &[String]) -> Radius {
    let share = |of: &[String], among: &[String]| {
        let hits = of.iter().filter(|one| among.contains(one)).count();
        (!of.is_empty()).then(|| hits as f64 / of.len() as f64)
    };
    Radius { precision: share(said, was), recall: share(was, said) }
}

impl Marks {
    fn add(&mut self, mark: Mark) {
        match mark {
            Mark::Right => self.right += 1,
            Mark::Wrong => self.wrong += 1,
            Mark::Abstained => self.abstained += 1,
        }
    }

    pub(super) fn of(marks: impl Iterator<Item = Mark>) -> Marks {
        marks.fold(Marks::default(), |mut sum, mark| {
            sum.add(mark);
            sum
        })
    }
}

/// Sums up. Each answer comes with what it was.
pub fn sums<'a>(answers: impl IntoIterator<Item = (&'a Scored, &'a Truth)>) -> Sums {
    let all: Vec<(&Scored, &Truth)> = answers.into_iter().collect();
    let is_none = |truth: &Truth| same(&truth.root_cause_commit, NONE);
    let culprits = |none: bool| {
        let of = all.iter().filter(move |(_, truth)| is_none(truth) == none);
        Marks::of(of.map(|(scored, _)| scored.culprit))
    };
    let mean = |of: fn(&Radius) -> Option<f64>| {
        let known: Vec<f64> = all.iter().filter_map(|(scored, _)| of(&scored.blast_radius)).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    let is_right = |scored: &Scored| {
        [scored.culprit, scored.first_failing_service, scored.remediation]
            .iter()
            .all(|mark| *mark == Mark::Right)
    };
    let count =
        |holds: &dyn Fn(&Scored) -> bool| all.iter().filter(|(scored, _)| holds(scored)).count() as u32;
    Sums {
        n: all.len() as u32,
        culprit: Marks::of(all.iter().map(|(scored, _)| scored.culprit)),
        culprit_of_changes: culprits(false),
        culprit_of_none: culprits(true),
        decoys_blamed: count(&|scored| scored.decoy_blamed.is_some()),
        first_failing_service: Marks::of(all.iter().map(|(scored, _)| scored.first_failing_service)),
        precision: mean(|radius| radius.precision),
        recall: mean(|radius| radius.recall),
        remediation: Marks::of(all.iter().map(|(scored, _)| scored.remediation)),
        all_right: count(&is_right),
    }
}

/// Which parts of an answer stayed the same when the incident was told with other words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kept {
    /// The incident.
    pub id: String,
    /// The seed of the other words.
    pub seed: u64,
    /// Whether the culprit is the same, up to its name.
    pub culprit: bool,
    /// Whether the service that failed first is.
    pub first_failing_service: bool,
    /// Whether what is to be done is.
    pub remediation: bool,
    /// Each part that changed, in words.
    pub changed: Vec<String>,
}

/// What was answered when the culprit was in no list any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Without {
    /// "No change did this."
    None,
    /// "I can't tell."
    CantTell,
    /// A decoy was blamed.
    Decoy,
    /// Another change was blamed.
    Another,
}

/// A share of cases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// So many.
    pub count: u32,
    /// Of so many.
    pub of: u32,
}

/// What other words do to the answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Variants {
    /// The culprit stayed the same.
    pub culprit: Share,
    /// The service that failed first did.
    pub first_failing_service: Share,
    /// What is to be done did.
    pub remediation: Share,
    /// All three did.
    pub together: Share,
    /// Without the culprit, the answer was that none did it, or that it can't tell.
    pub none_or_null: Share,
    /// Without the culprit, a decoy was blamed.
    pub decoys_blamed: Share,
}

/// Compares the answer about an incident with that about the same one in other words.
pub fn kept(id: &str, seed: u64, said: &Said, variant: &Said, names: &BTreeMap<String, String>) -> Kept {
    let told = |name: &Option<String>| name.as_ref().map(|name| names.get(name).unwrap_or(name).clone());
    let parts = [
        ("culprit", told(&said.culprit), &variant.culprit),
        ("first failing", told(&said.first_failing_service), &variant.first_failing_service),
        ("remediation", said.remediation.clone(), &variant.remediation),
    ];
    let [culprit, first, remediation] = parts.each_ref().map(|(_, old, new)| old == *new);
    let old_name =
        |new: &str| names.iter().find(|(_, name)| *name == new).map_or(new, |(old, _)| old).to_owned();
    let word = |said: Option<String>| {
        said.map_or_else(|| "nothing".to_owned(), |said| told::short(&old_name(&said)))
    };
    let changed = parts.into_iter().filter(|(_, old, new)| old != *new);
    let changed =
        changed.map(|(what, old, new)| format!("{what}: {} became {}", word(old), word(new.clone())));
    Kept {
        id: id.to_owned(),
        seed,
        culprit,
        first_failing_service: first,
        remediation,
        changed: changed.collect(),
    }
}

/// What an answer says when the culprit of `truth` is away. `perturbed` is what it was asked about.
pub fn without(said: &Said, truth: &Truth, perturbed: &Perturbed) -> Without {
    match said.culprit.as_deref() {
        None => Without::CantTell,
        Some(said) if same(said, NONE) => Without::None,
        Some(said) if truth.decoy_deploy_commits.iter().any(|decoy| perturbed.name(decoy) == said) => {
            Without::Decoy
        }
        Some(_) => Without::Another,
    }
}

/// Sums up what other words did.
pub fn variants(kept: &[Kept], without: &[Without]) -> Variants {
    let share = |holds: &dyn Fn(&Kept) -> bool| Share {
        count: kept.iter().filter(|kept| holds(kept)).count() as u32,
        of: kept.len() as u32,
    };
    let among = |what: &[Without]| Share {
        count: without.iter().filter(|one| what.contains(one)).count() as u32,
        of: without.len() as u32,
    };
    Variants {
        culprit: share(&|kept| kept.culprit),
        first_failing_service: share(&|kept| kept.first_failing_service),
        remediation: share(&|kept| kept.remediation),
        together: share(&|kept| kept.culprit && kept.first_failing_service && kept.remediation),
        none_or_null: among(&[Without::None, Without::CantTell]),
        decoys_blamed: among(&[Without::Decoy]),
    }
}

#[cfg(test)]
mod tests;
