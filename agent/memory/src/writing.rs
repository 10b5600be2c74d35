//! Whether a text as it was found can be read as a document, and in what form. It must not know what stands in it.

/// A document takes at most so many bytes; a longer text is an export or a log, and would drown what people wrote.
pub const MOST_BYTES: usize = 4 * 1024 * 1024;
/// So many bytes of the beginning tell whether it is text.
const SNIFFED: usize = 8 * 1024;

/// The form of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Markdown.
    Markdown,
    /// HTML.
    Html,
    /// Anything else.
    Plain,
}

/// Endings of the names of files that are documents.
pub const ENDINGS: [&str; 8] = ["md", "markdown", "mdx", "html", "htm", "txt", "text", "rst"];

impl Form {
    /// By the ending of a name, else by how the text begins.
    pub fn of(name: &str, text: &str) -> Form {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        match ending.as_deref() {
            Some("md" | "markdown" | "mdx") => Form::Markdown,
            Some("html" | "htm") => Form::Html,
            Some("txt" | "text" | "rst" | "log") => Form::Plain,
            _ => {
                let start = text.trim_start();
                let begins = |with: &str| {
                    start.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
                };
                if begins("<!doctype html") || begins("<html") { Form::Html } else { Form::Markdown }
            }
        }
    }
}

/// A file can't be read as a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is no text.
    #[error("it is not text")]
    Binary,
    /// It is too large.
    #[error("it has {} MB; a document has at most {} MB", .0 / 1_000_000, MOST_BYTES / 1024 / 1024)]
    TooLarge(u64),
    /// There is nothing in it.
    #[error("there is nothing in it")]
    Empty,
}

/// The text of `bytes`. What is not UTF-8 in a text that is otherwise one becomes `U+FFFD`.
///
/// # Errors
/// [`Unreadable`] says why it is no document.
pub fn text_of(bytes: &[u8]) -> Result<String, Unreadable> {
    if bytes.len() > MOST_BYTES {
        return Err(Unreadable::TooLarge(bytes.len() as u64));
    }
    if is_binary(bytes) {
        return Err(Unreadable::Binary);
    }
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if text.trim().is_empty() { Err(Unreadable::Empty) } else { Ok(text.replace("\r\n", "\n")) }
}

/// Texts hold no zero byte and few bytes that are no characters.
fn is_binary(bytes: &[u8]) -> bool {
    let start = bytes.get(..SNIFFED).unwrap_or(bytes);
    if start.contains(&0) {
        return true;
    }
    let strange = String::from_utf8_lossy(start).chars().filter(|c| *c == '\u{fffd}').count();
    // A cut in the middle of a character is not strange.
    strange > 1 + start.len() / 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_told_apart() {
        let check = |bytes: &[u8], expect: Result<&str, Unreadable>| {
            assert_eq!(text_of(bytes), expect.map(str::to_owned));
        };
        check(b"\xef\xbb\xbf# Outage\r\nIt broke.", Ok("# Outage\nIt broke."));
        check("caf\u{e9}".as_bytes(), Ok("café"));
        check(
            b"a longer text of latin-1: caf\xe9, no more",
            Ok("a longer text of latin-1: caf\u{fffd}, no more"),
        );
        check(b"\x7fELF\x00\x01", Err(Unreadable::Binary));
        check(&[0xff; 400], Err(Unreadable::Binary));
        check(b" \n\t", Err(Unreadable::Empty));
        check(&vec![b'a'; 50_000_000], Err(Unreadable::TooLarge(50_000_000)));
        assert_eq!(Unreadable::TooLarge(50_000_000).to_string(), "it has 50 MB; a document has at most 4 MB");
    }

    #[test]
    fn the_form_is_told_by_the_name_else_by_the_beginning() {
        for (name, text, form) in [
            ("a/b.MD", "<html>", Form::Markdown),
            ("x.htm", "", Form::Html),
            ("notes.txt", "# a", Form::Plain),
            ("outage", "\n<!DOCTYPE html><p>", Form::Html),
            ("outage", "# Outage", Form::Markdown),
        ] {
            assert_eq!(Form::of(name, text), form, "{name}");
        }
    }
}
