//! CODEOWNERS: who owns a file. The last pattern that matches wins; a pattern without owners takes the file from
//! everybody. Sections of GitLab are read for their default owners and otherwise passed over. Pure; it must not know
//! where the bytes come from.

use std::fmt;

use hearback_core::change::RepoPath;

use crate::pattern::Pattern;

/// Where it may stand, in the order in which it is looked for: GitHub's places, then GitLab's.
pub const PLACES: [&str; 4] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"];

/// The largest file that is read, in bytes; GitHub ignores larger ones.
const LARGEST_BYTES: usize = 3 << 20;
/// At most so many patterns.
const MOST_RULES: usize = 20_000;
/// The longest line, in bytes.
const LONGEST_LINE: usize = 4096;
/// So many lines that mean nothing are told; the rest are counted by nobody.
const UNREAD_SHOWN: usize = 20;

/// An owner of code, as it is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// `@ann`
    Person(String),
    /// `@shop/checkout`
    Team(String),
    /// `ann@shop.example`
    Address(String),
}

impl Owner {
    fn parse(word: &str) -> Option<Self> {
        let is_handle = |text: &str| {
            !text.is_empty()
                && text.len() <= 200
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b))
                && text.split('/').all(|part| !part.is_empty())
        };
        match word.strip_prefix('@') {
            Some(handle) if is_handle(handle) && handle.contains('/') => Some(Owner::Team(handle.to_owned())),
            Some(handle) if is_handle(handle) => Some(Owner::Person(handle.to_owned())),
            Some(_) => None,
            None => {
                let is_plain = word.len() <= 254 && word.bytes().all(|b| b.is_ascii_graphic());
                let (name, host) = word.split_once('@')?;
                (is_plain && !name.is_empty() && host.contains('.') && !host.contains('@'))
                    .then(|| Owner::Address(word.to_owned()))
            }
        }
    }

    /// The name without sign and organisation: `checkout` of `@shop/checkout`.
    pub fn short(&self) -> &str {
        match self {
            Owner::Team(handle) => handle.rsplit('/').next().unwrap_or(handle),
            Owner::Person(handle) => handle,
            Owner::Address(address) => address.split('@').next().unwrap_or(address),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::Person(handle) | Owner::Team(handle) => write!(f, "@{handle}"),
            Owner::Address(address) => f.write_str(address),
        }
    }
}

/// A line that means nothing, as the forge passes over it too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Its number, from 1.
    pub line: usize,
    /// Why.
    pub why: &'static str,
}

/// A CODEOWNERS file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CodeOwners {
    rules: Vec<Rule>,
    unread: Vec<Unread>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    pattern: Pattern,
    owners: Vec<Owner>,
}

impl CodeOwners {
    /// Reads a file. What means nothing is passed over and kept in [`CodeOwners::unread`]; a file that is too large
    /// owns nothing.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut file = CodeOwners::default();
        if bytes.len() > LARGEST_BYTES {
            file.unread.push(Unread { line: 1, why: "the file is larger than 3 MB, and forges ignore it" });
            return file;
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut defaults = Vec::new();
        for (index, line) in bytes.split(|b| *b == b'\n').enumerate() {
            let result = if file.rules.len() >= MOST_RULES {
                Err("there are more than 20000 patterns; from here on none is read")
            } else {
                read_line(line, &mut defaults)
            };
            match result {
                Ok(rule) => file.rules.extend(rule),
                Err(why) => {
                    if file.unread.len() < UNREAD_SHOWN {
                        file.unread.push(Unread { line: index + 1, why });
                    }
                    if file.rules.len() >= MOST_RULES {
                        break;
                    }
                }
            }
        }
        file
    }

    /// Who owns the file at `path`; nobody is empty.
    pub fn owners_of(&self, path: &RepoPath) -> &[Owner] {
        let rule = self.rules.iter().rev().find(|rule| rule.pattern.matches(path.as_str()));
        rule.map_or(&[], |rule| &rule.owners)
    }

    /// Everybody who is named, once, by kind and name.
    pub fn everybody(&self) -> Vec<&Owner> {
        let mut owners: Vec<&Owner> = self.rules.iter().flat_map(|rule| &rule.owners).collect();
        owners.sort_unstable();
        owners.dedup();
        owners
    }

    /// Lines that mean nothing, at most 20.
    pub fn unread(&self) -> &[Unread] {
        &self.unread
    }
}

/// Reads a line: a rule, or nothing to remember. `defaults` are the owners of the section it stands in.
fn read_line(line: &[u8], defaults: &mut Vec<Owner>) -> Result<Option<Rule>, &'static str> {
    if line.len() > LONGEST_LINE {
        return Err("the line is longer than 4096 bytes");
    }
    let line = std::str::from_utf8(line).map_err(|_| "the line is not UTF-8")?.trim();
    if let Some(names) = after_section(line) {
        *defaults = owners(names.split_whitespace())?;
        return Ok(None);
    }
    let (pattern, rest) = first_word(line);
    if pattern.is_empty() || pattern.starts_with('#') {
        return Ok(None);
    }
    let pattern = Pattern::parse(pattern)?;
    let mut owners = owners(rest.split_whitespace())?;
    if owners.is_empty() {
        owners.clone_from(defaults);
    }
    Ok(Some(Rule { pattern, owners }))
}

/// What follows the head of a GitLab section: `[Name]`, `^[Name]`, `[Name][2]`.
fn after_section(line: &str) -> Option<&str> {
    let (_, rest) = line.strip_prefix('^').unwrap_or(line).strip_prefix('[')?.split_once(']')?;
    let rest = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((count, rest)) if count.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => rest,
    };
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then_some(rest)
}

/// Up to the first white space that has no backslash before it.
fn first_word(line: &str) -> (&str, &str) {
    let mut is_escaped = false;
    let end = line.find(|c: char| {
        let ends = c.is_whitespace() && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    line.split_at(end.unwrap_or(line.len()))
}

fn owners<'l>(words: impl Iterator<Item = &'l str>) -> Result<Vec<Owner>, &'static str> {
    words
        .take_while(|word| !word.starts_with('#'))
        .map(|word| Owner::parse(word).ok_or("an owner is neither @name, @organisation/team nor an address"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, expect: &[(&str, &[&str])]) {
        let parsed = CodeOwners::parse(file.as_bytes());
        for (path, owners) in expect {
            let found: Vec<String> =
                parsed.owners_of(&RepoPath::from(*path)).iter().map(Owner::to_string).collect();
            assert_eq!(found, *owners, "{path}");
        }
    }

    #[test]
    fn the_last_match_wins_and_no_owner_takes_the_file_away() {
        check(
            "# Everything\r\n*  @shop/all ann@shop.example # and nobody else\r\n\
             /services/checkout/ @shop/checkout\n/services/checkout/*.md\n  docs/*\t@bob\n",
            &[
                ("main.go", &["@shop/all", "ann@shop.example"]),
                ("services/checkout/a/b.go", &["@shop/checkout"]),
                ("services/checkout/README.md", &[]),
                ("docs/a.md", &["@bob"]),
                ("docs/x/a.md", &["@shop/all", "ann@shop.example"]),
            ],
        );
        check("", &[("a", &[])]);
    }

    #[test]
    fn a_space_in_a_path_is_escaped() {
        check("my\\ docs/a\\\\b @ann\n", &[("my docs/a\\b", &["@ann"]), ("my", &[])]);
    }

    #[test]
    fn a_section_lends_its_owners() {
        check(
            "* @all\n[Docs][2] @docs-team\ndocs/\nREADME.md @ann\n^[Optional]\nlegacy/\n",
            &[
                ("docs/a", &["@docs-team"]),
                ("README.md", &["@ann"]),
                ("legacy/x", &[]),
                ("main.go", &["@all"]),
            ],
        );
    }

    #[test]
    fn lines_without_meaning_are_passed_over_and_told() {
        let file = CodeOwners::parse(b"* @all\n!a @b\nx[ab] @b\nc not-an-owner\nd @\n\xff @b\n/e @ann\n");
        let lines: Vec<usize> = file.unread().iter().map(|unread| unread.line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 6]);
        assert_eq!(file.owners_of(&RepoPath::from("c")), [Owner::Person("all".into())]);
        assert_eq!(file.owners_of(&RepoPath::from("e")), [Owner::Person("ann".into())]);
        let everybody: Vec<String> = file.everybody().iter().map(ToString::to_string).collect();
        assert_eq!(everybody, ["@all", "@ann"]);
    }

    #[test]
    fn a_huge_file_is_bounded() {
        let file = CodeOwners::parse(&vec![b'a'; LARGEST_BYTES + 1]);
        assert_eq!(file.unread().len(), 1);
        let many = CodeOwners::parse("* @a\n".repeat(MOST_RULES + 5).as_bytes());
        assert_eq!((many.rules.len(), many.unread().len()), (MOST_RULES, 1));
        let bad = CodeOwners::parse("!\n".repeat(1000).as_bytes());
        assert_eq!(bad.unread().len(), UNREAD_SHOWN);
    }
}
