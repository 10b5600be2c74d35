//! A frozen incident as it lies in its folder: files by their path, as text. What it was (`truth.json`) is no part of it:
//! it is read by itself, by whoever scores, after the answer. It must not know what the files say.
//!
//! The form is that of edgedelta/root-cause-bench: `alert.json`, `logs.ndjson`, `metrics.csv`, `traces.json`,
//! `patterns.json`, `context/{commits,deploys,flags}.json`, and whatever else there is to see.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use hearback_core::ExternalText;
use serde::Deserialize;

/// What it was. It is not read with the rest.
pub const TRUTH: &str = "truth.json";
/// A folder deeper than this is not one of ours.
const DEEPEST: usize = 4;

/// A frozen incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The name of the folder.
    pub id: String,
    /// Its files but [`TRUTH`], by their path inside the folder, with `/` between the parts.
    pub files: BTreeMap<String, String>,
}

/// A folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file can't be read or written.
    #[error("{path}: {why}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// There is nothing to ask about.
    #[error("{0} holds no frozen incident: there is no alert.json in it or in a folder below it")]
    Empty(PathBuf),
    /// A file would be written somewhere else. Whoever wrote the record chose the name.
    #[error("\"{0}\" is no name of a file inside the folder; nothing was written")]
    Outside(String),
}

/// What a frozen incident was, by the word of those who froze it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Truth {
    /// The full sha of the commit that did it, or `none`.
    pub root_cause_commit: String,
    /// The service that failed first.
    pub first_failing_service: String,
    /// The services that failed.
    #[serde(default)]
    pub blast_radius: Vec<String>,
    /// What was to be done, in one word.
    pub remediation: String,
    /// The commits of deploys that look guilty and are not.
    #[serde(default)]
    pub decoy_deploy_commits: Vec<String>,
}

impl Folder {
    /// Reads the folder at `path`.
    ///
    /// # Errors
    /// [`FolderError`] names the file that can't be read: it is away, or not UTF-8.
    pub fn read(path: &Path) -> Result<Folder, FolderError> {
        let id = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let mut files = BTreeMap::new();
        collect(path, "", 0, &mut files)?;
        if !files.contains_key("alert.json") {
            return Err(FolderError::Empty(path.to_owned()));
        }
        Ok(Folder { id, files })
    }

    /// The folders below `path` that hold a frozen incident, by name; `path` itself, if it is one.
    ///
    /// # Errors
    /// [`FolderError`]: there is none, or the folder can't be read.
    pub fn find(path: &Path) -> Result<Vec<PathBuf>, FolderError> {
        if path.join("alert.json").is_file() {
            return Ok(vec![path.to_owned()]);
        }
        let mut found = Vec::new();
        for entry in fs::read_dir(path).map_err(|error| failed(path, &error))? {
            let below = entry.map_err(|error| failed(path, &error))?.path();
            if below.join("alert.json").is_file() {
                found.push(below);
            }
        }
        found.sort();
        if found.is_empty() { Err(FolderError::Empty(path.to_owned())) } else { Ok(found) }
    }

    /// Writes the folder as `path`, which must not exist. Nothing is written if the name of a file leads out of it.
    ///
    /// # Errors
    /// [`FolderError`] names what can't be written.
    pub fn write(&self, path: &Path) -> Result<(), FolderError> {
        if let Some(name) = self.files.keys().find(|name| !stays_inside(name)) {
            return Err(FolderError::Outside(ExternalText::from(name.as_str()).for_people(80)));
        }
        fs::create_dir(path).map_err(|error| failed(path, &error))?;
        for (name, text) in &self.files {
            let file = path.join(name);
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent).map_err(|error| failed(parent, &error))?;
            }
            fs::write(&file, text).map_err(|error| failed(&file, &error))?;
        }
        Ok(())
    }
}

impl Truth {
    /// Reads what the frozen incident at `path` was; none if nobody wrote it down.
    ///
    /// # Errors
    /// [`FolderError`]: the file is there and can't be read.
    pub fn read(path: &Path) -> Result<Option<Truth>, FolderError> {
        let file = path.join(TRUTH);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&file, &error)),
        };
        let truth = serde_json::from_str(&text);
        truth.map(Some).map_err(|error| FolderError::File { path: file, why: error.to_string() })
    }
}

fn collect(
    path: &Path,
    inside: &str,
    depth: usize,
    files: &mut BTreeMap<String, String>,
) -> Result<(), FolderError> {
    for entry in fs::read_dir(path).map_err(|error| failed(path, &error))? {
        let entry = entry.map_err(|error| failed(path, &error))?;
        let last = entry.file_name();
        let last = last.to_string_lossy();
        if last == TRUTH || last.starts_with('.') {
            continue;
        }
        let name = format!("{inside}{last}");
        let below = entry.path();
        if below.is_dir() {
            if depth < DEEPEST {
                collect(&below, &format!("{name}/"), depth + 1, files)?;
            }
        } else {
            let text = fs::read_to_string(&below).map_err(|error| failed(&below, &error))?;
            files.insert(name, text);
        }
    }
    Ok(())
}

/// Whether a file of this name lies in the folder that it is joined to.
fn stays_inside(name: &str) -> bool {
    let mut parts = Path::new(name).components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

fn failed(path: &Path, error: &std::io::Error) -> FolderError {
    let why = match error.kind() {
        ErrorKind::NotFound => "it is not there".to_owned(),
        ErrorKind::AlreadyExists => "it exists already; name another folder, or remove it first".to_owned(),
        ErrorKind::InvalidData => "it is not UTF-8".to_owned(),
        _ => error.to_string(),
    };
    FolderError::File { path: path.to_owned(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_written_and_read_back_and_the_truth_is_not_read_with_it() {
        let home = tempfile::tempdir().unwrap();
        let files = [("alert.json", "{}"), ("context/commits.json", "[]"), ("note.txt", "ü")];
        let files = files.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let folder = Folder { id: "one".into(), files };
        let path = home.path().join("one");
        folder.write(&path).unwrap();
        let truth =
            r#"{"root_cause_commit":"none","first_failing_service":"a","remediation":"scale","notes":"x"}"#;
        fs::write(path.join(TRUTH), truth).unwrap();
        assert_eq!(Folder::read(&path).unwrap(), folder);
        assert_eq!(Folder::find(home.path()).unwrap(), std::slice::from_ref(&path));
        assert_eq!(Folder::find(&path).unwrap(), std::slice::from_ref(&path));
        assert_eq!(Truth::read(&path).unwrap().unwrap().remediation, "scale");
        let again = folder.write(&path).unwrap_err().to_string();
        assert!(again.ends_with("it exists already; name another folder, or remove it first"), "{again}");
    }

    #[test]
    fn no_file_is_written_outside_of_the_folder() {
        let home = tempfile::tempdir().unwrap();
        let absolute = home.path().join("away").to_string_lossy().into_owned();
        for name in [absolute.as_str(), "../away", "context/../../away", ""] {
            let files =
                [("alert.json".to_owned(), "{}".to_owned()), (name.to_owned(), "x".to_owned())].into();
            let says = Folder { id: "one".into(), files }.write(&home.path().join("one")).unwrap_err();
            assert!(says.to_string().contains("is no name of a file inside the folder"), "{says}");
        }
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "nothing is written, inside or outside");
    }

    #[test]
    fn hidden_files_and_the_truth_are_not_read_at_any_depth() {
        let home = tempfile::tempdir().unwrap();
        for folder in ["context", ".git"] {
            fs::create_dir(home.path().join(folder)).unwrap();
        }
        fs::write(home.path().join("alert.json"), "{}").unwrap();
        for name in [".DS_Store", "context/.DS_Store", "context/truth.json", ".git/config"] {
            fs::write(home.path().join(name), [0xff]).unwrap();
        }
        assert_eq!(Folder::read(home.path()).unwrap().files.into_keys().collect::<Vec<_>>(), ["alert.json"]);
    }

    #[test]
    fn what_is_no_folder_of_ours_is_said_in_a_sentence() {
        let home = tempfile::tempdir().unwrap();
        let says = Folder::find(home.path()).unwrap_err().to_string();
        assert!(says.contains("holds no frozen incident"), "{says}");
        assert!(Folder::read(&home.path().join("x")).unwrap_err().to_string().ends_with("it is not there"));
        fs::write(home.path().join(TRUTH), "{").unwrap();
        assert!(Truth::read(home.path()).unwrap_err().to_string().contains(TRUTH));
        assert_eq!(Truth::read(&home.path().join("y")).unwrap(), None);
    }
}
