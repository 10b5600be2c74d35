//! Takes out of a revert's message whatever gives the answer away, and leaves what was seen to fail. Pure; it must not
//! know which changes exist beyond those it is told.
//!
//! Names (shas, links, tickets, quoted titles) first become a mark, so that the sentence around them can be cut as
//! one; then the marks go. It is repeated until nothing is left to cut: what a cut brings together may be a name.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::strip_patterns::{self as patterns, MARK};
use crate::title_runs::{TitleForms, without, without_number};

/// What is known of a change that was reverted, and must not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Its full sha.
    pub sha: &'a str,
    /// Its title; empty if it is not known.
    pub title: &'a str,
}

/// The shortest beginning of a sha that names a commit.
pub(crate) const SHORT_SHA: usize = 7;
/// A quoted title is not longer than that.
const LONGEST_QUOTE: usize = 600;

/// What a revert's message says of the failure, without what names the changes it reverts.
pub fn strip(title: &str, body: &str, answers: &[Answer<'_>]) -> String {
    let titles: Vec<TitleForms> = answers.iter().map(|answer| TitleForms::new(answer.title)).collect();
    let title = title.replace(MARK, " ");
    let body = body.replace("\r\n", "\n").replace([MARK, '\r'], " ");
    let mut text = format!("{}\n{}", own_part_of_title(&title, &titles), own_lines(&body));
    loop {
        let mut cut = cut_names(&text);
        cut = cut_answers(cut, answers, &titles);
        cut = patterns::replace_all(&patterns::CLAUSES, cut, " ").replace(MARK, " ");
        cut = tidied(&cut);
        if cut == text {
            return cut;
        }
        text = cut;
    }
}

/// The title that a revert's title quotes, without the number of its pull request; none if it is no revert's title, or
/// names what it reverts and goes on in its own words.
pub(crate) fn reverted_title(title: &str) -> Option<&str> {
    let inner = inner_of(title)?;
    let quoted = match inner.chars().next().and_then(|open| Some((open, closing(open)?))) {
        Some((open, close)) => {
            let quote = inner.get(open.len_utf8()..end_of_quote(inner)).unwrap_or_default();
            quote.strip_suffix(close).unwrap_or(quote)
        }
        None if begins_with_name(inner) => return None,
        None => inner,
    };
    Some(without_number(quoted).trim())
}

fn inner_of(title: &str) -> Option<&str> {
    let found = (*patterns::REVERT_TITLE).as_ref()?.captures(title)?;
    found.get(1).map(|inner| inner.as_str().trim())
}

/// Whether what is reverted is named, as by a sha, rather than called by its title.
fn begins_with_name(inner: &str) -> bool {
    cut_names(&format!("revert {inner}")).starts_with(&format!("revert {MARK}"))
}

/// What a title adds in its own words: all of it, or what follows the title that it reverts.
fn own_part_of_title<'a>(title: &'a str, titles: &[TitleForms]) -> &'a str {
    let Some(inner) = inner_of(title) else { return title };
    if inner.chars().next().is_some_and(|open| closing(open).is_some()) {
        return inner.get(end_of_quote(inner)..).unwrap_or_default();
    }
    if begins_with_name(inner) {
        // "Backed out changeset x (bug y) for failures": the names go later.
        return inner;
    }
    let known = titles.iter().flat_map(|forms| forms.runs(inner)).map(|run| run.end).max();
    let reason = || (*patterns::REASON).as_ref()?.find(inner).map(|found| found.start());
    known.or_else(reason).and_then(|end| inner.get(end..)).unwrap_or_default()
}

/// The lines that whoever reverted wrote: no quotations, trailers and lists of conflicts.
fn own_lines(body: &str) -> String {
    let is =
        |pattern: &LazyLock<Option<Regex>>, line: &str| pattern.as_ref().is_some_and(|p| p.is_match(line));
    let mut own = String::new();
    let mut skipping = Skipping::Nothing;
    for line in body.lines() {
        let is_indented = line.starts_with([' ', '\t', '#']);
        if is(&patterns::ORIGINAL, line) {
            break;
        }
        skipping = match skipping {
            _ if is(&patterns::LISTED, line) => Skipping::Paragraph,
            _ if is(&patterns::CONFLICTS, line) => Skipping::Indented,
            _ if is(&patterns::TRAILER, line) => Skipping::Indented,
            Skipping::Paragraph if !line.trim().is_empty() => Skipping::Paragraph,
            Skipping::Indented if is_indented && !line.trim().is_empty() => Skipping::Indented,
            _ if line.trim_start().starts_with('>') => continue,
            _ => Skipping::Nothing,
        };
        if let Skipping::Nothing = skipping {
            own.push_str(line);
            own.push('\n');
        }
    }
    patterns::replace_all(&patterns::LABELS, own, "")
}

enum Skipping {
    Nothing,
    Indented,
    Paragraph,
}

/// Marks everything that looks like a name of a change or of a discussion about one.
fn cut_names(text: &str) -> String {
    let text = patterns::replace_all(&patterns::NAMES, text.to_owned(), "${1}\u{1}");
    let text = replaced(&patterns::TICKET, text, |found| {
        let project = found.get(1).map_or("", |m| m.as_str());
        !patterns::NOT_PROJECTS.contains(&project)
    });
    let text = replaced(&patterns::SHA, text, |found| {
        let word = found.get(0).map_or("", |m| m.as_str());
        word.bytes().any(|b| b.is_ascii_digit()) && word.bytes().any(|b| b.is_ascii_alphabetic())
    });
    cut_quotes(&text)
}

/// Marks what a pattern finds, where `is_name` says so.
fn replaced(
    pattern: &LazyLock<Option<Regex>>,
    text: String,
    is_name: impl Fn(&Captures<'_>) -> bool,
) -> String {
    let Some(pattern) = pattern.as_ref() else { return text };
    let parts: Vec<_> = pattern
        .captures_iter(&text)
        .filter(|found| is_name(found))
        .filter_map(|found| found.get(0).map(|m| m.range()))
        .collect();
    without(&text, &parts, "\u{1}")
}

/// Marks the quotations that follow a word like "revert", or a name.
fn cut_quotes(text: &str) -> String {
    let Some(pattern) = (*patterns::BEFORE_QUOTE).as_ref() else { return text.to_owned() };
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(quote) = pattern.captures_at(text, at).and_then(|found| found.get(1)) {
        let end = quote.start() + end_of_quote(text.get(quote.start()..).unwrap_or_default());
        parts.push(quote.start()..end);
        at = end;
    }
    without(text, &parts, "\u{1}")
}

fn closing(open: char) -> Option<char> {
    match open {
        '"' | '\'' | '`' => Some(open),
        '“' => Some('”'),
        _ => None,
    }
}

/// Where the quotation ends with which `text` begins; quotations inside are looked through. One that is not closed in
/// its line may go on to the paragraph's end; one that is never closed ends with its line.
fn end_of_quote(text: &str) -> usize {
    let line = text.get(..text.find('\n').unwrap_or(text.len())).unwrap_or(text);
    let paragraph = text.get(..text.find("\n\n").unwrap_or(text.len())).unwrap_or(text);
    let Some(close) = text.chars().next().and_then(closing) else { return 0 };
    let last = || {
        let first = close.len_utf8();
        line.get(first..).and_then(|rest| rest.rfind(close)).map(|at| first + at + close.len_utf8())
    };
    balanced(line).or_else(last).or_else(|| balanced(paragraph)).unwrap_or(line.len())
}

/// Where the quotation is closed with which `text` begins.
fn balanced(text: &str) -> Option<usize> {
    let open = text.chars().next()?;
    let close = closing(open)?;
    let mut depth = 0_usize;
    let mut before = ' ';
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let after = chars.peek().map_or(' ', |&(_, after)| after);
        let starts =
            c == open && !after.is_whitespace() && (before.is_whitespace() || "([\"“".contains(before));
        // "don't" is neither the beginning nor the end of anything.
        let ends = c == close && !after.is_alphanumeric();
        if starts {
            depth += 1;
        } else if ends {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return Some(at + c.len_utf8());
            }
        }
        if at > LONGEST_QUOTE {
            return None;
        }
        before = c;
    }
    None
}

/// Marks what names the answers themselves: beginnings of their shas, their titles and long runs of them.
fn cut_answers(mut text: String, answers: &[Answer<'_>], titles: &[TitleForms]) -> String {
    for (answer, forms) in answers.iter().zip(titles) {
        while let Some(word) = sha_in(&text, answer.sha) {
            text = without(&text, &[word], "\u{1}");
        }
        let runs = forms.runs(&text);
        text = without(&text, &runs, "\u{1}");
    }
    text
}

/// The first word of `text` that contains the beginning of a sha.
pub(crate) fn sha_in(text: &str, sha: &str) -> Option<std::ops::Range<usize>> {
    let short = sha.get(..SHORT_SHA)?.to_ascii_lowercase();
    let at = text.to_ascii_lowercase().find(&short)?;
    let is_part = |c: &char| c.is_alphanumeric();
    let before: usize = text.get(..at)?.chars().rev().take_while(is_part).map(char::len_utf8).sum();
    let after: usize = text.get(at..)?.chars().take_while(is_part).map(char::len_utf8).sum();
    Some(at - before..at + after)
}

/// What is left of sentences after the cuts, without their stumps.
fn tidied(text: &str) -> String {
    let text = patterns::replace_all(&patterns::STUMPS, text.to_owned(), "${1}");
    let mut tidy = String::with_capacity(text.len());
    for line in text.lines() {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = line.trim_start_matches(|c| ",;)]”".contains(c));
        // A full stop that is left over stands alone; ".5 s", "../cart.c" and "::new" mean something.
        let is_left_over = |word: &str| word.chars().all(|c| ".,;:)]”".contains(c));
        let start = line.split(' ').take_while(|word| is_left_over(word)).map(|word| word.len() + 1).sum();
        let line = line.get(start..).unwrap_or_default().trim_end();
        let is_odd = line.matches('"').count() % 2 == 1;
        let line = if is_odd { line.strip_prefix('"').unwrap_or(line).trim_start() } else { line };
        let is_residue = (*patterns::RESIDUE).as_ref().is_some_and(|p| p.is_match(line));
        if is_residue || !line.contains(char::is_alphanumeric) {
            continue;
        }
        if !tidy.is_empty() {
            tidy.push('\n');
        }
        tidy.push_str(line);
    }
    tidy
}

#[cfg(test)]
#[path = "strip_tests.rs"]
mod tests;
