//! Onset and signature from end to end: series written by hand, where the answer is plain, and floors under what is
//! measured on generated ones (`cargo bench -p hearback-engine --bench signals`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may stop anywhere"
)]

#[path = "../benches/signals/score.rs"]
mod score;

use std::collections::BTreeMap;

use hearback_core::signal::Point;
use hearback_core::{Series, ServiceName, SignalKind};
use hearback_engine::analysts::change_point::{Course, onset_of};
use hearback_engine::analysts::signature::{says, signature};
use hearback_testkit::series::{Seeds, Told, every_case};
use jiff::{SignedDuration, Timestamp};
use score::{HEALTHY, judge, off_by, precision, recall, share, shipped};

/// Minutes after this moment are how the tests count.
fn minute(minutes: i64) -> Timestamp {
    "2026-11-23T12:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

fn series(kind: SignalKind, values: &[f64]) -> Series {
    let point = |(index, value): (usize, &f64)| Point { at: minute(index as i64), value: *value };
    Series {
        service: ServiceName::new("checkout").unwrap(),
        kind,
        query: "by hand".into(),
        labels: BTreeMap::new(),
        step: SignedDuration::from_mins(1),
        points: values.iter().enumerate().map(point).collect(),
        link: None,
    }
}

/// A little movement that is the same every time, from -1 to 1.
fn ripple(index: usize) -> f64 {
    [0.1, -0.7, 0.4, 0.9, -0.2, -1.0, 0.6, -0.3, 0.8, -0.5, 0.2][index % 11]
}

fn values(count: usize, of: impl Fn(usize) -> f64) -> Vec<f64> {
    (0..count).map(of).collect()
}

#[test]
fn the_first_of_it_in_the_last_sample_before_is_not_in_the_level() {
    // A rate over the last minutes shows a little of a failure that has just begun.
    let failing = |i: usize| if i < 24 { 0.0 } else { [0.3, 5.0, 10.0, 15.0, 20.0][(i - 24).min(4)] };
    for count in [28, 30, 34] {
        let series = series(SignalKind::Errors, &values(count, failing));
        let found = onset_of(&series, minute(count as i64 - 1), &shipped()).unwrap();
        assert_eq!(found.before.value, 0.0, "{count}: {found:?}");
        assert!((minute(23)..=minute(26)).contains(&found.latest), "{count}: {found:?}");
    }
}

#[test]
fn failures_where_there_were_none_are_seen_at_their_second_sample() {
    let rising: [&[f64]; 4] =
        [&[], &[4.5, 9.0, 13.7, 18.5], &[0.3, 5.0, 10.0, 15.0], &[3.0, 8.0, 13.0, 18.0]];
    for rises in rising {
        for (before, after) in (20..44).flat_map(|before| (2..12).map(move |after| (before, after))) {
            let failing = |i: usize| rises.get(i - before).copied().unwrap_or([18.8, 19.0, 18.6][i % 3]);
            let values = values(before + after, |i| if i < before { 0.0 } else { failing(i) });
            let as_of = minute((before + after) as i64 - 1);
            let found = onset_of(&series(SignalKind::Errors, &values), as_of, &shipped());
            let found = found.unwrap_or_else(|| panic!("{rises:?} after {before}, {after} seen"));
            let began = before as i64;
            let near = minute(began - 1)..=minute(began + 2);
            assert!(near.contains(&found.latest), "{rises:?} after {before}, {after} seen: {found:?}");
        }
    }
}

#[test]
fn one_line_says_what_a_graph_shows() {
    let noisy = |level: f64, index: usize| level + level * 0.05 * ripple(index);
    let mut lines = Vec::new();
    let mut read = |kind, values: &[f64], until: i64| {
        let found = signature(&series(kind, values), minute(until), &shipped());
        lines.push(found.as_ref().map_or_else(|| "healthy".to_owned(), says));
    };
    read(SignalKind::Errors, &values(180, |i| noisy(if i < 123 { 0.2 } else { 14.0 }, i)), 179);
    read(SignalKind::Errors, &values(90, |i| if i < 60 { 0.0 } else { 3.0 + (i % 3) as f64 }), 89);
    read(SignalKind::Traffic, &values(120, |i| noisy(if i < 90 { 800.0 } else { 210.0 }, i)), 119);
    read(SignalKind::Traffic, &values(120, |i| if i < 90 { noisy(800.0, i) } else { 0.0 }), 119);
    read(SignalKind::Latency, &values(120, |i| if i < 90 { noisy(0.2, i) } else { 0.21 }), 119);
    read(SignalKind::Traffic, &values(60, |i| noisy(800.0, i)), 75);
    let settles = |i: usize| if i < 80 { 0.0 } else { 2.0 * (-(i as f64 - 80.0) / 3.0).exp() };
    read(SignalKind::Latency, &values(120, |i| noisy(0.1, i) + settles(i)), 119);
    let wave = |i: usize| if i >= 80 && (i - 80) % 10 < 5 { 60.0 } else { 0.0 };
    read(SignalKind::Traffic, &values(160, |i| noisy(100.0, i) + wave(i)), 159);
    let stair = |i: usize| 0.3 + 0.15 * (i / 30).saturating_sub(1) as f64;
    read(SignalKind::Saturation, &values(150, |i| stair(i) + 0.004 * ripple(i)), 149);
    let ramp = |i: usize| 0.3 + 0.005 * (i as f64 - 60.0).max(0.0);
    read(SignalKind::Saturation, &values(120, |i| ramp(i) + 0.004 * ripple(i)), 119);
    let passed = |i: usize| if (60..80).contains(&i) { 5.0 } else { 0.2 };
    read(SignalKind::Errors, &values(120, |i| noisy(passed(i), i)), 119);
    read(SignalKind::Errors, &values(120, |i| if i == 60 { 9_000.0 } else { noisy(5.0, i) }), 119);
    read(SignalKind::Traffic, &values(200, |i| noisy(800.0, i)), 199);
    insta::assert_snapshot!(lines.join("\n"), @r"
    errors 0.2 → 14 at 14:03Z, plateau since
    errors 0 → 4 at 13:00Z, plateau since
    traffic 804 → 211 at 13:30Z, cliff since
    traffic 804 → 0 at 13:30Z, flatline for 29 min
    latency 0.2 s → 0.21 s at 13:30Z, flatline for 29 min
    traffic 804 → no data at 13:00Z, nothing measured for 16 min
    latency 0.1 s → peak 2.1 s at 13:20Z, settled after 8 min
    traffic 100 → 155 between 13:15Z and 13:24Z, oscillation of ±33 every 10 min
    saturation 0.3 → 0.75 at 13:00Z, stair-step in 3 steps since
    saturation 0.3 → 0.57 at 13:04Z, ramp over 59 min
    errors 0.2 → 5 at 13:00Z, plateau, over since 13:20Z
    errors 5 → peak 9000 at 13:00Z, settled after 1 min
    healthy
    ");
}

#[test]
fn what_is_no_onset() {
    let check = |kind, values: &[f64], why: &str| {
        let made = series(kind, values);
        let end = minute(values.len() as i64 - 1);
        assert_eq!(onset_of(&made, end, &shipped()), None, "{why}");
    };
    check(SignalKind::Errors, &[], "no points");
    check(SignalKind::Errors, &values(11, |i| i as f64), "too few points");
    check(SignalKind::Errors, &values(200, |_| 0.0), "zero all along");
    check(SignalKind::Traffic, &values(200, |_| 5.0), "the same all along");
    check(SignalKind::Errors, &values(200, |i| if i % 17 == 0 { 1.0 } else { 0.0 }), "rare errors");
    let one = values(200, |i| if i == 140 { 20.0 } else { 5.0 + 0.5 * ripple(i) });
    check(SignalKind::Errors, &one, "a single sample");
    let better = values(200, |i| if i < 100 { 14.0 } else { 5.0 } + 0.5 * ripple(i));
    check(SignalKind::Errors, &better, "fewer errors");
    check(SignalKind::Latency, &better, "faster");
    let hair = values(400, |i| if i < 200 { 100.0 } else { 101.0 } + 0.3 * ripple(i));
    check(SignalKind::Latency, &hair, "a difference nobody feels");
}

#[test]
fn only_what_was_known_by_the_as_of_counts() {
    let made =
        series(SignalKind::Errors, &values(200, |i| if i < 150 { 1.0 } else { 9.0 } + 0.1 * ripple(i)));
    assert_eq!(onset_of(&made, minute(149), &shipped()), None);
    let onset = onset_of(&made, minute(153), &shipped()).unwrap();
    assert_eq!((onset.earliest, onset.latest), (minute(149), minute(150)));
}

#[test]
fn the_latest_onset_that_holds_is_the_one() {
    let level = |i: usize| match i {
        40..70 => 9.0,
        120.. => 30.0,
        _ => 2.0,
    };
    let made = series(SignalKind::Errors, &values(180, |i| level(i) + 0.2 * ripple(i)));
    let onset = onset_of(&made, minute(179), &shipped()).unwrap();
    assert_eq!((onset.earliest, onset.latest, onset.course), (minute(119), minute(120), Course::Holds));
    let before = onset_of(&made, minute(110), &shipped()).unwrap();
    assert_eq!((before.latest, before.course), (minute(40), Course::Over { since: minute(70) }));
}

#[test]
fn gaps_disorder_and_repeated_points_change_nothing() {
    let mut made =
        series(SignalKind::Errors, &values(200, |i| if i < 150 { 1.0 } else { 9.0 } + 0.1 * ripple(i)));
    made.points.retain(|point| !(minute(60) < point.at && point.at < minute(75)));
    made.points.extend_from_within(10..20);
    made.points.reverse();
    made.points.push(Point { at: minute(155), value: f64::NAN });
    made.step = SignedDuration::ZERO;
    let onset = onset_of(&made, minute(199), &shipped()).unwrap();
    assert_eq!((onset.earliest, onset.latest), (minute(149), minute(150)));
}

#[test]
fn a_daily_peak_is_normal_and_a_peak_at_night_is_not() {
    let day = |i: usize| {
        let hour = (i as f64 * 5.0 / 60.0) % 24.0;
        if (9.0..18.0).contains(&hour) { 900.0 } else { 300.0 }
    };
    let at = |values: Vec<f64>| {
        let mut made = series(SignalKind::Traffic, &values);
        made.step = SignedDuration::from_mins(5);
        made.points.iter_mut().enumerate().for_each(|(i, point)| point.at = minute(5 * i as i64));
        let end = minute(5 * (values.len() as i64 - 1));
        onset_of(&made, end, &shipped()).map(|onset| onset.latest)
    };
    let normal = |i: usize| day(i) + 20.0 * ripple(i);
    assert_eq!(at(values(10 * 288 + 150, normal)), None);
    let night = values(10 * 288 + 40, |i| normal(i) + if i >= 10 * 288 + 12 { 600.0 } else { 0.0 });
    assert_eq!(at(night), Some(minute(5 * (10 * 288 + 12))));
}

#[test]
fn no_series_makes_it_panic() {
    let odd = [0.0, -1.0, 1e300, -1e300, f64::MIN_POSITIVE, f64::MAX, 1.0, f64::INFINITY];
    for length in [12, 13, 25, 60] {
        for kind in SignalKind::ALL {
            for pattern in 0..64 {
                let mixed = values(length, |i| odd[(i * i * 7 + i * pattern) / 3 % odd.len()]);
                let made = series(kind, &mixed);
                let _ =
                    signature(&made, minute(length as i64 + pattern as i64), &shipped()).as_ref().map(says);
            }
        }
    }
}

#[test]
fn points_years_apart_and_a_step_without_end_are_read_like_any_other() {
    let mut made = series(SignalKind::Traffic, &values(40, |i| if i < 30 { 5.0 } else { 900.0 } + ripple(i)));
    made.step = SignedDuration::MAX;
    assert!(onset_of(&made, Timestamp::MAX, &shipped()).is_some());
    made.points[0].at = Timestamp::MIN;
    made.points[39].at = Timestamp::MAX;
    for step in [SignedDuration::MIN, SignedDuration::ZERO, SignedDuration::from_secs(1), SignedDuration::MAX]
    {
        made.step = step;
        let _ = signature(&made, Timestamp::MAX, &shipped()).as_ref().map(says);
    }
}

#[test]
fn the_same_series_gives_the_same_signature() {
    for case in every_case(Seeds::Tuning, 1).iter().step_by(7) {
        let made = case.make();
        let read = || signature(&made.series, made.as_of, &shipped());
        assert_eq!(read(), read(), "{case:?}");
    }
}

/// The floors lie below what the report set measured, by about two standard errors of a set of this size.
#[test]
fn what_was_measured_still_holds() {
    let rules = shipped();
    let judged = judge(&every_case(Seeds::Report, 2), |made| score::hearback(made, &rules));
    let check = |shape: &str, least_precision: f64, least_recall: f64| {
        let (p, r) = (precision(&judged, shape), recall(&judged, shape));
        assert!(p >= least_precision && r >= least_recall, "{shape}: precision {p:.3}, recall {r:.3}");
    };
    check("stair-step", 0.80, 0.75);
    check("cliff", 0.88, 0.80);
    check("oscillation", 0.88, 0.85);
    check("flatline", 0.94, 0.94);
    check("spike then settle", 0.75, 0.55);
    check("plateau", 0.75, 0.87);
    check(score::OVER, 0.83, 0.84);
    check("ramp", 0.75, 0.75);
    check(HEALTHY, 0.75, 0.92);
    let sick = || judged.iter().filter(|one| one.case.told.has_onset());
    assert!(share(sick(), |one| one.read.is_some()) >= 0.93);
    assert!(off_by(sick(), 0.5) <= 0.6, "{}", off_by(sick(), 0.5));
    let sharp = || sick().filter(|one| !matches!(one.case.told, Told::Ramp | Told::Oscillation));
    assert!(off_by(sharp(), 0.9) <= 3.0, "{}", off_by(sharp(), 0.9));
    let covered = share(sharp().filter(|one| one.read.is_some()), |one| one.covered);
    assert!(covered >= 0.92, "{covered}");
}
