//! What a model made of answers about frozen incidents, beside the answers themselves: each against what it was. What a
//! model says in sentences is not scored, only which change its hypotheses blame. It must not know how a model is asked,
//! or that its words could change an answer: they can't.

mod told;

use std::collections::BTreeMap;

use hearback_core::investigation::{DroppedClaims, Ending, Investigated};
use hearback_core::model::{Cost, Currency, Spent};
use hearback_core::{ChangeId, SourceName};
use serde::Serialize;

pub use self::told::{line, text};
use super::scored::{Mark, Marks, NONE, mark, same};
use super::{Said, Truth};
use crate::resample::{Estimate, quantile, wilson};

/// One look of a model at an answer, before anybody knows what it was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Look {
    /// What each hypothesis blames, in the order in which people are told: a change by the folder's name for it, or `none`
    /// where it names no change.
    pub blames: Vec<String>,
    /// Whether the first of them is what the answer says; null where either says nothing.
    pub agrees: Option<bool>,
    /// How it ended.
    pub ending: Ending,
    /// Why, if there is more to say: why a model is missing.
    pub why: Option<String>,
    /// How often the model was asked.
    pub turns: u32,
    /// How often something was looked up for it.
    pub lookups: u32,
    /// Tokens and money.
    pub spent: Spent,
    /// How long it took.
    pub seconds: f64,
    /// How many claims stand.
    pub claims: usize,
    /// What it said that was dropped, by why.
    pub dropped: DroppedClaims,
    /// How many hypotheses rest on text alone that anybody could have written.
    pub only_outsiders: usize,
    /// Who answered last.
    pub by: Option<SourceName>,
}

/// A look, and what it is worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoredLook {
    /// The look.
    #[serde(flatten)]
    pub look: Look,
    /// The first hypothesis; null where nobody says what it was.
    pub first: Option<Mark>,
    /// Whether any hypothesis is right.
    pub among: Option<bool>,
    /// The decoy that the first blames, if it blames one.
    pub decoy_blamed: Option<String>,
}

/// A frozen incident with its answer and what a model made of it, once or several times.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Case {
    /// The incident.
    pub id: String,
    /// The change that the answer blames, `none` or null.
    pub answer: Option<String>,
    /// What that is worth; null where nobody says what it was.
    pub answer_mark: Option<Mark>,
    /// How long the answer took, in milliseconds.
    pub answer_ms: f64,
    /// Whether no change did it.
    pub was_none: Option<bool>,
    /// What the model made of it.
    pub looks: Vec<ScoredLook>,
}

/// A share of the incidents, counted and with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Accuracy {
    /// How often right, wrong, nothing said.
    pub marks: Marks,
    /// The share that is right, with Wilson's interval over the incidents, however often each was looked at.
    pub right: Option<Estimate>,
}

/// How the rounds differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spread {
    /// How often the first hypothesis was right in each round that has all incidents.
    pub right_by_round: Vec<u32>,
    /// The incidents about which the model was right in one round and not in another.
    pub unsteady: Vec<String>,
}

/// A number of every look: in all, in the middle, at most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spending {
    /// In all.
    pub total: f64,
    /// The median.
    pub median: f64,
    /// The most.
    pub most: f64,
}

/// Money of every look.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Money {
    /// In whole units of the currency.
    #[serde(flatten)]
    pub spending: Spending,
    /// Which.
    pub currency: Currency,
}

/// What incidents that no change did were blamed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FalseAccusations {
    /// Incidents that no change did.
    pub incidents: u32,
    /// The answers that blame a change.
    pub by_answer: u32,
    /// Looks at them.
    pub looks: u32,
    /// Those whose first hypothesis blames a change.
    pub by_model: u32,
}

/// What many looks are worth, beside the answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Incidents of which somebody says what they were, and at which the model looked.
    pub incidents: u32,
    /// Looks at them.
    pub looks: u32,
    /// Incidents of which nobody says what they were.
    pub without_truth: u32,
    /// The answers without a model.
    pub answer: Accuracy,
    /// The first hypotheses of the model.
    pub model: Accuracy,
    /// Looks with the right one among their hypotheses.
    pub among: u32,
    /// Incidents whose answer was not right, and how often the model's first hypothesis was.
    pub mended: BTreeMap<String, u32>,
    /// Incidents whose answer was right, and how often the model's first hypothesis was wrong.
    pub spoiled: BTreeMap<String, u32>,
    /// Of incidents that no change did.
    pub false_accusations: FalseAccusations,
    /// Looks whose first hypothesis blames a decoy.
    pub decoys_blamed: u32,
    /// Looks at which the model was missing.
    pub missing: u32,
    /// How the rounds differ; null where each incident was looked at once.
    pub spread: Option<Spread>,
    /// Tokens of a look; null where there was none.
    pub tokens: Option<Spending>,
    /// Money of a look in whole units, where all of it is known and in one currency.
    pub cost: Option<Money>,
    /// Everything that was spent.
    pub spent: Spent,
    /// Seconds of a look.
    pub seconds: Option<Spending>,
    /// Statements that were dropped.
    pub dropped: u32,
    /// Hypotheses that stand.
    pub hypotheses: u32,
    /// Those that rest on text alone that anybody could have written.
    pub only_outsiders: u32,
}

impl Look {
    /// What came of an investigation, in the words that are scored. `name` says what the folder calls a change.
    pub fn of(found: &Investigated, said: &Said, name: impl Fn(&ChangeId) -> String) -> Look {
        let blamed = |change: &Option<ChangeId>| change.as_ref().map_or_else(|| NONE.to_owned(), &name);
        let blames: Vec<String> = found.hypotheses.iter().map(|one| blamed(&one.change)).collect();
        let agrees = blames.first().zip(said.culprit.as_ref()).map(|(first, culprit)| same(first, culprit));
        Look {
            blames,
            agrees,
            ending: found.ending,
            why: found.why.clone(),
            turns: found.turns,
            lookups: found.fetches,
            spent: found.spent.clone(),
            seconds: (found.took.as_secs_f64() * 1e3).round() / 1e3,
            claims: found.claims.len(),
            dropped: found.dropped,
            only_outsiders: found.hypotheses.iter().filter(|one| one.statement.only_outsiders).count(),
            by: found.by.clone(),
        }
    }

    /// All tokens that are known.
    pub fn tokens(&self) -> u64 {
        self.spent.usage.input_tokens.saturating_add(self.spent.usage.output_tokens)
    }

    /// Whether the model was missing.
    pub fn is_missing(&self) -> bool {
        self.ending == Ending::Missing
    }

    fn scored(self, truth: Option<&Truth>) -> ScoredLook {
        let first = self.blames.first();
        let decoys = truth.into_iter().flat_map(|truth| &truth.decoy_deploy_commits);
        let decoy_blamed =
            first.and_then(|first| decoys.into_iter().find(|decoy| same(decoy, first)).cloned());
        ScoredLook {
            first: truth.map(|truth| mark(first.map(String::as_str), &truth.root_cause_commit)),
            among: truth.map(|truth| self.blames.iter().any(|one| same(one, &truth.root_cause_commit))),
            decoy_blamed,
            look: self,
        }
    }
}

impl Case {
    /// Compares an answer, and what a model made of it, with what it was; with nothing where nobody says that.
    pub fn of(id: &str, said: &Said, answer_ms: f64, looks: Vec<Look>, truth: Option<&Truth>) -> Case {
        Case {
            id: id.to_owned(),
            answer: said.culprit.clone(),
            answer_mark: truth.map(|truth| mark(said.culprit.as_deref(), &truth.root_cause_commit)),
            answer_ms,
            was_none: truth.map(|truth| same(&truth.root_cause_commit, NONE)),
            looks: looks.into_iter().map(|look| look.scored(truth)).collect(),
        }
    }
}

/// Sums up. Incidents of which nobody says what they were count for tokens, money and seconds alone.
pub fn summary(cases: &[Case]) -> Summary {
    let known: Vec<(&Case, Mark)> = cases
        .iter()
        .filter(|case| !case.looks.is_empty())
        .filter_map(|case| Some((case, case.answer_mark?)))
        .collect();
    let firsts = |case: &Case| case.looks.iter().filter_map(|look| look.first).collect::<Vec<Mark>>();
    let incidents = known.len() as u32;
    let accuracy = |marks: Marks, share: &dyn Fn(&(&Case, Mark)) -> f64| Accuracy {
        marks,
        right: wilson(known.iter().map(share).sum::<f64>() / f64::from(incidents), incidents),
    };
    let count =
        |case: &Case, wanted: Mark| firsts(case).iter().filter(|mark| **mark == wanted).count() as u32;
    let so_often = |holds: &dyn Fn(Mark) -> bool, wanted: Mark| {
        let cases = known.iter().filter(|(_, answer)| holds(*answer));
        let counts = cases.map(|(case, _)| (case.id.clone(), count(case, wanted)));
        counts.filter(|(_, count)| *count > 0).collect::<BTreeMap<String, u32>>()
    };
    let all = || cases.iter().flat_map(|case| &case.looks);
    let scored = || known.iter().flat_map(|(case, _)| &case.looks);
    let sum = |of: &dyn Fn(&ScoredLook) -> usize| all().map(of).sum::<usize>() as u32;
    let mut spent = Spent::default();
    all().for_each(|look| spent += &look.look.spent);
    Summary {
        incidents,
        looks: scored().count() as u32,
        without_truth: cases.iter().filter(|case| case.answer_mark.is_none()).count() as u32,
        answer: accuracy(Marks::of(known.iter().map(|(_, mark)| *mark)), &|(_, mark)| {
            f64::from(u8::from(*mark == Mark::Right))
        }),
        model: accuracy(Marks::of(scored().filter_map(|look| look.first)), &|(case, _)| {
            f64::from(count(case, Mark::Right)) / case.looks.len() as f64
        }),
        among: scored().filter(|look| look.among == Some(true)).count() as u32,
        mended: so_often(&|answer| answer != Mark::Right, Mark::Right),
        spoiled: so_often(&|answer| answer == Mark::Right, Mark::Wrong),
        false_accusations: false_accusations(&known),
        decoys_blamed: scored().filter(|look| look.decoy_blamed.is_some()).count() as u32,
        missing: all().filter(|look| look.look.is_missing()).count() as u32,
        spread: spread(&known),
        tokens: spending(all().map(|look| look.look.tokens() as f64)),
        cost: cost(all(), &spent),
        spent,
        seconds: spending(all().map(|look| look.look.seconds)),
        dropped: sum(&|look| look.look.dropped.count() as usize),
        hypotheses: sum(&|look| look.look.blames.len()),
        only_outsiders: sum(&|look| look.look.only_outsiders),
    }
}

fn false_accusations(known: &[(&Case, Mark)]) -> FalseAccusations {
    let mut sum = FalseAccusations::default();
    for (case, answer) in known.iter().filter(|(case, _)| case.was_none == Some(true)) {
        sum.incidents += 1;
        sum.by_answer += u32::from(*answer == Mark::Wrong);
        sum.looks += case.looks.len() as u32;
        sum.by_model += case.looks.iter().filter(|look| look.first == Some(Mark::Wrong)).count() as u32;
    }
    sum
}

fn spread(known: &[(&Case, Mark)]) -> Option<Spread> {
    let rounds = known.iter().map(|(case, _)| case.looks.len()).max().filter(|rounds| *rounds > 1)?;
    let right_in = |case: &Case, round: usize| Some(case.looks.get(round)?.first == Some(Mark::Right));
    // One that Ctrl-C cut short can't be compared with the others.
    let round = |round| known.iter().map(|(case, _)| right_in(case, round)).collect::<Option<Vec<bool>>>();
    let whole = (0..rounds).filter_map(round);
    let is_unsteady = |case: &Case| {
        let right = (0..case.looks.len()).filter(|round| right_in(case, *round) == Some(true)).count();
        right > 0 && right < case.looks.len()
    };
    Some(Spread {
        right_by_round: whole.map(|right| right.iter().filter(|one| **one).count() as u32).collect(),
        unsteady: known
            .iter()
            .filter(|(case, _)| is_unsteady(case))
            .map(|(case, _)| case.id.clone())
            .collect(),
    })
}

fn spending(values: impl Iterator<Item = f64>) -> Option<Spending> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (median, most) = (quantile(&values, 0.5)?, *values.last()?);
    let rounded = |value: f64| (value * 1e6).round() / 1e6;
    Some(Spending { total: rounded(values.iter().sum()), median: rounded(median), most: rounded(most) })
}

/// The money of the looks; none where a part of it is not known, or it is of several currencies.
fn cost<'a>(looks: impl Iterator<Item = &'a ScoredLook>, spent: &Spent) -> Option<Money> {
    let [all] = spent.costs.as_slice() else { return None };
    let of = |look: &ScoredLook| look.look.spent.costs.iter().map(Cost::micros).sum::<u64>() as f64 / 1e6;
    let spending = spending(looks.map(of)).filter(|_| spent.is_whole())?;
    Some(Money { spending, currency: all.currency() })
}

#[cfg(test)]
mod tests;
