//! The only place that prints. A closed pipe (`hearback … | head`) is a normal end, not a failure.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::process::ExitCode;

use hearback_core::ExternalText;
use serde::Serialize;

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

/// Writes `value` as indented JSON.
pub fn json<T: Serialize>(value: &T) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?)
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
