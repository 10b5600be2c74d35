//! Counts the lines between two contents exactly as `git log --numstat` does. It must not know repositories.
//!
//! Git counts with xdiff's Myers and its heuristics, so another algorithm would give other numbers. Libgit2
//! carries the same xdiff. Most edits need no algorithm: after the lines that are equal at both ends, one side is
//! empty, or no line of one side occurs on the other; every algorithm gives the same counts then.

use std::collections::HashSet;

use git2::{DiffOptions, Patch};
use hearback_core::change::Lines;

/// As git: content with a NUL in its first bytes is not text.
const BINARY_CHECK_BYTES: usize = 8000;

/// Whether git takes this content for binary.
pub(crate) fn is_binary(content: &[u8]) -> bool {
    content.get(..BINARY_CHECK_BYTES).unwrap_or(content).contains(&0)
}

/// Lines added and deleted from `old` to `new`; a side that is not there is empty.
pub(crate) fn count(old: &[u8], new: &[u8]) -> Lines {
    if is_binary(old) || is_binary(new) {
        return Lines::Binary;
    }
    if old == new {
        return counted(0, 0);
    }
    let (old_middle, new_middle) = middles(old, new);
    if old_middle.is_empty() || new_middle.is_empty() || !share_a_line(old_middle, new_middle) {
        return counted(number_of_lines(new_middle), number_of_lines(old_middle));
    }
    count_with_xdiff(old, new)
}

fn counted(added: usize, deleted: usize) -> Lines {
    let saturated = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Lines::Counted { added: saturated(added), deleted: saturated(deleted) }
}

/// Both contents without the whole lines they share at the start and then at the end, as xdiff trims them.
fn middles<'a>(old: &'a [u8], new: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let same = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    // Back to the end of a line on both sides.
    let start = old.iter().take(same).rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
    let (old, new) = (old.get(start..).unwrap_or_default(), new.get(start..).unwrap_or_default());

    let same = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old_end, new_end) = (old.len() - same, new.len() - same);
    // Forward to the start of a line on both sides; a border that starts a line on each side is one already.
    let starts_line = |text: &[u8], at: usize| at == 0 || text.get(at - 1) == Some(&b'\n');
    let skip = if starts_line(old, old_end) && starts_line(new, new_end) {
        0
    } else {
        old.iter().skip(old_end).position(|&b| b == b'\n').map_or(same, |at| at + 1)
    };
    (old.get(..old_end + skip).unwrap_or_default(), new.get(..new_end + skip).unwrap_or_default())
}

fn share_a_line(old: &[u8], new: &[u8]) -> bool {
    let (few, many) = if old.len() < new.len() { (old, new) } else { (new, old) };
    let lines: HashSet<&[u8]> = few.split_inclusive(|&b| b == b'\n').collect();
    many.split_inclusive(|&b| b == b'\n').any(|line| lines.contains(line))
}

/// Lines of a text; a last one without line end counts.
fn number_of_lines(text: &[u8]) -> usize {
    text.split_inclusive(|&b| b == b'\n').count()
}

fn count_with_xdiff(old: &[u8], new: &[u8]) -> Lines {
    // No context: hunks are not asked for. Text is forced because binary content was told apart above.
    let mut options = DiffOptions::new();
    options.context_lines(0).force_text(true).indent_heuristic(true);
    let stats = Patch::from_buffers(old, None, new, None, Some(&mut options)).and_then(|p| p.line_stats());
    match stats {
        Ok((_, added, deleted)) => counted(added, deleted),
        Err(_) => Lines::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(old: &str, new: &str, added: u32, deleted: u32) {
        assert_eq!(
            count(old.as_bytes(), new.as_bytes()),
            Lines::Counted { added, deleted },
            "{old:?} {new:?}"
        );
    }

    #[test]
    fn lines_are_counted_as_git_counts_them() {
        check("", "", 0, 0);
        check("", "a\nb", 2, 0);
        check("a\nb\n", "", 0, 2);
        check("a\nb\nc\n", "a\nx\nc\n", 1, 1);
        check("a\nb", "a\nb\n", 1, 1);
        check("a\r\nb\r\n", "a\nb\n", 2, 2);
        check("a\na\n", "a\na\na\n", 1, 0);
        check("xa\n", "ya\n", 1, 1);
        check("a\nxb\n", "a\nb\n", 1, 1);
        check("b\na\nc\n", "a\nb\nc\n", 1, 1);
    }

    #[test]
    fn a_nul_at_the_start_makes_content_binary() {
        assert_eq!(count(b"", b"a\0b"), Lines::Binary);
        let late = [vec![b'a'; BINARY_CHECK_BYTES], vec![0]].concat();
        assert_eq!(count(b"", &late), Lines::Counted { added: 1, deleted: 0 });
    }

    proptest! {
        #[test]
        fn the_short_ways_agree_with_xdiff(
            old in proptest::collection::vec(0..6_u8, 0..30),
            new in proptest::collection::vec(0..6_u8, 0..30),
            cut in any::<(bool, bool)>(),
        ) {
            let text = |lines: &[u8], cut: bool| {
                let mut text: Vec<u8> = lines.iter().flat_map(|&l| [b'a' + l / 2, b'a' + l % 2, b'\n']).collect();
                if cut { text.pop(); }
                text
            };
            let (old, new) = (text(&old, cut.0), text(&new, cut.1));
            prop_assert_eq!(count(&old, &new), count_with_xdiff(&old, &new));
        }
    }
}
