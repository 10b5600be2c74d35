//! The version of an artifact and the commit behind it, where its package URL says so (package-url specification, type,
//! version and qualifiers). Must guess nothing: a version that is not a full sha names no commit.

use hearback_core::ChangeId;

use crate::fields::{MAX_VERSION_BYTES, is_full_sha, line};

/// Types whose name is a repository and whose version may be a commit.
const OF_REPOSITORIES: &[&str] = &["github", "gitlab", "bitbucket", "golang"];

/// The commit that `artifact` was built from: `pkg:github/team/checkout@<sha>`, or `…?vcs_url=git+https://…/checkout.git@<sha>`.
pub fn commit(artifact: &str) -> Option<ChangeId> {
    let rest = artifact.strip_prefix("pkg:")?;
    let rest = rest.split('#').next()?;
    let (package, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
    let vcs_url = qualifiers.split('&').find_map(|pair| pair.strip_prefix("vcs_url="));
    if let Some(commit) = vcs_url.and_then(|url| at_sha(&decoded(url)?)) {
        return Some(commit);
    }
    let (kind, name) = package.split_once('/')?;
    let of_repository = OF_REPOSITORIES.iter().any(|known| known.eq_ignore_ascii_case(kind));
    if of_repository { at_sha(&decoded(name)?) } else { None }
}

/// The version of `artifact`: that of a package URL, or all of an id of another form. One that is too long, or holds
/// control characters, is none: cut, it would be another version.
pub fn version(artifact: &str) -> Option<String> {
    let version = match artifact.strip_prefix("pkg:") {
        None => artifact.to_owned(),
        Some(rest) => {
            let package = rest.split(['#', '?']).next()?;
            // A scope of npm may begin with an @ that was not encoded; a version holds no slash.
            let (_, version) = package.rsplit_once('@').filter(|(_, version)| !version.contains('/'))?;
            decoded(version)?
        }
    };
    line("version", &version, MAX_VERSION_BYTES).ok().map(str::to_owned)
}

/// `…/repository@sha`.
fn at_sha(text: &str) -> Option<ChangeId> {
    let (place, sha) = text.rsplit_once('@')?;
    let repository = place.trim_end_matches('/').rsplit(['/', ':']).next()?;
    let repository = repository.strip_suffix(".git").unwrap_or(repository);
    if !is_full_sha(sha) || repository.is_empty() {
        return None;
    }
    ChangeId::commit(repository, &sha.to_ascii_lowercase()).ok()
}

/// Percent-encoding taken back; `None` if it is none.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_package_or_the_whole_id() {
        let check = |artifact: &str, expect: Option<&str>| {
            assert_eq!(version(artifact).as_deref(), expect, "{artifact}");
        };
        check("pkg:oci/checkout@sha256%3A9f86?tag=1.4.2&arch=amd64", Some("sha256:9f86"));
        check("pkg:golang/git.example/team/checkout@v1.4.2#cmd/api", Some("v1.4.2"));
        check("pkg:npm/%40shop/cart@2.0.0%2Bbuild.7", Some("2.0.0+build.7"));
        check("pkg:npm/@shop/cart", None);
        check("pkg:npm/@shop/cart@2.0.0", Some("2.0.0"));
        check("pkg:oci/checkout", None);
        check("pkg:oci/checkout@", None);
        check("pkg:oci/checkout@%ff", None);
        check("pkg:oci/checkout@a%0Ab", None);
        check("registry.example/checkout:1.4.2", Some("registry.example/checkout:1.4.2"));
        check(" v41 ", Some("v41"));
        check(" ", None);
        check("a\nb", None);
        check(&"v".repeat(300), Some(&"v".repeat(300)));
        check(&"v".repeat(301), None);
    }

    #[test]
    fn only_a_full_sha_names_a_commit() {
        let sha = "3f2a91c0".repeat(5);
        let check = |artifact: String, expect: Option<&str>| {
            let found = commit(&artifact);
            let expect = expect.map(|repository| ChangeId::commit(repository, &sha).unwrap());
            assert_eq!(found, expect, "{artifact}");
        };
        check(format!("pkg:github/team/checkout@{sha}"), Some("checkout"));
        check(
            format!("pkg:golang/git.example/team/checkout@{}#cmd/api", sha.to_uppercase()),
            Some("checkout"),
        );
        check(format!("pkg:oci/checkout@sha256%3A{}", "ab".repeat(32)), None);
        check(
            format!(
                "pkg:oci/checkout@sha256%3Aab?arch=amd64&vcs_url=git%2Bhttps:%2F%2Fgit.example%2Fteam%2Fshop.git%40{sha}"
            ),
            Some("shop"),
        );
        check(format!("pkg:oci/checkout@{sha}"), None);
        check("pkg:github/team/checkout@3f2a91c".into(), None);
        check("pkg:github/team/checkout@v1.4.2".into(), None);
        check(format!("pkg:github/@{sha}"), None);
        for odd in [
            "",
            "pkg:",
            "pkg:github",
            "pkg:oci/a?vcs_url=%",
            "pkg:oci/a?vcs_url=%zz",
            "pkg:oci/a?vcs_url=%ff",
        ] {
            check(odd.into(), None);
        }
    }
}
