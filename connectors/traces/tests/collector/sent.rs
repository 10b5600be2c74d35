//! Spans of ours arrive as the conventions have them: names, kinds, parents, attributes, how they ended.

use std::time::Duration;

use hearback_core::gen_ai;
use hearback_traces::TracesOptions;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{span::SpanKind, status::StatusCode};
use tracing::field::Empty;
use tracing::info_span;

use crate::receiver::{Receiver, attribute, named, number, text, traced};

fn investigation() {
    let question = info_span!(target: "hearback_engine::driver", "question", incident = "INC-7");
    let _in_question = question.enter();
    drop(
        info_span!(target: "hearback_engine::gather", "connector.call", source = %"git:my shop", verb = "changes"),
    );
    // A span that is not on the list is passed over, and its child is a child of what is around it.
    let _between = info_span!(target: "hearback_engine", "between").entered();
    let agent = info_span!(
        target: "hearback_engine",
        "invoke_agent",
        { gen_ai::OPERATION_NAME } = gen_ai::INVOKE_AGENT,
        { gen_ai::AGENT_NAME } = "investigation",
        { gen_ai::CONVERSATION_ID } = "INC-7",
        { gen_ai::ENDING } = Empty,
        { gen_ai::TURNS } = Empty,
    );
    let _in_agent = agent.enter();
    let chat = info_span!(
        target: "hearback_model",
        "chat",
        { gen_ai::OPERATION_NAME } = gen_ai::CHAT,
        { gen_ai::REQUEST_MODEL } = "gpt-4.1-mini",
        { gen_ai::REQUEST_MAX_TOKENS } = 2_000_u32,
        { gen_ai::SERVER_PORT } = Some(443_u16),
        { gen_ai::USAGE_INPUT_TOKENS } = Empty,
        { gen_ai::RESPONSE_FINISH_REASONS } = Empty,
    );
    chat.record(gen_ai::USAGE_INPUT_TOKENS, 1_u64);
    chat.record(gen_ai::USAGE_INPUT_TOKENS, 1_234_u64);
    chat.record(gen_ai::RESPONSE_FINISH_REASONS, "tool_calls");
    drop(chat);
    let tool = info_span!(
        target: "hearback_engine",
        "execute_tool",
        { gen_ai::TOOL_NAME } = "log_lines",
        { gen_ai::ERROR_TYPE } = Empty,
    );
    tool.record(gen_ai::ERROR_TYPE, "failed");
    drop(tool);
    agent.record(gen_ai::ENDING, "finished");
    agent.record(gen_ai::TURNS, 4_u32);
}

#[test]
fn spans_arrive_as_the_conventions_have_them() {
    let receiver = Receiver::start([]);
    let options = TracesOptions {
        headers: vec![("x-tenant".into(), "shop".into()), ("authorization".into(), "Bearer k1".into())],
        ..receiver.options()
    };
    let tally = traced(options, investigation);
    assert_eq!((tally.sent, tally.lost), (5, 0));
    let spans = receiver.spans();
    assert_eq!(spans.len(), 5, "{spans:#?}");

    let question = named(&spans, "question");
    let call = named(&spans, "connector.call");
    let agent = named(&spans, "invoke_agent investigation");
    let chat = named(&spans, "chat gpt-4.1-mini");
    let tool = named(&spans, "execute_tool log_lines");
    assert!(question.parent_span_id.is_empty());
    for (child, parent) in [(call, question), (agent, question), (chat, agent), (tool, agent)] {
        assert_eq!(child.parent_span_id, parent.span_id, "{child:?}");
        assert_eq!(child.trace_id, question.trace_id);
        assert!(parent.start_time_unix_nano <= child.start_time_unix_nano);
        assert!(child.end_time_unix_nano <= parent.end_time_unix_nano);
    }
    for span in &spans {
        let kind = if span == chat { SpanKind::Client } else { SpanKind::Internal };
        assert_eq!(span.kind(), kind, "{}", span.name);
        let status = span.status.clone().unwrap_or_default();
        let expect = if span == tool { StatusCode::Error } else { StatusCode::Unset };
        assert_eq!((status.code(), status.message.as_str()), (expect, ""), "{}", span.name);
        assert!(span.events.is_empty() && span.links.is_empty());
    }
    assert_eq!(text(question, gen_ai::INCIDENT).unwrap(), "INC-7");
    assert_eq!(text(call, gen_ai::SOURCE).unwrap(), "git:my shop");
    assert_eq!(text(call, gen_ai::VERB).unwrap(), "changes");
    assert_eq!(text(agent, gen_ai::CONVERSATION_ID).unwrap(), "INC-7");
    assert_eq!(text(agent, gen_ai::ENDING).unwrap(), "finished");
    assert_eq!(number(agent, gen_ai::TURNS).unwrap(), 4);
    assert_eq!(number(chat, gen_ai::REQUEST_MAX_TOKENS).unwrap(), 2_000);
    assert_eq!(number(chat, gen_ai::SERVER_PORT).unwrap(), 443);
    assert_eq!(number(chat, gen_ai::USAGE_INPUT_TOKENS).unwrap(), 1_234, "the last value counts");
    let reasons = attribute(chat, gen_ai::RESPONSE_FINISH_REASONS).unwrap().value;
    let Some(Value::ArrayValue(reasons)) = reasons else { panic!("{reasons:?}") };
    assert_eq!(reasons.values[0].value, Some(Value::StringValue("tool_calls".into())));
    assert_eq!(text(tool, gen_ai::ERROR_TYPE).unwrap(), "failed");
}

#[test]
fn a_request_says_who_sends_it_under_which_version_of_the_names() {
    let receiver = Receiver::start([]);
    let options = TracesOptions { headers: vec![("x-tenant".into(), "shop".into())], ..receiver.options() };
    traced(options, investigation);
    let heard = receiver.heard.lock().unwrap();
    assert_eq!(heard.headers[0]["x-tenant"], "shop");
    let of = &heard.requests[0].resource_spans[0];
    assert_eq!(of.schema_url, gen_ai::SCHEMA_URL);
    let resource = &of.resource.as_ref().unwrap().attributes;
    let resource: Vec<_> =
        resource.iter().map(|one| (one.key.as_str(), one.value.clone().unwrap().value.unwrap())).collect();
    let text = |text: &str| Value::StringValue(text.into());
    assert_eq!(resource.len(), 2, "nothing comes from the environment: {resource:?}");
    assert!(resource.contains(&("service.name", text("hearback"))), "{resource:?}");
    assert!(resource.contains(&("service.version", text("1.2.3"))), "{resource:?}");
    let scope = &of.scope_spans[0];
    assert_eq!(scope.schema_url, gen_ai::SCHEMA_URL);
    let named = scope.scope.as_ref().unwrap();
    assert_eq!((named.name.as_str(), named.version.as_str()), ("hearback", "1.2.3"));
}

#[test]
fn spans_are_sent_while_the_program_runs() {
    let receiver = Receiver::start([]);
    let options = TracesOptions { every: Duration::from_millis(20), ..receiver.options() };
    traced(options, || {
        drop(info_span!(target: "hearback_engine", "question"));
        for _ in 0..500 {
            if !receiver.spans().is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("nothing came");
    });
}
