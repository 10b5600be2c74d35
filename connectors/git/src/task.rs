//! What is made on a branch and then pushed: the one place that tells the kinds of it apart. It must not know how it is
//! fetched, pushed or looked for.

use std::collections::BTreeSet;

use git2::{Oid, Repository};
use hearback_core::action::{Action, PushPatch, RevertCommit};
use hearback_core::ids::ProposalId;
use hearback_core::ports::ConnectorError;
use jiff::SignedDuration;

use crate::patch::{self, Fitted};
use crate::revert::{self, Attempt, Fit, Path, short};
use crate::revert_commit::{self, Wording};
use crate::revert_site::{self, said};
use crate::reverts::{Own, try_on};
use crate::stop::Stop;

/// So long it may take to work out how a thing that is done is taken back.
const INVERSE_BUDGET: SignedDuration = SignedDuration::from_secs(5);

/// What is made.
#[derive(Debug, Clone)]
pub(crate) enum Task {
    /// A commit that undoes another.
    Revert(RevertCommit),
    /// A commit that changes a few places of files which another touched.
    Patch(PushPatch),
}

/// What the commit holds and says.
pub(crate) struct Made {
    pub(crate) tree: Oid,
    pub(crate) message: String,
}

impl Task {
    /// What an action wants made; none if it wants something else.
    pub(crate) fn of(action: &Action) -> Option<Self> {
        match action {
            Action::RevertCommit(revert) => Some(Task::Revert(revert.clone())),
            Action::PushPatch(patch) => Some(Task::Patch(patch.clone())),
            _ => None,
        }
    }

    /// The repository, as it is called here.
    pub(crate) fn repository(&self) -> &str {
        match self {
            Task::Revert(revert) => &revert.repository,
            Task::Patch(patch) => &patch.repository,
        }
    }

    /// The commit that it is about, as it is named.
    pub(crate) fn commit(&self) -> &str {
        match self {
            Task::Revert(revert) => &revert.commit,
            Task::Patch(patch) => &patch.suspect,
        }
    }

    /// The branch that it is made on.
    pub(crate) fn branch(&self) -> &str {
        match self {
            Task::Revert(revert) => &revert.branch,
            Task::Patch(patch) => &patch.branch,
        }
    }

    /// The branch that is pushed.
    pub(crate) fn push_to(&self) -> &str {
        match self {
            Task::Revert(revert) => &revert.push_to,
            Task::Patch(patch) => &patch.push_to,
        }
    }

    /// Whether it goes to a branch of its own.
    pub(crate) fn is_apart(&self) -> bool {
        self.push_to() != self.branch()
    }

    /// Refuses what may not be pushed to.
    pub(crate) fn check_push_to(&self) -> Result<(), ConnectorError> {
        match self {
            Task::Revert(revert) => revert_site::check_push_to(&revert.push_to, &revert.branch),
            Task::Patch(patch) => revert_site::check_own_branch(&patch.push_to, &patch.branch),
        }
    }

    /// Refuses a patch that would go to a branch of another incident than it was approved in.
    pub(crate) fn check_approved_in(&self, proposal: &ProposalId) -> Result<(), ConnectorError> {
        let Task::Patch(patch) = self else { return Ok(()) };
        let incident = proposal.incident();
        if incident.is_some_and(|incident| revert_site::is_of_incident(&patch.push_to, incident.as_str())) {
            return Ok(());
        }
        let says = format!("{} is no branch of the incident that {proposal} is of", said(&patch.push_to));
        Err(ConnectorError::NotUsable(says))
    }

    /// Makes it on a tip, if all is as it was when it was proposed.
    ///
    /// # Errors
    /// [`ConnectorError::NotUsable`] if it is not.
    pub(crate) fn make(
        &self,
        repository: &Repository,
        (commit, tip): (Oid, Oid),
        wording: &Wording,
        stop: &Stop,
    ) -> Result<Made, ConnectorError> {
        match self {
            Task::Revert(revert) => {
                let (attempt, _) = try_on(repository, commit, tip, stop)?;
                let tree = undone(revert, attempt)?;
                let title = revert_commit::title(repository, commit)?;
                Ok(Made { tree, message: wording.revert(commit, &title) })
            }
            Task::Patch(patch) => {
                let attempt = patch::attempt(repository, commit, tip, &patch.edits, stop)?;
                let fitted = patched(patch, attempt)?;
                let tree = patch::write(repository, tip, &fitted)?;
                Ok(Made { tree, message: wording.patch(commit) })
            }
        }
    }

    /// What was done, for people.
    pub(crate) fn did(&self, commit: Oid, made: Oid) -> String {
        match self {
            Task::Revert(revert) => format!(
                "reverted {} on {} of {} with {}",
                short(commit),
                said(&revert.branch),
                said(&revert.repository),
                short(made)
            ),
            Task::Patch(patch) => format!(
                "patched {} on {} of {} with {}",
                crate::revert_rehearsal::list(&files(patch)),
                said(&patch.branch),
                said(&patch.repository),
                short(made)
            ),
        }
    }

    /// What takes back a revert that was pushed to the branch itself: a revert of it.
    pub(crate) fn inverse(&self, own: &Own, made: Oid, tip: Oid) -> Option<Action> {
        let Task::Revert(revert) = self else { return None };
        let (stop, _waits) = Stop::after(INVERSE_BUDGET);
        let repository = own.repositories.open_apart().ok()?;
        revert::write_to_memory(&repository).ok()?;
        let (attempt, _) = try_on(&repository, made, tip, &stop).ok()?;
        let fits = matches!(attempt.fit, Fit::Clean { .. });
        let commit = made.to_string();
        let revert = RevertCommit { commit, expected: attempt.expected, ..revert.clone() };
        fits.then_some(Action::RevertCommit(revert))
    }
}

/// The tree without a commit, if all is as it was when it was proposed.
pub(crate) fn undone(revert: &RevertCommit, attempt: Attempt) -> Result<Oid, ConnectorError> {
    let branch = said(&revert.branch);
    let refused = |says: String| Err(ConnectorError::NotUsable(says));
    match attempt.fit {
        Fit::NothingLeft => refused(format!("nothing of it is left to undo on {branch}")),
        _ if attempt.expected != revert.expected => refused(format!(
            "the files it touches were changed on {branch} since it was proposed; ask again what changed for a new \
             proposal"
        )),
        Fit::Conflicts(files) => refused(format!(
            "it does not undo cleanly: {} conflict{}; do it by hand",
            crate::revert_rehearsal::list(&files),
            if files.len() == 1 { "s" } else { "" }
        )),
        Fit::Clean { tree, .. } => Ok(tree),
    }
}

/// What the files shall hold, if all is as it was when it was proposed.
pub(crate) fn patched(patch: &PushPatch, attempt: patch::Attempt) -> Result<Fitted, ConnectorError> {
    let branch = said(&patch.branch);
    let refused = |says: String| Err(ConnectorError::NotUsable(says));
    if attempt.expected != patch.expected {
        return refused(format!(
            "the files it changes were changed on {branch} since it was proposed; ask again what changed for a new \
             proposal"
        ));
    }
    match attempt.fit {
        Err(why) => refused(format!("it can't be made on {branch}: {why}")),
        Ok(fitted) if fitted.diff != patch.diff => refused(format!(
            "it comes out otherwise on {branch} than people were shown; ask again what changed for a new proposal"
        )),
        Ok(fitted) => Ok(fitted),
    }
}

/// The files that a patch names.
pub(crate) fn files(patch: &PushPatch) -> Vec<Path> {
    let files: BTreeSet<&str> = patch.edits.iter().map(|edit| edit.path.as_str()).collect();
    files.into_iter().map(|path| Path::from(path.as_bytes())).collect()
}
