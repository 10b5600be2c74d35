//! The only place that prints. A closed pipe (`hearback … | head`) is a normal end, not a failure.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hearback_core::ExternalText;
use serde::Serialize;
use tempfile::NamedTempFile;

/// The user can mend it: wrong option value, wrong file, wrong configuration. Exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Writes `text` to standard output as it is.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Writes one line.
pub fn line(text: impl AsRef<str>) -> anyhow::Result<()> {
    print(&format!("{}\n", text.as_ref()))
}

/// Prints a value as JSON, or as `told` tells it.
pub fn found<T: Serialize>(value: &T, as_json: bool, told: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
    if as_json { json(value) } else { print(&told(value)) }
}

/// Writes `value` as indented JSON.
pub fn json<T: Serialize>(value: &T) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?)
}

/// A file that is written beside its place and moved there: whoever reads it sees the old one or the new one, whole.
pub struct Replacing {
    path: PathBuf,
    half: NamedTempFile,
}

impl Replacing {
    /// Makes room for it, so that work which takes long does not end at a folder that can't be written.
    ///
    /// # Errors
    /// [`Usage`] if it can't be written there.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let refuse = |why: String| Usage(format!("{} can't be written: {why}", path.display()));
        if path.is_dir() {
            return Err(refuse("it is a folder".into()).into());
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        // For everybody whom the umask lets; a temporary file is its owner's alone if nothing is said.
        let for_all = std::fs::Permissions::from_mode(0o666);
        let folder = folder.unwrap_or(Path::new("."));
        let half = tempfile::Builder::new().prefix(".half-").permissions(for_all).tempfile_in(folder);
        let half = half.map_err(|error| refuse(io::Error::from(error.kind()).to_string()))?;
        Ok(Replacing { path: path.to_owned(), half })
    }

    /// Writes it.
    ///
    /// # Errors
    /// It can't be written.
    pub fn with(mut self, text: &str) -> anyhow::Result<()> {
        self.half.write_all(text.as_bytes())?;
        self.half.as_file().sync_all()?;
        self.half.persist(&self.path)?;
        Ok(())
    }
}

/// Says something beside the output, on standard error.
pub fn aside(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Whether a person watches standard error, so that progress is worth drawing.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Says what went wrong in one sentence, and with which exit code to end.
pub fn failure(error: &anyhow::Error) -> ExitCode {
    let mut sentence = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !sentence.contains(&cause) {
            if !sentence.is_empty() {
                sentence.push_str(": ");
            }
            sentence.push_str(&cause);
        }
    }
    // A sentence may quote a file or a server.
    let sentence = ExternalText::new(sentence).for_people(2000);
    let _ = writeln!(io::stderr(), "hearback: {sentence}");
    if error.downcast_ref::<Usage>().is_some() { ExitCode::from(2) } else { ExitCode::FAILURE }
}
