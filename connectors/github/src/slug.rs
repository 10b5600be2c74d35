//! The name of a repository on GitHub, and its ids. It must not know the API.

use std::fmt;
use std::str::FromStr;

use hearback_core::ids::{ChangeId, SourceName};
use hearback_core::ports::ConnectorError;

/// A repository as GitHub names it: `owner/name`. Letters, digits, `-`, `_` and `.` only, so it can stand in a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slug {
    owner: String,
    name: String,
}

impl Slug {
    /// The user or organisation.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The repository's own name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether both name the same repository: GitHub folds ASCII case.
    pub fn is_same(&self, other: &Slug) -> bool {
        self.owner.eq_ignore_ascii_case(&other.owner) && self.name.eq_ignore_ascii_case(&other.name)
    }

    pub(crate) fn source(&self) -> Option<SourceName> {
        SourceName::new(format!("github:{self}")).ok()
    }

    /// The id of something GitHub numbers: `github:owner/name:deployment:7`.
    pub(crate) fn numbered(&self, what: &str, number: u64) -> Option<ChangeId> {
        ChangeId::new(format!("github:{self}:{what}:{number}")).ok()
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

impl FromStr for Slug {
    type Err = ConnectorError;

    fn from_str(text: &str) -> Result<Self, ConnectorError> {
        let fits = |part: &str| {
            (1..=100).contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
                && part.bytes().any(|b| b != b'.')
        };
        match text.split_once('/') {
            Some((owner, name)) if fits(owner) && fits(name) => {
                Ok(Slug { owner: owner.to_owned(), name: name.to_owned() })
            }
            _ => {
                let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
                Err(ConnectorError::NotUsable(format!(
                    "\"{shown}\" is not a repository on GitHub; write it as owner/name"
                )))
            }
        }
    }
}

/// A commit's full id: 40 hexadecimal digits, or 64 of SHA-256. Anything else GitHub says is not one.
pub(crate) fn is_sha(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The first ten digits, as a person reads them.
pub(crate) fn short(sha: &str) -> &str {
    sha.get(..10).unwrap_or(sha)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_stand_in_a_path_names_a_repository() {
        for good in ["octo/checkout", "a/b", "o-1/x.y_z"] {
            assert_eq!(good.parse::<Slug>().unwrap().to_string(), good);
        }
        for bad in ["", "octo", "/x", "o/", "o/a/b", "o/..", "../x", "o/a?b", "o/a b", "o/é", "o/a\n"] {
            assert!(bad.parse::<Slug>().is_err(), "{bad:?}");
        }
        assert_eq!(
            "a\u{1b}[b".parse::<Slug>().unwrap_err().to_string(),
            "\"a[b\" is not a repository on GitHub; write it as owner/name"
        );
    }

    #[test]
    fn a_sha_is_hexadecimal_and_whole() {
        for (text, expect) in [
            ("a".repeat(40), true),
            ("0".repeat(64), true),
            ("a".repeat(39), false),
            ("g".repeat(40), false),
            ("A".repeat(40), false),
            (format!("{}/", "a".repeat(39)), false),
        ] {
            assert_eq!(is_sha(&text), expect, "{text}");
        }
    }
}
