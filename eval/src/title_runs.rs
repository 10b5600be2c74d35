//! Where a text repeats a title: whole, without what forges put around it, or a long run of its words. Pure; what is
//! cut and what is refused because of it is decided elsewhere, by the same measure.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// So many words in the order of a title are a quotation; fewer happen by themselves ("on all wikis"). Numbers don't
/// count, or every version would be one.
const LONG_RUN: usize = 5;
/// A title without its prefix must have so many words left to be looked for: "docs: typo" is not in every "typo".
const LEAST_UNPREFIXED: usize = 2;
/// How many reverts of relands are looked through.
const DEEPEST: usize = 8;

/// `fix(cart)!: `, `[cart] `, `cart: ` before the words that matter.
static PREFIX: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^\s*(?:\[[^\]]{1,40}\]:?\s*|[A-Za-z][\w./ -]{0,40}(?:\([^)]{1,60}\))?!?:\s+)").ok()
});
/// `Revert "`, `Reland of `, `Partially revert: ` before the title that is meant.
static VERB: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?ix)^\s*(?:partial(?:ly)?\s+)?
        (?:revert(?:s|ed|ing)?|re-?land(?:s|ed|ing)?|re-?appl(?:y|ies|ied)|\[re-?land\])\b\]?
        (?:\s+of\b)?\s*:?\s*["“'`]*"#,
    )
    .ok()
});
static NUMBER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"\s*\([#!][0-9]{1,9}\)["”'`\s]*$"#).ok());

/// A word of a text: where it stands, and how it compares.
struct Word {
    at: Range<usize>,
    folded: String,
}

fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (start, c.is_alphanumeric()) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                start = None;
                let folded = text.get(from..at).unwrap_or_default().to_lowercase();
                words.push(Word { at: from..at, folded });
            }
            _ => {}
        }
    }
    words
}

fn folded(text: &str) -> Vec<String> {
    words(text).into_iter().map(|word| word.folded).collect()
}

/// A title as its words, in all the forms in which it is quoted.
pub(crate) struct TitleForms {
    forms: Vec<Vec<String>>,
}

impl TitleForms {
    /// The forms of `title`: whole, without its pull request's number, without its prefix, and what a title that
    /// reverts or relands names in its turn.
    pub(crate) fn new(title: &str) -> Self {
        let mut forms: Vec<Vec<String>> = Vec::new();
        let mut add = |form: &str, least: usize| {
            let form = folded(form);
            if form.len() >= least && !forms.contains(&form) {
                forms.push(form);
            }
        };
        add(title, 1);
        let mut rest = without_number(title);
        add(rest, 1);
        for _ in 0..DEEPEST {
            let shorter = [&*PREFIX, &*VERB].into_iter().flatten().find_map(|p| p.find(rest));
            let Some(shorter) = shorter.filter(|found| !found.is_empty()) else { break };
            rest = without_number(rest.get(shorter.end()..).unwrap_or_default());
            add(rest, LEAST_UNPREFIXED);
        }
        TitleForms { forms }
    }

    /// The parts of `text` that repeat the title, apart from each other and in order.
    pub(crate) fn runs(&self, text: &str) -> Vec<Range<usize>> {
        let words = words(text);
        let mut runs = Vec::new();
        let mut at = 0;
        while at < words.len() {
            let tail = words.get(at..).unwrap_or_default();
            let length = self.forms.iter().map(|form| longest_run(tail, form)).max().unwrap_or(0);
            if let (1.., Some(first), Some(last)) = (length, tail.first(), tail.get(length.saturating_sub(1)))
            {
                runs.push(first.at.start..last.at.end);
            }
            at += length.max(1);
        }
        runs
    }
}

/// How many of the first words of `text` are the form, or a long run of it; 0 if they are neither.
fn longest_run(text: &[Word], form: &[String]) -> usize {
    let mut longest = 0;
    for start in 0..form.len() {
        let part = form.get(start..).unwrap_or_default();
        let run = text.iter().zip(part).take_while(|(word, expected)| word.folded == **expected).count();
        let telling = part.iter().take(run).filter(|word| word.contains(char::is_alphabetic)).count();
        if telling >= LONG_RUN || run == form.len() {
            longest = longest.max(run);
        }
    }
    longest
}

/// A title without the number of its pull request.
pub(crate) fn without_number(title: &str) -> &str {
    match (*NUMBER).as_ref().and_then(|p| p.find(title)) {
        Some(number) => title.get(..number.start()).unwrap_or(title),
        None => title,
    }
}

/// `text` with the parts cut out; `with` stands where they were.
pub(crate) fn without(text: &str, parts: &[Range<usize>], with: &str) -> String {
    let mut left = String::with_capacity(text.len());
    let mut at = 0;
    for part in parts {
        left.push_str(text.get(at..part.start).unwrap_or_default());
        left.push_str(with);
        at = part.end;
    }
    left.push_str(text.get(at..).unwrap_or_default());
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        for pattern in [&PREFIX, &VERB, &NUMBER] {
            assert!(pattern.is_some());
        }
    }

    #[test]
    fn a_title_is_found_in_all_its_forms() {
        let check = |title: &str, text: &str, expect: &str| {
            let runs = TitleForms::new(title).runs(text);
            assert_eq!(without(text, &runs, "_"), expect, "{title:?} in {text:?}");
        };
        check("Add the cart", "after Add the cart it fails", "after _ it fails");
        check("Add the cart", "after add  THE\ncart, it fails", "after _, it fails");
        check("Add the cart (#12)", "Add the cart fails", "_ fails");
        check("Add the cart (#12)", "Add the cart (#12) fails", "_) fails");
        check("feat(shop): add the cart", "\"add the cart\" fails", "\"_\" fails");
        check("[shop] add the cart", "add the cart fails", "_ fails");
        check("Reland \"Add the cart (#3)\" (#12)", "Add the cart fails", "_ fails");
        check("Revert \"Reland \"Add the cart\"\"", "Add the cart fails", "_ fails");
        check("Cleanup", "cleanup fails", "_ fails");
        check("Read totals from the new cart store", "totals from the new cart are off", "_ are off");
        check("Add the cart", "the cart fails", "the cart fails");
        check("docs: typo", "there is a typo", "there is a typo");
        check("Add carts", "Add cart", "Add cart");
        check("cart_total: fix", "cart total fix", "_");
        check("", "anything", "anything");
        check("--", "-- anything", "-- anything");
        check("Größe ändern", "GRÖSSE größe ändern", "GRÖSSE _");
    }
}
