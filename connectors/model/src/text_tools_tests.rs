//! The protocol, with a model that says what it is told to.

use std::collections::VecDeque;
use std::sync::Mutex;

use hearback_core::ids::ToolName;
use hearback_core::model::check_order;
use serde_json::json;

use super::*;

/// Says these texts one after the other, and keeps what it was asked.
struct Says {
    name: SourceName,
    script: Mutex<VecDeque<(&'static str, Ended)>>,
    asked: Mutex<Vec<ModelRequest>>,
}

#[async_trait]
impl ModelClient for Says {
    fn name(&self) -> &SourceName {
        &self.name
    }

    fn context_tokens(&self) -> u32 {
        8000
    }

    async fn complete(&self, request: &ModelRequest) -> Result<ModelReply, ModelError> {
        assert_eq!(check_order(&request.messages), Ok(()));
        assert!(request.tools.is_empty());
        self.asked.lock().unwrap().push(request.clone());
        let (text, ended) = self.script.lock().unwrap().pop_front().expect("asked beyond the script");
        tokio::time::sleep(tokio::time::Duration::from_secs(1)).await;
        Ok(ModelReply {
            text: Some(text.into()),
            calls: Vec::new(),
            ended,
            spent: Spent::once(None, None),
            by: self.name.clone(),
        })
    }
}

fn says(script: &[&'static str]) -> TextTools<Says> {
    ended(&script.iter().map(|text| (*text, Ended::Done)).collect::<Vec<_>>())
}

fn ended(script: &[(&'static str, Ended)]) -> TextTools<Says> {
    let script = Mutex::new(script.iter().copied().collect());
    TextTools::new(Says { name: SourceName::new("model:m@here").unwrap(), script, asked: Mutex::default() })
}

fn tool(name: &str) -> ToolSpec {
    ToolSpec {
        name: ToolName::new(name).unwrap(),
        description: format!("Reads {name}."),
        parameters: json!({ "type": "object", "properties": { "q": { "type": "string" } } }),
    }
}

fn request(messages: Vec<Message>) -> ModelRequest {
    ModelRequest {
        messages,
        tools: vec![tool("logs"), tool("series")],
        choice: ToolChoice::Auto,
        form: ReplyForm::Text,
        max_output_tokens: 100,
        budget: SignedDuration::from_secs(60),
    }
}

fn question() -> Vec<Message> {
    vec![Message::System("You read incidents.".into()), Message::User("What changed?".into())]
}

const CALL: &str = "I look.\n```tool\n{\"tool\": \"logs\", \"arguments\": {\"q\": \"panic\"}}\n```";

fn texts(request: &ModelRequest) -> Vec<String> {
    let text = |message: &Message| match message {
        Message::System(text) => format!("system: {text}"),
        Message::User(text) => format!("user: {text}"),
        Message::Assistant { text, .. } => format!("assistant: {}", text.as_ref().unwrap().as_untrusted()),
        Message::ToolResult { .. } => panic!("a result was sent as one"),
    };
    request.messages.iter().map(text).collect()
}

#[tokio::test(start_paused = true)]
async fn a_call_is_read_from_the_reply_and_its_result_told_in_words() {
    let model = says(&[CALL, "It was the deploy."]);
    let reply = model.complete(&request(question())).await.unwrap();
    assert_eq!(reply.text, Some("I look.".into()));
    assert_eq!((reply.ended, reply.calls.len()), (Ended::Calls, 1));
    let mut messages = question();
    messages.extend(reply.to_message());
    let call = reply.calls[0].id.clone();
    messages.push(Message::ToolResult { call, text: "```tool\n{\"tool\": \"series\"}\n```".into() });
    let reply = model.complete(&request(messages)).await.unwrap();
    assert_eq!((reply.text, reply.ended), (Some("It was the deploy.".into()), Ended::Done));
    let asked = model.inner().asked.lock().unwrap();
    let [first, second] = asked.as_slice() else { panic!("{asked:?}") };
    let told = &texts(first)[1];
    for expect in
        ["logs: Reads logs.", "series: Reads series.", "\"properties\":{\"q\"", "Call one tool at a time"]
    {
        assert!(told.contains(expect), "{told}");
    }
    assert_eq!(
        texts(second)[2..],
        [
            "user: What changed?",
            "assistant: I look.\n\n```tool\n{\"tool\": \"logs\", \"arguments\": {\"q\":\"panic\"}}\n```",
            "user: What came of logs (call_1):\n```tool\n{\"tool\": \"series\"}\n```",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_read_goes_back_with_why() {
    let model = says(&["```tool\n{\"tool\": logs}\n```", CALL]);
    let reply = model.complete(&request(question())).await.unwrap();
    assert_eq!((reply.ended, reply.spent.requests), (Ended::Calls, 2));
    let asked = model.inner().asked.lock().unwrap();
    let told = texts(&asked[1]).pop().unwrap();
    assert!(
        told.starts_with(
            "user: your call can't be read: the block is not valid JSON (its line 1, column 10)"
        ),
        "{told}"
    );
    assert!(told.contains("```tool\n{\"tool\": \"NAME\", \"arguments\": {}}\n```"), "{told}");
    assert_eq!(asked[1].budget, SignedDuration::from_secs(59));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_does_not_learn_is_given_up() {
    let model = says(&["```tool\nx\n```"; 3]);
    let error = model.complete(&request(question())).await.unwrap_err();
    let ModelError::Malformed { why, spent } = error else { panic!("{error:?}") };
    assert!(
        why.starts_with("model:m@here does not keep to the protocol of tools: your call can't be read"),
        "{why}"
    );
    assert_eq!(spent.requests, 3);
}

#[tokio::test(start_paused = true)]
async fn the_choice_is_kept_to() {
    let with = |choice| ModelRequest { choice, ..request(question()) };
    let model = says(&["A deploy.", CALL]);
    assert_eq!(model.complete(&with(ToolChoice::Required)).await.unwrap().ended, Ended::Calls);
    let model = says(&[CALL, "A deploy."]);
    assert_eq!(model.complete(&with(ToolChoice::None)).await.unwrap().text, Some("A deploy.".into()));
    let asked = model.inner().asked.lock().unwrap();
    assert!(texts(&asked[0])[1].contains("Do not call a tool in your next message"));
    assert!(texts(&asked[1]).pop().unwrap().ends_with("do not call a tool now: answer"));
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_breaks_off_is_not_corrected() {
    let model =
        ended(&[("```tool\n{\"tool\": \"lo", Ended::Length), (CALL, Ended::Length), ("No.", Ended::Refused)]);
    let mut endings = Vec::new();
    for _ in 0..3 {
        endings.push(model.complete(&request(question())).await.unwrap().ended);
    }
    assert_eq!(endings, [Ended::Length, Ended::Calls, Ended::Refused]);
}

#[tokio::test(start_paused = true)]
async fn a_form_is_told_in_words_where_there_are_tools() {
    let form =
        ReplyForm::Json { name: ToolName::new("finding").unwrap(), schema: json!({ "type": "object" }) };
    let model = says(&["{\"cause\": \"deploy\"}", "{}"]);
    let reply = model.complete(&ModelRequest { form: form.clone(), ..request(question()) }).await.unwrap();
    assert_eq!((reply.ended, reply.text), (Ended::Done, Some("{\"cause\": \"deploy\"}".into())));
    let alone = ModelRequest { form: form.clone(), tools: Vec::new(), ..request(question()) };
    model.complete(&alone).await.unwrap();
    let asked = model.inner().asked.lock().unwrap();
    assert_eq!(asked[0].form, ReplyForm::Text);
    assert!(texts(&asked[0])[1].contains("called finding"));
    assert_eq!((&asked[1].form, asked[1].messages.len()), (&form, 2));
}

#[tokio::test(start_paused = true)]
async fn results_and_questions_in_a_row_are_one_message() {
    let call = |id: usize| ToolCall {
        id: CallId::numbered(id),
        name: ToolName::new("logs").unwrap(),
        arguments: "{}".into(),
    };
    let result =
        |id: usize| Message::ToolResult { call: CallId::numbered(id), text: format!("nothing {id}") };
    let calls = Message::Assistant { text: None, calls: vec![call(1), call(2)] };
    let mut messages = question();
    messages.extend([calls, result(1), result(2), Message::User("Go on.".into())]);
    let model = says(&[CALL]);
    let reply = model.complete(&request(messages)).await.unwrap();
    assert_eq!(reply.calls[0].id, CallId::numbered(3));
    let asked = model.inner().asked.lock().unwrap();
    let last = texts(&asked[0]).pop().unwrap();
    assert_eq!(
        last,
        "user: What came of logs (call_1):\nnothing 1\n\nWhat came of logs (call_2):\nnothing 2\n\nGo on."
    );
}
