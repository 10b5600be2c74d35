//! What goes wrong with a write: it is sent once, and what became of it is told as far as it is known.

use hearback_core::action::Outcome;
use hearback_core::ports::{ActionExecutor as _, ConnectorError};
use hearback_github::{GithubOptions, Limits};
use jiff::SignedDuration;
use tokio::time::Instant;

use super::approved::{actions, actions_with, execute, execute_within};
use super::fake::{Fake, Trouble};
use super::{open_pulls, options, redeploys};

fn failed(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed { why } => why,
        other => panic!("{other:?}"),
    }
}

fn unknown(outcome: Outcome) -> String {
    match outcome {
        Outcome::Unknown { why } => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_refused_was_not_done_and_says_what_to_do() {
    for (trouble, expect) in [
        (
            Trouble::Denies(401, &[], "Bad credentials"),
            "GitHub does not accept the token; make a new one; nothing was done",
        ),
        (
            Trouble::Denies(403, &[], "Resource not accessible by personal\u{1b}[2J access token"),
            "the token may not open pull requests; give it the permission Pull requests: write; nothing was done (GitHub \
             says: Resource not accessible by personal\u{fffd}[2J access token)",
        ),
        (
            Trouble::Denies(403, &[("retry-after", "90")], "You have exceeded a secondary rate limit."),
            "GitHub asks for a pause (secondary rate limit); ask again in 90 s; nothing was done",
        ),
        (
            Trouble::Denies(
                429,
                &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795446000")],
                "API rate limit exceeded",
            ),
            "the token's calls to GitHub are used up; they are back at 2026-11-23 15:00:00Z; nothing was done",
        ),
        (
            Trouble::Denies(404, &[], "Not Found"),
            "GitHub shows no pull requests here; check owner and name, and that the token has the permission Pull \
             requests: write; nothing was done",
        ),
        (
            Trouble::Denies(400, &[], "Problems parsing JSON"),
            "GitHub did not take it (status 400: Problems parsing JSON); nothing was done",
        ),
        (
            Trouble::Denies(307, &[("location", "/repositories/1/pulls")], "Moved"),
            "GitHub did not take it (status 307: Moved); nothing was done",
        ),
    ] {
        let fake = Fake::start(open_pulls::graph()).await;
        fake.trouble("POST ", trouble);
        let outcome = execute(&fake, &actions(&fake, vec![]), &open_pulls::open()).await;
        assert_eq!(failed(outcome), expect);
        assert_eq!(fake.writes().len(), 1, "{expect}");
    }
    let fake = Fake::start(open_pulls::graph()).await;
    let errors = r#"{"message": "Validation Failed", "errors": [{"code": "custom", "message": "No commits between main and \u001b]0;x\u0007"}]}"#;
    fake.trouble("POST ", Trouble::Complains(422, errors));
    let outcome = execute(&fake, &actions(&fake, vec![]), &open_pulls::open()).await;
    assert_eq!(
        super::approved::not_as_expected(outcome),
        "GitHub did not take it: Validation Failed: No commits between main and \u{fffd}]0;x\u{fffd}; nothing was done"
    );
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_and_nothing_is_sent_again() {
    for trouble in [
        Trouble::Closes,
        Trouble::BreaksOff,
        Trouble::CutsTheJson,
        Trouble::NeverEnds,
        Trouble::SendsAPage,
        Trouble::Denies(502, &[], "Bad Gateway"),
        Trouble::Denies(500, &[], "Oops"),
        Trouble::Hangs,
    ] {
        let limits = Limits { call_ms: 1000, ..Limits::default() };
        let fake = Fake::start(open_pulls::graph()).await;
        fake.trouble("POST ", Trouble::Takes(Box::new(trouble.clone())));
        let actions = actions_with(GithubOptions { limits: limits.clone(), ..options(&fake) }, vec![]);
        let outcome = execute(&fake, &actions, &open_pulls::open()).await;
        let Outcome::Done(receipt) = outcome else { panic!("{outcome:?}") };
        assert_eq!((receipt.made.as_deref(), fake.writes().len()), (Some("100"), 1));

        let fake = Fake::start(redeploys::graph()).await;
        fake.trouble("POST ", Trouble::Takes(Box::new(trouble)));
        let actions = actions_with(GithubOptions { limits, ..options(&fake) }, redeploys::ways());
        let outcome = execute(&fake, &actions, &redeploys::back(&actions, 7, 5)).await;
        let Outcome::Done(receipt) = outcome else { panic!("{outcome:?}") };
        assert_eq!((receipt.made.as_deref(), fake.writes().len()), (Some("1003"), 1));
    }
}

#[tokio::test]
async fn what_can_not_be_looked_up_is_unknown() {
    let fake = Fake::start(open_pulls::graph()).await;
    fake.trouble("POST ", Trouble::Takes(Box::new(Trouble::Closes)));
    // Before the write it is seen, afterwards it is not.
    fake.trouble_times("GET /repos/octo/checkout/pulls?", Trouble::Complains(200, "[]"), 1);
    fake.trouble("GET /repos/octo/checkout/pulls?", Trouble::Denies(500, &[], "Oops"));
    let budget = SignedDuration::from_secs(4);
    let why = unknown(execute_within(&fake, &actions(&fake, vec![]), &open_pulls::open(), budget).await);
    assert!(why.starts_with("GitHub's answer was lost (the connection was lost: "), "{why}");
    let end = format!(
        "), and it could not be looked up: GitHub failed on pull requests (status 500); ask again; look at \
         {}/octo/checkout/pulls before anything else is done",
        fake.base_url()
    );
    assert!(why.ends_with(&end), "{why}");
    assert_eq!(fake.writes().len(), 1);
}

#[tokio::test]
async fn what_does_not_show_up_is_unknown_within_the_time() {
    let fake = Fake::start(redeploys::graph()).await;
    fake.trouble("POST ", Trouble::Hangs);
    let actions = actions(&fake, redeploys::ways());
    let begun = Instant::now();
    let budget = SignedDuration::from_secs(3);
    let outcome = execute_within(&fake, &actions, &redeploys::back(&actions, 7, 5), budget).await;
    let why = unknown(outcome);
    assert!(begun.elapsed().as_secs_f64() < 3.0, "{:?}", begun.elapsed());
    assert!(why.starts_with("GitHub's answer was lost (no answer within "), "{why}");
    assert!(why.contains("and so far none of the newest deployments to production"), "{why}");
    assert_eq!(fake.writes().len(), 1);
}

#[tokio::test]
async fn silence_before_the_write_is_a_failure_and_nothing_was_done() {
    let fake = Fake::start(open_pulls::graph()).await;
    fake.trouble("git/ref", Trouble::Hangs);
    let begun = Instant::now();
    let budget = SignedDuration::from_secs(2);
    let outcome = execute_within(&fake, &actions(&fake, vec![]), &open_pulls::open(), budget).await;
    assert_eq!(failed(outcome), "no time was left for branches; nothing was done");
    assert!(begun.elapsed().as_secs_f64() < 2.0);
    assert_eq!(fake.writes(), []);
    let rehearsed = actions(&fake, vec![]).rehearse(&open_pulls::open(), SignedDuration::from_secs(1)).await;
    assert!(matches!(rehearsed, Err(ConnectorError::TimedOut(_))), "{rehearsed:?}");
}

#[tokio::test]
async fn with_hardly_any_time_left_nothing_is_begun() {
    let fake = Fake::start(open_pulls::graph()).await;
    let budget = SignedDuration::from_millis(600);
    let outcome = execute_within(&fake, &actions(&fake, vec![]), &open_pulls::open(), budget).await;
    let why = failed(outcome);
    assert!(why.starts_with("no time was left for") && why.ends_with("nothing was done"), "{why}");
    assert_eq!(fake.writes(), []);
}

#[tokio::test]
async fn what_can_not_be_seen_beforehand_is_not_written() {
    for (path, trouble, expect) in [
        (
            "/statuses",
            Trouble::Denies(403, &[], "no"),
            "the token may not read deployments; give it the permission Deployments: read; nothing was done",
        ),
        (
            "/compare/",
            Trouble::Denies(500, &[], "Oops"),
            "GitHub failed on commits (status 500); ask again; nothing was done",
        ),
        (
            "/deployments?",
            Trouble::CutsTheJson,
            "GitHub's answer for deployments is cut off or not what its API describes; ask again; nothing was done",
        ),
    ] {
        let fake = Fake::start(redeploys::graph()).await;
        fake.trouble(path, trouble);
        let actions = actions(&fake, redeploys::ways());
        let outcome = execute(&fake, &actions, &redeploys::back(&actions, 7, 5)).await;
        assert_eq!(failed(outcome), expect);
        assert_eq!(fake.writes(), []);
    }
}

#[tokio::test]
async fn nobody_there_means_nothing_was_sent() {
    let fake = Fake::start(open_pulls::graph()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let options = GithubOptions { base_url: format!("http://{address}"), ..options(&fake) };
    let why = failed(execute(&fake, &actions_with(options, vec![]), &open_pulls::open()).await);
    assert!(why.starts_with("GitHub can't be reached (Connection refused"), "{why}");
    assert!(why.ends_with("nothing was done"), "{why}");
}
