//! Earlier commits deployed again by a workflow: started once, found again by the key that its name shows.

use hearback_core::action::{Action, Outcome, RedeployBy};
use hearback_core::ports::{ActionExecutor as _, Trace};
use hearback_github::RedeployWay;
use jiff::SignedDuration;
use serde_json::json;

use super::approved::{actions, execute, execute_within, key, not_as_expected, rehearse};
use super::fake::{Fake, Trouble};
use super::graph::{Graph, sha};
use super::redeploys::{self, back};

fn graph() -> Graph {
    let mut graph = redeploys::graph();
    graph.workflows.insert("deploy.yml".into(), "active");
    // Of a push, and it waits for its turn.
    let run = graph.run(1, 9, "success", "12:00");
    (run["event"], run["status"]) = (json!("push"), json!("waiting"));
    graph
}

fn ways(inputs: &[(&str, &str)]) -> Vec<RedeployWay> {
    let inputs = inputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let by = RedeployBy::Workflow { file: "deploy.yml".into(), branch: "main".into(), inputs };
    vec![RedeployWay { environment: "production".into(), by }]
}

fn with_key() -> Vec<RedeployWay> {
    ways(&[("ref", "{sha}"), ("where", "{environment}"), ("why", "{key}")])
}

fn done(outcome: Outcome) -> (String, Option<String>, Option<String>) {
    match outcome {
        Outcome::Done(receipt) => (receipt.says, receipt.link, receipt.made),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_workflow_is_started_once_whatever_is_asked() {
    let fake = Fake::start(graph()).await;
    let actions = actions(&fake, with_key());
    let action = back(&actions, 7, 5);
    let says = "told GitHub to start deploy.yml for production of octo/checkout with 0000500000 (run 5001); whether it \
                gets there is not known yet";
    let page = "https://github.com/octo/checkout/actions/runs/5001";
    let expect = (says.to_owned(), Some(page.to_owned()), Some("5001".to_owned()));
    assert_eq!(done(execute(&fake, &actions, &action).await), expect);
    let body = json!({
        "ref": "main", "return_run_details": true,
        "inputs": {"ref": sha(5), "where": "production", "why": key(&action).as_str()},
    });
    let path = "/repos/octo/checkout/actions/workflows/deploy.yml/dispatches";
    assert_eq!(fake.writes(), [(path.to_owned(), body)]);
    assert_eq!(done(execute(&fake, &actions, &action).await), expect);
    assert_eq!(fake.writes().len(), 1);
    let Trace::Done(found) =
        actions.look(&action, &key(&action), SignedDuration::from_secs(5)).await.unwrap()
    else {
        panic!("not found");
    };
    assert_eq!((found.says, found.link, found.made), expect);
    let Action::Redeploy(back) = *found.inverse.unwrap() else { panic!("not a redeploy") };
    let RedeployBy::Workflow { inputs, .. } = back.by else { panic!("not a workflow") };
    assert_eq!((&inputs["ref"], &inputs["why"]), (&sha(7), &"{key}".to_owned()));
}

#[tokio::test]
async fn a_server_of_ones_own_is_not_asked_for_the_run() {
    let fake = Fake::start_at("/api/v3", graph()).await;
    let actions = actions(&fake, with_key());
    let (says, link, made) = done(execute(&fake, &actions, &back(&actions, 7, 5)).await);
    assert!(says.contains("with 0000500000; whether"), "{says}");
    let host = fake.base_url().replace("/api/v3", "");
    assert_eq!((link, made), (Some(format!("{host}/octo/checkout/actions/workflows/deploy.yml")), None));
}

#[tokio::test]
async fn a_rehearsal_shows_the_inputs() {
    let fake = Fake::start(graph()).await;
    let actions = actions(&fake, ways(&[("ref", "{sha}")]));
    let rehearsal = rehearse(&fake, &actions, &back(&actions, 7, 5)).await;
    assert_eq!(
        rehearsal.says,
        [
            &format!(
                "tell GitHub to bring production of octo/checkout to 0000500000, by starting deploy.yml of main with ref = {}",
                sha(5)
            ),
            "if GitHub's answer is lost, nobody can tell whether it was started: no input holds {key}",
            "production runs 0000700000 since 2026-11-23 12:00:00Z, as its deployments tell",
            "that takes out 2 commits",
        ]
    );
    assert_eq!(rehearsal.refuses, None);
}

#[tokio::test]
async fn no_workflow_is_started_where_it_should_not() {
    type Change = Box<dyn FnOnce(&mut Graph)>;
    let cases: Vec<(Change, &str)> = vec![
        (Box::new(|graph| graph.workflows.clear()), "there is no workflow deploy.yml"),
        (
            Box::new(|graph| {
                graph.workflows.insert("deploy.yml".into(), "disabled_manually");
            }),
            "the workflow deploy.yml is disabled",
        ),
        (
            Box::new(|graph| {
                graph.branches.remove("main");
            }),
            "there is no branch main on GitHub",
        ),
        (
            Box::new(|graph| {
                let run = graph.run(2, 9, "success", "14:00");
                (run["event"], run["status"]) = (json!("workflow_dispatch"), json!("in_progress"));
            }),
            "run 2 of deploy.yml, started at 2026-11-23 14:00:00Z, is not over",
        ),
        (
            Box::new(|graph| graph.deployments.clear()),
            "what runs in production can't be told: GitHub knows no recent deployment there that succeeded",
        ),
        (
            Box::new(|graph| graph.deployed(4, 8, "production", "13:30")),
            "production runs 0000800000 since 2026-11-23 13:30:00Z, not 0000700000",
        ),
    ];
    for (change, why) in cases {
        let fake = Fake::start(graph()).await;
        fake.change(change);
        let actions = actions(&fake, with_key());
        let action = back(&actions, 7, 5);
        assert_eq!(rehearse(&fake, &actions, &action).await.refuses.as_deref(), Some(why));
        assert_eq!(
            not_as_expected(execute(&fake, &actions, &action).await),
            format!("{why}; nothing was done")
        );
        assert_eq!(fake.writes(), [], "{why}");
    }
}

#[tokio::test]
async fn a_lost_answer_is_made_up_for_by_the_key_in_the_runs_name() {
    let fake = Fake::start(graph()).await;
    fake.trouble("POST ", Trouble::Takes(Box::new(Trouble::Closes)));
    let actions = actions(&fake, with_key());
    let (_, _, made) = done(execute(&fake, &actions, &back(&actions, 7, 5)).await);
    assert_eq!((made.as_deref(), fake.writes().len()), (Some("5001"), 1));
}

#[tokio::test]
async fn without_a_key_a_lost_answer_is_for_a_person_to_look_at() {
    let fake = Fake::start(graph()).await;
    fake.trouble("POST ", Trouble::Takes(Box::new(Trouble::Closes)));
    let actions = actions(&fake, ways(&[("ref", "{sha}")]));
    let budget = SignedDuration::from_secs(4);
    let outcome = execute_within(&fake, &actions, &back(&actions, 7, 5), budget).await;
    let Outcome::Unknown { why } = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("do not tell which of them it started: no input holds {key}; look at"), "{why}");
    assert_eq!(fake.writes().len(), 1);
    // Asked again, the run that waits for its turn keeps it from being started twice.
    let again = not_as_expected(execute(&fake, &actions, &back(&actions, 7, 5)).await);
    assert!(again.starts_with("run 5001 of deploy.yml"), "{again}");
}
