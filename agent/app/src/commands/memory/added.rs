//! Which files were added one by one: a list beside the index, so that the index can be thrown away and built again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use hearback_core::memory::{DocumentId, DocumentKind};
use serde::{Deserialize, Serialize};

use crate::config::memory::MemoryPlace;
use crate::config::{Config, in_home};
use crate::output::{Replacing, Usage};

/// The list's name.
const FILE: &str = "added.json";

/// The files, each with what they are by the word of who added them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Added(BTreeMap<PathBuf, Option<DocumentKind>>);

impl Added {
    /// Reads the list; an empty one if there is none.
    ///
    /// # Errors
    /// [`Usage`]: it is not what it should be.
    pub fn read(config: &Config) -> Result<Self> {
        let Some(path) = place(config) else { return Ok(Added::default()) };
        match std::fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).map_err(|_| {
                Usage(format!(
                    "{} is not what it should be; remove it and add the files again",
                    path.display()
                ))
                .into()
            }),
            Err(_) => Ok(Added::default()),
        }
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// It can't be written.
    pub fn write(&self, config: &Config) -> Result<()> {
        let Some(path) = place(config) else { return Ok(()) };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Replacing::open(&path)?.with(&serde_json::to_string_pretty(self)?)
    }

    /// Adds files.
    pub fn extend(&mut self, files: impl IntoIterator<Item = (PathBuf, Option<DocumentKind>)>) {
        self.0.extend(files);
    }

    /// Takes out files that are documents with these ids.
    pub fn forget(&mut self, ids: &[DocumentId]) {
        let paths: Vec<&Path> =
            ids.iter().filter_map(|id| id.as_str().strip_prefix("file:").map(Path::new)).collect();
        self.0.retain(|path, _| !paths.contains(&path.as_path()));
    }

    /// All of them.
    pub fn into_files(self) -> BTreeMap<PathBuf, Option<DocumentKind>> {
        self.0
    }
}

fn place(config: &Config) -> Option<PathBuf> {
    match &config.memory.place {
        MemoryPlace::Off => None,
        MemoryPlace::Folder(folder) => Some(folder.join(FILE)),
        MemoryPlace::Server { .. } => {
            in_home("XDG_DATA_HOME", ".local/share").ok().map(|home| home.join("memory").join(FILE))
        }
    }
}
