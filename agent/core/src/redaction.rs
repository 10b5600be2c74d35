//! Takes secrets out of text before it is written down. A published list of well-known forms; each hit becomes
//! `[redacted: what]`. It errs on the side of removing: a lost word is cheaper than a leaked key.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use crate::text::ExternalText;

/// What is looked for, and its pattern, in the order in which they are applied. A group called `keep` or `tail` is
/// left in place.
const PATTERNS: [(&str, &str); 15] = [
    ("private key", r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)"),
    ("AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})"),
    ("GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
    ("Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-[A-Za-z0-9-]{10,}"),
    ("Slack webhook", r"https://hooks\.slack\.com/services/[A-Za-z0-9/_-]+"),
    ("Google API key", r"\bAIza[A-Za-z0-9_-]{35}"),
    ("Stripe key", r"\b[rsp]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    ("model API key", r"\bsk-[A-Za-z0-9_-]{20,}"),
    ("Hearback token", r"\bhb_[A-Za-z0-9]{1,40}_[A-Za-z0-9]{20,}"),
    ("npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("JSON web token", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
    ("authorization header", r"(?i)(?P<keep>\b(?:bearer|basic)\s+)[A-Za-z0-9+/._~-]{16,}=*"),
    ("password in a URL", r"(?P<keep>\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?P<tail>@)"),
    (
        "password",
        r#"(?i)(?P<keep>(?:\b[a-z0-9_-]*(?:password|passwd|secret|api[_-]?key|access[_-]?token|auth[_-]?token|private[_-]?token)["']?\s*[:=]\s*["']?)+)[^\s"',;&]{6,}"#,
    ),
];

struct Rule {
    what: &'static str,
    pattern: Regex,
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    PATTERNS
        .into_iter()
        .filter_map(|(what, pattern)| Some(Rule { what, pattern: Regex::new(pattern).ok()? }))
        .collect()
});

/// Finds something in every text in which a rule does, in one pass: nearly all text is ordinary, and fourteen
/// passes over it are slow. It is all patterns as one, without their word borders: leaving out a condition can
/// only find more, and the regex engine is slow on borders next to letters that are not ASCII.
static ANY_RULE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let patterns = PATTERNS.map(|(_, pattern)| {
        let pattern = pattern.replace(r"\b", "").replace("?P<keep>", "?:").replace("?P<tail>", "?:");
        format!("(?:{pattern})")
    });
    Regex::new(&patterns.join("|")).ok()
});

/// `text` without the secrets that the rules know, and how many were taken out. Text is redacted at every border it
/// passes: what was redacted is left as it is.
pub fn redact(text: &str) -> (Cow<'_, str>, usize) {
    if ANY_RULE.as_ref().is_some_and(|any| !any.is_match(text)) {
        return (Cow::Borrowed(text), 0);
    }
    apply_rules(text)
}

fn apply_rules(text: &str) -> (Cow<'_, str>, usize) {
    let mut hits = 0;
    let mut redacted = Cow::Borrowed(text);
    for rule in RULES.iter() {
        let replaced = rule.pattern.replace_all(&redacted, |found: &regex::Captures<'_>| {
            let secret_at = found.name("keep").map_or(found.get_match().start(), |keep| keep.end());
            if redacted.get(secret_at..).is_some_and(begins_redacted) {
                return found.get_match().as_str().to_owned();
            }
            hits += 1;
            let group = |name| found.name(name).map_or("", |group| group.as_str());
            format!("{}[redacted: {}]{}", group("keep"), rule.what, group("tail"))
        });
        if let Cow::Owned(replaced) = replaced {
            redacted = Cow::Owned(replaced);
        }
    }
    (redacted, hits)
}

/// Whether it begins with what stands for a secret.
fn begins_redacted(text: &str) -> bool {
    let is_closed = |rest: &str, what| rest.strip_prefix(what).is_some_and(|end| end.starts_with(']'));
    text.strip_prefix("[redacted: ")
        .is_some_and(|rest| PATTERNS.iter().any(|(what, _)| is_closed(rest, *what)))
}

/// As [`redact`], for text from outside.
pub fn redact_external(text: &ExternalText) -> ExternalText {
    ExternalText::new(redact(text.as_untrusted()).0)
}

/// `text` without the marks of what was removed: what they say is ours, not the text's.
pub fn without_marks(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::with_capacity(text.len());
    while let Some((before, marked)) = rest.split_once("[redacted: ") {
        kept.push_str(before);
        kept.push(' ');
        rest = marked.split_once(']').map_or("", |(_, after)| after);
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expect: &str) {
        assert_eq!(redact(text).0, expect);
    }

    #[test]
    fn every_rule_compiles() {
        assert_eq!(
            RULES.len(),
            PATTERNS.len(),
            "a pattern that does not compile would silently protect nothing"
        );
        assert!(ANY_RULE.is_some(), "without it all text goes through every rule");
    }

    #[test]
    fn secrets_go_and_their_surroundings_stay() {
        check("key AKIAIOSFODNN7EXAMPLE used", "key [redacted: AWS access key] used");
        check("postgres://app:hunter22@db:5432/x", "postgres://app:[redacted: password in a URL]@db:5432/x");
        check(
            "Authorization: Bearer abcdefghijklmnop.qrst",
            "Authorization: Bearer [redacted: authorization header]",
        );
        check("DB_PASSWORD=correct-horse next", "DB_PASSWORD=[redacted: password] next");
        // The name of one is not the value of another.
        check("clientSecret:\n  password: hunter22", "clientSecret:\n  password: [redacted: password]");
        check(r#"{"api_key": "abcdef123456"}"#, r#"{"api_key": "[redacted: password]"}"#);
        check(
            "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nx",
            "[redacted: private key]\nx",
        );
        check("cut -----BEGIN PRIVATE KEY-----\nabc", "cut [redacted: private key]");
        check(&format!("push with ghp_{}", "a1B2".repeat(9)), "push with [redacted: GitHub token]");
    }

    /// One secret for each rule, in the order of the rules.
    fn one_secret_each() -> [String; PATTERNS.len()] {
        let long = "a1B2c3D4".repeat(5);
        [
            "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----".to_owned(),
            "ASIAIOSFODNN7EXAMPLE".to_owned(),
            format!("github_pat_{long}"),
            format!("glpat-{long}"),
            format!("xoxb-{long}"),
            "https://hooks.slack.com/services/T00/B00/xyz".to_owned(),
            format!("AIza{}", &long[..35]),
            format!("sk_live_{long}"),
            format!("sk-{long}"),
            format!("hb_ana1_{long}"),
            format!("npm_{}", &long[..36]),
            format!("eyJ{long}.eyJ{long}.x"),
            format!("bAsic {long}=="),
            "amqp://app:hunter22@mq".to_owned(),
            "X-Api-Key: 'a1b2c3d4'".to_owned(),
        ]
    }

    #[test]
    fn the_one_pass_and_the_rules_agree() {
        let around = [
            ("", ""),
            ("é", "ü"),
            ("see ", ", then"),
            ("x", "x"),
            ("_", "_"),
            ("\n", "\u{2028}"),
            ("\"", "\""),
        ];
        for (rule, secret) in RULES.iter().zip(one_secret_each()) {
            assert!(rule.pattern.is_match(&secret), "{} is not found in {secret}", rule.what);
            for (before, after) in around {
                let text = format!("{before}{secret}{after}");
                assert_eq!(redact(&text), apply_rules(&text), "{text}");
            }
            for (end, _) in secret.char_indices() {
                assert_eq!(redact(&secret[..end]), apply_rules(&secret[..end]), "{}", &secret[..end]);
            }
        }
    }

    proptest! {
        /// Pieces of secrets, and letters that are others without regard to case: ſ is an s, the Kelvin sign a k.
        #[test]
        fn no_mixture_of_pieces_gets_past_the_one_pass(pieces in prop::collection::vec(prop::sample::select(vec![
            "-----BEGIN ", "PRIVATE KEY-----", "AKIA", "0123456789ABCDEF", "ghp_", "glpat-", "xoxb-", "xapp-", "AIza",
            "sk_live_", "s\u{212a}_test_", "sk-", "npm_", "eyJ", ".eyJ", "Bearer ", "ba\u{17f}ic", "https://", "redis://",
            "hooks.slack.com/services/", "password", "pa\u{17f}\u{17f}wd", "api_\u{212a}ey", "to\u{212a}en", "auth-token",
            "=", ": ", "\"", "@", ":", "/", " ", "\u{a0}", "\n", "é", "-", "_", "a1b2c3d4e5f6a7b8c9d0", "x",
        ]), 0..12)) {
            let text = pieces.concat();
            prop_assert_eq!(redact(&text), apply_rules(&text));
        }
    }

    #[test]
    fn what_was_redacted_is_left_alone() {
        for secret in one_secret_each() {
            let text = format!("secret={secret}, {secret} x");
            let once = redact(&text).0.into_owned();
            assert_eq!(redact(&once), (Cow::Borrowed(once.as_str()), 0), "{text}");
        }
        check("secret=[redacted: nothing]", "secret=[redacted: password] nothing]");
    }

    #[test]
    fn ordinary_lines_are_left_alone() {
        for line in [
            "rotate the database password in vault",
            "fix: token bucket refills too slowly",
            "https://example.org/a:b/c@d",
            "secret santa = fun",
            "revert 3f2a91c0d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9",
        ] {
            let (redacted, hits) = redact(line);
            assert_eq!((redacted.as_ref(), hits), (line, 0));
        }
    }
}
