//! What goes wrong: limits, permissions, silence, nonsense. Each is one plain sentence, and what could be read is told.

use std::time::Duration;

use hearback_core::ports::{ChangeQuery, ChangeSource as _};
use hearback_github::{GithubOptions, Limits};
use jiff::SignedDuration;
use tokio::time::Instant;

use super::fake::{Fake, Trouble};
use super::graph::Graph;
use super::{ask, ask_with, lines, options, query, source};

fn graph() -> Graph {
    let mut graph = Graph::default();
    graph.commit(1, &[], "Begin", "09:00");
    graph.line(1, 9);
    graph.commit(10, &[9], "Fix cart (#1)", "12:10");
    graph.pull(1, "Fix cart", ("12:10", 10));
    graph.deployed(1, 3, "production", "2026-11-20T10:00:00Z");
    graph.deployed(2, 5, "production", "12:20");
    graph
}

async fn error(fake: &Fake) -> String {
    ask_with(fake, options(fake), query()).await.unwrap_err().to_string()
}

#[tokio::test]
async fn asked_again_nothing_that_stayed_the_same_costs_a_call() {
    let fake = Fake::start(graph()).await;
    let source = source(options(&fake));
    let first = source.changes(&query()).await.unwrap();
    let (spent, asked) = (fake.spent(), fake.requests().len());
    assert_eq!(spent, asked);
    let second = source.changes(&query()).await.unwrap();
    assert_eq!((second, fake.spent()), (first, spent));
    assert!(fake.requests().len() > asked, "what may change is asked again");
    let commits = |requests: &[String]| requests.iter().filter(|r| r.contains("/commits/")).count();
    assert_eq!(commits(&fake.requests()), 1, "a commit can't change");
    fake.change(|graph| graph.review(1, "bob", "APPROVED", "12:00"));
    let third = source.changes(&query()).await.unwrap();
    assert!(lines(&third)[0].contains("approved: Fix cart"), "{:?}", lines(&third));
    assert_eq!(fake.spent(), spent + 1);
    fake.assert_kept_the_contract();
}

#[tokio::test]
async fn calls_that_are_used_up_are_a_gap_that_says_when_they_are_back() {
    let fake = Fake::start(graph()).await;
    fake.allow(5);
    let fetched = ask(&fake).await;
    let used_up = "the token's calls to GitHub are used up; they are back at 2026-11-23 15:00:00Z";
    assert!(!fetched.coverage.missing.is_empty());
    assert!(
        fetched.coverage.missing.iter().all(|why| why.ends_with(used_up)),
        "{:?}",
        fetched.coverage.missing
    );
    let asked = fake.requests().len();
    assert!(asked <= 11, "no call is begun once the limit is known: {asked}");
    let fake = Fake::start(graph()).await;
    fake.allow(0);
    assert_eq!(error(&fake).await, used_up);
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn a_secondary_limit_is_told_and_never_waited_for() {
    let fake = Fake::start(graph()).await;
    fake.trouble(
        "/",
        Trouble::Denies(403, &[("retry-after", "3600")], "You have exceeded a secondary rate limit."),
    );
    let begun = Instant::now();
    assert_eq!(error(&fake).await, "GitHub asks for a pause (secondary rate limit); ask again in 3600 s");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    for (path, trouble, expect) in [
        (
            "/",
            Trouble::Denies(401, &[], "Bad credentials"),
            "GitHub does not accept the token; make a new one",
        ),
        (
            "/",
            Trouble::Denies(404, &[], "Not Found"),
            "GitHub shows no repository here; check owner and name, and that the token has the permission Metadata: read",
        ),
        (
            "/",
            Trouble::Denies(403, &[("x-github-sso", "required; url=https://x")], "SAML"),
            "the organisation wants single sign-on for the repository; authorise the token for it on GitHub",
        ),
        ("/", Trouble::Denies(500, &[], "Oops"), "GitHub failed on the repository (status 500); ask again"),
        (
            "/",
            Trouble::SendsAPage,
            "the address does not answer like GitHub's API (no JSON for the repository); GitHub Enterprise Server's is https://HOST/api/v3",
        ),
        (
            "/",
            Trouble::CutsTheJson,
            "GitHub's answer for the repository is cut off or not what its API describes; ask again",
        ),
        (
            "/",
            Trouble::BreaksOff,
            "GitHub's answer for the repository is cut off or not what its API describes; ask again",
        ),
        (
            "/",
            Trouble::Announces(1 << 40),
            "GitHub's answer for the repository is larger than 16777216 bytes and was not read",
        ),
        (
            "/",
            Trouble::NeverEnds,
            "GitHub's answer for the repository is larger than 16777216 bytes and was not read",
        ),
    ] {
        let fake = Fake::start(graph()).await;
        fake.trouble(path, trouble);
        assert_eq!(error(&fake).await, expect);
    }
}

#[tokio::test]
async fn a_part_that_is_refused_hides_no_other() {
    for (path, trouble, missing, kept) in [
        (
            "/deployments?",
            Trouble::Denies(403, &[], "Resource not accessible by personal access token"),
            "deployments: the token may not read deployments; give it the permission Deployments: read",
            "Fix cart",
        ),
        (
            "/pulls?",
            Trouble::CutsTheJson,
            "pull requests: GitHub's answer for pull requests is cut off or not what its API describes; ask again",
            "deploy",
        ),
        (
            "/reviews",
            Trouble::Denies(500, &[], "Oops"),
            "some reviews: GitHub failed on pull requests (status 500); ask again",
            "Fix cart",
        ),
        (
            "/commits/",
            Trouble::Denies(404, &[], "No commit found"),
            "some merge commits: GitHub shows no commits here; check owner and name, and that the token has the permission Contents: read",
            "Fix cart",
        ),
        (
            "/pulls?",
            Trouble::LinksElsewhere,
            "pull requests: GitHub's next page of pull requests is on another host and was not read",
            "deploy",
        ),
    ] {
        let fake = Fake::start(graph()).await;
        fake.trouble(path, trouble);
        let fetched = ask(&fake).await;
        assert_eq!(fetched.coverage.missing, [missing]);
        assert!(lines(&fetched).iter().any(|line| line.contains(kept)), "{path}: {:?}", lines(&fetched));
    }
}

#[tokio::test]
async fn a_gateway_that_stumbles_once_is_asked_twice() {
    let fake = Fake::start(graph()).await;
    fake.trouble_times("/pulls?", Trouble::Denies(502, &[], "Bad Gateway"), 1);
    let fetched = ask(&fake).await;
    assert_eq!((fetched.items.len(), fetched.coverage.missing.len()), (2, 0));
    fake.trouble_times("/pulls?", Trouble::Denies(502, &[], "Bad Gateway"), 2);
    let fetched = ask(&fake).await;
    assert_eq!(
        fetched.coverage.missing,
        ["pull requests: GitHub failed on pull requests (status 502); ask again"]
    );
}

#[tokio::test]
async fn silence_ends_with_the_budget_and_what_was_read_is_told() {
    let budget = |seconds| ChangeQuery { budget: SignedDuration::from_secs(seconds), ..query() };
    let fake = Fake::start(graph()).await;
    fake.trouble("/statuses", Trouble::Hangs);
    let begun = Instant::now();
    let fetched = ask_with(&fake, options(&fake), budget(3)).await.unwrap();
    // A source is waited for half a second beyond its budget.
    assert!(begun.elapsed() < Duration::from_millis(3500));
    assert!(lines(&fetched)[0].contains("Fix cart"), "{:?}", lines(&fetched));
    assert_eq!(fetched.coverage.missing, ["statuses of some deployments: no time was left for deployments"]);
    let fake = Fake::start(graph()).await;
    fake.trouble("/", Trouble::Hangs);
    let error = ask_with(&fake, options(&fake), budget(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "no answer within 1.0 s");
}

#[tokio::test]
async fn a_call_that_hangs_does_not_use_up_the_budget() {
    let fake = Fake::start(graph()).await;
    fake.trouble("/reviews", Trouble::Hangs);
    let limits = Limits { call_ms: 300, ..Limits::default() };
    let begun = Instant::now();
    let fetched = ask_with(&fake, GithubOptions { limits, ..options(&fake) }, query()).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(fetched.coverage.missing, ["some reviews: no time was left for pull requests"]);
    assert_eq!(fetched.items.len(), 2);
}

#[tokio::test]
async fn one_question_makes_no_more_calls_than_it_may() {
    let fake = Fake::start(graph()).await;
    let limits = Limits { calls: 6, ..Limits::default() };
    let fetched = ask_with(&fake, GithubOptions { limits, ..options(&fake) }, query()).await.unwrap();
    assert_eq!(fake.requests().len(), 6);
    assert!(fetched.coverage.missing.iter().any(|why| why.contains("more calls than one question may make")));
}

#[tokio::test]
async fn pages_beyond_the_limit_are_named() {
    let mut graph = graph();
    for number in 2..=250 {
        graph.pull(number, &format!("Change (#{number})"), ("12:30", 10));
    }
    let fake = Fake::start(graph).await;
    let limits = Limits { pages: 2, pulls: 0, ..Limits::default() };
    let fetched = ask_with(&fake, GithubOptions { limits, ..options(&fake) }, query()).await.unwrap();
    assert!(
        fetched.coverage.missing.contains(&"pull requests beyond the first 200 were not read".to_owned()),
        "{:?}",
        fetched.coverage.missing
    );
}

#[tokio::test]
async fn github_enterprise_server_is_asked_below_its_path() {
    let fake = Fake::start_at("/api/v3", graph()).await;
    let fetched = ask(&fake).await;
    assert_eq!(fetched.items.len(), 2);
    assert!(fake.requests().iter().all(|request| request.starts_with("/api/v3/repos/octo/checkout")));
    let wrong = GithubOptions { base_url: fake.base_url().replace("/api/v3", ""), ..options(&fake) };
    let error = ask_with(&fake, wrong, query()).await.unwrap_err().to_string();
    assert!(error.contains("GitHub Enterprise Server's is https://HOST/api/v3"), "{error}");
}

#[tokio::test]
async fn nobody_there_is_said_with_its_cause() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let options = GithubOptions { base_url: format!("http://{address}"), ..GithubOptions::default() };
    let error = source(options).changes(&query()).await.unwrap_err().to_string();
    assert!(error.starts_with("GitHub can't be reached (Connection refused"), "{error}");
    assert!(error.ends_with("check the address and the network"), "{error}");
}

#[tokio::test]
async fn a_renamed_repository_is_followed_and_the_token_goes_to_no_other_host() {
    let fake = Fake::start(graph()).await;
    fake.trouble(
        "/repos/octo/checkout/pulls?",
        Trouble::Moved(format!("{}/repositories/1/pulls?per_page=100", fake.base_url())),
    );
    let fetched = ask(&fake).await;
    assert_eq!((fetched.items.len(), fetched.coverage.missing.len()), (2, 0));

    let (fake, other) = (Fake::start(graph()).await, Fake::start(graph()).await);
    fake.trouble(
        "/deployments?",
        Trouble::Moved(format!("{}/repos/octo/checkout/deployments", other.base_url())),
    );
    ask(&fake).await;
    assert_eq!(other.requests().len(), 1);
    assert_eq!(
        other.broken(),
        ["/repos/octo/checkout/deployments: authorization is [], not Bearer github_pat_test"]
    );
}

#[tokio::test]
async fn answers_of_two_questions_at_once_do_not_mix() {
    let fake = Fake::start(graph()).await;
    let source = source(options(&fake));
    let (long, short) = (query(), ChangeQuery { budget: SignedDuration::from_secs(19), ..query() });
    let (a, b) = futures::join!(source.changes(&long), source.changes(&short));
    assert_eq!(a.unwrap(), b.unwrap());
    fake.assert_kept_the_contract();
}

#[tokio::test]
async fn pages_that_stayed_the_same_lead_on_to_the_next() {
    let mut graph = graph();
    for number in 2..=250 {
        graph.pull(number, &format!("Change (#{number})"), ("12:30", 10));
    }
    let fake = Fake::start(graph).await;
    let limits = Limits { pulls: 0, ..Limits::default() };
    let source = source(GithubOptions { limits, ..options(&fake) });
    let first = source.changes(&query()).await.unwrap();
    let spent = fake.spent();
    assert_eq!(source.changes(&query()).await.unwrap(), first);
    assert_eq!(fake.spent(), spent);
    assert!(first.coverage.searched.contains("250 pull requests"), "{}", first.coverage.searched);
}
