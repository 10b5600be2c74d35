//! Writes are sent once. What is not known to have failed is not said to have failed.

use hearback_core::ports::ConnectorError;
use hearback_http::{HttpClient, HttpError, HttpOptions, Limits, Written};
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
