//! The webhook of Alertmanager.
#![no_main]

use hearback_alertmanager::{AlertEvent, Options, parse_webhook};
use hearback_fuzz::{RECEIVED_AT, check_refusal, check_round_trip, check_sentence};
use libfuzzer_sys::fuzz_target;

/// Few, so that small inputs reach the limit.
const MOST_ALERTS: usize = 3;
const MOST_NOTES: usize = 20;

fuzz_target!(|body: &[u8]| {
    let options = Options { max_alerts: MOST_ALERTS, ..Options::default() };
    let notification = match parse_webhook(body, RECEIVED_AT, &options) {
        Ok(notification) => notification,
        Err(error) => return check_refusal(&error),
    };
    assert!(notification.events.len() <= MOST_ALERTS && notification.notes.len() <= MOST_NOTES);
    assert_ne!(notification.missing, Some(0), "nothing missing is None");
    notification.notes.iter().for_each(|note| check_sentence(note));
    for event in &notification.events {
        match event {
            AlertEvent::Fired(alert) => {
                check_round_trip(alert);
                assert!(!alert.fingerprint.is_empty() && !alert.name.is_blank());
                assert!(alert.started_at <= RECEIVED_AT, "{}", alert.started_at);
                assert!(alert.name.as_untrusted().len() <= 300 && alert.summary.as_untrusted().len() <= 4000);
                alert.link.iter().for_each(|link| assert!(link.starts_with("http"), "{link:?}"));
                for shown in alert.link.iter().chain(&alert.runbook).chain(&alert.level) {
                    assert!(!shown.contains(char::is_control), "{shown:?}");
                }
            }
            AlertEvent::Resolved { fingerprint, at } => {
                assert!(!fingerprint.is_empty() && *at <= RECEIVED_AT, "{at}");
            }
        }
    }
});
