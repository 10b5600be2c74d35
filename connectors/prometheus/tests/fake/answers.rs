//! Questions that are answered, in part or in whole.

use std::sync::Arc;

use hearback_core::SignalKind;
use hearback_core::ports::{SeriesQuery, SignalSource as _};
use hearback_prometheus::PrometheusSignalSource;
use jiff::SignedDuration;
use tokio::sync::Barrier;

use crate::server::{Fake, ask, kind, matrix, one, reply, window};

const AMPLE: SignedDuration = SignedDuration::from_secs(30);

#[tokio::test]
async fn a_question_is_four_queries_with_all_that_they_need() {
    let fake = Fake::start(|_| async { one("1") }).await;
    let fetched = ask(&fake.source(), &["checkout"], AMPLE).await.unwrap();
    let asked = fake.asked();
    assert_eq!(asked.len(), 4);
    for asked in &asked {
        assert_eq!(asked.line, "POST /prom/api/v1/query_range");
        assert_eq!(asked.authorization.as_deref(), Some("Bearer hunter22"));
        assert_eq!(asked.form["start"], "2026-11-23T13:50:00Z");
        assert_eq!(asked.form["end"], "2026-11-23T13:59:59.999Z");
        assert_eq!(asked.form["step"], "15");
        let timeout_ms: i64 = asked.form["timeout"].strip_suffix("ms").unwrap().parse().unwrap();
        assert!((1..=30_000).contains(&timeout_ms), "{timeout_ms}");
    }
    let mut kinds: Vec<SignalKind> = asked.iter().map(kind).collect();
    kinds.sort();
    assert_eq!(kinds, SignalKind::ALL);
    let came: Vec<SignalKind> = fetched.items.iter().map(|series| series.kind).collect();
    assert_eq!(came, SignalKind::ALL);
    assert!(fetched.items.iter().all(|series| asked.iter().any(|asked| asked.form["query"] == series.query)));
    assert_eq!(fetched.coverage.source.as_str(), "prometheus:shop");
    assert_eq!(
        fetched.coverage.searched,
        "4 queries for 1 service, 2026-11-23 13:50:00Z to 2026-11-23 14:00:00Z, a point each 15 s"
    );
    assert!(fetched.coverage.missing.is_empty());
}

#[tokio::test]
async fn a_link_leads_where_people_go_and_holds_no_credentials() {
    let fake = Fake::start(|_| async { one("1") }).await;
    let mut options = fake.options();
    let key = ("checkout".parse().unwrap(), SignalKind::Errors);
    options.templates.overrides.insert(key, "up{job=\"{{service}}\"} + 1".into());
    for (people_url, base) in [
        (None, format!("http://{}/prom", fake.host)),
        (Some("https://prom.example"), "https://prom.example".into()),
    ] {
        options.people_url = people_url.map(str::to_owned);
        let source = PrometheusSignalSource::new(options.clone()).unwrap();
        let fetched = ask(&source, &["checkout"], AMPLE).await.unwrap();
        assert_eq!(
            fetched.items[0].link.as_deref().unwrap(),
            format!(
                "{base}/graph?g0.expr=up%7Bjob%3D%22checkout%22%7D+%2B+1&g0.tab=0&g0.range_input=600s\
                 &g0.end_input=2026-11-23+14%3A00%3A00&g0.step_input=15"
            )
        );
    }
    options.people_url = Some("https://ada:hunter22@prom.example".into());
    let told = PrometheusSignalSource::new(options).err().unwrap().to_string();
    assert_eq!(told, "the address of prom.example holds a user or a password; set them as credentials");
}

#[tokio::test]
async fn queries_of_a_question_run_at_once() {
    let all = Arc::new(Barrier::new(12));
    let fake = Fake::start(move |_| {
        let all = Arc::clone(&all);
        async move {
            // Nobody is answered before everybody has asked.
            all.wait().await;
            one("1")
        }
    })
    .await;
    let fetched = ask(&fake.source(), &["checkout", "cart", "shop", "cart"], AMPLE).await.unwrap();
    assert_eq!(fetched.items.len(), 12);
}

#[tokio::test]
async fn a_query_that_fails_leaves_the_others_standing() {
    let fake = Fake::start(|asked| async move {
        let error = |kind: &str, error: &str| {
            format!(r#"{{"status":"error","errorType":"{kind}","error":"{error}"}}"#)
        };
        match kind(&asked) {
            SignalKind::Errors => one("1"),
            SignalKind::Latency => reply(400, "application/json", error("bad_data", "parse error at char 3")),
            SignalKind::Traffic => reply(422, "application/json", error("execution", "too many samples")),
            SignalKind::Saturation | SignalKind::Other => {
                reply(503, "application/json", error("timeout", "query timed out"))
            }
        }
    })
    .await;
    let fetched = ask(&fake.source(), &["checkout"], AMPLE).await.unwrap();
    assert_eq!(fetched.items.len(), 1);
    assert_eq!(
        fetched.coverage.missing,
        [
            "latency of checkout: bad query: parse error at char 3",
            "traffic of checkout: the query failed: too many samples",
            "saturation of checkout: the query failed: query timed out",
        ]
    );
    // What is wrong stays wrong; what was too busy was asked three times.
    assert_eq!(fake.asked().len(), 1 + 1 + 1 + 3);
}

#[tokio::test]
async fn a_query_that_hangs_costs_the_budget_and_no_more() {
    let fake = Fake::start(|asked| async move {
        match kind(&asked) {
            SignalKind::Latency => std::future::pending().await,
            _ => one("1"),
        }
    })
    .await;
    let fetched = ask(&fake.source(), &["checkout"], SignedDuration::from_secs(2)).await.unwrap();
    assert_eq!(fetched.items.len(), 3);
    let missing: Vec<String> = fetched.coverage.missing.iter().map(|text| fake.anonymous(text)).collect();
    assert_eq!(missing, ["latency of checkout: no answer from HOST in time"]);
}

#[tokio::test]
async fn a_server_that_is_busy_for_a_moment_is_asked_again() {
    let fake = {
        let first = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        Fake::start(move |_| {
            let earlier = first.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            std::future::ready(if earlier < 2 { reply(503, "text/plain", "") } else { one("1") })
        })
        .await
    };
    let fetched = ask(&fake.source(), &["checkout"], AMPLE).await.unwrap();
    assert_eq!((fetched.items.len(), fake.asked().len()), (4, 6));
}

#[tokio::test]
async fn warnings_and_what_was_left_out_are_told_with_the_query() {
    let fake = Fake::start(|asked| async move {
        let data = |rows: &str, more: &str| {
            let body =
                format!(r#"{{"status":"success",{more}"data":{{"resultType":"matrix","result":[{rows}]}}}}"#);
            reply(200, "application/json", body)
        };
        let many: Vec<String> = (0..30)
            .map(|pod| {
                format!(r#"{{"metric":{{"pod":"p{pod}","job":"x"}},"values":[[1795441800,"{pod}"]]}}"#)
            })
            .collect();
        match kind(&asked) {
            SignalKind::Errors => data(r#"{"metric":{},"values":[[1795441800,"NaN"]]}"#, ""),
            SignalKind::Latency => data("", r#""warnings":["a store did not answer"],"#),
            SignalKind::Traffic => data("", r#""infos":["not a counter"],"#),
            SignalKind::Saturation | SignalKind::Other => data(&many.join(","), ""),
        }
    })
    .await;
    let fetched = ask(&fake.source(), &["checkout"], AMPLE).await.unwrap();
    assert_eq!(
        fetched.coverage.missing,
        [
            "latency of checkout: warning: a store did not answer",
            "traffic of checkout: note: not a counter",
            "saturation of checkout: 10 of 30 series left out, the smallest",
        ]
    );
    assert!(
        fetched
            .coverage
            .searched
            .ends_with("; not measured: errors of checkout, latency of checkout, traffic of checkout")
    );
    assert_eq!(fetched.items.len(), 20);
    let names: Vec<&str> = fetched.items[0].labels.keys().map(String::as_str).collect();
    assert_eq!((names, fetched.items[0].points[0].value), (vec!["pod"], 29.0));
}

#[tokio::test]
async fn points_outside_the_window_are_not_shown() {
    // A second before it, its first moment, its end.
    let rows = r#"{"metric":{},"values":[[1795441799,"1"],[1795441800,"2"],[1795442400,"3"]]}"#;
    let fake = Fake::start(move |_| async move { matrix(rows) }).await;
    let fetched = ask(&fake.source(), &["checkout"], AMPLE).await.unwrap();
    for series in fetched.items {
        assert_eq!(series.points.iter().map(|point| point.value).collect::<Vec<_>>(), [2.0]);
        assert_eq!(series.points[0].at, window().from);
    }
}

#[tokio::test]
async fn services_beyond_the_limit_are_named_as_not_asked() {
    let fake = Fake::start(|_| async { one("1") }).await;
    let mut options = fake.options();
    options.max_services = 1;
    let source = PrometheusSignalSource::new(options).unwrap();
    let fetched = ask(&source, &["checkout", "cart", "shop"], AMPLE).await.unwrap();
    assert_eq!(
        fetched.coverage.missing,
        ["cart and shop were not asked about: at most 1 service a question"]
    );
    assert_eq!(fake.asked().len(), 4);
}

#[tokio::test]
async fn an_empty_window_or_no_service_asks_nothing() {
    let fake = Fake::start(|_| async { one("1") }).await;
    let source = fake.source();
    let empty = hearback_core::Window { from: window().until, until: window().until };
    let services = vec!["checkout".parse().unwrap()];
    let query = SeriesQuery { services, window: empty, needed_from: empty.from, budget: AMPLE };
    let fetched = source.series(&query).await.unwrap();
    assert_eq!(fetched.coverage.searched, "nothing: the window is empty");
    let fetched = ask(&source, &[], AMPLE).await.unwrap();
    assert!(fetched.coverage.searched.starts_with("0 queries for 0 services"));
    assert!(fake.asked().is_empty());
}

#[tokio::test]
async fn a_check_asks_for_the_build() {
    let body = r#"{"status":"success","data":{"version":"3.1.0","revision":"x"}}"#;
    let fake = Fake::always(200, "application/json", body).await;
    let told = fake.source().check(AMPLE).await.unwrap();
    assert_eq!(fake.anonymous(&told), "Prometheus 3.1.0 at HOST");
    assert_eq!(fake.asked()[0].line, "GET /prom/api/v1/status/buildinfo");
    assert_eq!(fake.asked()[0].authorization.as_deref(), Some("Bearer hunter22"));
}
