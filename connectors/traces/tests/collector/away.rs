//! A collector that is away, slow, busy or refuses: whoever works does not notice, memory stays bounded, and it is said once.

use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hearback_core::ports::ConnectorError;
use hearback_traces::{Tally, TracesOptions, check, layer};
use tracing::info_span;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as _, fmt, registry};

use crate::receiver::{Receiver, traced};

/// What was written to the operator log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn questions(how_many: usize) {
    for _ in 0..how_many {
        drop(info_span!(target: "hearback_engine", "question", incident = "INC-1"));
    }
}

/// Where nobody listens.
fn nowhere() -> TracesOptions {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    TracesOptions::new(format!("http://{closed}"), "1.2.3")
}

/// Where somebody listens and never answers.
fn silent() -> (TcpListener, TracesOptions) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = TracesOptions::new(format!("http://{}", listener.local_addr().unwrap()), "1.2.3");
    (listener, options)
}

#[test]
fn a_collector_that_is_away_costs_no_time() {
    let begun = Instant::now();
    let tally = traced(nowhere(), || questions(10));
    assert_eq!(tally, Tally { sent: 0, lost: 10 });
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn a_collector_that_never_answers_is_waited_for_as_long_as_was_said() {
    let (_listener, options) = silent();
    let (layer, traces) = layer(options).unwrap();
    tracing::subscriber::with_default(registry().with(layer), || questions(10));
    let begun = Instant::now();
    let tally = traces.finish(Duration::from_millis(300));
    assert_eq!(tally, Tally { sent: 0, lost: 10 });
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[test]
fn what_does_not_fit_is_counted_and_forgotten() {
    let (_listener, options) = silent();
    let options = TracesOptions { waiting: 100, at_once: 10, every: Duration::ZERO, ..options };
    let (layer, traces) = layer(options).unwrap();
    let begun = Instant::now();
    tracing::subscriber::with_default(registry().with(layer), || questions(20_000));
    assert!(begun.elapsed() < Duration::from_secs(5), "nobody waits: {:?}", begun.elapsed());
    assert!(traces.tally().lost >= 20_000 - 100 - 10, "{:?}", traces.tally());
    assert_eq!(traces.finish(Duration::ZERO), Tally { sent: 0, lost: 20_000 });
}

#[test]
fn what_is_busy_is_asked_again_and_what_refuses_is_not() {
    let busy = Receiver::start([503, 429]);
    let options = TracesOptions { every: Duration::ZERO, ..busy.options() };
    let tally = traced(options, || {
        questions(3);
        std::thread::sleep(Duration::from_millis(4_500));
    });
    assert_eq!(tally, Tally { sent: 3, lost: 0 });
    let refuses = Receiver::start([400]);
    let tally = traced(refuses.options(), || questions(3));
    assert_eq!(tally, Tally { sent: 0, lost: 3 });
    assert_eq!(refuses.heard.lock().unwrap().bodies.len(), 1);
}

#[test]
fn trouble_is_said_once_and_its_end_once() {
    let receiver = Receiver::start([400, 403, 400]);
    let log = Log::default();
    let options = TracesOptions {
        at_once: 1,
        every: Duration::ZERO,
        headers: vec![("authorization".into(), "Bearer hunter22hunter22".into())],
        ..receiver.options()
    };
    let (layer, traces) = layer(options).unwrap();
    let to = log.clone();
    let told = fmt::layer()
        .with_ansi(false)
        .with_writer(Mutex::new(to))
        .with_filter(tracing_subscriber::filter::filter_fn(|of| of.is_event()));
    // The thread that sends speaks to the subscriber of the process.
    tracing::subscriber::set_global_default(registry().with(told).with(layer)).unwrap();
    questions(5);
    assert_eq!(traces.finish(Duration::from_secs(20)), Tally { sent: 2, lost: 3 });
    let said = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(said.matches("traces can't be sent").count(), 1, "{said}");
    assert_eq!(said.matches("traces are taken again").count(), 1, "{said}");
    assert!(said.contains("127.0.0.1") && !said.contains("hunter22"), "{said}");
}

#[test]
fn whether_a_collector_takes_traces_can_be_asked() {
    let (takes, refuses) = (Receiver::start([]), Receiver::start([401]));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let check = |options: &TracesOptions| runtime.block_on(check(options));
    check(&takes.options()).unwrap();
    assert!(takes.spans().is_empty());
    let why = check(&refuses.options()).unwrap_err();
    assert!(matches!(why, ConnectorError::NotUsable(_)), "{why:?}");
    let why = check(&nowhere()).unwrap_err();
    assert!(matches!(why, ConnectorError::Failed(_)), "{why:?}");
    let (_listener, options) = silent();
    let why = check(&TracesOptions { within: Duration::from_millis(200), ..options }).unwrap_err();
    assert!(matches!(why, ConnectorError::TimedOut(_) | ConnectorError::Failed(_)), "{why:?}");
}

#[tokio::test]
async fn what_can_not_be_used_is_said_without_its_secrets() {
    for (endpoint, headers, expect) in [
        ("localhost:4318", vec![], "neither https:// nor http://"),
        ("http://ada:hunter22@otel", vec![], "user or a password"),
        ("http://otel", vec![("x key", "hunter22")], "name of a header"),
        ("http://otel", vec![("x-key", "hunter22\nx: y")], "x-key"),
    ] {
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let options = TracesOptions { headers, ..TracesOptions::new(endpoint, "1.2.3") };
        assert!(!format!("{options:?}").contains("hunter22"));
        let told = check(&options).await.unwrap_err().to_string();
        assert!(told.contains(expect) && !told.contains("hunter22"), "{told}");
    }
}
