//! The only door for text from outside into a prompt: without secrets, without what hides, between two lines that can't
//! stand in it. It must not know what the prompt is for.

use hearback_core::ExternalText;
use hearback_core::hash::Digest;
use hearback_core::redaction::redact_everything;

use crate::harmless::{without_hidden, without_markers};

/// What stands before each line of quoted text, so that none of them begins as one of ours does.
const BEFORE_LINE: &str = "| ";
/// So many hexadecimal digits of a digest name a fence: enough that no two of one prompt are alike by chance.
const FENCE_DIGITS: usize = 16;

/// What a quotation is, in words of our own: "log line", "commit message".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label(&'static str);

impl Label {
    /// Takes words that stand in the program.
    pub const fn new(words: &'static str) -> Self {
        Label(words)
    }
}

/// Text from outside that may stand in a prompt. Only [`quote`] and [`quote_in_line`] make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted {
    text: String,
    secrets: usize,
}

impl Quoted {
    /// As it stands in the prompt.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// How many secrets were taken out.
    pub fn secrets(&self) -> usize {
        self.secrets
    }
}

/// Quotes `text` as lines of its own, at most `most` characters of it; how many more there were is said. The fence is
/// named by the digest of what it holds, so the same text gives the same bytes, and it is no part of it.
pub fn quote(text: &ExternalText, label: Label, most: usize) -> Quoted {
    let Clean { text, secrets } = clean(text.as_untrusted());
    let (kept, left_out) = cut(&text, most);
    let fence = fence(kept, label);
    let mut quoted = format!("<quoted {fence}> {}\n", label.0);
    for line in kept.split('\n') {
        quoted.push_str(BEFORE_LINE);
        quoted.push_str(line);
        quoted.push('\n');
    }
    quoted.push_str(&format!("</quoted {fence}>"));
    if left_out > 0 {
        quoted.push_str(&format!(" {left_out} more characters were left out"));
    }
    Quoted { text: quoted, secrets }
}

/// Quotes `text` within a line, between `⟦` and `⟧`: for names and short phrases. White space is folded; at most `most`
/// characters stay.
pub fn quote_in_line(text: &ExternalText, most: usize) -> Quoted {
    let Clean { text, secrets } = clean(text.as_untrusted());
    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // Lines became one: a speaker's name that stood in the middle of one may begin it now.
    let one_line = without_markers(&folded).replace('⟦', "[").replace('⟧', "]");
    let (kept, left_out) = cut(&one_line, most);
    let end = if left_out > 0 { "…" } else { "" };
    Quoted { text: format!("⟦{kept}{end}⟧"), secrets }
}

struct Clean {
    text: String,
    secrets: usize,
}

/// Secrets are looked for before anything is changed, and once more when nothing hides between their letters.
fn clean(text: &str) -> Clean {
    let (redacted, before) = redact_everything(text);
    let shown = without_hidden(&redacted);
    let (redacted, after) = redact_everything(&shown);
    Clean { text: without_markers(&redacted), secrets: before + after }
}

/// The first `most` characters, and how many follow.
fn cut(text: &str, most: usize) -> (&str, usize) {
    match text.char_indices().nth(most) {
        None => (text, 0),
        Some((end, _)) => {
            let (kept, rest) = text.split_at(end);
            (kept, rest.chars().count())
        }
    }
}

/// A name that does not stand in `text`. What it is made of is the text itself, so nobody can choose it, and no
/// text holds all of them.
fn fence(text: &str, label: Label) -> String {
    let name = |number: u8| {
        let digest = Digest::of_parts(&[label.0.as_bytes(), text.as_bytes(), &[number]]).to_string();
        digest.chars().rev().take(FENCE_DIGITS).collect::<String>()
    };
    (0..=u8::MAX).map(name).find(|name| !text.contains(name)).unwrap_or_default()
}

#[cfg(test)]
#[path = "quote_tests.rs"]
mod tests;
