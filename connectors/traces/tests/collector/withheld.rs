//! What never leaves: messages, log lines, secrets, whatever field they stand in.

use hearback_core::gen_ai;
use tracing::{error, info, info_span};

use crate::receiver::{Receiver, named, number, text, traced};

const SECRET: &str = "ghp_0123456789abcdefghijklmnopqrstuvwxAB";
const BODY: &str = "You are asked what broke the checkout of the shop.\nThe pool was made smaller by Ana at 13:30, and since \
                    then every connection waits; answer with the change that did it, and with what would show otherwise.";

/// Nothing of `words` stands in what was sent, whatever it is taken for.
fn check(receiver: &Receiver, words: &[&str]) {
    let heard = receiver.heard.lock().unwrap();
    assert!(!heard.bodies.is_empty(), "nothing was sent at all");
    for body in &heard.bodies {
        let sent = String::from_utf8_lossy(body);
        for word in words {
            assert!(!sent.contains(word), "{word} was sent: {sent}");
        }
    }
}

/// A span with `$value` in every field there is.
macro_rules! everywhere {
    ($name:literal, $value:expr) => {
        drop(info_span!(
            target: "hearback_engine",
            $name,
            incident = $value,
            source = %$value,
            verb = $value,
            { gen_ai::OPERATION_NAME } = $value,
            { gen_ai::PROVIDER_NAME } = $value,
            { gen_ai::AGENT_NAME } = $value,
            { gen_ai::CONVERSATION_ID } = $value,
            { gen_ai::REQUEST_MODEL } = $value,
            { gen_ai::REQUEST_MAX_TOKENS } = $value,
            { gen_ai::RESPONSE_MODEL } = $value,
            { gen_ai::RESPONSE_FINISH_REASONS } = $value,
            { gen_ai::TOOL_NAME } = $value,
            { gen_ai::TOOL_CALL_ID } = $value,
            { gen_ai::TOOL_TYPE } = $value,
            { gen_ai::SERVER_ADDRESS } = $value,
            { gen_ai::ERROR_TYPE } = $value,
            { gen_ai::ENDING } = $value,
        ));
        drop(info_span!(
            target: "hearback_engine",
            $name,
            message = $value,
            prompt = ?$value,
            gen_ai.input.messages = $value,
            gen_ai.output.messages = $value,
            gen_ai.system_instructions = $value,
            gen_ai.tool.call.arguments = $value,
            gen_ai.tool.call.result = $value,
            otel.name = $value,
            otel.status_description = $value,
        ));
    };
}

fn in_all_spans(value: &str) {
    everywhere!("incident", value);
    everywhere!("question", value);
    everywhere!("connector.call", value);
    everywhere!("action.execute", value);
    everywhere!("chat", value);
    everywhere!("execute_tool", value);
    everywhere!("invoke_agent", value);
}

#[test]
fn neither_a_secret_nor_a_message_leaves_in_any_field_of_any_span() {
    let receiver = Receiver::start([]);
    let tally = traced(receiver.options(), || {
        in_all_spans(SECRET);
        in_all_spans(&format!("model-{SECRET}"));
        in_all_spans(BODY);
        in_all_spans("The pool was made smaller by Ana.");
        in_all_spans("ana@shop.example");
        in_all_spans(&"x".repeat(100_000));
    });
    assert_eq!((tally.sent, tally.lost), (7 * 2 * 6, 0));
    let spans = receiver.spans();
    // A source is called as a repository is, which may have a space: it is one line, and short.
    let told: Vec<_> = spans.iter().filter_map(|span| text(span, gen_ai::SOURCE)).collect();
    assert!(told.contains(&"[withheld]".to_owned()), "{told:?}");
    check(&receiver, &[SECRET, "0123456789abcdef", "You are asked", "since then", "ana@shop", "xxxxx"]);
    for span in &spans {
        for one in span.attributes.iter().filter(|one| one.key != gen_ai::SOURCE) {
            assert!(!format!("{one:?}").contains("Ana"), "{one:?}");
        }
        assert!(span.name.len() < 100, "{}", span.name);
        assert_eq!(span.status.clone().unwrap_or_default().message, "");
    }
}

#[test]
fn log_lines_stay_here() {
    let receiver = Receiver::start([]);
    traced(receiver.options(), || {
        let span = info_span!(target: "hearback_engine", "question", incident = "INC-1");
        let _inside = span.enter();
        info!(target: "hearback_engine", "the pool was emptied");
        error!(target: "hearback_engine", error = "the pool was emptied", incident = "INC-1");
    });
    let spans = receiver.spans();
    let question = named(&spans, "question");
    assert!(question.events.is_empty());
    assert_eq!(question.status.clone().unwrap_or_default().code, 0, "a log line is no end");
    check(&receiver, &["emptied"]);
}

#[test]
fn spans_of_others_and_numbers_that_are_none_stay_here() {
    let receiver = Receiver::start([]);
    let tally = traced(receiver.options(), || {
        drop(info_span!(target: "hyper::client", "question", incident = "not-ours"));
        drop(info_span!(target: "hearback_engine", "unlisted", incident = "not-ours"));
        drop(info_span!(
            target: "hearback_model",
            "chat",
            { gen_ai::USAGE_INPUT_TOKENS } = "many",
            { gen_ai::USAGE_OUTPUT_TOKENS } = -1_i64,
        ));
    });
    assert_eq!(tally.sent, 1);
    let spans = receiver.spans();
    let chat = named(&spans, "chat");
    assert_eq!(number(chat, gen_ai::USAGE_INPUT_TOKENS), None);
    assert_eq!(number(chat, gen_ai::USAGE_OUTPUT_TOKENS), Some(-1));
    check(&receiver, &["not-ours", "many"]);
}
