//! Words: how text, paths and code become terms that can be compared, and what a symptom names. Pure; it must
//! not know where a text came from.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

/// Words that carry no information about a failure. Rare words weigh more by themselves, so the list is short. A pattern,
/// because every word of every change is held against it.
fn is_stop_word(term: &str) -> bool {
    matches!(
        term,
        "the"
            | "and"
            | "for"
            | "that"
            | "this"
            | "with"
            | "from"
            | "are"
            | "was"
            | "were"
            | "has"
            | "have"
            | "had"
            | "not"
            | "but"
            | "its"
            | "into"
            | "our"
            | "you"
            | "your"
            | "can"
            | "could"
            | "should"
            | "would"
            | "will"
            | "been"
            | "being"
            | "when"
            | "what"
            | "which"
            | "who"
            | "why"
            | "how"
            | "there"
            | "then"
            | "than"
            | "them"
            | "they"
            | "some"
            | "all"
            | "any"
            | "does"
            | "did"
            | "due"
            | "since"
            | "after"
            | "before"
            | "while"
            | "also"
            | "only"
            | "just"
            | "now"
            | "seems"
            | "because"
            | "about"
            | "again"
            | "very"
            | "too"
            | "one"
            | "we"
            | "it"
            | "is"
            | "in"
            | "on"
            | "of"
            | "to"
            | "as"
            | "at"
            | "be"
            | "by"
            | "or"
            | "an"
            | "if"
            | "so"
            | "no"
            | "do"
            | "me"
            | "my"
            | "up"
            | "us"
    )
}

/// Calls `each` with every term of `text` and the piece of text it stands for: lower-case words, identifiers both
/// whole and split at case changes and underscores, word endings folded. Terms of one character and stop words
/// are left out.
pub fn for_each_term<'a>(text: &'a str, mut each: impl FnMut(&str, &'a str)) {
    let (mut term, mut parts) = (String::new(), Vec::new());
    for (run, form) in (Runs { rest: text }) {
        if form == Form::Plain {
            // Most words of most texts: nothing to split, to lower or to copy.
            if run.len() > 1 && !is_stop_word(run) {
                each(fold_ending(run), run);
            }
            continue;
        }
        parts.clear();
        split_identifier(run, &mut parts);
        if parts.len() > 1 {
            lower_into(run, &mut term);
            each(&term, run);
        }
        for part in &parts {
            lower_into(part, &mut term);
            if term.chars().nth(1).is_none() || is_stop_word(&term) {
                continue;
            }
            each(fold_ending(&term), part);
        }
    }
}

/// How a run of letters, digits and underscores is written.
#[derive(PartialEq, Eq)]
enum Form {
    /// In small Latin letters and digits.
    Plain,
    /// With others among them.
    Mixed,
}

/// The runs of letters, digits and underscores of a text.
struct Runs<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Runs<'a> {
    type Item = (&'a str, Form);

    fn next(&mut self) -> Option<Self::Item> {
        let (mut at, mut start, mut form) = (0, None, Form::Plain);
        while let Some(&byte) = self.rest.as_bytes().get(at) {
            let (is_part, bytes) = match byte {
                b'a'..=b'z' | b'0'..=b'9' => (true, 1),
                b'A'..=b'Z' | b'_' => {
                    form = Form::Mixed;
                    (true, 1)
                }
                0..128 => (false, 1),
                128.. => {
                    let c = self.rest.get(at..)?.chars().next()?;
                    if c.is_alphanumeric() {
                        form = Form::Mixed;
                    }
                    (c.is_alphanumeric(), c.len_utf8())
                }
            };
            match start {
                None if is_part => start = Some(at),
                Some(start) if !is_part => {
                    let run = self.rest.get(start..at)?;
                    self.rest = self.rest.get(at + bytes..)?;
                    return Some((run, form));
                }
                _ => {}
            }
            at += bytes;
        }
        let run = self.rest.get(start?..)?;
        self.rest = "";
        Some((run, form))
    }
}

/// Writes `text` in lower case over what `term` holds.
fn lower_into(text: &str, term: &mut String) {
    term.clear();
    if text.is_ascii() {
        term.push_str(text);
        term.make_ascii_lowercase();
    } else {
        term.extend(text.chars().flat_map(char::to_lowercase));
    }
}

/// The terms of `text`, in order, with repetitions.
pub fn terms(text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    for_each_term(text, |term, _| terms.push(term.to_owned()));
    terms
}

/// `getCartTotal` → get, Cart, Total; `HTTPServer` → HTTP, Server; `max_age` → max, age.
fn split_identifier<'a>(run: &'a str, parts: &mut Vec<&'a str>) {
    for piece in run.split('_').filter(|piece| !piece.is_empty()) {
        let mut start = 0;
        let mut before: [Option<(usize, char)>; 2] = [None, None];
        for (at_c, c) in piece.char_indices() {
            if let [Some((_, a)), Some((at_b, b))] = before {
                let hump = (a.is_lowercase() || a.is_ascii_digit()) && b.is_uppercase();
                let end_of_acronym = a.is_uppercase() && b.is_uppercase() && c.is_lowercase();
                if hump || end_of_acronym {
                    parts.extend(piece.get(start..at_b));
                    start = at_b;
                }
            }
            before = [before[1], Some((at_c, c))];
        }
        parts.extend(piece.get(start..));
    }
}

/// Folds plural and verb endings, so that "fails", "failed" and "failing" meet. Deliberately weak: two words
/// that differ must stay two words.
fn fold_ending(term: &str) -> &str {
    if !term.is_ascii() || term.len() < 5 {
        return match term.strip_suffix('s') {
            Some(stem) if stem.len() >= 3 && !stem.ends_with('s') => stem,
            _ => term,
        };
    }
    for ending in ["ing", "ed", "es", "s"] {
        if let Some(stem) = term.strip_suffix(ending)
            && stem.len() >= 4
            && !(ending == "s" && stem.ends_with(['s', 'u', 'i']))
        {
            return stem.strip_suffix('e').unwrap_or(stem);
        }
    }
    term.strip_suffix('e').unwrap_or(term)
}

/// What a symptom names exactly, beside its words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// Files, as written: `cart.js`, `src/cart/totals.py`.
    pub files: BTreeSet<String>,
    /// Identifiers that are more than a word: `getCartTotal`, `max_connections`, `$wgMathDirectory`, a
    /// function of a stack frame.
    pub identifiers: BTreeSet<String>,
}

static FILE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let endings = "c|cc|cfg|clj|conf|cpp|cs|css|cxx|dart|erb|erl|ex|exs|go|gradle|groovy|h|hcl|hpp|hs|html|ini|\
                   java|jinja|jinja2|js|json|jsx|kt|kts|lock|lua|md|mjs|ml|mm|mod|php|pl|pm|pp|proto|properties|py|pyi|rb|rego|\
                   rs|rst|scala|scss|service|sh|sql|svelte|swift|tf|toml|ts|tsx|txt|vcl|vrl|vue|xml|yaml|yml|zig";
    Regex::new(&format!(r"(?:[A-Za-z0-9_.@~-]+/)*[A-Za-z0-9_@~-][A-Za-z0-9_.@~-]*\.(?:{endings})\b")).ok()
});
static IDENTIFIER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\$?[A-Za-z_][A-Za-z0-9_]{2,}(?:(?:::|->|\.|#)[A-Za-z_][A-Za-z0-9_]{2,})*").ok()
});
static FRAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?m)\bat ([A-Za-z_$][\w$.<>]{2,})(?: \(|\s*$)|\bin ([A-Za-z_]\w{2,})\b(?:\(|\s*$)").ok()
});

/// Finds the files and identifiers that `symptom` names, stack frames of the common languages included.
pub fn named(symptom: &str) -> Named {
    let mut named = Named::default();
    let found = |pattern: &'static LazyLock<Option<Regex>>| {
        pattern.iter().flat_map(|regex| regex.find_iter(symptom)).map(|found| found.as_str())
    };
    for file in found(&FILE) {
        named.files.insert(file.trim_start_matches("./").to_owned());
    }
    for identifier in found(&IDENTIFIER).filter(|text| is_telling(text)) {
        if !named.files.iter().any(|file| file.contains(identifier)) {
            let last = identifier.rsplit(['.', ':', '>', '#']).next().unwrap_or(identifier);
            named.identifiers.insert(if is_telling(last) { last } else { identifier }.to_owned());
        }
    }
    for frame in FRAME.iter().flat_map(|regex| regex.captures_iter(symptom)) {
        if let Some(function) = frame.get(1).or(frame.get(2)) {
            let function = function.as_str().rsplit('.').next().unwrap_or_default();
            if function.len() >= 4 && !is_stop_word(function) {
                named.identifiers.insert(function.to_owned());
            }
        }
    }
    named
}

/// More than a plain or capitalised word: it has a sigil, an underscore inside, a joint or a hump.
fn is_telling(identifier: &str) -> bool {
    let inner = identifier.trim_matches('_');
    let chars: Vec<char> = inner.chars().collect();
    let hump = chars.windows(2).any(|pair| matches!(pair, [a, b] if a.is_lowercase() && b.is_uppercase()));
    identifier.starts_with('$') || inner.contains('_') || inner.contains("::") || inner.contains("->") || hump
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_meet_across_forms() {
        let check = |text: &str, expect: &[&str]| assert_eq!(terms(text), expect, "{text}");
        check("Checkout fails", &["checkout", "fail"]);
        check("failing to render carts", &["fail", "render", "cart"]);
        check("getCartTotal()", &["getcarttotal", "get", "cart", "total"]);
        check("HTTPServer max_age", &["httpserver", "http", "server", "max_age", "max", "age"]);
        check("services/checkout/main.go", &["servic", "checkout", "main", "go"]);
        check("503s at 14:05", &["503", "14", "05"]);
        check("class status bus", &["class", "status", "bus"]);
        check("Ünïcode Größe", &["ünïcode", "größe"]);
    }

    /// The same by the shortest way there is.
    fn terms_slowly(text: &str) -> Vec<String> {
        let mut terms = Vec::new();
        for run in text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|run| !run.is_empty()) {
            let mut parts: Vec<String> = Vec::new();
            for piece in run.split('_').filter(|piece| !piece.is_empty()) {
                let chars: Vec<char> = piece.chars().collect();
                let mut start = 0;
                for (at, window) in chars.windows(3).enumerate() {
                    let [a, b, c] = [window[0], window[1], window[2]];
                    let hump = (a.is_lowercase() || a.is_ascii_digit()) && b.is_uppercase();
                    if hump || a.is_uppercase() && b.is_uppercase() && c.is_lowercase() {
                        parts.push(chars[start..=at].iter().collect());
                        start = at + 1;
                    }
                }
                parts.push(chars[start..].iter().collect());
            }
            let lower = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<String>();
            if parts.len() > 1 {
                terms.push(lower(run));
            }
            let words = parts.iter().map(|part| lower(part));
            let telling = words.filter(|word| word.chars().count() > 1 && !is_stop_word(word));
            terms.extend(telling.map(|word| fold_ending(&word).to_owned()));
        }
        terms
    }

    proptest::proptest! {
        #[test]
        fn the_fast_way_finds_the_same_terms(text in "([a-z]{0,6}|[A-Z]{0,3}|[_.,/ -]|[0-9]|the|Ü|ß|é|ǅ|İ|²|٣|\u{2028}){0,20}") {
            proptest::prop_assert_eq!(terms(&text), terms_slowly(&text));
        }
    }

    #[test]
    fn ages_and_age_meet() {
        assert_eq!(terms("caches"), terms("cache"));
        assert_eq!(terms("timeouts"), terms("timeout"));
        assert_eq!(terms("services"), terms("service"));
    }

    #[test]
    fn a_stack_trace_names_files_and_functions() {
        let check = |text: &str, files: &[&str], identifiers: &[&str]| {
            let named = named(text);
            assert_eq!(named.files.iter().map(String::as_str).collect::<Vec<_>>(), files, "{text}");
            assert_eq!(
                named.identifiers.iter().map(String::as_str).collect::<Vec<_>>(),
                identifiers,
                "{text}"
            );
        };
        check("TypeError in cart.js", &["cart.js"], &["TypeError"]);
        check("at Cart.sumTotals (src/cart/totals.js:41:13)", &["src/cart/totals.js"], &["sumTotals"]);
        check("  File \"app/pay.py\", line 3, in charge\n    x", &["app/pay.py"], &["charge"]);
        check("$wgMathDirectory isn't set in filebackend.php", &["filebackend.php"], &["$wgMathDirectory"]);
        check("panicked at core/src/lib.rs:10:5", &["core/src/lib.rs"], &[]);
        check("see example.com and 10.0.0.1", &[], &[]);
        check("Checkout is slow", &[], &[]);
        check("std::sync::Mutex poisoned", &[], &["std::sync::Mutex"]);
    }
}
