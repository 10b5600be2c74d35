//! What a commit message says of reverting and landing again. Pure; it must not know which commits exist.

use std::sync::LazyLock;

use hearback_core::change::Says;
use regex::Regex;

/// What a message says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mentions {
    pub(crate) says: Says,
    /// Shas (at least seven digits) of commits it says it reverts.
    pub(crate) reverts: Vec<String>,
    /// Change-Ids of Gerrit, or their beginnings, of commits it says it reverts.
    pub(crate) reverts_change_ids: Vec<String>,
    /// Title of the commit it says it reverts.
    pub(crate) reverted_title: Option<String>,
    /// Number of the pull request it says it reverts.
    pub(crate) reverted_number: Option<String>,
    /// Shas of commits it says it lands again.
    pub(crate) relands: Vec<String>,
    /// Title of the commit it says it lands again.
    pub(crate) relanded_title: Option<String>,
    /// Its own Change-Id.
    pub(crate) change_id: Option<String>,
}

/// Patterns can't be broken at run time: a test compiles each.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

const SHAS: &str = r"((?:[0-9a-f]{7,40}\b(?:\s*(?:,|and|&)\s*)*)+)";

/// Words that take back, where a name follows.
const TAKES_BACK: &str = r"(?i:\b(?:revert(?:s|ed|ing)?|back(?:s|ed|ing)?[ -]?out|roll(?:s|ed|ing)?[ -]?back)\s+(?:(?:of|the)\s+)*)";

static REVERTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(&format!(r"{TAKES_BACK}(?i)(commits?|changesets?|change|revisions?)?\s*:?\s*{SHAS}"))
});
static REVERTS_CHANGE_IDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(&format!(
        r"{TAKES_BACK}(?:(?i:changes?|commits?|patch(?:es)?)\s*:?\s*)?((?:I[0-9a-f]{{7,40}}\b(?:\s*(?:,|and|&)\s*)*)+)"
    ))
});
static CHANGE_ID: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?m)^Change-Id:\s*(I[0-9a-f]{8,40})\s*$"));
static RELANDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(&format!(
        r"(?i)\b(?:re-?land|re-?appl(?:y|ies))(?:s|ed|ing)?\s+(?:(?:of|the)\s+)*(commits?|changesets?|change|revisions?)?\s*:?\s*{SHAS}"
    ))
});
static REVERTS_NUMBER: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?im)^\s*Reverts\s+(?:[\w.-]+/[\w.-]+)?[#!]([0-9]{1,9})\b"));
static PREFIX: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // `fix(cart)!: `, `[cart] `, `cart: ` before the word that matters.
    pattern(r#"^(?:\[[^\]]{1,40}\]\s*|[A-Za-z][\w./ -]{0,30}(?:\([^)]{1,40}\))?!?:\s+)"#)
});
static VERB: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?:(revert)(?:s|ed|ing)?\b(?:\([^)]{1,40}\))?!?|(re-?land|re-?apply)(?:s|ing|ed)?\b)(?:\s+of\b)?\s*:?\s*(.*)$",
    )
});
static RELAND_TAG: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?i)^\s*[\[(]\s*re-?land\s*[\])]:?\s*|\s*[\[(]\s*re-?land\s*[\])]\s*$"));
static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"\s*\(([#!][0-9]{1,9})\)\s*$"));

/// How many reverts of reverts are looked through.
const DEEPEST_QUOTE: u8 = 8;

/// Reads a message.
pub(crate) fn parse_mentions(title: &str, body: &str) -> Mentions {
    let mut mentions = Mentions::default();
    if let Title::Reverts(inner) = parse_title(title) {
        mentions.reverted_title = Some(inner);
    }
    match meaning(title, DEEPEST_QUOTE) {
        Title::Plain => {}
        Title::Reverts(_) => mentions.says = Says::Reverts,
        Title::Relands(original) => {
            mentions.says = Says::Relands;
            mentions.relanded_title = Some(original);
        }
    }
    // Quoted lines are the message of the other change.
    let own: Vec<&str> = body.lines().filter(|line| !line.trim_start().starts_with('>')).collect();
    let text = format!("{title}\n{}", own.join("\n"));
    mentions.reverts = shas(&REVERTS, &text);
    mentions.reverts_change_ids = change_ids(&text);
    mentions.change_id = own_change_id(&text);
    mentions.reverted_number = (*REVERTS_NUMBER)
        .as_ref()
        .and_then(|p| p.captures(&text))
        .and_then(|found| found.get(1))
        .map(|number| number.as_str().to_owned());
    if mentions.says != Says::Reverts {
        mentions.relands = shas(&RELANDS, &text);
    }
    if mentions.says == Says::Nothing {
        if !mentions.relands.is_empty() {
            mentions.says = Says::Relands;
        } else if !mentions.reverts.is_empty()
            || !mentions.reverts_change_ids.is_empty()
            || mentions.reverted_number.is_some()
        {
            mentions.says = Says::Reverts;
        }
    }
    mentions
}

/// A title without the number of its pull request, so that a quoted title finds the squashed commit.
pub(crate) fn bare_title(title: &str) -> &str {
    let title = title.trim();
    match (*NUMBER).as_ref().and_then(|p| p.find(title)) {
        Some(number) => title.get(..number.start()).unwrap_or(title),
        None => title,
    }
}

/// The number of the pull request at the end of a squashed commit's title.
pub(crate) fn number_of(title: &str) -> Option<&str> {
    let found = (*NUMBER).as_ref()?.captures(title)?.get(1)?;
    found.as_str().get(1..)
}

enum Title {
    Plain,
    Reverts(String),
    Relands(String),
}

/// What a title amounts to: the revert of a revert lands the original again, the revert of that reverts it again.
fn meaning(title: &str, deepest: u8) -> Title {
    match parse_title(title) {
        Title::Reverts(inner) if deepest > 0 => match meaning(&inner, deepest - 1) {
            Title::Reverts(original) => Title::Relands(original),
            _ => Title::Reverts(inner),
        },
        other => other,
    }
}

/// The outermost word of a title and what it is about.
fn parse_title(title: &str) -> Title {
    let mut rest = title.trim();
    if let Some(tag) = (*RELAND_TAG).as_ref().and_then(|p| p.find(bare_title(rest))) {
        let bare = bare_title(rest);
        let without = if tag.start() == 0 { bare.get(tag.end()..) } else { bare.get(..tag.start()) };
        return Title::Relands(unquoted(without.unwrap_or_default()));
    }
    for _ in 0..3 {
        if let Some(found) = (*VERB).as_ref().and_then(|p| p.captures(rest)) {
            let inner = unquoted(found.get(3).map_or("", |m| m.as_str()));
            return if found.get(1).is_some() { Title::Reverts(inner) } else { Title::Relands(inner) };
        }
        match (*PREFIX).as_ref().and_then(|p| p.find(rest)) {
            Some(prefix) => rest = rest.get(prefix.end()..).unwrap_or_default(),
            None => break,
        }
    }
    Title::Plain
}

/// What stands between the outermost quotes, or all of it; without a pull request's number.
fn unquoted(text: &str) -> String {
    let text = text.trim();
    for (open, close) in [('"', '"'), ('\'', '\''), ('“', '”'), ('`', '`')] {
        if let Some(rest) = text.strip_prefix(open) {
            let end = rest.rfind(close).unwrap_or(rest.len());
            return bare_title(rest.get(..end).unwrap_or_default()).to_owned();
        }
    }
    bare_title(text).to_owned()
}

fn shas(pattern: &LazyLock<Option<Regex>>, text: &str) -> Vec<String> {
    let mut shas: Vec<String> = Vec::new();
    for found in (**pattern).iter().flat_map(|p| p.captures_iter(text)) {
        let is_named = found.get(1).is_some();
        let list = found.get(2).map_or("", |m| m.as_str());
        for word in list.split(|c: char| !c.is_ascii_hexdigit()) {
            let sha = word.to_ascii_lowercase();
            // "reverts 20231101" is a date, "reverts defaced" a word; "reverts commit 2023110" is a commit.
            let digits = sha.bytes().any(|b| b.is_ascii_digit());
            let letters = sha.bytes().any(|b| b.is_ascii_alphabetic());
            let looks = (7..=40).contains(&sha.len()) && (is_named || digits && letters);
            if looks && !shas.contains(&sha) {
                shas.push(sha);
            }
        }
    }
    shas
}

fn change_ids(text: &str) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    let lists = (*REVERTS_CHANGE_IDS).iter().flat_map(|p| p.captures_iter(text));
    for list in lists.filter_map(|found| found.get(1)) {
        let words = list.as_str().split(|c: char| !c.is_ascii_alphanumeric());
        for id in words.filter(|word| word.starts_with('I')) {
            if !ids.iter().any(|known| known == id) {
                ids.push(id.to_owned());
            }
        }
    }
    ids
}

/// The last one: a quoted message may stand before it.
fn own_change_id(text: &str) -> Option<String> {
    let last = (*CHANGE_ID).as_ref()?.captures_iter(text).last()?;
    Some(last.get(1)?.as_str().to_owned())
}

#[cfg(test)]
#[path = "revert_message_tests.rs"]
mod tests;
