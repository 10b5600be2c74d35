//! A message as Slack's blocks. Pure. It must not know where the message goes.

use std::collections::BTreeMap;

use hearback_core::chat::{Press, Span};
use url::Url;

use crate::blocks::{
    Block, Button, LONGEST_LABEL, LONGEST_TEXT, LONGEST_URL, LONGEST_VALUE, Label, MOST_BLOCKS, MOST_BUTTONS,
    Piece, Section, Style, cut, length,
};

/// Blocks of text in a message. Slack refuses what is too long in all (`msg_blocks_too_long`) and does not say from
/// where on; this stays below the 13,000 characters at which others met it.
const MOST_TEXT_BLOCKS: usize = 4;

/// Slack asks that `text` is no longer.
const LONGEST_FALLBACK: usize = 4000;

/// What stands where the rest was left out.
const MORE: &str = "\n…";

/// A message as it is sent.
#[derive(Debug, PartialEq)]
pub(crate) struct Rendered {
    /// For notifications and screen readers.
    pub(crate) text: String,
    pub(crate) blocks: Vec<Block>,
}

/// Why a message can't be sent, whatever Slack says to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsayable {
    #[error("the message is empty; report it as a fault of Hearback")]
    Empty,
    #[error("a button of the message carries more than Slack takes; report it as a fault of Hearback")]
    Button,
}

/// Draws a message. What is too long is cut with a sign.
///
/// # Errors
/// [`Unsayable`] if nothing is left of it, or if a button would have to be cut: half of what it carries is nothing.
pub(crate) fn render(lines: &[Vec<Span>], buttons_under: &[Press]) -> Result<Rendered, Unsayable> {
    let lines: Vec<Vec<Piece>> = lines.iter().map(|line| pieces(line)).collect();
    if lines.iter().all(Vec::is_empty) {
        return Err(Unsayable::Empty);
    }
    let text = fallback(&lines);
    let mut blocks = pack(lines);
    let buttons = buttons(buttons_under)?;
    let room = MOST_BLOCKS.saturating_sub(blocks.len());
    let rows = buttons.chunks(MOST_BUTTONS).take(room);
    blocks.extend(rows.map(|row| Block::Actions { elements: row.to_vec() }));
    Ok(Rendered { text, blocks })
}

/// A line, no longer than a block can hold. Nothing empty: Slack takes no text without a character.
fn pieces(line: &[Span]) -> Vec<Piece> {
    let mut left = LONGEST_TEXT - length(MORE);
    let mut pieces = Vec::new();
    for span in line {
        let piece = piece(span, left);
        let taken = length(text_of(&piece));
        if taken > 0 {
            pieces.push(piece);
        }
        left -= taken.min(left);
        if left == 0 {
            break;
        }
    }
    pieces
}

fn piece(span: &Span, longest: usize) -> Piece {
    let text = |text: &str, style| Piece::Text { text: cut(text, longest), style };
    match span {
        Span::Plain(words) => text(words, None),
        Span::Strong(words) => text(words, Some(Style { bold: true, code: false })),
        // One line, without control and direction characters.
        Span::Quoted(words) => text(&words.for_people(longest), Some(Style { bold: false, code: true })),
        Span::Exact(words) => text(&words.exact(longest), Some(Style { bold: false, code: true })),
        Span::Link { says, to } => match address(to) {
            Some(url) if !says.trim().is_empty() => Piece::Link { url, text: cut(says, longest) },
            _ => text(says, None),
        },
    }
}

fn address(to: &str) -> Option<String> {
    let url = Url::parse(to).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    Some(url.to_string()).filter(|url| length(url) <= LONGEST_URL)
}

fn text_of(piece: &Piece) -> &str {
    match piece {
        Piece::Text { text, .. } | Piece::Link { text, .. } => text,
    }
}

/// Lines into blocks, each as full as it may be. Within a block lines are parted by a line break, as those that people
/// write are.
fn pack(lines: Vec<Vec<Piece>>) -> Vec<Block> {
    let plain = |text: &str| Piece::Text { text: text.to_owned(), style: None };
    let mut sections: Vec<(usize, Vec<Piece>)> = Vec::new();
    for line in lines {
        let long: usize = line.iter().map(|piece| length(text_of(piece))).sum();
        match sections.last_mut() {
            Some((taken, section)) if *taken + 1 + long <= LONGEST_TEXT - length(MORE) => {
                *taken += 1 + long;
                section.push(plain("\n"));
                section.extend(line);
            }
            _ if line.is_empty() => {}
            _ => sections.push((long, line)),
        }
    }
    if sections.len() > MOST_TEXT_BLOCKS {
        sections.truncate(MOST_TEXT_BLOCKS);
        if let Some((_, last)) = sections.last_mut() {
            last.push(plain(MORE));
        }
    }
    sections
        .into_iter()
        .map(|(_, elements)| Block::RichText { elements: vec![Section { elements }] })
        .collect()
}

/// The lines for where no blocks are shown. Escaped as Slack asks, because this is the one field that it parses.
fn fallback(lines: &[Vec<Piece>]) -> String {
    let mut text = String::new();
    let mut left = LONGEST_FALLBACK - length(MORE);
    let breaks = std::iter::once("").chain(std::iter::repeat("\n"));
    let words = lines
        .iter()
        .zip(breaks)
        .flat_map(|(line, next)| std::iter::once(next).chain(line.iter().map(text_of)));
    for c in words.flat_map(str::chars) {
        let mut bytes = [0; 4];
        let escaped = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            c => c.encode_utf8(&mut bytes),
        };
        let Some(rest) = left.checked_sub(length(escaped)) else {
            text.push_str(MORE);
            break;
        };
        left = rest;
        text.push_str(escaped);
    }
    text
}

fn buttons(presses: &[Press]) -> Result<Vec<Button>, Unsayable> {
    let mut all: BTreeMap<&'static str, usize> = BTreeMap::new();
    presses.iter().for_each(|press| *all.entry(kind(press)).or_default() += 1);
    let mut seen: BTreeMap<&'static str, usize> = BTreeMap::new();
    let button = |press: &Press| {
        let kind = kind(press);
        let number = seen.entry(kind).and_modify(|n| *n += 1).or_insert(1);
        // Slack takes an action once in a block, and a reader must be able to tell two buttons apart.
        let (action_id, label) = match all.get(kind) {
            Some(2..) => (format!("press.{kind}.{number}"), format!("{} ({number})", press.says())),
            _ => (format!("press.{kind}"), press.says().to_owned()),
        };
        let value = serde_json::to_string(press).map_err(|_| Unsayable::Button)?;
        if length(&value) > LONGEST_VALUE {
            return Err(Unsayable::Button);
        }
        let style = match press {
            Press::Approve { .. } => Some("primary"),
            Press::Reject { .. } => Some("danger"),
            Press::Why { .. } | Press::NotIt { .. } => None,
        };
        Ok(Button { action_id, text: Label { text: cut(&label, LONGEST_LABEL), emoji: false }, value, style })
    };
    presses.iter().map(button).collect()
}

fn kind(press: &Press) -> &'static str {
    match press {
        Press::Approve { .. } => "approve",
        Press::Reject { .. } => "reject",
        Press::Why { .. } => "why",
        Press::NotIt { .. } => "not_it",
    }
}

#[cfg(test)]
mod tests {
    use hearback_core::{ChangeId, ExternalText, IncidentId};
    use proptest::prelude::*;

    use super::*;

    fn sections(rendered: &Rendered) -> Vec<&[Piece]> {
        let mut found = Vec::new();
        for block in &rendered.blocks {
            if let Block::RichText { elements } = block {
                found.extend(elements.iter().map(|section| section.elements.as_slice()));
            }
        }
        found
    }

    fn words(rendered: &Rendered) -> String {
        sections(rendered).concat().iter().map(text_of).collect()
    }

    #[test]
    fn a_link_that_leads_nowhere_safe_is_words() {
        for to in ["javascript:alert(1)", "ftp://example.org", "", "/runbook", "slack://open"] {
            let line = vec![Span::Link { says: "runbook".into(), to: to.into() }];
            let rendered = render(&[line], &[]).unwrap();
            assert_eq!(sections(&rendered), [[Piece::Text { text: "runbook".into(), style: None }]], "{to}");
        }
    }

    #[test]
    fn a_message_of_nothing_is_not_sent() {
        for lines in [vec![], vec![vec![]], vec![vec![Span::Plain(String::new())], vec![]]] {
            assert_eq!(render(&lines, &[]), Err(Unsayable::Empty));
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_with_a_sign_and_the_first_lines_stay() {
        let line = |n: usize| vec![Span::Strong(format!("line {n} ")), Span::Plain("x".repeat(500))];
        let rendered = render(&(0..100).map(line).collect::<Vec<_>>(), &[]).unwrap();
        assert_eq!(rendered.blocks.len(), MOST_TEXT_BLOCKS);
        for section in sections(&rendered) {
            assert!(section.iter().map(|piece| length(text_of(piece))).sum::<usize>() <= LONGEST_TEXT);
        }
        assert!(words(&rendered).starts_with("line 0 ") && words(&rendered).ends_with("x\n…"));
        assert!(length(&rendered.text) <= LONGEST_FALLBACK && rendered.text.ends_with("\n…"));
    }

    #[test]
    fn buttons_of_a_kind_can_be_told_apart() {
        let press = |n: u32| Press::NotIt {
            incident: IncidentId::numbered(1),
            change: ChangeId::new(format!("git:shop:{n}")).unwrap(),
        };
        let why = Press::Why { incident: IncidentId::numbered(1), answer: 7 };
        let drawn = buttons(&[why, press(1), press(2)]).unwrap();
        let told: Vec<(&str, &str)> =
            drawn.iter().map(|b| (b.action_id.as_str(), b.text.text.as_str())).collect();
        assert_eq!(
            told,
            [("press.why", "Why?"), ("press.not_it.1", "Not it (1)"), ("press.not_it.2", "Not it (2)")]
        );
        let many: Vec<Press> = (0..60).map(press).collect();
        assert_eq!(render(&[vec![Span::Plain("x".into())]], &many).unwrap().blocks.len(), 4);
    }

    #[test]
    fn the_longest_press_fits_a_button() {
        let change = ChangeId::new("\"".repeat(300)).unwrap();
        let incident = IncidentId::new(format!("INC-{}", "A".repeat(36))).unwrap();
        assert!(buttons(&[Press::NotIt { incident, change }]).is_ok());
    }

    proptest! {
        #[test]
        fn nothing_outside_words_hold_leaves_the_limits(text in "\\PC{0,400}", times in 1..40_usize) {
            let line = vec![Span::Quoted(ExternalText::new(text.repeat(times))), Span::Plain(" by ".into())];
            let rendered = render(&vec![line; 9], &[]).unwrap();
            prop_assert!(length(&rendered.text) <= LONGEST_FALLBACK);
            prop_assert!(!rendered.text.contains(['<', '>']));
            for section in sections(&rendered) {
                prop_assert!(section.iter().map(|piece| length(text_of(piece))).sum::<usize>() <= LONGEST_TEXT);
                prop_assert!(section.iter().all(|piece| !text_of(piece).is_empty()));
            }
        }
    }
}
