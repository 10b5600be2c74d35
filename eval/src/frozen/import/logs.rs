//! `logs.ndjson`: an object a line. Of a wording the first record is kept whole, and how many there were in each minute: a
//! million lines become some hundred wordings, and take no more memory than these. It must not know what they mean.

use std::collections::{BTreeMap, HashMap};

use hearback_core::redaction::redact_external;
use hearback_core::telemetry::{LogTemplate, Minute};
use hearback_core::wording::{template_id, wording};
use hearback_core::{ExternalText, LogRecord, LogSeverity, ServiceName};
use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::line::{Line, is_own};
use super::spans::trace_id;
use super::{BadFolder, no_time, plain, shown, time};

/// Bytes of a record's text, and of an attribute, that are kept.
const MOST_TEXT: usize = 8 << 10;
const MOST_VALUE: usize = 2 << 10;
/// Wordings beyond these are counted under their service and severity alone.
const MOST_WORDINGS: usize = 20_000;

/// What a file of logs holds.
pub(super) struct Read {
    /// Its wordings, by time of the first.
    pub templates: Vec<LogTemplate>,
    /// When the last record was written.
    pub last: Option<Timestamp>,
}

/// The names of a trace's id.
const TRACE: [&str; 2] = ["trace_id", "traceId"];

struct Counted {
    severity: LogSeverity,
    service: ServiceName,
    wording: String,
    first_line: usize,
    first_at: Timestamp,
    last_at: Timestamp,
    minutes: BTreeMap<i64, u64>,
}

/// Reads the lines of `text`.
pub(super) fn read(name: &str, text: &str) -> Result<Read, BadFolder> {
    let is_list = text.trim_start().starts_with('[');
    let lines: Vec<&str> = if is_list { items(name, text)? } else { text.lines().collect() };
    let mut services: HashMap<String, Option<ServiceName>> = HashMap::new();
    let mut places: HashMap<(ServiceName, LogSeverity, String), usize> = HashMap::new();
    let mut counted: Vec<Counted> = Vec::new();
    let mut last = None;
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let bad = |why: String| match is_list {
            true => BadFolder::new(name, None, format!("item {}: {why}", number + 1)),
            false => BadFolder::new(name, Some(number + 1), why),
        };
        let parsed: Line<'_> = serde_json::from_str(line).map_err(|error| bad(plain(&error)))?;
        let written = parsed.timestamp();
        let at = time(written).ok_or_else(|| bad(no_time(written, "timestamp")))?;
        last = last.max(Some(at));
        let known = match services.get(parsed.service()) {
            Some(known) => known.clone(),
            None => {
                let found = super::service(parsed.service());
                services.insert(parsed.service().to_owned(), found.clone());
                found
            }
        };
        // Who does not say who it is can't fail first.
        let Some(service) = known else { continue };
        let severity = LogSeverity::from_word(parsed.severity()).unwrap_or(LogSeverity::Info);
        let mut words = wording(parsed.message());
        if counted.len() >= MOST_WORDINGS && !places.contains_key(&(service.clone(), severity, words.clone()))
        {
            words = "<*>".to_owned();
        }
        let place = *places.entry((service.clone(), severity, words.clone())).or_insert_with(|| {
            counted.push(Counted {
                severity,
                service,
                wording: words,
                first_line: number,
                first_at: at,
                last_at: at,
                minutes: BTreeMap::new(),
            });
            counted.len() - 1
        });
        if let Some(one) = counted.get_mut(place) {
            *one.minutes.entry(at.as_second().div_euclid(60)).or_default() += 1;
            one.last_at = one.last_at.max(at);
            if at < one.first_at {
                (one.first_at, one.first_line) = (at, number);
            }
        }
    }
    let mut templates = Vec::new();
    for one in counted {
        let line = lines.get(one.first_line).copied().unwrap_or_default();
        let bad = |error| BadFolder::new(name, Some(one.first_line + 1), plain(&error));
        let record: Map<String, Value> = serde_json::from_str(line).map_err(bad)?;
        let line: Line<'_> = serde_json::from_str(line).map_err(bad)?;
        templates.push(template(one, &line, &record));
    }
    templates.sort_by_key(|template| (std::cmp::Reverse(template.count), template.first.at, template.id));
    Ok(Read { templates, last })
}

/// The items of a list, each as it is written.
fn items<'a>(name: &str, text: &'a str) -> Result<Vec<&'a str>, BadFolder> {
    // Where it is broken, this says in which line.
    let _: Vec<IgnoredAny> = serde_json::from_str(text)
        .map_err(|error| BadFolder::new(name, Some(error.line()), plain(&error)))?;
    let mut rest = text.trim_start().strip_prefix('[').unwrap_or_default();
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        let Some(Ok(_)) = values.next() else { return Ok(found) };
        let Some((item, behind)) = rest.split_at_checked(values.byte_offset()) else { return Ok(found) };
        found.push(item);
        rest = behind;
    }
}

fn template(one: Counted, line: &Line<'_>, record: &Map<String, Value>) -> LogTemplate {
    let Counted { severity, service, wording, first_at, last_at, minutes, .. } = one;
    let text_of = |keys: &[&str]| keys.iter().find_map(|key| record.get(*key)?.as_str()).unwrap_or_default();
    let body = ExternalText::capped(line.message(), MOST_TEXT);
    let attributes = record
        .iter()
        .filter(|(key, _)| !is_own(key) && !TRACE.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), redact_external(&ExternalText::capped(&shown(value), MOST_VALUE))));
    let first = LogRecord {
        at: first_at,
        service: service.clone(),
        version: record.get("version").and_then(Value::as_str).map(str::to_owned),
        severity,
        body: redact_external(&body),
        attributes: attributes.collect(),
        trace: Some(text_of(&TRACE)).filter(|text| !text.is_empty()).and_then(trace_id),
        span: None,
    };
    let minutes: Vec<Minute> = minutes
        .into_iter()
        .filter_map(|(minute, count)| Some(Minute(Timestamp::from_second(minute * 60).ok()?, count)))
        .collect();
    LogTemplate {
        id: template_id(&service, severity, &wording),
        service,
        severity,
        text: redact_external(&ExternalText::new(wording)),
        count: minutes.iter().map(|minute| minute.1).sum(),
        first,
        last_at,
        minutes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: [&str; 3] = [
        r#"{"timestamp":"2026-01-01T00:00:10Z","service":"cart","component":"http","msg":"a [x], y"}"#,
        r#"{"ts":"2026-01-01T00:00:20Z","service":null,"app":"cart","level":50,"message":"a [x], y","n":[1,{}]}"#,
        r#"{"@timestamp":"2026-01-01T00:00:30Z","component":"cart","msg":{},"body":"a [x], y"}"#,
    ];

    #[test]
    fn a_line_that_says_a_thing_twice_or_not_at_all_is_read() {
        let read = read("logs.ndjson", &LINES.join("\n")).unwrap();
        let told: Vec<_> = read
            .templates
            .iter()
            .map(|one| (one.service.as_str(), one.text.as_untrusted(), one.count))
            .collect();
        assert_eq!(told, [("cart", "a [x], y", 3)]);
        assert_eq!(read.templates[0].first.body.as_untrusted(), "a [x], y");
    }

    #[test]
    fn a_list_is_read_as_lines_are() {
        for between in [",", " ,\n  "] {
            let list = super::read("logs.json", &format!(" [{}\n]\n", LINES.join(between))).unwrap();
            assert_eq!(list.templates, read("logs.ndjson", &LINES.join("\n")).unwrap().templates);
        }
        assert_eq!(read("logs.json", "[]").unwrap().templates, []);
        let check = |text: &str, expect: &str| {
            let says = read("logs.json", text).map(|read| read.templates).unwrap_err().to_string();
            assert!(says.starts_with(expect), "{says}");
        };
        check("[{},\n{]", "logs.json, line 2: it is not the JSON");
        check(r#"[{"ts":"now"}]"#, "logs.json: item 1: \"now\" is no time (timestamp)");
    }
}
