//! One deadline for the whole call, whatever it is that is slow.

use std::time::{Duration, Instant};

use hearback_core::ports::ConnectorError;
use hearback_http::{HttpError, Limits};
use jiff::SignedDuration;

use crate::server::{Does, Server, answer};

#[tokio::test]
async fn whatever_is_slow_is_cut_at_the_deadline() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let every_50_ms = |head: String| Does::Trickles(head, Duration::from_millis(50));
    let every_second = |head: String| Does::Trickles(head, Duration::from_secs(1));
    for does in [
        Does::Hangs,
        every_50_ms("HTTP/1.1 200 ".into()),
        every_50_ms(format!("{head}x-slow: ")),
        every_50_ms(format!("{head}content-length: 100000\r\n\r\n")),
        every_second(format!("{head}content-length: 100000\r\n\r\n")),
    ] {
        let server = Server::start(vec![does]).await;
        let client = server.client();
        let begun = Instant::now();
        let budget = SignedDuration::from_millis(800);
        let error = client.get(&client.at("x"), Limits::new(budget, 1 << 20)).await.unwrap_err();
        let took = begun.elapsed();
        assert!(matches!(error, HttpError::TimedOut { .. }), "{error:?}");
        assert!(took >= Duration::from_millis(800) && took < Duration::from_secs(8), "{took:?}");
        assert!(matches!(ConnectorError::from(error), ConnectorError::TimedOut(told) if told == budget));
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn retries_share_the_deadline() {
    let server = Server::start(vec![answer("503 Service Unavailable", "", ""), Does::Hangs]).await;
    let client = server.client();
    let limits = Limits::new(SignedDuration::from_secs(2), 1000);
    let error = client.get(&client.at("x"), limits).await.unwrap_err();
    assert!(matches!(error, HttpError::TimedOut { .. }), "{error:?}");
    assert_eq!(server.asked().len(), 2);
    let error = client.get(&client.at("x"), limits).await.unwrap_err();
    assert!(matches!(error, HttpError::TimedOut { .. }), "the deadline had passed: {error:?}");
}

#[tokio::test]
async fn a_refusal_is_told_though_its_explanation_does_not_come() {
    let head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n";
    let server = Server::start(vec![Does::Trickles(head.into(), Duration::from_millis(50))]).await;
    let client = server.client();
    let limits = Limits::new(SignedDuration::from_secs(2), 1000);
    let error = client.get(&client.at("x"), limits).await.unwrap_err();
    assert!(
        matches!(&error, HttpError::Refused { status: 400, body, .. } if body.as_bytes().is_empty()),
        "{error:?}"
    );
}
