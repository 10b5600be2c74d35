//! What Prometheus answers, and nothing that it could do with too much of it. Pure; it must not know what is asked.

use std::collections::BTreeMap;
use std::fmt;

use hearback_core::ExternalText;
use hearback_core::redaction::redact_external;
use hearback_core::signal::Point;
use jiff::Timestamp;
use serde::de::{self, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, de::Unexpected};

/// The longest text of an error or a warning that is told, in characters.
const LONGEST_TEXT: usize = 200;
/// How many warnings are told of one answer.
const MAX_NOTES: usize = 5;
/// The longest label value that is kept, in bytes.
const LONGEST_LABEL: usize = 200;
/// How many labels of a series are kept.
const MAX_LABELS: usize = 30;

/// How much of an answer is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseLimits {
    /// Series; those with the largest sum stay.
    pub max_series: usize,
    /// Points of a series; an answer with more is not one to what was asked.
    pub max_points: usize,
}

/// A series as it was answered: finite points only, and at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeSeries {
    /// Its labels, without the metric's name; values are cut at 200 bytes.
    pub labels: BTreeMap<String, ExternalText>,
    /// Its points, by time; NaN and infinities are left out.
    pub points: Vec<Point>,
}

/// The answer to a range query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RangeAnswer {
    /// The series, the largest sum first.
    pub series: Vec<RangeSeries>,
    /// How many series there were with any finite point, kept or not.
    pub measured: usize,
    /// What else is to be known, a plain phrase each: warnings, native histograms, more than was kept.
    pub notes: Vec<String>,
}

/// An answer gives no series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// The query is wrong: mend it.
    #[error("bad query: {0}")]
    BadQuery(String),
    /// The query is right and can't be answered: ask for less, or try later.
    #[error("the query failed: {0}")]
    Failed(String),
    /// It is not the answer of a Prometheus to a range query: mend the address.
    #[error("the answer is not Prometheus's: {0}")]
    NotUnderstood(String),
}

#[derive(Deserialize)]
struct Envelope<T> {
    status: Status,
    data: Option<T>,
    #[serde(rename = "errorType")]
    error_type: Option<String>,
    error: Option<String>,
    #[serde(default)]
    warnings: Option<Vec<String>>,
    #[serde(default)]
    infos: Option<Vec<String>>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Status {
    Success,
    Error,
}

#[derive(Deserialize)]
struct Matrix {
    #[serde(rename = "resultType")]
    _kind: MatrixKind,
    result: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum MatrixKind {
    Matrix,
}

#[derive(Deserialize)]
struct Row {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<Sample>,
    #[serde(default)]
    histograms: Option<IgnoredAny>,
}

/// `[1764000000.123, "42"]`; 16 bytes, where the text would cost three times as much.
struct Sample {
    at_s: f64,
    value: f64,
}

impl<'de> Deserialize<'de> for Sample {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pair;
        impl<'de> Visitor<'de> for Pair {
            type Value = Sample;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time in seconds and a number as text")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Sample, A::Error> {
                let at_s = seq.next_element()?.ok_or_else(|| de::Error::invalid_length(0, &self))?;
                let Number(value) = seq.next_element()?.ok_or_else(|| de::Error::invalid_length(1, &self))?;
                match seq.next_element::<IgnoredAny>()? {
                    None => Ok(Sample { at_s, value }),
                    Some(_) => Err(de::Error::invalid_length(3, &self)),
                }
            }
        }
        deserializer.deserialize_seq(Pair)
    }
}

struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number as text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                // Rust reads all that Go writes: NaN, +Inf and -Inf too.
                text.parse().map(Number).map_err(|_| E::invalid_value(Unexpected::Other("no number"), &self))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Reads the body of an answer of `/api/v1/query_range`, at most `limits` of it.
///
/// # Errors
/// [`BadAnswer`] if it says why there is none, or is not such an answer.
pub fn parse_range_response(body: &[u8], limits: ParseLimits) -> Result<RangeAnswer, BadAnswer> {
    let envelope: Envelope<Matrix> = parse(body)?;
    let mut notes = Vec::new();
    for (word, texts) in [("warning", envelope.warnings), ("note", envelope.infos)] {
        let texts = texts.unwrap_or_default();
        notes.extend(texts.iter().take(MAX_NOTES).map(|text| format!("{word}: {}", told(text))));
        if texts.len() > MAX_NOTES {
            notes.push(format!("{} more {word}s", texts.len() - MAX_NOTES));
        }
    }
    let rows = envelope.data.ok_or_else(|| BadAnswer::NotUnderstood("it has no data".to_owned()))?.result;
    let (mut series, mut native) = (Vec::new(), 0usize);
    for row in rows {
        native += usize::from(row.histograms.is_some());
        let points = points(&row.values, limits.max_points)?;
        if !points.is_empty() {
            series.push(RangeSeries { labels: labels(row.metric), points });
        }
    }
    if native > 0 {
        notes.push(format!("{native} native histograms left out; put histogram_quantile around them"));
    }
    let measured = series.len();
    series.sort_by(|a, b| sum(b).total_cmp(&sum(a)).then_with(|| a.labels.cmp(&b.labels)));
    series.truncate(limits.max_series);
    if measured > series.len() {
        notes.push(format!("{} of {measured} series left out, the smallest", measured - series.len()));
    }
    Ok(RangeAnswer { series, measured, notes })
}

/// The version that an answer of `/api/v1/status/buildinfo` tells.
///
/// # Errors
/// [`BadAnswer`] if it is not such an answer.
pub(crate) fn parse_version(body: &[u8]) -> Result<String, BadAnswer> {
    #[derive(Deserialize)]
    struct BuildInfo {
        version: String,
    }
    let envelope: Envelope<BuildInfo> = parse(body)?;
    let info = envelope.data.ok_or_else(|| BadAnswer::NotUnderstood("it has no data".to_owned()))?;
    Ok(ExternalText::new(info.version).for_people(60))
}

/// What the body of a refusal says, if it is Prometheus's.
pub(crate) fn parse_refusal(body: &[u8]) -> Option<BadAnswer> {
    match parse::<IgnoredAny>(body) {
        Err(BadAnswer::NotUnderstood(_)) | Ok(_) => None,
        Err(refusal) => Some(refusal),
    }
}

fn parse<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<Envelope<T>, BadAnswer> {
    let envelope: Envelope<T> = serde_json::from_slice(body).map_err(|error| {
        // The text of serde_json's errors quotes the body.
        let place = format!("(line {}, column {})", error.line(), error.column());
        BadAnswer::NotUnderstood(match error.classify() {
            serde_json::error::Category::Eof => format!("it ends in the middle {place}"),
            serde_json::error::Category::Data => format!("it has another form {place}"),
            _ => format!("it is not JSON, or too deep {place}"),
        })
    })?;
    if envelope.status == Status::Success {
        return Ok(envelope);
    }
    let text = told(envelope.error.as_deref().unwrap_or("it does not say why"));
    Err(match envelope.error_type.as_deref() {
        Some("bad_data") => BadAnswer::BadQuery(text),
        _ => BadAnswer::Failed(text),
    })
}

/// Text of Prometheus as people may see it: it can quote anything that stands in a query or a label.
fn told(text: &str) -> String {
    redact_external(&ExternalText::capped(text, 4 * LONGEST_TEXT)).for_people(LONGEST_TEXT)
}

fn labels(metric: BTreeMap<String, String>) -> BTreeMap<String, ExternalText> {
    let kept = metric.into_iter().filter(|(name, _)| name != "__name__" && name.len() <= LONGEST_LABEL);
    // What stands for a secret may be longer than the secret was.
    let capped = |value: String| {
        let redacted = redact_external(&ExternalText::capped(&value, 4 * LONGEST_LABEL));
        ExternalText::capped(redacted.as_untrusted(), LONGEST_LABEL)
    };
    kept.take(MAX_LABELS).map(|(name, value)| (name, capped(value))).collect()
}

fn points(samples: &[Sample], max_points: usize) -> Result<Vec<Point>, BadAnswer> {
    if samples.len() > max_points {
        let text = format!("a series has {} points where {max_points} were asked for", samples.len());
        return Err(BadAnswer::NotUnderstood(text));
    }
    let mut points: Vec<Point> = Vec::with_capacity(samples.len());
    let mut before = None;
    for sample in samples {
        let at = timestamp(sample.at_s)
            .ok_or_else(|| BadAnswer::NotUnderstood("a point has no time that can be".to_owned()))?;
        if before.is_some_and(|before| at <= before) {
            return Err(BadAnswer::NotUnderstood("its points are not in order".to_owned()));
        }
        before = Some(at);
        if sample.value.is_finite() {
            points.push(Point { at, value: sample.value });
        }
    }
    Ok(points)
}

/// Prometheus counts milliseconds and writes seconds.
fn timestamp(at_s: f64) -> Option<Timestamp> {
    let ms = (at_s * 1000.0).round();
    // Beyond this a float does not tell milliseconds apart; the year is far outside any calendar by then.
    if ms.is_nan() || ms.abs() >= 9e15 {
        return None;
    }
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a whole number of less than 2^53, as was just checked"
    )]
    Timestamp::from_millisecond(ms as i64).ok()
}

fn sum(series: &RangeSeries) -> f64 {
    series.points.iter().map(|point| point.value).sum()
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
