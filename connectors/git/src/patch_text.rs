//! Puts the places of a patch into the text of one file: whole lines, each found exactly once, all of them in the text as it
//! was. Everything else stays as it is, line endings too. Pure; it must not know repositories or paths.

use hearback_core::patch::Edit;

/// Lines of a text that become others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The first line, from 0.
    pub(crate) from: usize,
    /// The line after the last.
    pub(crate) until: usize,
    /// What stands there instead, each line with its ending.
    pub(crate) put: Vec<String>,
}

/// Why a text can't be changed so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("is not there in whole lines")]
    Missing,
    #[error("is there more than once")]
    Ambiguous,
    #[error("overlaps another")]
    Overlap,
    #[error("has line endings of two kinds")]
    Endings,
}

/// The lines of a text, each with its ending; the last may have none.
pub(crate) fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Where the edits take hold in a text, from its top to its end.
///
/// # Errors
/// [`Unfit`], the first thing that is wrong.
pub(crate) fn places(lines: &[&str], edits: &[&Edit]) -> Result<Vec<Place>, Unfit> {
    let mut places = edits.iter().map(|edit| place(lines, edit)).collect::<Result<Vec<_>, _>>()?;
    places.sort_by_key(|place| place.from);
    let overlaps = |pair: &[Place]| matches!(pair, [one, next] if next.from < one.until);
    if places.windows(2).any(overlaps) { Err(Unfit::Overlap) } else { Ok(places) }
}

/// The text with the places as they shall be.
pub(crate) fn replaced(lines: &[&str], places: &[Place]) -> String {
    let mut text = String::new();
    let mut at = 0;
    for place in places {
        text.extend(lines.get(at..place.from).unwrap_or_default().iter().copied());
        text.extend(place.put.iter().map(String::as_str));
        at = place.until;
    }
    text.extend(lines.get(at..).unwrap_or_default().iter().copied());
    text
}

fn place(lines: &[&str], edit: &Edit) -> Result<Place, Unfit> {
    let wanted: Vec<&str> = edit.find.as_untrusted().lines().collect();
    let is_here = |window: &[&str]| window.iter().zip(&wanted).all(|(line, wanted)| split(line).0 == *wanted);
    let mut found = lines
        .windows(wanted.len().max(1))
        .enumerate()
        .filter(|(_, window)| is_here(window))
        .map(|(at, _)| at);
    let from = found.next().filter(|_| !wanted.is_empty()).ok_or(Unfit::Missing)?;
    if found.next().is_some() {
        return Err(Unfit::Ambiguous);
    }
    let until = from + wanted.len();
    let taken = lines.get(from..until).unwrap_or_default();
    let (ending, last) = endings(lines.get(..from).unwrap_or_default(), taken)?;
    let mut put: Vec<String> =
        edit.put.as_untrusted().lines().map(|line| format!("{line}{ending}")).collect();
    if let (Some(line), "") = (put.last_mut(), last) {
        line.truncate(line.len() - ending.len());
    }
    Ok(Place { from, until, put })
}

/// What the lines that are taken out end with, and what the last of them does. A line that ends with nothing, as the last
/// of a file may, says nothing of the others: then it is as above, or as usual.
fn endings<'t>(above: &[&'t str], taken: &[&'t str]) -> Result<(&'t str, &'t str), Unfit> {
    let mut kinds = taken.iter().map(|line| split(line).1).filter(|ending| !ending.is_empty());
    let last = taken.last().map_or("", |line| split(line).1);
    let ending = match kinds.next() {
        Some(first) if kinds.any(|other| other != first) => return Err(Unfit::Endings),
        Some(first) => first,
        None => above.last().map_or("\n", |line| split(line).1),
    };
    Ok((ending, last))
}

/// A line and its ending.
fn split(line: &str) -> (&str, &str) {
    let ending = match line {
        crlf if crlf.ends_with("\r\n") => 2,
        lf if lf.ends_with('\n') => 1,
        _ => 0,
    };
    line.split_at(line.len() - ending)
}

#[cfg(test)]
#[path = "patch_text_tests.rs"]
mod tests;
