//! Webhooks as Alertmanager sends them, and as nobody should.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop anywhere")]

use hearback_alertmanager::{AlertEvent, MAX_BODY_BYTES, Notification, Options, WebhookError, parse_webhook};
use hearback_core::happening::Alert;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

fn received_at() -> Timestamp {
    "2026-11-23T14:10:00Z".parse().unwrap()
}

fn parse(body: &[u8]) -> Result<Notification, WebhookError> {
    parse_webhook(body, received_at(), &Options::default())
}

fn webhook(alerts: Vec<Value>) -> Value {
    json!({
        "version": "4", "groupKey": "{}:{alertname=\"HighErrorRate\"}", "status": "firing", "receiver": "hearback",
        "groupLabels": {"alertname": "HighErrorRate"}, "commonLabels": {}, "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093", "truncatedAlerts": 0, "alerts": alerts,
    })
}

/// An alert in which some fields differ: `null` takes a field out.
fn alert(different: Value) -> Value {
    let mut alert = json!({
        "status": "firing",
        "labels": {"alertname": "HighErrorRate", "service": "checkout", "severity": "critical"},
        "annotations": {"summary": "5xx above 2 %", "runbook_url": "https://wiki.example/checkout"},
        "startsAt": "2026-11-23T14:02:00.123Z", "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph?g0.expr=x", "fingerprint": "9f86d081884c7d65",
    });
    for (name, value) in different.as_object().unwrap() {
        if value.is_null() {
            alert.as_object_mut().unwrap().remove(name);
        } else {
            alert[name] = value.clone();
        }
    }
    alert
}

fn read(different: Value) -> Notification {
    parse(webhook(vec![alert(different)]).to_string().as_bytes()).unwrap()
}

fn fired(different: Value) -> Alert {
    match read(different).events.pop() {
        Some(AlertEvent::Fired(alert)) => alert,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_field_finds_its_place() {
    let alert = fired(json!({}));
    assert_eq!(alert.fingerprint, "9f86d081884c7d65");
    assert_eq!(alert.name.as_untrusted(), "HighErrorRate");
    assert_eq!(alert.service.unwrap().as_str(), "checkout");
    assert_eq!(alert.summary.as_untrusted(), "5xx above 2 %");
    assert_eq!(alert.started_at, "2026-11-23T14:02:00.123Z".parse::<Timestamp>().unwrap());
    assert_eq!(alert.link.as_deref(), Some("http://prometheus.example/graph?g0.expr=x"));
    assert_eq!(alert.runbook.as_deref(), Some("https://wiki.example/checkout"));
    assert_eq!(alert.level.as_deref(), Some("critical"));
    let whole = read(json!({}));
    assert_eq!((whole.missing, whole.notes), (None, vec![]));
}

#[test]
fn the_service_comes_from_the_first_label_that_names_one() {
    let check = |labels: Value, expect: Option<&str>| {
        let service = fired(json!({"labels": labels.clone()})).service;
        assert_eq!(service.as_ref().map(|name| name.as_str()), expect, "{labels}");
    };
    check(json!({"service": "checkout", "job": "node"}), Some("checkout"));
    check(json!({"app": "cart", "job": "node"}), Some("cart"));
    check(json!({"service": " ", "service_name": "pay roll"}), Some("pay_roll"));
    check(json!({"job": "shop/cart"}), Some("shop_cart"));
    check(json!({"service": "///"}), None);
    check(json!({"instance": "10.0.0.1:9100"}), None);
    let options = Options { service_labels: vec!["component".into()], ..Options::default() };
    let body = webhook(vec![alert(json!({"labels": {"service": "a", "component": "b"}}))]).to_string();
    let events = parse_webhook(body.as_bytes(), received_at(), &options).unwrap().events;
    assert!(
        matches!(&events[0], AlertEvent::Fired(alert) if alert.service.as_ref().unwrap().as_str() == "b")
    );
}

#[test]
fn summary_runbook_and_link_fall_back() {
    let check = |different: Value, read: fn(Alert) -> Option<String>, expect: Option<&str>| {
        assert_eq!(read(fired(different.clone())).as_deref(), expect, "{different}");
    };
    let summary = |alert: Alert| Some(alert.summary.as_untrusted().to_owned());
    check(json!({"annotations": {"message": "m", "description": "d"}}), summary, Some("m"));
    check(json!({"annotations": {"summary": "", "description": "d"}}), summary, Some("d"));
    check(json!({"annotations": null}), summary, Some("HighErrorRate"));
    let runbook = |alert: Alert| alert.runbook;
    check(json!({"annotations": {"runbook": "restart\u{1b}[2J it"}}), runbook, Some("restart\u{fffd}[2J it"));
    check(json!({"annotations": {}}), runbook, None);
    let link = |alert: Alert| alert.link;
    check(json!({"generatorURL": ""}), link, Some("http://alertmanager.example:9093"));
    check(json!({"generatorURL": "javascript:alert(1)"}), link, Some("http://alertmanager.example:9093"));
    check(json!({"generatorURL": "https://x.example/ y"}), link, Some("http://alertmanager.example:9093"));
}

#[test]
fn firing_and_resolved_are_told_apart() {
    let over = |at: &str| AlertEvent::Resolved {
        fingerprint: "9f86d081884c7d65".into(),
        at: at.parse::<Timestamp>().unwrap(),
    };
    let check = |different: Value, expect: Option<AlertEvent>, note: &str| {
        let notification = read(different.clone());
        match (&notification.events[0], expect) {
            (AlertEvent::Fired(_), None) => {}
            (event, expect) => assert_eq!(Some(event), expect.as_ref(), "{different}"),
        }
        assert!(notification.notes.join("").contains(note), "{different}: {:?}", notification.notes);
        assert_eq!(notification.notes.is_empty(), note.is_empty(), "{different}: {:?}", notification.notes);
    };
    let received = "2026-11-23T14:10:00Z";
    let end = "2026-11-23T14:08:00Z";
    check(json!({"status": "resolved", "endsAt": end}), Some(over(end)), "");
    // Some senders leave out the status; the zero time means still firing.
    check(json!({"status": null}), None, "");
    check(json!({"status": null, "endsAt": end}), Some(over(end)), "");
    check(json!({"status": null, "endsAt": "2026-11-23T15:00:00Z"}), None, "");
    check(json!({"status": "firing", "endsAt": end}), None, "");
    check(json!({"status": "resolved"}), Some(over(received)), "does not say since when");
    check(json!({"status": "resolved", "endsAt": null}), Some(over(received)), "does not say since when");
    check(
        json!({"status": "resolved", "endsAt": "2026-11-23T14:01:00Z"}),
        Some(over(received)),
        "alert 1 ended before it started",
    );
    check(json!({"status": "resolved", "endsAt": "2027-01-01T00:00:00Z"}), Some(over(received)), "");
}

#[test]
fn a_start_that_can_not_be_is_put_right_and_said() {
    let check = |starts_at: &str, expect: &str, note: &str| {
        let notification = read(json!({"startsAt": starts_at}));
        let AlertEvent::Fired(alert) = &notification.events[0] else { panic!("{starts_at}") };
        assert_eq!(alert.started_at, expect.parse::<Timestamp>().unwrap(), "{starts_at}");
        assert!(notification.notes.join("").contains(note), "{starts_at}: {:?}", notification.notes);
    };
    check("2026-11-23T16:00:00+02:00", "2026-11-23T14:00:00Z", "");
    check("2026-11-23T14:12:00Z", "2026-11-23T14:10:00Z", "");
    check(
        "2026-11-24T14:00:00Z",
        "2026-11-23T14:10:00Z",
        "alert 1 starts at 2026-11-24 14:00:00Z, in the future",
    );
    check("9999-12-30T00:00:00Z", "2026-11-23T14:10:00Z", "in the future");
    check("0001-01-01T00:00:00Z", "2026-11-23T14:10:00Z", "does not say when it started");
    check("1970-01-01T00:00:00Z", "2026-11-23T14:10:00Z", "does not say when it started");
}

#[test]
fn one_bad_alert_does_not_lose_the_others() {
    for (bad, note) in [
        (alert(json!({"startsAt": "yesterday"})), "startsAt \"yesterday\" is not a time"),
        (alert(json!({"startsAt": null})), "missing field `startsAt`"),
        (alert(json!({"labels": null})), "missing field `labels`"),
        (alert(json!({"labels": {"alertname": 5}})), "wrong type, a string is expected"),
        (
            alert(json!({"status": "flapping\u{7}"})),
            "status \"flapping\u{fffd}\" is neither firing nor resolved",
        ),
        (alert(json!({"endsAt": "99999-01-01T00:00:00Z"})), "endsAt \"99999-01-01T00:00:00Z\" is not a time"),
        (json!("alert"), "it is not an object"),
        (json!(["firing", {}]), "it is not an object"),
    ] {
        let body = webhook(vec![bad, alert(json!({}))]).to_string();
        let notification = parse(body.as_bytes()).unwrap();
        assert_eq!(notification.events.len(), 1, "{note}");
        assert_eq!(notification.missing, Some(1), "{note}");
        assert_eq!(notification.notes.len(), 1, "{note}");
        let said = &notification.notes[0];
        assert!(said.starts_with("alert 1 was left out: ") && said.contains(note), "{said}");
    }
}

#[test]
fn an_alert_without_fingerprint_is_told_by_its_labels() {
    let of = |different: Value| fired(different).fingerprint;
    let labels = json!({"alertname": "Up", "service": "a"});
    let digest = of(json!({"fingerprint": "", "labels": labels}));
    assert_eq!(digest.len(), 64);
    assert_eq!(
        digest,
        of(json!({"fingerprint": null, "labels": labels, "startsAt": "2026-11-23T13:00:00Z"}))
    );
    assert_ne!(digest, of(json!({"fingerprint": "", "labels": {"alertname": "Up", "service": "b"}})));
    for bad in ["a b", "x\u{1b}[2J", &"f".repeat(129)] {
        assert_eq!(of(json!({"fingerprint": bad, "labels": labels})), digest, "{bad}");
    }
}

#[test]
fn what_is_cut_is_counted() {
    let mut body = webhook((0..5).map(|n| alert(json!({"fingerprint": format!("f{n}")}))).collect());
    body["truncatedAlerts"] = json!(7);
    let options = Options { max_alerts: 3, ..Options::default() };
    let notification = parse_webhook(body.to_string().as_bytes(), received_at(), &options).unwrap();
    assert_eq!((notification.events.len(), notification.missing), (3, Some(9)));
    let bad = webhook((0..50).map(|_| json!({})).collect());
    let notification = parse(bad.to_string().as_bytes()).unwrap();
    assert_eq!((notification.notes.len(), notification.missing), (20, Some(50)), "notes are bounded");
    let long = fired(json!({"annotations": {"summary": "x".repeat(100_000)}}));
    assert_eq!(long.summary.as_untrusted().len(), 4000);
}

#[test]
fn what_is_no_webhook_is_refused_with_one_sentence() {
    let deep = format!("{{\"version\":\"4\",\"alerts\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    let mut other = webhook(vec![]);
    other["version"] = json!("3");
    let check = |body: &[u8], expect: &str| {
        let error = parse(body).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    };
    check(b"", "it ends too early");
    check(b"{\"version\": \"4\"", "it ends too early");
    check(b"alerts!", "it is not JSON (line 1, column 1)");
    check(b"{\"version\": \"\xff\"}", "it is not JSON");
    check(deep.as_bytes(), "it is not JSON");
    check(b" []", "it is a list, an object is expected");
    check(b"7", "wrong type, an object is expected");
    check(b"{\"version\": \"4\"}", "missing field `alerts`");
    check(b"{\"alerts\": []}", "missing field `version`");
    check(br#"{"version": "4", "alerts": "s3cret"}"#, "a value has the wrong type, a sequence is expected");
    check(br#"{"version": 4, "alerts": []}"#, "wrong type, a string is expected");
    check(br#"{"version": "4", "alerts": [], "truncatedAlerts": -1}"#, "wrong type, u64 is expected");
    check(other.to_string().as_bytes(), "version \"3\" of Alertmanager's webhook is not known");
    check(&vec![b' '; MAX_BODY_BYTES + 1], "4194304 are read at most; set max_alerts");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_values_make_it_panic(
        texts in proptest::collection::vec(".*", 8),
        at in proptest::option::of("[0-9TZ:.+-]{0,30}"),
    ) {
        let body = webhook(vec![alert(json!({
            "labels": {&texts[0]: texts[1], "service": texts[2]}, "annotations": {"summary": texts[3]},
            "startsAt": at, "fingerprint": texts[4], "generatorURL": texts[5],
        })), json!({&texts[6]: texts[7]})]);
        let notification = parse(body.to_string().as_bytes()).unwrap();
        prop_assert_eq!(notification.events.len() as u64 + notification.missing.unwrap_or(0), 2);
    }
}
