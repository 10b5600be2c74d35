//! Questions to a real Prometheus over a history that is known.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

use hearback_core::ports::{ConnectorError, SeriesQuery, SignalSource as _};
use hearback_core::{Fetched, Series, ServiceName, SignalKind, Window};
use hearback_http::HttpOptions;
use hearback_prometheus::{PrometheusOptions, PrometheusSignalSource};
use hearback_testkit::prometheus::{MetricHistory, Prometheus};
use jiff::{SignedDuration, Timestamp};

const BUDGET: SignedDuration = SignedDuration::from_secs(60);

fn window(from: &str, until: &str) -> Window {
    Window { from: from.parse().unwrap(), until: until.parse().unwrap() }
}

/// Two hours. From 13:40 on, checkout fails two requests a second beside the ten that succeed, and all get slow. Cart,
/// which speaks OpenTelemetry, has five a second and no trouble.
fn history() -> MetricHistory {
    let all = window("2026-11-23T12:00:00Z", "2026-11-23T14:00:00Z");
    let trouble = Window { from: "2026-11-23T13:40:00Z".parse().unwrap(), ..all };
    let onset_s = 100 * 60;
    let step = SignedDuration::from_secs(15);
    let counts = |a_second: f64| move |seconds: i64| a_second * seconds as f64;
    let quick = move |seconds: i64| 10.0 * seconds.min(onset_s) as f64;
    MetricHistory::default()
        .with(r#"http_requests_total{job="checkout",code="200"}"#, all, step, counts(10.0))
        .with(r#"http_requests_total{job="checkout",code="500"}"#, trouble, step, counts(2.0))
        .with(r#"http_requests_total{job="checkout-canary",code="500"}"#, all, step, counts(99.0))
        .with(r#"http_request_duration_seconds_bucket{job="checkout",le="0.1"}"#, all, step, quick)
        .with(r#"http_request_duration_seconds_bucket{job="checkout",le="0.5"}"#, all, step, quick)
        .with(r#"http_request_duration_seconds_bucket{job="checkout",le="1"}"#, all, step, counts(10.0))
        .with(r#"http_request_duration_seconds_bucket{job="checkout",le="+Inf"}"#, all, step, counts(10.0))
        .with(r#"process_open_fds{job="checkout",instance="a"}"#, all, step, |_| 50.0)
        .with(r#"process_open_fds{job="checkout",instance="b"}"#, all, step, |_| 200.0)
        .with(r#"process_max_fds{job="checkout",instance="a"}"#, all, step, |_| 1000.0)
        .with(r#"process_max_fds{job="checkout",instance="b"}"#, all, step, |_| 1000.0)
        .with(
            r#"http_server_request_duration_seconds_count{job="shop/cart",http_response_status_code="200"}"#,
            all,
            step,
            counts(5.0),
        )
}

fn options(server: &Prometheus) -> PrometheusOptions {
    PrometheusOptions::new("shop", HttpOptions::new(server.url()))
}

async fn ask(
    options: PrometheusOptions,
    services: &[&str],
    window: Window,
) -> Result<Fetched<Series>, ConnectorError> {
    let services = services.iter().map(|name| ServiceName::new(*name).unwrap()).collect();
    let source = PrometheusSignalSource::new(options)?;
    source.series(&SeriesQuery { services, window, needed_from: window.from, budget: BUDGET }).await
}

fn of<'a>(fetched: &'a Fetched<Series>, service: &str, kind: SignalKind) -> Option<&'a Series> {
    let mut found = fetched.items.iter().filter(|s| s.service.as_str() == service && s.kind == kind);
    let series = found.next();
    assert!(found.next().is_none(), "{service} has {kind} twice");
    series
}

fn at(series: &Series, time: &str) -> f64 {
    let time: Timestamp = format!("2026-11-23T{time}Z").parse().unwrap();
    series.points.iter().find(|point| point.at == time).unwrap_or_else(|| panic!("no point at {time}")).value
}

#[tokio::test]
async fn golden_signals_are_what_was_measured() {
    let server = Prometheus::start(&history()).unwrap();
    let asked = window("2026-11-23T13:10:00Z", "2026-11-23T14:00:00Z");
    let fetched = ask(options(&server), &["checkout", "cart", "ghost"], asked).await.unwrap();

    for (service, kind, before, after) in [
        ("checkout", SignalKind::Errors, 0.0, 2.0),
        ("checkout", SignalKind::Latency, 0.095, 0.975),
        ("checkout", SignalKind::Traffic, 10.0, 12.0),
        ("checkout", SignalKind::Saturation, 0.2, 0.2),
        ("cart", SignalKind::Errors, 0.0, 0.0),
        ("cart", SignalKind::Traffic, 5.0, 5.0),
    ] {
        let series = of(&fetched, service, kind).unwrap();
        for (time, expect) in
            [("13:10:00", before), ("13:40:00", before), ("13:50:00", after), ("13:59:45", after)]
        {
            let measured = at(series, time);
            assert!((measured - expect).abs() < 1e-6, "{kind} of {service} at {time}: {measured}");
        }
        // Fifty minutes at four a minute; the window's end is not in it.
        assert_eq!(series.points.len(), 200, "{kind} of {service}");
        assert_eq!(series.step, SignedDuration::from_secs(15));
        assert!(series.labels.is_empty());
        assert!(series.points.iter().all(|point| asked.contains(point.at)));
    }
    for (service, kind) in [("cart", SignalKind::Latency), ("cart", SignalKind::Saturation)] {
        assert!(of(&fetched, service, kind).is_none());
    }
    assert_eq!(fetched.items.len(), 6);
    assert_eq!(fetched.coverage.missing, Vec::<String>::new());
    assert_eq!(
        fetched.coverage.searched,
        "12 queries for 3 services, 2026-11-23 13:10:00Z to 2026-11-23 14:00:00Z, a point each 15 s; not measured: \
         latency of cart, saturation of cart, errors of ghost, latency of ghost and 2 more"
    );
}

#[tokio::test]
async fn a_bad_query_is_told_in_the_words_of_the_server() {
    let server = Prometheus::start(&history()).unwrap();
    let mut options = options(&server);
    let checkout = ServiceName::new("checkout").unwrap();
    let overrides = &mut options.templates.overrides;
    overrides
        .insert((checkout.clone(), SignalKind::Latency), "rate(x{job=\"{{service}}\"}[{{range}}]".into());
    overrides.insert((checkout.clone(), SignalKind::Saturation), "up * on(job) group_left up{".into());
    let asked = window("2026-11-23T13:10:00Z", "2026-11-23T14:00:00Z");
    let fetched = ask(options.clone(), &["checkout"], asked).await.unwrap();
    assert_eq!(fetched.items.len(), 2);
    // Newer ones put the name of the parameter before it.
    for (told, name, error) in [
        (&fetched.coverage.missing[0], "latency", "1:29: parse error: unclosed left parenthesis"),
        (&fetched.coverage.missing[1], "saturation", ": parse error: unexpected end of input inside braces"),
    ] {
        assert!(told.starts_with(&format!("{name} of checkout: bad query: ")), "{told}");
        assert!(told.ends_with(error), "{told}");
    }

    let overrides = &mut options.templates.overrides;
    // Right, and can't be answered: two series that are the same once the name is gone.
    overrides.insert(
        (checkout.clone(), SignalKind::Errors),
        "label_replace(process_open_fds, \"instance\", \"\", \"\", \"\")".into(),
    );
    overrides.insert((checkout, SignalKind::Traffic), "sum(".into());
    let error = ask(options, &["checkout"], asked).await.unwrap_err();
    let ConnectorError::Failed(told) = error else { panic!("{error:?}") };
    assert!(told.starts_with("all 4 queries failed; errors of checkout: the query failed: "), "{told}");
    assert!(told.contains("same labelset"), "{told}");
}

#[tokio::test]
async fn a_window_too_long_for_the_limit_of_points_gets_a_longer_step() {
    let server = Prometheus::start(&history()).unwrap();
    for (max_points, step_s) in [(2000, 47_348), (11_000, 8609), (usize::MAX, 8609)] {
        let options = PrometheusOptions { max_points, ..options(&server) };
        let asked = window("2024-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
        let fetched = ask(options, &["checkout"], asked).await.unwrap();
        assert_eq!(fetched.coverage.missing, Vec::<String>::new());
        let traffic = of(&fetched, "checkout", SignalKind::Traffic).unwrap();
        assert_eq!(traffic.step, SignedDuration::from_secs(step_s));
        // A rate looks back over the whole step, so that no trouble falls between two points.
        assert!(traffic.query.contains(&format!("[{step_s}s]")), "{}", traffic.query);
    }
}

#[tokio::test]
async fn series_of_one_query_are_told_apart_and_the_largest_stay() {
    let server = Prometheus::start(&history()).unwrap();
    let mut options = PrometheusOptions { max_series: 1, ..options(&server) };
    let key = (ServiceName::new("checkout").unwrap(), SignalKind::Saturation);
    options.templates.overrides.insert(key, "process_open_fds{job=\"{{service}}\"}".into());
    let asked = window("2026-11-23T13:10:00Z", "2026-11-23T14:00:00Z");
    let fetched = ask(options.clone(), &["checkout"], asked).await.unwrap();
    assert_eq!(fetched.coverage.missing, ["saturation of checkout: 1 of 2 series left out, the smallest"]);
    assert_eq!(at(of(&fetched, "checkout", SignalKind::Saturation).unwrap(), "13:30:00"), 200.0);

    options.max_series = 20;
    let fetched = ask(options, &["checkout"], asked).await.unwrap();
    let labels: Vec<_> = fetched
        .items
        .iter()
        .filter(|series| series.kind == SignalKind::Saturation)
        .map(|series| {
            series.labels.iter().map(|(n, v)| format!("{n}={}", v.as_untrusted())).collect::<String>()
        })
        .collect();
    assert_eq!(labels, ["instance=b", "instance=a"]);
}

#[tokio::test]
async fn a_link_opens_the_graph_page_of_the_server() {
    let server = Prometheus::start(&history()).unwrap();
    let asked = window("2026-11-23T13:10:00Z", "2026-11-23T14:00:00Z");
    let fetched = ask(options(&server), &["checkout"], asked).await.unwrap();
    let link = of(&fetched, "checkout", SignalKind::Traffic).unwrap().link.clone().unwrap();
    let path = link.strip_prefix(&server.url()).unwrap();
    assert!(path.starts_with("/graph?g0.expr="), "{path}");
    let mut page = server.get(path).unwrap();
    // Some builds send on to a page of another name; what is asked for must survive it.
    for _ in 0..3 {
        let Some(to) = page.lines().find_map(|line| line.strip_prefix("Location: ")) else { break };
        assert_eq!(to.split_once('?').unwrap().1, path.split_once('?').unwrap().1);
        page = server.get(to).unwrap();
    }
    assert!(page.starts_with("HTTP/1.0 200 OK") && page.contains("Prometheus"), "{page:.300}");
}

#[tokio::test]
async fn a_check_names_the_version() {
    let server = Prometheus::start(&MetricHistory::default()).unwrap();
    let source = PrometheusSignalSource::new(options(&server)).unwrap();
    let told = source.check(BUDGET).await.unwrap();
    let host = server.url().replace("http://", "");
    assert!(told.starts_with("Prometheus ") && told.ends_with(&format!(" at {host}")), "{told}");
    assert!(told.contains(|c: char| c.is_ascii_digit()), "{told}");
}
