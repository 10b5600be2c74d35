//! What backtests found of the ranker's confidence, an entry a repository, in a file beside the record. It must not know
//! what is made of it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use hearback_core::hash::Digest;
use hearback_engine::calibration::Backtested;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::output;

const VERSION: u32 = 1;
/// The file's first lines.
const HEAD: &str = "# Written by `hearback backtest reverts --save`: how far the ranker's confidence can be believed on these\n\
                    # repositories. An entry holds for the weights it was found with; safe to delete.\n\n";

/// What was found on one repository.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it is, without links.
    pub path: PathBuf,
    /// The digest of the weights it was found with.
    pub weights: Digest,
    /// When it was found.
    pub found_at: Timestamp,
    /// The calibration error that is left with it.
    pub ece: f64,
    /// What was found.
    #[serde(flatten)]
    pub found: Backtested,
}

/// What was found on all repositories.
#[derive(Debug, Default)]
pub struct Calibrations {
    /// By path.
    pub entries: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    #[serde(default)]
    repository: Vec<Entry>,
}

impl Calibrations {
    /// Reads the file; nothing was found yet if there is none.
    ///
    /// # Errors
    /// It can't be read, or has another form.
    pub fn load(path: &Path) -> Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Calibrations::default()),
            read => read.with_context(|| format!("{} can't be read", path.display()))?,
        };
        let form = || format!("{} is not a file of calibrations", path.display());
        let file: File = toml::from_str(&text)
            .map_err(|error| anyhow::anyhow!(error.message().lines().next().unwrap_or_default().to_owned()))
            .with_context(form)?;
        anyhow::ensure!(file.version == VERSION, "{}: version {} is not known", form(), file.version);
        let is_one = |entry: &Entry| entry.found.temperature.is_finite() && entry.found.temperature > 0.0;
        anyhow::ensure!(file.repository.iter().all(is_one), "{}: a temperature must be above 0", form());
        Ok(Calibrations { entries: file.repository })
    }

    /// What was found on the repository at `root` with these weights.
    pub fn of(&self, root: &Path, weights: &Digest) -> Option<&Backtested> {
        self.entries.iter().find(|entry| entry.path == root && entry.weights == *weights).map(|e| &e.found)
    }

    /// Adds an entry in place of the one that the same repository had, and writes the file: it is whole, the old one or
    /// the new one. Two at once wait for each other.
    ///
    /// # Errors
    /// It can't be read or written.
    pub fn add(entry: Entry, path: &Path) -> Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).with_context(|| format!("{} can't be made", folder.display()))?;
        let lock = path.with_extension("lock");
        let held = std::fs::File::create(&lock).and_then(|file| file.lock().map(|()| file));
        let _held = held.with_context(|| format!("{} can't be locked", lock.display()))?;
        Self::load(path)?.with(entry).save(path)
    }

    fn with(mut self, entry: Entry) -> Self {
        self.entries.retain(|old| old.path != entry.path);
        self.entries.push(entry);
        self.entries.sort_by(|a, b| a.path.cmp(&b.path));
        self
    }

    fn save(self, path: &Path) -> Result<()> {
        let text = toml::to_string(&File { version: VERSION, repository: self.entries })?;
        output::Replacing::open(path)?.with(&format!("{HEAD}{text}"))
    }
}
