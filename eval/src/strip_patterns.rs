//! The patterns by which [`crate::strip`] knows names, trailers, quotations and the stumps they leave. Nothing but
//! patterns; a test compiles each.

use std::sync::LazyLock;

use regex::Regex;

/// Stands where a name was. A control character: no message means anything by it.
pub(crate) const MARK: char = '\u{1}';

/// Replaces whatever any of the patterns finds, one pattern after the other.
pub(crate) fn replace_all(patterns: &LazyLock<Vec<Regex>>, text: String, with: &str) -> String {
    patterns.iter().fold(text, |text, pattern| match pattern.is_match(&text) {
        true => pattern.replace_all(&text, with).into_owned(),
        false => text,
    })
}

fn compiled(texts: &[&str]) -> Vec<Regex> {
    texts.iter().filter_map(|text| Regex::new(text).ok()).collect()
}

/// Names. What group 1 found stays.
const NAME_TEXTS: &[&str] = &[
    // Links, with and without a scheme, and e-mail addresses.
    r#"(?i)\b[a-z][a-z0-9+.-]{1,14}://(?:[^\s<>"'`()\[\]\x01]|\([^\s()\x01]*\))+"#,
    r#"(?i)(^|[\s(<\[,])(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|gov|corp|internal)/[^\s<>"'`()\[\]\x01]+"#,
    r"(?i)\b(?:crbug|crrev|anglebug|skbug)(?:\.com)?/[\w/+-]+",
    r"(?i)(^|[\s(\[,:])(?:go|b|cl)/[\w-]+",
    r"(?i)\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b",
    // Change-Ids of Gerrit; commits of Phabricator (rSHOP0123abc) and Subversion (r12345).
    r"\bI[0-9a-f]{7,40}\b",
    r"\br[A-Z]{2,8}[0-9a-f]{6,40}\b",
    r"\br[0-9]{4,9}\b",
    // What follows a word for a commit, be it digits only.
    r"(?i)\b((?:commits?|changesets?|csets?|revisions?|rev|sha-?1?|hash)\b\s*[:#]?\s*)[0-9a-f]{7,40}\b(?:(?:\s*(?:,|and|&)\s*|\s+)[0-9a-f]{7,40}\b)*",
    // bug 123, LP: #123, PR 12, change 123456, chromium:1234, blueprint x.
    r"(?i)\b(?:launchpad|lp)\s*(?:bug)?\s*[:#]{0,2}\s*#?[0-9]{3,9}\b",
    r"(?i)\b(?:bugs?|issues?|tickets?|prs?|pull\s+requests?|mrs?|merge\s+requests?|cls?|crbug|bz|gh|rt)(?:\s+(?:id|no\.?|number))?(?:\s*#?|[ \t]*[:#/=]{1,2}[ \t]*#?)[0-9]{1,9}\b(?:\s*(?:,|and|&)\s*#?[0-9]{1,9}\b)*",
    r"(?i)\b(?:tasks?|story|changes?|patch(?:es|set)?|diffs?|gerrit|review|submission)(?:\s+(?:id|no\.?|number))?(?:\s*#?|[ \t]*[:#/=]{1,2}[ \t]*#?)[0-9]{4,9}(?:-[\w-]+)?\b",
    r"(?i)\b(?:chromium|angleproject|anglebug|skia|v8|webrtc|pdfium|fuchsia|dawn|tint|webkit|mozilla|flutter|monorail):[0-9]{2,9}\b",
    r"(?i)\bblueprint:?\s+[\w-]+",
    // shop/cart#12, #12, !12; T1234 and D1234 of Phabricator.
    r"(?:\b[\w.-]+/[\w.-]+)?#[0-9]{1,9}\b",
    r"(^|[\s(\[,:])(?:[\w.-]+/[\w.-]+)?![0-9]{1,9}\b",
    r"\b[TD][0-9]{4,8}\b",
    // "revert 7325".
    r"(?i)\b(revert(?:s|ed|ing)?\s+)[0-9]{3,9}\b",
    r"(?i)<INSERT REASON(?:ING)? HERE>",
];
pub(crate) static NAMES: LazyLock<Vec<Regex>> = LazyLock::new(|| compiled(NAME_TEXTS));

/// A ticket as Jira writes it.
pub(crate) static TICKET: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b([A-Z][A-Z0-9]{1,9})-[0-9]{1,7}\b").ok());
/// What looks like a project of Jira and is a standard.
pub(crate) const NOT_PROJECTS: &[&str] = &[
    "AES", "ARM", "BLAKE", "CP", "CVE", "ECMA", "ES", "GHSA", "GL", "GLES", "HTTP", "IEEE", "IPV", "ISO",
    "KOI", "MD", "PEP", "RFC", "RSA", "RUSTSEC", "SHA", "SQL", "TLS", "UCS", "USB", "UTC", "UTF", "WIN",
    "WPA",
];

/// A sha, if it has a digit and a letter.
pub(crate) static SHA: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?i)\b[0-9a-f]{7,40}\b").ok());

/// A word after which a quotation is the title of a change, or a name that is followed by its title; group 1 is the
/// quotation's first character.
pub(crate) static BEFORE_QUOTE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?ix)(?:
            \b(?:revert|re-?land|re-?apply|back-?out|roll-?back|cherry-?pick|undo)(?:s|e?d|ing|es)?\b
            (?:\s+(?:of|the|my|our|this|commits?|changesets?|changes?|patch(?:es)?|pr|cl|merge|and|from|partial(?:ly)?))*
            \s*:?[\ \t]*\n?[\ \t]*\(?
            | \x01[\ \t]*\([\ \t]*
            | \b(?:commits?|changes?|revert(?:s|ed|ing)?|of)\s+\x01[\ \t]*:?[\ \t]*
            )(["“`'])"#,
    )
    .ok()
});

/// A title that reverts; group 1 is what stands after the word.
pub(crate) static REVERT_TITLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?ixs)^\s*
        (?:(?:\[[^\]]{1,40}\]:?|[A-Za-z][\w./\ -]{0,40}(?:\([^)]{1,60}\))?!?:)\s*){0,3}
        (?:(?:partial(?:ly)?|temporar(?:y|ily)|manual(?:ly)?|quick(?:ly)?|semi)[\s:-]+)*
        (?:revert(?:s|ed|ing)?|back(?:s|ed|ing)?[\ -]?out|roll(?:s|ed|ing)?[\ -]?back|undo(?:es|ing)?)\b
        (?:\([^)]{1,60}\))?!?
        (?:\s+(?:of|the|commits?|changesets?|changes?|submission)\b)*\s*:?\s*(.*)$"#,
    )
    .ok()
});

/// Where the reason begins, after a title that nobody quoted.
pub(crate) static REASON: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)\b(?:because|due\s+to|since|as\s+(?:it|this|they|that)|until|causing|which|breaks|broke)\b
        | [;.]\s | \s[-–—]+\s | ,\s+(?:it|this|that|they|we|as)\b",
    )
    .ok()
});

/// From here on it is the other change's message.
pub(crate) static ORIGINAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)^\s*(?:original\s+(?:change|commit|cl|patch|pr|revision|review|issue)(?:'s|’s|s)?
        (?:\s+(?:changeset|description|message|title|text|log|summary))?\s*(?::|is:|was:)
        | -+\s*original\s+(?:message|commit|change)
        | (?:the\s+)?original\s+(?:commit\s+)?(?:description|message)\b.{0,20}:)",
    )
    .ok()
});

/// The list of what a bulk revert takes back.
pub(crate) static LISTED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)^\s*(?:reverted\s+(?:changes|commits|patches)|test\s+plan)\s*:").ok());

/// The files that stood in the way: the paths of the change that is reverted.
pub(crate) static CONFLICTS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)^\s*(?:\#\s*)?(?:merge\s+)?conflicts?(?:\s+in)?\s*:\s*$").ok());

/// Lines that programs read, and what people write in their form.
pub(crate) static TRAILER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x)^\s*(?:
        (?i:change-id|commit-id|git-svn-id|cr-[\w-]+|cq-[\w-]+|[a-z][a-z-]*-by|reviewed\ by|reviewed-on|review-url
            |commit-queue|auto-submit|co-authored|cc|bug-url|closes-bug|partial-bug|related-bug|related-to|jira
            |phabricator|differential\ revision|reviewers?|subscribers|tags|depends-on|needed-by|implements
            |partially-implements|blueprint|no-[a-z-]+|skip-[a-z-]+|relnote|release-notes?|upstream-[a-z-]+
            |fbshipit-source-id|original-[a-z-]+|test|topic|bypass-[a-z-]+|gitorigin-revid
            |see-also|tryjob-request|author|roll-[a-z-]+|binary-size|merged-in)\s*:(?:\s|[0-9\#]|$)
        # Words of everyday, where a name follows.
        | (?i:bugs?|fix(?:es|ed)?|close[sd]?|resolve[sd]?|refs?|references|issues?|tickets?|tasks?|link|pr)\s*:\s*
            (?i:[\#!]?[0-9]|[a-z]+[-:/\#]?[0-9]|[a-z]+://|[0-9a-f]{7,40}\b|none\b|n/a\b|$)
        # Whoever took part, in whatever role; the head of a squashed commit.
        | [A-Z][A-Za-z-]+:\s[^<>]*<[^<>\s]*@[^<>\s]*>\s*$
        | Merge:\s+[0-9a-f]{7,40}\b
        | Date:\s+(?:[A-Z][a-z]{2}\s|[0-9]{4}-)
        | (?:BUG|TBR|R|CC|TEST|NO[A-Z]+|CQ_[A-Z_]+|COMMIT|LOG|REVIEW|REVIEWER)\ ?=
        | (?i:[(\[]?\s*(?:backported|cherry[-\ ]?picked|ported)\ from\b)
        )",
    )
    .ok()
});

/// Words before the text that matters; the text stays.
const LABEL_TEXTS: &[&str] = &[
    r"(?im)^\s*(?:(?:reason|rationale|motivation)\s+(?:for|of)\s+(?:the\s+|this\s+)?(?:revert(?:ing)?|roll-?back|back-?out)|reason|summary|description)\s*:[ \t]*",
    r"(?im)^\s*revert\s+submission\s+\S+\s*$",
];
pub(crate) static LABELS: LazyLock<Vec<Regex>> = LazyLock::new(|| compiled(LABEL_TEXTS));

/// What surrounds a name and means nothing without it.
const CLAUSE_TEXTS: &[&str] = &[
    // "(see x)", "(x)", "(commit x)".
    r"(?i)[(\[]\s*(?:(?:see|in|was|from|commit|change|re|cf)[.:]?\s*)*\x01[\s,\x01]*[)\]]",
    // "This partially reverts commits x and y, reversing changes made to z."
    r"(?ix)\b(?:this\s+)?(?:(?:is\s+an?|(?:config(?:uration)?\s+)?change|commit|patch|cl|pr|diff)\s+)?
      (?:(?:partial(?:ly)?|partly|mostly|essentially|temporarily|effectively|manual(?:ly)?|basically)\s+)?
      (?:revert(?:s|ed|ing)?|re-?land(?:s|ed|ing)?|re-?appl(?:y|ies|ied|ying)|back(?:s|ed|ing)?[\ -]?out|roll(?:s|ed|ing)?[\ -]?back|undo(?:es|ing)?)
      (?:\s+(?:of|the|both|commits?|changesets?|changes?|revisions?|patch(?:es)?|merge|submission|introduced|by|in|from|and))*
      \s*:?\s*[(\[]?\x01[)\]]?(?:(?:\s*(?:,|and|&|\+|/)\s*|\s+)(?:(?:commits?|and|partially|revert(?:s|ed)?)\s+)*[(\[]?\x01[)\]]?)*
      (?:\s*,?\s*reversing\s+changes\s+made\s+to\s+\x01)?(?:[ \t]*\.)?",
    r"(?i)\b(?:fix(?:es|ed)?|close[sd]?|resolve[sd]?|see(?:\s+also)?|refs?|references|cf|related\s+to|relates\s+to)\.?\s*:?\s*\x01(?:\s*(?:,|and|&)\s*\x01)*(?:[ \t]*\.)?",
];
pub(crate) static CLAUSES: LazyLock<Vec<Regex>> = LazyLock::new(|| compiled(CLAUSE_TEXTS));

/// Empty brackets and quotes, space before a full stop. What group 1 found stays.
const STUMP_TEXTS: &[&str] =
    &[r"\([\s,;:.]*\)", r"\[\s*\]", r#"(^|\s)(?:"\s*"|“\s*”|`\s+`)"#, r"[ \t]+([.,;:)](?:\s|$))"];
pub(crate) static STUMPS: LazyLock<Vec<Regex>> = LazyLock::new(|| compiled(STUMP_TEXTS));

/// A line in which only the word "revert" is left, and what stood around it.
pub(crate) static RESIDUE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)^\W*(?:(?:\[[^\]]{1,40}\]|[a-z][\w./\ -]{0,40}(?:\([^)]{1,60}\))?!?:)\s*)?
        (?:(?:this|an?|is|the|partial(?:ly)?|partly|temporarily|revert(?:s|ed|ing)?|re-?lands?|re-?apply|back(?:ed)?[\ -]?out
            |roll-?back|of|commits?|changes?|and|in|by)\W+)*
        (?:this|revert(?:s|ed|ing)?|re-?lands?|re-?apply|back(?:ed)?[\ -]?out|roll-?back|of|commits?|changes?)\W*$",
    )
    .ok()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        for pattern in [
            &TICKET,
            &SHA,
            &BEFORE_QUOTE,
            &REVERT_TITLE,
            &REASON,
            &ORIGINAL,
            &LISTED,
            &CONFLICTS,
            &TRAILER,
            &RESIDUE,
        ] {
            assert!(pattern.is_some());
        }
        let lists = [
            (NAMES.len(), NAME_TEXTS),
            (LABELS.len(), LABEL_TEXTS),
            (CLAUSES.len(), CLAUSE_TEXTS),
            (STUMPS.len(), STUMP_TEXTS),
        ];
        for (compiled, texts) in lists {
            let broken: Vec<_> = texts.iter().filter_map(|text| Regex::new(text).err()).collect();
            assert_eq!((compiled, broken), (texts.len(), vec![]));
        }
    }
}
