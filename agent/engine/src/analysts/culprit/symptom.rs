//! What is known of a failure, in words that a change could explain: the words of its errors, the files and functions of
//! its stacks, what stands in quotes. It must not know changes.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::redaction::without_marks;
use hearback_core::telemetry::{LogTemplate, SpanStatus};
use hearback_core::{ExternalText, SpanRecord};

use super::failing::{Failed, SeenIn};
use super::names::{Names, hosts};
use crate::observe::Observed;
use hearback_core::words::{for_each_term, named, terms};
use jiff::{SignedDuration, Timestamp};

/// What a failure says.
#[derive(Debug, Default)]
pub struct Symptom {
    /// Its words, folded, with what each weighs: 1 for what errors say, less for what is said when all is well too.
    pub words: BTreeMap<String, f64>,
    /// As they were first written, in lower case.
    pub surfaces: BTreeMap<String, String>,
    /// Files that it names, with the line where it is said: `ratelimit.go` and 38.
    pub files: BTreeMap<String, Option<u32>>,
    /// Functions and other names of code that it names exactly.
    pub identifiers: BTreeSet<String>,
    /// Whether it speaks of versions that do not go together.
    pub speaks_of_versions: bool,
    /// What stands in quotes or brackets: `title`, `dashboard_favorites`.
    pub quoted: BTreeSet<String>,
}

/// A word that is said when all is well too weighs so much.
const USUAL_WORD: f64 = 0.3;
/// A word of a graph's or an alert's name.
const NAME_WORD: f64 = 0.5;
/// What was logged so long before the failure is usual.
const WELL_BEFORE: SignedDuration = SignedDuration::from_mins(10);
/// A word that stands inside a name only.
const PART_OF_NAME: f64 = 0.5;
/// A quoted text longer than this is a sentence.
const LONGEST_QUOTE: usize = 60;
/// Attributes that hold who and when rather than what.
const NOT_WHAT: [&str; 12] = [
    "http.route",
    "http.target",
    "http.method",
    "host",
    "host.name",
    "pod",
    "k8s.pod.name",
    "instance",
    "trace_id",
    "span_id",
    "thread",
    "user",
];

impl Symptom {
    /// What the first failing service says of itself.
    pub fn of(failed: &Failed<'_>, observed: &Observed, names: &Names) -> Symptom {
        let mut symptom = Symptom::default();
        for sign in failed.own() {
            match sign.seen_in {
                SeenIn::Log(voice) => symptom.add_log(voice.template),
                SeenIn::Call(call) => symptom.add_span(call.span),
                SeenIn::OwnTime(own) => symptom.add_text(&own.span.name, NAME_WORD),
                SeenIn::Series(series) => {
                    symptom.add_words(&series.query, NAME_WORD);
                }
                SeenIn::Alert(seen) => {
                    symptom.add_words(seen.alert.name.as_untrusted(), NAME_WORD);
                    symptom.add_text(&seen.alert.summary, NAME_WORD);
                }
            }
        }
        symptom.weigh_usual(observed, failed.since);
        symptom.drop_usual_hosts(observed, failed.since);
        symptom.words.retain(|term, _| !names.is_of_name(term) && says_something(term));
        symptom
    }

    fn add_log(&mut self, template: &LogTemplate) {
        self.add_text(&template.first.body, 1.0);
        for (key, value) in &template.first.attributes {
            if !NOT_WHAT.contains(&key.as_str()) {
                self.add_text(value, 1.0);
            }
        }
    }

    fn add_span(&mut self, span: &SpanRecord) {
        self.add_text(&span.message, 1.0);
        self.add_text(&span.name, NAME_WORD);
        for (key, value) in &span.attributes {
            if !NOT_WHAT.contains(&key.as_str()) {
                self.add_text(value, 1.0);
            }
        }
    }

    fn add_text(&mut self, text: &ExternalText, weight: f64) {
        let text = without_marks(text.as_untrusted());
        let text = text.as_str();
        let lower = text.to_ascii_lowercase();
        self.speaks_of_versions |= OF_VERSIONS.iter().any(|stem| lower.contains(stem));
        self.add_words(text, weight);
        let found = named(text);
        for file in found.files {
            let line = line_of(text, &file);
            let known = self.files.entry(file).or_default();
            *known = known.or(line);
        }
        self.identifiers.extend(found.identifiers);
        let telling = |name: &String| terms(name).iter().any(|term| says_something(term));
        self.quoted.extend(quoted(text).into_iter().filter(telling));
    }

    fn add_words(&mut self, text: &str, weight: f64) {
        // A part of a name says less than the name, and is said with it.
        let mut whole: std::ops::Range<usize> = 0..0;
        for_each_term(text, |term, surface| {
            let start = surface.as_ptr() as usize;
            let own = start..start + surface.len();
            let is_part = whole.start <= own.start && own.end <= whole.end && own.len() < whole.len();
            if !is_part {
                whole = own;
            }
            self.surfaces.entry(term.to_owned()).or_insert_with(|| surface.to_lowercase());
            let counts = if is_part { PART_OF_NAME * weight } else { weight };
            let known = self.words.entry(term.to_owned()).or_default();
            *known = known.max(counts);
        });
    }

    /// A host that was called when all was well says with whom it fails, not what.
    fn drop_usual_hosts(&mut self, observed: &Observed, since: Timestamp) {
        let spans = observed.usual.iter().chain(&observed.traces).map(|seen| &seen.item);
        for span in spans.filter(|span| span.started_at < since && span.status != SpanStatus::Error) {
            let texts = std::iter::once(&span.name).chain(span.attributes.values());
            for host in texts.flat_map(|text| hosts(text.as_untrusted())) {
                for_each_term(host, |term, _| {
                    self.words.remove(term);
                });
            }
        }
    }

    /// Words of what is logged when all is well say little.
    fn weigh_usual(&mut self, observed: &Observed, since: Timestamp) {
        let before = since.checked_sub(WELL_BEFORE).unwrap_or(since);
        let usual = observed.wordings.iter().map(|seen| &seen.item);
        let usual = usual.filter(|template| template.first.at < before);
        for template in usual.filter(|template| template.severity < hearback_core::LogSeverity::Warn) {
            for_each_term(template.text.as_untrusted(), |term, _| {
                if let Some(weight) = self.words.get_mut(term) {
                    *weight = weight.min(USUAL_WORD);
                }
            });
        }
    }
}

/// What loaders, linkers and package managers say when versions do not go together.
const OF_VERSIONS: [&str; 10] = [
    "version",
    "incompatible",
    "mismatch",
    "undefined symbol",
    "nosuchmethod",
    "no such method",
    "module not found",
    "cannot find module",
    "importerror",
    "linkageerror",
];

/// Words that every program says, folded: keywords of languages, the scaffolding of calls and of errors, the parts of names of
/// metrics. In a change they say that it is one of code, in an error that it is one.
const EVERYDAY: &str = "\
    abov alert api app arg arr array async await back below body bool byt call caller catch class client code \
    com const context count ctx current data def default during els end err error exception exist expect fail \
    failur fals fetch file first fmt fn found func function get go handl handler high host http https id import \
    int invalid_type item java job json key last let line list log low main map message method metric most ms \
    msg name new next null number object off out param path per post py ratio receiv recent req request requir \
    resp respons result return row run sec self server servic set start stat status string struct text this \
    thread threshold throw time total tru try type undefin uri url use user val valu void worker";

/// Whether a word may tell one failure from another: it is none that every program says, and no number or measure.
pub fn says_something(term: &str) -> bool {
    !EVERYDAY.split_whitespace().any(|word| word == term) && !term.starts_with(|c: char| c.is_ascii_digit())
}

/// The line that is said with a file: `charge.go:118`, `File "pay.py", line 3`.
fn line_of(text: &str, file: &str) -> Option<u32> {
    let after = text.split_once(file)?.1.trim_start_matches(['"', ')', '\'']);
    let digits =
        after.strip_prefix(':').or_else(|| after.trim_start_matches([',', ' ']).strip_prefix("line "))?;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end)?.parse().ok().filter(|line| *line > 0)
}

/// What stands in quotes or square brackets and is a name: letters, digits, `_`, `.`, `-`.
fn quoted(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let pairs = [('"', '"'), ('\'', '\''), ('`', '`'), ('[', ']')];
    for (open, close) in pairs {
        let mut rest = text;
        while let Some((_, inside)) = rest.split_once(open) {
            let Some((quote, after)) = inside.split_once(close) else { break };
            let is_name = |quote: &str| {
                (3..=LONGEST_QUOTE).contains(&quote.len())
                    && quote.chars().any(char::is_alphabetic)
                    && quote.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/'))
            };
            if is_name(quote) {
                found.push(quote.to_owned());
                rest = after;
            } else {
                rest = inside;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_that_are_names_are_found() {
        let check = |text: &str, expect: &[&str]| assert_eq!(quoted(text), expect, "{text}");
        check(r#"relation "user_notes" does not exist"#, &["user_notes"]);
        check("no mapping for field [title]", &["title"]);
        check("can't read 'max_age' of `cfg`", &["max_age", "cfg"]);
        check(r#"said "no such thing here" to all"#, &[]);
    }

    #[test]
    fn the_line_that_is_said_with_a_file_is_found() {
        let check = |text: &str, file: &str, expect| assert_eq!(line_of(text, file), expect, "{text}");
        check("services/pay/charge.go:118 Charge.read", "services/pay/charge.go", Some(118));
        check("File \"app/pay.py\", line 31, in charge", "app/pay.py", Some(31));
        check("(ratelimit.go:38)", "ratelimit.go", Some(38));
        check("in ratelimit.go of old", "ratelimit.go", None);
    }
}
