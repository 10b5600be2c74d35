//! Replies as they are sent: a stream of events, or one JSON object. It must not know why it sends what it sends.

use std::collections::VecDeque;
use std::io;

use axum::body::Body;
use axum::response::Response;
use futures::stream;
use serde_json::{Value, json};

use crate::Asked;
use crate::play::{Play, Reply, Tap};

/// When every reply was made.
const CREATED: u64 = 1_790_000_000;

/// Sends what is played.
pub(crate) async fn send(play: Play, asked: &Asked) -> Response {
    match play {
        Play::Hangs => std::future::pending().await,
        Play::Sends { status, headers, body } => {
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            response(status, &headers, body)
        }
        Play::Replies(reply) if asked.streams() => {
            let events = events(&reply, asked);
            flow("text/event-stream", events, &reply)
        }
        Play::Replies(reply) => {
            let whole = whole(&reply, asked).to_string();
            let half = whole.len() / 2;
            let parts = match reply.breaks_after {
                Some(_) => vec![whole[..half].to_owned(), whole[half..].to_owned()],
                None => vec![whole],
            };
            flow("application/json", parts, &reply)
        }
    }
}

/// A response that is there at once.
pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let builder = Response::builder().status(status);
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    builder.body(body.into()).unwrap()
}

/// Packets that wait for their tap, and break off where they should.
fn flow(content_type: &str, parts: Vec<String>, reply: &Reply) -> Response {
    let breaks = reply.breaks_after.is_some();
    let kept = reply.breaks_after.unwrap_or(parts.len()).min(parts.len());
    let parts: Vec<Vec<u8>> = parts.into_iter().take(kept).map(String::into_bytes).collect();
    let packets: VecDeque<Vec<u8>> = match reply.packet {
        Some(bytes) => parts.concat().chunks(bytes).map(<[u8]>::to_vec).collect(),
        None => parts.into(),
    };
    let tap = reply.tap.clone();
    let flow = stream::unfold((packets, tap, breaks), |(mut packets, tap, breaks)| async move {
        if let Some(Tap(tap)) = &tap {
            tap.acquire().await.unwrap().forget();
        }
        match packets.pop_front() {
            Some(packet) => Some((Ok(packet), (packets, tap, breaks))),
            None if breaks => {
                // What was sent before goes out first: an error at once would take it along.
                tokio::task::yield_now().await;
                let broken = Err(io::Error::from(io::ErrorKind::ConnectionReset));
                Some((broken, (packets, tap, false)))
            }
            None => None,
        }
    });
    response(200, &[("content-type", content_type)], Body::from_stream(flow))
}

fn events(reply: &Reply, asked: &Asked) -> Vec<String> {
    let mut deltas = vec![json!({ "role": "assistant", "content": "", "refusal": null })];
    let pieces = |text: &Option<String>| pieces(text.as_deref().unwrap_or_default(), reply.piece);
    deltas.extend(pieces(&reply.text).into_iter().map(|piece| json!({ "content": piece })));
    deltas.extend(pieces(&reply.refusal).into_iter().map(|piece| json!({ "refusal": piece })));
    for (index, (name, arguments)) in reply.calls.iter().enumerate() {
        let function = json!({ "name": name, "arguments": "" });
        let begin =
            json!({ "index": index, "id": id(asked, index), "type": "function", "function": function });
        deltas.push(json!({ "tool_calls": [begin] }));
        for piece in self::pieces(arguments, reply.piece) {
            deltas.push(json!({ "tool_calls": [{ "index": index, "function": { "arguments": piece } }] }));
        }
    }
    let counts = asked.body["stream_options"]["include_usage"] == json!(true);
    let chunk = |choices: Value, usage: Option<Value>| {
        let mut chunk = json!({
            "id": format!("chatcmpl-{}", asked.number), "object": "chat.completion.chunk", "created": CREATED,
            "model": asked.body["model"], "choices": choices,
        });
        if counts {
            chunk["usage"] = usage.unwrap_or(Value::Null);
        }
        format!("data: {chunk}\n\n")
    };
    let choice = |delta: Value, finish: Value| json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]);
    let mut events: Vec<String> =
        deltas.into_iter().map(|delta| chunk(choice(delta, Value::Null), None)).collect();
    events.push(chunk(choice(json!({}), json!(reply.finish)), None));
    if counts && reply.usage.is_some() {
        events.push(chunk(json!([]), usage(reply)));
    }
    if reply.done {
        events.push("data: [DONE]\n\n".to_owned());
    }
    events
}

fn whole(reply: &Reply, asked: &Asked) -> Value {
    let calls: Vec<Value> = reply
        .calls
        .iter()
        .enumerate()
        .map(|(index, (name, arguments))| {
            let function = json!({ "name": name, "arguments": arguments });
            json!({ "id": id(asked, index), "type": "function", "function": function })
        })
        .collect();
    let mut message = json!({ "role": "assistant", "content": reply.text, "refusal": reply.refusal });
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    let choice = json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": reply.finish });
    let mut whole = json!({
        "id": format!("chatcmpl-{}", asked.number), "object": "chat.completion", "created": CREATED,
        "model": asked.body["model"], "choices": [choice],
    });
    if let Some(usage) = usage(reply) {
        whole["usage"] = usage;
    }
    whole
}

fn usage(reply: &Reply) -> Option<Value> {
    let (input, cached, output) = reply.usage?;
    Some(json!({
        "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
        "prompt_tokens_details": { "cached_tokens": cached },
    }))
}

/// Ids differ between requests too: a conversation holds the calls of many.
fn id(asked: &Asked, index: usize) -> String {
    format!("call_{}x{index}", asked.number)
}

fn pieces(text: &str, characters: usize) -> Vec<String> {
    let all: Vec<char> = text.chars().collect();
    all.chunks(characters.max(1)).map(|piece| piece.iter().collect()).collect()
}
