//! Why GitHub did not answer, as one plain sentence that says what to do. It must not know what was wanted for what.

use hearback_core::ports::ConnectorError;
use hearback_core::time::format_time;
use jiff::{SignedDuration, Timestamp};

/// A part of the API, with the permission of a fine-grained token that opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) what: &'static str,
    /// What is done to it.
    pub(crate) verb: &'static str,
    pub(crate) permission: &'static str,
}

impl Part {
    const fn read(what: &'static str, permission: &'static str) -> Part {
        Part { what, verb: "read", permission }
    }
}

pub(crate) const REPOSITORY: Part = Part::read("the repository", "Metadata: read");
pub(crate) const PULLS: Part = Part::read("pull requests", "Pull requests: read");
pub(crate) const COMMITS: Part = Part::read("commits", "Contents: read");
pub(crate) const RELEASES: Part = Part::read("releases", "Contents: read");
pub(crate) const DEPLOYMENTS: Part = Part::read("deployments", "Deployments: read");
pub(crate) const RUNS: Part = Part::read("workflow runs", "Actions: read");
pub(crate) const BRANCHES: Part = Part::read("branches", "Contents: read");
pub(crate) const WORKFLOWS: Part = Part::read("workflows", "Actions: read");
pub(crate) const OPENED_PULLS: Part =
    Part { what: "pull requests", verb: "open", permission: "Pull requests: write" };
pub(crate) const MADE_DEPLOYMENTS: Part =
    Part { what: "deployments", verb: "make", permission: "Deployments: write" };
pub(crate) const STARTED_RUNS: Part =
    Part { what: "workflow runs", verb: "start", permission: "Actions: write" };

/// Why GitHub did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("GitHub does not accept the token; make a new one")]
    BadToken,
    #[error("GitHub wants a token for {}; give one with the permission {}", .0.what, .0.permission)]
    NoToken(Part),
    #[error("the token may not {} {}; give it the permission {}", .0.verb, .0.what, .0.permission)]
    Forbidden(Part),
    #[error("the organisation wants single sign-on for {}; authorise the token for it on GitHub", .0.what)]
    SingleSignOn(Part),
    #[error("GitHub shows no {} here; check owner and name, and that the token has the permission {}", .0.what.trim_start_matches("the "), .0.permission)]
    NotFound(Part),
    #[error("the token's calls to GitHub are used up; they are back at {}", format_time(*.0))]
    UsedUp(Timestamp),
    #[error("GitHub asks for a pause (secondary rate limit); ask again in {0} s")]
    Pause(u64),
    #[error("no time was left for {}", .0.what)]
    OutOfTime(Part),
    #[error("{} took more calls than one question may make", .0.what)]
    OutOfCalls(Part),
    #[error("GitHub can't be reached ({0}); check the address and the network")]
    Unreachable(String),
    #[error("GitHub failed on {} (status {}); ask again", .0.what, .1)]
    Failed(Part, u16),
    #[error("GitHub's answer for {} is larger than {} bytes and was not read", .0.what, .1)]
    TooLarge(Part, usize),
    #[error("the address does not answer like GitHub's API (no JSON for {}); GitHub Enterprise Server's is https://HOST/api/v3", .0.what)]
    NotJson(Part),
    #[error("GitHub's answer for {} is cut off or not what its API describes; ask again", .0.what)]
    Unreadable(Part),
    #[error("GitHub's next page of {} is on another host and was not read", .0.what)]
    Elsewhere(Part),
}

impl Refusal {
    /// Whether every further call of the same question would end the same way.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Refusal::BadToken | Refusal::UsedUp(_) | Refusal::Pause(_))
    }

    /// The refusal as the port has it.
    pub(crate) fn into_error(self, budget: SignedDuration) -> ConnectorError {
        match &self {
            Refusal::OutOfTime(_) => ConnectorError::TimedOut(budget),
            Refusal::BadToken
            | Refusal::NoToken(_)
            | Refusal::Forbidden(_)
            | Refusal::SingleSignOn(_)
            | Refusal::NotFound(_)
            | Refusal::NotJson(_) => ConnectorError::NotUsable(self.to_string()),
            _ => ConnectorError::Failed(self.to_string()),
        }
    }
}

/// What an answer that is no success says, with the headers that tell limits apart from permissions.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Denial<'a> {
    pub(crate) status: u16,
    pub(crate) remaining: Option<&'a str>,
    pub(crate) reset: Option<&'a str>,
    pub(crate) retry_after: Option<&'a str>,
    pub(crate) sso: bool,
    pub(crate) had_token: bool,
    /// The first bytes of the body.
    pub(crate) body: &'a str,
}

/// How long a secondary limit without a header lasts at least, after GitHub's documentation of rate limits.
const PAUSE_S: u64 = 60;

/// Reads a denial. Both rate limits come as 403 or 429 (docs.github.com, "Rate limits for the REST API"): the primary one
/// with `x-ratelimit-remaining: 0`, the secondary one with `retry-after` or with nothing but words.
pub(crate) fn parse_denial(part: Part, denial: Denial<'_>) -> Refusal {
    let limited = matches!(denial.status, 403 | 429);
    let pause = denial.retry_after.and_then(|text| text.trim().parse::<u64>().ok());
    match denial.status {
        _ if limited && pause.is_some() => Refusal::Pause(pause.unwrap_or(PAUSE_S).max(1)),
        _ if limited && denial.remaining.map(str::trim) == Some("0") => {
            denial.reset.and_then(parse_reset).map_or(Refusal::Pause(PAUSE_S), Refusal::UsedUp)
        }
        429 => Refusal::Pause(PAUSE_S),
        403 if denial.body.to_ascii_lowercase().contains("rate limit") => Refusal::Pause(PAUSE_S),
        403 if denial.sso => Refusal::SingleSignOn(part),
        403 if denial.had_token => Refusal::Forbidden(part),
        401 if denial.had_token => Refusal::BadToken,
        401 | 403 => Refusal::NoToken(part),
        404 | 410 => Refusal::NotFound(part),
        status => Refusal::Failed(part, status),
    }
}

/// Reads `x-ratelimit-reset`: seconds since 1970.
pub(crate) fn parse_reset(text: &str) -> Option<Timestamp> {
    Timestamp::from_second(text.trim().parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_apart_from_permissions() {
        let plain = Denial { had_token: true, ..Denial::default() };
        let check = |denial: Denial<'_>, expect: &str| {
            assert_eq!(parse_denial(PULLS, denial).to_string(), expect);
        };
        check(
            Denial { status: 403, remaining: Some("0"), reset: Some("1795442400"), ..plain },
            "the token's calls to GitHub are used up; they are back at 2026-11-23 14:00:00Z",
        );
        check(
            Denial { status: 429, remaining: Some("0"), reset: Some("soon"), ..plain },
            "GitHub asks for a pause (secondary rate limit); ask again in 60 s",
        );
        check(
            Denial { status: 403, retry_after: Some("17"), remaining: Some("0"), ..plain },
            "GitHub asks for a pause (secondary rate limit); ask again in 17 s",
        );
        check(
            Denial { status: 403, body: "You have exceeded a Secondary Rate Limit.", ..plain },
            "GitHub asks for a pause (secondary rate limit); ask again in 60 s",
        );
        check(
            Denial { status: 403, remaining: Some("4999"), ..plain },
            "the token may not read pull requests; give it the permission Pull requests: read",
        );
        check(
            Denial { status: 403, sso: true, ..plain },
            "the organisation wants single sign-on for pull requests; authorise the token for it on GitHub",
        );
        check(Denial { status: 401, ..plain }, "GitHub does not accept the token; make a new one");
        check(
            Denial { status: 401, ..Denial::default() },
            "GitHub wants a token for pull requests; give one with the permission Pull requests: read",
        );
        check(Denial { status: 422, ..plain }, "GitHub failed on pull requests (status 422); ask again");
        assert_eq!(
            parse_denial(REPOSITORY, Denial { status: 404, ..plain }).to_string(),
            "GitHub shows no repository here; check owner and name, and that the token has the permission Metadata: read"
        );
    }
}
