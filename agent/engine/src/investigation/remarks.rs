//! What people say of what may have caused an incident, as an investigation hears it: hypotheses they raise, confirm or dismiss,
//! and suspects they say are none. It must not know how they said it.

use hearback_core::evidence::Citation;
use hearback_core::hypothesis::{SeenHypothesis, Settled, Verdict};
use hearback_core::redaction::redact_everything;
use hearback_core::{ChangeId, EvidenceId, ExternalText, Incident, Origin, Strength};
use hearback_prompts::{BadTemplate, Remarked, Rendered};

use super::known::{Known, Piece, Unnamed};

/// As many are told at once: the newest.
const MOST: usize = 20;

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
    /// In words.
    pub says: ExternalText,
}

/// What people said in this incident after the entry of this number, in order; of more than can be told, the newest.
pub fn remarks(incident: &Incident, after: u64) -> Vec<Remark> {
    let raised = incident.hypotheses.iter().filter(|one| one.is_by_person()).map(|one| Remark {
        seq: one.seq,
        evidence: one.evidence,
        what: Remarked::Raised,
        change: one.change.clone(),
        says: one.says.clone(),
    });
    let settled = incident.hypotheses.iter().filter_map(|one| Some(of_settled(one, one.settled.as_ref()?)));
    let dismissed = incident.dismissed.iter().map(|(change, one)| Remark {
        seq: one.seq,
        evidence: one.evidence,
        what: Remarked::NotIt,
        change: Some(change.clone()),
        says: "This change did not do it.".into(),
    });
    let mut all: Vec<Remark> =
        raised.chain(settled).chain(dismissed).filter(|remark| remark.seq > after).collect();
    all.sort_by_key(|remark| remark.seq);
    all.split_off(all.len().saturating_sub(MOST))
}

fn of_settled(one: &SeenHypothesis, settled: &Settled) -> Remark {
    let (what, word) = match settled.verdict {
        Verdict::Confirmed => (Remarked::Confirmed, "right"),
        Verdict::Dismissed => (Remarked::Dismissed, "wrong"),
    };
    let why = if settled.why.is_blank() { "" } else { settled.why.as_untrusted() };
    Remark {
        seq: settled.seq,
        evidence: settled.evidence,
        what,
        change: one.change.clone(),
        says: ExternalText::new(format!("{} \u{2014} {word}. {why}", one.says.as_untrusted())),
    }
}

impl Remark {
    /// Names it, and says it as the model is to read it.
    pub(super) fn told(&self, known: &mut Known) -> Result<Rendered, BadTemplate> {
        if let Some(change) = &self.change {
            match self.what {
                Remarked::NotIt | Remarked::Dismissed => known.dismiss(change),
                Remarked::Confirmed => known.readmit(change),
                Remarked::Raised => {}
            }
        }
        let text = ExternalText::new(redact_everything(self.says.as_untrusted()).0);
        let citations = vec![Citation::of(self.evidence)];
        let (name, change) = known.name(Unnamed {
            piece: Piece { citations, origin: Origin::Member, text: text.clone() },
            // A person's word makes no change surer than evidence does.
            change: self.change.clone().map(|change| (change, Strength::Weak)),
        });
        hearback_prompts::remark(self.what, name, change, &text)
    }
}
