//! The main flow of "what changed?": scope → gather → analysts → answer. Everything it needs is an argument, so a
//! live question, a replay and a drill run the same code. It must not know a connector or a store.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearback_core::answer::{ANSWER_VERSION, Answer, Strength, Verdict};
use hearback_core::happening::Question;
use hearback_core::hash::{Digest, NotCanonical, canonical_json};
use hearback_core::ports::{ChangeQuery, ChangeSource};
use hearback_core::{Catalog, ChangeId, Evidence, EvidenceId, Gap, Incident, SourceName};
use jiff::SignedDuration;
use tracing::Instrument as _;

use crate::analysts::authorised::flagged;
use crate::analysts::onset::{Stated, onset};
use crate::analysts::suspects::{Inputs, Ranking, rank};
use crate::gather;
use crate::ranker::Ranker;
use crate::scope::{Scope, scope};

/// What a question is asked of.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Weights and thresholds.
    pub ranker: &'a Ranker,
    /// The services that are known.
    pub catalog: &'a Catalog,
    /// The sources of changes.
    pub sources: &'a [Arc<dyn ChangeSource>],
    /// The incident in which it is asked, folded as of the question's time.
    pub incident: Option<&'a Incident>,
    /// How long the sources may take.
    pub budget: SignedDuration,
}

/// An answer, and what must be kept to replay it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// The snapshots it cites.
    pub snapshots: Vec<Evidence>,
}

/// Answers "what changed?".
///
/// # Errors
/// [`NotCanonical`] never happens for these types; it is passed on rather than hidden. A source that fails is a
/// gap in the answer, not an error.
pub async fn answer(context: Context<'_>, question: &Question) -> Result<Answered, NotCanonical> {
    let span = tracing::info_span!("question", incident = context.incident.map(|i| i.id.as_str()));
    answer_inside(context, question).instrument(span).await
}

async fn answer_inside(context: Context<'_>, question: &Question) -> Result<Answered, NotCanonical> {
    let Context { ranker, catalog, sources, incident, budget } = context;
    let window = question.window;
    let scope = scope(question, incident, catalog, &ranker.symptom);
    let asked = EvidenceId(Digest::of(canonical_json(question)?.as_bytes()));
    let stated = question.onset.map(|at| Stated { at, question: asked });
    let onset = onset(stated, incident, &scope.services, &ranker.onset);

    let mut gathered = gather::changes(sources, incident, &ChangeQuery { window, budget }).await?;
    // The likeliest are found without their diffs, and only those diffs are read.
    let no_diffs = BTreeMap::new();
    // No source of freezes is asked yet, and no policy is read: nothing is judged.
    let judged = BTreeMap::new();
    let inputs = Inputs {
        ranker,
        catalog,
        scope: &scope,
        onset: onset.as_ref(),
        window,
        changes: &gathered.changes.clone(),
        diffs: &no_diffs,
        judged: &judged,
    };
    let mut ranking = rank(&inputs);
    let likeliest: Vec<ChangeId> =
        ranking.suspects.iter().take(ranker.diffs).map(|suspect| suspect.change.id.clone()).collect();
    if !scope.words.is_empty() && !likeliest.is_empty() {
        let diffs = gather::diffs(sources, &likeliest, budget, &mut gathered).await?;
        ranking = rank(&Inputs { diffs: &diffs, ..inputs });
    }
    gathered.gaps.extend(unknown_services(&inputs, &ranking));
    let Ranking { mut suspects, ruled_out, considered } = ranking;
    let verdict = verdict(&suspects, &scope, &gathered.gaps);
    suspects.truncate(ranker.listed);
    let answer = Answer {
        schema_version: ANSWER_VERSION,
        verdict,
        as_of: window.until,
        since: window.from,
        onset,
        considered,
        suspects,
        ruled_out,
        unauthorised: flagged(&gathered.changes, &judged),
        gaps: gathered.gaps,
        searched: gathered.searched,
    };
    Ok(Answered { answer, snapshots: gathered.snapshots })
}

fn verdict(suspects: &[hearback_core::Suspect], scope: &Scope, gaps: &[Gap]) -> Verdict {
    if suspects.is_empty() && !gaps.is_empty() {
        // What was not seen may be what fits.
        Verdict::CantTell
    } else if suspects.is_empty() {
        Verdict::NothingFits
    } else if !scope.says_nothing() && suspects.iter().any(|suspect| suspect.strength == Strength::Strong) {
        Verdict::LookHere
    } else {
        Verdict::CantTell
    }
}

/// A service that neither the catalog nor any change knows was probably misspelt: better said than guessed.
fn unknown_services(inputs: &Inputs<'_>, ranking: &Ranking) -> Vec<Gap> {
    let concerned =
        ranking.suspects.iter().any(|suspect| suspect.reasons.iter().any(|r| r.feature == "service"));
    let unknown = inputs.scope.services.iter().filter(|name| inputs.catalog.find(name.as_str()).is_none());
    let Ok(source) = SourceName::new("catalog") else { return Vec::new() };
    if concerned {
        return Vec::new();
    }
    unknown
        .map(|name| Gap {
            source: source.clone(),
            why: format!(
                "service {name} is not in the catalog, and no change of the window concerns it by name"
            ),
        })
        .collect()
}
