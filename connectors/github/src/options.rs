//! How a repository on GitHub is read: where, with which token, what counts as a deploy, how much. It must not know the API.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};
use hearback_core::ports::ConnectorError;
use url::{Host, Url};

/// Where the API of github.com is. That of GitHub Enterprise Server is at `https://HOST/api/v3`.
const PUBLIC_API: &str = "https://api.github.com";

/// A token for the API. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes a token; white space around it goes.
    ///
    /// # Errors
    /// [`ConnectorError::NotUsable`] if it is empty or holds what can't stand in a header.
    pub fn new(text: &str) -> Result<Self, ConnectorError> {
        let text = text.trim();
        if text.is_empty() || text.len() > 1024 || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ConnectorError::NotUsable(
                "the token for GitHub is empty or holds characters that no token has; copy it again"
                    .to_owned(),
            ));
        }
        Ok(Token(text.to_owned()))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// The text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a pattern; write it as *deploy* or release-?.yml")]
pub struct BadPattern(String);

/// A pattern for names: `*` is any text, `?` one character, `{a,b}` either. Case does not matter.
#[derive(Debug, Clone)]
pub struct Pattern(GlobMatcher);

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`BadPattern`] if it is not one.
    pub fn new(text: &str) -> Result<Self, BadPattern> {
        let bad = || BadPattern(text.chars().filter(|c| !c.is_control()).take(80).collect());
        if text.is_empty() || text.len() > 200 {
            return Err(bad());
        }
        let glob = GlobBuilder::new(text).case_insensitive(true).literal_separator(false).build();
        Ok(Pattern(glob.map_err(|_| bad())?.compile_matcher()))
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

/// Which workflow deploys, and where to.
#[derive(Debug, Clone)]
pub struct DeployWorkflow {
    /// Matches the workflow's name, its path (`.github/workflows/deploy.yml`) or its file's name.
    pub workflow: Pattern,
    /// The environment it deploys to, if it is always the same. Without it a run is a change by itself and moves the
    /// time of no commit it delivers.
    pub environment: Option<String>,
}

impl DeployWorkflow {
    /// Whether a workflow with this name and path is meant.
    pub(crate) fn is_meant(&self, name: &str, path: &str) -> bool {
        // GitHub may put the branch behind the path: `.github/workflows/deploy.yml@main`.
        let path = path.split('@').next().unwrap_or(path);
        let file = path.rsplit('/').next().unwrap_or(path);
        [name, path, file].iter().any(|text| self.workflow.matches(text))
    }
}

/// How much is read for one question at most. What was left out is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Calls. A token has 5000 an hour.
    pub calls: u32,
    /// How long one call may take, in milliseconds.
    pub call_ms: u64,
    /// Bytes of one answer.
    pub answer_bytes: usize,
    /// Bytes of answers kept between questions.
    pub cache_bytes: usize,
    /// Pages of one list, 100 items each.
    pub pages: u32,
    /// Merged pull requests whose reviews and commits are read, the newest.
    pub pulls: usize,
    /// Deployments whose statuses are read, the newest.
    pub deployments: usize,
    /// Commits of one deployment that are named.
    pub range_commits: usize,
    /// Calls under way at once.
    pub at_once: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            calls: 600,
            call_ms: 10_000,
            answer_bytes: 16 << 20,
            cache_bytes: 64 << 20,
            pages: 10,
            pulls: 150,
            deployments: 150,
            range_commits: 300,
            at_once: 6,
        }
    }
}

/// How a repository on GitHub is read. The default is that of github.com without a token.
#[derive(Debug, Clone)]
pub struct GithubOptions {
    /// Where the API is: `https://api.github.com`, or `https://HOST/api/v3` of GitHub Enterprise Server.
    pub base_url: String,
    /// The token; none sees public repositories only, and 60 calls an hour.
    pub token: Option<Token>,
    /// Branches that count as main line; none means the default branch alone.
    pub branches: Vec<String>,
    /// Environments whose deployments are read; none means all that GitHub does not call transient.
    pub environments: Vec<Pattern>,
    /// Workflows that deploy. Runs of others are not changes.
    pub deploy_workflows: Vec<DeployWorkflow>,
    /// How much is read.
    pub limits: Limits,
}

impl Default for GithubOptions {
    fn default() -> Self {
        GithubOptions {
            base_url: PUBLIC_API.to_owned(),
            token: None,
            branches: Vec::new(),
            environments: Vec::new(),
            deploy_workflows: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// Reads the address of an API, and refuses one that would send the token in the clear or somewhere else.
pub(crate) fn parse_base(text: &str) -> Result<Url, ConnectorError> {
    let not = |why: &str| Err(ConnectorError::NotUsable(why.to_owned()));
    let Ok(url) = Url::parse(text.trim()) else {
        return not("the address of GitHub's API is not a URL; write it as https://api.github.com");
    };
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return not(
            "the address of GitHub's API must hold no password, query or fragment; give the token apart",
        );
    }
    match (url.scheme(), url.host_str()) {
        (_, Some("github.com" | "www.github.com")) => {
            not("the API of github.com is at https://api.github.com; write that address")
        }
        ("https", Some(_)) => Ok(url),
        ("http", Some(_)) if is_here => Ok(url),
        ("http", _) => {
            not("the address of GitHub's API must begin with https://, or the token could be read")
        }
        _ => not("the address of GitHub's API must begin with https://"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_would_leak_the_token_is_refused() {
        for (text, expect) in [
            ("https://api.github.com", None),
            ("https://ghe.example.com/api/v3", None),
            ("http://127.0.0.1:4010", None),
            ("http://[::1]:4010/api/v3/", None),
            ("http://ghe.example.com/api/v3", Some("or the token could be read")),
            ("https://github.com", Some("https://api.github.com")),
            ("https://a:b@ghe.example.com", Some("password")),
            ("https://ghe.example.com/?x=1", Some("query")),
            ("ftp://ghe.example.com", Some("https://")),
            ("ghe.example.com", Some("not a URL")),
            ("", Some("not a URL")),
        ] {
            match (parse_base(text), expect) {
                (Ok(_), None) => {}
                (Err(error), Some(part)) => assert!(error.to_string().contains(part), "{text}: {error}"),
                (got, _) => panic!("{text}: {got:?}"),
            }
        }
    }

    #[test]
    fn a_token_is_one_word_and_never_shown() {
        assert_eq!(Token::new(" ghp_abc\n").unwrap().reveal(), "ghp_abc");
        for bad in ["", "  ", "a b", "a\r\nX-Evil: 1", "é"] {
            assert!(Token::new(bad).is_err(), "{bad:?}");
        }
        assert_eq!(format!("{:?}", Token::new("ghp_abc").unwrap()), "Token");
    }

    #[test]
    fn a_workflow_is_meant_by_name_path_or_file() {
        let check = |pattern: &str, name: &str, path: &str, expect: bool| {
            let rule = DeployWorkflow { workflow: Pattern::new(pattern).unwrap(), environment: None };
            assert_eq!(rule.is_meant(name, path), expect, "{pattern} on {name} at {path}");
        };
        check("deploy*", "Deploy to production", ".github/workflows/cd.yml", true);
        check("cd.yml", "Ship", ".github/workflows/cd.yml", true);
        check("cd.yml", "Ship", ".github/workflows/cd.yml@main", true);
        check(".github/workflows/{cd,ship}.yml", "x", ".github/workflows/ship.yml", true);
        check("*deploy*", "CI", ".github/workflows/ci.yml", false);
        assert!(Pattern::new("{a").is_err() && Pattern::new("").is_err());
    }
}
