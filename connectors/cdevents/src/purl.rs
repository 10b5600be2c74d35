//! The commit behind an artifact, where its package URL says so (package-url specification, type and qualifiers). Must
//! guess nothing: a version that is not a full sha names no commit.

use hearback_core::ChangeId;

use crate::fields::is_full_sha;

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
