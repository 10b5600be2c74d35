//! The webhook: what is refused and with which status, and what each event becomes. Replays are the caller's business.

use hearback_core::Change;
use hearback_core::change::Rollout;
use hearback_github::{
    DeployWorkflow, LARGEST_WEBHOOK_BYTES, Pattern, SignatureProblem, WebhookError, WebhookRequest,
    WebhookRules, WebhookSecret, parse_webhook,
};
use hmac::{Hmac, Mac as _};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::graph::{Graph, sha, time, user};
use super::line;

const SECRET: &str = "correct horse";

fn rules() -> WebhookRules {
    WebhookRules {
        repositories: vec![("octo/checkout".parse().unwrap(), "shop".to_owned())],
        branches: Vec::new(),
        deploy_workflows: vec![DeployWorkflow {
            workflow: Pattern::new("deploy*").unwrap(),
            environment: None,
        }],
    }
}

fn sign(body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digits}")
}

fn send(event: &str, body: &[u8]) -> Result<Vec<Change>, WebhookError> {
    let signature = sign(body);
    let request = WebhookRequest {
        event: Some(event),
        delivery: Some("72d3162e-cc78"),
        signature: Some(&signature),
        body,
    };
    let delivery = parse_webhook(&request, &WebhookSecret::new(SECRET).unwrap(), &rules())?;
    assert_eq!((delivery.id.as_str(), delivery.event.as_str()), ("72d3162e-cc78", event));
    Ok(delivery.changes)
}

fn told(event: &str, payload: Value) -> Vec<String> {
    changes(event, payload).iter().map(line).collect()
}

fn changes(event: &str, mut payload: Value) -> Vec<Change> {
    payload["repository"] =
        json!({"full_name": "Octo/Checkout", "default_branch": "main", "pushed_at": 1_795_435_200});
    send(event, payload.to_string().as_bytes()).unwrap()
}

fn push(name: &str) -> Value {
    json!({
        "ref": name, "before": sha(1), "after": sha(2), "deleted": false, "forced": false,
        "commits": [{
            "id": sha(2), "message": "Fix cart\n\nWhy.", "timestamp": "2026-11-23T11:30:00+01:00",
            "url": "https://github.com/octo/checkout/commit/2", "distinct": true,
            "author": {"name": "Ann", "email": "ann@example.com", "username": "ann"},
            "added": ["b.rs"], "removed": [], "modified": ["a.rs", "b.rs"],
        }],
    })
}

#[test]
fn a_push_to_the_default_branch_is_its_commits_with_their_files() {
    assert_eq!(told("push", push("refs/heads/main")), ["12:00 2: Fix cart"]);
    for elsewhere in ["refs/heads/feature", "refs/tags/main", "main", "refs/heads/main/x"] {
        assert_eq!(told("push", push(elsewhere)), [""; 0], "{elsewhere}");
    }
    let mut payload = push("refs/heads/main");
    payload["repository"] =
        json!({"full_name": "octo/checkout", "default_branch": "main", "pushed_at": time("12:00")});
    let changes = send("push", payload.to_string().as_bytes()).unwrap();
    assert_eq!(changes[0].id.as_str(), format!("git:shop:{}", sha(2)));
    let paths: Vec<&str> = changes[0].paths.as_slice().iter().map(|path| path.path.as_str()).collect();
    assert_eq!(paths, ["a.rs", "b.rs"]);
    assert_eq!(changes[0].committed_at, super::at("10:30"));
    payload["repository"]["full_name"] = json!("octo/other");
    let changes = send("push", payload.to_string().as_bytes()).unwrap();
    assert_eq!(changes[0].id.as_str(), format!("git:other:{}", sha(2)));
}

#[test]
fn a_merged_pull_request_is_its_merge_commit() {
    let mut graph = Graph::default();
    let mut merged = graph.pull(7, "Fix cart", ("12:10", 5)).clone();
    let event =
        |action: &str, pull: &Value| told("pull_request", json!({"action": action, "pull_request": pull}));
    assert_eq!(event("closed", &merged), ["12:10 5: Fix cart"]);
    assert_eq!(event("edited", &merged), [""; 0]);
    merged["base"]["ref"] = json!("feature");
    assert_eq!(event("closed", &merged), [""; 0]);
    (merged["base"]["ref"], merged["merged_at"]) = (json!("main"), Value::Null);
    assert_eq!(event("closed", &merged), [""; 0]);
}

#[test]
fn a_deployment_that_failed_may_still_succeed_under_its_own_id() {
    let mut graph = Graph::default();
    let deployment = graph.deployment(9, 5, "production", "12:00").clone();
    let event = |state: &str| {
        let status =
            json!({"state": state, "created_at": time("12:10"), "description": "", "creator": user("ann")});
        told(
            "deployment_status",
            json!({"action": "created", "deployment": deployment, "deployment_status": status}),
        )
    };
    let title = "deploy 0000500000 (main) to production";
    assert_eq!(event("success"), [format!("12:10 github:octo/checkout:deployment:9 brings 5: {title}")]);
    assert_eq!(
        event("failure"),
        [format!("12:10 github:octo/checkout:deployment:9:failed not landed: {title}")]
    );
    for state in ["in_progress", "queued", "pending", "inactive", "waiting"] {
        assert_eq!(event(state), [""; 0], "{state}");
    }
}

#[test]
fn a_deployment_that_succeeded_tells_its_version_and_no_other() {
    let mut graph = Graph::default();
    let deployment = graph.deployment(9, 5, "production", "12:00").clone();
    let rollout = |state: &str| {
        let status = json!({"state": state, "created_at": time("12:10")});
        let payload = json!({"action": "created", "deployment": deployment, "deployment_status": status});
        changes("deployment_status", payload)[0].rollout.clone()
    };
    assert_eq!(rollout("success"), Some(Rollout { version: sha(5), before: None }));
    assert_eq!(rollout("failure"), None);
}

#[test]
fn releases_and_deploy_runs_are_told_and_other_runs_are_not() {
    let release = json!({"id": 1, "tag_name": "v2", "draft": false, "published_at": time("13:00")});
    assert_eq!(
        told("release", json!({"action": "published", "release": release})),
        ["13:00 tag/v2: release v2"]
    );
    assert_eq!(told("release", json!({"action": "deleted", "release": release})), [""; 0]);
    let mut graph = Graph::default();
    let mut run = graph.run(4, 5, "success", "12:30").clone();
    let event =
        |action: &str, run: &Value| told("workflow_run", json!({"action": action, "workflow_run": run}));
    assert_eq!(event("completed", &run), ["12:30 github:octo/checkout:run:4 brings 5: Deploy: 0000500000"]);
    assert_eq!(event("requested", &run), [""; 0]);
    run["head_branch"] = json!("feature");
    assert_eq!(event("completed", &run), [""; 0]);
    (run["head_branch"], run["name"], run["path"]) =
        (json!("main"), json!("CI"), json!(".github/workflows/ci.yml"));
    assert_eq!(event("completed", &run), [""; 0]);
}

#[test]
fn a_ping_and_events_nobody_knows_are_taken_without_changes() {
    for event in ["ping", "issues", "some_new_event"] {
        assert_eq!(send(event, b"{\"zen\": \"x\"}").unwrap(), []);
    }
}

#[test]
fn what_is_not_signed_right_is_refused_before_it_is_read() {
    let secret = WebhookSecret::new(SECRET).unwrap();
    let good = sign(b"{}");
    let check = |signature: Option<&str>, body: &[u8], expect: WebhookError, status: u16| {
        let request = WebhookRequest { event: Some("ping"), delivery: Some("1"), signature, body };
        let error = parse_webhook(&request, &secret, &rules()).unwrap_err();
        assert_eq!((error.status(), error), (status, expect));
    };
    let wrong = |problem| WebhookError::Signature(problem);
    check(None, b"{}", wrong(SignatureProblem::Missing), 401);
    check(Some(""), b"{}", wrong(SignatureProblem::Malformed), 401);
    check(Some(&good[7..]), b"{}", wrong(SignatureProblem::Malformed), 401);
    check(Some(&good.replace("sha256", "sha1")), b"{}", wrong(SignatureProblem::Malformed), 401);
    check(Some(&good), b"{} ", wrong(SignatureProblem::Wrong), 401);
    check(Some(&good), b"not json", wrong(SignatureProblem::Wrong), 401);
    check(Some(&format!("sha256={}", "0".repeat(64))), b"{}", wrong(SignatureProblem::Wrong), 401);
    check(Some(&good), &vec![b' '; LARGEST_WEBHOOK_BYTES + 1], WebhookError::TooLarge, 413);
}

#[test]
fn what_is_signed_but_malformed_is_a_bad_request() {
    let secret = WebhookSecret::new(SECRET).unwrap();
    let check = |event: Option<&str>, delivery: Option<&str>, body: &[u8], expect: &str| {
        let signature = sign(body);
        let request = WebhookRequest { event, delivery, signature: Some(&signature), body };
        let error = parse_webhook(&request, &secret, &rules()).unwrap_err();
        assert_eq!(error.status(), 400);
        assert!(error.to_string().contains(expect), "{error}");
    };
    check(None, Some("1"), b"{}", "X-GitHub-Event is missing");
    check(Some("ping"), None, b"{}", "X-GitHub-Delivery is missing");
    check(Some("ping"), Some("1\n2"), b"{}", "X-GitHub-Delivery is missing");
    check(Some("push"), Some("1"), b"payload=%7B%7D", "application/json");
    check(Some("push"), Some("1"), b"{\"ref\": \"refs/heads/main\"", "not the JSON");
    check(Some("push"), Some("1"), b"{}", "not the JSON");
    check(Some("ping"), Some("1"), "[".repeat(100_000).as_bytes(), "not the JSON");
}

proptest! {
    #[test]
    fn no_signed_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200), event in 0..6_usize) {
        let event = ["push", "pull_request", "deployment_status", "release", "workflow_run", "x"][event];
        let _ = send(event, &body);
    }

    #[test]
    fn no_value_in_a_known_field_makes_it_panic(at in 0..8_usize, text in "\\PC{0,60}", number in any::<i64>()) {
        let mut payload = push("refs/heads/main");
        payload["repository"] = json!({"full_name": "octo/checkout", "default_branch": "main", "pushed_at": 1});
        match at {
            0 => payload["commits"][0]["id"] = json!(text),
            1 => payload["commits"][0]["message"] = json!(text),
            2 => payload["commits"][0]["timestamp"] = json!(text),
            3 => payload["commits"][0]["added"][0] = json!(text),
            4 => payload["repository"]["full_name"] = json!(text),
            5 => payload["repository"]["pushed_at"] = json!(number),
            6 => payload["ref"] = json!(text),
            _ => payload["commits"][0]["author"]["name"] = json!(text),
        }
        if let Ok(changes) = send("push", payload.to_string().as_bytes()) {
            prop_assert!(changes.iter().all(|change| change.id.sha().is_some_and(|sha| sha.len() == 40)));
        }
    }
}
