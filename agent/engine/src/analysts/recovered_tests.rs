//! What is said after an action, for courses of a signal and ends of an alert.

use hearback_core::happening::Alert;
use hearback_core::incident::SeenAlert;
use hearback_core::{Digest, EvidenceId, IncidentId, ServiceName};

use super::*;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + 60 * minutes).unwrap()
}

fn errors(usual: f64, now: f64) -> RecoverySign {
    RecoverySign::Signal {
        service: ServiceName::new("checkout").unwrap(),
        signal: SignalKind::Errors,
        labels: Default::default(),
        usual,
        spread: 0.1,
        now,
    }
}

/// The action is done at minute 0, a point a minute from -10 on; judged when the points end, within 15 minutes.
fn check(sign: &RecoverySign, values: &[f64], expect: &str) {
    let points: Vec<Point> =
        values.iter().enumerate().map(|(n, value)| Point { at: at(n as i64 - 10), value: *value }).collect();
    let now = at(values.len() as i64 - 11);
    let after = After { sign, done_at: at(0), until: at(15), now };
    let says = match after.judge(&points, &Incident::new(IncidentId::numbered(1))) {
        Judged::TooEarly => "too early".to_owned(),
        Judged::Ended(recovery, says) => format!("{recovery:?}: {says}"),
    };
    assert_eq!(says, expect);
}

fn bad_then(after: &[f64]) -> Vec<f64> {
    [vec![14.0; 11], after.to_vec()].concat()
}

#[test]
fn a_signal_that_is_back_and_stays_is_a_recovery() {
    let sign = errors(0.2, 14.0);
    let back = "Recovered: checkout errors back at 0.3, 6 min after the action; 14 before it, usually 0.2";
    check(&sign, &bad_then(&[12.0, 6.0, 0.3, 0.3, 0.2, 0.4]), back);
    check(&sign, &bad_then(&[12.0, 6.0, 0.3, 0.3, 0.2]), "too early");
    // Below what is usual is well too.
    let none = "Recovered: checkout errors back at 0, 4 min after the action; 14 before it, usually 0.2";
    check(&sign, &bad_then(&[0.0; 4]), none);
    // A moment of quiet is none.
    check(&sign, &bad_then(&[0.2, 0.2, 0.2, 14.0, 0.2, 0.2]), "too early");
}

#[test]
fn that_it_did_not_help_is_said() {
    let sign = errors(0.2, 14.0);
    let not = "NotRecovered: checkout errors at 14, 15 min after the action; 14 before it, usually 0.2";
    check(&sign, &bad_then(&[14.0; 15]), not);
    check(&sign, &bad_then(&[14.0; 14]), "too early");
    let worse = "NotRecovered: checkout errors at 30, 15 min after the action; 14 before it, usually 0.2";
    check(&sign, &bad_then(&[30.0; 15]), worse);
    let half = "CantTell: checkout errors from 14 to 5 in 15 min; usually 0.2";
    check(&sign, &bad_then(&[5.0; 15]), half);
}

#[test]
fn traffic_that_fell_must_rise() {
    let sign = RecoverySign::Signal {
        service: ServiceName::new("checkout").unwrap(),
        signal: SignalKind::Traffic,
        labels: Default::default(),
        usual: 100.0,
        spread: 1.0,
        now: 10.0,
    };
    let low = [vec![10.0; 11], vec![90.0; 4]].concat();
    check(
        &sign,
        &low,
        "Recovered: checkout traffic back at 90, 4 min after the action; 10 before it, usually 100",
    );
    let low = [vec![10.0; 11], vec![12.0; 15]].concat();
    let not = "NotRecovered: checkout traffic at 12, 15 min after the action; 10 before it, usually 100";
    check(&sign, &low, not);
}

#[test]
fn what_was_well_before_is_no_merit() {
    let well = [vec![14.0; 7], vec![0.2; 8]].concat();
    check(&errors(0.2, 14.0), &well, "CantTell: checkout errors back at 0.2 before the action was done");
}

#[test]
fn what_is_not_measured_can_not_be_told() {
    let sign = errors(0.2, 14.0);
    let after = After { sign: &sign, done_at: at(0), until: at(15), now: at(15) };
    let incident = Incident::new(IncidentId::numbered(1));
    let says = "checkout errors not measured since the action, 15 min ago".to_owned();
    assert_eq!(after.judge(&[], &incident), Judged::Ended(Recovery::CantTell, says));
    assert_eq!(After { now: at(3), ..after }.judge(&[], &incident), Judged::TooEarly);
}

#[test]
fn an_alert_tells_by_its_end() {
    let check = |over: Option<i64>, now: i64, expect: Judged| {
        let alert = Alert {
            fingerprint: "f".into(),
            name: "CheckoutFailing".into(),
            service: None,
            summary: "".into(),
            started_at: at(-20),
            link: None,
            runbook: None,
            level: None,
        };
        let mut incident = Incident::new(IncidentId::numbered(1));
        let evidence = EvidenceId(Digest::of(b"alert"));
        incident.alerts.push(SeenAlert { evidence, alert, resolved_at: over.map(at) });
        let sign = RecoverySign::Alert { fingerprint: "f".into(), name: "CheckoutFailing".into() };
        let after = After { sign: &sign, done_at: at(0), until: at(15), now: at(now) };
        assert_eq!(after.judge(&[], &incident), expect);
    };
    let ended = |recovery, says: &str| Judged::Ended(recovery, says.to_owned());
    check(None, 14, Judged::TooEarly);
    check(Some(4), 5, Judged::TooEarly);
    check(Some(4), 6, ended(Recovery::Recovered, "alert CheckoutFailing is over, 4 min after the action"));
    check(
        Some(-2),
        5,
        ended(Recovery::CantTell, "alert CheckoutFailing was over before the action was done"),
    );
    check(
        None,
        15,
        ended(Recovery::NotRecovered, "alert CheckoutFailing still fires, 15 min after the action"),
    );
}
