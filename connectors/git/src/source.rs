//! The port: a git repository as a source of changes. Knows tokio; the work itself is done by blocking code that
//! ends when nobody waits for it any more.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use hearback_core::change::{Change, Diff};
use hearback_core::evidence::Fetched;
use hearback_core::expertise::{LineQuery, NearLines, Work, WorkQuery};
use hearback_core::ids::{ChangeId, SourceName};
use hearback_core::ports::{ChangeQuery, ChangeSource, ConnectorError, LineHistory, WorkSource};
use jiff::{SignedDuration, Timestamp};

use crate::cache::CommitCache;
use crate::diffs::{self, DiffCaps};
use crate::head::{self, Listing};
use crate::memory::Memory;
use crate::near;
use crate::question::{self, Asked, Shared};
use crate::repositories::{self, Repositories};
use crate::stop::Stop;
use crate::tags::KnownTags;
use crate::walk::WalkMode;
use crate::works;

/// How far a question has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// History is walked.
    Walking {
        /// Commits seen.
        seen: usize,
    },
    /// Files are counted.
    Counting {
        /// Commits done.
        done: usize,
        /// Commits in all.
        of: usize,
    },
}

/// Hears how far a question has got. Called from several threads.
pub type OnProgress = Arc<dyn Fn(Progress) + Send + Sync>;

/// How a repository is read. The default is what most people want.
#[derive(Clone, Default)]
pub struct GitOptions {
    /// Which parents are followed.
    pub walk: WalkMode,
    /// The branch, tag or commit whose history is read; none means HEAD.
    pub revision: Option<String>,
    /// Facts kept between questions.
    pub cache: Option<Arc<CommitCache>>,
    /// Hears how far a question has got.
    pub progress: Option<OnProgress>,
    /// How much of a diff is shown.
    pub diff_caps: DiffCaps,
}

/// A git repository as a source of changes.
pub struct GitChangeSource {
    source: SourceName,
    shared: Arc<Shared>,
}

impl GitChangeSource {
    /// Opens the repository that `path` is in: a work tree or a folder in it, a linked work tree, a bare repository.
    /// Without a name it is called as its folder.
    ///
    /// # Errors
    /// [`ConnectorError::NotUsable`] if there is no repository, it has no commits, its owner is somebody else, or the
    /// revision or the name is none.
    pub fn open(path: &Path, name: Option<&str>, options: GitOptions) -> Result<Self, ConnectorError> {
        let repositories = Repositories::open(path)?;
        let (name, forge) = repositories.with(|repository| {
            repositories::resolve(repository, options.revision.as_deref())?;
            let name = name.map_or_else(|| repositories::default_name(repository), str::to_owned);
            Ok::<_, ConnectorError>((name, repositories::forge(repository)))
        })??;
        let source = SourceName::new(format!("git:{name}"))
            .map_err(|error| ConnectorError::NotUsable(error.to_string()))?;
        let shared = Shared {
            repositories,
            name,
            source: source.clone(),
            forge,
            options,
            memory: Memory::default(),
            tags: KnownTags::default(),
        };
        Ok(GitChangeSource { source, shared: Arc::new(shared) })
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// What the repository is called, without the system: `checkout` of `git:checkout`.
    pub fn repository_name(&self) -> &str {
        &self.shared.name
    }

    /// Where its objects are, without links: the folder of the work tree, or the bare repository itself. All work trees
    /// of one repository have the same.
    pub fn root(&self) -> &Path {
        self.shared.repositories.root()
    }

    /// The content of the file at `path` (from the top of the repository) in the commit that is looked at; none if
    /// there is no such file, or it is a symbolic link.
    ///
    /// # Errors
    /// [`ConnectorError::NotUsable`] if it is larger than 4 MB or the revision is gone; [`ConnectorError::Failed`] if
    /// git's objects can't be read or `budget` is up.
    pub async fn load_file_at_head(
        &self,
        path: &str,
        budget: SignedDuration,
    ) -> Result<Option<Vec<u8>>, ConnectorError> {
        let (path, shared) = (path.to_owned(), Arc::clone(&self.shared));
        blocking(budget, move |stop| head::load_file(&shared, &path, stop)).await
    }

    /// As [`GitChangeSource::load_file_at_head`], in the newest commit of the main line before `as_of`.
    ///
    /// # Errors
    /// As there.
    pub async fn load_file_as_of(
        &self,
        path: &str,
        as_of: Timestamp,
        budget: SignedDuration,
    ) -> Result<Option<Vec<u8>>, ConnectorError> {
        let (path, shared) = (path.to_owned(), Arc::clone(&self.shared));
        blocking(budget, move |stop| head::load_file_as_of(&shared, &path, as_of, stop)).await
    }

    /// The files of the commit that is looked at, at most 200 000; what did not fit or is not here is said.
    ///
    /// # Errors
    /// [`ConnectorError::NotUsable`] if the revision is gone; [`ConnectorError::Failed`] if git's objects can't be
    /// read.
    pub async fn load_paths_at_head(&self, budget: SignedDuration) -> Result<Listing, ConnectorError> {
        let shared = Arc::clone(&self.shared);
        blocking(budget, move |stop| head::load_paths(&shared, stop)).await
    }
}

#[async_trait]
impl ChangeSource for GitChangeSource {
    fn name(&self) -> &SourceName {
        &self.source
    }

    async fn changes(&self, query: &ChangeQuery) -> Result<Fetched<Change>, ConnectorError> {
        let asked = Asked { window: query.window, budget: query.budget };
        let shared = Arc::clone(&self.shared);
        blocking(query.budget, move |stop| question::ask(&shared, &asked, stop)).await
    }

    async fn diffs(&self, changes: &[ChangeId], budget: SignedDuration) -> Result<Vec<Diff>, ConnectorError> {
        let changes = changes.to_vec();
        let shared = Arc::clone(&self.shared);
        blocking(budget, move |stop| diffs::diffs(&shared, &changes, stop)).await
    }
}

#[async_trait]
impl WorkSource for GitChangeSource {
    fn name(&self) -> &SourceName {
        &self.source
    }

    async fn works(&self, query: &WorkQuery) -> Result<Fetched<Work>, ConnectorError> {
        let (window, budget, shared) = (query.window, query.budget, Arc::clone(&self.shared));
        blocking(budget, move |stop| works::works(&shared, window, budget, stop)).await
    }
}

#[async_trait]
impl LineHistory for GitChangeSource {
    fn name(&self) -> &SourceName {
        &self.source
    }

    async fn lines_near(&self, query: &LineQuery) -> Result<Fetched<NearLines>, ConnectorError> {
        let (query, shared) = (query.clone(), Arc::clone(&self.shared));
        blocking(query.budget, move |stop| near::lines_near(&shared, &query, stop)).await
    }
}

/// Runs blocking work that ends when its time is up, or when nobody waits for it any more.
pub(crate) async fn blocking<T: Send + 'static>(
    budget: SignedDuration,
    work: impl FnOnce(&Stop) -> Result<T, ConnectorError> + Send + 'static,
) -> Result<T, ConnectorError> {
    // Dropped with this future: a question nobody waits for stops at its next step.
    let (stop, _abandon) = Stop::after(budget);
    match tokio::task::spawn_blocking(move || work(&stop)).await {
        Ok(result) => result,
        Err(_) => {
            Err(ConnectorError::Failed("reading git's history failed unexpectedly; ask again".to_owned()))
        }
    }
}
