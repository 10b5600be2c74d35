//! Deployments: when they took effect, what they brought, what they took out, and what is hidden or not known.

use serde_json::json;

use super::fake::Fake;
use super::graph::{Graph, sha, time};
use super::{ask, ask_with, line, lines, options, query};
use hearback_core::change::Says;
use hearback_github::{GithubOptions, Limits, Pattern};

/// Commits 1 to 9 on main, and what ran in production before the window.
fn graph() -> Graph {
    let mut graph = Graph::default();
    graph.commit(1, &[], "Begin", "09:00");
    graph.line(1, 9);
    graph.deployed(1, 3, "production", "2026-11-20T10:00:00Z");
    graph
}

fn body(fetched: &hearback_core::evidence::Fetched<hearback_core::Change>, at: usize) -> &str {
    fetched.items[at].body.as_untrusted()
}

#[tokio::test]
async fn a_deployment_takes_effect_with_its_first_success() {
    let mut graph = graph();
    graph.deployment(2, 5, "production", "12:00");
    graph.status(2, "in_progress", "12:01");
    graph.status(2, "failure", "12:05");
    graph.status(2, "success", "12:10");
    graph.status(2, "inactive", "13:00");
    let fake = Fake::start(graph).await;
    let fetched = ask(&fake).await;
    assert_eq!(
        lines(&fetched),
        ["12:10 github:octo/checkout:deployment:2 brings 4+5: deploy 0000500000 (main) to production"]
    );
    assert_eq!(body(&fetched, 0), "Failed first, at 2026-11-23 12:05:00Z.");
    assert_eq!(fetched.items[0].environment.as_deref(), Some("production"));
    assert_eq!(fetched.coverage.missing, [""; 0]);
}

#[tokio::test]
async fn a_status_from_after_the_window_is_not_seen() {
    let mut graph = graph();
    graph.deployment(2, 5, "production", "13:50");
    graph.status(2, "in_progress", "13:51");
    graph.status(2, "success", "14:00");
    graph.deployment(3, 6, "staging", "13:00");
    graph.status(3, "failure", "13:10")["description"] = json!("health checks never passed");
    graph.status(3, "success", "14:20");
    graph.deployed(4, 7, "production", "14:30");
    let fake = Fake::start(graph).await;
    let fetched = ask(&fake).await;
    assert_eq!(
        lines(&fetched),
        [
            "13:10 github:octo/checkout:deployment:3 not landed: deploy 0000600000 (main) to staging",
            "13:50 github:octo/checkout:deployment:2 not landed: deploy 0000500000 (main) to production",
        ]
    );
    assert_eq!(body(&fetched, 0), "Under way.");
    assert_eq!(body(&fetched, 1), "Failed: health checks never passed");
}

#[tokio::test]
async fn each_deployment_brings_what_came_since_the_one_before_in_its_environment() {
    let mut graph = graph();
    graph.deployed(2, 5, "production", "12:10");
    graph.deployed(3, 9, "staging", "12:15");
    graph.deployment(4, 8, "production", "12:20");
    graph.status(4, "failure", "12:21");
    graph.deployed(5, 7, "production", "12:30");
    graph.deployed(6, 7, "production", "12:40");
    let fake = Fake::start(graph).await;
    let fetched = ask(&fake).await;
    let told: Vec<String> =
        lines(&fetched).iter().map(|l| l.split(": deploy").next().unwrap().to_owned()).collect();
    assert_eq!(
        told,
        [
            "12:10 github:octo/checkout:deployment:2 brings 4+5",
            "12:15 github:octo/checkout:deployment:3 brings 9",
            "12:21 github:octo/checkout:deployment:4 not landed",
            "12:30 github:octo/checkout:deployment:5 brings 6+7",
            "12:40 github:octo/checkout:deployment:6",
        ]
    );
    assert_eq!(body(&fetched, 1), "The first deployment to staging.");
    assert_eq!(body(&fetched, 4), "0000700000 again: no new commit.");
    assert_eq!(fetched.coverage.missing, [""; 0]);
}

#[tokio::test]
async fn a_success_tells_its_version_and_the_one_that_ran_before() {
    let mut graph = graph();
    graph.deployed(2, 5, "production", "12:10");
    graph.deployed(3, 9, "staging", "12:15");
    graph.deployment(4, 8, "production", "12:20");
    graph.status(4, "failure", "12:21");
    graph.deployed(5, 7, "production", "12:30");
    graph.deployed(6, 8, "production", "12:35");
    graph.deployments.last_mut().unwrap()["task"] = json!("deploy:migrations");
    graph.deployment(7, 9, "production", "12:40");
    let fake = Fake::start(graph).await;
    let fetched = ask(&fake).await;
    let told = |at: usize| {
        let rollout = fetched.items[at].rollout.as_ref();
        rollout.map(|rollout| (rollout.version.clone(), rollout.before.clone()))
    };
    let rollouts: Vec<_> = (0..fetched.items.len()).map(told).collect();
    assert_eq!(
        rollouts,
        [
            Some((sha(5), Some(sha(3)))),
            Some((sha(9), None)),
            None,
            Some((sha(7), Some(sha(5)))),
            Some((sha(8), None)),
            None,
        ]
    );
}

#[tokio::test]
async fn what_ran_before_is_not_guessed() {
    let mut graph = Graph::default();
    graph.commit(1, &[], "Begin", "09:00");
    graph.line(1, 9);
    for id in 10..20 {
        graph.deployment(id, 2, "production", "2026-11-20T10:00:00Z");
        graph.status(id, "failure", "2026-11-20T10:00:00Z");
    }
    graph.deployed(30, 5, "production", "12:10");
    let fake = Fake::start(graph).await;
    let fetched = ask(&fake).await;
    let rollout = fetched.items[0].rollout.clone().unwrap();
    assert_eq!((rollout.version, rollout.before), (sha(5), None));
    assert!(fetched.coverage.missing[0].contains("no earlier success"), "{:?}", fetched.coverage.missing);
}

#[tokio::test]
async fn a_rollback_brings_nothing_and_names_what_it_takes_out() {
    let mut graph = graph();
    graph.deployed(2, 6, "production", "12:10");
    graph.deployed(3, 4, "production", "12:40");
    let fake = Fake::start(graph).await;
    let fetched = ask(&fake).await;
    let rollback = &fetched.items[1];
    assert_eq!(
        line(rollback),
        "12:40 github:octo/checkout:deployment:3: deploy 0000400000 (main) to production"
    );
    let gone: Vec<&str> = rollback.revert.reverts.iter().filter_map(|id| id.sha()).collect();
    assert_eq!((rollback.revert.says, gone), (Says::Reverts, vec![sha(5).as_str(), sha(6).as_str()]));
    assert_eq!(body(&fetched, 1), "Rolled back from 0000600000 to 0000400000: 2 commits taken out.");
}

#[tokio::test]
async fn a_deployment_of_another_line_brings_and_takes_out() {
    let mut graph = graph();
    graph.commit(20, &[2], "Hotfix", "12:00");
    graph.deployed(2, 20, "production", "12:10");
    let fake = Fake::start(graph).await;
    let fetched = ask(&fake).await;
    assert!(
        lines(&fetched)[0].starts_with("12:10 github:octo/checkout:deployment:2 brings 14:"),
        "{fetched:?}"
    );
    assert_eq!(fetched.items[0].revert.reverts.len(), 1);
    assert!(body(&fetched, 0).ends_with("which is on another line: 1 commit taken out."));
}

#[tokio::test]
async fn a_range_that_is_too_long_is_cut_and_said() {
    let mut graph = graph();
    graph.line(9, 400);
    graph.deployed(2, 400, "production", "12:10");
    let fake = Fake::start(graph).await;
    let limits = Limits { range_commits: 150, ..Limits::default() };
    let fetched = ask_with(&fake, GithubOptions { limits, ..options(&fake) }, query()).await.unwrap();
    assert_eq!(fetched.items[0].delivers.len(), 150);
    assert_eq!(
        fetched.coverage.missing,
        ["what deployment 2 delivers: only the first 150 of 397 commits are named"]
    );
    assert_eq!(fake.requests().iter().filter(|request| request.contains("/compare/")).count(), 2);
}

#[tokio::test]
async fn what_can_not_be_compared_is_a_gap_and_the_deployment_stands() {
    let mut graph = graph();
    graph.deployed(2, 77, "production", "12:10");
    let fake = Fake::start(graph).await;
    let fetched = ask(&fake).await;
    assert!(fetched.items[0].delivers.is_empty());
    assert_eq!(
        fetched.coverage.missing,
        [
            "what deployment 2 delivers: GitHub shows no commits here; check owner and name, and that the token has the permission Contents: read"
        ]
    );
}

#[tokio::test]
async fn the_success_before_is_found_behind_many_of_other_environments() {
    let mut graph = graph();
    for id in 100..400 {
        let minute = id % 60;
        graph.deployed(id, 2, &format!("preview-{id}"), &format!("2026-11-21T10:{minute:02}:00Z"));
    }
    graph.deployed(900, 5, "production", "12:10");
    let fake = Fake::start(graph).await;
    let fetched = ask(&fake).await;
    assert!(lines(&fetched)[0].contains("deployment:900 brings 4+5"), "{:?}", lines(&fetched));
    assert!(fake.requests().iter().any(|r| r.contains("deployments?environment=production&task=deploy")));
    assert_eq!(fetched.coverage.missing, [""; 0]);
}

#[tokio::test]
async fn transient_environments_are_left_out_and_counted_unless_they_are_wanted() {
    let mut graph = graph();
    graph.deployed(2, 5, "review-12", "12:10");
    graph.deployments.last_mut().unwrap()["transient_environment"] = json!(true);
    graph.deployed(3, 5, "production", "12:20");
    let fake = Fake::start(graph).await;
    let fetched = ask(&fake).await;
    assert_eq!(fetched.items.len(), 1);
    assert!(
        fetched
            .coverage
            .searched
            .contains("1 deployment, 1 deployment to another or a transient environment left out"),
        "{}",
        fetched.coverage.searched
    );
    let wanted = vec![Pattern::new("review-*").unwrap()];
    let fetched =
        ask_with(&fake, GithubOptions { environments: wanted, ..options(&fake) }, query()).await.unwrap();
    assert_eq!(fetched.items[0].environment.as_deref(), Some("review-12"));
    assert_eq!(fetched.items.len(), 1);
}

#[tokio::test]
async fn a_slow_rollout_begun_before_the_window_is_seen() {
    let mut graph = graph();
    graph.deployment(2, 5, "production", "09:00");
    graph.status(2, "success", "12:30")["created_at"] = json!(time("12:30"));
    let fake = Fake::start(graph).await;
    assert!(lines(&ask(&fake).await)[0].starts_with("12:30 github:octo/checkout:deployment:2 brings 4+5"));
}
