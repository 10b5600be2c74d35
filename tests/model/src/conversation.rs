//! Rules of a request that its schema can't say: OpenAI's server answers each of these with 400, or a model's template fails
//! on it. They are written down here anew, so that they agree with the client's own only if both are right.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// How `body`, which fits the schema, breaks a rule.
pub(crate) fn broken(body: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    order(body, &mut broken);
    settings(body, &mut broken);
    broken
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// Roles in turn, and every call answered once, right after the message that makes it.
fn order(body: &Value, broken: &mut Vec<String>) {
    let messages = body["messages"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut open: BTreeSet<&str> = BTreeSet::new();
    let mut others_came = false;
    for (place, message) in messages.iter().enumerate() {
        let role = text(message, "role");
        if role == "tool" {
            if !open.remove(text(message, "tool_call_id")) {
                broken.push(format!(
                    "message {place} answers no call that is open: {}",
                    message["tool_call_id"]
                ));
            }
        } else if !open.is_empty() {
            broken.push(format!("message {place} comes before the calls {open:?} were answered"));
            open.clear();
        }
        if role == "system" && others_came {
            broken.push(format!("message {place} is a system message after others"));
        }
        if role == "system" && place > 0 {
            broken.push(format!("message {place} is a second system message"));
        }
        others_came |= role != "system";
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let id = text(call, "id");
            if !ids.insert(id) {
                broken.push(format!("message {place} uses the id {id} again"));
            }
            open.insert(id);
            let arguments: Option<Value> = serde_json::from_str(text(&call["function"], "arguments")).ok();
            if !arguments.is_some_and(|arguments| arguments.is_object()) {
                broken.push(format!(
                    "message {place} has a call whose arguments are no object: templates fail"
                ));
            }
        }
        let nothing = |name: &str| message.get(name).is_none_or(Value::is_null);
        if role == "assistant" && nothing("content") && nothing("tool_calls") && nothing("refusal") {
            broken.push(format!("message {place} of the model is empty"));
        }
    }
    if !open.is_empty() {
        broken.push(format!("the calls {open:?} are not answered"));
    }
    if !matches!(messages.last().map(|last| text(last, "role")), Some("user" | "tool")) {
        broken.push(
            "there is nothing to answer: the last message is neither the user's nor a tool's".to_owned(),
        );
    }
}

fn settings(body: &Value, broken: &mut Vec<String>) {
    let has = |name: &str| body.get(name).is_some();
    let mut rule = |is_broken: bool, told: &str| {
        if is_broken {
            broken.push(told.to_owned());
        }
    };
    rule(
        has("max_tokens") && has("max_completion_tokens"),
        "max_tokens and max_completion_tokens are both set",
    );
    rule(has("tool_choice") && !has("tools"), "tool_choice is set without tools");
    rule(has("parallel_tool_calls") && !has("tools"), "parallel_tool_calls is set without tools");
    rule(has("stream_options") && body["stream"] != json!(true), "stream_options is set without stream");
    let words = body["messages"].to_string().to_lowercase();
    let wants_object = body["response_format"]["type"] == json!("json_object");
    rule(wants_object && !words.contains("json"), "json_object is asked for and no message speaks of JSON");
    let tools: Vec<&Value> = body["tools"].as_array().into_iter().flatten().collect();
    let names: BTreeSet<&str> = tools.iter().map(|tool| text(&tool["function"], "name")).collect();
    rule(names.len() < tools.len(), "two tools have one name");
    let functions = tools.iter().map(|tool| &tool["function"]).map(|function| (function, "parameters"));
    let form = &body["response_format"]["json_schema"];
    for (holder, field) in functions.chain((!form.is_null()).then_some((form, "schema"))) {
        let (name, schema) = (text(holder, "name"), &holder[field]);
        if !schema.is_null() && jsonschema::validator_for(schema).is_err() {
            broken.push(format!("the schema of {name} is none"));
        }
        if holder["strict"] == json!(true) {
            let mut why = Vec::new();
            loose(schema, &mut why);
            broken.extend(why.into_iter().map(|why| format!("the schema of {name} is not strict: {why}")));
        }
    }
}

/// What keeps a schema from being strict, as the guide to structured outputs lists it.
fn loose(schema: &Value, why: &mut Vec<String>) {
    let Some(keywords) = schema.as_object() else {
        why.push(format!("{schema} is no object"));
        return;
    };
    for unknown in [
        "allOf",
        "not",
        "if",
        "then",
        "else",
        "oneOf",
        "dependentRequired",
        "dependentSchemas",
        "patternProperties",
        "propertyNames",
        "unevaluatedProperties",
        "minProperties",
        "maxProperties",
        "contains",
        "uniqueItems",
        "minLength",
        "maxLength",
        "default",
    ] {
        if keywords.contains_key(unknown) {
            why.push(format!("it uses {unknown}"));
        }
    }
    let properties = keywords.get("properties").and_then(Value::as_object);
    if properties.is_some() || schema["type"] == json!("object") {
        if schema["additionalProperties"] != json!(false) {
            why.push("an object allows other properties".to_owned());
        }
        let required: BTreeSet<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let names: BTreeSet<&str> = properties.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        if required != names {
            why.push("an object does not require exactly its properties".to_owned());
        }
    }
    let inner = properties.into_iter().flatten().map(|(_, schema)| schema);
    let inner = inner.chain(schema["$defs"].as_object().into_iter().flatten().map(|(_, schema)| schema));
    let inner = inner.chain(schema["anyOf"].as_array().into_iter().flatten()).chain(keywords.get("items"));
    inner.for_each(|schema| loose(schema, why));
}
