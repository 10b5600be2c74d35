//! Opens a repository, and opens it again for every thread that reads it. It must not know what is asked.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use git2::{ErrorCode, Oid, Repository, RepositoryOpenFlags};
use hearback_core::ports::ConnectorError;

use crate::limits;
use crate::link::Forge;

/// One repository, opened as often as threads need it at once.
pub(crate) struct Repositories {
    git_dir: PathBuf,
    common_dir: PathBuf,
    root: PathBuf,
    idle: Mutex<Vec<Repository>>,
}

/// What was asked for, resolved.
#[derive(Debug, Clone)]
pub(crate) struct Tip {
    pub(crate) oid: Oid,
    /// What people call it: a branch, a revision, "detached HEAD".
    pub(crate) called: String,
}

impl Repositories {
    /// Finds the repository that `path` is in.
    pub(crate) fn open(path: &Path) -> Result<Self, ConnectorError> {
        limits::apply();
        let repository =
            Repository::open_ext(path, RepositoryOpenFlags::empty(), std::iter::empty::<&Path>())
                .map_err(|error| refused(path, &error))?;
        let root = root(&repository);
        let (git_dir, common_dir) = (repository.path().to_owned(), repository.commondir().to_owned());
        Ok(Repositories { git_dir, common_dir, root, idle: Mutex::new(vec![repository]) })
    }

    /// Where branches, remotes and objects are: the same for all work trees of one repository.
    pub(crate) fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// Opens it once more, without work tree and index: whatever is done through it can't touch either.
    pub(crate) fn open_apart(&self) -> Result<Repository, ConnectorError> {
        let opened = Repository::open_bare(&self.common_dir).and_then(|repository| {
            // Attributes are read from the index where there is no work tree, and the index is somebody's own.
            repository.set_index(&mut git2::Index::new()?)?;
            Ok(repository)
        });
        opened.map_err(|error| refused(&self.common_dir, &error))
    }

    /// Where its objects are; see [`crate::GitChangeSource::root`].
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Runs `work` with a repository of this thread's own.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Repository) -> T) -> Result<T, ConnectorError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let repository = match idle {
            Some(repository) => repository,
            None => Repository::open(&self.git_dir).map_err(|error| refused(&self.git_dir, &error))?,
        };
        let result = work(&repository);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(repository);
        Ok(result)
    }
}

fn root(repository: &Repository) -> PathBuf {
    let objects = repository.commondir();
    let objects = objects.canonicalize().unwrap_or_else(|_| objects.to_owned());
    match objects.parent() {
        Some(work_tree) if objects.ends_with(".git") => work_tree.to_owned(),
        _ => objects,
    }
}

fn refused(path: &Path, error: &git2::Error) -> ConnectorError {
    let path = path.display();
    match error.code() {
        ErrorCode::NotFound => {
            ConnectorError::NotUsable(format!("{path} is not a git repository; name a folder that holds one"))
        }
        ErrorCode::Owner => ConnectorError::NotUsable(format!(
            "git refuses to read {path} because another user owns it; if you trust it, run \
             `git config --global --add safe.directory {path}`"
        )),
        _ => ConnectorError::NotUsable(format!(
            "the git repository at {path} can't be opened: {}",
            error.message()
        )),
    }
}

/// What a repository is called if nobody names it: the last part of its work tree, or of its own path.
pub(crate) fn default_name(repository: &Repository) -> String {
    let path = repository.workdir().unwrap_or_else(|| repository.path());
    let last = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = last.strip_suffix(".git").filter(|name| !name.is_empty()).unwrap_or(&last);
    let name: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
    if name.is_empty() { "repository".to_owned() } else { name }
}

/// Resolves a revision; none means HEAD.
pub(crate) fn resolve(repository: &Repository, revision: Option<&str>) -> Result<Tip, ConnectorError> {
    let path = repository.workdir().unwrap_or_else(|| repository.path()).display();
    let Some(revision) = revision else {
        return match repository.head() {
            Ok(head) => {
                let detached = repository.head_detached().unwrap_or(false);
                let called = if detached { "detached HEAD".to_owned() } else { short_name(&head) };
                let oid = head.target_peel().or_else(|| head.target());
                oid.map(|oid| Tip { oid, called }).ok_or_else(|| no_commits(&path))
            }
            Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => {
                Err(no_commits(&path))
            }
            Err(error) => Err(ConnectorError::NotUsable(format!(
                "the current branch of {path} can't be read: {}",
                error.message()
            ))),
        };
    };
    let commit = repository.revparse_single(revision).and_then(|object| object.peel_to_commit());
    match commit {
        Ok(commit) => Ok(Tip { oid: commit.id(), called: revision.to_owned() }),
        Err(_) => Err(ConnectorError::NotUsable(format!(
            "\"{}\" is no branch, tag or commit of {path}; `git branch -a` lists the branches",
            revision.chars().filter(|c| !c.is_control()).take(80).collect::<String>()
        ))),
    }
}

fn no_commits(path: &std::path::Display<'_>) -> ConnectorError {
    ConnectorError::NotUsable(format!(
        "the git repository at {path} has no commits on its current branch yet; commit something or name a branch"
    ))
}

fn short_name(reference: &git2::Reference<'_>) -> String {
    String::from_utf8_lossy(reference.shorthand_bytes()).into_owned()
}

/// The commits at which a shallow clone was cut.
pub(crate) fn shallow_commits(repository: &Repository) -> HashSet<Oid> {
    let text = std::fs::read_to_string(repository.commondir().join("shallow")).unwrap_or_default();
    text.lines().filter_map(|line| Oid::from_str(line.trim()).ok()).collect()
}

/// The forge behind the `origin` remote.
pub(crate) fn forge(repository: &Repository) -> Option<Forge> {
    forge_of(repository, "origin")
}

/// The forge behind a remote.
pub(crate) fn forge_of(repository: &Repository, remote: &str) -> Option<Forge> {
    let remote = repository.find_remote(remote).ok()?;
    Forge::of_remote(remote.url().ok()?)
}
