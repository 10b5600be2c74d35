//! Parses raw commit and tag objects. Pure; it must not know repositories, caches or time zones.
//!
//! Nothing here fails on odd input: what git itself tolerates (broken dates, missing names, odd encodings) is read
//! as far as it goes.

use git2::Oid;

/// Longest title kept, in bytes.
pub(crate) const TITLE_BYTES: usize = 300;
/// Longest body kept, in bytes.
pub(crate) const BODY_BYTES: usize = 16 << 10;

/// What the walk needs of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// Its root tree.
    pub(crate) tree: Oid,
    /// Its parents, first parent first.
    pub(crate) parents: Vec<Oid>,
    /// Committer date in seconds since 1970; 0 if it can't be read, as in git.
    pub(crate) committed_s: i64,
}

/// What people wrote in a commit or a tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Words {
    /// Author's (tagger's) name, before `.mailmap`.
    pub(crate) name: String,
    /// Author's (tagger's) e-mail address, before `.mailmap`.
    pub(crate) email: String,
    /// The first line, capped.
    pub(crate) title: String,
    /// The rest, capped.
    pub(crate) body: String,
}

/// Who wrote a commit, by which clock, and who committed it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct People {
    /// Author's name, before `.mailmap`.
    pub(crate) name: String,
    /// Author's e-mail address, before `.mailmap`.
    pub(crate) email: String,
    /// How many minutes the author's clock was ahead of UTC, if that can be read.
    pub(crate) clock_minutes: Option<i16>,
    /// Committer's name, before `.mailmap`.
    pub(crate) committer_name: String,
    /// Committer's e-mail address, before `.mailmap`.
    pub(crate) committer_email: String,
}

/// An annotated tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TagObject {
    /// What it points at.
    pub(crate) target: Oid,
    /// Tagger date in seconds since 1970; old tags have none.
    pub(crate) tagged_s: Option<i64>,
    /// Tagger and message.
    pub(crate) words: Words,
}

/// Reads the header of a commit; none if it is not a commit.
pub(crate) fn parse_header(raw: &[u8]) -> Option<Header> {
    let mut tree = None;
    let mut parents = Vec::new();
    let mut committed_s = 0;
    for line in header_lines(raw) {
        if let Some(hex) = line.strip_prefix(b"tree ") {
            tree = tree.or(parse_oid(hex));
        } else if let Some(hex) = line.strip_prefix(b"parent ") {
            parents.push(parse_oid(hex)?);
        } else if let Some(person) = line.strip_prefix(b"committer ") {
            committed_s = parse_date(person).unwrap_or(0);
            break;
        }
    }
    Some(Header { tree: tree?, parents, committed_s })
}

/// Reads who wrote and who committed a commit.
pub(crate) fn parse_people(raw: &[u8]) -> People {
    let (mut author, mut committer, mut encoding): (&[u8], &[u8], _) = (b"", b"", Encoding::Utf8);
    for line in header_lines(raw) {
        if let Some(name) = line.strip_prefix(b"encoding ") {
            encoding = Encoding::named(name);
        } else if let Some(person) = line.strip_prefix(b"author ") {
            author = person;
        } else if let Some(person) = line.strip_prefix(b"committer ") {
            committer = person;
        }
    }
    let ((name, email), (committer_name, committer_email)) = (parse_person(author), parse_person(committer));
    let text = |raw: &[u8]| encoding.decode(raw, TITLE_BYTES);
    People {
        name: text(name),
        email: text(email),
        clock_minutes: parse_clock(author),
        committer_name: text(committer_name),
        committer_email: text(committer_email),
    }
}

/// Reads author and message of a commit.
pub(crate) fn parse_words(raw: &[u8]) -> Words {
    words(raw, b"author ")
}

/// Reads an annotated tag; none if it is not one.
pub(crate) fn parse_tag(raw: &[u8]) -> Option<TagObject> {
    let mut target = None;
    let mut tagged_s = None;
    for line in header_lines(raw) {
        if let Some(hex) = line.strip_prefix(b"object ") {
            target = target.or(parse_oid(hex));
        } else if let Some(person) = line.strip_prefix(b"tagger ") {
            tagged_s = parse_date(person);
        }
    }
    Some(TagObject { target: target?, tagged_s, words: words(raw, b"tagger ") })
}

fn header_lines(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
    raw.split(|&b| b == b'\n').take_while(|line| !line.is_empty())
}

fn words(raw: &[u8], person_prefix: &[u8]) -> Words {
    let mut encoding = Encoding::Utf8;
    let mut person: &[u8] = b"";
    let mut header_bytes = 0;
    for line in header_lines(raw) {
        header_bytes += line.len() + 1;
        if let Some(name) = line.strip_prefix(b"encoding ") {
            encoding = Encoding::named(name);
        } else if let Some(found) = line.strip_prefix(person_prefix) {
            person = found;
        }
    }
    let message = raw.get(header_bytes + 1..).unwrap_or_default().trim_ascii();
    let mut halves = message.splitn(2, |&b| b == b'\n');
    let title = halves.next().unwrap_or_default();
    let body = halves.next().unwrap_or_default().trim_ascii_start();
    let (name, email) = parse_person(person);
    Words {
        name: encoding.decode(name, TITLE_BYTES),
        email: encoding.decode(email, TITLE_BYTES),
        title: encoding.decode(title, TITLE_BYTES),
        body: encoding.decode(body, BODY_BYTES),
    }
}

fn parse_oid(hex: &[u8]) -> Option<Oid> {
    let hex = std::str::from_utf8(hex).ok()?;
    if hex.len() == 40 { Oid::from_str(hex).ok() } else { None }
}

/// The date of `Name <mail> 1700000000 +0100`. As git does it: whatever follows the last `>`.
fn parse_date(person: &[u8]) -> Option<i64> {
    let after = person.rsplit(|&b| b == b'>').next()?.trim_ascii_start();
    let digits = after.split(|b| !b.is_ascii_digit()).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The clock of `Name <mail> 1700000000 +0130`, in minutes; none where no clock on earth is so far from UTC.
fn parse_clock(person: &[u8]) -> Option<i16> {
    let after = person.rsplit(|&b| b == b'>').next()?.trim_ascii();
    let zone = std::str::from_utf8(after).ok()?.split_ascii_whitespace().nth(1)?;
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let number: i16 = digits.parse().ok().filter(|_| digits.len() == 4)?;
    let minutes = number / 100 * 60 + number % 100;
    (minutes <= 14 * 60).then_some(sign * minutes)
}

fn parse_person(person: &[u8]) -> (&[u8], &[u8]) {
    let Some(open) = person.iter().position(|&b| b == b'<') else {
        return (person.trim_ascii(), b"");
    };
    let (name, rest) = person.split_at(open);
    let email = rest.strip_prefix(b"<").unwrap_or(rest).split(|&b| b == b'>').next().unwrap_or_default();
    (name.trim_ascii(), email.trim_ascii())
}

/// How the text of a commit is encoded, as far as it is told apart.
#[derive(Clone, Copy)]
enum Encoding {
    Utf8,
    Latin1,
}

impl Encoding {
    fn named(name: &[u8]) -> Self {
        let name = name.trim_ascii().to_ascii_lowercase();
        match name.as_slice() {
            b"iso-8859-1" | b"iso8859-1" | b"latin1" | b"latin-1" | b"iso-8859-15" | b"iso8859-15"
            | b"windows-1252" | b"cp1252" => Encoding::Latin1,
            _ => Encoding::Utf8,
        }
    }

    /// At most `bytes` bytes of text; what can't be decoded becomes U+FFFD.
    fn decode(self, raw: &[u8], bytes: usize) -> String {
        // A few bytes more than needed, so that the cut never shows as a broken character.
        let raw = raw.get(..bytes + 4).unwrap_or(raw);
        let mut text = match self {
            Encoding::Utf8 => String::from_utf8_lossy(raw).into_owned(),
            Encoding::Latin1 => raw.iter().map(|&b| char::from(b)).collect(),
        };
        if text.len() > bytes {
            let end = (0..=bytes).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
            text.truncate(end);
        }
        text.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

    fn commit(headers: &str, message: &[u8]) -> Vec<u8> {
        let mut raw = format!("tree {TREE}\n{headers}\n").into_bytes();
        raw.extend_from_slice(message);
        raw
    }

    #[test]
    fn a_signed_merge_is_read() {
        let raw = commit(
            &format!(
                "parent {TREE}\nparent {TREE}\nauthor Ann <ann@x> 1 +0000\ncommitter Bo <bo@x> 1700000000 +0100\n\
                 gpgsig -----BEGIN\n encoding ISO-8859-1\n -----END\n"
            ),
            "Merge é\n\nwhy\n".as_bytes(),
        );
        let header = parse_header(&raw).unwrap();
        assert_eq!((header.parents.len(), header.committed_s), (2, 1_700_000_000));
        let words = parse_words(&raw);
        assert_eq!((words.name.as_str(), words.email.as_str()), ("Ann", "ann@x"));
        assert_eq!((words.title.as_str(), words.body.trim()), ("Merge é", "why"));
    }

    #[test]
    fn dates_are_read_as_git_reads_them() {
        for (person, expect) in [
            ("A <a@x> 17 +0000", Some(17)),
            ("A <a@x>17 +0000", Some(17)),
            ("A > <a> b> 17 +0000", Some(17)),
            ("A <a@x>", None),
            ("A <a@x> -5 +0000", None),
            ("", None),
        ] {
            assert_eq!(parse_date(person.as_bytes()), expect, "{person}");
        }
    }

    #[test]
    fn the_clock_an_author_wrote_by_is_read() {
        for (person, expect) in [
            ("A <a@x> 17 +0130", Some(90)),
            ("A <a@x> 17 -0800", Some(-480)),
            ("A <a@x> 17 +0000", Some(0)),
            ("A <a@x> 17 +9900", None),
            ("A <a@x> 17 0100", None),
            ("A <a@x> 17", None),
            ("", None),
        ] {
            assert_eq!(parse_clock(person.as_bytes()), expect, "{person}");
        }
    }

    #[test]
    fn latin_1_is_decoded_when_the_header_says_so() {
        let raw = commit("author J\u{f6} <j@x> 1 +0000\nencoding ISO-8859-1\n", b"caf\xe9");
        assert_eq!(parse_words(&raw).title, "café");
        let raw = commit("author J <j@x> 1 +0000\n", b"caf\xe9");
        assert_eq!(parse_words(&raw).title, "caf\u{fffd}");
    }

    #[test]
    fn huge_messages_are_capped_at_whole_characters() {
        let raw = commit(
            "author J <j@x> 1 +0000\n",
            format!("{}\n\n{}", "é".repeat(900), "ü".repeat(1 << 20)).as_bytes(),
        );
        let words = parse_words(&raw);
        assert_eq!(words.title, "é".repeat(TITLE_BYTES / 2));
        assert!(words.body.len() <= BODY_BYTES && words.body.len() > BODY_BYTES - 4);
        assert!(!words.body.contains('\u{fffd}'));
    }

    #[test]
    fn what_is_no_commit_is_refused() {
        for raw in ["", "tree x\n", "parent y\n\n", "author A <a> 1 +0000\n\nx"] {
            assert_eq!(parse_header(raw.as_bytes()), None, "{raw}");
        }
    }

    #[test]
    fn an_annotated_tag_is_read() {
        let raw = format!("object {TREE}\ntype commit\ntag v1\ntagger T <t@x> 9 +0000\n\nrelease one\n");
        let tag = parse_tag(raw.as_bytes()).unwrap();
        assert_eq!((tag.tagged_s, tag.words.title.as_str()), (Some(9), "release one"));
    }
}
