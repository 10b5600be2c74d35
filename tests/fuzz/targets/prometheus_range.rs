//! Prometheus's answers to range queries.
#![no_main]

use hearback_fuzz::{check_refusal, check_sentence};
use hearback_prometheus::{ParseLimits, parse_range_response};
use libfuzzer_sys::fuzz_target;

/// Few, so that small inputs reach the limits.
const LIMITS: ParseLimits = ParseLimits { max_series: 3, max_points: 10 };
/// What the crate says of labels: their number, and the bytes of a value.
const MOST_LABELS: usize = 30;
const LONGEST_LABEL: usize = 200;

fuzz_target!(|body: &[u8]| {
    let answer = match parse_range_response(body, LIMITS) {
        Ok(answer) => answer,
        Err(error) => return check_refusal(&error),
    };
    assert!(answer.series.len() <= LIMITS.max_series && answer.series.len() <= answer.measured);
    answer.notes.iter().for_each(|note| check_sentence(note));
    for series in &answer.series {
        assert!((1..=LIMITS.max_points).contains(&series.points.len()));
        assert!(series.points.is_sorted_by(|a, b| a.at < b.at), "points out of order");
        assert!(series.points.iter().all(|point| point.value.is_finite()));
        assert!(series.labels.len() <= MOST_LABELS);
        for (name, value) in &series.labels {
            let bytes = value.as_untrusted().len();
            assert!(bytes <= LONGEST_LABEL, "{name:?} has {bytes} bytes: {:?}", value.as_untrusted());
        }
    }
});
