//! What a request for a reply must look like, written down from the published description of the API
//! (`CreateChatCompletionRequest` in the OpenAPI document of OpenAI): the facts alone, as a JSON Schema in
//! `request.schema.json`. What it does not name is not allowed. Fields for sound, pictures and searches, which nobody here sends, are left out.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

use crate::conversation;

/// How `body` breaks the description, or a rule that it can't say.
pub fn violations(body: &Value) -> Vec<String> {
    let broken: Vec<String> = CREATE_CHAT_COMPLETION_REQUEST
        .iter_errors(body)
        .map(|error| format!("{} at {}", error.kind().keyword(), error.instance_path()))
        .collect();
    if broken.is_empty() { conversation::broken(body) } else { broken }
}

static CREATE_CHAT_COMPLETION_REQUEST: LazyLock<Validator> = LazyLock::new(|| {
    let schema: Value =
        serde_json::from_str(include_str!("request.schema.json")).expect("the schema is JSON");
    jsonschema::validator_for(&schema).expect("the schema is one")
});

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn good() -> Value {
        let call =
            json!({ "id": "a", "type": "function", "function": { "name": "logs", "arguments": "{}" } });
        let parameters =
            json!({ "type": "object", "properties": {}, "required": [], "additionalProperties": false });
        json!({
            "model": "m",
            "messages": [
                { "role": "system", "content": "You read incidents." },
                { "role": "user", "content": "What changed?" },
                { "role": "assistant", "tool_calls": [call] },
                { "role": "tool", "tool_call_id": "a", "content": "nothing" }
            ],
            "stream": true, "stream_options": { "include_usage": true }, "max_completion_tokens": 9,
            "tools": [{ "type": "function",
                "function": { "name": "logs", "description": "x", "parameters": parameters, "strict": true } }],
            "tool_choice": "auto"
        })
    }

    #[test]
    fn a_good_request_keeps_to_it() {
        assert_eq!(violations(&good()), Vec::<String>::new());
    }

    #[test]
    fn the_contract_can_be_broken() {
        let check = |change: &dyn Fn(&mut Value), expect: &str| {
            let mut body = good();
            change(&mut body);
            let broken = violations(&body).join("; ");
            assert!(broken.contains(expect), "{expect}: {broken}");
        };
        let set = |path: &'static str, value: Value| {
            move |body: &mut Value| *body.pointer_mut(path).unwrap() = value.clone()
        };
        let add = |name: &'static str, value: Value| move |body: &mut Value| body[name] = value.clone();
        check(&add("prompt", json!("x")), "additionalProperties");
        check(&set("/model", json!("")), "minLength");
        check(&set("/messages", json!([])), "minItems");
        check(&set("/messages/1/content", json!(null)), "/messages/1");
        check(&set("/messages/2/tool_calls", json!([])), "/messages/2");
        check(&set("/tools/0/function/name", json!("log search")), "pattern");
        check(&set("/tools", json!([])), "minItems");
        check(&add("max_tokens", json!(9)), "both set");
        check(&add("temperature", json!(3)), "maximum");
        check(&set("/stream", json!(false)), "stream_options is set without stream");
        check(&set("/messages/3/tool_call_id", json!("b")), "answers no call that is open: \"b\"");
        check(&|body| drop(body["messages"].as_array_mut().unwrap().pop()), "are not answered");
        check(&|body| body["messages"].as_array_mut().unwrap().swap(0, 1), "a system message after others");
        check(&set("/messages/2/tool_calls/0/function/arguments", json!("{")), "no object: templates fail");
        let again = |body: &mut Value| {
            let messages = body["messages"].as_array_mut().unwrap();
            let both = messages[2..4].to_vec();
            messages.extend(both);
        };
        check(&again, "uses the id a again");
        let alone = |body: &mut Value| {
            body.as_object_mut().unwrap().remove("tools");
        };
        check(&alone, "tool_choice is set without tools");
        check(&add("response_format", json!({ "type": "json_object" })), "no message speaks of JSON");
        check(
            &set("/tools/0/function/parameters/additionalProperties", json!(true)),
            "allows other properties",
        );
        check(&set("/tools/0/function/parameters/required", json!(["x"])), "does not require exactly");
        check(&set("/tools/0/function/parameters/type", json!("thing")), "the schema of logs is none");
        let twice = |body: &mut Value| {
            let tool = body["tools"][0].clone();
            body["tools"].as_array_mut().unwrap().push(tool);
        };
        check(&twice, "two tools have one name");
    }
}
