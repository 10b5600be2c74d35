//! The ports: trying to undo a commit, and undoing it or patching it by another one that is pushed. Knows tokio; what is read is read
//! by blocking code, what needs a network is the git program's. The work tree, the index, HEAD, the branches and the
//! refs that follow a remote are somebody's own and are never written.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use git2::{ErrorCode, Oid, Repository};
use hearback_core::action::{Action, IdempotencyKey, Outcome};
use hearback_core::approval::ApprovedAction;
use hearback_core::change::RepoPath;
use hearback_core::ids::ChangeId;
use hearback_core::ports::{
    ActionExecutor, ConnectorError, Rehearsal, RevertFit, RevertPreview, RevertTrial, Trace,
};
use jiff::{SignedDuration, Timestamp};

use crate::objects::Objects;
use crate::program::{On, Program};
use crate::repositories::{self, Repositories};
use crate::revert::{self, Attempt, Fit};
use crate::revert_commit::CommitAuthor;
use crate::revert_later::NotLater;
use crate::revert_remote::{self, Remote};
use crate::revert_site::{self, Site};
use crate::source::blocking;
use crate::stop::Stop;
use crate::task::Task;
use crate::{revert_found, revert_later, revert_push, revert_rehearsal};

/// So many files are named.
const MOST_FILES: usize = 100;
/// So many later commits are named.
const MOST_LATER: usize = 20;

/// Where and as whom commits are undone.
#[derive(Debug, Clone)]
pub struct RevertOptions {
    /// The branch that runs in production; none means the one that a clone begins on.
    pub branch: Option<String>,
    /// The remote; none means `origin`, or the only one there is.
    pub remote: Option<String>,
    /// Who makes the commits.
    pub author: CommitAuthor,
    /// The git program.
    pub git: PathBuf,
    /// The environment. What is in [`crate::PASSED_ON`] goes to the git program, nothing else does.
    pub environment: Vec<(OsString, OsString)>,
}

/// A git repository in which commits can be undone, and patched by a branch of its own.
pub struct GitReverts {
    pub(crate) own: Arc<Own>,
}

/// What all work on one repository needs.
pub(crate) struct Own {
    pub(crate) repositories: Repositories,
    pub(crate) name: String,
    pub(crate) options: RevertOptions,
    pub(crate) program: Program,
}

/// What the work on one action needs beyond that.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) site: Site,
    pub(crate) remote: String,
    /// The repository's own ssh command.
    pub(crate) ssh: Option<String>,
    /// The remote's own configuration, as the git program gets it.
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) task: Task,
    /// The commit that it is about.
    pub(crate) commit: Oid,
}

impl GitReverts {
    /// Opens the repository that `path` is in. Without a name it is called as its folder.
    ///
    /// # Errors
    /// [`ConnectorError::NotUsable`] if there is no repository, or the author or the branch can't be one.
    pub fn open(path: &Path, name: Option<&str>, options: RevertOptions) -> Result<Self, ConnectorError> {
        options.author.check()?;
        if let Some(branch) = &options.branch {
            revert_site::check_branch(branch)?;
        }
        let repositories = Repositories::open(path)?;
        let name = match name {
            Some(name) => name.to_owned(),
            None => repositories.with(repositories::default_name)?,
        };
        let program = Program::new(&options.git, &options.environment);
        Ok(GitReverts { own: Arc::new(Own { repositories, name, options, program }) })
    }

    /// What the repository is called.
    pub fn repository_name(&self) -> &str {
        &self.own.name
    }
}

#[async_trait]
impl RevertPreview for GitReverts {
    async fn try_revert(
        &self,
        change: &ChangeId,
        budget: SignedDuration,
    ) -> Result<Option<RevertTrial>, ConnectorError> {
        let Some(commit) = self.own.commit(change) else { return Ok(None) };
        let own = Arc::clone(&self.own);
        blocking(budget, move |stop| own.trial(commit, stop)).await
    }
}

#[async_trait]
impl ActionExecutor for GitReverts {
    fn supports(&self, action: &Action) -> bool {
        self.own.task(action).is_some()
    }

    async fn rehearse(&self, action: &Action, budget: SignedDuration) -> Result<Rehearsal, ConnectorError> {
        revert_rehearsal::rehearse(&self.own, action, deadline(budget)).await
    }

    async fn execute(&self, approved: ApprovedAction, at: Timestamp, budget: SignedDuration) -> Outcome {
        revert_push::execute(&self.own, &approved, at, deadline(budget)).await
    }

    async fn look(
        &self,
        action: &Action,
        key: &IdempotencyKey,
        budget: SignedDuration,
    ) -> Result<Trace, ConnectorError> {
        revert_found::look(&self.own, action, key, deadline(budget)).await
    }
}

impl Own {
    /// The commit that a change is, if it is one of this repository.
    pub(crate) fn commit(&self, change: &ChangeId) -> Option<Oid> {
        change.as_str().strip_prefix(&format!("git:{}:", self.name)).and_then(full_sha)
    }

    /// What is to be made, if it is in this repository.
    fn task(&self, action: &Action) -> Option<Task> {
        Task::of(action).filter(|task| task.repository() == self.name)
    }

    /// Where an action takes place, if it may.
    pub(crate) fn scene(&self, action: &Action) -> Result<Scene, ConnectorError> {
        let not_usable = |says: String| Err(ConnectorError::NotUsable(says));
        let Some(task) = self.task(action) else {
            return not_usable(format!(
                "this is neither a revert nor a patch in {}",
                revert_site::said(&self.name)
            ));
        };
        let Some(commit) = full_sha(task.commit()) else {
            return not_usable("the commit that it is about is not named by its full sha".to_owned());
        };
        let repository = self.repositories.open_apart()?;
        let site = Site::find(&repository, &self.options)?;
        if task.branch() != site.branch {
            return not_usable(format!(
                "it is to be done on {}, but {} runs in production",
                revert_site::said(task.branch()),
                revert_site::said(&site.branch)
            ));
        }
        task.check_push_to()?;
        let remote = site.pushed_to(&repository)?;
        let ssh = repository.config().and_then(|config| config.get_string("core.sshCommand")).ok();
        let settings = revert_remote::settings(&repository, &remote).map_err(|error| {
            ConnectorError::Failed(format!("the remote can't be read: {}", error.message()))
        })?;
        Ok(Scene { site, remote, ssh, settings, task, commit })
    }

    pub(crate) fn remote<'a>(&'a self, scene: &'a Scene) -> Remote<'a> {
        let on = On {
            git_dir: self.repositories.common_dir(),
            folder: self.repositories.root(),
            ssh: scene.ssh.as_deref(),
            settings: &scene.settings,
        };
        Remote { program: &self.program, on }
    }

    fn trial(&self, commit: Oid, stop: &Stop) -> Result<Option<RevertTrial>, ConnectorError> {
        let repository = self.repositories.open_apart()?;
        if repository.find_commit(commit).is_err_and(|error| error.code() == ErrorCode::NotFound) {
            return Ok(None);
        }
        let site = Site::find(&repository, &self.options)?;
        let tip = site.tip(&repository)?;
        revert::write_to_memory(&repository)?;
        let (attempt, later) = try_on(&repository, commit, tip, stop)?;
        let (fit, changed) = match attempt.fit {
            Fit::Clean { files, .. } => (RevertFit::Clean, files),
            Fit::NothingLeft => (RevertFit::NothingLeft, Vec::new()),
            Fit::Conflicts(files) => (RevertFit::Conflicts(named(&files)), attempt.concerned),
        };
        let ids = later.iter().take(MOST_LATER).map(|oid| ChangeId::commit(&self.name, &oid.to_string()));
        let ids = ids.collect::<Result<Vec<_>, _>>();
        Ok(Some(RevertTrial {
            repository: self.name.clone(),
            commit: commit.to_string(),
            branch: site.branch,
            expected: attempt.expected,
            files: named(&changed),
            file_count: changed.len(),
            fit,
            later: ids.map_err(|error| ConnectorError::NotUsable(error.to_string()))?,
            later_count: later.len(),
        }))
    }
}

/// Undoes a commit on top of a tip that has it; with the later commits that touch the files concerned.
pub(crate) fn try_on(
    repository: &Repository,
    commit: Oid,
    tip: Oid,
    stop: &Stop,
) -> Result<(Attempt, Vec<Oid>), ConnectorError> {
    revert::undoable(repository, commit)?;
    let objects = Objects::new(repository).map_err(|error| revert::unreadable("the repository", &error))?;
    let short = || revert::short(commit);
    let later = revert_later::later(&objects, tip, commit, stop)?.map_err(|why| {
        ConnectorError::NotUsable(match why {
            NotLater::TooFar => format!(
                "{} lies more than {} commits back; nobody can say what was built on it, so undo it by hand",
                short(),
                revert_later::MOST_LATER
            ),
            NotLater::Elsewhere => {
                format!("{} is not on the branch, so there is nothing to undo there", short())
            }
        })
    })?;
    let attempt = revert::attempt(repository, commit, tip, stop)?;
    let later = revert_later::touching(&objects, &later, &attempt.concerned, stop)?;
    Ok((attempt, later))
}

fn named(paths: &[revert::Path]) -> Vec<RepoPath> {
    paths.iter().take(MOST_FILES).map(|path| RepoPath::from_bytes(path)).collect()
}

/// A commit by its full name, in small letters.
fn full_sha(text: &str) -> Option<Oid> {
    let is_full = text.len() == 40 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    Oid::from_str(text).ok().filter(|_| is_full)
}

fn deadline(budget: SignedDuration) -> Instant {
    let now = Instant::now();
    now.checked_add(Duration::try_from(budget).unwrap_or_default()).unwrap_or(now)
}

/// What is left until then.
pub(crate) fn left(until: Instant) -> SignedDuration {
    SignedDuration::try_from(until.saturating_duration_since(Instant::now())).unwrap_or_default()
}
