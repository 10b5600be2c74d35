//! Counts for Prometheus: names and numbers, never a word of an incident.

use std::sync::atomic::AtomicU64;

use hearback_core::investigation::Investigated;
use hearback_core::model::Cost;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// A request by route and status.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Request {
    /// The route with its placeholders, never the path itself.
    pub route: String,
    /// The status.
    pub status: u16,
}

/// An answer by its verdict and who asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Asked {
    /// `person` or `alert`.
    pub by: &'static str,
    /// The verdict in one word.
    pub verdict: String,
}

/// A source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfSource {
    /// Its name.
    pub source: String,
}

/// Something that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Taken {
    /// `change`, `alert`, `log`, `span`.
    pub what: &'static str,
    /// `new`, `repeated`, `refused`.
    pub outcome: &'static str,
}

/// How an investigation ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Ended {
    /// In a word: `finished`, `out_of_time`, `missing`.
    pub how: String,
}

/// Tokens of a model.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Tokens {
    /// `input`, `cached_input`, `output`.
    pub kind: &'static str,
}

/// Money in a currency.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Money {
    /// Its three letters.
    pub currency: String,
}

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    /// Requests.
    pub requests: Family<Request, Counter>,
    /// Seconds a request took.
    pub request_seconds: Histogram,
    /// Answers.
    pub answers: Family<Asked, Counter>,
    /// Seconds an answer took.
    pub answer_seconds: Histogram,
    /// Gaps in answers.
    pub gaps: Family<OfSource, Counter>,
    /// What was sent.
    pub taken: Family<Taken, Counter>,
    /// Open incidents.
    pub open_incidents: Gauge,
    /// Incidents whose record does not verify.
    pub broken_incidents: Gauge,
    /// Event streams that are followed.
    pub followers: Gauge,
    /// Bytes of telemetry on disk.
    pub telemetry_bytes: Gauge<i64>,
    /// Investigations of the model.
    pub investigations: Family<Ended, Counter>,
    /// Tokens that it read and wrote.
    pub model_tokens: Family<Tokens, Counter>,
    /// What it cost, in millionths.
    pub model_micros: Family<Money, Counter>,
    /// Its statements that were dropped.
    pub dropped_statements: Counter,
    /// The worker's failures.
    pub worker_failures: Counter<u64, AtomicU64>,
}

const SECONDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 5.0, 10.0];

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("hearback");
        let metrics = Metrics {
            requests: Family::default(),
            request_seconds: Histogram::new(SECONDS),
            answers: Family::default(),
            answer_seconds: Histogram::new(SECONDS),
            gaps: Family::default(),
            taken: Family::default(),
            open_incidents: Gauge::default(),
            broken_incidents: Gauge::default(),
            followers: Gauge::default(),
            telemetry_bytes: Gauge::default(),
            investigations: Family::default(),
            model_tokens: Family::default(),
            model_micros: Family::default(),
            dropped_statements: Counter::default(),
            worker_failures: Counter::default(),
            registry: Registry::default(),
        };
        let m = &metrics;
        registry.register("http_requests", "Requests by route and status", m.requests.clone());
        registry.register("http_request_seconds", "Seconds a request took", m.request_seconds.clone());
        registry.register("answers", "Answers by verdict and who asked", m.answers.clone());
        registry.register("answer_seconds", "Seconds an answer took", m.answer_seconds.clone());
        registry.register("gaps", "Sources that failed or saw a part, in answers", m.gaps.clone());
        registry.register("taken", "Changes, alerts, log records and spans that were sent", m.taken.clone());
        registry.register("open_incidents", "Incidents that are open", m.open_incidents.clone());
        registry.register(
            "broken_incidents",
            "Incidents whose record does not verify",
            m.broken_incidents.clone(),
        );
        registry.register("followers", "Event streams that are followed", m.followers.clone());
        registry.register("telemetry_bytes", "Bytes of telemetry on disk", m.telemetry_bytes.clone());
        registry.register("worker_failures", "Failures of the worker beside HTTP", m.worker_failures.clone());
        registry.register(
            "investigations",
            "Investigations of the model by their end",
            m.investigations.clone(),
        );
        registry.register("model_tokens", "Tokens that the model read and wrote", m.model_tokens.clone());
        registry.register("model_cost_micros", "What the model cost, in millionths", m.model_micros.clone());
        registry.register(
            "dropped_statements",
            "Statements of the model that do not stand in what they cite",
            m.dropped_statements.clone(),
        );
        Metrics { registry, ..metrics }
    }

    /// Counts what came of an investigation.
    pub fn of_model(&self, found: &Investigated, before: Option<&Investigated>) {
        let how = serde_json::to_value(found.ending).ok();
        let how = how.and_then(|how| how.as_str().map(str::to_owned)).unwrap_or_default();
        self.investigations.get_or_create(&Ended { how }).inc();
        let usage = found.spent.usage;
        let counted = before.map(|before| before.spent.usage).unwrap_or_default();
        let kinds = [
            ("input", usage.input_tokens, counted.input_tokens),
            ("cached_input", usage.cached_input_tokens, counted.cached_input_tokens),
            ("output", usage.output_tokens, counted.output_tokens),
        ];
        for (kind, count, counted) in kinds {
            self.model_tokens.get_or_create(&Tokens { kind }).inc_by(count.saturating_sub(counted));
        }
        for cost in &found.spent.costs {
            let counted = before.into_iter().flat_map(|before| &before.spent.costs);
            let counted = counted.filter(|other| other.currency() == cost.currency()).map(Cost::micros).sum();
            let currency = cost.currency().to_string();
            self.model_micros
                .get_or_create(&Money { currency })
                .inc_by(cost.micros().saturating_sub(counted));
        }
        // Those of its last report: of another one, if it was asked again.
        let is_new = before.is_none_or(|before| before.turns < found.turns);
        self.dropped_statements.inc_by(if is_new { u64::from(found.dropped.count()) } else { 0 });
    }

    /// In the text format of OpenMetrics.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string can't fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
