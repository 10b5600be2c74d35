//! The user's own rules, checked. They come beside the built-in ones; none of those can be switched off. It must not
//! know where they are configured.

use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use super::rule::{Compiled, Level};

/// The most rules of one's own.
const MOST_RULES: usize = 100;
/// The longest name, which stands in the mark, in characters.
const LONGEST_NAME: usize = 40;
/// The longest pattern, in bytes.
const LONGEST_PATTERN: usize = 1000;
/// The most memory that one pattern may take, in bytes.
const MOST_PATTERN: usize = 262_144;
/// Lines in which there is nothing to take out. A rule that finds something in most of them finds it in nearly all
/// text, and what is left says nothing.
const ORDINARY: &[&str] = &[
    "GET /cart 200 in 12 ms",
    "the service is up",
    "panic: index out of range [3] with length 2",
    "a",
    "2026-03-01T10:04:00Z INFO checkout started, version 1.4.2",
];

/// A rule as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnRule {
    /// What stands in the mark: "customer number".
    pub name: String,
    /// A regular expression. If it has a group called `secret`, that alone is taken out, else all it finds.
    pub pattern: String,
}

/// Why a rule of the user's can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    /// There are more than a hundred.
    #[error("there are {0} rules of your own; {MOST_RULES} are the most")]
    TooMany(usize),
    /// The name can't stand in a mark.
    #[error("rule {number}: its name must be 1 to {LONGEST_NAME} letters, digits, spaces or hyphens")]
    Name {
        /// Which rule, counted from 1.
        number: usize,
    },
    /// Two have the same name.
    #[error("rule \"{0}\" is there twice; give each its own name")]
    Twice(String),
    /// The pattern is no regular expression, or too large a one.
    #[error("rule \"{name}\": its pattern can't be used: {why}")]
    Pattern {
        /// The rule.
        name: String,
        /// What is wrong with it, in one line.
        why: String,
    },
    /// The pattern finds a secret of no characters.
    #[error(
        "rule \"{0}\": its pattern matches nothing at all, so it would be found everywhere; ask for a character"
    )]
    Empty(String),
    /// The pattern finds something in ordinary text.
    #[error("rule \"{0}\": its pattern matches ordinary text, so nothing would be left; make it narrower")]
    Everything(String),
}

/// Rules of the user's that were checked.
#[derive(Debug, Clone, Default)]
pub struct OwnRules(pub(super) Vec<Compiled>);

impl OwnRules {
    /// Checks `rules`.
    ///
    /// # Errors
    /// [`BadRule`] for the first that can't be used.
    pub fn new(rules: &[OwnRule]) -> Result<Self, BadRule> {
        if rules.len() > MOST_RULES {
            return Err(BadRule::TooMany(rules.len()));
        }
        let mut compiled: Vec<Compiled> = Vec::with_capacity(rules.len());
        for (number, rule) in (1..).zip(rules) {
            let name = &rule.name;
            let fits = (1..=LONGEST_NAME).contains(&name.chars().count())
                && name.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'))
                && name.trim() == name;
            if !fits {
                return Err(BadRule::Name { number });
            }
            if compiled.iter().any(|other| other.kind == *name) {
                return Err(BadRule::Twice(name.clone()));
            }
            let pattern = compile(rule)?;
            compiled.push(Compiled {
                kind: name.clone(),
                level: Level::Secrets,
                pattern,
                sign: rule.pattern.clone(),
                scan: None,
                accepts: None,
            });
        }
        Ok(OwnRules(compiled))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn compile(rule: &OwnRule) -> Result<Regex, BadRule> {
    let unfit = |why: &str| BadRule::Pattern { name: rule.name.clone(), why: why.to_owned() };
    if rule.pattern.len() > LONGEST_PATTERN {
        return Err(unfit("it is too long"));
    }
    let pattern = RegexBuilder::new(&rule.pattern).size_limit(MOST_PATTERN).nest_limit(50).build();
    let pattern = pattern.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => unfit("it takes too much memory; use smaller repetitions"),
        // The last line says what is wrong, the others draw where.
        other => unfit(other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ")),
    })?;
    // A pattern may match nothing only in places, at a word's border: then it is found in ordinary text.
    let finds_nothing = |text: &&str| {
        let secret = |found: regex::Captures<'_>| found.name("secret").map(|secret| secret.is_empty());
        let found = |found: regex::Captures<'_>| found.get_match().is_empty() || secret(found) == Some(true);
        pattern.captures_iter(text).any(found)
    };
    if std::iter::once(&"").chain(ORDINARY).any(finds_nothing) {
        return Err(BadRule::Empty(rule.name.clone()));
    }
    if ORDINARY.iter().filter(|line| pattern.is_match(line)).count() > ORDINARY.len() / 2 {
        return Err(BadRule::Everything(rule.name.clone()));
    }
    Ok(pattern)
}

#[cfg(test)]
mod tests {
    use super::super::{Level, Redactor};
    use super::*;

    fn rule(name: &str, pattern: &str) -> OwnRule {
        OwnRule { name: name.into(), pattern: pattern.into() }
    }

    #[test]
    fn a_rule_that_can_not_be_used_is_refused_with_one_sentence() {
        let check = |name: &str, pattern: &str, expect: &str| {
            let said =
                OwnRules::new(&[rule(name, pattern)]).map_or_else(|why| why.to_string(), |_| "good".into());
            assert!(said.contains(expect), "{name} {pattern}: {said}");
            assert!(!said.contains('\n'), "{said}");
        };
        check("customer number", r"\bC-[0-9]{6}\b", "good");
        check("", "x1", "rule 1: its name");
        check("a]b", "x1", "rule 1: its name");
        check(" a", "x1", "rule 1: its name");
        check(&"n".repeat(41), "x1", "rule 1: its name");
        check(&"n".repeat(40), "x1", "good");
        check("a", "(", "rule \"a\": its pattern can't be used: unclosed group");
        check("a", "(?:[a-z]{100}){1000}", "takes too much memory");
        check("a", &"x".repeat(1001), "too long");
        check("a", &"x".repeat(1000), "good");
        check("a", "x*", "matches nothing at all");
        check("a", "$", "matches nothing at all");
        check("a", r"\b", "matches nothing at all");
        check("a", "C-(?P<secret>[0-9]*)", "good");
        check("a", "version(?P<secret>x*)", "matches nothing at all");
        check("a", ".", "matches ordinary text");
        check("a", r"\w+", "matches ordinary text");
        check("a", "(?i)[aeiou]", "matches ordinary text");
        check("a", "GET|up|zzz", "good");
        check("a", "GET|up|panic", "matches ordinary text");
    }

    #[test]
    fn two_of_one_name_and_too_many_are_refused() {
        let refused = |rules: &[OwnRule]| OwnRules::new(rules).unwrap_err();
        assert_eq!(refused(&[rule("a", "x1"), rule("a", "x2")]), BadRule::Twice("a".into()));
        let many = |count: usize| (0..count).map(|n| rule(&format!("r{n}"), "x1")).collect::<Vec<_>>();
        assert_eq!(refused(&many(101)), BadRule::TooMany(101));
        assert_eq!(OwnRules::new(&many(100)).unwrap().len(), 100);
        assert!(OwnRules::default().is_empty() && !OwnRules::new(&many(1)).unwrap().is_empty());
    }

    #[test]
    fn own_rules_come_beside_the_built_in_ones() {
        let own = OwnRules::new(&[
            rule("customer number", r"\bC-[0-9]{6}\b"),
            rule("tenant", "(?x) tenant= (?P<secret> [a-z]+ ) # of the address"),
        ]);
        let redactor = Redactor::with(own.unwrap());
        let check = |text: &str, expect: &str| {
            let once = redactor.redact(Level::Secrets, text);
            assert_eq!(once.text, expect);
            let twice = redactor.redact(Level::Secrets, expect);
            assert_eq!((twice.text.as_ref(), twice.hits()), (expect, 0));
        };
        check("C-123456 paid", "[redacted: customer number] paid");
        check("/x?tenant=acme&a=1", "/x?tenant=[redacted: tenant]&a=1");
        check(
            "password=hunter22 of C-123456",
            "password=[redacted: password] of [redacted: customer number]",
        );
        check("C-1234567", "C-1234567");
        // What only touches a mark leaves it.
        check("[redacted: cookie]C-123456", "[redacted: cookie][redacted: customer number]");
        check("C-123456[redacted: cookie]", "[redacted: customer number][redacted: cookie]");
    }

    #[test]
    fn what_comes_to_light_by_removing_is_removed_too() {
        let own = OwnRules::new(&[rule("outer", r"x1\[redacted: inner\]y"), rule("inner", "s[0-9]+t")]);
        let redaction = Redactor::with(own.unwrap()).redact(Level::Secrets, "a x1s22ty b");
        assert_eq!((redaction.text.as_ref(), redaction.hits()), ("a [redacted: outer] b", 2));
    }

    #[test]
    fn a_rule_that_finds_the_marks_leaves_them() {
        let own = OwnRules::new(&[rule("word", "redacted|pass[a-z]+"), rule("bracket", r"x\[[a-z]+")]);
        let redactor = Redactor::with(own.unwrap());
        let check = |text: &str, expect: &str| {
            assert_eq!(redactor.redact(Level::Secrets, text).text, expect);
            assert_eq!(redactor.redact(Level::Secrets, expect).hits(), 0);
        };
        check("password=hunter22", "[redacted: word]=[redacted: password]");
        check("x[redacted: word]y", "[redacted: bracket]y");
    }
}
