//! Clients that write what they like, and end when they like.

use hearback_mcp::ServeLimits;
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};

use crate::{Served, served};

struct Raw {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    write: WriteHalf<DuplexStream>,
}

impl Raw {
    fn new(stream: DuplexStream) -> Self {
        let (read, write) = tokio::io::split(stream);
        Raw { lines: BufReader::new(read).lines(), write }
    }

    async fn writes(&mut self, bytes: impl AsRef<[u8]>) {
        self.write.write_all(bytes.as_ref()).await.unwrap();
        self.write.write_all(b"\n").await.unwrap();
    }

    async fn hears(&mut self) -> Value {
        let line = self.lines.next_line().await.unwrap().expect("the server is still there");
        serde_json::from_str(&line).expect("nothing but the protocol is written")
    }

    async fn asks(&mut self, id: impl Into<Value>, method: &str, params: Value) -> Value {
        let id: Value = id.into();
        self.writes(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string())
            .await;
        let answer = self.hears().await;
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    async fn greets(&mut self) {
        let us = json!({ "name": "careless", "version": "1" });
        let params = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": us });
        let answer = self.asks(0, "initialize", params).await;
        assert_eq!(answer["result"]["protocolVersion"], "2025-06-18");
        self.writes(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    }
}

fn raw() -> (Served, Raw) {
    let (served, stream) = served(ServeLimits::default());
    (served, Raw::new(stream))
}

async fn changes(client: &mut Raw, id: impl Into<Value>) {
    let answer = client.asks(id, "tools/call", json!({ "name": "changes" })).await;
    assert_eq!(answer["result"]["content"][0]["text"], "changes: {}");
}

#[tokio::test]
async fn lines_that_are_wrong_end_nothing() {
    let (_served, mut client) = raw();
    client.greets().await;
    for (line, code, id) in [
        ("not json".as_bytes(), -32700, Value::Null),
        (b"\xff\xfe", -32700, Value::Null),
        ("[".repeat(10_000).as_bytes(), -32700, Value::Null),
        (b"[]", -32600, Value::Null),
        (b"7", -32600, Value::Null),
        (br#"{"jsonrpc":"2.0","id":7}"#, -32600, json!(7)),
        (br#"{"jsonrpc":"1.0","id":"a","method":"ping"}"#, -32600, json!("a")),
        (br#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600, Value::Null),
        (br#"{"jsonrpc":"2.0","id":8,"method":"tools/delete"}"#, -32601, json!(8)),
        (br#"{"jsonrpc":"2.0","id":9,"method":"prompts/list"}"#, -32601, json!(9)),
    ] {
        client.writes(line).await;
        let answer = client.hears().await;
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(code), &id), "{answer}");
        assert!(answer.get("result").is_none(), "{answer}");
    }
    for line in ["", "   ", "\r", r#"{"jsonrpc":"2.0","method":"notifications/made-up","params":{"a":1}}"#] {
        client.writes(line).await;
    }
    changes(&mut client, 10).await;
    changes(&mut client, "eleven").await;
}

#[tokio::test]
async fn bad_parameters_are_refused() {
    let (_served, mut client) = raw();
    client.greets().await;
    for params in
        [json!({}), json!({ "name": 7 }), json!({ "name": "changes", "arguments": [1] }), json!("changes")]
    {
        let answer = client.asks(1, "tools/call", params.clone()).await;
        assert!(answer["error"]["code"].is_i64(), "{params}: {answer}");
    }
    changes(&mut client, 2).await;
}

#[tokio::test]
async fn a_request_that_is_too_long_is_refused() {
    let (_served, mut client) = raw();
    client.greets().await;
    let long = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "changes", "arguments": { "service": "x".repeat(3 * 1024 * 1024) } } });
    client.writes(long.to_string()).await;
    let refused = client.hears().await;
    assert_eq!(refused["error"]["message"], "this message is longer than 1048576 bytes");
    changes(&mut client, 2).await;
}

#[tokio::test]
async fn before_the_greeting_nothing_ends_either() {
    let (_served, mut client) = raw();
    client.writes("not json").await;
    assert_eq!(client.hears().await["error"]["code"], -32700);
    client.writes(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    client.writes(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#).await;
    client.writes(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).await;
    assert_eq!(client.asks(2, "ping", json!({})).await["result"], json!({}));
    assert!(client.asks(3, "tools/list", json!({})).await["error"]["code"].is_i64());
    client.greets().await;
    changes(&mut client, 4).await;
}

#[tokio::test]
async fn too_many_at_once_are_refused() {
    let limits = ServeLimits { at_once: 3, ..ServeLimits::default() };
    let (served, stream) = served(limits);
    let mut client = Raw::new(stream);
    client.greets().await;
    let endless = |id: u64| {
        json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": "endless" } })
            .to_string()
    };
    for id in 1..=3 {
        client.writes(endless(id)).await;
        served.reads.begun.notified().await;
    }
    client.writes(endless(3)).await;
    assert_eq!(client.hears().await["error"]["message"], "a request with this id is being answered");
    client.writes(endless(4)).await;
    let refused = client.hears().await;
    assert_eq!(
        (&refused["id"], &refused["error"]["message"]),
        (&json!(4), &json!("too many requests at once; wait for answers"))
    );
    // One that is cancelled makes room.
    client.writes(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}"#).await;
    served.reads.dropped.notified().await;
    changes(&mut client, 5).await;
}

#[tokio::test]
async fn the_end_of_the_client_is_the_end() {
    let (served, client) = raw();
    drop(client);
    served.ended.await.unwrap().unwrap();
    let (served, mut client) = raw();
    client.greets().await;
    drop(client);
    served.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_was_asked_before_the_end_is_answered() {
    let (served, mut client) = raw();
    client.greets().await;
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "changes" } });
    client.writes(call.to_string()).await;
    client.write.shutdown().await.unwrap();
    assert_eq!(client.hears().await["id"], 1);
    served.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_is_the_end_with_or_without_a_greeting() {
    let (served, _client) = raw();
    served.stop.cancel();
    served.ended.await.unwrap().unwrap();
    let (served, mut client) = raw();
    client.greets().await;
    served.stop.cancel();
    served.ended.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_holds_nobody_up() {
    let (served, mut client) = raw();
    client.greets().await;
    for id in 1..200 {
        let list = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/list" }).to_string();
        let written = tokio::time::timeout(std::time::Duration::from_secs(1), client.writes(list)).await;
        if written.is_err() {
            break;
        }
    }
    served.stop.cancel();
    served.ended.await.unwrap().unwrap();
}
