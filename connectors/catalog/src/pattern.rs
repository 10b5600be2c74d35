//! The patterns of CODEOWNERS, by GitHub's rules: those of .gitignore without `!` and ranges, and with `folder/*` for
//! the files of that folder alone. Pure; matching costs path × pattern and never more.
//!
//! The rules: docs.github.com, "About code owners", section "CODEOWNERS syntax"; gitignore(5), "PATTERN FORMAT".

/// A pattern, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    steps: Vec<Step>,
    end: End,
}

/// What stands between two slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// `**`: any number of folders.
    Folders,
    Name(Vec<Sign>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Exactly(char),
    /// `?`
    One,
    /// `*`
    Any,
}

/// What may follow what the steps match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nothing: `folder/*`.
    Here,
    /// Something: `folder/` and `folder/**`.
    Below,
    /// Either: a file, or a folder with all in it.
    HereOrBelow,
}

impl Pattern {
    /// Reads a pattern; none, with the reason, if it has no meaning.
    pub(crate) fn parse(written: &str) -> Result<Self, &'static str> {
        if written.starts_with('!') {
            return Err("a pattern can't take back another with \"!\"");
        }
        let mut names: Vec<Vec<Sign>> = vec![Vec::new()];
        let mut is_escaped = false;
        for c in written.chars() {
            let signs: &[Sign] = match c {
                '/' => {
                    names.push(Vec::new());
                    is_escaped = false;
                    continue;
                }
                '\\' if !is_escaped => {
                    is_escaped = true;
                    continue;
                }
                // A path that is asked for has its backslashes doubled.
                '\\' => &[Sign::Exactly('\\'), Sign::Exactly('\\')],
                '[' | ']' if !is_escaped => return Err("a pattern can't hold a range in brackets"),
                '?' if !is_escaped => &[Sign::One],
                '*' if !is_escaped => &[Sign::Any],
                c => &[Sign::Exactly(c)],
            };
            is_escaped = false;
            if let Some(name) = names.last_mut() {
                name.extend_from_slice(signs);
            }
        }
        let is_top = names.first().is_some_and(Vec::is_empty);
        let is_folder = names.len() > 1 && names.last().is_some_and(Vec::is_empty);
        names.retain(|name| !name.is_empty());
        if names.is_empty() {
            return if is_top && is_folder {
                Ok(Pattern { steps: Vec::new(), end: End::Below })
            } else {
                Err("the pattern is empty")
            };
        }
        let is_anchored = is_top || names.len() > 1;
        let is_only_files =
            is_anchored && !is_folder && names.last().is_some_and(|name| *name == [Sign::Any]);
        let mut steps: Vec<Step> = names
            .into_iter()
            .map(|name| if name == [Sign::Any, Sign::Any] { Step::Folders } else { Step::Name(name) })
            .collect();
        if !is_anchored {
            steps.insert(0, Step::Folders);
        }
        let mut end = match (is_folder, is_only_files) {
            (true, _) => End::Below,
            (false, true) => End::Here,
            (false, false) => End::HereOrBelow,
        };
        while steps.last() == Some(&Step::Folders) {
            steps.pop();
            end = End::Below;
        }
        Ok(Pattern { steps, end })
    }

    /// Whether it matches the file at `path`, from the top of the repository.
    pub(crate) fn matches(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').collect();
        // The places between the steps that can be reached with what was read of the path.
        let mut places = vec![false; self.steps.len() + 1];
        if let Some(first) = places.first_mut() {
            *first = true;
        }
        self.pass_folders(&mut places);
        if self.steps.is_empty() {
            return true;
        }
        for (read, name) in names.iter().enumerate() {
            let mut next = vec![false; places.len()];
            for ((at, step), _) in self.steps.iter().enumerate().zip(&places).filter(|(_, is_on)| **is_on) {
                let to = match step {
                    Step::Folders => at,
                    Step::Name(signs) if is_called(signs, name) => at + 1,
                    Step::Name(_) => continue,
                };
                if let Some(place) = next.get_mut(to) {
                    *place = true;
                }
            }
            self.pass_folders(&mut next);
            places = next;
            let is_last = read + 1 == names.len();
            let ends_here = match self.end {
                End::Here => is_last,
                End::Below => !is_last,
                End::HereOrBelow => true,
            };
            if ends_here && places.last() == Some(&true) {
                return true;
            }
        }
        false
    }

    /// `**` may stand for no folder at all.
    fn pass_folders(&self, places: &mut [bool]) {
        for (at, step) in self.steps.iter().enumerate() {
            if *step == Step::Folders
                && places.get(at) == Some(&true)
                && let Some(next) = places.get_mut(at + 1)
            {
                *next = true;
            }
        }
    }
}

/// Whether a name fits; `*` takes as little as it can and takes more when the rest does not fit.
fn is_called(signs: &[Sign], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let (mut sign, mut at) = (0, 0);
    let mut again: Option<(usize, usize)> = None;
    loop {
        match (signs.get(sign), name.get(at)) {
            (Some(Sign::Any), _) => {
                again = Some((sign + 1, at));
                sign += 1;
            }
            (Some(Sign::One), Some(_)) => (sign, at) = (sign + 1, at + 1),
            (Some(Sign::Exactly(wanted)), Some(found)) if wanted == found => (sign, at) = (sign + 1, at + 1),
            (None, None) => return true,
            _ => match again {
                Some((after, from)) if from < name.len() => {
                    again = Some((after, from + 1));
                    (sign, at) = (after, from + 1);
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_github_says() {
        for (pattern, matching, other) in [
            ("*", &["a", "a/b/c.js"][..], &[][..]),
            ("**", &["a", "a/b/c.js"], &[]),
            ("/", &["a", "a/b"], &[]),
            ("*.js", &["a.js", "x/y/a.js", "x.js/readme"], &["a.jsx", "a.j"]),
            ("/build/logs/", &["build/logs/a", "build/logs/x/y"], &["build/logs", "x/build/logs/a"]),
            ("docs/*", &["docs/a.md"], &["docs/x/a.md", "x/docs/a.md", "docs"]),
            ("/docs/*", &["docs/a.md"], &["docs/x/a.md"]),
            ("/*", &["a.md"], &["docs/a.md"]),
            ("apps/", &["apps/a", "x/apps/y/z"], &["apps", "apps.md"]),
            ("/apps/github", &["apps/github", "apps/github/x"], &["x/apps/github", "apps/github2"]),
            ("apps/web", &["apps/web/x"], &["x/apps/web/y"]),
            ("**/logs", &["logs/a", "build/logs/b", "deeply/nested/logs"], &["logs2/a"]),
            ("a/**/b", &["a/b", "a/x/b", "a/x/y/b/c"], &["b", "x/a/b"]),
            ("docs/**", &["docs/a", "docs/x/y"], &["docs", "x/docs/a"]),
            ("Makefile", &["Makefile", "x/Makefile"], &["makefile"]),
            ("/a?c*e", &["abce", "abcde/x"], &["ace", "x/abce"]),
            ("with\\ space/x", &["with space/x"], &["with"]),
            ("a\\*b", &["a*b"], &["axb"]),
            ("\\#x", &["#x"], &["x"]),
            ("*a*a*a*b", &["aaaab"], &["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            for path in matching {
                assert!(parsed.matches(path), "{pattern} matches {path}: {parsed:?}");
            }
            for path in other {
                assert!(!parsed.matches(path), "{pattern} does not match {path}: {parsed:?}");
            }
        }
    }

    #[test]
    fn patterns_without_meaning_are_refused() {
        for pattern in ["!a", "a[bc]", ""] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
