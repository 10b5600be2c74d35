//! Where a person can see a commit on the web, from the address of the `origin` remote. Pure. It must never pass on
//! a user name or password that the address carries.

/// A forge's way to show a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Forge {
    base: String,
    commit: &'static str,
    file: &'static str,
}

impl Forge {
    /// Reads the address of a remote; none if no known forge is behind it.
    pub(crate) fn of_remote(url: &str) -> Option<Self> {
        let url = url.trim();
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest.to_owned()),
            // scp style: [user@]host:path
            None => ("ssh".to_owned(), url.replacen(':', "/", 1)),
        };
        let (authority, path) = rest.split_once('/')?;
        let host_and_port = authority.rsplit('@').next()?;
        let (host, port) = match host_and_port.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (host_and_port, None),
        };
        let host = host.to_ascii_lowercase();
        if host.is_empty() || !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)) {
            return None;
        }
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        if path.is_empty() || !path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~/".contains(&b)) {
            return None;
        }
        let (commit, file) = paths(&host)?;
        // The port of ssh is not the port of the web; that of http is.
        let port = match (scheme.as_str(), port) {
            ("http" | "https", Some(port)) if port.bytes().all(|b| b.is_ascii_digit()) => format!(":{port}"),
            _ => String::new(),
        };
        let scheme = if scheme == "http" { "http" } else { "https" };
        Some(Forge { base: format!("{scheme}://{host}{port}/{path}"), commit, file })
    }

    /// The page of a commit.
    pub(crate) fn commit(&self, sha: &str) -> String {
        format!("{}/{}/{sha}", self.base, self.commit)
    }

    /// The page of a file as it was in a commit; none for a path that would have to be escaped.
    pub(crate) fn file(&self, sha: &str, path: &str) -> Option<String> {
        let is_plain = path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~/".contains(&b));
        is_plain.then(|| format!("{}/{}/{sha}/{path}", self.base, self.file))
    }
}

/// What stands before a commit, and before a commit with a file.
fn paths(host: &str) -> Option<(&'static str, &'static str)> {
    let has = |part: &str| host.split(['.', '-']).any(|word| word == part);
    if has("gitlab") {
        Some(("-/commit", "-/blob"))
    } else if has("bitbucket") {
        Some(("commits", "src"))
    } else if has("github") {
        Some(("commit", "blob"))
    } else if has("gitea") || has("forgejo") || has("codeberg") {
        Some(("commit", "src/commit"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_forges_get_a_link_and_never_a_password() {
        for (url, expect) in [
            ("https://github.com/o/r.git", Some("https://github.com/o/r/commit/abc")),
            ("https://ann:s3cret@github.com/o/r", Some("https://github.com/o/r/commit/abc")),
            ("https://x-token:a@b@github.com/o/r", Some("https://github.com/o/r/commit/abc")),
            ("git@github.com:o/r.git", Some("https://github.com/o/r/commit/abc")),
            (
                "ssh://git@gitlab.example.com:2222/g/s/r.git",
                Some("https://gitlab.example.com/g/s/r/-/commit/abc"),
            ),
            (
                "https://gitlab.example.com:8443/g/r/",
                Some("https://gitlab.example.com:8443/g/r/-/commit/abc"),
            ),
            ("http://gitea.local:3000/o/r", Some("http://gitea.local:3000/o/r/commit/abc")),
            ("https://bitbucket.org/o/r.git", Some("https://bitbucket.org/o/r/commits/abc")),
            ("https://codeberg.org/o/r", Some("https://codeberg.org/o/r/commit/abc")),
            ("https://example.com/github/r", None),
            ("https://notgithub.com/o/r", None),
            ("/srv/git/github.com/r.git", None),
            ("../github.com/r", None),
            ("https://github.com/o/r?x=<script>", None),
            ("https://github.com/", None),
            ("", None),
        ] {
            let link = Forge::of_remote(url).map(|forge| forge.commit("abc"));
            assert_eq!(link.as_deref(), expect, "{url}");
        }
    }
}
