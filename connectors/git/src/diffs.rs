//! Capped diffs of single commits, for those who want to cite a line. It must not know windows: a diff is a fact of
//! its commit alone.

use git2::{DiffOptions, ObjectType, Oid, Patch};
use hearback_core::ExternalText;
use hearback_core::change::{Diff, DiffLine, FileDiff, RepoPath, Side};
use hearback_core::ids::ChangeId;
use hearback_core::ports::ConnectorError;

use crate::cache::Table;
use crate::crew;
use crate::encoding::{Reader, Writer};
use crate::files::{self, Content, Uncounted};
use crate::lines;
use crate::object;
use crate::objects::Objects;
use crate::question::Shared;
use crate::repositories;
use crate::stop::{Stop, Stopped};
use crate::tree::{self, Delta};
use crate::walk::WalkMode;

/// How much of a change's diff is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiffCaps {
    /// Files of a change.
    pub files: u32,
    /// Changed lines of a file.
    pub lines_per_file: u32,
    /// Changed lines of a change.
    pub lines: u32,
    /// Bytes of a line.
    pub line_bytes: u32,
    /// Bytes of a file; a larger one is left out.
    pub file_bytes: u32,
}

impl Default for DiffCaps {
    /// Enough for any diff a person would read to the end.
    fn default() -> Self {
        DiffCaps { files: 60, lines_per_file: 400, lines: 2000, line_bytes: 400, file_bytes: 1 << 20 }
    }
}

/// A line this long was written by a program.
const MINIFIED_LINE_BYTES: usize = 5000;
/// So was text with lines this long on average.
const MINIFIED_AVERAGE_BYTES: usize = 300;

/// The diffs of those of `changes` that are commits of this repository.
pub(crate) fn diffs(shared: &Shared, changes: &[ChangeId], stop: &Stop) -> Result<Vec<Diff>, ConnectorError> {
    let prefix = format!("git:{}:", shared.name);
    let wanted: Vec<(ChangeId, Oid)> = changes
        .iter()
        .filter_map(|id| {
            let sha = id.as_str().strip_prefix(&prefix).filter(|sha| sha.len() == 40)?;
            Some((id.clone(), Oid::from_str(sha).ok()?))
        })
        .collect();
    let commits: Vec<Oid> = wanted.iter().map(|(_, oid)| *oid).collect();
    let caps = shared.options.diff_caps;
    let mut known = match &shared.options.cache {
        Some(cache) => cache.load(Table::Diffs, &commits),
        None => Default::default(),
    };
    let mut found: Vec<Option<Capped>> =
        commits.iter().map(|oid| known.remove(oid).and_then(|fact| Capped::decode(&fact, caps))).collect();
    let jobs: Vec<(usize, Oid)> =
        commits.iter().copied().enumerate().filter(|(n, _)| matches!(found.get(*n), Some(None))).collect();
    let shallow = shared.repositories.with(repositories::shallow_commits)?;
    let merges_too = shared.options.walk == WalkMode::FirstParent;
    let fresh = crew::work(&shared.repositories, &jobs, &|_| {}, |objects, (_, commit)| {
        one(objects, *commit, Rules { caps, merges_too, cut: shallow.contains(commit) }, stop)
    })?;
    let mut facts = Vec::new();
    for ((place, commit), capped) in jobs.iter().zip(fresh) {
        if let Some(capped) = capped.as_ref().and_then(Option::as_ref)
            && capped.is_fact
        {
            facts.push((*commit, capped.encode(caps)));
        }
        if let Some(slot) = found.get_mut(*place) {
            *slot = capped.flatten();
        }
    }
    if let Some(cache) = &shared.options.cache {
        cache.store(Table::Diffs, &facts);
    }
    if !found.is_empty() && found.iter().all(Option::is_none) && stop.check().is_err() {
        return Err(ConnectorError::TimedOut(stop.budget()));
    }
    Ok(wanted.into_iter().zip(found).filter_map(|((id, _), capped)| Some(capped?.into_diff(id))).collect())
}

#[derive(Clone, Copy)]
struct Rules {
    caps: DiffCaps,
    merges_too: bool,
    cut: bool,
}

/// The diff of one commit; none if it is not here.
fn one(objects: &Objects<'_>, commit: Oid, rules: Rules, stop: &Stop) -> Result<Option<Capped>, Stopped> {
    stop.check()?;
    let header = |oid| objects.with(oid, ObjectType::Commit, object::parse_header).ok().flatten();
    let Some(own) = header(commit) else { return Ok(None) };
    if own.parents.len() > 1 && !rules.merges_too {
        return Ok(Some(Capped::nothing("a merge has no lines of its own; see the commits it brought")));
    }
    let unknown = || Capped::nothing("its files are not known: a shallow or partial clone");
    let parent = match own.parents.first() {
        None => None,
        Some(_) if rules.cut => return Ok(Some(unknown())),
        Some(&parent) => match header(parent) {
            Some(parent) => Some(parent.tree),
            None => return Ok(Some(unknown())),
        },
    };
    let Ok(deltas) = tree::diff(objects, parent, Some(own.tree)) else { return Ok(Some(unknown())) };

    let mut capped = Capped { is_fact: true, ..Capped::default() };
    let mut left = LeftOut::default();
    let mut lines_left = rules.caps.lines;
    for delta in &deltas {
        stop.check()?;
        if capped.files.len() >= rules.caps.files as usize || lines_left == 0 {
            left.files += 1;
            continue;
        }
        let lines = match changed_lines(objects, delta, rules.caps, lines_left, &mut left) {
            Ok(lines) => lines,
            Err(why) => {
                left.count(why);
                continue;
            }
        };
        lines_left = lines_left.saturating_sub(u32::try_from(lines.len()).unwrap_or(u32::MAX));
        if !lines.is_empty() {
            capped.files.push((delta.path.to_vec(), lines));
        }
    }
    capped.is_fact = left.absent == 0;
    capped.left_out = left.in_words();
    Ok(Some(capped))
}

enum Why {
    Binary,
    Minified,
    Generated,
    Huge,
    Absent,
}

#[derive(Default)]
struct LeftOut {
    binary: usize,
    minified: usize,
    generated: usize,
    huge: usize,
    absent: usize,
    files: usize,
    lines: usize,
}

impl LeftOut {
    fn count(&mut self, why: Why) {
        let counter = match why {
            Why::Binary => &mut self.binary,
            Why::Minified => &mut self.minified,
            Why::Generated => &mut self.generated,
            Why::Huge => &mut self.huge,
            Why::Absent => &mut self.absent,
        };
        *counter += 1;
    }

    fn in_words(&self) -> String {
        let parts: Vec<String> = [
            (self.binary, "binary file", "binary files"),
            (self.minified, "minified file", "minified files"),
            (self.generated, "lock file", "lock files"),
            (self.huge, "huge file", "huge files"),
            (self.absent, "absent file (partial clone)", "absent files (partial clone)"),
            (self.files, "more file", "more files"),
            (self.lines, "more line", "more lines"),
        ]
        .into_iter()
        .filter(|(n, _, _)| *n > 0)
        .map(|(n, one, many)| format!("{n} {}", if n == 1 { one } else { many }))
        .collect();
        parts.join(", ")
    }
}

struct Line {
    side: Side,
    number: u32,
    text: Vec<u8>,
}

fn changed_lines(
    objects: &Objects<'_>,
    delta: &Delta,
    caps: DiffCaps,
    lines_left: u32,
    left: &mut LeftOut,
) -> Result<Vec<Line>, Why> {
    if is_generated(&delta.path) {
        return Err(Why::Generated);
    }
    let largest = caps.file_bytes as usize;
    let load = |file| {
        files::content(objects, file, largest).map_err(|why| match why {
            Uncounted::Unreadable => Why::Absent,
            Uncounted::TooLarge => Why::Huge,
        })
    };
    let (old, new): (Content, Content) = (load(delta.old)?, load(delta.new)?);
    let (old, new) = (old.bytes(), new.bytes());
    if lines::is_binary(old) || lines::is_binary(new) {
        return Err(Why::Binary);
    }
    if is_minified(old) || is_minified(new) {
        return Err(Why::Minified);
    }
    let most = lines_left.min(caps.lines_per_file) as usize;
    let mut found = Vec::new();
    each_changed_line(old, new, |side, number, content| {
        if found.len() >= most {
            left.lines += 1;
            return;
        }
        let text = content.trim_ascii_end();
        let text = text.get(..caps.line_bytes as usize).unwrap_or(text).to_vec();
        found.push(Line { side, number, text });
    })?;
    Ok(found)
}

/// The changed lines, each with its side, its number and its content.
fn each_changed_line(old: &[u8], new: &[u8], mut each: impl FnMut(Side, u32, &[u8])) -> Result<(), Why> {
    // Where there is nothing on a side, every algorithm finds the same.
    let (side, all) = match (old, new) {
        (old, new) if old == new => return Ok(()),
        ([], new) => (Side::Added, new),
        (old, []) => (Side::Removed, old),
        (old, new) => return each_line_by_xdiff(old, new, each),
    };
    all.split_inclusive(|&b| b == b'\n').zip(1..).for_each(|(line, number)| each(side, number, line));
    Ok(())
}

fn each_line_by_xdiff(old: &[u8], new: &[u8], mut each: impl FnMut(Side, u32, &[u8])) -> Result<(), Why> {
    let mut options = DiffOptions::new();
    options.context_lines(0).force_text(true).indent_heuristic(true);
    // Both are text in memory: a failure here can only be a lack of memory for a diff of this size.
    let patch = Patch::from_buffers(old, None, new, None, Some(&mut options)).map_err(|_| Why::Huge)?;
    for hunk in 0..patch.num_hunks() {
        for at in 0..patch.num_lines_in_hunk(hunk).unwrap_or(0) {
            let Ok(line) = patch.line_in_hunk(hunk, at) else { continue };
            let (side, number) = match line.origin() {
                '+' => (Side::Added, line.new_lineno()),
                '-' => (Side::Removed, line.old_lineno()),
                _ => continue,
            };
            each(side, number.unwrap_or(0), line.content());
        }
    }
    Ok(())
}

/// Text that a program wrote without a thought of who reads it.
pub(crate) fn is_minified(content: &[u8]) -> bool {
    let mut longest = 0;
    let mut lines = 0;
    for line in content.split(|&b| b == b'\n') {
        longest = longest.max(line.len());
        lines += 1;
    }
    longest > MINIFIED_LINE_BYTES || content.len() > lines * MINIFIED_AVERAGE_BYTES && lines > 4
}

/// Files that a package manager or a bundler writes.
pub(crate) fn is_generated(path: &[u8]) -> bool {
    let name = path.rsplit(|&b| b == b'/').next().unwrap_or(path);
    const LOCKS: &[&[u8]] = &[
        b"package-lock.json",
        b"npm-shrinkwrap.json",
        b"yarn.lock",
        b"pnpm-lock.yaml",
        b"Cargo.lock",
        b"composer.lock",
        b"poetry.lock",
        b"Gemfile.lock",
        b"go.sum",
    ];
    LOCKS.contains(&name)
        || [&b".min.js"[..], b".min.css", b".js.map", b".css.map"].iter().any(|e| name.ends_with(e))
}

#[derive(Default)]
struct Capped {
    files: Vec<(Vec<u8>, Vec<Line>)>,
    left_out: String,
    /// Whether it holds in every clone, so that it may be cached.
    is_fact: bool,
}

impl Capped {
    fn nothing(why: &str) -> Self {
        Capped { left_out: why.to_owned(), ..Capped::default() }
    }

    fn into_diff(self, change: ChangeId) -> Diff {
        let files = self
            .files
            .into_iter()
            .map(|(path, lines)| FileDiff {
                path: RepoPath::from_bytes(&path),
                lines: lines
                    .into_iter()
                    .map(|line| DiffLine {
                        side: line.side,
                        line: line.number,
                        text: ExternalText::new(String::from_utf8_lossy(&line.text)),
                    })
                    .collect(),
            })
            .collect();
        let left_out = if self.left_out.is_empty() { None } else { Some(self.left_out) };
        Diff { change, files, left_out }
    }

    fn encode(&self, caps: DiffCaps) -> Vec<u8> {
        let mut out = Writer::default();
        for cap in caps.numbers() {
            out.number(cap.into());
        }
        out.bytes(self.left_out.as_bytes());
        out.number(self.files.len() as u64);
        for (path, lines) in &self.files {
            out.bytes(path);
            out.number(lines.len() as u64);
            for line in lines {
                out.number(u64::from(line.number) << 1 | u64::from(line.side == Side::Added));
                out.bytes(&line.text);
            }
        }
        out.finish()
    }

    /// None if the bytes are damaged or were made under other caps.
    fn decode(bytes: &[u8], caps: DiffCaps) -> Option<Self> {
        let mut input = Reader::new(bytes);
        for cap in caps.numbers() {
            if input.small()? != cap {
                return None;
            }
        }
        let left_out = String::from_utf8(input.bytes()?.to_vec()).ok()?;
        let mut files = Vec::new();
        for _ in 0..input.number()? {
            let path = input.bytes()?.to_vec();
            let mut lines = Vec::new();
            for _ in 0..input.number()? {
                let packed = input.number()?;
                let side = if packed & 1 == 1 { Side::Added } else { Side::Removed };
                let number = u32::try_from(packed >> 1).ok()?;
                lines.push(Line { side, number, text: input.bytes()?.to_vec() });
            }
            files.push((path, lines));
        }
        input.is_at_end().then_some(Capped { files, left_out, is_fact: true })
    }
}

impl DiffCaps {
    fn numbers(self) -> [u32; 5] {
        [self.files, self.lines_per_file, self.lines, self.line_bytes, self.file_bytes]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_write_is_recognised() {
        assert!(is_minified("x".repeat(6000).as_bytes()));
        assert!(!is_minified("let x = 1;\n".repeat(900).as_bytes()));
        assert!(
            is_generated(b"web/app.min.js") && is_generated(b"Cargo.lock") && !is_generated(b"src/lock.rs")
        );
    }

    #[test]
    fn the_short_ways_agree_with_xdiff() {
        let texts: [&[u8]; 8] =
            [b"", b"a", b"a\n", b"a\nb", b"\n\n", b"a\r\nb\r\n", b"a\na\n", "é \t\n\u{2028}x\n".as_bytes()];
        for (old, new) in texts.iter().flat_map(|old| texts.iter().map(move |new| (*old, *new))) {
            let (mut short, mut long) = (Vec::new(), Vec::new());
            let keep = |lines: &mut Vec<_>, side, number, text: &[u8]| {
                lines.push((side, number, text.trim_ascii_end().to_vec()));
            };
            assert!(each_changed_line(old, new, |side, n, text| keep(&mut short, side, n, text)).is_ok());
            assert!(each_line_by_xdiff(old, new, |side, n, text| keep(&mut long, side, n, text)).is_ok());
            assert_eq!(short, long, "{old:?} {new:?}");
        }
    }

    #[test]
    fn a_diff_made_under_other_caps_is_not_taken() {
        let line = Line { side: Side::Added, number: 7, text: b"x".to_vec() };
        let capped = Capped { files: vec![(b"a".to_vec(), vec![line])], left_out: "y".into(), is_fact: true };
        let caps = DiffCaps::default();
        let bytes = capped.encode(caps);
        assert!(Capped::decode(&bytes, caps).is_some());
        assert!(Capped::decode(&bytes, DiffCaps { files: 1, ..caps }).is_none());
        for end in 0..bytes.len() {
            assert!(Capped::decode(&bytes[..end], caps).is_none(), "{end}");
        }
    }
}
