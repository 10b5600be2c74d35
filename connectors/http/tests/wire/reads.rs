//! Reads: what is sent, what is tried again, what is followed, and what each failure says.

use hearback_core::ports::ConnectorError;
use hearback_http::{Credentials, HttpClient, HttpError, HttpOptions, Limits, Secret};
use jiff::SignedDuration;
use serde_json::Value;

use crate::server::{Does, Server, ample, answer, json};

async fn get(server: &Server) -> Result<Value, HttpError> {
    let client = server.client();
    client.get_json(&client.at("status"), ample()).await
}

fn busy(status: &str, headers: &str) -> Does {
    answer(status, headers, "")
}

#[tokio::test]
async fn a_get_sends_what_it_should_and_no_more() {
    let server = Server::start(vec![json("{\"up\":1}")]).await;
    let credentials = Credentials::Bearer(Secret::new("hunter22\n"));
    let client = HttpClient::new(HttpOptions { credentials, ..server.options() }).unwrap();
    let mut url = client.at("api/x");
    url.set_query(Some("a=b%20c"));
    let answer: Value = client.get_json(&url, ample()).await.unwrap();
    assert_eq!(answer["up"], 1);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        server.anonymous(&server.asked()[0]),
        format!(
            "GET /api/x?a=b%20c HTTP/1.1\r\naccept: application/json\r\nauthorization: Bearer hunter22\r\n\
             user-agent: hearback/{version}\r\nhost: HOST\r\n\r\n"
        )
    );
}

#[tokio::test]
async fn a_form_is_escaped_and_carries_user_and_password() {
    let server = Server::start(vec![json("[]")]).await;
    let credentials = Credentials::Basic { user: "ada".into(), password: Secret::new("pässword") };
    let client = HttpClient::new(HttpOptions { credentials, ..server.options() }).unwrap();
    let form = [("query", "up{job=\"a&b\"} + 1"), ("step", "15")];
    let _: Value = client.post_form_json(&client.at("q"), &form, ample()).await.unwrap();
    let asked = server.asked().concat();
    assert!(asked.starts_with("POST /q HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("\r\nauthorization: Basic YWRhOnDDpHNzd29yZA==\r\n"), "{asked}");
    assert!(asked.contains("\r\ncontent-type: application/x-www-form-urlencoded\r\n"), "{asked}");
    assert!(asked.ends_with("\r\n\r\nquery=up%7Bjob%3D%22a%26b%22%7D+%2B+1&step=15"), "{asked}");
}

#[tokio::test]
async fn credentials_go_to_no_other_origin() {
    let (server, other) = (Server::start(vec![]).await, Server::start(vec![]).await);
    let client = server.client();
    let told = client.get(&other.client().at("x"), ample()).await.unwrap_err().to_string();
    assert!(told.contains("asks nobody else"), "{told}");
    let mut url = client.at("x");
    url.set_password(Some("hunter22")).unwrap();
    let told = client.get(&url, ample()).await.unwrap_err().to_string();
    assert!(told.contains("asks nobody else") && !told.contains("hunter22"), "{told}");
    assert!(server.asked().is_empty() && other.asked().is_empty());
}

#[tokio::test]
async fn what_may_pass_is_tried_twice_more() {
    for failure in [
        busy("503 Service Unavailable", ""),
        busy("429 Too Many Requests", "retry-after: 0\r\n"),
        busy("500 Internal Server Error", ""),
        Does::Closes,
        Does::Answers(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n[".into(),
        ),
    ] {
        let server = Server::start(vec![failure.clone(), failure.clone(), json("7")]).await;
        assert_eq!(get(&server).await.unwrap(), 7);
        let asked = server.asked();
        assert!(asked.len() == 3 && asked.iter().all(|request| *request == asked[0]), "{asked:?}");

        let server = Server::start(vec![failure.clone(), failure.clone(), failure, json("7")]).await;
        let error = get(&server).await.unwrap_err();
        assert!(matches!(error, HttpError::Busy { .. } | HttpError::Unreachable { .. }), "{error:?}");
        assert_eq!(server.asked().len(), 3);
    }
}

#[tokio::test]
async fn a_pause_that_does_not_fit_the_deadline_is_not_waited_for() {
    let server = Server::start(vec![busy("429 Too Many Requests", "retry-after: 60\r\n")]).await;
    let error = get(&server).await.unwrap_err();
    assert!(
        matches!(&error, HttpError::Busy { status: 429, retry_after: Some(after), .. }
            if *after == SignedDuration::from_secs(60)),
        "{error:?}"
    );
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn what_will_not_pass_is_asked_once_and_said_plainly() {
    let html = "content-type: text/html; charset=utf-8\r\n";
    let typed = "content-type: application/json\r\n";
    let elsewhere = "location: https://ada:hunter22@login.example.org/secret?token=hunter22\r\n";
    for (does, expect) in [
        (
            answer("401 Unauthorized", "", ""),
            "HOST refuses the credentials (401); check the token or the password, and its rights",
        ),
        (
            answer("403 Forbidden", html, "<p>hunter22"),
            "HOST refuses the credentials (403); check the token or the password, and its rights",
        ),
        (
            answer("404 Not Found", html, "<p>hunter22"),
            "HOST does not take the request (404); check the path of the address",
        ),
        (answer("400 Bad Request", typed, "\"hunter22\""), "HOST does not take the request (400)"),
        (
            answer("200 OK", html, "<form>hunter22"),
            "HOST sent text/html where JSON was expected; check the address: a login page or another server may answer",
        ),
        (answer("200 OK", "", "{}"), "HOST sent no content type where JSON was expected; check the address"),
        (
            answer("302 Found", elsewhere, ""),
            "HOST sends on to https://login.example.org; set the address to where it is meant",
        ),
        (answer("302 Found", "", ""), "HOST answered 302, which is no answer; check the address"),
        (answer("304 Not Modified", "", ""), "HOST answered 304, which is no answer; check the address"),
        (
            answer("200 OK", typed, "{\"hunter22\": [1,"),
            "HOST sent JSON that ends in the middle (line 1, column 16)",
        ),
        (
            answer("200 OK", typed, &"[".repeat(50_000)),
            "HOST sent something that is not JSON, or too deep (line 1, column 128)",
        ),
    ] {
        let server = Server::start(vec![does]).await;
        let error = get(&server).await.unwrap_err();
        assert_eq!(server.anonymous(&error), expect);
        assert!(!format!("{error:?}").contains("hunter22"), "{error:?}");
        assert!(matches!(ConnectorError::from(error), ConnectorError::NotUsable(_)));
        assert_eq!(server.asked().len(), 1, "{expect}");
    }
}

#[tokio::test]
async fn a_refusal_keeps_what_explains_it() {
    let explained = answer("400 Bad Request", "content-type: application/json\r\n", "{\"error\":\"x\"}");
    let server = Server::start(vec![explained]).await;
    let HttpError::Refused { status: 400, body, .. } = get(&server).await.unwrap_err() else { panic!() };
    assert_eq!(body.json::<Value>().unwrap()["error"], "x");
}

#[tokio::test]
async fn redirects_within_the_origin_are_followed_three_times() {
    let on = |to: &str| answer("307 Temporary Redirect", &format!("location: {to}\r\n"), "");
    let server = Server::start(vec![on("/b"), on("c?d"), on("../e"), json("7")]).await;
    let client = server.client();
    let form = [("query", "up")];
    assert_eq!(client.post_form_json::<Value>(&client.at("a/"), &form, ample()).await.unwrap(), 7);
    let asked = server.asked();
    let lines: Vec<&str> = asked.iter().map(|request| request.lines().next().unwrap()).collect();
    assert_eq!(lines, ["POST /a/ HTTP/1.1", "POST /b HTTP/1.1", "POST /c?d HTTP/1.1", "POST /e HTTP/1.1"]);
    assert!(asked.iter().all(|request| request.ends_with("query=up")));

    let server = Server::start(vec![on("/"), on("/"), on("/"), on("/"), json("7")]).await;
    let told = get(&server).await.unwrap_err();
    assert_eq!(server.anonymous(told), "HOST redirects more than 3 times; check the address");
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test]
async fn a_redirect_to_another_port_takes_no_credentials_along() {
    let other = Server::start(vec![]).await;
    let location = format!("location: http://{}/\r\n", other.host());
    let server = Server::start(vec![answer("301 Moved Permanently", &location, "")]).await;
    let credentials = Credentials::Bearer(Secret::new("hunter22"));
    let client = HttpClient::new(HttpOptions { credentials, ..server.options() }).unwrap();
    let error = client.get(&client.at("x"), ample()).await.unwrap_err();
    assert!(matches!(error, HttpError::Redirected { .. }), "{error:?}");
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn nobody_at_the_address_is_a_failure_that_may_pass() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = HttpClient::new(HttpOptions::new(format!("http://{closed}"))).unwrap();
    let limits = Limits::new(SignedDuration::from_secs(20), 1000);
    let error = ConnectorError::from(client.get(&client.at("x"), limits).await.unwrap_err());
    let expect = format!("{closed} can't be reached: nothing listens there (connection refused)");
    assert!(matches!(&error, ConnectorError::Failed(told) if *told == expect), "{error:?}");
}
