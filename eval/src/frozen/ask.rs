//! A frozen incident, asked about: its record is replayed as any other, and what the answer says is what is scored. It must
//! not know what the incident was.

use hearback_core::analysis::{Analysis, Cause};
use hearback_core::happening::Question;
use hearback_core::{Answer, Change, ChangeId, ChangeKind, IncidentId, Strength};
use hearback_engine::analysts::authorised::AuthorisationPolicy;
use hearback_engine::analysts::culprit::rules::CulpritRules;
use hearback_engine::expertise::ExpertSettings;
use hearback_engine::ranker::Ranker;
use hearback_engine::replay::{Ask, Ground, ReplayError, Settings, replay_with_ground};
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

/// An answer, and what somebody needs who looks further into it.
pub struct Stands {
    /// The name of the folder.
    pub id: String,
    /// The answer.
    pub asked: Asked,
    /// What was asked.
    pub question: Question,
    /// What the answer stands on.
    pub ground: Ground,
}

impl Stands {
    /// What the folder calls this change. A rollout that brought one commit is that commit.
    pub fn name(&self, id: &ChangeId) -> String {
        let all = self.ground.incident.iter().flat_map(|incident| &incident.changes);
        let change: Option<&Change> = all.map(|seen| &seen.change.value).find(|change| change.id == *id);
        match change {
            Some(Change { delivers, .. }) if delivers.len() == 1 => {
                delivers.first().map_or_else(|| id.to_string(), |commit| name(commit, ChangeKind::Commit))
            }
            Some(change) => name(id, change.kind),
            None => name(id, ChangeKind::Commit),
        }
    }
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
    Ok(ask_with_ground(folder, weights).await?.asked)
}

/// As [`ask`], with what the answer stands on.
///
/// # Errors
/// As [`ask`].
pub async fn ask_with_ground(folder: &Folder, weights: &Weights) -> Result<Stands, AskError> {
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
    let (replayed, ground) = replay_with_ground(&recorded, until, &Ask::Anew(question), settings).await?;
    let answer = replayed.answer;
    let said = answer.analysis.as_ref().map(said).unwrap_or_default();
    let id = folder.id.clone();
    Ok(Stands { id, asked: Asked { said, answer }, question: replayed.question, ground })
}

/// A commit is called by its sha, a flag by its name, without the time it was switched.
fn name(id: &ChangeId, kind: ChangeKind) -> String {
    match (id.sha(), kind) {
        (Some(sha), _) => sha.to_owned(),
        (None, ChangeKind::Flag) => id.as_str().splitn(3, ':').take(2).collect::<Vec<_>>().join(":"),
        (None, _) => id.to_string(),
    }
}

fn said(analysis: &Analysis) -> Said {
    let (culprit, is_told) = match &analysis.cause {
        Cause::Change { change, .. } => (Some(name(&change.id, change.kind)), true),
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
