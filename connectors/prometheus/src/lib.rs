//! Prometheus as a source of golden signals: queries from templates, one for each signal of each service, over its
//! HTTP API (and that of what speaks like it: Thanos, Mimir, VictoriaMetrics). It must not know other connectors, the
//! engine, or what the series are used for.
//!
//! [`PrometheusSignalSource`] is the way in. A question lays a `grid` of points over its window, fills the
//! [`Templates`] in, asks all queries at once, parses each answer (`wire`) and keeps what tells most (`selection`).
//! One query that fails is a phrase in what is missing; only when all fail has the source failed.

mod grid;
mod link;
mod promql;
mod selection;
mod source;
mod templates;
mod wire;

pub use source::{PrometheusOptions, PrometheusSignalSource};
pub use templates::{BadTemplate, TemplateSet, Templates};
pub use wire::{BadAnswer, ParseLimits, RangeAnswer, RangeSeries, parse_range_response};
