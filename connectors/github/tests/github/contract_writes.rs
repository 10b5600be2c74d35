//! What a write to GitHub must look like, written down as `contract` has it for reads: one line an endpoint, with the page
//! it was taken from, and all properties its body may have. A property that is not listed is refused, as GitHub refuses it.

use axum::http::HeaderMap;
use serde_json::Value;

use super::contract::fits;

/// What a property may be.
#[derive(Clone, Copy)]
enum Is {
    Text,
    TextOrNull,
    Yes,
    Number,
    Object,
    ObjectOrText,
    TextsOrNull,
    /// An object of texts, at most 25.
    Inputs,
    /// Yes or no; GitHub Enterprise Server does not know it.
    YesButNotOnOwnServers,
}

#[derive(Clone, Copy, PartialEq)]
enum Must {
    Be,
    May,
}

struct Write {
    path: &'static str,
    body: &'static [(&'static str, Must, Is)],
}

const WRITES: &[Write] = &[
    // docs.github.com/en/rest/pulls/pulls#create-a-pull-request
    Write {
        path: "/repos/{owner}/{repo}/pulls",
        body: &[
            ("title", Must::May, Is::Text),
            ("head", Must::Be, Is::Text),
            ("head_repo", Must::May, Is::Text),
            ("base", Must::Be, Is::Text),
            ("body", Must::May, Is::Text),
            ("maintainer_can_modify", Must::May, Is::Yes),
            ("draft", Must::May, Is::Yes),
            ("issue", Must::May, Is::Number),
        ],
    },
    // docs.github.com/en/rest/deployments/deployments#create-a-deployment
    Write {
        path: "/repos/{owner}/{repo}/deployments",
        body: &[
            ("ref", Must::Be, Is::Text),
            ("task", Must::May, Is::Text),
            ("auto_merge", Must::May, Is::Yes),
            ("required_contexts", Must::May, Is::TextsOrNull),
            ("payload", Must::May, Is::ObjectOrText),
            ("environment", Must::May, Is::Text),
            ("description", Must::May, Is::TextOrNull),
            ("transient_environment", Must::May, Is::Yes),
            ("production_environment", Must::May, Is::Yes),
        ],
    },
    // docs.github.com/en/rest/actions/workflows#create-a-workflow-dispatch-event
    Write {
        path: "/repos/{owner}/{repo}/actions/workflows/{workflow}/dispatches",
        body: &[
            ("ref", Must::Be, Is::Text),
            ("inputs", Must::May, Is::Inputs),
            ("return_run_details", Must::May, Is::YesButNotOnOwnServers),
        ],
    },
];

/// What a write breaks.
pub fn broken(
    path: &str,
    query: &[(String, String)],
    headers: &HeaderMap,
    body: &Value,
    own_server: bool,
) -> Vec<String> {
    let mut broken = Vec::new();
    if headers.get("content-type").and_then(|value| value.to_str().ok()) != Some("application/json") {
        broken.push(format!("POST {path}: the body is not announced as JSON"));
    }
    if !query.is_empty() {
        broken.push(format!("POST {path} has no query"));
    }
    let Some(write) = WRITES.iter().find(|write| fits(write.path, path)) else {
        broken.push(format!("POST {path} is no endpoint that is known"));
        return broken;
    };
    let Some(body) = body.as_object() else {
        broken.push(format!("POST {path}: the body is no object"));
        return broken;
    };
    for (name, must, _) in write.body {
        if *must == Must::Be && !body.contains_key(*name) {
            broken.push(format!("POST {path}: {name} is missing"));
        }
    }
    for (name, value) in body {
        match write.body.iter().find(|(known, ..)| known == name) {
            None => broken.push(format!("POST {path} has no property {name}")),
            Some((_, _, is)) if !allows(*is, value, own_server) => {
                broken.push(format!("POST {path}: {name} can't be {value}"));
            }
            Some(_) => {}
        }
    }
    broken
}

fn allows(is: Is, value: &Value, own_server: bool) -> bool {
    match is {
        Is::Text => value.as_str().is_some_and(|text| !text.is_empty()),
        Is::TextOrNull => value.is_string() || value.is_null(),
        Is::Yes => value.is_boolean(),
        Is::Number => value.is_u64(),
        Is::Object => value.is_object(),
        Is::ObjectOrText => value.is_string() || allows(Is::Object, value, own_server),
        Is::TextsOrNull => {
            value.is_null() || value.as_array().is_some_and(|all| all.iter().all(Value::is_string))
        }
        Is::Inputs => {
            value.as_object().is_some_and(|all| all.len() <= 25 && all.values().all(Value::is_string))
        }
        Is::YesButNotOnOwnServers => value.is_boolean() && !own_server,
    }
}

#[test]
fn the_contract_of_writes_can_be_broken() {
    use serde_json::json;
    let json_body =
        HeaderMap::from_iter([("content-type".parse().unwrap(), "application/json".parse().unwrap())]);
    let check = |path: &str, body: Value, headers: &HeaderMap, expect: usize| {
        let broken = broken(path, &[], headers, &body, true);
        assert_eq!(broken.len(), expect, "{path}: {broken:?}");
    };
    let (pulls, dispatch) =
        ("/repos/octo/checkout/pulls", "/repos/octo/checkout/actions/workflows/deploy.yml/dispatches");
    check(pulls, json!({"title": "x", "head": "a", "base": "b"}), &json_body, 0);
    check(pulls, json!({"title": "", "head": "a", "labels": []}), &json_body, 3);
    check(pulls, json!([]), &HeaderMap::new(), 2);
    check("/repos/octo/checkout/merges", json!({}), &json_body, 1);
    check(
        "/repos/octo/checkout/deployments",
        json!({"ref": "x", "payload": 1, "required_contexts": [1]}),
        &json_body,
        2,
    );
    check(dispatch, json!({"ref": "main", "inputs": {"a": 1}, "return_run_details": true}), &json_body, 2);
}
