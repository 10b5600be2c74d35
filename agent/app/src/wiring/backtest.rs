//! Repositories as a backtest reads them: every commit, by a name of its choice, with the cache of all questions.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use hearback_core::ports::{ChangeSource, LineHistory, WorkSource};
use hearback_engine::expertise::PeopleSources;
use hearback_git::{CommitCache, GitOptions};

use super::{listener, open_git};
use crate::progress::Progress;

/// A repository that is open.
pub struct Opened {
    /// What it is called.
    pub name: String,
    /// Where it is, without links.
    pub root: PathBuf,
    /// Its changes.
    pub source: Arc<dyn ChangeSource>,
    /// What people did in it, and who wrote its lines.
    pub people: PeopleSources,
}

/// Opens the repository at `path`. Without a name it is called as its folder.
///
/// # Errors
/// [`crate::output::Usage`]: there is no repository, or it can't be read.
pub fn open(
    path: &Path,
    name: Option<&str>,
    cache: Option<Arc<CommitCache>>,
    progress: Option<&Progress>,
) -> Result<Opened> {
    let options = GitOptions { cache, progress: progress.map(listener), ..GitOptions::default() };
    let source = Arc::new(open_git(path, name, options)?);
    Ok(Opened {
        name: source.repository_name().to_owned(),
        root: source.root().to_owned(),
        source: Arc::clone(&source) as Arc<dyn ChangeSource>,
        people: PeopleSources {
            works: vec![Arc::clone(&source) as Arc<dyn WorkSource>],
            lines: vec![source as Arc<dyn LineHistory>],
            ..PeopleSources::default()
        },
    })
}
