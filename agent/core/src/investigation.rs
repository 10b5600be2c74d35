//! What a model made of an answer: only what stands in evidence of its run, with what would show that it is wrong, how it
//! ended and what it cost. It must not know which model, or how it was asked.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::{Claim, Strength};
use crate::ids::{ChangeId, SourceName};
use crate::model::Spent;
use crate::patch::Suggested;
use crate::text::ExternalText;

/// Why an investigation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The model had said what it had to say.
    Finished,
    /// It had asked as often as it may.
    OutOfTurns,
    /// It had read and written as many tokens as it may.
    OutOfTokens,
    /// It had taken as long as it may.
    OutOfTime,
    /// It had cost as much as it may.
    OutOfMoney,
    /// It asked for the same again and again.
    Looped,
    /// It said again and again what can't be read.
    Unreadable,
    /// It did not want to, or its server withheld what it said.
    Refused,
    /// It is missing: away, too slow, not allowed.
    Missing,
}

/// Why a statement of a model was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dropped {
    /// It cites nothing.
    Uncited,
    /// It cites what nobody gathered.
    Unknown,
    /// Something checkable in it does not stand in what it cites.
    Unsupported,
    /// It says nothing, too much, or holds a link: links are given by evidence, never by a model.
    Unreadable,
    /// It blames a change of which a person said that it did not do it.
    Dismissed,
}

/// How many of a model's claims were dropped, by why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DroppedClaims {
    /// They cited nothing.
    pub uncited: u32,
    /// They cited what nobody gathered.
    pub unknown: u32,
    /// A number, a time or a name in them does not stand in what they cite.
    pub unsupported: u32,
    /// They said nothing, too much, or held a link.
    pub unreadable: u32,
    /// They blamed a change of which a person said that it did not do it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dismissed: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl DroppedClaims {
    /// Counts these.
    pub fn of(all: impl IntoIterator<Item = Dropped>) -> Self {
        let mut dropped = DroppedClaims::default();
        for why in all {
            *match why {
                Dropped::Uncited => &mut dropped.uncited,
                Dropped::Unknown => &mut dropped.unknown,
                Dropped::Unsupported => &mut dropped.unsupported,
                Dropped::Unreadable => &mut dropped.unreadable,
                Dropped::Dismissed => &mut dropped.dismissed,
            } += 1;
        }
        dropped
    }

    /// All of them.
    pub fn count(&self) -> u32 {
        self.uncited + self.unknown + self.unsupported + self.unreadable + self.dismissed
    }
}

/// Something that a model said and that stands in what it cites.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Statement {
    /// What it says.
    #[serde(flatten)]
    pub claim: Claim,
    /// Whether it, or something checkable in it, rests on text alone that anybody could have written: a log line, a public
    /// ticket. Then it supports no action, and people are told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_outsiders: bool,
}

/// What may have caused it, and what would show that it did not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hypothesis {
    /// What it says.
    #[serde(flatten)]
    pub statement: Statement,
    /// The change it blames, if it blames one; always one that was gathered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub change: Option<ChangeId>,
    /// How sure that is: at most what the evidence gives without a model.
    pub strength: Strength,
    /// What would show that it is wrong, in the model's words.
    #[schemars(with = "String")]
    pub disproved_by: ExternalText,
}

/// What came of an investigation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Investigated {
    /// What it found beside the first answer.
    pub claims: Vec<Statement>,
    /// What may have caused it, the likeliest first.
    pub hypotheses: Vec<Hypothesis>,
    /// A small patch that it suggests, of the shape that a person can read; it was not tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<Suggested>,
    /// What the model said that was dropped.
    pub dropped: DroppedClaims,
    /// Why it ended.
    pub ending: Ending,
    /// In a sentence, if there is more to say about its end: why a model is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How often the model was asked.
    pub turns: u32,
    /// How often something was looked up for it.
    pub fetches: u32,
    /// What it cost.
    #[schemars(with = "serde_json::Value")]
    pub spent: Spent,
    /// How long it took.
    #[schemars(with = "String")]
    pub took: SignedDuration,
    /// Who answered last; none if nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub by: Option<SourceName>,
}
