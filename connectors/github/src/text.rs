//! Words, people and links as GitHub gives them, capped and marked as coming from outside. Pure.

use hearback_core::ExternalText;
use hearback_core::change::{Author, Nature};

use crate::wire::{Commit, User};

/// As much of a title as the git connector keeps of a commit's.
const TITLE_BYTES: usize = 1 << 10;
/// As much of a body as the git connector keeps of a commit's.
const BODY_BYTES: usize = 16 << 10;
const ENVIRONMENT_CHARS: usize = 100;
const LINK_BYTES: usize = 1 << 10;

pub(crate) fn title(text: &str) -> ExternalText {
    ExternalText::capped(text.lines().next().unwrap_or_default().trim(), TITLE_BYTES)
}

pub(crate) fn body(text: &str) -> ExternalText {
    ExternalText::capped(text.trim(), BODY_BYTES)
}

/// A commit message's first line and the rest.
pub(crate) fn split_message(message: &str) -> (&str, &str) {
    let message = message.trim_start();
    message.split_once('\n').map_or((message, ""), |(title, rest)| (title.trim(), rest.trim()))
}

/// An account; that of somebody who deleted it is called ghost, as on GitHub.
pub(crate) fn account(user: Option<&User>) -> Author {
    let login = user.map(|user| user.login.as_str()).filter(|login| !login.is_empty()).unwrap_or("ghost");
    let nature = if user.is_some_and(is_bot) { Nature::Bot } else { Nature::Person };
    Author { name: ExternalText::capped(login, TITLE_BYTES), email: None, nature }
}

/// The author of a commit as git has it.
pub(crate) fn author(commit: &Commit) -> Author {
    let signed = commit.commit.author.as_ref();
    let account = account(commit.author.as_ref());
    let name =
        signed.and_then(|signed| signed.name.as_deref()).map(|name| ExternalText::capped(name, TITLE_BYTES));
    let email = signed.and_then(|signed| signed.email.as_deref());
    Author {
        name: name.unwrap_or(account.name),
        email: email.map(|email| ExternalText::capped(email, TITLE_BYTES)),
        nature: account.nature,
    }
}

pub(crate) fn is_bot(user: &User) -> bool {
    user.kind.as_deref() == Some("Bot") || user.login.ends_with("[bot]")
}

/// An environment's name: one line without control characters.
pub(crate) fn environment(name: &str) -> Option<String> {
    let name = ExternalText::new(name).for_people(ENVIRONMENT_CHARS);
    (!name.is_empty()).then_some(name)
}

/// A web address, if it is one.
pub(crate) fn link(address: &str) -> Option<String> {
    let is_web = address.starts_with("https://") || address.starts_with("http://");
    let is_plain = address.len() <= LINK_BYTES && address.bytes().all(|b| b.is_ascii_graphic());
    (is_web && is_plain).then(|| address.to_owned())
}

/// "1 deployment", "3 deployments".
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_environments_can_be_printed() {
        assert_eq!(link("https://github.com/o/r/pull/1").as_deref(), Some("https://github.com/o/r/pull/1"));
        assert_eq!(link("javascript:alert(1)"), None);
        assert_eq!(link("https://x/\u{1b}[2J"), None);
        assert_eq!(environment("prod\u{1b}[2J\n eu").as_deref(), Some("prod\u{fffd}[2J eu"));
        assert_eq!(environment(" \n"), None);
    }

    #[test]
    fn a_message_is_its_title_and_the_rest() {
        for (message, expect) in [
            ("Fix cart (#3)\n\nBecause.\n", ("Fix cart (#3)", "Because.")),
            ("\nFix", ("Fix", "")),
            ("Fix\r\nMore", ("Fix", "More")),
            ("", ("", "")),
        ] {
            assert_eq!(split_message(message), expect, "{message:?}");
        }
    }
}
