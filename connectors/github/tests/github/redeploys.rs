//! Earlier commits deployed again by a deployment: only onto what was approved, once, and never past what GitHub checks.

use hearback_core::action::{Action, Outcome, Receipt, RedeployBy};
use hearback_core::ports::{ActionExecutor as _, Trace};
use hearback_github::{GithubActions, RedeployWay};
use jiff::SignedDuration;
use serde_json::json;

use super::approved::{actions, actions_with, execute, key, not_as_expected, rehearse};
use super::fake::{Fake, Trouble};
use super::graph::{Graph, sha};
use super::options;

/// Production ran 5, and runs 7.
pub fn graph() -> Graph {
    let mut graph = Graph::default();
    graph.commit(1, &[], "Begin", "09:00");
    graph.line(1, 9);
    graph.branches.insert("main".into(), sha(9));
    graph.deployed(1, 5, "production", "10:00");
    graph.status(1, "inactive", "12:00");
    graph.deployed(2, 7, "production", "12:00");
    graph.deployed(3, 9, "staging", "13:00");
    graph
}

pub fn ways() -> Vec<RedeployWay> {
    vec![RedeployWay {
        environment: "production".into(),
        by: RedeployBy::Deployment { task: "deploy".into() },
    }]
}

pub fn back(actions: &GithubActions, from: u32, to: u32) -> Action {
    actions.redeploy("production", &sha(from), &sha(to)).unwrap()
}

fn told(fake: &Fake, actions: &GithubActions, made: u32) -> Receipt {
    Receipt {
        says: format!(
            "told GitHub to deploy 0000500000 to production of octo/checkout (deployment {made}); whether it gets there \
             is not known yet"
        ),
        link: Some(format!("{}/octo/checkout/deployments", fake.base_url())),
        inverse: Some(Box::new(back(actions, 5, 7))),
        made: Some(made.to_string()),
    }
}

#[tokio::test]
async fn an_earlier_commit_is_deployed_once_whatever_is_asked() {
    let fake = Fake::start(graph()).await;
    let actions = actions(&fake, ways());
    let action = back(&actions, 7, 5);
    let done = Outcome::Done(told(&fake, &actions, 1003));
    assert_eq!(execute(&fake, &actions, &action).await, done);
    let expect = json!({
        "ref": sha(5), "environment": "production", "task": "deploy", "auto_merge": false,
        "description": "Hearback: from 0000700000 to 0000500000", "payload": {"hearback_key": key(&action).as_str()},
        "transient_environment": false, "production_environment": true,
    });
    assert_eq!(fake.writes(), [("/repos/octo/checkout/deployments".to_owned(), expect)]);
    assert_eq!(execute(&fake, &actions, &action).await, done);
    // GitHub may give the payload back as a text.
    fake.change(|graph| {
        let made = graph.deployments.last_mut().unwrap();
        made["payload"] = json!(made["payload"].to_string());
    });
    assert_eq!(execute(&fake, &actions, &action).await, done);
    assert_eq!(fake.writes().len(), 1);
    let found = actions.look(&action, &key(&action), SignedDuration::from_secs(5)).await.unwrap();
    assert_eq!(found, Trace::Done(told(&fake, &actions, 1003)));
}

#[tokio::test]
async fn a_rehearsal_says_what_would_be_done() {
    let fake = Fake::start(graph()).await;
    let actions = actions(&fake, ways());
    let rehearsal = rehearse(&fake, &actions, &back(&actions, 7, 5)).await;
    assert_eq!(
        rehearsal.says,
        [
            "tell GitHub to bring production of octo/checkout to 0000500000, by a deployment with the task deploy",
            "GitHub refuses it if a check of 0000500000 did not succeed",
            "production runs 0000700000 since 2026-11-23 12:00:00Z, as its deployments tell",
            "that takes out 2 commits",
        ]
    );
    assert_eq!(rehearsal.refuses, None);
    fake.change(|graph| {
        graph.deployment(4, 8, "production", "13:00");
        graph.status(4, "failure", "13:01");
    });
    let rehearsal = rehearse(&fake, &actions, &back(&actions, 7, 5)).await;
    let failed = "deployment 4 of 0000800000 failed since; what it left there is not known";
    assert!(rehearsal.says.iter().any(|line| line == failed), "{:?}", rehearsal.says);
    assert_eq!(rehearsal.refuses, None);
}

#[tokio::test]
async fn nothing_is_deployed_onto_anything_but_what_was_approved() {
    type Change = Box<dyn FnOnce(&mut Graph)>;
    let cases: Vec<(Change, u32, u32, &str)> = vec![
        (
            Box::new(|graph| graph.deployed(4, 8, "production", "13:30")),
            7,
            5,
            "production runs 0000800000 since 2026-11-23 13:30:00Z, not 0000700000",
        ),
        (
            Box::new(|graph| {
                graph.status(2, "inactive", "13:00");
            }),
            7,
            5,
            "what runs in production can't be told: the last deployment that succeeded, of 0000700000, was set inactive",
        ),
        (
            Box::new(|graph| graph.deployments.clear()),
            7,
            5,
            "what runs in production can't be told: GitHub knows no recent deployment there that succeeded",
        ),
        (
            Box::new(|graph| {
                graph.deployment(4, 8, "production", "13:30");
            }),
            7,
            5,
            "deployment 4 of 0000800000 to production, begun at 2026-11-23 13:30:00Z, is not over",
        ),
        (
            Box::new(|graph| {
                graph.deployment(4, 8, "production", "11:30")["task"] = json!("deploy:migrations");
                graph.status(4, "in_progress", "11:31");
            }),
            7,
            5,
            "deployment 4 of 0000800000 to production, begun at 2026-11-23 11:30:00Z, is not over",
        ),
        (Box::new(|_| {}), 7, 77, "0004d00000 or 0000700000 is no commit that GitHub knows"),
        (
            Box::new(|graph| {
                // A pull request of a fork may have tried, and be listed.
                graph.commit(66, &[7], "From a fork", "11:00");
                graph.deployment(4, 66, "production", "13:00");
                graph.status(4, "failure", "13:01");
            }),
            7,
            66,
            "0004200000 is not behind what runs in production, and was not deployed there lately",
        ),
    ];
    for (change, from, to, why) in cases {
        let fake = Fake::start(graph()).await;
        fake.change(change);
        let actions = actions(&fake, ways());
        let action = back(&actions, from, to);
        assert_eq!(rehearse(&fake, &actions, &action).await.refuses.as_deref(), Some(why));
        assert_eq!(
            not_as_expected(execute(&fake, &actions, &action).await),
            format!("{why}; nothing was done")
        );
        assert_eq!(fake.writes(), [], "{why}");
    }
}

#[tokio::test]
async fn it_can_be_taken_back_although_that_is_forward() {
    let fake = Fake::start(graph()).await;
    let actions = actions(&fake, ways());
    let Outcome::Done(receipt) = execute(&fake, &actions, &back(&actions, 7, 5)).await else {
        panic!("not done")
    };
    fake.change(|graph| {
        graph.status(1003, "success", "15:01");
    });
    let rehearsal = rehearse(&fake, &actions, receipt.inverse.as_ref().unwrap()).await;
    assert_eq!((rehearsal.says.last().unwrap().as_str(), rehearsal.refuses), ("that brings 2 commits", None));
    assert!(matches!(execute(&fake, &actions, &receipt.inverse.unwrap()).await, Outcome::Done(_)));
    assert_eq!(fake.writes().len(), 2);
}

#[tokio::test]
async fn only_what_is_set_is_deployed_and_only_as_it_is_set() {
    let fake = Fake::start(graph()).await;
    let production = actions(&fake, ways());
    assert_eq!(production.redeploy("staging", &sha(9), &sha(7)), None);
    assert_eq!(production.redeploy("production", "main", &sha(7)), None);
    let other = |environment: &str, task: &str| {
        let by = RedeployBy::Deployment { task: task.into() };
        actions(&fake, vec![RedeployWay { environment: environment.into(), by }])
    };
    let (staging, promote) = (other("staging", "deploy"), other("production", "promote"));
    let of_staging = staging.redeploy("staging", &sha(9), &sha(7)).unwrap();
    let action = back(&production, 7, 5);
    for (actions, action, why) in [
        (&production, &of_staging, "staging is not set as an environment to redeploy; only production"),
        (&actions(&fake, vec![]), &action, "production is not set as an environment to redeploy; none is"),
        (&promote, &action, "production is redeployed in another way now; ask again for a new proposal"),
    ] {
        assert!(actions.supports(action));
        assert_eq!(rehearse(&fake, actions, action).await.refuses.as_deref(), Some(why));
        assert_eq!(
            not_as_expected(execute(&fake, actions, action).await),
            format!("{why}; nothing was done")
        );
    }
    assert_eq!(fake.requests(), [""; 0]);
}

#[tokio::test]
async fn what_can_not_work_is_refused_at_once() {
    let fake = Fake::start(graph()).await;
    let slug = || "octo/checkout".parse().unwrap();
    let check = |options, ways, expect: &str| {
        let error = GithubActions::new(slug(), "shop", options, ways).err().unwrap().to_string();
        assert!(error.contains(expect), "{error}");
    };
    let without = hearback_github::GithubOptions { token: None, ..options(&fake) };
    check(without, ways(), "without a token that may write");
    check(options(&fake), [ways(), ways()].concat(), "is set twice");
    let empty = RedeployWay { environment: "".into(), by: RedeployBy::Deployment { task: "deploy".into() } };
    check(options(&fake), vec![empty], "1 to 255 characters");
    assert_eq!(actions_with(options(&fake), ways()).repository_name(), "shop");
}

#[tokio::test]
async fn checks_that_failed_are_told_in_githubs_words_and_not_passed_by() {
    let fake = Fake::start(graph()).await;
    let conflict = r#"{"message": "Conflict: Commit status checks failed for \u001b[31m5.", "errors": []}"#;
    fake.trouble("POST ", Trouble::Complains(409, conflict));
    let actions = actions(&fake, ways());
    assert_eq!(
        not_as_expected(execute(&fake, &actions, &back(&actions, 7, 5)).await),
        "GitHub did not take it: Conflict: Commit status checks failed for \u{fffd}[31m5.; nothing was done"
    );
    assert_eq!(fake.writes().len(), 1);
    assert!(fake.writes()[0].1.get("required_contexts").is_none());
}

#[tokio::test]
async fn a_merge_instead_of_a_deployment_is_for_a_person_to_look_at() {
    let fake = Fake::start(graph()).await;
    fake.trouble(
        "POST ",
        Trouble::Complains(202, r#"{"message": "Auto-merged main into 5 on deployment."}"#),
    );
    let actions = actions(&fake, ways());
    let budget = SignedDuration::from_secs(4);
    let outcome = super::approved::execute_within(&fake, &actions, &back(&actions, 7, 5), budget).await;
    let Outcome::Unknown { why } = outcome else { panic!("{outcome:?}") };
    assert_eq!(
        why,
        format!(
            "GitHub's answer was lost (a puzzling answer, status 202), and so far none of the newest deployments to \
             production of octo/checkout was made by it; look at {}/octo/checkout/deployments before anything else is done",
            fake.base_url()
        )
    );
}
