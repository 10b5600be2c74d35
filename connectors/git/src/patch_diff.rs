//! The difference that a patch makes, as people read it: unified, three lines around each place, to the byte. The places are
//! known, so nothing has to be guessed, and the same patch gives the same difference in every version. Pure; it must not know
//! repositories.

use crate::patch_text::Place;

/// So many lines stand around a place.
const CONTEXT: usize = 3;
/// What git says of a last line that ends with nothing.
const NO_ENDING: &str = "\n\\ No newline at end of file\n";

/// A difference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Diff {
    pub(crate) text: String,
    /// How many lines go.
    pub(crate) out: usize,
    /// How many come.
    pub(crate) into: usize,
}

/// A run of lines that go, and of those that come in their stead.
struct Change<'t> {
    at: usize,
    out: usize,
    into: Vec<&'t str>,
}

impl Change<'_> {
    fn until(&self) -> usize {
        self.at + self.out
    }
}

/// The difference of one file.
pub(crate) fn unified(path: &str, lines: &[&str], places: &[Place]) -> Diff {
    let mut changes = Vec::new();
    places.iter().for_each(|place| add_changes(lines, place, &mut changes));
    let mut diff = format!("--- a/{path}\n+++ b/{path}\n");
    // How many lines came and went above.
    let (mut grown, mut shrunk) = (0, 0);
    for hunk in changes.chunk_by(|one, next| next.at <= one.until() + 2 * CONTEXT) {
        let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else { continue };
        let (from, until) = (first.at.saturating_sub(CONTEXT), (last.until() + CONTEXT).min(lines.len()));
        let into: usize = hunk.iter().map(|change| change.into.len()).sum();
        let out: usize = hunk.iter().map(|change| change.out).sum();
        let length = until - from;
        let old = range(from, length);
        let new = range(from + grown - shrunk, length + into - out);
        diff.push_str(&format!("@@ -{old} +{new} @@\n"));
        let mut at = from;
        for change in hunk {
            told(&mut diff, ' ', lines.get(at..change.at).unwrap_or_default());
            told(&mut diff, '-', lines.get(change.at..change.until()).unwrap_or_default());
            told(&mut diff, '+', &change.into);
            at = change.until();
        }
        told(&mut diff, ' ', lines.get(at..until).unwrap_or_default());
        (grown, shrunk) = (grown + into, shrunk + out);
    }
    Diff { text: diff, out: shrunk, into: grown }
}

/// Lines from 1, as git tells them: one of a single line has no length, one of none stands after the line before.
fn range(from: usize, length: usize) -> String {
    match length {
        0 => format!("{from},0"),
        1 => format!("{}", from + 1),
        _ => format!("{},{length}", from + 1),
    }
}

fn told(diff: &mut String, sign: char, lines: &[&str]) {
    for line in lines {
        diff.push(sign);
        diff.push_str(line);
        if !line.ends_with('\n') {
            diff.push_str(NO_ENDING);
        }
    }
}

/// Adds what really changes of a place: lines that it only repeats are none of it.
fn add_changes<'t>(lines: &[&str], place: &'t Place, changes: &mut Vec<Change<'t>>) {
    let old = lines.get(place.from..place.until).unwrap_or_default();
    let new: Vec<&str> = place.put.iter().map(String::as_str).collect();
    let common = Common::new(old, &new);
    let (mut olds, mut news) = (old, new.as_slice());
    loop {
        let at = place.from + old.len() - olds.len();
        let (goes, line) = match (olds, news) {
            ([], []) => return,
            ([one, old_rest @ ..], [other, new_rest @ ..]) if one == other => {
                (olds, news) = (old_rest, new_rest);
                continue;
            }
            ([_, old_rest @ ..], _) if common.is_longer_without_old(olds.len(), news.len()) => {
                olds = old_rest;
                (1, None)
            }
            (_, [line, new_rest @ ..]) => {
                news = new_rest;
                (0, Some(*line))
            }
            ([_, old_rest @ ..], []) => {
                olds = old_rest;
                (1, None)
            }
        };
        match changes.last_mut() {
            Some(change) if change.until() == at => {
                change.out += goes;
                change.into.extend(line);
            }
            _ => changes.push(Change { at, out: goes, into: line.into_iter().collect() }),
        }
    }
}

/// How many lines two texts have in common at most, by how many are left of each.
struct Common(Vec<Vec<usize>>);

impl Common {
    fn new(old: &[&str], new: &[&str]) -> Self {
        let mut common = Common(vec![vec![0; new.len() + 1]]);
        for (olds, line) in old.iter().rev().enumerate() {
            let mut row = vec![0];
            for (news, other) in new.iter().rev().enumerate() {
                let skipped = common.of(olds, news + 1).max(row.last().copied().unwrap_or(0));
                row.push(if line == other { common.of(olds, news) + 1 } else { skipped });
            }
            common.0.push(row);
        }
        common
    }

    fn of(&self, olds: usize, news: usize) -> usize {
        self.0.get(olds).and_then(|row| row.get(news)).copied().unwrap_or(0)
    }

    /// Whether no line in common is lost if the next old one goes.
    fn is_longer_without_old(&self, olds: usize, news: usize) -> bool {
        self.of(olds.saturating_sub(1), news) >= self.of(olds, news.saturating_sub(1))
    }
}
