//! A message as a person sees it: bold in `**`, outside words in backticks, links and buttons in brackets.

use hearback_core::chat::{ChatMessage, Press, Span};
use hearback_engine::channel::words::Line;

pub fn lines(lines: &[Line]) -> String {
    lines.iter().map(|line| line.iter().map(span).collect::<String>()).collect::<Vec<_>>().join("\n")
}

fn span(span: &Span) -> String {
    match span {
        Span::Plain(words) => words.clone(),
        Span::Strong(words) => format!("**{words}**"),
        Span::Quoted(words) => format!("`{}`", words.as_untrusted()),
        Span::Exact(words) => words.as_untrusted().to_owned(),
        Span::Link { says, to } => format!("[{says}]({to})"),
    }
}

/// With its key, and the thread it is in.
pub fn message(message: &ChatMessage) -> String {
    let thread =
        message.thread.as_ref().map_or(String::new(), |thread| format!(" in the thread of {thread}"));
    let buttons: Vec<String> = message.buttons.iter().map(button).collect();
    let buttons = if buttons.is_empty() { String::new() } else { format!("\n{}", buttons.join("  ")) };
    format!("--- {}{thread} ---\n{}{buttons}\n", message.key, lines(&message.lines))
}

fn button(press: &Press) -> String {
    match press {
        Press::NotIt { change, .. } => {
            format!("[ {} ]({})", press.says(), change.sha().map_or(change.as_str(), |sha| &sha[..10]))
        }
        Press::Why { .. } | Press::Approve { .. } | Press::Reject { .. } => format!("[ {} ]", press.says()),
    }
}

/// What no message may hold, whatever it says: signs twice, holes, two endings.
pub fn assert_reads_well(lines: &[Line]) {
    let text = self::lines(lines);
    for odd in ["..", ",,", ";;", "  ", " .", " ,", " ;", ": :", "::", ".;", ";.", ":.", "?.", "!.", ".**."] {
        let found = text.lines().map(str::trim_start).any(|line| line.contains(odd));
        assert!(!found, "{odd:?} in:\n{text}");
    }
    assert!(!text.lines().any(|line| line.trim().is_empty()), "an empty line in:\n{text}");
}
