//! What the fake does with what is written: refuses it as GitHub does, or adds it to the graph and answers with it.

use axum::body::Body;
use axum::http::{Response, header};
use serde_json::{Value, json};

use super::fake::denial;
use super::graph::{Graph, time, user};

/// When the fake does what it does.
const NOW: &str = "15:00";

/// Takes a write.
pub fn take(graph: &mut Graph, path: &str, body: &Value) -> Response<Body> {
    let rest = path.strip_prefix("/repos/octo/checkout/").unwrap_or(path);
    let parts: Vec<&str> = rest.split('/').collect();
    match parts.as_slice() {
        ["pulls"] => open(graph, body),
        ["deployments"] => deploy(graph, body),
        ["actions", "workflows", file, "dispatches"] => start(graph, file, body),
        _ => denial(404, &[], "Not Found"),
    }
}

fn answer(status: u16, body: &Value) -> Response<Body> {
    let builder =
        Response::builder().status(status).header(header::CONTENT_TYPE, "application/json; charset=utf-8");
    builder.body(Body::from(body.to_string())).unwrap()
}

fn invalid(why: &str) -> Response<Body> {
    let errors = json!([{"resource": "PullRequest", "code": "custom", "message": why}]);
    answer(422, &json!({"message": "Validation Failed", "errors": errors, "documentation_url": "https://x"}))
}

fn open(graph: &mut Graph, body: &Value) -> Response<Body> {
    let (head, base) = (body["head"].as_str().unwrap(), body["base"].as_str().unwrap());
    let (Some(at), Some(base_at)) = (graph.branches.get(head), graph.branches.get(base)) else {
        return invalid("head or base is invalid");
    };
    let is_same = |pull: &Value| {
        pull["state"] == "open"
            && pull["head"]["repo"]["full_name"] == "octo/checkout"
            && pull["head"]["ref"] == body["head"]
            && pull["base"]["ref"] == body["base"]
    };
    if graph.pulls.iter().any(is_same) {
        return invalid(&format!("A pull request already exists for octo:{head}."));
    }
    let number = 100 + graph.pulls.len();
    let pull = pull(number, (head, at), (base, base_at), body);
    graph.pulls.push(pull.clone());
    answer(201, &pull)
}

/// An open pull request as GitHub shows it.
pub fn pull(number: usize, head: (&str, &str), base: (&str, &str), body: &Value) -> Value {
    let repo = json!({"full_name": "octo/checkout"});
    json!({
        "number": number, "title": body["title"], "body": body["body"], "state": "open", "user": user("hearback"),
        "draft": body["draft"] == true,
        "html_url": format!("https://github.com/octo/checkout/pull/{number}"), "created_at": time(NOW),
        "updated_at": time(NOW), "closed_at": null, "merged_at": null, "merge_commit_sha": null,
        "head": {"ref": head.0, "sha": head.1, "repo": repo}, "base": {"ref": base.0, "sha": base.1, "repo": repo},
    })
}

fn deploy(graph: &mut Graph, body: &Value) -> Response<Body> {
    let sha = body["ref"].as_str().unwrap();
    if !graph.knows(sha) {
        return answer(422, &json!({"message": format!("No ref found for: {sha}")}));
    }
    let made = json!({
        "id": 1000 + graph.deployments.len(), "sha": sha, "ref": sha, "task": body["task"],
        "environment": body["environment"], "description": body["description"], "payload": body["payload"],
        "creator": user("hearback"), "created_at": time(NOW), "updated_at": time(NOW),
        "transient_environment": body["transient_environment"], "production_environment": body["production_environment"],
    });
    graph.deployments.push(made.clone());
    answer(201, &made)
}

fn start(graph: &mut Graph, file: &str, body: &Value) -> Response<Body> {
    if !graph.workflows.contains_key(file) {
        return denial(404, &[], "Not Found");
    }
    let branch = body["ref"].as_str().unwrap();
    let Some(at) = graph.branches.get(branch).cloned() else {
        return answer(422, &json!({"message": format!("No ref found for: {branch}")}));
    };
    // As its `run-name: Deploy ${{ inputs.… }}` would have it.
    let inputs = body["inputs"].as_object().unwrap();
    let named: Vec<&str> = inputs.values().map(|value| value.as_str().unwrap()).collect();
    let id = 5000 + graph.runs.len() as u64;
    let run = graph.run(id, 0, "success", NOW);
    (run["head_sha"], run["head_branch"], run["event"]) =
        (json!(at), json!(branch), json!("workflow_dispatch"));
    (run["status"], run["conclusion"]) = (json!("queued"), Value::Null);
    run["display_title"] = json!(format!("Deploy {}", named.join(" ")));
    run["path"] = json!(format!(".github/workflows/{file}"));
    let html_url = run["html_url"].clone();
    if body["return_run_details"] == true {
        let run_url = format!("https://api.github.com/repos/octo/checkout/actions/runs/{id}");
        return answer(200, &json!({"workflow_run_id": id, "run_url": run_url, "html_url": html_url}));
    }
    Response::builder().status(204).body(Body::empty()).unwrap()
}
