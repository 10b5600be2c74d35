//! Answers as Prometheus gives them, and as it does not.

use proptest::prelude::*;

use super::*;

const LIMITS: ParseLimits = ParseLimits { max_series: 2, max_points: 3 };

fn matrix(rows: &str) -> String {
    format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{rows}]}}}}"#)
}

fn check(body: &str, expect: Result<&[(&str, &[f64])], BadAnswer>) -> Vec<String> {
    let parsed = parse_range_response(body.as_bytes(), LIMITS);
    let short = parsed.as_ref().map_err(Clone::clone).map(|answer| {
        let values = |series: &RangeSeries| series.points.iter().map(|point| point.value).collect();
        let name = |series: &RangeSeries| {
            series.labels.values().map(ExternalText::as_untrusted).collect::<Vec<_>>().join(",")
        };
        let both = |series: &RangeSeries| (name(series), values(series));
        answer.series.iter().map(both).collect::<Vec<(String, Vec<f64>)>>()
    });
    let expect = expect.map(|all| {
        all.iter().map(|(name, values)| ((*name).to_owned(), values.to_vec())).collect::<Vec<_>>()
    });
    assert_eq!(short, expect, "{body}");
    parsed.map(|answer| answer.notes).unwrap_or_default()
}

fn not_understood(why: &str) -> Result<&'static [(&'static str, &'static [f64])], BadAnswer> {
    Err(BadAnswer::NotUnderstood(why.into()))
}

#[test]
fn numbers_that_are_none_are_absent() {
    let rows = r#"{"metric":{"__name__":"up","job":"a"},"values":[[1,"NaN"],[2,"1.5"],[3.001,"+Inf"]]},
        {"metric":{"job":"b"},"values":[[1,"NaN"],[2,"-Inf"]]},{"metric":{"job":"c"},"values":[]}"#;
    assert!(check(&matrix(rows), Ok(&[("a", &[1.5])])).is_empty());
    let answer = parse_range_response(matrix(rows).as_bytes(), LIMITS).unwrap();
    assert_eq!(answer.series[0].points[0].at, Timestamp::from_second(2).unwrap());
    assert_eq!(answer.measured, 1);
    check(&matrix(""), Ok(&[]));
}

#[test]
fn of_too_many_series_the_largest_stay() {
    let rows: Vec<String> = ["5", "40", "NaN", "-3", "40"]
        .iter()
        .enumerate()
        .map(|(index, value)| format!(r#"{{"metric":{{"pod":"{index}"}},"values":[[1,"{value}"]]}}"#))
        .collect();
    let notes = check(&matrix(&rows.join(",")), Ok(&[("1", &[40.0]), ("4", &[40.0])]));
    assert_eq!(notes, ["2 of 4 series left out, the smallest"]);
}

#[test]
fn warnings_are_told_and_made_safe() {
    let many = ["\"w\""; 8].join(",");
    let body = format!(
        r#"{{"status":"success","warnings":[{many}],"infos":["PromQL info: \u001b[31m x","password=hunter2222"],
        "data":{{"resultType":"matrix","result":[]}}}}"#
    );
    let notes = check(&body, Ok(&[]));
    assert_eq!(notes.len(), 8, "{notes:?}");
    assert_eq!(
        notes[4..],
        [
            "warning: w",
            "3 more warnings",
            "note: PromQL info: \u{fffd}[31m x",
            "note: password=[redacted: password]"
        ]
    );
}

#[test]
fn native_histograms_are_named_and_left_out() {
    let rows = r#"{"metric":{},"histograms":[[1,{"count":"1","sum":"2","buckets":[[0,"0","1","1"]]}]]}"#;
    let notes = check(&matrix(rows), Ok(&[]));
    assert_eq!(notes, ["1 native histograms left out; put histogram_quantile around them"]);
}

#[test]
fn an_answer_can_say_why_there_is_none() {
    let error =
        |kind: &str| format!(r#"{{"status":"error","errorType":"{kind}","error":"1:3: parse error"}}"#);
    check(&error("bad_data"), Err(BadAnswer::BadQuery("1:3: parse error".into())));
    for kind in ["execution", "timeout", "canceled", "internal", "unavailable", "news"] {
        check(&error(kind), Err(BadAnswer::Failed("1:3: parse error".into())));
    }
    check(r#"{"status":"error"}"#, Err(BadAnswer::Failed("it does not say why".into())));
    assert_eq!(
        parse_refusal(error("bad_data").as_bytes()).unwrap().to_string(),
        "bad query: 1:3: parse error"
    );
    assert_eq!(parse_refusal(b"<html>"), None);
    assert_eq!(parse_refusal(matrix("").as_bytes()), None);
}

#[test]
fn what_is_no_answer_is_not_understood() {
    let row = |values: &str| matrix(&format!(r#"{{"metric":{{}},"values":[{values}]}}"#));
    check("", not_understood("it ends in the middle (line 1, column 0)"));
    check(r#"{"status":"success","da"#, not_understood("it ends in the middle (line 1, column 23)"));
    check("<html>", not_understood("it is not JSON, or too deep (line 1, column 1)"));
    check(r#"{"status":"success"}"#, not_understood("it has no data"));
    check(r#"{"status":"fine"}"#, not_understood("it has another form (line 1, column 16)"));
    let deep = format!(r#"{{"status":"success","data":{}"#, "[".repeat(100_000));
    check(&deep, not_understood("it is not JSON, or too deep (line 1, column 29)"));
    check(&row(r#"[2,"1"],[1,"1"]"#), not_understood("its points are not in order"));
    check(&row(r#"[2,"1"],[2,"1"]"#), not_understood("its points are not in order"));
    check(&row(r#"[1e300,"1"]"#), not_understood("a point has no time that can be"));
    check(&row(r#"[1e15,"1"]"#), not_understood("a point has no time that can be"));
    check(
        &row(r#"[1,"1"],[2,"1"],[3,"1"],[4,"1"]"#),
        not_understood("a series has 4 points where 3 were asked for"),
    );
    for body in [
        row(r#"[1,1]"#),
        row(r#"[1,"x"]"#),
        row(r#"[1]"#),
        row(r#"[1,"1",2]"#),
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}"#
            .into(),
    ] {
        let error = parse_range_response(body.as_bytes(), LIMITS).unwrap_err();
        assert!(
            matches!(&error, BadAnswer::NotUnderstood(why) if why.contains("another form")),
            "{error}: {body:.80}"
        );
    }
}

#[test]
fn a_label_full_of_secrets_is_no_longer_than_another() {
    let row = format!(r#"{{"metric":{{"a":"{}"}},"values":[[1,"1"]]}}"#, "secret=abcdef,".repeat(14));
    let answer = parse_range_response(matrix(&row).as_bytes(), LIMITS).unwrap();
    let value = answer.series[0].labels["a"].as_untrusted();
    assert!(value.len() <= LONGEST_LABEL && value.starts_with("secret=[redacted: password],"), "{value}");
}

#[test]
fn labels_are_bounded() {
    let many: Vec<String> = (0..40).map(|index| format!("\"l{index:02}\":\"{}\"", "x".repeat(300))).collect();
    let body = matrix(&format!(r#"{{"metric":{{{}}},"values":[[1,"1"]]}}"#, many.join(",")));
    let answer = parse_range_response(body.as_bytes(), LIMITS).unwrap();
    assert_eq!(answer.series[0].labels.len(), MAX_LABELS);
    assert!(answer.series[0].labels.values().all(|value| value.as_untrusted().len() == LONGEST_LABEL));
}

proptest! {
    #[test]
    fn whatever_is_sent_is_parsed_or_refused_within_the_limits(
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "\\PC{0,200}".prop_map(String::into_bytes),
            proptest::collection::vec((any::<f64>(), any::<f64>()), 0..6).prop_map(|samples| {
                let samples: Vec<String> = samples.iter().map(|(at, value)| format!("[{at:e},\"{value}\"]")).collect();
                matrix(&format!(r#"{{"metric":{{}},"values":[{}]}}"#, samples.join(","))).into_bytes()
            }),
        ],
    ) {
        if let Ok(answer) = parse_range_response(&body, LIMITS) {
            prop_assert!(answer.series.len() <= 2);
            for series in &answer.series {
                prop_assert!((1..=3).contains(&series.points.len()));
                prop_assert!(series.points.iter().all(|point| point.value.is_finite()));
                prop_assert!(series.points.windows(2).all(|pair| pair[0].at < pair[1].at));
            }
        }
    }
}
