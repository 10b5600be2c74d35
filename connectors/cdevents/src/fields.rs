//! The parts that both forms share: ids, times, links and the limits on their size. Every refusal is one phrase
//! that names the field.

use hearback_core::change::{Author, Nature, Paths, Revert, Review, Rollout, Says};
use hearback_core::{ChangeId, ChangeKind, Digest, ExternalText};
use jiff::Timestamp;

/// Limits, in bytes or items. What is longer is refused, so that nothing is cut unnoticed.
pub const MAX_ID_BYTES: usize = 500;
pub const MAX_TITLE_BYTES: usize = 1000;
pub const MAX_BODY_TEXT_BYTES: usize = 20_000;
pub const MAX_LINK_BYTES: usize = 2000;
pub const MAX_NAME_BYTES: usize = 200;
pub const MAX_SERVICES: usize = 100;
pub const MAX_VERSION_BYTES: usize = 300;
pub const MAX_DELIVERED: usize = 5000;

/// 2000-01-01: earlier is a clock that was never set.
const EARLIEST: Timestamp = Timestamp::constant(946_684_800, 0);
/// 2200-01-01: a certificate may expire late, but not later.
const LATEST: Timestamp = Timestamp::constant(7_258_118_400, 0);
/// What [`ChangeId`] allows.
const MAX_CHANGE_ID_BYTES: usize = 300;

/// Text that must be there, fit, and hold no control characters; white space around it goes.
pub fn text<'a>(field: &str, value: &'a str, most: usize) -> Result<&'a str, String> {
    let value = value.trim();
    if value.is_empty() {
        return Err(format!("{field} is empty"));
    }
    if value.len() > most {
        return Err(format!("{field} has {} bytes and {most} are read at most", value.len()));
    }
    Ok(value)
}

/// As [`text`], in one line.
pub fn line<'a>(field: &str, value: &'a str, most: usize) -> Result<&'a str, String> {
    let value = text(field, value, most)?;
    if value.contains(char::is_control) { Err(format!("{field} has control characters")) } else { Ok(value) }
}

/// A point in time that can be.
pub fn time(field: &str, value: &str) -> Result<Timestamp, String> {
    let shown = || ExternalText::from(value).for_people(40);
    let at: Timestamp = value
        .parse()
        .map_err(|_| format!("{field} \"{}\" is not a time; write it as 2026-11-23T14:05:00Z", shown()))?;
    if (EARLIEST..LATEST).contains(&at) {
        Ok(at)
    } else {
        Err(format!("{field} \"{}\" can't be; times from 2000 to 2199 are read", shown()))
    }
}

/// A link that a person may follow: to the web and nowhere else.
pub fn link(value: &str) -> Result<String, String> {
    let value = line("link", value, MAX_LINK_BYTES)?;
    let is_web = ["http://", "https://"].iter().any(|scheme| value.starts_with(scheme));
    if is_web && !value.contains(' ') {
        Ok(value.to_owned())
    } else {
        Err("link must begin with https:// or http:// and have no spaces".into())
    }
}

/// `{prefix}:{source}:{id}`, the source without colons; a digest where that would be too long.
pub fn change_id(prefix: &str, source: &str, id: &str) -> Result<ChangeId, String> {
    let escaped = source.replace('%', "%25").replace(':', "%3A");
    let whole = format!("{prefix}:{escaped}:{id}");
    let whole = if whole.len() <= MAX_CHANGE_ID_BYTES {
        whole
    } else {
        let start = ExternalText::capped(&escaped, 100);
        let digest = Digest::of_parts(&[source.as_bytes(), id.as_bytes()]);
        format!("{prefix}:{}:sha256-{digest}", start.as_untrusted())
    };
    ChangeId::new(whole).map_err(|error| error.to_string())
}

/// Changes that another names: `repository:sha` for commits, or the whole id of any change.
pub fn named_changes(field: &str, names: &[String]) -> Result<Vec<ChangeId>, String> {
    if names.len() > MAX_DELIVERED {
        return Err(format!("{field} has {} entries and {MAX_DELIVERED} are read at most", names.len()));
    }
    names.iter().map(|name| named_change(field, name)).collect()
}

fn named_change(field: &str, name: &str) -> Result<ChangeId, String> {
    let shown = ExternalText::from(name).for_people(80);
    let bad = || {
        format!(
            "{field} has \"{shown}\"; write a commit as repository:sha with the sha in full, or another change \
             by its id as in deploy:argocd:17"
        )
    };
    let name = name.trim();
    match name.rsplit_once(':') {
        Some((repository, sha)) if is_full_sha(sha) => {
            let repository = repository.strip_prefix("git:").unwrap_or(repository);
            ChangeId::commit(repository, &sha.to_ascii_lowercase())
                .ok()
                .filter(|_| !repository.is_empty())
                .ok_or_else(bad)
        }
        // An abbreviated sha would match no commit.
        _ if name.starts_with("git:") || name.matches(':').count() < 2 => Err(bad()),
        _ => ChangeId::new(name).map_err(|_| bad()),
    }
}

/// SHA-1 or SHA-256 of git, in full.
pub fn is_full_sha(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What a change that was sent says of reverting.
pub fn revert(reverts: Vec<ChangeId>, goes_back: bool) -> Revert {
    let says = if goes_back || !reverts.is_empty() { Says::Reverts } else { Says::Nothing };
    Revert { reverts, says, ..Revert::default() }
}

/// What a deploy brought, as its sender says.
pub fn rollout(
    kind: ChangeKind,
    version: Option<&str>,
    before: Option<&str>,
) -> Result<Option<Rollout>, String> {
    let given =
        |text: Option<&'_ str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let (version, before) = (given(version), given(before));
    for (field, given) in [("version", &version), ("before", &before)] {
        let Some(given) = given else { continue };
        if kind != ChangeKind::Deploy {
            return Err(format!("{field} is for deploys; leave it out of a change of another kind"));
        }
        line(field, given, MAX_VERSION_BYTES)?;
    }
    match (version, before) {
        (None, Some(_)) => Err("before is given and version is not; give both, or version alone".into()),
        (version, before) => Ok(version.map(|version| Rollout { version, before })),
    }
}

/// What a sender's word on approval means; no word is no knowledge.
pub fn review(approved: Option<bool>) -> Review {
    match approved {
        Some(true) => Review::Approved,
        Some(false) => Review::Missing,
        None => Review::Unknown,
    }
}

/// A commit has files, which the sender does not tell; other changes have none of their own.
pub fn paths(kind: ChangeKind) -> Paths {
    if kind == ChangeKind::Commit { Paths::Unknown } else { Paths::Known(Vec::new()) }
}

/// An author by name; a name such as `renovate[bot]` is a program's.
pub fn author(name: &str, email: Option<&str>) -> Result<Author, String> {
    let name = line("author", name, MAX_NAME_BYTES)?;
    let email = email.map(|email| line("author.email", email, MAX_NAME_BYTES)).transpose()?;
    let nature = if name.to_ascii_lowercase().ends_with("[bot]") { Nature::Bot } else { Nature::Person };
    Ok(Author { name: name.into(), email: email.map(ExternalText::from), nature })
}
