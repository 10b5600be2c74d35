//! Finds the files of a catalog by name and pattern, below a folder. It follows no symbolic link and no hidden
//! folder, and stops at bounds. It must not know what the files hold.

use std::path::{Component, Path, PathBuf};

use globset::GlobBuilder;
use hearback_core::catalog::{Level, Problem, ProblemKind};

use crate::entities::unreadable;

/// At most so many files for one pattern.
const MOST_FILES: usize = 2000;
/// At most so many files and folders are looked at for one pattern.
const MOST_LOOKED_AT: usize = 100_000;
/// At most so many folders deep.
const DEEPEST: usize = 24;
/// Folders that hold what others wrote or what was built.
const PASSED_OVER: [&str; 3] = ["node_modules", "target", "vendor"];

/// The files that were found.
#[derive(Debug, Default)]
pub struct Discovered {
    /// Each once, by pattern and then by name.
    pub files: Vec<PathBuf>,
    /// Patterns that found nothing or too much, files that are missing.
    pub problems: Vec<Problem>,
}

/// Finds what `patterns` name, relative to `base`: files, or patterns with `*`, `?` and `**`.
pub fn discover(base: &Path, patterns: &[String]) -> Discovered {
    let mut found = Discovered::default();
    for pattern in patterns {
        let before = found.files.len();
        let (start, rest) = split(base, pattern);
        if rest.is_empty() {
            // Metadata follows a link: the user named this very file.
            if std::fs::metadata(&start).is_ok_and(|file| file.is_file()) {
                push(&mut found.files, start);
            } else {
                found.problems.push(unreadable(pattern, "there is no such file; correct [catalog] files"));
            }
            continue;
        }
        if let Err(says) = walk(&start, &rest, &mut found.files) {
            found.problems.push(unreadable(pattern, says));
        } else if found.files.len() == before {
            let says =
                format!("[catalog] files: \"{pattern}\" names no file that is not named before; correct it");
            let kind = ProblemKind::Unreadable;
            found.problems.push(Problem { level: Level::Gap, kind, services: Vec::new(), says });
        }
    }
    found
}

fn push(files: &mut Vec<PathBuf>, file: PathBuf) {
    if !files.contains(&file) {
        files.push(file);
    }
}

/// The folder before the first part with a sign of a pattern, and the rest.
fn split(base: &Path, pattern: &str) -> (PathBuf, String) {
    let parts: Vec<Component<'_>> = Path::new(pattern).components().collect();
    let is_plain = |part: &Component<'_>| !part.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']);
    let plain = parts.iter().take_while(|part| is_plain(part)).count();
    let start = base.join(parts.iter().take(plain).collect::<PathBuf>());
    let rest: PathBuf = parts.iter().skip(plain).collect();
    (start, rest.to_string_lossy().into_owned())
}

fn walk(start: &Path, pattern: &str, files: &mut Vec<PathBuf>) -> Result<(), &'static str> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    let glob = glob
        .map_err(|_| "this is not a pattern; write it as \"services/**/catalog-info.yaml\"")?
        .compile_matcher();
    let mut folders = vec![(start.to_owned(), 0)];
    let mut looked_at = 0;
    let mut matching = Vec::new();
    while let Some((folder, depth)) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            looked_at += 1;
            if looked_at > MOST_LOOKED_AT || matching.len() >= MOST_FILES {
                return Err("too many files lie below; name a narrower folder");
            }
            let Ok(kind) = entry.file_type() else { continue };
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if kind.is_dir() && depth < DEEPEST && !name.starts_with('.') && !PASSED_OVER.contains(&&*name) {
                folders.push((path, depth + 1));
            } else if kind.is_file() && path.strip_prefix(start).is_ok_and(|below| glob.is_match(below)) {
                matching.push(path);
            }
        }
    }
    matching.sort();
    matching.into_iter().for_each(|file| push(files, file));
    Ok(())
}
