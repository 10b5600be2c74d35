//! What a request for a reply must look like, written down from the published description of the API
//! (`CreateChatCompletionRequest` in the OpenAPI document of OpenAI): the facts alone, as a JSON Schema. What it does not name
//! is not allowed. Fields for sound, pictures and searches, which nobody here sends, are left out.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, json};

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
    let name = json!({ "type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$" });
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["model", "messages"],
        "additionalProperties": false,
        "properties": {
            "model": { "type": "string", "minLength": 1 },
            "messages": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/message" } },
            "stream": { "type": ["boolean", "null"] },
            "stream_options": {
                "type": ["object", "null"],
                "additionalProperties": false,
                "properties": {
                    "include_usage": { "type": "boolean" },
                    "include_obfuscation": { "type": "boolean" }
                }
            },
            "max_completion_tokens": { "type": ["integer", "null"], "minimum": 1 },
            "max_tokens": { "type": ["integer", "null"], "minimum": 1 },
            "temperature": { "type": ["number", "null"], "minimum": 0, "maximum": 2 },
            "top_p": { "type": ["number", "null"], "minimum": 0, "maximum": 1 },
            "frequency_penalty": { "type": ["number", "null"], "minimum": -2, "maximum": 2 },
            "presence_penalty": { "type": ["number", "null"], "minimum": -2, "maximum": 2 },
            "n": { "type": ["integer", "null"], "minimum": 1, "maximum": 128 },
            "seed": { "type": ["integer", "null"] },
            "stop": {
                "anyOf": [
                    { "type": ["string", "null"] },
                    { "type": "array", "minItems": 1, "maxItems": 4, "items": { "type": "string" } }
                ]
            },
            "reasoning_effort": { "enum": ["none", "minimal", "low", "medium", "high", "xhigh", "max", null] },
            "verbosity": { "enum": ["low", "medium", "high", null] },
            "service_tier": { "enum": ["auto", "default", "flex", "scale", "priority", null] },
            "store": { "type": ["boolean", "null"] },
            "user": { "type": "string" },
            "safety_identifier": { "type": "string" },
            "prompt_cache_key": { "type": "string" },
            "metadata": {
                "type": ["object", "null"], "maxProperties": 16,
                "additionalProperties": { "type": "string", "maxLength": 512 }
            },
            "logprobs": { "type": ["boolean", "null"] },
            "top_logprobs": { "type": ["integer", "null"], "minimum": 0, "maximum": 20 },
            "parallel_tool_calls": { "type": "boolean" },
            "tools": { "type": "array", "minItems": 1, "maxItems": 128, "items": { "$ref": "#/$defs/tool" } },
            "tool_choice": {
                "anyOf": [
                    { "enum": ["none", "auto", "required"] },
                    {
                        "type": "object", "required": ["type", "function"], "additionalProperties": false,
                        "properties": {
                            "type": { "const": "function" },
                            "function": {
                                "type": "object", "required": ["name"], "additionalProperties": false,
                                "properties": { "name": name }
                            }
                        }
                    }
                ]
            },
            "response_format": {
                "oneOf": [
                    {
                        "type": "object", "required": ["type"], "additionalProperties": false,
                        "properties": { "type": { "enum": ["text", "json_object"] } }
                    },
                    {
                        "type": "object", "required": ["type", "json_schema"], "additionalProperties": false,
                        "properties": {
                            "type": { "const": "json_schema" },
                            "json_schema": {
                                "type": "object", "required": ["name"], "additionalProperties": false,
                                "properties": {
                                    "name": name,
                                    "description": { "type": "string" },
                                    "schema": { "type": "object" },
                                    "strict": { "type": ["boolean", "null"] }
                                }
                            }
                        }
                    }
                ]
            }
        },
        "$defs": {
            "tool": {
                "type": "object", "required": ["type", "function"], "additionalProperties": false,
                "properties": {
                    "type": { "const": "function" },
                    "function": {
                        "type": "object", "required": ["name"], "additionalProperties": false,
                        "properties": {
                            "name": name,
                            "description": { "type": "string" },
                            "parameters": { "type": "object" },
                            "strict": { "type": ["boolean", "null"] }
                        }
                    }
                }
            },
            "parts": {
                "type": "array", "minItems": 1,
                "items": {
                    "type": "object", "required": ["type", "text"], "additionalProperties": false,
                    "properties": { "type": { "const": "text" }, "text": { "type": "string" } }
                }
            },
            "content": { "anyOf": [{ "type": "string" }, { "$ref": "#/$defs/parts" }] },
            "call": {
                "type": "object", "required": ["id", "type", "function"], "additionalProperties": false,
                "properties": {
                    "id": { "type": "string", "minLength": 1 },
                    "type": { "const": "function" },
                    "function": {
                        "type": "object", "required": ["name", "arguments"], "additionalProperties": false,
                        "properties": { "name": name, "arguments": { "type": "string" } }
                    }
                }
            },
            "message": {
                "oneOf": [
                    {
                        "type": "object", "required": ["role", "content"], "additionalProperties": false,
                        "properties": {
                            "role": { "enum": ["system", "developer", "user"] },
                            "content": { "$ref": "#/$defs/content" },
                            "name": { "type": "string" }
                        }
                    },
                    {
                        "type": "object", "required": ["role"], "additionalProperties": false,
                        "properties": {
                            "role": { "const": "assistant" },
                            "content": { "anyOf": [{ "type": "null" }, { "$ref": "#/$defs/content" }] },
                            "refusal": { "type": ["string", "null"] },
                            "name": { "type": "string" },
                            "tool_calls": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/call" } }
                        }
                    },
                    {
                        "type": "object", "required": ["role", "content", "tool_call_id"],
                        "additionalProperties": false,
                        "properties": {
                            "role": { "const": "tool" },
                            "content": { "$ref": "#/$defs/content" },
                            "tool_call_id": { "type": "string", "minLength": 1 }
                        }
                    }
                ]
            }
        }
    });
    jsonschema::validator_for(&schema).expect("the schema is one")
});

#[cfg(test)]
mod tests {
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
