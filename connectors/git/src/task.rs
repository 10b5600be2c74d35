//! What is made on a branch and then pushed: the one place that tells the kinds of it apart. It must not know how it is
//! fetched, pushed or looked for.

use git2::{Oid, Repository};
use hearback_core::action::{Action, RevertCommit};
use hearback_core::ports::ConnectorError;
use jiff::SignedDuration;

use crate::revert::{self, Attempt, Fit, short};
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
            _ => None,
        }
    }

    /// The repository, as it is called here.
    pub(crate) fn repository(&self) -> &str {
        match self {
            Task::Revert(revert) => &revert.repository,
        }
    }

    /// The commit that it is about, as it is named.
    pub(crate) fn commit(&self) -> &str {
        match self {
            Task::Revert(revert) => &revert.commit,
        }
    }

    /// The branch that it is made on.
    pub(crate) fn branch(&self) -> &str {
        match self {
            Task::Revert(revert) => &revert.branch,
        }
    }

    /// The branch that is pushed.
    pub(crate) fn push_to(&self) -> &str {
        match self {
            Task::Revert(revert) => &revert.push_to,
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
        }
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
        }
    }

    /// What takes back a commit that was pushed to the branch itself: a revert of it.
    pub(crate) fn inverse(&self, own: &Own, made: Oid, tip: Oid) -> Option<Action> {
        let Task::Revert(revert) = self;
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
