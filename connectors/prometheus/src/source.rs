//! The port: a Prometheus as a source of golden signals. It asks every query of a question at once, each with what is
//! left of the budget.

use std::collections::BTreeSet;

use async_trait::async_trait;
use futures::stream::{self, StreamExt as _};
use hearback_core::ports::{ConnectorError, SeriesQuery, SignalSource};
use hearback_core::time::{format_length, format_time};
use hearback_core::{Coverage, Fetched, Series, ServiceName, SignalKind, SourceName, Window};
use hearback_http::{Deadline, HttpClient, HttpError, HttpOptions, Limits};
use jiff::SignedDuration;
use url::Url;

use crate::grid::Grid;
use crate::link;
use crate::selection::{self, Asked};
use crate::templates::Templates;
use crate::wire::{self, BadAnswer, ParseLimits, RangeAnswer, parse_range_response};

/// How many queries are under way together: as many as a Prometheus answers together unless told otherwise
/// (`--query.max-concurrency`).
const IN_FLIGHT: usize = 20;
/// How many points a Prometheus gives for a series; it refuses a query for more.
const MOST_POINTS: usize = 11_000;

/// How a Prometheus is asked.
#[derive(Debug, Clone)]
pub struct PrometheusOptions {
    /// What it is called in answers: `prometheus:` and this.
    pub name: String,
    /// Where it is and how to prove who asks. The path it lives under is part of the address.
    pub http: HttpOptions,
    /// Where people find it, if not at the same address.
    pub people_url: Option<String>,
    /// The distance of points that is wished for; at least a second. It is longer where `max_points` would not do.
    pub step: SignedDuration,
    /// Points of a series, from 1 to 11,000 (Prometheus's own limit).
    pub max_points: usize,
    /// Series of a query; those with the largest sum stay.
    pub max_series: usize,
    /// Services of a question; those named first are asked about.
    pub max_services: usize,
    /// The longest answer to a query, in bytes.
    pub max_bytes: usize,
    /// How far a rate looks back, at least; four times the scrape interval is right.
    pub rate_over: SignedDuration,
    /// Which query measures what.
    pub templates: Templates,
}

impl PrometheusOptions {
    /// A Prometheus called `name`, with what most people want: a point each 15 s, 2,000 at most, 20 series a query,
    /// rates over 2 min (scrapes every 30 s).
    pub fn new(name: impl Into<String>, http: HttpOptions) -> Self {
        PrometheusOptions {
            name: name.into(),
            http,
            people_url: None,
            step: SignedDuration::from_secs(15),
            max_points: 2000,
            max_series: 20,
            max_services: 50,
            max_bytes: 8 << 20,
            rate_over: SignedDuration::from_secs(120),
            templates: Templates::default(),
        }
    }
}

/// A Prometheus as a source of golden signals.
pub struct PrometheusSignalSource {
    source: SourceName,
    http: HttpClient,
    people_url: Url,
    options: PrometheusOptions,
}

impl PrometheusSignalSource {
    /// Makes the source; nothing is sent.
    ///
    /// # Errors
    /// [`ConnectorError::NotUsable`] if the name, an address, the credentials or a template can't be used.
    pub fn new(options: PrometheusOptions) -> Result<Self, ConnectorError> {
        let not_usable = |error: &dyn std::fmt::Display| ConnectorError::NotUsable(error.to_string());
        let source = SourceName::new(format!("prometheus:{}", options.name)).map_err(|e| not_usable(&e))?;
        options.templates.check().map_err(|error| not_usable(&error))?;
        let http = HttpClient::new(options.http.clone())?;
        // Made to be checked by the same rules: a link must not hold a password either.
        let people_url = match &options.people_url {
            Some(url) => HttpClient::new(HttpOptions::new(url))?.at(""),
            None => http.at(""),
        };
        Ok(PrometheusSignalSource { source, http, people_url, options })
    }

    /// Asks whether it is there and lets us in; says which version it is.
    ///
    /// # Errors
    /// [`ConnectorError`] says what to mend.
    pub async fn check(&self, budget: SignedDuration) -> Result<String, ConnectorError> {
        let limits = Limits::new(budget, 64 * 1024);
        let body = self.http.get(&self.http.at("api/v1/status/buildinfo"), limits).await?;
        let version = wire::parse_version(body.as_bytes())
            .map_err(|error| ConnectorError::NotUsable(format!("{}: {error}", self.http.host())))?;
        Ok(format!("Prometheus {version} at {}", self.http.host()))
    }

    fn asked(&self, services: &[ServiceName], grid: &Grid) -> Vec<Asked> {
        let range_s = self.options.rate_over.as_secs().max(grid.step_s).max(1);
        let of_service = |service: &ServiceName| {
            let service = service.clone();
            SignalKind::ALL.into_iter().filter_map(move |kind| {
                let query = self.options.templates.query(&service, kind, range_s)?;
                Some(Asked { service: service.clone(), kind, query })
            })
        };
        services.iter().flat_map(of_service).collect()
    }

    async fn answer(&self, asked: &Asked, grid: &Grid, deadline: Deadline) -> Result<RangeAnswer, Why> {
        let max_points = self.max_points();
        // It stops working when nobody waits any more.
        let timeout_ms = deadline.remaining().as_millis().max(1);
        let form = [
            ("query", asked.query.as_str()),
            ("start", &grid.start.to_string()),
            ("end", &grid.end.to_string()),
            ("step", &grid.step_s.to_string()),
            ("timeout", &format!("{timeout_ms}ms")),
        ];
        let limits = Limits { deadline, max_bytes: self.options.max_bytes };
        let body = self.http.post_form(&self.http.at("api/v1/query_range"), &form, limits).await?;
        let limits = ParseLimits { max_series: self.options.max_series, max_points };
        Ok(parse_range_response(body.as_bytes(), limits)?)
    }

    fn max_points(&self) -> usize {
        self.options.max_points.clamp(1, MOST_POINTS)
    }
}

#[async_trait]
impl SignalSource for PrometheusSignalSource {
    fn name(&self) -> &SourceName {
        &self.source
    }

    async fn series(&self, query: &SeriesQuery) -> Result<Fetched<Series>, ConnectorError> {
        let deadline = Deadline::after(query.budget);
        let (step, max_points) = (self.options.step, self.max_points());
        let Some(grid) = Grid::over(query.window, query.needed_from, step, max_points) else {
            let coverage = Coverage::complete(self.source.clone(), "nothing: the window is empty");
            return Ok(Fetched { items: Vec::new(), coverage });
        };
        let mut services = Vec::new();
        let mut seen = BTreeSet::new();
        services.extend(query.services.iter().filter(|service| seen.insert(*service)).cloned());
        let left_out = services.split_off(services.len().min(self.options.max_services));
        let asked = self.asked(&services, &grid);
        let queries = asked.len();
        let answers: Vec<(Asked, Result<RangeAnswer, Why>)> = stream::iter(asked)
            .map(|asked| async move {
                let answer = self.answer(&asked, &grid, deadline).await;
                (asked, answer)
            })
            .buffered(IN_FLIGHT)
            .collect()
            .await;

        let mut told = Told::default();
        for (asked, answer) in answers {
            match answer {
                Ok(answer) => {
                    let page = link::graph(&self.people_url, &asked.query, query.window, &grid);
                    let series = selection::series(&asked, answer.series, query.window, &grid, &page);
                    if series.is_empty() {
                        told.unmeasured.push(asked.name());
                    }
                    told.items.extend(series);
                    told.missing.extend(answer.notes.iter().map(|note| format!("{}: {note}", asked.name())));
                }
                Err(why) => {
                    told.missing.push(format!("{}: {why}", asked.name()));
                    told.failed.push(why);
                }
            }
        }
        if told.failed.len() == queries
            && let Some(why) = told.failed.into_iter().next()
        {
            return Err(why.of_all(&told.missing));
        }
        if !left_out.is_empty() {
            told.missing.push(not_asked(&left_out, self.options.max_services));
        }
        let seen = Window { from: grid.seen_from(query.window), ..query.window };
        let searched = searched(queries, services.len(), seen, &grid, &told.unmeasured);
        let coverage = Coverage { source: self.source.clone(), searched, missing: told.missing };
        Ok(Fetched { items: told.items, coverage })
    }
}

/// How many names a phrase holds before it counts the rest.
const NAMED: usize = 4;

fn not_asked(left_out: &[ServiceName], most: usize) -> String {
    let names: Vec<&str> = left_out.iter().take(NAMED).map(ServiceName::as_str).collect();
    let who = match (names.as_slice(), left_out.len()) {
        (names, all) if all > NAMED => format!("{} and {} more services were", names.join(", "), all - NAMED),
        ([one], _) => format!("{one} was"),
        ([first @ .., last], _) => format!("{} and {last} were", first.join(", ")),
        ([], _) => "nobody was".to_owned(),
    };
    format!("{who} not asked about: at most {}", plural(most, "service a question", "services a question"))
}

fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[derive(Default)]
struct Told {
    items: Vec<Series>,
    missing: Vec<String>,
    unmeasured: Vec<String>,
    failed: Vec<Why>,
}

/// What was looked through: how many queries, of how many services, over which time, and what they found nothing for.
fn searched(queries: usize, services: usize, window: Window, grid: &Grid, unmeasured: &[String]) -> String {
    let mut text = format!(
        "{} for {}, {} to {}, a point each {}",
        plural(queries, "query", "queries"),
        plural(services, "service", "services"),
        format_time(window.from),
        format_time(window.until),
        format_length(grid.step()),
    );
    if !unmeasured.is_empty() {
        let named = unmeasured.get(..NAMED.min(unmeasured.len())).unwrap_or_default().join(", ");
        text.push_str(&format!("; not measured: {named}"));
        if unmeasured.len() > NAMED {
            text.push_str(&format!(" and {} more", unmeasured.len() - NAMED));
        }
    }
    text
}

/// Why a query gave nothing.
#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("{0}")]
    Answer(#[from] BadAnswer),
    #[error("{0}")]
    Http(HttpError),
}

impl From<HttpError> for Why {
    fn from(error: HttpError) -> Self {
        let explained = match &error {
            HttpError::Refused { body, .. } | HttpError::Busy { body, .. } => {
                wire::parse_refusal(body.as_bytes())
            }
            _ => None,
        };
        explained.map_or(Why::Http(error), Why::Answer)
    }
}

impl Why {
    /// The failure of the source, when every query failed; `missing` says why each.
    fn of_all(self, missing: &[String]) -> ConnectorError {
        match self {
            // It is the source that failed, and not its queries: all of them say the same.
            Why::Http(error) => error.into(),
            Why::Answer(why @ BadAnswer::NotUnderstood(_)) => ConnectorError::NotUsable(why.to_string()),
            Why::Answer(why) => {
                let first = missing.first().map_or("", String::as_str);
                let told = format!("all {} queries failed; {first}", missing.len());
                match why {
                    BadAnswer::Failed(_) => ConnectorError::Failed(told),
                    _ => ConnectorError::NotUsable(told),
                }
            }
        }
    }
}
