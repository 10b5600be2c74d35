//! Workflow runs: which of them deploy, which stand for a deployment already, and which were over by the window's end.

use serde_json::json;

use super::fake::Fake;
use super::graph::{Graph, time};
use super::{ask_with, lines, options, query};
use hearback_core::Change;
use hearback_core::evidence::Fetched;
use hearback_github::{DeployWorkflow, GithubOptions, Pattern};

fn graph() -> Graph {
    let mut graph = Graph::default();
    graph.commit(1, &[], "Begin", "09:00");
    graph.line(1, 9);
    graph.run(1, 3, "success", "2026-11-20T10:00:00Z");
    graph
}

async fn ask(fake: &Fake) -> Fetched<Change> {
    let rule = DeployWorkflow {
        workflow: Pattern::new("deploy.yml").unwrap(),
        environment: Some("production".to_owned()),
    };
    ask_with(fake, GithubOptions { deploy_workflows: vec![rule], ..options(fake) }, query()).await.unwrap()
}

#[tokio::test]
async fn runs_of_deploy_workflows_bring_what_came_since_the_success_before() {
    let mut graph = graph();
    graph.run(2, 5, "success", "12:10");
    graph.run(3, 6, "failure", "12:20");
    graph.run(4, 7, "success", "12:30");
    graph.run(5, 7, "skipped", "12:35");
    let other = graph.run(6, 7, "success", "12:40");
    (other["name"], other["path"], other["workflow_id"]) =
        (json!("CI"), json!(".github/workflows/ci.yml"), json!(6));
    let fake = Fake::start(graph).await;
    let fetched = ask(&fake).await;
    assert_eq!(
        lines(&fetched),
        [
            "12:10 github:octo/checkout:run:2 brings 4+5: Deploy: 0000500000",
            "12:20 github:octo/checkout:run:3 not landed: Deploy: 0000600000",
            "12:30 github:octo/checkout:run:4 brings 6+7: Deploy: 0000700000",
        ]
    );
    assert_eq!(fetched.items[1].body.as_untrusted(), "Failed.\nStep 6");
    assert_eq!(fetched.items[1].environment.as_deref(), Some("production"));
    assert!(fetched.items.iter().all(|run| run.rollout.is_none()), "an input may name another commit");
    assert!(
        fetched.coverage.searched.contains("3 runs of deploy workflows, 1 other workflow run left out"),
        "{}",
        fetched.coverage.searched
    );
    assert_eq!(fetched.coverage.missing, [""; 0]);
}

#[tokio::test]
async fn a_run_that_made_a_deployment_is_told_as_that() {
    let mut graph = graph();
    graph.run(2, 5, "success", "12:10");
    graph.deployed(9, 5, "production", "12:09");
    let status = graph.status(9, "success", "12:09");
    status["log_url"] = json!("https://github.com/octo/checkout/actions/runs/2/job/88");
    let fake = Fake::start(graph).await;
    let fetched = ask(&fake).await;
    assert_eq!(fetched.items.len(), 1, "{:?}", lines(&fetched));
    assert!(fetched.items[0].id.as_str().ends_with("deployment:9"));
    assert!(fetched.items[0].link.as_ref().unwrap().ends_with("/actions/runs/2/job/88"));
    assert!(fetched.coverage.searched.contains("1 more told as their deployments"));
}

#[tokio::test]
async fn a_run_that_was_over_later_or_run_again_is_not_seen() {
    let mut graph = graph();
    graph.run(2, 5, "success", "13:50")["updated_at"] = json!(time("14:00"));
    let again = graph.run(3, 6, "failure", "12:30");
    (again["updated_at"], again["run_attempt"]) = (json!(time("16:00")), json!(2));
    let fake = Fake::start(graph).await;
    let fetched = ask(&fake).await;
    assert_eq!(lines(&fetched), [""; 0]);
    assert_eq!(
        fetched.coverage.missing,
        ["1 workflow run was run again after the window; what the first attempts did was not read"]
    );
}
