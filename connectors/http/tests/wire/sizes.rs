//! The limit of bytes is kept while an answer arrives.

use std::sync::atomic::Ordering;

use hearback_http::{HttpError, Limits};
use jiff::SignedDuration;

use crate::server::{Does, Server, ample, json};

/// The most memory this process ever held, in bytes. Each test is a process of its own under nextest.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn two_gigabytes_without_a_length_cost_no_more_than_the_limit() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let server = Server::start(vec![Does::Floods(head.into())]).await;
    let client = server.client();
    let before = peak_memory();
    let limits = Limits::new(SignedDuration::from_secs(60), 4 << 20);
    let error = client.get(&client.at("x"), limits).await.unwrap_err();
    assert!(matches!(error, HttpError::TooLarge { limit: 4_194_304, .. }), "{error:?}");
    // What the kernel holds between the two sides comes on top of what was read.
    let (taken, grown) = (server.taken.load(Ordering::Relaxed), peak_memory() - before);
    assert!(taken < 64 << 20, "the server got rid of {taken} bytes");
    assert!(grown < 32 << 20, "memory grew by {grown} bytes");
}

#[tokio::test]
async fn a_length_over_the_limit_is_enough_to_stop() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2147483648\r\n\r\n";
    let server = Server::start(vec![Does::Answers(head.into())]).await;
    let client = server.client();
    let error = client.get(&client.at("x"), ample()).await.unwrap_err();
    assert_eq!(
        server.anonymous(&error),
        "the answer of HOST is longer than 100000 bytes; ask for less, or raise the limit"
    );
}

#[tokio::test]
async fn a_body_as_long_as_the_limit_fits() {
    let body = format!("\"{}\"", "x".repeat(98));
    for (limit, fits) in [(100, true), (99, false)] {
        let server = Server::start(vec![json(&body)]).await;
        let client = server.client();
        let limits = Limits::new(SignedDuration::from_secs(20), limit);
        assert_eq!(client.get_json::<String>(&client.at("x"), limits).await.is_ok(), fits);
    }
}
