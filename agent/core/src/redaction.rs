//! Takes secrets out of text before it is written down, sent to a model or traced. A published list of rules
//! (`config/redaction.md`) and the user's own; each hit becomes `[redacted: kind]` and is counted. It errs on the side
//! of removing: a lost word is cheaper than a leaked key. If it can't work, it withholds the whole text.

mod known;
mod likely;
mod named;
mod own;
mod published;
mod rule;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

use regex::{RegexSet, RegexSetBuilder};

use self::known::KNOWN;
use self::named::NAMED;
pub use self::own::{BadRule, OwnRule, OwnRules};
pub use self::published::published_rules;
use self::rule::{Compiled, Found};
pub use self::rule::{Level, Rule};
use crate::text::ExternalText;

const OPENING: &str = "[redacted: ";
/// What stands for a text that could not be looked through.
const WITHHELD: &str = "[redacted: everything, as the rules can't be used]";
/// How often a text is looked through until there is nothing left to take out. Removing one thing shows at most the
/// next; a text in which there is always more is withheld.
const MOST_ROUNDS: usize = 8;
/// So often the length of a text is looked at in candidates for one rule.
const MOST_LOOKS: usize = 16;
/// The most memory that all rules together may take, in bytes.
const MOST_PATTERNS: usize = 268_435_456;
/// The memory in which the one pass remembers where it was, in bytes for each thread that looks at once. With 4 MiB it
/// forgets and begins anew on ordinary logs and takes fifteen times as long; with 8 MiB it does not.
const PASS_MEMORY: usize = 8_388_608;

/// The rules that are built in, in the order in which they are applied.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    KNOWN.iter().chain(NAMED)
}

/// A text without what was taken out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction<'t> {
    /// The text, borrowed if there was nothing to take out.
    pub text: Cow<'t, str>,
    /// How often each kind was taken out.
    pub kinds: BTreeMap<String, usize>,
}

impl Redaction<'_> {
    /// How much was taken out.
    pub fn hits(&self) -> usize {
        self.kinds.values().sum()
    }
}

/// All rules, ready to be used.
#[derive(Debug)]
pub struct Redactor(Option<Working>);

#[derive(Debug)]
struct Working {
    rules: Vec<Compiled>,
    /// Finds in every text each rule that finds something in it, in one pass: nearly all text is ordinary, and a pass
    /// for each rule is slow. These are the patterns without their borders and ends.
    signs: RegexSet,
}

impl Redactor {
    /// With the built-in rules alone.
    pub fn built_in() -> Self {
        Self::with(OwnRules::default())
    }

    /// With the user's rules after the built-in ones.
    pub fn with(own: OwnRules) -> Self {
        Redactor(compile(rules(), own).ok())
    }

    /// `text` without what the rules find.
    pub fn redact<'t>(&self, level: Level, text: &'t str) -> Redaction<'t> {
        let unchanged = || Redaction { text: Cow::Borrowed(text), kinds: BTreeMap::new() };
        let Some(working) = &self.0 else {
            return if text.is_empty() || text == WITHHELD { unchanged() } else { withheld() };
        };
        if !working.may_find_any(text) {
            return unchanged();
        }
        working.redact(level, text)
    }
}

fn withheld() -> Redaction<'static> {
    Redaction { text: Cow::Borrowed(WITHHELD), kinds: BTreeMap::from([("everything".to_owned(), 1)]) }
}

fn compile<'r>(rules: impl Iterator<Item = &'r Rule>, own: OwnRules) -> Result<Working, regex::Error> {
    let mut rules = rules.map(Compiled::new).collect::<Result<Vec<_>, _>>()?;
    rules.extend(own.0);
    let signs = RegexSetBuilder::new(rules.iter().map(|rule| &rule.sign))
        .size_limit(MOST_PATTERNS)
        .dfa_size_limit(PASS_MEMORY)
        .build()?;
    Ok(Working { rules, signs })
}

impl Working {
    fn redact<'t>(&self, level: Level, text: &'t str) -> Redaction<'t> {
        let mut redaction = Redaction { text: Cow::Borrowed(text), kinds: BTreeMap::new() };
        for _ in 0..MOST_ROUNDS {
            if self.apply(level, &mut redaction) == 0 {
                return redaction;
            }
        }
        withheld()
    }

    fn may_find_any(&self, text: &str) -> bool {
        self.signs.is_match(text) || self.rules.iter().filter_map(|rule| rule.scan).any(|scan| scan(text))
    }

    /// The rules that may find something in `text`, in order.
    fn that_may_find<'r>(&'r self, text: &str) -> Vec<&'r Compiled> {
        let signs = self.signs.matches(text);
        let seen =
            |place: usize, rule: &Compiled| signs.matched(place) || rule.scan.is_some_and(|scan| scan(text));
        let rules = self.rules.iter().enumerate().filter(|(place, rule)| seen(*place, rule));
        rules.map(|(_, rule)| rule).collect()
    }

    /// Applies each rule once and says how often they found something. What one takes out another can't find, so it
    /// is enough to look for signs once.
    fn apply(&self, level: Level, redaction: &mut Redaction<'_>) -> usize {
        let mut hits = 0;
        for rule in self.that_may_find(&redaction.text).into_iter().filter(|rule| rule.level <= level) {
            let places = self.places(rule, &redaction.text);
            if places.is_empty() {
                continue;
            }
            let mut clean = String::with_capacity(redaction.text.len());
            let mut from = 0;
            for place in &places {
                clean.push_str(redaction.text.get(from..place.start).unwrap_or_default());
                clean.push_str(OPENING);
                clean.push_str(&rule.kind);
                clean.push(']');
                from = place.end;
            }
            clean.push_str(redaction.text.get(from..).unwrap_or_default());
            redaction.text = Cow::Owned(clean);
            *redaction.kinds.entry(rule.kind.clone()).or_default() += places.len();
            hits += places.len();
        }
        hits
    }

    /// Where `rule` finds something to take out. A mark is never cut: what lies in one is left, what reaches into one
    /// takes all of it.
    fn places(&self, rule: &Compiled, text: &str) -> Vec<Range<usize>> {
        let marks = self.marks(text);
        let mut places: Vec<Range<usize>> = Vec::new();
        let (mut from, mut looked) = (Some(0), 0);
        while let Some(found) = from.and_then(|from| rule.pattern.captures_at(text, from)) {
            let whole = found.get_match().range();
            let mut secret = found.name("secret").map_or(whole.clone(), |secret| secret.range());
            // What is refused may hide another one that begins inside of it.
            from = (secret.start..=text.len()).skip(1).find(|at| text.is_char_boundary(*at));
            if marks.iter().any(|mark| mark.start <= secret.start && secret.end <= mark.end) {
                continue;
            }
            let around = |range: Range<usize>| text.get(range).unwrap_or_default();
            let candidate = Found {
                before: around(0..secret.start),
                secret: around(secret.clone()),
                after: around(secret.end..text.len()),
                name: around(whole.start.min(secret.start)..secret.start),
            };
            // Text may be made so that each refused candidate is nearly all of it: looking at them all would take as long as
            // its length squared. What has cost this much is not looked at closer any more, and goes.
            let is_looked_at = looked <= text.len().saturating_mul(MOST_LOOKS);
            looked += secret.len();
            let is_refused = is_looked_at && !rule.accepts.is_none_or(|accepts| accepts(&candidate));
            if secret.is_empty() || is_refused {
                continue;
            }
            for mark in &marks {
                if mark.start < secret.end && secret.start < mark.end {
                    secret = secret.start.min(mark.start)..secret.end.max(mark.end);
                }
            }
            from = Some(secret.end);
            places.push(secret);
        }
        places
    }

    /// Where what stands for a secret stands already.
    fn marks(&self, text: &str) -> Vec<Range<usize>> {
        let opened = text.match_indices(OPENING).filter_map(|(at, _)| {
            let rest = text.get(at + OPENING.len()..)?;
            let (kind, _) = rest.split_once(']')?;
            let known = self.rules.iter().any(|rule| rule.kind == kind);
            known.then(|| at..at + OPENING.len() + kind.len() + 1)
        });
        opened.collect()
    }
}

/// What the process uses.
static IN_USE: OnceLock<Redactor> = OnceLock::new();

/// The rules were in use before the user's came: something was redacted without them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("text was redacted before your own rules were read; this is a mistake in the program")]
pub struct TooLate;

/// Gives the user's rules to [`redact`] and all that use it, for the rest of the process. The program does it once at
/// its start, before anything is read. It is the one thing that this crate keeps for a process: text passes some forty
/// borders, and one that was not given the rules would be a leak.
///
/// # Errors
/// [`TooLate`] if something was redacted already, so that no text slips through between.
pub fn install(own: OwnRules) -> Result<(), TooLate> {
    IN_USE.set(Redactor::with(own)).map_err(|_| TooLate)
}

fn in_use() -> &'static Redactor {
    IN_USE.get_or_init(Redactor::built_in)
}

/// `text` without secrets, and how many were taken out: [`Level::Secrets`]. Text is redacted at every border it passes:
/// what was redacted is left as it is.
pub fn redact(text: &str) -> (Cow<'_, str>, usize) {
    let redaction = in_use().redact(Level::Secrets, text);
    let hits = redaction.hits();
    (redaction.text, hits)
}

/// As [`redact`], and without e-mail addresses: [`Level::Everything`].
pub fn redact_everything(text: &str) -> (Cow<'_, str>, usize) {
    let redaction = in_use().redact(Level::Everything, text);
    let hits = redaction.hits();
    (redaction.text, hits)
}

/// As [`redact`], for text from outside.
pub fn redact_external(text: &ExternalText) -> ExternalText {
    ExternalText::new(redact(text.as_untrusted()).0)
}

/// `text` without the marks of what was removed: what they say is ours, not the text's.
pub fn without_marks(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::with_capacity(text.len());
    while let Some((before, marked)) = rest.split_once(OPENING) {
        kept.push_str(before);
        kept.push(' ');
        rest = marked.split_once(']').map_or("", |(_, after)| after);
    }
    kept + rest
}

#[cfg(test)]
#[path = "redaction_tests.rs"]
mod tests;
