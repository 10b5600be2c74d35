//! `metrics.csv`: a time, a service, a metric and a value a line; further columns tell series of one metric apart. Which
//! golden signal a metric is, its name says, by the words that metrics are named with (Prometheus's naming practice,
//! OpenTelemetry's semantic conventions). It must not know what the values mean.

use std::collections::BTreeMap;

use hearback_core::signal::Point;
use hearback_core::{Series, ServiceName, SignalKind};
use jiff::SignedDuration;

use super::{BadFolder, clean, no_time, time};

/// A series: its service, its metric, and what tells it from its sisters.
type Key<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>);

/// Reads the lines of `text`.
pub(super) fn read(name: &str, text: &str) -> Result<Vec<Series>, BadFolder> {
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let Some((_, header)) = lines.next() else { return Ok(Vec::new()) };
    let columns: Vec<&str> = header.split(',').map(str::trim).collect();
    let place = |wanted: &[&str]| columns.iter().position(|column| wanted.contains(column));
    let missing = |what: &str| BadFolder::new(name, Some(1), format!("there is no column \"{what}\""));
    let at = place(&["timestamp", "time", "ts"]).ok_or_else(|| missing("timestamp"))?;
    let service = place(&["service"]).ok_or_else(|| missing("service"))?;
    let metric = place(&["metric", "name"]).ok_or_else(|| missing("metric"))?;
    let value = place(&["value"]).ok_or_else(|| missing("value"))?;
    let mut series: BTreeMap<Key<'_>, Vec<Point>> = BTreeMap::new();
    for (number, line) in lines {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let bad = |why: String| BadFolder::new(name, Some(number), why);
        if cells.len() != columns.len() {
            return Err(bad(format!("{} cells where the header has {}", cells.len(), columns.len())));
        }
        let cell = |place: usize| cells.get(place).copied().unwrap_or_default();
        let column = columns.get(at).copied().unwrap_or_default();
        let when = time(cell(at)).ok_or_else(|| bad(no_time(cell(at), column)))?;
        let number: f64 =
            cell(value).parse().map_err(|_| bad(format!("\"{}\" is no number", cell(value))))?;
        let labels = columns.iter().zip(&cells).enumerate();
        let labels = labels.filter(|(place, _)| ![at, service, metric, value].contains(place));
        let labels = labels.map(|(_, (column, cell))| (*column, *cell)).collect();
        if number.is_finite() {
            let points = series.entry((cell(service), cell(metric), labels)).or_default();
            points.push(Point { at: when, value: number });
        }
    }
    Ok(series.into_iter().filter_map(|(key, points)| made(key, points)).collect())
}

fn made((service, metric, labels): Key<'_>, mut points: Vec<Point>) -> Option<Series> {
    points.sort_by_key(|point| point.at);
    points.dedup_by_key(|point| point.at);
    let mut distances: Vec<i64> =
        points.windows(2).filter_map(distance).filter(|seconds| *seconds > 0).collect();
    distances.sort_unstable();
    let step = SignedDuration::from_secs(distances.get(distances.len() / 2).copied().unwrap_or(60));
    let labels = labels.into_iter().map(|(name, value)| (name.to_owned(), clean(value)));
    // Latency is in seconds everywhere.
    if kind(metric) == SignalKind::Latency && metric.to_ascii_lowercase().split('_').any(|word| word == "ms")
    {
        points.iter_mut().for_each(|point| point.value /= 1000.0);
    }
    Some(Series {
        service: ServiceName::new(service).ok()?,
        kind: kind(metric),
        query: metric.to_owned(),
        labels: labels.collect(),
        step,
        points,
        link: None,
    })
}

fn distance(pair: &[Point]) -> Option<i64> {
    let (first, second) = (pair.first()?, pair.get(1)?);
    Some(second.at.duration_since(first.at).as_secs())
}

/// Words of metric names, by what they measure. What fails comes first: `request_errors` counts errors.
const WORDS: [(SignalKind, &[&str]); 4] = [
    (
        SignalKind::Errors,
        &[
            "error",
            "errors",
            "err",
            "fail",
            "fails",
            "failed",
            "failure",
            "failures",
            "5xx",
            "4xx",
            "exception",
            "exceptions",
            "panic",
            "panics",
            "timeout",
            "timeouts",
            "rejected",
            "rejections",
            "dropped",
            "restart",
            "restarts",
            "killed",
            "crash",
            "crashes",
            "exhausted",
            "unavailable",
            "denied",
            "unauthorized",
            "invalid",
        ],
    ),
    (
        SignalKind::Latency,
        &["latency", "duration", "p50", "p90", "p95", "p99", "p999", "elapsed", "rtt", "wait"],
    ),
    (
        SignalKind::Saturation,
        &[
            "cpu",
            "memory",
            "mem",
            "heap",
            "rss",
            "disk",
            "queue",
            "queued",
            "depth",
            "pool",
            "backlog",
            "lag",
            "utilization",
            "utilisation",
            "usage",
            "used",
            "saturation",
            "inuse",
            "connections",
            "threads",
            "fds",
            "inodes",
            "load",
        ],
    ),
    (
        SignalKind::Traffic,
        &["requests", "request", "rps", "qps", "throughput", "messages", "calls", "hits", "traffic"],
    ),
];
/// What is counted for each request is no traffic, and what is left is none of the four.
const NONE_OF_THESE: [&str; 6] = ["limit", "until", "remaining", "left", "capacity", "max"];

/// Which golden signal a metric is by its name.
fn kind(metric: &str) -> SignalKind {
    let lower = metric.to_ascii_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    if words.iter().any(|word| NONE_OF_THESE.contains(word)) {
        return SignalKind::Other;
    }
    // A status by its number: http_503_total.
    let is_status = |word: &&str| {
        word.len() == 3 && word.starts_with(['4', '5']) && word.chars().all(|c| c.is_ascii_digit())
    };
    if words.iter().any(is_status) {
        return SignalKind::Errors;
    }
    let per_request = words.windows(2).any(|pair| pair == ["per", "request"]);
    let found = WORDS.iter().find(|(_, known)| words.iter().any(|word| known.contains(word)));
    match found {
        Some((SignalKind::Traffic, _)) if per_request => SignalKind::Other,
        Some((kind, _)) => *kind,
        None => SignalKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_metric_says_which_signal_it_is() {
        use SignalKind::{Errors, Latency, Other, Saturation, Traffic};
        for (metric, expect) in [
            ("http_server_5xx_rate", Errors),
            ("http_401_ratio", Errors),
            ("request_errors_total", Errors),
            ("http_server_duration_p99_ms", Latency),
            ("requests_per_sec", Traffic),
            ("request_queue_depth", Saturation),
            ("container_memory_rss_mb", Saturation),
            ("container_memory_limit_mb", Other),
            ("db_queries_per_request", Other),
            ("cert_seconds_until_expiry", Other),
        ] {
            assert_eq!(kind(metric), expect, "{metric}");
        }
    }

    #[test]
    fn lines_become_series_in_the_order_of_time_and_mistakes_are_named() {
        let text = "timestamp,service,metric,value,pod\n\
                    2026-01-01T00:02:00Z,cart,rps,2,a\n2026-01-01T00:01:00Z,cart,rps,1,a\n2026-01-01T00:01:00Z,cart,rps,7,b\n";
        let series = read("metrics.csv", text).unwrap();
        let values = |n: usize| series[n].points.iter().map(|point| point.value).collect::<Vec<_>>();
        assert_eq!((values(0), values(1)), (vec![1.0, 2.0], vec![7.0]));
        assert_eq!(series[0].step, SignedDuration::from_mins(1));
        let check = |text: &str, expect: &str| {
            assert_eq!(read("metrics.csv", text).unwrap_err().to_string(), expect);
        };
        check("timestamp,service,value\n", "metrics.csv, line 1: there is no column \"metric\"");
        check(
            "timestamp,service,metric,value\nx,a,b,1\n",
            "metrics.csv, line 2: \"x\" is no time (timestamp)",
        );
        check(
            "timestamp,service,metric,value\n2026-01-01T00:02:00Z,a,b\n",
            "metrics.csv, line 2: 3 cells where the header has 4",
        );
    }
}
