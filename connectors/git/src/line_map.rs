//! Which lines of a text were in an older one too, and where: as `git blame` finds it, by xdiff without context. Pure; it
//! must not know commits or files.

use git2::{DiffOptions, Patch};

/// Git leaves out equal ends in blocks of this size before it looks for differences, which moves some of them.
const TAIL_BYTES: usize = 1024;
/// Matching lines one by one costs the product of both sides; beyond this only equally many lines are matched.
const MOST_PAIRS: usize = 1 << 20;

/// Lines that differ: those of the old text, and those of the new one in their stead. Counted from 0, the end not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hunk {
    pub(crate) old: (u32, u32),
    pub(crate) new: (u32, u32),
}

/// Lines of one place that are followed: from line `at` of a version, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Whose they are, a number to whoever asks.
    pub(crate) place: usize,
    pub(crate) at: u32,
    pub(crate) lines: u32,
}

/// Lines this far inside of equal ends are the same lines, whatever differs between the ends: a difference is moved along lines
/// that repeat, and never so far.
const APART: u32 = 256;

/// Divides pieces of the new text into those that lie well inside of equal ends, as pieces of the old one, and the rest. Long
/// files change a little at a time, and a comparison of their ends costs a fraction of one of their lines.
pub(crate) fn divide_ends(pieces: &[Piece], old: &[u8], new: &[u8]) -> (Vec<Piece>, Vec<Piece>) {
    let (head, old_tail, new_tail) = ends(old, new);
    let (until, from) = (head.saturating_sub(APART), new_tail.saturating_add(APART));
    let (mut before, mut rest) = (Vec::new(), Vec::new());
    for piece in pieces {
        let (at, end) = (piece.at, piece.at.saturating_add(piece.lines));
        let cut = |from: u32, to: u32| (from.max(at), to.min(end));
        let of = |(from, to): (u32, u32)| Piece { at: from, lines: to.saturating_sub(from), ..*piece };
        let (first, last) = (of(cut(0, until)), of(cut(from.max(until), end)));
        rest.push(of(cut(until, from.max(until))));
        let moved = i64::from(old_tail) - i64::from(new_tail);
        let last_at = u32::try_from(i64::from(last.at) + moved).unwrap_or_default();
        before.extend([first, Piece { at: last_at, ..last }]);
    }
    before.retain(|piece| piece.lines > 0);
    rest.retain(|piece| piece.lines > 0);
    (before, rest)
}

/// How many lines two texts share at the start, and with which line, from 0, those begin that they share at the end.
fn ends(old: &[u8], new: &[u8]) -> (u32, u32, u32) {
    let same = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    // Back to the end of a line on both sides.
    let start = old.iter().take(same).rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let (shared, old) = old.split_at_checked(start).unwrap_or_default();
    let new = new.get(start..).unwrap_or_default();
    let same = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    // Forward to the start of a line.
    let skip = old.iter().rev().take(same).rev().position(|&byte| byte == b'\n').map_or(same, |at| at + 1);
    let tail = same - skip;
    let lines = |text: &[u8]| number_of_lines(text.get(..text.len() - tail).unwrap_or(text));
    let head = number_of_lines(shared);
    (head, head.saturating_add(lines(old)), head.saturating_add(lines(new)))
}

/// Where two texts differ, in their order. None if that can't be found out: the memory does not suffice for it.
pub(crate) fn hunks(old: &[u8], new: &[u8]) -> Option<Vec<Hunk>> {
    if old == new {
        return Some(Vec::new());
    }
    if old.is_empty() || new.is_empty() {
        return Some(vec![Hunk { old: (0, number_of_lines(old)), new: (0, number_of_lines(new)) }]);
    }
    let (old, new) = without_tail(old, new);
    // Text is forced, as git does: what was followed up to here is text.
    let mut options = DiffOptions::new();
    options.context_lines(0).interhunk_lines(0).force_text(true).indent_heuristic(true);
    let patch = Patch::from_buffers(old, None, new, None, Some(&mut options)).ok()?;
    let mut hunks = Vec::with_capacity(patch.num_hunks());
    for place in 0..patch.num_hunks() {
        let (hunk, _) = patch.hunk(place).ok()?;
        // Of no lines git names the one before them.
        let range = |start: u32, lines: u32| {
            let from = if lines == 0 { start } else { start.saturating_sub(1) };
            (from, from.saturating_add(lines))
        };
        hunks.push(Hunk {
            old: range(hunk.old_start(), hunk.old_lines()),
            new: range(hunk.new_start(), hunk.new_lines()),
        });
    }
    Some(hunks)
}

/// Both texts without their equal ends, as git cuts them: whole blocks, and then forward to the end of a line.
fn without_tail<'a>(old: &'a [u8], new: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let same = old
        .rchunks_exact(TAIL_BYTES)
        .zip(new.rchunks_exact(TAIL_BYTES))
        .take_while(|(old, new)| old == new)
        .count()
        .saturating_mul(TAIL_BYTES);
    let tail = old.len().checked_sub(same).and_then(|from| old.get(from..)).unwrap_or_default();
    let kept = tail.iter().position(|&byte| byte == b'\n').map_or(tail.len(), |at| at + 1);
    let cut = same - kept;
    let head = |text: &'a [u8]| text.get(..text.len() - cut).unwrap_or(text);
    (head(old), head(new))
}

/// Divides pieces of the new text into those that were in the old one, as pieces of that, and those that were not.
pub(crate) fn divide(pieces: &[Piece], hunks: &[Hunk]) -> (Vec<Piece>, Vec<Piece>) {
    let (mut before, mut fresh) = (Vec::new(), Vec::new());
    for piece in pieces {
        let end = piece.at.saturating_add(piece.lines);
        let mut at = piece.at;
        let mut shift = 0_i64;
        let mut keep = |from: u32, to: u32, shift: i64| {
            if let Ok(at) = u32::try_from(i64::from(from) + shift)
                && to > from
            {
                before.push(Piece { place: piece.place, at, lines: to - from });
            }
        };
        for hunk in hunks {
            let (from, to) = hunk.new;
            if from >= end {
                break;
            }
            if to > at || (from == to && from > at) {
                keep(at, from.max(at), shift);
                let changed = (from.max(at), to.min(end));
                if changed.1 > changed.0 {
                    fresh.push(Piece { place: piece.place, at: changed.0, lines: changed.1 - changed.0 });
                }
                at = to.min(end).max(at);
            }
            shift = i64::from(hunk.old.1) - i64::from(to);
        }
        keep(at, end, shift);
    }
    (before, fresh)
}

/// Divides pieces of changed lines by what they were before somebody only rewrote them: the same letters spaced otherwise, or
/// one of equally many. As pieces of the old text, and those that were nothing before.
pub(crate) fn counterparts(
    pieces: &[Piece],
    hunks: &[Hunk],
    old: &[u8],
    new: &[u8],
) -> (Vec<Piece>, Vec<Piece>) {
    let (old, new): (Vec<&[u8]>, Vec<&[u8]>) = (lines_of(old).collect(), lines_of(new).collect());
    let (mut before, mut fresh) = (Vec::new(), Vec::new());
    for hunk in hunks {
        let (from, to) = hunk.new;
        let touches = |piece: &Piece| piece.at < to && piece.at.saturating_add(piece.lines) > from;
        if !pieces.iter().any(touches) {
            continue;
        }
        let matched = matched(range(&old, hunk.old), range(&new, hunk.new));
        for piece in pieces.iter().filter(|piece| touches(piece)) {
            for line in piece.at.max(from)..piece.at.saturating_add(piece.lines).min(to) {
                let was = matched.get((line - from) as usize).copied().flatten();
                let (list, at) = match was {
                    Some(was) => (&mut before, hunk.old.0.saturating_add(was)),
                    None => (&mut fresh, line),
                };
                list.push(Piece { place: piece.place, at, lines: 1 });
            }
        }
    }
    (before, fresh)
}

/// The old line that each new one was, if it was one: those that are the same but for their spaces, in order and as many as
/// possible; else, where there are equally many, each that in its place.
fn matched(old: &[&[u8]], new: &[&[u8]]) -> Vec<Option<u32>> {
    if old.len() == new.len() {
        return (0_u32..).take(new.len()).map(Some).collect();
    }
    let mut matched = vec![None; new.len()];
    if old.len().saturating_mul(new.len()) > MOST_PAIRS {
        return matched;
    }
    let plain = |lines: &[&[u8]]| -> Vec<Vec<u8>> { lines.iter().map(|line| without_spaces(line)).collect() };
    let (old, new) = (plain(old), plain(new));
    // The longest common subsequence: `longest[i][j]` of what follows old line i and new line j.
    let width = new.len() + 1;
    let mut longest = vec![0_u32; (old.len() + 1) * width];
    let of = |longest: &[u32], i: usize, j: usize| longest.get(i * width + j).copied().unwrap_or_default();
    let same = |i: usize, j: usize| match (old.get(i), new.get(j)) {
        (Some(old), Some(new)) => old == new && !old.is_empty(),
        _ => false,
    };
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            let best = match same(i, j) {
                true => of(&longest, i + 1, j + 1) + 1,
                false => of(&longest, i + 1, j).max(of(&longest, i, j + 1)),
            };
            if let Some(slot) = longest.get_mut(i * width + j) {
                *slot = best;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() && j < new.len() {
        if same(i, j) {
            if let Some(slot) = matched.get_mut(j) {
                *slot = u32::try_from(i).ok();
            }
            (i, j) = (i + 1, j + 1);
        } else if of(&longest, i + 1, j) >= of(&longest, i, j + 1) {
            i += 1;
        } else {
            j += 1;
        }
    }
    matched
}

/// Lines of a text; a last one without line end counts.
pub(crate) fn lines_of(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|&byte| byte == b'\n')
}

/// How many there are.
pub(crate) fn number_of_lines(text: &[u8]) -> u32 {
    u32::try_from(lines_of(text).count()).unwrap_or(u32::MAX)
}

fn range<'a, 'b>(lines: &'b [&'a [u8]], (from, to): (u32, u32)) -> &'b [&'a [u8]] {
    lines.get(from as usize..to as usize).unwrap_or_default()
}

fn without_spaces(line: &[u8]) -> Vec<u8> {
    line.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn piece(at: u32, lines: u32) -> Piece {
        Piece { place: 0, at, lines }
    }

    fn divided(old: &str, new: &str, of: Piece) -> (Vec<Piece>, Vec<Piece>) {
        divide(&[of], &hunks(old.as_bytes(), new.as_bytes()).unwrap())
    }

    #[test]
    fn lines_are_found_where_they_were() {
        let check = |old: &str, new: &str, of: Piece, before: &[Piece], fresh: &[Piece]| {
            assert_eq!(divided(old, new, of), (before.to_vec(), fresh.to_vec()), "{old:?} {new:?}");
        };
        check("a\nb\nc\n", "a\nb\nc\n", piece(1, 2), &[piece(1, 2)], &[]);
        check("a\nb\nc\n", "x\na\nb\nc\n", piece(2, 2), &[piece(1, 2)], &[]);
        check("a\nb\nc\n", "a\nx\nc\n", piece(0, 3), &[piece(0, 1), piece(2, 1)], &[piece(1, 1)]);
        check("a\nb\nc\nd\n", "a\nd\n", piece(0, 2), &[piece(0, 1), piece(3, 1)], &[]);
        check("", "a\nb\n", piece(0, 2), &[], &[piece(0, 2)]);
        check("a\n", "a\nb\nc\n", piece(2, 1), &[], &[piece(2, 1)]);
    }

    #[test]
    fn what_two_texts_share_at_their_ends_is_counted_in_lines() {
        let check = |old: &str, new: &str, expect: (u32, u32, u32)| {
            assert_eq!(ends(old.as_bytes(), new.as_bytes()), expect, "{old:?} {new:?}");
        };
        check("a\nb\nc\n", "a\nx\ny\nc\n", (1, 2, 3));
        check("a\nb\n", "a\nb\n", (2, 2, 2));
        check("a\nb", "a\nb\n", (1, 2, 2));
        check("", "a\n", (0, 0, 1));
        check("xa\nb\n", "ya\nb\n", (0, 1, 1));
        check("a\na\n", "a\na\na\n", (2, 2, 3));
    }

    #[test]
    fn a_line_that_was_only_spaced_otherwise_is_the_line_it_was() {
        let check = |old: &str, new: &str, before: &[u32], fresh: &[u32]| {
            let (old, new) = (old.as_bytes(), new.as_bytes());
            let hunks = hunks(old, new).unwrap();
            let (_, changed) = divide(&[piece(0, number_of_lines(new))], &hunks);
            let (was, nothing) = counterparts(&changed, &hunks, old, new);
            let at = |pieces: &[Piece]| pieces.iter().map(|piece| piece.at).collect::<Vec<_>>();
            assert_eq!((at(&was), at(&nothing)), (before.to_vec(), fresh.to_vec()), "{old:?} {new:?}");
        };
        check("a(b)\nc\n", "a( b )\nc\n", &[0], &[]);
        check("a\nb\n", "x\ny\n", &[0, 1], &[]);
        check("if (a) { b }\nc = 1\n", "if (a) {\n  b\n}\nc  =  1\n", &[1], &[0, 1, 2]);
    }

    proptest! {
        #[test]
        fn what_lies_inside_of_equal_ends_is_found_without_looking_at_the_rest(
            ends in (0..600_u32, 0..600_u32),
            middles in (proptest::collection::vec(0..4_u8, 0..40), proptest::collection::vec(0..4_u8, 0..40)),
        ) {
            let text = |middle: &[u8]| -> Vec<u8> {
                let numbers = |from: u32, to: u32| (from..to).map(|n| format!("{n}\n")).collect::<String>();
                let middle: String = middle.iter().map(|of| format!("line {of}\n")).collect();
                (numbers(0, ends.0) + &middle + &numbers(1000, 1000 + ends.1)).into_bytes()
            };
            let (old, new) = (text(&middles.0), text(&middles.1));
            let all = [piece(0, number_of_lines(&new))];
            let at = |pieces: Vec<Piece>| {
                pieces.into_iter().flat_map(|p| p.at..p.at + p.lines).collect::<std::collections::BTreeSet<_>>()
            };
            let (whole, fresh) = divide(&all, &hunks(&old, &new).unwrap());
            let (inside, rest) = divide_ends(&all, &old, &new);
            let (middle, still_fresh) = divide(&rest, &hunks(&old, &new).unwrap());
            prop_assert_eq!(at(whole), at([inside, middle].concat()));
            prop_assert_eq!(at(fresh), at(still_fresh));
        }

        #[test]
        fn no_line_is_lost_and_what_was_before_is_the_same_line(
            old in proptest::collection::vec(0..5_u8, 0..400),
            edits in proptest::collection::vec((0..400_usize, 0..5_u8, any::<bool>()), 0..12),
        ) {
            let text = |lines: &[u8]| lines.iter().flat_map(|&l| [b'a' + l; 6].into_iter().chain([b'\n'])).collect::<Vec<u8>>();
            let mut lines = old.clone();
            for (at, line, grows) in edits {
                let at = at.min(lines.len());
                match grows {
                    true => lines.insert(at, line),
                    false if at < lines.len() => drop(lines.remove(at)),
                    false => {}
                }
            }
            let (old, new) = (text(&old), text(&lines));
            let (old_lines, new_lines): (Vec<_>, Vec<_>) = (lines_of(&old).collect(), lines_of(&new).collect());
            let mut at_new = vec![0; new_lines.len()];
            for line in 0..number_of_lines(&new) {
                let (before, fresh) = divide(&[piece(line, 1)], &hunks(&old, &new).unwrap());
                prop_assert_eq!(before.len() + fresh.len(), 1);
                if let Some(was) = before.first() {
                    prop_assert_eq!(old_lines[was.at as usize], new_lines[line as usize]);
                    at_new[line as usize] = was.at + 1;
                }
            }
            let kept: Vec<u32> = at_new.into_iter().filter(|at| *at > 0).collect();
            prop_assert!(kept.windows(2).all(|pair| pair[0] < pair[1]), "the order stays");
        }
    }
}
