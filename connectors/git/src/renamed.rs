//! Where a file was before a commit gave it its name: a file that the commit took away, with the same content or with half of
//! it, as git finds renames (copies are not looked for). It must not know histories.

use std::collections::HashMap;

use git2::{ObjectType, Oid};

use crate::files::EMPTY_BLOB;
use crate::objects::{Objects, Unreadable};
use crate::stop::{Stop, Stopped};
use crate::tree::{Delta, File};

/// More files than these are not compared with one; those of its own name are, if there are no more of them.
const MOST_COMPARED: usize = 60;
/// Larger contents are not compared, in bytes.
const LARGEST_BYTES: usize = 1 << 20;
/// This share of the larger of two contents must be the same, as git has it.
const SIMILAR: f64 = 0.5;

/// Where a file was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// There, with that content.
    At(Box<[u8]>, Oid),
    /// It is new.
    Nowhere,
    /// So many files were taken away that it costs too much to find out, or one of them is not here.
    Unknown,
}

/// Where the file `path` with content `blob` was, by what its commit did.
pub(crate) fn source(
    objects: &Objects<'_>,
    deltas: &[Delta],
    path: &[u8],
    blob: Oid,
    stop: &Stop,
) -> Result<Source, Stopped> {
    let gone: Vec<(&Delta, File)> = deltas
        .iter()
        .filter(|delta| delta.new.is_none())
        .filter_map(|delta| Some((delta, delta.old.filter(|file| file.is_regular())?)))
        .collect();
    let has_its_name = |delta: &Delta| name(&delta.path) == name(path);
    let same = |(delta, file): &&(&Delta, File)| file.oid == blob && has_its_name(delta);
    let moved = gone.iter().find(same).or_else(|| gone.iter().find(|(_, file)| file.oid == blob));
    if let Some((delta, file)) = moved.filter(|_| blob.to_string() != EMPTY_BLOB) {
        return Ok(Source::At(delta.path.clone(), file.oid));
    }
    let (mut compared, mut is_all) = (gone, true);
    if compared.len() > MOST_COMPARED {
        compared.retain(|(delta, _)| has_its_name(delta));
        is_all = false;
    }
    if compared.len() > MOST_COMPARED {
        return Ok(Source::Unknown);
    }
    let unless_found = if is_all { Source::Nowhere } else { Source::Unknown };
    if compared.is_empty() {
        return Ok(unless_found);
    }
    let load = |oid| objects.content_up_to(oid, ObjectType::Blob, LARGEST_BYTES);
    let own = match load(blob) {
        Ok(Some(own)) => own,
        Ok(None) | Err(Unreadable::Absent | Unreadable::Damaged) => return Ok(Source::Unknown),
    };
    let mut best: Option<(f64, bool, &Delta, File)> = None;
    for (delta, file) in compared {
        stop.check()?;
        let Ok(Some(other)) = load(file.oid) else { continue };
        let similar = similarity(&other, &own);
        let named = has_its_name(delta);
        let is_better = best.is_none_or(|(most, its_name, ..)| (similar, named) > (most, its_name));
        if similar >= SIMILAR && is_better {
            best = Some((similar, named, delta, file));
        }
    }
    Ok(best.map_or(unless_found, |(_, _, delta, file)| Source::At(delta.path.clone(), file.oid)))
}

fn name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
}

/// The share of the larger one's bytes that stand in lines which both have.
fn similarity(old: &[u8], new: &[u8]) -> f64 {
    let (fewer, more) = (old.len().min(new.len()), old.len().max(new.len()));
    if (fewer as f64) < more as f64 * SIMILAR {
        return 0.0;
    }
    let mut lines: HashMap<&[u8], usize> = HashMap::new();
    for line in old.split_inclusive(|&byte| byte == b'\n') {
        *lines.entry(line).or_default() += 1;
    }
    let mut same = 0;
    for line in new.split_inclusive(|&byte| byte == b'\n') {
        if let Some(left) = lines.get_mut(line).filter(|left| **left > 0) {
            *left -= 1;
            same += line.len();
        }
    }
    same as f64 / (more as f64).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_as_similar_as_their_lines() {
        let check = |old: &str, new: &str, expect: f64| {
            let found = similarity(old.as_bytes(), new.as_bytes());
            assert!((found - expect).abs() < 1e-9, "{old:?} {new:?}: {found}");
        };
        check("a\nb\n", "b\na\n", 1.0);
        check("a\nb\nc\nd\n", "a\nb\nx\ny\n", 0.5);
        check("a\na\n", "a\nb\n", 0.5);
        check("a\n", "a\nb\nc\n", 0.0);
        check("", "", 0.0);
    }
}
