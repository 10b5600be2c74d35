//! What people say of what may have caused an incident, as an investigation hears it: hypotheses they raise, confirm or dismiss,
//! and suspects they say are none. It must not know how they said it.

use hearback_core::evidence::Citation;
use hearback_core::hypothesis::{SeenHypothesis, Settled, Verdict};
use hearback_core::redaction::redact_everything;
use hearback_core::{ChangeId, EvidenceId, ExternalText, Incident, Origin, Strength};
use hearback_prompts::{BadTemplate, Remarked, Rendered};

use super::known::{Known, Piece, Unnamed};

/// Something that somebody said.
#[derive(Debug, Clone, PartialEq)]
pub struct Remark {
    /// The number of the entry that holds it.
    pub seq: u64,
    /// That entry as evidence.
    pub evidence: EvidenceId,
    /// What it says of what.
    pub what: Remarked,
    /// The change that it is about, if it is about one.
    pub change: Option<ChangeId>,
    /// In words, with what it is about.
    pub says: ExternalText,
    /// Their own words alone: what can be cited. What a model said does not become a person's word because they answer it.
    pub own: ExternalText,
}

/// What people said in this incident after the entry of this number, in order.
pub fn remarks(incident: &Incident, after: u64) -> Vec<Remark> {
    let raised = incident.hypotheses.iter().filter(|one| one.is_by_person()).map(|one| Remark {
        seq: one.seq,
        evidence: one.evidence,
        what: Remarked::Raised,
        change: one.change.clone(),
        says: one.says.clone(),
        own: one.says.clone(),
    });
    let settled = incident.hypotheses.iter().filter_map(|one| Some(of_settled(one, one.settled.as_ref()?)));
    let dismissed = incident.dismissed.iter().map(|(change, one)| Remark {
        seq: one.seq,
        evidence: one.evidence,
        what: Remarked::NotIt,
        change: Some(change.clone()),
        says: "This change did not do it.".into(),
        own: "This change did not do it.".into(),
    });
    let mut all: Vec<Remark> =
        raised.chain(settled).chain(dismissed).filter(|remark| remark.seq > after).collect();
    all.sort_by_key(|remark| remark.seq);
    all
}

fn of_settled(one: &SeenHypothesis, settled: &Settled) -> Remark {
    let (what, word) = match settled.verdict {
        Verdict::Confirmed => (Remarked::Confirmed, "right"),
        Verdict::Dismissed => (Remarked::Dismissed, "wrong"),
    };
    let why = settled.why.as_untrusted();
    Remark {
        seq: settled.seq,
        evidence: settled.evidence,
        what,
        change: one.change.clone(),
        says: ExternalText::new(format!("{} \u{2014} {word}. {why}", one.says.as_untrusted())),
        own: ExternalText::new(format!("That is {word}. {why}")),
    }
}

impl Remark {
    /// Takes into account what it says of a change, whether the model is told or not.
    pub(super) fn heed(&self, known: &mut Known) {
        let Some(change) = &self.change else { return };
        match self.what {
            Remarked::NotIt | Remarked::Dismissed => known.dismiss(change),
            Remarked::Confirmed => known.readmit(change),
            Remarked::Raised => {}
        }
    }

    /// Names it, and says it as the model is to read it.
    pub(super) fn told(&self, known: &mut Known) -> Result<Rendered, BadTemplate> {
        let clean = |text: &ExternalText| ExternalText::new(redact_everything(text.as_untrusted()).0);
        let citations = vec![Citation::of(self.evidence)];
        let (name, change) = known.name(Unnamed {
            piece: Piece { citations, origin: Origin::Member, text: clean(&self.own) },
            // A person's word makes no change surer than evidence does.
            change: self.change.clone().map(|change| (change, Strength::Weak)),
        });
        hearback_prompts::remark(self.what, name, change, &clean(&self.says))
    }
}
