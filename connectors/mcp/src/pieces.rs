//! What a tool gave, as pieces of text without secrets. What is no text is named as missing, and nothing that it points to
//! is fetched. It must not know which tool it was.

use hearback_core::ExternalText;
use hearback_core::redaction::redact_everything;
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};

use crate::options::McpLimits;

/// The pieces, and what is missing.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Pieces {
    pub(crate) texts: Vec<ExternalText>,
    pub(crate) missing: Vec<String>,
}

/// What is not read.
#[derive(Default)]
struct Unread {
    images: usize,
    sounds: usize,
    links: usize,
    files: usize,
    others: usize,
}

/// Reads a result.
pub(crate) fn of(result: &CallToolResult, limits: McpLimits) -> Pieces {
    let mut unread = Unread::default();
    let mut texts: Vec<String> = Vec::new();
    for block in &result.content {
        match block {
            ContentBlock::Text(text) => texts.push(text.text.clone()),
            ContentBlock::Resource(embedded) => match &embedded.resource {
                ResourceContents::TextResourceContents { text, .. } => texts.push(text.clone()),
                _ => unread.files += 1,
            },
            ContentBlock::Image(_) => unread.images += 1,
            ContentBlock::Audio(_) => unread.sounds += 1,
            ContentBlock::ResourceLink(_) => unread.links += 1,
            _ => unread.others += 1,
        }
    }
    texts.retain(|text| !text.trim().is_empty());
    if texts.is_empty()
        && let Some(structured) = result.structured_content.as_ref().filter(|value| !value.is_null())
    {
        texts.push(structured.to_string());
    }
    let mut pieces = Pieces { texts: Vec::new(), missing: unread.told() };
    let mut left_out = 0_usize;
    for text in texts {
        // The whole text first: a secret that a border cuts in two is none that a rule knows.
        let (text, _) = redact_everything(&text);
        for piece in split(&text, limits.piece_bytes) {
            if pieces.texts.len() < limits.pieces {
                pieces.texts.push(ExternalText::new(piece));
            } else {
                left_out = left_out.saturating_add(piece.len());
            }
        }
    }
    if left_out > 0 {
        pieces.missing.push(format!("the rest of what it gave, {left_out} bytes; ask for less at a time"));
    }
    pieces
}

impl Unread {
    fn told(&self) -> Vec<String> {
        let count = |number: usize, one: &str, several: &str| match number {
            0 => None,
            1 => Some(format!("1 {one}, which is not read")),
            number => Some(format!("{number} {several}, which are not read")),
        };
        let all = [
            count(self.images, "image", "images"),
            count(self.sounds, "sound", "sounds"),
            count(self.links, "link", "links"),
            count(self.files, "file that is no text", "files that are no text"),
            count(self.others, "piece of an unknown kind", "pieces of an unknown kind"),
        ];
        all.into_iter().flatten().collect()
    }
}

/// `text` in pieces of at most `most` bytes, cut where a line ends, or in a line that is longer than that.
fn split(text: &str, most: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let at = border(rest, most.max(4));
        let (piece, after) = rest.split_at(at);
        pieces.push(piece.trim_end_matches(['\n', '\r']));
        rest = after;
    }
    pieces.retain(|piece| !piece.trim().is_empty());
    pieces
}

/// Where the first piece ends: never at the beginning, never within a character.
fn border(text: &str, most: usize) -> usize {
    if text.len() <= most {
        return text.len();
    }
    let end = (1..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let fits = text.get(..end).unwrap_or(text);
    fits.rfind('\n').map_or(end, |at| at + 1)
}

#[cfg(test)]
#[path = "pieces_tests.rs"]
mod tests;
