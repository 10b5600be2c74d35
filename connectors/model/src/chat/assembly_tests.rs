//! Pieces as servers send them, and the replies that become of them.

use hearback_core::model::ReplyForm;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn assembled(pieces: &[Value], form: &ReplyForm) -> Result<Assembled, String> {
    let mut assembly = Assembly::default();
    for piece in pieces {
        assembly.take(serde_json::from_value(piece.clone()).unwrap());
    }
    assembly.finish(&[Message::User("x".into())], form)
}

fn delta(delta: Value) -> Value {
    json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] })
}

fn end(reason: &str) -> Value {
    json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] })
}

fn call(call: Value) -> Value {
    delta(json!({ "tool_calls": [call] }))
}

fn check_calls(pieces: &[Value], expect: &[(&str, &str, &str)]) {
    let made = assembled(pieces, &ReplyForm::Text).unwrap();
    let calls: Vec<(&str, &str, &str)> = made
        .calls
        .iter()
        .map(|call| (call.id.as_str(), call.name.as_str(), call.arguments.as_untrusted()))
        .collect();
    assert_eq!((calls.as_slice(), made.ended), (expect, Ended::Calls), "{pieces:?}");
}

#[test]
fn calls_are_put_together_by_their_place() {
    check_calls(
        &[
            call(
                json!({ "index": 0, "id": "a", "type": "function", "function": { "name": "logs", "arguments": "" } }),
            ),
            call(
                json!({ "index": 1, "id": "b", "type": "function", "function": { "name": "series", "arguments": "{\"x\"" } }),
            ),
            call(json!({ "index": 0, "function": { "arguments": "{\"q\":" } })),
            call(json!({ "index": 1, "function": { "arguments": ":2}" } })),
            call(json!({ "index": 0, "function": { "arguments": "1}" } })),
            end("tool_calls"),
        ],
        &[("a", "logs", "{\"q\":1}"), ("b", "series", "{\"x\":2}")],
    );
}

#[test]
fn servers_that_number_badly_are_understood() {
    let whole = |index: Option<u64>, id: &str, arguments: Value| {
        call(json!({ "index": index, "id": id, "function": { "name": "logs", "arguments": arguments } }))
    };
    // Every call at place 0, each with its id.
    let all_zero = [whole(Some(0), "a", json!("{}")), whole(Some(0), "b", json!("[]")), end("stop")];
    check_calls(&all_zero, &[("a", "logs", "{}"), ("b", "logs", "[]")]);
    // No place, whole calls; arguments as an object.
    let none = [whole(None, "a", json!({ "q": 1 })), whole(None, "b", json!(null)), end("end_turn")];
    check_calls(&none, &[("a", "logs", "{\"q\":1}"), ("b", "logs", "")]);
    // No place, in pieces: the id, or nothing, says where a piece belongs.
    check_calls(
        &[
            call(json!({ "id": "a", "function": { "name": "logs", "arguments": "{" } })),
            call(json!({ "id": "a", "function": { "name": "logs", "arguments": "\"q\":" } })),
            call(json!({ "function": { "arguments": "1}" } })),
            end("tool_calls"),
        ],
        &[("a", "logs", "{\"q\":1}")],
    );
    // No id, and one id for all.
    let no_ids = [whole(Some(0), "", json!("{}")), whole(Some(1), "", json!("{}")), end("tool_calls")];
    check_calls(&no_ids, &[("call_1", "logs", "{}"), ("call_2", "logs", "{}")]);
    let same = [whole(Some(0), "x", json!("{}")), whole(Some(1), "x", json!("{}")), end("tool_calls")];
    check_calls(&same, &[("x", "logs", "{}"), ("call_1", "logs", "{}")]);
}

#[test]
fn an_id_of_an_earlier_call_is_not_used_again() {
    let id = CallId::numbered(1);
    let before = ToolCall { id: id.clone(), name: ToolName::new("logs").unwrap(), arguments: "{}".into() };
    let messages = [
        Message::Assistant { text: None, calls: vec![before] },
        Message::ToolResult { call: id, text: "x".into() },
    ];
    let mut assembly = Assembly::default();
    let piece = call(json!({ "index": 0, "id": "call_1", "function": { "name": "logs" } }));
    assembly.take(serde_json::from_value(piece).unwrap());
    let made = assembly.finish(&messages, &ReplyForm::Text).unwrap();
    assert_eq!(made.calls[0].id, CallId::numbered(2));
}

#[test]
fn why_a_reply_ended_is_known() {
    let check = |said: Value, reason: &str, expect: Ended| {
        let made = assembled(&[delta(said), end(reason)], &ReplyForm::Text).unwrap();
        assert_eq!(made.ended, expect, "{reason}");
    };
    check(json!({ "content": "It was the deploy." }), "stop", Ended::Done);
    check(json!({ "content": "It was the deploy." }), "eos", Ended::Done);
    check(json!({ "content": "It was the dep" }), "length", Ended::Length);
    check(json!({ "content": null }), "length", Ended::Length);
    check(json!({}), "content_filter", Ended::Filtered);
    check(json!({ "refusal": "I can't help with that." }), "stop", Ended::Refused);
}

#[test]
fn a_refusal_is_the_text() {
    let pieces = [delta(json!({ "refusal": "I can't " })), delta(json!({ "refusal": "help." })), end("stop")];
    let made = assembled(&pieces, &ReplyForm::Text).unwrap();
    assert_eq!(made.text, Some("I can't help.".into()));
}

#[test]
fn what_is_no_answer_is_said_to_be_none() {
    let check = |pieces: &[Value], expect: &str| {
        assert_eq!(assembled(pieces, &ReplyForm::Text).unwrap_err(), expect);
    };
    check(&[], "answered nothing");
    check(&[delta(json!({ "content": " \n" })), end("stop")], "answered nothing");
    check(&[delta(json!({ "content": "It" })), end("error")], "gave the answer up in the middle (error)");
    check(&[call(json!({ "index": 0, "id": "a" })), end("stop")], "calls a tool without saying which");
    let storm: Vec<Value> =
        (0..200).map(|n| call(json!({ "index": n, "function": { "name": "logs" } }))).collect();
    check(&storm, "calls more than 128 tools at once");
}

#[test]
fn thoughts_and_fences_around_an_answer_go() {
    let check = |content: &str, form: &ReplyForm, expect: &str| {
        let made = assembled(&[delta(json!({ "content": content })), end("stop")], form).unwrap();
        assert_eq!(made.text.unwrap().as_untrusted(), expect, "{content}");
    };
    let json = ReplyForm::Json { name: ToolName::new("answer").unwrap(), schema: json!({}) };
    check("<think>a deploy?</think>\n\nA deploy.", &ReplyForm::Text, "A deploy.");
    check("</think> stays where it was written", &ReplyForm::Text, "</think> stays where it was written");
    check("```json\n{\"a\": 1}\n```", &json, "{\"a\": 1}");
    check("```\n{\"a\": 1}\n```", &json, "{\"a\": 1}");
    check("```json\n{\"a\": 1}\n```", &ReplyForm::Text, "```json\n{\"a\": 1}\n```");
    check("```text\nx\n```", &json, "```text\nx\n```");
}

#[test]
fn other_choices_and_parts_without_text_are_left_out() {
    let pieces = [
        json!({ "choices": [
            { "index": 1, "delta": { "content": "another" } },
            { "delta": { "content": [{ "type": "text", "text": "one" }, { "type": "image" }] } },
        ] }),
        json!({ "choices": [], "usage": { "prompt_tokens": 1 } }),
        end("stop"),
    ];
    let made = assembled(&pieces, &ReplyForm::Text).unwrap();
    assert_eq!(made.text, Some("one".into()));
}

#[test]
fn tokens_are_known_where_the_server_counts_them() {
    let usage = |counted: Value| {
        let mut assembly = Assembly::default();
        assembly.take(serde_json::from_value(json!({ "usage": counted })).unwrap());
        assembly.usage().map(|u| (u.input_tokens, u.cached_input_tokens, u.output_tokens))
    };
    assert_eq!(usage(json!(null)), None);
    assert_eq!(usage(json!({ "prompt_tokens": 9 })), None);
    assert_eq!(
        usage(json!({ "prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11 })),
        Some((9, 0, 2))
    );
    let details = json!({ "prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": { "cached_tokens": 4 } });
    assert_eq!(usage(details), Some((9, 4, 2)));
    let deepseek = json!({ "prompt_tokens": 9, "completion_tokens": 2, "prompt_cache_hit_tokens": 99 });
    assert_eq!(usage(deepseek), Some((9, 9, 2)));
}

proptest! {
    #[test]
    fn whatever_pieces_come_ids_are_unique_and_nothing_breaks(
        pieces in prop::collection::vec((prop::option::of(0_u64..3), prop::option::of("[ab]?"), prop::option::of("[xy ]?")), 0..12),
    ) {
        let pieces: Vec<Value> = pieces
            .into_iter()
            .map(|(index, id, name)| call(json!({ "index": index, "id": id, "function": { "name": name } })))
            .collect();
        if let Ok(made) = assembled(&pieces, &ReplyForm::Text) {
            let ids: HashSet<&CallId> = made.calls.iter().map(|call| &call.id).collect();
            prop_assert_eq!(ids.len(), made.calls.len());
        }
    }
}
