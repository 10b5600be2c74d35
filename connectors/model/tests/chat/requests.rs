//! What is asked.

use hearback_core::ExternalText;
use hearback_core::ids::{CallId, ToolName};
use hearback_core::model::{Ended, Message, ModelClient as _, ModelRequest, ReplyForm, ToolCall, ToolChoice};
use hearback_fake_model::{FakeModel, Play};
use hearback_http::Credentials;
use hearback_model::{ChatOptions, Delivery, Effort, JsonMode, OpenAiChat, OutputLimit, Strictness};
use serde_json::{Value, json};

use crate::asking::{MODEL, chat, options, question, with_tools};

/// What is sent for `request` by a client of these options.
async fn sent(change: impl Fn(&mut ChatOptions), request: &ModelRequest) -> Value {
    let fake = FakeModel::playing([Play::says("It was the deploy.")]).await;
    let mut options = options(&fake);
    change(&mut options);
    OpenAiChat::new(options).unwrap().complete(request).await.unwrap();
    fake.asked()[0].body.clone()
}

#[tokio::test]
async fn a_question_is_what_the_api_describes() {
    assert_eq!(
        sent(|_| {}, &question()).await,
        json!({
            "model": MODEL,
            "messages": [
                { "role": "system", "content": "You read incidents." },
                { "role": "user", "content": "What changed at 14:02?" },
            ],
            "max_completion_tokens": 500, "stream": true, "stream_options": { "include_usage": true },
        })
    );
}

#[tokio::test]
async fn tools_are_described_and_chosen_among() {
    for (choice, expect) in
        [(ToolChoice::Auto, "auto"), (ToolChoice::Required, "required"), (ToolChoice::None, "none")]
    {
        let body = sent(|_| {}, &ModelRequest { choice, ..with_tools() }).await;
        assert_eq!(body["tool_choice"], json!(expect));
        let spec = &with_tools().tools[0];
        let function = json!({
            "name": "logs", "description": "Reads logs.", "parameters": spec.parameters, "strict": true,
        });
        assert_eq!(body["tools"][0], json!({ "type": "function", "function": function }));
    }
}

#[tokio::test]
async fn strictness_is_asked_for_where_a_schema_is_strict_and_where_it_may_be() {
    let mut request = with_tools();
    request.tools[1].parameters = json!({ "type": "object", "properties": { "q": { "type": "string" } } });
    let body = sent(|_| {}, &request).await;
    let strict = |body: &Value| [0, 1].map(|n| body["tools"][n]["function"]["strict"].clone());
    assert_eq!(strict(&body), [json!(true), json!(null)]);
    let body = sent(|options| options.strictness = Strictness::Never, &request).await;
    assert_eq!(strict(&body), [json!(null), json!(null)]);
}

#[tokio::test]
async fn the_form_of_a_reply_is_asked_for_as_the_server_knows_it() {
    let schema = json!({
        "type": "object", "properties": { "cause": { "type": "string" } }, "required": ["cause"],
        "additionalProperties": false,
    });
    let form = ReplyForm::Json { name: ToolName::new("finding").unwrap(), schema: schema.clone() };
    let request = ModelRequest { form, ..question() };
    let body = sent(|_| {}, &request).await;
    let json_schema = json!({ "name": "finding", "schema": schema, "strict": true });
    assert_eq!(body["response_format"], json!({ "type": "json_schema", "json_schema": json_schema }));
    assert_eq!(body["messages"][0]["content"], json!("You read incidents."));
    for (mode, expect) in
        [(JsonMode::Object, json!({ "type": "json_object" })), (JsonMode::Described, json!(null))]
    {
        let body = sent(|options| options.json = mode, &request).await;
        assert_eq!(body["response_format"], expect);
        let system = body["messages"][0]["content"].as_str().unwrap();
        assert!(system.starts_with("You read incidents.\n\n") && system.contains("\"cause\""), "{system}");
    }
}

#[tokio::test]
async fn settings_of_other_servers_are_kept_to() {
    let body = sent(
        |options| {
            options.delivery = Delivery::StreamedUncounted;
            options.output_limit = OutputLimit::MaxTokens;
            options.temperature = Some(0.2);
            options.effort = Some(Effort::Low);
        },
        &question(),
    )
    .await;
    assert_eq!((&body["stream"], &body["stream_options"]), (&json!(true), &json!(null)));
    assert_eq!((&body["max_tokens"], &body["max_completion_tokens"]), (&json!(500), &json!(null)));
    assert_eq!(body["reasoning_effort"], json!("low"));
    assert!((body["temperature"].as_f64().unwrap() - 0.2).abs() < 1e-6, "{body}");
    let body = sent(|options| options.delivery = Delivery::Whole, &question()).await;
    assert_eq!((&body["stream"], &body["stream_options"]), (&json!(null), &json!(null)));
}

#[tokio::test]
async fn a_conversation_goes_on_with_its_calls_and_results() {
    let fake = FakeModel::directed(|asked| match asked.number {
        0 => Play::calls(&[("logs", "{\"q\":\"panic\"}"), ("series", "{\"q\":")]).saying("I look."),
        1 => Play::calls(&[("logs", "{\"q\":\"oom\"}")]),
        _ => Play::says("It was the deploy."),
    })
    .await;
    let chat = chat(&fake);
    let mut request = with_tools();
    loop {
        let reply = chat.complete(&request).await.unwrap();
        request.messages.extend(reply.to_message());
        if reply.ended == Ended::Done {
            break;
        }
        // In another order than they were called in.
        for call in reply.calls.iter().rev() {
            let text = format!("nothing for {}", call.arguments.as_untrusted());
            request.messages.push(Message::ToolResult { call: call.id.clone(), text });
        }
        let kept = serde_json::to_string(&request.messages).unwrap();
        request.messages = serde_json::from_str(&kept).unwrap();
    }
    let asked = fake.asked();
    assert_eq!(asked.len(), 3);
    let calls = &asked[1].messages()[2];
    assert_eq!(calls["content"], json!("I look."));
    assert_eq!(calls["tool_calls"][0]["function"]["arguments"], json!("{\"q\":\"panic\"}"));
    // What is no object would break the templates that read it.
    assert_eq!(calls["tool_calls"][1]["function"]["arguments"], json!("{\"unreadable\":\"{\\\"q\\\":\"}"));
    assert_eq!(asked[1].messages()[3]["content"], json!("nothing for {\"q\":"));
    assert_eq!(asked[2].messages().len(), 7);
}

#[tokio::test]
async fn secrets_are_taken_out_before_a_text_leaves() {
    let mut request = with_tools();
    let secret = "token ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    let id = CallId::numbered(1);
    let arguments = format!("{{\"q\":\"{secret}\"}}");
    let call = ToolCall {
        id: id.clone(),
        name: ToolName::new("logs").unwrap(),
        arguments: ExternalText::new(arguments),
    };
    request.messages = vec![
        Message::System(format!("a {secret}")),
        Message::User(format!("b {secret}")),
        Message::Assistant { text: Some(ExternalText::new(format!("c {secret}"))), calls: vec![call] },
        Message::ToolResult { call: id, text: format!("d {secret}") },
    ];
    let body = sent(|_| {}, &request).await.to_string();
    assert!(!body.contains("ghp_"), "{body}");
    assert_eq!(body.matches("[redacted: GitHub token]").count(), 5, "{body}");
}

#[tokio::test]
async fn a_server_without_a_key_is_sent_none() {
    let fake = FakeModel::keyless(|_| Play::says("It was the deploy.")).await;
    let mut options = options(&fake);
    options.http.credentials = Credentials::None;
    OpenAiChat::new(options).unwrap().complete(&question()).await.unwrap();
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn a_conversation_that_no_server_takes_is_not_sent() {
    let fake = FakeModel::playing([]).await;
    let request = ModelRequest { messages: Vec::new(), ..question() };
    let told = chat(&fake).complete(&request).await.unwrap_err().to_string();
    assert_eq!(told, "the conversation ends with nothing to answer; nothing was sent to the model");
    assert!(fake.asked().is_empty());
}

#[tokio::test]
async fn a_request_that_breaks_the_contract_fails_its_test() {
    let fake = FakeModel::playing([Play::says("x")]).await;
    let mut options = options(&fake);
    options.http.credentials = Credentials::None;
    let client = OpenAiChat::new(options).unwrap();
    assert!(client.complete(&question()).await.is_err());
    assert_eq!(fake.take_broken(), ["the key is missing, or another"]);
    let chat = chat(&fake);
    let twice = ModelRequest { tools: vec![with_tools().tools[0].clone(); 2], ..question() };
    assert!(chat.complete(&twice).await.is_err());
    assert_eq!(fake.take_broken(), ["two tools have one name"]);
    assert!(chat.complete(&question()).await.is_ok());
    assert!(chat.complete(&question()).await.is_err());
    assert_eq!(fake.take_broken(), ["request 1 stands in no script"]);
}
