//! The directory of an embedded store: who has it, and what stands in it. Knows nothing of points.
//!
//! ```text
//! hearback.json   what this is: format, vector space, segments; written before and after each step that changes them
//! lock            held by the process that has it open; holds its number
//! edge/           the engine's own files
//! ```

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use hearback_core::memory::store::{MemoryError, VectorSpace};
use serde::{Deserialize, Serialize};

/// The layout of the directory and of the points in it. A newer one is refused.
pub const FORMAT: u32 = 1;

const DESCRIPTION: &str = "hearback.json";
const LOCK: &str = "lock";
const ENGINE: &str = "edge";

/// What the directory holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The layout.
    pub format: u32,
    /// What its vectors mean.
    pub space: Option<VectorSpace>,
    /// How far it is.
    pub state: State,
    /// The engine's segments, where they are known.
    pub segments: BTreeSet<String>,
    /// How many points there were when it was closed in order; none while it is open, and after a crash.
    pub closed_with: Option<u64>,
}

/// How far a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Being made or being removed: nothing in it counts.
    Void,
    /// Its segments are those that are listed.
    Ready,
    /// Its segments are being merged: old and new ones may stand beside each other.
    Merging,
}

/// A directory that this process has.
#[derive(Debug)]
pub struct Place {
    dir: PathBuf,
    /// Let go when it is dropped, or when the process ends in whatever way.
    _lock: File,
}

impl Place {
    /// Takes a directory for this process; makes it where there is none.
    ///
    /// # Errors
    /// [`MemoryError::InUse`] if another process has it, [`MemoryError::NotUsable`] if it can't be made.
    pub fn claim(dir: &Path) -> Result<Self, MemoryError> {
        fs::create_dir_all(dir).map_err(|error| not_usable(dir, "can't be made", &error))?;
        let path = dir.join(LOCK);
        let mut lock = File::options()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| not_usable(dir, "can't be opened", &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = lock.read_to_string(&mut holder);
                let who = if holder.trim().is_empty() {
                    String::new()
                } else {
                    format!(" (process {})", holder.trim())
                };
                return Err(MemoryError::InUse(format!(
                    "another hearback{who} uses the memory in {}; ask that one (--server), or stop it first",
                    dir.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(not_usable(dir, "can't be locked", &error)),
        }
        // Only for the sentence above: who reads half a number is told half a number.
        let _ = lock
            .set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| write!(lock, "{}", std::process::id()));
        Ok(Place { dir: dir.to_owned(), _lock: lock })
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the engine keeps its files.
    pub fn engine(&self) -> PathBuf {
        self.dir.join(ENGINE)
    }

    /// Writes what the directory holds; durable when it returns.
    ///
    /// # Errors
    /// [`MemoryError::Failed`] if it can't be written.
    pub fn describe(&self, description: &Description) -> Result<(), MemoryError> {
        let (path, new) = (self.dir.join(DESCRIPTION), self.dir.join("hearback.json.new"));
        let written = || -> std::io::Result<()> {
            let mut file = File::create(&new)?;
            file.write_all(&serde_json::to_vec_pretty(description)?)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&self.dir)?.sync_all()
        };
        written().map_err(|error| {
            MemoryError::Failed(format!("the memory in {} can't be written: {error}", self.dir.display()))
        })
    }

    /// Removes what the engine kept.
    ///
    /// # Errors
    /// [`MemoryError::Failed`] if it can't be removed.
    pub fn clear(&self) -> Result<(), MemoryError> {
        match fs::remove_dir_all(self.engine()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(MemoryError::Failed(format!(
                "the memory in {} can't be removed: {error}",
                self.dir.display()
            ))),
            _ => Ok(()),
        }
    }

    /// Removes what the directory holds and its description. The lock file stays: who waits for it must not find another.
    ///
    /// # Errors
    /// [`MemoryError::Failed`] if it can't be removed.
    pub fn destroy(&self) -> Result<(), MemoryError> {
        self.describe(&Description::void(None))?;
        self.clear()?;
        fs::remove_file(self.dir.join(DESCRIPTION)).map_err(|error| {
            MemoryError::Failed(format!("the memory in {} can't be removed: {error}", self.dir.display()))
        })
    }

    /// The names of the engine's segments.
    pub fn segments(&self) -> BTreeSet<String> {
        let Ok(entries) = fs::read_dir(self.engine().join("segments")) else { return BTreeSet::new() };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| !name.starts_with('.') && !name.ends_with(".deleted")).collect()
    }

    /// Removes what merges that were cut short have left, and the engine's log but for its last closed piece: what is in
    /// there is in the segments, the engine never reads it again and never shortens it. The last piece says where the
    /// numbers of later writes go on; without it, they would begin anew and be taken for old ones.
    pub fn sweep(&self) {
        let engine = self.engine();
        // What can't be removed costs room and nothing else.
        let _ = fs::remove_dir_all(engine.join("temp_segments"));
        for path in self.closed_log().into_iter().rev().skip(1) {
            let _ = fs::remove_file(path);
        }
    }

    /// How many pieces of the engine's log could be swept away.
    pub fn sweepable(&self) -> usize {
        self.closed_log().len().saturating_sub(1)
    }

    /// The closed pieces of the engine's log, the first write first.
    fn closed_log(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.engine().join("wal")) else { return Vec::new() };
        let mut closed: Vec<(u64, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name();
                let first = name.to_str()?.strip_prefix("closed-")?.parse().ok()?;
                Some((first, entry.path()))
            })
            .collect();
        closed.sort();
        closed.into_iter().map(|(_, path)| path).collect()
    }
}

impl Description {
    /// Of a directory in which nothing counts yet.
    pub fn void(space: Option<VectorSpace>) -> Self {
        Description {
            format: FORMAT,
            space,
            state: State::Void,
            segments: BTreeSet::new(),
            closed_with: None,
        }
    }
}

/// Reads what a directory holds; none where it holds nothing of ours.
///
/// # Errors
/// [`MemoryError::Damaged`] if it can't be told, [`MemoryError::NotUsable`] if a newer hearback wrote it.
pub fn read_description(dir: &Path) -> Result<Option<Description>, MemoryError> {
    let bytes = match fs::read(dir.join(DESCRIPTION)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let has_files = fs::read_dir(dir.join(ENGINE)).is_ok_and(|mut entries| entries.next().is_some());
            return if has_files { Err(damaged(dir, "its hearback.json is missing")) } else { Ok(None) };
        }
        Err(error) => return Err(not_usable(dir, "can't be read", &error)),
    };
    // The format first: a newer one may hold what this one can't read.
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let unreadable =
        |error: serde_json::Error| damaged(dir, &format!("its hearback.json can't be read: {error}"));
    let Format { format } = serde_json::from_slice(&bytes).map_err(unreadable)?;
    if format != FORMAT {
        return Err(MemoryError::NotUsable(format!(
            "the memory in {} was written by another hearback (format {format}, this one has {FORMAT}); use that one, or \
             let `hearback memory rebuild` build it again",
            dir.display()
        )));
    }
    serde_json::from_slice(&bytes).map(Some).map_err(unreadable)
}

/// The sentence for what can't be read any more.
pub fn damaged(dir: &Path, what: &str) -> MemoryError {
    MemoryError::Damaged(format!(
        "the memory in {} is damaged ({what}); `hearback memory rebuild` builds it again from its sources",
        dir.display()
    ))
}

fn not_usable(dir: &Path, what: &str, error: &std::io::Error) -> MemoryError {
    MemoryError::NotUsable(format!("the memory's directory {} {what}: {error}", dir.display()))
}
