//! The answer: what is claimed, on which evidence, and what could not be seen. Text, Markdown and JSON are made
//! from this one value. It holds no clock reading and no duration of its own making, so the same record and
//! the same weights give the same bytes.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::Analysis;
use crate::change::ChangeKind;
use crate::evidence::{Citation, Coverage, Gap};
use crate::expertise::Expert;
use crate::hash::Digest;
use crate::ids::{ChangeId, ServiceName};
use crate::memory::recall::Remembered;
use crate::text::ExternalText;

/// The version of the answer's JSON form.
pub const ANSWER_VERSION: u32 = 3;

/// A statement that cites its evidence. There is no other way to make a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "UncheckedClaim")]
#[schemars(!try_from)]
pub struct Claim {
    says: String,
    #[schemars(length(min = 1))]
    citations: Vec<Citation>,
}

#[derive(Deserialize)]
struct UncheckedClaim {
    says: String,
    citations: Vec<Citation>,
}

/// A statement came without evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a claim needs at least one citation")]
pub struct Uncited;

impl Claim {
    /// States `says` on the evidence of `citations`.
    ///
    /// # Errors
    /// [`Uncited`] if there is none.
    pub fn new(says: impl Into<String>, citations: Vec<Citation>) -> Result<Self, Uncited> {
        if citations.is_empty() { Err(Uncited) } else { Ok(Claim { says: says.into(), citations }) }
    }

    /// The statement, safe to print.
    pub fn says(&self) -> &str {
        &self.says
    }

    /// Its evidence; never empty.
    pub fn citations(&self) -> &[Citation] {
        &self.citations
    }
}

impl TryFrom<UncheckedClaim> for Claim {
    type Error = Uncited;

    fn try_from(claim: UncheckedClaim) -> Result<Self, Uncited> {
        Claim::new(claim.says, claim.citations)
    }
}

/// The first line of an answer, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// At least one suspect is strong.
    LookHere,
    /// Suspects there are, but the evidence is thin.
    CantTell,
    /// Everything was searched and nothing that changed fits.
    NothingFits,
    /// No change did this: something else did, and there is evidence of it.
    NoChange,
}

/// How much the evidence gives. Words, until a backtest has calibrated the ranker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Something, but not enough to act on alone.
    Weak,
    /// Several independent reasons agree.
    Strong,
}

impl std::fmt::Display for Strength {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Strength::Weak => "weak",
            Strength::Strong => "strong",
        })
    }
}

/// When the problem began, as an interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Onset {
    /// It had not begun before this.
    #[schemars(with = "String")]
    pub earliest: Timestamp,
    /// It had begun by this.
    #[schemars(with = "String")]
    pub latest: Timestamp,
    /// How that is known.
    pub because: Claim,
}

/// A named feature, what it measured, and what one unit of it counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// The feature's name in `ranker.toml`.
    pub feature: String,
    /// What was measured; its unit is the feature's.
    pub value: f64,
    /// What one unit of it counts.
    pub weight: f64,
}

/// Why a suspect is one, or why it is less of one: what one kind of reason counts, and the statement for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// The kind of reason: `recency`, `words`, `named_file`, ….
    pub feature: String,
    /// What it adds to the score: the sum of value × weight over its parts.
    pub points: f64,
    /// How far its points lie above (below: negative) those of the middle candidate. What every change has is no
    /// reason.
    pub stands_out: f64,
    /// What was measured for it; features that saw nothing are left out.
    pub parts: Vec<Part>,
    /// The statement for people and its evidence.
    pub claim: Claim,
}

/// What an answer shows of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeSummary {
    /// The change.
    #[schemars(with = "String")]
    pub id: ChangeId,
    /// The full sha of a commit.
    pub sha: Option<String>,
    /// What kind of change.
    pub kind: ChangeKind,
    /// Its first line.
    #[schemars(with = "String")]
    pub title: ExternalText,
    /// Who made it.
    #[schemars(with = "String")]
    pub author: ExternalText,
    /// When it was written.
    #[schemars(with = "String")]
    pub committed_at: Timestamp,
    /// When it took effect.
    #[schemars(with = "String")]
    pub effective_at: Timestamp,
    /// Where a person can see it.
    pub link: Option<String>,
}

/// A change that may be the cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Suspect {
    /// Its place, from 1.
    pub rank: u32,
    /// The change.
    #[serde(flatten)]
    pub change: ChangeSummary,
    /// The rollout that brought it to production, if one is known: what a rollback would undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_by: Option<ChangeSummary>,
    /// In words.
    pub strength: Strength,
    /// As a probability from 0 to 1; null until a backtest has calibrated the ranker on what was asked.
    pub confidence: Option<f64>,
    /// The weighted sum of everything measured, what no reason tells in words included. Comparable inside one answer
    /// only.
    pub score: f64,
    /// Why, as far as it can be told in words, the weightiest first; what speaks against it too.
    pub reasons: Vec<Reason>,
}

/// A change that was considered and put aside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RuledOut {
    /// The change.
    #[serde(flatten)]
    pub change: ChangeSummary,
    /// The rule, in one word: `docs_only`, `tests_only`, `already_reverted`, `after_onset`.
    pub rule: String,
    /// Why, with its evidence.
    pub because: Claim,
}

/// A change that was not authorised: it happened inside a change freeze, or without what the policy asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Flagged {
    /// The change.
    #[serde(flatten)]
    pub change: ChangeSummary,
    /// Why, with its evidence.
    pub because: Claim,
}

/// What a finding was seen in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A golden signal that left its usual course.
    Signal,
    /// Golden signals that did not.
    Usual,
    /// Log records of an error.
    ErrorLog,
    /// Calls that failed.
    FailedCall,
    /// A call that took long.
    SlowCall,
}

/// What was seen of a service beside changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What it was seen in.
    pub kind: FindingKind,
    /// The service.
    #[schemars(with = "String")]
    pub service: ServiceName,
    /// The statement for people and its evidence.
    pub claim: Claim,
    /// Where a person can see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// Where it is written down what to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Runbook {
    /// For which service, if that is known.
    #[schemars(with = "Option<String>")]
    pub service: Option<ServiceName>,
    /// Where, by the word of the alert, the catalog, or what is remembered.
    pub link: String,
    /// The part that says what to do now, if a runbook is remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Box<RunbookPart>>,
}

/// A part of a runbook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunbookPart {
    /// The runbook and the passage.
    #[serde(flatten)]
    pub remembered: Remembered,
    /// Why it may not be true any more, a plain phrase each; empty if nothing speaks against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stale: Vec<String>,
    /// Why it is the one, with its evidence.
    pub because: Claim,
}

/// An incident of the past that was like this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Similar {
    /// The incident and the passage that fits.
    #[serde(flatten)]
    pub remembered: Remembered,
    /// Why, with its evidence.
    pub because: Claim,
}

/// On what probabilities were calibrated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CalibratedOn {
    /// How many rollbacks it rests on.
    pub cases: u32,
    /// Whose rollbacks, and until when.
    pub of: String,
    /// What the temperature of the weights was multiplied by.
    pub temperature: f64,
    /// The digest of the weights it was found with.
    #[schemars(with = "String")]
    pub weights: Digest,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// The version of this form.
    pub schema_version: u32,
    /// The first line in one word.
    pub verdict: Verdict,
    /// Nothing later than this was looked at.
    #[schemars(with = "String")]
    pub as_of: Timestamp,
    /// Changes before this were not looked at.
    #[schemars(with = "String")]
    pub since: Timestamp,
    /// When it began; null if nothing tells.
    pub onset: Option<Onset>,
    /// What was seen of the affected services, users' pain first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What the signs of the services come to; null outside of any sign of a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Analysis>,
    /// How many changes were considered, those ruled out included.
    pub considered: u64,
    /// The likeliest first; at most as many as the configuration says.
    pub suspects: Vec<Suspect>,
    /// The probability that none of the changes did it, 0 to 1; null where confidence is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub none_of_these: Option<f64>,
    /// On what the probabilities were calibrated; null where confidence is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibrated_on: Option<CalibratedOn>,
    /// What was put aside, newest first.
    pub ruled_out: Vec<RuledOut>,
    /// What was not authorised, newest first, whether suspected or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unauthorised: Vec<Flagged>,
    /// Incidents that were like this, the likest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub similar: Vec<Similar>,
    /// Whom to ask, those who know most first; at most three.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub experts: Vec<Expert>,
    /// What to do about it, where that is written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<Runbook>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
    /// What was searched.
    pub searched: Vec<Coverage>,
}

impl Answer {
    /// Hands over every citation, to call evidence by another name. A claim keeps as many as it had.
    pub fn each_citation(&mut self, mut change: impl FnMut(&mut Citation)) {
        let Answer { onset, findings, analysis, suspects, ruled_out, unauthorised, .. } = self;
        let Answer { similar, experts, runbook, .. } = self;
        let claims = onset.iter_mut().map(|onset| &mut onset.because);
        let claims = claims.chain(findings.iter_mut().map(|finding| &mut finding.claim));
        let claims = claims.chain(analysis.iter_mut().flat_map(Analysis::claims_mut));
        let reasons = suspects.iter_mut().flat_map(|suspect| &mut suspect.reasons);
        let claims = claims.chain(reasons.map(|reason| &mut reason.claim));
        let claims = claims.chain(ruled_out.iter_mut().map(|out| &mut out.because));
        let claims = claims.chain(unauthorised.iter_mut().map(|flagged| &mut flagged.because));
        let claims = claims.chain(similar.iter_mut().map(|one| &mut one.because));
        let part = runbook.iter_mut().filter_map(|runbook| runbook.part.as_mut());
        let claims = claims.chain(part.map(|part| &mut part.because));
        let why = experts.iter_mut().flat_map(|expert| &mut expert.reasons);
        let claims = claims.chain(why.map(|reason| &mut reason.claim));
        claims.flat_map(|claim| &mut claim.citations).for_each(&mut change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::EvidenceId;

    #[test]
    fn a_claim_without_citation_can_not_exist() {
        assert_eq!(Claim::new("it was the cart", vec![]), Err(Uncited));
        let json = r#"{"says": "it was the cart", "citations": []}"#;
        assert!(
            serde_json::from_str::<Claim>(json).unwrap_err().to_string().contains("at least one citation")
        );
    }

    #[test]
    fn a_cited_claim_survives_json() {
        let claim = Claim::new("x", vec![Citation::of(EvidenceId(Digest::of(b"x")))]).unwrap();
        let json = serde_json::to_string(&claim).unwrap();
        assert_eq!(serde_json::from_str::<Claim>(&json).unwrap(), claim);
    }
}
