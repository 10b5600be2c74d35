//! Short names by which a model speaks of what it was shown: `E4` for a piece of evidence, `C2` for a change. It can name
//! nothing else.

use std::fmt;

/// A short name. Numbers begin at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handle(char, usize);

impl Handle {
    /// The name of a piece of evidence.
    pub const fn evidence(number: usize) -> Self {
        Handle('E', number)
    }

    /// The name of a change.
    pub const fn change(number: usize) -> Self {
        Handle('C', number)
    }

    /// Its place among those of its kind, from 0; none if a model wrote something that is no name of this kind.
    pub fn place(written: &str, of: Handle) -> Option<usize> {
        let number = written.trim().strip_prefix(of.0)?;
        let is_plain = !number.starts_with('0') && number.bytes().all(|b| b.is_ascii_digit());
        is_plain.then(|| number.parse::<usize>().ok()).flatten()?.checked_sub(1)
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_of_the_kind_have_a_place() {
        let evidence = |written: &str| Handle::place(written, Handle::evidence(1));
        assert_eq!((evidence("E1"), evidence(" E12 ")), (Some(0), Some(11)));
        for written in
            ["", "E", "E0", "E01", "C1", "e1", "E-1", "E1.5", "1", "E99999999999999999999999", "E١"]
        {
            assert_eq!(evidence(written), None, "{written}");
        }
        assert_eq!(Handle::place(&Handle::change(3).to_string(), Handle::change(1)), Some(2));
    }
}
