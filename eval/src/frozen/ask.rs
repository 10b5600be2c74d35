//! A frozen incident, asked about: its record is replayed as any other, and what the answer says is what is scored. It must
//! not know what the incident was.

use hearback_core::analysis::{Analysis, Cause};
use hearback_core::{Answer, ChangeKind, IncidentId, Strength};
use hearback_engine::analysts::authorised::AuthorisationPolicy;
use hearback_engine::analysts::culprit::rules::CulpritRules;
use hearback_engine::expertise::ExpertSettings;
use hearback_engine::ranker::Ranker;
use hearback_engine::replay::{Ask, ReplayError, Settings, replay};
use hearback_engine::signals::Signals;

use super::import::{BadFolder, Imported, import};
use super::scored::NONE;
use super::{Folder, Said};

/// What frozen incidents are asked with.
#[derive(Debug, Clone)]
pub struct Weights {
    /// Of the ranking.
    pub ranker: Ranker,
    /// Of series.
    pub signals: Signals,
    /// Of what explains a failure.
    pub culprit: CulpritRules,
}

impl Weights {
    /// Those that come with the program.
    ///
    /// # Errors
    /// What can't be read of them; a test of each keeps that from being shipped.
    pub fn shipped() -> Result<Weights, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Weights {
            ranker: Ranker::parse(include_str!("../../../config/ranker.toml"))?,
            signals: Signals::parse(include_str!("../../../config/signals.toml"))?,
            culprit: CulpritRules::parse(include_str!("../../../config/culprit.toml"))?,
        })
    }
}

/// An answer about a frozen incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// In the words that are scored.
    pub said: Said,
    /// In full.
    pub answer: Answer,
}

/// It could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The folder can't be made a record.
    #[error(transparent)]
    Folder(#[from] BadFolder),
    /// The record can't be replayed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

/// Imports `folder` and asks "what changed?".
///
/// # Errors
/// [`AskError`]: a file can't be read, in one sentence.
pub async fn ask(folder: &Folder, weights: &Weights) -> Result<Asked, AskError> {
    let incident = IncidentId::new("INC-FROZEN").map_err(|error| BadFolder {
        file: folder.id.clone(),
        line: None,
        why: error.to_string(),
    })?;
    let Imported { recorded, question, catalog, .. } = import(folder, &incident)?;
    let policy = AuthorisationPolicy::default();
    let settings = Settings {
        ranker: &weights.ranker,
        signals: &weights.signals,
        culprit: &weights.culprit,
        experts: &ExpertSettings::default(),
        policy: &policy,
        catalog: &catalog,
        gaps: &[],
    };
    let until = question.window.until;
    let replayed = replay(&recorded, until, &Ask::Anew(question), settings).await?;
    let answer = replayed.answer;
    let said = answer.analysis.as_ref().map(said).unwrap_or_default();
    Ok(Asked { said, answer })
}

fn said(analysis: &Analysis) -> Said {
    let (culprit, is_told) = match &analysis.cause {
        Cause::Change { change, .. } => {
            let id = match (&change.sha, change.kind) {
                (Some(sha), _) => sha.clone(),
                // A flag is called by its name, without the time it was switched.
                (None, ChangeKind::Flag) => {
                    change.id.as_str().splitn(3, ':').take(2).collect::<Vec<_>>().join(":")
                }
                (None, _) => change.id.to_string(),
            };
            (Some(id), true)
        }
        Cause::NoChange { .. } => (Some(NONE.to_owned()), true),
        Cause::CantTell => (None, false),
    };
    let strength = match analysis.strength {
        Strength::Strong => "strong",
        Strength::Weak => "weak",
    };
    Said {
        culprit,
        first_failing_service: analysis.first().map(|first| first.service.to_string()),
        blast_radius: analysis.failing.iter().map(|one| one.service.to_string()).collect(),
        remediation: analysis.advice.as_ref().map(|advice| advice.remedy.name().to_owned()),
        confidence: is_told.then(|| strength.to_owned()),
        evidence: analysis.because.iter().map(|claim| claim.says().to_owned()).collect(),
    }
}
