//! What a model was shown, each piece under a short name by which it cites it, and what is made of its report: claims whose
//! every number and name stands in what they cite, hypotheses no surer than the evidence. It must not know where a piece
//! came from beyond who could have written it.

use std::collections::BTreeSet;

use hearback_core::answer::{Claim, Strength};
use hearback_core::evidence::Citation;
use hearback_core::ids::ToolName;
use hearback_core::investigation::{Dropped, Hypothesis, Statement};
use hearback_core::patch::{Edit, Suggested, check_edits};
use hearback_core::{ChangeId, Coverage, ExternalText, Origin};
use hearback_prompts::{BadTemplate, Handle, Label, Rendered, ToolResult};
use serde::{Deserialize, Serialize};

use super::grounding;
use super::reporting::{Report, Stated, Suggesting, Supposed};

/// As many bytes of a piece are shown.
const PIECE: usize = 4_000;
const EVIDENCE: Label = Label::new("evidence");

/// A piece of evidence as it was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// What it stands for.
    pub citations: Vec<Citation>,
    /// Who could have written it.
    pub origin: Origin,
    /// What was shown of it, redacted: a claim is held against this, not against what the model did not see.
    pub text: ExternalText,
}

/// A change that was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownChange {
    /// The change.
    pub id: ChangeId,
    /// How sure the answer without a model is that it did it.
    pub strength: Strength,
}

/// A piece before it has a name: what is shown of it stands after its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Unnamed {
    /// The piece.
    pub piece: Piece,
    /// The change it is about, if it is about one, and how sure the first answer is of that.
    pub change: Option<(ChangeId, Strength)>,
}

/// What a tool gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The tool.
    pub tool: ToolName,
    /// What was searched, and what was not seen.
    pub coverage: Vec<Coverage>,
    /// What was found.
    pub pieces: Vec<Unnamed>,
}

/// Everything that a model was shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    pieces: Vec<Piece>,
    /// How many pieces were shown before these and are not kept any more.
    #[serde(default)]
    forgotten: usize,
    changes: Vec<ShownChange>,
    /// The changes of which people said that they did not do it.
    #[serde(default)]
    dismissed: BTreeSet<ChangeId>,
}

/// What kind of statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A claim.
    Claim,
    /// A hypothesis.
    Hypothesis,
    /// A patch.
    Patch,
}

impl What {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            What::Claim => "claim",
            What::Hypothesis => "hypothesis",
            What::Patch => "patch",
        }
    }
}

/// A report, held against what it cites.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// The claims that stand.
    pub claims: Vec<Statement>,
    /// The hypotheses that stand.
    pub hypotheses: Vec<Hypothesis>,
    /// The patch, if it may be proposed as far as can be told without the files.
    #[serde(default)]
    pub patch: Option<Suggested>,
    /// What was dropped, place by place: the second claim.
    pub drops: Vec<(What, usize, Dropped)>,
}

impl Known {
    /// Names a piece: `E4`. What is too long to be shown is cut.
    fn add(&mut self, mut piece: Piece) -> Handle {
        piece.text = ExternalText::capped(piece.text.as_untrusted(), PIECE);
        self.pieces.push(piece);
        Handle::evidence(self.forgotten + self.pieces.len())
    }

    /// Names a change: `C2`; the same change keeps its name, and what is known of it at first.
    pub fn add_change(&mut self, id: &ChangeId, strength: Strength) -> Handle {
        let place = self.changes.iter().position(|shown| shown.id == *id).unwrap_or_else(|| {
            self.changes.push(ShownChange { id: id.clone(), strength });
            self.changes.len() - 1
        });
        Handle::change(place + 1)
    }

    /// Names a piece and the change it is about.
    pub fn name(&mut self, Unnamed { piece, change }: Unnamed) -> (Handle, Option<Handle>) {
        let change = change.map(|(id, strength)| self.add_change(&id, strength));
        (self.add(piece), change)
    }

    /// Names what a tool gave, and says it as the model is to read it.
    pub fn show(&mut self, shown: Shown) -> Result<Rendered, BadTemplate> {
        let known = self.pieces.len();
        let names: Vec<_> = shown.pieces.into_iter().map(|one| self.name(one)).collect();
        let new = names.into_iter().zip(self.pieces.iter().skip(known));
        let pieces: Vec<_> = new
            .map(|((name, change), piece)| hearback_prompts::Piece {
                name,
                change,
                origin: piece.origin,
                label: EVIDENCE,
                text: &piece.text,
            })
            .collect();
        let (tool, searched) = (&shown.tool, &shown.coverage);
        hearback_prompts::tool_result(ToolResult { tool, searched, pieces: &pieces, most: PIECE })
    }

    /// Forgets the pieces that were shown, not that their names are taken: for readers whose statements nobody checks here.
    pub fn forget_pieces(&mut self) {
        self.forgotten += self.pieces.len();
        self.pieces.clear();
    }

    /// The change that a model calls by this name.
    pub fn change(&self, name: &str) -> Option<&ShownChange> {
        self.changes.get(Handle::place(name, Handle::change(1))?)
    }

    fn piece(&self, name: &str) -> Option<&Piece> {
        self.pieces.get(Handle::place(name, Handle::evidence(1))?.checked_sub(self.forgotten)?)
    }

    /// Holds a report against what it cites.
    pub fn check(&self, report: &Report) -> Checked {
        let mut checked = Checked::default();
        for (place, Stated { says, cites }) in (1..).zip(&report.claims) {
            match self.claim(says, cites) {
                Ok(statement) => checked.claims.push(statement),
                Err(why) => checked.drops.push((What::Claim, place, why)),
            }
        }
        for (place, supposed) in (1..).zip(&report.hypotheses) {
            match self.hypothesis(supposed) {
                Ok(hypothesis) => checked.hypotheses.push(hypothesis),
                Err(why) => checked.drops.push((What::Hypothesis, place, why)),
            }
        }
        if let Some(suggesting) = &report.patch {
            match self.patch(suggesting) {
                Ok(patch) => checked.patch = Some(patch),
                Err(why) => checked.drops.push((What::Patch, 1, why)),
            }
        }
        // The likeliest first, and what is sure by evidence before what is not.
        checked.hypotheses.sort_by_key(|one| std::cmp::Reverse(one.strength));
        checked
    }

    /// A person said that this change did not do it: nothing that blames it stands.
    pub(super) fn dismiss(&mut self, change: &ChangeId) {
        self.dismissed.insert(change.clone());
    }

    /// A person said that it did.
    pub(super) fn readmit(&mut self, change: &ChangeId) {
        self.dismissed.remove(change);
    }

    /// Whether a person said that this change did not do it.
    pub(super) fn is_dismissed(&self, change: &ChangeId) -> bool {
        self.dismissed.contains(change)
    }

    /// A patch needs a suspect that is strong without a model, a reason that rests on more than what anybody could have
    /// written, and a shape that a person reads at a glance. It brings no link that was not there.
    fn patch(&self, suggesting: &Suggesting) -> Result<Suggested, Dropped> {
        let Statement { claim, only_outsiders } = self.claim(&suggesting.says, &suggesting.cites)?;
        let change = self.change(suggesting.change.as_untrusted()).ok_or(Dropped::Unknown)?;
        if self.is_dismissed(&change.id) {
            return Err(Dropped::Dismissed);
        }
        if only_outsiders || change.strength != Strength::Strong {
            return Err(Dropped::Unsupported);
        }
        let brings_link = |edit: &Edit| {
            let ends = |c: char| c.is_whitespace() || "\"'`<>()[]{},;".contains(c);
            let mut words = edit.put.as_untrusted().split(ends);
            words.any(|word| {
                word.contains("//") && !edit.find.as_untrusted().contains(word) && !is_comment(word)
            })
        };
        if check_edits(&suggesting.edits).is_err() || suggesting.edits.iter().any(brings_link) {
            return Err(Dropped::Unreadable);
        }
        Ok(Suggested { because: claim, change: change.id.clone(), edits: suggesting.edits.clone() })
    }

    fn claim(&self, says: &ExternalText, cites: &[ExternalText]) -> Result<Statement, Dropped> {
        let pieces: Option<Vec<&Piece>> = cites.iter().map(|name| self.piece(name.as_untrusted())).collect();
        let pieces = pieces.ok_or(Dropped::Unknown)?;
        let texts: Vec<&str> = texts_of(pieces.iter().copied());
        let says = grounding::check(says, &texts)?;
        let mut citations: Vec<Citation> = Vec::new();
        for citation in pieces.iter().flat_map(|piece| &piece.citations) {
            if !citations.contains(citation) {
                citations.push(citation.clone());
            }
        }
        // What nobody but outsiders says stays theirs, whatever else is cited beside it.
        let ours: Vec<&str> =
            texts_of(pieces.iter().copied().filter(|piece| piece.origin != Origin::Outsider));
        let only_outsiders = ours.is_empty() || !grounding::stands(&says, &ours);
        let claim = Claim::new(says, citations).map_err(|_| Dropped::Uncited)?;
        Ok(Statement { claim, only_outsiders })
    }

    fn hypothesis(&self, supposed: &Supposed) -> Result<Hypothesis, Dropped> {
        let statement = self.claim(&supposed.says, &supposed.cites)?;
        let change = match &supposed.change {
            Some(name) => Some(self.change(name.as_untrusted()).ok_or(Dropped::Unknown)?),
            None => None,
        };
        if change.is_some_and(|shown| self.is_dismissed(&shown.id)) {
            return Err(Dropped::Dismissed);
        }
        let evidence = change.map_or(Strength::Weak, |shown| shown.strength);
        let is_lowered = supposed.doubtful || statement.only_outsiders;
        // What would disprove it tells of what is not known yet. It may name what was shown anywhere, and nothing else; what
        // only outsiders say only where people are told that it is theirs.
        let may_name = |piece: &&Piece| statement.only_outsiders || piece.origin != Origin::Outsider;
        let all: Vec<&str> = texts_of(self.pieces.iter().filter(may_name));
        let disproved_by = grounding::check(&supposed.disproved_by, &all).unwrap_or_default();
        Ok(Hypothesis {
            statement,
            change: change.map(|shown| shown.id.clone()),
            strength: if is_lowered { Strength::Weak } else { evidence },
            disproved_by: ExternalText::new(disproved_by),
        })
    }
}

/// Whether it is how a line of a comment begins, and no address.
fn is_comment(word: &str) -> bool {
    word.chars().all(|c| "/!*".contains(c))
}

fn texts_of<'a>(pieces: impl Iterator<Item = &'a Piece>) -> Vec<&'a str> {
    pieces.map(|piece| piece.text.as_untrusted()).collect()
}
