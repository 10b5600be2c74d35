//! What a request to GitHub must look like, written down from the published description of its REST API, version
//! 2022-11-28: one line an endpoint, with the page it was taken from. A request that fits no line, or breaks one, is a
//! failure of the test that made it, even if nobody looked at its answer.
//!
//! General rules (docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api): `Accept:
//! application/vnd.github+json` is recommended, `X-GitHub-Api-Version` names the version, `User-Agent` is required,
//! `Authorization: Bearer TOKEN`. `per_page` is at most 100 (…/using-pagination-in-the-rest-api).

use axum::http::{HeaderMap, Method};

/// The token all tests use.
pub const TOKEN: &str = "github_pat_test";

/// What a query parameter may be.
pub enum Is {
    OneOf(&'static [&'static str]),
    /// 1 to 100.
    PerPage,
    /// From 1.
    Page,
    /// Not empty.
    Text,
    /// `owner:branch`; GitHub ignores it without an owner.
    Head,
    /// 40 hexadecimal digits.
    Sha,
    /// A date query of the search syntax: `A..B` or `<A`.
    Dates,
}

pub struct Endpoint {
    pub path: &'static str,
    pub query: &'static [(&'static str, Is)],
}

pub const ENDPOINTS: &[Endpoint] = &[
    // docs.github.com/en/rest/repos/repos#get-a-repository
    Endpoint { path: "/repos/{owner}/{repo}", query: &[] },
    // docs.github.com/en/rest/pulls/pulls#list-pull-requests
    Endpoint {
        path: "/repos/{owner}/{repo}/pulls",
        query: &[
            ("state", Is::OneOf(&["open", "closed", "all"])),
            ("sort", Is::OneOf(&["created", "updated", "popularity", "long-running"])),
            ("direction", Is::OneOf(&["asc", "desc"])),
            ("head", Is::Head),
            ("base", Is::Text),
            ("per_page", Is::PerPage),
            ("page", Is::Page),
        ],
    },
    // docs.github.com/en/rest/pulls/reviews#list-reviews-for-a-pull-request
    Endpoint {
        path: "/repos/{owner}/{repo}/pulls/{number}/reviews",
        query: &[("per_page", Is::PerPage), ("page", Is::Page)],
    },
    // docs.github.com/en/rest/pulls/pulls#list-commits-on-a-pull-request
    Endpoint {
        path: "/repos/{owner}/{repo}/pulls/{number}/commits",
        query: &[("per_page", Is::PerPage), ("page", Is::Page)],
    },
    // docs.github.com/en/rest/commits/commits#list-commits
    Endpoint {
        path: "/repos/{owner}/{repo}/commits",
        query: &[("sha", Is::Sha), ("per_page", Is::PerPage), ("page", Is::Page)],
    },
    // docs.github.com/en/rest/commits/commits#get-a-commit
    Endpoint {
        path: "/repos/{owner}/{repo}/commits/{sha}",
        query: &[("per_page", Is::PerPage), ("page", Is::Page)],
    },
    // docs.github.com/en/rest/commits/commits#compare-two-commits
    Endpoint {
        path: "/repos/{owner}/{repo}/compare/{basehead}",
        query: &[("per_page", Is::PerPage), ("page", Is::Page)],
    },
    // docs.github.com/en/rest/deployments/deployments#list-deployments
    Endpoint {
        path: "/repos/{owner}/{repo}/deployments",
        query: &[
            ("environment", Is::Text),
            ("task", Is::Text),
            ("per_page", Is::PerPage),
            ("page", Is::Page),
        ],
    },
    // docs.github.com/en/rest/deployments/statuses#list-deployment-statuses
    Endpoint {
        path: "/repos/{owner}/{repo}/deployments/{number}/statuses",
        query: &[("per_page", Is::PerPage), ("page", Is::Page)],
    },
    // docs.github.com/en/rest/releases/releases#list-releases
    Endpoint {
        path: "/repos/{owner}/{repo}/releases",
        query: &[("per_page", Is::PerPage), ("page", Is::Page)],
    },
    // docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-repository
    Endpoint {
        path: "/repos/{owner}/{repo}/actions/runs",
        query: &[
            ("branch", Is::Text),
            ("status", Is::OneOf(&["completed", "success", "failure", "in_progress", "queued"])),
            ("created", Is::Dates),
            ("per_page", Is::PerPage),
            ("page", Is::Page),
        ],
    },
    // docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-workflow
    Endpoint {
        path: "/repos/{owner}/{repo}/actions/workflows/{workflow}/runs",
        query: &[
            ("event", Is::Text),
            ("branch", Is::Text),
            ("status", Is::OneOf(&["completed", "success", "failure", "in_progress", "queued"])),
            ("created", Is::Dates),
            ("per_page", Is::PerPage),
            ("page", Is::Page),
        ],
    },
    // docs.github.com/en/rest/actions/workflows#get-a-workflow
    Endpoint { path: "/repos/{owner}/{repo}/actions/workflows/{workflow}", query: &[] },
    // docs.github.com/en/rest/git/refs#get-a-reference
    Endpoint { path: "/repos/{owner}/{repo}/git/ref/heads/{branch}", query: &[] },
];

/// What a request breaks. What is written is looked at by [`super::contract_writes`].
pub fn broken(method: &Method, path: &str, query: &[(String, String)], headers: &HeaderMap) -> Vec<String> {
    let mut broken = Vec::new();
    if !matches!(*method, Method::GET | Method::POST) {
        broken.push(format!("{method} {path}: only reads and posts are expected"));
    }
    let must = [
        ("accept", "application/vnd.github+json"),
        ("x-github-api-version", "2022-11-28"),
        ("authorization", "Bearer github_pat_test"),
    ];
    for (name, expect) in must {
        let values: Vec<_> =
            headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect();
        if values != [expect] {
            broken.push(format!("{path}: {name} is {values:?}, not {expect}"));
        }
    }
    if headers.get_all("user-agent").iter().count() != 1 {
        broken.push(format!("{path}: one User-Agent is required"));
    }
    if method == Method::POST {
        return broken;
    }
    // A renamed repository is answered with 301 to its number (…/best-practices-for-using-the-rest-api#follow-redirects).
    let path = &path.replace("/repositories/1", "/repos/octo/checkout");
    let Some(endpoint) = ENDPOINTS.iter().find(|endpoint| fits(endpoint.path, path)) else {
        broken.push(format!("{path} is no endpoint that is known"));
        return broken;
    };
    for (at, (name, value)) in query.iter().enumerate() {
        match endpoint.query.iter().find(|(known, _)| known == name) {
            None => broken.push(format!("{path} has no parameter {name}")),
            Some((_, is)) if !allows(is, value) => broken.push(format!("{path}: {name} can't be {value}")),
            Some(_) if query.iter().take(at).any(|(other, _)| other == name) => {
                broken.push(format!("{path}: {name} twice"));
            }
            Some(_) => {}
        }
    }
    broken
}

pub fn fits(template: &str, path: &str) -> bool {
    let (template, mut path): (Vec<&str>, Vec<&str>) =
        (template.split('/').collect(), path.split('/').collect());
    if template.last() == Some(&"{branch}") {
        // A branch may have slashes.
        path.truncate(template.len());
    }
    template.len() == path.len()
        && template.iter().zip(path).all(|(wanted, part)| match *wanted {
            "{owner}" => part == "octo",
            "{repo}" => part == "checkout",
            "{branch}" => !part.is_empty(),
            "{workflow}" => part.parse::<u64>().is_ok() || part.ends_with(".yml") || part.ends_with(".yaml"),
            "{number}" => part.parse::<u64>().is_ok(),
            "{sha}" => is_sha(part),
            "{basehead}" => part.split_once("...").is_some_and(|(base, head)| is_sha(base) && is_sha(head)),
            fixed => fixed == part,
        })
}

fn is_sha(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn allows(is: &Is, value: &str) -> bool {
    let number = value.parse::<u32>().ok();
    let is_date = |text: &str| text.parse::<jiff::Timestamp>().is_ok();
    match is {
        Is::OneOf(values) => values.contains(&value),
        Is::PerPage => number.is_some_and(|n| (1..=100).contains(&n)),
        Is::Page => number.is_some_and(|n| n >= 1),
        Is::Text => !value.is_empty(),
        Is::Head => {
            value.split_once(':').is_some_and(|(owner, branch)| owner == "octo" && !branch.is_empty())
        }
        Is::Sha => is_sha(value),
        Is::Dates => match (value.strip_prefix('<'), value.split_once("..")) {
            (Some(at), _) => is_date(at),
            (None, Some((from, until))) => is_date(from) && is_date(until),
            (None, None) => false,
        },
    }
}

#[test]
fn the_contract_can_be_broken() {
    let good = HeaderMap::from_iter(
        [
            ("accept", "application/vnd.github+json"),
            ("x-github-api-version", "2022-11-28"),
            ("authorization", "Bearer github_pat_test"),
            ("user-agent", "x"),
        ]
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())),
    );
    let check = |path: &str, query: &[(&str, &str)], headers: &HeaderMap, expect: usize| {
        let query: Vec<_> = query.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let broken = broken(&Method::GET, path, &query, headers);
        assert_eq!(broken.len(), expect, "{path}: {broken:?}");
    };
    check("/repos/octo/checkout/pulls", &[("per_page", "100"), ("sort", "updated")], &good, 0);
    check("/repos/octo/checkout/pulls", &[("per_page", "101"), ("sort", "newest")], &good, 2);
    check("/repos/octo/checkout/pulls", &[("since", "x"), ("page", "1"), ("page", "2")], &good, 2);
    check("/repos/octo/checkout/actions/runs", &[("created", "yesterday")], &good, 1);
    check("/repos/octo/checkout/compare/a...b", &[], &good, 1);
    check("/repos/octo/checkout", &[], &HeaderMap::new(), 4);
}
