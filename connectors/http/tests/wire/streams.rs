//! Answers that are read as they come: the limit, the deadline and the end hold for them too.

use std::time::Duration;

use hearback_http::{HttpError, Limits, Pieces};
use jiff::SignedDuration;
use serde_json::json;

use crate::server::{Does, Server, ample, answer};

const EVENTS: &str =
    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream; charset=utf-8\r\n";

async fn open(server: &Server, limits: Limits) -> Result<Pieces, HttpError> {
    let client = server.client();
    client.post_for_pieces(&client.at("chat"), &json!({ "stream": true }), limits).await
}

#[tokio::test]
async fn pieces_come_until_the_end() {
    let body = "data: one\n\ndata: two\n\n";
    let server = Server::start(vec![Does::Answers(format!("{EVENTS}\r\n{body}"))]).await;
    let mut pieces = open(&server, ample()).await.unwrap();
    assert!(pieces.are_events());
    let mut read = Vec::new();
    while let Some(piece) = pieces.next().await.unwrap() {
        read.extend(piece);
    }
    assert_eq!(String::from_utf8(read).unwrap(), body);
    let asked = server.asked()[0].to_lowercase();
    assert!(asked.starts_with("post /chat http/1.1\r\n"), "{asked}");
    assert!(asked.contains("\r\naccept: text/event-stream, application/json;q=0.9\r\n"), "{asked}");
    assert!(asked.ends_with("\r\n\r\n{\"stream\":true}"), "{asked}");
}

#[tokio::test]
async fn a_server_may_have_it_whole() {
    let server = Server::start(vec![answer("200 OK", "content-type: application/json\r\n", "[7]")]).await;
    let pieces = open(&server, ample()).await.unwrap();
    assert!(!pieces.are_events());
    assert_eq!(pieces.whole().await.unwrap().json::<Vec<u8>>().unwrap(), [7]);
}

#[tokio::test]
async fn what_is_neither_is_refused_and_a_refusal_is_read() {
    let html = answer("200 OK", "content-type: text/html\r\n", "<html>");
    let busy =
        answer("429 Busy", "content-type: application/json\r\nretry-after: 7\r\n", "{\"error\":\"later\"}");
    let server = Server::start(vec![html, busy]).await;
    let told = open(&server, ample()).await.unwrap_err().to_string();
    assert!(told.contains("sent text/html where a stream of events or JSON was expected"), "{told}");
    let error = open(&server, ample()).await.unwrap_err();
    let HttpError::Busy { status: 429, retry_after, body, .. } = error else { panic!("{error:?}") };
    assert_eq!(
        (retry_after, body.as_bytes()),
        (Some(SignedDuration::from_secs(7)), &b"{\"error\":\"later\"}"[..])
    );
    assert_eq!(server.asked().len(), 2, "each is sent once");
}

#[tokio::test]
async fn a_stream_without_end_is_cut_at_the_limit() {
    let head = format!("{EVENTS}transfer-encoding: chunked\r\n\r\n");
    let server = Server::start(vec![Does::Floods(head.clone()), Does::Floods(head)]).await;
    let mut pieces = open(&server, ample()).await.unwrap();
    let mut taken = 0;
    let error = loop {
        match pieces.next().await {
            Ok(piece) => taken += piece.unwrap().len(),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, HttpError::TooLarge { limit: 100_000, .. }), "{error:?}");
    assert!(taken <= 100_000, "{taken}");
    let whole = open(&server, ample()).await.unwrap().whole().await;
    assert!(matches!(whole, Err(HttpError::TooLarge { .. })), "{whole:?}");
}

#[tokio::test]
async fn a_stream_that_never_ends_is_cut_at_the_deadline() {
    let trickles = || Does::Trickles(format!("{EVENTS}\r\n"), Duration::from_millis(20));
    let server = Server::start(vec![trickles(), trickles(), Does::Hangs]).await;
    let limits = || Limits::new(SignedDuration::from_millis(300), 100_000);
    let mut pieces = open(&server, limits()).await.unwrap();
    let error = loop {
        if let Err(error) = pieces.next().await {
            break error;
        }
    };
    assert!(matches!(error, HttpError::TimedOut { .. }), "{error:?}");
    let whole = open(&server, limits()).await.unwrap().whole().await;
    assert!(matches!(whole, Err(HttpError::TimedOut { .. })), "{whole:?}");
    assert!(matches!(open(&server, limits()).await, Err(HttpError::TimedOut { .. })));
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_no_end() {
    let body = "5\r\ndata:\r\n";
    let cut = format!("{EVENTS}transfer-encoding: chunked\r\n\r\n{body}");
    let server = Server::start(vec![Does::Answers(cut)]).await;
    let mut pieces = open(&server, ample()).await.unwrap();
    assert_eq!(pieces.next().await.unwrap(), Some(b"data:".to_vec()));
    let error = pieces.next().await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable { .. }), "{error:?}");
}
