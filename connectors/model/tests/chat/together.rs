//! Clients put together: tools in words over the wire, and a second endpoint.

use std::sync::Arc;

use hearback_core::model::{Ended, Message, ModelClient, ModelRequest};
use hearback_fake_model::{FakeModel, Play};
use hearback_model::{Fallback, FallbackOptions, TextTools};
use serde_json::json;

use crate::asking::{chat, question, with_tools};

#[tokio::test]
async fn a_model_without_tools_calls_them_in_words() {
    let fake = FakeModel::directed(|asked| match asked.number {
        0 => Play::says("I look.\n```tool\n{\"tool\": \"logs\", \"arguments\": {\"q\": panic}}\n```"),
        1 => Play::says("```tool\n{\"tool\": \"logs\", \"arguments\": {\"q\": \"panic\"}}\n```"),
        _ => Play::says("It was the deploy."),
    })
    .await;
    let model = TextTools::new(chat(&fake));
    let mut request = with_tools();
    let reply = model.complete(&request).await.unwrap();
    assert_eq!((reply.ended, reply.spent.requests), (Ended::Calls, 2));
    assert_eq!(reply.calls[0].arguments.as_untrusted(), "{\"q\":\"panic\"}");
    request.messages.extend(reply.to_message());
    request.messages.push(Message::ToolResult { call: reply.calls[0].id.clone(), text: "1 panic".into() });
    assert_eq!(model.complete(&request).await.unwrap().ended, Ended::Done);
    for asked in fake.asked() {
        assert_eq!((asked.tools().len(), &asked.body["tool_choice"]), (0, &json!(null)));
        assert!(asked.messages()[0]["content"].as_str().unwrap().contains("logs: Reads logs."));
    }
    assert_eq!(fake.asked()[2].last_text(), "What came of logs (call_1):\n1 panic");
}

#[tokio::test]
async fn a_second_endpoint_answers_where_the_first_can_not() {
    let first = FakeModel::playing(vec![Play::fails(500, "server_error", "oops"); 4]).await;
    let second = FakeModel::playing([Play::says("It was the deploy.")]).await;
    let clients = [&first, &second].map(|fake| Arc::new(chat(fake)) as Arc<dyn ModelClient>);
    let [one, other] = clients;
    let model = Fallback::new(one, other, FallbackOptions::default());
    let reply = model.complete(&question()).await.unwrap();
    assert_eq!(reply.by.to_string(), format!("model:gpt-4.1-mini@{}", second.host()));
    assert_eq!((first.asked().len(), second.asked().len()), (4, 1));
}

#[tokio::test]
async fn both_endpoints_are_named_where_neither_can_answer() {
    let first = FakeModel::playing([Play::fails(401, "invalid_api_key", "no")]).await;
    let second = FakeModel::playing([Play::fails(404, "model_not_found", "no")]).await;
    let model = Fallback::new(chat(&first), chat(&second), FallbackOptions::default());
    let told =
        model.complete(&ModelRequest { tools: Vec::new(), ..question() }).await.unwrap_err().to_string();
    let expect = format!("{} refuses the key (401)", first.host());
    assert!(
        told.starts_with(&expect) && told.contains(&format!("; {} does not know", second.host())),
        "{told}"
    );
}
