//! From a webhook's bytes to alerts. Pure: the same bytes and the same time of receipt give the same alerts.

use std::collections::BTreeMap;

use hearback_core::happening::Alert;
use hearback_core::time::format_time;
use hearback_core::{Digest, ExternalText, ServiceName};
use jiff::{SignedDuration, Timestamp};
use serde_json::error::Category;

use crate::options::Options;
use crate::wire::{Webhook, WireAlert};

/// A longer body is refused unread. A thousand alerts with all their labels take about one mebibyte.
pub const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Clocks of two machines may differ by this much before a start in the future is put right.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);
/// Prometheus began in 2012; an earlier time is a default that somebody forgot to set.
const EARLIEST: Timestamp = Timestamp::constant(1_325_376_000, 0);
const MAX_NAME_BYTES: usize = 300;
const MAX_SUMMARY_BYTES: usize = 4000;
const MAX_LINK_BYTES: usize = 2000;
const MAX_FINGERPRINT_BYTES: usize = 128;
const MAX_LEVEL_CHARS: usize = 40;
const MAX_NOTES: usize = 20;

/// What a notification says of one alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertEvent {
    /// It fires.
    Fired(Alert),
    /// It is over.
    Resolved {
        /// Which: the fingerprint that it fired with.
        fingerprint: String,
        /// Since when, by the alerting system's word; the time of receipt where it gives none.
        at: Timestamp,
    },
}

/// A notification, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// In the order they were sent.
    pub events: Vec<AlertEvent>,
    /// How many alerts the sender had and this does not hold: cut by Alertmanager's `max_alerts`, by
    /// [`Options::max_alerts`], or not readable. `None` if it holds all.
    pub missing: Option<u64>,
    /// What was put right or left out, and why: one sentence without a full stop each, at most twenty.
    pub notes: Vec<String>,
}

/// A webhook can't be read at all; nothing of it was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// Answer 413. It is longer than [`MAX_BODY_BYTES`].
    #[error(
        "the webhook has {0} bytes and {MAX_BODY_BYTES} are read at most; set max_alerts of the webhook receiver"
    )]
    TooLarge(usize),
    /// Answer 400. It is not JSON, or not a webhook of Alertmanager.
    #[error("this is not a webhook of Alertmanager: {0}")]
    Malformed(String),
    /// Answer 400. It is a webhook of another form.
    #[error(
        "version \"{0}\" of Alertmanager's webhook is not known; version 4 is (Alertmanager 0.13 or later)"
    )]
    Version(String),
}

/// Reads a webhook of Alertmanager, version 4. `received_at` is when it arrived: a start in the future and an end
/// without a time are put there, with a note.
///
/// # Errors
/// [`WebhookError`] if it is none. One alert that can't be read is left out with a note and counted as missing.
pub fn parse_webhook(
    body: &[u8],
    received_at: Timestamp,
    options: &Options,
) -> Result<Notification, WebhookError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(WebhookError::TooLarge(body.len()));
    }
    // A list would be read as an object's values in order.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(WebhookError::Malformed("it is a list, an object is expected".into()));
    }
    let webhook: Webhook =
        serde_json::from_slice(body).map_err(|error| WebhookError::Malformed(why(&error)))?;
    if webhook.version != "4" {
        return Err(WebhookError::Version(ExternalText::new(webhook.version).for_people(20)));
    }
    let mut reading =
        Reading { received_at, options, external_url: &webhook.external_url, number: 0, notes: Vec::new() };
    let sent = webhook.alerts.len();
    let mut missing = webhook.truncated_alerts;
    if sent > options.max_alerts {
        missing = missing.saturating_add((sent - options.max_alerts) as u64);
    }
    let mut events = Vec::new();
    for alert in webhook.alerts.into_iter().take(options.max_alerts) {
        reading.number += 1;
        match reading.event(alert) {
            Ok(event) => events.push(event),
            Err(why) => {
                reading.note(format!("was left out: {why}"));
                missing = missing.saturating_add(1);
            }
        }
    }
    Ok(Notification { events, missing: (missing > 0).then_some(missing), notes: reading.notes })
}

struct Reading<'a> {
    received_at: Timestamp,
    options: &'a Options,
    external_url: &'a str,
    /// Which alert is read, from 1.
    number: usize,
    notes: Vec<String>,
}

impl Reading<'_> {
    fn note(&mut self, says: String) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(format!("alert {} {says}", self.number));
        }
    }

    fn event(&mut self, alert: serde_json::Value) -> Result<AlertEvent, String> {
        if !alert.is_object() {
            return Err("it is not an object".into());
        }
        let alert: WireAlert = serde_json::from_value(alert).map_err(|error| why(&error))?;
        let ended_at = alert.ends_at.as_deref().map(|text| time("endsAt", text)).transpose()?.flatten();
        let is_over = match alert.status.as_deref() {
            Some("firing") => false,
            Some("resolved") => true,
            Some(other) => {
                let other = ExternalText::from(other).for_people(20);
                return Err(format!("status \"{other}\" is neither firing nor resolved"));
            }
            None => ended_at.is_some_and(|at| at <= self.received_at),
        };
        let started_at = self.started_at(&alert)?;
        let fingerprint = fingerprint(&alert);
        if is_over {
            let at = self.over_at(ended_at, started_at);
            return Ok(AlertEvent::Resolved { fingerprint, at });
        }
        Ok(AlertEvent::Fired(self.alert(&alert, fingerprint, started_at)))
    }

    fn started_at(&mut self, alert: &WireAlert) -> Result<Timestamp, String> {
        let latest = self.received_at.checked_add(CLOCK_SKEW).unwrap_or(Timestamp::MAX);
        Ok(match time("startsAt", &alert.starts_at)? {
            Some(at) if at > latest => {
                self.note(format!(
                    "starts at {}, in the future; the time of receipt counts",
                    format_time(at)
                ));
                self.received_at
            }
            // Within the skew: an alert can't have started after it was heard of.
            Some(at) => at.min(self.received_at),
            None => {
                self.note("does not say when it started; the time of receipt counts".into());
                self.received_at
            }
        })
    }

    fn over_at(&mut self, ended_at: Option<Timestamp>, started_at: Timestamp) -> Timestamp {
        match ended_at {
            Some(at) if at < started_at => {
                self.note("ended before it started; the time of receipt counts".into());
                self.received_at
            }
            Some(at) => at.min(self.received_at),
            None => {
                self.note("is over and does not say since when; the time of receipt counts".into());
                self.received_at
            }
        }
    }

    fn alert(&self, alert: &WireAlert, fingerprint: String, started_at: Timestamp) -> Alert {
        let first = |texts: &BTreeMap<String, String>, names: &[&str]| {
            let texts = names.iter().filter_map(|name| texts.get(*name));
            texts.map(|text| text.trim()).find(|text| !text.is_empty()).map(str::to_owned)
        };
        let label = |names: &[String]| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            first(&alert.labels, &names)
        };
        let name = first(&alert.labels, &["alertname"]).unwrap_or_else(|| "alert without a name".to_owned());
        let summary = first(&alert.annotations, &["summary", "message", "description", "title"]);
        let runbook = first(&alert.annotations, &["runbook_url", "runbook", "runbook_link"]);
        Alert {
            fingerprint,
            summary: ExternalText::capped(summary.as_deref().unwrap_or(&name), MAX_SUMMARY_BYTES),
            name: ExternalText::capped(&name, MAX_NAME_BYTES),
            service: label(&self.options.service_labels).and_then(|name| ServiceName::nearest(&name)),
            started_at,
            link: link(&alert.generator_url).or_else(|| link(self.external_url)),
            runbook: runbook.map(|text| {
                link(&text).unwrap_or_else(|| ExternalText::new(text).for_people(MAX_NAME_BYTES))
            }),
            level: label(&self.options.level_labels)
                .map(|level| ExternalText::new(level).for_people(MAX_LEVEL_CHARS)),
        }
    }
}

/// A point in time; `None` for Go's zero time, which stands for "not set", and for what is older than Prometheus.
fn time(field: &str, text: &str) -> Result<Option<Timestamp>, String> {
    let bad = || {
        let text = ExternalText::from(text).for_people(40);
        format!("{field} \"{text}\" is not a time in the form of RFC 3339")
    };
    let at: Timestamp = text.parse().map_err(|_| bad())?;
    Ok((at >= EARLIEST).then_some(at))
}

/// The sender's fingerprint, or the digest of the labels, which are what tells alerts apart.
fn fingerprint(alert: &WireAlert) -> String {
    let given = alert.fingerprint.as_str();
    if !given.is_empty()
        && given.len() <= MAX_FINGERPRINT_BYTES
        && given.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return given.to_owned();
    }
    let parts: Vec<&[u8]> =
        alert.labels.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]).collect();
    Digest::of_parts(&parts).to_string()
}

/// A link that a person may follow: to the web and nowhere else.
fn link(text: &str) -> Option<String> {
    let is_web = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
    let is_plain = text.len() <= MAX_LINK_BYTES && !text.contains(|c: char| c.is_control() || c == ' ');
    (is_web && is_plain).then(|| text.to_owned())
}

/// What the reader says, without the content it stumbled over.
fn why(error: &serde_json::Error) -> String {
    let place = match error.line() {
        0 => String::new(),
        line => format!(" (line {line}, column {})", error.column()),
    };
    let text = error.to_string();
    match error.classify() {
        Category::Eof => format!("it ends too early{place}"),
        Category::Syntax | Category::Io => format!("it is not JSON{place}"),
        // "missing field `x`", or "invalid type: string \"…\", expected a map": only what was expected is said.
        Category::Data => match (text.starts_with("missing field"), text.rsplit_once("expected ")) {
            (false, Some((_, expected))) => {
                let expected = expected.split(" at line ").next().unwrap_or_default();
                format!("a value has the wrong type, {expected} is expected{place}")
            }
            _ => {
                let text = text.split(" at line ").next().unwrap_or_default();
                format!("{}{place}", ExternalText::from(text).for_people(100))
            }
        },
    }
}
