//! Text that somebody outside wrote. It is data: never an instruction, never a format string, never trusted
//! with the terminal.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Text read from outside: a commit message, a log line, a chat message, an alert's summary.
///
/// It has no `Display`: [`ExternalText::for_people`] makes it safe to print, [`ExternalText::as_untrusted`] gives
/// the raw text to code that analyses it. `Debug` shows its length only, so it can't slip into a log.
#[derive(Clone, PartialEq, Eq, Hash, Default, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExternalText(String);

impl ExternalText {
    /// Marks `text` as coming from outside.
    pub fn new(text: impl Into<String>) -> Self {
        ExternalText(text.into())
    }

    /// As [`ExternalText::new`], cut to at most `bytes` bytes at a character border.
    pub fn capped(text: &str, bytes: usize) -> Self {
        let mut end = text.len().min(bytes);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        ExternalText(text.get(..end).unwrap_or_default().to_owned())
    }

    /// The raw text, for analysis. Never print it, never put it in a prompt or a log.
    pub fn as_untrusted(&self) -> &str {
        &self.0
    }

    /// One line that is safe on a terminal: control and invisible direction characters replaced, white space
    /// folded, at most `width` characters with `…` where it was cut.
    pub fn for_people(&self, width: usize) -> String {
        let mut line = String::new();
        let mut length = 0;
        for word in self.0.split(|c: char| c.is_whitespace()).filter(|w| !w.is_empty()) {
            if length > 0 {
                line.push(' ');
                length += 1;
            }
            for c in word.chars() {
                line.push(if is_unsafe(c) { '\u{fffd}' } else { c });
                length += 1;
            }
            if length > width {
                let kept: String = line.chars().take(width.saturating_sub(1)).collect();
                return format!("{}…", kept.trim_end());
            }
        }
        line
    }

    /// One line with its spaces and tabs as they are: what can't be seen and what breaks a line is replaced, and it is cut as
    /// in [`ExternalText::for_people`]. For lines of code, in which spaces mean something.
    pub fn exact(&self, width: usize) -> String {
        let seen = |c: char| if c != '\t' && is_unsafe(c) { '\u{fffd}' } else { c };
        let mut line: String = self.0.chars().take(width).map(seen).collect();
        if self.0.chars().nth(width).is_some() {
            line.pop();
            line.push('\u{2026}');
        }
        line
    }

    /// Whether there is nothing but white space.
    pub fn is_blank(&self) -> bool {
        self.0.trim().is_empty()
    }
}

/// Control characters, and the format characters that hide or reorder what a person sees
/// (Unicode Technical Report 36, bidirectional overrides and zero-width characters).
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Whether a text holds characters that a person does not see, or not where they stand.
pub fn hides(text: &str) -> bool {
    let is_blank = |c: char| {
        matches!(c, '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{ffa0}')
            || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
    };
    text.chars().any(|c| is_unsafe(c) || is_blank(c))
}

impl fmt::Debug for ExternalText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExternalText({} bytes)", self.0.len())
    }
}

impl From<&str> for ExternalText {
    fn from(text: &str) -> Self {
        ExternalText::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_do_not_reach_a_person() {
        let text = ExternalText::new("fix\u{1b}[2J cart\r\n\ttotals \u{202e}gpj");
        assert_eq!(text.for_people(80), "fix\u{fffd}[2J cart totals \u{fffd}gpj");
    }

    #[test]
    fn long_text_is_cut_with_a_sign() {
        assert_eq!(ExternalText::new("one two three").for_people(8), "one two…");
        assert_eq!(ExternalText::new("one two").for_people(7), "one two");
        assert_eq!(ExternalText::new("ünïcödé word").for_people(5), "ünïc…");
    }

    #[test]
    fn an_exact_line_keeps_its_spaces_and_nothing_that_hides() {
        assert_eq!(ExternalText::new("+\tif x:  \u{202e}y\n").exact(80), "+\tif x:  \u{fffd}y\u{fffd}");
        assert_eq!(ExternalText::new("abcd").exact(4), "abcd");
        assert_eq!(ExternalText::new("abcde").exact(4), "abc\u{2026}");
    }

    #[test]
    fn debug_shows_no_content() {
        assert_eq!(format!("{:?}", ExternalText::new("password")), "ExternalText(8 bytes)");
    }

    #[test]
    fn capping_keeps_characters_whole() {
        assert_eq!(ExternalText::capped("aé", 2).as_untrusted(), "a");
    }
}
