//! The folders and repositories whose documents are followed, by the configuration, each under a name of its own.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use globset::{Glob, GlobSet, GlobSetBuilder};
use hearback_core::SourceName;
use hearback_core::memory::source::WritingSource;
use hearback_git::{GitDocuments, GitOptions, IsDocument};
use hearback_memory::folder::Folder;
use hearback_memory::writing::ENDINGS;

use super::{ADDED, INCIDENTS};
use crate::config::Config;
use crate::config::memory::{MemoryFolder, origin};
use crate::output::Usage;
use crate::wiring::open_git;

/// What `memory sync` follows, by the configuration.
pub fn followed(config: &Config) -> Result<Vec<Arc<dyn WritingSource>>> {
    let mut sources: Vec<Arc<dyn WritingSource>> = Vec::new();
    let mut names: Vec<SourceName> = Vec::new();
    for folder in &config.memory.folders {
        let name = source_name(&mut names, folder.name.as_deref(), &folder.path)?;
        sources.push(Arc::new(folder_source(folder, name)?));
    }
    for repository in &config.memory.repositories {
        let name = source_name(&mut names, repository.name.as_deref(), &repository.path)?;
        let options = GitOptions { revision: repository.revision.clone(), ..GitOptions::default() };
        let git = open_git(&repository.path, repository.name.as_deref(), options)?;
        let wanted = patterns(&repository.paths)?;
        let is_document: IsDocument = Arc::new(move |path: &str| {
            let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
            let ends_well = ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()));
            ends_well && (wanted.is_empty() || wanted.is_match(path))
        });
        let origin = origin(repository.outsiders);
        sources.push(Arc::new(GitDocuments::new(name, git, is_document, repository.kind, origin)));
    }
    Ok(sources)
}

fn patterns(paths: &[String]) -> Result<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for pattern in paths {
        set.add(Glob::new(pattern).map_err(|error| Usage(format!("memory.repository.paths: {error}")))?);
    }
    Ok(set.build()?)
}

fn folder_source(folder: &MemoryFolder, name: SourceName) -> Result<Folder> {
    // Documents are called by their place, which must not depend on where the command was given.
    let path = std::path::absolute(&folder.path)
        .map_err(|error| Usage(format!("{} is no path: {error}", folder.path.display())))?;
    Ok(Folder::new(name, path, folder.kind, origin(folder.outsiders)))
}

/// `memory:` and a name that no other source has.
fn source_name(taken: &mut Vec<SourceName>, said: Option<&str>, path: &Path) -> Result<SourceName> {
    let folder = || path.file_name().map_or("documents".into(), |name| name.to_string_lossy().into_owned());
    let first = format!("memory:{}", said.map_or_else(folder, str::to_owned));
    let mut names = std::iter::once(first.clone()).chain((2..).map(|number| format!("{first}-{number}")));
    let is_free = |name: &String| {
        name != ADDED && name != INCIDENTS && taken.iter().all(|other| other.as_str() != name)
    };
    let name = names.find(is_free).unwrap_or(first);
    let name = SourceName::new(name).map_err(|error| Usage(error.to_string()))?;
    taken.push(name.clone());
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_folders_of_one_name_are_told_apart() {
        let mut taken = Vec::new();
        let mut name = |said: Option<&str>, path: &str| {
            source_name(&mut taken, said, Path::new(path)).unwrap().to_string()
        };
        assert_eq!(name(None, "/a/docs"), "memory:docs");
        assert_eq!(name(None, "/b/docs"), "memory:docs-2");
        assert_eq!(name(Some("added"), "/c"), "memory:added-2");
    }
}
