//! Sources that could not answer at all, and what they say.

use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures::stream;
use hearback_core::ports::ConnectorError;
use jiff::SignedDuration;

use crate::server::{Asked, Fake, ask, reply};

const AMPLE: SignedDuration = SignedDuration::from_secs(60);

/// Fails a question and gives back why.
async fn failure(fake: &Fake, budget: SignedDuration) -> ConnectorError {
    ask(&fake.source(), &["checkout"], budget).await.unwrap_err()
}

#[tokio::test]
async fn a_source_that_can_be_mended_says_how() {
    let json = "application/json";
    let bad = r#"{"status":"error","errorType":"bad_data","error":"1:2: parse error"}"#;
    let cut = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"x":"hunter22"#;
    let deep = format!(r#"{{"status":"success","data":{}"#, "[".repeat(100_000));
    for (status, content_type, body, expect) in [
        (
            401,
            json,
            "",
            "HOST refuses the credentials (401); check the token or the password, and its rights",
        ),
        (
            403,
            "text/html",
            "<p>",
            "HOST refuses the credentials (403); check the token or the password, and its rights",
        ),
        (404, "text/html", "<p>", "HOST does not take the request (404); check the path of the address"),
        (400, json, bad, "all 4 queries failed; errors of checkout: bad query: 1:2: parse error"),
        (400, "text/html", "<p>hunter22", "HOST does not take the request (400)"),
        (
            200,
            "text/html",
            "<form>hunter22",
            "HOST sent text/html where JSON was expected; check the address: a login page or another server may answer",
        ),
        (200, json, cut, "the answer is not Prometheus's: it ends in the middle (line 1, column 84)"),
        (200, json, &deep, "the answer is not Prometheus's: it is not JSON, or too deep (line 1, column 29)"),
        (200, json, "{}", "the answer is not Prometheus's: it has another form (line 1, column 2)"),
    ] {
        let fake = Fake::always(status, content_type, body).await;
        let error = failure(&fake, AMPLE).await;
        assert_eq!(fake.anonymous(&error.to_string()), expect);
        assert!(matches!(error, ConnectorError::NotUsable(_)), "{error:?}");
        assert_eq!(fake.asked().len(), 4, "{expect}");
    }
}

#[tokio::test]
async fn a_source_that_may_recover_is_asked_three_times_and_says_so() {
    let told = r#"{"status":"error","errorType":"unavailable","error":"starting up"}"#;
    for (status, body, expect) in [
        (503, "<p>", "HOST is too busy or failing (503); ask again"),
        (503, told, "all 4 queries failed; errors of checkout: the query failed: starting up"),
        (500, "", "HOST is too busy or failing (500); ask again"),
        (429, "", "HOST is too busy or failing (429); ask again"),
    ] {
        let fake = Fake::always(status, "application/json", body).await;
        let error = failure(&fake, AMPLE).await;
        assert_eq!(fake.anonymous(&error.to_string()), expect);
        assert!(matches!(error, ConnectorError::Failed(_)), "{error:?}");
        assert_eq!(fake.asked().len(), 12);
    }
}

#[tokio::test]
async fn a_limit_that_lasts_longer_than_the_budget_is_not_waited_for() {
    let fake = Fake::start(|_| async {
        Response::builder().status(429).header("retry-after", "3600").body(Body::empty()).unwrap()
    })
    .await;
    let begun = Instant::now();
    let error = failure(&fake, AMPLE).await;
    assert!(matches!(error, ConnectorError::Failed(_)), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(fake.asked().len(), 4);
}

#[tokio::test]
async fn a_redirect_elsewhere_names_the_place_and_takes_nothing_along() {
    let other = Fake::always(200, "application/json", "{}").await;
    let location = format!("http://{}/login?next=hunter22", other.host);
    let fake = Fake::start(move |_| {
        let to = location.clone();
        async move { Response::builder().status(302).header("location", to).body(Body::empty()).unwrap() }
    })
    .await;
    let error = failure(&fake, AMPLE).await;
    let expect = format!("HOST sends on to http://{}; set the address to where it is meant", other.host);
    assert_eq!(fake.anonymous(&error.to_string()), expect);
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn a_source_that_hangs_or_trickles_has_timed_out() {
    let hangs = Fake::start(|_| std::future::pending()).await;
    let trickles = Fake::start(|_: Asked| async {
        let beat = tokio::time::interval(Duration::from_secs(1));
        let bytes = stream::unfold(beat, |mut beat| async {
            beat.tick().await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), beat))
        });
        reply(200, "application/json", Body::from_stream(bytes))
    })
    .await;
    for fake in [hangs, trickles] {
        let budget = SignedDuration::from_millis(500);
        let begun = Instant::now();
        let error = failure(&fake, budget).await;
        assert!(matches!(error, ConnectorError::TimedOut(told) if told == budget), "{error:?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}

/// The most memory this process ever held, in bytes. Each test is a process of its own under nextest.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn two_gigabytes_cost_no_more_than_the_limit() {
    let fake = Fake::start(|_: Asked| async {
        // One chunk, over and over: the fake itself needs no memory for it.
        let chunk = Bytes::from(vec![b' '; 1 << 16]);
        let flood = stream::iter((0..1 << 15).map(move |_| Ok::<_, std::io::Error>(chunk.clone())));
        reply(200, "application/json", Body::from_stream(flood))
    })
    .await;
    let before = peak_memory();
    let error = failure(&fake, AMPLE).await;
    assert_eq!(
        fake.anonymous(&error.to_string()),
        "the answer of HOST is longer than 8388608 bytes; ask for less, or raise the limit"
    );
    // Four queries with 8 MiB each; a vector that grows holds its old half too.
    let grown = peak_memory() - before;
    assert!(grown < 96 << 20, "memory grew by {grown} bytes");
}

#[tokio::test]
async fn nobody_at_the_address_is_said_once_for_all_queries() {
    let fake = Fake::always(200, "application/json", "{}").await;
    let mut options = fake.options();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    options.http.base_url = format!("http://{closed}");
    let source = hearback_prometheus::PrometheusSignalSource::new(options).unwrap();
    let error = ask(&source, &["checkout"], AMPLE).await.unwrap_err();
    let expect = format!("{closed} can't be reached: nothing listens there (connection refused)");
    assert_eq!(error.to_string(), expect);
}

#[tokio::test]
async fn a_check_says_what_to_mend() {
    for (status, body, expect) in [
        (401, "", "HOST refuses the credentials (401); check the token or the password, and its rights"),
        (404, "", "HOST does not take the request (404); check the path of the address"),
        (200, "[]", "HOST: the answer is not Prometheus's: it has another form (line 1, column 2)"),
    ] {
        let fake = Fake::always(status, "application/json", body).await;
        let error = fake.source().check(AMPLE).await.unwrap_err();
        assert_eq!(fake.anonymous(&error.to_string()), expect);
    }
}
