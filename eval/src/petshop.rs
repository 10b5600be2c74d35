//! The files of the PetShop data set (`amazon-science/petshop-root-cause-analysis`) as series, calls and targets. It must
//! not know folders; whoever calls it reads them, and a target only after the ranking is there.

use std::collections::BTreeSet;

use hearback_core::signal::Point;
use hearback_core::{ExternalText, Series, ServiceName, SignalKind};
use hearback_engine::analysts::root_service::Call;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// The metrics are sums and means of five minutes.
const STEP: SignedDuration = SignedDuration::from_mins(5);
/// The first cells of the four lines above the measurements.
const HEADS: [&str; 4] = ["microservice", "metric", "statistic", "unix_timestamp"];
/// How much of what is wrong is quoted.
const QUOTED: usize = 60;

/// A file has another form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFile {
    /// A line of a table.
    #[error("line {line}: {why}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// The whole of it.
    #[error("{0}")]
    Form(String),
}

fn bad(line: usize, why: impl Into<String>) -> BadFile {
    BadFile::Line { line, why: why.into() }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", ExternalText::from(text).for_people(QUOTED))
}

/// The lines of a table that are not blank, with their numbers, cut at commas.
fn rows(text: &str) -> impl Iterator<Item = Result<(usize, Vec<&str>), BadFile>> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    lines.filter(|(_, line)| !line.trim().is_empty()).map(|(number, line)| {
        if line.contains('"') {
            return Err(bad(number, "it has a quotation mark; the cells of this data set have none"));
        }
        Ok((number, line.split(',').map(str::trim).collect()))
    })
}

fn service(line: usize, text: &str) -> Result<ServiceName, BadFile> {
    ServiceName::nearest(text).ok_or_else(|| bad(line, format!("{} names no service", quoted(text))))
}

fn number(line: usize, text: &str) -> Result<f64, BadFile> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| bad(line, format!("{} is not a number", quoted(text))))
}

/// What a column is; none if nothing is made of it.
fn kind(metric: &str, statistic: &str) -> Option<SignalKind> {
    match (metric, statistic) {
        ("latency", "Average") => Some(SignalKind::Latency),
        ("availability", "Average") => Some(SignalKind::Errors),
        ("requests", "Sum") => Some(SignalKind::Traffic),
        _ => None,
    }
}

/// Reads `metrics.csv`: the mean latency in seconds, availability as the share of failed requests, and requests in a
/// step, of every service. What was not measured is absent.
///
/// # Errors
/// [`BadFile`] names the first line that is wrong.
pub fn parse_metrics(text: &str) -> Result<Vec<Series>, BadFile> {
    let mut rows = rows(text);
    let mut heads: Vec<Vec<&str>> = Vec::new();
    for (expected, place) in HEADS.into_iter().zip(1..) {
        let (line, cells) = rows.next().transpose()?.unwrap_or((place, Vec::new()));
        if cells.first() != Some(&expected) {
            return Err(bad(line, format!("it should begin with {expected}")));
        }
        heads.push(cells);
    }
    let [services, metrics, statistics, _] = heads.as_slice() else {
        return Err(BadFile::Form("it has no head".into()));
    };
    if let Some(line) = [metrics, statistics].iter().position(|cells| cells.len() != services.len()) {
        return Err(bad(line + 2, format!("it should have {} cells, as the first line", services.len())));
    }
    let mut taken = BTreeSet::new();
    let mut columns: Vec<(usize, Series)> = Vec::new();
    for (index, ((name, metric), statistic)) in
        services.iter().zip(metrics).zip(statistics).enumerate().skip(1)
    {
        let Some(kind) = kind(metric, statistic) else { continue };
        let service = service(1, name)?;
        if !taken.insert((service.clone(), kind)) {
            return Err(bad(1, format!("{} has two columns of {kind}", quoted(name))));
        }
        columns.push((index, empty(service, kind, format!("{metric} {statistic}"))));
    }
    for row in rows {
        let (line, cells) = row?;
        if cells.len() != services.len() {
            let (has, should) = (cells.len(), services.len());
            return Err(bad(line, format!("it has {has} cells and should have {should}, as the first line")));
        }
        let time = cells.first().copied().unwrap_or_default();
        let at = Timestamp::from_second(number(line, time)? as i64)
            .map_err(|_| bad(line, format!("{} is no time in seconds since 1970", quoted(time))))?;
        for (index, series) in &mut columns {
            let Some(cell) = cells.get(*index).filter(|cell| !cell.is_empty()) else { continue };
            let value = number(line, cell)?;
            let value = match series.kind {
                SignalKind::Errors => (1.0 - value / 100.0).clamp(0.0, 1.0),
                _ => value.max(0.0),
            };
            series.points.push(Point { at, value });
        }
    }
    let mut series: Vec<Series> = columns.into_iter().map(|(_, series)| series).collect();
    series.iter_mut().for_each(|one| one.points.sort_by_key(|point| point.at));
    if series.iter().all(|one| one.points.is_empty()) {
        return Err(BadFile::Form("there is no measurement in it".into()));
    }
    Ok(series)
}

fn empty(service: ServiceName, kind: SignalKind, query: String) -> Series {
    Series { service, kind, query, labels: Default::default(), step: STEP, points: Vec::new(), link: None }
}

/// Reads `graph.csv`: a square of callers (lines) and callees (columns), 1 where the one calls the other.
///
/// # Errors
/// [`BadFile`] names the first line that is wrong.
pub fn parse_calls(text: &str) -> Result<Vec<Call>, BadFile> {
    let mut rows = rows(text);
    let Some((first, head)) = rows.next().transpose()? else {
        return Err(BadFile::Form("it is empty".into()));
    };
    let callees: Vec<ServiceName> =
        head.iter().skip(1).map(|name| service(first, name)).collect::<Result<_, _>>()?;
    let mut calls = Vec::new();
    for row in rows {
        let (line, cells) = row?;
        if cells.len() != head.len() {
            let (has, should) = (cells.len(), head.len());
            return Err(bad(line, format!("it has {has} cells and should have {should}, as the first line")));
        }
        let caller = service(line, cells.first().copied().unwrap_or_default())?;
        for (callee, cell) in callees.iter().zip(cells.iter().skip(1)) {
            if number(line, cell)? > 0.0 {
                calls.push(Call { caller: caller.clone(), callee: callee.clone() });
            }
        }
    }
    if calls.is_empty() { Err(BadFile::Form("no service calls another".into())) } else { Ok(calls) }
}

#[derive(Deserialize)]
struct Target {
    root_cause: Node,
}

#[derive(Deserialize)]
struct Node {
    node: String,
}

/// Reads from `target.json` which service was at the root.
///
/// # Errors
/// [`BadFile`] says what is wrong.
pub fn parse_target(text: &str) -> Result<ServiceName, BadFile> {
    let target: Target =
        serde_json::from_str(text).map_err(|error| BadFile::Form(format!("it is not a target: {error}")))?;
    let name = target.root_cause.node;
    ServiceName::nearest(&name)
        .ok_or_else(|| BadFile::Form(format!("root_cause.node {} names no service", quoted(&name))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: &str = "microservice,web::A,web::A,web::A,web::A,stock\n\
        metric,latency,latency,availability,requests,latency\n\
        statistic,Average,p99,Average,Sum,Average\n\
        unix_timestamp,,,,,\n\
        1700000300.0,0.25,nonsense,97.5,40.0,\n\
        1700000000.0,0.125,0.5,100.0,42.0,0.5\n";

    #[test]
    fn metrics_become_series_by_time_and_gaps_stay_gaps() {
        let series = parse_metrics(METRICS).unwrap();
        let told: Vec<String> = series
            .iter()
            .map(|one| {
                let points: Vec<String> = one
                    .points
                    .iter()
                    .map(|p| format!("{}={:.3}", p.at.as_second() - 1_700_000_000, p.value))
                    .collect();
                format!("{} {} {}", one.service, one.kind, points.join(" "))
            })
            .collect();
        assert_eq!(
            told,
            [
                "web__A latency 0=0.125 300=0.250",
                "web__A errors 0=0.000 300=0.025",
                "web__A traffic 0=42.000 300=40.000",
                "stock latency 0=0.500"
            ]
        );
    }

    #[test]
    fn a_malformed_metric_is_named_by_its_line() {
        let check = |from: &str, to: &str, expect: &str| {
            assert!(METRICS.contains(from), "{from}");
            let error = parse_metrics(&METRICS.replacen(from, to, 1)).unwrap_err().to_string();
            assert_eq!(error, expect, "{from} → {to}");
        };
        check("microservice", "service", "line 1: it should begin with microservice");
        check("unix_timestamp", "time", "line 4: it should begin with unix_timestamp");
        check("statistic,Average,", "statistic,", "line 3: it should have 6 cells, as the first line");
        check("0.25", "fast", "line 5: \"fast\" is not a number");
        check("0.25", "NaN", "line 5: \"NaN\" is not a number");
        check("1700000000.0", "1e300", "line 6: \"1e300\" is no time in seconds since 1970");
        check(",0.5\n", "\n", "line 6: it has 5 cells and should have 6, as the first line");
        check("stock", "web::A", "line 1: \"web::A\" has two columns of latency");
        check("stock", "//", "line 1: \"//\" names no service");
        check("0.25", "\"0.25\"", "line 5: it has a quotation mark; the cells of this data set have none");
        assert_eq!(parse_metrics("").unwrap_err().to_string(), "line 1: it should begin with microservice");
        let head: String = METRICS.lines().take(4).map(|line| format!("{line}\n")).collect();
        assert_eq!(parse_metrics(&head).unwrap_err().to_string(), "there is no measurement in it");
    }

    #[test]
    fn a_line_of_the_graph_calls_its_columns() {
        let calls = parse_calls(",web,cart::B\nweb,0.0,1.0\ncart::B,0.0,0.0\n").unwrap();
        let told: Vec<String> = calls.iter().map(|call| format!("{} {}", call.caller, call.callee)).collect();
        assert_eq!(told, ["web cart__B"]);
    }

    #[test]
    fn a_malformed_graph_is_named_by_its_line() {
        let check = |text: &str, expect: &str| {
            assert_eq!(parse_calls(text).unwrap_err().to_string(), expect, "{text:?}");
        };
        check("", "it is empty");
        check(",a,b\na,0,0\nb,0,0\n", "no service calls another");
        check(",a,b\na,0\n", "line 2: it has 2 cells and should have 3, as the first line");
        check(",a,b\na,0,yes\n", "line 2: \"yes\" is not a number");
    }

    #[test]
    fn a_target_names_the_service_in_the_spelling_of_the_series() {
        let target = |text: &str| parse_target(text).map(|service| service.to_string());
        assert_eq!(target(r#"{"root_cause": {"node": "web::A"}, "target": {}}"#).unwrap(), "web__A");
        let error = target(r#"{"target": {}}"#).unwrap_err().to_string();
        assert!(error.starts_with("it is not a target: missing field `root_cause`"), "{error}");
        let error = target(r#"{"root_cause": {"node": "//"}}"#).unwrap_err().to_string();
        assert_eq!(error, "root_cause.node \"//\" names no service");
    }
}
