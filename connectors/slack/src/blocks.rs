//! Block Kit, as far as messages are made of it (docs.slack.dev, "Block Kit"). Stays inside this crate.

use serde::Serialize;

/// Blocks of a message.
pub(crate) const MOST_BLOCKS: usize = 50;
/// Elements of an actions block.
pub(crate) const MOST_BUTTONS: usize = 25;
/// Characters of a text.
pub(crate) const LONGEST_TEXT: usize = 3000;
/// Characters of a button's words.
pub(crate) const LONGEST_LABEL: usize = 75;
/// Characters of what a button carries.
pub(crate) const LONGEST_VALUE: usize = 2000;
/// Characters of an address.
pub(crate) const LONGEST_URL: usize = 3000;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Block {
    RichText { elements: Vec<Section> },
    Actions { elements: Vec<Button> },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename = "rich_text_section")]
pub(crate) struct Section {
    pub(crate) elements: Vec<Piece>,
}

/// A piece of rich text. There is none that mentions anybody: what is not here can't be sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Piece {
    Text {
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        style: Option<Style>,
    },
    Link {
        url: String,
        text: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Style {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) bold: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) code: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename = "button")]
pub(crate) struct Button {
    pub(crate) action_id: String,
    pub(crate) text: Label,
    pub(crate) value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) style: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename = "plain_text")]
pub(crate) struct Label {
    pub(crate) text: String,
    pub(crate) emoji: bool,
}

/// How long Slack takes a text to be. It does not say what a character is; in UTF-16, no way of counting gives more.
pub(crate) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// `text`, at most `longest` long, with a sign where it was cut.
pub(crate) fn cut(text: &str, longest: usize) -> String {
    if length(text) <= longest {
        return text.to_owned();
    }
    let (mut kept, mut left) = (String::new(), longest.saturating_sub(1));
    for c in text.chars() {
        let Some(rest) = left.checked_sub(c.len_utf16()) else { break };
        left = rest;
        kept.push(c);
    }
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_with_a_sign_and_characters_stay_whole() {
        for (text, longest, expect) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("ab cd", 4, "ab…"),
            ("🔥🔥", 4, "🔥🔥"),
            ("🔥🔥🔥", 4, "🔥…"),
            ("", 0, ""),
        ] {
            assert_eq!(cut(text, longest), expect);
            assert!(length(&cut(text, longest)) <= longest);
        }
    }
}
