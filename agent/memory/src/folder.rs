//! Documents of this machine: a folder that is followed, or files that somebody named. Folders are walked as git would: what
//! is ignored or hidden is left out. It must not know what stands in the files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hearback_core::memory::source::{Writing, WritingSource};
use hearback_core::memory::store::MemoryError;
use hearback_core::memory::{DocumentId, DocumentKind};
use hearback_core::{Coverage, Fetched, Origin, SourceName};
use ignore::WalkBuilder;
use jiff::{SignedDuration, Timestamp};

use crate::writing::{ENDINGS, MOST_BYTES};

/// A folder, with what is said of everything in it.
#[derive(Debug, Clone)]
pub struct Folder {
    name: SourceName,
    root: PathBuf,
    /// Files that were named one by one, each with what it is said to be; none: everything in the folder.
    named: Option<BTreeMap<PathBuf, Option<DocumentKind>>>,
    kind: Option<DocumentKind>,
    origin: Origin,
}

impl Folder {
    /// Everything under `root`, an absolute path.
    pub fn new(name: SourceName, root: PathBuf, kind: Option<DocumentKind>, origin: Origin) -> Self {
        Folder { name, root, named: None, kind, origin }
    }

    /// These files and no others, by their absolute paths, each with what it is said to be.
    pub fn of_files(name: SourceName, files: BTreeMap<PathBuf, Option<DocumentKind>>) -> Self {
        Folder { name, root: PathBuf::from("/"), named: Some(files), kind: None, origin: Origin::Member }
    }

    fn names_by(&self, until: Instant) -> Result<Fetched<String>, MemoryError> {
        let mut missing = Vec::new();
        let mut names = match &self.named {
            Some(files) => files.keys().map(|file| self.name_of(file)).collect(),
            None => {
                if !self.root.is_dir() {
                    return Err(MemoryError::NotUsable(format!("{} is no folder", self.root.display())));
                }
                walk(&self.root, until, &mut missing)
                    .iter()
                    .map(|file| self.name_of(file))
                    .collect::<Vec<_>>()
            }
        };
        names.sort_unstable();
        names.dedup();
        let what = if names.len() == 1 { "1 file".to_owned() } else { format!("{} files", names.len()) };
        let searched = match &self.named {
            Some(_) => what,
            None => format!("{what} under {}", self.root.display()),
        };
        Ok(Fetched { items: names, coverage: Coverage { source: self.name.clone(), searched, missing } })
    }

    fn name_of(&self, file: &Path) -> String {
        file.strip_prefix(&self.root).unwrap_or(file).to_string_lossy().into_owned()
    }

    fn read_one(&self, name: &str) -> Result<Option<Writing>, MemoryError> {
        let path = self.root.join(name);
        let failed = |error: &std::io::Error| {
            MemoryError::Failed(format!("{} can't be read: {}", path.display(), error.kind()))
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        let metadata = file.metadata().map_err(|error| failed(&error))?;
        if metadata.is_dir() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        // One byte more than may be tells that there is more, however long it is.
        file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
        let written_at = metadata.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
        let id = DocumentId::new(format!("file:{}", path.to_string_lossy()))
            .map_err(|error| MemoryError::NotUsable(error.to_string()))?;
        Ok(Some(Writing {
            id,
            source: self.name.clone(),
            name: name.to_owned(),
            bytes,
            kind: self.named.as_ref().and_then(|files| files.get(&path).copied()).unwrap_or(self.kind),
            origin: self.origin,
            merged_by: None,
            merged_at: None,
            written_at,
            link: url::Url::from_file_path(&path).ok().map(Into::into),
        }))
    }
}

/// The files under `root` whose names end like a document's.
pub fn walk(root: &Path, until: Instant, missing: &mut Vec<String>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    // Without a repository around it a folder's .gitignore counts too.
    for entry in WalkBuilder::new(root).require_git(false).build() {
        if Instant::now() > until {
            missing.push(format!("only {} files were listed in time", files.len()));
            break;
        }
        match entry {
            Ok(entry) => {
                let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
                let ending = entry.path().extension().map(|ending| ending.to_string_lossy().to_lowercase());
                if is_file && ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) {
                    files.push(entry.into_path());
                }
            }
            Err(error) => missing.push(format!("{error}")),
        }
    }
    files
}

fn deadline(budget: SignedDuration) -> Instant {
    Instant::now() + Duration::try_from(budget).unwrap_or_default()
}

/// Files are read on threads that may wait.
async fn waiting<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MemoryError> + Send + 'static,
) -> Result<T, MemoryError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(MemoryError::Failed("reading files was broken off".into())))
}

#[async_trait]
impl WritingSource for Folder {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn names(&self, budget: SignedDuration) -> Result<Fetched<String>, MemoryError> {
        let folder = self.clone();
        waiting(move || folder.names_by(deadline(budget))).await
    }

    async fn read(&self, names: &[String], budget: SignedDuration) -> Result<Vec<Writing>, MemoryError> {
        let (folder, names, until) = (self.clone(), names.to_vec(), deadline(budget));
        waiting(move || {
            let mut writings = Vec::new();
            for name in &names {
                if Instant::now() > until {
                    return Err(MemoryError::TimedOut(budget));
                }
                writings.extend(folder.read_one(name)?);
            }
            Ok(writings)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_is_walked_as_git_would() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("a.md", "# A");
        write("deep/er/b.TXT", "B");
        write("code.rs", "fn main() {}");
        write(".hidden/c.md", "c");
        write("build/d.md", "d");
        write(".gitignore", "build/\n");
        let folder = Folder::new("memory:docs".parse().unwrap(), dir.path().into(), None, Origin::Member);
        let minute = SignedDuration::from_mins(1);
        let names = folder.names(minute).await.unwrap();
        assert_eq!(names.items, ["a.md", "deep/er/b.TXT"]);
        assert!(names.coverage.missing.is_empty());
        let read = folder.read(&["a.md".into(), "gone.md".into()], minute).await.unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].bytes, b"# A");
        assert!(
            read[0].id.as_str().ends_with("/a.md")
                && read[0].link.as_deref().unwrap().starts_with("file:///")
        );
    }

    #[tokio::test]
    async fn what_is_no_folder_is_said() {
        let folder = Folder::new("memory:docs".parse().unwrap(), "/no/such".into(), None, Origin::Member);
        let error = folder.names(SignedDuration::from_mins(1)).await.unwrap_err();
        assert_eq!(error, MemoryError::NotUsable("/no/such is no folder".into()));
    }

    #[tokio::test]
    async fn a_huge_file_is_read_no_further_than_needed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("huge.md");
        File::create(&file).unwrap().set_len(50_000_000).unwrap();
        let folder =
            Folder::of_files("memory:added".parse().unwrap(), BTreeMap::from([(file.clone(), None)]));
        let minute = SignedDuration::from_mins(1);
        let names = folder.names(minute).await.unwrap().items;
        assert_eq!(folder.read(&names, minute).await.unwrap()[0].bytes.len(), MOST_BYTES + 1);
    }
}
