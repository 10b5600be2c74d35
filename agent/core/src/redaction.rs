//! Takes secrets out of text before it is written down. A published list of well-known forms; each hit becomes
//! `[redacted: what]`. It errs on the side of removing: a lost word is cheaper than a leaked key.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use crate::text::ExternalText;

struct Rule {
    what: &'static str,
    pattern: Regex,
}

/// The rules, in the order they are applied. A group called `keep` is left in place.
static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    [
        ("private key", r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)"),
        ("AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
        ("GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})"),
        ("GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
        ("Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-[A-Za-z0-9-]{10,}"),
        ("Slack webhook", r"https://hooks\.slack\.com/services/[A-Za-z0-9/_-]+"),
        ("Google API key", r"\bAIza[A-Za-z0-9_-]{35}"),
        ("Stripe key", r"\b[rsp]k_(?:live|test)_[A-Za-z0-9]{16,}"),
        ("model API key", r"\bsk-[A-Za-z0-9_-]{20,}"),
        ("npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
        ("JSON web token", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
        ("authorization header", r"(?i)(?P<keep>\b(?:bearer|basic)\s+)[A-Za-z0-9+/._~-]{16,}=*"),
        ("password in a URL", r"(?P<keep>\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?P<tail>@)"),
        (
            "password",
            r#"(?i)(?P<keep>\b[a-z0-9_-]*(?:password|passwd|secret|api[_-]?key|access[_-]?token|auth[_-]?token|private[_-]?token)["']?\s*[:=]\s*["']?)[^\s"',;&]{6,}"#,
        ),
    ]
    .into_iter()
    .filter_map(|(what, pattern)| Some(Rule { what, pattern: Regex::new(pattern).ok()? }))
    .collect()
});

/// `text` without the secrets that the rules know, and how many were taken out.
pub fn redact(text: &str) -> (Cow<'_, str>, usize) {
    let mut hits = 0;
    let mut redacted = Cow::Borrowed(text);
    for rule in RULES.iter() {
        let replaced = rule.pattern.replace_all(&redacted, |found: &regex::Captures<'_>| {
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

/// As [`redact`], for text from outside.
pub fn redact_external(text: &ExternalText) -> ExternalText {
    ExternalText::new(redact(text.as_untrusted()).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        assert_eq!(redact(text).0, expect);
    }

    #[test]
    fn every_rule_compiles() {
        assert_eq!(RULES.len(), 14, "a pattern that does not compile would silently protect nothing");
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
        check(r#"{"api_key": "abcdef123456"}"#, r#"{"api_key": "[redacted: password]"}"#);
        check(
            "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nx",
            "[redacted: private key]\nx",
        );
        check("cut -----BEGIN PRIVATE KEY-----\nabc", "cut [redacted: private key]");
        check(&format!("push with ghp_{}", "a1B2".repeat(9)), "push with [redacted: GitHub token]");
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
