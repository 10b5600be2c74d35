//! Writes are sent once. What is not known to have failed is not said to have failed.

use std::time::Duration;

use hearback_core::ports::ConnectorError;
use hearback_http::{Content, HttpClient, HttpError, HttpOptions, Limits, Written};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::server::{Does, Server, answer};

async fn write(server: &Server) -> Result<Written, HttpError> {
    let client = server.client();
    let limits = Limits::new(SignedDuration::from_secs(2), 1000);
    client.post_json(&client.at("actions"), &json!({"do": "it"}), limits).await
}

#[tokio::test]
async fn a_write_says_its_status_and_what_was_answered() {
    let created = answer("201 Created", "content-type: application/json\r\n", "{\"id\":7}");
    let server = Server::start(vec![created]).await;
    let written = write(&server).await.unwrap();
    assert_eq!(written.status, 201);
    assert_eq!(written.answer.unwrap().json::<Value>().unwrap()["id"], 7);
    let asked = server.asked().concat();
    assert!(asked.starts_with("POST /actions HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("\r\ncontent-type: application/json\r\n"), "{asked}");
    assert!(asked.ends_with("\r\n\r\n{\"do\":\"it\"}"), "{asked}");
}

#[tokio::test]
async fn a_write_whose_answer_can_not_be_read_was_written() {
    let server = Server::start(vec![answer("200 OK", "content-type: text/html\r\n", "ok")]).await;
    let written = write(&server).await.unwrap();
    assert!(written.status == 200 && matches!(written.answer, Err(HttpError::NotExpected { .. })));
}

#[tokio::test]
async fn a_write_is_never_sent_twice() {
    let again = "location: /again\r\n";
    for (does, unknown) in [
        (Does::Closes, true),
        (Does::Hangs, true),
        (answer("500 Internal Server Error", "", ""), true),
        (answer("502 Bad Gateway", "", ""), true),
        (answer("503 Service Unavailable", "retry-after: 0\r\n", ""), false),
        (answer("429 Too Many Requests", "retry-after: 0\r\n", ""), false),
        (answer("400 Bad Request", "", ""), false),
        (answer("401 Unauthorized", "", ""), false),
        (answer("307 Temporary Redirect", again, ""), false),
    ] {
        let server = Server::start(vec![does]).await;
        let error = write(&server).await.unwrap_err();
        assert_eq!(matches!(error, HttpError::OutcomeUnknown { .. }), unknown, "{error:?}");
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_write_that_reached_nobody_is_known_to_have_failed() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = HttpClient::new(HttpOptions::new(format!("http://{closed}"))).unwrap();
    let limits = Limits::new(SignedDuration::from_secs(20), 1000);
    let error = client.post_json(&client.at("x"), &Value::Null, limits).await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable { .. }), "{error:?}");
    assert!(matches!(ConnectorError::from(error), ConnectorError::Failed(_)));
}

#[tokio::test]
async fn content_goes_byte_for_byte_with_its_own_headers_to_the_very_address() {
    let server = Server::start(vec![answer("200 OK", "content-type: application/json\r\n", "{}")]).await;
    let client = HttpClient::new(HttpOptions::new(format!("http://{}/hooks/abc", server.host()))).unwrap();
    let limits = || Limits::new(SignedDuration::from_secs(20), 1000);
    let content = |value: &str| Content {
        kind: "application/json",
        bytes: b"{ \"a\" : 1.0 }".to_vec(),
        headers: vec![("webhook-id".into(), value.to_owned()), ("webhook-timestamp".into(), "17".to_owned())],
    };
    let error = client.post(client.base(), content("a\nb"), limits()).await.unwrap_err();
    assert!(matches!(error, HttpError::NotUsable(_)), "{error:?}");
    assert_eq!(client.post(client.base(), content("m1"), limits()).await.unwrap().status, 200);
    let [asked] = &server.asked()[..] else { panic!("{:?}", server.asked()) };
    assert!(asked.starts_with("POST /hooks/abc HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("\r\nwebhook-id: m1\r\nwebhook-timestamp: 17\r\n"), "{asked}");
    assert!(asked.ends_with("\r\n\r\n{ \"a\" : 1.0 }"), "{asked}");
}

#[tokio::test]
async fn a_write_that_never_connected_is_known_to_have_reached_nobody() {
    // A queue of one that is full: what knocks then hears nothing.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let at = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(300), tokio::net::TcpStream::connect(at)).await
    {
        queued.push(stream);
    }
    let connect_within = Some(Duration::from_millis(300));
    let options = HttpOptions { connect_within, ..HttpOptions::new(format!("http://{at}")) };
    let client = HttpClient::new(options).unwrap();
    let limits = Limits::new(SignedDuration::from_secs(20), 1000);
    let error = client.post_json(&client.at("x"), &Value::Null, limits).await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("{at} can't be reached: no connection"));
}
