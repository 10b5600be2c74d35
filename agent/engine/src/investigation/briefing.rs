//! What a model is told at first: the question, and the answer that was computed without it, piece by piece, so that each can
//! be cited. It must not decide anything.

use std::collections::BTreeMap;

use hearback_core::answer::{ChangeSummary, Claim};
use hearback_core::evidence::Citation;
use hearback_core::ids::ToolName;
use hearback_core::redaction::redact_everything;
use hearback_core::time::format_time;
use hearback_core::{
    Answer, ChangeId, Coverage, Evidence, EvidenceId, ExternalText, Origin, SourceName, Strength,
};

use super::known::{Piece, Shown, Unnamed};

/// As many suspects, findings and the like are told of each.
const MOST: usize = 8;

/// The answer as evidence that can be cited.
pub fn pieces(answer: &Answer, snapshots: &[Evidence], own: &SourceName) -> Option<Shown> {
    let origins: BTreeMap<EvidenceId, Origin> = snapshots.iter().map(|one| (one.id, one.origin)).collect();
    let piece = |claim: &Claim, says: String, change: Option<(ChangeId, Strength)>| {
        piece(&origins, claim.citations(), says, change)
    };
    let mut pieces: Vec<Unnamed> = Vec::new();
    if let Some(onset) = &answer.onset {
        let (from, until) = (format_time(onset.earliest), format_time(onset.latest));
        pieces.push(piece(
            &onset.because,
            format!("It began between {from} and {until}: {}", onset.because.says()),
            None,
        ));
    }
    for finding in answer.findings.iter().take(MOST) {
        pieces.push(piece(&finding.claim, format!("{}: {}", finding.service, finding.claim.says()), None));
    }
    if let Some(analysis) = &answer.analysis {
        for failing in analysis.failing.iter().take(MOST) {
            pieces.push(piece(&failing.claim, failing.claim.says().to_owned(), None));
        }
        for claim in analysis.because.iter().take(MOST) {
            pieces.push(piece(claim, claim.says().to_owned(), None));
        }
    }
    for suspect in answer.suspects.iter().take(MOST) {
        let reasons: Vec<&str> = suspect.reasons.iter().take(5).map(|reason| reason.claim.says()).collect();
        let mut citations: Vec<Citation> = Vec::new();
        for citation in suspect.reasons.iter().flat_map(|reason| reason.claim.citations()) {
            if !citations.contains(citation) {
                citations.push(citation.clone());
            }
        }
        if citations.is_empty() {
            continue;
        }
        let says = format!(
            "Suspect {} ({}): {}. Because: {}",
            suspect.rank,
            suspect.strength,
            change(&suspect.change),
            reasons.join("; ")
        );
        let about = Some((suspect.change.id.clone(), suspect.strength));
        pieces.push(self::piece(&origins, &citations, says, about));
    }
    for out in answer.ruled_out.iter().take(3) {
        let says = format!("Ruled out: {}. {}", change(&out.change), out.because.says());
        pieces.push(piece(&out.because, says, Some((out.change.id.clone(), Strength::Weak))));
    }
    for one in answer.similar.iter().take(3) {
        let fixed = one
            .remembered
            .fixed
            .as_ref()
            .map_or(String::new(), |fixed| format!(". Fixed then: {}", fixed.for_people(200)));
        let says = format!("A past incident was like this: {}{fixed}", one.remembered.title.for_people(120));
        let mut unnamed = piece(&one.because, says, None);
        unnamed.piece.origin = one.remembered.origin;
        pieces.push(unnamed);
    }
    let missing = answer.gaps.iter().map(|gap| format!("{}: {}", gap.source, gap.why)).collect();
    let searched =
        answer.searched.iter().map(|one| format!("{}: {}", one.source, one.searched)).collect::<Vec<_>>();
    let coverage = Coverage { missing, ..Coverage::complete(own.clone(), searched.join("; ")) };
    Some(Shown { tool: ToolName::new("first_answer").ok()?, coverage: vec![coverage], pieces })
}

/// Who could have written any of what it cites could have written it.
fn piece(
    origins: &BTreeMap<EvidenceId, Origin>,
    citations: &[Citation],
    says: String,
    change: Option<(ChangeId, Strength)>,
) -> Unnamed {
    let origin = citations.iter().filter_map(|one| origins.get(&one.evidence)).max().copied();
    let text = ExternalText::new(redact_everything(&says).0);
    Unnamed {
        piece: Piece { citations: citations.to_vec(), origin: origin.unwrap_or(Origin::Member), text },
        change,
    }
}

fn change(change: &ChangeSummary) -> String {
    format!(
        "{} {} by {}, took effect {}: {}",
        change.kind,
        change.sha.as_deref().and_then(|sha| sha.get(..12)).unwrap_or(change.id.as_str()),
        change.author.for_people(60),
        format_time(change.effective_at),
        change.title.for_people(200),
    )
}
