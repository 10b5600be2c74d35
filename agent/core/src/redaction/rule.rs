//! The form of a rule: what is looked for, how a person reads it, and how it becomes a pattern. It must not know
//! which rules there are.

use regex::{Regex, RegexBuilder};

/// How much is taken out. Everything of a level is taken out on the levels after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What gives access or pays: keys, tokens, passwords, cookies, card numbers. For everything that is written,
    /// fields that say who somebody is among them: authors, experts, approvers are known by their addresses.
    Secrets,
    /// And e-mail addresses. For text that nobody is looked up by: prompts, telemetry, messages, diffs, documents.
    Everything,
}

/// One thing that is looked for. The pattern is `border before lead secret after`; only lead and secret are taken out.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// What stands in the mark.
    pub kind: &'static str,
    /// What it is, in plain words.
    pub about: &'static str,
    /// How it looks, with a filling like `{36 alnum}` where it varies; the published list explains them.
    pub form: &'static str,
    /// From which level on.
    pub level: Level,
    /// What may stand directly before, and is no condition that the one pass asks for: it can match nothing.
    pub(super) border: &'static str,
    pub(super) before: &'static str,
    /// The beginning of the secret where it could be that of anything: the one pass does not look for it.
    pub(super) lead: &'static str,
    pub(super) secret: &'static str,
    pub(super) after: &'static str,
    /// What the one pass does instead of looking for the pattern, where counting is cheaper than an automaton.
    pub(super) scan: Option<fn(&str) -> bool>,
    /// A second look, for what a pattern can't say.
    pub(super) accepts: Option<fn(&Found<'_>) -> bool>,
}

/// A place that a pattern found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'t> {
    /// All text before the secret.
    pub before: &'t str,
    /// What would be taken out.
    pub secret: &'t str,
    /// All text after the secret.
    pub after: &'t str,
    /// What the rule found before the secret, border and all: its name.
    pub name: &'t str,
}

impl Rule {
    /// A form that nothing else has, wherever it stands.
    pub(super) const fn token(
        kind: &'static str,
        about: &'static str,
        form: &'static str,
        secret: &'static str,
    ) -> Self {
        Rule {
            kind,
            about,
            form,
            level: Level::Secrets,
            border: r"\b",
            before: "",
            lead: "",
            secret,
            after: "",
            scan: None,
            accepts: None,
        }
    }

    /// A secret because of what stands before it.
    pub(super) const fn behind(
        kind: &'static str,
        about: &'static str,
        form: &'static str,
        (before, secret): (&'static str, &'static str),
    ) -> Self {
        Rule { border: "", before, ..Rule::token(kind, about, form, secret) }
    }

    /// Where the border is another than that of a word, or none.
    pub(super) const fn bordered(self, border: &'static str) -> Self {
        Rule { border, ..self }
    }

    /// With a beginning that could be that of anything.
    pub(super) const fn led_by(self, lead: &'static str) -> Self {
        Rule { lead, ..self }
    }

    /// Looked for only where `scan` sees that it may be.
    pub(super) const fn where_seen(self, scan: fn(&str) -> bool) -> Self {
        Rule { scan: Some(scan), ..self }
    }

    /// Only before `after`.
    pub(super) const fn until(self, after: &'static str) -> Self {
        Rule { after, ..self }
    }

    /// Only if a second look agrees.
    pub(super) const fn if_so(self, accepts: fn(&Found<'_>) -> bool) -> Self {
        Rule { accepts: Some(accepts), ..self }
    }

    /// Only where everything is taken out.
    pub(super) const fn personal(self) -> Self {
        Rule { level: Level::Everything, ..self }
    }

    /// The whole pattern. The group `secret` is what is taken out.
    pub(super) fn pattern(&self) -> String {
        let Rule { border, before, lead, secret, after, .. } = self;
        format!("{border}(?:{before})(?P<secret>(?:{lead})(?:{secret}))(?:{after})")
    }

    /// Finds something wherever [`Rule::pattern`] does. Leaving out a condition can only find more, the regex engine is
    /// slow on borders next to letters that are not ASCII, and an automaton that has to count what every word could be
    /// the beginning of has more states than fit into memory.
    fn sign(&self) -> String {
        let Rule { before, lead, secret, .. } = self;
        let pattern = match (self.scan, lead.is_empty()) {
            (Some(_), _) => NEVER.to_owned(),
            (None, true) => format!("(?:{before})(?:{secret})"),
            (None, false) => (*secret).to_owned(),
        };
        pattern.replace(r"\b", "")
    }
}

/// Finds nothing.
const NEVER: &str = r"[^\s\S]";

/// A rule ready to be used, built in or the user's.
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    pub kind: String,
    pub level: Level,
    pub pattern: Regex,
    /// What the one pass looks for.
    pub sign: String,
    pub scan: Option<fn(&str) -> bool>,
    pub accepts: Option<fn(&Found<'_>) -> bool>,
}

/// The most memory that one pattern may take, in bytes.
const MOST_PATTERN: usize = 4_194_304;

impl Compiled {
    /// # Errors
    /// If the pattern is none.
    pub fn new(rule: &Rule) -> Result<Self, regex::Error> {
        let pattern = RegexBuilder::new(&rule.pattern()).size_limit(MOST_PATTERN).build()?;
        let Rule { kind, level, scan, accepts, .. } = *rule;
        Ok(Compiled { kind: kind.to_owned(), level, pattern, sign: rule.sign(), scan, accepts })
    }
}
