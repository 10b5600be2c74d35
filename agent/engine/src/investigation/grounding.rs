//! Whether what a model claims stands in what it cites. A claim is kept if it cites evidence of this run and each number,
//! time, name and quotation in it stands in the text it cites; all others are dropped and counted by why. It must not know
//! what the claim is for.
//!
//! It can't tell whether a sentence is true. It can tell that nothing checkable in it was made up.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use hearback_core::ExternalText;
use hearback_core::investigation::Dropped;
use regex::Regex;

/// The longest sentence that is kept, in characters.
const MOST: usize = 400;

/// Reads of a sentence what can be looked up.
#[derive(Debug, Default, PartialEq, Eq)]
struct Checkable {
    numbers: BTreeSet<String>,
    times: BTreeSet<String>,
    names: BTreeSet<String>,
}

static LINK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b[a-z][a-z0-9+.-]*://|\bwww\.|\b(?:mailto|data|javascript):|\]\(").ok()
});
/// What programs make a link of though it has no scheme: a mail address, or a host with a path or a query behind it. The
/// stops of other scripts count as dots, as they do in names of hosts (UTS 46). A host alone is a name like any other, and
/// so is a file's path, in which what has a dot stands behind a slash.
static BARE_LINK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)[^\s@]@(?:[\p{L}\p{N}-]+[.．。｡])+\p{L}{2,}|(?:^|[^\p{L}\p{N}/._-]|//)(?:[\p{L}\p{N}-]+[.．。｡])+\p{L}{2,}(?::\d+)?[/?]\S",
    )
    .ok()
});
static DATE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\b\d{4}-\d{2}-\d{2}\b").ok());
static TIME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.\d+)?)?").ok());
static THOUSANDS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b[0-9]{1,3}(?:[,\x{a0}’][0-9]{3})+\b").ok());
static QUOTED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new("`([^`]+)`|\"([^\"]+)\"|“([^”]+)”|‘([^’]+)’").ok());

/// The words of `says` as they may be shown, if everything checkable in it stands in `cited`.
///
/// # Errors
/// Why it is not kept.
pub fn check(says: &ExternalText, cited: &[&str]) -> Result<String, Dropped> {
    let text = says.for_people(MOST);
    let has = |pattern: &LazyLock<Option<Regex>>| pattern.as_ref().is_none_or(|link| link.is_match(&text));
    if text.is_empty() || says.as_untrusted().chars().count() > MOST || has(&LINK) || has(&BARE_LINK) {
        return Err(Dropped::Unreadable);
    }
    if cited.is_empty() {
        return Err(Dropped::Uncited);
    }
    if stands(&text, cited) { Ok(text) } else { Err(Dropped::Unsupported) }
}

/// Whether everything checkable in `text` stands in `cited`; it does where there is nothing checkable.
pub fn stands(text: &str, cited: &[&str]) -> bool {
    let there = There::of(cited);
    let Checkable { numbers, times, names } = Checkable::of(text);
    numbers.iter().all(|number| there.numbers.contains(number))
        && times.iter().all(|time| there.has_time(time))
        && names.iter().all(|name| there.has(name))
}

impl Checkable {
    fn of(text: &str) -> Self {
        let mut all = Checkable::default();
        let mut rest = joined(text);
        let mut take = |pattern: &LazyLock<Option<Regex>>, into: &mut dyn FnMut(&str)| {
            let Some(pattern) = pattern.as_ref() else { return };
            let found: Vec<(usize, usize)> = pattern.find_iter(&rest).map(|m| (m.start(), m.end())).collect();
            for (start, end) in found.into_iter().rev() {
                into(rest.get(start..end).unwrap_or_default());
                rest.replace_range(start..end, " ");
            }
        };
        take(&QUOTED, &mut |quoted| {
            all.names.insert(quoted.trim_matches(['`', '"', '“', '”', '‘', '’']).trim().to_owned());
        });
        take(&DATE, &mut |date| {
            all.times.insert(date.to_owned());
        });
        take(&TIME, &mut |time| {
            all.times.insert(time.to_owned());
        });
        for (is_first, word) in words(&rest) {
            let number = number(word);
            if let Some(number) = number {
                all.numbers.insert(number);
            } else if is_name(word, is_first) {
                all.names.insert(word.to_owned());
            }
        }
        all.names.retain(|name| !name.is_empty());
        all
    }
}

/// What stands in the cited texts.
struct There {
    /// In lower case, white space folded, JSON's escapes undone.
    text: String,
    numbers: BTreeSet<String>,
}

impl There {
    fn of(cited: &[&str]) -> Self {
        let mut text = String::new();
        for one in cited {
            let plain = one.replace("\\n", " ").replace("\\t", " ").replace("\\\"", "\"").replace("\\/", "/");
            for word in plain.split_whitespace() {
                text.push_str(&word.to_lowercase());
                text.push(' ');
            }
            // A quotation must not reach from one text into the next.
            text.push('\n');
        }
        // `1,234` in a list is two numbers, in a sentence it is one.
        let together = joined(&text);
        let numbers = words(&text).chain(words(&together)).filter_map(|(_, word)| number(word)).collect();
        There { text, numbers }
    }

    /// Whether a name or a quotation stands there, whole: `cart` does not stand in `cartography`. A hash may be shortened.
    fn has(&self, name: &str) -> bool {
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let is_hash = name.len() >= 7 && name.chars().all(|c| c.is_ascii_hexdigit());
        self.text.match_indices(&name).any(|(at, _)| {
            let before = self.text.get(..at).and_then(|text| text.chars().next_back());
            let after = self.text.get(at + name.len()..).and_then(|text| text.chars().next());
            let is_apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
            is_apart(before) && (is_hash || is_apart(after))
        })
    }

    /// Whether a date or a time of day stands there; seconds may be left out.
    fn has_time(&self, time: &str) -> bool {
        let time = if time.find(':') == Some(1) { format!("0{time}") } else { time.to_owned() };
        self.text.match_indices(&time).any(|(at, _)| {
            let before = self.text.get(..at).and_then(|text| text.chars().next_back());
            let after = self.text.get(at + time.len()..).and_then(|text| text.chars().next());
            before.is_none_or(|c| !c.is_ascii_digit() && c != ':')
                && after.is_none_or(|c| !c.is_ascii_digit())
        })
    }
}

/// Numbers written with separators, as `4,112`, without them.
fn joined(text: &str) -> String {
    let Some(pattern) = THOUSANDS.as_ref() else { return text.to_owned() };
    pattern
        .replace_all(text, |found: &regex::Captures<'_>| {
            found.get_match().as_str().replace([',', '\u{a0}', '’'], "")
        })
        .into_owned()
}

/// The words of a text, each with whether it begins a sentence.
fn words(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut begins = true;
    text.split(|c: char| c.is_whitespace() || "()[]{}<>,;!?\"'`=|“”‘’…—–".contains(c)).filter_map(
        move |word| {
            let ends = word.ends_with(['.', ':']);
            let word = word.trim_matches(['.', ':', '-', '*', '~', '+']);
            if word.is_empty() {
                return None;
            }
            let is_first = std::mem::replace(&mut begins, ends);
            Some((is_first, word))
        },
    )
}

/// A number, whatever its unit and however it is written: `4112`, `12.50 %` as `12.5`, `40ms` as `40`.
fn number(word: &str) -> Option<String> {
    let word = word.trim_start_matches(['#', '$', '€', '~', '+', '-']);
    let digits = word.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(word.len());
    let (value, unit) = word.split_at_checked(digits)?;
    let value = value.trim_end_matches('.').replace('_', "");
    let is_unit = unit.is_empty() || UNITS.contains(&unit.to_lowercase().as_str());
    if value.is_empty() || value.matches('.').count() > 1 || value.starts_with('.') || !is_unit {
        return None;
    }
    let (whole, part) = value.split_once('.').unwrap_or((&value, ""));
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let part = part.trim_end_matches('0');
    Some(if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") })
}

const UNITS: [&str; 20] = [
    "%", "x", "s", "ms", "us", "µs", "ns", "m", "min", "mins", "h", "d", "b", "kb", "mb", "gb", "tb", "rps",
    "qps", "/s",
];

/// Whether a word names something: it is written as no ordinary word is.
fn is_name(word: &str, is_first: bool) -> bool {
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    if letters == 0 {
        // Not a number and no letters: `10.0.0.7`, `5/12`.
        return word.chars().any(|c| c.is_ascii_digit());
    }
    let has_sign = word.chars().any(|c| "_/@#.-:\\".contains(c));
    let has_digit = word.chars().any(|c| c.is_ascii_digit());
    let has_late_capital = word.chars().skip(1).any(char::is_uppercase);
    let is_capital = word.chars().next().is_some_and(char::is_uppercase);
    has_sign || has_digit || has_late_capital || (is_capital && !is_first && word != "I")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"{"service":"checkout-api","text":"pool exhausted: 4112 errors\nby Ana Ruiz at 2026-03-02T14:05:10Z","share":0.125,"sha":"3f2a91c0d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9"}"#;

    #[track_caller]
    fn check_one(says: &str, expect: Result<(), Dropped>) {
        assert_eq!(check(&says.into(), &[LOG]).map(drop), expect, "{says}");
    }

    #[test]
    fn what_stands_in_the_evidence_is_kept() {
        for says in [
            "The pool was exhausted.",
            "checkout-api logged 4,112 errors at 14:05.",
            "checkout-api logged 4112 errors at 14:05:10 on 2026-03-02",
            "The share was 0.125; Ana Ruiz made 3f2a91c.",
            "It says \"pool exhausted\" and `checkout-api`.",
            "Ruiz wrote it",
        ] {
            check_one(says, Ok(()));
        }
    }

    #[test]
    fn what_was_made_up_is_dropped() {
        for says in [
            "checkout-api logged 4113 errors.",
            "cart-api failed.",
            "It began at 14:06.",
            "It began at 4:05.",
            "It began on 2026-03-03.",
            "The commit is 3f2a91d.",
            "Bob Smith wrote it.",
            "It says \"pool empty\".",
            "The share was 12.5 %.",
            "OOMKilled came first.",
            "checkout_api failed.",
            "10.0.0.7 was asked.",
            "checkout failed in cart.js",
        ] {
            check_one(says, Err(Dropped::Unsupported));
        }
    }

    #[test]
    fn a_name_stands_there_whole() {
        let cited = ["the cartography-service of Anastasia"];
        for says in ["See Ana.", "See `cart`."] {
            assert_eq!(check(&says.into(), &cited), Err(Dropped::Unsupported), "{says}");
        }
    }

    #[test]
    fn links_and_empty_or_endless_sentences_are_unreadable() {
        let long = "a ".repeat(300);
        for says in ["", "  \n", &long, "see https://evil.test/x", "see [it](x)", "www.evil.test", "mailto:a"]
        {
            check_one(says, Err(Dropped::Unreadable));
        }
        assert_eq!(check(&"It failed.".into(), &[]), Err(Dropped::Uncited));
    }

    #[test]
    fn what_programs_make_a_link_of_is_one_and_a_path_is_none() {
        for says in [
            "see evil.example/x",
            "(evil.example/x)",
            "see evil.example?x=1",
            "see evil.example:8443/x",
            "see //evil.example/x",
            "see EVIL．example/x",
            "see böse。example/x",
            "write to ana@evil.example",
        ] {
            assert_eq!(check(&says.into(), &[says]), Err(Dropped::Unreadable), "{says}");
        }
        for says in [
            "it is in web/cart.js",
            "it is in src/old.cart/main.rs",
            "did it fail in cart.js?",
            "cart.js:42 threw",
            "payments.internal timed out",
            "it is in conf.d/cart and .github/workflows",
            "10.0.0.7/24 is gone",
            "it fell by 1/3",
        ] {
            assert_eq!(check(&says.into(), &[says]).map(drop), Ok(()), "{says}");
        }
    }

    #[test]
    fn a_quotation_does_not_reach_over_two_texts() {
        let check = |says: &str| check(&says.into(), &["disk is", "full now"]).is_ok();
        assert!(check("It says \"disk is\"."));
        assert!(!check("It says \"disk is full\"."));
    }

    #[test]
    fn numbers_are_the_same_however_they_are_written() {
        for (word, expect) in [
            ("4112", Some("4112")),
            ("12.50", Some("12.5")),
            ("12%", Some("12")),
            ("40ms", Some("40")),
            ("007", Some("7")),
            ("0.0", Some("0")),
            ("1.2.3", None),
            ("p95", None),
            ("5xx", None),
            ("", None),
        ] {
            assert_eq!(number(word).as_deref(), expect, "{word}");
        }
    }
}
