//! Tests of what is read and what is refused of a folder that somebody else wrote.

use serde_json::json;

use super::*;
use crate::frozen::ask::{Weights, ask};
use crate::frozen::export::export;

const TOKEN: &str = "ghp_0123456789abcdefghijABCDEFGHIJ456789";

fn folder(fired_at: &str, files: &[(&str, String)]) -> Folder {
    let alert = json!({"service": "web", "fired_at": fired_at, "monitor": "m"}).to_string();
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.clone()));
    Folder { id: "one".into(), files: files.chain([("alert.json".to_owned(), alert)]).collect() }
}

fn read(folder: &Folder) -> Result<Imported, BadFolder> {
    import(folder, &IncidentId::numbered(1))
}

fn refused(fired_at: &str, file: &str, text: &Value, expect: &str) {
    let says = read(&folder(fired_at, &[(file, text.to_string())])).unwrap_err().to_string();
    assert_eq!(says, expect);
}

const AT: &str = "2026-03-02T10:00:00Z";

#[test]
fn a_time_that_can_not_be_read_is_refused_with_its_file_and_key() {
    refused("now", "x.txt", &json!(""), "alert.json: \"now\" is no time (fired_at)");
    refused("2h ago", "x.txt", &json!(""), "alert.json: \"2h ago\" is no time (fired_at)");
    let flags = json!([{"flag": "x", "time": "now"}]);
    refused(AT, "context/flags.json", &flags, "context/flags.json: item 1: \"now\" is no time (time)");
    let spans = json!([{"service": "a", "start_time": "now"}]);
    refused(AT, "traces.json", &spans, "traces.json: span 1: \"now\" is no time (start_time)");
    for written in ["2026-03-02 10:00", "2026-03-02T10:00Z", "2026-03-02T12:00:00+02:00"] {
        assert_eq!(time(written), AT.parse().ok(), "{written}");
    }
}

#[test]
fn ids_of_spans_are_read_in_either_form_and_an_empty_one_is_said() {
    let span = |trace: &str, span: &str| {
        json!({"service": "a", "start": AT, "traceId": trace, "spanId": span,
            "parentSpanId": "0000000000000000", "parentId": "p"})
    };
    let read =
        spans::read("traces.json", &json!([span("t", "s"), span("t", "u")]).to_string(), Timestamp::MAX);
    let read = read.unwrap().slow;
    assert_eq!((read.len(), read[0].trace), (2, read[1].trace));
    assert!(read[0].span != read[1].span && read[0].parent == read[1].parent && read[0].parent.is_some());
    assert!(read[0].attributes.is_empty());
    let no_trace = "traces.json: span 1: it does not say which trace it is of (trace_id)";
    refused(AT, "traces.json", &json!([span("", "s")]), no_trace);
    let no_span = "traces.json: span 1: it does not say which span it is (span_id)";
    refused(AT, "traces.json", &json!([span("t", " ")]), no_span);
}

#[test]
fn no_secret_is_kept_of_wordings_labels_paths_and_diffs() {
    let wording = LogTemplate {
        id: hearback_core::wording::template_id(
            &ServiceName::new("web").unwrap(),
            hearback_core::LogSeverity::Error,
            "w",
        ),
        service: ServiceName::new("web").unwrap(),
        severity: hearback_core::LogSeverity::Error,
        text: TOKEN.into(),
        count: 1,
        first: hearback_core::LogRecord {
            at: AT.parse().unwrap(),
            service: ServiceName::new("web").unwrap(),
            version: None,
            severity: hearback_core::LogSeverity::Error,
            body: TOKEN.into(),
            attributes: [("k".to_owned(), TOKEN.into())].into(),
            trace: None,
            span: None,
        },
        last_at: AT.parse().unwrap(),
        minutes: vec![],
    };
    let diff = "@@ a @@\n+-----BEGIN PRIVATE KEY-----\n+MIIEvQIBADANBgkq\n+-----END PRIVATE KEY-----\n+kept";
    let commits = json!([{"sha": "aa", "timestamp": AT, "message": "m", "diff": diff,
        "files_changed": ["a", format!("keys/{TOKEN}")]}]);
    let metrics = format!("timestamp,service,metric,key,value\n{AT},web,errors,{TOKEN},1\n");
    let folder = folder(
        AT,
        &[
            (WORDINGS, serde_json::to_string(&[wording]).unwrap()),
            ("context/commits.json", commits.to_string()),
            ("metrics.csv", metrics),
        ],
    );
    let written = format!("{:?}", export(&read(&folder).unwrap().recorded).unwrap().files);
    assert!(!written.contains(TOKEN) && !written.contains("MIIEvQ"), "{written}");
    assert_eq!(written.matches("[redacted: GitHub token]").count(), 5, "{written}");
    assert!(written.contains("+kept"), "{written}");
}

#[test]
fn a_deploy_to_staging_does_not_come_back_as_one_to_production() {
    let deploys = json!([{"service": "a", "version": "v1", "timestamp": AT, "environment": "staging"},
        {"service": "b", "version": "v1", "timestamp": AT}]);
    let first = read(&folder(AT, &[("context/deploys.json", deploys.to_string())])).unwrap();
    let second = read(&export(&first.recorded).unwrap()).unwrap();
    for imported in [first, second] {
        let places = imported.drafts.iter().filter_map(|draft| match &draft.what {
            Happening::ChangeSeen(change) => change.environment.as_deref(),
            _ => None,
        });
        assert_eq!(places.collect::<Vec<_>>(), ["staging", "production"]);
    }
}

#[tokio::test]
async fn times_at_the_end_of_what_can_be_counted_are_read_and_asked_about() {
    let weights = Weights::shipped().unwrap();
    for (first, last) in [
        (Timestamp::MAX.to_string(), Timestamp::MAX.to_string()),
        (AT.to_owned(), Timestamp::MAX.to_string()),
        (Timestamp::MIN.to_string(), AT.to_owned()),
        (Timestamp::MIN.to_string(), Timestamp::MAX.to_string()),
    ] {
        let span = |at: &str, status: &str| {
            json!({"trace_id": at, "span_id": status, "service": "web", "start": at,
            "duration_ms": 1e12, "status": status})
        };
        let line =
            |at: &str| format!("{}\n", json!({"ts": at, "service": "web", "level": "error", "msg": "x"}));
        let change = |at: &str| json!({"timestamp": at, "service": "web", "sha": "abcdef1", "flag": "f"});
        let changes = json!([change(&first), change(&last)]).to_string();
        let rows = format!("{first},web,errors,1\n{last},web,errors,2\n");
        let folder = folder(
            &last,
            &[
                ("logs.ndjson", line(&first) + &line(&last)),
                ("traces.json", json!([span(&first, "OK"), span(&last, "ERROR")]).to_string()),
                ("metrics.csv", format!("timestamp,service,metric,value\n{rows}")),
                ("context/commits.json", changes.clone()),
                ("context/deploys.json", changes.clone()),
                ("context/flags.json", changes),
            ],
        );
        read(&folder).unwrap();
        drop(ask(&folder, &weights).await);
    }
}
