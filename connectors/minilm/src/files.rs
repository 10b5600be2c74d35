//! The files of the model: which they are, and that they are the very ones. It must not know what is computed.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use hearback_core::memory::store::MemoryError;
use sha2::{Digest as _, Sha256};

/// The name of the model, as it stands in a [`VectorSpace`](hearback_core::memory::store::VectorSpace).
pub const MODEL: &str = "all-MiniLM-L6-v2";

/// How many numbers a vector has.
pub const DIMENSION: usize = 384;

/// The files of the model's folder, weights first.
pub const FILES: [&str; 2] = ["model.safetensors", "tokenizer.json"];

/// The one place that says what the files are. `make model` checks what it fetched against the same lines.
const PINNED: &str = include_str!("../model.sha256");

/// No file is longer: the weights have 91 MB. More than that is not read at all.
const MOST_BYTES: u64 = 128 << 20;

/// Reads one of [`FILES`] from `folder`, whole.
///
/// # Errors
/// [`MemoryError::NotUsable`] if it is missing, can't be read, or is another than the pinned one.
pub(crate) fn load_file(folder: &Path, name: &str) -> Result<Vec<u8>, MemoryError> {
    let path = folder.join(name);
    let not_usable = |why: &str| {
        MemoryError::NotUsable(format!(
            "the sentence model's file {} {why}; `make model` fetches it",
            path.display()
        ))
    };
    let read = || {
        let file = File::open(&path)?;
        let length = file.metadata()?.len().min(MOST_BYTES);
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => not_usable("is not there"),
        _ => not_usable(&format!("can't be read ({error})")),
    })?;
    if pinned(name) == Some(hex(&Sha256::digest(&bytes)).as_str()) {
        return Ok(bytes);
    }
    Err(not_usable(&format!("is damaged or belongs to another model than {MODEL}")))
}

/// The SHA-256 that a file has to have, in hexadecimal digits.
fn pinned(name: &str) -> Option<&'static str> {
    PINNED
        .lines()
        .filter_map(|line| line.split_once("  "))
        .find_map(|(hash, of)| (of == name).then_some(hash))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(folder: &Path, name: &str) -> String {
        match load_file(folder, name) {
            Err(MemoryError::NotUsable(told)) => told,
            other => panic!("{:?}", other.map(|bytes| bytes.len())),
        }
    }

    #[test]
    fn every_file_is_pinned() {
        for name in FILES {
            assert_eq!(pinned(name).map(str::len), Some(64), "{name}");
        }
        assert_eq!(PINNED.lines().count(), FILES.len());
    }

    #[test]
    fn a_file_that_is_not_there_is_said_with_the_command_that_fetches_it() {
        let folder = tempfile::tempdir().unwrap();
        let told = told(folder.path(), "model.safetensors");
        assert!(told.contains("model.safetensors is not there; `make model` fetches it"), "{told}");
        assert!(told.contains(&folder.path().display().to_string()), "{told}");
    }

    #[test]
    fn a_file_with_one_other_byte_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tokenizer.json"), b"{}").unwrap();
        let told = told(folder.path(), "tokenizer.json");
        assert!(told.contains("is damaged or belongs to another model than all-MiniLM-L6-v2"), "{told}");
    }

    #[test]
    fn a_folder_in_place_of_a_file_is_said() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("tokenizer.json")).unwrap();
        assert!(told(folder.path(), "tokenizer.json").contains("can't be read"));
    }
}
