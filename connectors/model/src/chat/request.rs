//! What is asked, as the API wants it: the types of `async-openai`, which follow its published description. Secrets are taken
//! out of every text on the way. It must not know how the request is sent.

use async_openai::types::chat::{
    ChatCompletionMessageToolCall, ChatCompletionMessageToolCalls, ChatCompletionRequestAssistantMessage,
    ChatCompletionRequestAssistantMessageContent, ChatCompletionRequestMessage,
    ChatCompletionRequestSystemMessage, ChatCompletionRequestSystemMessageContent,
    ChatCompletionRequestToolMessage, ChatCompletionRequestToolMessageContent,
    ChatCompletionRequestUserMessage, ChatCompletionRequestUserMessageContent, ChatCompletionStreamOptions,
    ChatCompletionTool, ChatCompletionToolChoiceOption, ChatCompletionTools, CreateChatCompletionRequest,
    FunctionCall, FunctionObject, ReasoningEffort, ResponseFormat, ResponseFormatJsonSchema,
    ToolChoiceOptions,
};
use hearback_core::ids::ToolName;
use hearback_core::model::{Message, ModelRequest, ReplyForm, ToolCall, ToolChoice};
use hearback_core::redaction::redact;
use serde_json::{Value, json};

use super::{ChatOptions, Delivery, Effort, JsonMode, OutputLimit, Strictness};

/// The keywords of JSON Schema that OpenAI's strict mode knows.
const STRICT_KEYWORDS: &[&str] = &[
    "$defs",
    "$ref",
    "additionalProperties",
    "anyOf",
    "const",
    "description",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maximum",
    "minItems",
    "minimum",
    "multipleOf",
    "pattern",
    "properties",
    "required",
    "title",
    "type",
];

/// The request for one reply.
pub(crate) fn request(options: &ChatOptions, asked: &ModelRequest) -> CreateChatCompletionRequest {
    let (stream, stream_options) = match options.delivery {
        Delivery::Streamed => (
            Some(true),
            Some(ChatCompletionStreamOptions { include_usage: Some(true), include_obfuscation: None }),
        ),
        Delivery::StreamedUncounted => (Some(true), None),
        Delivery::Whole => (None, None),
    };
    let (response_format, described) = response_format(options, &asked.form);
    let mut request = CreateChatCompletionRequest {
        model: options.model.trim().to_owned(),
        messages: messages(&asked.messages, described.as_deref()),
        response_format,
        stream,
        stream_options,
        temperature: options.temperature,
        reasoning_effort: options.effort.map(|effort| match effort {
            Effort::Minimal => ReasoningEffort::Minimal,
            Effort::Low => ReasoningEffort::Low,
            Effort::Medium => ReasoningEffort::Medium,
            Effort::High => ReasoningEffort::High,
        }),
        ..CreateChatCompletionRequest::default()
    };
    match options.output_limit {
        OutputLimit::MaxCompletionTokens => request.max_completion_tokens = Some(asked.max_output_tokens),
        #[expect(deprecated, reason = "older servers know no other")]
        OutputLimit::MaxTokens => request.max_tokens = Some(asked.max_output_tokens),
    }
    // A choice among no tools is refused.
    if !asked.tools.is_empty() {
        let tools = asked.tools.iter().map(|tool| {
            ChatCompletionTools::Function(ChatCompletionTool {
                function: FunctionObject {
                    name: tool.name.to_string(),
                    description: Some(tool.description.clone()),
                    parameters: Some(tool.parameters.clone()),
                    strict: strict(options, &tool.parameters),
                },
            })
        });
        request.tools = Some(tools.collect());
        request.tool_choice = Some(ChatCompletionToolChoiceOption::Mode(match asked.choice {
            ToolChoice::Auto => ToolChoiceOptions::Auto,
            ToolChoice::Required => ToolChoiceOptions::Required,
            ToolChoice::None => ToolChoiceOptions::None,
        }));
    }
    request
}

/// What the server is told of the form, and what the model has to be told of it in words.
fn response_format(options: &ChatOptions, form: &ReplyForm) -> (Option<ResponseFormat>, Option<String>) {
    let ReplyForm::Json { name, schema } = form else { return (None, None) };
    match options.json {
        JsonMode::Schema => {
            let json_schema = ResponseFormatJsonSchema {
                description: None,
                name: name.to_string(),
                schema: schema.clone(),
                strict: strict(options, schema),
            };
            (Some(ResponseFormat::JsonSchema { json_schema }), None)
        }
        JsonMode::Object => (Some(ResponseFormat::JsonObject), Some(describe_form(name, schema))),
        JsonMode::Described => (None, Some(describe_form(name, schema))),
    }
}

/// A form, for a model that is told of it in words.
pub(crate) fn describe_form(name: &ToolName, schema: &Value) -> String {
    format!(
        "Your answer is one JSON object, called {name}, with nothing before or after it. It fits this JSON Schema:\n{schema}"
    )
}

fn strict(options: &ChatOptions, schema: &Value) -> Option<bool> {
    (options.strictness == Strictness::WhereItFits && is_strict(schema)).then_some(true)
}

/// Whether a schema is one that OpenAI's strict mode takes: an object, in which every object names all its properties as
/// required and allows no others, and which uses no keyword that the mode does not know.
fn is_strict(schema: &Value) -> bool {
    schema.get("type") == Some(&json!("object")) && fits(schema)
}

fn fits(schema: &Value) -> bool {
    let Some(keywords) = schema.as_object() else { return false };
    if !keywords.keys().all(|keyword| STRICT_KEYWORDS.contains(&keyword.as_str())) {
        return false;
    }
    let all_fit = |schemas: Option<&Value>| match schemas {
        None => true,
        Some(Value::Array(schemas)) => schemas.iter().all(fits),
        Some(Value::Object(schemas)) => schemas.values().all(fits),
        Some(_) => false,
    };
    let may_be_object = match keywords.get("type") {
        Some(Value::Array(types)) => types.contains(&json!("object")),
        other => other == Some(&json!("object")),
    };
    let properties = keywords.get("properties");
    let is_closed = || {
        let required = keywords.get("required").and_then(Value::as_array);
        let names =
            properties.and_then(Value::as_object).into_iter().flat_map(|properties| properties.keys());
        keywords.get("additionalProperties") == Some(&json!(false))
            && names.into_iter().all(|name| required.is_some_and(|all| all.contains(&json!(name))))
    };
    (!may_be_object || is_closed())
        && all_fit(properties)
        && all_fit(keywords.get("$defs"))
        && all_fit(keywords.get("anyOf"))
        && keywords.get("items").is_none_or(fits)
}

/// The conversation, with what the model has to be told beside it. One system message: many models read the first alone.
fn messages(messages: &[Message], beside: Option<&str>) -> Vec<ChatCompletionRequestMessage> {
    let system = messages.iter().filter_map(|message| match message {
        Message::System(text) => Some(text.as_str()),
        Message::User(_) | Message::Assistant { .. } | Message::ToolResult { .. } => None,
    });
    let system: Vec<&str> = system.chain(beside).collect();
    let first = (!system.is_empty()).then(|| {
        ChatCompletionRequestMessage::System(ChatCompletionRequestSystemMessage {
            content: ChatCompletionRequestSystemMessageContent::Text(clean(&system.join("\n\n"))),
            name: None,
        })
    });
    first.into_iter().chain(messages.iter().filter_map(message)).collect()
}

fn message(message: &Message) -> Option<ChatCompletionRequestMessage> {
    Some(match message {
        Message::System(_) => return None,
        Message::User(text) => ChatCompletionRequestMessage::User(ChatCompletionRequestUserMessage {
            content: ChatCompletionRequestUserMessageContent::Text(clean(text)),
            name: None,
        }),
        Message::Assistant { text, calls } => {
            let text = text.as_ref().map(|text| clean(text.as_untrusted()));
            let tool_calls: Vec<_> = calls.iter().map(call).collect();
            ChatCompletionRequestMessage::Assistant(ChatCompletionRequestAssistantMessage {
                content: text.map(ChatCompletionRequestAssistantMessageContent::Text),
                tool_calls: (!tool_calls.is_empty()).then_some(tool_calls),
                ..ChatCompletionRequestAssistantMessage::default()
            })
        }
        Message::ToolResult { call, text } => {
            ChatCompletionRequestMessage::Tool(ChatCompletionRequestToolMessage {
                content: ChatCompletionRequestToolMessageContent::Text(clean(text)),
                tool_call_id: call.to_string(),
            })
        }
    })
}

fn call(call: &ToolCall) -> ChatCompletionMessageToolCalls {
    let arguments = clean(call.arguments.as_untrusted());
    // The templates of many models read the arguments of earlier calls, and fail on what is no object.
    let is_object = serde_json::from_str(&arguments).is_ok_and(|value: Value| value.is_object());
    let arguments = if is_object { arguments } else { json!({ "unreadable": arguments }).to_string() };
    ChatCompletionMessageToolCalls::Function(ChatCompletionMessageToolCall {
        id: call.id.to_string(),
        function: FunctionCall { name: call.name.to_string(), arguments },
    })
}

/// A text as it may leave the house.
fn clean(text: &str) -> String {
    redact(text).0.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: Value, expect: bool) {
        assert_eq!(is_strict(&schema), expect, "{schema}");
    }

    #[test]
    fn strict_schemas_are_known() {
        let object = |properties: Value, required: Value| json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
        check(object(json!({}), json!([])), true);
        check(object(json!({ "q": { "type": "string", "description": "words" } }), json!(["q"])), true);
        check(object(json!({ "q": { "type": ["string", "null"] } }), json!(["q"])), true);
        check(object(json!({ "q": { "type": "array", "items": { "enum": ["a"] } } }), json!(["q"])), true);
        let inner = object(json!({ "a": { "type": "integer" } }), json!(["a"]));
        check(object(json!({ "q": { "anyOf": [inner, { "type": "null" }] } }), json!(["q"])), true);
        // Not all required, open, unknown keywords, the same further inside, no object.
        check(object(json!({ "q": { "type": "string" } }), json!([])), false);
        check(json!({ "type": "object", "properties": {}, "required": [] }), false);
        check(object(json!({ "q": { "type": "string", "minLength": 1 } }), json!(["q"])), false);
        let open = json!({ "type": "object", "properties": { "a": {} } });
        check(object(json!({ "q": open.clone() }), json!(["q"])), false);
        check(object(json!({ "q": { "anyOf": [open.clone()] } }), json!(["q"])), false);
        check(object(json!({ "q": { "type": "array", "items": open } }), json!(["q"])), false);
        check(json!({ "type": "string" }), false);
        check(json!(true), false);
    }
}
