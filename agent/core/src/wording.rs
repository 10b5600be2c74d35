//! The wording of a log record: its text with `<*>` for what varies, so that records of one cause count as one. A
//! pure function of the text, made once at intake. It must not know the store.
//!
//! What varies: words with a digit (numbers, times, addresses, UUIDs, versions), hexadecimal words, e-mail addresses
//! and what stands in quotes. Of a path only the parts that vary go. Keys of JSON stay.

use crate::hash::Digest;
use crate::ids::ServiceName;
use crate::telemetry::{LogSeverity, TemplateId};

/// What stands for a part that varies.
const VARIES: &str = "<*>";
/// Bytes of a text that are looked at. What tells causes apart stands at the beginning.
const MOST_READ: usize = 1024;
/// Bytes of a wording.
const MOST_KEPT: usize = 400;
/// Bytes between single quotes: further apart they are apostrophes.
const MOST_QUOTED: usize = 200;
/// Letters of a word without digits that are taken as hexadecimal. English has no word of eight of them.
const FEWEST_HEX: usize = 8;

/// The wording of `text`.
pub fn wording(text: &str) -> String {
    let head = head_of(text, MOST_READ);
    let mut masked = Masked::default();
    masked.take(head, if head.len() < text.len() { Ending::Cut } else { Ending::Whole });
    let Masked { mut text } = masked;
    text.truncate(head_of(&text, MOST_KEPT).trim_end().len());
    text
}

/// The id of a wording of one service and severity.
pub fn template_id(service: &ServiceName, severity: LogSeverity, wording: &str) -> TemplateId {
    TemplateId(Digest::of_parts(&[
        service.as_str().as_bytes(),
        severity.to_string().as_bytes(),
        wording.as_bytes(),
    ]))
}

/// Whether a text goes on after what is read of it.
#[derive(Clone, Copy, PartialEq)]
enum Ending {
    Whole,
    Cut,
}

/// A wording as it grows.
#[derive(Default)]
struct Masked {
    text: String,
}

impl Masked {
    fn take(&mut self, text: &str, ending: Ending) {
        let (mut rest, mut before) = (text, None);
        while let Some(c) = rest.chars().next()
            && self.text.len() < MOST_KEPT
        {
            let taken = match c {
                c if c.is_whitespace() => self.space(rest),
                '"' | '`' | '\'' => self.quoted(c, rest, before, ending),
                c if is_border(c) => {
                    self.text.push(c);
                    c.len_utf8()
                }
                _ => self.word(rest),
            };
            let (done, left) = rest.split_at_checked(taken).unwrap_or((rest, ""));
            before = done.chars().next_back();
            rest = left;
        }
    }

    fn space(&mut self, rest: &str) -> usize {
        if !self.text.is_empty() && !self.text.ends_with(' ') {
            self.text.push(' ');
        }
        rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len())
    }

    /// A quoted string; a quotation mark that opens none stays as it is.
    fn quoted(&mut self, mark: char, rest: &str, before: Option<char>, ending: Ending) -> usize {
        let inside = rest.get(1..).unwrap_or_default();
        let closed = match mark {
            '\'' if before.is_some_and(char::is_alphanumeric) => None,
            '\'' => closing_apostrophe(inside),
            _ => closing(inside, mark),
        };
        self.text.push(mark);
        let Some(end) = closed else {
            if mark != '\'' && ending == Ending::Cut {
                self.varies();
                return rest.len();
            }
            return 1;
        };
        let after = inside.get(end + 1..).unwrap_or_default().trim_start();
        match inside.get(..end).unwrap_or_default() {
            key if mark == '"' && after.starts_with(':') => self.take(key, Ending::Whole),
            "" => {}
            _ => self.varies(),
        }
        self.text.push(mark);
        end + 2
    }

    fn word(&mut self, rest: &str) -> usize {
        let end = rest
            .find(|c: char| c.is_whitespace() || is_border(c) || c == '"' || c == '`')
            .unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or_default();
        let bare = word.trim_end_matches(['.', '!', '?', ':', '\'']);
        if is_mail(bare) || is_ipv6(bare) {
            self.varies();
        } else {
            for piece in bare.split_inclusive(is_seam) {
                let part = piece.trim_end_matches(is_seam);
                if varies(part) {
                    self.varies()
                } else {
                    self.text.push_str(part)
                }
                self.text.push_str(piece.get(part.len()..).unwrap_or_default());
            }
        }
        self.text.push_str(word.get(bare.len()..).unwrap_or_default());
        end
    }

    /// Something that varies. A list of them, or parts joined by a colon, are one.
    fn varies(&mut self) {
        for joint in [", ", ",", ":", ""] {
            if self.text.strip_suffix(joint).is_some_and(|before| before.ends_with(VARIES)) {
                self.text.truncate(self.text.len() - joint.len());
                return;
            }
        }
        self.text.push_str(VARIES);
    }
}

fn head_of(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Ends a word.
fn is_border(c: char) -> bool {
    matches!(c, ',' | ';' | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '=' | '|')
}

/// Divides a word into parts of which each varies or stays.
fn is_seam(c: char) -> bool {
    matches!(c, '/' | ':' | '\\' | '#' | '?' | '&' | '+' | '%' | '$' | '!' | '~' | '^' | '*')
}

fn varies(part: &str) -> bool {
    part.chars().any(char::is_numeric)
        || (part.len() >= FEWEST_HEX && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_mail(word: &str) -> bool {
    word.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
}

fn is_ipv6(word: &str) -> bool {
    word.bytes().filter(|byte| *byte == b':').count() >= 2
        && word.bytes().all(|byte| byte == b':' || byte == b'.' || byte.is_ascii_hexdigit())
        && word.bytes().any(|byte| byte.is_ascii_hexdigit())
}

/// Where `mark` stands next and is not escaped.
fn closing(inside: &str, mark: char) -> Option<usize> {
    let mut escaped = false;
    inside.char_indices().find_map(|(at, c)| {
        let found = c == mark && !escaped;
        escaped = c == '\\' && !escaped;
        found.then_some(at)
    })
}

/// Where a single quotation mark closes: no letter follows it, and it is near and on the same line.
fn closing_apostrophe(inside: &str) -> Option<usize> {
    let near = head_of(inside, MOST_QUOTED).lines().next().unwrap_or_default();
    let is_free = |at: usize| {
        !inside.get(at + 1..).and_then(|after| after.chars().next()).is_some_and(char::is_alphanumeric)
    };
    near.match_indices('\'').map(|(at, _)| at).find(|at| is_free(*at))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expect: &str) {
        assert_eq!(wording(text), expect);
    }

    #[test]
    fn what_varies_is_masked_and_the_wording_stays() {
        check("connection refused", "connection refused");
        check("took 12ms, retry 3 of 5.", "took <*>, retry <*> of <*>.");
        check("user ada@example.org logged in", "user <*> logged in");
        check("order 3f2a91c0-dead-beef-cafe-e1f2a3b4c5d6 lost", "order <*> lost");
        check("dial tcp 10.0.0.7:5432: connect: refused", "dial tcp <*>: connect: refused");
        check("peer [fe80::dead:beef]:8080 left", "peer [<*>]:<*> left");
        check("2026-11-23T14:05:00.123+02:00 slow", "<*>+<*> slow");
        check("GET /users/42/cart?page=7&sort=asc 502", "GET /users/<*>/cart?page=<*>&sort=asc <*>");
        check("object deadbeef and defaced", "object <*> and defaced");
        check("ids [1, 22,333] gone", "ids [<*>] gone");
        check("  two \n\t spaces ", "two spaces");
        check("", "");
        check("Größe ٣ überschritten", "Größe <*> überschritten");
    }

    #[test]
    fn quoted_strings_are_masked_and_keys_and_apostrophes_stay() {
        check(r#"relation "users" does not exist"#, r#"relation "<*>" does not exist"#);
        check(r#"said "a \" b" twice"#, r#"said "<*>" twice"#);
        check("KeyError: 'cart'", "KeyError: '<*>'");
        check("can't reach the users' cart", "can't reach the users' cart");
        check(r#"{"user": "bob", "shard1": true}"#, r#"{"user": "<*>", "<*>": true}"#);
        check(r#"an inch " is no quote"#, r#"an inch " is no quote"#);
        check(r#"empty "" stays"#, r#"empty "" stays"#);
    }

    #[test]
    fn a_quoted_string_that_is_cut_does_not_leak_into_the_wording() {
        let text = |letter: &str| format!("payload \"{}\" was refused", letter.repeat(5000));
        assert_eq!(wording(&text("a")), wording(&text("b")));
    }

    #[test]
    fn the_id_tells_service_and_severity_apart() {
        let service = |name| ServiceName::new(name).unwrap();
        let id = template_id(&service("cart"), LogSeverity::Error, "slow");
        assert_eq!(id, template_id(&service("cart"), LogSeverity::Error, "slow"));
        assert_ne!(id, template_id(&service("cart"), LogSeverity::Warn, "slow"));
        assert_ne!(id, template_id(&service("pay"), LogSeverity::Error, "slow"));
    }

    proptest! {
        #[test]
        fn no_digit_gets_through_and_the_length_is_bounded(text in "\\PC{0,80}|[a-f0-9:/.'\"\\\\ ,{}=-]{0,2000}") {
            let masked = wording(&text);
            prop_assert!(!masked.chars().any(char::is_numeric), "{masked}");
            prop_assert!(masked.len() <= MOST_KEPT);
            prop_assert_eq!(&masked, &wording(&text));
        }
    }
}
